"""TypiClust: typical members of a cluster."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.neighbors import NearestNeighbors

from skactive._compat.typing import Array
from skactive.geometry._blocks import as_embedding
from skactive.geometry._pairs import centered, pair_distances


def typicality(vectors: Any, rows: ArrayLike, n_neighbors: int = 20) -> Array:
    """Typicality of rows in their cluster: one over the mean distance to neighbours.

    The neighbours are the ``min(n_neighbors, n_rows - 1)`` nearest other rows of the
    cluster.

    Parameters
    ----------
    vectors : {ndarray, sparse matrix} of shape (n_samples, n_features)
        The embedding, which must be finite.
    rows : array-like of shape (n_rows,)
        Distinct positions of the members of the cluster.
    n_neighbors : int, default=20
        Number of neighbours, at least 1.

    Returns
    -------
    typicality : ndarray of shape (n_rows,)
        Values in (0, inf], infinite where all neighbours are identical to the row. The
        only row of a cluster has the value 0.

    Raises
    ------
    ValueError
        If `n_neighbors` is less than 1, or `vectors` is not two-dimensional or not
        finite.

    References
    ----------
    .. [1] G. Hacohen, A. Dekel, D. Weinshall, "Active Learning on a Budget: Opposite
       Strategies Suit High and Low Budgets", ICML 2022.

    Examples
    --------
    >>> from skactive.geometry._typicality import typicality
    >>> typicality([[0.0], [1.0], [3.0], [50.0]], [0, 1, 2], n_neighbors=2)
    array([0.5       , 0.66666667, 0.4       ])
    """
    if n_neighbors < 1:
        raise ValueError(f"n_neighbors must be at least 1; got {n_neighbors!r}.")
    vectors = as_embedding(vectors)
    rows = np.asarray(rows, dtype=np.intp)
    n_neighbors = min(n_neighbors, len(rows) - 1)
    if n_neighbors < 1:
        return np.zeros(len(rows))
    search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute")
    # If kneighbors is given no rows, no row is its own neighbour.
    nearest = search.fit(centered(vectors[rows])).kneighbors(return_distance=False)
    # A difference of large squares says little about a short distance.
    distances = pair_distances(
        vectors, np.repeat(rows, n_neighbors), rows[nearest.ravel()]
    )
    with np.errstate(divide="ignore"):
        return 1 / distances.reshape(nearest.shape).mean(axis=1)
