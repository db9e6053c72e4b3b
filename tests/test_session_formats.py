"""Labels go out and come back: CSV, data frames, tasks of Label Studio."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from skactive import ActiveLearningClassifier
from skactive.labeling import LabelingSession

X = np.arange(20.0).reshape(-1, 1)
IDS = [f"T-{n}" for n in range(20)]


pytestmark = pytest.mark.usefixtures("fast_disk")


def session_at(path, X=X, learner=None, **params):
    given = {"ids": IDS, "classes": ["no", "yes"], "annotator": "ann"} | params
    return LabelingSession(path, X, learner, **given)


@pytest.fixture
def session(tmp_path):
    with session_at(tmp_path / "a.skactive") as session:
        session.label("T-3", "yes", seconds=2)
        session.label("T-1", "no")
        session.label("T-1", "no", annotator="bob")
        session.label("T-5", "no")
        session.label("T-5", "yes", annotator="bob")  # a tie
        session.discard("T-7")
        session.skip("T-8")
        yield session


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
IDS_OF_A_KIND = st.one_of(
    st.lists(ANY_TEXT, min_size=1, max_size=5, unique=True),
    st.lists(st.integers(), min_size=1, max_size=5, unique=True),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5)
    .map(lambda ids: list({repr(id): id for id in ids}.values()))
    .filter(bool),
    st.lists(st.tuples(ANY_TEXT, st.integers()), min_size=1, max_size=5, unique=True),
)
CLASSES = st.sampled_from(
    [
        ["no", "yes"],
        ["a,b", 'say "x"', "line\u2028", "=1+1", "\u202eright"],
        ["1", "2"],
        [1, 2],
        [0.5, 1.5],
        [False, True],
        ["NA", "nan", "None"],
    ]
)
ROUND_TRIPS = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@ROUND_TRIPS
@given(IDS_OF_A_KIND, CLASSES, st.integers(0, 10))
def test_every_label_comes_back(tmp_path_factory, ids, classes, shift):
    folder = tmp_path_factory.mktemp("trip")
    texts = ["text"] * len(ids)
    given = {"ids": ids, "classes": classes, "annotator": "ann"}
    with LabelingSession(folder / "a", texts, **given) as session:
        for n, id in enumerate(ids):
            session.label(id, classes[(n + shift) % len(classes)])
        session.to_csv(folder / "a.csv")
        session.to_label_studio(folder / "a.json")
        labels = session.labels
    record = LabelingSession.read(folder / "a")
    record.to_csv(folder / "record.csv")
    record.to_label_studio(folder / "record.json")
    assert (folder / "record.csv").read_bytes() == (folder / "a.csv").read_bytes()
    for n, name in enumerate(["a.csv", "a.json", "record.json"]):
        with LabelingSession(folder / f"b{n}", texts, **given) as other:
            read = other.from_csv if name.endswith("csv") else other.from_label_studio
            assert read(folder / name) == len(ids)
            assert other.labels == labels
            kinds = {type(label) for label in other.labels.values()}
            assert kinds == {type(label) for label in labels.values()}


def test_csv_holds_labels_only(session, tmp_path):
    session.to_csv(tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(line["id"], line["label"]) for line in lines] == [
        ("T-3", "yes"),
        ("T-1", "no"),
    ]
    assert lines[0]["seconds"] == "2.0"
    assert lines[1]["annotators"] == "ann;bob"
    assert lines[1]["n_agreeing"] == "2"
    found = pd.read_csv(tmp_path / "a.csv").set_index("id")["label"].to_dict()
    assert found == session.labels


def test_frame(session):
    frame = session.to_frame()
    assert frame["label"].to_dict() == session.labels
    assert frame["n_agreeing"].tolist() == [1, 2]
    assert frame.index.name == "id"
    pd.testing.assert_frame_equal(LabelingSession.read(session.path).to_frame(), frame)


def test_frame_of_ids_that_are_tuples(tmp_path):
    ids = [("a", 1), ("a", 2)]
    with session_at(tmp_path / "a", X[:2], ids=ids) as session:
        assert session.to_frame().empty
        session.label(("a", 2), "no")
        assert session.to_frame()["label"].to_dict() == {("a", 2): "no"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,answer\nT-1,no\n", "needs the columns"),
        ("", "needs the columns"),
        ("id,label\nT-1,no\nT-99,no\n", r"line 3 has the unknown id 'T-99'"),
        ("id,label\nT-1,no\nT-2,maybe\n", r"line 3 has the unknown label 'maybe'"),
        ("id,label\nT-1,no\nT-2,No\n", r"unknown label 'No'"),
    ],
)
def test_a_wrong_csv_imports_nothing(session, tmp_path, text, said):
    before = session.history()
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=said):
        session.from_csv(tmp_path / "a.csv")
    assert session.history() == before


def test_csv_from_a_spreadsheet(session, tmp_path):
    text = "\ufeffnote,label,id\r\nx,yes,T-10\r\ny,,T-11\r\n"
    (tmp_path / "a.csv").write_text(text, encoding="utf-8", newline="")
    assert session.from_csv(tmp_path / "a.csv", annotator="sheet") == 1
    assert session.labels["T-10"] == "yes"
    assert session.history(n=1)[0]["annotator"] == "sheet"


def test_tasks_have_the_form_that_label_studio_reads(tmp_path):
    learner = ActiveLearningClassifier(LogisticRegression(), random_state=0)
    frame = pd.DataFrame({"id": IDS, "n": X[:, 0]}, index=IDS)
    with session_at(tmp_path / "a", X, learner, show=frame) as session:
        session.label("T-0", "no")
        session.label("T-19", "yes")
        session.to_label_studio(tmp_path / "a.json")
        proba = session.learner.predict_proba(X)
    tasks = json.loads((tmp_path / "a.json").read_text())
    assert [task["id"] for task in tasks] == list(range(1, 21))
    for n, task in enumerate(tasks):
        assert task["data"]["skactive_id"] == f'"T-{n}"'
        assert task["data"]["id"] == f"T-{n}"
        assert task["data"]["text"] == f"id: T-{n}\nn: {n}"
        if n in (0, 19):
            assert task["predictions"] == []
            [annotation] = task["annotations"]
            assert annotation["was_cancelled"] is False
            continue
        assert task["annotations"] == []
        [prediction] = task["predictions"]
        assert prediction["score"] == pytest.approx(proba[n].max())
        [part] = prediction["result"]
        assert (part["from_name"], part["to_name"]) == ("label", "shown")
        label = ["no", "yes"][proba[n].argmax()]
        assert (part["type"], part["value"]) == ("choices", {"choices": [label]})


def exported(id, *annotations):
    return {
        "id": 1,
        "data": {"skactive_id": json.dumps(id)},
        "annotations": [
            {
                "id": 7,
                "was_cancelled": cancelled,
                "completed_by": who,
                "result": [
                    {
                        "from_name": "label",
                        "to_name": "shown",
                        "type": "choices",
                        "value": {"choices": choices},
                    }
                ]
                if choices
                else [],
            }
            for who, choices, cancelled in annotations
        ],
        "predictions": [],
    }


def test_cancelled_and_empty_annotations_are_no_labels(session):
    tasks = [
        exported("T-10", (1, ["yes"], False)),
        exported("T-11", (1, ["yes"], True)),
        exported("T-12", (1, [], False)),
        exported("T-13"),
        exported("T-14", (1, ["no"], True), (2, ["yes"], False)),
        exported("T-15", ({"id": 3, "email": "a@b.c"}, ["no"], False)),
    ]
    assert session.from_label_studio(tasks) == 3
    new = {
        id: label for id, label in session.labels.items() if id not in ("T-1", "T-3")
    }
    assert new == {"T-10": "yes", "T-14": "yes", "T-15": "no"}
    names = {event["annotator"] for event in session.history() if event["id"] in new}
    assert names == {"label studio: 1", "label studio: 2", "label studio: a@b.c"}


def test_two_who_disagree_in_label_studio_are_a_tie(session):
    both = exported("T-10", (1, ["yes"], False), (2, ["no"], False))
    session.from_label_studio([both])
    assert "T-10" in session.tied_ids


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ({"tasks": []}, "list of tasks"),
        ([1], "list of tasks"),
        ([{"id": 1, "data": {}, "choice": "no"}], "JSON-MIN"),
        ([{"id": 1, "data": {"text": "a"}, "annotations": []}], "no 'skactive_id'"),
        ([exported("T-99", (1, ["no"], False))], "unknown id"),
        ([exported("T-1", (1, ["maybe"], False))], "unknown label"),
        ([exported("T-1", (1, ["no", "yes"], False))], "2 choices"),
    ],
)
def test_a_wrong_export_imports_nothing(session, tasks, said):
    before = session.history()
    good = exported("T-10", (1, ["yes"], False))
    tasks = [good, *tasks] if isinstance(tasks, list) else tasks
    with pytest.raises(ValueError, match=said):
        session.from_label_studio(tasks)
    assert session.history() == before


def test_a_file_that_is_no_json(session, tmp_path):
    (tmp_path / "a.json").write_text("id,label")
    with pytest.raises(ValueError, match="no JSON file"):
        session.from_label_studio(tmp_path / "a.json")
