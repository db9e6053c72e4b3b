"""Nets of skorch as regressors: members without further fits, and hidden layers."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skactive import ActiveLearningRegressor

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 3)).astype(np.float32)
full = (X @ [1.0, 2.0, -1.0]).astype(np.float32)
y = np.where(np.arange(120) < 20, full, np.float32(np.nan))


class Module(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(3, 8)
        self.dropout = torch.nn.Dropout(0.2)
        self.last = torch.nn.Linear(8, 1)

    def forward(self, X):
        hidden = self.dropout(torch.relu(self.first(X)))
        return self.last(hidden).squeeze(-1)


def make(strategy, **params):
    torch.manual_seed(0)
    net = skorch.NeuralNetRegressor(
        Module, max_epochs=3, verbose=0, train_split=None, lr=0.05
    )
    return ActiveLearningRegressor(net, strategy, random_state=0, **params).fit(X, y)


@pytest.mark.parametrize(
    "strategy",
    ["std", "epig", "integrated_variance", "expected_model_change", "bait", "lcmd"],
)
def test_strategies_serve_a_net(strategy):
    learner = make(strategy)
    assert learner.history_["n_fits"].tolist() == [1]  # masks need no fits
    chosen = learner.query(X, y, 6)
    assert len(set(chosen.tolist())) == 6
    assert_array_equal(make(strategy).query(X, y, 6), chosen)
    assert learner.predict(X).shape == (120,)


def test_members_are_dropout_masks():
    learner = make("std", members="dropout", n_members=7)
    answers = learner.members_(X)
    assert answers.shape[:2] == (7, 120)
    deviations = answers.reshape(7, 120).std(axis=0)
    np.testing.assert_allclose(learner.score_samples(X), deviations, rtol=1e-4)


def test_lcmd_looks_at_the_hidden_layer():
    hidden = make("lcmd").query(X, y, 6)
    inputs = make("lcmd")
    inputs.set_params(strategy__embedding="input")
    assert set(hidden.tolist()) != set(inputs.query(X, y, 6).tolist())
