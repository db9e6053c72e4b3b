"""Clustering by k-means, the only place where it is done."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning

from skactive._compat.typing import Array


def fit_k_means(
    vectors: Any,
    n_clusters: int,
    rng: np.random.Generator,
    *,
    weights: Array | None = None,
    init: Any = "k-means++",
    batch_size: int | None = None,
) -> Any:
    """Fit k-means, with a single initialization.

    Parameters
    ----------
    vectors : ndarray or CSR of shape (n_samples, n_features)
        The rows.
    n_clusters : int
        Number of clusters.
    rng : numpy Generator
        Draws the seed.
    weights : ndarray of shape (n_samples,), default=None
        Weights of the rows. None means equal weights.
    init : {"k-means++"} or ndarray of shape (n_clusters, n_features)
        Initial centres, or how they are chosen.
    batch_size : int, default=None
        Number of rows per step of mini-batch k-means. None means all rows in each step.

    Returns
    -------
    model : KMeans or MiniBatchKMeans
        Fitted estimator.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._k_means import fit_k_means
    >>> vectors = np.array([[0.0], [1.0], [7.0], [9.0]])
    >>> model = fit_k_means(vectors, 2, np.random.default_rng(0))
    >>> sorted(model.cluster_centers_.ravel().tolist())
    [0.5, 8.0]
    """
    seed = int(rng.integers(np.iinfo(np.int32).max))
    kind: Any = KMeans
    if batch_size is not None:
        kind = partial(MiniBatchKMeans, batch_size=batch_size)
    model = kind(n_clusters, init=init, n_init=1, random_state=seed)
    with warnings.catch_warnings():
        # If rows are nearly identical, clusters may be empty; callers allow for that.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(vectors, sample_weight=weights)
