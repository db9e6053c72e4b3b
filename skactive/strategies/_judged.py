"""Judged: any strategy, asked about a model other than the learner's."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone

from skactive._compat.sklearn import HasMethods, Interval, StrOptions
from skactive._compat.typing import Array
from skactive._models.nets import is_net, own_members
from skactive._models.wrappers import last_step
from skactive.strategies._base import Request, Strategy, Terms
from skactive.strategies._function import as_strategy
from skactive.strategies._judge import check_frozen, fit_judge, is_frozen
from skactive.strategies._needs import (
    can_use_members,
    check_needs,
    needs_made_members,
)
from skactive.strategies._random import Random
from skactive.strategies._selection import warn_if_equal


class Judged(Strategy):
    """Any strategy, asked about another model instead of the learner's model.

    The other model is called the judge. It may be a large model, or a model of another
    kind, that ranks the pool for a small model that is to learn. A `FrozenEstimator`
    around a fitted model is used as it is. Any other estimator is cloned and fitted on
    the labelled rows in each call. The learner's model plays no part, and it need not
    provide what the strategy needs.

    Parameters
    ----------
    strategy : str or callable, default="margin"
        What makes a row worth labelling for the judge: a name from
        :func:`get_strategy_names`, a strategy object, which may choose a batch as a
        whole, or a function ``(estimator, X, y) -> utilities``.
    estimator : estimator object
        The judge, which is required. It takes the same `X` as the learner. Its classes
        may differ from those of the learner. A pipeline that contains a
        `FrozenEstimator` is fitted, except for that step.
    members : {"auto", "posterior", "dropout", "snapshots", "bootstrap"} or callable, \
            default="auto"
        The judge's committee if `strategy` needs one, as for
        :class:`skactive.ActiveLearningClassifier`. A frozen judge has a committee if it
        is itself one, such as a forest, if it is a net of skorch with "dropout" or
        "snapshots", or if `members` is a function ``(estimator, X) -> proba`` of shape
        (n_members, n_samples, n_classes). The other kinds of members need labels.
    n_members : int or None, default=None
        Number of members. None means 100 draws from a posterior, 20 dropout masks, or
        10 bootstrap clones.
    random_state : int, default=0
        Seeds each `random_state` inside `estimator` that is None, and the members.

    See Also
    --------
    Disagreement : Rows on which another model and the learner's model disagree.
    Distillation : Rows where a learner gains the most from the labels of a teacher.

    Notes
    -----
    A judge that is not frozen needs labels. There are then no utilities without `y`,
    and the learner has no `score_samples`. While all labels are of one class, the judge
    cannot be fitted: all utilities are zero, and the choice is random. The judge is
    fitted anew in each call, and once for each `Judged` in a sum or a mixture. In a fit
    with a budget, the sample weights of the learner's fit are passed to the fit of the
    judge, if it takes any.

    What is uncertain for a model that knows the task well is often noise, from which a
    small learner gains little. Labels chosen by the margin or entropy of a frozen judge
    can be worth less than random labels. Disagreement and Distillation suffer less from
    this, because they look at where the judge and the learner differ.

    A `Judged` strategy can also be the learner's `initial_strategy`.

    References
    ----------
    .. [1] C. Coleman, C. Yeh, S. Mussmann, B. Mirzasoleiman, P. Bailis, P. Liang,
       J. Leskovec, M. Zaharia, "Selection via Proxy: Efficient Data Selection for Deep
       Learning", ICLR 2020, with small models as judges for large ones.
    .. [2] D. D. Lewis, J. Catlett, "Heterogeneous Uncertainty Sampling for Supervised
       Learning", ICML 1994.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive.strategies import Judged
    >>> X = np.array([[0.0], [0.1], [0.2], [1.6], [3.0]])
    >>> y = np.array([0, np.nan, np.nan, np.nan, 1])
    >>> model = LogisticRegression().fit(X[[0, 4]], [0, 1])
    >>> large = LogisticRegression().fit([[0.0], [0.5]], [0, 1])
    >>> Judged("entropy", FrozenEstimator(large)).select(model, X, y, n_queries=1)
    array([2])
    >>> Judged("entropy", LogisticRegression()).select(model, X, y, n_queries=1)
    array([3])
    """

    _parameter_constraints: dict = {
        "strategy": [Strategy, str, callable],
        "estimator": [HasMethods(["fit"])],
        "members": [
            StrOptions({"auto", "posterior", "dropout", "snapshots", "bootstrap"}),
            callable,
        ],
        "n_members": [Interval(numbers.Integral, 2, None, closed="left"), None],
        "random_state": [Interval(numbers.Integral, 0, None, closed="left")],
    }

    def __init__(
        self,
        strategy: Any = "margin",
        estimator: Any = None,
        *,
        members: str | Callable[..., Any] = "auto",
        n_members: int | None = None,
        random_state: int = 0,
    ):
        self.strategy = strategy
        self.estimator = estimator
        self.members = members
        self.n_members = n_members
        self.random_state = random_state

    @property
    def pointwise(self) -> bool:  # type: ignore[override]
        try:
            return is_frozen(self.estimator) and self._inner().pointwise
        except (TypeError, ValueError):
            return True  # calling the strategy says what is wrong with it

    @property
    def tasks(self) -> tuple[str, ...]:
        """The judge learns one label a row."""
        return tuple(task for task in super().tasks if task != "multilabel")

    @property
    def informed(self) -> bool:  # type: ignore[override]
        return self._inner().informed

    @property
    def uses_labels(self) -> bool:  # type: ignore[override]
        return not is_frozen(self.estimator) or self._inner().uses_labels

    @property
    def uses_weights(self) -> bool:  # type: ignore[override]
        return not is_frozen(self.estimator) or self._inner().uses_weights

    @property
    def has_utilities(self) -> bool:
        return self._inner().has_utilities

    def score_candidates(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Compute utilities for the judge; zero while all labels are of one class."""
        inner, judge = self._ask(estimator, X, y)
        return inner.utilities(judge, X, y, candidates)

    def terms(self, estimator: Any, X: Any, y: Any, candidates: Array) -> Terms | None:
        """Return the strategy's terms for the judge; see :meth:`Strategy.terms`."""
        self._check(estimator)
        inner, judge = self._ask(estimator, X, y)
        return inner.terms(judge, X, y, candidates)

    def for_rows(self, rows: ArrayLike) -> Strategy:
        """Return the same strategy for a part of the pool; see `Strategy.for_rows`."""
        inner = self._inner()
        shown = inner.for_rows(rows)
        return self if shown is inner else clone(self).set_params(strategy=shown)

    def _choose(self, request: Request) -> Array:
        estimator, X, y, candidates, n_queries, seed = request
        inner, judge = self._ask(estimator, X, y)
        if judge is None:
            nothing = np.zeros(len(candidates))
            warn_if_equal(self, nothing, n_queries, self.estimator)
        return inner.select(judge, X, y, n_queries=n_queries, random_state=seed)

    def _validate_params(self) -> None:
        # A check of the parts of a strategy sees only this one, so look inside here.
        super()._validate_params()
        if is_frozen(self.estimator):
            check_frozen(self.estimator)
        inner = self._inner()
        for leaf in inner.leaves():
            leaf._validate_params()
        can_make = not is_frozen(self.estimator) or self._has_own_members()
        check_needs(inner, self.estimator, can_make_members=can_make)

    def _inner(self) -> Strategy:
        return as_strategy(self.strategy)

    def _ask(self, estimator: Any, X: Any, y: Any) -> tuple[Strategy, Any]:
        """The strategy and the judge; Random and None if it cannot be fitted yet."""
        inner = self._inner()
        judge = fit_judge(
            self,
            self.estimator,
            X,
            y,
            weights=getattr(estimator, "sample_weight", None),
            members=self.members if self._makes_members(inner) else None,
            n_members=self.n_members,
            random_state=self.random_state,
        )
        return (Random(), None) if judge is None else (inner, judge)

    def _has_own_members(self) -> bool:
        """Whether a frozen judge has members other than those of an ensemble."""
        if callable(self.members) or self.members in {"dropout", "snapshots"}:
            return True
        net = last_step(self.estimator)
        return self.members == "auto" and is_net(net) and bool(own_members(net))

    def _makes_members(self, inner: Strategy) -> bool:
        if callable(self.members) or self.members != "auto":
            return can_use_members(inner, self.estimator)
        return needs_made_members(inner, self.estimator)


def get_strategy(
    strategy: str | Callable[..., Any], *, estimator: Any = None, **params: Any
) -> Strategy:
    """Get a strategy from its name.

    Parameters
    ----------
    strategy : str or callable
        A name from :func:`get_strategy_names`, a strategy object, which is returned as
        it is, or any other callable ``(estimator, X, y) -> utilities``, which is
        converted to a strategy.
    estimator : estimator object, default=None
        A model to ask instead of the learner's model. It is either a fitted model
        inside a `FrozenEstimator`, or any other estimator, which is fitted on the
        labelled rows. The strategy is then wrapped in
        :class:`skactive.strategies.Judged`.
    **params : dict
        Parameters of the strategy to set. An object that is passed stays as it is; a
        copy of it is returned.

    Returns
    -------
    strategy : Strategy
        The strategy. For a name, it is a copy, whose parameters can be set later too.

    Raises
    ------
    ValueError
        If the name, or a parameter, is unknown.
    TypeError
        If `strategy` is neither a name nor callable.

    Examples
    --------
    >>> from skactive import get_strategy
    >>> get_strategy("kl_divergence")
    KLDivergence()
    >>> get_strategy("entropy", normalize=True)
    Entropy(normalize=True)

    A large model ranks the pool for a small one:

    >>> from sklearn.ensemble import RandomForestClassifier
    >>> get_strategy("entropy", estimator=RandomForestClassifier())
    Judged(estimator=RandomForestClassifier(), strategy=Entropy())
    """
    found = as_strategy(strategy)
    if params:
        found = clone(found).set_params(**params)
    return found if estimator is None else Judged(found, estimator)
