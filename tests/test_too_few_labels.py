"""Estimators that need more labels than there are: campaigns go on without them."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import TargetEncoder
from sklearn.svm import LinearSVC

from skactive import ActiveLearningClassifier, get_strategy
from skactive.labeling import label_pool
from skactive.model_selection import active_learning_curve
from skactive.strategies import Judged

X, Y = load_iris(return_X_y=True)
WAITS = "initial strategy chooses until there are more"

# Estimators, and whether three labels of two or three classes are too few for them.
DEMANDING = {
    "neighbours": KNeighborsClassifier(5),
    "bagged neighbours": BaggingClassifier(KNeighborsClassifier(4), n_estimators=3),
    "a vote with neighbours": VotingClassifier(
        [("near", KNeighborsClassifier(7)), ("bayes", GaussianNB())], voting="soft"
    ),
    "calibrated": CalibratedClassifierCV(LinearSVC(), cv=3),
    "a search": GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9, 1e-3]}, cv=5),
    "stacking": StackingClassifier(
        [("bayes", GaussianNB()), ("near", KNeighborsClassifier(2))], cv=3
    ),
    "cross-validated": LogisticRegressionCV(Cs=2, cv=4, max_iter=200),
    "target encoder": make_pipeline(TargetEncoder(cv=5), LogisticRegression()),
    "quadratic": QuadraticDiscriminantAnalysis(),
    "linear": LinearDiscriminantAnalysis(solver="eigen"),
}
NOISE = [
    "ignore:The least populated class",
    "ignore:.*equally useful",
    "ignore:.*fits failed",
    "ignore:One or more of the test scores",
    "ignore::FutureWarning",
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore:Variables are collinear",
    "ignore:The covariance matrix",
]
pytestmark = [pytest.mark.filterwarnings(text) for text in NOISE]


def run(estimator, **params):
    """A campaign from nothing, and our warnings that the estimator waits."""
    params = {"budget": 40, "random_state": 0, **params}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        learner = ActiveLearningClassifier(estimator, **params).fit(X, Y)
    return learner, [str(w.message) for w in caught if WAITS in str(w.message)]


@pytest.mark.parametrize("batch_size", [1, 3, 10])
@pytest.mark.parametrize("name", DEMANDING)
def test_a_campaign_from_no_labels(name, batch_size):
    learner, told = run(DEMANDING[name], batch_size=batch_size)
    assert learner.n_labels_ == 40
    assert len(set(learner.labeled_indices_.tolist())) == 40
    assert learner.score(X, Y) > 0.6
    assert len(told) <= 1
    if batch_size == 1:
        assert "with 2 labels" in told[0]
        assert "Error: " in told[0]


def test_the_initial_strategy_chooses_meanwhile():
    waiting, told = run(KNeighborsClassifier(12), batch_size=3, budget=18)
    initial, _ = run(GaussianNB(), strategy="cold_start", batch_size=3, budget=18)
    assert_array_equal(waiting.labeled_indices_[:12], initial.labeled_indices_[:12])
    assert not np.array_equal(waiting.labeled_indices_, initial.labeled_indices_)
    assert "Expected n_neighbors <= n_samples_fit" in told[0]


@pytest.mark.filterwarnings(f"ignore:.*{WAITS}")
def test_by_hand_as_by_budget():
    learner = ActiveLearningClassifier(
        KNeighborsClassifier(5), batch_size=2, random_state=0
    )
    y = np.full(len(Y), np.nan)
    for _ in range(6):
        rows = learner.query(X, y)
        y[rows] = Y[rows]
        learner.fit(X, y)
    expected, _ = run(KNeighborsClassifier(5), batch_size=2, budget=12)
    assert set(learner.labeled_indices_) == set(expected.labeled_indices_)


def test_a_query_by_hand_warns():
    y = np.full(len(Y), np.nan)
    y[[0, 100]] = Y[[0, 100]]
    learner = ActiveLearningClassifier(KNeighborsClassifier(5), random_state=0)
    learner.fit(X, y)
    with pytest.warns(UserWarning, match=f"with 2 labels.*{WAITS}.*n_neighbors"):
        rows = learner.query(X, y, 3)
    with pytest.warns(UserWarning, match="not fitted, so initial_strategy"):
        first = ActiveLearningClassifier(GaussianNB(), random_state=0).query(X, y, 3)
    assert_array_equal(rows, first)
    with pytest.warns(UserWarning, match=WAITS):
        learner.query(X[1:], n_queries=3)  # without labels
    with pytest.warns(UserWarning, match=WAITS):
        told = learner.explain_query(X, rows, y)
    assert "ColdStart" in told[0]["strategy"]
    with pytest.raises(ValueError, match="n_neighbors"):
        learner.predict(X)


def test_a_fit_by_hand_says_that_query_goes_on():
    y = np.full(len(Y), np.nan)
    y[[0, 100]] = Y[[0, 100]]
    learner = ActiveLearningClassifier(DEMANDING["calibrated"], random_state=0)
    with pytest.raises(ValueError, match="3-fold cross-validation") as error:
        learner.fit(X, y)
    (note,) = error.value.__notes__
    assert "too few labels" in note
    assert "2 to learn from" in note
    assert not hasattr(learner, "estimator_")
    assert len(learner.query(X, y)) == 10


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_labels_that_run_out():
    with pytest.raises(ValueError, match="3-fold cross-validation") as error:
        run(DEMANDING["calibrated"], budget=4, batch_size=2)
    assert "too few labels" in error.value.__notes__[0]


class Fails(ClassifierMixin, BaseEstimator):
    """Refuses to be fitted, or to answer, for another reason than a want of labels."""

    def __init__(self, when="fit", kind=ValueError):
        self.when = when
        self.kind = kind

    def fit(self, X, y):
        if self.when == "fit":
            raise self.kind("broken")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def predict_proba(self, X):
        if self.when == "predict":
            raise self.kind("broken")
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


@pytest.mark.parametrize("kind", [ValueError, RuntimeError, MemoryError])
@pytest.mark.parametrize("when", ["fit", "predict"])
def test_other_errors_are_raised_as_they_are(when, kind):
    learner = ActiveLearningClassifier(Fails(when, kind), budget=30, random_state=0)
    with pytest.raises(kind, match="broken") as error:
        learner.fit(X, Y)
    assert not getattr(error.value, "__notes__", ())


class FailsOnce(GaussianNB):
    """Raises an error in its first fit, and none thereafter."""

    failures = 0

    def fit(self, X, y):
        FailsOnce.failures += 1
        if FailsOnce.failures == 1:
            raise ValueError("a hiccup")
        return super().fit(X, y)


def test_an_error_by_chance_is_no_want_of_labels():
    FailsOnce.failures = 0
    learner = ActiveLearningClassifier(FailsOnce(), budget=30, random_state=0)
    with pytest.raises(ValueError, match="a hiccup") as error:
        learner.fit(X, Y)
    assert not getattr(error.value, "__notes__", ())


@pytest.mark.filterwarnings(f"ignore:.*{WAITS}")
def test_callbacks_go_on():
    if not hasattr(ActiveLearningClassifier, "set_callbacks"):
        pytest.skip("scikit-learn has callbacks from 1.9 on")
    from sklearn.callback import ProgressBar

    learner = ActiveLearningClassifier(
        DEMANDING["calibrated"], budget=24, batch_size=3, random_state=0
    )
    expected = clone(learner).fit(X, Y)
    learner.set_callbacks(ProgressBar(max_propagation_depth=0)).fit(X, Y)
    assert_array_equal(learner.labeled_indices_, expected.labeled_indices_)


def test_a_row_that_no_estimator_takes():
    broken = X.copy()
    broken[5, 0] = np.nan
    y = np.full(len(Y), np.nan)
    y[[5, 100]] = Y[[5, 100]]
    learner = ActiveLearningClassifier(DEMANDING["calibrated"], random_state=0)
    with pytest.raises(ValueError, match="3-fold") as error:
        learner.fit(broken, y)
    # More labels would not help.
    assert not getattr(error.value, "__notes__", ())


def test_label_pool_goes_on():
    learner = ActiveLearningClassifier(
        DEMANDING["calibrated"], batch_size=3, random_state=0
    )
    with pytest.warns(UserWarning, match=WAITS) as caught:
        result = label_pool(learner, X, lambda rows: Y[rows], budget=30)
    assert sum(WAITS in str(w.message) for w in caught) == 1
    assert result.learner.n_labels_ == 30


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_label_pool_whose_budget_is_too_small():
    learner = ActiveLearningClassifier(
        DEMANDING["calibrated"], batch_size=3, random_state=0
    )
    with pytest.raises(ValueError, match="cross-validation") as error:
        label_pool(learner, X, lambda rows: Y[rows], budget=3)
    assert np.count_nonzero(~np.isnan(error.value.labeling_result.y)) == 3


def test_a_judge_that_needs_more_labels():
    strategy = Judged(get_strategy("entropy"), DEMANDING["calibrated"])
    learner, told = run(GaussianNB(), strategy=strategy, batch_size=3, budget=24)
    assert learner.n_labels_ == 24
    assert told


@pytest.mark.filterwarnings(f"ignore:.*{WAITS}")
def test_curves():
    curve = active_learning_curve(
        ActiveLearningClassifier(KNeighborsClassifier(5), batch_size=3),
        X, Y, budget=15, cv=2, n_repeats=1, random_state=0,
    )  # fmt: skip
    assert curve.test_scores.shape == (2, 5, 2)
    assert np.isfinite(curve.test_scores).all()


@pytest.mark.filterwarnings(f"ignore:.*{WAITS}")
def test_weights_of_unlabelled_rows_may_be_missing():
    y = np.full(len(Y), np.nan)
    y[[0, 100]] = Y[[0, 100]]
    weight = np.where(np.isnan(y), np.nan, 1.0)
    with config_context(enable_metadata_routing=True):
        inner = LinearSVC().set_fit_request(sample_weight=True)
        estimator = CalibratedClassifierCV(inner, cv=3)
        estimator.set_fit_request(sample_weight=True)
        learner = ActiveLearningClassifier(estimator, random_state=0)
        with pytest.raises(ValueError, match="3-fold") as error:
            learner.fit(X, y, sample_weight=weight)
    assert "too few labels" in error.value.__notes__[0]
