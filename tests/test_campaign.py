"""Fitting with a budget: the loop, how far it goes, and that it does not peek."""

import gc
import pickle
import warnings
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

from learners import FEW_LABELS, NAMES, Recorder, X, full, make

pytestmark = FEW_LABELS


@pytest.mark.parametrize("name", NAMES)
def test_budgeted_fit_equals_the_loop_by_hand(name):
    params = {"batch_size": 6, "n_members": 3, "random_state": 3}
    budgeted = make(LogisticRegression(), name, budget=28, n_initial=9, **params)
    budgeted.fit(X, full)
    learner = make(LogisticRegression(), name, **params)
    y, order = np.full(150, np.nan), []
    for n_queries in (9, 6, 6, 6, 1):
        rows = learner.query(X, y, n_queries=n_queries)
        order.extend(rows.tolist())
        y[rows] = full[rows]
        learner.fit(X, y)
    assert budgeted.labeled_indices_.tolist() == order
    assert budgeted.n_labels_ == 28
    assert_array_equal(budgeted.history_["n_labels"], [9, 15, 21, 27, 28])
    assert_array_equal(budgeted.history_["n_queried"], [9, 6, 6, 6, 1])
    assert {len(column) for column in budgeted.history_.values()} == {5}
    assert budgeted.termination_condition_ == "budget"
    assert_array_equal(budgeted.predict_proba(X), learner.predict_proba(X))


@pytest.mark.parametrize(
    ("budget", "n_labels", "condition"),
    [
        (1, 1, "budget"),
        (149, 149, "budget"),
        (150, 150, "budget"),
        (151, 150, "exhausted"),
        (10**9, 150, "exhausted"),
        (0.1, 15, "budget"),
        (1.0, 150, "budget"),
        (0.001, 1, "budget"),
        (np.int64(20), 20, "budget"),
        (0.58, 87, "budget"),  # 0.58 * 150 is 86.99999999999999
    ],
)
def test_budgets(budget, n_labels, condition):
    learner = make(budget=budget, batch_size=40).fit(X, full)
    assert learner.n_labels_ == n_labels == len(set(learner.labeled_indices_.tolist()))
    assert learner.termination_condition_ == condition


def test_budget_on_a_partly_labelled_oracle():
    y = np.where(np.arange(150) % 3 == 0, full, np.nan)
    learner = make(budget=20).fit(X, y)
    assert (learner.labeled_indices_ % 3 == 0).all()
    assert make(budget=0.5).fit(X, y).n_labels_ == 25
    with pytest.warns(UserWarning, match="only 50 of 150 rows have a label"):
        learner = make(budget=1000).fit(X, y)
    assert_array_equal(np.sort(learner.labeled_indices_), np.arange(0, 150, 3))
    assert learner.termination_condition_ == "exhausted"


def test_models_of_earlier_rounds_are_let_go():
    alive = weakref.WeakSet()
    most = []

    class Counted(GaussianNB):
        def fit(self, X, y):
            gc.collect()
            most.append(len(alive))
            alive.add(self)
            return super().fit(X, y)

    make(Counted(), "margin", budget=60, batch_size=6).fit(X, full)
    assert len(most) == 10
    assert max(most) <= 2


def test_iris_saves_labels():
    iris, answers = load_iris(return_X_y=True)
    scores = {}
    for name in ("margin", "random"):
        scores[name] = np.mean(
            [
                make(
                    LogisticRegression(max_iter=1000),
                    name,
                    budget=40,
                    n_initial=15,
                    batch_size=5,
                    random_state=seed,
                )
                .fit(iris, answers)
                .score(iris, answers)
                for seed in range(10)
            ]
        )
    assert scores["margin"] > scores["random"]


# No peeking -------------------------------------------------------------------------


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    budget=st.integers(2, 40),
    name=st.sampled_from(NAMES),
    classes=st.sampled_from([[0, 1, 2], ["a", "b", "c"]]),
)
def test_no_peeking(seed, budget, name, classes):
    rng = np.random.default_rng(seed)
    classes = np.array(classes)
    answers = classes[rng.integers(3, size=150)]
    learner = make(
        GaussianNB(), name, budget=budget, batch_size=7, n_members=2, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few rows: equal utilities, zero variances
        learner.fit(X, answers)
        bought = learner.labeled_indices_
        changed = classes[rng.integers(3, size=150)]
        changed[bought] = answers[bought]
        other = clone(learner).fit(X, changed)
    assert_array_equal(other.labeled_indices_, bought)
    assert pickle.dumps(other.estimator_) == pickle.dumps(learner.estimator_)


@pytest.mark.parametrize("other", ["z" * 30, "z"])
def test_no_peeking_at_the_width_of_a_string(other):
    answers = np.array(["a", "b", "c"])[full].astype("U40")
    learner = make(LogisticRegression(), budget=20).fit(X, answers)
    answers[np.setdiff1d(np.arange(150), learner.labeled_indices_)[0]] = other
    again = clone(learner).fit(X, answers)
    assert pickle.dumps(again.estimator_) == pickle.dumps(learner.estimator_)


def test_only_bought_labels_reach_the_estimator_and_the_strategy():
    seen = []

    def spy(estimator, X, y):
        seen.append(y.copy())
        return np.arange(len(X), dtype=float)

    learner = make(Recorder(), spy, budget=30).fit(X, full)
    assert_array_equal(learner.estimator_.y_, full[np.sort(learner.labeled_indices_)])
    for n_known, y in zip((10, 20), seen, strict=True):
        known = learner.labeled_indices_[:n_known]
        assert_array_equal(np.flatnonzero(~np.isnan(y)), np.sort(known))
        assert_array_equal(y[known], full[known])


# Classes that were not bought -------------------------------------------------------


def test_unseen_classes_in_a_budgeted_fit():
    answers = np.where(np.arange(150) == 77, 9, full)
    learner = make(LogisticRegression(), budget=30).fit(X, answers)
    assert 77 not in learner.labeled_indices_
    assert_array_equal(learner.classes_, [0, 1, 2, 9])
    proba = learner.predict_proba(X)
    assert proba.shape == (150, 4)
    assert_array_equal(proba[:, 3], 0)
    assert_allclose(proba[:, :3], learner.estimator_.predict_proba(X))
    assert_array_equal(learner.predict_log_proba(X)[:, 3], -np.inf)
    decision = learner.decision_function(X)
    assert np.isfinite(decision).all()
    assert (decision[:, 3] < decision[:, :3].min(axis=1)).all()


@pytest.mark.parametrize("classes", [["a", "b"], ["a", "b", "c"]])
@pytest.mark.parametrize("only", ["a", "b"])
def test_one_class_seen_in_a_budgeted_fit(classes, only):
    answers = np.full(150, only)
    answers[:3] = (classes * 2)[:3]
    learner = make(LinearSVC(), budget=5).fit(X, answers)
    assert set(answers[learner.labeled_indices_]) == {only}
    decision = learner.decision_function(X)
    assert decision.shape == ((150,) if len(classes) == 2 else (150, 3))
    if len(classes) == 2:
        predicted = learner.classes_[(decision > 0).astype(int)]
    else:
        predicted = learner.classes_[decision.argmax(axis=1)]
    assert set(predicted) == {only}
    proba = make(LogisticRegression(), budget=5).fit(X, answers).predict_proba(X)
    assert_array_equal(proba[:, learner.classes_ == only], 1)


def test_two_of_three_classes_seen():
    answers = np.array(["a", "b", "a"])[full]
    answers[149] = "c"
    learner = make(LinearSVC(), budget=9, random_state=1).fit(X, answers)
    seen = learner.estimator_.classes_.tolist()
    assert seen == ["a", "b"]
    decision = learner.decision_function(X)
    assert_array_equal(learner.classes_[decision.argmax(axis=1)], learner.predict(X))
