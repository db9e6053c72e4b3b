"""Labels of one class only, or no labels yet."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from learners import X, full, make, partly
from skactive.strategies import Strategy


@pytest.mark.parametrize(
    "estimator", [LogisticRegression(), LinearSVC(), RandomForestClassifier()]
)
@pytest.mark.parametrize("strategy", ["margin", "information_gain"])
def test_one_class_never_breaks_the_loop(estimator, strategy):
    learner = make(estimator, strategy)
    y = np.where(np.arange(150) < 3, "only", None)
    learner.fit(X, y)
    assert (learner.predict(X) == "only").all()
    assert learner.classes_.tolist() == ["only"]
    assert_array_equal(learner.score_samples(X), 0)
    if hasattr(learner, "predict_proba"):
        assert_array_equal(learner.predict_proba(X), np.ones((150, 1)))
    if hasattr(learner, "decision_function"):
        assert_array_equal(learner.decision_function(X), np.zeros(150))
    rows = learner.query(X, y, n_queries=9)
    assert len(set(rows.tolist())) == 9
    assert min(rows) >= 3
    y[rows] = "other"
    assert set(learner.fit(X, y).predict(X)) == {"only", "other"}


def test_a_dummy_of_the_user_is_no_placeholder():
    learner = make(DummyClassifier(), "random").fit(X, np.where(full == 0, 0, np.nan))
    assert learner.predict_proba(X).shape == (150, 1)


@pytest.mark.parametrize("vectorizer", [CountVectorizer(analyzer=lambda row: row)])
def test_one_class_of_rows_of_any_length(vectorizer):
    rows = [["word"] * (1 + i % 7) + [f"w{i % 5}"] for i in range(150)]
    learner = make(make_pipeline(vectorizer, LogisticRegression()))
    y = np.where(full == 0, 0, np.nan)
    learner.fit(rows, y)
    assert not hasattr(learner, "n_features_in_")
    assert len(learner.query(rows, y)) == 10
    assert len(learner.fit(rows, partly()).query(rows, partly())) == 10


def test_cold_start():
    learner = make(batch_size=7)
    first = learner.query(X, np.full(150, np.nan))
    assert len(set(first.tolist())) == 7
    assert_array_equal(learner.query(X, np.full(150, np.nan)), first)
    assert_array_equal(learner.query(X), first)
    with pytest.raises(NotFittedError):
        learner.predict(X)
    with pytest.raises(NotFittedError):
        learner.score_samples(X)


def test_query_uses_the_initial_strategy_until_there_are_two_classes():
    class First(Strategy):
        def score_candidates(self, estimator, X, y, candidates):
            return -candidates.astype(float)

    learner = make(initial_strategy=First(), batch_size=3)
    y = np.full(150, np.nan)
    assert learner.query(X, y).tolist() == [0, 1, 2]
    y[:3] = 1
    assert learner.fit(X, y).query(X, y).tolist() == [3, 4, 5]
    y[3:6] = 0
    assert learner.fit(X, y).query(X, y).tolist() != [6, 7, 8]


def test_rounds_are_independent_draws():
    # With the same draw in every round, later picks would lie next to earlier ones.
    learner = make(strategy="random", batch_size=10)
    pool, y = np.zeros((10_000, 1)), np.full(10_000, np.nan)
    rounds = []
    for _ in range(20):
        rounds.append(learner.query(pool, y))
        y[rounds[-1]] = 0
    gaps = np.abs(np.subtract.outer(rounds[0], np.concatenate(rounds[1:])))
    # 190 picks, 10 places: 0.4 picks are expected within 10 rows of a place.
    assert (gaps.min(axis=0) <= 10).sum() <= 15
