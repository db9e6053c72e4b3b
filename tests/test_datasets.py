import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from skactive import ActiveLearningClassifier
from skactive._data.labels import is_missing
from skactive.datasets import (
    AbstainingOracle,
    NoisyOracle,
    _quotas,
    _uniform,
    hide_labels,
    make_moons_with_duplicates,
)

Y = np.repeat([0, 1, 2], [60, 30, 10])


@pytest.mark.parametrize(
    ("n_labeled", "n_kept"), [(0, 0), (1, 1), (37, 37), (0.29, 29), (1.0, 100)]
)
@pytest.mark.parametrize("stratify", [False, True])
def test_hide_labels(n_labeled, n_kept, stratify):
    visible = hide_labels(Y, n_labeled, stratify=stratify, random_state=0)
    known = ~is_missing(visible)
    assert known.sum() == n_kept
    assert_array_equal(visible[known], Y[known])
    again = hide_labels(Y, n_labeled, stratify=stratify, random_state=0)
    assert_array_equal(visible, again)
    if 0 < n_kept < 100:
        other = hide_labels(Y, n_labeled, stratify=stratify, random_state=1)
        assert (is_missing(other) != is_missing(visible)).any()
    assert_array_equal(Y, np.repeat([0, 1, 2], [60, 30, 10]))


def test_stratified_shares():
    for n_kept, expected in ((10, [6, 3, 1]), (50, [30, 15, 5]), (99, [59, 30, 10])):
        visible = hide_labels(Y, n_kept, stratify=True, random_state=0)
        found = [np.count_nonzero(visible == label) for label in range(3)]
        assert sum(found) == n_kept
        assert np.abs(np.subtract(found, expected)).max() <= 1
    visible = hide_labels(Y, 3, stratify=True, min_per_class=1, random_state=0)
    assert sorted(visible[~is_missing(visible)]) == [0, 1, 2]


def test_quotas():
    rng = np.random.RandomState(0)
    for _ in range(200):
        counts = rng.randint(0, 30, size=rng.randint(1, 6))
        n_kept = rng.randint(0, counts.sum() + 1)
        quota = _quotas(counts, n_kept, np.zeros_like(counts))
        assert quota.sum() == n_kept
        assert (quota <= counts).all()
        share = counts * n_kept / max(1, counts.sum())
        assert np.abs(quota - share).max() < 1
        floor = np.minimum(counts, 2)
        if floor.sum() <= n_kept:
            quota = _quotas(counts, n_kept, floor)
            assert quota.sum() == n_kept
            assert ((quota >= floor) & (quota <= counts)).all()


def test_min_per_class():
    for seed in range(20):
        visible = hide_labels(Y, 6, min_per_class=2, random_state=seed)
        found = [np.count_nonzero(visible == label) for label in range(3)]
        assert found == [2, 2, 2]
        visible = hide_labels(Y, 80, min_per_class=20, random_state=seed)
        found = [np.count_nonzero(visible == label) for label in range(3)]
        assert found[2] == 10
        assert min(found[:2]) >= 20
        assert sum(found) == 80


def test_all_rows_are_as_likely():
    counts = np.zeros(20)
    for seed in range(2000):
        counts += ~is_missing(hide_labels(np.arange(20) % 2, 5, random_state=seed))
    assert np.abs(counts / 2000 - 0.25).max() < 0.04


def test_missing_label():
    assert hide_labels(Y, 3, random_state=0).dtype == np.float64
    assert set(hide_labels(Y, 0, missing_label=-1)) == {-1}
    assert hide_labels(Y, 3, missing_label=-1).dtype.kind == "i"
    assert hide_labels(Y, 3, missing_label=-0.5).dtype.kind == "f"
    assert hide_labels([0.0, 1.0], 1, missing_label=-1).dtype.kind == "f"
    names = np.array(["a", "bb", "c"])[Y]
    for missing_label in (np.nan, None):
        visible = hide_labels(names, 3, missing_label=missing_label, random_state=0)
        assert visible.dtype == object
        assert {type(label) for label in visible} == {str, type(None)}
    visible = hide_labels(names, 99, missing_label="unlabelled", random_state=0)
    assert sum(visible == "unlabelled") == 1
    visible = hide_labels(Y, 3, missing_label="?", random_state=0)
    assert is_missing(visible, "?").sum() == 97


def test_labels_missing_already_are_not_counted():
    y = np.array([0, np.nan, 1, np.nan, 1, 0])
    visible = hide_labels(y, 0.5, random_state=0)
    assert is_missing(visible).sum() == 4
    assert is_missing(visible)[[1, 3]].all()
    assert_array_equal(hide_labels(y, 4), y)


def test_hide_labels_errors():
    for wrong in (-1, 101, 1.5, -0.1):
        with pytest.raises(ValueError, match=r"int from 0 to 100.*got"):
            hide_labels(Y, wrong)
    with pytest.raises(ValueError, match=r"keeps 3 labels.*needs 6"):
        hide_labels(Y, 3, min_per_class=2)
    with pytest.raises(ValueError, match="missing_label=2 is a class"):
        hide_labels(Y, 3, missing_label=2)


def test_noisy_oracle():
    y = np.repeat(["a", "b", "c"], 4000)
    oracle = NoisyOracle(y, 0.3, random_state=0)
    rows = np.arange(len(y))
    answers = oracle(rows)
    for label in "abc":
        found = answers[y == label]
        for answer in "abc":
            share = np.mean(found == answer)
            assert share == pytest.approx(0.7 if answer == label else 0.15, abs=0.025)
    again = np.random.RandomState(0).permutation(rows)
    assert_array_equal(oracle(again), answers[again])
    assert_array_equal(oracle(rows[:1]), answers[:1])
    assert_array_equal(NoisyOracle(y, 0.3, random_state=0)(rows), answers)
    assert (NoisyOracle(y, 0.3, random_state=1)(rows) != answers).mean() > 0.3
    assert oracle([]).shape == (0,)
    unseeded = NoisyOracle(y, 0.3)
    assert_array_equal(unseeded(rows), unseeded(rows))


def test_noise_without_and_with_certainty():
    y = np.array([0, 1] * 50)
    assert_array_equal(NoisyOracle(y, 0.0)(np.arange(100)), y)
    assert_array_equal(NoisyOracle(y, 1.0)(np.arange(100)), 1 - y)
    assert NoisyOracle([5, 5], 0.9)([0, 1]).tolist() == [5, 5]


def test_confusion_matrix():
    y = np.repeat([0, 1], 5000)
    oracle = NoisyOracle(y, [[0.9, 0.1], [0.4, 0.6]], random_state=0)
    answers = oracle(np.arange(10_000))
    assert answers[:5000].mean() == pytest.approx(0.1, abs=0.02)
    assert answers[5000:].mean() == pytest.approx(0.6, abs=0.02)
    certain = NoisyOracle([0, 1, 2], [[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    assert certain([0, 1, 2]).tolist() == [1, 2, 0]


def test_noisy_oracle_errors():
    with pytest.raises(ValueError, match="1 of 2 in y"):
        NoisyOracle([0, None])
    for noise in (-0.1, 1.1, [[1.0]], [[0.5, 0.4], [0, 1]], [[2, -1], [0, 1]]):
        with pytest.raises(ValueError, match="noise must be a probability"):
            NoisyOracle([0, 1], noise)


def test_abstaining_oracle():
    y = np.array([0, 1] * 2000)
    rows = np.arange(len(y))
    oracle = AbstainingOracle(y, 0.3, random_state=0)
    answers = oracle(rows)
    silent = np.isnan(answers)
    assert silent.mean() == pytest.approx(0.3, abs=0.03)
    assert_array_equal(answers[~silent], y[~silent])
    assert_array_equal(oracle(rows[::-1]), answers[::-1])
    assert np.isnan(AbstainingOracle(y, 1.0)(rows)).all()
    assert_array_equal(AbstainingOracle(y, 0.0)(rows), y)


def test_abstaining_from_an_oracle_or_by_row():
    y = np.array(["no", "yes"] * 100)
    rows = np.arange(200)
    noisy = NoisyOracle(y, 1.0)
    of_row = AbstainingOracle(noisy, rows % 3 == 0, missing_label="?")
    by_function = AbstainingOracle(noisy, lambda rows: rows % 3 == 0, missing_label="?")
    expected = np.where(rows % 3 == 0, "?", np.where(y == "no", "yes", "no"))
    assert_array_equal(of_row(rows), expected)
    assert_array_equal(of_row(rows[5:9]), expected[5:9])
    assert_array_equal(by_function(rows[5:9]), expected[5:9])
    twice = AbstainingOracle(AbstainingOracle(y, rows < 50), rows >= 150)
    assert is_missing(twice(rows)).sum() == 100
    for wrong in (2.0, [[0.5]], [0.5, np.nan]):
        with pytest.raises(ValueError, match="rate must be a probability"):
            AbstainingOracle(y, wrong)
    with pytest.raises(ValueError, match="rate must be a probability"):
        AbstainingOracle(y, lambda rows: np.full(len(rows), -1.0))(rows)


def test_two_oracles_err_independently():
    rows = np.arange(20_000)
    first = _uniform(rows, np.uint64(1))
    second = _uniform(rows, np.uint64(2))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.02
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 0.02
    counts = np.histogram(first, bins=20, range=(0, 1))[0]
    assert np.abs(counts / 1000 - 1).max() < 0.15
    a = NoisyOracle(np.append(np.zeros(20_000), 1), 0.5, random_state=0)(rows)
    b = NoisyOracle(np.append(np.zeros(20_000), 1), 0.5, random_state=1)(rows)
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.03


def test_a_campaign_with_both_oracles():
    X, answers = load_iris(return_X_y=True)
    noisy = NoisyOracle(answers, 0.1, random_state=0)
    ask = AbstainingOracle(noisy, 0.2, random_state=0)
    learner = ActiveLearningClassifier(LogisticRegression(max_iter=500), random_state=0)
    y = hide_labels(answers, 9, min_per_class=3, random_state=0)
    for _ in range(3):
        rows = learner.fit(X, y).query(X, y)
        y[rows] = ask(rows)
    assert 18 < (~np.isnan(y)).sum() < 39
    assert learner.fit(X, y).score(X, answers) > 0.8


@pytest.mark.parametrize("jitter", [0.0, 0.01])
def test_moons(jitter):
    X, y, originals = make_moons_with_duplicates(
        300, n_originals=20, jitter=jitter, random_state=0
    )
    assert X.shape == (300, 2)
    assert set(originals) == set(range(20))
    for original in range(20):
        copies = originals == original
        assert len(set(y[copies])) == 1
        assert (np.ptp(X[copies], axis=0) == 0).all() == (jitter == 0)
    assert len(np.unique(X, axis=0)) == (20 if jitter == 0 else 300)
    again = make_moons_with_duplicates(
        300, n_originals=20, jitter=jitter, random_state=0
    )
    assert_array_equal(X, again[0])
    with pytest.raises(ValueError, match="between 1 and n_samples=5; got 6"):
        make_moons_with_duplicates(5, n_originals=6)
