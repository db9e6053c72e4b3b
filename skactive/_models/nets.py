"""Neural nets of skorch: inputs of the last layer, and members without more fits.

No function here changes a net. Each one uses a twin of it, which shares its weights but
has its own hooks and training flags. So several threads may use a net at the same time.
"""

from __future__ import annotations

import contextlib
import copy
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from skactive._compat.sklearn import _num_samples
from skactive._compat.typing import Array

# Torch has one random state for all threads.
_RANDOM_STATE_LOCK = threading.RLock()
# The lower limit of SELU, which AlphaDropout puts in place of values that it drops.
_SELU_LIMIT = -1.7580993408473766

_OWN_WAY = (
    "Give the strategy a function X -> vectors of shape (n_samples, n_features) as its "
    "embedding= or features=, or embedding='input' for the inputs of the net."
)


def is_net(classifier: Any) -> bool:
    """Whether `classifier`, fitted or not, is a net of skorch."""
    return any(
        kind.__name__ == "NeuralNet" and kind.__module__.partition(".")[0] == "skorch"
        for kind in type(classifier).__mro__
    )


@contextlib.contextmanager
def seeded_torch(seed: int | None, devices: Iterable[Any] = ()) -> Iterator[None]:
    """A context in which torch draws from `seed`; afterwards its state is as before.

    It covers the CPU, and the CUDA devices among `devices`. A seed of None does
    nothing. Other threads that enter this context wait.
    """
    if seed is None:
        yield
        return
    import torch

    graphics = [device for device in devices if str(device).startswith("cuda")]
    with _RANDOM_STATE_LOCK, torch.random.fork_rng(graphics):
        # Not torch.manual_seed, which would seed devices that are not in use.
        torch.default_generator.manual_seed(seed)
        for device in graphics:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def weight_decay(net: Any) -> float | None:
    """Weight decay of a fitted net; None if it is unknown, or differs by weight."""
    groups = getattr(getattr(net, "optimizer_", None), "param_groups", [])
    decays = {group.get("weight_decay") for group in groups}
    decay = decays.pop() if len(decays) == 1 else None
    return None if decay is None else float(decay)


# ---------------------------------------------------------------------------------
# The last layer
# ---------------------------------------------------------------------------------


def last_linear_layer(net: Any, X: Any) -> tuple[Array, Array, int]:
    """Inputs of the `torch.nn.Linear` that a forward pass calls last, and its outputs.

    Parameters
    ----------
    net : skorch net
        A fitted net.
    X : array-like of n_samples
        Rows in the form that the net accepts. The net makes its own batches.

    Returns
    -------
    features : ndarray of shape (n_samples, n_features)
        Inputs of the layer, float32.
    proba : ndarray of shape (n_samples, n_classes)
        Output of the net's `predict_proba` in the same pass.
    n_outputs : int
        The number of outputs of the layer.
    """
    import torch

    twin = _twin(net)
    last: dict[str, Any] = {}

    def remember(layer: Any, args: tuple, kwargs: dict) -> None:
        inputs = args[0] if args else kwargs["input"]
        last.update(inputs=inputs, n_outputs=layer.out_features)

    for module in _modules_of(twin):
        if isinstance(module, torch.nn.Linear):
            module.register_forward_pre_hook(remember, with_kwargs=True)
    n_samples = _num_samples(X)
    features: Array | None = None
    n_done = 0
    step = twin.evaluation_step

    def evaluation_step(batch: Any, training: bool = False) -> Any:
        nonlocal features, n_done
        last.clear()
        answer = step(batch, training=training)
        n_rows = len(answer[0] if isinstance(answer, tuple) else answer)
        inputs = _check_inputs(net, last, n_rows)
        if features is None:
            features = np.empty((n_samples, inputs.shape[1]), dtype=np.float32)
        features[n_done : n_done + n_rows] = inputs.to("cpu", torch.float32).numpy()
        n_done += n_rows
        return answer

    vars(twin)["evaluation_step"] = evaluation_step
    proba = np.asarray(twin.predict_proba(X))
    if features is None or n_done != n_samples:
        raise ValueError(
            f"{type(net).__name__} made {n_done} forward steps for {n_samples} rows in "
            f"predict_proba, so its hidden layers cannot be read. {_OWN_WAY}"
        )
    return features, proba, int(last["n_outputs"])


def _check_inputs(net: Any, last: dict[str, Any], n_rows: int) -> Any:
    if not last:
        raise ValueError(
            f"The module of {type(net).__name__} calls no torch.nn.Linear layer, so "
            f"its last hidden layer is not known. {_OWN_WAY}"
        )
    shape = tuple(last["inputs"].shape)
    if len(shape) != 2 or shape[0] != n_rows:
        raise ValueError(
            f"The last torch.nn.Linear layer that {type(net).__name__} calls is given "
            f"an array of shape {shape} for {n_rows} rows; one vector per row is "
            f"needed, as after a torch.nn.Flatten or a mean. {_OWN_WAY}"
        )
    return last["inputs"].detach()


# ---------------------------------------------------------------------------------
# Members
# ---------------------------------------------------------------------------------


def own_members(net: Any) -> str | None:
    """Kind of members that a fitted net has: "snapshots", "dropout" or None."""
    if len(_snapshots(net) or ()) > 1:
        return "snapshots"
    return "dropout" if _dropout_layers(_modules_of(net)) else None


def check_members(net: Any, kind: str, n_members: int) -> int:
    """Number of members of a kind; ValueError if the net has none.

    `net` is a fitted classifier, `kind` is "dropout" or "snapshots", and `n_members` is
    the requested number of dropout masks.
    """
    if not is_net(net):
        raise ValueError(
            f"members={kind!r} needs an estimator whose last step is a net of skorch; "
            f"got {net!r}. Use members='auto' or 'bootstrap', or give a function "
            "(estimator, X) -> (n_members, n_samples, n_classes)."
        )
    if kind == "dropout":
        if not _dropout_layers(_modules_of(net)):
            raise ValueError(
                "members='dropout' needs a net with dropout: a layer torch.nn.Dropout, "
                "Dropout1d, Dropout2d, Dropout3d, AlphaDropout or FeatureAlphaDropout "
                "with p > 0. The module of "
                f"{type(net).__name__} has none; a call of torch.nn.functional.dropout "
                "cannot be seen. Add a layer, or use members='bootstrap'."
            )
        return n_members
    snapshots = _snapshots(net)
    if snapshots is None or len(snapshots) < 2:
        found = "no such callback"
        if snapshots is not None:
            found = f"one that took {len(snapshots)} snapshots; two are needed"
        raise ValueError(
            "members='snapshots' needs a net with the callback "
            f"skactive.torch.Snapshots; {type(net).__name__} has {found}. Pass "
            "callbacks=[skactive.torch.Snapshots()] to the net, or use "
            "members='dropout' or 'bootstrap'."
        )
    return len(snapshots)


def dropout_proba(net: Any, X: Any, n_members: int, seed: int) -> Array:
    """Probabilities under `n_members` dropout masks, (n_members, n_samples, n_classes).

    A member is one mask per dropout layer. It is the same for all rows, and in all
    calls with the same `seed`. Otherwise the net is in evaluation mode.

    References
    ----------
    .. [1] Y. Gal, Z. Ghahramani, "Dropout as a Bayesian Approximation: Representing
       Model Uncertainty in Deep Learning", ICML 2016.
    .. [2] A. Kirsch, J. van Amersfoort, Y. Gal, "BatchBALD: Efficient and Diverse Batch
       Acquisition for Deep Bayesian Active Learning", NeurIPS 2019.
    """
    twin = _twin(net)
    masks: dict[tuple, Any] = {}
    calls: Counter = Counter()

    def drop(number: int, layer: Any, output: Any) -> Any:
        # A layer may be called several times in a pass, in different places.
        key = (member, number, calls[number])
        calls[number] += 1
        shape = (1, *output.shape[1:])
        if not _drops_single_numbers(layer):
            shape = (1, output.shape[1], *(1 for _ in output.shape[2:]))
        if (key, shape) not in masks:
            keep = _draw_mask(shape, layer.p, (seed, *key))
            masks[key, shape] = keep.to(output.device, output.dtype)
        return _apply_mask(layer, output, masks[key, shape])

    for number, layer in enumerate(_dropout_layers(_modules_of(twin))):
        layer.register_forward_hook(
            lambda layer, _, output, number=number: drop(number, layer, output)
        )
    step = twin.evaluation_step

    def evaluation_step(batch: Any, training: bool = False) -> Any:
        calls.clear()
        return step(batch, training=training)

    vars(twin)["evaluation_step"] = evaluation_step
    answers = []
    for member in range(n_members):  # noqa: B007 - the hooks read it
        answers.append(twin.predict_proba(X))
        masks.clear()
    return np.stack(answers)


def snapshot_proba(net: Any, X: Any) -> Array:
    """Probabilities of each snapshot, (n_snapshots, n_samples, n_classes)."""
    states = _snapshots(net) or []
    return np.stack([_twin(net, state).predict_proba(X) for state in states])


def weights_of(net: Any) -> dict[str, dict[str, Any]]:
    """Copies of the weights and buffers of a net, on the CPU, by module and name."""
    return {
        name: {
            key: value.detach().cpu().clone() for key, value in _tensors(module).items()
        }
        for name, module in _named_modules(net, criteria=False).items()
    }


def _snapshots(net: Any) -> list[dict] | None:
    """States kept by a callback; None if there is no such callback."""
    for _, callback in getattr(net, "callbacks_", []):
        if hasattr(callback, "snapshots_"):
            return callback.snapshots_
    return None


def _dropout_layers(modules: list[Any]) -> list[Any]:
    from torch import nn

    kinds = (
        nn.Dropout,
        nn.Dropout1d,
        nn.Dropout2d,
        nn.Dropout3d,
        nn.AlphaDropout,
        nn.FeatureAlphaDropout,
    )
    return [layer for layer in modules if isinstance(layer, kinds) and layer.p > 0]


def _drops_single_numbers(layer: Any) -> bool:
    """Whether a dropout layer drops single numbers instead of whole channels."""
    from torch import nn

    return isinstance(layer, (nn.Dropout, nn.AlphaDropout))


def _draw_mask(shape: tuple[int, ...], p: float, seeds: tuple[int, ...]) -> Any:
    """A mask, True where a number is kept; it is the same on all devices."""
    import torch

    seed = np.random.SeedSequence(seeds).generate_state(1)[0]
    generator = torch.Generator().manual_seed(int(seed))
    return torch.rand(shape, generator=generator) >= p


def _apply_mask(layer: Any, values: Any, keep: Any) -> Any:
    from torch import nn

    p = layer.p
    if p >= 1:
        return values * 0
    if isinstance(layer, (nn.AlphaDropout, nn.FeatureAlphaDropout)):
        scale = ((1 - p) * (1 + p * _SELU_LIMIT**2)) ** -0.5
        shift = -scale * p * _SELU_LIMIT
        return scale * (values * keep + _SELU_LIMIT * (1 - keep)) + shift
    return values * keep / (1 - p)


# ---------------------------------------------------------------------------------
# Twins
# ---------------------------------------------------------------------------------


def _twin(net: Any, state: dict[str, dict[str, Any]] | None = None) -> Any:
    """A copy of a fitted net that shares its weights, or has those of `state`."""
    import torch

    modules = _named_modules(net, criteria=True)
    shared: dict[int, Any] = {}  # these are not copied by a deep copy
    for module in modules.values():
        for part in module.modules():
            of_part = [*vars(part).values()]
            of_part += [*part._parameters.values(), *part._buffers.values()]
            shared |= {id(it): it for it in of_part if isinstance(it, torch.Tensor)}
    for name, values in (state or {}).items():
        tensors = _tensors(modules[name])
        for key, value in values.items():
            shared[id(tensors[key])] = value.to(tensors[key].device)
    twin = object.__new__(type(net))
    vars(twin).update(vars(net))
    for name, module in modules.items():
        vars(twin)[name] = copy.deepcopy(module, shared)
    loader = torch.utils.data.DataLoader
    if isinstance(net.iterator_valid, type) and issubclass(net.iterator_valid, loader):
        # Without it, each pass over data would draw from torch's own random state.
        vars(twin).setdefault("iterator_valid__generator", torch.Generator())
    return twin


def _named_modules(net: Any, *, criteria: bool) -> dict[str, Any]:
    """Modules of a fitted net by the names of their attributes, uncompiled."""
    import torch

    names = net._modules + (net._criteria if criteria else [])
    modules = {f"{name}_": getattr(net, f"{name}_") for name in names}
    return {
        name: getattr(module, "_orig_mod", module)
        for name, module in modules.items()
        if isinstance(module, torch.nn.Module)
    }


def _modules_of(net: Any) -> list[Any]:
    """All modules inside a net, without repeats."""
    roots = _named_modules(net, criteria=False).values()
    parts = {id(part): part for root in roots for part in root.modules()}
    return list(parts.values())


def _tensors(module: Any) -> dict[str, Any]:
    """The parameters and buffers of a module, by name."""
    import torch

    state = module.state_dict(keep_vars=True)
    return {k: value for k, value in state.items() if isinstance(value, torch.Tensor)}
