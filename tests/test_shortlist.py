"""Strategies that look at `max_candidates` of the candidates of a large pool."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils._param_validation import InvalidParameterError

from skactive import ActiveLearningClassifier, get_strategy
from skactive.geometry._fisher import greedy_trace_batch
from skactive.strategies import (
    Bait,
    BatchBald,
    Clue,
    Epig,
    IntegratedVariance,
    TypiClust,
    _centers,
    _clusters,
    _fisher,
    _information,
)
from skactive.strategies._centers import pick_by_clusters
from skactive.strategies._fisher import _read_design
from skactive.strategies._shortlist import draw_candidates, draw_weighted_candidates

X, labels = make_classification(
    n_samples=300, n_features=6, n_informative=4, n_classes=3, random_state=0
)
y = np.where(np.arange(300) < 40, labels, np.nan)
POOL = np.arange(40, 300)
LOGISTIC = LogisticRegression().fit(X[:40], labels[:40])
COMMITTEE = [
    LogisticRegression(C=0.1 + k).fit(X[k : k + 30], labels[k : k + 30])
    for k in range(10)
]
NUMBERS = np.where(np.arange(300) < 40, X[:, 0] + X[:, 1] ** 2, np.nan)
RIDGE = Ridge().fit(X[:40], NUMBERS[:40])

# A strategy, the model that it asks, and the labels.
CASES = {
    "typiclust": (TypiClust(), LOGISTIC, y),
    "clue": (Clue(), LOGISTIC, y),
    "bait": (Bait(), LOGISTIC, y),
    "bait of a regressor": (Bait(), RIDGE, NUMBERS),
    "epig": (Epig(n_targets=30), COMMITTEE, y),
    "epig of a regressor": (Epig(n_targets=30), RIDGE, NUMBERS),
    "batch_bald": (BatchBald(), COMMITTEE, y),
    "integrated_variance": (IntegratedVariance(), RIDGE, NUMBERS),
}
every_case = pytest.mark.parametrize("case", CASES)
pytestmark = pytest.mark.filterwarnings("ignore:.*can be told:UserWarning")


def select(case, max_candidates="default", pool=X, n_queries=6, random_state=0, **cut):
    strategy, model, labels = CASES[case]
    if max_candidates != "default":
        strategy = clone(strategy).set_params(max_candidates=max_candidates)
    labels = cut.get("labels", labels)
    return strategy.select(
        model, pool, labels, n_queries=n_queries, random_state=random_state
    )


# Every strategy ----------------------------------------------------------------------


@every_case
def test_a_pool_that_is_not_larger_is_looked_at_whole(case):
    exact = select(case, None)
    assert_array_equal(select(case), exact)
    assert_array_equal(select(case, len(POOL)), exact)
    assert_array_equal(select(case, len(POOL) + 7), exact)


@every_case
def test_choice_from_some_candidates(case):
    chosen = select(case, 20)
    assert len(set(chosen.tolist())) == 6
    assert np.isin(chosen, POOL).all()
    assert_array_equal(select(case, 20), chosen)
    others = [set(select(case, 20, random_state=seed).tolist()) for seed in (1, 2, 3)]
    assert any(rows != set(chosen.tolist()) for rows in others)


@every_case
def test_more_rows_than_candidates(case):
    chosen = select(case, 5, n_queries=30)
    assert len(set(chosen.tolist())) == 30
    assert np.isin(chosen, POOL).all()


@every_case
def test_chunks_change_nothing(case):
    pool = np.tile(X, (3, 1)) + np.repeat([[0.0], [0.1], [0.2]], 300, axis=0)
    labels = np.append(CASES[case][2], np.full(600, np.nan))
    found = select(case, 50, pool, labels=labels)
    with config_context(working_memory=1e-9):  # chunks of 64 rows
        assert_array_equal(select(case, 50, pool, labels=labels), found)


@every_case
@pytest.mark.parametrize("n_kinds", [4, 8])
def test_copies_come_last(case, n_kinds):
    # Nearly all candidates are one and the same row; a draw finds few of the others.
    kinds = POOL[:n_kinds]
    pool = np.vstack([X[:40], np.repeat(X[kinds[:1]], 260, axis=0)])
    places = np.linspace(60, 280, n_kinds - 1).astype(int)
    pool[places] = X[kinds[1:]]
    for seed in range(3):
        chosen = select(case, 20, pool, random_state=seed)
        n_chosen = len(np.unique(pool[chosen], axis=0))
        assert len(set(chosen.tolist())) == 6
        assert n_chosen == min(6, n_kinds)


@every_case
@pytest.mark.parametrize("wrong", [0, 1.5, "all"])
def test_wrong_parameter(case, wrong):
    with pytest.raises(InvalidParameterError, match="max_candidates"):
        select(case, wrong)


@pytest.mark.parametrize("case", ["typiclust", "clue", "epig", "batch_bald"])
def test_frames_lists_and_sparse_rows(case):
    expected = select(case, 20)
    frame = pd.DataFrame(X, columns=list("abcdef")).set_index(np.arange(300) * 7)
    names = [None if np.isnan(label) else str(label) for label in CASES[case][2]]
    with (
        pytest.warns(UserWarning, match="feature names")
        if case != "typiclust"
        else (np.errstate())
    ):
        assert_array_equal(select(case, 20, frame, labels=names), expected)
    if case != "typiclust":  # whose distances round otherwise
        assert len(select(case, 20, sp.csr_array(X))) == 6


@pytest.mark.parametrize("name", ["typiclust", "clue", "bait", "epig", "batch_bald"])
def test_in_a_learner(name):
    strategy = get_strategy(name).set_params(max_candidates=30)
    learner = ActiveLearningClassifier(
        LogisticRegression(), strategy, batch_size=8, n_members=5, random_state=0
    )
    learner.fit(X, y)
    rows = learner.query(X, y)
    assert len(set(rows.tolist())) == 8
    assert_array_equal(learner.query(X, y), rows)
    assert_array_equal(clone(learner).fit(X, y).query(X, y), rows)


# One by one: the choice is that of the strategy among the candidates drawn -----------

SOME = np.sort(np.random.default_rng(5).permutation(POOL)[:50])


def draw_some(monkeypatch, module):
    """Make SOME the candidates that are drawn, without use of the generator."""
    monkeypatch.setattr(module, "draw_candidates", lambda *args: SOME)


def test_typiclust_clusters_what_is_drawn_and_labelled(monkeypatch):
    draw_some(monkeypatch, _clusters)
    part = np.append(np.arange(40), SOME)
    expected = part[select("typiclust", None, X[part], labels=y[part])]
    assert_array_equal(select("typiclust", 50), expected)


def test_epig_takes_the_best_of_what_is_drawn(monkeypatch):
    draw_some(monkeypatch, _information)
    strategy = Epig(n_targets=30, max_candidates=50)
    utilities = strategy(COMMITTEE, X, y)  # there for all rows, with all targets
    assert_array_equal(utilities, Epig(n_targets=30)(COMMITTEE, X, y))
    expected = SOME[np.argsort(-utilities[SOME])[:6]]
    chosen = strategy.select(COMMITTEE, X, y, n_queries=6, random_state=0)
    assert_array_equal(chosen, expected)


def test_bait_keeps_the_information_of_the_pool(monkeypatch):
    draw_some(monkeypatch, _fisher)
    design = _read_design(Bait(), LOGISTIC, X, y)
    target = _fisher.fisher.total_information(design.features, design.proba) / 300
    expected = greedy_trace_batch(
        *design, target, 6, candidates=SOME, rng=np.random.default_rng(0)
    )
    assert_array_equal(select("bait", 50), expected)


def test_clue_weighs_what_is_drawn(monkeypatch):
    weights = np.random.default_rng(0).random(50)
    asked = []

    def draw(candidates, entropy, *args):
        asked.append(entropy)
        return SOME, weights

    monkeypatch.setattr(_centers, "draw_weighted_candidates", draw)
    args = X, SOME, 6, weights, np.random.default_rng(0)
    assert_array_equal(select("clue", 50), pick_by_clusters(*args))
    proba = LOGISTIC.predict_proba(X[POOL])
    assert_allclose(asked[0], -(proba * np.log(proba)).sum(axis=1))


def test_batch_bald_screens_twenty_times_as_many():
    pool = np.vstack([X] * 5) + np.repeat(np.arange(5.0), 300)[:, np.newaxis]
    n_rows = []

    def members(rows):
        n_rows.append(len(rows))
        return np.stack([member.predict_proba(rows) for member in COMMITTEE])

    learner = ActiveLearningClassifier(
        LogisticRegression(),
        BatchBald(max_candidates=30),
        members=lambda estimator, rows: members(rows),
        batch_size=6,
        random_state=0,
    )
    labels = np.append(y, np.full(1200, np.nan))
    learner.fit(pool, labels)
    n_rows.clear()
    assert len(learner.query(pool, labels)) == 6
    assert sum(n_rows) == 20 * 30 + 30
    n_rows.clear()
    learner.set_params(strategy__max_candidates=None).fit(pool, labels)
    n_rows.clear()
    learner.query(pool, labels)
    assert sum(n_rows) == 1460


# Draws -------------------------------------------------------------------------------


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("max_candidates", [None, 260, 1000])
def test_no_draw_where_all_are_taken(max_candidates):
    generator = rng()
    for drawn in (
        draw_candidates(X, POOL, max_candidates, 5, generator),
        draw_weighted_candidates(POOL, X[POOL, 0] ** 2, max_candidates, 5, generator)[
            0
        ],
        draw_candidates(X, POOL, 5, 260, generator),
    ):
        assert_array_equal(drawn, POOL)
    assert generator.random() == rng().random()


def test_draws_are_uniform():
    generator = rng()
    counts = np.zeros(300)
    for _ in range(600):
        drawn = draw_candidates(X, POOL, 65, 5, generator)
        assert len(drawn) == 65
        assert (np.diff(drawn) > 0).all()
        counts[drawn] += 1
    assert counts[:40].sum() == 0
    assert abs(counts[POOL] - 150).max() < 5 * np.sqrt(600 * 0.25 * 0.75)


def test_draws_by_weight_stand_for_all():
    generator = rng()
    weights = np.where(np.arange(260) % 4 == 0, 0.0, X[POOL, 0] ** 2)
    sums = np.zeros(2)
    for _ in range(400):
        drawn, counts = draw_weighted_candidates(POOL, weights, 40, 5, generator)
        assert len(set(drawn.tolist())) == 40
        assert (weights[drawn - 40] > 0).all()
        is_first = drawn < 170
        sums += counts[is_first].sum(), counts[~is_first].sum()
    assert_allclose(sums / 400, [weights[:130].sum(), weights[130:].sum()], rtol=0.02)


def test_few_kinds_of_rows():
    pool = np.zeros((300, 1))
    pool[[50, 120, 200]] = [[1.0], [2.0], [3.0]]
    for seed in range(5):
        # Three of 260 rows would seldom be among ten that are drawn.
        four = draw_candidates(pool, POOL, 10, 4, rng(seed))
        assert sorted(pool[four, 0]) == [0, 1, 2, 3]
        assert (np.diff(four) > 0).all()
        seven = draw_candidates(pool, POOL, 5, 7, rng(seed))
        assert len(set(seven.tolist())) == 7
        assert sorted(set(pool[seven, 0])) == [0, 1, 2, 3]
        assert len(draw_candidates(pool, POOL, 10, 1, rng(seed))) == 10
