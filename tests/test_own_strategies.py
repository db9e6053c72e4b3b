"""Strategies that users write: what they may define, and what is said of mistakes."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.linear_model import LogisticRegression

from skactive import ActiveLearningClassifier, get_strategy
from skactive.strategies import BatchStrategy, PointwiseStrategy, Strategy

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 3))
ANSWERS = (X[:, 0] > 0).astype(int)
Y = np.where(np.arange(40) < 10, ANSWERS, np.nan)


def make(strategy, **params):
    params = {"random_state": 0, "batch_size": 3} | params
    return ActiveLearningClassifier(LogisticRegression(), strategy=strategy, **params)


class Called(Strategy):
    """Defines `__call__` only."""

    def __call__(self, estimator, X, y=None):
        return X[:, 1]


def test_a_strategy_may_define_call_only():
    best = 10 + np.argsort(-X[10:, 1])[:3]
    assert_array_equal(make(Called()).fit(X, Y).query(X, Y), best)
    assert_array_equal(Called().select(None, X, Y, n_queries=3), best)
    model = LogisticRegression().fit(X, ANSWERS)
    both = Called() + get_strategy("margin")
    assert_array_equal(both(model, X), X[:, 1] + get_strategy("margin")(model, X))
    assert make(Called(), budget=12).fit(X, ANSWERS).n_labels_ == 12


@pytest.mark.parametrize(
    ("base", "name"),
    [
        (Strategy, "score_candidates"),
        (PointwiseStrategy, "score_rows"),
        (BatchStrategy, "pick"),
    ],
)
def test_what_is_not_defined_is_named(base, name):
    class Empty(base):
        pass

    with pytest.raises(TypeError, match=f"Empty must define {name}"):
        make(Empty()).fit(X, Y).query(X, Y)


WRONG = {
    "positions among the candidates": lambda batch: np.arange(batch.n_queries),
    "a row twice": lambda batch: batch.candidates[[0, 0, 1]],
    "too many": lambda batch: batch.candidates[: batch.n_queries + 1],
    "none": lambda batch: batch.candidates[:0],
    "negative": lambda batch: -batch.candidates[:3],
    "out of range": lambda batch: batch.candidates[:3] + 1000,
    "floats": lambda batch: batch.candidates[:3] / 1.0,
    "a mask": lambda batch: np.arange(40) < 3,
    "nothing": lambda batch: None,
}


class Picks(BatchStrategy):
    def __init__(self, how, embedding=None):
        self.how = how
        self.embedding = embedding

    def pick(self, batch):
        return WRONG[self.how](batch)


class Selects(Strategy):
    def __init__(self, how):
        self.how = how

    def select(self, estimator, X, y=None, *, n_queries, random_state=None):
        class Batch:
            candidates = np.flatnonzero(np.isnan(y))

        Batch.n_queries = n_queries
        return WRONG[self.how](Batch)


@pytest.mark.parametrize("kind", [Picks, Selects])
@pytest.mark.parametrize("how", WRONG)
def test_wrong_choices_are_refused(kind, how):
    learner = make(kind(how)).fit(X, Y)
    with pytest.raises(ValueError, match=f"{kind.__name__}.* must choose 1 to 3 dist"):
        learner.query(X, Y)


def test_fewer_rows_than_asked_for_are_allowed():
    class Single(BatchStrategy):
        def pick(self, batch):
            return batch.candidates[:1].tolist()

    assert make(Single()).fit(X, Y).query(X, Y).tolist() == [10]
    assert make(Single(), budget=12).fit(X, ANSWERS).n_labels_ == 12
