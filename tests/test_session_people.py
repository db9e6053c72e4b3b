"""A labelling session of several people, its audits and models, and other sources."""

import threading

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from session_pool import ANSWERS, IDS, N_ROWS, RNG, X, answer, learner
from skactive.labeling import LabelSource, label_pool
from skactive.labeling._board import LEASE

pytestmark = pytest.mark.usefixtures("fast_disk")


# Two people


def test_majority_and_ties(opened):
    session = opened()
    session.label("T-1", "no", annotator="ann")
    session.label("T-1", "yes", annotator="bob")
    assert session.labels == {}
    assert session.tied_ids == ["T-1"]
    assert session.status()["n_ties"] == 1
    session.label("T-2", "no", annotator="ann")
    session.label("T-2", "no", annotator="bob")
    session.label("T-2", "yes", annotator="eve")
    assert session.labels == {"T-2": "no"}
    assert [item.id for item in session.review()] == ["T-1", "T-2"]
    # A third person sees the tie first, those who voted never again.
    assert session.take("eve", n=1)[0].id == "T-1"
    assert "T-1" not in {item.id for item in session.take("ann", n=N_ROWS)}
    session.label("T-1", "yes", annotator="eve")
    assert session.labels == {"T-1": "yes", "T-2": "no"}
    session.undo(annotator="eve")
    session.discard("T-1", annotator="eve")
    assert session.tied_ids == ["T-1"]


def test_people_outvote_imports(opened):
    session = opened()
    session.add_labels({"T-1": "no", "T-2": "no"}, annotator="rule")
    assert session.labels == {"T-1": "no", "T-2": "no"}
    assert "T-1" not in {item.id for item in session.take(n=N_ROWS)}
    session.label("T-1", "yes")
    assert session.labels == {"T-1": "yes", "T-2": "no"}
    session.undo()
    assert session.labels == {"T-1": "no", "T-2": "no"}
    session.undo(annotator="rule")
    assert session.labels == {"T-1": "no"}


def test_two_people_get_no_row_twice_but_the_overlap(opened):
    session = opened(overlap=0.3)
    asked = {"ann": [], "bob": []}
    while True:
        before = sum(map(len, asked.values()))
        for name, rows in asked.items():
            for item in session.take(name, n=2)[:1]:
                rows.append(item.id)
                answer(session, item, name)
        if sum(map(len, asked.values())) == before:
            break
    both = set(asked["ann"]) & set(asked["bob"])
    assert set(asked["ann"]) | set(asked["bob"]) == set(IDS)
    assert 0 < len(both) < N_ROWS
    assert all(len(rows) == len(set(rows)) for rows in asked.values())
    assert session.labels == dict(zip(IDS, ANSWERS, strict=True))
    [found] = session.agreement().values()
    assert (found.agreement, found.n_compared) == (1.0, len(both))
    session.close()
    again = opened()  # the share is that of the file
    assert [again.take(name) for name in asked] == [[], []]


def test_the_second_person_sees_nothing_of_the_first(opened):
    session = opened(overlap=1.0)
    [item] = session.take("ann", n=1)
    session.label(item.id, "yes", annotator="ann")
    [same] = session.take("bob", n=1)
    assert same.id == item.id
    assert (same.label, same.guess, same.guess_proba) == (None, None, None)
    assert session.item(item.id).label == "yes"


def test_agreement_counts_first_labels_of_the_overlap(opened):
    session = opened(overlap=1.0)
    for name, labels in {"ann": "nnyy", "bob": "nyyy", "eve": "n"}.items():
        for id, label in zip(IDS, labels, strict=False):
            session.label(id, {"n": "no", "y": "yes"}[label], annotator=name)
    session.label("T-1", "yes", annotator="ann")  # a correction, not blind
    found = session.agreement()
    assert set(found) == {("ann", "bob"), ("ann", "eve"), ("bob", "eve")}
    assert found["ann", "bob"].agreement == 0.75
    assert found["ann", "bob"].confusion.tolist() == [[1, 1], [0, 2]]
    assert found["bob", "eve"].n_compared == 1


def test_rows_on_screen_are_leased_for_ten_minutes(opened, monkeypatch):
    session, now = opened(), [0.0]
    monkeypatch.setattr(session._board, "clock", lambda: now[0])
    mine = session.take("ann", n=2)
    assert session.take("ann", n=2) == mine
    others = session.take("bob", n=N_ROWS)
    assert len(others) == N_ROWS - 2
    assert not {item.id for item in mine} & {item.id for item in others}
    assert session.take("eve") == []
    now[0] = LEASE + 1
    [late] = session.take("eve", n=1)
    [now_eves] = [item for item in [*mine, *others] if item.id == late.id]
    # A late label is kept, as one of two votes.
    who = "ann" if now_eves in mine else "bob"
    session.label(late.id, "yes", annotator=who)
    session.label(late.id, "yes", annotator="eve")
    assert session.labels == {late.id: "yes"}
    assert session.status()["by_annotator"] == {who: 1, "eve": 1}


def test_many_threads_lose_nothing(opened):
    session = opened(overlap=0.2)
    problems = []

    def work(name):
        try:
            while items := session.take(name, n=2):
                answer(session, items[0], name)
        except Exception as error:  # noqa: BLE001, it is looked at below
            problems.append(error)

    names = [f"person {n}" for n in range(4)]
    threads = [threading.Thread(target=work, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in names:  # what the others had on screen
        work(name)
    assert problems == []
    votes = [(event["id"], event["annotator"]) for event in session.history()]
    assert len(votes) == len(set(votes))
    assert session.labels == dict(zip(IDS, ANSWERS, strict=True))
    counts = [len(session._fold.votes(row.id)) for row in session._rows]
    assert set(counts) == {1, 2}


# Audits, models, sources


def test_audit_rows_stay_so_in_a_reordered_and_larger_pool(opened):
    params = {"audit_fraction": 0.3}
    session = opened(X, learner(**params))
    before = {row.id for row in session._rows if row.audit}
    assert before
    session.close()
    order = RNG.permutation(N_ROWS)
    more = np.vstack([RNG.normal(size=(30, 3)), X[order]])
    ids = [f"N-{n}" for n in range(30)] + [IDS[row] for row in order]
    session = opened(more, learner(**params), ids=ids)
    rows = session._rows[:N_ROWS]
    assert {row.id for row in rows if row.audit} == before
    assert any(row.audit for row in session._rows[N_ROWS:])
    session.close()
    for other in ({"audit_fraction": 0.2}, {"audit_fraction": 0.3, "random_state": 1}):
        with pytest.raises(ValueError, match="must stay the same"):
            opened(X, learner(**other))
    with pytest.warns(UserWarning, match="learns from them as well"):
        opened(X, learner())


def test_audit_rows_are_asked_as_often_as_their_share_demands(opened):
    session = opened(X, learner(audit_fraction=0.25))
    kinds = []
    for item in session:
        kinds.append(item.audit)
        answer(session, item)
        if len(kinds) == 20:
            break
    assert [sum(kinds[: n + 1]) for n in range(20)] == [
        int(0.25 * (n + 1)) for n in range(20)
    ]
    reserve = session._board.reserve
    asked = [event for event in reversed(session.history()) if event["audit"]]
    assert [IDS.index(event["id"]) for event in asked] == reserve[:5].tolist()
    found = session.audit()
    assert (found.n_audited, found.n_learnt) == (5, 15)
    assert session.learner.n_labels_ == 20


def test_the_audit_is_the_same_after_rows_have_moved(opened):
    session = opened(X, learner(audit_fraction=0.3))
    for n, item in enumerate(session):
        if item.audit and n % 2:
            session.discard(item.id)
        else:
            answer(session, item)
        if n == 25:
            break
    before = session.audit()
    session.close()
    order = RNG.permutation(N_ROWS)
    session = opened(
        X[order], learner(audit_fraction=0.3), ids=[IDS[row] for row in order]
    )
    after = session.audit()
    assert after._replace(next_row=None) == before._replace(next_row=None)
    assert order[after.next_row] == before.next_row


def test_the_learner_is_fitted_on_all_labels(opened):
    session = opened(X, make_pipeline(StandardScaler(), learner()))
    with pytest.raises(ValueError, match="No row is labelled"):
        _ = session.learner
    for id, label in zip(IDS[:10], ANSWERS[:10], strict=True):
        session.label(id, label)
    y = np.array([*ANSWERS[:10], *[None] * 30], dtype=object)
    alone = make_pipeline(StandardScaler(), learner()).fit(X, y)
    assert np.array_equal(session.learner.predict_proba(X), alone.predict_proba(X))
    assert session.learner is session.learner
    with pytest.raises(ValueError, match="audit_fraction is 0"):
        session.audit()


def test_a_session_without_a_learner_says_so(opened):
    session = opened()
    with pytest.raises(ValueError, match="has no learner"):
        _ = session.learner
    assert session.advice() is None
    assert session.wait() is True
    assert session.status()["n_known"] is None


def test_rules_and_people_share_one_ledger(opened):
    def rule(rows):
        return ["yes" if X[row, 0] > 1 else None for row in rows]

    def person(rows):
        return ANSWERS[rows]

    session = opened()
    session.label("T-0", ANSWERS[0])
    session.discard("T-1")
    sources = [LabelSource(rule, cost=0), LabelSource(person, cost=1)]
    result = label_pool(learner(), X, sources, budget=10, session=session)
    assert result.y.tolist() == session.y.tolist()
    assert 1 not in result.labeled_indices
    asked = {event["id"]: event["annotator"] for event in session.history()}
    for row, source in enumerate(result.source):
        if source is not None:
            assert asked[IDS[row]] == source
    assert session.status()["by_annotator"]["person"] == 10
    session.close()
    # Another call goes on from the file.
    session = opened()
    again = label_pool(learner(), X, person, budget=3, session=session)
    assert len(again.labeled_indices) == len(result.labeled_indices) + 3


def test_sources_that_do_not_fit_the_session(opened):
    session = opened()
    with pytest.raises(ValueError, match="y must be None"):
        label_pool(learner(), X, lambda rows: rows, y=ANSWERS, session=session)
    with pytest.raises(ValueError, match="has 40"):
        label_pool(learner(), X[:5], lambda rows: rows, session=session)
    with pytest.raises(ValueError, match="not among classes"):
        label_pool(learner(), X, lambda rows: ["maybe"] * len(rows), session=session)
    assert session.labels == {}


def test_answers_before_an_error_are_saved(opened):
    def tired(rows):
        tired.n_calls += 1
        if tired.n_calls > 2:
            raise KeyboardInterrupt
        return ANSWERS[rows]

    tired.n_calls = 0
    session = opened()
    with pytest.raises(KeyboardInterrupt):
        label_pool(learner(), X, tired, session=session)
    assert len(session.labels) == 10


def test_reprs(opened, path):
    session = opened()
    session.label("T-1", "no")
    assert repr(session) == "LabelingSession('a.skactive', 1 of 40 rows labelled)"
    session.close()
    assert "1 of 40" in session._repr_html_()
