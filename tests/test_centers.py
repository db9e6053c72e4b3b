"""Batches that cover an embedding: against plain loops, and laws by enumeration."""

import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chisquare
from sklearn.base import clone
from sklearn.datasets import make_blobs, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils._param_validation import InvalidParameterError

from skactive.geometry import _farthest, _points, _sampling
from skactive.geometry._farthest import k_center
from skactive.geometry._nearest import nearest_to_centers
from skactive.geometry._relevance import relevance_sampling
from skactive.geometry._sampling import badge_sampling, k_means_plus_plus
from skactive.strategies._centers import (
    Badge,
    Clue,
    Falcun,
    KCenter,
    KMeans,
    pick_by_clusters,
    proba_of_rows,
    tempered_entropy,
)

CONTAINERS = {
    "dense": np.asarray,
    "fortran": np.asfortranarray,
    "float32": lambda vectors: np.asarray(vectors, dtype=np.float32),
    "csr_matrix": sp.csr_matrix,
    "csr_array": sp.csr_array,
    "csr_float32": lambda vectors: sp.csr_array(vectors, dtype=np.float32),
}
every_container = pytest.mark.parametrize("container", CONTAINERS)


def rng(seed=0):
    return np.random.default_rng(seed)


def random_vectors(seed, n_samples, n_features):
    """Numbers that float32 holds exactly, some of them zero."""
    vectors = rng(seed).standard_normal((n_samples, n_features)).astype(np.float32)
    vectors[rng(seed + 1).random(vectors.shape) < 0.3] = 0
    return vectors.astype(np.float64)


def split(seed, n_samples, n_labeled):
    """Candidates and labelled rows, anywhere in the pool."""
    order = rng(seed).permutation(n_samples)
    return np.sort(order[n_labeled:]), order[:n_labeled]


# Oracles: plain loops over rows of floats -------------------------------------------


def plain_distance(a, b):
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))


def plain_nearest(vectors, row, centers):
    return min(plain_distance(vectors[row], vectors[c]) for c in centers)


def plain_k_center(vectors, n_queries, candidates, centers):
    """Greedy choice from given centres; there must be no ties."""
    vectors, centers, chosen = np.asarray(vectors).tolist(), list(centers), []
    for _ in range(n_queries):
        left = [i for i in candidates if i not in centers]
        best = max(left, key=lambda i: plain_nearest(vectors, i, centers))
        chosen.append(best)
        centers.append(best)
    return chosen


def plain_law(vectors, weights, centers):
    """Chances of all rows to come next, by weight x squared distance."""
    mass = [w * plain_nearest(vectors, i, centers) for i, w in enumerate(weights)]
    return np.array(mass) / sum(mass)


def plain_gradients(vectors, proba):
    """The gradient embedding of BADGE, in full."""
    result = []
    for vector, p in zip(vectors, proba, strict=True):
        best = int(np.argmax(p))
        factors = [x - (c == best) for c, x in enumerate(p)]
        result.append([f * x for f in factors for x in vector])
    return result


def plain_relevance(proba, uncertainty, chosen, gamma):
    """Chances of all rows to come next in FALCUN."""
    left = [i for i in range(len(proba)) if i not in chosen]
    diversity = {
        i: min([uncertainty[i]] + [np.abs(proba[i] - proba[c]).sum() for c in chosen])
        for i in left
    }
    low, high = min(diversity.values()), max(diversity.values())
    mass = np.zeros(len(proba))
    for i in left:
        scaled = (diversity[i] - low) / (high - low) if high > low else 0.0
        mass[i] = (uncertainty[i] + scaled) ** gamma
    if mass.sum() == 0:
        mass[left] = 1
    return mass / mass.sum()


def assert_law(counts, chances, smallest=1e-4):
    """Counts follow the chances, by a chi-square test; none where there is none."""
    assert counts[chances == 0].sum() == 0
    expected = counts.sum() * chances
    # Rare rows together, so that each expected count is large enough.
    rare = expected < 8
    observed = np.append(counts[~rare], counts[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    keep = expected > 0
    if keep.sum() == 1:
        return  # certain, and nothing happened that cannot
    assert chisquare(observed[keep], expected[keep]).pvalue > smallest


# Farthest first ---------------------------------------------------------------------


@every_container
@pytest.mark.parametrize("n_labeled", [0, 1, 7])
@pytest.mark.parametrize("front", [1, 4, 512])
def test_k_center_equals_oracle(container, n_labeled, front, monkeypatch):
    monkeypatch.setattr(_farthest, "_FRONT_SIZE", front)
    for seed, n_features in enumerate([2, 5, 40]):
        vectors = random_vectors(seed, 90, n_features)
        vectors[:, 0] += 0.01 * np.arange(90)  # no copies, no ties
        vectors = vectors.astype(np.float32).astype(np.float64)
        candidates, labeled = split(seed, 90, n_labeled)
        given = CONTAINERS[container](vectors)
        chosen = k_center(
            given, 30, candidates=candidates, labeled=labeled, rng=rng(seed)
        )
        if n_labeled:
            expected = plain_k_center(vectors, 30, candidates, labeled)
            assert chosen.tolist() == expected
        else:
            expected = plain_k_center(vectors, 29, candidates, chosen[:1])
            assert chosen[1:].tolist() == expected


@pytest.mark.parametrize("n_labeled", [0, 400])
def test_k_center_of_more_rows_than_a_front(n_labeled, monkeypatch):
    monkeypatch.setattr(_points, "_BLOCK_SIZE", 2**9)
    monkeypatch.setattr(_points, "_BLOCK_CENTERS", 16)
    for vectors in (
        rng(0).standard_normal((4000, 20)),
        make_blobs(4000, n_features=2, centers=30, random_state=0)[0],
    ):
        candidates, labeled = split(1, 4000, n_labeled)
        chosen = k_center(
            vectors, 150, candidates=candidates, labeled=labeled, rng=rng(0)
        )
        centers = labeled if n_labeled else chosen[:1]
        nearest = np.full(4000, np.inf)
        for center in centers:
            found = ((vectors - vectors[center]) ** 2).sum(axis=1)
            nearest = np.minimum(nearest, found)
        nearest[labeled] = -1
        for row in chosen if n_labeled else chosen[1:]:
            assert row == nearest.argmax()
            found = ((vectors - vectors[row]) ** 2).sum(axis=1)
            nearest = np.minimum(nearest, found)


@given(
    values=st.lists(
        st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=40
    ),
    n_queries=st.integers(0, 45),
    n_labeled=st.integers(0, 5),
    seed=st.integers(0, 9),
)
def test_k_center_with_ties_and_copies_is_greedy(values, n_queries, n_labeled, seed):
    vectors = np.array(values, dtype=float)
    n_labeled = min(n_labeled, len(vectors) - 1)
    candidates, labeled = split(seed, len(vectors), n_labeled)
    chosen = k_center(
        vectors, n_queries, candidates=candidates, labeled=labeled, rng=rng(seed)
    )
    assert len(set(chosen.tolist())) == len(chosen) == min(n_queries, len(candidates))
    assert set(chosen.tolist()) <= set(candidates.tolist())
    centers = labeled.tolist()
    for row in chosen.tolist():
        if centers:
            left = np.setdiff1d(candidates, centers)
            found = [plain_nearest(vectors, i, centers) for i in left]
            assert plain_nearest(vectors, row, centers) == max(found)
        centers.append(row)


def test_k_center_breaks_ties_by_chance():
    corners = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5]])
    counts = np.zeros(5)
    for seed in range(2000):
        chosen = k_center(corners, 1, labeled=np.array([4]), rng=rng(seed))
        counts[chosen] += 1
    assert_law(counts, np.array([1, 1, 1, 1, 0]) / 4)
    counts = np.zeros(5)
    for seed in range(2000):
        counts[k_center(corners, 1, rng=rng(seed))] += 1
    assert_law(counts, np.full(5, 0.2))
    # More tied rows than a front holds.
    n_samples = 3 * 2 * _farthest._FRONT_SIZE
    halves = np.zeros((n_samples, 1))
    halves[: n_samples // 2] = 1
    halves[-1] = 0.25
    first = [
        k_center(halves, 1, labeled=np.array([n_samples - 2]), rng=rng(seed))[0]
        for seed in range(400)
    ]
    assert max(first) < n_samples // 2
    counts = np.histogram(first, bins=8, range=(0, n_samples // 2))[0]
    assert_law(counts, np.full(8, 1 / 8))


@pytest.mark.parametrize("function", [k_center, k_means_plus_plus])
@pytest.mark.parametrize("offset", [0, 1e6])
def test_far_from_the_origin(function, offset):
    vectors = rng(0).integers(-500, 500, size=(300, 4)).astype(np.float64)
    there = function(vectors + offset, 40, rng=rng(0))
    assert_array_equal(there, function(vectors, 40, rng=rng(0)))


def test_small_differences_beside_an_outlier():
    vectors = np.append(1e-4 * rng(0).standard_normal((60, 3)), [[1e4, 0, 0]], axis=0)
    vectors[:60] += 1
    chosen = k_center(vectors, 20, labeled=np.array([0, 60]), rng=rng(0))
    candidates = np.arange(61)
    assert chosen.tolist() == plain_k_center(vectors, 20, candidates, [0, 60])


# D^2 sampling -----------------------------------------------------------------------

SETTINGS = {
    "usual": {},
    "rarely_renewed": {"_PATIENCE": 50, "_QUEUE_SIZE": 4},
    "always_renewed": {"_PATIENCE": 0, "_QUEUE_SIZE": 1},
    "sometimes_renewed": {"_PATIENCE": 0.5, "_QUEUE_SIZE": 3},
}


@pytest.fixture(params=SETTINGS)
def setting(request, monkeypatch):
    """How old distances may grow before they are renewed."""
    for name, value in SETTINGS[request.param].items():
        monkeypatch.setattr(_sampling, name, value)


def count_picks(draw, n_samples, n_draws, place, given=None):
    """How often each row comes at a place, given what came before it."""
    counts = np.zeros(n_samples)
    generator = rng(0)
    for _ in range(n_draws):
        chosen = draw(generator).tolist()
        assert len(set(chosen)) == len(chosen)
        if given is None or chosen[:place] == given:
            counts[chosen[place]] += 1
    return counts


POINTS = np.array(
    [[0.0, 0], [1, 0], [1, 0], [0, 2], [3, 3], [0.5, 0.1], [-2, 1], [0, 0]]
)
WEIGHTS = np.array([1.0, 2, 0.5, 1, 0.3, 4, 1, 0])


def law_of_batch(n_picks, first_law, next_law):
    """Chances of every ordered batch, by enumeration."""
    batches = {(i,): p for i, p in enumerate(first_law) if p > 0}
    for _ in range(n_picks - 1):
        batches = {
            (*batch, i): chance * p
            for batch, chance in batches.items()
            for i, p in enumerate(next_law(list(batch)))
            if p > 0
        }
    return batches


def assert_law_of_batches(draw, batches, n_draws=2500):
    keys = sorted(batches)
    counts = dict.fromkeys(keys, 0)
    generator = rng(0)
    for _ in range(n_draws):
        counts[tuple(draw(generator).tolist())] += 1
    chances = np.array([batches[key] for key in keys])
    assert_allclose(chances.sum(), 1)
    assert_law(np.array([counts[key] for key in keys]), chances)
    for place in range(len(keys[0])):
        marginal, count = np.zeros(20), np.zeros(20)
        for key in keys:
            marginal[key[place]] += batches[key]
            count[key[place]] += counts[key]
        assert_law(count, marginal)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["equal", "weighted"])
def test_k_means_plus_plus_follows_its_law(weights, setting):
    w = np.ones(8) if weights is None else weights
    batches = law_of_batch(3, w / w.sum(), lambda batch: plain_law(POINTS, w, batch))
    assert_law_of_batches(
        lambda g: k_means_plus_plus(POINTS, 3, weights=weights, rng=g), batches
    )


def test_k_means_plus_plus_from_labelled_rows(setting):
    candidates, labeled = np.array([0, 1, 2, 4, 5, 6]), np.array([7, 3])

    def next_law(batch):
        law = np.zeros(8)
        for i in candidates:
            law[i] = plain_nearest(POINTS, i, [*labeled, *batch])
        return law / law.sum()

    assert_law_of_batches(
        lambda g: k_means_plus_plus(
            POINTS, 2, candidates=candidates, labeled=labeled, rng=g
        ),
        law_of_batch(2, next_law([]), next_law),
    )


PROBA = np.array(
    [
        [0.5, 0.3, 0.2],
        [0.9, 0.1, 0.0],
        [0.2, 0.3, 0.5],
        [1.0, 0.0, 0.0],
        [0.4, 0.4, 0.2],
        [0.6, 0.0, 0.4],
        [0.3, 0.5, 0.2],
        [0.0, 0.4, 0.6],
    ]
)


def test_badge_follows_its_law(setting):
    gradients = plain_gradients(POINTS, PROBA)
    lengths = [plain_distance(g, [0.0] * 6) for g in gradients]
    first = np.eye(8)[int(np.argmax(lengths))]
    batches = law_of_batch(
        3, first, lambda batch: plain_law(gradients, np.ones(8), batch)
    )
    assert_law_of_batches(lambda g: badge_sampling(POINTS, PROBA, 3, rng=g), batches)


@every_container
def test_containers_give_the_same_draws(container):
    vectors = random_vectors(0, 300, 5)
    proba = rng(1).dirichlet(np.ones(4), size=300)
    given = CONTAINERS[container](vectors)
    candidates, labeled = split(2, 300, 40)
    for function in (
        lambda v: badge_sampling(v, proba, 40, rng=rng(3)),
        lambda v: k_means_plus_plus(v, 40, rng=rng(3)),
        lambda v: k_means_plus_plus(
            v, 40, candidates=candidates, labeled=labeled, rng=rng(3)
        ),
    ):
        assert_array_equal(function(given), function(vectors))


def test_late_picks_follow_the_law_in_a_larger_pool(monkeypatch):
    # Given the first picks, the next one: many rows, old distances, rejections.
    monkeypatch.setattr(_sampling, "_PATIENCE", 1e9)
    monkeypatch.setattr(_sampling, "_QUEUE_SIZE", 8)
    points = np.append(rng(0).standard_normal((40, 2)), [[60.0, 0], [0, 60]], axis=0)
    labeled = np.array([0, 1])

    def draw(g):
        return k_means_plus_plus(
            points, 3, candidates=np.arange(2, 42), labeled=labeled, rng=g
        )

    law = plain_law(points, np.ones(42), [0, 1, 40, 41])
    counts = np.zeros(42)
    generator = rng(0)
    for _ in range(1500):
        chosen = draw(generator).tolist()
        if set(chosen[:2]) == {40, 41}:
            counts[chosen[2]] += 1
    assert counts.sum() > 1200
    assert_law(counts, law)


@pytest.mark.parametrize("n_classes", [1, 2, 5])
@every_container
def test_norms_and_distances_of_gradients(n_classes, container):
    vectors = random_vectors(0, 50, 6)
    vectors[7] = vectors[3]
    proba = rng(1).dirichlet(np.ones(n_classes), size=50)
    proba[7] = proba[3]
    gradients = np.array(plain_gradients(vectors, proba))
    residual = proba - np.eye(n_classes)[proba.argmax(axis=1)]
    given = CONTAINERS[container](vectors)
    pool = _points.Pool(given, np.arange(50), residual)
    assert_allclose(pool.norms, (gradients**2).sum(axis=1), atol=1e-14)
    centers = np.array([3, 20, 4])
    expected = ((gradients[:, None] - gradients[centers]) ** 2).sum(-1).min(axis=1)
    found = pool.all_distances(50, centers)
    assert_allclose(found, expected, rtol=1e-9, atol=1e-15)
    assert_array_equal(found[[3, 7, 20, 4]], 0)


def test_close_gradients_keep_their_digits():
    vectors = 1 + 1e-7 * rng(0).integers(1, 99, size=(30, 3))
    proba = 0.5 + 1e-7 * rng(1).integers(1, 99, size=(30, 1))
    proba = np.append(proba, 1 - proba, axis=1)
    gradients = np.array(plain_gradients(vectors, proba))
    residual = proba - np.array([1.0, 0])
    pool = _points.Pool(vectors, np.arange(30), residual)
    expected = ((gradients - gradients[4]) ** 2).sum(axis=1)
    assert_allclose(pool.all_distances(30, np.array([4])), expected, rtol=1e-6)


def test_badge_starts_with_the_longest_gradient():
    vectors, proba = rng(0).standard_normal((200, 5)), rng(1).dirichlet([1] * 4, 200)
    lengths = np.linalg.norm(plain_gradients(vectors, proba), axis=1)
    candidates = np.arange(50, 200)
    chosen = badge_sampling(
        vectors, proba[candidates], 10, candidates=candidates, rng=rng(0)
    )
    assert chosen[0] == 50 + lengths[50:].argmax()
    assert len(set(chosen.tolist())) == 10
    # A certain model has no gradients: the draw is uniform.
    certain = np.eye(4)[rng(0).integers(4, size=6)]
    counts = count_picks(
        lambda g: badge_sampling(vectors[:6], certain, 2, rng=g), 6, 2000, 0
    )
    assert_law(counts, np.full(6, 1 / 6))


def test_when_all_distances_are_zero_draws_are_uniform(setting):
    points = np.array([[0.3, 0.1]] * 5 + [[1.7, 2.2]])
    counts = np.zeros(6)
    for seed in range(400):
        chosen = k_means_plus_plus(points, 3, rng=rng(seed)).tolist()
        assert len(set(chosen)) == 3
        assert 5 in chosen[:2]
        counts[chosen[2]] += 1
    assert_law(counts, np.array([1, 1, 1, 1, 1, 0]) / 5)
    weights = np.array([0.0, 0, 0, 0, 0, 1])
    chosen = k_means_plus_plus(points, 6, weights=weights, rng=rng(0))
    assert chosen[0] == 5
    assert_array_equal(np.sort(chosen), np.arange(6))


# What all kernels promise -----------------------------------------------------------


def run_kernels(vectors, n_queries, candidates, labeled, seed=0):
    n_candidates = vectors.shape[0] if candidates is None else len(candidates)
    proba = rng(1).dirichlet(np.ones(3), size=n_candidates)
    options = {"candidates": candidates}
    yield k_center(vectors, n_queries, labeled=labeled, rng=rng(seed), **options)
    yield k_means_plus_plus(
        vectors, n_queries, labeled=labeled, rng=rng(seed), **options
    )
    yield badge_sampling(vectors, proba, n_queries, rng=rng(seed), **options)
    centers = np.zeros((n_queries, vectors.shape[1]))
    yield nearest_to_centers(vectors, centers, candidates=candidates)


@every_container
@pytest.mark.parametrize("n_samples", [1, 2, 30])
@pytest.mark.parametrize("kind", ["random", "zero", "constant", "copies", "no_column"])
def test_any_data(container, n_samples, kind):
    vectors = random_vectors(0, n_samples, 3)
    if kind == "zero":
        vectors[:] = 0
    elif kind == "constant":
        vectors[:, 1] = 1e5
    elif kind == "copies":
        vectors = vectors[rng(0).integers(min(3, n_samples), size=n_samples)]
    elif kind == "no_column":
        vectors = vectors[:, :0]
    given = CONTAINERS[container](vectors)
    before = given.copy()
    for n_queries in (0, 1, 5, 1000):
        for chosen in run_kernels(given, n_queries, None, None):
            n_chosen = min(n_queries, n_samples)
            assert len(set(chosen.tolist())) == len(chosen) == n_chosen
            assert np.issubdtype(chosen.dtype, np.integer)
            assert ((chosen >= 0) & (chosen < n_samples)).all()
    assert abs(given - before).sum() == 0
    assert given.dtype == before.dtype


@pytest.mark.parametrize("n_candidates", [1, 12])
def test_only_candidates_are_chosen(n_candidates):
    vectors = random_vectors(0, 60, 4)
    candidates, labeled = split(0, 60, 60 - n_candidates)
    for n_queries in (1, 12, 13):
        for chosen in run_kernels(vectors, n_queries, candidates, labeled):
            assert set(chosen.tolist()) <= set(candidates.tolist())
            assert len(set(chosen.tolist())) == min(n_queries, n_candidates)


def test_seeds():
    vectors = rng(0).standard_normal((500, 4))
    first = list(run_kernels(vectors, 20, None, None, seed=0))
    for one, other in zip(first, run_kernels(vectors, 20, None, None, 0), strict=True):
        assert_array_equal(one, other)
    others = list(run_kernels(vectors, 20, None, None, seed=1))
    for one, other in zip(first[:3], others[:3], strict=True):
        assert one.tolist() != other.tolist()


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
def test_vectors_without_distances(bad):
    vectors = rng(0).standard_normal((20, 3))
    vectors[4, 1] = bad
    with np.errstate(over="ignore", invalid="ignore"):
        for function in (k_center, k_means_plus_plus):
            with pytest.raises(ValueError, match="Impute or scale"):
                function(vectors, 3, rng=rng())


@pytest.mark.parametrize("weights", [[1.0, 2], [1, -1, 1], [1, np.nan, 1]])
def test_bad_weights(weights):
    with pytest.raises(ValueError, match="3 finite numbers that are not negative"):
        k_means_plus_plus(np.eye(3), 2, weights=weights, rng=rng())


def test_bad_proba():
    with pytest.raises(ValueError, match="one row for each of the 3 candidates"):
        badge_sampling(np.eye(3), np.ones((2, 2)), 1, rng=rng())


def test_memory():
    vectors = rng(0).standard_normal((40_000, 32)).astype(np.float32)  # 5 MiB
    proba = rng(1).dirichlet(np.ones(5), size=40_000).astype(np.float32)
    labeled = np.arange(3000)
    candidates = np.arange(3000, 40_000)
    for function in (
        lambda: k_center(
            vectors, 100, candidates=candidates, labeled=labeled, rng=rng()
        ),
        lambda: k_means_plus_plus(
            vectors, 100, candidates=candidates, labeled=labeled, rng=rng()
        ),
        lambda: badge_sampling(vectors, proba, 100, rng=rng()),
        lambda: nearest_to_centers(vectors, vectors[:300]),
    ):
        tracemalloc.start()
        try:
            function()
            assert tracemalloc.get_traced_memory()[1] < 12 * 2**20
        finally:
            tracemalloc.stop()


# FALCUN -----------------------------------------------------------------------------


@pytest.mark.parametrize("gamma", [0, 1, 3.5])
def test_falcun_follows_its_law(gamma):
    uncertainty = np.array([1 - np.diff(np.sort(p)[-2:])[0] for p in PROBA])
    batches = law_of_batch(
        3,
        plain_relevance(PROBA, uncertainty, [], gamma),
        lambda batch: plain_relevance(PROBA, uncertainty, batch, gamma),
    )
    assert_law_of_batches(
        lambda g: relevance_sampling(PROBA, uncertainty, 3, gamma=gamma, rng=g),
        batches,
    )


def test_falcun_with_a_large_power_takes_the_largest_relevance():
    proba = rng(0).dirichlet(np.ones(4), size=100)
    top = np.sort(proba, axis=1)
    uncertainty = 1 - (top[:, -1] - top[:, -2])
    chosen = relevance_sampling(proba, uncertainty, 12, gamma=1e6, rng=rng())
    for place, row in enumerate(chosen.tolist()):
        before = chosen[:place].tolist()
        assert plain_relevance(proba, uncertainty, before, 1).argmax() == row


@pytest.mark.parametrize("gamma", [0, 10, 1e6])
def test_falcun_of_certain_rows_is_uniform(gamma):
    proba = np.eye(3)[[0, 0, 0, 0]]
    counts = count_picks(
        lambda g: relevance_sampling(proba, np.zeros(4), 9, gamma=gamma, rng=g),
        4,
        1000,
        2,
    )
    assert_law(counts, np.full(4, 0.25))


# Rows at centres --------------------------------------------------------------------


@every_container
@pytest.mark.parametrize("n_centers", [1, 20, 60])
def test_nearest_to_centers_equals_oracle(container, n_centers):
    vectors = random_vectors(0, 60, 3)
    centers = rng(1).standard_normal((n_centers, 3)) / 3
    weights = rng(2).integers(5, size=n_centers)
    candidates, _ = split(3, 60, 10)
    left, expected = candidates.tolist(), []
    for c in sorted(range(n_centers), key=lambda c: -weights[c]):
        if left:
            best = min(left, key=lambda i: plain_distance(vectors[i], centers[c]))
            left.remove(best)
            expected.append(best)
    found = nearest_to_centers(
        CONTAINERS[container](vectors), centers, candidates=candidates, weights=weights
    )
    assert found.tolist() == expected


@pytest.mark.parametrize("kind", ["dense", "csr_array", "mini_batch"])
def test_clusters_find_blobs(kind, monkeypatch):
    if kind == "mini_batch":
        monkeypatch.setattr("skactive.strategies._centers._MINI_BATCH_SIZE", 0)
    sizes = [10, 80, 40]
    centers = np.array([[0.0, 0], [50, 0], [0, 50]])
    vectors, blob = make_blobs(sizes, centers=centers, random_state=0)
    given = CONTAINERS["csr_array" if kind == "csr_array" else "dense"](vectors)
    chosen = pick_by_clusters(given, np.arange(130), 3, None, rng(0))
    assert blob[chosen].tolist() == [1, 2, 0]
    for row in chosen:
        members = np.flatnonzero(blob == blob[row])
        middle = vectors[members].mean(axis=0)
        distances = ((vectors[members] - middle) ** 2).sum(axis=1)
        if kind != "mini_batch":
            assert row == members[distances.argmin()]
    # The weight decides what comes first, and where the mean is.
    weights = np.where(blob == 0, 100.0, 1.0)
    assert blob[pick_by_clusters(given, np.arange(130), 3, weights, rng(0))[0]] == 0


@pytest.mark.parametrize("temperature", [0.01, 0.5, 1, 10])
def test_tempered_entropy(temperature):
    proba = np.append(rng(0).dirichlet(np.ones(3), size=20), [[1, 0, 0]], axis=0)
    for p, found in zip(proba, tempered_entropy(proba, temperature), strict=True):
        with np.errstate(divide="ignore"):
            logits = np.log(p) / temperature
        weights = np.exp(logits - logits.max())
        q = weights / weights.sum()
        expected = -sum(x * np.log(x) for x in q if x > 0)
        assert_allclose(found, expected, atol=1e-12)


# Strategies -------------------------------------------------------------------------

ALL = [KCenter(), KMeans(), Badge(), Clue(), Clue(0.3), Falcun(), Falcun(0)]
every_strategy = pytest.mark.parametrize("strategy", ALL, ids=repr)
X, labels = make_classification(
    n_samples=200, n_features=6, n_informative=4, n_classes=3, random_state=0
)
IS_LABELED = rng(0).random(200) < 0.2
y = np.where(IS_LABELED, labels, np.nan)
MODEL = make_pipeline(StandardScaler(), LogisticRegression())
MODEL.fit(X[IS_LABELED], labels[IS_LABELED])
POOL = np.flatnonzero(~IS_LABELED)


@every_strategy
def test_select(strategy):
    chosen = strategy.select(MODEL, X, y, n_queries=15, random_state=0)
    assert chosen.shape == (15,)
    assert np.issubdtype(chosen.dtype, np.integer)
    assert len(set(chosen.tolist())) == 15
    assert set(chosen.tolist()) <= set(POOL.tolist())


@every_strategy
def test_random_state_fixes_everything(strategy):
    before = pickle.dumps(vars(strategy))

    def select(seed):
        return strategy.select(MODEL, X, y, n_queries=15, random_state=seed)

    assert_array_equal(select(3), select(3))
    assert_array_equal(
        select(np.random.RandomState(1)), select(np.random.RandomState(1))
    )
    # Greedy choice from labelled rows leaves nothing to chance.
    if not isinstance(strategy, KCenter):
        assert select(3).tolist() != select(4).tolist()
    assert pickle.dumps(vars(strategy)) == before


@every_strategy
def test_all_and_more(strategy):
    for n_queries in (len(POOL), 1000):
        chosen = strategy.select(MODEL, X, y, n_queries=n_queries, random_state=0)
        assert_array_equal(np.sort(chosen), POOL)
    assert len(strategy.select(MODEL, X, labels, n_queries=3)) == 0
    assert len(strategy.select(MODEL, X, n_queries=300)) == 200


@every_strategy
def test_copies_come_last(strategy):
    copies = np.repeat(X[:20], 5, axis=0)
    chosen = strategy.select(MODEL, copies, n_queries=20, random_state=0)
    assert_array_equal(np.sort(chosen // 5), np.arange(20))
    chosen = strategy.select(MODEL, copies, n_queries=30, random_state=0)
    assert len(set(chosen.tolist())) == 30


@every_strategy
@pytest.mark.parametrize("n_samples", [1, 2])
def test_few_rows(strategy, n_samples):
    chosen = strategy.select(MODEL, X[:n_samples], n_queries=2, random_state=0)
    assert_array_equal(np.sort(chosen), np.arange(n_samples))


@every_strategy
def test_clone_repr_and_parameters(strategy):
    assert repr(clone(strategy)) == repr(strategy)
    assert repr(eval(repr(strategy))) == repr(strategy)
    strategy = clone(strategy).set_params(embedding=3)
    with pytest.raises(InvalidParameterError, match="'embedding'"):
        strategy.select(MODEL, X, y, n_queries=2)


@pytest.mark.parametrize("wrong", [Clue(0), Clue(-1), Clue("1"), Falcun(-1)])
def test_wrong_parameters(wrong):
    with pytest.raises(InvalidParameterError):
        wrong.select(MODEL, X, y, n_queries=2)


@pytest.mark.parametrize("strategy", [Badge(), Clue(), Falcun()], ids=repr)
def test_needs_probabilities(strategy):
    with pytest.raises(ValueError, match=r"needs predict_proba.*got LinearSVC\(\)"):
        strategy.select(LinearSVC(), X, y, n_queries=2)


@pytest.mark.parametrize("strategy", [KCenter(), KMeans()], ids=repr)
@pytest.mark.parametrize(
    "model",
    [LogisticRegression(), make_pipeline(StandardScaler(), LogisticRegression()), None],
    ids=["bare", "pipeline", "none"],
)
def test_cold_start(strategy, model):
    chosen = strategy.select(model, X, n_queries=10, random_state=0)
    assert len(set(chosen.tolist())) == 10
    if model is not None and hasattr(model, "steps"):
        scaled = strategy.select(
            None, StandardScaler().fit_transform(X), n_queries=10, random_state=0
        )
        assert_array_equal(chosen, scaled)


def test_k_center_sees_labelled_rows_wherever_they_stand():
    vectors = MODEL[:-1].transform(X)
    expected = plain_k_center(vectors, 20, POOL, np.flatnonzero(IS_LABELED))
    assert KCenter().select(MODEL, X, y, n_queries=20).tolist() == expected
    order = rng(1).permutation(200)
    shuffled = KCenter().select(MODEL, X[order], y[order], n_queries=20)
    assert order[shuffled].tolist() == expected


def test_badge_and_falcun_are_their_kernels():
    proba = MODEL.predict_proba(X[POOL])
    vectors = MODEL[:-1].transform(X)
    chosen = Badge().select(MODEL, X, y, n_queries=10, random_state=5)
    expected = badge_sampling(vectors, proba, 10, candidates=POOL, rng=rng(5))
    assert_array_equal(chosen, expected)
    top = np.sort(proba, axis=1)
    uncertainty = 1 - (top[:, -1] - top[:, -2])
    chosen = Falcun(4).select(MODEL, X, y, n_queries=10, random_state=5)
    expected = relevance_sampling(proba, uncertainty, 10, gamma=4, rng=rng(5))
    assert_array_equal(chosen, POOL[expected])


def test_clue_prefers_uncertain_clusters():
    vectors, blob = make_blobs(
        [100, 30], centers=[[8.0, 0], [0.0, 0]], cluster_std=0.5, random_state=0
    )
    model = LogisticRegression().fit([[-2.0, 0], [2, 0]], [0, 1])
    chosen = Clue().select(model, vectors, n_queries=2, random_state=0)
    assert blob[chosen].tolist()[0] == 1
    assert KMeans().select(model, vectors, n_queries=2, random_state=0).tolist() != (
        chosen.tolist()
    )
    # A certain model leaves plain k-means.
    certain = LogisticRegression(C=1e12).fit([[-1e6, 0], [-1e5, 0]], [0, 1])
    assert_allclose(certain.predict_proba(vectors).max(axis=1), 1)
    assert_array_equal(
        Clue(1e-3).select(certain, vectors, n_queries=5, random_state=0),
        KMeans().select(certain, vectors, n_queries=5, random_state=0),
    )


def test_embedding_argument():
    def first_column(X):
        return np.asarray(X)[:, :1]

    chosen = KCenter(first_column).select(MODEL, X, y, n_queries=5)
    expected = plain_k_center(X[:, :1], 5, POOL, np.flatnonzero(IS_LABELED))
    assert chosen.tolist() == expected
    scaler = StandardScaler().fit(X)
    chosen = KMeans(scaler).select(GaussianNB(), X, n_queries=5, random_state=0)
    expected = KMeans().select(None, scaler.transform(X), n_queries=5, random_state=0)
    assert_array_equal(chosen, expected)


@every_strategy
def test_texts(strategy):
    words = ["red", "green", "blue", "one", "two", "three", "sea", "sky"]
    texts = [" ".join(rng(seed).choice(words, size=4)) for seed in range(60)]
    target = np.arange(60) % 2
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, target)
    partly = [0.0, 1.0] + [None] * 58
    chosen = strategy.select(model, texts, partly, n_queries=9, random_state=0)
    assert len(set(chosen.tolist())) == 9
    assert chosen.min() >= 2


@every_strategy
def test_data_frames_and_float32(strategy):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcdef"), index=np.arange(200)[::-1])
    model = make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0))
    model.fit(frame, labels)
    chosen = strategy.select(model, frame, y, n_queries=9, random_state=0)
    assert set(chosen.tolist()) <= set(POOL.tolist())
    single = X.astype(np.float32)
    model.fit(single, labels)
    chosen = strategy.select(model, single, y, n_queries=9, random_state=0)
    assert set(chosen.tolist()) <= set(POOL.tolist())


def test_falcun_asks_for_no_embedding():
    texts = ["good", "bad", "so so", "good", "fine", "bad"] * 4
    model = make_pipeline(TfidfVectorizer(), LogisticRegression())
    model.fit(texts[:2], [1, 0])
    # The pipeline as a whole is the classifier: nothing gives vectors of its texts.
    chosen = Falcun().select(FrozenEstimator(model), texts, n_queries=4, random_state=0)
    assert sorted(np.array(texts)[chosen]) == ["bad", "fine", "good", "so so"]

    def forbidden(X):
        raise RuntimeError("not needed")

    with pytest.raises(RuntimeError, match="not needed"):  # named: copies are by it
        Falcun(embedding=forbidden).select(MODEL, X, y, n_queries=3)
    same = Falcun(embedding=lambda texts: np.ones((len(texts), 1)))
    assert len(set(same.select(MODEL, X, y, n_queries=3, random_state=0))) == 3


@pytest.mark.parametrize("n_labeled", [0, 5, 60])
def test_probabilities_of_most_rows(n_labeled, monkeypatch):
    rows = np.sort(rng(0).permutation(200)[n_labeled:])
    expected = MODEL.predict_proba(X)[rows]
    assert_allclose(proba_of_rows(MODEL, X, rows), expected, rtol=1e-12)
    monkeypatch.setattr("skactive._data.chunks.chunk_rows", lambda *_: 37)
    assert_allclose(proba_of_rows(MODEL, X, rows), expected, rtol=1e-12)
    few = np.array([1, 199])
    assert_allclose(proba_of_rows(MODEL, X, few), MODEL.predict_proba(X[few]))


def test_probabilities_come_in_chunks(monkeypatch):
    whole = proba_of_rows(MODEL, X, POOL)
    assert_array_equal(whole, MODEL.predict_proba(X[POOL]))
    monkeypatch.setattr("skactive._data.chunks.chunk_rows", lambda *_: 64)
    assert_allclose(proba_of_rows(MODEL, X, POOL), whole, rtol=1e-12)
    everything = proba_of_rows([MODEL, MODEL], X, np.arange(200))
    assert_allclose(everything, MODEL.predict_proba(X), rtol=1e-12)
