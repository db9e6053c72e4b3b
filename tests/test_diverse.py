"""RankedBatch and Diverse against plain loops, and laws of draws."""

import itertools
import math
import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.stats import chisquare
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skactive import ActiveLearningClassifier
from skactive.geometry import _k_means as module
from skactive.geometry._nearest import nearest_to_centers
from skactive.geometry._sampling import k_means_plus_plus
from skactive.strategies import Entropy, FunctionStrategy, Margin, Random
from skactive.strategies._density import InformationDensity
from skactive.strategies._diverse import (
    Diverse,
    RankedBatch,
    ranked_batch,
    weighted_k_means,
)

FORMS = [np.array, np.float32, sp.csr_array, sp.csr_matrix, np.asfortranarray]
every_form = pytest.mark.parametrize("form", FORMS)
STRATEGIES = [
    RankedBatch(),
    Diverse(),
    Diverse(method="k_means_plus_plus"),
    Diverse(Entropy(), factor=2),
]
every_strategy = pytest.mark.parametrize("strategy", STRATEGIES, ids=repr)


def pool(n_samples=60, n_features=4, seed=0):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n_samples, n_features)).astype(np.float32)
    vectors[:, 1] = 2.5  # constant
    return vectors.astype(np.float64)


X = pool()
X[40:44] = X[3]  # copies
labels = (X[:, 0] > 0).astype(float)
KNOWN = np.random.default_rng(1).permutation(60)[:12]
y = np.full(60, np.nan)
y[KNOWN] = labels[KNOWN]
POOL = np.flatnonzero(np.isnan(y))
MODEL = LogisticRegression().fit(X[KNOWN], y[KNOWN])


def given_utilities(values):
    return FunctionStrategy(lambda estimator, X, y: values)


# Ranked batch -----------------------------------------------------------------------


def plain_ranked_batch(vectors, utilities, candidates, labeled, n_queries):
    vectors = np.asarray(vectors, dtype=float).tolist()
    known, left, chosen = list(labeled), list(candidates), []
    of_row = dict(zip(candidates, utilities, strict=True))
    for _ in range(n_queries):
        scores = {}
        for row in left:
            if not known:
                scores[row] = of_row[row]
                continue
            alpha = (len(vectors) - len(known)) / len(vectors)
            phi = max(1 / (1 + math.dist(vectors[row], vectors[k])) for k in known)
            scores[row] = alpha * (1 - phi) + (1 - alpha) * of_row[row]
        best = max(left, key=scores.get)
        chosen.append(best)
        known.append(best)
        left.remove(best)
    return chosen


@every_form
@pytest.mark.parametrize("n_labeled", [0, 1, 10, 45])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_ranked_batch_equals_oracle(form, n_labeled, seed):
    rng = np.random.default_rng(seed)
    vectors = pool(seed=seed)
    order = rng.permutation(60)
    # Some rows are neither candidates nor labelled, as copies of a candidate are.
    labeled, candidates = np.sort(order[:n_labeled]), np.sort(order[n_labeled:57])
    utilities = rng.random(len(candidates))
    expected = plain_ranked_batch(vectors, utilities, candidates, labeled, 12)
    chosen = ranked_batch(form(vectors), utilities, candidates, labeled, 12, rng)
    assert_array_equal(chosen, expected)


@pytest.mark.parametrize("form", [np.array, np.float32, np.asfortranarray])
def test_ranked_batch_far_from_the_origin(form):
    rng = np.random.default_rng(0)
    vectors = np.round(pool() * 1000 + 300_000)  # exact in float32
    utilities, labeled = rng.random(50), np.arange(10)
    expected = plain_ranked_batch(vectors, utilities, range(10, 60), labeled, 10)
    chosen = ranked_batch(form(vectors), utilities, np.arange(10, 60), labeled, 10, rng)
    assert_array_equal(chosen, expected)


@pytest.mark.parametrize("size", [1, 8, 64])
def test_blocks_change_nothing(size, monkeypatch):
    rng = np.random.default_rng(0)
    vectors, utilities, labeled = pool(), rng.random(30), np.arange(30, 60)
    arguments = (utilities, np.arange(30), labeled, 10, rng)
    expected = [ranked_batch(form(vectors), *arguments) for form in FORMS]
    monkeypatch.setattr("skactive.geometry._blocks.BLOCK_SIZE", size)
    chosen = [ranked_batch(form(vectors), *arguments) for form in FORMS]
    assert_array_equal(chosen, expected)


def test_ranked_batch_of_the_strategy():
    strategy = RankedBatch(Entropy(normalize=True))
    candidates = np.setdiff1d(POOL, [40, 41, 42, 43] if 3 in POOL else [])
    utilities = Entropy(normalize=True)(MODEL, X)[candidates]
    expected = plain_ranked_batch(X, utilities, candidates.tolist(), KNOWN, 10)
    chosen = strategy.select(MODEL, X, y, n_queries=10, random_state=0)
    assert_array_equal(chosen, expected)


def test_ties_are_broken_by_the_seed():
    vectors = np.array([[0.0], [1.0], [-1.0], [1.0], [-1.0]])
    picks = [
        ranked_batch(
            vectors,
            np.full(4, 0.5),
            np.arange(1, 5),
            np.array([0]),
            1,
            np.random.default_rng(seed),
        )[0]
        for seed in range(400)
    ]
    assert chisquare(np.bincount(picks)[1:]).pvalue > 1e-4


def test_first_pick_where_nothing_is_labelled():
    strategy = RankedBatch()
    chosen = strategy.select(MODEL, X, n_queries=5, random_state=0)
    assert chosen[0] == Margin()(MODEL, X).argmax()
    random = RankedBatch(Random())  # needs no fitted model
    assert len(random.select(None, X, n_queries=5, random_state=0)) == 5


# Weighted k-means -------------------------------------------------------------------


def plain_nearest(vectors, points):
    left = list(range(len(vectors)))
    chosen = []
    for point in points:
        best = min(left, key=lambda i: math.dist(vectors[i], point))
        left.remove(best)
        chosen.append(best)
    return chosen


@every_form
def test_nearest_to_centers(form):
    rng = np.random.default_rng(0)
    vectors = pool()
    points = rng.normal(size=(20, 4)) * 0.3  # close: many share a nearest row
    expected = plain_nearest(vectors.tolist(), points.tolist())
    assert_array_equal(nearest_to_centers(form(vectors), points), expected)


def recorded_k_means(monkeypatch):
    fitted = []

    class Recorded(module.KMeans):
        def fit(self, X, y=None, sample_weight=None):
            fitted.append((self, X.copy(), sample_weight))
            return super().fit(X, sample_weight=sample_weight)

    monkeypatch.setattr(module, "KMeans", Recorded)
    return fitted


@every_form
@pytest.mark.parametrize("factor", [1, 3, 100])
def test_diverse_equals_its_description(form, factor, monkeypatch):
    fitted = recorded_k_means(monkeypatch)
    vectors = pool()
    utilities = np.random.default_rng(0).random(60) + 0.1
    strategy = Diverse(given_utilities(utilities), factor=factor)
    marks = np.where(np.arange(60) % 4 == 0, 1.0, np.nan)
    chosen = strategy.select(
        None, form(vectors), marks, n_queries=6, random_state=0
    ).tolist()
    candidates = [i for i in range(60) if i % 4]
    by_utility = sorted(candidates, key=lambda i: -utilities[i])
    near = by_utility[: 6 * factor]
    assert chosen == sorted(chosen, key=lambda i: -utilities[i])
    if factor == 1:
        assert chosen == near
        return
    ((k_means, seen, weights),) = fitted
    assert k_means.n_clusters == 6
    assert k_means.n_init == 1
    assert isinstance(k_means.random_state, int)
    seen = seen.toarray() if sp.issparse(seen) else seen
    assert_array_equal(seen, vectors[near].astype(seen.dtype))
    expected_weights = utilities[near] / max(utilities[near])
    np.testing.assert_allclose(weights, expected_weights)
    # The centres are the weighted means of their rows; their nearest rows are taken.
    for label in range(6):
        of_center = np.flatnonzero(k_means.labels_ == label)
        mean = np.average(seen[of_center], axis=0, weights=weights[of_center])
        np.testing.assert_allclose(k_means.cluster_centers_[label], mean, atol=1e-5)
    expected = plain_nearest(seen.tolist(), k_means.cluster_centers_.tolist())
    assert sorted(chosen) == sorted(near[i] for i in expected)


@pytest.mark.parametrize("method", ["k_means", "k_means_plus_plus"])
def test_one_row_of_each_group(method):
    rng = np.random.default_rng(0)
    vectors = np.repeat(100 * np.eye(5), 10, axis=0) + 0.01 * rng.normal(size=(50, 5))
    strategy = Diverse(given_utilities(0.5 + rng.random(50)), method=method)
    for seed in range(20):
        chosen = strategy.select(None, vectors, n_queries=5, random_state=seed)
        assert sorted((chosen // 10).tolist()) == [0, 1, 2, 3, 4]


def test_weights_pull_the_centres():
    vectors = np.array([[0.0], [1.0], [2.0], [50.0], [51.0], [52.0]])
    weights = np.array([1, 1, 10.0, 10, 1, 1])
    for seed in range(10):
        chosen = weighted_k_means(vectors, weights, 2, np.random.default_rng(seed))
        assert sorted(chosen.tolist()) == [2, 3]


def test_rows_that_k_means_cannot_tell_apart():
    vectors = np.repeat(np.eye(3), 5, axis=0)
    vectors[:, 0] += 1e-14 * np.arange(15)
    for form in FORMS:
        for seed in range(5):
            rng = np.random.default_rng(seed)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                chosen = weighted_k_means(form(vectors), np.ones(15), 9, rng)
            assert len(set(chosen.tolist())) == 9


@pytest.mark.parametrize("method", ["k_means", "k_means_plus_plus"])
@pytest.mark.parametrize("n_positive", [0, 1, 5, 8, 9, 20])
def test_rows_of_utility_zero_come_last(method, n_positive, monkeypatch):
    fitted = recorded_k_means(monkeypatch)
    vectors, utilities = pool(), np.zeros(60)
    utilities[10 : 10 + n_positive] = 0.1 + np.random.default_rng(0).random(n_positive)
    strategy = Diverse(given_utilities(utilities), method=method, factor=4)
    chosen = strategy.select(None, vectors, n_queries=8, random_state=0)
    assert len(set(chosen.tolist())) == 8
    assert (utilities[chosen] > 0).sum() == min(8, n_positive)
    assert (np.diff((utilities[chosen] > 0).astype(int)) <= 0).all()
    if method == "k_means" and n_positive == 0:
        assert_array_equal(fitted[0][2], np.ones(32))  # equal weights


def test_tiny_utilities():
    utilities = 10.0 ** -np.arange(0, 300, 5)
    for method in ("k_means", "k_means_plus_plus"):
        for form in FORMS:
            chosen = Diverse(given_utilities(utilities), method=method).select(
                None, form(pool()), n_queries=30, random_state=0
            )
            assert len(set(chosen.tolist())) == 30


def test_equal_utilities_are_prefiltered_at_random():
    strategy = Diverse(given_utilities(np.ones(60)), factor=1)
    counts = np.zeros(60)
    for seed in range(600):
        counts[strategy.select(None, pool(), n_queries=6, random_state=seed)] += 1
    assert chisquare(counts).pvalue > 1e-4


def test_negative_utilities():
    strategy = Diverse(given_utilities(np.linspace(-0.5, 1, 60)))
    with pytest.raises(ValueError, match=r"Diverse needs.*not negative.*gave -0\.5"):
        strategy.select(None, X, n_queries=2)


# Weighted k-means++: the law --------------------------------------------------------


def plus_plus_law(vectors, weights, n):
    law = {}
    for order in itertools.permutations(range(len(vectors)), n):
        probability = weights[order[0]] / sum(weights)
        for i in range(1, n):
            mass = [
                w * min(math.dist(v, vectors[j]) ** 2 for j in order[:i])
                for v, w in zip(vectors, weights, strict=True)
            ]
            probability *= mass[order[i]] / sum(mass)
        law[order] = probability
    return law


@every_form
@pytest.mark.parametrize("n_clusters", [1, 3])
def test_law_of_k_means_plus_plus(form, n_clusters):
    vectors = np.array([[0.0, 1.0], [2.0, 1.0], [2.0, 4.0], [5.0, 0.0]])
    weights = np.array([0.3, 0.9, 0.5, 0.4])
    law = plus_plus_law(vectors.tolist(), weights.tolist(), n_clusters)
    assert math.isclose(sum(law.values()), 1)
    n_seeds = 3000
    counts = dict.fromkeys(law, 0)
    pooled = form(vectors)
    for seed in range(n_seeds):
        rng = np.random.default_rng(seed)
        drawn = k_means_plus_plus(pooled, n_clusters, weights=weights, rng=rng)
        counts[tuple(drawn.tolist())] += 1
    # Rare orders are counted together.
    rare = [order for order in law if n_seeds * law[order] < 10]
    for tally in (law, counts):
        tally["rare"] = sum(tally.pop(order) for order in rare)
    if not rare:
        assert law.pop("rare") == counts.pop("rare") == 0
    expected = [n_seeds * law[order] for order in law]
    assert chisquare([counts[order] for order in law], expected).pvalue > 1e-4


def test_law_through_select():
    vectors = np.array([[0.0], [2.0], [3.0], [7.0]])
    utilities = np.array([0.3, 0.9, 0.5, 0.4])
    law = plus_plus_law(vectors.tolist(), utilities.tolist(), 2)
    strategy = Diverse(given_utilities(utilities), method="k_means_plus_plus")
    counts = dict.fromkeys(law, 0)
    for seed in range(1500):
        chosen = strategy.select(None, vectors, n_queries=2, random_state=seed)
        counts[tuple(chosen.tolist())] += 1
    expected = [1500 * probability for probability in law.values()]
    assert min(expected) > 5
    assert chisquare(list(counts.values()), expected).pvalue > 1e-4


@given(
    seed=st.integers(0, 99), n_samples=st.integers(1, 30), n_distinct=st.integers(1, 5)
)
def test_k_means_plus_plus_of_copies(seed, n_samples, n_distinct):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n_distinct, 3))[rng.integers(n_distinct, size=n_samples)]
    weights = rng.random(n_samples) + 1e-3
    drawn = k_means_plus_plus(vectors, n_samples, weights=weights, rng=rng)
    assert sorted(drawn.tolist()) == list(range(n_samples))
    n_different = len(np.unique(vectors, axis=0))
    assert len(np.unique(vectors[drawn[:n_different]], axis=0)) == n_different


# What both promise ------------------------------------------------------------------


@every_form
@every_strategy
def test_select(strategy, form):
    pooled = form(X)
    model = LogisticRegression().fit(pooled[KNOWN], y[KNOWN])
    before = pooled.copy()
    chosen = strategy.select(model, pooled, y, n_queries=7, random_state=0)
    assert chosen.shape == (7,)
    assert np.issubdtype(chosen.dtype, np.integer)
    assert len(set(chosen.tolist())) == 7
    assert set(chosen.tolist()) <= set(POOL.tolist())
    again = strategy.select(model, pooled, y, n_queries=7, random_state=0)
    assert_array_equal(chosen, again)
    assert abs(pooled - before).max() == 0


@every_form
@every_strategy
def test_edges(strategy, form):
    pooled = form(X)
    model = LogisticRegression().fit(pooled[KNOWN], y[KNOWN])
    for n_queries in (len(POOL) - 5, len(POOL), 1000):
        chosen = strategy.select(model, pooled, y, n_queries=n_queries, random_state=0)
        assert len(set(chosen.tolist())) == min(n_queries, len(POOL))
        assert set(chosen.tolist()) <= set(POOL.tolist())
    assert len(strategy.select(model, pooled, n_queries=9, random_state=0)) == 9
    assert strategy.select(model, pooled[:1], n_queries=3).tolist() == [0]
    assert len(strategy.select(model, pooled, labels, n_queries=3)) == 0


@every_strategy
def test_identical_rows_are_not_in_one_batch(strategy):
    copies = np.repeat(X[KNOWN], 5, axis=0)
    for seed in range(5):
        chosen = strategy.select(MODEL, copies, n_queries=10, random_state=seed)
        assert len(np.unique(copies[chosen], axis=0)) == 10


@every_strategy
def test_all_rows_constant(strategy):
    constant = np.ones((20, 4))
    for form in (np.array, sp.csr_array):
        chosen = strategy.select(MODEL, form(constant), n_queries=6, random_state=0)
        assert len(set(chosen.tolist())) == 6


@every_strategy
def test_learner_in_a_pipeline(strategy):
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    learner = ActiveLearningClassifier(pipeline, strategy, random_state=0).fit(X, y)
    chosen = learner.query(X, y, 6)
    scaled = StandardScaler().fit(X[KNOWN]).transform(X)
    model = LogisticRegression().fit(scaled[np.sort(KNOWN)], y[np.sort(KNOWN)])
    by_hand = ActiveLearningClassifier(
        LogisticRegression(), strategy, random_state=0
    ).fit(scaled, y)
    assert len(model.classes_) == 2
    assert_array_equal(chosen, by_hand.query(scaled, y, 6))
    budgeted = ActiveLearningClassifier(
        pipeline, strategy, budget=25, batch_size=5, random_state=0
    )
    assert_array_equal(
        budgeted.fit(X, labels).labeled_indices_,
        clone(budgeted).fit(X, labels).labeled_indices_,
    )
    assert not hasattr(learner, "score_samples")


@every_strategy
def test_texts(strategy):
    words = ["red", "green", "sour", "sweet", "apple", "pear", "plum"]
    texts = [" ".join(words) for words in itertools.combinations(words, 3)]
    marks = ["apple" if "apple" in t else "other" for t in texts]
    visible = [m if i % 3 == 0 else None for i, m in enumerate(marks)]
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression())
    learner = ActiveLearningClassifier(pipeline, strategy, random_state=0)
    chosen = learner.fit(texts, visible).query(texts, visible, 5)
    assert len(set(chosen.tolist())) == 5
    assert all(i % 3 for i in chosen)


@every_strategy
def test_no_state_and_own_embedding(strategy):
    strategy = clone(strategy)
    before = str(vars(strategy))
    first = strategy.select(MODEL, X, y, n_queries=5, random_state=0)
    strategy.select(MODEL, X[:30], n_queries=5, random_state=1)
    assert str(vars(strategy)) == before
    assert_array_equal(strategy.select(MODEL, X, y, n_queries=5, random_state=0), first)
    strategy.set_params(embedding=lambda X: np.zeros((len(X), 1)))
    chosen = strategy.select(MODEL, X, y, n_queries=5, random_state=0)
    assert len(set(chosen.tolist())) == 5  # all rows count as copies of one
    with pytest.raises(TypeError, match="chooses a batch as a whole"):
        strategy(MODEL, X, y)


def test_wrapping():
    assert repr(RankedBatch()) == "RankedBatch()"
    assert repr(Diverse(Entropy(), factor=3)) == "Diverse(factor=3, strategy=Entropy())"
    strategy = RankedBatch(Entropy()).set_params(strategy__normalize=True)
    assert clone(strategy).strategy.normalize
    assert strategy.leaves() == [strategy.strategy]
    assert not strategy.pointwise
    with pytest.raises(ValueError, match=r"RankedBatch needs a strategy.*Informa"):
        RankedBatch(InformationDensity()).select(MODEL, X, y, n_queries=2)
    with pytest.raises(ValueError, match="RankedBatch must be a name"):
        RankedBatch(3).leaves()


@pytest.mark.parametrize(
    "wrong", [{"factor": 0}, {"factor": 2.5}, {"method": "x"}, {"embedding": 3}]
)
def test_invalid_parameters(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Diverse(**wrong).select(MODEL, X, n_queries=2)


@pytest.mark.parametrize("strategy", STRATEGIES[:3], ids=repr)
def test_memory(strategy):
    vectors = np.random.default_rng(0).normal(size=(30_000, 8))
    marks = np.where(np.arange(30_000) % 2, 1.0, np.nan)
    strategy = clone(strategy).set_params(
        strategy=FunctionStrategy(lambda estimator, X, y: X[:, 0] ** 2)
    )
    tracemalloc.start()
    strategy.select(None, vectors, marks, n_queries=20, random_state=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 48 * 2**20
