"""Shortlists: choosing a batch from some of the candidates of a large pool.

What a batch strategy computes for each pair of rows, or for each row and round, is too
much for a million of them. Strategies with a parameter `max_candidates` look at that
many candidates: drawn uniformly, or by a weight where a row has one.
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from skactive._compat.sklearn import Interval
from skactive._compat.typing import Array
from skactive._data.copies import row_keys
from skactive.geometry._sampling import draw_proportional
from skactive.strategies._selection import split_copies

# Valid values of `max_candidates`. None means all candidates.
MAX_CANDIDATES = [Interval(numbers.Integral, 1, None, closed="left"), None]


def shortlist_size(
    n_candidates: int, max_candidates: int | None, n_queries: int
) -> int | None:
    """Number of candidates to look at; None if these are all of them."""
    if max_candidates is None:
        return None
    n_most = max(max_candidates, n_queries)
    return n_most if n_most < n_candidates else None


def draw_candidates(
    things: Any,
    candidates: Array,
    max_candidates: int | None,
    n_queries: int,
    rng: np.random.Generator,
) -> Array:
    """Draw candidates uniformly if there are more than `max_candidates`.

    Parameters
    ----------
    things : array-like, sparse, data frame or sequence of n_samples
        Rows of the pool, or their vectors. Rows with identical things are copies.
    candidates : ndarray of shape (n_candidates,)
        Ascending positions.
    max_candidates : int or None
        Number of candidates to draw, but at least `n_queries`. None means all.
    n_queries : int
        Number of rows to choose.
    rng : numpy Generator
        Draws the candidates. It is not used if all are taken.

    Returns
    -------
    drawn : ndarray of shape (n_drawn,)
        Ascending positions. If a draw has fewer than `n_queries` rows without their
        copies, it is made anew among the rows without their copies, and copies are
        added only while there are too few of these.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies._shortlist import draw_candidates
    >>> rng = np.random.default_rng(0)
    >>> len(draw_candidates(np.eye(9), np.arange(9), 4, 2, rng))
    4
    """
    n_drawn = shortlist_size(len(candidates), max_candidates, n_queries)
    if n_drawn is None:
        return candidates
    drawn = np.sort(rng.permutation(candidates)[:n_drawn])
    if len(np.unique(row_keys(things, drawn))) >= n_queries:
        return drawn
    first, copies = split_copies(row_keys(things, candidates), candidates, rng)
    drawn = rng.permutation(first)[:n_drawn]
    n_missing = max(0, n_queries - len(drawn))
    return np.sort(np.append(drawn, rng.permutation(copies)[:n_missing]))


def draw_weighted_candidates(
    candidates: Array,
    weights: Array,
    max_candidates: int | None,
    n_queries: int,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Draw candidates by weight if there are more than `max_candidates`.

    Parameters
    ----------
    candidates, max_candidates, n_queries, rng
        As for :func:`draw_candidates`.
    weights : ndarray of shape (n_candidates,)
        Weights, finite and not negative.

    Returns
    -------
    drawn : ndarray of shape (n_drawn,)
        Ascending positions. The probability of a candidate is proportional to its
        weight, where that is possible.
    weights : ndarray of shape (n_drawn,)
        What each row counts, so that the rows drawn stand for all; see
        :func:`skactive.geometry._sampling.draw_proportional`.
    """
    n_drawn = shortlist_size(len(candidates), max_candidates, n_queries)
    if n_drawn is None:
        return candidates, weights
    drawn, counts = draw_proportional(weights, n_drawn, rng)
    return candidates[drawn], counts
