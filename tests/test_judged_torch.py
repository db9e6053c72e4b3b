"""Nets of skorch as judges and teachers of a small learner."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from skactive import ActiveLearningClassifier, get_strategy
from skactive.strategies import Entropy
from skactive.strategies._disagreement import Disagreement
from skactive.strategies._distillation import Distillation
from skactive.strategies._judged import Judged

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

X, y = load_digits(return_X_y=True)
X, y = (X[:400] / 16).astype(np.float32), y[:400]
NAMES = np.array(list("abcdefghij"))[y]


class Softmax(torch.nn.Module):
    def __init__(self, n_outputs=10):
        super().__init__()
        self.linear = torch.nn.Linear(64, n_outputs)

    def forward(self, X):
        assert X.dtype == torch.float32
        return torch.softmax(self.linear(X), dim=-1)


def net():
    torch.manual_seed(0)
    return skorch.NeuralNetClassifier(
        Softmax, max_epochs=3, lr=0.5, train_split=None, verbose=0
    )


def test_frozen_net():
    large = net().fit(X, y)
    judge = FrozenEstimator(large)
    assert_array_equal(Judged("entropy", judge)(None, X), Entropy()(large, X))
    learner = ActiveLearningClassifier(
        LogisticRegression(), Distillation(judge, annotator_cost=3.0), random_state=0
    ).fit(X[:30], y[:30])
    partly = np.where(np.arange(400) < 30, y, np.nan)
    rows = learner.query(X, partly)
    sources = learner.strategy.assign(learner.estimator_, X, partly, rows)
    assert set(sources) <= {"teacher", "annotator"}
    before = [p.detach().clone() for p in large.module_.parameters()]
    learner.set_params(strategy=Disagreement(judge)).query(X, partly)
    for old, new in zip(before, large.module_.parameters(), strict=True):
        assert torch.equal(old, new)


@pytest.mark.parametrize("name", ["margin", "information_gain"])
def test_net_that_is_fitted_on_names(name):
    strategy = get_strategy(name, estimator=net()).set_params(n_members=2)
    learner = ActiveLearningClassifier(
        LogisticRegression(), strategy, budget=50, n_initial=40, random_state=0
    ).fit(X, NAMES)
    assert learner.n_labels_ == 50


def test_disagreement_with_a_net_that_is_fitted():
    named = NAMES.astype(object)
    named[60:] = None
    coded = np.where(np.arange(400) < 60, y, np.nan)
    learners = [LogisticRegression().fit(X[:60], labels[:60]) for labels in (NAMES, y)]
    found = Disagreement(net())(learners[0], X, named)
    assert_allclose(found, Disagreement(net())(learners[1], X, coded), rtol=1e-4)
    other = Disagreement(net(), random_state=1)(learners[1], X, coded)
    assert not np.allclose(found, other, rtol=1e-3)


class Dropout(Softmax):
    def __init__(self):
        super().__init__()
        self.dropout = torch.nn.Dropout(0.5)

    def forward(self, X):
        return super().forward(self.dropout(X))


def test_frozen_net_with_dropout_is_a_committee():
    large = net().set_params(module=Dropout).fit(X, y)
    judged = get_strategy("information_gain", estimator=FrozenEstimator(large))
    utilities = judged(None, X)
    assert np.ptp(utilities) > 0.01
    assert_array_equal(utilities, judged(None, X))
    few = judged.set_params(members="dropout", n_members=2)(None, X)
    assert not np.allclose(few, utilities)
    with pytest.raises(NotFittedError, match="frozen, but has not been fitted"):
        get_strategy("information_gain", estimator=FrozenEstimator(net()))(None, X)
    with pytest.raises(ValueError, match="InformationGain needs a committee"):
        get_strategy("information_gain", estimator=FrozenEstimator(net().fit(X, y)))(
            None, X
        )
