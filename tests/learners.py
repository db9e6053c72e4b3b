"""What the tests of the learner share: a small pool, and learners for it."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from skactive import ActiveLearningClassifier, get_strategy, get_strategy_names

X, full = make_classification(
    n_samples=150, n_features=6, n_informative=4, n_classes=3, random_state=0
)
NAMES = get_strategy_names(task="classification")
POINTWISE = [name for name in NAMES if get_strategy(name).pointwise]
# Marks of tests that run over all strategies, on few labels.
FEW_LABELS = [
    # Few members are soon told all that they can be told, as batch_bald warns.
    pytest.mark.filterwarnings("ignore:.*can be told:UserWarning"),
    # Few labels: nothing is learnt of losses.
    pytest.mark.filterwarnings("ignore:.*falls back on:UserWarning"),
]


def inner_for(name):
    needs = {need for leaf in get_strategy(name).leaves() for need in leaf.needs}
    return LogisticRegression() if "last_layer" in needs else GaussianNB()


def partly(n_labeled=30, labels=full):
    y = np.full(len(labels), None, dtype=object)
    y[:n_labeled] = labels[:n_labeled]
    return y


def make(estimator=None, strategy="margin", **params):
    estimator = GaussianNB() if estimator is None else estimator
    params = {"initial_strategy": "random", "random_state": 0} | params
    return ActiveLearningClassifier(estimator, strategy, **params)


class Recorder(ClassifierMixin, BaseEstimator):
    """Remembers what it was fitted on."""

    def fit(self, X, y, sample_weight=None):
        self.X_, self.y_, self.sample_weight_ = X, y, sample_weight
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))
