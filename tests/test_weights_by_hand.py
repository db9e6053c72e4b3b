"""Queries by hand see the sample weights that a fit with a budget sees."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skactive import (
    ActiveLearningClassifier,
    get_strategy,
    get_strategy_names,
    query,
)

X, Y = make_classification(
    120, 4, n_informative=3, n_redundant=0, n_classes=2, flip_y=0.2, random_state=3
)
Y = Y.astype(float)
WEIGHT = np.random.default_rng(0).choice([0.05, 1.0, 20.0], size=len(Y))
HEED = [
    "expected_error",
    "value_of_information",
    "variance_reduction",
    "bait",
    "disagreement",
]
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*equally useful"),
    pytest.mark.filterwarnings("ignore:.*left out in turn"),
    pytest.mark.filterwarnings("ignore:PredictedLoss"),
]


@pytest.fixture(autouse=True)
def _routing():
    with config_context(enable_metadata_routing=True):
        yield


def named(name):
    """The strategy; those that need parameters of a kind get them."""
    if name == "judged":
        return get_strategy("expected_error", estimator=weighted())
    if name == "mixture":
        return get_strategy("entropy") + 2 * get_strategy("expected_error")
    if name == "disagreement":
        teacher = RandomForestClassifier(5, random_state=0)
        teacher.set_fit_request(sample_weight=True)
        return get_strategy(name).set_params(estimator=teacher)
    return get_strategy(name)


def names():
    ready = []
    for name in get_strategy_names(task="classification"):
        if "estimator" not in get_strategy(name).get_params(deep=False):
            ready.append(name)
    return [*sorted({*ready, *HEED}), "judged", "mixture"]


def weighted(**params):
    return LogisticRegression(**params).set_fit_request(sample_weight=True)


def by_hand(strategy, n_rounds=3, **metadata):
    """The rows that queries by hand give, in order, and the learner."""
    learner = ActiveLearningClassifier(
        weighted(), strategy, batch_size=8, random_state=0
    )
    y = np.full(len(Y), np.nan)
    chosen = []
    for _ in range(n_rounds):
        rows = learner.query(X, y, **metadata)
        chosen.extend(rows.tolist())
        y[rows] = Y[rows]
        learner.fit(X, y, sample_weight=WEIGHT)
    return chosen, learner, y


@pytest.mark.parametrize("name", names())
def test_by_hand_is_by_budget(name):
    chosen, learner, _ = by_hand(named(name), sample_weight=WEIGHT)
    budgeted = ActiveLearningClassifier(
        weighted(), named(name), batch_size=8, budget=24, random_state=0
    ).fit(X, Y, sample_weight=WEIGHT)
    assert_array_equal(chosen, budgeted.labeled_indices_)
    assert_array_equal(learner.estimator_.coef_, budgeted.estimator_.coef_)


@pytest.mark.parametrize("name", ["expected_error", "variance_reduction", "judged"])
def test_weights_count(name):
    chosen, learner, y = by_hand(named(name), sample_weight=WEIGHT)
    with pytest.warns(UserWarning, match=r"last fit had a sample_weight.*query\(X, y"):
        bare = learner.query(X, y, 30)
    assert_array_equal(
        bare, learner.query(X, y, 30, sample_weight=np.ones(len(Y)))
    )  # all alike
    assert not np.array_equal(bare, learner.query(X, y, 30, sample_weight=WEIGHT))
    with pytest.warns(UserWarning, match="last fit had a sample_weight"):
        learner.explain_query(X, chosen[:1], y)


def test_only_labelled_rows_weigh():
    _, learner, y = by_hand("expected_error", sample_weight=WEIGHT)
    some = np.where(np.isnan(y), np.nan, WEIGHT)
    assert_array_equal(
        learner.query(X, y, sample_weight=some),
        learner.query(X, y, sample_weight=WEIGHT.tolist()),
    )
    told = learner.explain_query(X, [5, 7], y, sample_weight=some)
    assert told == learner.explain_query(X, [5, 7], y, sample_weight=WEIGHT)
    skip = learner.query(X, y, sample_weight=some)[:2]
    again = learner.query(X, y, skip=skip, sample_weight=some)
    assert not set(skip) & set(again)


def test_strategies_that_fit_nothing_do_not_ask_for_weights():
    _, learner, y = by_hand("margin")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learner.query(X, y)


def test_through_a_pipeline():
    _, learner, y = by_hand("expected_error", sample_weight=WEIGHT)
    expected = learner.query(X, y, sample_weight=WEIGHT)
    assert_array_equal(query(learner, X, y, sample_weight=WEIGHT), expected)
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    inside = ActiveLearningClassifier(
        make_pipeline(scaler, weighted()), "expected_error", random_state=0
    ).fit(X, y, sample_weight=WEIGHT)
    rows = inside.query(X, y, sample_weight=WEIGHT)
    with pytest.warns(UserWarning, match="last fit had a sample_weight"):
        assert not np.array_equal(rows, inside.query(X, y))


def test_wrong_weights():
    _, learner, y = by_hand("expected_error", sample_weight=WEIGHT)
    with pytest.raises(ValueError, match="inconsistent"):
        learner.query(X, y, sample_weight=WEIGHT[:-1])
    with pytest.raises(TypeError, match="unexpected"):
        learner.query(X, y, weight=WEIGHT)
    with (
        config_context(enable_metadata_routing=False),
        pytest.raises(ValueError, match="sample_weight"),
    ):
        learner.query(X, y, sample_weight=WEIGHT)
