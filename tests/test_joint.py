"""Joint information, predictive information, plausibility: against brute force."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from skactive import measures
from skactive.measures import _epistemic, _joint, _predictive
from skactive.measures._joint import _Batch

FROZEN = np.random.RandomState(0).dirichlet(np.ones(3), size=(6, 5)).transpose(1, 0, 2)


# Oracles -----------------------------------------------------------------------------


def plain_entropy(p):
    return -sum(x * math.log(x) for x in np.ravel(p) if x > 0)


def plain_joint(proba):
    """H(y_1 ... y_b) - sum_i mean_k H(p_ki), by listing all configurations."""
    n_members, n_samples, n_classes = proba.shape
    joint = [
        sum(
            math.prod(proba[k, i, c] for i, c in enumerate(labels))
            for k in range(n_members)
        )
        / n_members
        for labels in itertools.product(range(n_classes), repeat=n_samples)
    ]
    noise = sum(
        plain_entropy(proba[k, i]) for i in range(n_samples) for k in range(n_members)
    )
    return plain_entropy(joint) - noise / n_members


def plain_greedy(proba, n_queries):
    chosen, information = [], []
    for _ in range(n_queries):
        found = {
            row: plain_joint(proba[:, [*chosen, row]])
            for row in range(proba.shape[1])
            if row not in chosen
        }
        best = max(found, key=found.get)
        chosen.append(best)
        information.append(found[best])
    return chosen, information


def plain_epig(proba, targets):
    """Mean over targets of the mutual information of two labels, by four loops."""
    _, n_samples, n_classes = proba.shape
    result = []
    for i in range(n_samples):
        total = 0
        for t in range(targets.shape[1]):
            for c, d in itertools.product(range(n_classes), repeat=2):
                both = np.mean(proba[:, i, c] * targets[:, t, d])
                if both > 0:
                    apart = proba[:, i, c].mean() * targets[:, t, d].mean()
                    total += both * math.log(both / apart)
        result.append(total / targets.shape[1])
    return result


def plain_plausibility(counts, n_steps):
    """The definition, maximised over a fine grid of distributions."""
    counts = np.asarray(counts, dtype=float)
    grid = np.array(
        [
            [*steps, n_steps - sum(steps)]
            for steps in itertools.product(range(n_steps + 1), repeat=len(counts) - 1)
            if sum(steps) <= n_steps
        ]
    )
    theta = grid / n_steps
    likelihood = np.prod(theta**counts, axis=1)
    if counts.sum():
        likelihood /= np.prod((counts / counts.sum()) ** counts)
    result = []
    for c in range(len(counts)):
        support = theta[:, c] - np.delete(theta, c, axis=1).max(axis=1)
        result.append(np.minimum(likelihood, support).max())
    return result


def random_proba(seed, n_members, n_samples, n_classes, zeros=True, sharpness=0.7):
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.full(n_classes, sharpness), size=(n_members, n_samples))
    if zeros and n_classes > 1:
        proba[rng.random(proba.shape) < 0.2] = 0
        proba[..., 0] += proba.sum(axis=-1) == 0
        proba /= proba.sum(axis=-1, keepdims=True)
    return proba


SHAPES = [(1, 3, 2), (2, 4, 2), (5, 5, 2), (3, 4, 3), (7, 3, 4), (2, 3, 1), (4, 3, 5)]


@st.composite
def probabilities(draw, max_samples=5):
    shape = draw(
        st.tuples(st.integers(1, 4), st.integers(1, max_samples), st.integers(2, 4))
    )
    weights = draw(arrays(np.float64, shape, elements=st.floats(0, 1)))
    weights[..., 0] += weights.sum(axis=-1) < 1e-3
    return weights / weights.sum(axis=-1, keepdims=True)


# Joint information -------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_joint_information_equals_enumeration(shape, seed):
    proba = random_proba(seed, *shape)
    expected = plain_joint(proba)
    assert_allclose(measures.joint_information_gain(proba), expected, atol=1e-12)
    single = measures.joint_information_gain(proba.astype(np.float32))
    assert_allclose(single, expected, atol=1e-5)


def test_joint_information_of_one_sample_is_information_gain():
    proba = random_proba(0, 5, 20, 4)
    gains = measures.information_gain(proba)
    joint = [measures.joint_information_gain(proba[:, [i]]) for i in range(20)]
    assert_allclose(joint, gains, atol=1e-12)


@given(proba=probabilities(), seed=st.integers(0, 99))
def test_joint_information_properties(proba, seed):
    n_members, n_samples, _ = proba.shape
    information = measures.joint_information_gain(proba)
    gains = measures.information_gain(proba)
    assert 0 <= information <= min(np.log(n_members), gains.sum()) + 1e-12
    assert information >= gains.max() - 1e-9
    rng = np.random.default_rng(seed)
    rows, members = rng.permutation(n_samples), rng.permutation(n_members)
    again = measures.joint_information_gain(proba[members][:, rows])
    assert_allclose(again, information, atol=1e-9)
    fewer = measures.joint_information_gain(proba[:, 1:])
    assert fewer <= information + 1e-9


@given(proba=probabilities())
def test_no_joint_information_where_members_agree_or_are_one(proba):
    committee = np.repeat(proba[:1], 3, axis=0)
    assert measures.joint_information_gain(committee) == 0
    assert measures.joint_information_gain(proba[:1]) == 0
    assert_array_equal(measures.batch_bald(committee, 3)[1], 0)


def test_certain_members_are_told_apart():
    proba = np.eye(4)[[[0, 1], [0, 2], [1, 1], [1, 2]]]
    assert_allclose(measures.joint_information_gain(proba), np.log(4))
    assert_allclose(measures.joint_information_gain(proba[:, [0, 0]]), np.log(2))
    assert measures.joint_information_gain(proba[:, :0]) == 0


@pytest.mark.parametrize("sharpness", [0.3, 1, 5])
def test_sampled_joint_information_is_close(sharpness):
    proba = random_proba(0, 12, 8, 3, sharpness=sharpness)
    exact = measures.joint_information_gain(proba, max_configurations=3**8)
    sampled = [
        measures.joint_information_gain(proba, max_configurations=300, random_state=s)
        for s in range(30)
    ]
    assert_allclose(sampled, exact, rtol=0.03)
    assert_allclose(np.mean(sampled), exact, rtol=0.005)
    assert np.ptp(sampled) > 0


def test_thinning_keeps_the_mean_and_the_sum():
    weights = np.random.default_rng(0).exponential(size=50) ** 3
    total = np.zeros(50)
    for seed in range(4000):
        kept, factors = _joint._thin(weights, 10, np.random.default_rng(seed))
        assert len(set(kept.tolist())) == len(kept)
        assert 9 <= len(kept) <= 11
        assert_allclose((weights[kept] * factors).sum(), weights.sum())
        total[kept] += weights[kept] * factors / 4000
    assert_allclose(total, weights, atol=0.15, rtol=0.1)


def test_thinning_where_one_weight_is_all():
    weights = np.array([1e-20, 1.0, 1e-20])
    kept, factors = _joint._thin(weights, 1, np.random.default_rng(0))
    assert_array_equal(kept, [1])
    assert_array_equal(factors, [1])


# Greedy batches ----------------------------------------------------------------------


def test_frozen_batch():
    positions, information = measures.batch_bald(FROZEN, 3, random_state=0)
    assert_array_equal(positions, [1, 3, 4])
    expected = [0.3230419532, 0.5471575482, 0.7104538854]
    assert_allclose(information, expected, atol=1e-10)
    joint = measures.joint_information_gain(FROZEN[:, positions])
    assert_allclose(joint, expected[-1], atol=1e-10)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_greedy_equals_enumeration(shape, seed):
    n_members, _, n_classes = shape
    # Soft probabilities: the ceiling is not reached, after which nothing is greedy.
    proba = random_proba(seed, n_members, 7, n_classes, zeros=False, sharpness=5)
    chosen, expected = plain_greedy(proba, 3)
    positions, information = measures.batch_bald(proba, 3, random_state=0)
    assert_allclose(information, np.maximum(expected, 0), atol=1e-12)
    if n_members > 1 and n_classes > 1:
        assert_array_equal(positions, chosen)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_greedy_with_bounds_equals_greedy_without(dtype):
    """Enough rows and configurations for every bound; the exact range throughout."""
    proba = random_proba(0, 8, 400, 4, zeros=False, sharpness=3).astype(dtype)
    chosen, batch = [], _Batch.empty(8)
    rng = np.random.default_rng(0)
    for _ in range(6):
        doubts = [
            np.inf if row in chosen else batch.add(proba[:, row], 10**6, rng).doubt
            for row in range(400)
        ]
        chosen.append(int(np.argmin(doubts)))
        batch = batch.add(proba[:, chosen[-1]], 10**6, rng)
    found, information = measures.batch_bald(proba, 6, max_configurations=4**5)
    assert_array_equal(found, chosen)
    assert_allclose(information[-1], np.log(8) - batch.doubt, atol=1e-5)


@pytest.mark.parametrize(
    ("n_members", "n_classes", "n_queries"), [(10, 3, 9), (20, 10, 5), (40, 2, 13)]
)
@pytest.mark.parametrize("sharpness", [0.7, 5])
def test_sampled_batches_are_as_good_as_exact_ones(
    n_members, n_classes, n_queries, sharpness
):
    proba = random_proba(1, n_members, 150, n_classes, zeros=False, sharpness=sharpness)
    n_all = n_classes ** (n_queries - 1)
    exact, best = measures.batch_bald(proba, n_queries, max_configurations=n_all)
    assert n_all > 1000
    for seed in range(3):
        rows, said = measures.batch_bald(proba, n_queries, random_state=seed)
        truth = measures.joint_information_gain(
            proba[:, rows], max_configurations=n_all
        )
        # Small values of the limit give other batches, or this test is about nothing.
        assert truth >= 0.99 * best[-1]
        assert_allclose(said[-1], truth, rtol=0.02)
    few, _ = measures.batch_bald(proba, n_queries, max_configurations=8, random_state=0)
    assert few.tolist() != exact.tolist()


@given(
    proba=probabilities(max_samples=8),
    n_queries=st.integers(1, 9),
    limit=st.sampled_from([1, 3, 1000]),
)
def test_batch_properties(proba, n_queries, limit):
    n_members, n_samples, _ = proba.shape
    positions, information = measures.batch_bald(
        proba, n_queries, max_configurations=limit, random_state=0
    )
    assert len(positions) == len(information) == min(n_queries, n_samples)
    assert len(set(positions.tolist())) == len(positions)
    gains = measures.information_gain(proba)
    assert gains[positions[0]] >= gains.max() - 1e-9
    assert_allclose(information[0], gains.max(), atol=1e-9)
    assert (np.diff(information) >= 0).all()
    assert (information <= np.log(n_members) + 1e-12).all()
    assert (information <= np.cumsum(gains[positions]) + 1e-12).all()
    assert information.dtype == np.float64


def test_candidates_in_another_order_give_the_same_batch():
    proba = random_proba(0, 6, 60, 3, zeros=False)
    expected = measures.batch_bald(proba, 5, random_state=0)
    order = np.random.default_rng(1).permutation(60)
    positions, information = measures.batch_bald(proba[:, order], 5, random_state=3)
    assert_array_equal(order[positions], expected[0])
    assert_allclose(information, expected[1], atol=1e-12)


@pytest.mark.parametrize("limit", [20, 1000])
def test_blocks_change_nothing(limit, monkeypatch):
    proba = random_proba(0, 6, 300, 3, zeros=False)
    expected = measures.batch_bald(proba, 8, max_configurations=limit, random_state=0)
    for size in (1, 100, 10_000):
        monkeypatch.setattr(_joint, "_JOINT_BLOCK_SIZE", size)
        found = measures.batch_bald(proba, 8, max_configurations=limit, random_state=0)
        assert_array_equal(found[0], expected[0])
        assert_allclose(found[1], expected[1], atol=1e-12)


def test_seeds():
    proba = random_proba(0, 10, 50, 4, zeros=False, sharpness=5)
    first = measures.batch_bald(proba, 9, max_configurations=20, random_state=0)
    again = measures.batch_bald(
        proba, 9, max_configurations=20, random_state=np.random.default_rng(0)
    )
    assert_array_equal(first[0], again[0])
    assert_array_equal(first[1], again[1])
    state = np.random.get_state()[1].copy()
    measures.batch_bald(proba, 9, max_configurations=20)
    assert_array_equal(np.random.get_state()[1], state)


def test_ties_at_random():
    proba = np.tile(random_proba(0, 4, 1, 3), (1, 30, 1))
    first = {
        measures.batch_bald(proba, 1, random_state=seed)[0][0] for seed in range(60)
    }
    assert len(first) > 15
    batch, _ = measures.batch_bald(proba, 8, random_state=0)
    assert len(set(batch.tolist())) == 8


def test_rows_that_tell_the_same_are_not_in_one_batch():
    disputed = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    other = [[0.9, 0.1], [0.1, 0.9], [0.9, 0.1], [0.1, 0.9]]
    proba = np.stack([disputed, disputed, disputed, other], axis=1)
    gains = measures.information_gain(proba)
    assert gains[3] < gains[:3].min()
    for seed in range(5):
        positions, _ = measures.batch_bald(proba, 2, random_state=seed)
        assert positions[1] == 3


def test_filled_by_information_gain_once_all_is_told():
    certain = np.eye(2)[[[0, 0], [0, 1], [1, 0], [1, 1]]]
    rest = random_proba(0, 4, 20, 2, zeros=False)
    proba = np.concatenate([rest, certain], axis=1)
    positions, information = measures.batch_bald(proba, 10, random_state=0)
    assert set(positions[:2].tolist()) == {20, 21}
    assert_allclose(information[1:], np.log(4))
    by_gain = np.argsort(-measures.information_gain(rest))[:8]
    assert_array_equal(positions[2:], by_gain)


def test_probabilities_of_zero():
    proba = np.eye(3)[np.random.default_rng(0).integers(3, size=(5, 40))]
    positions, information = measures.batch_bald(proba, 6, random_state=0)
    assert np.isfinite(information).all()
    assert len(set(positions.tolist())) == 6
    single = measures.batch_bald(proba.astype(np.float32), 6, random_state=0)[1]
    assert_allclose(single, information, atol=1e-5)


def test_batch_memory_and_input_untouched():
    proba = random_proba(0, 10, 3000, 8, zeros=False)
    proba.flags.writeable = False
    tracemalloc.start()
    measures.batch_bald(proba, 12, random_state=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * 2**20


@pytest.mark.parametrize("wrong", [0, -1, 1.5, None])
def test_wrong_numbers(wrong):
    with pytest.raises(ValueError, match="n_queries must be a positive int"):
        measures.batch_bald(FROZEN, wrong)
    with pytest.raises(ValueError, match="max_configurations must be a positive int"):
        measures.batch_bald(FROZEN, 1, max_configurations=wrong)
    with pytest.raises(ValueError, match="max_configurations must be a positive int"):
        measures.joint_information_gain(FROZEN, max_configurations=wrong)


@pytest.mark.parametrize(
    "measure",
    [
        measures.joint_information_gain,
        measures.entropy_decomposition,
        lambda proba: measures.batch_bald(proba, 1),
        lambda proba: measures.expected_predictive_information_gain(proba, FROZEN),
        lambda proba: measures.expected_predictive_information_gain(FROZEN, proba),
    ],
)
def test_rows_that_are_no_probabilities(measure):
    wrong = FROZEN.copy()
    wrong[2, 3, 0] = np.nan
    with pytest.raises(ValueError, match="Row 3 is not a probability vector"):
        measure(wrong)
    with pytest.raises(ValueError, match="shape"):
        measure(FROZEN[0])


# Predictive information --------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n_targets", [1, 6])
def test_epig_equals_double_loop(shape, n_targets):
    proba = random_proba(0, *shape)
    targets = random_proba(1, shape[0], n_targets, shape[2])
    expected = plain_epig(proba, targets)
    found = measures.expected_predictive_information_gain(proba, targets)
    assert_allclose(found, expected, atol=1e-12)
    single = measures.expected_predictive_information_gain(
        proba.astype(np.float32), targets.astype(np.float32)
    )
    assert single.dtype == np.float32
    assert_allclose(single, expected, atol=1e-5)


@given(proba=probabilities(), targets=st.integers(1, 5), seed=st.integers(0, 99))
def test_epig_properties(proba, targets, seed):
    n_members, n_samples, n_classes = proba.shape
    target_proba = random_proba(seed, n_members, targets, n_classes)
    epig = measures.expected_predictive_information_gain
    utilities = epig(proba, target_proba)
    assert utilities.shape == (n_samples,)
    assert (utilities >= 0).all()
    assert (utilities <= measures.information_gain(proba) + 1e-12).all()
    rng = np.random.default_rng(seed)
    rows, members = rng.permutation(n_samples), rng.permutation(n_members)
    again = epig(proba[members][:, rows], target_proba[members])
    assert_allclose(again, utilities[rows], atol=1e-12)
    agreed = np.repeat(proba[:1], n_members, axis=0)
    assert_array_equal(epig(agreed, target_proba), 0)


def test_epig_in_blocks(monkeypatch):
    proba, targets = random_proba(0, 5, 70, 3), random_proba(1, 5, 40, 3)
    expected = measures.expected_predictive_information_gain(proba, targets)
    for size, width in [(1, 1), (50, 7), (1000, 1000), (10_000, 50)]:
        monkeypatch.setattr(_predictive, "_PAIR_BLOCK_SIZE", size)
        monkeypatch.setattr(_predictive, "_PAIR_BLOCK_WIDTH", width)
        found = measures.expected_predictive_information_gain(proba, targets)
        assert_allclose(found, expected, atol=1e-13)


def test_epig_memory():
    proba = random_proba(0, 5, 2000, 4)
    tracemalloc.start()
    measures.expected_predictive_information_gain(proba, proba[:, :500])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2**20  # all pairs would take 128 MiB


@pytest.mark.parametrize("shape", [(4, 2, 3), (5, 2, 4), (5, 0, 3)])
def test_epig_wrong_targets(shape):
    with pytest.raises(ValueError, match=r"members and classes of member_proba, 5 and"):
        measures.expected_predictive_information_gain(FROZEN, np.full(shape, 0.25))


# Epistemic and aleatoric -------------------------------------------------------------


def test_entropy_decomposition():
    proba = random_proba(0, 5, 30, 4)
    total, aleatoric, epistemic = measures.entropy_decomposition(proba)
    assert_allclose(total, measures.consensus_entropy(proba), atol=1e-12)
    assert_allclose(epistemic, measures.information_gain(proba), atol=1e-12)
    plain = [[plain_entropy(p) for p in member] for member in proba]
    assert_allclose(aleatoric, np.mean(plain, axis=0), atol=1e-12)


@pytest.mark.parametrize(("n_classes", "n_steps"), [(2, 4000), (3, 300), (4, 60)])
def test_plausibility_equals_grid(n_classes, n_steps):
    rng = np.random.default_rng(0)
    for _ in range(10):
        counts = rng.integers(0, 6, n_classes) * rng.choice([0.3, 1, 2])
        found = measures.plausibility([counts])[0]
        on_grid = np.array(plain_plausibility(counts, n_steps))
        assert (found >= on_grid - 1e-9).all()  # a grid misses the maximum
        assert (found <= on_grid + 3 / n_steps).all()


def test_plausibility_in_closed_form():
    """Two classes and labels of one: ((1 - t) / 2) ** n = t for the other one."""
    for n in (1, 2.5, 7):
        other = measures.plausibility([[n, 0]])[0, 1]
        assert_allclose(((1 - other) / 2) ** n, other, rtol=1e-6)
    assert_array_equal(measures.plausibility([[3, 0, 0]])[0, 0], 1)
    assert_array_equal(measures.plausibility(np.zeros((2, 3))), 1)
    assert_array_equal(measures.plausibility([[2.0], [0.0]]), 1)
    assert_array_equal(measures.epistemic_uncertainty([[2.0], [0.0]]), 0)


@given(
    counts=arrays(
        np.float64,
        st.tuples(st.integers(1, 4), st.integers(2, 5)),
        elements=st.one_of(st.just(0.0), st.floats(1e-3, 1e3)),
    ),
    seed=st.integers(0, 99),
)
def test_plausibility_properties(counts, seed):
    plausible = measures.plausibility(counts)
    assert plausible.shape == counts.shape
    assert ((plausible >= 0) & (plausible <= 1)).all()
    ordered = np.sort(plausible, axis=1)
    epistemic = measures.epistemic_uncertainty(counts)
    assert_allclose(epistemic, ordered[:, -2], atol=1e-6)
    aleatoric = measures.aleatoric_uncertainty(counts)
    assert_allclose(aleatoric, 1 - ordered[:, -1], atol=1e-6)
    columns = np.random.default_rng(seed).permutation(counts.shape[1])
    permuted = measures.plausibility(counts[:, columns])
    assert_allclose(permuted, plausible[:, columns], atol=1e-6)


def test_more_labels_settle_what_is_epistemic_and_not_what_is_aleatoric():
    mixed = np.array([1.0, 1.0, 1.0]) * np.array([[1], [3], [10], [100]])
    assert (np.diff(measures.epistemic_uncertainty(mixed)) < 0).all()
    assert (np.diff(measures.aleatoric_uncertainty(mixed)) > 0).all()


def test_plausibility_in_blocks(monkeypatch):
    counts = np.random.default_rng(0).integers(0, 5, (20, 3))
    expected = measures.epistemic_uncertainty(counts)
    monkeypatch.setattr(_epistemic, "_BLOCK_ROWS", 7)
    assert_array_equal(measures.epistemic_uncertainty(counts), expected)


@pytest.mark.parametrize("wrong", [[1, 2], [[-1, 2]], [[np.nan, 1]], [[]]])
@pytest.mark.parametrize(
    "measure",
    [
        measures.plausibility,
        measures.epistemic_uncertainty,
        measures.aleatoric_uncertainty,
    ],
)
def test_wrong_counts(measure, wrong):
    with pytest.raises(ValueError, match="class_counts must"):
        measure(wrong)
