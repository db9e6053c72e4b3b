"""Pools and oracles for studies: hidden labels, noisy or missing answers, copies."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.datasets import make_moons
from sklearn.utils import check_random_state

from skactive._compat.typing import Array
from skactive._data.labels import MISSING, decode_labels, encode_labels, is_missing
from skactive.strategies._selection import draw_seed, rank_in_group

RandomState = int | np.random.RandomState | None

__all__ = [
    "AbstainingOracle",
    "NoisyOracle",
    "hide_labels",
    "make_moons_with_duplicates",
]


def hide_labels(
    y: Any,
    n_labeled: int | float = 0.1,
    *,
    stratify: bool = False,
    min_per_class: int = 0,
    missing_label: Any = np.nan,
    random_state: RandomState = None,
) -> Array:
    """Hide all labels but a few, which are drawn at random.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels. Labels that are missing already stay missing and are not counted.
    n_labeled : int or float, default=0.1
        Number of labels to keep. A float in [0, 1] is a share of the labels in `y`,
        rounded down.
    stratify : bool, default=False
        Whether to preserve the shares of the classes. Otherwise they are random.
    min_per_class : int, default=0
        Smallest number of labels to keep of each class. All are kept of a class that
        has fewer. With 1, a model can be fitted and knows every class.
    missing_label : object, default=np.nan
        The value of a hidden label. It must not be a class of `y`. With NaN or None,
        numeric labels become floats with NaN, and others objects with None.
    random_state : int, RandomState instance or None, default=None
        Controls which labels are kept.

    Returns
    -------
    visible : ndarray of shape (n_samples,)
        A copy of `y` in which labels are hidden.

    Raises
    ------
    ValueError
        If `n_labeled` exceeds the number of labels or is too small for
        `min_per_class`, or if `missing_label` is a class.

    Examples
    --------
    >>> from skactive.datasets import hide_labels
    >>> hide_labels([0, 0, 0, 0, 1, 1], 2, min_per_class=1, random_state=0)
    array([nan, nan,  0., nan, nan,  1.])
    >>> hide_labels(["a", "a", "b", "b"], 0.5, missing_label="?", random_state=1)
    array(['?', '?', 'b', 'b'], dtype=object)
    """
    classes, codes = encode_labels(y)
    known = np.flatnonzero(codes != MISSING)
    n_kept = _how_many(n_labeled, len(known))
    counts = np.bincount(codes[known], minlength=len(classes))
    floor = np.minimum(counts, min_per_class)
    if floor.sum() > n_kept:
        raise ValueError(
            f"n_labeled={n_labeled!r} keeps {n_kept} labels, but min_per_class="
            f"{min_per_class} for {len(classes)} classes needs {floor.sum()}. Keep "
            "more labels, or fewer of each class."
        )
    rng = check_random_state(random_state)
    order = rng.permutation(known)
    if stratify:
        quota = _quotas(counts, n_kept, floor)
        kept = order[rank_in_group(codes[order]) < quota[codes[order]]]
    else:
        # The first rows of each class in the drawn order, then the others in order.
        is_due = rank_in_group(codes[order]) < floor[codes[order]]
        kept = np.concatenate([order[is_due], order[~is_due]])[:n_kept]
    visible = np.full(len(codes), MISSING)
    visible[kept] = codes[kept]
    return _with_missing_label(classes, visible, missing_label)


class NoisyOracle:
    """Oracle that sometimes gives a wrong label.

    It gives the same answer each time it is asked for a row. The answer does not depend
    on the other rows.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        True labels.
    noise : float or array-like of shape (n_classes, n_classes), default=0.1
        Probability of a wrong answer. All wrong classes are equally probable. An array
        holds in row i the probabilities of all answers if the i-th of the sorted
        classes is true.
    random_state : int, RandomState instance or None, default=None
        Controls which answers are wrong.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        The sorted classes of `y`.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.datasets import NoisyOracle
    >>> y = np.repeat([0, 1], 500)
    >>> oracle = NoisyOracle(y, 0.2, random_state=0)
    >>> answers = oracle(np.arange(1000))
    >>> bool(0.15 < np.mean(answers != y) < 0.25)
    True
    >>> bool(oracle([7])[0] == answers[7])
    True
    """

    def __init__(
        self,
        y: Any,
        noise: float | ArrayLike = 0.1,
        *,
        random_state: RandomState = None,
    ):
        self.classes, self._codes = encode_labels(y)
        if MISSING in self._codes:
            n_missing = np.count_nonzero(self._codes == MISSING)
            raise ValueError(
                f"An oracle knows all labels; {n_missing} of {len(self._codes)} in y "
                "are missing. Leave these rows out."
            )
        self._cumulative = np.cumsum(_confusion(noise, len(self.classes)), axis=1)
        self._seed = _new_seed(random_state)

    def __call__(self, rows: ArrayLike) -> Array:
        """Label some rows.

        Parameters
        ----------
        rows : array-like of shape (n_rows,)
            Positions of the rows.

        Returns
        -------
        labels : ndarray of shape (n_rows,)
            Answers of the oracle.
        """
        rows = np.asarray(rows, dtype=np.intp)
        drawn = _uniform(rows, self._seed)
        steps = self._cumulative[self._codes[rows]]
        answers = (drawn[:, np.newaxis] >= steps[:, :-1]).sum(axis=1)
        return self.classes[answers]


class AbstainingOracle:
    """Oracle that sometimes gives no label.

    It abstains each time it is asked for such a row. So a loop that keeps asking until
    every row has a label does not end.

    Parameters
    ----------
    oracle : array-like of shape (n_samples,) or callable
        True labels, or another oracle, that is a function ``rows -> labels``.
    rate : float, array-like of shape (n_samples,) or callable, default=0.1
        Probability of no answer: one for all rows, one per row, or a function ``rows ->
        probabilities``. For instance, ``lambda rows: 1 -
        model.predict_proba(X[rows]).max(axis=1)`` abstains from uncertain rows.
    missing_label : object, default=np.nan
        The value that stands for no answer. With NaN or None, numeric answers are
        floats with NaN, and others objects with None.
    random_state : int, RandomState instance or None, default=None
        Controls which rows get no answer.

    Examples
    --------
    >>> from skactive.datasets import AbstainingOracle
    >>> oracle = AbstainingOracle([0, 1, 0, 1], rate=[1, 0, 0, 1])
    >>> oracle([0, 1, 2, 3])
    array([nan,  1.,  0., nan])
    """

    def __init__(
        self,
        oracle: Any,
        rate: float | ArrayLike | Callable[[Array], ArrayLike] = 0.1,
        *,
        missing_label: Any = np.nan,
        random_state: RandomState = None,
    ):
        self.missing_label = missing_label
        self._oracle = oracle if callable(oracle) else NoisyOracle(oracle, 0.0)
        self._rate = rate if callable(rate) else _check_rates(rate)
        self._seed = _new_seed(random_state)

    def __call__(self, rows: ArrayLike) -> Array:
        """Label some rows, or abstain.

        Parameters
        ----------
        rows : array-like of shape (n_rows,)
            Positions of the rows.

        Returns
        -------
        labels : ndarray of shape (n_rows,)
            Answers of the oracle, `missing_label` where it abstains.
        """
        rows = np.asarray(rows, dtype=np.intp)
        rates = _check_rates(self._rate(rows)) if callable(self._rate) else self._rate
        if rates.ndim and not callable(self._rate):
            rates = rates[rows]
        answers = self._oracle(rows)
        classes, codes = encode_labels(answers, self.missing_label)
        codes[_uniform(rows, self._seed) < rates] = MISSING
        return _with_missing_label(classes, codes, self.missing_label)


def make_moons_with_duplicates(
    n_samples: int = 1000,
    *,
    n_originals: int = 100,
    noise: float = 0.1,
    jitter: float = 0.0,
    random_state: RandomState = None,
) -> tuple[Array, Array, Array]:
    """Make two moons of few points, each repeated many times: a trap for batches.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.
    n_originals : int, default=100
        Number of distinct points. Each of them occurs at least once.
    noise : float, default=0.1
        Standard deviation of the points around their moon.
    jitter : float, default=0.0
        Standard deviation of the rows around their point. If it is above 0, copies
        differ a little.
    random_state : int, RandomState instance or None, default=None
        Controls the points, the copies and the order of the rows.

    Returns
    -------
    X : ndarray of shape (n_samples, 2)
        The rows, in random order.
    y : ndarray of shape (n_samples,)
        The moon of each row, 0 or 1, which is that of its point.
    originals : ndarray of shape (n_samples,)
        The point that each row is a copy of, from 0 to ``n_originals - 1``.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.datasets import make_moons_with_duplicates
    >>> X, y, originals = make_moons_with_duplicates(50, n_originals=7, random_state=0)
    >>> X.shape, len(np.unique(X, axis=0)), len(set(originals.tolist()))
    ((50, 2), 7, 7)
    """
    if not 1 <= n_originals <= n_samples:
        raise ValueError(
            f"n_originals must lie between 1 and n_samples={n_samples}; got "
            f"{n_originals}."
        )
    rng = check_random_state(random_state)
    points, moons = make_moons(n_originals, noise=noise, random_state=rng)
    copies = rng.randint(n_originals, size=n_samples - n_originals)
    originals = rng.permutation(np.concatenate([np.arange(n_originals), copies]))
    X = points[originals]
    if jitter:
        X = X + rng.normal(scale=jitter, size=X.shape)
    return X, moons[originals], originals


# ---------------------------------------------------------------------------------
# Parts
# ---------------------------------------------------------------------------------


def _how_many(n_labeled: int | float, n_known: int) -> int:
    is_count = isinstance(n_labeled, numbers.Integral)
    if not (0 <= n_labeled <= (n_known if is_count else 1)):
        raise ValueError(
            f"n_labeled must be an int from 0 to {n_known}, the number of labels in y, "
            f"or a float from 0 to 1; got {n_labeled!r}."
        )
    return int(n_labeled) if is_count else int(n_labeled * n_known + 1e-9)


def _quotas(counts: Array, n_kept: int, floor: Array) -> Array:
    """Shares of the classes in `n_kept`, made whole by largest remainder."""
    exact = counts * (n_kept / max(1, counts.sum()))
    quota = np.maximum(np.floor(exact + 1e-9).astype(np.intp), floor)
    while quota.sum() != n_kept:  # at most a few steps per class
        if quota.sum() < n_kept:
            quota[np.argmax(np.where(quota < counts, exact - quota, -np.inf))] += 1
        else:
            quota[np.argmax(np.where(quota > floor, quota - exact, -np.inf))] -= 1
    return quota


def _with_missing_label(classes: Array, codes: Array, missing_label: Any) -> Array:
    if bool(is_missing(np.array([missing_label], dtype=object))[0]):
        return decode_labels(classes, codes)
    if bool(is_missing(classes, missing_label).any()):
        raise ValueError(
            f"missing_label={missing_label!r} is a class of y, whose classes are "
            f"{classes.tolist()}. Choose another missing_label."
        )
    is_number = isinstance(missing_label, numbers.Number)
    if is_number and classes.dtype.kind in "iuf":
        labels = np.full(len(codes), missing_label)
        labels = labels.astype(np.result_type(labels, classes), copy=False)
    else:
        labels = np.full(len(codes), missing_label, dtype=object)
    labels[codes != MISSING] = classes[codes[codes != MISSING]]
    return labels


def _confusion(noise: Any, n_classes: int) -> Array:
    """Probabilities of answers, one row per true class."""
    matrix = np.asarray(noise, dtype=np.float64)
    if matrix.ndim == 0:
        if not 0 <= matrix <= 1:
            raise ValueError(f"noise must be a probability; got {noise!r}.")
        if n_classes == 1:
            return np.ones((1, 1))  # there is no wrong class
        matrix = np.full((n_classes, n_classes), matrix / (n_classes - 1))
        np.fill_diagonal(matrix, 1 - float(noise))
        return matrix
    is_valid = matrix.shape == (n_classes, n_classes) and bool((matrix >= 0).all())
    if not is_valid or not np.allclose(matrix.sum(axis=1), 1):
        raise ValueError(
            f"noise must be a probability, or a matrix of shape ({n_classes}, "
            f"{n_classes}) whose rows are the probabilities of the answers and sum to "
            f"one; got {noise!r}."
        )
    return matrix


def _check_rates(rate: Any) -> Array:
    rates = np.asarray(rate, dtype=np.float64)
    if rates.ndim > 1 or not ((rates >= 0) & (rates <= 1)).all():
        raise ValueError(f"rate must be a probability, or one per row; got {rate!r}.")
    return rates


def _new_seed(random_state: RandomState) -> np.uint64:
    seed = draw_seed(random_state)
    return np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]


def _uniform(rows: Array, seed: np.uint64) -> Array:
    """A random number in [0, 1) per row, the same each time it is asked for.

    It comes from the mixing function of SplitMix64. So no state is kept, and rows may
    come in any order.
    """
    z = rows.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + seed
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53
