"""Measures of label probabilities, where each row has several labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skactive._compat.typing import Array

_AGGREGATES: dict[str, Callable[..., Array]] = {
    "mean": np.mean,
    "max": np.max,
    "min": np.min,
}


def over_labels(
    measure: Callable[..., Array], proba: ArrayLike, *, aggregate: str = "mean"
) -> Array:
    """Apply a measure of class probabilities to each label of a row, and aggregate.

    Each label is a class of its own against its absence, with the probabilities
    ``(1 - p, p)``.

    Parameters
    ----------
    measure : callable
        A function such as :func:`margin` or :func:`entropy`, which takes probabilities
        of shape (n_rows, 2).
    proba : array-like of shape (n_samples, n_labels)
        Probability of each label, in [0, 1]. A row need not sum to one.
    aggregate : {"mean", "max", "min"}, default="mean"
        How the values of the labels of a row become one number.

    Returns
    -------
    utilities : ndarray of shape (n_samples,)
        Values in the range of the measure for two classes.

    Raises
    ------
    ValueError
        If `proba` is not two-dimensional, a probability is not in [0, 1], or
        `aggregate` is none of these.

    References
    ----------
    .. [1] D. Tuia et al., "A Survey of Active Learning Algorithms for Supervised Remote
       Sensing Image Classification", IEEE JSTSP 2011, for the margin of each binary
       problem.

    Examples
    --------
    >>> from skactive.measures import margin, over_labels
    >>> proba = [[0.5, 1.0, 0.0], [0.75, 0.5, 0.25]]
    >>> over_labels(margin, proba).round(3)
    array([0.333, 0.667])
    >>> over_labels(margin, proba, aggregate="min")
    array([0. , 0.5])
    """
    p = _as_label_probabilities(proba)
    pairs = np.stack([1 - p, p], axis=-1).reshape(-1, 2)
    return aggregate_labels(measure(pairs).reshape(p.shape), aggregate)


def aggregate_labels(values: Array, aggregate: str) -> Array:
    """One number per row, (n_samples,), from one per label, (n_samples, n_labels)."""
    if aggregate not in _AGGREGATES:
        raise ValueError(
            f"aggregate must be one of {', '.join(map(repr, _AGGREGATES))}; got "
            f"{aggregate!r}."
        )
    return _AGGREGATES[aggregate](values, axis=1)


def label_cardinality(
    proba: ArrayLike, mean_cardinality: float, *, beta: float = 0.5
) -> Array:
    """Closeness of relevant and irrelevant labels, times a surprise in their number.

    A label is relevant if its probability is above one half. The closeness is ``1 -
    (a - b)``, where a is the smallest probability of a relevant label and b the largest
    one of an irrelevant label. Where there are none, one half takes the place of a or
    b. The surprise is the distance between the number of relevant labels and the mean
    number of labels of a row. The utility is ``closeness ** beta * surprise ** (1 -
    beta)``.

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_labels)
        Probability of each label, in [0, 1].
    mean_cardinality : float
        Mean number of labels of a row, that of the labelled rows as a rule.
    beta : float in [0, 1], default=0.5
        Weight of the closeness. With 1, the number of labels plays no part, and with 0
        it alone decides.

    Returns
    -------
    utilities : ndarray of shape (n_samples,)
        Values from 0 to ``n_labels ** (1 - beta)``.

    Raises
    ------
    ValueError
        If `proba` is not two-dimensional, or a probability is not in [0, 1].

    References
    ----------
    .. [1] X. Li, Y. Guo, "Active Learning with Multi-Label SVM Classification", IJCAI
       2013. It uses the inverse of the margin of decision values, and chooses `beta`
       for each batch.

    Examples
    --------
    >>> from skactive.measures import label_cardinality
    >>> proba = [[0.9, 0.1, 0.1], [0.6, 0.6, 0.4], [0.6, 0.4, 0.1]]
    >>> label_cardinality(proba, mean_cardinality=1.2, beta=1).round(2)
    array([0.2, 0.8, 0.8])
    >>> label_cardinality(proba, mean_cardinality=1.2).round(2)
    array([0.2, 0.8, 0.4])
    """
    p = _as_label_probabilities(proba)
    is_relevant = p > 0.5
    lowest = np.min(np.where(is_relevant, p, np.inf), axis=1)
    highest = np.max(np.where(is_relevant, -np.inf, p), axis=1)
    n_relevant = is_relevant.sum(axis=1)
    lowest[n_relevant == 0] = 0.5
    highest[n_relevant == p.shape[1]] = 0.5
    surprise = np.abs(n_relevant - mean_cardinality)
    return (1 - (lowest - highest)) ** beta * surprise ** (1 - beta)


def _as_label_probabilities(proba: Any) -> Array:
    p = np.asarray(proba, dtype=np.float64)
    if p.ndim != 2 or p.shape[1] == 0 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(
            "Label probabilities must be numbers in [0, 1] of shape (n_samples, "
            f"n_labels); got an array of shape {p.shape}"
            + (" with other values." if p.ndim == 2 and p.shape[1] else ".")
        )
    return p
