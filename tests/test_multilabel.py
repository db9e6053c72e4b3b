"""Several labels a row: fit, query, predictions, bad input."""

import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge
from sklearn.metrics import hamming_loss, make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from multilabel import ESTIMATORS, LINEAR, TRUTH, L, N, X, partly, with_rare
from skactive import (
    ActiveLearningClassifier,
    ActiveLearningRegressor,
    get_strategy,
    get_strategy_names,
    query,
)
from skactive.model_selection import LabeledKFold, active_learning_curve
from skactive.stopping import (
    Budget,
    MaxRounds,
    OverallUncertainty,
    StabilizingPredictions,
)
from skactive.strategies import Power, UncertaintyHerding

every_estimator = pytest.mark.parametrize("name", ESTIMATORS)


def make(estimator=None, strategy="margin", **params):
    estimator = ESTIMATORS["one_vs_rest"] if estimator is None else estimator
    return ActiveLearningClassifier(
        estimator, strategy, **({"random_state": 0} | params)
    )


# Fit and predict --------------------------------------------------------------------


@every_estimator
def test_a_fit_is_that_of_the_estimator_on_the_labelled_rows(name):
    learner = make(ESTIMATORS[name], "random").fit(X, partly())
    plain = clone(ESTIMATORS[name]).fit(X[:40], TRUTH[:40])
    assert_array_equal(learner.predict(X), plain.predict(X))
    assert learner.n_labels_ == 40
    assert learner.score(X, TRUTH) == plain.score(X, TRUTH) or name == "multi_output"


@every_estimator
def test_label_probabilities_are_those_of_the_estimator(name):
    learner = make(ESTIMATORS[name], "random").fit(X, partly())
    plain = clone(ESTIMATORS[name]).fit(X[:40], TRUTH[:40])
    expected = plain.predict_proba(X)
    if isinstance(expected, list):
        expected = np.column_stack([part[:, 1] for part in expected])
    assert_array_equal(learner.predict_proba(X), expected)


def test_label_probabilities_agree_across_wrappers_of_the_same_models():
    wrappers = "one_vs_rest", "multi_output"
    found = [
        make(ESTIMATORS[name]).fit(X, partly()).predict_proba(X) for name in wrappers
    ]
    by_hand = [clone(LINEAR).fit(X[:40], TRUTH[:40, c]) for c in range(L)]
    expected = np.column_stack([model.predict_proba(X)[:, 1] for model in by_hand])
    for proba in found:
        assert_allclose(proba, expected, atol=1e-12)


@every_estimator
def test_a_label_with_one_value_is_left_out_and_predicted_as_it_is(name):
    truth = np.column_stack([TRUTH[:, 0], np.ones(N), TRUTH[:, 1:], np.zeros(N)])
    truth = truth.astype(int)
    learner = make(ESTIMATORS[name], "random").fit(X, partly(truth=truth))
    without = make(ESTIMATORS[name], "random").fit(X, partly())
    predicted, proba = learner.predict(X), learner.predict_proba(X)
    assert predicted.shape == proba.shape == truth.shape
    assert (predicted[:, 1] == 1).all()
    assert (predicted[:, -1] == 0).all()
    assert (proba[:, 1] == 1).all()
    assert (proba[:, -1] == 0).all()
    kept = [0, 2, 3, 4]
    assert_array_equal(predicted[:, kept], without.predict(X))
    assert_array_equal(proba[:, kept], without.predict_proba(X))


@every_estimator
def test_one_label_that_varies_is_enough(name):
    truth = np.column_stack([np.ones(N, dtype=int), TRUTH[:, 0]])
    learner = make(ESTIMATORS[name], "random").fit(X, partly(truth=truth))
    assert learner.predict_proba(X).shape == (N, 2)
    assert (learner.predict(X)[:, 0] == 1).all()
    if name in {"one_vs_rest", "multi_output", "neighbors"}:
        model = LINEAR if name != "neighbors" else ESTIMATORS[name]
        plain = clone(model).fit(X[:40], TRUTH[:40, 0])
        assert_array_equal(learner.predict(X)[:, 1], plain.predict(X))


def test_no_label_that_varies_gives_a_constant():
    Y = np.full((N, 3), np.nan)
    Y[:5] = [0, 1, 1]
    learner = make().fit(X, Y)
    assert_array_equal(learner.predict(X), np.tile([0, 1, 1], (N, 1)))
    assert_array_equal(learner.predict_proba(X), np.tile([0, 1, 1], (N, 1)))
    assert_array_equal(np.sign(learner.decision_function(X)[0]), [-1, 1, 1])
    assert len(learner.query(X, Y)) == 10  # by the initial strategy


@every_estimator
@pytest.mark.parametrize("seed", range(4))
def test_a_campaign_from_zero_labels_with_a_rare_label(name, seed):
    truth = with_rare(seed=seed)
    learner = make(ESTIMATORS[name], batch_size=5, random_state=seed)
    Y = np.full(truth.shape, np.nan)
    asked = []
    with warnings.catch_warnings():
        # A tree is certain of all rows.
        warnings.filterwarnings("ignore", ".*equally useful", UserWarning)
        # Fewer than three rows next to each other at first.
        warnings.filterwarnings("ignore", ".*initial strategy chooses", UserWarning)
        for _ in range(6):
            rows = learner.query(X, Y)
            Y[rows] = truth[rows]
            asked += rows.tolist()
            learner.fit(X, Y)
    assert len(set(asked)) == 30
    assert learner.predict_proba(X).shape == truth.shape


def test_a_budget_asks_the_same_rows_as_a_loop():
    bought = make(budget=40).fit(X, TRUTH)
    loop = make()
    Y = np.full(TRUTH.shape, np.nan)
    asked = []
    for _ in range(4):
        rows = loop.query(X, Y)
        Y[rows] = TRUTH[rows]
        asked += rows.tolist()
        loop.fit(X, Y)
    assert bought.labeled_indices_.tolist() == asked
    assert_array_equal(bought.predict(X), loop.predict(X))


def test_labels_that_were_not_bought_do_not_matter():
    one = make(budget=40).fit(X, TRUTH)
    other = 1 - TRUTH
    other[one.labeled_indices_] = TRUTH[one.labeled_indices_]
    two = make(budget=40).fit(X, other)
    assert_array_equal(one.labeled_indices_, two.labeled_indices_)
    assert_array_equal(one.predict_proba(X), two.predict_proba(X))


@pytest.mark.parametrize("strategy", ["margin", "entropy", "auto", "k_center"])
def test_one_column_selects_as_a_binary_learner(strategy):
    data, answers = load_breast_cancer(return_X_y=True)
    data = StandardScaler().fit_transform(data)
    one, two = make(LINEAR, strategy), make(LINEAR, strategy)
    y, Y = np.full(len(data), np.nan), np.full((len(data), 1), np.nan)
    for _ in range(4):
        rows = one.query(data, y)
        with pytest.warns(UserWarning, match="column-vector"):
            again = two.query(data, Y)
        assert_array_equal(rows, again)
        y[rows] = Y[rows, 0] = answers[rows]
        one.fit(data, y)
        with pytest.warns(UserWarning, match="column-vector"):
            two.fit(data, Y)


@pytest.mark.parametrize("strategy", ["margin", "least_confidence", "entropy"])
@pytest.mark.parametrize("aggregate", ["mean", "max", "min"])
def test_the_same_label_twice_selects_as_a_binary_learner(strategy, aggregate):
    y = np.full(N, np.nan)
    y[:40] = TRUTH[:40, 0]
    several = get_strategy(strategy, aggregate=aggregate)
    one = make(LINEAR, strategy).fit(X, y)
    two = make(strategy=several).fit(X, np.column_stack([y, y]))
    assert_array_equal(one.query(X, y), two.query(X, np.column_stack([y, y])))
    assert_allclose(one.score_samples(X), two.score_samples(X), atol=1e-12)


def test_columns_in_another_order_select_the_same_rows():
    order = [2, 0, 3, 1]
    found = []
    for columns in (range(L), order):
        Y = partly()[:, columns]
        learner = make().fit(X, Y)
        found.append((learner.query(X, Y), learner.predict(X)))
    assert_array_equal(found[0][0], found[1][0])
    assert_array_equal(found[0][1][:, order], found[1][1])


# Containers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "convert",
    [
        lambda Y: pd.DataFrame(Y, columns=list("abcd")),
        lambda Y: pd.DataFrame(Y).astype("Int64"),
        lambda Y: pytest.importorskip("polars").DataFrame(Y, schema=list("abcd")),
        lambda Y: Y.tolist(),
        lambda Y: Y.astype(np.float32),
        lambda Y: np.where(np.isnan(Y), None, Y),
        lambda Y: np.ma.masked_invalid(Y),
    ],
    ids=["pandas", "Int64", "polars", "list", "float32", "objects", "masked"],
)
def test_containers_of_labels(convert):
    Y = partly()
    expected = make().fit(X, Y)
    learner = make().fit(X, convert(Y))
    assert_array_equal(learner.predict(X), expected.predict(X))
    assert_array_equal(learner.query(X, convert(Y)), expected.query(X, Y))


@pytest.mark.parametrize("convert", [sp.csr_array, sp.csc_matrix, pd.DataFrame])
def test_indicators_of_an_oracle(convert):
    expected = make(budget=30).fit(X, TRUTH)
    learner = make(budget=30).fit(X, convert(TRUTH))
    assert_array_equal(learner.labeled_indices_, expected.labeled_indices_)
    assert learner.score(X, convert(TRUTH)) == expected.score(X, TRUTH)


def test_a_mark_of_missing_labels():
    Y = np.where(np.isnan(partly()), -1, partly())
    learner = make(missing_label=-1).fit(X, Y)
    assert learner.n_labels_ == 40
    assert_array_equal(learner.query(X, Y), make().fit(X, partly()).query(X, partly()))


# A scikit-learn citizen -------------------------------------------------------------


def test_search_pipeline_and_pickle():
    scorer = {"neg_hamming": make_scorer(hamming_loss, greater_is_better=False)}
    search = GridSearchCV(
        make_pipeline(StandardScaler(), make(budget=30)),
        {"activelearningclassifier__strategy": ["margin", "random"]},
        scoring={"f1": "f1_macro", "auc": "roc_auc", **scorer},
        refit="f1",
        cv=2,
        error_score="raise",
    ).fit(X, TRUTH)
    assert -1 <= search.cv_results_["mean_test_neg_hamming"].min() < 0
    assert 0 < search.cv_results_["mean_test_f1"].min() <= 1
    assert 0.5 < search.cv_results_["mean_test_auc"].min() <= 1
    again = pickle.loads(pickle.dumps(search))
    assert_array_equal(again.predict(X), search.predict(X))
    assert len(query(search, X, partly())) == 10


def test_a_search_while_labelling():
    search = GridSearchCV(
        make(),
        {"estimator__estimator__C": [1e-4, 1]},
        cv=LabeledKFold(3),
        scoring="f1_macro",
    ).fit(X, partly())
    assert search.best_params_ == {"estimator__estimator__C": 1}
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_folds_of_labelled_rows_hold_each_once():
    tested = [test for _, test in LabeledKFold(4).split(X, partly())]
    assert sorted(np.concatenate(tested).tolist()) == list(range(40))


@pytest.mark.filterwarnings("ignore:Nothing beats random:UserWarning")
def test_curves():
    curve = active_learning_curve(
        ESTIMATORS["multi_output"],
        X,
        TRUTH,
        strategies=["margin", "auto"],
        budget=30,
        cv=3,
        n_repeats=1,
        scoring={
            "f1_macro": "f1_macro",
            "neg_hamming": make_scorer(hamming_loss, greater_is_better=False),
        },
        random_state=0,
    )
    assert curve.strategies == ["random", "margin", "auto"]
    assert curve.test_scores["f1_macro"].shape == (3, 3, 3)
    assert (curve.test_scores["neg_hamming"] < 0).all()
    assert "margin" in str(curve.summary("neg_hamming"))


def test_a_pipeline_inside():
    learner = make(make_pipeline(StandardScaler(), ESTIMATORS["one_vs_rest"]), "auto")
    learner.fit(X, partly())
    assert "herding" in type(learner.strategy_).__name__.lower()
    assert len(learner.query(X, partly())) == 10


def test_decision_values():
    model = OneVsRestClassifier(LinearSVC(random_state=0))
    truth = np.column_stack([TRUTH, np.zeros(N, dtype=int)])
    learner = make(model).fit(X, partly(truth=truth))
    plain = clone(model).fit(X[:40], TRUTH[:40])
    values = learner.decision_function(X)
    assert_array_equal(values[:, :L], plain.decision_function(X))
    assert (values[:, L] < values[:, :L].min(axis=1)).all()
    assert (values[:, L] < 0).all()
    assert not hasattr(learner, "predict_proba")
    assert len(learner.query(X, partly(truth=truth))) == 10


def test_explanations_name_labels():
    names = ["sky", "sea", "sand", "sun"]
    Y = pd.DataFrame(partly(), columns=names)
    learner = make().fit(X, Y)
    rows = learner.query(X, Y, n_queries=2)
    for record, row in zip(learner.explain_query(X, rows, Y), rows, strict=True):
        proba = learner.predict_proba(X[[row]])[0]
        assert record["proba"] == pytest.approx(dict(zip(names, proba, strict=True)))
        predicted = [n for n, p in zip(names, proba, strict=True) if p > 0.5]
        assert record["prediction"] == predicted
        near = record["nearest_labeled"][0]
        has = TRUTH[near["row"]]
        assert near["label"] == [n for n, v in zip(names, has, strict=True) if v]
    assert re.search(r"predicted: \w+ \d+%", str(learner.explain_query(X, rows, Y)))


def test_query_without_labels_after_a_fit():
    learner = make().fit(X, partly())
    other = np.random.default_rng(0).normal(size=(30, 8)) + 5
    assert len(learner.query(other)) == 10
    assert len(learner.explain_query(other, [3])) == 1


# Audits -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scoring", "low", "high"),
    [
        (None, 0, 1),
        ("f1_macro", 0, 1),
        ("jaccard_samples", 0, 1),
        (make_scorer(hamming_loss, greater_is_better=False), -1, 0),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_audits_are_within_the_range_of_the_score(scoring, low, high):
    learner = make(budget=100, audit_fraction=0.4).fit(X, TRUTH)
    audit = learner.audit(X, TRUTH, scoring=scoring)
    assert low <= audit.interval[0] <= audit.estimate <= audit.interval[1] <= high
    assert audit.interval[0] < audit.interval[1]
    rows = learner.audit_indices_[: audit.n_audited]
    if scoring is None:
        right = (learner.predict(X[rows]) == TRUTH[rows]).all(axis=1)
        assert audit.estimate == pytest.approx(right.mean())


@pytest.mark.parametrize(("rule", "n_labels"), [(MaxRounds(2), 20), (Budget(30), 30)])
def test_stopping_rules_that_serve_several_labels(rule, n_labels):
    learner = make(budget=100, stopping=rule).fit(X, TRUTH)
    assert learner.n_labels_ == n_labels


@pytest.mark.parametrize("rule", [StabilizingPredictions(), OverallUncertainty(0.1)])
def test_other_stopping_rules_say_so(rule):
    with pytest.raises(ValueError, match=r"learns several a row.*MaxRounds serve all"):
        make(budget=100, stopping=rule).fit(X, TRUTH)


# Strategies -------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", get_strategy_names(task="multilabel"))
@pytest.mark.parametrize("name", ["one_vs_rest", "forest"])
def test_every_strategy_for_several_labels_runs(strategy, name):
    learner = make(ESTIMATORS[name], strategy, budget=30).fit(X, TRUTH)
    assert len(np.unique(learner.labeled_indices_)) == 30
    again = make(ESTIMATORS[name], strategy, budget=30).fit(X, TRUTH)
    assert_array_equal(learner.labeled_indices_, again.labeled_indices_)


@pytest.mark.parametrize(
    "strategy",
    [
        get_strategy("margin") * "information_density",
        get_strategy("entropy") + 0.5 * get_strategy("information_density"),
        Power("entropy"),
        get_strategy("label_cardinality") * "information_density",
        UncertaintyHerding("entropy"),
    ],
    ids=["product", "sum", "power", "label_cardinality", "herding"],
)
def test_combinations(strategy):
    learner = make(strategy=strategy, budget=30)
    assert learner.fit(X, TRUTH).n_labels_ == 30


@pytest.mark.parametrize(
    "strategy",
    sorted(
        {*get_strategy_names(task="classification")}
        - {*get_strategy_names(task="multilabel")}
    ),
)
def test_all_others_say_that_they_are_for_one_label_a_row(strategy):
    with pytest.raises(ValueError, match=r"of one label a row.*task='multilabel'"):
        make(strategy=strategy).fit(X, partly())


def test_a_strategy_for_several_labels_refuses_one_label():
    message = "classifiers of several labels a row.*pass y with one column per label"
    with pytest.raises(ValueError, match=message):
        make(LINEAR, "label_cardinality").fit(X, TRUTH[:, 0])
    with pytest.raises(ValueError, match=message):
        make(strategy="label_cardinality").query(X)  # without y, it is not known
    assert len(make(strategy="label_cardinality").query(X, partly(0))) == 10


# Bad input --------------------------------------------------------------------------


def cells(**changes):
    Y = partly()
    for row, column, value in changes.values():
        Y[row, column] = value
    return Y


@pytest.mark.parametrize(
    ("Y", "message"),
    [
        (cells(a=(3, 1, np.nan)), r"Row 3 of y is labelled in part.*label 1\."),
        (
            pd.DataFrame(cells(a=(3, 1, np.nan), b=(3, 2, np.nan)), columns=[*"abcd"]),
            r"Row 3 of y is labelled in part: it has no value for the labels 'b', 'c'",
        ),
        (cells(a=(150, 0, 1)), r"Row 150 of y is labelled in part"),
        (cells(a=(5, 2, 2)), r"each label is 0 or 1; y holds 2.0 in row 5.*label 2"),
        (cells(a=(5, 2, -1)), r"each label is 0 or 1; y holds -1.0 in row 5"),
        (cells(a=(5, 2, 0.5)), r"each label is 0 or 1; y holds 0.5 in row 5"),
        (cells(a=(5, 2, np.inf)), r"each label is 0 or 1; y holds inf in row 5"),
        (np.full((N, 3), "yes"), r"each label is 0 or 1; y holds 'yes' in row 0"),
        (np.full((N, 3), np.nan), "No row is labelled"),
        (partly()[:50], "inconsistent numbers of samples"),
    ],
)
@pytest.mark.parametrize("budget", [None, 20])
def test_bad_labels(Y, message, budget):
    with pytest.raises(ValueError, match=message):
        make(budget=budget).fit(X, Y)


@pytest.mark.parametrize("call", ["query", "explain_query"])
def test_a_partly_missing_row_in_a_query(call):
    learner = make().fit(X, partly())
    args = (X, cells(a=(3, 1, np.nan)))
    args = args if call == "query" else (X, [100], args[1])
    with pytest.raises(ValueError, match="Row 3 of y is labelled in part"):
        getattr(learner, call)(*args)


@pytest.mark.parametrize("other", [lambda Y: Y[:, :3], lambda Y: Y[:, 0]])
@pytest.mark.parametrize("call", ["query", "score", "explain_query", "audit"])
def test_another_number_of_columns_than_in_fit(call, other):
    learner = make(audit_fraction=0.2).fit(X, partly(100))
    args = (
        (X, [150], other(partly()))
        if call == "explain_query"
        else (
            X,
            other(partly(100)),
        )
    )
    with pytest.raises(ValueError, match=r"y has \d labels? a row, but .* had 4"):
        getattr(learner, call)(*args)


def test_several_labels_after_a_fit_on_one():
    learner = make(LINEAR).fit(X, TRUTH[:, 0])
    with pytest.raises(ValueError, match=r"y has 4 labels a row, but .* had 1"):
        learner.query(X, partly())
    learner.set_params(estimator=ESTIMATORS["forest"]).fit(X, partly())  # a new one
    assert learner.predict(X).shape == TRUTH.shape


@pytest.mark.parametrize("wrap", [lambda m: m, lambda m: make_pipeline(m)])
def test_a_chain_whose_order_meets_a_label_that_is_left_out(wrap):
    truth = TRUTH.copy()
    truth[:, 2] = 1
    chain = ClassifierChain(LINEAR, order=[3, 2, 1, 0])
    with pytest.raises(ValueError, match=r"order=\[3, 2, 1, 0\].*columns \[2\]"):
        make(wrap(chain)).fit(X, partly(truth=truth))
    assert make(wrap(chain)).fit(X, partly()).predict(X).shape == TRUTH.shape
    free = make(ClassifierChain(LINEAR, order="random", random_state=0))
    assert (free.fit(X, partly(truth=truth)).predict(X)[:, 2] == 1).all()


def test_an_estimator_of_one_label():
    with pytest.raises(ValueError, match="1d array") as error:
        make(LINEAR).fit(X, partly())
    assert any("OneVsRestClassifier" in note for note in error.value.__notes__)


def test_an_aggregate_that_is_none():
    with pytest.raises(ValueError, match="aggregate"):
        make(strategy=get_strategy("margin", aggregate="sum")).fit(X, partly())


def test_partial_fit_and_warm_starts_are_for_one_label():
    with pytest.raises(ValueError, match="partial_fit is for one label a row"):
        make(MultiOutputClassifier(GaussianNB()), "random").partial_fit(X, partly())
    with pytest.raises(ValueError, match="warm_start=True is for one label a row"):
        make(ESTIMATORS["net"], warm_start=True).fit(X, partly())


def test_a_regressor_still_has_one_target():
    with pytest.raises(ValueError, match="only one target is supported"):
        ActiveLearningRegressor(Ridge()).fit(X, TRUTH)


def test_sample_weights_reach_the_estimator():
    with config_context(enable_metadata_routing=True):
        forest = RandomForestClassifier(5, random_state=0)
        forest.set_fit_request(sample_weight=True)
        weights = np.arange(N) % 3 + 0.5
        learner = make(forest, "random").fit(X, partly(), sample_weight=weights)
        plain = clone(forest).fit(X[:40], TRUTH[:40], sample_weight=weights[:40])
        assert_array_equal(learner.predict(X), plain.predict(X))
