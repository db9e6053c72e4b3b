"""Errors of needs name what the estimator at hand can serve."""

import re

import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

from skactive import ActiveLearningClassifier, get_strategy

X, Y = load_iris(return_X_y=True)
HARD = VotingClassifier(
    [("bayes", GaussianNB()), ("linear", LogisticRegression(max_iter=1000))]
)
TREES = RandomForestClassifier(5, random_state=0)


@pytest.mark.parametrize(
    ("estimator", "strategy", "served", "not_served"),
    [
        (HARD, "margin", {"vote_entropy", "random"}, {"entropy", "bait"}),
        (LinearSVC(), "entropy", {"margin", "k_center"}, {"badge", "expected_error"}),
        (TREES, "bait", {"information_gain", "entropy"}, {"bait"}),
    ],
)
def test_errors_name_what_can_be_served(estimator, strategy, served, not_served):
    learner = ActiveLearningClassifier(estimator, strategy, budget=30, random_state=0)
    with pytest.raises(ValueError, match="It can serve ") as error:
        learner.fit(X, Y)
    named = set(re.findall(r"'(\w+)'", str(error.value).split("It can serve ")[1]))
    assert served <= named
    assert not not_served & named
    for name in sorted(served):  # and so it does
        learner.set_params(strategy=name).fit(X, Y)
        assert learner.n_labels_ == 30


def test_without_a_learner_no_members_are_made():
    model = LinearSVC().fit(X, Y)
    with pytest.raises(ValueError, match="It can serve ") as error:
        get_strategy("entropy").select(model, X, n_queries=1)
    assert "'vote_entropy'" not in str(error.value)
    assert "'margin'" in str(error.value)
