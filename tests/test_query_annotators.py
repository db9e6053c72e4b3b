"""Whom to ask about which row: assignments, capacities, costs, and label sources."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.datasets import load_iris
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from session_pool import ANSWERS as SESSION_ANSWERS
from session_pool import X as X_SESSION
from session_pool import learner as session_learner
from skactive import ActiveLearningClassifier, ActiveLearningRegressor, query
from skactive.labeling import (
    Answers,
    LabelSource,
    label_pool,
    query_annotators,
)
from skactive.labeling._assignment import assign

# Who is asked does not depend on a fit, which most tests here do without.
pytestmark = pytest.mark.filterwarnings("ignore:This learner is not fitted:UserWarning")
NAMES = ["ann", "bob", "eve"]
X, FULL = load_iris(return_X_y=True)


def make(**params):
    params = {"strategy": "margin", "batch_size": 8, "random_state": 0} | params
    return ActiveLearningClassifier(LogisticRegression(max_iter=1000), **params)


def some_answers(rows=range(0, 150, 3), names=NAMES, seed=0):
    """Answers of which those of the first annotator are right, others often wrong."""
    rng = np.random.default_rng(seed)
    rows = np.asarray(rows)
    who = rng.integers(len(names), size=len(rows))
    is_wrong = (who > 0) & (rng.random(len(rows)) < 0.6)
    labels = np.where(is_wrong, (FULL[rows] + 1) % 3, FULL[rows])
    answers = Answers(len(X), names)
    answers.add(rows, np.array(names)[who], labels)
    return answers


# Assignment -------------------------------------------------------------------------


@st.composite
def problems(draw):
    n_rows, n_who = draw(st.integers(1, 12)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    capacity = rng.choice([0, 1, 2, 5, np.inf], size=n_who)
    return (
        rng.permutation(n_rows),
        rng.random((n_rows, n_who)) < draw(st.sampled_from([0.3, 1.0])),
        rng.integers(3, size=(n_rows, n_who)).astype(float),
        capacity,
        draw(st.integers(1, 14)),
        draw(st.sampled_from([0.0, 0.3, 1.0])),
        rng,
    )


@given(problems())
@settings(max_examples=300)
def test_assignment_is_the_one_by_hand(problem):
    order, can, value, capacity, n_pairs, explore, rng = problem
    rows, who = assign(
        order, can, value, capacity, n_pairs=n_pairs, explore=explore, rng=rng
    )
    left, expected, n_random = capacity.copy(), [], 0
    pairs = dict(zip(rows.tolist(), who.tolist(), strict=True))
    for row in order.tolist():
        possible = [a for a in range(len(left)) if can[row, a] and left[a] >= 1]
        if not possible or len(expected) == n_pairs:
            continue
        expected.append(row)
        best = max(value[row, a] for a in possible)
        assert pairs[row] in possible
        n_random += value[row, pairs[row]] < best
        left[pairs[row]] -= 1
    assert rows.tolist() == expected
    assert n_random <= int(explore * n_pairs) + (explore % 1 > 0)


def test_a_share_is_random():
    can, value = np.ones((1000, 4), dtype=bool), np.array([1.0, 0, 0, 0])
    rng, free = np.random.default_rng(0), np.full(4, np.inf)
    args = range(1000), can, value, free
    counts = np.bincount(assign(*args, n_pairs=1000, explore=0.2, rng=rng)[1])
    assert np.abs(counts - [850, 50, 50, 50]).max() < 25
    # Single questions are random as often.
    n_random = sum(
        assign(*args, n_pairs=1, explore=0.2, rng=rng)[1][0] > 0 for _ in range(2000)
    )
    assert abs(n_random - 0.2 * 0.75 * 2000) < 60
    # Who is equally good is asked equally often.
    equal = assign(range(1000), can, np.ones(4), free, n_pairs=1000, explore=0, rng=rng)
    assert np.abs(np.bincount(equal[1]) - 250).max() < 50


# The query --------------------------------------------------------------------------

TEXTS = [f"word{label} and word{row % 7}" for row, label in enumerate(FULL)]
FORMS = {
    "array": (X, make()),
    "frame": (pd.DataFrame(X, columns=list("abcd")), make()),
    "pipeline": (X, make_pipeline(StandardScaler(), make())),
    "texts": (
        TEXTS,
        ActiveLearningClassifier(
            make_pipeline(CountVectorizer(), LogisticRegression()), batch_size=8
        ),
    ),
    "default": (X, make(strategy="auto")),
    "audit": (X, make(audit_fraction=0.3)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("names", [NAMES, [3, 1], ["one"], ["a", 1]], ids=str)
def test_a_campaign_from_nothing(form, names):
    rows_of_pool, learner = FORMS[form]
    answers = Answers(len(X), names)
    for _ in range(4):
        rows, who = query_annotators(learner, rows_of_pool, answers)
        assert len(rows) == len(who) == 8
        assert not answers.asked()[rows].any()
        assert len(set(rows.tolist())) == 8
        answers.add(rows, who, FULL[rows])
        learner = learner.fit(rows_of_pool, answers.consensus())
    assert len(answers) == 32
    assert learner.score(rows_of_pool, FULL) > 0.6


@pytest.mark.parametrize("is_fitted", [False, True])
def test_rows_are_those_of_the_learner(is_fitted):
    answers, learner = some_answers(), make()
    y = answers.consensus()
    if is_fitted:
        learner.fit(X, y)
    rows, _ = query_annotators(learner, X, answers, n_queries=5)
    assert_array_equal(rows, query(learner, X, y, 5))


def test_the_same_call_gives_the_same_answer():
    answers, learner = some_answers(), make()
    learner.fit(X, answers.consensus())
    once, again = (query_annotators(learner, X, answers) for _ in range(2))
    assert_array_equal(once[0], again[0])
    assert_array_equal(once[1], again[1])
    answers.add([1], "ann", [0])  # another round has other random annotators
    later = [query_annotators(learner, X, answers, explore=1)[1] for _ in range(2)]
    assert_array_equal(*later)
    assert (
        query_annotators(make(random_state=1), X, answers, explore=1)[1] != later[0]
    ).any()


def test_the_best_are_asked_and_their_order_does_not_matter():
    for names in (NAMES, ["x", "a", "m"]):
        answers = some_answers(names=names)
        _, who = query_annotators(make(), X, answers, n_queries=30, explore=0)
        assert set(who.tolist()) == {names[0]}
        _, who = query_annotators(make(), X, answers, n_queries=30)
        assert 24 <= np.count_nonzero(who == names[0]) < 30


def test_who_is_not_known_yet_comes_first():
    answers = some_answers(names=["ann", "bob"])
    more = Answers.from_frame(
        answers.to_frame(), len(X), ["ann", "bob", "new", "newer"]
    )
    more.add(range(1, 28, 3), "newer", FULL[1:28:3])  # nine answers
    _, who = query_annotators(make(), X, more, n_queries=20, explore=0)
    assert set(who.tolist()) == {"new", "newer"}
    more.add([29], "newer", [None])  # asked for the tenth time
    _, who = query_annotators(make(), X, more, n_queries=20, explore=0)
    assert set(who.tolist()) == {"new"}
    costs = [1, 1, 100, 1]
    _, who = query_annotators(make(), X, more, n_queries=20, explore=0, costs=costs)
    assert "new" not in who


def test_costs_divide_qualities():
    args = make(), X, some_answers()
    dear = {"ann": 100, "bob": 10, "eve": 1}
    assert set(query_annotators(*args, explore=0, costs=dear)[1]) == {"eve"}
    equal = query_annotators(*args, explore=0, costs=[7, 7, 7])
    assert_array_equal(equal, query_annotators(*args, explore=0))
    # Quality still counts where costs differ little.
    assert set(query_annotators(*args, explore=0, costs=[1.01, 1, 1])[1]) == {"ann"}


def test_who_is_available():
    args, answers = (make(), X), some_answers()
    _, who = query_annotators(*args, answers, n_queries=40, available=["bob", "eve"])
    assert set(who) == {"bob", "eve"}
    assert set(query_annotators(*args, answers, available="eve")[1]) == {"eve"}
    left = {"ann": 3, "eve": 2.5}
    rows, who = query_annotators(*args, answers, n_queries=40, available=left)
    assert len(rows) == 5
    assert sorted(who) == ["ann"] * 3 + ["eve"] * 2
    mask = np.zeros((len(X), 3), dtype=bool)
    mask[[1, 4], 0] = mask[[4, 5], 2] = True
    mask[0] = True  # has a label
    rows, who = query_annotators(*args, answers, n_queries=40, available=mask)
    assert sorted(rows) == [1, 4, 5]
    assert mask[rows, [NAMES.index(name) for name in who]].all()
    # The most useful rows get the best annotator while there are answers left.
    rows, who = query_annotators(
        *args, answers, explore=0, n_queries=5, available={"ann": 2, "bob": 9}
    )
    assert who.tolist() == ["ann", "ann", "bob", "bob", "bob"]
    assert_array_equal(rows, query(make(), X, answers.consensus(), 5))


def test_more_than_is_left_gives_what_is_left():
    answers = some_answers(range(140))
    rows, _ = query_annotators(make(), X, answers, n_queries=1000)
    assert sorted(rows) == list(range(140, 150))
    answers.add(range(140, 150), "ann", FULL[140:])
    with pytest.raises(ValueError, match="each of the 150 rows has a label"):
        query_annotators(make(), X, answers)


def test_who_does_not_know_is_not_asked_again():
    answers = some_answers(range(145))
    for name in NAMES:
        answers.add([147], name, [None])
    answers.add([148, 149], "ann", [None, None])
    for _ in range(5):
        rows, who = query_annotators(make(), X, answers, n_queries=9, explore=0)
        assert sorted(rows) == [145, 146, 148, 149]
        assert "ann" not in who[rows >= 148]
    answers.add([145, 146], "ann", [2, 2])
    for name in NAMES:
        answers.add([148, 149], name, [None, None])
    with pytest.raises(ValueError, match="Nothing is left to ask"):
        query_annotators(make(), X, answers)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"available": []}, "Nobody is available"),
        ({"available": {}}, "Nobody is available"),
        ({"available": {"ann": 0, "bob": 0.5}}, "Nobody is available"),
        ({"available": np.zeros((150, 3), dtype=bool)}, "Nobody is available"),
        ({"available": ["joe"]}, "unknown annotator 'joe'"),
        ({"available": {"joe": 3}}, "unknown annotator 'joe'"),
        ({"available": {"ann": -1}}, "numbers of answers, 0 or more"),
        ({"available": {"ann": np.nan}}, "numbers of answers, 0 or more"),
        ({"available": np.ones((3, 150), dtype=bool)}, r"shape \(150, 3\)"),
        ({"available": np.ones((150, 3))}, "a mask"),
        ({"costs": {"ann": -1, "bob": 1, "eve": 1}}, "positive and finite"),
        ({"costs": [1, 0, 1]}, "positive and finite"),
        ({"costs": [1, np.inf, 1]}, "positive and finite"),
        ({"costs": [1, 1]}, "one per annotator"),
        ({"costs": {"ann": 1}}, "costs has none for"),
        ({"costs": {"ann": 1, "bob": 1, "eve": 1, "joe": 1}}, "unknown annotator"),
        ({"explore": 1.1}, "explore must be a number from 0 to 1"),
        ({"explore": None}, "explore must be a number from 0 to 1"),
        ({"relabel": True}, "relabel must be False or 'activelab'"),
        ({"n_queries": 0}, "n_queries must be a positive int"),
        ({"X": X[:9]}, "X has 9 rows, but the answers are on a pool of 150"),
        ({"learner": ActiveLearningRegressor(LogisticRegression())}, "numbers"),
    ],
)
def test_bad_input(params, message):
    given = {"learner": make(), "X": X, "answers": some_answers()} | params
    with pytest.raises(ValueError, match=message):
        query_annotators(**given)


def test_bad_types():
    with pytest.raises(TypeError, match="answers must be an Answers object"):
        query_annotators(make(), X, FULL)
    with pytest.raises(TypeError, match="needs an ActiveLearningClassifier"):
        query_annotators(LogisticRegression(), X, some_answers())


# ActiveLab --------------------------------------------------------------------------


def test_relabelling_without_cleanlab(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cleanlab", None)
    with pytest.raises(ImportError, match=r"pip install 'skactive\[crowd\]'"):
        query_annotators(make(), X, some_answers(), relabel="activelab")
    # Before there is a model, the learner chooses.
    rows, _ = query_annotators(make(), X, Answers(len(X), NAMES), relabel="activelab")
    assert len(rows) == 8


def test_the_lowest_scores_are_asked(monkeypatch):
    answers, given = some_answers(), {}

    def scores(wide, proba, others):
        given.update(wide=wide, proba=proba, others=others)
        return np.arange(len(wide)) / 10 + 1, np.arange(len(others)) + 0.45

    monkeypatch.setattr("skactive.labeling._query_annotators.activelab_scores", scores)
    rows, who = query_annotators(make(), X, answers, n_queries=9, relabel="activelab")
    # Rows 0, 3, ... have a label, and 1, 2, 4, ... have none.
    assert rows.tolist() == [1, 0, 3, 6, 9, 12, 2, 15, 18]
    assert not answers.asked()[rows, [NAMES.index(name) for name in who]].any()
    assert given["wide"].shape == (50, 3)
    assert np.count_nonzero(~np.isnan(given["wide"])) == 50
    assert given["proba"].shape == (50, 3)
    assert given["others"].shape == (100, 3)
    np.testing.assert_allclose(given["others"].sum(axis=1), 1)


def test_relabelling_ends_when_every_pair_is_asked(monkeypatch):
    def scores(wide, proba, others):
        return np.zeros(len(wide)), np.zeros(len(others))

    monkeypatch.setattr("skactive.labeling._query_annotators.activelab_scores", scores)
    rng = np.random.default_rng(0)
    pool, labels = X[::15], FULL[::15]
    answers = Answers(len(pool), NAMES)
    while len(answers) < 30:
        rows, who = query_annotators(
            make(), pool, answers, n_queries=7, relabel="activelab"
        )
        pairs = answers.asked()[rows, [NAMES.index(name) for name in who]]
        assert len(rows)
        assert not pairs.any()
        answers.add(rows, who, np.where(rng.random(len(rows)) < 0.3, 0, labels[rows]))
    assert answers.asked().all()
    with pytest.raises(ValueError, match="everybody who is available has been asked"):
        query_annotators(make(), pool, answers, relabel="activelab")


def test_activelab_of_cleanlab():
    pytest.importorskip("cleanlab", reason="cleanlab is an extra")
    answers = some_answers()
    # Some rows have two answers, so that CROWDLAB's weights are estimated.
    mine = answers.to_frame().query("annotator == 'ann'")["row"].to_numpy()
    answers.add(mine, "eve", FULL[mine])
    rows, who = query_annotators(make(), X, answers, n_queries=20, relabel="activelab")
    assert len(rows) == 20
    assert not answers.asked()[rows, [NAMES.index(name) for name in who]].any()


# Label sources ----------------------------------------------------------------------


def source(accuracy, name, cost=1.0, seed=0):
    rng = np.random.default_rng(seed)

    def oracle(rows):
        is_wrong = rng.random(len(rows)) > accuracy
        return np.where(is_wrong, (FULL[rows] + 1) % 3, FULL[rows])

    return LabelSource(oracle, name=name, cost=cost)


def test_the_best_source_is_asked_first():
    shares = []
    for order in ([0, 1], [1, 0]):
        sources = [source(0.3, "bad"), source(1.0, "good")]
        result = label_pool(
            make(),
            X,
            [sources[place] for place in order],
            budget=100,
            assign="quality",
        )
        assert result.cost == 100
        shares.append(np.mean(result.source[result.labeled_indices] == "good"))
    assert min(shares) > 0.7
    first = label_pool(make(), X, [source(0.3, "bad"), source(1.0, "good")], budget=100)
    assert set(first.source[first.labeled_indices]) == {"bad"}
    with pytest.raises(ValueError, match="assign must be 'quality' or None"):
        label_pool(make(), X, source(1, "a"), assign="cost")


def test_costs_of_sources_and_free_ones():
    sources = [source(1.0, "good", cost=50), source(0.9, "cheap", cost=1)]
    result = label_pool(make(), X, sources, budget=400, assign="quality")
    labels = result.source[result.labeled_indices].tolist()
    assert labels.count("cheap") > 5 * labels.count("good")
    sources = [source(1.0, "good", cost=1), source(0.5, "free", cost=0)]
    result = label_pool(make(), X, sources, budget=5, assign="quality")
    assert result.source.tolist().count("free") > 15


def test_who_abstains_is_followed_by_another():
    def silent(rows):
        return [None] * len(rows)

    sources = [LabelSource(silent, name="silent"), source(1.0, "good")]
    result = label_pool(make(), X, sources, budget=120, assign="quality")
    # Not known for its answers, it is asked first in some rounds only.
    n_asked = result.history["n_asked_silent"]
    assert n_asked.sum() >= 10
    assert n_asked[-6:].sum() < 24  # of 48 rows
    assert set(result.source[result.labeled_indices]) == {"good"}


def test_a_session_remembers_who_is_good(opened, fast_disk):
    session = opened()
    for row in range(24):
        good = row % 2 == 0
        label = SESSION_ANSWERS[row] if good else ["no", "yes"][row % 4 // 2]
        session.add_labels({session.ids[row]: label}, "good" if good else "bad")
    asked = {"good": 0, "bad": 0}

    def oracle(name):
        def answer(rows):
            asked[name] += len(rows)
            return SESSION_ANSWERS[rows]

        return LabelSource(answer, name=name)

    sources = [oracle("bad"), oracle("good")]
    for seed in range(10):
        learner = session_learner(batch_size=1, random_state=seed)
        label_pool(
            learner, X_SESSION, sources, budget=1, session=session, assign="quality"
        )
    assert sum(asked.values()) == 10
    assert asked["good"] >= 8  # in the first round, from what the session knows
