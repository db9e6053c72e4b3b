"""The learner with estimators that need codes for labels."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from learners import FEW_LABELS, POINTWISE, X, full, make, partly
from skactive import get_strategy
from skactive._models.encoded import EncodedClassifier

pytestmark = FEW_LABELS


class Picky(SGDClassifier):
    """Refuses all labels but 0, 1, ..., k - 1."""

    __module__ = "xgboost.sklearn"

    def fit(self, X, y, **params):
        if not np.array_equal(np.unique(y), np.arange(len(np.unique(y)))):
            raise ValueError(f"labels must be 0 to k - 1, got {np.unique(y)}")
        return super().fit(X, y, **params)


@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: make_pipeline(e)])
@pytest.mark.parametrize("labels", [np.array([3, 7, 12]), np.array(["a", "b", "c"])])
def test_estimators_that_need_codes(wrap, labels):
    answers = labels[full]
    learner = make(wrap(Picky(loss="log_loss", random_state=0)), batch_size=5)
    y = np.full(150, None, dtype=object)
    y[np.flatnonzero(full == 2)[:3]] = labels[2]
    y[np.flatnonzero(full == 0)[:3]] = labels[0]
    for _ in range(5):
        learner.fit(X, y)
        assert set(learner.predict(X)) <= set(answers)
        rows = learner.query(X, y)
        y[rows] = answers[rows]
    learner.fit(X, y)
    assert isinstance(learner.estimator_, EncodedClassifier)
    plain = make(SGDClassifier(loss="log_loss", random_state=0)).fit(X, y)
    assert_array_equal(plain.predict(X), learner.predict(X))
    assert_allclose(plain.predict_proba(X), learner.predict_proba(X))
    assert plain.score(X, answers) == learner.score(X, answers)


COMMITTEES = {
    "bagging": BaggingClassifier(Picky(loss="log_loss"), n_estimators=3),
    "voting": VotingClassifier([("a", Picky(loss="log_loss")), ("b", GaussianNB())]),
    "pipeline": make_pipeline(
        StandardScaler(), BaggingClassifier(Picky(loss="log_loss"), n_estimators=3)
    ),
}


@pytest.mark.parametrize(
    "name", [name for name in POINTWISE if name != "expected_model_change"]
)
@pytest.mark.parametrize("committee", COMMITTEES)
def test_committees_that_need_codes(committee, name):
    if committee == "voting" and "members" not in get_strategy(name).leaves()[0].needs:
        name = "vote_entropy"  # hard votes give no probabilities
    learner = make(COMMITTEES[committee], name)
    answers = np.array(["a", "b", "c"])[full]
    learner.fit(X, np.where(np.arange(150) < 40, answers, None))
    assert isinstance(learner.estimator_, EncodedClassifier)
    assert learner.members_ is None
    assert len(set(learner.query(X[1:]).tolist())) == 10


def test_codes_in_a_grid():
    inner = Pipeline([("model", GaussianNB())])
    grid = GridSearchCV(inner, {"model": [Picky(random_state=0), GaussianNB()]}, cv=2)
    learner = make(grid).fit(X, np.array(["a", "b", "c"])[full])
    assert isinstance(learner.estimator_, EncodedClassifier)


def test_score_is_that_of_the_inner_estimator():
    for encode_labels in (False, True):
        inner = GridSearchCV(GaussianNB(), {}, cv=2, scoring="neg_log_loss")
        learner = make(inner, encode_labels=encode_labels).fit(X, full + 3)
        expected = clone(inner).fit(X, full).score(X, full)
        assert learner.score(X, full + 3) == pytest.approx(expected)
    learner = make(GaussianNB(), encode_labels=True, budget=3).fit(X, full)
    assert learner.score(X, np.where(full == 0, 7, full)) <= (full != 0).mean()


def test_encode_labels_can_be_said():
    with pytest.raises(ValueError, match="labels must be 0 to k"):
        make(Picky(), encode_labels=False).fit(X, np.array([3, 7, 12])[full])
    learner = make(LogisticRegression(), encode_labels=True).fit(X, full + 5)
    assert_array_equal(learner.estimator_.estimator_.classes_, [0, 1, 2])
    assert_array_equal(learner.classes_, [5, 6, 7])


def test_class_weight_by_the_users_labels():
    answers = np.array(["ham", "ham", "spam"])[full]
    light, heavy = (
        make(LogisticRegression(class_weight={"spam": w, "ham": 1}), "information_gain")
        .fit(X, partly(60, answers))
        .predict(X)
        for w in (0.01, 100)
    )
    assert (light == "spam").mean() < 0.1
    assert (heavy == "spam").mean() > 0.6
