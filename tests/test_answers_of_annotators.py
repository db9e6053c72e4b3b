"""Answers of several annotators: the table, one label a row, and who is how good."""

import pickle
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import beta
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from session_pool import CLASSES, IDS
from session_pool import X as X_SESSION
from session_pool import learner as session_learner
from skactive import ActiveLearningClassifier, ActiveLearningRegressor
from skactive.labeling import Answers, LabelingSession, _crowd
from skactive.labeling._annotator_quality import (
    balanced,
    share_interval,
    shrunk_share,
)
from skactive.labeling._consensus import majority

NAMES = ["ann", "bob", "eve"]
X, FULL = load_iris(return_X_y=True)


def make(estimator=None, **params):
    estimator = LogisticRegression(max_iter=1000) if estimator is None else estimator
    return ActiveLearningClassifier(estimator, random_state=0, **params)


def noisy(accuracies, rng):
    """A column of answers for each accuracy."""
    wrong = (FULL[:, None] + rng.integers(1, 3, (len(X), len(accuracies)))) % 3
    is_right = rng.random(wrong.shape) < accuracies
    return np.where(is_right, FULL[:, None], wrong)


# The table --------------------------------------------------------------------------

cells = st.one_of(st.none(), st.sampled_from(["cat", "dog", "emu"]))
tables = st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=8)


@given(tables)
@settings(max_examples=100)
def test_wide_and_long_are_the_same_table(wide):
    answers = Answers.from_wide(wide, NAMES)
    frame = answers.to_frame()
    assert list(frame.columns) == ["row", "annotator", "label"]
    found = {
        (row, NAMES[who]): label
        for row, labels in enumerate(wide)
        for who, label in enumerate(labels)
        if label is not None
    }
    assert {(r, a): label for r, a, label in frame.itertuples(index=False)} == found
    assert len(answers) == len(found)
    again = Answers.from_frame(frame, len(wide), NAMES)
    pd.testing.assert_frame_equal(again.to_frame(), frame, check_dtype=False)
    assert_array_equal(again.asked(), np.array(wide) != None)  # noqa: E711


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_columns_of_a_frame_are_annotators(library):
    wrap = pytest.importorskip(library).DataFrame
    wide = wrap({"ann": [0.0, None, 1.0], "bob": [0.0, 1.0, None]})
    answers = Answers.from_wide(wide)
    assert answers.annotators == ["ann", "bob"]
    assert_array_equal(answers.consensus(), [0, 1, 1])
    long = wrap({"row": [2, 1], "annotator": ["bob", "ann"], "label": ["cat", None]})
    answers = Answers.from_frame(long, 3)
    assert answers.annotators == ["ann", "bob"]
    assert answers.consensus().tolist() == [None, None, "cat"]
    assert answers.asked().tolist() == [[False, False], [True, False], [False, True]]


def test_names_of_columns():
    assert Answers.from_wide([[0, 1]]).annotators == [0, 1]
    assert Answers.from_wide([[0, 1]], np.array(["a", "b"])).annotators == ["a", "b"]


def test_answers_are_only_added():
    answers = Answers(4, NAMES)
    answers.add([0, 1], ["ann", "bob"], [3, 5])
    answers.add([2], "eve", [-1])  # a class before the others
    answers.add([0, 3], "ann", [3, 5])  # the first once more
    assert answers.to_frame().to_numpy().tolist() == [
        [0, "ann", 3.0],
        [1, "bob", 5.0],
        [2, "eve", -1.0],
        [3, "ann", 5.0],
    ]
    assert answers.classes.tolist() == [-1, 3, 5]
    before = pickle.dumps(answers)
    with pytest.raises(ValueError, match=r"'bob' has given row 1 the label 5, and now"):
        answers.add([2, 1], "bob", [3, 3])
    with pytest.raises(ValueError, match="'eve' has given row 0"):
        answers.add([0, 0], "eve", [3, 5])
    assert pickle.dumps(answers) == before
    assert len(pickle.loads(before)) == 4


def test_who_does_not_know_was_asked():
    answers = Answers(3, NAMES)
    answers.add([0, 1, 2], "ann", ["cat", None, None])
    assert answers.asked()[:, 0].all()
    assert answers.consensus().tolist() == ["cat", None, None]
    answers.add([1], "ann", ["dog"])  # now she does
    assert answers.consensus().tolist() == ["cat", "dog", None]
    assert len(answers) == 4
    nothing = Answers(2, NAMES)
    nothing.add([0], "ann", [None])
    assert nothing.consensus().tolist() == [None, None]


@pytest.mark.parametrize(
    ("add", "message"),
    [
        (([4], "ann", ["cat"]), "rows must be a list of positions"),
        (([-1], "ann", ["cat"]), "rows must be a list of positions"),
        (([0], "joe", ["cat"]), "Unknown annotator 'joe'; the annotators are"),
        (([0, 1], ["ann", "joe"], ["cat", "cat"]), "Unknown annotator 'joe'"),
        (([0, 1], "ann", ["cat"]), "2 rows, 2 annotators and 1 labels"),
        (([0, 1], ["ann"], ["cat", "cat"]), "2 rows, 1 annotators and 2 labels"),
        (([0], "ann", [0.5]), "continuous"),
        (([0], "ann", [3]), "mixes"),
    ],
)
def test_bad_answers(add, message):
    answers = Answers(4, NAMES)
    answers.add([0], "eve", ["dog"])
    with pytest.raises(ValueError, match=message):
        answers.add(*add)
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Answers(0, NAMES), "n_samples must be"),
        (lambda: Answers(X, NAMES), "n_samples must be"),
        (lambda: Answers(3, []), "annotators must be the names"),
        (lambda: Answers(3, ["a", "a"]), "all different"),
        (lambda: Answers(3, [None]), "texts or whole numbers"),
        (lambda: Answers.from_wide([0, 1]), r"got the shape \(2,\)"),
        (lambda: Answers.from_wide([[0, 1]], ["a"]), "2 columns for 1 annotators"),
        (lambda: Answers.from_frame(pd.DataFrame({"row": []}), 3), "and lacks"),
    ],
)
def test_bad_tables(build, message):
    with pytest.raises(ValueError, match=message):
        build()


# One label a row --------------------------------------------------------------------


def by_hand(wide):
    """The labels that a row may get, in plain Python."""
    n_right, n_all = [0.0] * 3, [0] * 3
    for labels in wide:
        given = [label for label in labels if label is not None]
        for who, label in enumerate(labels):
            if label is not None and len(given) > 1:
                others = len(given) - 1
                n_right[who] += (given.count(label) - 1) / others
                n_all[who] += 1
    common = (sum(n_right) + 0.5) / (sum(n_all) + 1)
    quality = [
        (r + 10 * common) / (n + 10) for r, n in zip(n_right, n_all, strict=True)
    ]
    possible = []
    for labels in wide:
        counts = Counter(label for label in labels if label is not None)
        best = [k for k, n in counts.items() if n == max(counts.values())]
        support = {
            k: sum(q for q, label in zip(quality, labels, strict=True) if label == k)
            for k in best
        }
        top = max(support.values(), default=0)
        possible.append({k for k, s in support.items() if s > top - 1e-9} or {None})
    return possible


@given(tables)
@settings(max_examples=300)
def test_majority_then_quality_then_chance(wide):
    y = Answers.from_wide(wide, NAMES).consensus()
    y = [None if label != label else label for label in y.tolist()]  # no label at all
    for label, possible in zip(y, by_hand(wide), strict=True):
        assert label in possible


def test_what_is_left_is_random():
    answers = Answers.from_wide(np.tile([0, 1, 2], (3000, 1)))
    y = answers.consensus(random_state=1)
    assert np.abs(np.bincount(y.astype(int)) - 1000).max() < 100
    assert_array_equal(y, answers.consensus(random_state=1))
    assert (y != answers.consensus(random_state=2)).any()
    assert_array_equal(
        majority(np.array([[1, 1, 0]] * 2), draws=np.array([0, 0.99])), [0, 1]
    )


def test_ties_go_to_who_agrees_with_the_model():
    """Where no two others say who is better, the model does."""
    wide = np.full((len(X), 2), np.nan)
    wide[::3, 0] = FULL[::3]
    wide[1::3, 1] = (FULL[1::3] + 1) % 3 * (np.arange(50) % 2) + FULL[1::3] * (
        np.arange(50) % 2 == 0
    )
    wide[2::3, 0], wide[2::3, 1] = FULL[2::3], (FULL[2::3] + 1) % 3
    answers = Answers.from_wide(wide, ["good", "bad"])
    tied = np.arange(2, len(X), 3)
    assert_array_equal(answers.consensus(learner=make(), X=X)[tied], FULL[tied])
    assert (answers.consensus()[tied] != FULL[tied]).any()


def test_functions_decide():
    answers = Answers.from_wide([[0, 1], [1, None], [None, None]])
    frames = []

    def last(frame):
        frames.append(frame)
        return frame.groupby("row")["label"].last()

    assert_array_equal(answers.consensus(last), [1, 1, np.nan])
    assert_array_equal(answers.consensus(lambda frame: {0: 5}), [5, np.nan, np.nan])
    assert answers.consensus(lambda frame: {}).tolist() == [None] * 3
    assert len(frames[0]) == 3
    with pytest.raises(ValueError, match="Rows of the function"):
        answers.consensus(lambda frame: {3: 0})
    with pytest.raises(ValueError, match="must return a Series or a dict"):
        answers.consensus(lambda frame: [0, 1, 1])
    with pytest.raises(ValueError, match="method must be 'majority', 'crowdlab'"):
        answers.consensus("dawid_skene")
    with pytest.raises(ValueError, match="both learner and X"):
        answers.consensus(learner=make())
    with pytest.raises(ValueError, match=r"'crowdlab'.* needs learner and X"):
        answers.consensus("crowdlab")


# Quality ----------------------------------------------------------------------------


class Truth(ClassifierMixin, BaseEstimator):
    """Reads the label off the row, and checks that it was not fitted on it."""

    def fit(self, X, y):
        self.seen_, self.classes_ = set(X[:, 0].tolist()), np.unique(y)
        return self

    def predict(self, X):
        assert not self.seen_ & set(X[:, 0].tolist())
        return X[:, 1].astype(int)


@given(
    st.lists(
        st.tuples(*3 * [st.sampled_from([None, 0, 1, 2])]), min_size=12, max_size=30
    )
)
@settings(max_examples=100)
def test_quality_is_the_agreement_with_held_out_predictions(wide):
    rows = np.column_stack([np.arange(len(wide)), np.arange(len(wide)) % 3])
    wide = [(0, 0, 0), (1, 1, 1), (2, 2, 2)] * 4 + list(wide[12:])
    answers = Answers.from_wide(wide, NAMES)
    quality = answers.quality(make(Truth(), encode_labels=False), rows)
    right = [sum(w[a] == i % 3 for i, w in enumerate(wide)) for a in range(3)]
    n_all = [sum(w[a] is not None for w in wide) for a in range(3)]
    assert quality.n_answers.tolist() == n_all
    common = (sum(right) + 0.5) / (sum(n_all) + 1)
    for a in range(3):
        expected = beta(right[a] + 10 * common, n_all[a] - right[a] + 10 * (1 - common))
        assert_allclose(quality.agreement[a], expected.mean())
        assert_allclose(quality.interval[a], expected.ppf([0.025, 0.975]))
    assert quality.annotators == NAMES
    assert str(quality).startswith("ann  agrees with the model on ")


@pytest.mark.parametrize("accuracies", [[0.95, 0.7, 0.5], [0.5, 0.95, 0.7]])
def test_the_best_is_found_with_one_answer_a_row(accuracies):
    n_found = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        who = rng.integers(3, size=len(X))
        answers = Answers(len(X), NAMES)
        labels = noisy(accuracies, rng)[np.arange(len(X)), who]
        answers.add(range(len(X)), np.array(NAMES)[who], labels)
        quality = answers.quality(make(), X)
        assert (quality.interval[:, 0] < quality.agreement).all()
        assert (quality.agreement < quality.interval[:, 1]).all()
        n_found += quality.agreement.argmax() == np.argmax(accuracies)
    assert n_found >= 18


def test_a_memory_finds_nobody_good():
    """Random labels: a model that learnt from the row itself would agree."""
    rng = np.random.default_rng(0)
    answers = Answers.from_wide(rng.integers(2, size=(400, 1)), ["ann"])
    learner = make(KNeighborsClassifier(1))
    share = answers.quality(learner, rng.normal(size=(400, 3))).agreement[0]
    assert 0.4 < share < 0.6


def test_shrinkage():
    n_right, n_all = np.array([9.0, 0.0, 0.0]), np.array([10.0, 0.0, 1.0])
    shares = shrunk_share(n_right, n_all)
    common = 9.5 / 12
    assert_allclose(shares[1], common)
    assert common < shares[0] < 0.9
    assert 0 < shares[2] < common
    low, high = share_interval(np.zeros(2), np.array([0.0, 1000.0]), 0.95).T
    assert 0 <= low.min() <= high.max() <= 1
    assert high[1] < 0.01


@given(st.lists(st.integers(0, 4), min_size=1, max_size=200))
def test_no_annotator_dominates(who):
    who = np.array(who)
    kept = balanced(who)
    counts = Counter(who.tolist())
    most = 2 * max(sorted(counts.values())[(len(counts) - 1) // 2], 10)
    for name, n_answers in counts.items():
        mine = kept[who == name]
        assert mine.sum() == min(n_answers, most)
        # Evenly spread: halves differ by one at most.
        half = len(mine) // 2
        if len(mine) % 2 == 0:
            assert abs(int(mine[:half].sum()) - int(mine[half:].sum())) <= 1


def test_a_dominant_annotator_does_not_teach_his_mistakes():
    """One gives most answers, and takes one class for another; four others do not."""
    names = ["often", "a", "b", "c", "d"]
    rng = np.random.default_rng(0)
    pool = np.concatenate([X, X + rng.normal(scale=0.05, size=X.shape)])
    labels = np.tile(FULL, 2)
    order = rng.permutation(len(pool))
    few, rest = order[:60].reshape(4, 15), order[60:]
    answers = Answers(len(pool), names)
    answers.add(rest, "often", np.where(labels == 0, 1, labels)[rest])
    for name, rows in zip(names[1:], few, strict=True):
        answers.add(rows, name, labels[rows])
    # A model of all answers agrees with him, and calls the others wrong.
    model = make().fit(pool, answers.consensus())
    assert np.mean(model.predict(pool)[labels == 0] == 1) > 0.9
    quality = answers.quality(make(), pool)
    assert quality.agreement.argmin() == 0


def test_too_few_labels_say_nothing():
    answers = Answers(len(X), NAMES)
    quality = answers.quality(make(), X)
    assert quality.agreement.tolist() == [0.5] * 3
    answers.add([0, 1, 2], NAMES, [0, 0, 0])
    assert answers.quality(make(), X).n_answers.tolist() == [0, 0, 0]
    answers.add([3, 60], "ann", [0, 1])
    few = answers.quality(make(KNeighborsClassifier(20)), X)
    assert few.n_answers.tolist() == [0, 0, 0]


class Broken(Truth):
    def fit(self, X, y):
        raise ValueError("no such column")


class Mute(Broken):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        raise ValueError("no such column")


@pytest.mark.parametrize("estimator", [Broken(), Mute()])
def test_errors_of_the_estimator_are_raised(estimator):
    answers = Answers.from_wide(FULL[:, None])
    with pytest.raises(ValueError, match="no such column"):
        answers.quality(make(estimator), X)


TEXTS = [f"word{label} and word{row % 7}" for row, label in enumerate(FULL)]
FORMS = {
    "array": (X, make()),
    "frame": (pd.DataFrame(X, columns=list("abcd")), make()),
    "polars": (None, make()),
    "pipeline": (X, make_pipeline(StandardScaler(), make())),
    "inside": (X, make(make_pipeline(StandardScaler(), LogisticRegression()))),
    "search": (X, make(GridSearchCV(LogisticRegression(), {"C": [1, 10]}, cv=2))),
    "texts": (TEXTS, make(make_pipeline(CountVectorizer(), LogisticRegression()))),
    "texts outside": (TEXTS, make_pipeline(CountVectorizer(), make())),
    "no probabilities": (X, make(LinearSVC())),
    "committee and audit": (X, make(strategy="information_gain", audit_fraction=0.5)),
    "budget": (X, make(budget=20)),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_rows_and_learners(form):
    rows, learner = FORMS[form]
    if form == "polars":
        rows = pytest.importorskip("polars").DataFrame(X, schema=list("abcd"))
    wide = noisy([0.97, 0.5], np.random.default_rng(0)).astype(float)
    wide[::2, 0], wide[1::2, 1] = np.nan, np.nan
    labels = np.where(
        np.isnan(wide),
        None,
        np.array([["x", "y", "z"]] * 1)[0][np.nan_to_num(wide).astype(int)],
    )
    answers = Answers.from_wide(labels, ["good", "bad"])
    quality = answers.quality(learner, rows)
    assert quality.n_answers.tolist() == [75, 75]
    assert quality.agreement[0] > quality.agreement[1] + 0.1
    fitted = learner.fit(rows, answers.consensus())
    assert_array_equal(answers.quality(fitted, rows).agreement, quality.agreement)


def test_order_and_names_of_annotators_do_not_matter():
    wide = noisy([0.9, 0.7, 0.5], np.random.default_rng(0))
    forth = Answers.from_wide(wide, NAMES)
    back = Answers.from_wide(wide[:, ::-1], NAMES[::-1])
    assert_array_equal(forth.consensus(), back.consensus())
    assert_allclose(
        forth.quality(make(), X).agreement, back.quality(make(), X).agreement[::-1]
    )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"cv": 1}, "cv must be an int, 2 or more"),
        ({"confidence": 1}, "confidence must be between 0 and 1"),
        ({"X": X[:50]}, "X has 50 rows, but the answers are on a pool of 150"),
        ({"learner": ActiveLearningRegressor(LogisticRegression())}, "numbers"),
    ],
)
def test_bad_quality(params, message):
    answers = Answers.from_wide(FULL[:, None])
    with pytest.raises(ValueError, match=message):
        answers.quality(**{"learner": make(), "X": X} | params)
    with pytest.raises(TypeError, match="needs an ActiveLearningClassifier"):
        answers.quality(LogisticRegression(), X)


# Sessions ---------------------------------------------------------------------------


def test_a_session_of_two_shows_qualities(opened, fast_disk, path):
    session = opened()
    truth = np.where(X_SESSION[:, 0] > 0, "yes", "no")
    for row, id in enumerate(IDS):
        name = ["good", "bad"][row % 2]
        wrong = name == "bad" and row % 4 == 1
        label = CLASSES[int((truth[row] == "yes") != wrong)]
        session.label(id, label, annotator=name)
    session.label(IDS[0], CLASSES[0], annotator="bad")
    session.undo(annotator="bad")
    session.discard(IDS[1], annotator="good")
    session.add_labels({IDS[2]: truth[2]}, annotator="rule")
    answers = Answers.from_session(session)
    assert answers.annotators == ["bad", "good", "rule"]
    assert len(answers) == len(IDS) + 1
    assert answers.asked().sum(axis=0).tolist() == [20, 20, 1]
    quality = answers.quality(session_learner(), X_SESSION)
    assert quality.agreement[1] > quality.agreement[0] + 0.1
    # Rows have moved, and one is gone.
    session.close()
    order = np.arange(len(IDS))[:0:-1]
    moved = opened(X_SESSION[order], ids=[IDS[row] for row in order])
    again = Answers.from_session(moved).to_frame()
    expected = answers.to_frame()[lambda frame: frame["row"] > 0]
    assert sorted(
        zip(order[again["row"]], again["annotator"], again["label"], strict=True)
    ) == sorted(
        zip(expected["row"], expected["annotator"], expected["label"], strict=True)
    )
    with pytest.raises(TypeError, match="needs an open LabelingSession"):
        Answers.from_session(LabelingSession.read(path))


def test_a_session_without_labels(opened, fast_disk):
    with pytest.raises(ValueError, match="Nobody has labelled a row"):
        Answers.from_session(opened())


# cleanlab ---------------------------------------------------------------------------


def test_without_cleanlab_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cleanlab", None)
    answers = Answers.from_wide(noisy([0.9, 0.8], np.random.default_rng(0)))
    with pytest.raises(ImportError, match=r"pip install 'skactive\[crowd\]'"):
        answers.consensus("crowdlab", learner=make(), X=X)


def test_what_crowdlab_is_given(monkeypatch):
    given = {}

    def crowdlab(wide, proba):
        given.update(wide=wide, proba=proba)
        return np.zeros(len(wide), dtype=int)

    monkeypatch.setattr("skactive.labeling._answers.crowdlab_consensus", crowdlab)
    wide = noisy([0.9, 0.8], np.random.default_rng(0)).astype(float)
    wide[:10], wide[20:30, 1] = np.nan, np.nan
    full = np.column_stack([wide, np.full(len(X), np.nan)])
    answers = Answers.from_wide(full + 5)
    y = answers.consensus("crowdlab", learner=make(), X=X)
    assert_array_equal(y[:10], np.nan)
    assert (y[10:] == 5).all()
    assert_array_equal(given["wide"], wide[10:])  # neither empty rows nor columns
    assert_allclose(given["proba"].sum(axis=1), 1)
    assert np.mean(given["proba"].argmax(axis=1) == FULL[10:]) > 0.8
    with pytest.raises(ValueError, match="has no predict_proba"):
        answers.consensus("crowdlab", learner=make(LinearSVC()), X=X)


def test_crowdlab_leaves_single_answers():
    answers = Answers.from_wide([["a", None], [None, "b"], [None, None]])
    y = answers.consensus("crowdlab", learner=make(), X=X[:3])  # without cleanlab
    assert y.tolist() == ["a", "b", None]


def test_crowdlab_is_better_than_the_majority():
    pytest.importorskip("cleanlab", reason="cleanlab is an extra")
    wide = noisy([0.95, 0.5, 0.5], np.random.default_rng(0))
    answers = Answers.from_wide(wide)
    y = answers.consensus("crowdlab", learner=make(), X=X)
    assert np.mean(y == FULL) > np.mean(answers.consensus() == FULL) + 0.05
    scores, others = _crowd.activelab_scores(
        wide[:100].astype(float), np.full((100, 3), 1 / 3), np.full((50, 3), 1 / 3)
    )
    assert scores.shape == (100,)
    assert others.shape == (50,)
