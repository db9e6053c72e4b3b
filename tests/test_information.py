"""Strategies on information: BatchBALD, EPIG, epistemic uncertainty."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

from skactive import ActiveLearningClassifier, measures
from skactive._models.members import member_proba
from skactive.strategies import InformationGain
from skactive.strategies._epistemic import EpistemicUncertainty
from skactive.strategies._information import BatchBald, Epig

X, labels = make_classification(
    n_samples=300, n_features=6, n_informative=4, n_classes=3, random_state=0
)
y = np.where(np.arange(300) < 40, labels, np.nan)
FOREST = RandomForestClassifier(n_estimators=60, max_depth=3, random_state=0).fit(
    X[:40], labels[:40]
)
POOL = np.arange(40, 300)
STRATEGIES = [
    BatchBald(),
    BatchBald(max_candidates=20),
    Epig(),
    Epig(targets=X[:7]),
    EpistemicUncertainty(),
    EpistemicUncertainty(method="committee"),
]
every_strategy = pytest.mark.parametrize("strategy", STRATEGIES, ids=repr)


# All ---------------------------------------------------------------------------------


@every_strategy
def test_select(strategy):
    chosen = strategy.select(FOREST, X, y, n_queries=5, random_state=0)
    assert len(set(chosen.tolist())) == 5
    assert np.isin(chosen, POOL).all()
    again = clone(strategy).select(FOREST, X, y, n_queries=5, random_state=0)
    assert_array_equal(again, chosen)
    again = pickle.loads(pickle.dumps(strategy))
    assert_array_equal(again.select(FOREST, X, y, n_queries=5, random_state=0), chosen)
    before = X.copy()
    strategy.select(FOREST, X, y, n_queries=3, random_state=0)
    assert_array_equal(X, before)


@every_strategy
def test_containers(strategy):
    expected = strategy.select(FOREST, X, y, n_queries=4, random_state=0)
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(6)])
    forest = clone(FOREST).fit(frame[:40], labels[:40])
    if getattr(strategy, "targets", None) is not None:
        strategy = Epig(targets=frame[:7])
    chosen = strategy.select(forest, frame, pd.Series(y), n_queries=4, random_state=0)
    assert_array_equal(chosen, expected)


@every_strategy
def test_in_a_learner(strategy):
    model = make_pipeline(StandardScaler(), LogisticRegression())
    learner = ActiveLearningClassifier(
        model, strategy=strategy, n_members=60, batch_size=4, random_state=0
    )
    learner.fit(X, y)
    rows = learner.query(X, y)
    assert len(set(rows.tolist())) == 4
    assert np.isin(rows, POOL).all()
    assert hasattr(learner, "score_samples") == strategy.pointwise


@every_strategy
def test_no_copies_while_others_remain(strategy):
    twice = np.repeat(X[40:80], 2, axis=0)
    if strategy.uses_labels:
        twice = np.vstack([X[:40], twice])
        target = np.concatenate([y[:40], np.full(80, np.nan)])
    else:
        target = None
    chosen = strategy.select(FOREST, twice, target, n_queries=10, random_state=0)
    assert len(np.unique(twice[chosen], axis=0)) == 10
    if isinstance(strategy, BatchBald):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            everything = strategy.select(FOREST, twice, n_queries=80, random_state=0)
        assert_array_equal(np.sort(everything), np.arange(80))


@every_strategy
def test_needs(strategy):
    if strategy.needs:
        model = LogisticRegression().fit(X[:40], labels[:40])
        with pytest.raises(
            ValueError, match=r"needs a committee: RandomForest.*got Log"
        ):
            strategy.select(model, X, y, n_queries=1)


@pytest.mark.parametrize(
    "strategy",
    [
        BatchBald(max_candidates=1),
        BatchBald(max_configurations=0),
        Epig(n_targets=0),
        EpistemicUncertainty(method="other"),
        EpistemicUncertainty(bandwidth=0.0),
    ],
    ids=repr,
)
def test_wrong_parameters(strategy):
    with pytest.raises(InvalidParameterError):
        strategy.select(FOREST, X, y, n_queries=1)


# BatchBALD ---------------------------------------------------------------------------


def test_batch_bald_is_the_measure_on_the_candidates():
    proba = member_proba(FOREST, X[POOL])
    expected, _ = measures.batch_bald(proba, 6, random_state=0)
    chosen = BatchBald().select(FOREST, X, y, n_queries=6, random_state=0)
    assert_array_equal(chosen, POOL[expected])


def test_batch_bald_first_pick_is_the_best_row():
    gains = InformationGain()(FOREST, X)
    for n_queries in (1, 5):
        chosen = BatchBald().select(FOREST, X, y, n_queries=n_queries, random_state=0)
        assert gains[chosen[0]] == gains[POOL].max()


def test_batch_bald_tells_more_than_the_best_rows():
    best = InformationGain().select(FOREST, X, y, n_queries=6, random_state=0)
    chosen = BatchBald().select(FOREST, X, y, n_queries=6, random_state=0)
    told = [
        measures.joint_information_gain(member_proba(FOREST, X[rows]))
        for rows in (best, chosen)
    ]
    assert told[1] > 1.02 * told[0]


def test_batch_bald_as_a_scorer():
    with pytest.raises(TypeError, match="BatchBald chooses a batch as a whole"):
        BatchBald()(FOREST, X, y)


def test_batch_bald_screens_large_pools():
    gains = InformationGain()(FOREST, X)
    best = POOL[np.argsort(-gains[POOL], kind="stable")]
    first = BatchBald(max_candidates=30)
    chosen = first.select(FOREST, X, y, n_queries=5, random_state=0)
    assert gains[chosen[0]] == gains[POOL].max()
    # Half of the rows offered are the best ones; the others are drawn.
    rng = np.random.default_rng(0)
    offered = first._screen(FOREST, X, POOL, 30, rng)
    assert len(set(offered.tolist())) == 30
    assert np.isin(best[:15], offered).all()
    again = first._screen(FOREST, X, POOL, 30, rng)
    assert set(offered.tolist()) != set(again.tolist())
    assert len(first._screen(FOREST, X, POOL, 50, rng)) == 50


def test_batch_bald_warns_once_all_is_told():
    few = FOREST.estimators_[:4]
    for member in few:
        member.classes_ = np.arange(3)
    with pytest.warns(
        UserWarning, match="its 4 members can be told.*more members"
    ) as r:
        chosen = BatchBald().select(few, X, y, n_queries=60, random_state=0)
    assert len(r) == 1
    assert len(set(chosen.tolist())) == 60
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        BatchBald().select(few, X, y, n_queries=2, random_state=0)


def test_batch_bald_warns_where_members_agree():
    same = [FOREST.estimators_[0]] * 5
    for member in same:
        member.classes_ = np.arange(3)
    with pytest.warns(UserWarning, match="finds all 260 candidates equally useful"):
        BatchBald().select(same, X, y, n_queries=2, random_state=0)


def test_batch_bald_without_candidates():
    assert len(BatchBald().select(FOREST, X, labels, n_queries=2)) == 0
    with pytest.raises(ValueError, match="n_queries must be"):
        BatchBald().select(FOREST, X, y, n_queries=0)


# EPIG --------------------------------------------------------------------------------


def test_epig_is_the_measure():
    proba = member_proba(FOREST, X)
    given = measures.expected_predictive_information_gain(proba, proba[:, :7])
    assert_allclose(Epig(targets=X[:7])(FOREST, X), given, rtol=1e-10)
    pool = measures.expected_predictive_information_gain(proba, proba)
    assert_allclose(Epig()(FOREST, X), pool, rtol=1e-10)
    some = measures.expected_predictive_information_gain(proba, proba[:, 5::10])
    assert_allclose(Epig(n_targets=30)(FOREST, X), some, rtol=1e-10)


def test_epig_prefers_rows_where_the_targets_are():
    """Two clusters of rows, both open; targets in one of them only."""
    rng = np.random.default_rng(0)
    left, right = rng.normal(-9, 1, (60, 1)), rng.normal(9, 1, (60, 1))
    rows = np.vstack([left, right])
    members = []
    for _ in range(30):
        cuts = rng.normal([-9, 9], 1)
        side = np.where(rows[:, 0] < 0, rows[:, 0] > cuts[0], rows[:, 0] > cuts[1])
        tree = RandomForestClassifier(n_estimators=1, bootstrap=False, random_state=0)
        members.append(tree.fit(rows, side.astype(int)))
    chosen = Epig(targets=left[:20]).select(members, rows, n_queries=20, random_state=0)
    assert (chosen < 60).all()
    bald = InformationGain().select(members, rows, n_queries=20, random_state=0)
    assert (bald >= 60).any()


# Epistemic ---------------------------------------------------------------------------


def test_epistemic_by_neighbors_equals_plain_counts():
    strategy = EpistemicUncertainty(bandwidth=0.8)
    counts = np.zeros((300, 3))
    for row in range(300):
        for near in range(40):
            distance = np.linalg.norm(X[row] - X[near])
            counts[row, labels[near]] += np.exp(-(distance**2) / (2 * 0.8**2))
    expected = measures.epistemic_uncertainty(counts)
    assert_allclose(strategy(FOREST, X, y), expected, atol=1e-6)


def test_epistemic_by_committee_is_information_gain():
    found = EpistemicUncertainty(method="committee")(FOREST, X, y)
    assert_array_equal(found, InformationGain()(FOREST, X, y))


def test_epistemic_before_there_are_labels():
    strategy = EpistemicUncertainty()
    assert_array_equal(strategy(None, X), 1)
    assert_array_equal(strategy(None, X, np.full(300, np.nan)), 1)
    chosen = strategy.select(None, X, n_queries=3, random_state=0)  # and no warning
    assert len(set(chosen.tolist())) == 3
    one = np.where(np.arange(300) < 1, 0, np.nan)
    utilities = strategy(None, X, one)
    assert utilities.argmin() == 0
    assert utilities.max() > utilities.min()


def test_epistemic_is_not_drawn_to_noise():
    """Many labels that contradict each other here, and a few there."""
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(0, 0.1, 80), rng.normal(5, 0.1, 8)])[:, None]
    target = np.arange(88) % 2.0
    target[[0, 1, 80, 81]] = np.nan
    chosen = EpistemicUncertainty(bandwidth=1).select(None, rows, target, n_queries=2)
    assert set(chosen.tolist()) == {80, 81}
