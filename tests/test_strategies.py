"""What every strategy promises, over the registry; then families one by one."""

import pickle
import re
import warnings

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.utils._param_validation import InvalidParameterError

from skactive import get_strategy, get_strategy_names, make_strategy, measures
from skactive._models.members import member_proba
from skactive._models.wrappers import Fitted
from skactive.strategies import (
    Constant,
    Entropy,
    FunctionStrategy,
    KLDivergence,
    LeastConfidence,
    Margin,
    MeasureStrategy,
    PointwiseStrategy,
    Product,
    Random,
    Strategy,
    Sum,
    _lookup,
)
from skactive.strategies._selection import take_best

X, labels = make_classification(
    n_samples=200, n_features=6, n_informative=4, n_classes=3, random_state=0
)
y = np.where(np.arange(200) < 60, labels, np.nan)
FOREST = RandomForestClassifier(n_estimators=7, max_depth=3, random_state=0).fit(
    X[:60], labels[:60]
)
POOL = np.arange(60, 200)
EXTRA = [
    Entropy(normalize=True),
    KLDivergence(reduction="mean"),
    Entropy() + 0.5 * Margin(),
    LeastConfidence() * Margin(),
    FunctionStrategy(lambda estimator, X, y: X[:, 0]),
    make_strategy(lambda proba, power: (proba**power).sum(axis=1), power=2),
    make_strategy(measures.information_gain, response="members"),
]
POINTWISE = [
    "consensus_entropy",
    "entropy",
    "information_gain",
    "kl_divergence",
    "least_confidence",
    "margin",
    "random",
    "vote_entropy",
]
BATCH = [
    "auto",
    "badge",
    "bait",
    "batch_bald",
    "clue",
    "cold_start",
    "diverse",
    "epig",
    "facility_location",
    "falcun",
    "information_density",
    "k_center",
    "k_means",
    "lcmd",
    "max_herding",
    "power",
    "prob_cover",
    "ranked_batch",
    "softmax",
    "softrank",
    "typiclust",
    "typiclust_to_margin",
    "uncertainty_herding",
    "variance_reduction",
]
FOR_NUMBERS = ["greedy_sampling", "integrated_variance", "std"]
# They need a last layer that is known, or labels.
OTHERS = [
    "class_balance",
    "disagreement",
    "epistemic",
    "expected_error",
    "expected_model_change",
    "predicted_loss",
    "value_of_information",
]
# Seven members are soon told all that they can be told.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*can be told:UserWarning"),
    # Few labels: nothing is learnt of losses.
    pytest.mark.filterwarnings("ignore:.*falls back on:UserWarning"),
]
ALL = [get_strategy(name) for name in POINTWISE] + EXTRA
# Without addresses, which differ from process to process.
every_strategy = pytest.mark.parametrize(
    "strategy", ALL, ids=lambda s: re.sub(" at 0x\\w+", "", repr(s))[:50]
)


def fit_for(name, X, labels):
    """A small model that gives what a strategy needs."""
    needs = {need for leaf in get_strategy(name).leaves() for need in leaf.needs}
    model = LogisticRegression()
    if "members" in needs:
        model = RandomForestClassifier(n_estimators=7, max_depth=3, random_state=0)
    return model.fit(X, labels)


def one_hot_forest():
    """A model that is certain of everything."""

    class Certain:
        classes_ = np.array([0, 1])

        def predict_proba(self, X):
            return np.eye(2)[(np.asarray(X)[:, 0] > 0).astype(int)]

    return [Certain(), Certain()]


# The contract -----------------------------------------------------------------------


def test_names():
    for_classes = sorted(POINTWISE + BATCH + OTHERS)
    assert get_strategy_names(task="classification") == for_classes
    for_numbers = get_strategy_names(task="regression")
    assert set(for_numbers) - set(for_classes) == set(FOR_NUMBERS)
    for_label_sets = get_strategy_names(task="multilabel")
    assert set(for_label_sets) - set(for_classes) - set(for_numbers) == {
        "label_cardinality"
    }
    assert get_strategy_names() == sorted({*for_classes, *for_numbers, *for_label_sets})
    with pytest.raises(ValueError, match=r"task must be one of .*; got 'ranking'"):
        get_strategy_names(task="ranking")


@every_strategy
def test_utilities(strategy):
    utilities = strategy(FOREST, X, y)
    assert utilities.shape == (200,)
    assert utilities.dtype == np.float64
    assert np.isfinite(utilities).all()
    assert_array_equal(strategy(FOREST, X, y), utilities)
    assert_array_equal(strategy(FOREST, X), utilities)


@every_strategy
def test_select(strategy):
    chosen = strategy.select(FOREST, X, y, n_queries=12, random_state=0)
    assert chosen.shape == (12,)
    assert np.issubdtype(chosen.dtype, np.integer)
    assert len(set(chosen.tolist())) == 12
    assert set(chosen.tolist()) <= set(POOL.tolist())
    utilities = strategy(FOREST, X, y)
    # Best first, and nothing better is left out; up to what counts as a tie.
    assert (np.diff(utilities[chosen]) <= 1e-11).all()
    left = np.setdiff1d(POOL, chosen)
    assert utilities[left].max() <= utilities[chosen].min() + 1e-11


@every_strategy
def test_select_all_and_more(strategy):
    for n_queries in (140, 1000):
        chosen = strategy.select(FOREST, X, y, n_queries=n_queries, random_state=0)
        assert_array_equal(np.sort(chosen), POOL)
    assert len(strategy.select(FOREST, X, n_queries=1000)) == 200
    assert len(strategy.select(FOREST, X, labels, n_queries=3)) == 0


@every_strategy
def test_permutation_equivariance(strategy):
    order = np.random.default_rng(0).permutation(200)
    assert_allclose(
        strategy(FOREST, X[order], y[order]), strategy(FOREST, X, y)[order], atol=1e-14
    )


@every_strategy
def test_same_seed_same_answer_and_chunks_change_nothing(strategy):
    def select(seed):
        return strategy.select(FOREST, X, y, n_queries=9, random_state=seed)

    expected = select(0)
    assert_array_equal(select(0), expected)
    assert_array_equal(
        select(np.random.RandomState(3)), select(np.random.RandomState(3))
    )
    with config_context(working_memory=1e-9):
        assert_array_equal(select(0), expected)


@every_strategy
def test_nothing_is_kept_between_calls(strategy):
    before = pickle.dumps(vars(strategy)) if strategy not in EXTRA else None
    strategy.select(FOREST, X, y, n_queries=3, random_state=0)
    strategy.select(FOREST, X[:50], n_queries=3, random_state=0)
    if before is not None:
        assert pickle.dumps(vars(strategy)) == before


def test_other_names_are_known():
    for name, meant in _lookup._OTHER_NAMES.items():
        assert meant in get_strategy_names()
        with pytest.raises(ValueError, match=f"Did you mean '{meant}'"):
            get_strategy(name)
    with pytest.raises(ValueError, match="Did you mean 'k_center'"):
        get_strategy("Core-Set")


def test_terms_may_be_names():
    expected = repr(get_strategy("margin") * get_strategy("class_balance"))
    assert repr(get_strategy("margin") * "class_balance") == expected
    assert repr("entropy" + get_strategy("margin")).startswith("Sum(left=Entropy()")
    with pytest.raises(ValueError, match="Did you mean 'entropy'"):
        get_strategy("margin") + "entrpy"


@pytest.mark.parametrize("name", get_strategy_names(task="classification"))
def test_clone_pickle_repr(name):
    strategy = get_strategy(name)
    model = fit_for(name, X[:60], labels[:60])
    expected = strategy.select(model, X, y, n_queries=9, random_state=0)
    for copy in (clone(strategy), pickle.loads(pickle.dumps(strategy))):
        assert repr(copy) == repr(strategy)
        chosen = copy.select(model, X, y, n_queries=9, random_state=0)
        assert_array_equal(chosen, expected)
    import skactive.strategies

    assert repr(eval(repr(strategy), vars(skactive.strategies))) == repr(strategy)
    assert strategy._repr_html_()


@pytest.mark.parametrize("name", POINTWISE)
def test_zero_at_certainty(name):
    if name == "random":
        assert_array_equal(get_strategy(name)(None, X), 0)
    else:
        assert_allclose(get_strategy(name)(one_hot_forest(), X), 0, atol=1e-12)


@every_strategy
def test_parameters_have_a_constraint_or_are_parts(strategy):
    for name in strategy.get_params(deep=False):
        strategy.set_params(**{name: getattr(strategy, name)})


# Batches ----------------------------------------------------------------------------

every_batch = pytest.mark.parametrize("name", BATCH)
FORMS = {
    "float64": lambda X: X,
    "float32": lambda X: X.astype(np.float32),
    "fortran": np.asfortranarray,
    "csr": sp.csr_array,
    "constant column": lambda X: np.c_[X, np.ones(len(X))],
}


@pytest.mark.parametrize("form", FORMS)
@every_batch
def test_batch(name, form):
    pool = FORMS[form](X)
    model = fit_for(name, pool[:60], labels[:60])
    where = np.random.default_rng(0).permutation(200)[:60]  # labelled rows anywhere
    partly = np.full(200, np.nan)
    partly[where] = labels[where]
    strategy = get_strategy(name)
    before = joblib.hash(vars(strategy))
    for n_queries in (1, 12):
        chosen = strategy.select(
            model, pool, partly, n_queries=n_queries, random_state=3
        )
        assert chosen.shape == (n_queries,)
        assert len(set(chosen.tolist())) == n_queries
        assert not set(chosen.tolist()) & set(where.tolist())
    again = strategy.select(model, pool, partly, n_queries=12, random_state=3)
    assert_array_equal(again, chosen)
    assert joblib.hash(vars(strategy)) == before, "no state is kept"


@every_batch
def test_batch_of_all_that_is_left(name):
    strategy, model = get_strategy(name), fit_for(name, X[:60], labels[:60])
    chosen = strategy.select(model, X, y, n_queries=999, random_state=0)
    assert_array_equal(np.sort(chosen), POOL)
    assert len(strategy.select(model, X, labels, n_queries=5)) == 0
    one = np.where(np.arange(200) == 7, np.nan, labels)
    assert strategy.select(model, X, one, n_queries=5).tolist() == [7]
    assert len(strategy.select(model, X[:1], n_queries=5)) == 1
    assert len(strategy.select(model, X, n_queries=5)) == 5


@every_batch
def test_batch_has_no_copies_while_others_remain(name):
    copies = np.repeat(X[:30], 5, axis=0)
    where = np.random.default_rng(0).permutation(150)
    copies, codes = copies[where], np.repeat(labels[:30], 5)[where]
    model = fit_for(name, copies, codes)
    strategy = get_strategy(name)
    for n_queries, n_distinct in ((10, 10), (30, 30), (45, 30)):
        chosen = strategy.select(model, copies, n_queries=n_queries, random_state=0)
        assert len(set(chosen.tolist())) == n_queries
        assert len(np.unique(copies[chosen], axis=0)) == n_distinct


@every_batch
def test_batch_of_identical_rows(name):
    same = np.ones((20, 3))
    model = fit_for(name, np.vstack([same, 0 * same]), np.repeat([0, 1], 20))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chosen = get_strategy(name).select(model, same, n_queries=6, random_state=0)
    assert len(set(chosen.tolist())) == 6


# lcmd brings raw columns to one scale, and leaves those of steps alone.
@pytest.mark.parametrize("name", [name for name in BATCH if name != "lcmd"])
def test_batch_in_the_embedding_of_a_pipeline(name):
    scaler = StandardScaler().fit(X[:60])
    last = fit_for(name, scaler.transform(X[:60]), labels[:60])
    model = make_pipeline(scaler, last)
    inside = get_strategy(name).select(model, X, y, n_queries=9, random_state=0)
    scaled = model[:-1].transform(X)
    outside = get_strategy(name).select(
        model[-1], scaled, y, n_queries=9, random_state=0
    )
    assert_array_equal(inside, outside)


@pytest.mark.parametrize(
    "name",
    [name for name in BATCH if "embedding" in get_strategy(name).get_params()],
)
def test_named_embedding(name):
    strategy = get_strategy(name)
    strategy.set_params(embedding=lambda X: X[:, :2])
    first = strategy.select(FOREST, X, y, n_queries=9, random_state=0)
    strategy.set_params(embedding=FunctionTransformer(lambda X: X[:, :2]))
    second = strategy.select(FOREST, X, y, n_queries=9, random_state=0)
    assert_array_equal(first, second)


@pytest.mark.parametrize(
    "name", ["k_center", "k_means", "typiclust", "prob_cover", "max_herding"]
)
def test_rows_that_are_no_vectors(name):
    with pytest.raises(ValueError, match=r"make_pipeline\(transformer.*embedding="):
        get_strategy(name).select(FOREST, ["a", "b", "c"], n_queries=2)
    with pytest.raises(ValueError, match="NaN or infinite"):
        get_strategy(name).select(FOREST, np.full((5, 2), np.nan), n_queries=2)


# The registry -----------------------------------------------------------------------


def test_get_strategy_gives_a_copy():
    first = get_strategy("entropy").set_params(normalize=True)
    assert first is not get_strategy("entropy")
    assert get_strategy("entropy").normalize is False


def test_get_strategy_takes_strategies_and_functions():
    strategy = Margin()
    assert get_strategy(strategy) is strategy
    function = get_strategy(lambda estimator, X, y: np.arange(len(X)))
    assert isinstance(function, FunctionStrategy)
    assert function.select(None, X, n_queries=2).tolist() == [199, 198]


def test_unknown_name():
    with pytest.raises(ValueError, match=r"Did you mean 'margin'.*consensus_entropy, "):
        get_strategy("margn")
    with pytest.raises(ValueError, match=r"Unknown strategy 'xyz'\. The names are"):
        get_strategy("xyz")


@pytest.mark.parametrize("wrong", [None, 3, Margin])
def test_no_strategy(wrong):
    with pytest.raises(TypeError, match="a strategy object or a function"):
        get_strategy(wrong)


# Against the measures, and oracles --------------------------------------------------


@pytest.mark.parametrize("name", ["least_confidence", "margin", "entropy"])
def test_uncertainty_is_the_measure_of_the_probabilities(name):
    expected = getattr(measures, name)(FOREST.predict_proba(X))
    assert_array_equal(get_strategy(name)(FOREST, X), expected)


@pytest.mark.parametrize(
    "name", ["vote_entropy", "consensus_entropy", "kl_divergence", "information_gain"]
)
def test_committee_is_the_measure_of_the_members(name):
    expected = getattr(measures, name)(member_proba(FOREST, X))
    assert_array_equal(get_strategy(name)(FOREST, X), expected)


def test_uncertainty_of_a_list_is_that_of_its_mean():
    models = [GaussianNB().fit(X, labels), LogisticRegression().fit(X, labels)]
    mean = (models[0].predict_proba(X) + models[1].predict_proba(X)) / 2
    assert_allclose(Entropy()(models, X), measures.entropy(mean))


@pytest.mark.parametrize("target", [labels, labels > 0], ids=["three", "two"])
def test_decision_values(target):
    model = LinearSVC().fit(X, target)
    values = model.decision_function(X)
    gap = 2 * np.abs(values) if values.ndim == 1 else -np.diff(np.sort(values))[:, -1]
    gap = np.abs(gap)
    best = np.abs(values) if values.ndim == 1 else values.max(axis=1)
    margins, doubts = Margin()(model, X), LeastConfidence()(model, X)
    assert_array_equal(np.argsort(margins), np.argsort(-gap))
    assert_array_equal(np.argsort(doubts), np.argsort(-best))
    assert_allclose(margins, 1 / (1 + gap))
    for utilities in (margins, doubts):
        assert (utilities > 0).all()
        assert (utilities <= 1).all()


def test_decision_values_of_any_size_keep_their_order():
    class Model:
        classes_ = np.arange(3)

        def decision_function(self, X):
            return np.asarray(X)

    values = np.array([[-1e9, -2e9, -3e9], [-1.0, -2, -3], [0, 0, 0], [1e9, 0, 0]])
    assert (np.diff(LeastConfidence()(Model(), values)) < 0).all()
    assert Margin()(Model(), values)[2] == 1
    with pytest.raises(ValueError, match="NaN or infinite"):
        Margin()(Model(), np.full((2, 3), np.nan))


# Requirements -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "estimator", "parts"),
    [
        ("entropy", LinearSVC(), ["Entropy", "predict_proba", "LogisticRegression"]),
        ("margin", object(), ["Margin", "predict_proba or decision_function"]),
        ("information_gain", SVC(), ["InformationGain", "a committee", "Bagging"]),
        (Margin() + Entropy(), LinearSVC(), ["Entropy needs", "got LinearSVC()"]),
    ],
)
def test_need_not_met(strategy, estimator, parts):
    with pytest.raises(ValueError, match=" needs ") as error:
        get_strategy(strategy).select(estimator, X, n_queries=2)
    for part in [*parts, repr(estimator)[:20]]:
        assert part in str(error.value)


def test_invalid_parameters():
    with pytest.raises(InvalidParameterError, match="reduction"):
        KLDivergence(reduction="min")(FOREST, X)
    with pytest.raises(InvalidParameterError, match="normalize"):
        Entropy(normalize="yes")(FOREST, X)
    with pytest.raises(InvalidParameterError, match="response"):
        make_strategy(measures.entropy, response="predict").select(
            FOREST, X, n_queries=1
        )


def test_an_error_of_the_estimator_is_not_swallowed():
    class Broken:
        classes_ = np.arange(2)

        def predict_proba(self, X):
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        Margin().select(Broken(), X, n_queries=2)


def test_bad_probabilities_of_the_estimator():
    class Bad:
        classes_ = np.arange(2)

        def predict_proba(self, X):
            return np.full((len(X), 2), np.nan)

    with pytest.raises(ValueError, match="not a probability vector"):
        Entropy().select(Bad(), X, n_queries=2)


def test_unfit_names_of_arguments():
    for name in ("needs", "select", "pointwise", "leaves"):
        with pytest.raises(ValueError, match="attribute that every strategy has"):
            make_strategy(measures.entropy, **{name: 2})


@pytest.mark.parametrize("n_queries", [0, -1, 1.5])
@every_strategy
def test_bad_n_queries(strategy, n_queries):
    with pytest.raises(ValueError, match=r"positive int; got"):
        strategy.select(FOREST, X, n_queries=n_queries)


def test_a_function_may_say_nothing_of_labelled_rows():
    def nothing(estimator, X, y):
        return np.where(np.isnan(y), X[:, 0], np.nan)

    chosen = get_strategy(nothing).select(FOREST, X, y, n_queries=3)
    assert_array_equal(chosen, POOL[np.argsort(-X[POOL, 0])[:3]])


# Sums, products, own measures -------------------------------------------------------


def test_sum_and_product():
    entropy, margin = Entropy()(FOREST, X), Margin()(FOREST, X)
    for strategy, expected in [
        (Entropy() + 0.5 * Margin(), entropy + 0.5 * margin),
        (Margin() * Entropy() * 2, margin * entropy * 2),
        (sum([Entropy(), Margin()]), entropy + margin),
        (1 + Margin(), 1 + margin),
    ]:
        assert_allclose(strategy(FOREST, X), expected)
        assert strategy.pointwise


def test_parameters_of_a_combination_nest():
    strategy = Entropy() + 0.5 * Margin()
    assert strategy.get_params()["right__left__value"] == 0.5
    strategy.set_params(right__left__value=0.0, left__normalize=True)
    expected = measures.entropy(FOREST.predict_proba(X), normalize=True)
    assert_allclose(strategy(FOREST, X), expected)
    assert repr(clone(strategy)) == repr(strategy)
    assert eval(repr(strategy)).get_params()["right__left__value"] == 0.0


def test_a_combination_is_pointwise_only_if_its_parts_are():
    class Density(Strategy):
        def score_candidates(self, estimator, X, y, candidates):
            return np.full(len(candidates), len(X), dtype=float)

    assert not (Margin() + Density()).pointwise
    utilities = (Margin() * Density())(FOREST, X)
    assert_allclose(utilities, 200 * Margin()(FOREST, X))
    chosen = (0 * Margin() + Density()).select(FOREST, X, y, n_queries=200)
    assert len(chosen) == 140


@pytest.mark.parametrize("other", [None, True, [1], b"margin"])
def test_what_cannot_be_added(other):
    with pytest.raises(TypeError):
        Margin() + other
    with pytest.raises(TypeError):
        other * Margin()


def test_constant_and_random():
    assert_array_equal(Constant(2)(None, X), 2)
    assert_array_equal(Random()(None, X), 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = Random().select(None, X, y, n_queries=20, random_state=0)
        second = Random().select(None, X, y, n_queries=20, random_state=1)
    assert set(first.tolist()) != set(second.tolist())


def test_random_is_uniform():
    counts = np.zeros(10)
    for seed in range(2000):
        counts[Random().select(None, X[:10], n_queries=3, random_state=seed)] += 1
    # 3 of 10 rows, 2000 times: each 600 times, standard deviation about 20.
    assert (np.abs(counts - 600) < 90).all()


def gini(proba, power=2):
    return 1 - (proba**power).sum(axis=1)


def test_make_strategy():
    strategy = make_strategy(gini, power=3)
    assert isinstance(strategy, MeasureStrategy)
    assert strategy.get_params() == {
        "measure": gini,
        "response": "predict_proba",
        "power": 3,
    }
    assert_allclose(strategy(FOREST, X), gini(FOREST.predict_proba(X), 3))
    other = clone(strategy).set_params(power=2)
    assert_allclose(other(FOREST, X), gini(FOREST.predict_proba(X)))
    assert pickle.loads(pickle.dumps(strategy)).power == 3
    assert "power=3" in repr(strategy)
    with pytest.raises(ValueError, match="Invalid parameter"):
        strategy.set_params(bogus=1)


def test_make_strategy_from_decision_values_and_members():
    model = LinearDiscriminantAnalysis().fit(X, labels > 0)
    spread = make_strategy(lambda d: np.abs(d[:, 1]), response="decision_function")
    assert_allclose(spread(model, X), np.abs(model.decision_function(X)))
    variance = make_strategy(lambda P: P.var(axis=0).sum(axis=1), response="members")
    expected = member_proba(FOREST, X).var(axis=0).sum(axis=1)
    assert_allclose(variance(FOREST, X), expected)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda estimator, X, y: np.ones((len(X), 2)), r"shape \(200, 2\) for 200"),
        (lambda estimator, X, y: np.ones(3), r"one number per row"),
        (lambda estimator, X, y: np.full(len(X), np.nan), "200 utilities.*NaN"),
    ],
)
def test_wrong_utilities_of_a_function(function, message):
    with pytest.raises(ValueError, match=message):
        get_strategy(function).select(None, X, n_queries=2)


def test_a_new_pointwise_strategy_is_one_method():
    class First(PointwiseStrategy):
        def score_rows(self, estimator, X):
            return X[:, 0]

    chosen = First().select(None, X, y, n_queries=140)
    assert_array_equal(chosen, POOL[np.argsort(-X[POOL, 0])])


def every_class():
    waiting = [Strategy]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.startswith("skactive."):
            yield kind


def test_checks_are_made_in_one_place():
    """No strategy goes around them: what a new one defines is called by the base."""
    for kind in set(every_class()) - {Strategy}:
        assert "__call__" not in vars(kind), kind
        hooks = {"score_rows", "score_candidates", "pick"} & set(vars(kind))
        assert len(hooks) <= 1, kind


def test_a_function_is_given_the_plain_estimator():
    asked = []

    def mine(estimator, X, y):
        asked.append(estimator)
        return X[:, 0]

    fitted = Fitted(FOREST, list(FOREST), np.ones(200))
    for strategy in (get_strategy(mine), get_strategy(mine) + "information_gain"):
        strategy.select(fitted, X, y, n_queries=2)
    assert all(estimator is FOREST for estimator in asked)
    assert len(asked) == 2


# Taking the best --------------------------------------------------------------------

utilities_arrays = arrays(
    np.float64,
    st.integers(1, 60),
    elements=st.one_of(
        st.floats(-1e6, 1e6, allow_subnormal=False), st.sampled_from([0.0, 1.0])
    ),
)


@given(utilities=utilities_arrays, n_best=st.integers(0, 70), seed=st.integers(0, 9))
def test_take_best(utilities, n_best, seed):
    chosen = take_best(utilities, n_best, seed)
    n_best = min(n_best, len(utilities))
    assert len(chosen) == len(set(chosen.tolist())) == n_best
    expected = np.sort(utilities)[::-1][:n_best]
    assert_allclose(utilities[chosen], expected, rtol=1e-11)
    assert_array_equal(take_best(utilities, n_best, seed), chosen)


@pytest.mark.parametrize("n", [1_000, 100_000])
@pytest.mark.parametrize("n_best", [1, 10, 100, 900])
def test_take_best_of_many(n, n_best):
    utilities = np.random.default_rng(0).random(n)
    expected = np.argsort(-utilities)[:n_best]
    assert_array_equal(take_best(utilities, n_best, 0), expected)
    sorted_utilities = np.sort(utilities)
    expected = np.arange(n)[::-1][:n_best]
    assert_array_equal(take_best(sorted_utilities, n_best, 0), expected)


def test_ties_are_broken_by_the_seed_and_uniformly():
    utilities = np.array([1.0, 0, 1, 1, 1, 2])
    counts = np.zeros(6)
    orders = set()
    for seed in range(3000):
        chosen = take_best(utilities, 3, seed)
        assert chosen[0] == 5
        counts[chosen] += 1
        orders.add(tuple(chosen.tolist()))
    assert counts[1] == 0
    assert counts[5] == 3000
    # Two of four tied rows: each half of the time, standard deviation about 27.
    assert (np.abs(counts[[0, 2, 3, 4]] - 1500) < 120).all()
    assert len(orders) == 12


def test_rounding_noise_is_a_tie():
    rng = np.random.default_rng(0)
    noise = 1 + 1e-15 * rng.standard_normal(1000)
    first = take_best(noise, 10, 0)
    assert not np.array_equal(np.sort(first), np.sort(np.argsort(-noise)[:10]))
    again = take_best(1 + 1e-15 * rng.standard_normal(1000), 10, 0)
    assert_array_equal(first, again)


def test_equal_utilities_warn():
    class Undecided:
        classes_ = np.arange(2)

        def predict_proba(self, X):
            return np.full((len(X), 2), 0.5)

        def __repr__(self):
            return "Undecided()"

    with pytest.warns(UserWarning, match=r"Margin\(\) finds all 200.*Undecided\(\)"):
        first = Margin().select(Undecided(), X, n_queries=10, random_state=0)
    with pytest.warns(UserWarning, match="choice is random"):
        second = Margin().select(Undecided(), X, n_queries=10, random_state=1)
    assert set(first.tolist()) != set(second.tolist())
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing is left to chance here
        Margin().select(Undecided(), X, n_queries=200, random_state=1)


def test_kinds_of_combination():
    assert isinstance(Margin() + Margin(), Sum)
    assert isinstance(Margin() * Margin(), Product)
