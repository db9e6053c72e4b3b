"""The learner inside pipelines, searches and cross-validation."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skactive import ActiveLearningClassifier, query
from skactive.strategies import Entropy, Margin

X, codes = make_classification(
    n_samples=240, n_features=6, n_informative=4, n_classes=3, random_state=0
)
y = np.array(["egg", "ham", "spam"])[codes]
LEARNER = ActiveLearningClassifier(
    LogisticRegression(), budget=24, batch_size=8, random_state=0
)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_grid_search(n_jobs):
    grid = {
        "strategy": ["random", "margin", Entropy() + Margin()],
        "batch_size": [4, 12],
        "estimator__C": [0.1, 1],
    }
    search = GridSearchCV(LEARNER, grid, cv=3, n_jobs=n_jobs).fit(X, y)
    assert len(search.cv_results_["params"]) == 12
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = search.best_estimator_
    assert best.n_labels_ == 24
    again = clone(LEARNER).set_params(**search.best_params_).fit(X, y)
    assert_array_equal(again.labeled_indices_, best.labeled_indices_)
    assert_allclose(search.score_samples(X), best.score_samples(X))
    assert_array_equal(query(search, X[1:]), best.query(X[1:]))
    assert_array_equal(query(clone(search), X), LEARNER.query(X))


def test_grid_search_over_parameters_of_strategies():
    mixture = Entropy() + 0.5 * Margin()
    grid = {
        "strategy__left__normalize": [False, True],
        "strategy__right__left__value": [0.0, 1.0],
    }
    learner = clone(LEARNER).set_params(strategy=mixture)
    search = GridSearchCV(learner, grid, cv=2).fit(X, y)
    assert set(search.best_params_) == set(grid)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_halving_search_with_labels_as_the_resource():
    search = HalvingGridSearchCV(
        LEARNER,
        {"strategy": ["random", "margin"], "estimator__C": [0.1, 1]},
        resource="budget",
        min_resources=10,
        max_resources=40,
        factor=2,
        cv=2,
        random_state=0,
    ).fit(X, y)
    assert search.n_resources_ == [10, 20, 40]
    assert search.best_estimator_.n_labels_ == 40


@pytest.mark.parametrize("budget", [3, 24])
def test_scores_that_need_every_class(budget):
    # A budget of three labels leaves out a class in most folds.
    learner = clone(LEARNER).set_params(budget=budget)
    for scoring in ("roc_auc_ovr", "neg_log_loss", "accuracy", "balanced_accuracy"):
        scores = cross_val_score(learner, X, y, cv=5, scoring=scoring)
        assert np.isfinite(scores).all(), scoring
    proba = cross_val_predict(learner, X, y, cv=5, method="predict_proba")
    assert_allclose(proba.sum(axis=1), 1)
    assert proba.shape == (240, 3)


def test_binary_scores():
    for inner in (LogisticRegression(), GaussianNB()):
        learner = clone(LEARNER).set_params(estimator=inner, budget=2)
        scores = cross_val_score(learner, X, y == "ham", cv=5, scoring="roc_auc")
        assert np.isfinite(scores).all()


def test_last_step_of_a_pipeline():
    pipeline = Pipeline([("scale", StandardScaler()), ("learn", LEARNER)])
    grid = {
        "learn__strategy": ["random", "margin"],
        "learn__batch_size": [8],
        "learn__estimator__C": [1, 10],
    }
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X, y)
    assert search.best_estimator_["learn"].n_labels_ == 24
    partly = np.where(np.arange(240) < 30, y, None)
    rows = query(search, X, partly, n_queries=5)
    assert min(rows) >= 30
    scaled = search.best_estimator_[:-1].transform(X)
    expected = search.best_estimator_[-1].query(scaled, partly, n_queries=5)
    assert_array_equal(rows, expected)


def test_pipeline_inside_and_a_learner_in_a_learner_of_searches():
    inner = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression()),
        {"logisticregression__C": [0.1, 1]},
        cv=2,
    )
    learner = ActiveLearningClassifier(inner, random_state=0, n_initial=30, budget=50)
    assert cross_val_score(learner, X, y, cv=2).mean() > 0.5


def test_nothing_of_a_test_fold_is_bought():
    result = cross_validate(
        LEARNER, X, y, cv=4, return_estimator=True, return_indices=True
    )
    for learner, train in zip(
        result["estimator"], result["indices"]["train"], strict=True
    ):
        assert learner.n_labels_ == 24
        assert learner.labeled_indices_.max() < len(train)
        bought = train[learner.labeled_indices_]
        alone = LogisticRegression().fit(X[np.sort(bought)], y[np.sort(bought)])
        assert_allclose(learner.predict_proba(X), alone.predict_proba(X), atol=1e-6)


def test_weights_through_a_search_with_routing():
    weight = np.linspace(0.5, 2, 240)
    with config_context(enable_metadata_routing=True):
        inner = LogisticRegression().set_fit_request(sample_weight=True)
        learner = clone(LEARNER).set_params(estimator=inner)
        learner.set_score_request(sample_weight=True)
        search = GridSearchCV(learner, {"strategy": ["random", "margin"]}, cv=2)
        search.fit(X, y, sample_weight=weight)
        best = search.best_estimator_
        rows = np.sort(best.labeled_indices_)
        alone = LogisticRegression().fit(X[rows], y[rows], sample_weight=weight[rows])
        assert_allclose(best.predict_proba(X), alone.predict_proba(X), atol=1e-6)
