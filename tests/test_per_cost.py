"""Utility per cost: the ratio, in any cut of the pool, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.utils._param_validation import InvalidParameterError

from skactive import ActiveLearningClassifier, get_strategy
from skactive.strategies import Entropy, Judged, Margin, Mixture, Strategy, Switch
from skactive.strategies._per_cost import PerCost

X, full = make_classification(n_samples=120, n_informative=4, random_state=0)
COSTS = np.random.default_rng(0).uniform(0.2, 5, size=120)
MODEL = GaussianNB().fit(X, full)


def partly(n_labeled=20):
    return np.where(np.arange(120) < n_labeled, full, np.nan)


def cost_of(rows):
    """A cost that can be seen in a row."""
    return 1 + np.abs(rows[:, 0])


def make(strategy, **params):
    params = {"batch_size": 6, "initial_strategy": "random", "random_state": 0} | params
    return ActiveLearningClassifier(GaussianNB(), strategy, **params)


@pytest.mark.parametrize("name", ["margin", "entropy", "least_confidence"])
@pytest.mark.parametrize("cost", [COSTS, COSTS.tolist(), cost_of, 2, np.float64(0.5)])
def test_ratio(name, cost):
    costs = cost(X) if callable(cost) else cost
    expected = get_strategy(name)(MODEL, X) / costs
    assert_allclose(PerCost(name, cost)(MODEL, X), expected, rtol=1e-12)
    rows = PerCost(name, cost).select(MODEL, X, partly(), n_queries=9, random_state=0)
    assert_array_equal(rows, 20 + np.argsort(-expected[20:])[:9])


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_permutation(data):
    order = np.array(data.draw(st.permutations(range(30))))
    costs = np.array(
        data.draw(st.lists(st.floats(1e-3, 1e3), min_size=30, max_size=30))
    )
    utilities = PerCost("margin", costs)(MODEL, X[:30])
    moved = PerCost("margin", costs[order])(MODEL, X[:30][order])
    assert_allclose(moved, utilities[order], rtol=1e-12)


def test_inner_strategies():
    density = get_strategy("information_density") * get_strategy("margin")
    for inner in ("information_density", density, lambda m, X, y: np.arange(len(X))):
        strategy = PerCost(inner, COSTS)
        expected = get_strategy(inner)(MODEL, X, partly()) / COSTS
        assert_allclose(strategy(MODEL, X, partly()), expected, rtol=1e-12)
        assert not strategy.pointwise
    assert PerCost("entropy", cost_of).pointwise
    assert not PerCost("information_density", cost_of).pointwise
    assert PerCost(None, cost_of).pointwise
    # Inside a sum it is a term like any other.
    total = PerCost("margin", cost_of) + get_strategy("entropy")
    expected = PerCost("margin", cost_of)(MODEL, X) + get_strategy("entropy")(MODEL, X)
    assert_allclose(total(MODEL, X), expected)


def test_members_reach_the_inner_strategy():
    learner = make(PerCost("information_gain", cost_of), n_members=4)
    learner.fit(X, partly())
    plain = make("information_gain", n_members=4).fit(X, partly())
    expected = plain.score_samples(X) / cost_of(X)
    assert_allclose(learner.score_samples(X), expected, rtol=1e-12)


@pytest.mark.parametrize(
    "params",
    [{}, {"max_candidates": 30}, {"audit_fraction": 0.2}],
    ids=["all", "max_candidates", "audit"],
)
@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: Switch([s, "margin"], at=999)])
def test_costs_belong_to_positions_however_the_pool_is_cut(params, wrap):
    by_row = dict(zip(map(bytes, X), COSTS, strict=True))

    def look_up(rows):
        return np.array([by_row[bytes(row)] for row in rows])

    array = make(wrap(PerCost("margin", COSTS)), **params).fit(X, partly())
    function = make(wrap(PerCost("margin", look_up)), **params).fit(X, partly())
    skip = np.arange(100, 120)
    for skipped in ((), skip):
        rows = array.query(X, partly(), skip=skipped)
        assert_array_equal(rows, function.query(X, partly(), skip=skipped))
        assert not set(rows) & set(skipped)
    # A campaign on the part of the rows that the oracle knows.
    gaps = np.where(np.arange(120) % 3, full, np.nan)
    learners = [
        make(wrap(PerCost("margin", cost)), budget=40, n_initial=20, **params).fit(
            X, gaps
        )
        for cost in (COSTS, look_up)
    ]
    assert_array_equal(*(learner.labeled_indices_ for learner in learners))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: s + get_strategy("entropy"),
        lambda s: 2 * s,
        lambda s: Mixture(["entropy", s]),
        lambda s: Mixture([("entropy", Entropy()), ("paid", s * Margin())]),
        lambda s: PerCost(s, 2.0),
    ],
)
def test_costs_inside_other_strategies_follow_a_cut_of_the_pool(wrap):
    rows = np.flatnonzero(np.random.default_rng(0).random(120) < 0.4)
    whole = wrap(PerCost("margin", COSTS))
    by_hand = wrap(PerCost("margin", COSTS[rows]))
    shown = whole.for_rows(rows)
    assert_array_equal(shown(MODEL, X[rows]), by_hand(MODEL, X[rows]))
    assert len(whole(MODEL, X)) == 120, "the whole one stays as it is"
    learner = make(whole, max_candidates=30).fit(X, partly())
    assert len(learner.query(X, partly())) == 6


def test_strategies_without_costs_stay_themselves():
    for strategy in (
        get_strategy("margin"),
        Mixture(["entropy", PerCost("margin", cost_of)]),
        PerCost("margin", 2.0) + get_strategy("entropy"),
        Judged("margin", MODEL),
    ):
        assert strategy.for_rows([3, 5]) is strategy


@pytest.mark.parametrize("max_candidates", [None, 30])
def test_explained(max_candidates):
    learner = make(PerCost("margin", COSTS), max_candidates=max_candidates)
    learner.fit(X, partly())
    rows = learner.query(X, partly())
    utilities = get_strategy("margin")(learner.estimator_, X)
    for row, record in zip(rows, learner.explain_query(X, rows, partly()), strict=True):
        assert_allclose(record["utility"], utilities[row] / COSTS[row])
        assert list(record["terms"]) == ["Margin()", "1 / cost"]
        assert_allclose(
            list(record["terms"].values()), [utilities[row], 1 / COSTS[row]]
        )
        assert record["shares"] is None


def test_explained_inside_a_judge():
    y = partly()
    learner = make(Judged(PerCost("margin", COSTS), GaussianNB()), max_candidates=15)
    rows = learner.fit(X, y).query(X, y, n_queries=4)
    for record in learner.explain_query(X, rows, y):
        assert record["terms"]["1 / cost"] == 1 / COSTS[record["row"]]


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: Switch(["margin", s], at=12)])
def test_costs_of_another_pool_are_refused(wrap):
    strategy = wrap(PerCost("margin", COSTS))
    message = "cost has 120 entries, but the pool has 60 rows"
    search = GridSearchCV(
        make(strategy, budget=30), {"batch_size": [6]}, cv=2, error_score="raise"
    )
    with pytest.raises(ValueError, match=message):
        search.fit(X, full)
    learner = make(strategy, max_candidates=20).fit(X, partly())
    with pytest.raises(ValueError, match=message):
        learner.query(X[:60], partly()[:60])
    some = np.where(np.arange(120) % 2, full, np.nan)
    assert make(strategy, budget=30).fit(X, some).n_labels_ == 30


def test_texts_by_length():
    texts = ["spam", "spam and eggs and spam and eggs", "ham", "ham or not ham"] * 3
    model = make_pipeline(CountVectorizer(), LogisticRegression())
    learner = ActiveLearningClassifier(
        model, PerCost("margin", lambda rows: [len(text) for text in rows])
    )
    learner.fit(texts, ["s", None, "h", None] + [None] * 8)
    expected = get_strategy("margin")(learner.estimator_, texts)
    expected /= [len(text) for text in texts]
    assert_allclose(learner.score_samples(texts), expected)


def test_parameters_and_search():
    strategy = PerCost(get_strategy("entropy"), COSTS)
    copy = clone(strategy)
    assert_array_equal(copy.cost, COSTS)
    assert copy.set_params(strategy__normalize=True).strategy.normalize
    search = GridSearchCV(
        make(PerCost(cost=cost_of), budget=20),
        {"strategy__strategy": ["margin", "random"]},
        cv=2,
    )
    search.set_params(estimator__n_initial=15).fit(X, full)
    assert search.best_params_["strategy__strategy"] in ("margin", "random")


def test_equal_costs_change_nothing():
    for name in ("margin", "random", "information_density"):
        plain = make(name).fit(X, partly())
        paid = make(PerCost(name, 3.0)).fit(X, partly())
        assert_array_equal(paid.query(X, partly()), plain.query(X, partly()))


# Errors -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cost", "message"),
    [
        (np.r_[0.0, COSTS[1:]], r"positive and finite.*got 0, and 1 such"),
        (-COSTS, "positive and finite"),
        (np.r_[np.inf, COSTS[1:]], "positive and finite.*got inf"),
        (lambda rows: np.full(len(rows), np.nan), "positive and finite.*got nan"),
        (lambda rows: 1.0, r"shape \(\) .* for 120 rows"),
        (lambda rows: ["1"] * len(rows), "one number per row"),
        (COSTS[:10], r"cost has the shape \(10,\), but X has 120 rows"),
    ],
)
def test_bad_costs(cost, message):
    with pytest.raises(ValueError, match=message):
        PerCost("margin", cost)(MODEL, X)


def test_bad_parameters():
    with pytest.raises(InvalidParameterError, match="cost"):
        PerCost("margin", 0)(MODEL, X)
    with pytest.raises(InvalidParameterError, match="cost"):
        PerCost("margin", "dear")(MODEL, X)
    with pytest.raises(ValueError, match="cost has 90 entries, but the pool has"):
        make(PerCost("margin", COSTS[:90]), max_candidates=50).fit(X, partly()).query(
            X, partly()
        )
    with pytest.raises(ValueError, match=r"strategy.* of PerCost must be"):
        PerCost(3)(MODEL, X)


@pytest.mark.parametrize("inner", ["badge", "k_center", "power"])
def test_batches_are_refused(inner):
    with pytest.raises(ValueError, match="PerCost combines utilities of single rows"):
        make(PerCost(inner, COSTS)).fit(X, partly())


def test_negative_utilities_are_refused():
    class Negative(Strategy):
        def score_candidates(self, estimator, X, y, candidates):
            return -np.arange(float(len(X)))[candidates]

    with pytest.raises(ValueError, match=r"not negative.*Negative\(\) gave -119"):
        PerCost(Negative(), COSTS)(MODEL, X)
