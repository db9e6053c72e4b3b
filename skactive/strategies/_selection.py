"""Choose rows by utilities: candidates, the best rows, ties, copies, and seeds."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length, check_random_state

from skactive._compat.sklearn import _num_samples
from skactive._compat.typing import Array
from skactive._data.copies import row_keys
from skactive._data.label_sets import are_missing
from skactive.strategies._messages import name_of_model, shorten

RandomState = int | np.random.RandomState | np.random.Generator | None

# Utilities closer than this, relative to the smallest one chosen, count as equal.
# Rounding differs this much between matrix products of different shapes.
TIE_TOLERANCE = 1e-12


# ---------------------------------------------------------------------------------
# Checks of arguments and results
# ---------------------------------------------------------------------------------


def check_n_queries(n_queries: Any) -> None:
    """Raise unless `n_queries` is a positive int."""
    if not isinstance(n_queries, numbers.Integral) or n_queries < 1:
        raise ValueError(f"n_queries must be a positive int; got {n_queries!r}.")


def check_rows(rows: ArrayLike, n_samples: int, name: str = "rows") -> Array:
    """Convert positions to an array of ints, or raise a ValueError."""
    positions = np.atleast_1d(np.asarray(rows))
    if positions.size == 0:
        return np.empty(0, dtype=np.intp)
    if (
        positions.ndim != 1
        or positions.dtype.kind not in "iu"
        or not 0 <= positions.min() <= positions.max() < n_samples
    ):
        raise ValueError(
            f"{name} must be a list of positions in X, ints from 0 to "
            f"{n_samples - 1}, as query gives them; got {shorten(rows)}. For a mask, "
            "pass np.flatnonzero(mask)."
        )
    return positions.astype(np.intp)


def find_candidates(X: Any, y: Any = None) -> Array:
    """Return the ascending positions of the rows without a label."""
    if y is None:
        return np.arange(_num_samples(X))
    check_consistent_length(X, y)
    return np.flatnonzero(are_missing(y))


def check_one_a_row(utilities: Array, n_rows: int, strategy: Any) -> None:
    """Raise unless there is one utility for each of `n_rows` rows."""
    if utilities.shape != (n_rows,):
        raise ValueError(
            f"{shorten(strategy)} gave utilities of shape {utilities.shape} for "
            f"{n_rows} rows; expected one number per row, shape ({n_rows},)."
        )


def check_utilities(utilities: Any, n_rows: int, strategy: Any) -> Array:
    """Convert utilities to finite float64 of shape (n_rows,), or raise a ValueError."""
    utilities = np.asarray(utilities, dtype=np.float64)
    check_one_a_row(utilities, n_rows, strategy)
    if not np.isfinite(utilities).all():
        n_wrong = int((~np.isfinite(utilities)).sum())
        raise ValueError(
            f"{shorten(strategy)} gave {n_wrong} utilities that are NaN or infinite "
            f"among {n_rows}; every utility must be finite."
        )
    return utilities


def check_chosen(
    chosen: Any, candidates: Array, n_queries: int, strategy: Any
) -> Array:
    """Convert chosen positions to ints, or raise an error that names the strategy.

    `candidates` are ascending. Fewer rows than asked for are allowed, but at least one.
    """
    positions = np.asarray(chosen)
    is_list = positions.ndim == 1 and positions.dtype.kind in "iu"
    if is_list and 0 < len(positions) <= n_queries:
        places = np.searchsorted(candidates, positions)
        places[places == len(candidates)] = 0
        is_candidate = candidates[places] == positions
        if is_candidate.all() and len(set(positions.tolist())) == len(positions):
            return positions.astype(np.intp, copy=False)
    raise ValueError(
        f"{shorten(strategy)} must choose 1 to {n_queries} distinct rows without a "
        f"label, by their positions in X; it gave {shorten(chosen)}. A strategy picks "
        "from its candidates: positions among them are candidates[positions] in X."
    )


def warn_if_equal(
    strategy: Any, utilities: Array, n_queries: int, estimator: Any
) -> None:
    """Warn if an informed strategy leaves the choice to chance."""
    if n_queries >= len(utilities):
        return
    slack = TIE_TOLERANCE * abs(utilities[0])
    if abs(utilities[-1] - utilities[0]) > slack or np.ptp(utilities) > slack:
        return
    if strategy.informed:
        warnings.warn(
            f"{shorten(strategy)} finds all {len(utilities)} candidates equally "
            f"useful, so the choice is random. {name_of_model(estimator)} may give "
            "the same answer for every row, or be certain of all; "
            "it may need more labels, or other hyper-parameters, to tell them apart.",
            UserWarning,
            stacklevel=4,
        )


# ---------------------------------------------------------------------------------
# The best rows
# ---------------------------------------------------------------------------------


def take_best(
    utilities: Array,
    n_best: int,
    random_state: RandomState = None,
) -> Array:
    """Return positions of the largest utilities, largest first, ties at random.

    Parameters
    ----------
    utilities : ndarray of shape (n_candidates,)
        Finite.
    n_best : int
        Number of positions to return. If there are fewer utilities, all are returned.
    random_state : int, RandomState instance or None, default=None
        Orders ties, and chooses between them if not all can be taken.

    Returns
    -------
    positions : ndarray of shape (min(n_best, n_candidates),)
        Positions in `utilities`.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies._selection import take_best
    >>> take_best(np.array([0.1, 0.5, 0.3]), 2, random_state=0)
    array([1, 2])
    """
    rng = as_generator(random_state)
    if n_best >= len(utilities):
        best = np.arange(len(utilities))
    elif n_best == 0:
        best = np.empty(0, dtype=np.intp)
    else:
        near, smallest = _near_largest(utilities, n_best)
        values = utilities[near]
        slack = TIE_TOLERANCE * abs(smallest)
        sure = near[values > smallest + slack]
        tied = near[(values >= smallest - slack) & (values <= smallest + slack)]
        if len(sure) + len(tied) > n_best:
            tied = rng.choice(tied, size=n_best - len(sure), replace=False)
        best = np.concatenate([sure, tied])
    best = rng.permutation(best)
    return best[np.argsort(-round_ties(utilities[best]), kind="stable")]


def _near_largest(utilities: Array, n: int) -> tuple[Array, float]:
    """Return positions that may be among the n largest, and the n-th largest value.

    The positions include ties of the n-th largest within the tolerance. If n is small,
    this takes one pass over the utilities.
    """
    sample = utilities[:: int(np.sqrt(len(utilities) / n))]
    if not n < len(sample) < len(utilities):
        near = np.arange(len(utilities))
        return near, float(np.partition(utilities, -n)[-n])
    # In the sample, n values reach this bound, so the n-th largest of all does too.
    bound = np.partition(sample, -n)[-n]
    near = np.flatnonzero(utilities >= bound - TIE_TOLERANCE * abs(bound))
    values = utilities[near]
    above = values[values > bound]
    if len(above) < n:
        return near, float(bound)
    return near, float(np.partition(above, -n)[-n])


def round_ties(utilities: Array) -> Array:
    """Round off the digits of utilities that are noise according to TIE_TOLERANCE."""
    fraction, exponent = np.frexp(utilities)
    return np.ldexp(np.round(fraction / TIE_TOLERANCE) * TIE_TOLERANCE, exponent)


def take_distinct(
    X: Any, candidates: Array, utilities: Array, n_queries: int, seed: RandomState
) -> Array:
    """Take the best rows, and copies of a row only when no other rows are left.

    Parameters
    ----------
    X : array-like, sparse, data frame or sequence of n_samples
        The pool.
    candidates : ndarray of shape (n_candidates,)
        Positions in `X`.
    utilities : ndarray of shape (n_candidates,)
        Finite.
    n_queries : int
        Number of rows to take. If there are fewer candidates, all are taken.
    seed : int, RandomState, Generator or None
        Orders ties.

    Returns
    -------
    positions : ndarray of shape (min(n_queries, n_candidates),)
        Positions in `X`, the best first.
    """
    rng = as_generator(seed)
    n_looked = n_queries
    while True:
        best = candidates[take_best(utilities, n_looked, rng)]
        keys = row_keys(X, best)
        if len(set(keys.tolist())) == n_queries == len(best):
            return best
        first = np.sort(np.unique(keys, return_index=True)[1])
        if len(first) >= n_queries or len(best) == len(candidates):
            copies = np.setdiff1d(np.arange(len(best)), first)
            return best[np.concatenate([first, copies])[:n_queries]]
        n_looked *= 4


def pick_distinct(
    pick: Callable[[Array, int], Array],
    things: Any,
    candidates: Array,
    n_queries: int,
    rng: np.random.Generator,
) -> Array:
    """Call ``pick(rows, n_rows)`` so that copies come only when no others are left.

    Copies are rows whose `things`, rows of the pool or vectors, are identical.
    """
    keys_of = partial(row_keys, things)
    chosen = pick(candidates, n_queries)
    if len(np.unique(keys_of(chosen))) == n_queries:
        return chosen
    # The batch holds copies: offer each row once, and copies when no others are left.
    first, copies = split_copies(keys_of(candidates), candidates, rng)
    n_first = min(n_queries, len(first))
    chosen = pick(first, n_first)
    if n_first < n_queries:
        chosen = np.append(chosen, rng.permutation(copies)[: n_queries - n_first])
    return chosen


def rank_in_group(codes: Array) -> Array:
    """Count, for each code, how many equal codes stand before it."""
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], codes[order])
    ranks = np.empty(len(codes), dtype=np.intp)
    ranks[order] = np.arange(len(codes)) - starts
    return ranks


def split_copies(
    keys: Array, candidates: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Split `candidates` into one of each group with equal `keys`, and the others.

    The one of each group is drawn at random. Both parts are ascending.
    """
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order], prepend=~keys[order[:1]]))
    if len(starts) == len(candidates):
        return candidates, candidates[:0]
    sizes = np.diff(starts, append=len(candidates))
    is_copy = np.ones(len(candidates), dtype=bool)
    is_copy[order[starts + rng.integers(sizes)]] = False
    return candidates[~is_copy], candidates[is_copy]


# ---------------------------------------------------------------------------------
# Randomness
# ---------------------------------------------------------------------------------


def as_generator(random_state: RandomState) -> np.random.Generator:
    """Return a fast generator that is determined by `random_state`."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    return np.random.default_rng(draw_seed(random_state))


def draw_seed(random_state: int | np.random.RandomState | None) -> int | None:
    """Return a seed for numpy's generators, or None (for a new seed) from None.

    A RandomState advances by one draw. numpy's global state is never touched.
    """
    if random_state is None or isinstance(random_state, numbers.Integral):
        return None if random_state is None else int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
