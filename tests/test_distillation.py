"""Gains per cost of two label sources: against loops over rows."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils._param_validation import InvalidParameterError

from skactive import ActiveLearningClassifier
from skactive.strategies import Margin
from skactive.strategies._distillation import Distillation

X, labels = make_classification(
    n_samples=150, n_features=6, n_informative=4, n_classes=3, random_state=0
)
KNOWN = np.sort(np.random.default_rng(0).permutation(150)[:40])
POOL = np.setdiff1d(np.arange(150), KNOWN)
y = np.full(150, np.nan)
y[KNOWN] = labels[KNOWN]
MODEL = LogisticRegression().fit(X[KNOWN], labels[KNOWN])
LARGE = GaussianNB().fit(X, labels)
TEACHER = FrozenEstimator(LARGE)


def by_loops(teacher, learner, rows, cost=1.0, annotator_cost=None):
    """Gain per cost of the teacher and of a person, row by row."""
    utilities, sources = [], []
    for row in np.asarray(rows):
        p = dict(
            zip(teacher.classes_.tolist(), teacher.predict_proba([row])[0], strict=True)
        )
        q = dict(
            zip(learner.classes_.tolist(), learner.predict_proba([row])[0], strict=True)
        )
        cross = sum(-p[c] * math.log(max(q.get(c, 0), 1e-6)) for c in p if p[c] > 0)
        entropy = sum(-p[c] * math.log(p[c]) for c in p if p[c] > 0)
        price = cost([row])[0] if callable(cost) else cost
        gains = {"teacher": (cross - entropy) / price}
        if annotator_cost is not None:
            dear = (
                annotator_cost([row])[0] if callable(annotator_cost) else annotator_cost
            )
            gains["annotator"] = cross / dear
        sources.append(max(gains, key=gains.get))
        utilities.append(max(gains.values()))
    return np.array(utilities), np.array(sources)


def by_row(rows):
    return 1 + np.abs(np.asarray(rows)[:, 0])


COSTS = [
    {},
    {"cost": 0.1},
    {"cost": by_row},
    {"annotator_cost": 4},
    {"cost": 2, "annotator_cost": by_row},
    {"cost": by_row, "annotator_cost": 3.5},
]


@pytest.mark.parametrize("costs", COSTS)
def test_frozen_teacher(costs):
    strategy = Distillation(TEACHER, **costs)
    expected, sources = by_loops(LARGE, MODEL, X, **costs)
    found = strategy(MODEL, X)
    assert_allclose(found, expected, rtol=1e-7, atol=1e-9)
    assert (found >= 0).all()
    rows = strategy.select(MODEL, X, y, n_queries=6, random_state=0)
    assert_array_equal(rows, POOL[np.argsort(-expected[POOL])[:6]])
    assigned = strategy.assign(MODEL, X, y, np.arange(150))
    assert_array_equal(assigned, sources)
    if "annotator_cost" in costs:
        assert 10 < (sources == "annotator").sum() < 140  # both are worth asking
    some = [90, 3, 3, 77]
    assert_array_equal(strategy.assign(MODEL, X, y, some), sources[some])


def test_fitted_teacher():
    strategy = Distillation(GaussianNB(), annotator_cost=3)
    by_hand = GaussianNB().fit(X[KNOWN], labels[KNOWN])
    expected, sources = by_loops(by_hand, MODEL, X, 1.0, 3)
    assert_allclose(strategy(MODEL, X, y), expected, rtol=1e-7, atol=1e-9)
    assert_array_equal(strategy.assign(MODEL, X, y, POOL), sources[POOL])
    assert not hasattr(strategy.estimator, "theta_")


def test_principle():
    """The teacher where it is sure and the learner not; a person where it is not."""
    teacher = LogisticRegression(C=1e4).fit([[-1.0], [1.0]], [0, 1])
    learner = LogisticRegression(C=1e-4).fit([[-1.0], [1.0]], [0, 1])  # knows nothing
    rows, nothing = np.array([[5.0], [0.0], [-5.0]]), [None] * 3
    strategy = Distillation(FrozenEstimator(teacher), cost=1, annotator_cost=1.5)
    assert strategy.assign(learner, rows, nothing, [0, 1, 2]).tolist() == [
        "teacher",
        "annotator",
        "teacher",
    ]
    log2 = math.log(2)
    assert_allclose(strategy(learner, rows), [log2, log2 / 1.5, log2], rtol=1e-2)
    # Without people, a row where the teacher is in doubt as well is worth nothing.
    alone = Distillation(FrozenEstimator(teacher))
    assert_allclose(alone(learner, rows), [log2, 0, log2], atol=1e-2)
    assert set(alone.assign(learner, rows, nothing, [0, 1, 2])) == {"teacher"}
    # A learner that agrees has nothing to learn from the teacher.
    assert_array_equal(alone(teacher, rows), 0)


@settings(max_examples=25, deadline=None)
@given(cost=st.floats(1e-3, 1e3), dear=st.floats(1e-3, 1e3), scale=st.floats(1e-2, 1e2))
def test_costs(cost, dear, scale):
    strategy = Distillation(TEACHER, cost, dear)
    found, sources = strategy(MODEL, X), strategy.assign(MODEL, X, y, POOL)
    other = Distillation(TEACHER, cost * scale, dear * scale)
    assert_allclose(other(MODEL, X), found / scale)  # the unit does not matter
    if dear < cost:
        assert (sources == "annotator").all()
    # A third source can only add, and a cheaper one as well.
    assert (found >= Distillation(TEACHER, cost)(MODEL, X) - 1e-12).all()
    cheaper = Distillation(TEACHER, cost, dear / 2)
    assert (cheaper(MODEL, X) >= found - 1e-12).all()
    now = cheaper.assign(MODEL, X, y, POOL)
    assert (now[sources == "annotator"] == "annotator").all()


def test_both_as_good_means_the_teacher():
    sure = LogisticRegression(C=1e4).fit([[-1e4], [1e4]], [0, 1])
    strategy = Distillation(FrozenEstimator(sure), 2.0, 2.0)
    assert strategy.assign(sure, [[9e9]], None, [0]).tolist() == ["teacher"]


@pytest.mark.parametrize("text", [False, True])
def test_classes_that_one_does_not_know(text):
    named = np.array(["b", "cc", "a"])[labels] if text else labels
    first = named[KNOWN] != min(named)
    learner = LogisticRegression().fit(X[KNOWN][first], named[KNOWN][first])
    teacher = GaussianNB().fit(X, named)
    strategy = Distillation(FrozenEstimator(teacher), annotator_cost=2)
    expected, sources = by_loops(teacher, learner, X, 1, 2)
    assert_allclose(strategy(learner, X), expected, rtol=1e-7, atol=1e-9)
    assert_array_equal(strategy.assign(learner, X, None, range(150)), sources)
    assert expected.max() > 5  # a class that the learner does not know


def test_order_of_rows_does_not_matter():
    order = np.random.default_rng(5).permutation(150)
    strategy = Distillation(GaussianNB(), by_row, 4)
    turned = strategy(MODEL, X[order], y[order])
    assert_allclose(turned, strategy(MODEL, X, y)[order])


def test_costs_are_asked_of_the_rows_looked_at():
    asked = []

    def cost(rows):
        asked.extend(rows[:, 0].tolist())
        return np.ones(len(rows))

    rows = [120, 4]
    Distillation(TEACHER, cost, 3).assign(MODEL, X, y, rows)
    assert sorted(asked) == sorted(X[rows, 0])


# What it needs ----------------------------------------------------------------------


def test_errors():
    for name in ("cost", "annotator_cost"):
        for wrong in (0, -1, "dear"):
            with pytest.raises(InvalidParameterError, match=f"'{name}' parameter"):
                Distillation(TEACHER, **{name: wrong})(MODEL, X)
        for wrong in (0.0, -1.0, np.nan, np.inf):
            costs = {name: lambda rows, c=wrong: np.full(len(rows), c)}
            with pytest.raises(ValueError, match=f"{name} of Distillation gave a cost"):
                Distillation(TEACHER, **costs)(MODEL, X)
        with pytest.raises(
            ValueError, match=r"expected one cost per row, shape \(150,\)"
        ):
            Distillation(TEACHER, **{name: lambda rows: [1.0]})(MODEL, X)
    with pytest.raises(InvalidParameterError, match="'estimator' parameter"):
        Distillation()(MODEL, X, y)
    with pytest.raises(ValueError, match="Distillation needs predict_proba"):
        Distillation(LinearSVC())(MODEL, X, y)
    with pytest.raises(ValueError, match="fits its model on the labelled rows"):
        Distillation(GaussianNB())(MODEL, X)
    for wrong in ([150], [-1], [[0]], [0.5], [True]):
        with pytest.raises(ValueError, match="rows must be a list of positions in X"):
            Distillation(TEACHER).assign(MODEL, X, y, wrong)


def test_no_rows():
    assigned = Distillation(TEACHER, annotator_cost=2).assign(MODEL, X, y, [])
    assert assigned.shape == (0,)
    assert assigned.dtype.kind == "U"


def test_one_class_only():
    one = np.where(labels == 1, y, np.nan)
    strategy = Distillation(GaussianNB(), annotator_cost=2)
    assert_array_equal(strategy(MODEL, X, one), 0)
    assert set(strategy.assign(MODEL, X, one, POOL)) == {"annotator"}
    strategy.set_params(annotator_cost=None)
    assert set(strategy.assign(MODEL, X, one, POOL)) == {"teacher"}


def test_what_it_looks_at():
    frozen, fitted = Distillation(TEACHER), Distillation(GaussianNB())
    assert (frozen.pointwise, frozen.uses_labels, frozen.uses_weights) == (1, 0, 0)
    assert (fitted.pointwise, fitted.uses_labels, fitted.uses_weights) == (0, 1, 1)


# In a learner -----------------------------------------------------------------------


def test_learner():
    learner = ActiveLearningClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()),
        Distillation(TEACHER),
        budget=40,
        random_state=0,
    ).fit(X, labels)
    bought = learner.labeled_indices_
    lies = labels.copy()
    others = np.setdiff1d(np.arange(150), bought)
    lies[others] = (lies[others] + 1) % 3
    assert_array_equal(clone(learner).fit(X, lies).labeled_indices_, bought)
    expected, _ = by_loops(LARGE, learner.estimator_, X)
    assert_allclose(learner.score_samples(X), expected, rtol=1e-7, atol=1e-9)
    (record,) = learner.explain_query(X, [7], y)
    assert_allclose(record["utility"], expected[7])
    strategy = learner.strategy
    assert len(strategy.assign(learner.estimator_, X, y, learner.query(X, y))) == 10
    total = (Margin() + strategy)(learner.estimator_, X)
    assert_allclose(total, Margin()(learner.estimator_, X) + expected, atol=1e-8)


def test_grid_search():
    learner = ActiveLearningClassifier(
        LogisticRegression(), Distillation(GaussianNB()), budget=30, random_state=0
    )
    grid = {
        "strategy__annotator_cost": [None, 3.0],
        "strategy__estimator__var_smoothing": [1e-9],
    }
    assert GridSearchCV(learner, grid, cv=2).fit(X, labels).best_score_ > 0.3


def test_texts():
    texts = [f"{a} {b}" for a in ("good", "bad", "odd") for b in "abcdefghijkl"]
    partly = [None if i % 3 == 0 else text.split()[0] for i, text in enumerate(texts)]
    teacher = make_pipeline(TfidfVectorizer(), LogisticRegression(C=99))
    strategy = Distillation(
        teacher, cost=lambda rows: [len(t) for t in rows], annotator_cost=9
    )
    learner = ActiveLearningClassifier(
        make_pipeline(TfidfVectorizer(analyzer="char"), LogisticRegression()), strategy
    ).fit(texts, partly)
    rows = learner.query(texts, partly, n_queries=4)
    assert all(row % 3 == 0 for row in rows)
    sources = strategy.assign(learner.estimator_, texts, partly, rows)
    assert set(sources) <= {"teacher", "annotator"}
