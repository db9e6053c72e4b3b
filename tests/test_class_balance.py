"""Class balance and group coverage against plain loops."""

import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.utils._param_validation import InvalidParameterError

from skactive import ActiveLearningClassifier, get_strategy
from skactive._models.wrappers import Fitted
from skactive.strategies import (
    ClassBalance,
    Entropy,
    GroupCoverage,
    KCenter,
    Margin,
    Mixture,
)
from skactive.strategies._class_balance import balance_weights
from skactive.strategies._mixture import rank_shares

X, CODES = make_classification(
    n_samples=240, n_features=5, n_informative=4, n_redundant=0, n_classes=3,
    n_clusters_per_class=1, weights=[0.7, 0.22, 0.08], random_state=1,
)  # fmt: skip
NAMES = np.array(["ant", "bee", "cat"])
LABELED = np.arange(80)
POOL = np.arange(80, 240)
Y = np.where(np.arange(240) < 80, CODES, np.nan)
MODEL = LogisticRegression().fit(X[LABELED], CODES[LABELED])


def named(codes=CODES):
    y = NAMES[codes].astype(object)
    y[POOL] = None
    return y


# Oracles ----------------------------------------------------------------------------


def plain_weights(counts, target, smoothing):
    n = sum(counts)
    raw = []
    for n_c, t_c in zip(counts, target, strict=True):
        share = (n_c + smoothing * t_c) / (n + smoothing)
        raw.append(t_c / share if t_c else 0.0)
    largest = max(raw)
    return [w / largest if largest else 1.0 for w in raw]


def plain_balance(model, rows, y, target, smoothing=1.0):
    """`target` is a dict that names all classes of the model."""
    labels = [label for label in y if label is not None and label == label]
    known = model.classes_.tolist()
    counts = [sum(label == c for label in labels) for c in known]
    weights = plain_weights(counts, [target[c] for c in known], smoothing)
    return [
        sum(p * w for p, w in zip(row, weights, strict=True))
        for row in model.predict_proba(rows)
    ]


def plain_groups(groups, is_labeled, target, smoothing=1.0):
    kinds = list(target)
    counts = [
        sum(g == kind and known for g, known in zip(groups, is_labeled, strict=True))
        for kind in kinds
    ]
    weights = plain_weights(counts, list(target.values()), smoothing)
    return [weights[kinds.index(g)] for g in groups]


# Weights ----------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.floats(0, 1, allow_subnormal=False)),
        min_size=1,
        max_size=6,
    ),
    st.floats(0.01, 20),
)
def test_weights(kinds, smoothing):
    counts, target = zip(*kinds, strict=True)
    target = [round(t, 3) for t in target]
    weights = balance_weights(counts, target, smoothing)
    assert_allclose(weights, plain_weights(counts, target, smoothing), rtol=1e-12)
    assert weights.max() == 1
    assert weights.min() >= 0
    # The scale of the target does not matter to the order.
    order = np.argsort(weights, kind="stable")
    more = balance_weights(np.asarray(counts)[order], np.asarray(target)[order])
    assert more.max() == 1


def test_weights_in_balance_are_one():
    assert_allclose(balance_weights([60, 30, 10], [0.6, 0.3, 0.1]), 1, rtol=1e-14)
    assert_array_equal(balance_weights([0, 0], [0.5, 0.5]), [1, 1])
    assert_array_equal(balance_weights([7, 0], [0.0, 0.0]), [1, 1])
    # One label too many is no jump.
    assert balance_weights([501, 500], [0.5, 0.5]).min() > 0.99


def test_more_labels_of_a_class_lower_its_weight_only():
    before = balance_weights([10, 10, 10], [0.2, 0.3, 0.5])
    after = balance_weights([30, 10, 10], [0.2, 0.3, 0.5])
    assert after[0] < before[0]
    assert_array_equal(after[1:] / after[1:].max(), before[1:] / before[1:].max())


# Classes ----------------------------------------------------------------------------

TARGETS = {
    "equal": (None, {0: 1 / 3, 1: 1 / 3, 2: 1 / 3}),
    "all named": ({0: 0.5, 1: 0.2, 2: 0.3}, {0: 0.5, 1: 0.2, 2: 0.3}),
    "the rest is shared": ({2: 0.5}, {0: 0.25, 1: 0.25, 2: 0.5}),
    "nothing is left": ({2: 1.0}, {0: 0.0, 1: 0.0, 2: 1.0}),
    "array": ([1, 2, 1], {0: 0.25, 1: 0.5, 2: 0.25}),
    "never seen": ({7: 0.4, 2: 0.3}, {0: 0.15, 1: 0.15, 2: 0.3}),
}


@pytest.mark.parametrize("smoothing", [1.0, 0.1, 30.0])
@pytest.mark.parametrize("target", TARGETS)
def test_class_balance(target, smoothing):
    given_target, plain = TARGETS[target]
    strategy = ClassBalance(given_target, smoothing=smoothing)
    utilities = strategy(MODEL, X, Y)
    expected = plain_balance(MODEL, X, Y, plain, smoothing)
    assert_allclose(utilities, expected, rtol=1e-12)
    assert utilities.min() >= 0
    assert utilities.max() <= 1
    found = strategy.utilities(MODEL, X, Y, POOL)
    assert_array_equal(found, utilities[POOL])


def test_the_rare_class_is_asked_for():
    strategy = ClassBalance({2: 1.0})
    chosen = strategy.select(MODEL, X, Y, n_queries=8, random_state=0)
    rare = MODEL.predict_proba(X)[:, 2]
    assert_array_equal(np.sort(chosen), np.sort(POOL[np.argsort(-rare[POOL])[:8]]))


def test_string_labels_and_boolean_ones():
    y, target = named(), {"cat": 0.6}
    model = LogisticRegression().fit(X[LABELED], NAMES[CODES[LABELED]])
    plain = {"ant": 0.2, "bee": 0.2, "cat": 0.6}
    expected = plain_balance(model, X, y, plain)
    assert_allclose(ClassBalance(target)(model, X, y), expected, rtol=1e-12)
    # Booleans reach strategies as numbers.
    is_rare = CODES == 2
    model = LogisticRegression().fit(X[LABELED], is_rare[LABELED])
    y = np.where(np.isnan(Y), np.nan, is_rare)
    expected = plain_balance(model, X, y, {False: 0.7, True: 0.3})
    assert_allclose(ClassBalance({True: 0.3})(model, X, y), expected, rtol=1e-12)


def test_labels_that_the_model_does_not_know():
    known = CODES[LABELED] < 2
    model = LogisticRegression().fit(X[LABELED][known], CODES[LABELED][known])
    for target, share in [(None, 1 / 3), ({2: 0.5}, 0.25), ({2: 0.5, 0: 0.25}, 0.25)]:
        expected = plain_balance(model, X, Y, {0: share, 1: share})
        assert_allclose(ClassBalance(target)(model, X, Y), expected, rtol=1e-12)
    # Nothing is left for the classes that the model does know.
    assert_array_equal(ClassBalance({2: 1.0})(model, X, Y), 1)


def test_no_labels_or_labels_in_balance():
    assert_allclose(ClassBalance()(MODEL, X), 1, rtol=1e-12)
    counts = np.bincount(CODES[LABELED])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        strategy = ClassBalance(counts)
        assert_allclose(strategy(MODEL, X, Y), 1, rtol=1e-12)
        strategy.select(MODEL, X, Y, n_queries=3, random_state=0)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({0: 0.7, 1: 0.7}, "sum to at most 1"),
        ({0: -0.1}, "not negative"),
        ({0: np.nan}, "not negative"),
        ([0.5, 0.5], r"3 classes, \[0, 1, 2\]"),
        ([0, 0, 0], "not all zero"),
        ([1, -1, 1], "not negative"),
    ],
)
def test_wrong_targets(target, message):
    with pytest.raises(ValueError, match=message):
        ClassBalance(target)(MODEL, X, Y)


def test_wrong_parameters():
    for strategy in (ClassBalance(0.5), ClassBalance(smoothing=0)):
        with pytest.raises(InvalidParameterError):
            strategy(MODEL, X, Y)
    with pytest.raises(
        ValueError, match=r"ClassBalance needs predict_proba.*LinearSVC"
    ):
        ClassBalance()(LinearSVC().fit(X[LABELED], CODES[LABELED]), X, Y)


def test_factor_and_term():
    margin, balance = Margin()(MODEL, X, Y), ClassBalance()(MODEL, X, Y)
    product = get_strategy("margin") * ClassBalance()
    assert_allclose(product(MODEL, X, Y), margin * balance, rtol=1e-14)
    mixture = Mixture([Entropy(), ClassBalance()], weights=[3, 1])
    expected = 0.75 * rank_shares(Entropy()(MODEL, X)) + 0.25 * rank_shares(balance)
    assert_allclose(mixture(MODEL, X, Y), expected, rtol=1e-12)
    nested = product.set_params(right__target={2: 0.9})
    assert nested.right.target == {2: 0.9}
    assert clone(nested).right.target == {2: 0.9}


@pytest.mark.parametrize("kind", ["forest", "list", "fitted"])
def test_kinds_of_estimators(kind):
    forest = RandomForestClassifier(5, max_depth=3, random_state=0)
    forest.fit(X[LABELED], CODES[LABELED])
    model = {"forest": forest, "list": [MODEL, forest], "fitted": Fitted(MODEL)}[kind]
    proba = MODEL.predict_proba(X)
    if kind != "fitted":
        proba = forest.predict_proba(X)
    if kind == "list":
        proba = (proba + MODEL.predict_proba(X)) / 2
    counts = np.bincount(CODES[LABELED])
    expected = proba @ plain_weights(counts, [1 / 3] * 3, 1.0)
    assert_allclose(ClassBalance()(model, X, Y), expected, rtol=1e-12)


def check_equivariant(strategy, estimator, Y=Y):
    whole = strategy(estimator, X, Y)
    order = np.random.default_rng(0).permutation(240)
    again = strategy(estimator, X[order], Y[order])
    assert_allclose(again, whole[order], rtol=1e-13)
    with config_context(working_memory=1e-9):
        assert_allclose(strategy(estimator, X, Y), whole, rtol=1e-13)
        with joblib.parallel_config("threading", n_jobs=2):
            assert_allclose(strategy(estimator, X, Y), whole, rtol=1e-13)


def test_order_chunks_and_jobs_change_nothing():
    check_equivariant(ClassBalance(), MODEL)
    check_equivariant(GroupCoverage(lambda X: (X[:, 0] > 0) + 0), None)


@pytest.mark.parametrize("make", [sp.csr_array, pd.DataFrame, "polars"])
def test_containers(make):
    if make == "polars":
        make = pytest.importorskip("polars").DataFrame
    model = LogisticRegression().fit(make(X[LABELED]), CODES[LABELED])
    found = ClassBalance()(model, make(X), Y)
    assert_allclose(found, ClassBalance()(MODEL, X, Y), rtol=1e-4)


def test_texts_in_a_learner():
    texts = [f"{word} {i % 7}" for i, word in enumerate(["sun", "sun", "rain"] * 20)]
    y = np.array([{"sun": "fair", "rain": "wet"}[text.split()[0]] for text in texts])
    known = y.astype(object)
    known[12:] = None
    known[[2, 5, 8]] = None  # one rainy day of four is known
    inner = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10))
    learner = ActiveLearningClassifier(inner, ClassBalance(), random_state=0)
    learner.fit(texts, known)
    rows = learner.query(texts, known, n_queries=7)
    assert set(y[rows]) == {"wet"}


def test_grid_search():
    y = NAMES[CODES]
    learner = ActiveLearningClassifier(
        LogisticRegression(),
        get_strategy("margin") * ClassBalance(),
        budget=40,
        random_state=0,
    )
    grid = {"strategy__right__target": [None, {"cat": 0.5}], "batch_size": [10]}
    search = GridSearchCV(learner, grid, cv=2, scoring="balanced_accuracy").fit(X, y)
    assert search.best_estimator_.n_labels_ == 40


# Groups -----------------------------------------------------------------------------

REGIONS = np.array(["north", "south", "west"])[np.random.default_rng(0).choice(
    3, size=240, p=[0.6, 0.3, 0.1]
)]  # fmt: skip
FRAME = pd.DataFrame(X, columns=list("abcde")).assign(region=REGIONS)
SHARES = {g: float(np.mean(g == REGIONS)) for g in ("north", "south", "west")}


@pytest.mark.parametrize(
    ("target", "plain"),
    [
        ("equal", {"north": 1 / 3, "south": 1 / 3, "west": 1 / 3}),
        ("pool", SHARES),
        ({"west": 0.5}, {"north": 0.25, "south": 0.25, "west": 0.5}),
        ({"west": 1.0, "east": 0.0}, {"north": 0.0, "south": 0.0, "west": 1.0}),
    ],
)
def test_group_coverage(target, plain):
    expected = plain_groups(REGIONS, ~np.isnan(Y), plain)
    for groups, rows in [
        ("region", FRAME),
        (5, FRAME),
        (lambda X: REGIONS, X),
    ]:
        strategy = GroupCoverage(groups, target)
        utilities = strategy(None, rows, Y)
        assert_allclose(utilities, expected, rtol=1e-12)
        assert utilities.max() == 1
        found = strategy.utilities(None, rows, Y, POOL)
        assert_array_equal(found, utilities[POOL])


def test_groups_of_a_polars_frame():
    frame = pytest.importorskip("polars").DataFrame(FRAME.to_dict(orient="list"))
    found = GroupCoverage("region")(None, frame, Y)
    assert_array_equal(found, GroupCoverage("region")(None, FRAME, Y))


@pytest.mark.parametrize("make", [np.asarray, sp.csr_array, sp.csc_array])
def test_groups_in_a_column_of_numbers(make):
    counts = np.column_stack([X[:, 0], np.arange(240) % 4])
    expected = plain_groups(
        np.arange(240) % 4, ~np.isnan(Y), dict.fromkeys(range(4), 0.25)
    )
    assert_allclose(GroupCoverage(1)(None, make(counts), Y), expected, rtol=1e-12)


def test_rows_without_a_group():
    regions = REGIONS.astype(object)
    regions[::5] = None
    found = GroupCoverage(lambda X: regions)(None, X, Y)
    plain = dict.fromkeys(["north", "south", "west", None], 0.25)
    expected = plain_groups(regions, ~np.isnan(Y), plain)
    assert_allclose(found, expected, rtol=1e-12)
    numbers = np.where(regions == None, np.nan, regions == "west")  # noqa: E711
    found = GroupCoverage(lambda X: numbers, {None: 1.0})(None, X, Y)
    assert_array_equal(found, np.isnan(numbers))


def plain_greedy(groups, labeled, target, n_queries, candidates, smoothing=1.0):
    """How many rows of each group a greedy choice takes, one at a time."""
    counts = {g: sum(groups[i] == g for i in labeled) for g in target}
    left = {g: sum(groups[i] == g for i in candidates) for g in target}
    taken = dict.fromkeys(target, 0)
    for _ in range(n_queries):
        some = [g for g in target if left[g]]
        best = max(
            some,
            key=lambda g: (
                target[g] / (counts[g] + smoothing * target[g]) if target[g] else 0
            ),
        )
        counts[best], left[best], taken[best] = (
            counts[best] + 1, left[best] - 1, taken[best] + 1,
        )  # fmt: skip
    return taken


@pytest.mark.parametrize("n_queries", [3, 7, 40, 100])
@pytest.mark.parametrize("labeled", [[], list(range(80)), [0]])
def test_batches_of_groups(labeled, n_queries):
    # Proportions such that no groups tie, once each has a label.
    target = {"north": 0.413, "south": 0.318, "west": 0.269}
    y = np.full(240, np.nan)
    y[labeled] = 1
    candidates = np.setdiff1d(np.arange(240), labeled)
    strategy = GroupCoverage(lambda X: REGIONS, target)
    rows = strategy.select(None, X, y, n_queries=n_queries, random_state=0)
    assert len(set(rows)) == n_queries
    assert set(rows) <= set(candidates)
    expected = plain_greedy(REGIONS, labeled, target, n_queries, candidates)
    assert {g: int(np.sum(REGIONS[rows] == g)) for g in target} == expected
    again = strategy.select(None, X, y, n_queries=n_queries, random_state=0)
    assert_array_equal(again, rows)
    other = strategy.select(None, X, y, n_queries=n_queries, random_state=1)
    assert set(other) != set(rows)


def test_batch_takes_all_that_is_left_and_copies_last():
    rows = GroupCoverage(lambda X: REGIONS).select(None, X, Y, n_queries=999)
    assert_array_equal(np.sort(rows), POOL)
    double = np.repeat(np.arange(6.0), 2)[:, np.newaxis]
    strategy = GroupCoverage(lambda X: np.arange(12) < 8)
    rows = strategy.select(None, double, n_queries=6, random_state=0)
    assert len(set(double[rows, 0])) == 6


def test_groups_choose_the_first_rows_and_multiply():
    learner = ActiveLearningClassifier(
        make_pipeline(LogisticRegression()),
        Margin() * GroupCoverage(lambda X: np.asarray(X)[:, 0] > 0),
        initial_strategy=GroupCoverage(0, {9: 1.0}),
        random_state=0,
    )
    whole = np.column_stack([np.arange(240) % 10, X])
    first = learner.query(whole, n_queries=24)
    assert set(whole[first, 0]) == {9}
    assert len(learner.fit(whole, Y).query(whole, Y)) == 10
    product = Margin() * GroupCoverage(lambda X: REGIONS)
    expected = Margin()(MODEL, X) * GroupCoverage(lambda X: REGIONS)(None, X, Y)
    assert_array_equal(product(MODEL, X, Y), expected)
    with pytest.raises(ValueError, match="combines utilities of single rows"):
        (KCenter() * GroupCoverage(0)).select(MODEL, X, Y, n_queries=2)


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (GroupCoverage("region"), "not a data frame: ndarray"),
        (GroupCoverage(lambda X: [1, 2]), "2 groups for the 240 rows"),
        (GroupCoverage(0), "numbers without a fraction"),
        (GroupCoverage(lambda X: REGIONS, {"west": 2}), "group that is not named"),
    ],
)
def test_wrong_groups(strategy, message):
    with pytest.raises(ValueError, match=message):
        strategy(None, X, Y)


def test_grid_over_groups():
    learner = ActiveLearningClassifier(
        LogisticRegression(),
        Margin() * GroupCoverage(lambda X: np.asarray(X)[:, 0] > 0),
        budget=30,
        random_state=0,
    )
    grid = {"strategy__right__target": ["equal", "pool"]}
    assert GridSearchCV(learner, grid, cv=2).fit(X, CODES).best_score_ > 0.5


def test_a_column_that_is_not_there():
    frame = pd.DataFrame({"region": ["n", "s"], "age": [1, 2]})
    message = r"not a column of X; there are \['region', 'age"
    with pytest.raises(ValueError, match=message):
        GroupCoverage("regoin")(None, frame)
