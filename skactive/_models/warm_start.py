"""Warm starts: training goes on from the last model instead of starting anew."""

from __future__ import annotations

import numbers
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pickle import PicklingError
from typing import Any, NamedTuple

import joblib
import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import BaseEnsemble, HistGradientBoostingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier

from skactive._compat.sklearn import (
    Interval,
    LinearClassifierMixin,
    _check_method_params,
    _safe_indexing,
)
from skactive._compat.typing import Array
from skactive._data.copies import row_keys
from skactive._models.bootstrap import fit_on_rows
from skactive._models.nets import is_net
from skactive._models.wrappers import (
    at_last_step,
    encoder_of,
    kind_of,
    last_step,
    layers,
    replace_last,
)

_POSSIBLE = (
    "Possible are MLPClassifier, SGDClassifier, Perceptron, LogisticRegression, the "
    "nets of skorch, any other estimator whose own warm_start goes on with its "
    "weights, each of these as the last step of a pipeline, and, outside of pipelines, "
    "estimators with partial_fit, such as MultinomialNB. Use warm_start=False."
)


class ShrinkPerturb(BaseEstimator):
    """Warm start from weights that are shrunk and perturbed with noise.

    All weights, including intercepts, become ``shrink * weight + noise * normal(0,
    1)``. A net that just goes on from its last weights is often less accurate in the
    end than a net that is trained anew. With this step it is not, and it still learns
    faster [1]_. ``shrink=1, noise=0`` is a plain warm start, and ``shrink=0`` forgets
    everything.

    It works for `MLPClassifier`, linear classifiers and nets of skorch. In a net of
    skorch, it changes the parameters that are trained, but neither frozen parameters
    nor the running statistics of batch normalisation. The optimizer starts anew,
    because its state belongs to the old weights.

    Parameters
    ----------
    shrink : float in [0, 1], default=0.6
        Factor by which the weights are multiplied.
    noise : float >= 0, default=0.01
        Standard deviation of the noise.

    References
    ----------
    .. [1] J. T. Ash and R. P. Adams, "On Warm-Starting Neural Network Training",
       NeurIPS 2020. The defaults are those of its experiment with data that arrive in
       batches.

    Examples
    --------
    >>> from sklearn.neural_network import MLPClassifier
    >>> from skactive import ActiveLearningClassifier
    >>> from skactive.classifier import ShrinkPerturb
    >>> learner = ActiveLearningClassifier(
    ...     MLPClassifier(), warm_start=ShrinkPerturb(shrink=0.4))
    >>> learner.get_params()["warm_start__noise"]
    0.01
    """

    _parameter_constraints: dict = {
        "shrink": [Interval(numbers.Real, 0, 1, closed="both")],
        "noise": [Interval(numbers.Real, 0, None, closed="left")],
    }

    def __init__(self, shrink: float = 0.6, noise: float = 0.01):
        self.shrink = shrink
        self.noise = noise


class Learnt(NamedTuple):
    """The labelled rows that a model has learnt from.

    `rows` are positions, `keys` tell rows apart, and `params` are further arguments of
    `fit`. `keys`, `labels` and the arrays in `params` have one entry per row.
    """

    rows: Array
    keys: Array
    labels: Array
    params: dict


class WarmStart(NamedTuple):
    """How a learner goes on from its last model.

    `method` is the answer of :func:`goes_on_by`.
    """

    method: str
    perturb: ShrinkPerturb | None
    seed: int

    def resume(self, last: Any, fresh: Any, *entropy: int) -> Any:
        """Return `fresh` with the state of the fitted `last`; None if they differ.

        `fresh` is an unfitted clone, which is modified. `last` stays as it is. The
        noise is determined by the seed and `entropy`.
        """
        resumed = _resumed(last, fresh)
        if resumed is not None and self.perturb is not None:
            rng = np.random.default_rng([self.seed, *entropy])
            _perturb(last_step(resumed), self.perturb, rng)
        return resumed


def goes_on_by(estimator: Any, warm_start: Any) -> str:
    """Method by which `estimator` goes on: "fit", or "partial_fit" on new rows.

    Raises ValueError if it cannot go on, or if `warm_start` is a :class:`ShrinkPerturb`
    and it has no weights that can be shrunk.
    """
    wraps = False
    for last in layers(estimator):
        if kind_of(last) in {"search", "frozen"}:
            break
        wraps = wraps or kind_of(last) == "pipeline"
    if kind_of(last) == "search":
        raise ValueError(
            f"warm_start={warm_start!r} is not possible with {estimator!r}: a search "
            "trains many models, and the one that it keeps may be another one in the "
            "next round. Search over the parameters of the learner instead, as in "
            "GridSearchCV(ActiveLearningClassifier(...), {'estimator__...': ...}), or "
            "use warm_start=False."
        )
    if isinstance(last, (BaseEnsemble, HistGradientBoostingClassifier)):
        raise ValueError(
            f"warm_start={warm_start!r} is not possible with {estimator!r}: its own "
            "warm start adds members and leaves the old ones as they are, so that "
            f"they would never learn from new labels. {_POSSIBLE}"
        )
    learns = kind_of(last) != "frozen"
    params = last.get_params(deep=False) if hasattr(last, "get_params") else {}
    by_fit = learns and "warm_start" in params
    by_part = learns and not wraps and hasattr(last, "partial_fit")
    if not by_fit and not by_part:
        where = " inside a pipeline" if hasattr(last, "partial_fit") else ""
        raise ValueError(
            f"warm_start={warm_start!r} is not possible with {estimator!r}: "
            f"{type(last).__name__} has no warm_start of its own, and "
            f"{'no partial_fit' if not where else 'partial_fit is of no use' + where}. "
            f"{_POSSIBLE}"
        )
    if isinstance(warm_start, ShrinkPerturb):
        warm_start._validate_params()
        if not by_fit or not _has_weights(last):
            raise ValueError(
                f"{warm_start!r} needs weights that can be shrunk: those of "
                "MLPClassifier, of LogisticRegression, SGDClassifier or Perceptron, or "
                f"of a net of skorch; got {estimator!r}. Use warm_start=True."
            )
    return "fit" if by_fit else "partial_fit"


def fit_further(
    estimator: Any, X: Any, labels: Array, rows: Array, params: dict
) -> Any:
    """As :func:`fit_on_rows`, but go on with an `estimator` that was resumed.

    Steps of a pipeline before its last one are fitted anew. If they then give another
    number of features, the last step is trained anew as well.
    """
    last = last_step(estimator)
    n_known = getattr(last, "n_features_in_", None)
    try:
        with _warm(estimator, last):
            return fit_on_rows(estimator, X, labels, rows, params)
    except (ValueError, RuntimeError):
        n_given = _n_features(estimator, _safe_indexing(X, rows[:1]))
        if n_known is None or n_given in (None, n_known):
            raise
    replace_last(estimator, clone(last))
    return fit_on_rows(estimator, X, labels, rows, params)


def has_spare_outputs(last: Any, X: Any, rows: Array, labels: Array) -> bool:
    """Whether the fitted `last` is a net with an output for each class of `labels`.

    Its labels are then encoded, so that a new class gets a spare output.
    """
    if encoder_of(last) is None:
        return False
    net, row = at_last_step(last, _safe_indexing(X, rows[:1]))
    return np.shape(net.predict_proba(row))[1] >= len(np.unique(labels))


def learnt_from(X: Any, labels: Array, rows: Array, params: dict) -> Learnt:
    """A record of a fit on `rows` of `X`."""
    cut = _check_method_params(X, params, indices=rows)
    return Learnt(rows, row_keys(X, rows), labels, cut)


def new_since(last: Learnt | None, now: Learnt) -> Array | None:
    """Positions in `now.rows` of the rows that `last` lacks.

    None if a row of `last` is gone, or has changed.
    """
    if last is None:
        return None
    at = np.flatnonzero(np.isin(now.rows, last.rows))
    if len(at) < len(last.rows) or set(last.params) != set(now.params):
        return None
    order = np.argsort(last.rows)
    before = [last.keys[order], last.labels[order]]
    after = [now.keys[at], now.labels[at]]
    for name, values in last.params.items():
        before.append(_of_rows(values, order, len(last.rows)))
        after.append(_of_rows(now.params[name], at, len(now.rows)))
    if not all(map(np.array_equal, before, after)):
        return None
    return np.setdiff1d(np.arange(len(now.rows)), at)


def _of_rows(values: Any, indices: Array, n_rows: int) -> Any:
    values = np.asarray(values)
    return values[indices] if values.shape[:1] == (n_rows,) else values


# ---------------------------------------------------------------------------------
# From the last model to the next one
# ---------------------------------------------------------------------------------


def _resumed(last: Any, fresh: Any) -> Any:
    """`fresh` around a copy of the classifier in `last`; None if they do not match."""
    pairs = [*zip(layers(last), layers(fresh), strict=False)]
    if any(type(known) is not type(new) for known, new in pairs):
        return None
    known, new = pairs[-1]
    # The user may have set other parameters since, such as fewer epochs.
    before = known.get_params(deep=False)
    changed = {
        name: value
        for name, value in clone(new).get_params(deep=False).items()
        if not _is_same(value, before.get(name))
    }
    resumed = deepcopy(known)
    if _ask_for_others(changed, resumed):
        return None
    encoder, fitted_encoder = encoder_of(fresh), encoder_of(last)
    if encoder is not None and fitted_encoder is not None:
        encoder.take_codes(fitted_encoder)
    return replace_last(fresh, resumed.set_params(**changed))


def _ask_for_others(changed: dict, classifier: Any) -> bool:
    """Whether changed parameters ask for other weights, or another optimizer."""
    if is_net(classifier):
        # If these change, skorch makes a new module from a random seed, or fails.
        parts = {name.split("__")[0] for name in changed}
        return "optimizer" in changed or bool(parts & set(classifier._modules))
    if isinstance(classifier, MLPClassifier):
        return not changed.keys().isdisjoint({"hidden_layer_sizes", "early_stopping"})
    return False


def _is_same(one: Any, other: Any) -> bool:
    """Whether two values of a parameter are the same, or copies of each other."""
    if repr(one) == repr(other):
        return True
    try:  # the repr of many objects is an address
        return bool(joblib.hash(one) == joblib.hash(other))
    except (PicklingError, AttributeError, TypeError):  # of what cannot be pickled
        return False


@contextmanager
def _warm(estimator: Any, last: Any) -> Iterator[None]:
    """Context in which a classifier, and the encoder around it, start warm."""
    encoder = encoder_of(estimator)
    parts = [last] if encoder is None else [last, encoder]
    before = [part.get_params(deep=False)["warm_start"] for part in parts]
    _forget_progress(last)
    try:
        for part in parts:
            part.set_params(warm_start=True)
        yield
    finally:
        for part, value in zip(parts, before, strict=True):
            part.set_params(warm_start=value)


def _forget_progress(classifier: Any) -> None:
    """Let an MLPClassifier measure its progress on the rows of this fit alone.

    Its warm start keeps the best loss of the last fit. On more rows the loss never gets
    as low, so that training would end after `n_iter_no_change` epochs, whatever they
    bring. With early stopping it might restore the weights of the last fit.
    """
    if not isinstance(classifier, MLPClassifier) or classifier.solver == "lbfgs":
        return
    classifier._no_improvement_count = 0
    classifier.t_ = 0
    if classifier.early_stopping:
        classifier.best_validation_score_ = -np.inf
        classifier._best_coefs = [coef.copy() for coef in classifier.coefs_]
        classifier._best_intercepts = [one.copy() for one in classifier.intercepts_]
    else:
        classifier.best_loss_ = np.inf


def _n_features(estimator: Any, X: Any) -> int | None:
    """The width of `X` at the last step; None if steps before it are not fitted."""
    try:
        _, X = at_last_step(estimator, X)
    except NotFittedError:
        return None
    shape: tuple[int, ...] = getattr(X, "shape", ())
    return shape[1] if len(shape) == 2 else None


# ---------------------------------------------------------------------------------
# Weights
# ---------------------------------------------------------------------------------


def _has_weights(classifier: Any) -> bool:
    return is_net(classifier) or isinstance(
        classifier, (MLPClassifier, LinearClassifierMixin)
    )


def _perturb(classifier: Any, how: ShrinkPerturb, rng: np.random.Generator) -> None:
    """Shrink the weights in place and add noise."""
    if is_net(classifier):
        for _, weights in classifier.get_all_learnable_params():
            if weights.requires_grad and weights.is_floating_point():
                noise = how.noise * rng.standard_normal(tuple(weights.shape))
                values = weights.data
                values.mul_(how.shrink).add_(values.new_tensor(noise))
        classifier.initialize_optimizer()
        return
    if isinstance(classifier, MLPClassifier):
        arrays = [*classifier.coefs_, *classifier.intercepts_]
    else:
        arrays = [classifier.coef_]
        if classifier.fit_intercept:
            arrays.append(classifier.intercept_)
    for weights in arrays:
        weights *= how.shrink
        weights += how.noise * rng.standard_normal(weights.shape)
