"""Members of the learner: when they are fitted, on what, and what they give."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.ensemble import RandomForestClassifier

from learners import Recorder, X, full, make, partly
from skactive import get_strategy, measures
from skactive.strategies import Entropy, InformationGain, Margin


def test_members_are_fitted_only_when_needed():
    assert make(strategy="margin").fit(X, partly()).members_ is None
    forest = RandomForestClassifier(n_estimators=5)
    assert make(forest, "information_gain").fit(X, partly()).members_ is None
    learner = make(strategy=Margin() + Entropy()).fit(X, partly())
    assert learner.members_ is None
    params = {"members": "bootstrap", "n_members": 4}
    learner = make(strategy="information_gain", **params).fit(X, partly())
    assert len(learner.members_) == 4
    mixture = 0.1 * Margin() + InformationGain()
    assert len(make(strategy=mixture, **params).fit(X, partly()).members_) == 4


def test_a_part_that_needs_no_members_gets_the_estimator_itself():
    seen = []

    def spy(estimator, X, y):
        seen.append(estimator)
        return np.arange(len(X), dtype=float)

    learner = make(strategy=InformationGain() + get_strategy(spy)).fit(X, partly())
    learner.query(X)
    assert seen[-1] is learner.estimator_


def test_members_see_every_class_and_differ():
    rare = np.where(np.arange(150) == 0, "rare", np.where(full > 0, "b", "a"))
    learner = make(Recorder(), "vote_entropy", n_members=25)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        learner.fit(X, partly(20, rare))
    for member in learner.members_:
        assert member.classes_.tolist() == ["a", "b", "rare"]
        assert len(member.y_) == 20
    assert len({member.X_.tobytes() for member in learner.members_}) == 25


def test_members_give_the_utilities():
    learner = make(strategy="information_gain", members="bootstrap").fit(X, partly())
    proba = np.stack([member.predict_proba(X) for member in learner.members_])
    expected = measures.information_gain(proba)
    assert expected.max() > 0
    assert_array_equal(learner.score_samples(X), expected)


def test_members_missing_after_a_change_of_strategy():
    learner = make().fit(X, partly()).set_params(strategy="information_gain")
    with pytest.raises(ValueError, match="Call fit again"):
        learner.query(X)
