"""Oracles of BAIT and of expected model change for numbers, as plain loops."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, Ridge

from skactive._models.wrappers import Fitted
from skactive.strategies import Bait, ExpectedModelChange


def small_case(seed):
    rng = np.random.default_rng(seed)
    n_rows, n_features = int(rng.integers(8, 20)), int(rng.integers(1, 4))
    X = rng.standard_normal((n_rows, n_features)) * rng.uniform(0.3, 3, n_features)
    y = np.full(n_rows, np.nan)
    labeled = rng.permutation(n_rows)[: n_features + 2]
    y[labeled] = X[labeled].sum(axis=1) + rng.standard_normal(len(labeled))
    return rng, X, y, np.sort(labeled)


@pytest.mark.parametrize("seed", range(100))
def test_bait_makes_the_variance_of_predictions_small(seed):
    rng, X, y, labeled = small_case(seed)
    alpha = float(rng.choice([0.1, 1.0, 5.0]))
    model = Ridge(alpha).fit(X[labeled], y[labeled])
    rows = np.column_stack([X, np.ones(len(X))])
    target = sum(np.outer(row, row) for row in rows) / len(rows)
    information = np.diag([alpha] * X.shape[1] + [0.0])
    for row in rows[labeled]:
        information += np.outer(row, row)

    def trace_with(row):
        return np.trace(np.linalg.inv(information + np.outer(row, row)) @ target)

    chosen = Bait(oversampling=1).select(model, X, y, n_queries=3, random_state=0)
    left = [row for row in range(len(X)) if row not in labeled]
    for row in chosen:
        traces = {other: trace_with(rows[other]) for other in left}
        assert traces[row] <= min(traces.values()) * (1 + 1e-6)
        information += np.outer(rows[row], rows[row])
        left.remove(row)


@pytest.mark.parametrize("has_intercept", [True, False])
@pytest.mark.parametrize("seed", range(50))
def test_model_change_is_the_mean_length_of_the_gradient(seed, has_intercept):
    rng, X, y, labeled = small_case(seed)
    model = Ridge(fit_intercept=has_intercept).fit(X[labeled], y[labeled])
    samples = [rng.choice(labeled, len(labeled)) for _ in range(4)]
    members = [
        LinearRegression(fit_intercept=has_intercept).fit(X[rows], y[rows])
        for rows in samples
    ]
    expected = []
    for row in X:
        h = np.append(row, [1.0] * has_intercept)
        f = model.predict(row[np.newaxis])[0]
        lengths = []
        for member in members:  # of the gradient of (f - label)^2 / 2
            label = member.predict(row[np.newaxis])[0]
            lengths.append(np.linalg.norm((f - label) * h))
        expected.append(np.mean(lengths))
    found = ExpectedModelChange()(Fitted(model, members), X)
    assert_allclose(found, expected)


def test_without_a_linear_layer_only_the_members_count():
    _, X, y, labeled = small_case(0)
    forest = RandomForestRegressor(6, random_state=0).fit(X[labeled], y[labeled])
    answers = np.array([tree.predict(X) for tree in forest.estimators_])
    expected = np.abs(answers - forest.predict(X)).mean(axis=0)
    assert_allclose(ExpectedModelChange()(forest, X), expected)
