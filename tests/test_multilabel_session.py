"""Sessions in which a row may have several labels."""

import json
import urllib.error

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from multilabel import ESTIMATORS, TRUTH, L, N, X
from page_client import Client, open_session, served
from skactive import ActiveLearningClassifier
from skactive.labeling import LabelingSession
from skactive.labeling._board import Choice
from skactive.labeling._items import why
from skactive.labeling._vocabulary import vocabulary

NAMES = ["sky", "sea", "sand", "sun"]
TEXTS = [f"message {i}" for i in range(8)]


def names_of(row):
    return [name for name, value in zip(NAMES, row, strict=True) if value]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "pictures.skactive"


def open_one(path, learner=None, **options):
    options = {"classes": NAMES, "multilabel": True, "annotator": "ann"} | options
    return LabelingSession(path, X, learner, **options)


def test_labels_are_sets_and_y_is_a_matrix(path):
    with open_one(path, ids=range(N)) as session:
        for row in (5, 2, 9):
            event = session.label(row, names_of(TRUTH[row]))
        assert set(event["label"]) == set(names_of(TRUTH[9]))
        session.label(11, [])
        y = session.y
        assert y.shape == (N, L)
        assert_array_equal(y[[5, 2, 9]], TRUTH[[5, 2, 9]])
        assert_array_equal(y[11], np.zeros(L))
        assert np.isnan(np.delete(y, [5, 2, 9, 11], axis=0)).all()
        assert session.labels[11] == ()
        assert session.status()["n_labels"] == 4
        session.undo()
        assert np.isnan(session.y[11]).all()


def test_a_session_asks_learns_and_goes_on(path):
    learner = ActiveLearningClassifier(
        ESTIMATORS["one_vs_rest"], "margin", batch_size=5, random_state=0
    )
    with open_one(path, learner, ids=range(N)) as session:
        for item in session:
            session.label(item.id, names_of(TRUTH[item.position]))
            assert session.wait(60)
            assert session.status()["error"] is None
            if session.status()["n_labels"] == 15:
                break
        item = session.take()[0]
        assert item.strategy == "Margin()"
        assert isinstance(item.guess, tuple)
        assert item.guess_proba is None
        assert "The model takes it for" in item.why
        model = session.learner
        assert_array_equal(model.predict(X).shape, TRUTH.shape)
        plain = ActiveLearningClassifier(ESTIMATORS["one_vs_rest"], random_state=0)
        assert_array_equal(plain.fit(X, session.y).predict(X), model.predict(X))
        before = session.y
    with LabelingSession(path, X, learner, ids=range(N)) as again:  # as in the file
        assert again.multilabel
        assert_array_equal(again.y, before)
    record = LabelingSession.read(path)
    assert record.multilabel
    assert len(record.labels) == 15


def test_audits(path):
    learner = ActiveLearningClassifier(
        ESTIMATORS["forest"], "margin", audit_fraction=0.5, random_state=0
    )
    with open_one(path, learner, ids=range(N)) as session:
        for item in session:
            session.label(item.id, names_of(TRUTH[item.position]))
            if session.status()["n_labels"] == 20:
                break
        assert session.wait(60)
        assert session.status()["error"] is None
        found = session.audit()
        assert found.n_audited == 10
        assert 0 <= found.interval[0] < found.interval[1] <= 1


def test_majority_of_equal_sets_whatever_their_order(path):
    with open_one(path, ids=range(N)) as session:
        session.label(0, ["sky", "sea"], annotator="a")
        session.label(0, ["sea", "sky"], annotator="b")
        session.label(0, ["sea"], annotator="c")
        assert set(session.labels[0]) == {"sky", "sea"}
        session.label(1, ["sky", "sea"], annotator="a")
        session.label(1, ["sky"], annotator="b")
        assert session.tied_ids == [1]
        assert np.isnan(session.y[1]).all()
        (found,) = [v for k, v in session.agreement().items() if k == ("a", "b")]
        assert found.agreement == 0.5


def test_classes_in_another_order_and_new_ones(path):
    with open_one(path, ids=range(N)) as session:
        session.label(3, ["sky", "sand"])
    turned = [*reversed(NAMES), "fog"]
    with open_one(path, ids=range(N), classes=turned) as session:
        assert_array_equal(session.y[3], [0, 1, 0, 1, 0])
        session.label(3, ["sand", "sky"], annotator="b")
        assert session.tied_ids == []
    with pytest.raises(ValueError, match="lacks 'sky', which rows of the file have"):
        open_one(path, ids=range(N), classes=["sea", "sand", "sun"])


def test_an_undo_that_brings_a_class_back_which_is_gone(path):
    with open_one(path, ids=range(N)) as session:
        session.label(3, ["sky", "sand"])
        session.label(3, ["sand"])
    with open_one(path, ids=range(N), classes=["sea", "sand", "sun"]) as session:
        assert_array_equal(session.y[3], [0, 1, 0])
        session.undo()
        assert np.isnan(session.y[3]).all()  # and not a set without it


def test_tables_come_back(path, tmp_path):
    with open_one(path, ids=range(N)) as session:
        for row in range(6):
            session.label(row, names_of(TRUTH[row]))
        session.to_csv(tmp_path / "a.csv")
        session.to_label_studio(tmp_path / "a.json")
        y = session.y
    tasks = json.loads((tmp_path / "a.json").read_text())
    choices = tasks[0]["annotations"][0]["result"][0]["value"]["choices"]
    assert set(choices) == set(names_of(TRUTH[0]))
    with open_one(tmp_path / "b.skactive", ids=range(N)) as other:
        assert other.from_csv(tmp_path / "a.csv") == 6
        assert_array_equal(other.y, y)
    with open_one(tmp_path / "c.skactive", ids=range(N)) as other:
        assert other.from_label_studio(tmp_path / "a.json") == 6
        assert_array_equal(other.y, y)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("sky", "a label is a list of classes"),
        (["sky", "snow"], "'?snow'? .*is not among classes"),
        ([["sky"]], "is not among classes"),
        (None, "a label is a list of classes"),
    ],
)
def test_what_is_no_set_of_labels(path, label, message):
    with open_one(path, ids=range(N)) as session:
        with pytest.raises(ValueError, match=message):
            session.label(0, label)
        assert session.labels == {}


def test_what_cannot_be(path):
    with pytest.raises(ValueError, match="has at most 62 classes; got 63"):
        open_one(path, ids=range(N), classes=[f"k{n}" for n in range(63)])
    with open_one(path, ids=range(N)):
        pass
    with pytest.raises(ValueError, match="multilabel=True, which cannot be changed"):
        open_one(path, ids=range(N), multilabel=False)
    learner = ActiveLearningClassifier(ESTIMATORS["forest"], missing_label=0)
    with pytest.raises(ValueError, match="0 and 1 say whether"):
        open_one(path.with_name("other.skactive"), learner, ids=range(N))


def test_codes_of_sets_by_hand():
    words = vocabulary(NAMES, True)
    for number in range(2**L):
        label = tuple(NAMES[bit] for bit in range(L) if number >> bit & 1)
        assert words.label(number) == label
        assert words.get(words.text(label), -1) == number
        # The same in every process, whatever the order of classes.
        assert json.loads(words.text(label)) == sorted(label)
    assert words.get("discarded", -1) == -1
    codes = np.array([-1, 0, 5])
    expected = [[np.nan] * L, [0, 0, 0, 0], [1, 0, 1, 0]]
    assert_array_equal(words.as_y(codes), expected)
    many = vocabulary([f"k{n}" for n in range(62)], True)
    every = many.text(many.classes)
    assert_array_equal(many.as_y(np.array([many.get(every, -1)])), np.ones((1, 62)))


def test_why_names_a_set_without_probabilities():
    choice = Choice(0, "Margin()", 0.5, guess=3, rank=0, n_known=4, n_ranked=9)
    text = why(choice, vocabulary(NAMES, True))
    assert text.endswith("The model takes it for sky, sea.")
    text = why(choice._replace(guess=0), vocabulary(NAMES, True))
    assert text.endswith("The model takes it for none of the labels.")


def test_the_page_sends_and_gets_lists(tmp_path):
    pytest.importorskip("starlette")
    with (
        open_session(tmp_path / "a.skactive", TEXTS, multilabel=True) as session,
        served(session) as page,
    ):
        client = Client(page)
        row = client.take()[0]["id"]
        found = client.label(row, ['"how-to"', '"billing"'])
        assert set(json.loads(found["event"]["label"])) == {'"how-to"', '"billing"'}
        assert set(session.labels[json.loads(row)]) == {"how-to", "billing"}
        for wrong in ("billing", ["billing"], ['"no class"'], [3]):
            with pytest.raises(urllib.error.HTTPError, match="400"):
                client.label(client.take()[0]["id"], wrong)
        assert len(session.labels) == 1
