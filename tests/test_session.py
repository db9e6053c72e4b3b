"""A labelling session: asking, answering, going on later, what it is given."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression

from session_pool import ANSWERS, CLASSES, IDS, N_ROWS, RNG, X, answer, learner
from skactive.labeling import LabelingSession

pytestmark = pytest.mark.usefixtures("fast_disk")


# Asking and answering


def test_a_loop_asks_about_every_row_once(opened):
    session = opened()
    asked = []
    for item in session:
        asked.append(item.id)
        answer(session, item)
    assert sorted(asked) == sorted(IDS)
    assert session.y.tolist() == ANSWERS.tolist()
    assert session.take() == []
    assert list(session) == []


def test_a_loop_without_answers_ends(opened):
    session = opened()
    assert len({item.id for item in session}) == N_ROWS
    assert session.status()["n_labels"] == 0


def test_what_is_skipped_comes_back_in_the_next_loop(opened):
    session = opened()
    for n, item in enumerate(session):
        if n < 3:
            session.skip(item.id)
        else:
            answer(session, item)
    assert session.status()["n_skipped"] == 3
    assert session.status()["n_left"] == 3
    assert len(session.labels) == N_ROWS - 3
    for item in session:
        answer(session, item)
    assert session.status()["n_skipped"] == 0
    assert len(session.labels) == N_ROWS


def test_what_somebody_else_has_labelled_is_not_skipped_any_more(opened):
    session = opened()
    session.skip("T-1", annotator="ann")
    session.skip("T-2", annotator="ann")
    session.label("T-1", "no", annotator="bob")
    assert session.status()["n_skipped"] == 1
    assert LabelingSession.read(session.path).status()["n_skipped"] == 1


def test_a_record_has_the_figures_of_the_session(opened):
    session = opened()
    for n, id in enumerate(IDS[:20]):
        [session.label, session.label, lambda id, _: session.discard(id)][n % 3](
            id, "no"
        )
    session.skip("T-30")
    session.label("T-0", "yes", annotator="bob")
    session.add_labels({"T-35": "yes"})
    session.undo()
    session.undo()
    record = LabelingSession.read(session.path).status()
    assert record == {key: session.status()[key] for key in record}
    assert record["by_annotator"] == {"ann": 13, "bob": 1, "import": 1}


def test_wrong_arguments_leave_the_open_session_as_it_is(opened):
    session = opened()
    for wrong in ({"ids": IDS[:3]}, {"classes": ["a"]}, {"overlap": 3}):
        with pytest.raises(ValueError, match=r"ids|classes|overlap"):
            opened(**wrong)
    session.label("T-1", "no")


def test_on_a_page_skipped_rows_come_last(opened):
    session = opened()
    first, second = session.take(n=2)
    session.skip(first.id)
    assert session.take(n=2)[0] == second
    for _ in range(N_ROWS - 1):
        [item] = session.take(n=1)
        assert item.id != first.id
        answer(session, item)
    assert [item.id for item in session.take()] == [first.id]


def test_undo_asks_again_and_can_go_back_far(opened):
    session = opened()
    done = []
    for _ in range(4):
        [item] = session.take(n=1)
        answer(session, item)
        done.append(item.id)
    on_screen = session.take(n=2)
    for id in reversed(done):
        assert session.undo()["id"] == id
        assert session.take(n=1)[0].id == id
    assert session.undo() is None
    assert session.labels == {}
    # In the order in which they were undone, then what was on screen.
    again = [item.id for item in session.take(n=6)]
    assert again == [*done, *(item.id for item in on_screen)]


def test_undo_in_a_loop_comes_back_to_the_row_after(opened):
    session, seen = opened(), []
    for item in session:
        seen.append(item.id)
        if len(seen) == 3:
            session.undo()
        elif len(seen) == 7:
            break
        else:
            answer(session, item)
    # The third row was on screen when the second one was undone.
    assert seen[3] == seen[1]
    assert seen[4] == seen[2]
    assert len(set(seen)) == 5


def test_undo_of_a_relabelling_brings_the_first_label_back(opened):
    session = opened()
    session.label("T-1", "no")
    session.label("T-1", "yes")
    assert session.labels == {"T-1": "yes"}
    session.undo()
    assert session.labels == {"T-1": "no"}
    session.undo()
    assert session.labels == {}


def test_undo_is_that_of_the_annotator(opened):
    session = opened()
    session.label("T-1", "no", annotator="bob")
    session.label("T-2", "no")
    assert session.undo(annotator="bob")["id"] == "T-1"
    assert session.undo(annotator="bob") is None
    assert session.labels == {"T-2": "no"}
    assert session.undo()["id"] == "T-2"


def test_a_discarded_row_is_not_asked_again(opened):
    session = opened()
    session.discard("T-3")
    assert session.discarded.tolist() == [3]
    assert session.discarded_ids == ["T-3"]
    assert "T-3" not in {item.id for item in session}
    assert session.y[3] is None


def test_a_request_is_done_once(opened):
    session = opened()
    first = session.label("T-1", "no", request="r1")
    assert session.label("T-1", "no", request="r1") == first
    session.label("T-1", "yes")
    assert session.label("T-1", "no", request="r1") == first
    assert session.labels == {"T-1": "yes"}
    undone = session.undo(request="r2")
    assert session.undo(request="r2") == undone
    assert session.labels == {"T-1": "no"}
    session.close()
    session = opened()  # requests are remembered
    assert session.label("T-1", "yes", request="r1") == first | {"undone": False}
    assert session.labels == {"T-1": "no"}


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.label("T-2", "no", request="r1"),
        lambda s: s.skip("T-1", request="r1"),
        lambda s: s.label("T-1", "no", annotator="bob", request="r1"),
        lambda s: s.undo(request="r1"),
        lambda s: s.undo(annotator="bob", request="r2"),
    ],
)
def test_a_request_of_another_answer_is_an_error_and_not_a_lost_label(opened, call):
    session = opened()
    session.label("T-1", "no", request="r1")
    session.label("T-3", "no")
    session.undo(request="r2")
    before = session.history()
    with pytest.raises(ValueError, match=r"was given before, .* Nothing was saved"):
        call(session)
    assert session.history() == before


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda s: s.label("T-99", "no"), "no row with the id"),
        (lambda s: s.label(1, "no"), "no row with the id"),
        (lambda s: s.label(object(), "no"), "no row with the id"),
        (lambda s: s.label({}, "no"), "no row with the id"),
        (lambda s: s.label("T-1", "maybe"), "not among classes"),
        (lambda s: s.label("T-1", None), "not among classes"),
        (lambda s: s.label("T-1", ["no"]), "not among classes"),
        (lambda s: s.label("T-1", 0), "not among classes"),
        (lambda s: s.label("T-1", np.array(["no", "yes"])), "not among classes"),
        (lambda s: s.label("T-1", "no", annotator=""), "name of an annotator"),
        (lambda s: s.label("T-1", "no", annotator="a\nb"), "name of an annotator"),
        (lambda s: s.label("T-1", "no", annotator="\ud800"), "name of an annotator"),
        (lambda s: s.label("T-1", "no", annotator=3), "name of an annotator"),
        (lambda s: s.label("T-1", "no", annotator="a" * 201), "name of an annotator"),
        (lambda s: s.label("T-1", "no", seconds=-1), "seconds"),
        (lambda s: s.label("T-1", "no", seconds=float("nan")), "seconds"),
        (lambda s: s.label("T-1", "no", seconds="3"), "seconds"),
        (lambda s: s.label("T-1", "no", request=3), "request"),
        (lambda s: s.label("T-1", "no", request="a\0"), "request"),
        (lambda s: s.undo(request=3, annotator="ann"), "request"),
        (lambda s: s.item("T-99"), "no row with the id"),
        (lambda s: s.add_labels({"T-1": "no", "T-99": "no"}), "no row with the id"),
        (lambda s: s.add_labels({"T-1": "no", "T-2": "maybe"}), "not among"),
        (lambda s: s.add_labels({"T-1": "no"}, annotator=""), "name of an annotator"),
    ],
)
def test_a_wrong_call_saves_nothing(opened, call, said):
    session = opened()
    session.label("T-0", "no")
    before = session.history()
    with pytest.raises(ValueError, match=said):
        call(session)
    assert session.history() == before


def test_answers_after_the_end_are_errors(opened):
    session = opened()
    session.close()
    session.close()
    for call in (
        lambda: session.label("T-1", "no"),
        lambda: session.undo(),
        lambda: session.take(),
        lambda: next(iter(session)),
        lambda: session.add_labels({}),
    ):
        with pytest.raises(ValueError, match="is closed"):
            call()


def test_seconds_are_those_since_the_row_was_shown(opened, monkeypatch):
    session, now = opened(), [100.0]
    monkeypatch.setattr(session._board, "clock", lambda: now[0])
    first, second = session.take(n=2)
    now[0] = 103.0
    assert session.label(first.id, "no")["seconds"] == 3.0
    now[0] = 105.5  # the second was prepared before, and shown after the first
    assert session.label(second.id, "no")["seconds"] == 2.5
    assert session.label("T-1", "no")["seconds"] in (None, 0.0)
    assert session.label("T-2", "no", seconds=9)["seconds"] == 9.0
    assert session.status()["seconds_per_label"] == 3.0


def test_numbers_and_booleans_are_labels_too(path):
    with LabelingSession(
        path, X, ids=IDS, classes=np.array([0, 1]), annotator="ann"
    ) as session:
        session.label("T-0", np.int64(1))
        session.label("T-1", 0.0)
        with pytest.raises(ValueError, match=r"'1' \(texts\)"):
            session.label("T-2", "1")
        with pytest.raises(ValueError, match=r"True \(booleans\)"):
            session.label("T-2", True)
        assert session.labels == {"T-0": 1, "T-1": 0}
        assert session.y[:2].tolist() == [1.0, 0.0]
        assert np.isnan(session.y[2:]).all()


@pytest.mark.parametrize(
    "text", ["", "a\0b", "\ud800", "\u202etxt", "<script>x</script>", "a" * 2**20]
)
def test_texts_of_any_kind(path, text):
    with LabelingSession(
        path, [text, "b"], ids=[text, "b"], classes=CLASSES, annotator="ann"
    ) as session:
        session.label(text, "no")
        assert session.item(text).shown == text
    with LabelingSession(path, [text, "b"], ids=[text, "b"]) as session:
        assert session.labels == {text: "no"}


# Going on later


def test_a_session_goes_on_where_it_was(opened):
    session = opened()
    session.label("T-1", "no")
    session.skip("T-2")
    session.discard("T-3")
    session.label("T-4", "yes")
    session.undo()
    session.close()
    history = session.history()
    session = opened(classes=None)
    assert session.labels == {"T-1": "no"}
    assert session.discarded.tolist() == [3]
    assert session.status()["n_skipped"] == 1
    assert session.classes == CLASSES
    assert session.history() == history
    assert session.undo()["id"] == "T-3"


def test_a_pool_that_was_reordered_and_has_grown(opened):
    session = opened()
    for id, label in zip(IDS[:20], ANSWERS[:20], strict=True):
        session.label(id, label)
    session.discard("T-25")
    session.close()
    order = RNG.permutation(N_ROWS)
    more = np.vstack([X[order], RNG.normal(size=(5, 3))])
    ids = [IDS[row] for row in order] + [f"N-{n}" for n in range(5)]
    session = opened(more, ids=ids)
    wanted = [ANSWERS[row] if row < 20 else None for row in order] + [None] * 5
    assert session.y.tolist() == wanted
    assert [ids[row] for row in session.discarded] == ["T-25"]
    assert session.ids == ids
    shown = {item.id: item.position for item in session}
    assert shown == {
        id: n for n, id in enumerate(ids) if wanted[n] is None and id != "T-25"
    }


def test_rows_that_are_absent_keep_their_labels(opened):
    session = opened()
    session.label("T-1", "no")
    session.label("T-30", "yes")
    session.close()
    session = opened(X[:20], ids=IDS[:20])
    assert session.y.tolist() == [None, "no"] + [None] * 18
    assert session.labels == {"T-1": "no", "T-30": "yes"}
    assert session.status()["n_labels"] == 1
    assert session.status()["n_rows"] == 20
    assert {item.id for item in session} == set(IDS[:20]) - {"T-1"}
    with pytest.raises(ValueError, match="not in this pool"):
        session.item("T-30")
    session.close()
    assert opened().labels == {"T-1": "no", "T-30": "yes"}


def test_changed_content_is_an_error_that_names_rows(opened):
    session = opened()
    session.label("T-1", "no")
    session.close()
    changed = X.copy()
    changed[[1, 7]] += 1
    with pytest.raises(
        ValueError, match=r"2 of 40 known rows .*'T-1', 'T-7'"
    ) as caught:
        opened(changed)
    assert "accept_changes=True" in str(caught.value)
    assert opened().labels == {"T-1": "no"}  # nothing was changed
    session = opened(changed, accept_changes=True)
    assert session.labels == {"T-1": "no"}
    session.close()
    opened(changed).close()
    with pytest.raises(ValueError, match="known rows"):
        opened()


def test_ids_that_are_positions_are_found_out(path):
    texts = pd.Series([f"text {n}" for n in range(10)])
    LabelingSession(path, texts, classes=CLASSES).close()
    LabelingSession(path, texts.sample(frac=1, random_state=0)).close()
    moved = texts.sample(frac=1, random_state=0).reset_index(drop=True)
    with pytest.raises(ValueError, match="give ids that move with them"):
        LabelingSession(path, moved)


def test_other_kinds_of_rows_are_changed_content(opened):
    opened().close()
    with pytest.raises(ValueError, match="of the kind"):
        opened(X.astype(np.float32))
    opened(X.astype(np.float32), accept_changes=True).close()


def test_an_unrelated_pool_is_an_error(opened):
    opened().close()
    with pytest.raises(ValueError, match="None of the 40 rows is in the file"):
        opened(ids=[f"other {n}" for n in range(N_ROWS)])
    with pytest.raises(ValueError, match="Ids of the file are texts, those given int"):
        opened(ids=range(N_ROWS))


def test_classes_may_be_added_but_not_taken_away(opened):
    session = opened()
    session.label("T-1", "no")
    session.close()
    session = opened(classes=["maybe", "yes", "no"])
    assert session.labels == {"T-1": "no"}
    session.label("T-2", "maybe")
    session.close()
    with pytest.raises(ValueError, match="lacks 'maybe'"):
        opened(classes=["yes", "no"])
    assert opened(classes=["maybe", "no"]).labels == {"T-1": "no", "T-2": "maybe"}


def test_a_new_session_needs_classes(opened, path):
    with pytest.raises(ValueError, match="needs classes"):
        opened(classes=None)
    assert not path.exists()


# What is given


TEXTS = [f"text {n}" for n in range(N_ROWS)]
POOLS = {
    "array": lambda: X,
    "list of rows": X.tolist,
    "csr": lambda: sp.csr_matrix(X),
    "pandas frame": lambda: pd.DataFrame(X, columns=["a", "b", "c"]),
    "polars frame": lambda: pytest.importorskip("polars").DataFrame(
        X, schema=["a", "b", "c"]
    ),
    "pandas series": lambda: pd.Series(TEXTS),
    "polars series": lambda: pytest.importorskip("polars").Series(TEXTS),
    "array of texts": lambda: np.array(TEXTS),
    "list of texts": lambda: TEXTS,
}


@pytest.mark.parametrize("kind", POOLS)
def test_pools_of_every_kind(opened, kind):
    given = POOLS[kind]()
    session = opened(given)
    for item in session:
        assert item.position == IDS.index(item.id)
        row = item.position
        if item.kind == "text":
            assert item.shown == f"text {row}"
        else:
            assert [value for _, value in item.shown] == [f"{v:.6g}" for v in X[row]]
        answer(session, item)
    session.close()
    assert len(opened(given).labels) == N_ROWS


def test_ids_are_the_index_of_the_pool_or_of_what_is_shown(path, tmp_path):
    frame = pd.DataFrame({"text": list("abc"), "n": [1, 2, None]}, index=[7, 8, 9])
    with LabelingSession(path, frame, classes=CLASSES) as session:
        assert session.ids == [7, 8, 9]
        assert session.item(9).shown == [["text", "c"], ["n", ""]]
    with LabelingSession(
        tmp_path / "b", np.zeros((3, 1)), show=frame["text"], classes=CLASSES
    ) as session:
        assert session.item(7).shown == "a"
    pairs = frame.set_index(["n", "text"]).iloc[:2]
    pairs["z"] = 1
    with LabelingSession(tmp_path / "c", pairs, classes=CLASSES) as session:
        assert session.ids == [(1.0, "a"), (2.0, "b")]
        session.label((1.0, "a"), "no")
        session.label([2.0, "b"], "yes")
        assert session.labels == {(1.0, "a"): "no", (2.0, "b"): "yes"}


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"ids": None}, "ids are required"),
        ({"ids": IDS[:-1]}, "one entry per row"),
        ({"ids": ["T-1"] * N_ROWS}, "distinct"),
        ({"ids": [None, *IDS[1:]]}, "every row"),
        ({"ids": [1, *IDS[1:]]}, "one kind"),
        ({"show": ["a"]}, "show must have one entry"),
        ({"show": np.zeros((N_ROWS, 2, 2))}, "cannot show"),
        ({"classes": ["a"]}, "at least two"),
        ({"annotator": " "}, "name of an annotator"),
        ({"overlap": 1.5}, "overlap"),
        ({"overlap": -0.1}, "overlap"),
        ({"X": X[:0], "ids": []}, "no rows"),
        ({"learner": learner(budget=10)}, "budget=10"),
        ({"learner": learner(missing_label="no")}, "missing_label='no'"),
        ({"learner": learner(strategy="nonsense")}, "nonsense"),
        ({"learner": learner(batch_size=0)}, "batch_size"),
        ({"learner": learner(audit_fraction=0.1, random_state=None)}, None),
    ],
)
def test_bad_arguments_make_no_file(opened, path, params, said):
    if said is None:  # a seed of the file takes the place of random_state=None
        opened(**params)
        return
    with pytest.raises(ValueError, match=said):
        opened(**params)
    assert not path.exists()


def test_what_is_no_learner(opened, path):
    with pytest.raises(TypeError, match="ActiveLearningClassifier"):
        opened(learner=LogisticRegression())
    assert not path.exists()


def test_images(path, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.png", "b.jpg", "c.PNG"):
        (photos / name).write_bytes(b"picture")
    paths = sorted(photos.iterdir())

    def open_it(show):
        return LabelingSession(
            path, np.zeros((len(show), 1)), ids=range(len(show)), show=show,
            classes=CLASSES, accept_changes=True,
        )  # fmt: skip

    with open_it([str(p) for p in paths]) as session:
        assert session.item(0).kind == "image"
        assert session.item(0).shown == paths[0].name
        assert session.image_path(0) == paths[0]
        paths[1].unlink()
        paths[1].symlink_to(paths[0])
        for id in (1, 99):
            with pytest.raises(KeyError):
                session.image_path(id)
    paths[1].unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of 3 images are missing.*b\.jpg"):
        open_it(paths)
    (photos / "d.svg").write_text("<svg/>")
    with pytest.raises(ValueError, match=r"d\.svg.*SVG files can run code"):
        open_it([paths[0], photos / "d.svg"])
    with (photos / "e.png").open("wb") as file:
        file.truncate(51 * 2**20)
    with pytest.raises(ValueError, match=r"larger than 50 MB.*e\.png"):
        open_it([paths[0], photos / "e.png"])
    with open_it(["a.png is a text", "b"]) as session:
        assert session.item(0).kind == "text"
        with pytest.raises(KeyError, match="no images"):
            session.image_path(0)
