"""FALCUN: rows drawn by uncertainty and by distance in probabilities."""

from __future__ import annotations

import numpy as np

from skactive._compat.typing import Array
from skactive.geometry._sampling import draw


def relevance_sampling(
    proba: Array,
    uncertainty: Array,
    n_queries: int,
    *,
    gamma: float = 10,
    rng: np.random.Generator,
) -> Array:
    """Draw rows that are uncertain and differ from the chosen ones in probabilities.

    In FALCUN, a row is drawn with probability proportional to ``(u + d) ** gamma``,
    where u is its uncertainty and d its diversity. The diversity starts as u. It then
    is the minimum of u and the L1 distances between the class probabilities of the row
    and of each chosen row. Before it is added to u, it is scaled to [0, 1] over the
    remaining rows by ``(d - min) / (max - min)``, or set to zero if all are equal. The
    stored distances are not scaled. If all relevances are zero, the draw is uniform.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
        Class probabilities.
    uncertainty : ndarray of shape (n_samples,)
        Values in [0, 1]. Greater means more uncertain. The paper uses 1 - margin.
    n_queries : int
        Number of rows to choose. If there are fewer, all are chosen.
    gamma : float, default=10
        Exponent. 0 draws uniformly. The larger it is, the closer the draw is to taking
        the largest relevance.
    rng : numpy.random.Generator
        Draws the rows.

    Returns
    -------
    positions : ndarray of shape (min(n_queries, n_samples),)
        Distinct positions, in order of choice.

    References
    ----------
    .. [1] S. Gilhuber, A. Beer, Y. Ma, T. Seidl, "FALCUN: A Simple and Efficient Deep
       Active Learning Strategy", ECML PKDD 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._relevance import relevance_sampling
    >>> proba = np.array([[0.5, 0.5], [0.9, 0.1], [1.0, 0.0]])
    >>> uncertainty = np.array([1.0, 0.2, 0.0])
    >>> relevance_sampling(proba, uncertainty, 1, rng=np.random.default_rng(0))
    array([0])
    """
    # Classes on the first axis: a few long operations instead of many short ones.
    proba_CN = np.ascontiguousarray(np.asarray(proba).T, dtype=np.float64)
    uncertainty = np.asarray(uncertainty, dtype=np.float64)
    diversity = uncertainty.copy()
    n_queries = min(n_queries, len(diversity))
    chosen = np.empty(n_queries, dtype=np.intp)
    for i in range(n_queries):
        law = _relevance_law(uncertainty, diversity, chosen[:i], gamma)
        chosen[i] = draw(law, rng, 1)[0]
        found = _l1_distances(proba_CN, proba_CN[:, chosen[i]])
        np.minimum(diversity, found, out=diversity)
    return chosen


def _relevance_law(
    uncertainty: Array, diversity: Array, chosen: Array, gamma: float
) -> Array:
    """Probabilities of the rows, up to a factor; zero for chosen rows."""
    relevance = diversity.copy()
    relevance[chosen] = np.inf
    relevance -= relevance.min()
    relevance[chosen] = 0
    spread = relevance.max()
    if spread > 0:
        relevance /= spread
    relevance += uncertainty
    relevance[chosen] = 0
    largest = relevance.max()
    if largest > 0:
        relevance /= largest  # a large power must not overflow, or vanish
        relevance **= gamma
    else:
        relevance[:] = 1
    relevance[chosen] = 0
    return relevance


def _l1_distances(proba_CN: Array, center_C: Array) -> Array:
    """Sum over classes of absolute differences, shape (n_samples,)."""
    result = np.zeros(proba_CN.shape[1])
    step = np.empty_like(result)
    for row, value in zip(proba_CN, center_C, strict=True):
        np.abs(np.subtract(row, value, out=step), out=step)
        result += step
    return result
