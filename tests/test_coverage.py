"""Coverage kernels against greedy algorithms in plain loops, and their strategies."""

import math
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils._param_validation import InvalidParameterError

from skactive.geometry import _balls, _coverage, _pairs
from skactive.geometry._balls import prob_cover, purity_radius
from skactive.geometry._bandwidth import least_distance_bandwidth, median_bandwidth
from skactive.geometry._coverage import (
    facility_location,
    max_herding,
)
from skactive.geometry._typicality import typicality
from skactive.strategies import (
    Entropy,
    FacilityLocation,
    Margin,
    MaxHerding,
    ProbCover,
    Strategy,
    TypiClust,
    UncertaintyHerding,
)

FORMS = {
    "dense": np.asarray,
    "single": lambda vectors: np.asarray(vectors, dtype=np.float32),
    "csr": sp.csr_array,
}
every_form = pytest.mark.parametrize("form", FORMS)


def rng_of(seed=0):
    return np.random.default_rng(seed)


# Oracles: plain greedy algorithms that say which candidates tie in each round --------


def distance(a, b):
    return math.sqrt(sum((x - z) ** 2 for x, z in zip(a, b, strict=True)))


def cosine(a, b):
    norms = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(z * z for z in b))
    product = sum(x * z for x, z in zip(a, b, strict=True))
    return product / norms if norms > 0 else 0.0


def check_prob_cover(vectors, chosen, radius, candidates, labeled):
    """Each choice covers as many uncovered rows as any other one could."""
    vectors = vectors.tolist()
    uncovered = {
        i
        for i, row in enumerate(vectors)
        if not any(distance(row, vectors[j]) <= radius for j in labeled)
    }
    left = list(candidates)
    for pick in chosen.tolist():
        balls = {
            c: {i for i in uncovered if distance(vectors[i], vectors[c]) <= radius}
            for c in left
        }
        assert len(balls[pick]) == max(map(len, balls.values()))
        uncovered -= balls[pick]
        left.remove(pick)


def check_coverage(similarity, weights, chosen, candidates, labeled, tolerance=1e-10):
    """Each choice gains as much as any other one could; `similarity[x][z]`."""
    n = len(weights)
    covered = [max((similarity[x][z] for z in labeled), default=0) for x in range(n)]
    left = list(candidates)
    for pick in chosen.tolist():
        gains = {
            z: sum(weights[x] * max(0, similarity[x][z] - covered[x]) for x in range(n))
            for z in left
        }
        assert gains[pick] >= max(gains.values()) - tolerance * sum(weights)
        covered = [max(covered[x], similarity[x][pick]) for x in range(n)]
        left.remove(pick)


def similarities(kind, vectors, bandwidth=None):
    formula = {
        "gaussian": lambda a, b: math.exp(-(distance(a, b) ** 2) / (2 * bandwidth**2)),
        "cosine": lambda a, b: (1 + cosine(a, b)) / 2,
        "euclidean": lambda a, b: 1 / (1 + distance(a, b)),
    }[kind]
    rows = vectors.tolist()
    return [[formula(a, b) for b in rows] for a in rows]


def pools():
    rng = rng_of(1)
    cloud = rng.standard_normal((40, 3))
    grid = np.array([[i, j] for i in range(6) for j in range(6)], dtype=float)
    copies = np.repeat(rng.standard_normal((12, 4)), 3, axis=0)
    offset = cloud * 1e-2 + 1e4
    constant = np.column_stack([cloud[:, :2], np.full(40, 7.0), np.zeros(40)])
    sparse = cloud * (np.abs(cloud) > 0.8)
    return {
        "cloud": cloud,
        "grid": grid,
        "copies": copies,
        "offset": offset,
        "constant": constant,
        "zeros": sparse,
        "one": np.array([[1.0, 2.0]]),
        "same": np.ones((6, 2)),
        "no features": np.zeros((4, 0)),
    }


POOLS = pools()
every_pool = pytest.mark.parametrize("pool", POOLS)


def setting(n, seed, with_labels):
    """Labelled rows anywhere and in any order, and candidates among the others."""
    order = rng_of(seed).permutation(n)
    labeled = order[: n // 6] if with_labels else order[:0]
    candidates = np.sort(order[n // 6 if with_labels else 0 :])
    return candidates, labeled


def as_float(vectors):
    """The numbers that a kernel sees, float64 and dense."""
    dense = vectors.toarray() if sp.issparse(vectors) else vectors
    return np.asarray(dense, dtype=np.float64)


def check_positions(chosen, candidates, n_queries):
    assert chosen.shape == (min(n_queries, len(candidates)),)
    assert np.issubdtype(chosen.dtype, np.integer)
    assert len(set(chosen.tolist())) == len(chosen)
    assert set(chosen.tolist()) <= set(candidates.tolist())


# ProbCover --------------------------------------------------------------------------


@every_form
@every_pool
@pytest.mark.parametrize("with_labels", [False, True])
@pytest.mark.parametrize("radius", [0.0, 1.0, math.sqrt(2), math.inf])
def test_prob_cover_is_greedy(pool, form, with_labels, radius):
    vectors = FORMS[form](POOLS[pool])
    candidates, labeled = setting(vectors.shape[0], 0, with_labels)
    chosen = prob_cover(
        vectors,
        8,
        radius=radius,
        candidates=candidates,
        labeled=labeled,
        rng=rng_of(),
    )
    check_positions(chosen, candidates, 8)
    check_prob_cover(as_float(vectors), chosen, radius, candidates, labeled)


@pytest.mark.parametrize("radius", [0.4, 1.0, 3.0])
@pytest.mark.parametrize("max_edges", [0, 100, 10**6])
@pytest.mark.parametrize("form", ["dense", "csr"])
def test_prob_cover_in_blocks(monkeypatch, radius, max_edges, form):
    monkeypatch.setattr(_balls, "_MAX_EDGES", max_edges)
    monkeypatch.setattr(_balls, "_BLOCK_ROWS", 17)
    monkeypatch.setattr(_pairs, "_DENSE_WIDTH", 0)
    vectors = np.vstack([rng_of(2).standard_normal((40, 2)), POOLS["grid"]])
    candidates, labeled = setting(len(vectors), 1, True)
    chosen = prob_cover(
        FORMS[form](vectors),
        25,
        radius=radius,
        candidates=candidates,
        labeled=labeled,
        rng=rng_of(),
    )
    check_positions(chosen, candidates, 25)
    check_prob_cover(vectors, chosen, radius, candidates, labeled)


@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e18])
def test_prob_cover_where_single_precision_fails(scale):
    rng = rng_of(3)
    # Two tight clouds far from each other.
    vectors = 1e-4 * rng.standard_normal((80, 3))
    vectors[40:] += 1e3
    vectors *= scale
    radius = 1.5e-4 * scale
    chosen = prob_cover(vectors, 10, radius=radius, rng=rng_of())
    check_prob_cover(vectors, chosen, radius, np.arange(80), [])


def test_prob_cover_when_all_is_covered_goes_on_at_random():
    vectors = np.arange(10.0)[:, np.newaxis]
    orders = set()
    for seed in range(20):
        chosen = prob_cover(vectors, 10, radius=100, rng=rng_of(seed))
        assert_array_equal(np.sort(chosen), np.arange(10))
        orders.add(tuple(chosen.tolist()))
    assert len(orders) == 20


def test_prob_cover_breaks_ties_evenly():
    vectors = np.array([[0.0], [1.0], [10.0], [11.0]])
    counts = np.zeros(4)
    for seed in range(800):
        counts[prob_cover(vectors, 1, radius=2, rng=rng_of(seed))] += 1
    # Each a quarter of the time, standard deviation about 12.
    assert (np.abs(counts - 200) < 60).all()


def test_prob_cover_wrong_radius():
    for radius in (-1, np.nan):
        with pytest.raises(ValueError, match="radius must be"):
            prob_cover(np.ones((3, 1)), 1, radius=radius, rng=rng_of())


def plain_purity(vectors, labels, radius):
    rows = vectors.tolist()
    pure = [
        all(
            labels[i] == labels[j]
            for j in range(len(rows))
            if distance(rows[i], rows[j]) <= radius
        )
        for i in range(len(rows))
    ]
    return sum(pure) / len(pure)


@every_form
@pytest.mark.parametrize("alpha", [0.3, 0.95, 1.0])
@pytest.mark.parametrize("pool", ["cloud", "grid", "zeros", "offset"])
def test_purity_radius(pool, form, alpha):
    vectors = FORMS[form](POOLS[pool])
    dense = as_float(vectors)
    labels = (dense[:, 0] > np.median(dense[:, 0])) + 2 * (dense[:, 1] > 0.3)
    radius = purity_radius(vectors, labels, alpha)
    rows = dense.tolist()
    below = {np.nextafter(distance(a, b), 0) for a in rows for b in rows if a != b}
    expected = [r for r in below if plain_purity(dense, labels, r) >= alpha]
    if expected and radius > 0:
        assert_allclose(radius, max(expected), rtol=1e-12)
        assert plain_purity(dense, labels, radius * (1 - 1e-12)) >= alpha
    assert plain_purity(dense, labels, radius * (1 + 1e-12) + 1e-300) < alpha


def test_purity_radius_edge_cases():
    assert purity_radius(np.arange(4.0)[:, np.newaxis], [3, 3, 3, 3]) == np.inf
    assert purity_radius(np.ones((4, 1)), [0, 0, 1, 1]) == 0
    vectors = np.array([[0.0], [1.0], [5.0], [8.0]])
    radius = purity_radius(vectors, list("aabb"), 1.0, rows=[3])
    assert_allclose(radius, 7)
    for wrong in (0, 1.5, np.nan):
        with pytest.raises(ValueError, match="alpha"):
            purity_radius(vectors, list("aabb"), wrong)
    with pytest.raises(ValueError, match="one pseudo-label per row, 4"):
        purity_radius(vectors, [0, 1])


# Generalized coverage ---------------------------------------------------------------


@every_form
@every_pool
@pytest.mark.parametrize("with_labels", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("bandwidth", [0.3, 5.0])
def test_max_herding_is_greedy(pool, form, with_labels, weighted, bandwidth):
    vectors = FORMS[form](POOLS[pool])
    n = vectors.shape[0]
    candidates, labeled = setting(n, 0, with_labels)
    weights = rng_of(5).random(n) * (rng_of(6).random(n) < 0.7) if weighted else None
    chosen = max_herding(
        vectors,
        7,
        candidates=candidates,
        labeled=labeled,
        bandwidth=bandwidth,
        rng=rng_of(),
        weights=weights,
    )
    check_positions(chosen, candidates, 7)
    check_coverage(
        similarities("gaussian", as_float(vectors), bandwidth),
        np.ones(n) if weights is None else weights,
        chosen,
        candidates,
        labeled,
        # Where the mean is far from all rows, not all digits are left.
        tolerance=1e-6 if pool == "offset" and form == "single" else 1e-10,
    )


@every_form
@every_pool
@pytest.mark.parametrize("with_labels", [False, True])
@pytest.mark.parametrize("kind", ["cosine", "euclidean"])
def test_facility_location_is_greedy(pool, form, with_labels, kind):
    vectors = FORMS[form](POOLS[pool])
    n = vectors.shape[0]
    candidates, labeled = setting(n, 0, with_labels)
    chosen = facility_location(
        vectors,
        7,
        candidates=candidates,
        labeled=labeled,
        similarity=kind,
        rng=rng_of(),
    )
    check_positions(chosen, candidates, 7)
    table = similarities(kind, as_float(vectors))
    check_coverage(table, np.ones(n), chosen, candidates, labeled)


def fast_check(similarity, weights, chosen, candidates, labeled):
    """The same as `check_coverage`, with arrays, for larger pools."""
    covered = similarity[:, labeled].max(axis=1, initial=0)
    left = np.isin(np.arange(len(weights)), candidates)
    for pick in chosen:
        gains = weights @ np.maximum(similarity - covered[:, np.newaxis], 0)
        assert left[pick]
        assert gains[pick] >= gains[left].max() - 1e-12 * weights.sum()
        covered = np.maximum(covered, similarity[:, pick])
        left[pick] = False


def gaussian_table(vectors, bandwidth):
    squares = ((vectors[:, np.newaxis] - vectors) ** 2).sum(axis=2)
    return np.exp(-squares / (2 * bandwidth**2))


@pytest.mark.parametrize("group", [7, 64])
@pytest.mark.parametrize("n_labeled", [0, 20, 90])
@pytest.mark.parametrize("bandwidth", [0.05, 1.0, 30.0])
@pytest.mark.parametrize("form", ["dense", "csr"])
def test_max_herding_in_groups(monkeypatch, group, n_labeled, bandwidth, form):
    monkeypatch.setattr(_coverage, "GROUP_ROWS", group)
    monkeypatch.setattr(_coverage, "_GUESS_ROWS", 10)
    monkeypatch.setattr(_pairs, "_DENSE_WIDTH", 0)
    monkeypatch.setattr(_pairs, "_KEPT_SIZE", 0 if group == 7 else 2**26)
    init = _pairs.Halves.__init__
    monkeypatch.setattr(
        _pairs.Halves,
        "__init__",
        lambda self, *args, **options: init(self, *args, **{"group": group} | options),
    )
    vectors, _ = make_blobs(120, 3, centers=6, random_state=0)
    vectors /= 5
    order = rng_of(7).permutation(120)
    labeled, candidates = order[:n_labeled], np.sort(order[n_labeled:])
    weights = rng_of(8).random(120)
    chosen = max_herding(
        FORMS[form](vectors),
        25,
        candidates=candidates,
        labeled=labeled,
        bandwidth=bandwidth,
        weights=weights,
        rng=rng_of(),
    )
    check_positions(chosen, candidates, 25)
    table = gaussian_table(vectors, bandwidth)
    fast_check(table, weights, chosen, candidates, labeled)


@pytest.mark.parametrize("std", [1.0, 5.0])
def test_max_herding_of_many_rows_is_exact(std):
    # Large enough for the guess of the first choice, and for several groups.
    n = 4200
    vectors, _ = make_blobs(n, 5, centers=8, cluster_std=std, random_state=0)
    bandwidth = median_bandwidth(vectors, rng_of())
    chosen = max_herding(vectors, 6, bandwidth=bandwidth, rng=rng_of())
    norms = (vectors**2).sum(axis=1)
    squares = norms[:, np.newaxis] + norms - 2 * vectors @ vectors.T
    table = np.exp(-squares / (2 * bandwidth**2))
    fast_check(table, np.ones(n), chosen, np.arange(n), [])


@given(
    n=st.integers(1, 40),
    d=st.integers(1, 4),
    n_queries=st.integers(1, 12),
    seed=st.integers(0, 10**6),
    whole=st.booleans(),
)
def test_max_herding_property(n, d, n_queries, seed, whole):
    rng = rng_of(seed)
    vectors = rng.integers(-2, 3, (n, d)).astype(float)
    if not whole:
        vectors += rng.standard_normal((n, d))
    candidates, labeled = setting(n, seed, True)
    chosen = max_herding(
        vectors,
        n_queries,
        candidates=candidates,
        labeled=labeled,
        bandwidth=1.3,
        rng=rng_of(seed),
    )
    check_positions(chosen, candidates, n_queries)
    table = similarities("gaussian", vectors, 1.3)
    check_coverage(table, np.ones(n), chosen, candidates, labeled)


def test_max_herding_ties_and_nothing_to_gain():
    vectors = np.array([[0.0], [1.0], [10.0], [11.0]])
    counts = np.zeros(4)
    for seed in range(800):
        chosen = max_herding(vectors, 1, bandwidth=1, rng=rng_of(seed))
        counts[chosen] += 1
    assert (np.abs(counts - 200) < 60).all()
    orders = {
        tuple(
            max_herding(
                vectors, 4, bandwidth=1, weights=np.zeros(4), rng=rng_of(seed)
            ).tolist()
        )
        for seed in range(200)
    }
    assert len(orders) == 24


def test_max_rows():
    vectors, blob = make_blobs(3000, 4, centers=5, cluster_std=0.1, random_state=0)
    labeled = np.flatnonzero(blob == 2)[::3]
    candidates = np.setdiff1d(np.arange(3000), labeled)
    for n_queries in (4, 700):
        chosen = max_herding(
            vectors,
            n_queries,
            candidates=candidates,
            labeled=labeled,
            bandwidth=1,
            rng=rng_of(),
            max_rows=500,
        )
        check_positions(chosen, candidates, n_queries)
        assert set(blob[chosen[:4]]) == {0, 1, 3, 4}
        again = max_herding(
            vectors,
            n_queries,
            candidates=candidates,
            labeled=labeled,
            bandwidth=1,
            rng=rng_of(),
            max_rows=500,
        )
        assert_array_equal(again, chosen)
    # Few candidates among many rows: all of them are looked at.
    few = candidates[::300]
    chosen = facility_location(vectors, 50, candidates=few, rng=rng_of(), max_rows=100)
    assert_array_equal(np.sort(chosen), few)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bandwidth": 0}, "bandwidth must be positive"),
        ({"bandwidth": np.nan}, "bandwidth must be positive"),
        ({"weights": [1, 1]}, "one weight per row, 3"),
        ({"weights": [1, -1, 1]}, "finite and not negative"),
        ({"weights": [1, np.nan, 1]}, "finite and not negative"),
        ({"max_rows": 0}, "max_rows must be at least 1"),
    ],
)
def test_max_herding_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        max_herding(np.ones((3, 1)), 1, rng=rng_of(), **options)


def test_other_wrong_arguments():
    with pytest.raises(ValueError, match="'cosine' or 'euclidean'; got 'rbf'"):
        facility_location(np.ones((3, 1)), 1, similarity="rbf", rng=rng_of())
    with pytest.raises(ValueError, match="NaN or infinite"):
        max_herding(np.full((3, 1), np.nan), 1, rng=rng_of())
    with pytest.raises(ValueError, match="n_neighbors"):
        typicality(np.ones((3, 1)), [0, 1], 0)


def test_median_bandwidth():
    vectors = rng_of().standard_normal((400, 6))
    squares = ((vectors[:, np.newaxis] - vectors) ** 2).sum(axis=2)
    expected = np.median(np.sqrt(squares[squares > 0])) / 2
    assert_allclose(median_bandwidth(vectors, rng_of()), expected, rtol=0.03)
    assert median_bandwidth(np.ones((5, 2)), rng_of()) == 1
    assert median_bandwidth(np.ones((1, 2)), rng_of()) == 1


# Typicality -------------------------------------------------------------------------


@every_form
@pytest.mark.parametrize("pool", [p for p in POOLS if p != "offset"])
@pytest.mark.parametrize("n_neighbors", [1, 3, 20])
def test_typicality(pool, form, n_neighbors):
    vectors = FORMS[form](POOLS[pool])
    n = vectors.shape[0]
    rows = rng_of(4).permutation(n)[: max(1, n // 2)]
    dense = as_float(vectors)[rows].tolist()
    expected = []
    for i, row in enumerate(dense):
        others = sorted(distance(row, z) for j, z in enumerate(dense) if j != i)
        nearest = others[:n_neighbors]
        total = sum(nearest)
        expected.append(len(nearest) / total if total else math.inf)
    if len(rows) == 1:
        expected = [0.0]
    result = typicality(vectors, rows, n_neighbors)
    assert_allclose(result, expected, rtol=1e-9)


def test_typicality_in_blocks(monkeypatch):
    vectors = rng_of().standard_normal((300, 5))
    expected = typicality(vectors, np.arange(300))
    monkeypatch.setattr("skactive.geometry._blocks.BLOCK_SIZE", 1000)
    assert_allclose(typicality(vectors, np.arange(300)), expected)


# Promises of all kernels ------------------------------------------------------------

KERNELS = {
    "prob_cover": lambda V, b, **k: prob_cover(V, b, radius=1.0, **k),
    "max_herding": max_herding,
    "facility_location": facility_location,
}


@pytest.mark.parametrize("name", KERNELS)
def test_nothing_is_changed_and_seeds_decide(name):
    vectors = rng_of().standard_normal((900, 3))
    candidates, labeled = setting(900, 0, True)
    copies = vectors.copy(), candidates.copy(), labeled.copy()
    options = {"candidates": candidates, "labeled": labeled}
    first = KERNELS[name](vectors, 30, rng=rng_of(3), **options)
    assert_array_equal(KERNELS[name](vectors, 30, rng=rng_of(3), **options), first)
    for array in (vectors, candidates, labeled):
        array.setflags(write=False)
    assert_array_equal(KERNELS[name](vectors, 30, rng=rng_of(3), **options), first)
    for array, copy in zip((vectors, candidates, labeled), copies, strict=True):
        assert_array_equal(array, copy)
    assert len(KERNELS[name](vectors, 3, rng=rng_of(), candidates=[])) == 0
    assert len(KERNELS[name](vectors, 0, rng=rng_of())) == 0


@pytest.mark.parametrize("name", KERNELS)
def test_memory(name):
    vectors = rng_of().standard_normal((6000, 3))
    tracemalloc.start()
    KERNELS[name](vectors, 5, rng=rng_of())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # An array of all pairs would be 275 MiB; the graph of balls is the largest.
    assert peak < 100 * 2**20


# Strategies -------------------------------------------------------------------------

BLOBS, BLOB_OF = make_blobs(
    [60, 50, 40, 30, 20], n_features=4, cluster_std=0.3, random_state=3
)
MODEL = LogisticRegression().fit(BLOBS, BLOB_OF)
STRATEGIES = {
    "prob_cover": ProbCover(n_clusters=5),
    "max_herding": MaxHerding(),
    "uncertainty_herding": UncertaintyHerding(),
    "facility_location": FacilityLocation("euclidean"),
    "typiclust": TypiClust(),
}
every_strategy = pytest.mark.parametrize("name", STRATEGIES)
without_model = pytest.mark.parametrize(
    "name", [n for n in STRATEGIES if n != "uncertainty_herding"]
)


def partly(labeled):
    y = np.full(len(BLOBS), np.nan)
    y[labeled] = BLOB_OF[labeled]
    return y


@every_strategy
def test_reproducible_distinct_and_stateless(name):
    strategy = STRATEGIES[name]
    before = repr(vars(strategy))
    y = partly(np.arange(0, 200, 7))
    free = np.flatnonzero(np.isnan(y))
    for n_queries in (1, 12, 100, 1000):
        chosen = strategy.select(MODEL, BLOBS, y, n_queries=n_queries, random_state=0)
        check_positions(chosen, free, n_queries)
        again = strategy.select(MODEL, BLOBS, y, n_queries=n_queries, random_state=0)
        assert_array_equal(again, chosen)
    assert repr(vars(strategy)) == before
    assert repr(clone(strategy)) == repr(strategy)


@without_model
def test_one_of_each_blob(name):
    strategy = STRATEGIES[name]
    for seed in range(5):
        chosen = strategy.select(None, BLOBS, n_queries=5, random_state=seed)
        assert len(set(BLOB_OF[chosen])) == 5


@without_model
def test_labelled_rows_count_wherever_they_stand(name):
    strategy = STRATEGIES[name]
    rng = rng_of(9)
    for done in ([0, 1], [4], [3, 1, 2]):
        labeled = [rng.choice(np.flatnonzero(blob == BLOB_OF)) for blob in done]
        n_queries = 5 - len(done)
        chosen = strategy.select(
            None, BLOBS, partly(labeled), n_queries=n_queries, random_state=0
        )
        assert sorted(set(BLOB_OF[chosen]) | set(done)) == [0, 1, 2, 3, 4]


@every_strategy
def test_through_a_pipeline(name):
    strategy = STRATEGIES[name]
    scale = np.array([1, 100, 1e-3, 7.0])
    model = make_pipeline(StandardScaler(), LogisticRegression())
    y = partly(np.arange(0, 200, 20))
    if name != "uncertainty_herding":
        # A cold start: the steps are fitted on the pool.
        cold = strategy.select(model, BLOBS * scale, n_queries=5, random_state=0)
        assert len(set(BLOB_OF[cold])) == 5
        unknown = strategy.select(
            LogisticRegression(), BLOBS, n_queries=5, random_state=0
        )
        assert len(set(BLOB_OF[unknown])) == 5
    model.fit(BLOBS * scale, BLOB_OF)
    chosen = strategy.select(model, BLOBS * scale, y, n_queries=8, random_state=0)
    scaled = StandardScaler().fit_transform(BLOBS)
    plain = strategy.select(model[-1], scaled, y, n_queries=8, random_state=0)
    assert_array_equal(chosen, plain)


@every_strategy
def test_embedding(name):
    strategy = clone(STRATEGIES[name]).set_params(embedding=lambda X: X[:, :2])
    if name == "uncertainty_herding":
        strategy.set_params(strategy=Margin())
    chosen = strategy.select(MODEL, BLOBS, n_queries=6, random_state=0)
    assert len(set(chosen.tolist())) == 6


@every_strategy
@every_form
def test_every_form_of_X(name, form):
    chosen = STRATEGIES[name].select(
        MODEL, FORMS[form](BLOBS), n_queries=7, random_state=0
    )
    check_positions(chosen, np.arange(200), 7)


@every_strategy
@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_rows_and_copies(name, n):
    X = np.ones((n, 4))
    chosen = STRATEGIES[name].select(MODEL, X, n_queries=9, random_state=0)
    assert_array_equal(np.sort(chosen), np.arange(n))
    X = np.vstack([np.repeat(BLOBS[:3], 4, axis=0)[:n], BLOBS[190:193]])
    chosen = STRATEGIES[name].select(MODEL, X, n_queries=5, random_state=0)
    n_distinct = len(np.unique(X, axis=0))
    assert len(np.unique(X[chosen], axis=0)) == min(5, n_distinct)


@every_strategy
def test_one_for_each_row_has_no_utility(name):
    with pytest.raises(TypeError, match="a batch as a whole"):
        STRATEGIES[name](MODEL, BLOBS)


def test_prob_cover_default_radius_is_that_of_the_kernel():
    # Far apart, so that k-means finds the blobs.
    radius = purity_radius(BLOBS, BLOB_OF)
    y = partly([0, 100])
    for strategy, model in [
        (ProbCover(), MODEL),
        (ProbCover(), make_pipeline(MODEL)),
        (ProbCover(n_clusters=5), None),
    ]:
        chosen = strategy.select(model, BLOBS, y, n_queries=3, random_state=0)
        check_prob_cover(
            BLOBS, chosen, radius, np.flatnonzero(np.isnan(y)).tolist(), [0, 100]
        )
    # Nothing says how many classes there are: as many as rows to choose.
    for model in (None, LogisticRegression(), make_pipeline(LogisticRegression())):
        chosen = ProbCover().select(model, BLOBS, n_queries=5, random_state=0)
        check_prob_cover(BLOBS, chosen, radius, np.arange(200).tolist(), [])


@pytest.mark.parametrize("inner", [None, Margin(), Entropy(), 2 * Margin() + Entropy()])
def test_uncertainty_herding_is_weighted_max_herding(inner):
    y = partly(np.arange(0, 200, 9))
    free, labeled = np.flatnonzero(np.isnan(y)), np.flatnonzero(~np.isnan(y))
    model = LogisticRegression(C=0.01).fit(BLOBS, BLOB_OF)
    strategy = UncertaintyHerding(inner, bandwidth=0.7)
    chosen = strategy.select(model, BLOBS, y, n_queries=6, random_state=0)
    weights = (inner or Margin())(model, BLOBS)
    table = similarities("gaussian", BLOBS, 0.7)
    check_coverage(table, weights, chosen, free, labeled)


class Negative(Margin):
    def score_rows(self, estimator, X):
        return super().score_rows(estimator, X) - 2


class Dependent(Strategy):
    def score_candidates(self, estimator, X, y, candidates):
        return np.ones(len(candidates))


@every_form
@pytest.mark.parametrize("n_rows", [2, 30, 900])
def test_least_distance_bandwidth(form, n_rows):
    vectors = rng_of(0).standard_normal((1000, 3)).astype(np.float32)
    rows = rng_of(1).permutation(1000)[:n_rows]
    vectors[rows[1]] = vectors[rows[0]] + [0, 0, 0 if n_rows > 2 else 1]
    table = vectors[rows].astype(np.float64)
    least = min(
        found
        for i, row in enumerate(table)
        for found in np.linalg.norm(table[:i] - row, axis=1)
        if found > 0
    )
    found = least_distance_bandwidth(FORMS[form](vectors), rows)
    assert_allclose(found, least / np.sqrt(2), rtol=1e-9)


def test_least_distance_of_equal_rows():
    assert least_distance_bandwidth(np.ones((5, 2)), [0, 3]) is None
    assert least_distance_bandwidth(np.eye(3), [1]) is None
    assert least_distance_bandwidth(np.eye(3), []) is None


def test_uncertainty_herding_adapts_to_the_labels():
    rows, model = BLOBS, LogisticRegression().fit(BLOBS, BLOB_OF)
    for n_labeled in (0, 1, 2, 40):
        labeled = rng_of(3).permutation(len(rows))[:n_labeled]
        y = np.full(len(rows), np.nan)
        y[labeled] = BLOB_OF[labeled]
        least = least_distance_bandwidth(rows, labeled)
        assert (least is None) == (n_labeled < 2)
        adaptive, fixed = (
            UncertaintyHerding(bandwidth=bandwidth).select(
                model, rows, y, n_queries=6, random_state=0
            )
            for bandwidth in ("adaptive", least)
        )
        assert_array_equal(adaptive, fixed)
    with pytest.raises(InvalidParameterError, match="bandwidth"):
        UncertaintyHerding(bandwidth="auto").select(model, rows, n_queries=2)


def test_uncertainty_herding_asks_what_its_strategy_needs():
    model = LinearSVC().fit(BLOBS, BLOB_OF)
    assert len(UncertaintyHerding().select(model, BLOBS, n_queries=3)) == 3
    with pytest.raises(ValueError, match=r"Entropy needs predict_proba.*LinearSVC"):
        UncertaintyHerding(Entropy()).select(model, BLOBS, n_queries=3)
    with pytest.raises(
        ValueError, match=r"UncertaintyHerding needs utilities.* gave -"
    ):
        UncertaintyHerding(Negative()).select(MODEL, BLOBS, n_queries=3)
    with pytest.raises(ValueError, match="UncertaintyHerding needs a strategy"):
        UncertaintyHerding(Dependent()).select(MODEL, BLOBS, n_queries=3)


def test_uncertainty_herding_nests():
    strategy = UncertaintyHerding(Entropy())
    strategy.set_params(strategy__normalize=True, bandwidth=2.0)
    assert repr(clone(strategy)) == (
        "UncertaintyHerding(bandwidth=2.0, strategy=Entropy(normalize=True))"
    )
    assert repr(UncertaintyHerding()) == "UncertaintyHerding()"


def test_typiclust_takes_the_most_typical_row_of_the_largest_clusters():
    chosen = TypiClust(n_neighbors=6).select(None, BLOBS, n_queries=5, random_state=1)
    # Sizes 60, 50, ... of blobs 0, 1, ...
    assert_array_equal(BLOB_OF[chosen], np.arange(5))
    for blob, row in enumerate(chosen):
        rows = np.flatnonzero(blob == BLOB_OF)
        best = rows[typicality(BLOBS, rows, 6).argmax()]
        assert row == best


def test_typiclust_small_clusters_wait():
    X = np.vstack([BLOBS[BLOB_OF == 0], BLOBS[BLOB_OF == 1][:3] + 100])
    chosen = TypiClust().select(None, X, n_queries=2, random_state=0)
    assert (chosen < 60).all()
    everything = TypiClust(max_clusters=2).select(None, X, n_queries=63, random_state=0)
    assert set(everything[-3:].tolist()) == {60, 61, 62}


def test_typiclust_fewest_labelled_first():
    labeled = np.concatenate(
        [np.flatnonzero(BLOB_OF == 0)[:2], np.flatnonzero(BLOB_OF == 1)[:1]]
    )
    chosen = TypiClust(max_clusters=5).select(
        None, BLOBS, partly(labeled), n_queries=5, random_state=0
    )
    assert_array_equal(BLOB_OF[chosen], [2, 3, 4, 1, 0])


def test_typiclust_with_many_clusters_and_large_ones(monkeypatch):
    monkeypatch.setattr("skactive.strategies._clusters._MAX_CLUSTER_ROWS", 25)
    chosen = TypiClust(max_clusters=2).select(
        None, BLOBS, n_queries=200, random_state=0
    )
    assert_array_equal(np.sort(chosen), np.arange(200))
    y = partly(np.arange(0, 200, 3))
    chosen = TypiClust().select(None, BLOBS, y, n_queries=60, random_state=0)
    check_positions(chosen, np.flatnonzero(np.isnan(y)), 60)


@pytest.mark.parametrize(
    "strategy",
    [
        ProbCover(radius=-1.0),
        ProbCover(alpha=0),
        ProbCover(n_clusters=0),
        MaxHerding(bandwidth=0),
        MaxHerding(max_rows=0),
        UncertaintyHerding(3),
        FacilityLocation("rbf"),
        TypiClust(n_neighbors=0),
        TypiClust(max_clusters=0),
    ],
    ids=repr,
)
def test_invalid_parameters(strategy):
    with pytest.raises(InvalidParameterError):
        strategy.select(MODEL, BLOBS, n_queries=2)


def test_clusters_of_at_most_five_rows_wait():
    # As the authors' code drops them: sizes 6, 5 and 4.
    clusters = np.repeat([0, 1, 2], [6, 5, 4])
    large, small = TypiClust()._queues(
        clusters, np.arange(15), np.empty(0, dtype=np.intp), np.random.default_rng(0)
    )
    assert large == [0]
    assert small == [1, 2]
