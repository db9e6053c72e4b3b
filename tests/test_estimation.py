"""Unbiased estimates, against enumeration of everything that chance may bring."""

import itertools
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.linear_model import LogisticRegression

from skactive.estimation import (
    jackknife_interval,
    lure_weights,
    smoothed_bootstrap_interval,
    unbiased_risk,
    wilson_interval,
)
from skactive.strategies import Entropy, FunctionStrategy
from skactive.strategies._stochastic import Power, Softmax, Softrank

LOSSES = np.array([0.0, 3.0, 1.0, 1.0, 7.0])
WEIGHTS = np.array([1.0, 0.2, 5.0, 2.0, 0.01])


def outcomes(weights, n):
    """Each ordered draw without replacement: its picks, and their probabilities."""
    for picks in itertools.permutations(range(len(weights)), n):
        left, q = sum(weights), []
        for i in picks:
            q.append(weights[i] / left)
            left -= weights[i]
        yield list(picks), q


# LURE -------------------------------------------------------------------------------


@pytest.mark.parametrize("n_picks", [1, 2, 3, 4, 5])
def test_unbiased_over_all_outcomes(n_picks):
    mean = naive = total = 0.0
    for picks, q in outcomes(WEIGHTS, n_picks):
        chance = math.prod(q)
        total += chance
        mean += chance * unbiased_risk(LOSSES[picks], q, 5).estimate
        naive += chance * LOSSES[picks].mean()
    assert math.isclose(total, 1)
    assert_allclose(mean, LOSSES.mean(), rtol=1e-9)
    if n_picks < 5:
        assert abs(naive - LOSSES.mean()) > 0.1


def test_unbiased_where_weights_follow_from_what_was_found():
    """Probabilities may depend on the losses seen so far, as in a campaign."""

    def visit(picks, chances):
        if len(picks) == 3:
            found = unbiased_risk(LOSSES[picks], chances, 5)
            return math.prod(chances) * found.estimate
        left = [i for i in range(5) if i not in picks]
        weights = np.array([1 + i * sum(LOSSES[j] for j in picks) for i in left])
        q = weights / weights.sum()
        return sum(
            visit([*picks, i], [*chances, p]) for i, p in zip(left, q, strict=True)
        )

    assert_allclose(visit([], []), LOSSES.mean(), rtol=1e-12)


def test_uniform_choice_is_a_plain_mean():
    q = 1 / (9 - np.arange(4))
    assert_allclose(lure_weights(q, 9), np.ones(4))
    found = unbiased_risk([1, 0, 0, 1], q, 9)
    assert_allclose(found.estimate, 0.5)
    assert_allclose(lure_weights(1 / (4 - np.arange(4)), 4), np.ones(4))


def test_whole_pool_is_exact():
    for picks, q in outcomes(WEIGHTS, 5):
        found = unbiased_risk(LOSSES[picks], q, 5)
        assert_allclose(lure_weights(q, 5), np.ones(5))
        assert found.interval == (found.estimate, found.estimate)
        assert_allclose(found.estimate, LOSSES.mean())


def test_weights_by_hand():
    # 1 + (N - M) / (N - m) (1 / ((N - m + 1) q_m) - 1) with N = 10, M = 2
    expected = [1 + 8 / 9 * (1 / (10 * 0.5) - 1), 1 + 8 / 8 * (1 / (9 * 0.01) - 1)]
    assert_allclose(lure_weights([0.5, 0.01], 10), expected)
    assert_array_equal(lure_weights([], 3), [])


def test_standard_error_over_all_outcomes():
    """Its square is near the variance that the estimate has."""
    losses = np.array([1.0, 0.0, 2.0, 1.5, 0.5, 3.0, 0.2])
    weights = np.array([1.0, 0.7, 1.5, 1.2, 0.8, 2.0, 0.9])
    variance = claimed = 0.0
    for picks, q in outcomes(weights, 5):
        found = unbiased_risk(losses[picks], q, 7)
        chance = math.prod(q)
        variance += chance * (found.estimate - losses.mean()) ** 2
        claimed += chance * found.standard_error**2
    assert_allclose(claimed, variance, rtol=0.25)


def test_coverage_of_the_pool():
    """Hard rows are drawn more often; the interval covers the mean of all."""
    rng = np.random.default_rng(0)
    n, n_picks, covered, naive = 300, 60, 0, 0
    difficulty = rng.uniform(0.02, 0.8, n)
    losses = (rng.uniform(size=n) < difficulty).astype(float)
    for _ in range(400):
        keys = np.log(difficulty) + rng.gumbel(size=n)
        picks = np.argsort(-keys)[:n_picks]
        drawn = np.concatenate([[0], np.cumsum(difficulty[picks])[:-1]])
        q = difficulty[picks] / (difficulty.sum() - drawn)
        low, high = unbiased_risk(losses[picks], q, n).interval
        covered += low <= losses.mean() <= high
        low, high = wilson_interval(int(losses[picks].sum()), n_picks)
        naive += low <= losses.mean() <= high
    assert stats.binomtest(covered, 400, 0.95).pvalue > 1e-3
    assert naive < 0.75 * 400


@pytest.mark.parametrize(
    ("losses", "q", "n_pool", "message"),
    [
        ([1.0, 2.0], [0.5], 5, "one entry per pick"),
        ([], [], 5, "at least one"),
        ([1.0], [0.0], 5, r"in \(0, 1\]"),
        ([1.0], [1.5], 5, r"in \(0, 1\]"),
        ([1.0], [np.nan], 5, r"in \(0, 1\]"),
        ([1.0, 1.0], [0.5, 0.5], 1, "from a pool of 1"),
    ],
)
def test_errors(losses, q, n_pool, message):
    with pytest.raises(ValueError, match=message):
        unbiased_risk(losses, q, n_pool)


@pytest.mark.parametrize("confidence", [0, 1, 95, np.nan])
def test_confidence_must_be_one(confidence):
    for interval in (
        lambda: unbiased_risk([1.0], [0.5], 2, confidence=confidence),
        lambda: wilson_interval(1, 2, confidence=confidence),
        lambda: jackknife_interval(len, 2, confidence=confidence),
    ):
        with pytest.raises(ValueError, match="between 0 and 1"):
            interval()


def test_one_pick_has_an_estimate_and_no_interval():
    found = unbiased_risk([2.0], [0.25], 8)
    assert found.estimate == 1.0  # 2 / (8 * 0.25)
    assert found.interval == (-np.inf, np.inf)


# Probabilities of what strategies draw ----------------------------------------------

X = np.arange(10.0).reshape(5, 2)
UTILITIES = np.array([0.3, 0.9, 0.2, 0.5, 0.1])


def given_utilities(values):
    return FunctionStrategy(lambda estimator, X, y: values)


CASES = [
    (Power(given_utilities(UTILITIES), beta=1.5), UTILITIES**1.5),
    (Softmax(given_utilities(UTILITIES), beta=3.0), np.exp(3 * UTILITIES)),
    (Softrank(given_utilities(UTILITIES)), 1 / np.array([3.0, 1, 4, 2, 5])),
]


@pytest.mark.parametrize(("strategy", "weights"), CASES)
def test_probabilities_by_enumeration(strategy, weights):
    mean = 0.0
    for picks, q in outcomes(weights, 3):
        found = strategy.selection_probabilities(None, X, chosen=picks)
        assert_allclose(found, q)
        mean += math.prod(found) * unbiased_risk(LOSSES[picks], found, 5).estimate
    assert_allclose(mean, LOSSES.mean(), rtol=1e-9)


@pytest.mark.parametrize(("strategy", "weights"), CASES)
def test_probabilities_are_those_of_select(strategy, weights):
    n_seeds = 2000
    counts = dict.fromkeys(itertools.permutations(range(5), 2), 0)
    for seed in range(n_seeds):
        chosen = strategy.select(None, X, n_queries=2, random_state=seed)
        counts[tuple(chosen.tolist())] += 1
    expected = [
        n_seeds * strategy.selection_probabilities(None, X, chosen=picks).prod()
        for picks in counts
    ]
    assert_allclose(sum(expected), n_seeds)
    assert stats.chisquare(list(counts.values()), expected).pvalue > 1e-4


def test_labelled_rows_are_no_candidates():
    y = [None, 1, None, None, 0]
    strategy = Power(given_utilities(UTILITIES))
    q = strategy.selection_probabilities(None, X, y, chosen=[3, 0])
    assert_allclose(q, [0.5 / 1.0, 0.3 / 0.5])
    for wrong in ([1], [3, 3], [7]):
        with pytest.raises(ValueError, match="distinct positions of rows that had no"):
            strategy.selection_probabilities(None, X, y, chosen=wrong)


def test_tiny_weights_keep_their_digits():
    """Drawn after one with a weight 1e300 times as large."""
    strategy = Power(given_utilities(np.array([1e150, 1e-150, 3e-150, 1e-150, 1e-150])))
    q = strategy.selection_probabilities(None, X, chosen=[0, 2])
    assert_allclose(q, [1, 0.5])


def test_rows_of_weight_zero_come_last_and_alike():
    strategy = Power(given_utilities(np.array([0.0, 1.0, 0.0, 1.0, 0.0])))
    q = strategy.selection_probabilities(None, X, chosen=[1, 3, 0, 4, 2])
    assert_allclose(q, [1 / 2, 1, 1 / 3, 1 / 2, 1])
    assert_allclose(strategy.selection_probabilities(None, X, chosen=[0]), [0])


def test_copies_have_no_known_probability():
    same = np.array([[0.0], [1.0], [1.0], [2.0], [3.0]])
    strategy = Power(given_utilities(UTILITIES))
    with pytest.raises(ValueError, match="1 of the 5 candidates are copies"):
        strategy.selection_probabilities(None, same, chosen=[0])
    y = [None, 1, None, None, None]
    strategy.selection_probabilities(None, same, y, chosen=[0])


def test_tied_ranks_need_the_seed():
    tied = np.array([0.5, 0.5, 0.1, 0.2, 0.5])
    strategy = Softrank(given_utilities(tied))
    with pytest.raises(ValueError, match="ranks were drawn"):
        strategy.selection_probabilities(None, X, chosen=[0])
    for seed in range(20):
        chosen = strategy.select(None, X, n_queries=2, random_state=seed)
        q = strategy.selection_probabilities(None, X, chosen=chosen, random_state=seed)
        ranks = sum(1 / np.arange(1, 6))
        assert min(abs(q[0] * ranks - 1 / np.arange(1, 6))) < 1e-9


def test_active_test_of_a_fixed_model():
    """From a model to an estimate of its risk, over rounds."""
    rng = np.random.default_rng(1)
    pool = rng.normal(size=(400, 2))
    answers = (pool[:, 0] + 0.7 * rng.normal(size=400) > 0).astype(float)
    model = LogisticRegression().fit(pool[:40], answers[:40])
    pool, answers = pool[40:], answers[40:]
    wrong = (model.predict(pool) != answers).astype(float)
    strategy = Power(Entropy(), beta=1.0)
    estimates, naive = [], []
    for seed in range(300):
        y, picks, q = np.full(360, np.nan), [], []
        for number in range(3):
            rows = strategy.select(
                model, pool, y, n_queries=15, random_state=1000 * number + seed
            )
            q += strategy.selection_probabilities(model, pool, y, chosen=rows).tolist()
            picks += rows.tolist()
            y[rows] = answers[rows]
        estimates.append(unbiased_risk(wrong[picks], q, 360).estimate)
        naive.append(wrong[picks].mean())
    error = np.std(estimates) / np.sqrt(300)
    assert abs(np.mean(estimates) - wrong.mean()) < 3.5 * error
    assert np.mean(naive) - wrong.mean() > 5 * error


# Intervals --------------------------------------------------------------------------


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(("n_right", "n_rows"), [(0, 7), (7, 7), (1, 3), (40, 90)])
def test_wilson_is_that_of_scipy(n_right, n_rows, confidence):
    expected = stats.binomtest(n_right, n_rows).proportion_ci(confidence, "wilson")
    found = wilson_interval(n_right, n_rows, confidence=confidence)
    assert_allclose(found, (expected.low, expected.high), atol=1e-12)


def test_wilson_of_nothing():
    assert wilson_interval(0, 0) == (0, 1)
    with pytest.raises(ValueError, match="from 0 to n_rows=3"):
        wilson_interval(4, 3)


def test_jackknife_of_a_mean_is_the_t_interval():
    values = np.random.default_rng(0).exponential(size=30)
    found = jackknife_interval(lambda rows: values[rows].mean(), 30)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert_allclose(found.interval, expected)
    assert_allclose(found.standard_error, stats.sem(values))


def test_jackknife_by_groups():
    values = np.random.default_rng(0).normal(size=1000)
    calls = []

    def statistic(rows):
        calls.append(len(rows))
        return values[rows].mean()

    found = jackknife_interval(statistic, 1000, n_groups=50)
    assert len(calls) == 51
    assert_allclose(found.standard_error, stats.sem(values), rtol=0.3)


def test_jackknife_of_too_little():
    nothing = jackknife_interval(len, 0)
    assert np.isnan(nothing.estimate)
    assert nothing.interval == (-np.inf, np.inf)
    assert jackknife_interval(len, 1).interval == (-np.inf, np.inf)
    with pytest.raises(ValueError, match="nan for 1 of the 2 rows"):
        jackknife_interval(lambda rows: np.nan if len(rows) < 2 else 1.0, 2)


@pytest.mark.parametrize("n_wrong", [0, 1, 5])
def test_smoothed_bootstrap_of_an_accuracy(n_wrong):
    labels = np.repeat([0, 1], 25)
    predicted = np.concatenate([1 - labels[:n_wrong], labels[n_wrong:]])

    def accuracy(rows, given):
        return np.mean(predicted[rows] == given)

    found = smoothed_bootstrap_interval(accuracy, labels, n_resamples=4000)
    assert found.estimate == 1 - n_wrong / 50
    # Two failures more for the lower end, the plain bootstrap for the upper one.
    lowest = 1 - stats.binom(52, (n_wrong + 2) / 52).ppf(0.975) / 52
    highest = 1 - stats.binom(50, n_wrong / 50).ppf(0.025) / 50
    assert_allclose(found.interval, [lowest, highest], atol=0.021)
    # For every accuracy near this one Wilson's interval is no wider.
    assert found.interval[0] <= wilson_interval(50 - n_wrong, 50)[0] + 0.03


def test_every_resample_holds_every_class():
    labels = np.array(["a"] * 20 + ["b"])
    seen = []

    def count(rows, given):
        seen.append(set(given.tolist()))
        assert rows.min() >= 0
        assert rows.max() < 21
        return float(np.mean(given == "b"))

    smoothed_bootstrap_interval(count, labels)
    assert all(one == {"a", "b"} for one in seen)
    assert len(seen) == 601


def test_smoothed_bootstrap_that_says_nothing():
    assert np.isnan(smoothed_bootstrap_interval(min, []).estimate)
    for labels in ([1, 1, 1], [0, 1]):
        found = smoothed_bootstrap_interval(lambda rows, given: 1.0, labels)
        assert found.estimate == 1
        assert found.interval == (-np.inf, np.inf)
    with pytest.raises(ValueError, match="The statistic is nan"):
        smoothed_bootstrap_interval(lambda rows, given: np.nan, [0, 1])


def test_smoothed_bootstrap_is_the_same_for_the_same_seed():
    labels = np.arange(30) % 3

    def score(rows, given):
        return float(np.mean(rows % 3 == given))

    one, same, other = (
        smoothed_bootstrap_interval(score, labels, n_resamples=20, random_state=seed)
        for seed in (0, 0, 1)
    )
    assert one == same != other
