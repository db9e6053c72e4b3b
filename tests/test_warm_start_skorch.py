"""Nets of skorch go on from their last weights."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skactive import ActiveLearningClassifier
from skactive.classifier import ShrinkPerturb

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

X, Y = load_digits(return_X_y=True)
X, Y = (X[:200] / 16).astype(np.float32), Y[:200]


class Net(torch.nn.Module):
    def __init__(self, n_outputs=10):
        super().__init__()
        self.hidden = torch.nn.Linear(64, 8)
        self.norm = torch.nn.BatchNorm1d(8)
        self.out = torch.nn.Linear(8, n_outputs)

    def forward(self, X):
        return self.out(torch.relu(self.norm(self.hidden(X))))


def make_net(module=Net, **params):
    params = {"max_epochs": 2, "lr": 0.1, "batch_size": 50, **params}
    return skorch.NeuralNetClassifier(
        module,
        criterion=torch.nn.CrossEntropyLoss,
        train_split=None,
        verbose=0,
        **params,
    )


def learner_of(net, **params):
    params = {"warm_start": True, "random_state": 0, **params}
    return ActiveLearningClassifier(net, **params)


def partly(n_known, y=Y):
    labels = np.array(y, dtype=object)
    labels[n_known:] = None
    return labels


def state_of(net):
    """Weights and buffers of a net, or of the one inside what a learner fitted."""
    net = getattr(net, "estimator_", net)
    net = net[-1] if hasattr(net, "steps") else net
    return {name: one.numpy().copy() for name, one in net.module_.state_dict().items()}


def assert_same_state(one, other):
    assert one.keys() == other.keys()
    for name, values in one.items():
        assert_array_equal(values, other[name], err_msg=name)


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_goes_on_as_skorch_does(in_pipeline):
    net = make_net(optimizer=torch.optim.Adam, lr=0.01)
    hand = copy.deepcopy(net).set_params(warm_start=True)
    for n in (100, 200):
        torch.manual_seed(n)
        hand.fit(X[:n], Y[:n])
    if in_pipeline:
        net = make_pipeline(FunctionTransformer(), net)
    learner = learner_of(net, random_state=None)  # torch draws as told above
    names = np.array(list("abcdefghij"))[Y]
    states = []
    for n in (100, 200):
        torch.manual_seed(n)
        last = getattr(learner, "estimator_", None)
        learner.fit(X, partly(n, names))
        states.append(state_of(learner.estimator_))
    assert_same_state(states[1], state_of(hand))
    assert_same_state(states[0], state_of(last.estimator_))  # it stays as it was
    inner = learner.estimator_.estimator_
    inner = inner[-1] if in_pipeline else inner
    assert len(inner.history) == 4
    assert inner.warm_start is False
    assert learner.predict_proba(X).dtype == np.float32


def test_a_plain_fit_afterwards_is_anew():
    learner = learner_of(make_net()).fit(X, partly(100))
    learner.set_params(warm_start=False).fit(X, partly(200))
    assert len(learner.estimator_.estimator_.history) == 2


def test_a_new_class_takes_a_spare_output():
    y = np.where(Y < 5, Y, 7)
    y[100:] = Y[100:]
    learner = learner_of(make_net(max_epochs=20))
    learner.fit(X, partly(100, y)).fit(X, partly(200, y))
    assert len(learner.estimator_.estimator_.history) == 40
    assert_array_equal(learner.classes_, np.arange(10))
    assert_array_equal(learner.estimator_.labels_, [0, 1, 2, 3, 4, 7, 5, 6, 8, 9])
    assert learner.score(X, y) > 0.7  # codes mixed up would be far worse


def test_campaign_equals_the_loop_by_hand():
    for warm_start in (True, ShrinkPerturb()):
        campaign = learner_of(make_net(), warm_start=warm_start, batch_size=30)
        torch.manual_seed(0)
        campaign.set_params(budget=90).fit(X, Y)
        hand = learner_of(make_net(), warm_start=warm_start, batch_size=30)
        torch.manual_seed(0)
        y = partly(0)
        for _ in range(3):
            rows = hand.query(X, y)
            y[rows] = Y[rows]
            hand.fit(X, y)
        assert_same_state(state_of(campaign.estimator_), state_of(hand.estimator_))


def test_pickled_learner_goes_on():
    learner = learner_of(make_net()).fit(X, partly(100))
    loaded = pickle.loads(pickle.dumps(learner))
    for one in (learner, loaded):
        torch.manual_seed(0)
        one.fit(X, partly(200))
    assert_same_state(state_of(learner.estimator_), state_of(loaded.estimator_))
    assert len(loaded.estimator_.estimator_.history) == 4


def test_parameters_set_in_the_meantime_count():
    learner = learner_of(make_net()).fit(X, partly(100))
    learner.set_params(estimator__max_epochs=5).fit(X, partly(200))
    assert len(learner.estimator_.estimator_.history) == 7


def shrunk(noise, seed=0, freeze=False):
    """States of a net before and after a step that learns nothing."""
    learner = learner_of(
        make_net(optimizer=torch.optim.SGD),
        warm_start=ShrinkPerturb(0.5, noise),
        random_state=seed,
    )
    torch.manual_seed(0)
    learner.fit(X, partly(100))
    before = state_of(learner.estimator_)
    if freeze:
        learner.estimator_.estimator_.module_.hidden.requires_grad_(False)
    learner.set_params(estimator__lr=0.0, estimator__max_epochs=1)
    learner.fit(X, partly(100))
    return before, state_of(learner.estimator_)


def test_parameters_are_shrunk_but_not_buffers():
    before, after = shrunk(0.0)
    for name, values in before.items():
        if "running" not in name and "num_batches" not in name:
            assert_allclose(after[name], values / 2, rtol=1e-6, err_msg=name)
    # The buffers are moved by the epoch only, and not shrunk before it.
    assert after["norm.num_batches_tracked"] == before["norm.num_batches_tracked"] + 2
    assert (after["norm.running_var"] > 0.5 * before["norm.running_var"]).any()
    assert all(values.dtype != np.float64 for values in after.values())


def test_noise_has_its_size_and_follows_from_the_random_state():
    before, after = shrunk(0.1)
    noise = after["hidden.weight"] - before["hidden.weight"] / 2
    assert abs(noise.mean()) < 0.02
    assert noise.std() == pytest.approx(0.1, rel=0.1)
    assert_same_state(after, shrunk(0.1)[1])
    assert not np.array_equal(after["out.weight"], shrunk(0.1, seed=1)[1]["out.weight"])


def test_frozen_parameters_stay():
    before, after = shrunk(0.1, freeze=True)
    assert_array_equal(after["hidden.weight"], before["hidden.weight"])
    assert not np.array_equal(after["out.weight"], before["out.weight"])


def test_random_numbers_of_torch_are_untouched():
    from skactive._models.warm_start import WarmStart

    net = make_net().fit(X, Y)
    state = torch.get_rng_state().clone()
    resumed = WarmStart("fit", ShrinkPerturb(), 0).resume(net, make_net(), 1)
    assert torch.equal(torch.get_rng_state(), state)
    assert not np.array_equal(
        state_of(resumed)["out.weight"], state_of(net)["out.weight"]
    )


def test_optimizer_starts_anew_after_shrinking_only():
    net = make_net(optimizer=torch.optim.Adam)
    for warm_start, n_steps in ((True, 2 * 2 + 2 * 4), (ShrinkPerturb(), 2 * 4)):
        learner = learner_of(net, warm_start=warm_start)
        learner.fit(X, partly(100)).fit(X, partly(200))
        states = learner.estimator_.estimator_.optimizer_.state.values()
        assert {int(one["step"]) for one in states} == {n_steps}


def test_bootstrap_members_of_nets():
    learner = learner_of(make_net(), strategy="information_gain", n_members=2)
    learner.fit(X, partly(100)).fit(X, partly(200))
    assert [len(one.estimator_.history) for one in learner.members_] == [4, 4]
    assert len(learner.query(X, partly(150), n_queries=3)) == 3


class Width:
    """A parameter whose repr is its address."""

    def __init__(self, n_hidden):
        self.n_hidden = n_hidden


class Wide(Net):
    def __init__(self, width):
        super().__init__()
        self.hidden = torch.nn.Linear(64, width.n_hidden)
        self.norm = torch.nn.BatchNorm1d(width.n_hidden)
        self.out = torch.nn.Linear(width.n_hidden, 10)


def test_a_copy_of_a_parameter_is_no_other_parameter():
    net = make_net(module=Wide, module__width=Width(6))
    learner = learner_of(net).fit(X, partly(100))
    before = state_of(learner.estimator_)
    learner.set_params(estimator__lr=0.0).fit(X, partly(200))
    after = state_of(learner.estimator_)
    assert_array_equal(after["hidden.weight"], before["hidden.weight"])


@pytest.mark.parametrize(
    "changed",
    [{"module__width": Width(3)}, {"optimizer": torch.optim.Adam}],
    ids=["width", "optimizer"],
)
def test_a_net_of_another_make_is_trained_anew(changed):
    net = make_net(module=Wide, module__width=Width(6))
    learner = learner_of(net).fit(X, partly(100))
    learner.set_params(**{f"estimator__{k}": v for k, v in changed.items()})
    learner.fit(X, partly(200))
    anew = learner_of(net.set_params(**changed)).fit(X, partly(200))
    assert_same_state(state_of(learner.estimator_), state_of(anew.estimator_))
