"""Greedy sampling and largest clusters, against plain loops over pairs of rows."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import pairwise_distances
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skactive.geometry._greedy_sampling import greedy_sampling
from skactive.geometry._largest_clusters import largest_clusters
from skactive.strategies import GreedySampling, KCenter, Lcmd

SEEDS = range(100)


def small_case(seed):
    """Vectors, a target for all rows, and positions of labelled rows."""
    rng = np.random.default_rng(seed)
    n_rows, n_features = rng.integers(6, 30), rng.integers(1, 5)
    X = rng.normal(size=(n_rows, n_features)) + rng.choice([0, 100])
    labeled = rng.permutation(n_rows)[: rng.integers(1, 5)]
    return X, rng.normal(size=n_rows), np.sort(labeled)


def plain_greedy(X, target, labeled, n_queries, space):
    """Wu, Lin and Huang: the largest smallest product of the two distances."""
    known, chosen = labeled.tolist(), []
    for _ in range(n_queries):
        best, farthest = None, -1.0
        for n in range(len(X)):
            if n in known:
                continue
            nearest = np.inf
            for m in known:
                distance = abs(target[n] - target[m])
                if space == "both":
                    distance *= np.sqrt(((X[n] - X[m]) ** 2).sum())
                nearest = min(nearest, distance)
            if nearest > farthest:
                best, farthest = n, nearest
        known.append(best)
        chosen.append(best)
    return chosen


def plain_lcmd(X, labeled, n_queries):
    """Holzmueller et al.: the farthest row of the cluster of the largest size."""
    known, chosen = labeled.tolist(), []
    for _ in range(n_queries):
        size, member = dict.fromkeys(known, 0.0), {c: [] for c in known}
        for n in range(len(X)):
            if n in known:
                continue
            squares = [((X[n] - X[c]) ** 2).sum() for c in known]
            center = known[int(np.argmin(squares))]
            size[center] += min(squares)
            member[center].append((min(squares), n))
        largest = max((c for c in known if member[c]), key=lambda c: size[c])
        best = max(member[largest])[1]
        known.append(best)
        chosen.append(best)
    return chosen


@pytest.mark.parametrize("space", ["both", "target"])
def test_greedy_sampling_is_the_loop_of_the_paper(space):
    for seed in SEEDS:
        X, target, labeled = small_case(seed)
        n_queries = min(5, len(X) - len(labeled))
        rng = np.random.default_rng(0)
        args = X, target, n_queries
        chosen = greedy_sampling(*args, labeled=labeled, space=space, rng=rng)
        assert chosen.tolist() == plain_greedy(X, target, labeled, n_queries, space)


def test_largest_clusters_are_the_loop_of_the_paper():
    for seed in SEEDS:
        X, target, labeled = small_case(seed)
        n_queries = min(5, len(X) - len(labeled))
        factors = np.abs(target[: X.shape[1]])
        for scale in (None, factors):
            chosen = largest_clusters(
                X,
                n_queries,
                labeled=labeled,
                scale=scale,
                rng=np.random.default_rng(0),
            )
            scaled = X if scale is None else X * scale
            assert chosen.tolist() == plain_lcmd(scaled, labeled, n_queries)


def test_units_of_columns_do_not_matter_but_those_of_a_pipeline_do():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(60, 2)), rng.random(60) < 0.1])
    y = np.where(np.arange(60) < 5, X[:, 0], np.nan)
    wide = X * [1e4, 1e-3, 50.0] + [7.0, 0.0, 3.0]
    model = Ridge().fit(X[:5], y[:5])
    expected = Lcmd().select(model, X, y, n_queries=8)
    assert_array_equal(Lcmd().select(model, wide, y, n_queries=8), expected)
    assert_array_equal(Lcmd(True).select(None, wide, y, n_queries=8), expected)
    deviations = np.append(X[:, :2].std(axis=0), 1.0)
    plain = Lcmd(False).select(None, X / deviations, y, n_queries=8)
    assert_array_equal(plain, expected)
    steps = make_pipeline(FunctionTransformer(), Ridge()).fit(X[:5], y[:5])
    for strategy, estimator in (
        (Lcmd(), steps),
        (Lcmd(embedding=lambda X: X), model),
        (Lcmd(False), model),
    ):
        chosen = strategy.select(estimator, wide, y, n_queries=8)
        assert chosen.tolist() == plain_lcmd(wide, np.arange(5), 8)


@pytest.mark.parametrize("function", ["greedy", "clusters"])
def test_forms_and_blocks_change_nothing(function, monkeypatch):
    rng = np.random.default_rng(0)
    X = sp.random(80, 12, 0.4, random_state=0, format="csr").toarray()
    target = rng.normal(size=80)

    def choose(vectors):
        params = {"labeled": np.arange(20), "rng": np.random.default_rng(0)}
        if function == "clusters":
            return largest_clusters(vectors, 20, **params)
        return greedy_sampling(vectors, target, 20, **params)

    expected = choose(X)
    assert_array_equal(choose(sp.csr_matrix(X)), expected)
    monkeypatch.setattr("skactive.geometry._points._BLOCK_SIZE", 64)
    monkeypatch.setattr("skactive.geometry._points._BLOCK_CENTERS", 3)
    assert_array_equal(choose(X), expected)


@pytest.mark.parametrize(
    "strategy", [GreedySampling(), GreedySampling("target"), Lcmd()]
)
def test_copies_come_last(strategy):
    X = np.repeat([[0.0], [1.0], [2.0], [5.0]], 5, axis=0)
    y = np.full(20, np.nan)
    y[0], y[19] = 0.0, 1.0
    model = Ridge().fit(X[[0, 19]], y[[0, 19]])
    chosen = strategy.select(model, X, y, n_queries=18, random_state=0)
    assert len(np.unique(chosen)) == 18
    assert {1.0, 2.0} == set(X[chosen[:2], 0].tolist())


@pytest.mark.parametrize(
    "strategy", [GreedySampling(), GreedySampling("target"), Lcmd()]
)
def test_the_first_row_is_random_where_none_is_labelled(strategy):
    X = np.random.default_rng(0).normal(size=(30, 2))
    model = Ridge().fit(X, X[:, 0])
    first = {
        int(strategy.select(model, X, n_queries=1, random_state=seed)[0])
        for seed in range(40)
    }
    assert len(first) > 10


def test_predictions_stand_in_for_labels_within_a_batch():
    X = np.array([[0.0], [4.0], [4.1], [-3.0]])
    y = np.array([0.0, np.nan, np.nan, np.nan])
    model = Ridge(alpha=1e-9).fit([[0.0], [1.0]], [0.0, 1.0])
    assert GreedySampling().select(model, X, y, n_queries=2).tolist() == [2, 3]


def test_leaves_tell_rows_apart_by_what_matters_to_the_forest():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3)) * [1, 1, 1e6]
    target = np.sign(X[:, 0])
    forest = RandomForestRegressor(20, max_features=None, random_state=0)
    y = np.where(np.arange(200) < 40, target, np.nan)
    forest.fit(X[:40], target[:40])
    leaves = forest.apply(X)
    shares = (leaves[:, None] != leaves[None]).mean(axis=2)
    expected = plain_greedy_of(shares, np.arange(40), 1)
    strategy = KCenter(embedding="leaves")
    chosen = strategy.select(forest, X, y, n_queries=1, random_state=0)
    assert shares[chosen[0], :40].min() == pytest.approx(expected)
    assert pairwise_distances(X)[chosen[0], :40].min() > 0
    with pytest.raises(ValueError, match="needs a fitted forest with a method apply"):
        strategy.select(Ridge().fit(X, target), X, y, n_queries=1)


def plain_greedy_of(distances, labeled, n_queries):
    others = np.setdiff1d(np.arange(len(distances)), labeled)
    return distances[np.ix_(others, labeled)].min(axis=1).max()
