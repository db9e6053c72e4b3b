"""Base class of strategies: called like scorers, and they can be combined."""

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
from skactive.strategies._needs import check_needs, tasks_of_needs
from skactive.strategies._selection import (
    check_chosen,
    check_n_queries,
    check_utilities,
    find_candidates,
    take_distinct,
    warn_if_equal,
)


class Terms(NamedTuple):
    """The terms that utilities are made of, for people to read.

    Attributes
    ----------
    named : list of (str, ndarray of shape (n_candidates,))
        Names and values. The values are weighted and normalised as they enter.
    operation : {"sum", "product"}
        Whether the utilities are the sum or the product of the values.
    """

    named: list[tuple[str, Array]]
    operation: str = "sum"

    def total(self) -> Array:
        """Return the utilities, shape (n_candidates,)."""
        values = [value for _, value in self.named]
        if self.operation == "product":
            return math.prod(values)  # type: ignore[return-value]
        return sum(values)  # type: ignore[return-value]


class Request(NamedTuple):
    """The checked arguments of a call of :meth:`Strategy.select`."""

    estimator: Any
    X: Any
    y: Any
    # Ascending positions, at least one. `n_queries` of them are to be chosen.
    candidates: Array
    n_queries: int
    random_state: int | np.random.RandomState | None


class Strategy(BaseEstimator):
    """Base class of all strategies.

    A strategy is called like a scikit-learn scorer, ``strategy(estimator, X, y)``, and
    returns one utility per row. :meth:`select` chooses the rows to label. The
    parameters of a strategy are the arguments of its ``__init__``. Strategies are
    stateless: they keep nothing between calls.

    A new strategy defines one method:

    - `score_rows` of :class:`PointwiseStrategy`, if the utility of a row depends on
      that row only;
    - `score_candidates`, if the utility depends on other rows or on labels;
    - `pick` of :class:`BatchStrategy`, if a single row has no utility.

    The method is called with valid parameters and with an estimator that provides what
    the strategy needs. What it returns is checked. A strategy made of other strategies
    lists them in :meth:`parts`. A strategy may instead define `__call__`, which returns
    a utility for each row of `X`. This works as well, but computes the utilities of all
    rows.

    Attributes
    ----------
    needs : tuple of str
        What the estimator must provide. One of those listed is enough. Empty if the
        strategy needs nothing. Classifiers provide "predict_proba",
        "decision_function", "last_layer", "members" and "refits", those of several
        labels a row "label_proba" and "label_decisions" instead, and regressors "std",
        "member_predictions", "covariance", "features" and "predict".
    tasks : tuple of str
        What the strategy chooses rows for: "classification", "regression" and
        "multilabel", or some of these. By default, this follows from `needs`: it is
        what one of them can be provided for.
    pointwise : bool
        Whether the utility of a row depends on that row only.
    uses_labels : bool
        Whether the strategy uses the labels, and not only which rows have one.
    uses_weights : bool
        Whether the strategy uses the sample weights of fits.
    in_units_of_y : bool
        Whether utilities of a regressor scale with its labels, as standard deviations
        do. Strategies that weigh them against something else then divide them by the
        largest one.
    informed : bool
        Whether equal utilities mean that the strategy could not tell the rows apart. It
        then warns if all candidates have the same utility.
    has_utilities : bool
        Whether the strategy chooses by utilities of single rows, so that these can be
        combined with others. By default, this is true if a strategy does not override
        how this class selects rows.
    """

    needs: tuple[str, ...] = ()
    pointwise: bool = False
    uses_labels: bool = True
    uses_weights: bool = False
    in_units_of_y: bool = False
    informed: bool = True
    _parameter_constraints: dict = {}

    @property
    def tasks(self) -> tuple[str, ...]:
        """See the attributes of the class."""
        tasks = tasks_of_needs(self.needs)
        for _, part in self.parts():
            tasks = tuple(task for task in tasks if task in part.tasks)
        return tasks

    @property
    def has_utilities(self) -> bool:
        """See the attributes of the class."""
        kind = type(self)
        return kind.select is Strategy.select and kind._choose is Strategy._choose

    def parts(self) -> list[tuple[str, Strategy]]:
        """Return the names and strategies that this strategy is made of.

        All of them are asked about the same estimator. The names are names of
        parameters. The list is empty if the strategy is not made of others.
        """
        return []

    def leaves(self) -> list[Strategy]:
        """Return the innermost strategies; the strategy itself if it has no parts."""
        found = [leaf for _, part in self.parts() for leaf in part.leaves()]
        return found or [self]

    def score_candidates(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Compute utilities, see :meth:`utilities`. A new strategy defines this."""
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
            "utility. Call select of the strategy, or query of the learner."
        )

    def utilities(self, estimator: Any, X: Any, y: Any, candidates: Array) -> Array:
        """Compute the utilities of some rows.

        Parameters
        ----------
        estimator : estimator object, or list of estimators
            The fitted estimator.
        X : array-like, sparse, data frame or sequence of n_samples
            The pool.
        y : array-like of shape (n_samples,) or None
            Labels, with NaN or None where a row is unlabelled.
        candidates : ndarray of shape (n_candidates,)
            Ascending positions in `X`.

        Returns
        -------
        utilities : ndarray of shape (n_candidates,)
            Finite float64. A row with a greater utility is more worth labelling.
        """
        self._check(estimator)
        found = self.score_candidates(estimator, X, y, candidates)
        return check_utilities(found, len(candidates), self)

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> Array:
        """Compute the utility of each row.

        Parameters
        ----------
        estimator : estimator object, or list of estimators
            The fitted estimator.
        X : array-like, sparse, data frame or sequence of n_samples
            The pool.
        y : array-like of shape (n_samples,), default=None
            Labels, with NaN or None where a row is unlabelled. None means that no
            row is labelled.

        Returns
        -------
        utilities : ndarray of shape (n_samples,)
            Finite float64. A row with a greater utility is more worth labelling.
        """
        return self.utilities(estimator, X, y, np.arange(_num_samples(X)))

    def terms(self, estimator: Any, X: Any, y: Any, candidates: Array) -> Terms | None:
        """Return the terms that the utilities are made of; None without utilities.

        The arguments are those of :meth:`utilities`. There is one term, named
        ``str(strategy)``, unless the strategy combines others.
        """
        if not self.has_utilities:
            return None
        return Terms([(str(self), self.utilities(estimator, X, y, candidates))])

    def resolve(self, estimator: Any, X: Any, labeled: Array | None = None) -> Strategy:
        """Return the strategy that is used for a fitted estimator and rows: itself.

        It is another one for :class:`Auto`. `labeled` are positions of labelled rows.
        """
        return self

    def describe(self, estimator: Any, X: Any, y: Any = None) -> str:
        """Return a line for people that says what chooses rows, and why."""
        return shorten(self)

    def for_rows(self, rows: ArrayLike) -> Strategy:
        """Return the same strategy for a part of the pool.

        `rows` are the positions of that part. The result is another object only if a
        parameter has one entry per row of the pool, as in :class:`PerCost`.
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
        """Choose the rows with the largest utilities, with ties broken at random.

        Identical rows are chosen only when no other rows are left.

        Parameters
        ----------
        estimator : estimator object, or list of estimators
            The fitted estimator.
        X : array-like, sparse, data frame or sequence of n_samples
            The pool.
        y : array-like of shape (n_samples,), default=None
            Labels, with NaN or None where a row is unlabelled. Only unlabelled rows are
            candidates. None means that all rows are candidates.
        n_queries : int
            Number of rows to choose. If there are fewer candidates, all are chosen.
        random_state : int, RandomState instance or None, default=None
            Breaks ties.

        Returns
        -------
        positions : ndarray of shape (min(n_queries, n_candidates),)
            Distinct positions in `X`, most useful first.

        Raises
        ------
        ValueError
            If the estimator does not provide what the strategy needs, a utility is not
            finite, or `n_queries` is not a positive int.
        """
        check_n_queries(n_queries)
        if type(self)._choose is not Strategy._choose:  # utilities check it
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
        """Choose rows and return their positions. Here: the largest utilities."""
        estimator, X, y, candidates, n_queries, seed = request
        utilities = self.utilities(estimator, X, y, candidates)
        warn_if_equal(self, utilities, n_queries, estimator)
        return take_distinct(X, candidates, utilities, n_queries, seed)

    def _check(self, estimator: Any) -> str | None:
        """Check parameters and needs; return the first needed response available."""
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
    """Base class of strategies made of others. It uses what any of them uses."""

    @property
    def informed(self) -> bool:  # type: ignore[override]
        return any(part.informed for _, part in self.parts())

    @property
    def uses_labels(self) -> bool:  # type: ignore[override]
        return any(part.uses_labels for _, part in self.parts())

    @property
    def uses_weights(self) -> bool:  # type: ignore[override]
        return any(part.uses_weights for _, part in self.parts())

    @property
    def in_units_of_y(self) -> bool:  # type: ignore[override]
        return any(part.in_units_of_y for _, part in self.parts())


def check_has_utilities(part: Strategy, whole: Strategy) -> None:
    """Raise if the choice of `part` cannot be told from utilities of single rows."""
    if not part.has_utilities:
        raise ValueError(
            f"{type(whole).__name__} combines utilities of single rows, but "
            f"{shorten(part)} chooses a batch in its own way, which would be lost. "
            "Switch takes strategies of any kind, because it uses one at a time."
        )


class Constant(Strategy):
    """The same utility for every row, such as a weight in a product.

    Parameters
    ----------
    value : float, default=1.0
        The utility of every row, or the weight.

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
        """Return the value for every row."""
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
        """Return the two strategies that are combined."""
        for part in (self.left, self.right):
            check_has_utilities(part, self)
        return [("left", self.left), ("right", self.right)]

    def score_candidates(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Combine the utilities of both strategies."""
        left, right = (
            part.utilities(estimator, X, y, candidates) for _, part in self.parts()
        )
        merge = operator.add if self._operation == "sum" else operator.mul
        return merge(left, right)

    def terms(self, estimator: Any, X: Any, y: Any, candidates: Array) -> Terms:
        """Return the terms of a sum or the factors of a product, left to right."""
        named: list[tuple[str, Array]] = []
        for _, part in self.parts():
            # A sum of sums is one sum, and likewise products.
            flat = type(part) is type(self)
            terms = part.terms if flat else partial(Strategy.terms, part)
            named += terms(estimator, X, y, candidates).named  # type: ignore[union-attr]
        return Terms(named, self._operation)


class Sum(_Combination):
    """Sum of the utilities of two strategies, written ``left + right``.

    Parameters
    ----------
    left, right : Strategy
        The terms. Their utilities are added as they are. To bring them to one scale,
        use weights, or ``normalize=True`` if a strategy has this parameter.

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
    """Product of the utilities of two strategies, written ``left * right``.

    Parameters
    ----------
    left, right : Strategy
        The factors. Their utilities should not be negative. The utilities of
        registered strategies never are.

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
    """Sum or product of two terms, either of which may be a number or a name.

    Returns NotImplemented, as Python's operators require, if a term is neither of these
    nor a strategy. Raises a TypeError if a term could easily be made a strategy.
    """
    terms = []
    for term in (left, right):
        if isinstance(term, numbers.Real) and not isinstance(term, bool):
            term = Constant(term)  # type: ignore[arg-type]
        elif isinstance(term, str):
            term = find_named(term)
        elif isinstance(term, type) and issubclass(term, Strategy):
            raise TypeError(
                f"Strategies are added and multiplied as objects; got the class "
                f"{term.__name__}. Write {term.__name__}(...)."
            )
        elif callable(term) and not isinstance(term, (Strategy, type)):
            raise TypeError(
                f"A function is added to strategies, or multiplied with them, as "
                f"get_strategy(function); got {term!r} itself."
            )
        elif not isinstance(term, Strategy):
            return NotImplemented
        terms.append(term)
    return kind(*terms)
