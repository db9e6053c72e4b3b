"""Whom to ask about which row: a share at random, the others by value."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from skactive._compat.typing import Array

# Share of random pairs, which an estimate of quality needs.
EXPLORE = 0.2
# Values closer than this, relative to the largest, count as equal.
_TIE = 1e-12


def assign(
    rows: Iterable[int],
    can: Array,
    value: Array,
    capacity: Array,
    *,
    n_pairs: int,
    explore: float,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Assign rows, in their order, to annotators.

    Parameters
    ----------
    rows : iterable of int
        Positions, the most useful first. A row that nobody can be asked about is passed
        over.
    can : ndarray of bool of shape (n_samples, n_annotators)
        Who can be asked about which row.
    value : ndarray of shape (n_annotators,) or (n_samples, n_annotators)
        What an answer is worth.
    capacity : ndarray of shape (n_annotators,)
        Number of answers that each can give, may be infinite.
    n_pairs : int
        Number of pairs to make, if there are as many.
    explore : float in [0, 1]
        Share of the pairs whose annotator is random.
    rng : Generator
        Draws them, and decides between equal values.

    Returns
    -------
    rows, who : ndarray of shape (n_assigned,)
        Positions of rows and of annotators.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.labeling._assignment import assign
    >>> can = np.array([[True, True], [True, True], [False, True]])
    >>> rng = np.random.default_rng(0)
    >>> assign([2, 0, 1], can, np.array([0.9, 0.6]), np.array([1, 5]),
    ...        n_pairs=3, explore=0, rng=rng)
    (array([2, 0, 1]), array([1, 0, 1]))
    """
    value = np.broadcast_to(value, can.shape)
    # A part of a pair is one with this probability.
    n_random = int(explore * n_pairs + rng.random())
    is_random = np.zeros(n_pairs, dtype=bool)
    is_random[rng.permutation(n_pairs)[:n_random]] = True
    left = capacity.astype(np.float64)
    taken: list[int] = []
    who: list[int] = []
    for row in rows:
        if len(who) == n_pairs or not (left >= 1).any():
            break
        possible = np.flatnonzero(can[row] & (left >= 1))
        if len(possible) == 0:
            continue
        if not is_random[len(who)]:
            worth = value[row, possible]
            best = worth.max()
            possible = possible[worth >= best - _TIE * abs(best)]
        chosen = int(rng.choice(possible))
        left[chosen] -= 1
        taken.append(int(row))
        who.append(chosen)
    return np.array(taken, dtype=np.intp), np.array(who, dtype=np.intp)
