"""Nets of skorch as judges and teachers of a small learner."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
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
    partly = NAMES.astype(object)
    partly[60:] = None
    learner = LogisticRegression().fit(X[:60], NAMES[:60])
    found = Disagreement(net())(learner, X, partly)
    by_hand = net().fit(X[:60], y[:60])
    expected = Disagreement(FrozenEstimator(by_hand))
    codes = LogisticRegression().fit(X[:60], y[:60])
    assert_allclose(found, expected(codes, X), rtol=1e-4, atol=1e-6)
