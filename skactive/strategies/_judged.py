"""Another model than the learner's own as the judge of rows, of any strategy."""

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
from skactive._models.response import has_response
from skactive._models.wrappers import last_step
from skactive.strategies._base import Request, Strategy, Terms
from skactive.strategies._function import as_strategy
from skactive.strategies._judge import check_frozen, fit_judge, is_frozen
from skactive.strategies._needs import check_needs
from skactive.strategies._random import Random
from skactive.strategies._selection import warn_if_equal


class Judged(Strategy):
    """Any strategy, asked about another model than the learner's own.

    A large model, or one of another kind, ranks the pool for the small one that is to
    learn. It is a `FrozenEstimator` around a fitted model, which stays as it is, or
    any other estimator, a clone of which is fitted on the labelled rows of each call.
    The learner's own model plays no part, nor what it can or cannot give.

    Parameters
    ----------
    strategy : str or callable, default="margin"
        What makes a row worth labelling in the eyes of the judge: a name among
        :func:`get_strategy_names`, a strategy object, also one that chooses a batch
        as a whole, or a function ``(estimator, X, y) -> utilities``.
    estimator : estimator object
        The judge; it must be given. It takes the same `X` as the learner does, and its
        classes may be others. A pipeline with a `FrozenEstimator` inside is fitted,
        but for that step.
    members : {"auto", "posterior", "dropout", "snapshots", "bootstrap"} or callable, \
            default="auto"
        The judge's committee where `strategy` needs one, as for
        :class:`skactive.ActiveLearningClassifier`. A frozen judge is its own
        committee, as a forest, or has the "dropout" or "snapshots" of a net of skorch,
        or what a function ``(estimator, X) -> proba`` of shape (n_members, n_samples,
        n_classes) gives; the others need labels.
    n_members : int or None, default=None
        How many. None means 100 draws from a posterior, 20 dropout masks, or 10
        bootstrap clones.
    random_state : int, default=0
        Seeds each `random_state` inside `estimator` that is None, and the members.

    See Also
    --------
    Disagreement : How far another model and the learner's own are apart.
    Distillation : Rows where a learner gains most from the labels of another model.

    Notes
    -----
    A judge that is fitted needs the labels, so that there are no utilities without
    `y`, and `score_samples` of the learner is there for frozen judges only. While the
    labels are of one class, it can tell nothing: all utilities are zero, and the choice
    is random. It is fitted anew in each call, and once for each `Judged` in a sum or a
    mixture. In a fit with a budget the sample weights of the learner's fit reach that
    of the judge, if it takes any.

    What is open to a model that knows the task well is often noise, from which a small
    learner gets little: chosen by the margin or entropy of a frozen judge, labels can
    be worth less than random ones. Disagreement and Distillation, which look at where
    the judge and the learner differ, suffer less from this.

    One can be the learner's `initial_strategy` as well.

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
            return True  # the call itself says what is wrong with the strategy

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
        """Utilities to the judge; zero while the labels are of one class."""
        inner, judge = self._ask(estimator, X, y)
        return inner.utilities(judge, X, y, candidates)

    def terms(self, estimator: Any, X: Any, y: Any, candidates: Array) -> Terms | None:
        """Those of the strategy, about the judge; see :meth:`Strategy.terms`."""
        self._check(estimator)
        inner, judge = self._ask(estimator, X, y)
        return inner.terms(judge, X, y, candidates)

    def for_rows(self, rows: ArrayLike) -> Strategy:
        """The same judge of a part of the pool, see :meth:`Strategy.for_rows`."""
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
        # Whoever checks the parts of a strategy sees this one only, so it looks inside.
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
        """The strategy and the judge; by chance where that can tell nothing."""
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
        """Whether members of a frozen judge can be had besides those of an ensemble."""
        if callable(self.members) or self.members in {"dropout", "snapshots"}:
            return True
        net = last_step(self.estimator)
        return self.members == "auto" and is_net(net) and bool(own_members(net))

    def _makes_members(self, inner: Strategy) -> bool:
        if not any("members" in leaf.needs for leaf in inner.leaves()):
            return False
        is_own = has_response(self.estimator, "members")
        return callable(self.members) or self.members != "auto" or not is_own


def get_strategy(
    strategy: str | Callable[..., Any], *, estimator: Any = None
) -> Strategy:
    """Strategy from its name; `estimator` is a model to ask in place of the learner's.

    Parameters
    ----------
    strategy : str or callable
        A name among :func:`get_strategy_names`. A strategy object is given back as
        it is; any other callable with the signature of a strategy,
        ``(estimator, X, y) -> utilities``, becomes one.
    estimator : estimator object, default=None
        A model that judges rows in place of the learner's own: a fitted one inside a
        `FrozenEstimator`, or any other, which is fitted on the labelled rows. It is
        put around the strategy by :class:`skactive.strategies.Judged`.

    Returns
    -------
    strategy : Strategy
        For a name a copy, whose parameters can be set.

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If `strategy` is neither a name nor callable.

    Examples
    --------
    >>> from skactive import get_strategy
    >>> get_strategy("kl_divergence")
    KLDivergence()
    >>> get_strategy("entropy").set_params(normalize=True)
    Entropy(normalize=True)

    A large model ranks the pool for a small one:

    >>> from sklearn.ensemble import RandomForestClassifier
    >>> get_strategy("entropy", estimator=RandomForestClassifier())
    Judged(estimator=RandomForestClassifier(), strategy=Entropy())
    """
    found = as_strategy(strategy)
    return found if estimator is None else Judged(found, estimator)
