"""Schedules: strategies that change as labels come in."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skactive._compat.sklearn import Interval, StrOptions, _num_samples
from skactive._compat.typing import Array
from skactive.strategies._base import Request, Strategy, Terms
from skactive.strategies._composition import Composition, check_one_each
from skactive.strategies._mixture import Blend
from skactive.strategies._selection import find_candidates


def count_labels(X: Any, y: Any = None) -> int:
    """Count the rows that have a label in `y`; zero if `y` is None."""
    return _num_samples(X) - len(find_candidates(X, y))


def weight_of_first(n_labeled: int, n_labels: int, decay: str = "linear") -> float:
    """Weight of the first of two strategies, which falls as labels come in.

    Parameters
    ----------
    n_labeled : int
        Current number of labels.
    n_labels : int
        Number of labels at which the weight is 0 ("linear"), or 1/2 ("exponential").
    decay : {"linear", "exponential"}, default="linear"
        ``max(0, 1 - n_labeled / n_labels)`` or ``2 ** (-n_labeled / n_labels)``.

    Returns
    -------
    weight : float
        In [0, 1]. The weight of the second strategy is one minus this.

    Examples
    --------
    >>> from skactive.strategies._schedule import weight_of_first
    >>> [weight_of_first(n, 50) for n in (0, 10, 50, 60)]
    [1.0, 0.8, 0.0, 0.0]
    >>> [weight_of_first(n, 50, "exponential") for n in (0, 50, 100)]
    [1.0, 0.5, 0.25]
    """
    if decay == "linear":
        return max(0.0, 1 - n_labeled / n_labels)
    return float(0.5 ** (n_labeled / n_labels))


class Fade(Blend):
    """Gradual change from one strategy to another as labels come in.

    The utility is ``weight * first + (1 - weight) * second``, with both on a scale from
    0 to 1 as in :class:`Mixture`. The weight starts at 1 and falls with the number of
    rows that have a label in `y`. Use a strategy for diversity or density first and one
    for uncertainty second. The labels then cover the data before they settle details.

    Parameters
    ----------
    strategies : list of two str, callable or (str, str or callable) pairs
        The first and the second strategy. Each is a name, a strategy object, or a
        function ``(estimator, X, y) -> utilities``, alone or paired with a name, under
        which its parameters nest. Each must give one utility per row.
    n_labels : int, default=50
        Number of labels at which the weight of the first strategy reaches zero. If
        `decay` is "exponential", its weight halves each time this many labels have come
        in.
    decay : {"linear", "exponential"}, default="linear"
        How the weight falls.
    normalize : {"rank", "range"}, default="rank"
        Whether utilities are brought to one scale by their ranks among the candidates,
        or by the smallest and the largest utility. See :class:`Mixture`.

    See Also
    --------
    Switch : Change from one strategy to another at once. It takes strategies of any
        kind, including "random" and those that choose a batch as a whole.

    References
    ----------
    .. [1] P. Donmez, J. G. Carbonell, P. N. Bennett, "Dual Strategy Active Learning",
       ECML 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive.strategies import Fade
    >>> X = np.array([[0.0], [0.1], [0.2], [1.6], [3.0]])
    >>> y = np.array([0, np.nan, np.nan, np.nan, 1])
    >>> model = LogisticRegression().fit(X[[0, 4]], y[[0, 4]])
    >>> strategy = Fade(["information_density", "margin"], n_labels=20)
    >>> strategy.select(model, X, y, n_queries=1)
    array([1])
    >>> strategy.set_params(n_labels=2).select(model, X, y, n_queries=1)
    array([3])
    """

    _parameter_constraints: dict = {
        **Blend._parameter_constraints,
        "n_labels": [Interval(numbers.Integral, 1, None, closed="left")],
        "decay": [StrOptions({"linear", "exponential"})],
    }

    def __init__(
        self,
        strategies: list[Any],
        n_labels: int = 50,
        *,
        decay: str = "linear",
        normalize: str = "rank",
    ):
        self.strategies = strategies
        self.n_labels = n_labels
        self.decay = decay
        self.normalize = normalize

    def parts(self) -> list[tuple[str, Strategy]]:
        """Return the names and the two strategies."""
        parts = super().parts()
        check_one_each([name for name, _ in parts], 2, "strategies", self)
        return parts

    def terms(self, estimator: Any, X: Any, y: Any, candidates: Array) -> Terms:
        """Return names with weighted utilities on one scale; see `Strategy.terms`.

        A strategy whose weight is now zero is left out.
        """
        self._check(estimator)
        first = weight_of_first(count_labels(X, y), self.n_labels, self.decay)
        return self._blend((first, 1 - first), "sum", estimator, X, y, candidates)


class Switch(Composition):
    """One strategy after another, as labels come in.

    Which strategy chooses depends only on the number of rows that have a label in `y`.
    Strategies of any kind may follow each other, including those that choose a batch as
    a whole.

    Parameters
    ----------
    strategies : list of str, callable or (str, str or callable) pairs
        Names, strategy objects, or functions ``(estimator, X, y) -> utilities``, each
        alone or paired with a name, under which its parameters nest. The estimator must
        provide what any of them needs from the start.
    at : int or array-like of shape (n_strategies - 1,), default=50
        Numbers of labels, in ascending order, from which on the next strategy chooses.
        A whole batch is chosen by one strategy, the one whose turn it is at the start
        of the batch.

    See Also
    --------
    Fade : Gradual change from one strategy to another.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive.strategies import Switch
    >>> X = np.array([[0.0], [0.1], [0.2], [1.6], [3.0]])
    >>> y = np.array([0, np.nan, np.nan, np.nan, 1])
    >>> model = LogisticRegression().fit(X[[0, 4]], y[[0, 4]])
    >>> Switch(["information_density", "margin"]).select(model, X, y, n_queries=1)
    array([1])
    >>> Switch(["information_density", "margin"], at=2).select(model, X, y, n_queries=1)
    array([3])
    """

    _parameter_constraints: dict = {
        **Composition._parameter_constraints,
        "at": [Interval(numbers.Integral, 0, None, closed="left"), "array-like"],
    }

    def __init__(self, strategies: list[Any], at: int | ArrayLike = 50):
        self.strategies = strategies
        self.at = at

    def turn(self, X: Any, y: Any = None) -> tuple[str, Strategy]:
        """Return the strategy whose turn it is, and its name.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            The pool.
        y : array-like of shape (n_samples,), default=None
            Labels, with NaN or None where a row is unlabelled. None means that no
            row is labelled.

        Returns
        -------
        name : str
            Name of the strategy.
        strategy : Strategy
            The strategy itself.
        """
        return self.turn_at(count_labels(X, y))

    def turn_at(self, n_labeled: int) -> tuple[str, Strategy]:
        """Return the name and the strategy whose turn it is at a number of labels."""
        parts = self.parts()
        limits = np.atleast_1d(np.asarray(self.at))
        check_one_each(limits, len(parts) - 1, "at", self)
        is_ascending = (np.diff(limits, prepend=0) >= 0).all()
        if len(limits) and (limits.dtype.kind not in "iu" or not is_ascending):
            raise ValueError(
                "at must hold numbers of labels in ascending order; got "
                f"{limits.tolist()}."
            )
        return parts[np.searchsorted(limits, n_labeled, side="right")]

    def score_candidates(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Compute the utilities of the strategy whose turn it is."""
        return self.turn(X, y)[1].utilities(estimator, X, y, candidates)

    def terms(self, estimator: Any, X: Any, y: Any, candidates: Array) -> Terms | None:
        """Return the terms of the strategy whose turn it is."""
        return self.turn(X, y)[1].terms(estimator, X, y, candidates)

    def _choose(self, request: Request) -> Array:
        estimator, X, y, _, n_queries, seed = request
        part = self.turn(X, y)[1]
        return part.select(estimator, X, y, n_queries=n_queries, random_state=seed)
