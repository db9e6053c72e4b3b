"""Divergences of two models against plain loops, and by their properties."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from skactive import measures
from skactive.measures import (
    _divergence,
    jensen_shannon,
    relative_entropy,
    total_variation,
)

# Oracles: one row ---------------------------------------------------------------


def plain_kl(p, q, least=0.0):
    terms = (
        x * math.log(x / max(y, least)) for x, y in zip(p, q, strict=True) if x > 0
    )
    return math.fsum(terms)


def plain_jensen_shannon(p, q):
    middle = [(x + y) / 2 for x, y in zip(p, q, strict=True)]
    return (plain_kl(p, middle) + plain_kl(q, middle)) / 2


def plain_total_variation(p, q):
    """The largest difference over all sets of classes."""
    sets = range(2 ** len(p))
    return max(
        sum(x - y for c, (x, y) in enumerate(zip(p, q, strict=True)) if chosen >> c & 1)
        for chosen in sets
    )


ORACLES = {
    "jensen_shannon": plain_jensen_shannon,
    "relative_entropy": lambda p, q: max(0.0, plain_kl(p, q, 1e-6)),
    "total_variation": plain_total_variation,
}
BOUNDS = {
    "jensen_shannon": math.log(2),
    "relative_entropy": -math.log(1e-6),
    "total_variation": 1.0,
}
every_measure = pytest.mark.parametrize("name", sorted(ORACLES))


@st.composite
def pairs(draw, dtype=np.float64):
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 5)))
    found = []
    for _ in range(2):
        values = draw(
            arrays(
                np.float64,
                shape,
                elements=st.one_of(st.just(0.0), st.floats(1e-9, 1.0)),
            )
        )
        values[values.sum(axis=1) == 0, 0] = 1.0
        found.append((values / values.sum(axis=1, keepdims=True)).astype(dtype))
    return found


def proba_of(n_samples, n_classes, seed, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(n_classes, 0.3), size=n_samples).astype(dtype)


@every_measure
@settings(max_examples=50)
@given(pair=pairs())
def test_against_plain_loops(name, pair):
    expected = [ORACLES[name](*rows) for rows in zip(*pair, strict=True)]
    found = getattr(measures, name)(*pair)
    assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert (found >= 0).all()
    assert (found <= BOUNDS[name]).all()


@every_measure
@settings(max_examples=50)
@given(pair=pairs(), seed=st.integers(0, 99))
def test_order_of_classes_does_not_matter(name, pair, seed):
    measure = getattr(measures, name)
    order = np.random.default_rng(seed).permutation(pair[0].shape[1])
    turned = [p[:, order] for p in pair]
    assert_allclose(measure(*turned), measure(*pair), rtol=1e-9, atol=1e-12)


@settings(max_examples=50)
@given(pair=pairs())
def test_symmetry(pair):
    p, q = pair
    for measure in (jensen_shannon, total_variation):
        assert_array_equal(measure(p, q), measure(q, p))


def test_relative_entropy_is_not_symmetric():
    p, q = [[0.9, 0.1]], [[0.5, 0.5]]
    assert abs(relative_entropy(p, q) - relative_entropy(q, p)) > 0.1


@every_measure
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zero_where_both_agree_and_only_there(name, dtype):
    measure = getattr(measures, name)
    p = proba_of(500, 4, 0, dtype)
    assert_array_equal(measure(p, p), 0)
    q = p.copy()
    q[:, 0] = p[:, 1]
    q[:, 1] = p[:, 0]
    differ = np.abs(p[:, 0] - p[:, 1]) > 1e-3
    assert differ.sum() > 300
    assert (measure(p, q)[differ] > 0).all()


def test_largest_values():
    p, q = np.array([[1.0, 0, 0]]), np.array([[0, 0.5, 0.5]])
    assert_allclose(jensen_shannon(p, q), math.log(2))
    assert_allclose(total_variation(p, q), 1)
    assert_allclose(relative_entropy(p, q), 6 * math.log(10))
    assert_allclose(relative_entropy(p, q, min_proba=0.01), 2 * math.log(10))


@settings(max_examples=50)
@given(pair=pairs())
def test_inequalities(pair):
    """Pinsker's, and that the two symmetric ones bound each other (Lin)."""
    p, q = pair
    distance = total_variation(p, q)
    assert (2 * distance**2 <= relative_entropy(p, q, min_proba=1e-300) + 1e-12).all()
    assert (jensen_shannon(p, q) <= math.log(2) * distance + 1e-12).all()


@every_measure
def test_single_precision_is_accurate(name):
    """Where both nearly agree, by a part in a thousand."""
    measure = getattr(measures, name)
    p = proba_of(300, 5, 1)
    q = p * (1 + 1e-3 * np.random.default_rng(2).normal(size=p.shape))
    q /= q.sum(axis=1, keepdims=True)
    p, q = p.astype(np.float32), q.astype(np.float32)
    found = measure(p, q)
    assert found.dtype == np.float32
    p, q = p.astype(np.float64), q.astype(np.float64)
    exact = [ORACLES[name](*rows) for rows in zip(p, q, strict=True)]
    if name == "total_variation":  # sets and their complements, unless sums are one
        exact = np.abs(p - q).sum(axis=1) / 2
    assert_allclose(found, exact, rtol=2e-7, atol=1e-15)


def test_mixed_precision_and_lists():
    p, q = proba_of(9, 3, 0), proba_of(9, 3, 1, np.float32)
    assert jensen_shannon(p, q).dtype == np.float64
    assert jensen_shannon(q, q).dtype == np.float32
    assert_allclose(jensen_shannon(p.tolist(), q.tolist()), jensen_shannon(p, q))
    assert jensen_shannon(p[:0], p[:0]).shape == (0,)


@every_measure
@pytest.mark.parametrize("n_classes", [2, 7, 100])
def test_a_row_does_not_depend_on_the_others(name, n_classes, monkeypatch):
    measure = getattr(measures, name)
    p, q = proba_of(200, n_classes, 0), proba_of(200, n_classes, 1)
    whole = measure(p, q)
    assert_array_equal(
        np.concatenate([measure(p[i : i + 1], q[i : i + 1]) for i in range(200)]), whole
    )
    assert_array_equal(measure(np.asfortranarray(p), q), whole)
    monkeypatch.setattr(_divergence, "_COMMITTEE_BLOCK_SIZE", 64 * n_classes)
    assert_array_equal(measure(p, q), whole)


def test_memory():
    p, q = proba_of(200_000, 10, 0), proba_of(200_000, 10, 1)
    for measure in (jensen_shannon, relative_entropy, total_variation):
        tracemalloc.start()
        measure(p, q)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8 * 200_000 + 8 * 2**20  # the result, and some blocks


def test_errors():
    p = proba_of(100_000, 2, 0)
    with pytest.raises(ValueError, match=r"one shape .* got \(2, 2\) and \(3, 2\)"):
        jensen_shannon(p[:2], p[:3])
    with pytest.raises(ValueError, match="must have the shape"):
        total_variation(p[0], p[0])
    for number, wrong in enumerate([np.nan, 1.5, -0.5]):
        for position in range(2):
            pair = [p, p.copy()]
            pair[1][90_000 + number, 0] = wrong
            with pytest.raises(ValueError, match=f"Row {90_000 + number} is not a"):
                relative_entropy(pair[position], pair[1 - position])
    for min_proba in (0, -1, 1.5, np.nan):
        with pytest.raises(ValueError, match="min_proba must be in"):
            relative_entropy(p, p, min_proba=min_proba)
