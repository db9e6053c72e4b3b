"""What a strategy is: a scorer that can also select, add up and multiply."""

from __future__ import annotations

import math
import numbers
import operator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone

from skactive._compat.sklearn import _num_samples
from skactive._compat.typing import Array
from skactive.strategies._lookup import find_named
from skactive.strategies._messages import shorten
from skactive.strategies._needs import check_needs
from skactive.strategies._selection import (
    check_chosen,
    check_n_queries,
    check_utilities,
    find_candidates,
    take_distinct,
    warn_if_equal,
)


class Terms(NamedTuple):
    """What utilities are made of, for people to read.

    Attributes
    ----------
    named : list of (str, ndarray of shape (n_candidates,))
        Names and values, weighted and normalised as they enter.
    operation : {"sum", "product"}
        Whether the utilities are the sum or the product of the values.
    """

    named: list[tuple[str, Array]]
    operation: str = "sum"

    def total(self) -> Array:
        """The utilities, shape (n_candidates,)."""
        values = [value for _, value in self.named]
        if self.operation == "product":
            return math.prod(values)  # type: ignore[return-value]
        return sum(values)  # type: ignore[return-value]


class Request(NamedTuple):
    """What a strategy is asked for by :meth:`Strategy.select`, checked."""

    estimator: Any
    X: Any
    y: Any
    # Ascending positions, one at least, of which so many are to be chosen.
    candidates: Array
    n_queries: int
    random_state: int | np.random.RandomState | None


class Strategy(BaseEstimator):
    """Base of all strategies.

    A strategy is called like a scikit-learn scorer, ``strategy(estimator, X, y)``,
    and gives one utility a row; :meth:`select` chooses rows. Its parameters are the
    arguments of ``__init__``. Strategies hold no state: nothing is kept between calls.

    A new strategy defines one method:

    - `score_rows` of :class:`PointwiseStrategy`, if the utility of a row depends on
      that row only;
    - `score_candidates`, if it depends on other rows or on labels;
    - `pick` of :class:`BatchStrategy`, if a row alone has no utility.

    It is called with parameters that are valid and an estimator that gives what the
    strategy needs, and what it returns is checked. A strategy that is made of others
    names them by :meth:`parts`. One that defines `__call__` instead, with a utility for
    each row of `X`, works as well, but computes the utilities of all rows.

    Attributes
    ----------
    needs : tuple of str
        What the estimator must give, any one of it is enough: "predict_proba",
        "decision_function", "last_layer", "members", "refits". Empty if nothing is
        needed.
    pointwise : bool
        Whether the utility of a row depends on that row only.
    uses_labels : bool
        Whether it looks at the labels, and not only at which rows have one.
    uses_weights : bool
        Whether it looks at the sample weights of fits.
    informed : bool
        Whether equal utilities mean that the strategy could not tell rows apart, of
        which it warns.
    has_utilities : bool
        Whether it chooses by utilities of single rows, so that these can be combined:
        whether it selects as this class does, unless it says otherwise.
    """

    needs: tuple[str, ...] = ()
    pointwise: bool = False
    uses_labels: bool = True
    uses_weights: bool = False
    informed: bool = True
    _parameter_constraints: dict = {}

    @property
    def has_utilities(self) -> bool:
        """See the attributes of the class."""
        kind = type(self)
        return kind.select is Strategy.select and kind._choose is Strategy._choose

    def parts(self) -> list[tuple[str, Strategy]]:
        """Names and strategies that this one asks about the same estimator.

        The names are those of parameters. Empty, unless it is made of others.
        """
        return []

    def leaves(self) -> list[Strategy]:
        """The strategies at the ends of all parts; itself, if it has none."""
        found = [leaf for _, part in self.parts() for leaf in part.leaves()]
        return found or [self]

    def score_candidates(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """What a new strategy defines: utilities, see :meth:`utilities`."""
        if type(self).__call__ is not Strategy.__call__:
            return np.asarray(self(estimator, X, y))[candidates]
        if self.has_utilities:
            raise TypeError(
                f"{type(self).__name__} must define score_candidates(estimator, X, y, "
                "candidates) -> utilities, or select. PointwiseStrategy asks for "
                "score_rows instead, BatchStrategy for pick."
            )
        raise TypeError(
            f"{type(self).__name__} chooses a batch as a whole: a row alone has no "
            "utility. Call select, or query of the learner."
        )

    def utilities(self, estimator: Any, X: Any, y: Any, candidates: Array) -> Array:
        """Utilities of some rows.

        Parameters
        ----------
        estimator : estimator object, or list of estimators
            Fitted.
        X : array-like, sparse, data frame or sequence of n_samples
            The pool.
        y : array-like of shape (n_samples,) or None
            Labels with NaN or None where a row is unlabelled.
        candidates : ndarray of shape (n_candidates,)
            Ascending positions in `X`.

        Returns
        -------
        utilities : ndarray of shape (n_candidates,)
            Finite float64; greater is more worth labelling.
        """
        self._check(estimator)
        found = self.score_candidates(estimator, X, y, candidates)
        return check_utilities(found, len(candidates), self)

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> Array:
        """Utility of each row.

        Parameters
        ----------
        estimator : estimator object, or list of estimators
            Fitted.
        X : array-like, sparse, data frame or sequence of n_samples
            The pool.
        y : array-like of shape (n_samples,), default=None
            Labels with NaN or None where a row is unlabelled. None means that no
            row is labelled.

        Returns
        -------
        utilities : ndarray of shape (n_samples,)
            Finite float64; greater is more worth labelling.
        """
        return self.utilities(estimator, X, y, np.arange(_num_samples(X)))

    def terms(self, estimator: Any, X: Any, y: Any, candidates: Array) -> Terms | None:
        """What the utilities behind a choice are made of; None if there are none.

        The arguments are those of :meth:`utilities`. There is one term, named by
        ``str(strategy)``, unless the strategy combines others.
        """
        if not self.has_utilities:
            return None
        return Terms([(str(self), self.utilities(estimator, X, y, candidates))])

    def for_rows(self, rows: ArrayLike) -> Strategy:
        """The same strategy where it is shown a part of the pool.

        Another object only where a parameter has one entry a row of the pool, as in
        :class:`PerCost`; `rows` are the positions that are shown.
        """
        cut = {}
        for name, part in self.parts():
            if (shown := part.for_rows(rows)) is not part:
                cut[name] = shown
        return clone(self).set_params(**cut) if cut else self

    def select(
        self,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        n_queries: int,
        random_state: int | np.random.RandomState | None = None,
    ) -> Array:
        """Choose rows to label: the largest utilities, ties broken at random.

        No two identical rows are chosen while others remain.

        Parameters
        ----------
        estimator : estimator object, or list of estimators
            Fitted.
        X : array-like, sparse, data frame or sequence of n_samples
            The pool.
        y : array-like of shape (n_samples,), default=None
            Labels with NaN or None where a row is unlabelled; only these rows are
            candidates. None means that all rows are.
        n_queries : int
            How many rows; all candidates, if there are fewer.
        random_state : int, RandomState instance or None, default=None
            Breaks ties.

        Returns
        -------
        positions : ndarray of shape (min(n_queries, n_candidates),)
            Distinct positions in `X`, most useful first.

        Raises
        ------
        ValueError
            If the estimator does not give what the strategy needs, a utility is not
            finite, or `n_queries` is no positive int.
        """
        check_n_queries(n_queries)
        if not self.has_utilities:  # which are checked where they are computed
            self._check(estimator)
        candidates = find_candidates(X, y)
        if len(candidates) == 0:
            return candidates
        n_queries = min(n_queries, len(candidates))
        chosen = self._choose(
            Request(estimator, X, y, candidates, n_queries, random_state)
        )
        return check_chosen(chosen, candidates, n_queries, self)

    def _choose(self, request: Request) -> Array:
        """Positions of the rows that are asked for; here those of largest utility."""
        estimator, X, y, candidates, n_queries, seed = request
        utilities = self.utilities(estimator, X, y, candidates)
        warn_if_equal(self, utilities, n_queries, estimator)
        return take_distinct(X, candidates, utilities, n_queries, seed)

    def _check(self, estimator: Any) -> str | None:
        """Check parameters and needs; the first response needed that there is."""
        self._validate_params()
        return check_needs(self, estimator)

    def __add__(self, other: Any) -> Strategy:
        return _combine(Sum, self, other)

    def __radd__(self, other: Any) -> Strategy:
        return _combine(Sum, other, self)

    def __mul__(self, other: Any) -> Strategy:
        return _combine(Product, self, other)

    def __rmul__(self, other: Any) -> Strategy:
        return _combine(Product, other, self)


# ---------------------------------------------------------------------------------
# Strategies that are made of others
# ---------------------------------------------------------------------------------


class CombinedStrategy(Strategy):
    """Base of strategies made of others: it looks at what any of them looks at."""

    @property
    def informed(self) -> bool:  # type: ignore[override]
        return any(part.informed for _, part in self.parts())

    @property
    def uses_labels(self) -> bool:  # type: ignore[override]
        return any(part.uses_labels for _, part in self.parts())

    @property
    def uses_weights(self) -> bool:  # type: ignore[override]
        return any(part.uses_weights for _, part in self.parts())


def check_has_utilities(part: Strategy, whole: Strategy) -> None:
    """Raise where `part` chooses in a way that its utilities cannot tell `whole`."""
    if not part.has_utilities:
        raise ValueError(
            f"{type(whole).__name__} combines utilities of single rows, but "
            f"{shorten(part)} chooses a batch in its own way, which would be lost. "
            "Switch takes strategies of any kind, as it chooses one of them at a time."
        )


class Constant(Strategy):
    """The same utility for every row: a weight to multiply with.

    Parameters
    ----------
    value : float, default=1.0
        The utility, or the weight.

    Examples
    --------
    >>> from skactive import get_strategy
    >>> 0.5 * get_strategy("entropy")
    Product(left=Constant(value=0.5), right=Entropy())
    """

    pointwise = True
    uses_labels = False
    informed = False

    def __init__(self, value: float = 1.0):
        self.value = value

    def score_candidates(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """The value, for every row."""
        return np.full(len(candidates), float(self.value))

    def __str__(self) -> str:
        return f"{self.value:g}"


class _Combination(CombinedStrategy):
    _operation: str

    def __init__(self, left: Strategy, right: Strategy):
        self.left = left
        self.right = right

    @property
    def pointwise(self) -> bool:  # type: ignore[override]
        return self.left.pointwise and self.right.pointwise

    def parts(self) -> list[tuple[str, Strategy]]:
        """The two that are combined."""
        for part in (self.left, self.right):
            check_has_utilities(part, self)
        return [("left", self.left), ("right", self.right)]

    def score_candidates(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """What the utilities of both make."""
        left, right = (
            part.utilities(estimator, X, y, candidates) for _, part in self.parts()
        )
        merge = operator.add if self._operation == "sum" else operator.mul
        return merge(left, right)

    def terms(self, estimator: Any, X: Any, y: Any, candidates: Array) -> Terms:
        """The terms of a sum, or the factors of a product, from left to right."""
        named: list[tuple[str, Array]] = []
        for _, part in self.parts():
            # A sum of sums is one sum, and likewise products.
            flat = type(part) is type(self)
            terms = part.terms if flat else partial(Strategy.terms, part)
            named += terms(estimator, X, y, candidates).named  # type: ignore[union-attr]
        return Terms(named, self._operation)


class Sum(_Combination):
    """Sum of the utilities of two strategies; written ``left + right``.

    Parameters
    ----------
    left, right : Strategy
        The terms. Utilities are added as they are; give weights, or use
        ``normalize=True`` where a strategy has it, to bring them to one scale.

    See Also
    --------
    Mixture : Brings its terms to one scale.

    Examples
    --------
    >>> from skactive import get_strategy
    >>> mixture = get_strategy("entropy") + 2 * get_strategy("margin")
    >>> mixture
    Sum(left=Entropy(), right=Product(left=Constant(value=2), right=Margin()))
    >>> mixture.set_params(right__left__value=3).right.left
    Constant(value=3)
    """

    _operation = "sum"

    def __str__(self) -> str:
        return f"{self.left} + {self.right}"


class Product(_Combination):
    """Product of the utilities of two strategies; written ``left * right``.

    Parameters
    ----------
    left, right : Strategy
        The factors. Their utilities should not be negative; those of every
        registered strategy are not.

    Examples
    --------
    >>> from skactive import get_strategy
    >>> get_strategy("margin") * get_strategy("entropy")
    Product(left=Margin(), right=Entropy())
    """

    _operation = "product"

    def __str__(self) -> str:
        return " * ".join(
            f"({part})" if isinstance(part, Sum) else str(part)
            for part in (self.left, self.right)
        )


def _combine(kind: type[_Combination], left: Any, right: Any) -> Strategy:
    """Sum or product of two terms, one of which may be a number or a name.

    NotImplemented, as Python's operators want it, if a term is none of these.
    """
    terms = []
    for term in (left, right):
        if isinstance(term, numbers.Real) and not isinstance(term, bool):
            term = Constant(term)  # type: ignore[arg-type]
        elif isinstance(term, str):
            term = find_named(term)
        elif not isinstance(term, Strategy):
            return NotImplemented
        terms.append(term)
    return kind(*terms)
