"""Measures against oracles written with plain loops, and by their properties."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from skactive import measures
from skactive.measures import _blocks

SINGLE = {
    "least_confidence": measures.least_confidence,
    "margin": measures.margin,
    "entropy": measures.entropy,
}
COMMITTEE = {
    "vote_entropy": measures.vote_entropy,
    "consensus_entropy": measures.consensus_entropy,
    "kl_max": measures.kl_divergence,
    "kl_mean": lambda p: measures.kl_divergence(p, reduction="mean"),
    "information_gain": measures.information_gain,
}


# Oracles: one row, or one sample of a committee as (n_members, n_classes) -----------


def plain_entropy(p):
    return -sum(x * math.log(x) for x in p if x > 0)


def plain_mean(members):
    return [sum(column) / len(members) for column in zip(*members, strict=True)]


def plain_kl(p, q):
    return sum(x * math.log(x / y) for x, y in zip(p, q, strict=True) if x > 0)


def plain_margin(p):
    first, second = sorted([*p, 0.0], reverse=True)[:2]
    return 1 - (first - second)


def plain_votes(members):
    votes = [list(p).index(max(p)) for p in members]
    return [votes.count(c) / len(votes) for c in range(len(members[0]))]


ORACLES = {
    "least_confidence": lambda p: 1 - max(p),
    "margin": plain_margin,
    "entropy": plain_entropy,
    "vote_entropy": lambda P: plain_entropy(plain_votes(P)),
    "consensus_entropy": lambda P: plain_entropy(plain_mean(P)),
    "kl_max": lambda P: max(plain_kl(p, plain_mean(P)) for p in P),
    "kl_mean": lambda P: sum(plain_kl(p, plain_mean(P)) for p in P) / len(P),
    # By the joint distribution of member and label: I = sum p(k,c) log p(k,c)/p(k)p(c)
    "information_gain": lambda P: sum(
        p[c] / len(P) * math.log(p[c] / plain_mean(P)[c])
        for p in P
        for c in range(len(p))
        if p[c] > 0
    ),
}


def random_proba(rng, n_samples, n_classes, n_members=None, zeros=True):
    shape = (n_samples,) if n_members is None else (n_members, n_samples)
    proba = rng.dirichlet(np.full(n_classes, 0.5), size=shape)
    if zeros and n_classes > 1:
        proba[rng.random(proba.shape) < 0.2] = 0
        proba[..., 0] += proba.sum(axis=-1) == 0
        proba /= proba.sum(axis=-1, keepdims=True)
    return proba


# 64 classes and more take the other code path.
@pytest.mark.parametrize("n_classes", [1, 2, 3, 10, 63, 64, 100])
@pytest.mark.parametrize("name", SINGLE)
def test_single_equals_oracle(name, n_classes):
    proba = random_proba(np.random.default_rng(0), 40, n_classes)
    expected = [ORACLES[name](row) for row in proba.tolist()]
    assert_allclose(SINGLE[name](proba), expected, atol=1e-12)


@pytest.mark.parametrize("n_classes", [1, 2, 3, 10, 70])
@pytest.mark.parametrize("n_members", [1, 2, 5])
@pytest.mark.parametrize("name", COMMITTEE)
def test_committee_equals_oracle(name, n_members, n_classes):
    proba = random_proba(np.random.default_rng(1), 30, n_classes, n_members)
    samples = proba.transpose(1, 0, 2).tolist()
    expected = [ORACLES[name](sample) for sample in samples]
    assert_allclose(COMMITTEE[name](proba), expected, atol=1e-12)


def test_frozen_values():
    proba = np.random.RandomState(0).dirichlet(np.ones(3), size=(6, 5))
    gain = measures.information_gain(proba.transpose(1, 0, 2))
    # The first pick of greedy BatchBALD is the best single sample.
    assert gain.argmax() == 1
    assert_allclose(gain[1], 0.3230419532, atol=1e-10)


def test_information_gain_does_not_rank_like_entropy():
    noisy = [[0.5, 0.5], [0.5, 0.5]]
    disputed = [[0.9, 0.1], [0.3, 0.7]]
    proba = np.transpose([noisy, disputed], (1, 0, 2))
    assert measures.consensus_entropy(proba).argmax() == 0
    assert measures.information_gain(proba).argmax() == 1


def test_opposite_members():
    proba = [[[1.0, 0.0]], [[0.0, 1.0]]]
    for name, measure in COMMITTEE.items():
        assert_allclose(measure(proba), [np.log(2)], err_msg=name)


def test_votes_as_codes_equal_votes_as_probabilities():
    votes = np.random.default_rng(0).integers(4, size=(7, 50))
    expected = measures.vote_entropy(np.eye(4)[votes])
    assert_allclose(measures.vote_entropy(votes), expected, atol=1e-15)
    assert_allclose(measures.vote_entropy(votes, n_classes=9), expected, atol=1e-15)
    assert_allclose(measures.vote_entropy(votes.astype(np.uint8)), expected)


def test_many_members_and_codes():
    votes = np.random.default_rng(0).integers(300, size=(400, 3))
    shares = [np.bincount(column) / 400 for column in votes.T]
    expected = [plain_entropy(share) for share in shares]
    assert_allclose(measures.vote_entropy(votes), expected)


# Properties -------------------------------------------------------------------------


@st.composite
def probabilities(draw, members=False):
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(2, 5)))
    weights = draw(
        arrays(np.float64, shape if members else shape[1:], elements=st.floats(0, 1))
    )
    weights[..., 0] += weights.sum(axis=-1) < 1e-3
    return weights / weights.sum(axis=-1, keepdims=True)


def bound(name, proba):
    n_classes = proba.shape[-1]
    return {
        "least_confidence": 1 - 1 / n_classes,
        "margin": 1,
        "entropy": np.log(n_classes),
        "consensus_entropy": np.log(n_classes),
        "vote_entropy": np.log(min(proba.shape[0], n_classes)),
    }.get(name, np.log(proba.shape[0]))


@pytest.mark.parametrize("name", SINGLE)
@given(proba=probabilities(), seed=st.integers(0, 99))
def test_single_properties(name, proba, seed):
    measure = SINGLE[name]
    utilities = measure(proba)
    assert utilities.shape == (len(proba),)
    assert (utilities >= 0).all()
    assert (utilities <= bound(name, proba) + 1e-15).all()
    normalized = measure(proba, normalize=True)
    assert ((normalized >= 0) & (normalized <= 1)).all()
    assert_allclose(normalized * bound(name, proba), utilities, atol=1e-12)
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(len(proba)), rng.permutation(proba.shape[1])
    assert_array_equal(measure(proba[rows]), utilities[rows])
    assert_allclose(measure(proba[:, columns]), utilities, atol=1e-14)


@pytest.mark.parametrize("name", COMMITTEE)
@given(proba=probabilities(members=True), seed=st.integers(0, 99))
def test_committee_properties(name, proba, seed):
    measure = COMMITTEE[name]
    utilities = measure(proba)
    assert utilities.shape == (proba.shape[1],)
    assert (utilities >= 0).all()
    assert (utilities <= bound(name, proba) + 1e-15).all()
    rng = np.random.default_rng(seed)
    rows, members = rng.permutation(proba.shape[1]), rng.permutation(len(proba))
    assert_array_equal(measure(proba[:, rows]), utilities[rows])
    assert_allclose(measure(proba[members]), utilities, atol=1e-12)


@given(proba=probabilities(members=True))
def test_information_gain_is_at_most_consensus_entropy(proba):
    gain = measures.information_gain(proba)
    assert (gain >= 0).all()
    assert (gain <= measures.consensus_entropy(proba)).all()
    mean_kl = measures.kl_divergence(proba, reduction="mean")
    assert_allclose(gain, mean_kl, atol=1e-12)


@given(proba=probabilities())
def test_zero_where_members_agree(proba):
    committee = np.repeat(proba[np.newaxis], 3, axis=0)
    for name in ("vote_entropy", "kl_max", "kl_mean", "information_gain"):
        assert_array_equal(COMMITTEE[name](committee), 0, err_msg=name)


@pytest.mark.parametrize("n_classes", [2, 3, 10, 80])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zero_at_certainty_and_largest_at_uniform(n_classes, dtype):
    proba = np.vstack([np.eye(n_classes), np.full((1, n_classes), 1 / n_classes)])
    proba = proba.astype(dtype)
    for name, measure in SINGLE.items():
        utilities = measure(proba)
        assert_array_equal(utilities[:-1], 0, err_msg=name)
        assert not np.signbit(utilities).any()
        assert_allclose(utilities[-1], bound(name, proba), rtol=1e-6, err_msg=name)
        assert measure(proba, normalize=True)[-1] == pytest.approx(1, rel=1e-6)


# Types, blocks, memory --------------------------------------------------------------


@pytest.mark.parametrize("name", [*SINGLE, *COMMITTEE])
def test_dtype(name):
    members = None if name in SINGLE else 3
    measure = (SINGLE | COMMITTEE)[name]
    proba = random_proba(np.random.default_rng(0), 20, 4, members)
    assert measure(proba).dtype == np.float64
    single = measure(proba.astype(np.float32))
    assert single.dtype == np.float32
    assert_allclose(single, measure(proba), atol=1e-6)
    assert measure(proba.astype(np.float16)).dtype == np.float32
    assert measure(proba.tolist()).dtype == np.float64
    assert measure(np.eye(3, dtype=int)[[[0, 1]] * 2 if members else [0, 1]]).shape == (
        2,
    )


@pytest.mark.parametrize("n_classes", [3, 70])
@pytest.mark.parametrize("name", [*SINGLE, *COMMITTEE])
def test_blocks_and_threads_change_no_bit(name, n_classes, monkeypatch):
    members = None if name in SINGLE else 3
    measure = (SINGLE | COMMITTEE)[name]
    proba = random_proba(np.random.default_rng(0), 501, n_classes, members)
    expected = measure(proba)
    for row in (0, 500):
        alone = proba[..., row : row + 1, :]
        assert_array_equal(measure(alone), expected[row : row + 1])
    for block_size in (1, 1000, 10_000):
        for threads in ("1", "3"):
            monkeypatch.setattr(_blocks, "_BLOCK_SIZE", block_size)
            monkeypatch.setattr(_blocks, "_COMMITTEE_BLOCK_SIZE", block_size)
            monkeypatch.setattr(_blocks, "_THREADED_SIZE", 0)
            monkeypatch.setenv("OMP_NUM_THREADS", threads)
            assert_array_equal(measure(proba), expected)


@pytest.mark.parametrize("order", ["F", "strided", "reversed"])
@pytest.mark.parametrize("name", [*SINGLE, *COMMITTEE])
def test_memory_layout_and_input_untouched(name, order):
    members = None if name in SINGLE else 3
    measure = (SINGLE | COMMITTEE)[name]
    proba = random_proba(np.random.default_rng(0), 20, 4, members)
    expected = measure(proba)
    if order == "F":
        other = np.asfortranarray(proba)
    elif order == "strided":
        other = np.repeat(proba, 2, axis=-2)[..., ::2, :]
    else:
        other = proba[..., ::-1, :].copy()[..., ::-1, :]
    other.flags.writeable = False
    before = other.copy()
    assert_array_equal(measure(other), expected)
    assert_array_equal(other, before)


@pytest.mark.parametrize("name", [*SINGLE, *COMMITTEE])
def test_no_samples(name):
    shape = (0, 3) if name in SINGLE else (2, 0, 3)
    assert (SINGLE | COMMITTEE)[name](np.empty(shape)).shape == (0,)


@pytest.mark.parametrize(
    ("name", "shape", "limit"),
    [(name, (300_000, 10), 8) for name in SINGLE]
    + [(name, (10, 30_000, 10), 4) for name in COMMITTEE],
)
def test_memory_beyond_the_output(name, shape, limit):
    proba = np.full(shape, 0.1)
    tracemalloc.start()
    (SINGLE | COMMITTEE)[name](proba)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - 8 * shape[-2] <= limit * 2**20


# Errors -----------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [3, 70])
@pytest.mark.parametrize(
    "wrong", [np.nan, np.inf, -0.25, 0.75], ids=["nan", "inf", "negative", "sum"]
)
@pytest.mark.parametrize("name", [*SINGLE, *COMMITTEE])
def test_rows_that_are_no_probabilities(name, wrong, n_classes):
    members = None if name in SINGLE else 3
    proba = np.full((20, n_classes) if members is None else (3, 20, n_classes), 0.0)
    proba[..., 0] = 1
    proba[..., 17, 1] = wrong
    proba[..., 17, 0] = 1 - wrong if wrong == -0.25 else 1
    with pytest.raises(
        ValueError, match=r"Row 17 is not a probability vector.*predict"
    ):
        (SINGLE | COMMITTEE)[name](proba)


@pytest.mark.parametrize("name", [*SINGLE, *COMMITTEE])
def test_wrong_shape(name):
    for shape in [(3,), (2, 2, 2, 2), (2, 0)]:
        with pytest.raises(ValueError, match=r"shape"):
            (SINGLE | COMMITTEE)[name](np.full(shape, 0.5))
    shape = (2, 2, 2) if name in SINGLE else (2, 2)
    with pytest.raises(ValueError, match=r"\(n_samples, n_classes\)|n_members"):
        (SINGLE | COMMITTEE)[name](np.full(shape, 0.5))


def test_wrong_votes():
    with pytest.raises(ValueError, match="between 0 and n_classes - 1 = 1"):
        measures.vote_entropy([[0, 2]], n_classes=2)
    with pytest.raises(ValueError, match="between 0"):
        measures.vote_entropy([[0, -1]])
    with pytest.raises(ValueError, match="integer class codes"):
        measures.vote_entropy([[0.0, 1.0]])


def test_wrong_reduction():
    with pytest.raises(ValueError, match="'max' or 'mean'; got 'min'"):
        measures.kl_divergence([[[1.0]]], reduction="min")
