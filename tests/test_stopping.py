import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris, make_classification, make_regression
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import BayesianRidge, LinearRegression, LogisticRegression
from sklearn.metrics import cohen_kappa_score, f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import skactive.stopping
from skactive import ActiveLearningClassifier, ActiveLearningRegressor
from skactive.stopping import (
    AllOf,
    AnyOf,
    AuditPrecision,
    Budget,
    ClassificationChange,
    ContradictoryInformation,
    Decision,
    ExpectedErrorFlattening,
    MaxRounds,
    OverallUncertainty,
    Patience,
    PerformancePlateau,
    PredictedChangeOfF,
    PredictedVariance,
    StabilizingPredictions,
    StoppingRule,
)
from skactive.stopping._stability import change_of_f, concordance, kappa


class Scripted(ClassifierMixin, BaseEstimator):
    """Says what a table says: column 0 of X is the row of the table."""

    def __init__(self, classes=(0, 1), labels=None, proba=None):
        self.classes = classes
        self.labels = labels
        self.proba = proba
        self.classes_ = np.array(classes)
        self.n_calls = 0

    def fit(self, X, y):
        raise NotImplementedError

    def _rows(self, X):
        self.n_calls += 1
        return np.asarray(X)[:, 0].astype(int)

    def predict(self, X):
        if self.labels is None:
            return self.classes_[self.predict_proba(X).argmax(axis=1)]
        return np.array(self.labels)[self._rows(X)]

    def predict_proba(self, X):
        return np.array(self.proba)[self._rows(X)]


def pool(n):
    """A pool of n rows of which rows n and n + 1 have the labels 0 and 1."""
    X = np.arange(n + 2)[:, np.newaxis]
    return X, np.array([np.nan] * n + [0.0, 1.0])


def play(rule, rounds, **options):
    """Decisions for the labels that are predicted round by round."""
    X, y = pool(len(rounds[0]))
    found = []
    for labels in rounds:
        first = labels[0]
        model = Scripted(labels=[*labels, first, first], **options)
        found.append(rule.update(model, X, y))
    return found


def play_proba(rule, rounds):
    X, y = pool(len(rounds[0]))
    found = []
    for largest in rounds:
        p = np.array([*largest, 1.0, 1.0])
        model = Scripted(proba=np.column_stack([p, 1 - p]))
        found.append(rule.update(model, X, y))
    return found


def stops(decisions):
    return [decision.stop for decision in decisions]


X_VAL, Y_VAL = np.arange(4)[:, np.newaxis], np.array([0, 1, 0, 1])

RULES = [
    Budget(),
    MaxRounds(),
    PerformancePlateau(X_VAL, Y_VAL),
    StabilizingPredictions(),
    ClassificationChange(),
    PredictedChangeOfF(),
    OverallUncertainty(),
    ExpectedErrorFlattening(),
    ContradictoryInformation(),
]
IDS = [type(rule).__name__ for rule in RULES]
# They need a regressor, or a learner with an audit.
OTHER_RULES = [PredictedVariance(), AuditPrecision()]


def test_every_rule_is_in_the_table():
    public = {getattr(skactive.stopping, name) for name in skactive.stopping.__all__}
    rules = {c for c in public if issubclass(c, StoppingRule)}
    made_of_others = {StoppingRule, AllOf, AnyOf, Patience}
    assert {type(rule) for rule in RULES + OTHER_RULES} == rules - made_of_others


# ---------------------------------------------------------------------------------
# Formulas
# ---------------------------------------------------------------------------------


def test_kappa_value_of_references():
    a, b = [0, 0, 1, 1, 2, 2, 0, 1, 2, 0], [0, 0, 1, 1, 2, 1, 0, 1, 2, 0]
    assert kappa(np.array(a), np.array(b)) == pytest.approx(0.848484848)
    # small-text's own example of two rounds
    assert kappa(np.array([0, 1, 1, 1]), np.array([0, 1, 1, 0])) == 0.5


def test_kappa_is_scikit_learns_where_that_is_defined():
    rng = np.random.RandomState(0)
    for _ in range(100):
        a, b = rng.randint(3, size=(2, rng.randint(2, 9)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = cohen_kappa_score(a, b)
        found = kappa(a, b)
        assert np.isfinite(found)
        if np.isfinite(expected):
            assert found == pytest.approx(expected, abs=1e-12)
    names = np.array(["a", "bb", "a"])
    assert kappa(names, np.array(["a", "bb", "bb"])) == pytest.approx(0.4)


def test_kappa_without_variance():
    ones, zeros = np.ones(4), np.zeros(4)
    assert kappa(ones, ones) == 1.0
    assert kappa(ones, zeros) == 0.0
    assert kappa(ones[:1], zeros[:1]) == 0.0


def test_change_of_f():
    rng = np.random.RandomState(0)
    for _ in range(100):
        new, old = rng.uniform(size=(2, 6)) < rng.uniform()
        found = change_of_f(new, old)
        if new.any() or old.any():
            assert found == pytest.approx(1 - f1_score(old, new, zero_division=0))
        else:
            assert found == 0.0
    # 3 in both, 1 in one, 2 in the other: 1 - 6 / 9
    new = np.array([1, 1, 1, 1, 0, 0, 0], dtype=bool)
    old = np.array([1, 1, 1, 0, 1, 1, 0], dtype=bool)
    assert change_of_f(new, old) == pytest.approx(1 / 3)


# ---------------------------------------------------------------------------------
# Rules on predictions
# ---------------------------------------------------------------------------------


def test_stabilizing_predictions():
    a, b = [0, 0, 1, 1], [0, 0, 1, 0]
    rule = StabilizingPredictions()
    found = play(rule, [a, b, a, a, a, a, a])
    assert stops(found) == [False] * 5 + [True] * 2
    assert_allclose(rule.history_, [0.5, 0.5, 1, 1, 1, 1])
    assert found[4].reason == "the mean kappa of the last 3 rounds is 0.8333"
    assert found[5].rule == "StabilizingPredictions"
    # The mean counts, not each: (1 + 1 + 0.5) / 3.
    found = play(StabilizingPredictions(0.83), [a, a, a, b])
    assert stops(found) == [False, False, False, True]
    found = play(StabilizingPredictions(0.84), [a, a, a, b])
    assert not any(found)
    assert stops(play(StabilizingPredictions(1, window=1), [a, a])) == [False, True]


def test_an_even_pace_is_not_stable():
    """Where small-text's differences of kappas would be zero."""
    rounds = [[0, 0, 1, 1], [0, 0, 1, 0]] * 10
    assert not any(play(StabilizingPredictions(), rounds))


def test_equal_predictions_are_stable():
    rounds = [[1, 1, 1]] * 4
    for rule in (StabilizingPredictions(), PredictedChangeOfF()):
        assert stops(play(rule, rounds)) == [False, False, False, True]
        assert np.isfinite(rule.history_).all()
    rounds = [[0, 0, 0]] * 4  # no positive is predicted
    rule = PredictedChangeOfF()
    assert stops(play(rule, rounds)) == [False, False, False, True]
    assert rule.history_ == [0, 0, 0]


def test_predictions_of_strings_that_grow_longer():
    X = np.arange(4)[:, np.newaxis]
    y = np.array([None, None, "no", "yes"], dtype=object)
    rule = StabilizingPredictions(window=1)
    for labels, stop in ((["no"] * 4, False), (["no", "yes"] * 2, False)):
        model = Scripted(classes=("no", "yes"), labels=labels)
        assert rule.update(model, X, y).stop is stop
    assert rule.history_ == [0.0]
    model = Scripted(classes=("no", "perhaps", "yes"), labels=["no", "yes"] * 2)
    assert rule.update(model, X, y)


@pytest.mark.parametrize(
    ("threshold", "stop"), [(0.0, False), (0.24, False), (0.25, True), (1.0, True)]
)
def test_classification_change(threshold, stop):
    rule = ClassificationChange(threshold)
    found = play(rule, [[0, 0, 1, 1], [0, 0, 1, 0], [0, 0, 1, 0]])
    assert stops(found) == [False, stop, True]
    assert rule.history_ == [0.25, 0.0]
    assert found[1].reason == "the prediction of 1 of 4 rows changed"


def test_classification_change_compares_rows_without_a_label():
    X, y = pool(4)
    rule = ClassificationChange()
    assert not rule.update(Scripted(labels=[0, 0, 1, 1, 0, 1]), X, y)
    y[3] = 0  # the only row whose prediction changes
    decision = rule.update(Scripted(labels=[0, 0, 1, 0, 0, 1]), X, y)
    assert decision.reason == "the prediction of 0 of 3 rows changed"
    assert decision
    fixed = ClassificationChange(stop_set=X[:4])
    y[3] = np.nan
    assert not fixed.update(Scripted(labels=[0, 0, 1, 1, 0, 1]), X, y)
    y[3] = 0
    assert not fixed.update(Scripted(labels=[0, 0, 1, 0, 0, 1]), X, y)
    assert fixed.history_ == [0.25]


def test_classification_change_without_a_common_row():
    """All rows looked at were labelled: nothing is known, and nothing breaks."""
    X, y = pool(4)
    rule = ClassificationChange(n_stop=1, random_state=0)
    model = Scripted(labels=[0] * 6)
    assert not rule.update(model, X, y)
    y[rule.last_[0]] = 0
    assert not rule.update(model, X, y)
    assert not hasattr(rule, "history_")
    assert rule.update(model, X, y)


def test_predicted_change_of_f():
    a = [1, 1, 1, 0, 1, 1, 0]
    b = [1, 1, 1, 1, 0, 0, 0]
    rule = PredictedChangeOfF(0.34, window=2)
    assert stops(play(rule, [a, b, a])) == [False, False, True]
    assert_allclose(rule.history_, [1 / 3, 1 / 3])
    # The threshold itself is not below the threshold; each round counts.
    assert not any(play(PredictedChangeOfF(1 / 3, window=1), [a, b]))
    assert stops(play(PredictedChangeOfF(0.3, 2), [a, b, b, b])) == [False] * 3 + [True]
    negative = PredictedChangeOfF(window=1, pos_label=0)
    play(negative, [a, b])
    assert negative.history_ == [1 - 2 / 5]  # 1 in both, 1 + 2 in one: 1 - 2 / 5


def test_many_negatives_hide_nothing():
    """Where small-text's value would be 1 - 2 * 98 / 198."""
    a = [1, 1] + [0] * 98
    b = [0, 0, 1, 1] + [0] * 96
    rule = PredictedChangeOfF()
    play(rule, [a, b])
    assert rule.history_ == [1.0]


def test_predicted_change_of_f_errors():
    X, y = pool(2)
    y = np.append(y, 2)
    model = Scripted(classes=(0, 1, 2), labels=[0] * 5)
    with pytest.raises(ValueError, match=r"two classes; y has 3.*Stabilizing"):
        PredictedChangeOfF().update(model, np.vstack([X, [4]]), y)
    with pytest.raises(ValueError, match=r"pos_label='spam' is not a class.*0.0, 1.0"):
        play(PredictedChangeOfF(pos_label="spam"), [[0, 1]])


# ---------------------------------------------------------------------------------
# Rules on probabilities
# ---------------------------------------------------------------------------------


def test_overall_uncertainty():
    p = [[0.5, 0.5], [0.9, 0.5], [0.99, 1.0]]
    half = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1)) / np.log(2)
    low = -(0.99 * np.log(0.99) + 0.01 * np.log(0.01)) / np.log(2)
    rule = OverallUncertainty()
    assert stops(play_proba(rule, p)) == [False, False, True]
    assert_allclose(rule.history_, [1, (half + 1) / 2, low / 2])
    rule = OverallUncertainty(reduce="max", measure="margin")
    assert stops(play_proba(rule, p)) == [False, False, True]
    assert_allclose(rule.history_, [1, 1, 0.02])
    rule = OverallUncertainty(0.02, measure="least_confidence")
    assert stops(play_proba(rule, p)) == [False, False, True]
    assert_allclose(rule.history_, [1, 0.6, 0.01])


def test_overall_uncertainty_is_of_rows_without_a_label():
    X, y = pool(3)
    proba = np.array([[0.5, 0.5], [1, 0], [1, 0], [0.5, 0.5], [0.5, 0.5]])
    rule = OverallUncertainty()
    assert not rule.update(Scripted(proba=proba), X, y)
    y[0] = 0
    assert rule.update(Scripted(proba=proba), X, y)
    assert_allclose(rule.history_, [1 / 3, 0])
    given = OverallUncertainty(stop_set=X[:1])
    assert not given.update(Scripted(proba=proba), X, y)
    assert given.history_ == [1.0]


def test_overall_uncertainty_at_its_threshold():
    assert stops(play_proba(OverallUncertainty(1.0), [[0.5]])) == [False]


def test_expected_error_flattening():
    rule = ExpectedErrorFlattening(0.011, window=2)
    errors = [0.4, 0.3, 0.25, 0.24, 0.245, 0.1]
    found = play_proba(rule, [[1 - e, 1 - e] for e in errors])
    assert stops(found) == [False, False, False, False, True, False]
    assert_allclose(rule.history_, errors)
    assert found[3].reason == (
        "the mean expected error is 0.24; the last 3 differ by 0.06"
    )
    # A slow and steady change is a change over the window.
    rule = ExpectedErrorFlattening(0.015, window=2)
    assert not any(play_proba(rule, [[1 - e] for e in (0.4, 0.39, 0.38, 0.37)]))


def test_contradictory_information():
    confidence = [0.6, 0.7, 0.69, 0.68, 0.8, 0.79, 0.78, 0.77]
    rule = ContradictoryInformation()
    found = play_proba(rule, [[c, c] for c in confidence])
    assert stops(found) == [False] * 7 + [True]
    assert_allclose(rule.history_, confidence)
    assert found[3].reason.endswith("is 0.68 and fell in 2 of 3 rounds in a row")
    assert not any(play_proba(ContradictoryInformation(1), [[0.7, 0.7]] * 10))


def test_fixed_rows_stay_when_they_get_a_label():
    X, y = pool(4)
    rule = ContradictoryInformation()
    model = Scripted(proba=[[0.6, 0.4]] * 4 + [[1, 0]] * 2)
    rule.update(model, X, y)
    y[:3] = 0
    rule.update(model, X, y)
    assert rule.rows_.tolist() == [0, 1, 2, 3]
    assert_allclose(rule.history_, [0.6, 0.6])


# ---------------------------------------------------------------------------------
# Rules on what was spent or reached
# ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("max_labels", "needed"), [(1, 1), (7, 7), (0.29, 29), (0.001, 1), (1.0, 101)]
)
def test_budget(max_labels, needed):
    X, y = np.zeros((101, 1)), np.full(101, np.nan)
    model = Scripted()
    rule = Budget(max_labels)
    for n_labels in range(1, 101):
        y[n_labels - 1] = n_labels % 2
        assert rule.update(model, X, y).stop is (n_labels >= needed)
    assert rule.update(model, X, np.zeros(101)).rule == "exhausted"


def test_max_rounds():
    rule = MaxRounds(3)
    assert stops(play(rule, [[0, 1]] * 4)) == [False, False, True, True]
    assert rule.n_rounds_ == 4
    assert stops(play(MaxRounds(1), [[0, 1]])) == [True]


def test_performance_plateau():
    X, y = pool(1)
    rule = PerformancePlateau(X_VAL, Y_VAL, min_gain=0.1, window=2)
    rounds = [
        ([0, 0, 0, 0], False),  # accuracy 0.5
        ([0, 1, 0, 0], False),  # 0.75
        ([0, 0, 0, 0], False),  # best of the last two 0.75, before 0.5
        ([0, 1, 0, 0], True),  # best of the last two 0.75, before 0.75
        ([0, 1, 0, 1], False),  # 1
    ]
    for labels, stop in rounds:
        assert rule.update(Scripted(labels=labels), X, y).stop is stop
    assert rule.history_ == [0.5, 0.75, 0.5, 0.75, 1.0]
    # The best before counts, not the last; and a gain of min_gain is none.
    half, three, all_ = [0, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 1]
    rule = PerformancePlateau(X_VAL, Y_VAL, min_gain=0.25, window=1)
    for labels, stop in ((half, False), (three, True), (half, True), (all_, True)):
        assert rule.update(Scripted(labels=labels), X, y).stop is stop
    rule = PerformancePlateau(X_VAL, Y_VAL, min_gain=0.2, window=1)
    for labels, stop in ((all_, False), (half, True), (three, True)):
        assert rule.update(Scripted(labels=labels), X, y).stop is stop
    rule = PerformancePlateau(X_VAL, Y_VAL, scoring="f1", window=1)
    rule.update(Scripted(labels=[0, 1, 0, 0]), X, y)
    assert_allclose(rule.history_, [2 / 3])
    rule = PerformancePlateau(X_VAL, Y_VAL, scoring=lambda *_: np.nan)
    with pytest.raises(ValueError, match="gave nan on the 4 rows"):
        rule.update(Scripted(labels=[0] * 4), X, y)


# ---------------------------------------------------------------------------------
# Any rule
# ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_parameters_clone_and_reset(rule):
    rule = clone(rule)
    X, y = pool(4)
    model = Scripted(proba=[[0.9, 0.1], [0.4, 0.6]] * 3)
    first = [rule.update(model, X, y) for _ in range(5)]
    assert any(name.endswith("_") for name in vars(rule)) is (type(rule) is not Budget)
    fresh = clone(rule)
    assert not any(name.endswith("_") for name in vars(fresh))
    assert [fresh.update(model, X, y) for _ in range(5)] == first
    assert rule.reset() is rule
    assert [rule.update(model, X, y) for _ in range(5)] == first
    assert all(isinstance(decision, Decision) for decision in first)
    assert all(isinstance(decision.stop, bool) for decision in first)
    assert first[0].rule == type(rule).__name__


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_no_row_left(rule):
    rule = clone(rule)
    X, y = np.arange(2)[:, np.newaxis], np.array([0, 1])
    decision = rule.update(Scripted(labels=[0, 1]), X, y)
    assert decision == Decision(True, "exhausted", "all 2 rows have a label")
    assert (rule & Budget(50)).update(Scripted(), X, y).rule == "exhausted"


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_one_class(rule):
    """Says nothing, and remembers nothing, until there are two."""
    X, y = pool(4)
    model = Scripted(classes=(0,), labels=[0] * 6, proba=[[1.0]] * 6)
    rule = clone(rule)
    found = [rule.update(model, X, np.where(y == 1, np.nan, y)) for _ in range(6)]
    if rule.needs_model:
        assert not any(found)
        assert found[0].reason == "one class only has been labelled"
        assert not any(name.endswith("_") for name in vars(rule))


def test_errors():
    X, y = pool(2)
    empty = StabilizingPredictions(stop_set=np.empty((0, 1)))
    with pytest.raises(ValueError, match=r"stop_set of Stabilizing.* has no rows"):
        empty.update(Scripted(labels=[0] * 4), X, y)
    rule = ClassificationChange()
    rule.update(Scripted(labels=[0] * 4), X, y)
    more, more_y = pool(3)
    with pytest.raises(ValueError, match=r"saw 4 rows in X before and 5 now"):
        rule.update(Scripted(labels=[0] * 5), more, more_y)
    rule.reset().update(Scripted(labels=[0] * 5), more, more_y)
    svc = LinearSVC().fit(np.array([[0.0], [1.0]]), [0, 1])
    for without_proba in (OverallUncertainty(), ContradictoryInformation()):
        with pytest.raises(ValueError, match=r"needs predict_proba.*LinearSVC"):
            without_proba.update(svc, X, y)
    assert not StabilizingPredictions().update(svc, X, y)
    with pytest.raises(ValueError, match="inconsistent numbers"):
        Budget().update(svc, X, y[:2])
    for wrong in (
        Budget(0),
        Budget(1.5),
        StabilizingPredictions(2),
        ClassificationChange(-1),
        OverallUncertainty(measure="votes"),
        OverallUncertainty() | MaxRounds(0),
        Patience(MaxRounds(), 0),
        Patience("MaxRounds"),
    ):
        with pytest.raises((ValueError, TypeError, AttributeError)):
            wrong.update(svc, X, y)
    with pytest.raises(TypeError, match="unsupported operand"):
        Budget() | "MaxRounds"


def test_missing_label_of_the_learner():
    X, answers = load_iris(return_X_y=True)
    y = np.full(len(X), -1)
    y[::30] = answers[::30]
    learner = ActiveLearningClassifier(LogisticRegression(), missing_label=-1)
    for model in (learner, make_pipeline(StandardScaler(), learner)):
        decision = Budget(10).update(model.fit(X, y), X, y)
        assert decision.reason == "5 of 10 labels are used"


@pytest.mark.parametrize("fixed", [False, True])
def test_n_stop_draws_rows_by_seed(fixed):
    X, y = pool(50)
    model = Scripted(proba=[[0.9, 0.1]] * 52)
    kind = StabilizingPredictions if fixed else ClassificationChange
    drawn = []
    for seed in (0, 0, np.random.RandomState(0), 1):
        rule = kind(n_stop=7, random_state=seed)
        rule.update(model, X, y)
        rows = rule.last_[0]
        assert len(set(rows)) == 7
        assert set(rows) <= set(range(50))
        drawn.append(rows.tolist())
    assert drawn[0] == drawn[1] != drawn[3]
    known = drawn[3][:3]
    y[known] = 0
    rule.update(model, X, y)
    stays = set(drawn[3]) if fixed else set(drawn[3][3:])
    assert stays <= set(rule.last_[0])
    assert len(rule.last_[0]) == 7
    assert fixed or not set(rule.last_[0]) & set(known)


# ---------------------------------------------------------------------------------
# Combinations
# ---------------------------------------------------------------------------------


class Script(StoppingRule):
    needs_model = False

    def __init__(self, answers=(), name=""):
        self.answers = answers
        self.name = name

    def _check(self, this_round):
        self.n_ = getattr(self, "n_", -1) + 1
        return self.answers[self.n_], f"{self.name}{self.n_}"


def test_and_or_ask_each_rule_in_each_round():
    p, q = [0, 1, 1, 0], [0, 0, 1, 1]
    both = Script(p, "p") & Script(q, "q")
    found = play(both, [[0, 1]] * 4)
    assert stops(found) == [False, False, True, False]
    assert found[2] == Decision(True, "Script & Script", "p2 and q2")
    assert found[1] == Decision(False, "Script", "q1")
    found = play(Script(p, "p") | Script(q, "q"), [[0, 1]] * 4)
    assert stops(found) == [False, True, True, True]
    assert found[1] == Decision(True, "Script", "p1")
    assert found[2].rule == "Script | Script"
    assert found[0] == Decision(False, "Script | Script", "p0 and q0")
    mixed = Script(p, "p") & (Script(q, "q") | Script([1, 1, 1, 1], "r"))
    assert stops(play(mixed, [[0, 1]] * 4)) == [False, True, True, False]


def test_patience():
    rule = Patience(Script([1, 1, 0, 1, 1, 1, 1], "p"), 3)
    found = play(rule, [[0, 1]] * 7)
    assert stops(found) == [False] * 5 + [True] * 2
    assert found[5] == Decision(True, "Script", "p5, 3 of 3 rounds in a row")
    inside = Patience(Script([1, 1, 1], "p"), 2) | MaxRounds(9)
    assert stops(play(inside, [[0, 1]] * 3)) == [False, True, True]


def test_combined_parameters():
    rule = (OverallUncertainty(0.1) & Patience(ClassificationChange())) | Budget(50)
    assert repr(rule) == (
        "(OverallUncertainty(threshold=0.1) & Patience(rule=ClassificationChange()))"
        " | Budget(max_labels=50)"
    )
    params = rule.get_params()
    assert params["1__max_labels"] == 50
    assert params["0__1__rule__threshold"] == 0.0
    copy = clone(rule).set_params(**{"1__max_labels": 3, "0__0__threshold": 0.2})
    assert copy.get_params()["1__max_labels"] == 3
    assert copy.rules[0].rules[0].threshold == 0.2
    assert rule.rules[1].max_labels == 50
    assert rule.rules[0].rules[0].threshold == 0.1
    assert isinstance(copy.set_params(**{"1": MaxRounds()}).rules[1], MaxRounds)
    for wrong in ("2__max_labels", "n_rounds"):
        with pytest.raises(ValueError, match="Invalid parameter"):
            copy.set_params(**{wrong: 1})


def test_reset_reaches_all_parts():
    rule = Patience(Script([0, 1], "p"), 1) & MaxRounds(2)
    expected = play(rule, [[0, 1]] * 2)
    assert expected[-1]
    assert not any(clone(rule).update(Scripted(), *pool(2)) for _ in range(1))
    assert play(rule.reset(), [[0, 1]] * 2) == expected


def test_rules_that_look_at_the_same_share_a_pass():
    X, y = pool(40)
    model = Scripted(proba=[[0.9, 0.1]] * 42)
    rule = ContradictoryInformation() | ExpectedErrorFlattening()
    rule.update(model, X, y)
    assert model.n_calls == 1
    model = Scripted(labels=[0] * 42)
    rule = StabilizingPredictions() & ClassificationChange() & PredictedChangeOfF()
    rule.update(model, X, y)
    assert model.n_calls == 1


# ---------------------------------------------------------------------------------
# Whole campaigns
# ---------------------------------------------------------------------------------


CAMPAIGN_RULES = [
    StabilizingPredictions() | Budget(60),
    ClassificationChange(0.02) & OverallUncertainty(0.4, measure="least_confidence"),
    Patience(PredictedChangeOfF(0.05), 2),
    OverallUncertainty(0),  # never says stop
    OverallUncertainty(measure="margin") | MaxRounds(4),
    ContradictoryInformation(2) | ExpectedErrorFlattening(0),
    ExpectedErrorFlattening(0.01),
]


@pytest.mark.parametrize("rule", CAMPAIGN_RULES, ids=repr)
@pytest.mark.parametrize("single", [False, True])
def test_campaigns_end(rule, single):
    """With two classes, and with one only, however long it takes."""
    X, answers = make_classification(150, random_state=0)
    answers = np.zeros(150) if single else answers.astype(float)
    learner = ActiveLearningClassifier(
        LogisticRegression(), batch_size=10, random_state=0
    )
    rule, y, decisions = clone(rule), np.full(150, np.nan), []
    for _ in range(15):
        rows = learner.query(X, y)
        y[rows] = answers[rows]
        decisions.append(rule.update(learner.fit(X, y), X, y))
        if decisions[-1]:
            break
    assert decisions[-1]
    n_labels = np.count_nonzero(~np.isnan(y))
    if "Budget" in repr(rule):
        assert n_labels <= 60
    if "MaxRounds" in repr(rule):
        assert n_labels <= 40
    if "threshold=0)" in repr(rule) or (single and "m" not in decisions[-1].rule):
        assert decisions[-1].rule in ("exhausted", "Budget", "MaxRounds")
    assert (n_labels == 150) == (decisions[-1].rule == "exhausted")


def test_a_learner_that_is_not_fitted():
    learner = ActiveLearningClassifier(LogisticRegression())
    with pytest.raises(NotFittedError, match="ActiveLearningClassifier"):
        MaxRounds(3).update(learner, [[0.0], [1.0]], [0, None])


# ---------------------------------------------------------------------------------
# Numbers
# ---------------------------------------------------------------------------------

NUMBERS, ANSWERS = make_regression(200, 4, noise=2.0, random_state=0)


def test_concordance_is_that_of_lin():
    rng = np.random.default_rng(0)
    for _ in range(100):
        a, b = rng.normal(size=(2, 20)) + rng.normal(size=(2, 1))
        covariance = np.mean((a - a.mean()) * (b - b.mean()))
        expected = 2 * covariance / (a.var() + b.var() + (a.mean() - b.mean()) ** 2)
        assert concordance(a, b) == pytest.approx(expected)
    assert concordance(np.ones(3), np.ones(3)) == 1
    assert concordance(np.ones(3), np.zeros(3)) == 0


@pytest.mark.parametrize(
    "rule",
    [
        StabilizingPredictions(0.9, window=1),
        PredictedVariance(0.5),
        PerformancePlateau(NUMBERS, ANSWERS, window=1, min_gain=0.1),
        StabilizingPredictions(0.9, window=1) & PredictedVariance(0.5),
    ],
    ids=repr,
)
def test_rules_end_a_campaign_for_numbers(rule):
    learner = ActiveLearningRegressor(
        BayesianRidge(), budget=150, stopping=rule, random_state=0
    )
    learner.fit(NUMBERS, ANSWERS)
    assert learner.termination_condition_ not in {"budget", "exhausted"}
    assert learner.n_labels_ < 150


def test_the_unit_of_numbers_does_not_matter():
    rule = PredictedVariance(0.2)
    y = np.where(np.arange(200) < 30, ANSWERS, np.nan)
    model = LinearRegression()
    for a, b in [(1, 0), (1e4, 7.0)]:
        learner = ActiveLearningRegressor(model, "std", random_state=0)
        rule.update(learner.fit(NUMBERS, a * y + b), NUMBERS, a * y + b)
    assert rule.history_[0] == pytest.approx(rule.history_[1])


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_rules_for_classes_say_so(rule):
    model = BayesianRidge().fit(NUMBERS, ANSWERS)
    y = np.where(np.arange(200) < 30, ANSWERS, np.nan)
    if "regression" in rule.tasks:
        rule = clone(rule)
        if isinstance(rule, PerformancePlateau):
            rule.set_params(X_val=NUMBERS, y_val=ANSWERS)
        assert not rule.update(model, NUMBERS, y)
        return
    name = type(rule).__name__
    with pytest.raises(ValueError, match=f"{name} is for labels that are classes; Bay"):
        clone(rule).update(model, NUMBERS, y)


def test_a_rule_for_numbers_says_so():
    with pytest.raises(ValueError, match="PredictedVariance is for labels that are nu"):
        PredictedVariance().update(Scripted(labels=[0, 1, 0, 1]), *pool(2))


def test_audit_precision():
    learner = ActiveLearningRegressor(
        BayesianRidge(),
        budget=180,
        audit_fraction=0.3,
        stopping=AuditPrecision(4.0, scoring="neg_root_mean_squared_error"),
        random_state=0,
    )
    learner.fit(NUMBERS, ANSWERS)
    assert learner.termination_condition_ == "AuditPrecision"
    audit = learner.audit(NUMBERS, ANSWERS, scoring="neg_root_mean_squared_error")
    assert audit.interval[1] - audit.interval[0] <= 4.0
    with pytest.raises(ValueError, match="audit_fraction is 0"):
        AuditPrecision().update(
            ActiveLearningRegressor(BayesianRidge()).fit(NUMBERS, ANSWERS),
            NUMBERS,
            np.where(np.arange(200) < 9, ANSWERS, np.nan),
        )
