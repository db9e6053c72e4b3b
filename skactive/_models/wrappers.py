"""The one walk through the wrappers of an estimator: pipelines, searches and others.

Only this file knows the types of wrappers. Three functions are about a single layer:
:func:`inside` returns the next layer, :func:`pass_in` passes rows to it, and
:func:`pass_out` returns its probabilities, or :func:`pass_out_numbers` its
predictions. All other functions use :func:`layers`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Literal, TypeVar

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.validation import check_is_fitted

from skactive._compat.sklearn import BaseSearchCV
from skactive._compat.typing import Array
from skactive._models.encoded import EncodedClassifier
from skactive._models.label_columns import LabelColumnsClassifier
from skactive._models.nets import is_net

Kind = Literal[
    "pipeline", "search", "encoded", "label_columns", "frozen", "fitted", "target"
]
_Wanted = TypeVar("_Wanted")

# Where meta-estimators keep the estimator inside, the best place first.
_PLACES = ("best_estimator_", "estimator_", "estimator")


class Fitted:
    """A fitted estimator, with the members and weights that a strategy may need.

    It has all attributes and methods of the estimator.

    Parameters
    ----------
    estimator : estimator object
        A fitted estimator.
    members : list of estimators, callable or None, default=None
        Fitted estimators, or a function ``X -> proba`` of shape (n_members, n_samples,
        n_classes). The function may have an int `n_members`, and a method `marginal` as
        in :func:`member_proba`. None leaves the estimator with its own members, if any.
    sample_weight : ndarray of shape (n_samples,) or None, default=None
        Weights of the rows of the pool in fits of the estimator.
    """

    def __init__(
        self,
        estimator: Any,
        members: Sequence[Any] | Callable[[Any], Array] | None = None,
        sample_weight: Array | None = None,
    ):
        self.estimator = estimator
        self.members = members
        self.sample_weight = sample_weight

    def __getattr__(self, name: str) -> Any:
        if name == "estimator" or (name.startswith("__") and name.endswith("__")):
            raise AttributeError(name)  # pickle asks before the estimator is there
        return getattr(self.estimator, name)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        return get_tags(self.estimator)

    def __repr__(self) -> str:
        return repr(self.estimator)


_KINDS: dict[type, Kind] = {
    Fitted: "fitted",
    Pipeline: "pipeline",
    EncodedClassifier: "encoded",
    LabelColumnsClassifier: "label_columns",
    BaseSearchCV: "search",
    FrozenEstimator: "frozen",
    TransformedTargetRegressor: "target",
}


def kind_of(estimator: Any) -> Kind | None:
    """Kind of the wrapper; None if an estimator is not a wrapper."""
    return _kind_of(estimator.__class__)


@lru_cache
def _kind_of(cls: type) -> Kind | None:
    return next((kind for base, kind in _KINDS.items() if issubclass(cls, base)), None)


def inside(estimator: Any) -> Any:
    """The next layer of a wrapper, the fitted one if there is one.

    For an estimator that is not a wrapper, it is the estimator itself.
    """
    kind = kind_of(estimator)
    if kind is None:
        return estimator
    if kind == "pipeline":
        return estimator.steps[-1][1]
    if kind == "search":
        return getattr(estimator, "best_estimator_", estimator.estimator)
    if kind in {"encoded", "label_columns"}:
        return getattr(estimator, "estimator_", estimator.estimator)
    if kind == "target":
        inner = getattr(estimator, "regressor_", estimator.regressor)
        return LinearRegression() if inner is None else inner  # its default
    return estimator.estimator


def layers(estimator: Any, step: Callable[[Any], Any] = inside) -> Iterator[Any]:
    """Layers of an estimator, from the outside in; the last one is not a wrapper."""
    yield estimator
    while (inner := step(estimator)) is not estimator:
        yield (estimator := inner)


def pass_in(layer: Any, X: Any) -> Any:
    """`X` as the next layer sees it; `layer` is fitted."""
    if kind_of(layer) == "pipeline" and len(layer) > 1:
        return layer[:-1].transform(X)
    return X


def pass_out(layer: Any, proba: Array) -> Array:
    """Probabilities (..., n_outputs) of the next layer, with the columns of `layer`."""
    return layer.align(proba) if kind_of(layer) == "encoded" else proba


def pass_out_numbers(layer: Any, values: Array) -> Array:
    """Predictions (..., n_samples) of the next layer, in the units of `layer`."""
    if kind_of(layer) != "target":
        return values
    # Like the layer itself, which transforms one column at a time.
    found = layer.transformer_.inverse_transform(np.reshape(values, (-1, 1)))
    return np.reshape(found, np.shape(values))


def pass_in_numbers(layer: Any, values: Array) -> Array:
    """Labels (n_samples,) as the next layer learns them; `layer` is fitted."""
    if kind_of(layer) != "target":
        return values
    return np.ravel(layer.transformer_.transform(np.reshape(values, (-1, 1))))


def last_step(estimator: Any) -> Any:
    """The innermost layer, the fitted one if there is one."""
    while (inner := inside(estimator)) is not estimator:
        estimator = inner
    return estimator


def at_last_step(estimator: Any, X: Any) -> tuple[Any, Any]:
    """The innermost layer of a fitted estimator, and `X` as it sees it.

    Its classes may be codes of the classes of `estimator`.
    """
    for layer in layers(estimator):
        X = pass_in(layer, X)
    return layer, X


def align(estimator: Any, proba: Array) -> Array:
    """Pass probabilities (..., n_outputs) of the innermost layer back out.

    The columns of the result are those of the classes of `estimator`.
    """
    for layer in reversed([*layers(estimator)]):
        proba = pass_out(layer, proba)
    return proba


def encoder_of(estimator: Any) -> EncodedClassifier | None:
    """The outermost layer that encodes labels; None if no layer does."""
    return next((it for it in layers(estimator) if kind_of(it) == "encoded"), None)


def with_its_labels(estimator: Any, X: Any) -> tuple[Any, Any]:
    """As :func:`at_last_step`, but a net keeps its labels.

    A net inside an `EncodedClassifier` comes in a copy of that encoder, without the
    layers between the two. The net's codes need not be in the order of the labels, and
    it may have more outputs.
    """
    last, X = at_last_step(estimator, X)
    encoder = encoder_of(estimator)
    if encoder is None or not is_net(last):
        return last, X
    encoder = copy.copy(encoder)
    encoder.estimator = encoder.estimator_ = last
    return encoder, X


def replace_last(estimator: Any, last: Any) -> Any:
    """Put another innermost layer into `estimator`, in place, and return it.

    The layers around are pipelines, encoders and transformed targets. If there are
    none, return `last`.
    """
    *around, _ = layers(estimator)
    if not around:
        return last
    kind = kind_of(around[-1])
    if kind == "target":
        around[-1].regressor_ = last
    elif kind == "pipeline":
        around[-1].steps[-1] = (around[-1].steps[-1][0], last)
    else:
        around[-1].estimator_ = last
    return estimator


def find(estimator: Any, X: Any, wanted: type[_Wanted]) -> tuple[_Wanted, Any] | None:
    """The outermost estimator of a class, and `X` as it sees it; None if there is none.

    The search enters every meta-estimator. A pipeline that is not fitted leaves `X` as
    it is, and None stays None.
    """
    for layer in layers(estimator, _inside_any):
        if isinstance(layer, wanted):
            return layer, X
        if X is not None and kind_of(layer) == "pipeline" and is_fitted(layer):
            X = pass_in(layer, X)
    return None


def _inside_any(estimator: Any) -> Any:
    """As :func:`inside`, for every meta-estimator."""
    if kind_of(estimator) is None:
        for name in _PLACES:
            if hasattr(estimator, name):
                return getattr(estimator, name)
    return inside(estimator)


def params_of_last_step(estimator: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The parameters that reach `fit` of the innermost layer, given `params`.

    `estimator` may be fitted or not. A frozen layer counts as the innermost one,
    because its `fit` passes nothing on.
    """
    for layer in layers(estimator):
        kind = kind_of(layer)
        if not params or kind == "frozen":
            break
        if kind == "pipeline":
            params = process_routing(layer, "fit", **params)[layer.steps[-1][0]].fit
        elif kind == "search":
            params = process_routing(layer, "fit", **params).estimator.fit
        elif kind == "target":
            params = process_routing(layer, "fit", **params).regressor.fit
    return params


def task_of(estimator: Any) -> str | None:
    """What an estimator does: "classification", "regression", or None if unknown."""
    tasks = {"classifier": "classification", "regressor": "regression"}
    return tasks.get(type_of(estimator) or "")


def type_of(estimator: Any) -> str | None:
    """What scikit-learn calls an estimator, such as "clusterer"; None if unknown."""
    first = estimator[0] if isinstance(estimator, (list, tuple)) and estimator else None
    last = last_step(estimator if first is None else first)
    try:
        return last.__sklearn_tags__().estimator_type
    except (AttributeError, TypeError):  # it is not derived from BaseEstimator
        return getattr(last, "_estimator_type", None)


def learns_label_sets(estimator: Any) -> bool:
    """Whether an estimator was fitted on several labels a row, or is to be."""
    for last in layers(estimator):
        if kind_of(last) == "label_columns":
            return True
    if getattr(last, "multilabel_", False):  # OneVsRestClassifier
        return True
    if isinstance(last, MLPClassifier):
        return (
            getattr(last, "out_activation_", "") == "logistic" and last.n_outputs_ > 1
        )
    values = getattr(last, "classes_", None)
    if not isinstance(values, list) or not values:
        return False
    return all(np.ndim(some) == 1 for some in values)


def is_fitted(estimator: Any) -> bool:
    """Whether an estimator is fitted; False for None, which is no estimator."""
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):
        return False
    return True
