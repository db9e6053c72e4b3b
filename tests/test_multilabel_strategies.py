"""Utilities with several labels a row, against definitions written as loops."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

from multilabel import ESTIMATORS, TRUTH, L, N, X, partly
from skactive import ActiveLearningClassifier, get_strategy, make_strategy, measures
from skactive._models.response import has_response, label_proba
from skactive.estimation import smoothed_bootstrap_interval
from skactive.geometry._separation import class_separation

RNG = np.random.default_rng(0)
PROBA = RNG.random((30, 5))
PROBA[0], PROBA[1], PROBA[2] = 0, 1, 0.5
AGGREGATES = {
    "mean": lambda values: sum(values) / len(values),
    "max": max,
    "min": min,
}
OF_ONE = {
    "margin": lambda p: 1 - abs(p - (1 - p)),
    "least_confidence": lambda p: 1 - max(p, 1 - p),
    "entropy": lambda p: -sum(q * np.log(q) for q in (p, 1 - p) if q > 0),
}


def by_hand(name, aggregate, proba):
    return [AGGREGATES[aggregate]([OF_ONE[name](p) for p in row]) for row in proba]


def cardinality_by_hand(proba, mean, beta):
    found = []
    for row in proba:
        relevant = [p for p in row if p > 0.5]
        others = [p for p in row if not p > 0.5]
        lowest = min(relevant) if relevant else 0.5
        highest = max(others) if others else 0.5
        surprise = abs(len(relevant) - mean)
        found.append((1 - lowest + highest) ** beta * surprise ** (1 - beta))
    return found


# Measures ---------------------------------------------------------------------------


@pytest.mark.parametrize("aggregate", AGGREGATES)
@pytest.mark.parametrize("name", OF_ONE)
def test_a_measure_over_labels_by_hand(name, aggregate):
    found = measures.over_labels(getattr(measures, name), PROBA, aggregate=aggregate)
    assert_allclose(found, by_hand(name, aggregate, PROBA), atol=1e-12)


@pytest.mark.parametrize("beta", [0, 0.3, 0.5, 1])
def test_label_cardinality_by_hand(beta):
    found = measures.label_cardinality(PROBA, 1.7, beta=beta)
    assert_allclose(found, cardinality_by_hand(PROBA, 1.7, beta), atol=1e-12)
    assert (found >= 0).all()
    assert (found <= PROBA.shape[1] ** (1 - beta) + 1e-12).all()


def test_measures_do_not_depend_on_the_order_of_labels():
    order = RNG.permutation(PROBA.shape[1])
    for name in AGGREGATES:
        one = measures.over_labels(measures.entropy, PROBA, aggregate=name)
        two = measures.over_labels(measures.entropy, PROBA[:, order], aggregate=name)
        assert_allclose(one, two, atol=1e-12)
    one = measures.label_cardinality(PROBA, 2.5)
    assert_allclose(one, measures.label_cardinality(PROBA[:, order], 2.5), atol=1e-12)


@pytest.mark.parametrize("proba", [[0.5, 0.5], [[1.1, 0]], [[np.nan, 0]], [[]]])
def test_what_is_no_label_probability(proba):
    with pytest.raises(ValueError, match="Label probabilities must be numbers in"):
        measures.over_labels(measures.margin, proba)
    with pytest.raises(ValueError, match="Label probabilities must be numbers in"):
        measures.label_cardinality(proba, 1.0)


# Strategies on bare estimators ------------------------------------------------------


def fitted(name, truth=TRUTH):
    return clone(ESTIMATORS[name]).fit(X[:40], truth[:40])


def proba_by_hand(model, n_labels=L):
    """Probability that each label is 1, from whatever the estimator gives."""
    found = model.predict_proba(X)
    if not isinstance(found, list):
        return np.asarray(found)
    columns = np.zeros((N, n_labels))
    for label, (part, values) in enumerate(zip(found, model.classes_, strict=True)):
        for column, value in enumerate(values):
            if value == 1:
                columns[:, label] = part[:, column]
    return columns


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("strategy", OF_ONE)
@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_strategies_are_scorers_of_fitted_estimators(name, strategy, aggregate):
    model = fitted(name)
    found = get_strategy(strategy, aggregate=aggregate)(model, X, partly())
    expected = by_hand(strategy, aggregate, proba_by_hand(model))
    assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("name", ["forest", "extra_trees", "neighbors", "tree"])
def test_labels_with_one_column_only(name):
    truth = TRUTH.copy()
    truth[:40, 1], truth[:40, 3] = 1, 0
    model = fitted(name, truth)
    assert [part.shape[1] for part in model.predict_proba(X)] == [2, 1, 2, 1]
    proba = label_proba(model, X)
    assert (proba[:, 1] == 1).all()
    assert (proba[:, 3] == 0).all()
    assert_array_equal(proba, proba_by_hand(model))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_learner_and_its_model_have_the_same_utilities(name):
    learner = ActiveLearningClassifier(ESTIMATORS[name], "margin", random_state=0)
    learner.fit(X, partly())
    found = get_strategy("margin")(fitted(name), X)
    assert_allclose(learner.score_samples(X), found, atol=1e-12)


@pytest.mark.parametrize("beta", [0.2, 0.5, 1.0])
def test_label_cardinality_of_a_model_by_hand(beta):
    model, Y = fitted("one_vs_rest"), partly()
    found = get_strategy("label_cardinality", beta=beta)(model, X, Y)
    mean = TRUTH[:40].sum() / 40
    expected = cardinality_by_hand(proba_by_hand(model), mean, beta)
    assert_allclose(found, expected, atol=1e-12)
    # Without labels, the model tells their mean number.
    found = get_strategy("label_cardinality", beta=beta)(model, X)
    mean = proba_by_hand(model).sum() / N
    expected = cardinality_by_hand(proba_by_hand(model), mean, beta)
    assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_decision_values_by_hand(aggregate):
    model = OneVsRestClassifier(LinearSVC(random_state=0)).fit(X[:40], TRUTH[:40])
    values = model.decision_function(X)
    of_row = AGGREGATES[aggregate]
    found = get_strategy("margin", aggregate=aggregate)(model, X)
    expected = [of_row([1 / (1 + 2 * abs(d)) for d in row]) for row in values]
    assert_allclose(found, expected)
    found = get_strategy("least_confidence", aggregate=aggregate)(model, X)
    expected = [
        of_row([(1 - abs(d) / (1 + abs(d))) / 2 for d in row]) for row in values
    ]
    assert_allclose(found, expected)
    with pytest.raises(ValueError, match="Entropy needs label probabilities"):
        get_strategy("entropy")(model, X)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_which_estimators_have_label_probabilities(name):
    assert has_response(fitted(name), "label_proba")
    assert not has_response(fitted(name), "predict_proba")
    one = ESTIMATORS["forest" if name in {"multi_output", "chain"} else name]
    one = clone(one).fit(X[:40], TRUTH[:40, 0])
    assert not has_response(one, "label_proba")
    assert has_response(one, "predict_proba")


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_utilities_do_not_depend_on_chunks(monkeypatch, n_jobs):
    whole = get_strategy("margin")(fitted("forest"), X)
    monkeypatch.setattr("skactive._data.chunks._CHUNK_MAX_ROWS", 64)
    learner = ActiveLearningClassifier(
        ESTIMATORS["forest"], "margin", n_jobs=n_jobs, random_state=0
    )
    assert_array_equal(learner.fit(X, partly()).score_samples(X), whole)


def test_a_strategy_from_a_function_of_label_probabilities():
    strategy = make_strategy(lambda proba: proba.max(axis=1), response="label_proba")
    assert strategy.tasks == ("multilabel",)
    model = fitted("chain")
    assert_array_equal(strategy(model, X), model.predict_proba(X).max(axis=1))
    one_label = clone(ESTIMATORS["forest"]).fit(X, TRUTH[:, 0])
    with pytest.raises(ValueError, match="classifiers of several labels a row"):
        strategy(one_label, X)


def test_a_judge_learns_one_label():
    judged = get_strategy("margin", estimator=RandomForestClassifier(5))
    assert judged.tasks == ("classification", "regression")


# What the default uses --------------------------------------------------------------


def test_separation_by_several_labels_is_the_mean_of_each():
    labels = TRUTH[:40]
    found = class_separation(X[:40], labels)
    each = [class_separation(X[:40], column) for column in labels.T]
    assert_allclose(found, sum(each) / L)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (ESTIMATORS["one_vs_rest"], "UncertaintyHerding(weight_features=True)"),
        (RandomForestClassifier(5), "UncertaintyHerding(embedding='leaves')"),
    ],
)
def test_the_default_strategy_resolves_as_for_one_label(model, expected):
    learner = ActiveLearningClassifier(model, random_state=0).fit(X, partly())
    assert repr(learner.strategy_) == expected


# Intervals --------------------------------------------------------------------------


def hamming_score(predicted):
    return lambda rows, labels: 1 - np.mean(predicted[rows] != labels)


def test_an_interval_of_perfect_predictions_is_no_point():
    labels = TRUTH[:40]
    found = smoothed_bootstrap_interval(hamming_score(labels), labels)
    low, high = found.interval
    assert found.estimate == high == 1
    # About two failures in 42 rows.
    assert 0.8 < low < 0.99


def test_every_resample_holds_both_values_of_each_label():
    labels = np.zeros((30, 3), dtype=int)
    labels[0, 0] = labels[1, 1] = 1
    labels[:15, 2] = 1
    seen = []
    smoothed_bootstrap_interval(
        lambda rows, given: seen.append(given) or given.mean(), labels
    )
    assert len(seen) == 601
    assert all((given.min(axis=0) == 0).all() for given in seen)
    assert all((given.max(axis=0) == 1).all() for given in seen)


def test_intervals_of_label_sets_cover_as_they_should():
    rng = np.random.default_rng(0)
    n_covered, n_trials, right = 0, 60, 0.9
    for trial in range(n_trials):
        labels = (rng.random((40, 3)) < 0.4).astype(int)
        predicted = np.where(rng.random(labels.shape) < right, labels, 1 - labels)
        low, high = smoothed_bootstrap_interval(
            hamming_score(predicted), labels, random_state=trial, n_resamples=200
        ).interval
        n_covered += low <= right <= high
    assert n_covered >= 0.88 * n_trials


def test_labels_that_are_all_alike_say_nothing():
    labels = np.tile([0, 1], (20, 1))
    found = smoothed_bootstrap_interval(hamming_score(labels), labels)
    assert found.interval == (-np.inf, np.inf)
