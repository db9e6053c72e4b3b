"""Fitting with no budget: what the inner estimator receives, and bad y."""

import warnings

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.linear_model import LogisticRegression

from learners import Recorder, X, full, make, partly


def test_fit_learns_from_labelled_rows_only():
    learner = make(Recorder()).fit(X, partly())
    assert_array_equal(learner.estimator_.X_, X[:30])
    assert_array_equal(learner.estimator_.y_, full[:30])
    assert not hasattr(learner.estimator, "classes_"), "a clone is fitted"
    assert_array_equal(learner.labeled_indices_, np.arange(30))
    assert learner.n_labels_ == 30
    assert learner.termination_condition_ == "exhausted"
    assert {len(column) for column in learner.history_.values()} == {1}
    assert learner.n_features_in_ if hasattr(learner, "n_features_in_") else True


def test_fit_equals_the_inner_fit():
    inner = LogisticRegression().fit(X[:30], full[:30])
    learner = make(LogisticRegression()).fit(X, partly())
    assert_array_equal(learner.estimator_.coef_, inner.coef_)
    for method in (
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
    ):
        assert_array_equal(getattr(learner, method)(X), getattr(inner, method)(X))
    assert learner.score(X, full) == inner.score(X, full)
    assert_array_equal(learner.classes_, inner.classes_)
    assert learner.n_features_in_ == 6


def test_feature_names():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcdef"))
    learner = make().fit(frame, partly())
    assert_array_equal(learner.feature_names_in_, list("abcdef"))
    learner.fit(X, partly())
    assert not hasattr(learner, "feature_names_in_")


# Data kinds are tested in test_containers; here what the inner estimator receives ---


def test_types_reach_the_inner_estimator():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": X[:, 0].astype(np.float32), "b": list("xyz") * 50})
    learner = make(Recorder()).fit(frame, partly())
    assert_array_equal(learner.estimator_.X_.dtypes, frame.dtypes)
    learner = make(Recorder()).fit(X.astype(np.float32), partly())
    assert learner.estimator_.X_.dtype == np.float32
    texts = [f"text {i}" for i in range(150)]
    learner = make(Recorder()).fit(texts, partly())
    assert_array_equal(learner.estimator_.X_, texts[:30])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(learner.query(texts, partly())) == 10


# Errors, each with nothing changed --------------------------------------------------


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.full(150, np.nan), "No row is labelled.*Call query"),
        (full[:100], "inconsistent numbers of samples"),
        (np.linspace(0, 1, 150), "Unknown label type: continuous"),
        (np.c_[full, full], "each label is 0 or 1; y holds 2 in row 1"),
        (None, "requires y to be passed"),
    ],
)
@pytest.mark.parametrize("budget", [None, 20])
def test_bad_y_in_fit(y, message, budget):
    learner = make(budget=budget).fit(X, full)
    before = joblib.hash(vars(learner))
    with pytest.raises(ValueError, match=message):
        learner.fit(X, y)
    assert joblib.hash(vars(learner)) == before


def test_an_error_of_the_estimator_is_not_swallowed():
    class Broken(Recorder):
        def fit(self, X, y):
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        make(Broken()).fit(X, full)
