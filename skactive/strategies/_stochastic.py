"""Stochastic batches: rows drawn at random, useful ones more often.

The rows with the largest utilities are often alike. Noise makes the batch diverse, and
the pool has to be scored only once.
"""

from __future__ import annotations

import numbers
from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from skactive._compat.sklearn import Interval
from skactive._compat.typing import Array
from skactive._data.copies import row_keys
from skactive.strategies._base import Request
from skactive.strategies._selection import (
    as_generator,
    find_candidates,
    round_ties,
    take_best,
    take_distinct,
    warn_if_equal,
)
from skactive.strategies._wrapper import INNER, WrapperStrategy


def gumbel_keys(log_weights: Array, rng: np.random.Generator) -> Array:
    """Draw keys whose descending order is a draw by weight, without replacement.

    The n largest keys are n successive draws. Each draw has probabilities proportional
    to the weights of the candidates that are left (the Gumbel top-k trick).

    Parameters
    ----------
    log_weights : ndarray of shape (n_candidates,)
        Logarithms of the weights, minus infinity for a weight of zero. Candidates with
        a weight of zero come last, in random order.
    rng : numpy Generator
        Draws one Gumbel number per candidate.

    Returns
    -------
    keys : ndarray of shape (n_candidates,)
        Finite.

    References
    ----------
    .. [1] W. Kool, H. van Hoof, M. Welling, "Stochastic Beams and Where to Find Them:
       The Gumbel-Top-k Trick for Sampling Sequences Without Replacement", ICML 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies._stochastic import gumbel_keys
    >>> keys = gumbel_keys(np.array([-np.inf, 0.0, 700.0]), np.random.default_rng(0))
    >>> np.argsort(-keys)
    array([2, 1, 0])
    """
    noise = rng.gumbel(size=len(log_weights))
    keys = log_weights + noise
    impossible = log_weights == -np.inf
    below = np.min(keys, where=~impossible, initial=0) - 1
    keys[impossible] = below + noise[impossible] - noise.max(initial=0)
    return keys


class _Stochastic(WrapperStrategy):
    """Draws without replacement. A subclass defines the logarithms of the weights."""

    pointwise = True  # its utilities are those of the inner strategy
    _parameter_constraints: dict = {
        "strategy": INNER,
        "beta": [Interval(numbers.Real, 0, None, closed="left")],
    }

    def __init__(self, strategy: Any = None, beta: float = 1.0):
        self.strategy = strategy
        self.beta = beta

    @abstractmethod
    def _log_weights(self, utilities: Array, rng: np.random.Generator) -> Array: ...

    def score_candidates(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Compute utilities of the inner strategy at the ascending `candidates`."""
        return self._inner_for(estimator).utilities(estimator, X, y, candidates)

    def _choose(self, request: Request) -> Array:
        """Draw rows and return them in the order of the draws."""
        estimator, X, y, candidates, n_queries, seed = request
        utilities = self.utilities(estimator, X, y, candidates)
        warn_if_equal(self._inner_for(estimator), utilities, n_queries, estimator)
        utilities = self._weighable(estimator, utilities)
        rng = as_generator(seed)
        keys = gumbel_keys(self._log_weights(utilities, rng), rng)
        return take_distinct(X, candidates, keys, n_queries, seed)

    def selection_probabilities(
        self,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        chosen: ArrayLike,
        random_state: int | None = None,
    ) -> Array:
        """Compute the probabilities of the rows chosen by :meth:`select`.

        These are the probabilities that :func:`skactive.estimation.unbiased_risk` needs
        for unbiased estimates. Concatenate those of successive batches: the first row
        of a batch follows the last row of the batch before.

        Parameters
        ----------
        estimator : estimator object, or list of estimators
            The fitted estimator, as it was when the rows were chosen.
        X : array-like, sparse, data frame or sequence of n_samples
            The pool. No two candidates may be identical.
        y : array-like of shape (n_samples,), default=None
            Labels as they were when the rows were chosen.
        chosen : array-like of shape (n_queries,)
            Positions in `X`, in the order of the draws.
        random_state : int or None, default=None
            The value that was passed to :meth:`select`. It matters only for
            :class:`Softrank`, where it ordered the ranks of equal utilities.

        Returns
        -------
        probabilities : ndarray of shape (n_queries,)
            Probability of each draw, given the draws before it.

        Raises
        ------
        ValueError
            If a position is not a candidate or occurs twice, or if two candidates are
            identical. Copies of a chosen row are never drawn while other rows are left,
            and no weights can make up for that.

        Examples
        --------
        >>> from skactive.strategies import FunctionStrategy, Power
        >>> strategy = Power(FunctionStrategy(lambda estimator, X, y: [1, 2, 3, 4]))
        >>> X = [[0.0], [1.0], [2.0], [3.0]]
        >>> strategy.selection_probabilities(None, X, chosen=[3, 1]).round(3)
        array([0.4  , 0.333])
        """
        candidates = find_candidates(X, y)
        chosen = np.asarray(chosen, dtype=np.intp)
        if not np.isin(chosen, candidates).all() or len(np.unique(chosen)) < len(
            chosen
        ):
            raise ValueError(
                "chosen must be distinct positions of rows that had no label; got "
                f"{chosen.tolist()}. Pass y as it was before they were labelled."
            )
        n_copies = len(candidates) - len(np.unique(row_keys(X, candidates)))
        if n_copies:
            raise ValueError(
                f"{n_copies} of the {len(candidates)} candidates are copies of others. "
                "A batch holds no copies while other rows remain, so their "
                "probabilities are zero, and no estimate is unbiased. Leave one row "
                "of each kind in X."
            )
        utilities = self.utilities(estimator, X, y, candidates)
        utilities = self._weighable(estimator, utilities)
        logs = self._known_log_weights(utilities, random_state)
        return _draw_probabilities(logs, np.searchsorted(candidates, chosen))

    def _known_log_weights(self, utilities: Array, random_state: int | None) -> Array:
        """Return the logarithms of the weights as they were in a call of `select`."""
        return self._log_weights(utilities, as_generator(random_state))


class Power(_Stochastic):
    """Rows drawn with probabilities proportional to ``utility ** beta``.

    Rows are drawn without replacement, as those with the largest ``beta * log(utility)
    + Gumbel noise``. Rows with a utility of zero are chosen only when no other rows are
    left.

    Parameters
    ----------
    strategy : str, Strategy or callable, default=None
        A pointwise strategy that gives the utilities, which must not be negative. None
        means margin, and for a regressor the standard deviation.
    beta : float, default=1.0
        With 0, all rows with a positive utility are equally likely. The larger the
        value, the closer the draw is to the largest utilities.

    References
    ----------
    .. [1] A. Kirsch, S. Farquhar, P. Atighehchian, A. Jesson, F. Branchaud-Charron,
       Y. Gal, "Stochastic Batch Acquisition: A Simple Baseline for Deep Active
       Learning", TMLR 2023.

    Examples
    --------
    >>> from skactive.strategies import Power
    >>> from skactive.strategies import FunctionStrategy
    >>> strategy = Power(FunctionStrategy(lambda estimator, X, y: [0, 0, 2, 1e-9]))
    >>> X = [[0.0], [1.0], [2.0], [3.0]]
    >>> strategy.select(None, X, n_queries=2, random_state=0)
    array([2, 3])
    """

    def _log_weights(self, utilities: Array, rng: np.random.Generator) -> Array:
        self._check_not_negative(utilities)
        positive = utilities > 0
        logs = np.log(utilities, where=positive, out=np.zeros_like(utilities))
        return np.where(positive, self.beta * logs, -np.inf)


class Softmax(_Stochastic):
    """Rows drawn with probabilities proportional to ``exp(beta * utility)``.

    Rows are drawn without replacement, as those with the largest ``beta * utility +
    Gumbel noise``.

    Parameters
    ----------
    strategy : str, Strategy or callable, default=None
        A pointwise strategy that gives the utilities. None means margin, and for a
        regressor the standard deviation. Utilities in the unit of `y`, such as the
        latter, are divided by the largest one.
    beta : float, default=1.0
        With 0, all rows are equally likely. The larger the value, the closer the draw
        is to the largest utilities. Utilities in [0, 1] need values well above 1.

    References
    ----------
    .. [1] A. Kirsch, S. Farquhar, P. Atighehchian, A. Jesson, F. Branchaud-Charron,
       Y. Gal, "Stochastic Batch Acquisition: A Simple Baseline for Deep Active
       Learning", TMLR 2023.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive.strategies import Entropy
    >>> from skactive.strategies import Softmax
    >>> X = [[0.0], [1.0], [2.0], [3.0]]
    >>> model = LogisticRegression().fit(X, [0, 0, 1, 1])
    >>> strategy = Softmax(Entropy(normalize=True), beta=100)
    >>> sorted(strategy.select(model, X, n_queries=2, random_state=0).tolist())
    [1, 2]
    """

    def _log_weights(self, utilities: Array, rng: np.random.Generator) -> Array:
        return self.beta * utilities


class Softrank(_Stochastic):
    """Rows drawn with probabilities proportional to ``rank ** -beta``.

    Rows are drawn without replacement, as those with the largest ``-beta * log(rank) +
    Gumbel noise``. The largest utility has rank 1. The ranks of equal utilities are in
    random order.

    Parameters
    ----------
    strategy : str, Strategy or callable, default=None
        A pointwise strategy that gives the utilities, whose scale does not matter. None
        means margin, and for a regressor the standard deviation.
    beta : float, default=1.0
        With 0, all rows are equally likely. The larger the value, the closer the draw
        is to the largest utilities.

    References
    ----------
    .. [1] A. Kirsch, S. Farquhar, P. Atighehchian, A. Jesson, F. Branchaud-Charron,
       Y. Gal, "Stochastic Batch Acquisition: A Simple Baseline for Deep Active
       Learning", TMLR 2023.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive.strategies import Softrank
    >>> X = [[0.0], [1.0], [2.0], [3.0]]
    >>> model = LogisticRegression().fit(X, [0, 0, 1, 1])
    >>> strategy = Softrank(beta=50)
    >>> sorted(strategy.select(model, X, n_queries=2, random_state=0).tolist())
    [1, 2]
    """

    def _log_weights(self, utilities: Array, rng: np.random.Generator) -> Array:
        return -self.beta * np.log(_ranks(utilities, rng))

    def _known_log_weights(self, utilities: Array, random_state: int | None) -> Array:
        is_seed = isinstance(random_state, numbers.Integral)
        if not is_seed and len(np.unique(round_ties(utilities))) < len(utilities):
            raise ValueError(
                "Some utilities are equal, and their ranks were drawn. Pass as "
                "random_state the int that select was given; got "
                f"random_state={random_state!r}."
            )
        return super()._known_log_weights(utilities, random_state)


def _ranks(utilities: Array, rng: np.random.Generator) -> Array:
    """Rank of each utility, 1 for the largest, ties at random."""
    n_candidates = len(utilities)
    ranks = np.empty(n_candidates)
    ranks[take_best(utilities, n_candidates, rng)] = np.arange(1, n_candidates + 1)
    return ranks


def _draw_probabilities(log_weights: Array, drawn: Array) -> Array:
    """Probability of each of the positions `drawn`, given the ones before it."""
    kept = np.delete(log_weights, drawn)
    # Sum from the last draw backwards. Subtracting what is drawn from the sum of all
    # would lose small weights to rounding.
    parts = np.append(
        logsumexp(kept) if len(kept) else -np.inf, log_weights[drawn][::-1]
    )
    left = np.logaddexp.accumulate(parts)[1:][::-1]
    impossible = left == -np.inf  # only weights of zero are left: equally likely
    n_left = len(log_weights) - np.arange(len(drawn))
    logs = log_weights[drawn] - np.where(impossible, 0, left)
    return np.where(impossible, 1 / n_left, np.exp(logs))
