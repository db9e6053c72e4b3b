import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import (
    BernoulliNB,
    CategoricalNB,
    ComplementNB,
    GaussianNB,
    MultinomialNB,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils._param_validation import InvalidParameterError

from skactive import ActiveLearningClassifier
from skactive._models.encoded import EncodedClassifier
from skactive._models.wrappers import Fitted
from skactive.strategies import ExpectedError, ValueOfInformation, _look_ahead

X, CODES = make_classification(
    n_samples=36, n_features=4, n_informative=3, n_redundant=0, n_classes=3,
    n_clusters_per_class=1, class_sep=0.8, random_state=0,
)  # fmt: skip
X = X + 4.0  # counts of a kind, for the discrete models
NAMES = np.array(["ant", "bee", "cat"])
LABELED = np.flatnonzero(np.arange(36) % 3 == 0)
POOL = np.setdiff1d(np.arange(36), LABELED)


def partly(labels):
    y = labels.astype(object)
    y[POOL] = None
    return y


def proba_of(model, rows):
    if hasattr(model, "predict_proba"):
        return model.predict_proba(rows)
    share = np.clip((1 + model.decision_function(rows)) / 2, 0, 1)
    return share / share.sum(axis=1, keepdims=True)


def retrained(model, features, labels, rows, i, label, weights=None):
    """A real refit on the rows and one more, as the strategy promises it."""
    if hasattr(model, "partial_fit") and not isinstance(
        model, (GaussianNB, MultinomialNB, ComplementNB, BernoulliNB, CategoricalNB)
    ):
        again = clone(model).fit(features[rows], labels[rows])
        return again.partial_fit(features[[i]], [label])
    params = {}
    if weights is not None:
        params["sample_weight"] = np.append(weights[rows], 1.0)
    more = np.append(labels[rows], label)
    return clone(model).fit(features[np.append(rows, i)], more, **params)


def expected_errors(model, features, labels, loss, targets=POOL, weights=None):
    """Double loop over candidates and labels."""
    now = proba_of(model, features[POOL])
    errors = np.zeros(len(POOL))
    for m, i in enumerate(POOL):
        for c, label in enumerate(model.classes_):
            new = retrained(model, features, labels, LABELED, i, label, weights)
            proba = proba_of(new, features[targets])
            if loss == "zero_one":
                error = 1 - proba.max(axis=1)
            else:
                error = -(proba * np.log(np.maximum(proba, 1e-300))).sum(axis=1)
            errors[m] += now[m, c] * error.mean()
    return errors


MODELS = [
    GaussianNB(),
    GaussianNB(var_smoothing=0.1, priors=[0.2, 0.3, 0.5]),
    MultinomialNB(),
    ComplementNB(),
    BernoulliNB(binarize=4),
    CategoricalNB(min_categories=12),
    KNeighborsClassifier(3),
    KNeighborsClassifier(4, weights="distance"),
    LinearDiscriminantAnalysis(),
    LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1),
    RidgeClassifier(),
    GaussianProcessClassifier(optimizer=None),
    DecisionTreeClassifier(max_depth=2, random_state=0),
    SGDClassifier(loss="log_loss", random_state=0),
]
every_model = pytest.mark.parametrize(
    "model", MODELS, ids=lambda m: " ".join(repr(m).split())[:50]
)


@pytest.mark.parametrize("loss", ["zero_one", "log"])
@every_model
def test_expected_error_is_a_double_loop(model, loss):
    labels = NAMES[CODES]
    model = clone(model).fit(X[LABELED], labels[LABELED])
    utilities = ExpectedError(loss)(model, X, partly(labels))
    largest = 1.0 if loss == "zero_one" else np.log(3)
    expected = largest - expected_errors(model, X, labels, loss)
    np.testing.assert_allclose(utilities[POOL], expected, atol=2e-6)
    np.testing.assert_array_equal(utilities[LABELED], 0)
    assert (utilities[POOL] > 0).all()
    assert (utilities <= largest).all()


def risks(model, features, labels, costs):
    """Sums over all rows and the expectation after a label, as the paper has them."""

    def risk(new, rows_labeled, codes):
        proba = proba_of(new, features)
        total = 0.0
        for i in range(len(features)):
            for a in range(3):
                for b in range(3):
                    if i in rows_labeled:
                        is_a = float(codes[i] == a)
                        total += is_a * costs[a, b] * proba[i, b]
                    else:
                        total += proba[i, a] * costs[a, b] * proba[i, b]
        return total

    now = proba_of(model, features[POOL])
    after = np.zeros(len(POOL))
    for m, i in enumerate(POOL):
        for c, label in enumerate(model.classes_):
            new = retrained(model, features, labels, LABELED, i, label)
            codes = CODES.copy()
            codes[i] = c
            after[m] += now[m, c] * risk(new, {*LABELED.tolist(), int(i)}, codes)
    return risk(model, set(LABELED.tolist()), CODES), after


@pytest.mark.parametrize("model", [GaussianNB(), KNeighborsClassifier(3), MODELS[-2]])
@pytest.mark.parametrize("form", ["matrix", "dict", "none"])
def test_value_of_information_is_the_formula(model, form):
    labels = NAMES[CODES]
    model = clone(model).fit(X[LABELED], labels[LABELED])
    costs = np.array([[0.0, 1.0, 4.0], [1.0, 0.0, 1.0], [2.5, 1.0, 0.0]])
    given = {
        "matrix": costs.tolist(),
        "dict": {("ant", "cat"): 4, ("cat", "ant"): 2.5, ("dog", "ant"): 7},
        "none": None,
    }[form]
    if form == "none":
        costs = 1 - np.eye(3)
    before, after = risks(model, X, labels, costs)
    strategy = ValueOfInformation(given, label_cost=lambda X: X[:, 0] ** 2)
    values = strategy.values(model, X, partly(labels))
    label_costs = X[:, 0] ** 2
    np.testing.assert_allclose(values[POOL], before - after - label_costs[POOL])
    assert np.isnan(values[LABELED]).all()
    utilities = strategy(model, X, partly(labels))
    scale = 36 * costs.max() + label_costs[POOL].max()
    np.testing.assert_allclose(utilities[POOL], 1 - (after + label_costs[POOL]) / scale)
    assert ((utilities >= 0) & (utilities <= 1)).all()


def test_a_constant_cost_of_labels_changes_no_order():
    model = GaussianNB().fit(X[LABELED], CODES[LABELED])
    y = partly(CODES)
    free = ValueOfInformation().values(model, X, y)
    dear = ValueOfInformation(label_cost=100.0).values(model, X, y)
    np.testing.assert_allclose(free - 100, dear)
    assert (dear[POOL] < 0).all()
    chosen = ValueOfInformation(label_cost=100.0).select(
        model, X, y, n_queries=3, random_state=0
    )
    assert set(chosen) == set(POOL[np.argsort(-free[POOL])[:3]])


def test_no_cost_at_all():
    model = GaussianNB().fit(X[LABELED], CODES[LABELED])
    utilities = ValueOfInformation(np.zeros((3, 3)))(model, X, partly(CODES))
    np.testing.assert_array_equal(utilities[POOL], 1)


def test_values_with_a_sample_of_targets():
    model = GaussianNB().fit(X[LABELED], CODES[LABELED])
    y = partly(CODES)
    whole = ValueOfInformation().values(model, X, y)[POOL]
    parts = [
        ValueOfInformation(n_targets=12, random_state=seed).values(model, X, y)[POOL]
        for seed in range(40)
    ]
    deviation = np.mean(parts, axis=0) - whole
    error = np.std(parts, axis=0, ddof=1) / np.sqrt(len(parts))
    assert (np.abs(deviation) < 4 * error).all()
    assert (error > 0).all()


# ---------------------------------------------------------------------------------
# Properties
# ---------------------------------------------------------------------------------

STRATEGIES = [
    ExpectedError(),
    ExpectedError("log"),
    ExpectedError(max_candidates=8),
    ValueOfInformation(),
]
every_strategy = pytest.mark.parametrize("strategy", STRATEGIES, ids=repr)
SOME = [GaussianNB(), KNeighborsClassifier(3), DecisionTreeClassifier(random_state=0)]
some_models = pytest.mark.parametrize("model", SOME, ids=repr)


@pytest.mark.parametrize(
    ("strategy", "model"),
    [
        (strategy, model)
        for strategy in STRATEGIES
        for model in SOME
        # Equal margins are taken in the order of X.
        if strategy.max_candidates is None or isinstance(model, GaussianNB)
    ],
    ids=repr,
)
def test_permutation_equivariance(strategy, model):
    model = clone(model).fit(X[LABELED], CODES[LABELED])
    y = np.full(36, np.nan)
    y[LABELED] = CODES[LABELED]
    order = np.random.default_rng(0).permutation(36)
    if isinstance(model, DecisionTreeClassifier):  # its splits depend on the order
        order = np.append(LABELED, POOL[::-1])
    np.testing.assert_allclose(
        strategy(model, X[order], y[order]), strategy(model, X, y)[order], atol=1e-12
    )


@some_models
@every_strategy
def test_blocks_and_jobs_change_nothing(strategy, model, monkeypatch):
    model = clone(model).fit(X[LABELED], CODES[LABELED])
    y = partly(CODES)
    whole = strategy(model, X, y)
    with joblib.parallel_config("threading", n_jobs=2):
        np.testing.assert_allclose(strategy(model, X, y), whole, atol=1e-12)
    monkeypatch.setattr(_look_ahead, "_BLOCK_SIZE", 1)
    monkeypatch.setattr(_look_ahead, "_BLOCK_MAX_FITS", 1)
    monkeypatch.setattr("skactive._models.refits.base.CHUNK_SIZE", 20)
    np.testing.assert_allclose(strategy(model, X, y), whole, atol=1e-12)
    with joblib.parallel_config("threading", n_jobs=2):
        np.testing.assert_allclose(strategy(model, X, y), whole, atol=1e-12)


@every_strategy
def test_nothing_is_changed(strategy):
    model = DecisionTreeClassifier(random_state=0).fit(X[LABELED], CODES[LABELED])
    rows, y, before = X.copy(), partly(CODES), model.predict_proba(X)
    first = strategy(model, rows, y)
    np.testing.assert_array_equal(strategy(model, rows, y), first)
    np.testing.assert_array_equal(rows, X)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    assert vars(strategy) == strategy.get_params()


def test_targets_are_a_seeded_sample():
    model = GaussianNB().fit(X[LABELED], CODES[LABELED])
    y = partly(CODES)
    one = ExpectedError(n_targets=5, random_state=1)(model, X, y)
    np.testing.assert_array_equal(
        ExpectedError(n_targets=5, random_state=1)(model, X, y), one
    )
    two = ExpectedError(n_targets=5, random_state=2)(model, X, y)
    assert not np.allclose(one, two)
    np.random.default_rng(1).permutation(len(POOL))
    rows = POOL[np.sort(np.random.default_rng(1).permutation(len(POOL))[:5])]
    expected = 1 - expected_errors(model, X, CODES, "zero_one", targets=rows)
    np.testing.assert_allclose(one[POOL], expected, atol=1e-9)
    np.testing.assert_array_equal(
        ExpectedError(n_targets=1000)(model, X, y), ExpectedError()(model, X, y)
    )


def test_max_candidates_are_the_least_certain():
    model = GaussianNB().fit(X[LABELED], CODES[LABELED])
    y = partly(CODES)
    whole, some = (
        ExpectedError()(model, X, y),
        ExpectedError(max_candidates=6)(model, X, y),
    )
    proba = np.sort(model.predict_proba(X[POOL]), axis=1)
    looked = POOL[np.argsort(proba[:, -1] - proba[:, -2])[:6]]
    np.testing.assert_allclose(some[looked], whole[looked])
    others = np.setdiff1d(np.arange(36), looked)
    np.testing.assert_array_equal(some[others], 0)
    chosen = ExpectedError(max_candidates=6).select(
        model, X, y, n_queries=6, random_state=0
    )
    assert set(chosen) == set(looked)


def test_progress():
    calls = []
    strategy = ExpectedError(progress=lambda done, total: calls.append((done, total)))
    y = partly(CODES)
    tree = DecisionTreeClassifier().fit(X[LABELED], CODES[LABELED])
    strategy(tree, X, y)
    assert calls == [(21, 24), (24, 24)]
    calls.clear()
    strategy(GaussianNB().fit(X[LABELED], CODES[LABELED]), X, y)
    assert calls == [(24, 24)]


def test_cost_is_estimated_and_long_calls_are_announced(monkeypatch):
    y = partly(CODES)
    tree = DecisionTreeClassifier().fit(X[LABELED], CODES[LABELED])
    cost = ExpectedError(max_candidates=10).estimate_cost(tree, X, y)
    assert cost["n_candidates"] == 10
    assert cost["n_targets"] == 24
    assert cost["n_fits"] == 30
    assert cost["closed_form"] is False
    assert cost["seconds"] == pytest.approx(30 * cost["seconds_per_fit"])
    assert 1e-5 < cost["seconds_per_fit"] < 1
    model = GaussianNB().fit(X[LABELED], CODES[LABELED])
    assert ExpectedError().estimate_cost(model, X, y)["closed_form"] is True

    monkeypatch.setattr(_look_ahead, "_LONG", 1e-9)
    told = r"has to fit DecisionTreeClassifier\(\) 72 times .*Set max_candidates="
    with pytest.warns(UserWarning, match=told):
        ExpectedError()(tree, X, y)
    ExpectedError()(model, X, y)  # few rows: nothing is said
    monkeypatch.setattr(_look_ahead, "_MANY_PROBABILITIES", 1)
    told = r"has to retrain GaussianNB\(\) 72 times .* losses on 24 rows"
    with pytest.warns(UserWarning, match=told):
        ExpectedError()(model, X, y)


@every_strategy
def test_no_row_is_left(strategy):
    model = GaussianNB().fit(X, CODES)
    np.testing.assert_array_equal(strategy(model, X, CODES), np.zeros(36))
    tree = DecisionTreeClassifier().fit(X, CODES)
    assert strategy.select(tree, X, CODES, n_queries=2).size == 0


def test_one_candidate():
    y = CODES.astype(float)
    y[3] = np.nan
    known = ~np.isnan(y)
    for model in SOME:
        model = clone(model).fit(X[known], CODES[known])
        for strategy in STRATEGIES:
            assert strategy.select(model, X, y, n_queries=2) == [3]


# ---------------------------------------------------------------------------------
# What the estimator may be
# ---------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["zero_one", "log"])
@pytest.mark.parametrize("model", [GaussianNB(), DecisionTreeClassifier(max_depth=2)])
def test_behind_a_pipeline_only_the_last_step_is_refitted(model, loss):
    model = clone(model)
    if "random_state" in model.get_params():
        model.set_params(random_state=0)
    labels = NAMES[CODES]
    pipeline = make_pipeline(StandardScaler(), MinMaxScaler(), model)
    pipeline.fit(X[LABELED], labels[LABELED])
    features = pipeline[:-1].transform(X)
    inside = clone(model).fit(features[LABELED], labels[LABELED])
    expected = expected_errors(inside, features, labels, loss)
    largest = 1.0 if loss == "zero_one" else np.log(3)
    search = GridSearchCV(pipeline, {}, cv=2).fit(X[LABELED], labels[LABELED])
    for estimator in (pipeline, search, Fitted(pipeline)):
        utilities = ExpectedError(loss)(estimator, X, partly(labels))
        np.testing.assert_allclose(utilities[POOL], largest - expected, atol=1e-6)


def test_codes_inside_a_wrapper():
    labels = NAMES[CODES]
    plain = GaussianNB().fit(X[LABELED], labels[LABELED])
    wrapped = EncodedClassifier(GaussianNB()).fit(X[LABELED], labels[LABELED])
    y = partly(labels)
    for strategy in STRATEGIES:
        np.testing.assert_allclose(strategy(wrapped, X, y), strategy(plain, X, y))


def test_sample_weights():
    weights = np.linspace(0.2, 4, 36)
    model = GaussianNB().fit(X[LABELED], CODES[LABELED], weights[LABELED])
    fitted = Fitted(model, sample_weight=weights)
    expected = expected_errors(model, X, CODES, "zero_one", weights=weights)
    utilities = ExpectedError()(fitted, X, partly(CODES))
    np.testing.assert_allclose(utilities[POOL], 1 - expected, atol=1e-9)
    assert np.abs(utilities - ExpectedError()(model, X, partly(CODES))).max() > 1e-4


def test_containers():
    labels, y = NAMES[CODES], partly(NAMES[CODES])
    model = MultinomialNB().fit(X[LABELED], labels[LABELED])
    expected = ExpectedError()(model, X, y)
    frame = pd.DataFrame(X, columns=list("abcd"), index=np.arange(36)[::-1])
    framed = clone(model).fit(frame.iloc[LABELED], labels[LABELED])
    series = pd.Series(y, index=frame.index, dtype="string")
    np.testing.assert_allclose(ExpectedError()(framed, frame, series), expected)
    sparse = sp.csr_array(X)
    fitted = clone(model).fit(sparse[LABELED], labels[LABELED])
    np.testing.assert_allclose(ExpectedError()(fitted, sparse, y), expected)
    np.testing.assert_allclose(ExpectedError()(model, X.tolist(), list(y)), expected)
    tree = DecisionTreeClassifier(random_state=0)
    expected = ExpectedError()(tree.fit(X[LABELED], labels[LABELED]), X, y)
    framed = clone(tree).fit(frame.iloc[LABELED], labels[LABELED])
    np.testing.assert_allclose(ExpectedError()(framed, frame, y), expected)


def test_texts():
    texts = ["good film", "bad film", "good", "bad", "dull film", "good good fun"] * 4
    y = ["yes", "no", "yes", "no"] + [None] * 20
    model = make_pipeline(CountVectorizer(), MultinomialNB()).fit(texts[:4], y[:4])
    for strategy in STRATEGIES:
        assert strategy.select(model, texts, y, n_queries=3).min() > 3


def test_ridge_needs_no_probabilities():
    model = RidgeClassifier().fit(X[LABELED], CODES[LABELED])
    chosen = ExpectedError().select(model, X, partly(CODES), n_queries=2)
    assert len(chosen) == 2


@every_strategy
@pytest.mark.parametrize("model", [LinearSVC(), [GaussianNB()]], ids=["svm", "list"])
def test_models_without_probabilities(strategy, model):
    with pytest.raises(
        ValueError, match=r"needs one classifier with predict_proba: Ga"
    ):
        strategy(model, X, partly(CODES))


@every_strategy
def test_labels_are_needed(strategy):
    model = GaussianNB().fit(X, CODES)
    with pytest.raises(ValueError, match="got y=None"):
        strategy(model, X)
    with pytest.raises(ValueError, match="no row of y has one"):
        strategy(model, X, np.full(36, np.nan))
    with pytest.raises(ValueError, match=r"labels \[7.0\].*Fit it again"):
        strategy(model, X, np.where(np.arange(36) == 3, 7, np.nan))
    with pytest.raises(ValueError, match="36 rows, but y has 35"):
        strategy(model, X, CODES[:35])


def test_wrong_costs():
    model, y = GaussianNB().fit(X, CODES), partly(CODES)
    with pytest.raises(ValueError, match=r"shape \(2, 2\).*3 classes \[0, 1, 2\]"):
        ValueOfInformation(np.eye(2))(model, X, y)
    with pytest.raises(ValueError, match="not negative"):
        ValueOfInformation({(0, 1): -1})(model, X, y)
    with pytest.raises(ValueError, match="one cost per row"):
        ValueOfInformation(label_cost=lambda X: np.zeros(3))(model, X, y)
    with pytest.raises(InvalidParameterError):
        ValueOfInformation(label_cost=-1.0)(model, X, y)
    with pytest.raises(InvalidParameterError):
        ExpectedError("hinge")(model, X, y)


def test_errors_of_a_fit_are_not_swallowed():
    class Picky(DecisionTreeClassifier):
        def fit(self, X, y):
            if len(y) > len(LABELED):
                raise RuntimeError("no more rows")
            return super().fit(X, y)

    model = Picky().fit(X[LABELED], CODES[LABELED])
    with pytest.raises(RuntimeError, match="no more rows"):
        ExpectedError()(model, X, partly(CODES))


# ---------------------------------------------------------------------------------
# In the learner
# ---------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", [ExpectedError(), ValueOfInformation()], ids=repr)
@pytest.mark.parametrize(
    "model",
    [
        GaussianNB(var_smoothing=0.1),
        LinearDiscriminantAnalysis(),
        KNeighborsClassifier(3),
    ],
)
def test_budgeted_fit(strategy, model):
    rows, labels = load_iris(return_X_y=True)
    learner = ActiveLearningClassifier(
        model, strategy, budget=21, batch_size=3, n_initial=9, random_state=0
    ).fit(rows, labels)
    assert learner.n_labels_ == 21
    assert len(set(learner.labeled_indices_)) == 21
    assert learner.score(rows, labels) > 0.85
    again = clone(learner).set_params(n_jobs=2).fit(rows, labels)
    np.testing.assert_array_equal(again.labeled_indices_, learner.labeled_indices_)


def test_in_a_grid_search():
    rows, labels = load_iris(return_X_y=True)
    learner = ActiveLearningClassifier(
        GaussianNB(var_smoothing=0.1),
        ExpectedError(),
        budget=15,
        batch_size=5,
        random_state=0,
    )
    search = GridSearchCV(
        learner, {"strategy__loss": ["zero_one", "log"]}, cv=3, scoring="neg_log_loss"
    ).fit(rows, labels)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    mixed = ActiveLearningClassifier(
        GaussianNB(), ExpectedError() * ExpectedError("log") + 0.5 * ExpectedError()
    )
    y = np.where(np.arange(150) % 5 == 0, labels, np.nan)
    assert len(mixed.fit(rows, y).query(rows, y, n_queries=4)) == 4


def test_it_helps():
    """Against random rows, over seeds."""
    rows, labels = make_classification(
        300, 5, n_informative=4, n_redundant=0, weights=[0.9], random_state=3
    )
    scores = {}
    for strategy in ("random", ExpectedError("log")):
        scores[repr(strategy)] = [
            ActiveLearningClassifier(
                GaussianNB(var_smoothing=0.1),
                strategy,
                budget=30,
                batch_size=5,
                initial_strategy="random",
                random_state=seed,
            )
            .fit(rows, labels)
            .score(rows, labels)
            for seed in range(8)
        ]
    at_random, ahead = (np.mean(found) for found in scores.values())
    assert ahead > at_random


def test_logistic_regression():
    model = LogisticRegression(tol=1e-10, max_iter=10_000).fit(
        X[LABELED], CODES[LABELED]
    )
    utilities = ExpectedError("log")(model, X, partly(CODES))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = np.log(3) - expected_errors(model, X, CODES, "log")
    np.testing.assert_allclose(utilities[POOL], expected, atol=1e-5)


def test_a_new_label_longer_than_those_known():
    model = LogisticRegression().fit(X[LABELED], NAMES[CODES[LABELED]])
    y = partly(NAMES[CODES])
    y[POOL[0]] = "beetle"
    with pytest.raises(ValueError, match=r"labels \['beetle'\], which the estimator"):
        ExpectedError()(model, X, y)


# ---------------------------------------------------------------------------------
# Sample weights of a budgeted fit
# ---------------------------------------------------------------------------------

WEIGHTS = 10 ** np.random.default_rng(0).uniform(-2, 2, size=36)


def requesting(name):
    return LogisticRegression().set_fit_request(sample_weight=name)


def weighted_learners():
    yield "alone", requesting(True), "sample_weight"
    yield "pipeline", make_pipeline(requesting(True)), "sample_weight"
    yield "under another name", make_pipeline(requesting("importance")), "importance"
    search = GridSearchCV(
        make_pipeline(requesting("importance")), {"logisticregression__C": [1]}, cv=2
    )
    yield "search", search, "importance"
    yield (
        "of the scaler only",
        make_pipeline(
            StandardScaler().set_fit_request(sample_weight=True),
            requesting(False),
        ),
        "sample_weight",
    )


@pytest.mark.filterwarnings("ignore:The least populated class")
@pytest.mark.parametrize("case", range(5))
def test_weights_of_a_budgeted_fit_choose_its_rows(case):
    with config_context(enable_metadata_routing=True):
        name, model, key = list(weighted_learners())[case]
        learner = ActiveLearningClassifier(
            model, "expected_error", budget=14, n_initial=8, batch_size=1,
            random_state=0,
        )  # fmt: skip
        rows = learner.fit(X, CODES, **{key: WEIGHTS}).labeled_indices_
        n_differ = 0
        for n in range(8, 14):
            known = np.sort(rows[:n])
            y = np.full(36, np.nan)
            y[known] = CODES[known]
            fitted = clone(model).fit(X[known], CODES[known], **{key: WEIGHTS[known]})
            utilities = ExpectedError()(Fitted(fitted, None, WEIGHTS), X, y)
            plain = ExpectedError()(fitted, X, y)
            if name == "of the scaler only":
                utilities, plain = plain, utilities
            assert utilities.argmax() == rows[n]
            n_differ += plain.argmax() != rows[n]
        assert n_differ > 0


def test_weights_that_are_not_for_the_classifier():
    with config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=True)
        model = make_pipeline(scaler, KNeighborsClassifier(3))
        learner = ActiveLearningClassifier(
            model, "expected_error", budget=12, random_state=0
        )
        assert learner.fit(X, CODES, sample_weight=WEIGHTS).n_labels_ == 12
