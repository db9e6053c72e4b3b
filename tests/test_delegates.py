"""What the learner passes on: its methods, its score, the classes it knows."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.ensemble import StackingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from learners import X, full, make, partly


def test_methods_are_there_when_the_inner_estimator_has_them():
    expected = {
        LogisticRegression(): {
            "predict_proba",
            "predict_log_proba",
            "decision_function",
        },
        LinearSVC(): {"decision_function"},
        GaussianNB(): {"predict_proba", "predict_log_proba", "partial_fit"},
        KNeighborsClassifier(): {"predict_proba"},
        make_pipeline(LinearSVC()): {"decision_function"},
    }
    optional = set.union(*expected.values())
    for estimator, names in expected.items():
        for learner in (make(estimator), make(estimator).fit(X, full)):
            assert {name for name in optional if hasattr(learner, name)} == names
        # one class only: a constant stands in, and nothing else changes
        learner = make(estimator).fit(X, np.where(full == 0, 0, np.nan))
        assert {name for name in optional if hasattr(learner, name)} == names


def test_score_ignores_rows_without_a_label():
    learner = make().fit(X, partly())
    y = partly(90)
    assert learner.score(X, y) == learner.score(X[:90], full[:90])
    weight = np.arange(150.0)
    assert learner.score(X, y, sample_weight=weight) == learner.estimator_.score(
        X[:90], full[:90], weight[:90]
    )
    with pytest.raises(ValueError, match="No row is labelled"):
        learner.score(X, partly(0))


# Estimators that know other classes, or none ----------------------------------------


def test_an_estimator_fitted_beforehand_knows_further_classes():
    frozen = FrozenEstimator(GaussianNB().fit(X, full))
    learner = make(frozen, "random").fit(X, np.where(full < 2, full, np.nan))
    assert_array_equal(learner.classes_, [0, 1, 2])
    assert_allclose(learner.predict_proba(X), frozen.predict_proba(X))
    learner.fit(X, np.where(full < 2, full + 1, np.nan) * 2)
    assert_array_equal(learner.classes_, [0, 1, 2, 4])
    assert_array_equal(learner.predict_proba(X)[:, :3], frozen.predict_proba(X))


def test_an_estimator_without_classes():
    class Plain(BaseEstimator):
        def fit(self, X, y):
            self.known_ = np.unique(y)
            return self

        def predict(self, X):
            return np.full(len(X), self.known_[0])

        def predict_proba(self, X):
            return np.tile(np.eye(len(self.known_))[0], (len(X), 1))

    learner = make(Plain()).fit(X, partly())
    assert learner.predict_proba(X).shape == (150, 3)
    with pytest.warns(UserWarning, match="the choice is random"):
        assert len(learner.query(X[1:])) == 10


def test_stacking_hides_its_methods_until_it_is_fitted():
    stacking = StackingClassifier([("nb", GaussianNB())], cv=2)
    learner = make(stacking).fit(X, partly())
    assert len(learner.query(X[1:])) == 10
    assert learner.predict_proba(X).shape == (150, 3)
