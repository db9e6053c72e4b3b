"""skactive.query: the learner inside a pipeline or a search."""

import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from learners import X, full, make, partly
from skactive import query


def test_query_finds_the_learner():
    y = partly()
    scaler = StandardScaler().fit(X)
    learner = make().fit(scaler.transform(X), y)
    expected = learner.query(scaler.transform(X), y)
    pipeline = make_pipeline(StandardScaler(), make()).fit(X, y)
    assert_array_equal(query(pipeline, X, y), expected)
    assert_array_equal(query(learner, scaler.transform(X), y), expected)
    assert len(query(pipeline, X, y, n_queries=3)) == 3
    nested = make_pipeline(StandardScaler(), make_pipeline("passthrough", make()))
    assert_array_equal(query(nested.fit(X, y), X, y), expected)
    assert_allclose(
        pipeline.score_samples(X), learner.score_samples(scaler.transform(X))
    )


def test_query_of_what_is_not_fitted():
    expected = make().query(X)
    assert_array_equal(query(make(), X), expected)
    assert_array_equal(query(make_pipeline(StandardScaler(), make()), X), expected)


def test_query_of_a_frozen_learner():
    learner, y = make().fit(X, partly()), partly()
    assert_array_equal(query(FrozenEstimator(learner), X, y), learner.query(X, y))


def test_query_does_not_fall_back_to_a_learner_that_is_not_fitted():
    grid = {"estimator__var_smoothing": [1e-9]}
    search = GridSearchCV(make(), grid, cv=2, refit=False).fit(X, full)
    calibrated = CalibratedClassifierCV(make(), cv=2).fit(X, full)
    for estimator in (search, calibrated):
        with pytest.raises(ValueError, match="keeps no single fitted learner"):
            query(estimator, X)
        assert len(query(clone(estimator), X)) == 10


def test_query_finds_no_learner():
    for estimator in (GaussianNB(), make_pipeline(GaussianNB())):
        with pytest.raises(TypeError, match="needs an ActiveLearningClassifier"):
            query(estimator, X)
