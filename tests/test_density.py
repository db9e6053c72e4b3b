"""Information density against plain loops."""

import math
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skactive import ActiveLearningClassifier
from skactive.geometry import _density as kernels
from skactive.geometry._density import information_density
from skactive.strategies import Entropy
from skactive.strategies._density import InformationDensity

# Oracles ----------------------------------------------------------------------------


def plain_similarity(a, b, similarity, any_negative):
    if similarity == "euclidean":
        return 1 / (1 + math.dist(a, b))
    norms = math.hypot(*a) * math.hypot(*b)
    cosine = sum(x * y for x, y in zip(a, b, strict=True)) / norms if norms else 0.0
    return (1 + cosine) / 2 if any_negative else cosine


def plain_similarities(vectors, similarity):
    vectors = np.asarray(vectors, dtype=float).tolist()
    any_negative = any(x < 0 for row in vectors for x in row)
    return [
        [plain_similarity(a, b, similarity, any_negative) for b in vectors]
        for a in vectors
    ]


def plain_density(vectors, similarity, n_neighbors=None, reference=None):
    n_samples = len(vectors)
    reference = range(n_samples) if reference is None else reference
    table = plain_similarities(vectors, similarity)
    result = []
    for i in range(n_samples):
        others = sorted((table[i][j] for j in reference if j != i), reverse=True)
        if n_neighbors is not None:
            n_taken = min(n_neighbors, len(reference) - 1)
            others = others[:n_taken]
            result.append((table[i][i] + sum(others)) / (1 + n_taken))
        elif others:
            mean = sum(others) / len(others)
            result.append((table[i][i] + (n_samples - 1) * mean) / n_samples)
        else:
            result.append(table[i][i])
    return result


def pool(n_samples=50, n_features=4, *, positive=False, seed=0):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n_samples, n_features))
    vectors[rng.random(vectors.shape) < 0.4] = 0
    if n_samples > 9:
        vectors[3] = vectors[7] = vectors[9]  # copies
        vectors[5] = 0
        vectors[:, 1] = 2.5  # constant
        vectors[5, 1] = 0
    return np.abs(vectors) if positive else vectors


every_form = pytest.mark.parametrize(
    "form", [np.array, np.float32, sp.csr_array, sp.csr_matrix, np.asfortranarray]
)
every_similarity = pytest.mark.parametrize("similarity", ["euclidean", "cosine"])


# The kernel -------------------------------------------------------------------------


@every_form
@every_similarity
@pytest.mark.parametrize("n_neighbors", [None, 1, 5, 49, 1000])
@pytest.mark.parametrize("positive", [False, True])
def test_equals_oracle(form, similarity, n_neighbors, positive):
    vectors = pool(positive=positive)
    result = information_density(
        form(vectors), similarity=similarity, n_neighbors=n_neighbors
    )
    expected = plain_density(vectors, similarity, n_neighbors)
    assert result.dtype == np.float64
    assert_allclose(result, expected, atol=1e-6)


@every_similarity
@pytest.mark.parametrize("n_neighbors", [None, 4])
@pytest.mark.parametrize("tile", [3, 16, 64])
def test_tiles_change_nothing(similarity, n_neighbors, tile, monkeypatch):
    vectors = pool(150)
    expected = plain_density(vectors, similarity, n_neighbors)
    monkeypatch.setattr(kernels, "_tile_rows", lambda vectors: tile)
    monkeypatch.setattr(kernels, "_TILE_SIZE", 4 * tile)
    for form in (np.array, sp.csr_array):
        result = information_density(
            form(vectors), similarity=similarity, n_neighbors=n_neighbors
        )
        assert_allclose(result, expected, atol=1e-6)


def test_frozen_values():
    vectors = np.array([[0.0, 0], [3, 4], [0, 1]])
    expected = [0.5555555556, 0.4524700788, 0.5635811899]
    assert_allclose(information_density(vectors), expected, atol=1e-10)


@every_form
@every_similarity
@pytest.mark.parametrize("n_neighbors", [None, 6])
def test_some_rows(form, similarity, n_neighbors):
    vectors = form(pool())
    rows = np.array([3, 4, 20, 31, 49])
    options = {"similarity": similarity, "n_neighbors": n_neighbors}
    everything = information_density(vectors, **options)
    some = information_density(vectors, rows, **options)
    assert_allclose(some, everything[rows], atol=1e-12)
    backwards = information_density(vectors, rows[::-1], **options)
    assert_allclose(backwards, some[::-1], atol=1e-12)
    assert information_density(vectors, rows[:0], **options).shape == (0,)


@every_similarity
@pytest.mark.parametrize("n_neighbors", [None, 1, 5, 30])
@pytest.mark.parametrize("max_rows", [2, 20, 49])
def test_sample(similarity, n_neighbors, max_rows):
    vectors = pool()
    reference = np.sort(np.random.default_rng(7).choice(50, max_rows, replace=False))
    result = information_density(
        vectors,
        similarity=similarity,
        n_neighbors=n_neighbors,
        max_rows=max_rows,
        rng=np.random.default_rng(7),
    )
    if similarity == "cosine" and n_neighbors is None:
        reference = None  # exact
    expected = plain_density(vectors, similarity, n_neighbors, reference)
    assert_allclose(result, expected, atol=1e-6)


def test_sample_of_all_is_exact_and_a_mean_is_unbiased():
    vectors = pool()
    exact = information_density(vectors)
    assert_allclose(information_density(vectors, max_rows=50), exact)
    estimates = [
        information_density(vectors, max_rows=10, rng=np.random.default_rng(seed))
        for seed in range(400)
    ]
    assert_allclose(np.mean(estimates, axis=0), exact, atol=0.01)
    assert_array_equal(
        information_density(vectors, max_rows=10),
        information_density(vectors, max_rows=10),
    )


@every_similarity
@pytest.mark.parametrize("n_neighbors", [None, 3])
def test_one_row(similarity, n_neighbors):
    for form in (np.array, sp.csr_array):
        options = {"similarity": similarity, "n_neighbors": n_neighbors}
        assert_allclose(information_density(form([[3.0, 4.0]]), **options), [1])
        zero = information_density(form([[0.0, 0.0]]), **options)
        assert_allclose(zero, [0 if similarity == "cosine" else 1])


@given(
    vectors=arrays(
        np.float64,
        st.tuples(st.integers(1, 12), st.integers(1, 3)),
        elements=st.floats(-100, 100, width=16),
    ),
    similarity=st.sampled_from(["euclidean", "cosine"]),
    n_neighbors=st.sampled_from([None, 1, 3]),
)
def test_properties(vectors, similarity, n_neighbors):
    options = {"similarity": similarity, "n_neighbors": n_neighbors}
    before = vectors.copy()
    density = information_density(vectors, **options)
    assert_array_equal(vectors, before)
    assert ((density >= 0) & (density <= 1 + 1e-12)).all()
    expected = plain_density(vectors, similarity, n_neighbors)
    assert_allclose(density, expected, atol=1e-5)
    sparse = information_density(sp.csr_array(vectors), **options)
    assert_allclose(sparse, density, atol=1e-5)


def test_far_from_the_origin():
    vectors = pool()
    moved = (vectors + 1e4).astype(np.float32)
    expected = plain_density(moved, "euclidean")
    assert_allclose(information_density(moved), expected, atol=1e-5)


def test_the_cosine_without_negative_numbers_is_the_paper_s():
    vectors = pool(positive=True)
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    expected = (unit @ unit.T).mean(axis=1)
    assert_allclose(information_density(vectors, similarity="cosine"), expected)
    turned = vectors.copy()
    turned[5, 0] = -1e-300  # one negative number: another scale, the same order
    other = information_density(turned, similarity="cosine")
    assert_allclose(np.delete(other, 5), np.delete((1 + expected) / 2, 5), rtol=0.02)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"similarity": "cosine"},
        {"n_neighbors": 20},
        {"n_neighbors": 20, "max_rows": 500},
    ],
    ids=repr,
)
def test_memory(options):
    vectors = np.random.default_rng(0).normal(size=(4000, 16))
    for form in (vectors, sp.csr_array(vectors)):
        tracemalloc.start()
        information_density(form, **options)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 48 * 2**20  # n x n would be 122 MiB


def test_errors():
    with pytest.raises(ValueError, match=r"'euclidean' or 'cosine'; got 'rbf'"):
        information_density(pool(), similarity="rbf")
    with pytest.raises(ValueError, match="max_rows must be at least 2"):
        information_density(pool(), max_rows=1)


# The strategy -----------------------------------------------------------------------


X = pool(60, positive=True)
labels = (X[:, 0] > np.median(X[:, 0])).astype(float)
y = np.where(np.arange(60) % 3 == 0, labels, np.nan)
KNOWN = np.flatnonzero(np.isfinite(y))
OPTIONS = [
    {},
    {"similarity": "cosine"},
    {"n_neighbors": 4},
    {"n_neighbors": 4, "max_rows": 30, "similarity": "cosine"},
    {"max_rows": 30, "beta": 2.0},
]
every_option = pytest.mark.parametrize("options", OPTIONS, ids=repr)


@every_option
def test_utilities(options):
    strategy = InformationDensity(**options)
    utilities = strategy(None, X, y)
    kernel_options = {k: v for k, v in options.items() if k != "beta"}
    expected = information_density(X, **kernel_options) ** strategy.beta
    assert_array_equal(utilities, expected)
    assert utilities.dtype == np.float64
    assert_array_equal(strategy(None, X), utilities)
    rows = np.flatnonzero(np.isnan(y))
    assert_allclose(strategy.utilities(None, X, y, rows), utilities[rows])
    assert not strategy.pointwise
    assert strategy.leaves() == [strategy]


@every_option
def test_select(options):
    strategy = InformationDensity(**options)
    candidates = np.flatnonzero(np.isnan(y))
    chosen = strategy.select(None, X, y, n_queries=8, random_state=0)
    assert len(set(chosen.tolist())) == 8
    assert set(chosen.tolist()) <= set(candidates.tolist())
    utilities = strategy(None, X, y)
    assert (np.diff(utilities[chosen]) <= 1e-12).all()
    chosen = strategy.select(None, X, y, n_queries=99)
    assert_array_equal(np.sort(chosen), candidates)
    assert len(strategy.select(None, X[:1], n_queries=2)) == 1
    assert repr(clone(strategy)) == repr(strategy)


def test_in_a_product():
    model = LogisticRegression().fit(X[KNOWN], y[KNOWN])
    strategy = Entropy() * InformationDensity(beta=2.0)
    expected = Entropy()(model, X) * information_density(X) ** 2
    assert_allclose(strategy(model, X, y), expected)
    strategy.set_params(right__similarity="cosine", right__beta=1.0)
    expected = Entropy()(model, X) * information_density(X, similarity="cosine")
    assert_allclose(strategy(model, X, y), expected)
    assert not strategy.pointwise
    learner = ActiveLearningClassifier(LogisticRegression(), strategy).fit(X, y)
    assert not hasattr(learner, "score_samples")
    assert len(learner.query(X, y, 5)) == 5


def test_cold_start_in_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    learner = ActiveLearningClassifier(
        pipeline, initial_strategy=InformationDensity(), random_state=0
    )
    chosen = learner.query(X, n_queries=3)
    scaled = StandardScaler().fit_transform(X)
    expected = np.argsort(-information_density(scaled), kind="stable")[:3]
    assert_allclose(
        information_density(scaled)[chosen], information_density(scaled)[expected]
    )
    learner = ActiveLearningClassifier(
        pipeline, initial_strategy=InformationDensity(), budget=20, random_state=0
    ).fit(X, labels)
    assert learner.n_labels_ == 20


def test_texts_and_embeddings():
    texts = ["red apple", "green apple", "red apple pie", "unrelated words", "apple"]
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression())
    strategy = InformationDensity(similarity="cosine")
    vectors = TfidfVectorizer().fit_transform(texts)
    expected = information_density(vectors, similarity="cosine")
    assert_allclose(strategy(pipeline, texts), expected)
    assert np.argmin(expected) == 3
    embedded = InformationDensity(embedding=lambda texts: [[len(t)] for t in texts])
    lengths = np.array([[len(t)] for t in texts], dtype=float)
    assert_allclose(embedded(None, texts), information_density(lengths))
    with pytest.raises(ValueError, match="embedding="):
        strategy(None, texts)


@pytest.mark.parametrize(
    "wrong",
    [
        {"similarity": "rbf"},
        {"n_neighbors": 0},
        {"max_rows": 1},
        {"beta": -1},
        {"embedding": "pca"},
    ],
    ids=repr,
)
def test_invalid_parameters(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        InformationDensity(**wrong).select(None, X, n_queries=2)
