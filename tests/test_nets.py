"""Nets of skorch: hidden features, members, seeds, and whole campaigns on the CPU."""

import itertools
import pickle

import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from skorch.callbacks import Callback  # noqa: E402
from torch import nn  # noqa: E402

from skactive import (  # noqa: E402
    ActiveLearningClassifier,
    get_strategy,
)
from skactive._data import chunks  # noqa: E402
from skactive._models import nets  # noqa: E402
from skactive._models.encoded import EncodedClassifier  # noqa: E402
from skactive._models.last_layer import l2_penalty, last_layer  # noqa: E402
from skactive._models.training import NetMembers  # noqa: E402
from skactive._models.vectors import embed  # noqa: E402
from skactive._models.wrappers import Fitted  # noqa: E402
from skactive.torch import Snapshots  # noqa: E402

torch.set_num_threads(1)
torch.manual_seed(0)

IMAGES, DIGITS = load_digits(return_X_y=True)
IMAGES = (IMAGES.reshape(-1, 1, 8, 8) / 16).astype(np.float32)[:200]
DIGITS = DIGITS[:200]
NAMES = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven"])


class Conv(nn.Module):
    """Its layers are not called in the order in which they are defined."""

    def __init__(self, n_hidden=16, p=0.3, n_outputs=10):
        super().__init__()
        self.out = nn.Linear(n_hidden, n_outputs)
        self.drop = nn.Dropout(p)
        self.hidden = nn.Linear(72, n_hidden)
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout2d(p)
        )

    def features(self, x):
        x = nn.functional.max_pool2d(self.body(x), 2).flatten(1)
        return torch.relu(self.hidden(x))

    def forward(self, x):
        assert x.dtype == torch.float32
        assert x.shape[1:] == (1, 8, 8)
        return self.out(self.drop(self.features(x)))


class Dense(nn.Module):
    def __init__(self, n_inputs=2, n_hidden=3, n_outputs=3, p=0.4):
        super().__init__()
        self.first = nn.Linear(n_inputs, n_hidden)
        self.drop = nn.Dropout(p)
        self.second = nn.Linear(n_hidden, n_outputs)

    def forward(self, x):
        return self.second(self.drop(torch.tanh(self.first(x))))


def make_net(module=Conv, **params):
    defaults = {
        "criterion": nn.CrossEntropyLoss,
        "optimizer": torch.optim.Adam,
        "lr": 0.01,
        "max_epochs": 5,
        "batch_size": 32,
        "train_split": None,
        "verbose": 0,
    }
    return skorch.NeuralNetClassifier(module, **{**defaults, **params})


@pytest.fixture(scope="module")
def conv():
    torch.manual_seed(0)
    return make_net(callbacks=[Snapshots(3)]).fit(IMAGES, DIGITS)


@pytest.fixture(scope="module")
def dense():
    torch.manual_seed(0)
    X = np.random.RandomState(0).randn(90, 2).astype(np.float32)
    y = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0.5)
    return make_net(Dense, module__p=0.4, max_epochs=20).fit(X, y)


def tiny_rows(n=7):
    return np.random.RandomState(1).randn(n, 2).astype(np.float32)


def everything(net):
    """What a function that only asks must leave as it was."""
    parts = [net.module_, *net.module_.modules(), net.criterion_]
    return (
        {k: v.numpy().tobytes() for k, v in net.module_.state_dict().items()},
        [part.training for part in parts],
        [(len(p._forward_hooks), len(p._forward_pre_hooks)) for p in parts],
        [p.requires_grad for p in net.module_.parameters()],
        [p.grad is None for p in net.module_.parameters()],
        sorted(vars(net)),
        torch.get_rng_state().numpy().tobytes(),
    )


# ---------------------------------------------------------------------------------
# The last layer
# ---------------------------------------------------------------------------------


def test_hidden_features_are_those_of_the_module(conv):
    features, proba, n_outputs = nets.last_linear_layer(conv, IMAGES)
    module = conv.module_.eval()
    with torch.no_grad():
        expected = module.features(torch.from_numpy(IMAGES)).numpy()
    assert features.dtype == np.float32
    assert features.flags.c_contiguous
    assert_allclose(features, expected, atol=1e-5)
    assert_allclose(proba, conv.predict_proba(IMAGES), atol=1e-6)
    assert n_outputs == 10
    # The features explain the probabilities, as BAIT and others take for granted.
    weight, bias = (it.detach().numpy() for it in module.out.parameters())
    logits = features @ weight.T + bias
    ratios = np.log(proba[:, :1] / proba)
    assert_allclose(ratios, logits[:, :1] - logits, atol=1e-2)


@pytest.mark.parametrize(
    "ask",
    [
        lambda net: nets.last_linear_layer(net, IMAGES),
        lambda net: nets.dropout_proba(net, IMAGES, 3, 0),
        lambda net: nets.snapshot_proba(net, IMAGES),
    ],
)
def test_net_is_unchanged(conv, ask):
    conv.module_.train()
    conv.module_.body.eval()
    conv.criterion_.train()
    before = everything(conv)
    ask(conv)
    assert everything(conv) == before
    # Neither do errors change anything.
    with pytest.raises(AssertionError):
        nets.last_linear_layer(conv, IMAGES[:, :, :3])
    assert everything(conv) == before


def test_no_linear_layer():
    net = make_net(
        lambda: nn.Sequential(nn.Conv2d(1, 10, 8), nn.Flatten()), max_epochs=1
    ).fit(IMAGES, DIGITS)
    with pytest.raises(ValueError, match=r"calls no torch\.nn\.Linear.*embedding="):
        embed(net, IMAGES)
    vectors = embed(net, IMAGES, "input")
    assert np.shares_memory(vectors, IMAGES)
    assert vectors.shape == (200, 64)


def test_inputs_of_the_last_layer_must_be_vectors():
    net = make_net(
        lambda: nn.Sequential(nn.Flatten(2), nn.Linear(64, 10), nn.Flatten()),
        max_epochs=1,
    ).fit(IMAGES, DIGITS)
    with pytest.raises(ValueError, match=r"an array of shape \(\d+, 1, 64\).*features"):
        embed(net, IMAGES)


def test_last_linear_layer_must_be_the_last_one():
    net = make_net(
        lambda: nn.Sequential(
            nn.Flatten(),
            nn.Linear(64, 5),
            nn.Unflatten(1, (5, 1)),
            nn.Conv1d(5, 10, 1),
            nn.Flatten(),
        ),
        max_epochs=1,
    ).fit(IMAGES, DIGITS)
    assert embed(net, IMAGES).shape == (200, 64)
    with pytest.raises(ValueError, match=r"has 5 outputs for 10 classes.*features="):
        get_strategy("expected_model_change")(net, IMAGES)


def test_embedding_of_wrappers(conv):
    expected = nets.last_linear_layer(conv, IMAGES)[0]
    for estimator in (
        make_pipeline(FunctionTransformer(), FrozenEstimator(conv)).fit(IMAGES, DIGITS),
        make_pipeline(FrozenEstimator(conv)).fit(IMAGES, DIGITS),
        Fitted(conv),
        FrozenEstimator(conv),
    ):
        assert_array_equal(embed(estimator, IMAGES), expected)
        assert_array_equal(embed(estimator, IMAGES, "last_layer"), expected)
        assert np.shares_memory(embed(estimator, IMAGES, "input"), IMAGES)
    # Before it is fitted a net has no hidden features.
    for estimator in (clone(conv), make_pipeline(clone(conv))):
        assert np.shares_memory(embed(estimator, IMAGES), IMAGES)
        with pytest.raises(ValueError, match="needs a fitted net or linear"):
            embed(estimator, IMAGES, "last_layer")


def test_strategies_use_hidden_features(conv):
    y = np.full(len(IMAGES), np.nan)
    y[:20] = DIGITS[:20]
    hidden = nets.last_linear_layer(conv, IMAGES)[0]
    for name in ("k_center", "badge", "typiclust", "information_density"):
        options = {"n_queries": 5, "random_state": 0}
        chosen = get_strategy(name).select(conv, IMAGES, y, **options)
        named = get_strategy(name).set_params(embedding=lambda X: hidden)
        assert_array_equal(named.select(conv, IMAGES, y, **options), chosen)
        other = get_strategy(name).set_params(embedding="input")
        assert set(other.select(conv, IMAGES, y, **options)) != set(chosen)


def test_binary_net():
    y = (DIGITS > 4).astype(np.float32)
    net = skorch.NeuralNetBinaryClassifier(
        Conv, module__n_outputs=1, max_epochs=2, train_split=None, verbose=0
    ).fit(IMAGES, y)
    layer = last_layer(net, IMAGES)
    assert layer.proba.shape == (200, 2)
    assert layer.features.shape == (200, 16)
    utilities = get_strategy("expected_model_change")(net, IMAGES)
    norms = np.sqrt(1 + (layer.features.astype(float) ** 2).sum(axis=1))
    expected = 2 * norms * layer.proba.prod(axis=1)
    assert_allclose(utilities, expected, rtol=1e-4)


def test_l2_penalty(conv, dense):
    assert l2_penalty(conv, 50) == (1.0, 0.0)
    net = make_net(optimizer__weight_decay=0.01, max_epochs=1).fit(IMAGES, DIGITS)
    assert l2_penalty(net, 50) == (0.5, 0.5)
    net.optimizer_.param_groups.append({"weight_decay": 0.2, "params": []})
    assert l2_penalty(net, 50) == (1.0, 0.0)


def test_spare_outputs_do_not_count():
    """Ten outputs, three labels: as if the net had three."""
    rows = DIGITS < 3
    net = EncodedClassifier(make_net()).fit(IMAGES[rows], NAMES[DIGITS[rows]])
    assert net.estimator_.predict_proba(IMAGES).shape == (200, 10)
    assert net.predict_proba(IMAGES).shape == (200, 3)
    utilities = get_strategy("expected_model_change")(net, IMAGES)
    h = nets.last_linear_layer(net.estimator_, IMAGES)[0].astype(float)
    proba = net.predict_proba(IMAGES)
    distances = np.linalg.norm(proba[:, np.newaxis] - np.eye(3), axis=2)
    expected = np.sqrt(1 + (h**2).sum(axis=1)) * (proba * distances).sum(axis=1)
    assert_allclose(utilities, expected, rtol=1e-4)
    y = np.where(rows, NAMES[DIGITS % 8], None)
    chosen = get_strategy("bait").select(net, IMAGES, y, n_queries=4, random_state=0)
    assert len(set(chosen)) == 4


# ---------------------------------------------------------------------------------
# Dropout
# ---------------------------------------------------------------------------------


def all_masked(net, X):
    """Probabilities under each of the eight masks of `Dense`, and their weights."""
    module, p = net.module_, net.module_.drop.p
    weights, answers = [], []
    with torch.no_grad():
        hidden = torch.tanh(module.first(torch.from_numpy(X)))
        for keep in itertools.product([0.0, 1.0], repeat=3):
            logits = module.second(hidden * torch.tensor(keep) / (1 - p))
            answers.append(torch.softmax(logits, dim=1).numpy())
            weights.append(np.prod([1 - p if one else p for one in keep]))
    return np.array(answers), np.array(weights)


def test_a_member_is_one_mask_for_all_rows(dense):
    X = tiny_rows()
    answers, _ = all_masked(dense, X)
    members = nets.dropout_proba(dense, X, 60, 0)
    assert members.dtype == np.float32
    distances = np.abs(members[:, np.newaxis] - answers).max(axis=(2, 3))
    assert (distances.min(axis=1) < 1e-6).all()
    assert len(np.unique(distances.argmin(axis=1))) > 4


def test_members_have_the_mean_of_the_posterior(dense):
    X = tiny_rows()
    answers, weights = all_masked(dense, X)
    expected = np.tensordot(weights, answers, axes=1)
    n_members = 600
    members = nets.dropout_proba(dense, X, n_members, 0)
    error = 4 * members.std(axis=0) / np.sqrt(n_members)
    assert (np.abs(members.mean(axis=0) - expected) < error + 1e-6).all()
    # That is not what the net says without dropout.
    assert (np.abs(members.mean(axis=0) - dense.predict_proba(X)) > error).any()


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        (nn.Dropout, (3, 2)),
        (nn.Dropout1d, (3, 2)),
        (nn.Dropout2d, (3, 2, 2)),
        (nn.Dropout3d, (3, 1, 2, 1)),
        (nn.AlphaDropout, (3, 2)),
        (nn.FeatureAlphaDropout, (3, 2, 2)),
    ],
)
def test_kinds_of_dropout(kind, shape):
    """Members take the values, in the proportions, of the layer in training mode."""
    size = int(np.prod(shape))

    def make():
        return nn.Sequential(kind(0.3), nn.Flatten(), nn.Linear(size, size))

    net = make_net(make, predict_nonlinearity=None).initialize()
    with torch.no_grad():
        net.module_[2].weight[:] = torch.eye(size)
        net.module_[2].bias[:] = 0
    x = torch.arange(1.0, size + 1).reshape(1, *shape)
    found = nets.dropout_proba(net, x.numpy(), 400, 0)[:, 0]
    layer = kind(0.3).train()
    expected = torch.stack([layer(x).flatten() for _ in range(400)]).numpy()
    for column, other in zip(found.T, expected.T, strict=True):
        assert_allclose(np.unique(column.round(4)), np.unique(other.round(4)))
        high = max(column.max(), other.max()) - 1e-3
        assert abs((column > high).mean() - (other > high).mean()) < 0.15
    # What drops together in the layer does so here.
    kept = np.abs(found - found.max(axis=0)) < 1e-4
    kept_there = np.abs(expected - expected.max(axis=0)) < 1e-4
    assert (kept[:, 0] == kept[:, 1]).all() == (
        kept_there[:, 0] == kept_there[:, 1]
    ).all()


def test_a_layer_called_twice_has_two_masks():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop, self.out = nn.Dropout(0.5), nn.Linear(2, 2)

        def forward(self, x):
            return torch.cat([self.drop(x), self.drop(x)], 1) + 0 * self.out(x).sum()

    net = make_net(Twice, predict_nonlinearity=None).initialize()
    found = nets.dropout_proba(net, np.ones((1, 2), np.float32), 200, 0)[:, 0] > 0
    same = (found[:, :2] == found[:, 2:]).mean()
    assert 0.4 < same < 0.6


def test_dropout_members_are_reproducible(conv):
    first = nets.dropout_proba(conv, IMAGES, 4, 7)
    assert_array_equal(nets.dropout_proba(conv, IMAGES, 4, 7), first)
    assert np.abs(nets.dropout_proba(conv, IMAGES, 4, 8) - first).max() > 0.01
    assert (first.std(axis=0).max(axis=1) > 0).all()
    # More members begin with the same ones, and rows do not know of each other.
    assert_array_equal(nets.dropout_proba(conv, IMAGES, 6, 7)[:4], first)
    parts = [
        nets.dropout_proba(conv, IMAGES[r], 4, 7) for r in np.split(np.r_[:200], [70])
    ]
    assert_allclose(np.concatenate(parts, axis=1), first, atol=1e-6)


def test_threads_do_not_disturb_each_other(conv):
    def ask(number):
        if number % 3 == 0:
            return nets.dropout_proba(conv, IMAGES, 3, 7)
        if number % 3 == 1:
            return nets.last_linear_layer(conv, IMAGES)[0]
        return nets.snapshot_proba(conv, IMAGES)

    found = Parallel(n_jobs=4, backend="threading")(
        delayed(ask)(number) for number in range(12)
    )
    alone = [ask(number) for number in range(3)]
    for number, answer in enumerate(found):
        assert_array_equal(answer, alone[number % 3])


def test_utilities_do_not_depend_on_chunks_or_threads(conv, monkeypatch):
    members = NetMembers(conv, "dropout", 5, 0)
    fitted = Fitted(conv, members)
    expected = get_strategy("information_gain")(fitted, IMAGES)
    assert (expected > 0).all()
    monkeypatch.setattr(chunks, "_CHUNK_SIZE", 64)
    with parallel_config(backend="threading", n_jobs=2):
        found = get_strategy("information_gain")(fitted, IMAGES)
    assert_allclose(found, expected, atol=1e-5)


def test_members_through_pipelines_and_codes():
    X, y = tiny_rows(60), NAMES[[2, 0, 1] * 20]
    pipeline = EncodedClassifier(make_pipeline(StandardScaler(), make_net(Dense)))
    pipeline.fit(X, y)
    members = NetMembers(pipeline, "dropout", 5, 3)
    assert members.n_members == 5
    proba = pickle.loads(pickle.dumps(members))(X)
    net = pipeline.estimator_[-1]
    scaled = pipeline.estimator_[:-1].transform(X)
    assert scaled.dtype == np.float32
    assert_array_equal(proba, nets.dropout_proba(net, scaled, 5, 3))
    search = GridSearchCV(make_net(Dense, module__n_outputs=4), {"lr": [0.1]}, cv=2)
    spare = EncodedClassifier(search).fit(X, y)
    proba = NetMembers(spare, "dropout", 5, 3)(X)
    assert proba.shape == (5, 60, 3)
    assert_allclose(proba.sum(axis=2), 1, atol=1e-5)


# ---------------------------------------------------------------------------------
# Which members the learner takes
# ---------------------------------------------------------------------------------


def learner_of(net, strategy="information_gain", **params):
    defaults = {"batch_size": 5, "random_state": 0}
    return ActiveLearningClassifier(net, strategy, **{**defaults, **params})


def test_members_of_the_learner():
    fit = (IMAGES[:60], DIGITS[:60])
    found = learner_of(make_net(max_epochs=1)).fit(*fit).members_
    assert found.kind, found.n_members == ("dropout", 20)
    assert found(IMAGES).shape == (20, 200, 10)
    learner = learner_of(make_net(max_epochs=2, callbacks=[Snapshots(2)]), n_members=7)
    assert learner.fit(*fit).members_.kind == "snapshots"
    assert learner.members_(IMAGES).shape == (2, 200, 10)
    learner.set_params(members="dropout").fit(*fit)
    assert learner.members_(IMAGES).shape == (7, 200, 10)
    # Without either, or if asked for, clones.
    plain = learner_of(make_net(module__p=0.0, max_epochs=1), n_members=2).fit(*fit)
    assert [type(it) for it in plain.members_] == [EncodedClassifier] * 2
    asked = learner_of(make_net(max_epochs=1), n_members=2, members="bootstrap")
    assert len(asked.fit(*fit).members_) == 2


def test_members_that_there_are_not():
    fit = (IMAGES[:60], DIGITS[:60])
    net = make_net(module__p=0.0, max_epochs=1)
    with pytest.raises(ValueError, match=r"needs a net with dropout.*'bootstrap'"):
        learner_of(net, members="dropout").fit(*fit)
    with pytest.raises(ValueError, match=r"skactive\.torch\.Snapshots.*no such callb"):
        learner_of(net, members="snapshots").fit(*fit)
    for kind in ("dropout", "snapshots"):
        with pytest.raises(ValueError, match=r"needs .* a net of skorch; got Logistic"):
            learner_of(LogisticRegression(), members=kind).fit(
                fit[0].reshape(60, 64), fit[1]
            )


def test_dropout_tells_what_the_model_knows():
    """Rows like the labelled ones are less in doubt than others."""
    rng = np.random.RandomState(0)
    X = rng.randn(200, 2).astype(np.float32)
    y = (X[:, 0] > 0).astype(int)
    net = make_net(Dense, module__n_hidden=50, module__n_outputs=2, max_epochs=40)
    learner = learner_of(net).fit(X, y)
    far = np.array([[-6.0, 0], [6, 0]], dtype=np.float32)
    near_boundary = np.array([[0.0, 6], [0, -6]], dtype=np.float32)
    gains = learner.score_samples(np.concatenate([far, near_boundary]))
    assert gains[:2].max() < gains[2:].min()


# ---------------------------------------------------------------------------------
# skorch in general
# ---------------------------------------------------------------------------------


def weights(learner):
    return learner.estimator_.estimator_.module_.out.weight.detach().numpy()


def test_random_state_reaches_torch():
    X, y = IMAGES[:60], DIGITS[:60]
    learner = learner_of(make_net(max_epochs=2), "margin")
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = weights(learner.fit(X, y)).copy()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert_array_equal(weights(learner.fit(X, y)), first)
    other = weights(clone(learner).set_params(random_state=1).fit(X, y))
    assert np.abs(other - first).max() > 0.01
    # Without one, chance is torch's.
    free = clone(learner).set_params(random_state=None)
    torch.manual_seed(1)
    first = weights(free.fit(X, y)).copy()
    assert np.abs(weights(free.fit(X, y)) - first).max() > 0.01
    torch.manual_seed(1)
    assert_array_equal(weights(free.fit(X, y)), first)


def test_bootstrap_members_have_seeds_of_their_own():
    X, y = IMAGES[:60], DIGITS[:60]
    learner = learner_of(make_net(max_epochs=1), members="bootstrap", n_members=3)
    proba = [member.predict_proba(X) for member in learner.fit(X, y).members_]
    assert np.abs(proba[0] - proba[1]).max() > 0.01
    with parallel_config(backend="threading", n_jobs=3):
        again = clone(learner).set_params(n_jobs=3).fit(X, y).members_
    assert_array_equal([member.predict_proba(X) for member in again], proba)


def test_each_partial_fit_has_a_seed_of_its_own():
    X, y = IMAGES[:60], DIGITS[:60]
    classes = np.arange(10)
    net = make_net(max_epochs=1)
    runs = []
    for seed in (0, 0, 1):
        learner = learner_of(net, "margin", random_state=seed)
        learner.partial_fit(X, y, classes=classes)
        runs.append(weights(learner.partial_fit(X, y)).copy())
    assert_array_equal(runs[0], runs[1])
    assert np.abs(runs[0] - runs[2]).max() > 0.01
    drawn = []

    class Draws(Callback):
        def on_epoch_begin(self, net, **kwargs):
            drawn.append(float(torch.rand(1)))

    encoded = EncodedClassifier(net.set_params(callbacks=[Draws()]), random_state=0)
    for _ in range(2):
        encoded.partial_fit(X, y, classes=classes)
    assert drawn[0] != drawn[1]


STRATEGIES = [
    "information_gain",
    "batch_bald",
    "badge",
    "k_center",
    "typiclust",
    "expected_model_change",
    "bait",
]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_images_by_hand_and_with_a_budget(strategy):
    net = make_net(max_epochs=3, module__n_outputs=8)
    X, answers = IMAGES[DIGITS < 8][:150], NAMES[DIGITS[DIGITS < 8]][:150]
    learner = learner_of(net, strategy, n_members=5)
    y = np.full(len(X), None, dtype=object)
    for _ in range(3):
        rows = learner.query(X, y)
        assert len(set(rows)) == 5
        y[rows] = answers[rows]
        learner.fit(X, y)
    bought = clone(learner).set_params(budget=15).fit(X, answers)
    assert_array_equal(bought.labeled_indices_[:5], clone(learner).query(X))
    again = clone(bought).fit(X, answers)
    assert_array_equal(again.labeled_indices_, bought.labeled_indices_)
    assert len(set(bought.labeled_indices_)) == 15
    proba = bought.predict_proba(X)
    assert proba.dtype == np.float32
    assert proba.shape == (150, 8)
    assert 0 <= bought.score(X, answers) <= 1
    records = learner.explain_query(X, rows[:2], y)
    assert [one["row"] for one in records] == rows[:2].tolist()
    assert records[0]["prediction"] in NAMES
    assert len(records[0]["nearest_labeled"]) == 3
    if strategy in {"information_gain", "expected_model_change"}:
        utilities = learner.score_samples(X)
        assert utilities.shape == (150,)
        assert records[0]["utility"] == pytest.approx(utilities[rows[0]], rel=1e-4)
    copy = pickle.loads(pickle.dumps(learner))
    assert_array_equal(copy.predict_proba(X), learner.predict_proba(X))
    assert_array_equal(copy.query(X, y), learner.query(X, y))


class Counter(Callback):
    def on_epoch_end(self, net, **kwargs):
        self.n_epochs_ = getattr(self, "n_epochs_", 0) + 1


def test_search_over_the_module_and_the_strategy():
    net = make_net(max_epochs=2, callbacks=[("counter", Counter())])
    learner = learner_of(net, budget=20, batch_size=10)
    grid = {
        "estimator__module__n_hidden": [8, 16],
        "strategy": ["margin", "information_gain"],
    }
    search = GridSearchCV(learner, grid, cv=2).fit(IMAGES[:80], DIGITS[:80])
    assert len(search.cv_results_["params"]) == 4
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    fitted = search.best_estimator_.estimator_.estimator_
    n_hidden = search.best_params_["estimator__module__n_hidden"]
    assert fitted.module_.out.in_features == n_hidden
    assert dict(fitted.callbacks_)["counter"].n_epochs_ == 2
    # The net that was given is as it was.
    assert not net.initialized_


def test_cold_start_and_copies_of_images():
    X = np.concatenate([IMAGES[:40], IMAGES[:40]])
    learner = learner_of(make_net(), "k_center", batch_size=10)
    rows = learner.query(X)
    assert len(set(rows % 40)) == 10
    flat = clone(learner).query(X.reshape(80, 64))
    assert_array_equal(rows, flat)


def double(X):
    return 2 * X


@pytest.mark.parametrize("kind", ["plain", "pipeline", "new classes later"])
def test_expected_error_is_that_of_refits_from_the_last_weights(kind):
    """Labels are strings, codes need not be in their order, outputs are to spare."""
    net = make_net(Dense, lr=0.05, max_epochs=3, module__n_outputs=5)
    X = np.random.default_rng(0).normal(size=(16, 2)).astype(np.float32)
    y = np.array(["bee", "cow"] * 4 + ["ant"] * 2 + [None] * 6, dtype=object)
    if kind == "pipeline":
        net = make_pipeline(FunctionTransformer(double), net)
    learner = ActiveLearningClassifier(net, "expected_error", random_state=0)
    if kind == "new classes later":
        learner.set_params(warm_start=True)
        learner.fit(X, np.where(np.arange(16) < 8, y, None))
    learner.fit(X, y)
    encoded = learner.estimator_
    if kind == "new classes later":
        assert encoded.labels_.tolist() == ["bee", "cow", "ant"]
    utilities = get_strategy("expected_error")(encoded, X, y)
    factor = 2 if kind == "pipeline" else 1
    proba = encoded.predict_proba(X)
    expected = []
    for row in range(10, 16):
        losses = []
        for label in ["ant", "bee", "cow"]:
            again = pickle.loads(pickle.dumps(encoded))
            last = again.estimator_[-1] if kind == "pipeline" else again.estimator_
            again.estimator_ = last.set_params(warm_start=True)
            again.warm_start = True
            rows = [*range(10), row]
            again.fit(factor * X[rows], np.append(y[:10].astype(str), label))
            losses.append(1 - again.predict_proba(factor * X[10:]).max(axis=1).mean())
        expected.append(1 - proba[row] @ losses)
    assert_allclose(utilities[10:], expected, rtol=1e-5)
    assert np.ptp(utilities[10:]) > 1e-6
    assert learner.query(X, y, n_queries=1)[0] == 10 + np.argmax(expected)
