"""Formulas of normal distributions, against conditioning of joint matrices by hand."""

import numpy as np
from numpy.testing import assert_allclose

from skactive.geometry._gaussian import (
    greedy_gaussian_batch,
    predictive_information,
    variance_reduction,
)


def small_case(seed):
    rng = np.random.default_rng(seed)
    n_rows, n_targets = rng.integers(3, 9), rng.integers(2, 7)
    roots = rng.normal(size=(n_rows + n_targets, 12))
    K = roots @ roots.T
    return K, n_rows, n_targets, float(rng.uniform(0.01, 2))


def conditioned(K, known, noise):
    """Covariance of all values once those at `known` are measured."""
    if not known:
        return K
    inner = K[np.ix_(known, known)] + noise * np.eye(len(known))
    return K - K[:, known] @ np.linalg.solve(inner, K[known])


def test_variance_reduction_is_that_of_a_conditioned_matrix():
    for seed in range(100):
        K, n_rows, n_targets, noise = small_case(seed)
        before = np.trace(K[n_rows:, n_rows:]) / n_targets
        expected = [
            before - np.trace(conditioned(K, [x], noise)[n_rows:, n_rows:]) / n_targets
            for x in range(n_rows)
        ]
        found = variance_reduction(K[:n_rows, n_rows:], np.diag(K)[:n_rows], noise)
        assert_allclose(found, expected)


def test_greedy_batch_is_the_plain_loop():
    for seed in range(100):
        K, n_rows, _, noise = small_case(seed)
        chosen = []
        for _ in range(n_rows):
            left = [
                np.inf
                if x in chosen
                else np.trace(conditioned(K, [*chosen, x], noise)[n_rows:, n_rows:])
                for x in range(n_rows)
            ]
            chosen.append(int(np.argmin(left)))
        found = greedy_gaussian_batch(
            K[:n_rows, n_rows:],
            np.diag(K)[:n_rows],
            noise,
            n_rows,
            column=lambda row, K=K, n=n_rows: K[:n, row],
            rng=np.random.default_rng(0),
        )
        assert found.tolist() == chosen


def test_greedy_information_is_the_plain_loop():
    for seed in range(100):
        K, n_rows, _, noise = small_case(seed)
        chosen = []
        for _ in range(n_rows):
            left = conditioned(K, chosen, noise)
            variance = np.diag(left)
            gains = predictive_information(
                left[:n_rows, n_rows:], variance[:n_rows], variance[n_rows:], noise
            )
            gains[chosen] = -1
            chosen.append(int(np.argmax(gains)))
        found = greedy_gaussian_batch(
            K[:n_rows, n_rows:],
            np.diag(K)[:n_rows],
            noise,
            n_rows,
            column=lambda row, K=K, n=n_rows: K[:n, row],
            target_variance=np.diag(K)[n_rows:],
            rng=np.random.default_rng(0),
        )
        assert found.tolist() == chosen


def test_predictive_information_is_a_difference_of_entropies():
    for seed in range(100):
        K, n_rows, n_targets, noise = small_case(seed)
        noisy = K + noise * np.eye(len(K))
        expected = np.zeros(n_rows)
        for x in range(n_rows):
            for t in range(n_rows, n_rows + n_targets):
                pair = noisy[np.ix_([x, t], [x, t])]
                alone = np.log(noisy[x, x]) + np.log(noisy[t, t])
                expected[x] += (alone - np.log(np.linalg.det(pair))) / 2
        variance = np.diag(K)
        found = predictive_information(
            K[:n_rows, n_rows:], variance[:n_rows], variance[n_rows:], noise
        )
        assert_allclose(found, expected / n_targets)


def test_nothing_is_told_where_nothing_is_unknown():
    zeros = np.zeros((3, 2))
    assert variance_reduction(zeros, np.zeros(3), 0.0).tolist() == [0, 0, 0]
    found = predictive_information(zeros, np.zeros(3), np.zeros(2), 0.0)
    assert found.tolist() == [0, 0, 0]
    batch = greedy_gaussian_batch(
        zeros,
        np.zeros(3),
        0.0,
        3,
        column=lambda row: np.zeros(3),
        rng=np.random.default_rng(0),
    )
    assert sorted(batch.tolist()) == [0, 1, 2]
