"""Rows such that every row is similar to one of them: herding, facility location."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from skactive._compat.typing import Array
from skactive.geometry._bandwidth import median_bandwidth
from skactive.geometry._blocks import as_embedding, unlabeled_positions
from skactive.geometry._pairs import GROUP_ROWS, Halves

# Single precision is used if its error in a similarity is less than this.
_SINGLE_ERROR = 1e-4
# Number of rows from which the first choice is guessed.
_GUESS_ROWS = 512
# Gains that differ by less than this, relative to the largest, count as equal.
_TIE_TOLERANCE = 1e-12


def max_herding(
    vectors: Any,
    n_queries: int,
    *,
    candidates: ArrayLike | None = None,
    labeled: ArrayLike | None = None,
    bandwidth: float | None = None,
    rng: np.random.Generator,
    weights: ArrayLike | None = None,
    max_rows: int = 20_000,
) -> Array:
    """Choose rows that cover most, in the sense of a Gaussian kernel (MaxHerding).

    The kernel is ``k(x, z) = exp(-||x - z||^2 / (2 bandwidth^2))``. The choice greedily
    maximises the sum over all rows x of ``weights[x] * max(k(x, z))``, with the maximum
    over the rows z that are labelled or chosen. With uncertainties as weights, this is
    uncertainty herding.

    Parameters
    ----------
    vectors : {ndarray, sparse matrix} of shape (n_samples, n_features)
        The embedding, which must be finite.
    n_queries : int
        Number of rows to choose. If there are fewer candidates, all are chosen.
    candidates : array-like of shape (n_candidates,), default=None
        Distinct positions of the candidates. None means all unlabelled rows.
    labeled : array-like of shape (n_labeled,), default=None
        Positions of the labelled rows. None means that there are none.
    bandwidth : float, default=None
        Positive bandwidth of the kernel. None means :func:`median_bandwidth`.
    rng : numpy.random.Generator
        Breaks ties, and draws rows if there are more than `max_rows`.
    weights : array-like of shape (n_samples,), default=None
        Weights of the rows, finite and not negative. None means 1 for each row.
    max_rows : int, default=20_000
        Largest number of rows for which the greedy solution is exact. With more rows,
        this many are drawn at random to stand for all. The sum is over them, and the
        candidates are those among them, plus further ones if these are fewer than
        half of `max_rows` or fewer than `n_queries`.

    Returns
    -------
    positions : ndarray of shape (min(n_queries, n_candidates),)
        Distinct positions among `candidates`, in order of choice. When nothing is left
        to gain, the rest is chosen at random.

    Raises
    ------
    ValueError
        If a parameter is outside its range, or `vectors` is not two-dimensional or not
        finite.

    References
    ----------
    .. [1] W. Bae, J. Noh, D. J. Sutherland, "Generalized Coverage for More Robust
       Low-Budget Active Learning", ECCV 2024.
    .. [2] W. Bae, D. J. Sutherland, G. L. Oliveira, "Uncertainty Herding: One Active
       Learning Method for All Label Budgets", ICLR 2025.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._coverage import max_herding
    >>> vectors = np.array([[0.0], [1.0], [2.0], [7.0], [7.5]])
    >>> max_herding(vectors, 1, bandwidth=1, rng=np.random.default_rng(0))
    array([1])
    >>> max_herding(vectors, 1, bandwidth=1, weights=[0, 0, 0, 0, 1],
    ...             rng=np.random.default_rng(0))
    array([4])
    """
    vectors = as_embedding(vectors)
    if bandwidth is None:
        bandwidth = median_bandwidth(vectors, rng)
    elif not 0 < bandwidth < np.inf:
        raise ValueError(f"bandwidth must be positive; got {bandwidth!r}.")
    return _maximize_coverage(
        vectors,
        n_queries,
        candidates=candidates,
        labeled=labeled,
        similarity="gaussian",
        scale=1 / bandwidth,
        weights=weights,
        max_rows=max_rows,
        rng=rng,
    )


def facility_location(
    vectors: Any,
    n_queries: int,
    *,
    candidates: ArrayLike | None = None,
    labeled: ArrayLike | None = None,
    similarity: Literal["cosine", "euclidean"] = "cosine",
    rng: np.random.Generator,
    max_rows: int = 20_000,
) -> Array:
    """Choose rows such that every row is similar to one of them (facility location).

    The choice greedily maximises the sum over all rows x of ``max(similarity(x, z))``,
    with the maximum over the rows z that are labelled or chosen.

    Parameters
    ----------
    vectors : {ndarray, sparse matrix} of shape (n_samples, n_features)
        The embedding, which must be finite.
    n_queries : int
        Number of rows to choose. If there are fewer candidates, all are chosen.
    candidates : array-like of shape (n_candidates,), default=None
        Distinct positions of the candidates. None means all unlabelled rows.
    labeled : array-like of shape (n_labeled,), default=None
        Positions of the labelled rows. None means that there are none.
    similarity : {"cosine", "euclidean"}, default="cosine"
        "cosine" is ``(1 + cosine) / 2``, where the cosine of a row of zeros is 0.
        "euclidean" is ``1 / (1 + distance)``. Both are in [0, 1].
    rng : numpy.random.Generator
        Breaks ties, and draws rows if there are more than `max_rows`.
    max_rows : int, default=20_000
        As in :func:`max_herding`.

    Returns
    -------
    positions : ndarray of shape (min(n_queries, n_candidates),)
        Distinct positions among `candidates`, in order of choice.

    Raises
    ------
    ValueError
        If a parameter is outside its range, or `vectors` is not two-dimensional or not
        finite.

    References
    ----------
    .. [1] G. L. Nemhauser, L. A. Wolsey, M. L. Fisher, "An Analysis of Approximations
       for Maximizing Submodular Set Functions", Mathematical Programming 1978.
    .. [2] K. Wei, R. Iyer, J. Bilmes, "Submodularity in Data Subset Selection and
       Active Learning", ICML 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._coverage import facility_location
    >>> vectors = np.array([[0.0], [1.0], [2.0], [7.0], [7.5]])
    >>> rng = np.random.default_rng(0)
    >>> facility_location(vectors, 1, similarity="euclidean", rng=rng)
    array([1])
    """
    if similarity not in ("cosine", "euclidean"):
        raise ValueError(
            f"similarity must be 'cosine' or 'euclidean'; got {similarity!r}."
        )
    return _maximize_coverage(
        as_embedding(vectors),
        n_queries,
        candidates=candidates,
        labeled=labeled,
        similarity=similarity,
        scale=1.0,
        weights=None,
        max_rows=max_rows,
        rng=rng,
    )


def _from_gaussian(halves: Array, error: float) -> Array:
    return np.exp(halves, out=halves)


def _from_cosine(halves: Array, error: float) -> Array:
    # For unit vectors, minus half the squared distance is the cosine minus one.
    halves *= 0.5
    halves += 1
    return halves


def _from_euclidean(halves: Array, error: float) -> Array:
    # The root would turn a mere rounding error into 1e-8.
    np.copyto(halves, 0, where=halves > -error)
    halves *= -2
    np.sqrt(halves, out=halves)
    halves += 1
    return np.divide(1, halves, out=halves)


# Each function turns -||x - z||^2 / 2 into a similarity in [0, 1], in place. The second
# argument is the rounding error of the first.
_SIMILARITIES: dict[str, Callable[[Array, float], Array]] = {
    "gaussian": _from_gaussian,
    "cosine": _from_cosine,
    "euclidean": _from_euclidean,
}


def _maximize_coverage(
    vectors: Any,
    n_queries: int,
    *,
    candidates: ArrayLike | None,
    labeled: ArrayLike | None,
    similarity: str,
    scale: float,
    weights: ArrayLike | None,
    max_rows: int,
    rng: np.random.Generator,
) -> Array:
    candidates, labeled = unlabeled_positions(vectors, candidates, labeled)
    n_samples = vectors.shape[0]
    weights = _check_weights(weights, n_samples)
    n_queries = min(n_queries, len(candidates))
    if n_queries == 0:
        return candidates[:0]
    if max_rows < 1:
        raise ValueError(f"max_rows must be at least 1; got {max_rows!r}.")
    targets = np.arange(n_samples)
    if n_samples > max_rows:
        targets = np.sort(rng.choice(n_samples, size=max_rows, replace=False))
        is_target = np.zeros(n_samples, dtype=bool)
        is_target[targets] = True
        inside = is_target[candidates]
        wanted = max(n_queries, max_rows // 2)
        further = rng.permutation(candidates[~inside])
        further = further[: max(0, wanted - int(inside.sum()))]
        candidates = np.append(candidates[inside], further)
    coverage = _Coverage(
        vectors, targets, weights[targets], candidates, similarity, scale, rng
    )
    coverage.cover(labeled)
    return coverage.maximize(n_queries, rng)


class _Coverage:
    """Greedy maximiser of ``sum_x w(x) max_z similarity(x, z)`` over sets of z.

    Gains only fall as the set grows, so a gain of an earlier round is an upper bound.
    Only candidates whose bound reaches the best gain found are computed again. Bounds
    are kept for each group of rows x. A candidate is dropped once the first groups have
    lowered its bound far enough, and groups in which nothing has changed are not
    computed again. For this reason, a group holds rows that are near each other.
    """

    def __init__(
        self,
        vectors: Any,
        targets: Array,
        weights: Array,
        candidates: Array,
        similarity: str,
        scale: float,
        rng: np.random.Generator,
    ):
        rows = np.union1d(targets, candidates)
        unit = similarity == "cosine"
        order = _order_by_pivots(vectors, rows, scale, unit, rng)
        self.vectors, self.rows = vectors, rows[order]
        self.halves = Halves(vectors, self.rows, scale=scale, unit=unit)
        self.similarity = _SIMILARITIES[similarity]
        self.error = self.halves.error(slice(None), slice(None), np.float64)
        all_weights = np.zeros(vectors.shape[0])
        all_weights[targets] = weights
        self.weights = all_weights[self.rows]
        is_candidate = np.zeros(vectors.shape[0], dtype=bool)
        is_candidate[candidates] = True
        self.is_open = is_candidate[self.rows]
        self.groups = list(self.halves.groups())
        self.covered = np.zeros(len(self.rows))
        self.total = float(self.weights.sum())
        self.dtype, error = self._precision(similarity)
        self.slack = error * self.total
        # Bounds of gains by group, and the turn they are from; -1 is none.
        shape = (len(self.rows), len(self.groups))
        self.parts = np.zeros(shape, dtype=self.dtype)
        self.made = np.full(shape, -1, dtype=np.int32)
        self.changed = np.zeros(len(self.groups), dtype=np.int32)
        self.bounds = np.full(len(self.rows), np.inf)
        self.sequence = np.arange(len(self.groups))
        self.later = self.parts[:0]  # bounds of the next turn, if computed in advance

    def _precision(self, similarity: str) -> tuple[Any, Array]:
        """Dtype of the bounds, and the error of a similarity in it."""
        norms = self.halves.norms
        if similarity == "euclidean":
            # The root magnifies the error of short distances: no single precision.
            return np.float64, np.full(len(norms), 1e-11)
        # A Gaussian kernel errs where it is not zero, that is where norms are alike.
        factor = (1 + np.sqrt(2 * norms)) ** 2
        single = self.halves.relative_error(np.float32) * factor
        if single[self.is_open].max(initial=0) < _SINGLE_ERROR:
            return np.float32, single
        return np.float64, self.halves.relative_error(np.float64) * factor

    def _similar(self, some: Any, group: slice, dtype: Any) -> Array:
        values = self.halves.block(some, group, dtype)
        return self.similarity(values, self.error)

    def cover(self, labeled: Array) -> None:
        """Add labelled rows, which need not be among `rows`, to the set."""
        for start in range(0, len(labeled), GROUP_ROWS):
            some = self.halves.prepare(labeled[start : start + GROUP_ROWS])
            for group in self.groups:
                values = self.halves.block_of(some, group, np.float64)
                best = self.similarity(values, self.error).max(axis=0)
                self.covered[group] = np.maximum(self.covered[group], best)

    def maximize(self, n_queries: int, rng: np.random.Generator) -> Array:
        """Choose `n_queries` candidates greedily."""
        chosen: list[int] = []
        guess = self._guess(rng) if n_queries > 1 else None
        self._refresh_all(0, guess)
        for turn in range(n_queries):
            front, gains = self._front(turn)
            largest = gains.max(initial=0)
            noise = 64 * np.finfo(np.float64).eps * self.total
            if largest <= noise:
                break  # all is covered, also in every later turn
            tied = front[gains >= largest - _TIE_TOLERANCE * largest - noise]
            pick = int(rng.choice(np.sort(tied)))
            chosen.append(pick)
            self.is_open[pick] = False
            if turn < n_queries - 1:
                self._add(pick, turn + 1)
                if turn == 0 and pick == guess:
                    self._set_parts(self.later, turn + 1)
            self.later = self.parts[:0]
        others = self.rows[self.is_open]
        others = rng.permutation(np.sort(others))[: n_queries - len(chosen)]
        return np.append(self.rows[np.array(chosen, dtype=np.intp)], others)

    def _add(self, pick: int, turn: int) -> None:
        some = np.array([pick])
        for g, group in enumerate(self.groups):
            values = self._similar(some, group, np.float64)[0]
            higher = values > self.covered[group]
            if (higher & (self.weights[group] > 0)).any():
                self.covered[group] = np.maximum(self.covered[group], values)
                self.changed[g] = turn

    def _front(self, turn: int) -> tuple[Array, Array]:
        """Candidates that may have the largest gain, and their exact gains."""
        is_new = self.is_open & (self.made >= self.changed).all(axis=1)
        best, size = -np.inf, 32
        if is_new.any():
            best = (self.bounds - self.slack)[is_new].max()
        share = 0.0  # of the requested pairs that the last refresh computed
        while True:
            reach = self.bounds + self.slack
            stale = np.flatnonzero(self.is_open & ~is_new & (reach >= best))
            if len(stale) == 0:
                break
            if share * len(stale) > 0.8 * len(self.rows):
                self._refresh_all(turn)
                is_new |= self.is_open
                best = (self.bounds - self.slack)[is_new].max()
                continue
            if len(stale) > size:
                stale = stale[np.argpartition(-reach[stale], size)[:size]]
            size = min(2 * size, 512)
            finished, made = self._refresh(stale, best)
            share = made if np.isfinite(best) else 0.0
            is_new[finished] = True
            if len(finished):
                best = max(best, (self.bounds - self.slack)[finished].max())
        front = np.flatnonzero(is_new & (self.bounds + self.slack >= best))
        return front, self._gains(front)

    def _sum(self, values: Array, group: slice, dtype: Any) -> Array:
        """Gains from the similarities (n_some, n_group) of a group of rows."""
        covered = self.covered[group].astype(dtype)
        if covered.any():
            values -= covered
            np.maximum(values, 0, out=values)
        return values @ self.weights[group].astype(dtype)

    def _gains(self, some: Array) -> Array:
        gains = np.zeros(len(some))
        for start in range(0, len(some), GROUP_ROWS):
            part = slice(start, start + GROUP_ROWS)
            for group in self.groups:
                values = self._similar(some[part], group, np.float64)
                gains[part] += self._sum(values, group, np.float64)
        return gains

    def _refresh(self, some: Array, best: float) -> tuple[Array, float]:
        """Bring bounds up to date.

        Return those of `some` that still reach `best`, and the share of the pairs that
        were computed to find out.
        """
        n_pairs, all_pairs = 0, len(some) * len(self.rows)
        falls = np.zeros(len(self.groups))
        for g in self.sequence:
            group = self.groups[g]
            old = some[self.made[some, g] < self.changed[g]]
            if len(old) == 0:
                continue
            values = self._similar(old, group, self.dtype)
            n_pairs += values.size
            gains = self._sum(values, group, self.dtype)
            change = gains.astype(np.float64) - self.parts[old, g]
            falls[g] = change.mean()
            self.bounds[old] += change
            self.parts[old, g] = gains
            self.made[old, g] = self.changed[g]
            some = some[self.bounds[some] + self.slack[some] >= best]
        if best == -np.inf:
            # First refresh of a turn: groups whose gains fall most lead next time.
            self.sequence = np.argsort(falls, kind="stable")
        return some, n_pairs / all_pairs

    def _guess(self, rng: np.random.Generator) -> int | None:
        """Candidate that probably has the largest gain, from a sample of the rows."""
        n_rows = len(self.rows)
        if n_rows < 8 * _GUESS_ROWS or self.is_open.sum() < n_rows / 2:
            return None
        some = np.sort(rng.choice(n_rows, size=_GUESS_ROWS, replace=False))
        weights, covered = self.weights[some], self.covered[some][:, np.newaxis]
        gains = np.empty(n_rows)
        for group in self.groups:
            values = self._similar(some, group, self.dtype)
            gains[group] = weights @ np.maximum(values - covered, 0)
        gains[~self.is_open] = -1
        n_best = min(128, n_rows // 2)
        best = np.argpartition(-gains, n_best)[:n_best]
        return int(best[self._gains(best).argmax()])

    def _refresh_all(self, turn: int, guess: int | None = None) -> None:
        """Compute the bounds of all candidates anew.

        With a `guess` of the next choice, also compute the bounds that follow from it.
        """
        parts = self.parts
        some = np.flatnonzero(self.is_open)
        if len(some) < len(self.rows) / 2:
            for start in range(0, len(some), GROUP_ROWS):
                rows = some[start : start + GROUP_ROWS]
                for g, group in enumerate(self.groups):
                    values = self._similar(rows, group, self.dtype)
                    parts[rows, g] = self._sum(values, group, self.dtype)
        elif guess is None:
            self._sum_by_symmetry([(self.covered, parts)])
        else:
            covered = [
                self._similar(np.array([guess]), group, np.float64)[0]
                for group in self.groups
            ]
            covered = np.maximum(self.covered, np.concatenate(covered))
            self.later = np.zeros_like(parts)
            self._sum_by_symmetry([(self.covered, parts), (covered, self.later)])
        self._set_parts(parts, turn)

    def _set_parts(self, parts: Array, turn: int) -> None:
        self.parts = parts
        self.bounds = parts.sum(axis=1, dtype=np.float64)
        self.made[:] = turn

    def _sum_by_symmetry(self, tasks: list[tuple[Array, Array]]) -> None:
        """Gains of all rows, candidates or not, from half of the pairs.

        A task is a pair of arrays: how well each row is covered, (n_rows,), and the
        output for the gains by group, (n_rows, n_groups). A gain is computed as the sum
        of max(k, c) minus the sum of c.
        """
        dtype = self.dtype
        weights = self.weights.astype(dtype)
        levels = [covered.astype(dtype) for covered, _ in tasks]
        numbers = {group.start: g for g, group in enumerate(self.groups)}
        for some, others in self.halves.pairs_of_groups():
            g, h = numbers[some.start], numbers[others.start]
            values = self._similar(some, others, dtype)
            higher = np.empty_like(values)
            for level, (_, parts) in zip(levels, tasks, strict=True):
                least, most = level[some], values
                if least.any():
                    most = np.maximum(values, least[:, np.newaxis], out=higher)
                parts[others, g] = weights[some] @ most - weights[some] @ least
                if some == others:
                    continue
                least, most = level[others], values
                if least.any():
                    most = np.maximum(values, least, out=higher)
                parts[some, h] = most @ weights[others] - least @ weights[others]


def _order_by_pivots(
    vectors: Any, rows: Array, scale: float, unit: bool, rng: np.random.Generator
) -> Array:
    """Order of `rows` in which rows near each other are together."""
    n_pivots = -(-len(rows) // GROUP_ROWS)
    if n_pivots == 1:
        return np.arange(len(rows))
    halves = Halves(vectors, rows, scale=scale, unit=unit)
    pivots = halves.prepare(rng.choice(rows, size=n_pivots, replace=False))
    nearest = [
        halves.block_of(pivots, group, np.float64).argmax(axis=0)
        for group in halves.groups()
    ]
    return np.argsort(np.concatenate(nearest), kind="stable")


def _check_weights(weights: ArrayLike | None, n_samples: int) -> Array:
    if weights is None:
        return np.ones(n_samples)
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (n_samples,):
        raise ValueError(
            f"There must be one weight per row, {n_samples}; got an array of shape "
            f"{weights.shape}."
        )
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError(
            "Weights must be finite and not negative; got values from "
            f"{weights.min()} to {weights.max()}."
        )
    return weights
