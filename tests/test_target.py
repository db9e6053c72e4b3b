"""The seam between the learner and the kind of its labels."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import r2_score

from skactive import ActiveLearningRegressor
from skactive._models.target import Classes

Y = ["b", None, "a", "b", np.nan, "c"]


def test_known_rows_and_their_values():
    target = Classes.of(Y)
    assert len(target) == 6
    assert target.known.tolist() == [0, 2, 3, 5]
    assert target.values(np.array([5, 0])).tolist() == ["c", "b"]
    assert target.summary.tolist() == ["a", "b", "c"]
    assert target.visible().tolist() == ["b", None, "a", "b", None, "c"]


def test_only_hides_all_other_labels():
    shown = Classes.of(Y).only(np.array([3]))
    assert shown.known.tolist() == [3]
    assert shown.visible().tolist() == [None, None, None, "b", None, None]


def test_take_cuts_labels_like_rows():
    part = Classes.of(Y).take(np.array([1, 2, 5]))
    assert part.visible().tolist() == [None, "a", "c"]


@pytest.mark.parametrize("missing_label", [-1, "none"])
def test_marks_of_missing_labels(missing_label):
    y = np.array([missing_label, "x", "y"] if missing_label == "none" else [-1, 4, 2])
    assert Classes.of(y, missing_label).known.tolist() == [1, 2]


def test_one_class_is_not_enough():
    assert not Classes.are_enough(Classes.seen(np.array(["a", "a"])))
    assert Classes.are_enough(Classes.seen(np.array(["a", "b"])))


def test_a_stand_in_predicts_the_class_seen():
    X = np.arange(4.0)[:, np.newaxis]
    constant = Classes.stand_in(X, np.array(["a"]), np.array([2]))
    assert constant.predict(X).tolist() == ["a"] * 4
    assert Classes.is_stand_in(constant, LogisticRegression())
    assert not Classes.is_stand_in(constant, DummyClassifier())


def test_align_puts_columns_where_their_classes_are():
    columns = np.array([[0.25, 0.75]])
    found = Classes.align(columns, np.array([1, 5]), np.array([0, 1, 3, 5]), fill=-1)
    assert_array_equal(found, [[-1, 0.25, -1, 0.75]])
    assert Classes.align(columns, np.array([1, 5]), np.array([1, 5])) is columns


def test_made_up_labels_hold_every_class():
    made_up = Classes.made_up(np.array(["b", "a", "b"]), 5)
    assert len(made_up) == 5
    assert set(made_up.tolist()) == {"a", "b"}


@pytest.fixture
def line():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2))
    return X, X @ [2.0, -1.0] + 0.1 * rng.normal(size=80)


def test_the_loop_runs_on_another_kind_of_labels(line):
    X, y = line
    learner = ActiveLearningRegressor(
        LinearRegression(), "random", budget=20, batch_size=5, random_state=0
    )
    learner.fit(X, y)
    assert learner.history_["n_labels"].tolist() == [5, 10, 15, 20]
    rows = learner.labeled_indices_
    plain = LinearRegression().fit(X[np.sort(rows)], y[np.sort(rows)])
    assert_array_equal(learner.predict(X), plain.predict(X))


def test_by_hand_is_by_budget_on_another_kind_of_labels(line):
    X, y = line
    params = {"strategy": "k_center", "batch_size": 5, "random_state": 0}
    bought = ActiveLearningRegressor(LinearRegression(), budget=15, **params).fit(X, y)
    by_hand, known = (
        ActiveLearningRegressor(LinearRegression(), **params),
        np.full(len(y), np.nan),
    )
    order = []
    for _ in range(3):
        rows = by_hand.query(X, known)
        known[rows] = y[rows]
        order += rows.tolist()
        by_hand.fit(X, known)
    assert bought.labeled_indices_.tolist() == order
    assert len(np.unique(order)) == 15


def test_an_audit_of_another_kind_of_labels(line):
    X, y = line
    learner = ActiveLearningRegressor(
        LinearRegression(), "random", budget=40, audit_fraction=0.5, random_state=0
    )
    audit = learner.fit(X, y).audit(X, y)
    rows = learner.audit_indices_[: audit.n_audited]
    assert audit.estimate == r2_score(y[rows], learner.predict(X[rows]))
    assert audit.n_audited == 20
    assert str(audit).startswith("r2 ")
