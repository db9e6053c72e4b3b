"""Another model than the learner's own as the judge of rows."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length
from sklearn.utils.metadata_routing import MetadataRouter, get_routing_for_object
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from skactive._compat.sklearn import HasMethods, Interval, StrOptions, _num_samples
from skactive._data.labels import MISSING, encode_labels
from skactive._models.encoded import EncodedClassifier, needs_codes
from skactive._models.nets import is_net, own_members
from skactive._models.response import has_response
from skactive._models.training import Training
from skactive._models.want_of_labels import fit_if_enough, warn_of_lack
from skactive._models.wrappers import Fitted, last_step
from skactive.strategies._base import (
    Strategy,
    _for_part,
    _shorten,
    check_n_queries,
    check_needs,
    find_candidates,
    warn_if_equal,
)
from skactive.strategies._lookup import get_strategy

Array = NDArray[Any]


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

    With a frozen judge, utilities keep their bound in a :class:`Mixture`; with others
    they are replaced by their ranks. One can be the learner's `initial_strategy` as
    well.

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
        inner = any(leaf.uses_weights for leaf in self._inner().leaves())
        return not is_frozen(self.estimator) or inner

    @property
    def bounded(self) -> bool:  # type: ignore[override]
        # The classes of a judge that is still to be fitted are not known.
        return is_frozen(self.estimator) and self._inner().bounded

    def bound(self, estimator: Any) -> float | None:
        """That of the strategy for a frozen judge, if it has one."""
        return self._inner().bound(self.estimator) if self.bounded else None

    @property
    def operation(self) -> str:  # type: ignore[override]
        return self._inner().operation

    @property
    def has_utilities(self) -> bool:
        return self._inner().has_utilities

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> Array:
        """Utility of each row to the judge, shape (n_samples,).

        Parameters
        ----------
        estimator : estimator object, or list of estimators
            The learner's; not asked.
        X : array-like, sparse, data frame or sequence of n_samples
            The pool.
        y : array-like of shape (n_samples,), default=None
            Labels with NaN or None where a row is unlabelled. There must be some,
            unless the judge is frozen.

        Returns
        -------
        utilities : ndarray of shape (n_samples,)
            As of the strategy; zero while the labels are of one class.
        """
        return self.candidate_utilities(estimator, X, y, np.arange(_num_samples(X)))

    def candidate_utilities(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Utilities of the rows at the ascending positions `candidates`."""
        judge = self._judge(estimator, X, y)
        if judge is None:
            return np.zeros(len(candidates))
        return self._inner().candidate_utilities(judge, X, y, candidates)

    def terms(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> list[tuple[str, Array]]:
        """Those of the strategy, about the judge; see :meth:`Strategy.terms`."""
        judge = self._judge(estimator, X, y)
        if judge is None:
            return [(self._label(), np.zeros(len(candidates)))]
        return self._inner().terms(judge, X, y, candidates)

    def select(
        self,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        n_queries: int,
        random_state: int | np.random.RandomState | None = None,
    ) -> Array:
        """Choose rows as the strategy does, see :meth:`Strategy.select`."""
        return self.select_next(
            estimator, X, y, n_queries=n_queries, random_state=random_state
        )[0]

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
        """Choose rows as the strategy does, see :meth:`Strategy.select_next`."""
        check_n_queries(n_queries)
        judge = self._judge(estimator, X, y)
        if judge is None:
            candidates = find_candidates(X, y)
            utilities = np.zeros(len(candidates))
            warn_if_equal(self, utilities, n_queries, self.estimator)
            chosen = self._take_distinct(
                X, candidates, utilities, n_queries, random_state
            )
            return chosen, state
        return self._inner().select_next(
            judge,
            X,
            y,
            n_queries=n_queries,
            random_state=random_state,
            state=state,
            ids=ids,
        )

    def _validate_params(self) -> None:
        # Whoever checks the parts of a strategy sees this one only, so it looks inside.
        super()._validate_params()
        if is_frozen(self.estimator):
            _check_fitted(self.estimator)
        inner = self._inner()
        for leaf in inner.leaves():
            leaf._validate_params()
        can_make = not is_frozen(self.estimator) or self._has_own_members()
        check_needs(inner, self.estimator, can_make_members=can_make)

    def _inner(self) -> Strategy:
        return get_strategy(self.strategy)

    def _judge(self, estimator: Any, X: Any, y: Any) -> Any:
        """The judge as the strategy asks it; None where it has seen one class only."""
        self._validate_params()
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
        return None if judge is None else _for_part(inner, judge)

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


# ---------------------------------------------------------------------------------
# The judge
# ---------------------------------------------------------------------------------


def is_frozen(estimator: Any) -> bool:
    """Whether a judge stays as it is, and so needs no labels."""
    return isinstance(estimator, FrozenEstimator)


def fit_judge(
    owner: Strategy,
    estimator: Any,
    X: Any,
    y: Any,
    *,
    weights: Array | None = None,
    members: str | Callable[..., Any] | None = None,
    n_members: int | None = None,
    random_state: int = 0,
) -> Fitted | None:
    """A frozen model as it is, or a clone of any other fitted on the labelled rows.

    Parameters
    ----------
    owner : Strategy
        For whom; errors name it.
    estimator : estimator object
        The judge.
    X : array-like, sparse, data frame or sequence of n_samples
        The pool.
    y : array-like of shape (n_samples,) or None
        Labels with NaN or None where a row is unlabelled.
    weights : ndarray of shape (n_samples,) or None, default=None
        Sample weights for the fit, if it takes any.
    members : str, callable or None, default=None
        As of :class:`Judged`; None where no members are wanted.
    n_members : int or None, default=None
        How many.
    random_state : int, default=0
        Seeds the fit and the members.

    Returns
    -------
    judge : Fitted or None
        With its members and the weights; None if the labels are of one class, or too
        few for this estimator, of which it warns.
    """
    # Other seeds than those of a learner with the same random_state: a judge of the
    # same kind would be the learner's own model.
    entropy = np.random.SeedSequence(random_state, spawn_key=(1,))
    seeds = entropy.generate_state(2).tolist()
    training = Training(
        estimator=(
            EncodedClassifier(estimator) if needs_codes(estimator) else estimator
        ),
        members=members,
        n_members=n_members,
        n_jobs=None,
        estimator_seed=seeds[0],
        member_seed=seeds[1],
    )
    if is_frozen(estimator):
        _check_fitted(estimator)
        return Fitted(estimator, training.own_members(estimator), weights)
    classes, codes = _labels_for(owner, X, y)
    if len(classes) == 1:
        return None
    params = {}
    name = None if weights is None else _weight_name(estimator)
    if name is not None:
        params[name] = weights
    rows = np.flatnonzero(codes != MISSING)
    model = fit_if_enough(training, X, classes[codes[rows]], rows, params)
    if model.lack is not None:
        warn_of_lack(model.lack, len(rows))
        return None
    return Fitted(model.estimator, model.members, weights)


def _check_fitted(estimator: Any) -> None:
    check_is_fitted(
        estimator, msg=f"{_shorten(estimator)} is frozen, but has not been fitted."
    )


def _labels_for(owner: Strategy, X: Any, y: Any) -> tuple[Array, Array]:
    """Classes, and codes of all rows, some of which must have a label."""
    if y is not None:
        check_consistent_length(X, y)
        classes, codes = encode_labels(y)
        if len(classes):
            return classes, codes
    raise ValueError(
        f"{_shorten(owner)} fits its model on the labelled rows, but "
        f"{'y is None' if y is None else 'no row has a label'}. Pass y with some "
        "labels, as in query(X, y), or a fitted model inside a FrozenEstimator."
    )


def _weight_name(estimator: Any) -> str | None:
    """The parameter of `fit` that takes sample weights, if there is one."""
    name = "sample_weight"
    if get_config()["enable_metadata_routing"]:
        routing = get_routing_for_object(estimator)
        if isinstance(routing, MetadataRouter):
            return name if routing.consumes("fit", {name}) else None
    while isinstance(estimator, Pipeline):
        step, estimator = estimator.steps[-1]
        name = f"{step}__{name}"
    return name if has_fit_parameter(estimator, "sample_weight") else None
