"""Bandwidths of Gaussian kernels, computed from distances between rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.neighbors import NearestNeighbors

from skactive.geometry._blocks import as_embedding, row_hashes
from skactive.geometry._pairs import centered, pair_distances

# Number of pairs of rows for the median.
_N_PAIRS = 10_000


def median_bandwidth(vectors: Any, rng: np.random.Generator) -> float:
    """Half the median distance between two different rows.

    With this bandwidth, two rows at the median distance have the similarity
    ``exp(-2)``, 0.14. This is the similarity of unrelated rows on the unit sphere with
    the kernel ``exp(-||x - z||^2)``, which the paper uses. Up to 10,000 random pairs
    are used.

    Parameters
    ----------
    vectors : {ndarray, sparse matrix} of shape (n_samples, n_features)
        The embedding, which must be finite.
    rng : numpy.random.Generator
        Draws the pairs.

    Returns
    -------
    bandwidth : float
        Positive bandwidth. It is 1 if all rows of the pairs are identical.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._bandwidth import median_bandwidth
    >>> median_bandwidth(np.array([[0.0], [4.0]]), np.random.default_rng(0))
    2.0
    """
    vectors = as_embedding(vectors)
    n_samples = vectors.shape[0]
    i, j = rng.integers(max(n_samples, 1), size=(2, _N_PAIRS))
    distances = pair_distances(vectors, i[: n_samples**2], j[: n_samples**2])
    distances = distances[distances > 0]
    return float(np.median(distances)) / 2 if len(distances) else 1.0


def least_distance_bandwidth(vectors: Any, rows: ArrayLike) -> float | None:
    """Smallest distance between rows over root two; it falls as rows get denser.

    The kernel is then ``exp(-(||x - z|| / least)^2)``, as in uncertainty herding with
    the labelled rows. Two of them never cover each other, and each covers less the more
    there are.

    Parameters
    ----------
    vectors : {ndarray, sparse matrix} of shape (n_samples, n_features)
        The embedding, which must be finite.
    rows : array-like of shape (n_rows,)
        Positions, such as those of the labelled rows.

    Returns
    -------
    bandwidth : float or None
        Positive bandwidth. None if there are no two different rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._bandwidth import least_distance_bandwidth
    >>> vectors = np.array([[0.0], [4.0], [4.0], [7.0], [9.0]])
    >>> round(least_distance_bandwidth(vectors, [0, 1, 2, 3]) * 2**0.5, 6)
    3.0
    """
    vectors = as_embedding(vectors)
    rows = np.asarray(rows, dtype=np.intp)
    rows = rows[np.unique(row_hashes(vectors[rows]), return_index=True)[1]]
    if len(rows) < 2:
        return None
    search = NearestNeighbors(n_neighbors=1, algorithm="brute")
    # If kneighbors is given no rows, no row is its own neighbour.
    nearest = search.fit(centered(vectors[rows])).kneighbors(return_distance=False)
    distances = pair_distances(vectors, rows, rows[nearest[:, 0]])
    return float(distances.min() / np.sqrt(2))
