import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    BaseCrossValidator,
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    LeavePOut,
    PredefinedSplit,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
    TunedThresholdClassifierCV,
    cross_validate,
    learning_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.tree import DecisionTreeClassifier

from skactive import ActiveLearningClassifier
from skactive.model_selection import LabeledKFold, mask_missing

SCORINGS = ["accuracy", "f1_macro", "neg_log_loss", "roc_auc_ovr"]
NAMES = np.array(["setosa", "versicolor", "virginica"])


def partly_labeled(n_hidden=100):
    X, answers = load_iris(return_X_y=True)
    hidden = np.zeros(len(X), dtype=bool)
    hidden[np.random.RandomState(0).permutation(len(X))[:n_hidden]] = True
    return X, answers, hidden


def with_missing(answers, hidden):
    """The same labels in each form that a partly labelled y takes."""
    strings = NAMES[answers]
    numbers = pd.Series(answers).astype("Int64").mask(hidden)
    return {
        "NaN": (np.where(hidden, np.nan, answers), np.nan),
        "-1": (np.where(hidden, -1, answers), -1),
        "None with strings": (np.where(hidden, None, strings.astype(object)), np.nan),
        "list of None": (np.where(hidden, None, strings).tolist(), np.nan),
        "pd.NA": (numbers, np.nan),
        "pd.NA with strings": (
            pd.Series(strings, dtype="string").mask(hidden),
            np.nan,
        ),
        "categorical": (
            pd.Series(strings).astype("category").mask(hidden),
            np.nan,
        ),
        "masked": (np.ma.MaskedArray(answers, hidden), np.nan),
        "question mark": (np.where(hidden, "?", strings), "?"),
        "mask_missing of objects": (
            mask_missing(numbers.astype(object).to_numpy()),
            np.nan,
        ),
    }


def handmade(cv, y, hidden):
    """Folds of the labelled rows, made by hand, and those without a label."""
    labeled, unlabeled = np.flatnonzero(~hidden), np.flatnonzero(hidden)
    for train, test in cv.split(np.zeros((len(labeled), 1)), y[labeled]):
        yield np.concatenate([labeled[train], unlabeled]), labeled[test]


FORMS = list(with_missing(np.zeros(2, dtype=int), np.array([True, False])))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("scoring", SCORINGS)
@pytest.mark.parametrize("piped", [False, True])
def test_grid_search_is_that_of_labeled_rows(form, scoring, piped):
    """To the last digit what a search over hand-made labelled-only folds gives."""
    X, answers, hidden = partly_labeled()
    y, missing_label = with_missing(answers, hidden)[form]
    learner = ActiveLearningClassifier(
        LogisticRegression(max_iter=500), missing_label=missing_label
    )
    model = make_pipeline(StandardScaler(), learner) if piped else learner
    prefix = "activelearningclassifier__" if piped else ""
    grid = {f"{prefix}estimator__C": [0.01, 1]}
    cv = LabeledKFold(3, missing_label=missing_label)
    search = GridSearchCV(model, grid, scoring=scoring, cv=cv).fit(X, y)

    plain = LogisticRegression(max_iter=500)
    folds = handmade(StratifiedKFold(3), answers, hidden)
    scores = np.empty((2, 3))
    scorer = sklearn.metrics.get_scorer(scoring)
    for k, (train, test) in enumerate(folds):
        known = train[~hidden[train]]
        scaler = StandardScaler().fit(X[train])
        transform = scaler.transform if piped else np.asarray
        for i, C in enumerate([0.01, 1]):
            model = clone(plain).set_params(C=C)
            model.fit(transform(X)[known], answers[known])
            scores[i, k] = scorer(model, transform(X)[test], answers[test])
    found = search.cv_results_
    for k in range(3):
        assert_array_equal(found[f"split{k}_test_score"], scores[:, k])
    assert search.best_index_ == scores.mean(axis=1).argmax()
    best = search.best_estimator_
    assert (best[-1] if piped else best).n_labels_ == 50


def test_without_it_minus_one_would_be_a_class():
    X, answers, hidden = partly_labeled(75)
    y = np.where(hidden, -1, answers)
    learner = ActiveLearningClassifier(
        LogisticRegression(max_iter=500), missing_label=-1
    )
    wrong = cross_validate(learner, X, y, scoring="accuracy")["test_score"].mean()
    cv = LabeledKFold(missing_label=-1)
    right = cross_validate(learner, X, y, cv=cv, scoring="accuracy")
    assert wrong < 0.6 < 0.9 < right["test_score"].mean()


SPLITTERS = [
    StratifiedKFold(3),
    StratifiedKFold(3, shuffle=True, random_state=0),
    KFold(4),
    RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0),
    ShuffleSplit(4, test_size=0.3, random_state=0),
    StratifiedShuffleSplit(4, test_size=0.3, random_state=0),
    TimeSeriesSplit(4),
    GroupKFold(3),
    StratifiedGroupKFold(3),
    LeaveOneGroupOut(),
    LeaveOneOut(),
]


@pytest.mark.parametrize("inner", SPLITTERS, ids=lambda cv: type(cv).__name__)
def test_splits_of_labeled_rows(inner):
    X, answers, hidden = partly_labeled()
    y = np.where(hidden, np.nan, answers)
    groups = np.arange(len(X)) % 7
    cv = LabeledKFold(inner)
    labeled = np.flatnonzero(~hidden)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # groups that are not heeded
        expected = list(inner.split(X[labeled], answers[labeled], groups[labeled]))
        found = list(cv.split(X, y, groups))
        again = list(cv.split(X, y, groups))
        assert cv.get_n_splits(X, y, groups) == len(found) == len(expected)
    for (train, test), (part, test_part) in zip(found, expected, strict=True):
        assert_array_equal(test, labeled[test_part])
        assert_array_equal(train[: len(part)], labeled[part])
        assert_array_equal(train[len(part) :], np.flatnonzero(hidden))
    for one, other in zip(found, again, strict=True):
        assert_array_equal(one[0], other[0])
        assert_array_equal(one[1], other[1])
    if "Group" in type(inner).__name__:
        for train, test in found:
            known = train[~hidden[train]]
            assert not set(groups[known]) & set(groups[test])


def test_int_means_stratified():
    X, answers, hidden = partly_labeled()
    y = np.where(hidden, np.nan, answers)
    for cv, n_splits in ((4, 4), (np.int64(4), 4), (None, 5)):
        found = list(LabeledKFold(cv).split(X, y))
        expected = list(handmade(StratifiedKFold(n_splits), answers, hidden))
        assert LabeledKFold(cv).get_n_splits() == n_splits == len(found)
        for one, other in zip(found, expected, strict=True):
            assert_array_equal(one[0], other[0])
            assert_array_equal(one[1], other[1])


@pytest.mark.parametrize("once", [True, False])
def test_iterable_speaks_of_positions_in_x(once):
    y = np.array([0, np.nan, 1, 0, np.nan, 1])
    splits = [([0, 1, 2], [3, 4, 5]), ([3, 5], [0, 1, 2])]
    cv = LabeledKFold(iter(splits) if once else splits)
    for _ in range(2):
        found = [tuple(map(list, s)) for s in cv.split(np.zeros(6), y)]
        assert found == [([0, 2, 1, 4], [3, 5]), ([3, 5, 1, 4], [0, 2])]
    assert cv.get_n_splits() == 2
    masks = [(np.arange(6) < 3, np.arange(6) >= 3)]
    ((train, test),) = LabeledKFold(masks).split(np.zeros(6), y)
    assert train.tolist() == [0, 2, 1, 4]
    assert test.tolist() == [3, 5]


def test_predefined_split_speaks_of_all_rows():
    y = np.array([0, np.nan, 1, 0, np.nan, 1])
    cv = LabeledKFold(PredefinedSplit([0, 0, 0, 1, 1, 1]))
    found = [tuple(map(list, s)) for s in cv.split(np.zeros(6), y)]
    assert found == [([3, 5, 1, 4], [0, 2]), ([0, 2, 1, 4], [3, 5])]


def test_splitter_sees_labeled_rows_of_any_container():
    pl = pytest.importorskip("polars")
    seen = []

    class Looking(BaseCrossValidator):
        def split(self, X, y=None, groups=None):
            seen.append((X, y, groups))
            yield np.array([0]), np.array([1])

        def get_n_splits(self, X=None, y=None, groups=None):
            return 1

    frame = pd.DataFrame({"a": [1.0, 2, 3]}, index=["x", "y", "z"])
    labels = pl.Series(["p", None, "q"])
    cv = LabeledKFold(Looking())
    ((train, test),) = cv.split(frame, labels, pd.Series([5, 6, 7]))
    assert (train.tolist(), test.tolist()) == ([0, 1], [2])
    X, y, groups = seen.pop()
    assert list(X.index) == ["x", "z"]
    assert y.tolist() == ["p", "q"]
    assert list(groups) == [5, 7]
    ((train, test),) = cv.split(["one", "two", "three"], labels)
    assert (train.tolist(), test.tolist()) == ([0, 1], [2])
    assert seen.pop()[0] == ["one", "three"]


def test_groups_reach_a_search_with_and_without_routing():
    X, answers, hidden = partly_labeled()
    y = np.where(hidden, np.nan, answers)
    groups = np.arange(len(X)) % 7
    learner = ActiveLearningClassifier(LogisticRegression(max_iter=500))
    inner = StratifiedGroupKFold(3)
    search = GridSearchCV(learner, {"estimator__C": [1]}, cv=LabeledKFold(inner))
    search.fit(X, y, groups=groups)
    folds = list(LabeledKFold(inner).split(X, y, groups))
    expected = GridSearchCV(learner, {"estimator__C": [1]}, cv=folds).fit(X, y)
    for k in range(3):
        name = f"split{k}_test_score"
        assert_array_equal(search.cv_results_[name], expected.cv_results_[name])
    with sklearn.config_context(enable_metadata_routing=True):
        routed = clone(search).fit(X, y, groups=groups)
        with pytest.raises(TypeError, match="groups"):
            clone(search).set_params(cv=LabeledKFold(3)).fit(X, y, groups=groups)
    assert routed.best_score_ == expected.best_score_
    with pytest.raises(ValueError, match="groups"):
        list(LabeledKFold(GroupKFold(3)).split(X, y))


def test_repr_and_clone():
    assert repr(LabeledKFold(3)) == "LabeledKFold(cv=3, missing_label=nan)"
    cv = LabeledKFold(GroupKFold(2), missing_label=-1)
    assert "cv=GroupKFold(" in repr(cv)
    search = GridSearchCV(LogisticRegression(), {"C": [1]}, cv=cv)
    copy = clone(search).cv
    assert copy is not cv
    assert isinstance(copy.cv, GroupKFold)
    assert copy.missing_label == -1
    generator = (split for split in [([0], [1])])
    assert clone(LabeledKFold(generator), safe=False).cv == [([0], [1])]


def test_errors():
    X = np.zeros((6, 1))
    with pytest.raises(ValueError, match="needs y"):
        next(LabeledKFold(2).split(X))
    with pytest.raises(ValueError, match="No row is labelled"):
        next(LabeledKFold(2).split(X, [None] * 6))
    with pytest.raises(ValueError, match="inconsistent numbers"):
        next(LabeledKFold(2).split(X, [1, None]))
    with pytest.raises(ValueError, match=r"3 labels at least.*\{0: 2, 1: 1\}"):
        next(LabeledKFold(3).split(X, [0, None, 0, 1, None, None]))
    splits = [([1], [0]), ([0], [1])]
    with pytest.raises(ValueError, match=r"split 1 .* no labelled row"):
        list(LabeledKFold(splits).split(X, [0, None, 1, None, None, None]))
    with pytest.raises(ValueError, match="Got five"):
        next(LabeledKFold("five").split(X, [0] * 6))
    with pytest.raises(ValueError, match=r"strings mixed|of one kind"):
        next(LabeledKFold(2).split(X, [0, "a", None, 1, 1, 0]))


def test_rare_class_is_warned_of_as_without_missing_labels():
    y = np.array([0.0, 0, 0, 0, 1, np.nan])
    with pytest.warns(UserWarning, match="least populated class"):
        folds = list(LabeledKFold(2).split(np.zeros((6, 1)), y))
    assert sum(4 in test for _, test in folds) == 1


def test_number_of_splits_that_depends_on_rows():
    y = [0, None, 1, 0]
    for X in (np.zeros((4, 1)), None):
        assert LabeledKFold(LeaveOneOut()).get_n_splits(X, y) == 3
        assert LabeledKFold(LeavePOut(2)).get_n_splits(X, y) == 3
        groups = [0, 1, 2, 2]
        assert LabeledKFold(LeaveOneGroupOut()).get_n_splits(X, y, groups) == 2


def test_learning_curve_counts_labels():
    X, answers, hidden = partly_labeled()
    y = np.where(hidden, np.nan, answers)
    # Its training rows come shuffled; iris is sorted by class.
    inner = StratifiedShuffleSplit(3, test_size=16, random_state=0)
    learner = ActiveLearningClassifier(LogisticRegression(max_iter=500))
    sizes, train_scores, scores = learning_curve(
        learner,
        X,
        y,
        cv=LabeledKFold(inner),
        train_sizes=[10, 20, 34],
        scoring="accuracy",
    )
    assert sizes.tolist() == [10, 20, 34]
    labeled = np.flatnonzero(~hidden)
    expected = learning_curve(
        LogisticRegression(max_iter=500),
        X[labeled],
        answers[labeled],
        cv=inner,
        train_sizes=[10, 20, 34],
        scoring="accuracy",
    )
    assert_array_equal(train_scores, expected[1])
    assert_array_equal(scores, expected[2])


@pytest.mark.parametrize("strings", [False, True])
def test_tuned_threshold(strings):
    X, answers = load_breast_cancer(return_X_y=True)
    hidden = np.random.RandomState(0).uniform(size=len(X)) < 0.8
    labels = np.array(["benign", "malignant"])[answers] if strings else answers
    y = np.where(hidden, None, labels.astype(object))
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    learner = ActiveLearningClassifier(tree)
    tuned = TunedThresholdClassifierCV(learner, cv=LabeledKFold(3))
    with pytest.raises(ValueError, match=r"Unknown label type|NaN"):
        tuned.fit(X, y)
    tuned.fit(X, mask_missing(y))
    labeled = np.flatnonzero(~hidden)
    plain = TunedThresholdClassifierCV(tree, cv=StratifiedKFold(3))
    plain.fit(X[labeled], labels[labeled])
    assert tuned.best_threshold_ == plain.best_threshold_
    assert tuned.best_score_ == plain.best_score_
    assert_array_equal(tuned.predict(X), plain.predict(X))


def test_self_training_and_plain_estimators():
    X, answers, hidden = partly_labeled()
    y = np.where(hidden, -1, answers)
    cv = LabeledKFold(3, missing_label=-1)
    model = SelfTrainingClassifier(LogisticRegression(max_iter=500))
    assert cross_validate(model, X, y, cv=cv)["test_score"].mean() > 0.8
    with pytest.raises(ValueError, match="NaN"):
        cross_validate(
            LogisticRegression(),
            X,
            np.where(hidden, np.nan, answers),
            cv=LabeledKFold(3),
            error_score="raise",
        )


@pytest.mark.parametrize("form", FORMS)
def test_mask_missing(form):
    _, answers, hidden = partly_labeled()
    y, missing_label = with_missing(answers, hidden)[form]
    masked = mask_missing(y, missing_label)
    assert masked.dtype.kind in "iufUO"
    assert_array_equal(masked.mask, hidden)
    known = masked[~hidden].data
    labels = NAMES[answers] if isinstance(known[0], str) else answers
    assert masked.dtype.kind != "O" or isinstance(known[0], str)
    assert_array_equal(known, labels[~hidden])
    assert set(masked.data) == set(known)
    with pytest.raises(ValueError, match="No row is labelled"):
        mask_missing([None, None])
