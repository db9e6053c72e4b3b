"""What the extra ``torch`` brings besides nets: snapshots, and a clear message."""

import builtins
import importlib
import pickle
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal


def test_message_without_skorch(monkeypatch):
    real = builtins.__import__

    def without_skorch(name, *args, **kwargs):
        if name.partition(".")[0] == "skorch":
            raise ImportError(f"No module named {name!r}")
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "skactive.torch", raising=False)
    monkeypatch.setattr(builtins, "__import__", without_skorch)
    with pytest.raises(ImportError, match=r"pip install 'skactive\[torch\]'"):
        importlib.import_module("skactive.torch")


@pytest.fixture
def make_net():
    torch = pytest.importorskip("torch")
    skorch = pytest.importorskip("skorch")
    torch.set_num_threads(1)
    torch.manual_seed(0)

    def make(callbacks, **params):
        module = torch.nn.Sequential(
            torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 3)
        )
        defaults = {"max_epochs": 8, "lr": 0.1, "train_split": None, "verbose": 0}
        return skorch.NeuralNetClassifier(
            module,
            criterion=torch.nn.CrossEntropyLoss,
            callbacks=callbacks,
            **{**defaults, **params},
        )

    return make


def rows(n=40):
    rng = np.random.RandomState(0)
    X = rng.randn(n, 4).astype(np.float32)
    return X, (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0)


@pytest.mark.parametrize(
    ("n_snapshots", "max_epochs", "at"),
    [
        (4, 8, [2, 4, 6, 8]),
        (3, 8, [3, 6, 8]),
        (2, 2, [1, 2]),
        (5, 20, [4, 8, 12, 16, 20]),
    ],
)
def test_snapshots_are_taken_at_the_end_of_equal_parts(
    make_net, n_snapshots, max_epochs, at
):
    from skorch.callbacks import Callback

    from skactive._models.nets import snapshot_proba
    from skactive.torch import Snapshots

    X, y = rows()
    known = []

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            known.append(net.predict_proba(X))

    net = make_net([Snapshots(n_snapshots), Watch()], max_epochs=max_epochs).fit(X, y)
    found = snapshot_proba(net, X)
    assert found.dtype == np.float32
    assert_allclose(found, [known[epoch - 1] for epoch in at], atol=1e-6)
    assert_array_equal(found[-1], net.predict_proba(X))
    assert np.abs(found[0] - found[-1]).max() > 1e-4


def test_snapshots_are_of_the_last_training(make_net):
    from skactive._models.nets import snapshot_proba
    from skactive.torch import Snapshots

    X, y = rows()
    net = make_net([("snapshots", Snapshots(2))])
    callback = dict(net.fit(X, y).callbacks_)["snapshots"]
    first = callback.snapshots_[-1]["module_"]["0.weight"].clone()
    copy = pickle.loads(pickle.dumps(net))
    assert_array_equal(snapshot_proba(copy, X), snapshot_proba(net, X))
    net.partial_fit(X, y)
    assert len(callback.snapshots_) == 2
    assert (callback.snapshots_[0]["module_"]["0.weight"] != first).any()


@pytest.mark.parametrize("n_snapshots", [1, 9, 2.5, None])
def test_number_of_snapshots(make_net, n_snapshots):
    from skactive.torch import Snapshots

    with pytest.raises(ValueError, match="n_snapshots must be an int of 2 to 8"):
        make_net([Snapshots(n_snapshots)]).fit(*rows())


def test_training_stopped_too_early(make_net):
    from skorch.callbacks import Callback

    from skactive import ActiveLearningClassifier
    from skactive.torch import Snapshots

    class Stop(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 4:
                raise KeyboardInterrupt  # skorch ends the training then

    net = make_net([Snapshots(2), Stop()])
    learner = ActiveLearningClassifier(net, "information_gain", members="snapshots")
    with pytest.raises(ValueError, match="one that took 1 snapshots; two are needed"):
        learner.fit(*rows())
    # Where nothing is said, others take their place.
    learner.set_params(members="auto", n_members=2).fit(*rows())
    assert len(learner.members_) == 2
