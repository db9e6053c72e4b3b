"""Fit a judge, which is a model other than the learner's, or take it as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length
from sklearn.utils.metadata_routing import MetadataRouter, get_routing_for_object
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from skactive._compat.typing import Array
from skactive._models.encoded import EncodedClassifier, needs_codes
from skactive._models.kinds import kind_for
from skactive._models.target import Target
from skactive._models.training import Training
from skactive._models.want_of_labels import fit_if_enough, warn_of_lack
from skactive._models.wrappers import Fitted
from skactive.strategies._base import Strategy
from skactive.strategies._messages import shorten


def is_frozen(estimator: Any) -> bool:
    """Whether a judge is used as it is, and therefore needs no labels."""
    return isinstance(estimator, FrozenEstimator)


def fit_judge(
    owner: Strategy,
    estimator: Any,
    X: Any,
    y: Any,
    *,
    weights: Array | None = None,
    members: str | Callable[..., Any] | None = None,
    n_members: int | None = None,
    random_state: int = 0,
) -> Fitted | None:
    """Return a frozen model as it is, or fit a clone of any other on the labelled rows.

    Parameters
    ----------
    owner : Strategy
        The strategy that uses the judge. Errors name it.
    estimator : estimator object
        The judge.
    X : array-like, sparse, data frame or sequence of n_samples
        The pool.
    y : array-like of shape (n_samples,) or None
        Labels, with NaN or None where a row is unlabelled.
    weights : ndarray of shape (n_samples,) or None, default=None
        Sample weights for the fit, if it takes any.
    members : str, callable or None, default=None
        As in :class:`Judged`. None means that no members are needed.
    n_members : int or None, default=None
        Number of members.
    random_state : int, default=0
        Seeds the fit and the members.

    Returns
    -------
    judge : Fitted or None
        The judge with its members and the weights. None if all labels are of one class,
        if there is only one number, or, with a warning, if there are too few labels for
        this estimator.
    """
    # These seeds differ from those of a learner with the same random_state. Otherwise a
    # judge of the same kind would be the learner's own model.
    entropy = np.random.SeedSequence(random_state, spawn_key=(1,))
    seeds = entropy.generate_state(2).tolist()
    kind = kind_for(estimator)
    training = Training(
        estimator=(
            EncodedClassifier(estimator) if needs_codes(estimator) else estimator
        ),
        members=members,
        n_members=n_members,
        n_jobs=None,
        estimator_seed=seeds[0],
        member_seed=seeds[1],
        kind=kind,
    )
    if is_frozen(estimator):
        check_frozen(estimator)
        return Fitted(estimator, training.own_members(estimator), weights)
    target = _labels_for(owner, kind, X, y)
    rows = target.known
    labels = target.values(rows)
    if not kind.are_enough(kind.seen(labels)):
        return None
    params = {}
    name = None if weights is None else _weight_name(estimator)
    if name is not None:
        params[name] = weights
    model = fit_if_enough(training, X, labels, rows, params)
    if model.lack is not None:
        warn_of_lack(model.lack, len(rows))
        return None
    return Fitted(model.estimator, model.members, weights)


def check_frozen(estimator: Any) -> None:
    check_is_fitted(
        estimator, msg=f"{shorten(estimator)} is frozen, but has not been fitted."
    )


def _labels_for(owner: Strategy, kind: type[Target], X: Any, y: Any) -> Target:
    """Return the labels, of which there must be one."""
    if y is not None:
        check_consistent_length(X, y)
        target = kind.of(y)
        if len(target.known):
            return target
    raise ValueError(
        f"{shorten(owner)} fits its model on the labelled rows, but "
        f"{'y is None' if y is None else 'no row has a label'}. Pass y with some "
        "labels, as in query(X, y), or a fitted model inside a FrozenEstimator."
    )


def _weight_name(estimator: Any) -> str | None:
    """Name of the parameter of `fit` that takes sample weights, if there is one."""
    name = "sample_weight"
    if get_config()["enable_metadata_routing"]:
        routing = get_routing_for_object(estimator)
        if isinstance(routing, MetadataRouter):
            return name if routing.consumes("fit", {name}) else None
    while isinstance(estimator, Pipeline):
        step, estimator = estimator.steps[-1]
        name = f"{step}__{name}"
    return name if has_fit_parameter(estimator, "sample_weight") else None
