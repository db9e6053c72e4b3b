"""What a strategy is: a scorer that can also select, add up and multiply."""

from __future__ import annotations

import numbers
import warnings
from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length, check_random_state

from skactive._compat.sklearn import HasMethods, StrOptions, _num_samples
from skactive._data.chunks import map_rows
from skactive._data.copies import row_keys
from skactive._data.labels import is_missing
from skactive._models.response import count_outputs, has_response
from skactive._models.wrappers import Fitted, last_step

Array = NDArray[Any]

# Utilities closer than this, relative to the smallest one chosen, count as equal:
# rounding differs that much between matrix products of different shapes.
_TIE_TOLERANCE = 1e-12

_PROVIDERS = {
    "predict_proba": "LogisticRegression, RandomForestClassifier, "
    "CalibratedClassifierCV(LinearSVC()), ...",
    "decision_function": "LinearSVC, SVC, RidgeClassifier, ...",
    "last_layer": "LogisticRegression, SGDClassifier(loss='log_loss'), MLPClassifier, "
    "a net of skorch, alone or as the last step of a pipeline, or any classifier with "
    "predict_proba and features= of the strategy, which gives the inputs of its last "
    "layer",
    "members": "RandomForestClassifier, ExtraTreesClassifier, BaggingClassifier, "
    "VotingClassifier, a list of fitted classifiers, or any classifier inside "
    "ActiveLearningClassifier, which draws or fits members itself",
    "refits": "GaussianNB, LogisticRegression, RidgeClassifier, "
    "CalibratedClassifierCV(LinearSVC()), ...",
}
# What `embedding` of a strategy may be; BatchStrategy says what it means.
EMBEDDING: list = [
    HasMethods("transform"),
    callable,
    StrOptions({"input", "last_layer"}),
    None,
]
_NAMES = {
    "last_layer": "a known last layer",
    "members": "a committee",
    "refits": "one classifier with predict_proba",
}


class Strategy(BaseEstimator):
    """Base of all strategies.

    A strategy is called like a scikit-learn scorer, ``strategy(estimator, X, y)``,
    and gives one utility a row. Its parameters are the arguments of ``__init__``.
    Strategies hold no state: nothing is kept between calls.

    A new strategy defines ``__call__``, or derives from :class:`PointwiseStrategy`
    if the utility of a row depends on that row only. Strategies that care what else
    is in a batch also override :meth:`select`.

    Attributes
    ----------
    needs : tuple of str
        What the estimator must give, any one of it is enough: "predict_proba",
        "decision_function", "last_layer", "members", "refits". Empty if nothing is
        needed.
    pointwise : bool
        Whether the utility of a row depends on that row only.
    informed : bool
        Whether equal utilities mean that the strategy could not tell rows apart, of
        which it warns.
    uses_labels : bool
        Whether it looks at the labels, and not only at which rows have one.
    uses_weights : bool
        Whether it looks at the sample weights of fits.
    bounded : bool
        Whether utilities lie between 0 and a known :meth:`bound`.
    has_utilities : bool
        Whether it chooses by utilities of single rows, so that these can be combined:
        whether :meth:`select` is the one of this class, unless it says otherwise.
    operation : {"sum", "product"}
        How the :meth:`terms` make the utilities.
    """

    needs: tuple[str, ...] = ()
    pointwise: bool = False
    # False where equal utilities are intended, so that nobody is warned of them.
    informed: bool = True
    # False where only the mask of labelled rows matters, and not their labels.
    uses_labels: bool = True
    uses_weights: bool = False
    bounded: bool = False
    operation: str = "sum"
    _parameter_constraints: dict = {}

    @abstractmethod
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

    @property
    def has_utilities(self) -> bool:
        """See the attributes of the class."""
        return type(self).select is Strategy.select

    def leaves(self) -> list[Strategy]:
        """The strategies that this one is made of; itself, unless it combines."""
        return [self]

    def candidate_utilities(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Utilities of the rows at the ascending positions `candidates`."""
        return self(estimator, X, y)[candidates]

    def bound(self, estimator: Any) -> float | None:
        """The largest utility possible, where `bounded`; the least is 0."""
        return None

    def terms(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> list[tuple[str, Array]]:
        """What the utilities of the candidates are made of.

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
        terms : list of (str, ndarray of shape (n_candidates,))
            Names and values, weighted and normalised as they enter: terms that add
            up to the utilities or, where `operation` is "product", factors that
            multiply to them. One term, unless the strategy combines others.
        """
        part = _for_part(self, estimator)
        return [(self._label(), self.candidate_utilities(part, X, y, candidates))]

    def _label(self) -> str:
        return repr(self)

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
        candidates = find_candidates(X, y)
        utilities = self.candidate_utilities(estimator, X, y, candidates)
        warn_if_equal(self, utilities, n_queries, estimator)
        return self._take_distinct(X, candidates, utilities, n_queries, random_state)

    def select_next(
        self,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        n_queries: int,
        random_state: int | np.random.RandomState | None = None,
        state: Any = None,
        ids: Array | None = None,
    ) -> tuple[Array, Any]:
        """Choose rows as :meth:`select` does, in the light of earlier choices.

        For strategies that learn from what their earlier choices led to. They keep
        nothing themselves: whoever runs the campaign hands the state on. All others
        choose by :meth:`select`, and their state is None.

        Parameters
        ----------
        estimator, X, y, n_queries, random_state
            See :meth:`select`.
        state : object, default=None
            What the last call gave; None in the first call of a campaign.
        ids : ndarray of shape (n_samples,), default=None
            Names of the rows of `X`, ascending integers, the same in every call of a
            campaign. None means positions.

        Returns
        -------
        positions : ndarray of shape (min(n_queries, n_candidates),)
            Distinct positions in `X`, most useful first.
        state : object
            For the next call; None if there is nothing to remember.
        """
        chosen = self.select(
            estimator, X, y, n_queries=n_queries, random_state=random_state
        )
        return chosen, None

    @staticmethod
    def _take_distinct(
        X: Any,
        candidates: Array,
        utilities: Array,
        n_queries: int,
        random_state: int | np.random.RandomState | np.random.Generator | None,
    ) -> Array:
        """Take the best rows; copies of a row only when no other row is left."""
        rng = as_generator(random_state)
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

    def __add__(self, other: Any) -> Strategy:
        return _combine("sum", self, other)

    def __radd__(self, other: Any) -> Strategy:
        return _combine("sum", other, self)

    def __mul__(self, other: Any) -> Strategy:
        return _combine("product", self, other)

    def __rmul__(self, other: Any) -> Strategy:
        return _combine("product", other, self)


class PointwiseStrategy(Strategy):
    """Base of strategies whose utility of a row depends on that row only.

    A new one defines `score_rows`, and `needs` if it asks something of the
    estimator. The pool is scored in chunks.
    """

    pointwise = True
    uses_labels = False

    @abstractmethod
    def score_rows(self, estimator: Any, X: Any) -> Array:
        """Utilities, shape (n_rows,), of a chunk of rows."""

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> Array:
        """Utility of each row, shape (n_samples,); `y` is not used."""
        return self.candidate_utilities(estimator, X, y, np.arange(_num_samples(X)))

    def candidate_utilities(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Utilities of the rows at the ascending positions `candidates`."""
        self._validate_params()
        response = check_needs(self, estimator)
        n_outputs = count_outputs(estimator, response) if response else 1
        score = partial(self._score_chunk, estimator)
        return map_rows(score, X, candidates, n_outputs)

    def _score_chunk(self, estimator: Any, X: Any) -> Array:
        utilities = self.score_rows(estimator, X)
        return check_utilities(utilities, _num_samples(X), self)


class FunctionStrategy(Strategy):
    """A user's function with the signature of a strategy.

    Parameters
    ----------
    function : callable
        ``function(estimator, X, y) -> utilities`` of shape (n_samples,).

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skactive.strategies import FunctionStrategy
    >>> longest_first = FunctionStrategy(lambda estimator, X, y: [len(t) for t in X])
    >>> longest_first.select(DummyClassifier(), ["a", "abc", "ab"], n_queries=2)
    array([1, 2])
    """

    pointwise = True  # taken on trust, so that score_samples is there

    def __init__(self, function: Callable[..., Any]):
        self.function = function

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> Array:
        """What the function says, checked."""
        rows = np.arange(_num_samples(X))
        return self.candidate_utilities(estimator, X, y, rows)

    def candidate_utilities(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """What the function says of the candidates; the rest is not looked at."""
        utilities = np.asarray(self.function(estimator, X, y), dtype=np.float64)
        if utilities.shape == (_num_samples(X),):
            return check_utilities(utilities[candidates], len(candidates), self)
        return check_utilities(utilities, _num_samples(X), self)


def _combine(operation: str, left: Any, right: Any) -> Strategy:
    from skactive.strategies._arithmetic import combine

    return combine(operation, left, right)


def _for_part(part: Strategy, estimator: Any) -> Any:
    """The estimator itself for a part that asks for nothing else of the learner."""
    is_asked = any(
        "members" in leaf.needs or leaf.uses_weights for leaf in part.leaves()
    )
    if isinstance(estimator, Fitted) and not is_asked:
        return estimator.estimator
    return estimator


# ---------------------------------------------------------------------------------
# Parts of a selection
# ---------------------------------------------------------------------------------


def check_needs(
    strategy: Strategy, estimator: Any, *, can_make_members: bool = False
) -> str | None:
    """Check that `estimator` gives what `strategy` needs.

    Returns the first response of `strategy.needs` that the estimator has, None where
    nothing is needed (or the strategy combines others); raises ValueError otherwise.
    """
    found = None
    for leaf in strategy.leaves():
        if not leaf.needs:
            continue
        for found in leaf.needs:
            if has_response(estimator, found):
                break
            if found == "members" and can_make_members:
                break
        else:
            what = " or ".join(_NAMES.get(need, need) for need in leaf.needs)
            examples = "; ".join(_PROVIDERS[need] for need in leaf.needs)
            raise ValueError(
                f"{type(leaf).__name__} needs {what}: {examples}; got "
                f"{_name_of_model(estimator)}. "
                f"{_say_served(estimator, can_make_members)}"
            )
    return found if strategy.needs else None


def _say_served(estimator: Any, can_make_members: bool) -> str:
    """Which strategies an estimator can serve, in a sentence."""
    from skactive.strategies._lookup import STRATEGIES

    def is_served(leaf: Strategy) -> bool:
        return not leaf.needs or any(
            has_response(estimator, need) or (need == "members" and can_make_members)
            for need in leaf.needs
        )

    asking: list[str] = []
    others: list[str] = []
    for name, strategy in sorted(STRATEGIES.items()):
        leaves = strategy.leaves()
        if all(is_served(leaf) for leaf in leaves):
            names = asking if any(leaf.needs for leaf in leaves) else others
            names.append(repr(name))
    free = f"strategies that ask nothing of it: {', '.join(others)}."
    return (
        f"It can serve {', '.join(asking)}, and {free}"
        if asking
        else (f"It can serve {free}")
    )


def check_has_utilities(part: Strategy, whole: Strategy) -> None:
    """Raise where `part` chooses in a way that its utilities cannot tell `whole`."""
    if not part.has_utilities:
        raise ValueError(
            f"{type(whole).__name__} combines utilities of single rows, but "
            f"{_shorten(part)} chooses a batch in its own way, which would be lost. "
            "Switch and ActiveLearningByLearning take strategies of any kind, as they "
            "choose one of them at a time."
        )


def check_n_queries(n_queries: Any) -> None:
    """Raise unless `n_queries` is a positive int."""
    if not isinstance(n_queries, numbers.Integral) or n_queries < 1:
        raise ValueError(f"n_queries must be a positive int; got {n_queries!r}.")


def check_rows(rows: ArrayLike, n_samples: int, name: str = "rows") -> Array:
    """Positions as an array of ints, or a ValueError."""
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
            f"{n_samples - 1}, as query gives them; got {_shorten(rows)}. Of a mask "
            "take np.flatnonzero(mask)."
        )
    return positions.astype(np.intp)


def find_candidates(X: Any, y: Any = None) -> Array:
    """Ascending positions of the rows without a label."""
    if y is None:
        return np.arange(_num_samples(X))
    check_consistent_length(X, y)
    return np.flatnonzero(is_missing(y))


def warn_if_equal(
    strategy: Strategy, utilities: Array, n_queries: int, estimator: Any
) -> None:
    """Warn where the choice is left to chance without being meant to."""
    if (
        strategy.informed
        and n_queries < len(utilities)
        and np.ptp(utilities) <= _TIE_TOLERANCE * abs(utilities[0])
    ):
        warnings.warn(
            f"{_shorten(strategy)} finds all {len(utilities)} candidates equally "
            f"useful, so the choice is random. {_name_of_model(estimator)} may answer "
            "alike for every row, or be certain of all; "
            "it may need more labels, or other hyper-parameters, to tell them apart.",
            UserWarning,
            stacklevel=3,
        )


def take_best(
    utilities: Array,
    n_best: int,
    random_state: int | np.random.RandomState | np.random.Generator | None = None,
) -> Array:
    """Positions of the `n_best` largest utilities, largest first, ties at random.

    Parameters
    ----------
    utilities : ndarray of shape (n_candidates,)
        Finite.
    n_best : int
        How many; all, if there are fewer.
    random_state : int, RandomState instance or None, default=None
        Orders ties, and chooses between them where not all can be taken.

    Returns
    -------
    positions : ndarray of shape (min(n_best, n_candidates),)

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies._base import take_best
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
        slack = _TIE_TOLERANCE * abs(smallest)
        sure = near[values > smallest + slack]
        tied = near[(values >= smallest - slack) & (values <= smallest + slack)]
        if len(sure) + len(tied) > n_best:
            tied = rng.choice(tied, size=n_best - len(sure), replace=False)
        best = np.concatenate([sure, tied])
    best = rng.permutation(best)
    return best[np.argsort(-_round(utilities[best]), kind="stable")]


def as_generator(
    random_state: int | np.random.RandomState | np.random.Generator | None,
) -> np.random.Generator:
    """A fast generator that `random_state` determines."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    return np.random.default_rng(draw_seed(random_state))


def draw_seed(random_state: int | np.random.RandomState | None) -> int | None:
    """A seed for numpy's generators; None, for a new one each time, from None.

    A RandomState moves on by one draw; numpy's global state is never touched.
    """
    if random_state is None or isinstance(random_state, numbers.Integral):
        return None if random_state is None else int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def _near_largest(utilities: Array, n: int) -> tuple[Array, float]:
    """Positions of all that may be among the n largest, and the n-th largest value.

    Ties of the n-th largest within the tolerance are among the positions. One pass
    over the utilities, where n is small.
    """
    sample = utilities[:: int(np.sqrt(len(utilities) / n))]
    if not n < len(sample) < len(utilities):
        near = np.arange(len(utilities))
        return near, float(np.partition(utilities, -n)[-n])
    # n rows of a sample reach this bound, so the n-th largest of all does too.
    bound = np.partition(sample, -n)[-n]
    near = np.flatnonzero(utilities >= bound - _TIE_TOLERANCE * abs(bound))
    values = utilities[near]
    above = values[values > bound]
    if len(above) < n:
        return near, float(bound)
    return near, float(np.partition(above, -n)[-n])


def _round(utilities: Array) -> Array:
    """Utilities without the digits that _TIE_TOLERANCE calls noise."""
    fraction, exponent = np.frexp(utilities)
    return np.ldexp(np.round(fraction / _TIE_TOLERANCE) * _TIE_TOLERANCE, exponent)


def check_utilities(utilities: Any, n_rows: int, strategy: Any) -> Array:
    """Utilities as a finite float64 array of shape (n_rows,), or a ValueError."""
    utilities = np.asarray(utilities, dtype=np.float64)
    if utilities.shape != (n_rows,):
        raise ValueError(
            f"{_shorten(strategy)} gave utilities of shape {utilities.shape} for "
            f"{n_rows} rows; expected one number a row, shape ({n_rows},)."
        )
    if not np.isfinite(utilities).all():
        n_wrong = int((~np.isfinite(utilities)).sum())
        raise ValueError(
            f"{_shorten(strategy)} gave {n_wrong} utilities that are NaN or infinite "
            f"among {n_rows}; every utility must be finite."
        )
    return utilities


def _name_of_model(estimator: Any) -> str:
    """What an estimator is called, the classifier at the end of a long one first."""
    text = _shorten(estimator)
    if not text.endswith("..."):
        return text
    return f"{_shorten(last_step(estimator))} at the end of {text}"


def _shorten(thing: Any, width: int = 120) -> str:
    text = " ".join(repr(thing).split())
    return text if len(text) <= width else text[: width - 3] + "..."
