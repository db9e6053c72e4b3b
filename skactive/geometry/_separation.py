"""Vectors whose features count by how well they tell the labelled classes apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from skactive._compat.typing import Array
from skactive.geometry._blocks import as_embedding

# Share of the mean squared distance that comes from the weighted features. The rest
# comes from all features alike, since few labels may not show what a feature is worth.
_WEIGHTED = 0.9


def class_separation(vectors: Any, labels: ArrayLike) -> Array:
    """How well each feature tells classes apart: epsilon squared of its variance.

    This is the share of the variance that lies between the classes, without what chance
    alone puts there: ``1 - (SSW / (n - k)) / (SST / (n - 1))`` with the sums of squares
    within the k classes and in total, cut at 0.

    Parameters
    ----------
    vectors : {ndarray, sparse matrix} of shape (n_labeled, n_features)
        Labelled rows, finite.
    labels : array-like of shape (n_labeled,) or (n_labeled, n_labels)
        Their classes, or several labels a row. The values of labels are averaged.

    Returns
    -------
    separation : ndarray of shape (n_features,)
        Values in [0, 1]. 0 for constant features, and for all features if there are no
        more rows than classes.

    References
    ----------
    .. [1] T. L. Kelley, "An Unbiased Correlation Ratio Measure", Proceedings of the
       National Academy of Sciences, 1935.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._separation import class_separation
    >>> vectors = np.array([[0.0, 5.0], [1.0, 3.0], [8.0, 5.0], [9.0, 3.0]])
    >>> class_separation(vectors, [0, 0, 1, 1]).round(3)
    array([0.977, 0.   ])
    """
    labels = np.asarray(labels)
    if labels.ndim == 2:
        found = [class_separation(vectors, column) for column in labels.T]
        return np.mean(found, axis=0)
    vectors = as_embedding(vectors).astype(np.float64)
    codes = np.unique(labels, return_inverse=True)[1]
    n_rows, n_classes = len(codes), codes.max(initial=-1) + 1
    if n_rows <= n_classes:
        return np.zeros(vectors.shape[1])
    if not sp.issparse(vectors):  # so that squares lose fewer digits
        vectors -= vectors.mean(axis=0)
    entries = np.ones(n_rows), (codes, np.arange(n_rows))
    members = sp.csr_array(entries, shape=(n_classes, n_rows))
    sums_CF = members @ vectors
    if sp.issparse(sums_CF):
        sums_CF = sums_CF.toarray()
    squares = _column_sums(vectors.power(2) if sp.issparse(vectors) else vectors**2)
    between = (sums_CF**2 / members.sum(axis=1)[:, np.newaxis]).sum(axis=0)
    total = squares - sums_CF.sum(axis=0) ** 2 / n_rows
    within = np.maximum(squares - between, 0)
    # What is left of a constant feature is a rounding error.
    varies = total > 1e-12 * squares
    ratio = np.ones_like(total)
    np.divide(within * (n_rows - 1), total * (n_rows - n_classes), ratio, where=varies)
    return np.maximum(1 - ratio, 0)


def weight_by_separation(vectors: Any, labeled: Array, labels: ArrayLike) -> Any:
    """Scale features so that distances follow what tells the classes apart.

    Nine tenths of the mean squared distance between two rows come from the features
    times their :func:`class_separation`, and one tenth from all features as they are.
    If no feature tells the classes apart, the vectors are returned as they are.

    Parameters
    ----------
    vectors : {ndarray, sparse matrix} of shape (n_samples, n_features)
        The embedding, which must be finite.
    labeled : ndarray of shape (n_labeled,)
        Positions of the labelled rows.
    labels : array-like of shape (n_labeled,) or (n_labeled, n_labels)
        Their classes, or several labels a row.

    Returns
    -------
    vectors : {ndarray, sparse matrix} of shape (n_samples, n_features)
        The scaled vectors, or the same object.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._separation import weight_by_separation
    >>> vectors = np.array([[0.0, 5.0], [1.0, 3.0], [8.0, 5.0], [9.0, 3.0]])
    >>> weight_by_separation(vectors, np.arange(4), [0, 0, 1, 1])[2:].round(2)
    array([[8.22, 1.58],
           [9.25, 0.95]])
    """
    vectors = as_embedding(vectors)
    separation = class_separation(vectors[labeled], labels)
    variances = _variances(vectors)
    separated = separation @ variances
    if not separated > 0:
        return vectors
    weights = 1 - _WEIGHTED + _WEIGHTED * separation * (variances.sum() / separated)
    scales = np.sqrt(weights).astype(vectors.dtype)
    if sp.issparse(vectors):
        return sp.csr_array(vectors.multiply(scales[np.newaxis, :]))
    return vectors * scales


def _variances(vectors: Any) -> Array:
    if not sp.issparse(vectors):
        return vectors.var(axis=0, dtype=np.float64)
    n_rows = vectors.shape[0]
    means = _column_sums(vectors) / n_rows
    return np.maximum(_column_sums(vectors.power(2)) / n_rows - means**2, 0)


def _column_sums(vectors: Any) -> Array:
    return np.asarray(vectors.sum(axis=0, dtype=np.float64)).ravel()
