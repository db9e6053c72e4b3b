"""Stochastic batches against the law of draws without replacement."""

import itertools
import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chisquare
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from skactive import ActiveLearningClassifier
from skactive.strategies import (
    Entropy,
    FunctionStrategy,
    InformationGain,
    Margin,
    Random,
    Strategy,
)
from skactive.strategies._coverage import UncertaintyHerding
from skactive.strategies._density import InformationDensity
from skactive.strategies._diverse import Diverse, RankedBatch
from skactive.strategies._std import Uncertainty
from skactive.strategies._stochastic import Power, Softmax, Softrank, gumbel_keys

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
labels = (X[:, 0] > 0).astype(float)
# Labelled rows stand anywhere.
KNOWN = rng.permutation(60)[:15]
y = np.full(60, np.nan)
y[KNOWN] = labels[KNOWN]
MODEL = LogisticRegression().fit(X[KNOWN], y[KNOWN])
every_class = pytest.mark.parametrize("kind", [Power, Softmax, Softrank])


def given_utilities(values):
    return FunctionStrategy(lambda estimator, X, y: values)


# The law ----------------------------------------------------------------------------


def successive_sampling(weights, n):
    """Probability of each ordered draw of `n` without replacement."""
    law = {}
    for order in itertools.permutations(range(len(weights)), n):
        probability, left = 1.0, sum(weights)
        for i in order:
            probability *= weights[i] / left
            left -= weights[i]
        law[order] = probability
    return law


def rank_weights(utilities, beta):
    """Weights for each order of tied ranks, all alike."""
    n = len(utilities)
    for order in itertools.permutations(range(n)):
        if all(utilities[a] >= utilities[b] for a, b in itertools.pairwise(order)):
            yield [(order.index(i) + 1) ** -beta for i in range(n)]


def mean_law(all_weights, n):
    laws = [successive_sampling(weights, n) for weights in all_weights]
    return {order: sum(law[order] for law in laws) / len(laws) for order in laws[0]}


UTILITIES = np.array([0.3, 0.9, 0.3, 0.5])
LAWS = [
    (Power, 1.0, [UTILITIES]),
    (Power, 1.5, [UTILITIES**1.5]),
    (Power, 0.0, [np.ones(4)]),
    (Softmax, 2.0, [np.exp(2 * UTILITIES)]),
    (Softrank, 1.0, list(rank_weights(UTILITIES, 1.0))),
    (Softrank, 0.5, list(rank_weights(UTILITIES, 0.5))),
]


@pytest.mark.parametrize(("kind", "beta", "all_weights"), LAWS)
@pytest.mark.parametrize("n_queries", [2, 4])
def test_law_of_the_ordered_draws(kind, beta, all_weights, n_queries):
    n_seeds = 1500
    strategy = kind(given_utilities(UTILITIES), beta=beta)
    law = mean_law(all_weights, n_queries)
    counts = dict.fromkeys(law, 0)
    for seed in range(n_seeds):
        chosen = strategy.select(None, X[:4], n_queries=n_queries, random_state=seed)
        counts[tuple(chosen.tolist())] += 1
    expected = [n_seeds * probability for probability in law.values()]
    assert min(expected) > 5
    assert chisquare(list(counts.values()), expected).pvalue > 1e-4


def test_the_oracle_itself():
    assert len(list(rank_weights(UTILITIES, 1))) == 2
    law = successive_sampling([1, 2, 3], 2)
    assert math.isclose(sum(law.values()), 1)
    assert math.isclose(law[2, 1], 3 / 6 * 2 / 3)


def test_power_takes_zeros_last_and_at_random():
    utilities = np.array([0.0, 1.0, 0.0, 1e-300, 0.0])
    strategy = Power(given_utilities(utilities))
    n_seeds = 1500
    counts = dict.fromkeys(itertools.permutations([0, 2, 4], 2), 0)
    for seed in range(n_seeds):
        chosen = strategy.select(None, X[:5], n_queries=4, random_state=seed).tolist()
        assert chosen[:2] == [1, 3]
        counts[tuple(chosen[2:])] += 1
    assert chisquare(list(counts.values())).pvalue > 1e-4


def test_large_beta_is_the_inner_strategy():
    expected = Margin().select(MODEL, X, y, n_queries=10)
    for kind, beta in [(Power, 1e6), (Softmax, 1e6), (Softrank, 1e4)]:
        chosen = kind(beta=beta).select(MODEL, X, y, n_queries=10, random_state=3)
        assert_array_equal(chosen, expected)


@given(
    log_weights=st.lists(
        st.one_of(st.floats(-1e6, 1e6), st.just(-np.inf)), min_size=0, max_size=30
    ),
    seed=st.integers(0, 9),
)
def test_keys(log_weights, seed):
    log_weights = np.array(log_weights, dtype=float)
    keys = gumbel_keys(log_weights, np.random.default_rng(seed))
    assert np.isfinite(keys).all()
    possible = log_weights > -np.inf
    if possible.any() and not possible.all():
        assert keys[possible].min() > keys[~possible].max()


def test_negative_utilities():
    negative = given_utilities(np.array([0.5, -0.25, 1.0]))
    with pytest.raises(ValueError, match=r"Power needs.*not negative.*gave -0\.25"):
        Power(negative).select(None, X[:3], n_queries=1)
    for kind in (Softmax, Softrank):
        assert len(kind(negative).select(None, X[:3], n_queries=2)) == 2


# What every strategy promises -------------------------------------------------------


@every_class
def test_select(kind):
    candidates = np.flatnonzero(np.isnan(y))
    chosen = kind().select(MODEL, X, y, n_queries=12, random_state=0)
    assert len(set(chosen.tolist())) == 12
    assert set(chosen.tolist()) <= set(candidates.tolist())
    again = kind().select(MODEL, X, y, n_queries=12, random_state=0)
    assert_array_equal(chosen, again)
    other = kind().select(MODEL, X, y, n_queries=12, random_state=1)
    assert chosen.tolist() != other.tolist()
    for n_queries in (45, 500):
        chosen = kind().select(MODEL, X, y, n_queries=n_queries, random_state=0)
        assert_array_equal(np.sort(chosen), candidates)
    assert len(kind().select(MODEL, X, n_queries=500)) == 60
    assert len(kind().select(MODEL, X[:1], n_queries=2)) == 1
    assert len(kind().select(MODEL, X, labels, n_queries=2)) == 0
    state = np.random.RandomState(0)
    first = kind().select(MODEL, X, y, n_queries=5, random_state=state)
    second = kind().select(MODEL, X, y, n_queries=5, random_state=state)
    assert first.tolist() != second.tolist()


@every_class
def test_utilities_are_those_of_the_inner_strategy(kind):
    strategy = kind(Entropy(normalize=True))
    expected = Entropy(normalize=True)(MODEL, X)
    assert_array_equal(strategy(MODEL, X, y), expected)
    assert strategy.pointwise
    learner = ActiveLearningClassifier(LogisticRegression(), strategy).fit(X, y)
    assert_allclose(learner.score_samples(X), expected)


@every_class
def test_identical_rows_are_not_in_one_batch(kind):
    copies = np.repeat(X[:6], 10, axis=0)
    for seed in range(20):
        chosen = kind().select(MODEL, copies, n_queries=6, random_state=seed)
        assert sorted((chosen // 10).tolist()) == [0, 1, 2, 3, 4, 5]
    assert len(kind().select(MODEL, copies, n_queries=8, random_state=0)) == 8


@every_class
def test_in_a_pipeline_and_a_budgeted_fit(kind):
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    learner = ActiveLearningClassifier(
        pipeline, kind(), budget=20, batch_size=5, random_state=0
    ).fit(X, labels)
    assert learner.n_labels_ == 20
    twin = clone(learner).fit(X, labels)
    assert_array_equal(twin.labeled_indices_, learner.labeled_indices_)


@every_class
def test_members_are_fitted_for_the_inner_strategy(kind):
    learner = ActiveLearningClassifier(
        LogisticRegression(), kind(InformationGain()), n_members=3, random_state=0
    ).fit(X, y)
    assert learner.members_.n_members == 3
    assert len(learner.query(X, y, 4)) == 4


# Around another strategy ------------------------------------------------------------


@pytest.mark.parametrize("kind", [Power, Softmax, Softrank, Diverse])
def test_wrapper(kind):
    assert repr(kind()) == f"{kind.__name__}()"
    strategy = kind(Entropy())
    assert repr(strategy) == f"{kind.__name__}(strategy=Entropy())"
    strategy.set_params(strategy__normalize=True)
    assert strategy.get_params()["strategy__normalize"]
    assert clone(strategy).strategy.normalize
    assert strategy.leaves() == [strategy.strategy]
    assert [type(leaf) for leaf in kind().leaves()] == [Uncertainty]
    combined = kind(Entropy() + 0.5 * Margin())
    assert len(combined.leaves()) == 3
    before = str(vars(combined))
    combined.select(MODEL, X, y, n_queries=3, random_state=0)
    assert str(vars(combined)) == before
    assert kind().informed
    assert not kind(Random()).informed


@pytest.mark.parametrize("kind", [Power, Softmax, Softrank, Diverse])
def test_clear_errors(kind):
    with pytest.raises(ValueError, match=r"Entropy needs predict_proba.*LinearSVC"):
        kind(Entropy()).select(LinearSVC(), X, y, n_queries=2)
    with pytest.raises(ValueError, match=r"InformationGain needs a committee.*SVC"):
        kind(InformationGain()).select(SVC(), X, y, n_queries=2)
    name = kind.__name__
    with pytest.raises(ValueError, match=f"{name} needs a strategy.*InformationDens"):
        kind(InformationDensity()).select(MODEL, X, y, n_queries=2)
    with pytest.raises(ValueError, match=f"{name} needs a strategy.*Diverse"):
        kind(Diverse()).select(MODEL, X, y, n_queries=2)
    with pytest.raises(ValueError, match=f"{name} needs a strategy.*KCenter"):
        kind("k_center").select(MODEL, X, y, n_queries=2)
    with pytest.raises(ValueError, match=r"Unknown strategy 'entrpy'.*'entropy'"):
        kind("entrpy").select(MODEL, X, y, n_queries=2)
    for wrong in (3, Entropy):
        learner = ActiveLearningClassifier(LogisticRegression(), kind(wrong))
        with pytest.raises(ValueError, match=rf"{name} must be a name.*or None"):
            learner.fit(X, y)
        with pytest.raises(ValueError, match="strategy"):
            kind(wrong).select(MODEL, X, y, n_queries=2)


AROUND = [Power, Softmax, Softrank, RankedBatch, Diverse, UncertaintyHerding]


@pytest.mark.parametrize("kind", AROUND)
def test_a_name_is_as_good_as_an_object(kind):
    by_name, by_object = kind("entropy"), kind(Entropy())
    assert repr(by_name) == f"{kind.__name__}(strategy='entropy')"
    assert clone(by_name).strategy == "entropy"
    assert [repr(leaf) for leaf in by_name.leaves()] == ["Entropy()"]
    assert_array_equal(
        by_name.select(MODEL, X, y, n_queries=9, random_state=0),
        by_object.select(MODEL, X, y, n_queries=9, random_state=0),
    )
    with pytest.raises(ValueError, match=r"InformationGain needs a committee.*SVC"):
        kind("information_gain").select(SVC(), X, y, n_queries=2)
    with pytest.raises(ValueError, match=f"{kind.__name__} needs a strategy.*Badge"):
        kind("badge").leaves()


@pytest.mark.parametrize("kind", AROUND)
def test_a_search_over_names(kind):
    search = GridSearchCV(
        ActiveLearningClassifier(
            LogisticRegression(), kind(), budget=12, batch_size=4, random_state=0
        ),
        {"strategy__strategy": ["margin", "entropy", None]},
        cv=2,
    ).fit(X, labels)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("kind", AROUND)
def test_a_function_inside_sees_the_labels(kind):
    seen = []

    def remember(estimator, X, y):
        seen.append(y)
        return np.arange(1.0, len(X) + 1)

    kind(remember).select(MODEL, X, y, n_queries=3, random_state=0)
    learner = ActiveLearningClassifier(LogisticRegression(), kind(remember)).fit(X, y)
    learner.query(X, y, 3)
    for found in seen:
        assert_array_equal(found, y)
    assert kind(remember).uses_labels
    assert not kind().uses_labels


@every_class
@pytest.mark.parametrize("beta", [-1.0, np.inf, "1", None])
def test_wrong_beta(kind, beta):
    with pytest.raises(ValueError, match="beta"):
        kind(beta=beta).select(MODEL, X, y, n_queries=2)


@every_class
def test_warns_where_all_are_equally_useful(kind):
    equal = given_utilities(np.ones(60))
    with pytest.warns(UserWarning, match="equally useful, so the choice is random"):
        kind(equal).select(MODEL, X, n_queries=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kind(Random()).select(None, X, n_queries=2)


def test_another_law_is_one_line():
    class Cubic(Power):
        def _log_weights(self, utilities, rng):
            return 3 * super()._log_weights(utilities, rng)

    assert isinstance(Cubic(), Strategy)
    assert len(Cubic().select(MODEL, X, y, n_queries=3)) == 3
