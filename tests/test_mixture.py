"""Mixtures against brute force: scales, weights, terms, and names that nest."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.svm import LinearSVC
from sklearn.utils._param_validation import InvalidParameterError

import skactive.strategies
from skactive import ActiveLearningClassifier, get_strategy, measures
from skactive.strategies import (
    Constant,
    Entropy,
    FunctionStrategy,
    InformationDensity,
    LeastConfidence,
    Margin,
    PointwiseStrategy,
    Power,
    Product,
    Random,
    Strategy,
    Sum,
)
from skactive.strategies._composition import Composition
from skactive.strategies._mixture import Mixture, range_shares, rank_shares
from skactive.strategies._schedule import Fade, Switch

X, labels = make_classification(
    n_samples=90, n_features=6, n_informative=4, n_classes=3, random_state=0
)
KNOWN = np.random.default_rng(0).permutation(90)[:30]
y = np.full(90, np.nan)
y[KNOWN] = labels[KNOWN]
POOL = np.setdiff1d(np.arange(90), KNOWN)
MODEL = LogisticRegression().fit(X[KNOWN], labels[KNOWN])
FOREST = RandomForestClassifier(n_estimators=5, max_depth=3, random_state=0).fit(
    X[KNOWN], labels[KNOWN]
)


def ranks_by_counting(values):
    """(number smaller + half the number of other equal ones + 1/2) / n."""
    smaller = (values[None, :] < values[:, None]).sum(axis=1)
    equal = (values[None, :] == values[:, None]).sum(axis=1)
    return (smaller + equal / 2) / len(values)


# The scale --------------------------------------------------------------------------


@given(
    arrays(
        np.float64,
        st.integers(1, 40),
        elements=st.one_of(st.integers(-3, 3).map(float), st.floats(-1e3, 1e3)),
    )
)
def test_rank_shares(values):
    values = np.round(values, 3)  # nothing that is nearly a tie
    shares = rank_shares(values)
    assert_allclose(shares, ranks_by_counting(values), rtol=1e-12)
    assert (shares > 0).all()
    assert (shares < 1).all()
    assert np.isclose(shares.mean(), 0.5)


def test_rounding_noise_is_a_tie():
    assert_array_equal(
        rank_shares([1.0, 1 + 1e-15, 1 - 1e-15, 2]), [3 / 8] * 3 + [7 / 8]
    )


@pytest.mark.parametrize(
    ("strategy", "model", "bound"),
    [
        (Margin(), MODEL, 1),
        (Margin(), LinearSVC(), 1),
        (LeastConfidence(), MODEL, 2 / 3),
        (LeastConfidence(normalize=True), MODEL, 1),
        (LeastConfidence(), LinearSVC(), 1),
        (Entropy(), MODEL, np.log(3)),
        (Entropy(normalize=True), MODEL, 1),
        (get_strategy("vote_entropy"), FOREST, np.log(3)),
        (get_strategy("consensus_entropy"), FOREST, np.log(3)),
        (get_strategy("information_gain"), FOREST, np.log(3)),
        (Entropy() + 2 * Margin(), MODEL, np.log(3) + 2),
        (0.5 * Margin() * Entropy(), MODEL, np.log(3) / 2),
        (Mixture([Margin(), Entropy()], weights=[5, 1]), MODEL, 1),
    ],
)
def test_bounds(strategy, model, bound):
    if not hasattr(model, "classes_"):
        model = model.fit(X[KNOWN], labels[KNOWN])
    utilities = strategy(model, X)
    assert utilities.min() >= 0
    assert utilities.max() <= bound
    width = utilities.max() - utilities.min()
    expected = (utilities - utilities.min()) / width
    mixture = Mixture([strategy], normalize="range")
    assert_allclose(mixture(model, X), expected, atol=1e-12)
    assert not mixture.pointwise


def test_bounds_are_reached():
    class Undecided:
        classes_ = np.arange(4)

        def predict_proba(self, X):
            return np.full((len(X), 4), 0.25)

    for strategy, bound in [
        (Margin(), 1),
        (LeastConfidence(), 0.75),
        (Entropy(), np.log(4)),
    ]:
        assert_allclose(strategy(Undecided(), X), bound)


@given(
    arrays(
        np.float64,
        st.integers(1, 40),
        elements=st.one_of(st.integers(-3, 3).map(float), st.floats(-1e3, 1e3)),
    )
)
def test_range_shares(values):
    values = np.round(values, 3)
    shares = range_shares(values)
    if (values == values[0]).all():
        assert_array_equal(shares, 0)
        return
    low, high = min(values), max(values)
    assert_allclose(shares, [(value - low) / (high - low) for value in values])
    assert shares.min() == 0
    assert shares.max() == 1
    # Neither another unit nor another zero changes them.
    assert_allclose(range_shares(3 * values - 7), shares, atol=1e-9)


def test_range_of_rounding_noise_is_zero():
    assert_array_equal(range_shares([1.0, 1 + 1e-15, 1 - 1e-15]), [0, 0, 0])
    assert_array_equal(range_shares([]), [])


UNBOUNDED = [
    InformationDensity(),
    get_strategy("kl_divergence"),
    FunctionStrategy(lambda estimator, X, y: X[:, 0]),
    Margin() + InformationDensity(),
    -1 * Margin(),
]


@pytest.mark.parametrize("strategy", [*UNBOUNDED, Margin(), Entropy()])
def test_ranks_among_the_candidates(strategy):
    mixture = Mixture([strategy])
    assert not mixture.pointwise
    expected = ranks_by_counting(np.round(strategy(FOREST, X, y)[POOL], 12))
    found = mixture.utilities(FOREST, X, y, POOL)
    assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("strategy", [*UNBOUNDED, Margin(), Entropy()])
def test_range_among_the_candidates(strategy):
    mixture = Mixture([strategy], normalize="range")
    utilities = strategy(FOREST, X, y)[POOL]
    low, high = min(utilities), max(utilities)
    expected = [(utility - low) / (high - low) for utility in utilities]
    found = mixture.utilities(FOREST, X, y, POOL)
    assert_allclose(found, expected, rtol=1e-12)


def test_ranks_of_all():
    mixture = Mixture(["margin", "entropy"])
    expected = [
        ranks_by_counting(get_strategy(name)(MODEL, X)) for name in mixture.strategies
    ]
    assert_allclose(mixture(MODEL, X), np.mean(expected, axis=0))
    assert_array_equal(
        mixture(MODEL, X), mixture.set_params(normalize="rank")(MODEL, X)
    )


# Sums and products ------------------------------------------------------------------


def range_by_hand(values):
    return (values - min(values)) / (max(values) - min(values))


SCALES = {"rank": ranks_by_counting, "range": range_by_hand}


@pytest.mark.parametrize("weights", [None, [1, 1], [3, 1], [0, 2], (0.25, 0.75)])
@pytest.mark.parametrize("combine", ["sum", "product"])
@pytest.mark.parametrize("normalize", ["rank", "range"])
def test_mixture_by_hand(weights, combine, normalize):
    mixture = Mixture(
        ["margin", "information_density"],
        weights=weights,
        combine=combine,
        normalize=normalize,
    )
    scale = SCALES[normalize]
    margins = scale(measures.margin(MODEL.predict_proba(X))[POOL])
    densities = scale(InformationDensity()(MODEL, X)[POOL])
    a, b = (1, 1) if weights is None else weights
    if combine == "sum":
        expected = (a * margins + b * densities) / (a + b)
    else:
        expected = margins**a * densities**b
    found = mixture.utilities(MODEL, X, y, POOL)
    assert_allclose(found, expected, rtol=1e-12)
    chosen = mixture.select(MODEL, X, y, n_queries=7, random_state=0)
    assert_array_equal(chosen, POOL[np.argsort(-expected)[:7]])


def test_a_term_without_weight_is_not_computed():
    def broken(estimator, X, y):
        raise AssertionError("asked for nothing")

    mixture = Mixture([Margin(), broken], weights=[1, 0])
    assert_allclose(mixture(MODEL, X), ranks_by_counting(Margin()(MODEL, X)))
    with pytest.raises(AssertionError, match="asked for"):
        mixture.set_params(weights=[1, 0.1])(MODEL, X)


MIXTURES = [
    Mixture(["margin", "information_density"]),
    Mixture(["entropy", "information_density"], weights=[1, 2], combine="product"),
    Mixture(["margin", Mixture(["entropy", "least_confidence"], combine="product")]),
    Fade(["information_density", "margin"], n_labels=60),
    Fade(["information_density", "entropy"], n_labels=20, decay="exponential"),
    Switch(["typiclust", "margin"], at=10),
    Switch(["information_density", "margin"], at=[40]),
    Entropy() + 0.5 * Margin() + InformationDensity(),
    Margin() * (Entropy() + InformationDensity()),
    Margin(),
]
every_mixture = pytest.mark.parametrize(
    "strategy", MIXTURES, ids=lambda s: repr(s)[:50]
)


@every_mixture
def test_terms_make_the_utilities(strategy):
    terms = strategy.terms(MODEL, X, y, POOL)
    values = np.array([value for _, value in terms.named])
    assert values.shape == (len(terms.named), len(POOL))
    whole = values.sum(axis=0) if terms.operation == "sum" else values.prod(axis=0)
    assert_array_equal(whole, terms.total())
    assert_allclose(whole, strategy.utilities(MODEL, X, y, POOL), rtol=1e-12)


def test_names_of_terms():
    def names(strategy):
        return [name for name, _ in strategy.terms(MODEL, X, y, POOL).named]

    assert names(Margin()) == ["Margin()"]
    strategy = Entropy() + 0.5 * (Margin() + InformationDensity()) + Margin()
    assert names(strategy) == [
        "Entropy()",
        "0.5 * (Margin() + InformationDensity())",
        "Margin()",
    ]
    assert names(2 * Margin() * Entropy()) == ["2", "Margin()", "Entropy()"]
    assert names(Mixture(["margin", ("mine", Entropy())])) == ["margin", "mine"]
    assert names(Switch(["typiclust", "margin"], at=30)) == ["Margin()"]
    assert names(Switch(["typiclust", Margin() + Entropy()], at=30)) == [
        "Margin()",
        "Entropy()",
    ]
    assert Switch(["margin", "typiclust"], at=30).terms(MODEL, X, y, POOL) is None
    assert names(Power("entropy")) == ["Entropy()"]
    assert names(Fade(["information_density", "margin"], n_labels=30)) == ["margin"]


@pytest.mark.parametrize(
    "strategy",
    [mixture for mixture in MIXTURES if "typiclust" not in repr(mixture)],
    ids=lambda s: repr(s)[:50],
)
def test_permutations_change_nothing(strategy):
    order = np.random.default_rng(1).permutation(90)
    one = strategy.select(MODEL, X, y, n_queries=8, random_state=0)
    other = strategy.select(MODEL, X[order], y[order], n_queries=8, random_state=0)
    assert_array_equal(order[other], one)


@every_mixture
def test_select(strategy):
    before = pickle.dumps(strategy)
    one = strategy.select(MODEL, X, y, n_queries=8, random_state=3)
    assert_array_equal(strategy.select(MODEL, X, y, n_queries=8, random_state=3), one)
    assert len(set(one.tolist())) == 8
    assert set(one.tolist()) <= set(POOL.tolist())
    assert pickle.dumps(strategy) == before, "no state is kept"
    every = strategy.select(MODEL, X, y, n_queries=999, random_state=3)
    assert_array_equal(np.sort(every), POOL)
    assert len(strategy.select(MODEL, X, labels, n_queries=3)) == 0


# Schedules --------------------------------------------------------------------------


def first_n(n):
    return np.where(np.arange(90) < n, labels, np.nan)


@pytest.mark.parametrize("decay", ["linear", "exponential"])
@pytest.mark.parametrize("normalize", ["rank", "range"])
@pytest.mark.parametrize("n", [0, 1, 20, 39, 40, 41, 80])
def test_fade_by_hand(decay, normalize, n):
    partly = first_n(n)
    pool = np.arange(n, 90)
    weight = max(0, (40 - n) / 40) if decay == "linear" else np.exp2(-n / 40)
    scale = SCALES[normalize]
    densities = scale(InformationDensity()(MODEL, X)[pool])
    margins = scale(Margin()(MODEL, X)[pool])
    strategy = Fade(["information_density", "margin"], n_labels=40, decay=decay)
    strategy.set_params(normalize=normalize)
    found = strategy.utilities(MODEL, X, partly, pool)
    assert_allclose(found, weight * densities + (1 - weight) * margins, rtol=1e-12)
    if n == 0:
        assert_array_equal(found, strategy.utilities(MODEL, X, None, pool))


def test_switch_by_the_number_of_labels():
    parts = ["typiclust", "random", "margin"]
    strategy = Switch(parts, at=[10, 30])
    for n, name in [(0, 0), (9, 0), (10, 1), (29, 1), (30, 2), (80, 2)]:
        partly = first_n(n)
        assert strategy.turn(X, partly)[0] == parts[name]
        expected = get_strategy(parts[name]).select(
            MODEL, X, partly, n_queries=5, random_state=7
        )
        found = strategy.select(MODEL, X, partly, n_queries=5, random_state=7)
        assert_array_equal(found, expected)
    assert strategy.turn(X)[0] == "typiclust"


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (Switch(["margin", "entropy"], at=[1, 2]), "at of Switch.*1 entries; got 2"),
        (Switch(["margin", "entropy", "random"], at=3), "must have 2 entries; got 1"),
        (Switch(["margin", "entropy", "random"], at=[9, 3]), "ascending order.*9, 3"),
        (Switch(["margin", "entropy"], at=[2.5]), "numbers of labels"),
        (Switch(["margin", "entropy"], at=[-2]), "numbers of labels"),
        (Switch(["margin", "entropy"], at=-2), "'at' parameter"),
        (Fade(["margin"]), "strategies of Fade.*2 entries; got 1"),
        (Fade(["margin", "entropy", "random"]), "2 entries; got 3"),
        (Fade(["margin", "entropy"], n_labels=0), "'n_labels' parameter"),
        (Fade(["margin", "entropy"], decay="slow"), "'decay' parameter"),
        (Fade(["typiclust", "margin"]), r"TypiClust\(\) chooses a batch.*Switch"),
        (Mixture([]), "at least one strategy"),
        (Mixture("margin"), "'strategies' parameter|at least one"),
        (Mixture(["margn"]), "Did you mean 'margin'"),
        (Mixture(["margin", "typiclust"]), r"TypiClust\(\) chooses a batch.*Switch"),
        (Mixture([Power(Margin())]), "chooses a batch in its own way"),
        (Margin() + get_strategy("typiclust"), "Sum combines.*Switch takes"),
        (2 * get_strategy("badge"), "Product combines.*Badge"),
        (Mixture(["margin", "entropy"], weights=[1]), "2 entries; got 1"),
        (
            Mixture(["margin", "entropy"], weights=[1, -1]),
            r"not negative; got \[1.0, -",
        ),
        (Mixture(["margin", "entropy"], weights=[1, np.nan]), "must be finite"),
        (Mixture(["margin", "entropy"], weights=[0, 0]), "At least one"),
        (Mixture(["margin"], combine="max"), "'combine' parameter"),
        (
            Mixture(["margin"], normalize="auto"),
            "'normalize' parameter of Mixture must be a str among .*'ran.*Got 'auto'",
        ),
        (
            Fade(["margin", "entropy"], normalize="auto"),
            "'normalize' parameter of Fade must be a str among .*'ran.*Got 'auto'",
        ),
        (Mixture([("a", "margin"), ("a", "entropy")]), "'a' .* more than once"),
        (Mixture([("a__b", "margin")]), "holds '__'"),
        (Mixture([("weights", "margin")]), "an argument of Mixture"),
    ],
)
def test_errors(strategy, message):
    with pytest.raises(ValueError, match=message):  # InvalidParameterError is one
        strategy.select(MODEL, X, y, n_queries=3, random_state=0)
    learner = ActiveLearningClassifier(MODEL, strategy, budget=20, random_state=0)
    assert hasattr(learner, "score_samples") in (True, False)  # and no other error
    with pytest.raises(ValueError, match=message):
        learner.fit(X, labels)


def test_no_strategy():
    with pytest.raises(TypeError, match="got 3"):
        Mixture(["margin", 3])(MODEL, X)
    with pytest.raises(InvalidParameterError):
        Fade("margin", 3).terms(MODEL, X, y, POOL)


def test_needs_of_any_part():
    svc = LinearSVC().fit(X, labels)
    with pytest.raises(ValueError, match="Entropy needs predict_proba"):
        Mixture(["margin", "entropy"]).select(svc, X, n_queries=1)
    with pytest.raises(ValueError, match="Entropy needs predict_proba"):
        Switch(["margin", "entropy"], at=50).select(svc, X, n_queries=1)


# Parameters -------------------------------------------------------------------------


def test_parameters_nest():
    mixture = Mixture(["margin", Entropy(), ("far", InformationDensity(beta=2))])
    params = mixture.get_params()
    assert params["margin"] == "margin"
    assert params["entropy__normalize"] is False
    assert params["far__beta"] == 2
    assert set(mixture.get_params(deep=False)) == {
        "strategies",
        "weights",
        "combine",
        "normalize",
    }
    changed = clone(mixture).set_params(
        far__beta=3, entropy__normalize=True, margin="random", weights=[1, 2, 3]
    )
    assert changed.strategies[2][1].beta == 3
    assert changed.strategies[1].normalize
    assert changed.strategies[0] == ("margin", "random")
    assert mixture.strategies[0] == "margin"
    assert mixture.strategies[2][1].beta == 2, "a clone has parts of its own"
    both = clone(mixture).set_params(entropy=Entropy(), entropy__normalize=True)
    assert both.get_params()["entropy"].normalize
    again = clone(mixture).set_params(strategies=["random"], random="margin")
    assert again.strategies == [("random", "margin")]
    with pytest.raises(ValueError, match="Invalid parameter 'bogus'"):
        mixture.set_params(bogus=1)
    with pytest.raises(ValueError, match="Invalid parameter"):
        mixture.set_params(far__bogus=1)


def test_default_names():
    def mine(estimator, X, y):
        return X[:, 0]

    parts = Mixture([Margin(), "margin", Entropy(), mine, ("x", "margin")]).parts()
    assert [name for name, _ in parts] == [
        "margin-1",
        "margin-2",
        "entropy",
        "mine",
        "x",
    ]
    assert all(isinstance(part, Strategy) for _, part in parts)


@every_mixture
def test_clone_pickle_repr(strategy):
    names = vars(skactive.strategies) | {
        "Mixture": Mixture,
        "Fade": Fade,
        "Switch": Switch,
    }
    expected = strategy.select(MODEL, X, y, n_queries=9, random_state=0)
    for copy in (
        clone(strategy),
        pickle.loads(pickle.dumps(strategy)),
        eval(repr(strategy), names),
    ):
        assert repr(copy) == repr(strategy)
        chosen = copy.select(MODEL, X, y, n_queries=9, random_state=0)
        assert_array_equal(chosen, expected)
    assert strategy._repr_html_()


@pytest.mark.parametrize("kind", [Mixture, Fade])
@pytest.mark.parametrize("second", ["entropy", "information_density"])
def test_no_score_samples_as_the_scale_is_that_of_the_candidates(kind, second):
    learner = ActiveLearningClassifier(LogisticRegression(), random_state=0)
    learner.set_params(strategy=kind(["margin", second])).fit(X, y)
    assert not hasattr(learner, "score_samples")


def test_members_reach_the_parts_that_need_them():
    learner = ActiveLearningClassifier(
        LogisticRegression(), members="bootstrap", n_members=3, random_state=0
    )
    learner.set_params(strategy=Mixture(["margin", "information_gain"])).fit(X, y)
    assert len(learner.members_) == 3
    pool = X[1:]
    gain = ranks_by_counting(get_strategy("information_gain")(learner.members_, pool))
    margins = ranks_by_counting(Margin()(learner.estimator_, pool))
    best = np.argsort(-(gain + margins), kind="stable")[:4]
    assert_array_equal(np.sort(learner.query(pool, n_queries=4)), np.sort(best))


# In a search ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "grid"),
    [
        (
            Mixture([("margin", Margin()), ("density", InformationDensity())]),
            {
                "strategy__weights": [[1, 0], [0, 1]],
                "strategy__combine": ["sum", "product"],
                "strategy__density__n_neighbors": [None, 3],
            },
        ),
        (Switch(["random", "margin"]), {"strategy__at": [6, [1000]]}),
        (
            Fade(["information_density", "margin"]),
            {"strategy__n_labels": [1, 1000], "strategy__decay": ["linear"]},
        ),
        (Mixture(["margin"]), {"strategy__margin": ["entropy", InformationDensity()]}),
        (
            "margin",
            {"strategy": ["random", Mixture(["margin", "information_density"])]},
        ),
    ],
)
def test_grid_search(strategy, grid):
    learner = ActiveLearningClassifier(
        LogisticRegression(), strategy, budget=18, batch_size=6, random_state=0
    )
    search = GridSearchCV(learner, grid, cv=2, error_score="raise").fit(X, labels)
    results = search.cv_results_
    assert len(results["params"]) == np.prod([len(values) for values in grid.values()])
    # The parameters reach the strategy: other rows are bought.
    bought = {
        tuple(clone(learner).set_params(**params).fit(X, labels).labeled_indices_)
        for params in results["params"]
    }
    assert len(bought) > 1
    again = clone(learner).set_params(**search.best_params_).fit(X, labels)
    assert_array_equal(again.labeled_indices_, search.best_estimator_.labeled_indices_)


def test_the_schedule_follows_the_campaign():
    asked = []

    class Spy(PointwiseStrategy):
        informed = False

        def __init__(self, name="a"):
            self.name = name

        def score_rows(self, estimator, X):
            asked.append(self.name)
            return np.zeros(len(X))

    strategy = Switch([Spy("a"), Spy("b"), Spy("c")], at=[12, 24])
    learner = ActiveLearningClassifier(
        LogisticRegression(), strategy, budget=36, batch_size=6, random_state=0
    )
    learner.fit(X, labels)
    assert asked == ["a", "b", "b", "c", "c"]  # at 6, 12, 18, 24 and 30 labels


def test_kinds():
    assert isinstance(Mixture(["margin"]), Composition)
    assert isinstance(Margin() + Mixture(["margin"]), Sum)
    assert isinstance(2 * Mixture(["margin"]), Product)
    assert Mixture([Random(), Constant()]).informed is False
