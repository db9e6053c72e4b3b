"""What the learners have in common: fit, query, and the loop between the two."""

from __future__ import annotations

import numbers
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import check_is_fitted

from skactive._compat.callbacks import (
    CallbackSupportMixin,
    FitTasks,
    without_callbacks,
)
from skactive._compat.sklearn import (
    HasMethods,
    Interval,
    RealNotInt,
    _check_method_params,
    _fit_context,
    _num_samples,
    _raise_for_params,
    _safe_indexing,
    available_if,
)
from skactive._compat.tally import counting
from skactive._compat.typing import Array
from skactive._data.pool import Pool, as_rows
from skactive._data.trace import trace_of
from skactive._models.bootstrap import seeded
from skactive._models.target import Target
from skactive._models.training import Model
from skactive._models.want_of_labels import (
    ERRORS_OF_LACK,
    fit_if_enough,
)
from skactive._models.warm_start import ShrinkPerturb
from skactive.classifier import _audit, _explain, _notices
from skactive.classifier._arguments import ReadsArguments
from skactive.classifier._availability import has_pointwise_strategy
from skactive.classifier._campaign import Figures, Purchase, count_rounds, drive
from skactive.classifier._plan import Plan, run_in_threads
from skactive.strategies import get_strategy
from skactive.strategies._selection import check_n_queries, check_rows

# Figures of each round that are columns of `history_`.
_COLUMNS = [
    *("n_labels", "n_queried", "query_time", "fit_time"),
    *("n_fits", "n_scored", "n_passes"),
]


class BaseActiveLearner(
    ReadsArguments, CallbackSupportMixin, MetaEstimatorMixin, BaseEstimator
):
    """Base class of the learners: all that does not depend on the kind of labels.

    A subclass names the kinds that it takes in `_kinds`, see
    :class:`skactive._models.target.Target`, and has the methods for prediction of its
    estimators. A mixin makes it one of scikit-learn's kinds of estimators. The
    docstring of the subclass describes the parameters and attributes.
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit"])],
        "strategy": [str, callable],
        "batch_size": [Interval(numbers.Integral, 1, None, closed="left")],
        "budget": [
            Interval(numbers.Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="right"),
            None,
        ],
        "initial_strategy": [str, callable],
        "n_initial": [Interval(numbers.Integral, 1, None, closed="left"), None],
        "stopping": [HasMethods(["update", "reset"]), None],
        "max_candidates": [Interval(numbers.Integral, 1, None, closed="left"), None],
        "n_members": [Interval(numbers.Integral, 2, None, closed="left"), None],
        "audit_fraction": [Interval(numbers.Real, 0, 1, closed="left")],
        "warm_start": ["boolean", ShrinkPerturb],
        "n_jobs": [numbers.Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        strategy: Any,
        *,
        batch_size: int = 10,
        budget: int | float | None = None,
        initial_strategy: Any = "cold_start",
        n_initial: int | None = None,
        stopping: Any = None,
        max_candidates: int | None = None,
        members: Any = "auto",
        n_members: int | None = None,
        audit_fraction: float = 0.0,
        warm_start: bool | ShrinkPerturb = False,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.estimator = estimator
        self.strategy = strategy
        self.batch_size = batch_size
        self.budget = budget
        self.initial_strategy = initial_strategy
        self.n_initial = n_initial
        self.stopping = stopping
        self.max_candidates = max_candidates
        self.members = members
        self.n_members = n_members
        self.audit_fraction = audit_fraction
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state

    def set_params(self, **params: Any) -> BaseActiveLearner:
        """Set the parameters of this learner and of its parts.

        Parameters of parts nest, as in ``strategy__normalize``. If the strategy is
        given by its name, setting one of its parameters replaces the name by a strategy
        object.

        Parameters
        ----------
        **params : dict
            Parameters by their names, see `get_params`.

        Returns
        -------
        self : object
            The learner itself.
        """
        for name in ("strategy", "initial_strategy"):
            named = params.get(name, getattr(self, name))
            is_nested = any(key.startswith(f"{name}__") for key in params)
            if is_nested and isinstance(named, str):
                params[name] = get_strategy(named)
        # A fit that follows says which of these made no difference. It is the only
        # trace that a search leaves: it sets parameters of a clone, and fits it.
        if names := _notices.names_of_choice(params):
            self._just_set = names
        return super().set_params(**params)

    # -----------------------------------------------------------------------------
    # Learning
    # -----------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, **params: Any) -> BaseActiveLearner:
        """Learn from the labelled rows, or from as many of them as the budget allows.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Labelled and unlabelled rows, in any form that `estimator` takes.
        y : array-like of shape (n_samples,), or (n_samples, n_labels) for classifiers
            Labels, missing where a row is unlabelled; with several labels a row, 0 or 1
            for each, or missing for all. With a `budget`, `y` is the oracle, and rows
            whose label is missing take no part.
        **params : dict
            Metadata for the `fit` of `estimator`, such as `sample_weight`, if
            metadata routing is enabled. Values with one entry per row are cut to the
            labelled rows.

        Returns
        -------
        self : object
            The fitted learner.

        Raises
        ------
        ValueError
            If no row is labelled, lengths differ, labels are of another kind, or the
            estimator does not provide what the strategy needs. The learner is then
            unchanged. Errors of the estimator are raised as they are. An error that
            more labels would prevent has a note that says so. In a fit with a budget,
            such an error is raised only if the last round still ends with it.

        Warns
        -----
        UserWarning
            If labels look like something else, such as the text "nan", which may mark a
            missing label. If `initial_strategy` continues to choose in a fit with a
            budget, because there are too few labels for the estimator. If `budget` is
            larger than the number of labels in a partly labelled `y`. If the strategy
            was just set, as a search does, but all rows have a label and all are used.
        """
        return self._fit(X, y, params)

    @_fit_context(prefer_skip_nested_validation=False)
    def _fit(
        self,
        X: Any,
        y: Any,
        params: dict,
        watch: Callable[[BaseActiveLearner], Any] | None = None,
    ) -> BaseActiveLearner:
        """Fit as in :meth:`fit`; call `watch` with the learner after each round."""
        routed = self._route(params)
        X, target = self._labeled(X, y)
        self._warn_of_suspects(y, stacklevel=5)
        plan = self._make_plan(type(target))
        just_set = self.__dict__.pop("_just_set", [])
        _notices.warn_of_idle_parameters(self, target, just_set)
        if self.budget is None:
            self._fit_known(X, target, routed, plan)
        else:
            _notices.warn_of_large_budget(self, target)
            self._fit_bought(X, target, routed, plan, watch)
        self._trace = trace_of(X, self.labeled_indices_)
        strategy, _ = plan.asked(self._model())
        args = self.estimator_, X, self.labeled_indices_
        self.strategy_ = strategy.resolve(*args)
        self._is_weighted = self._weights(routed) is not None
        return self

    def _fit_known(self, X: Any, target: Target, params: dict, plan: Plan) -> None:
        """Fit once on all rows that have a label."""
        known = target.known
        tasks, plan = self._begin_tasks(X, target, params, plan, 1)
        tasks.begin_round()
        start = time.perf_counter()
        learnt, audited = plan.split(known, len(target))
        figures = Figures(n_labels=len(known), n_audited=len(audited))
        args = X, target.values(learnt), learnt, params, self._model()
        with counting() as tally:
            model = fit_if_enough(plan.training, *args, asks=False)
        if model.lack is not None:
            self._fit_lacked = True
            raise model.lack
        figures.add(tally)
        figures.fit_time = time.perf_counter() - start
        state = model, target, known, audited, [figures], plan
        tasks.end_round(lambda: self._copy_with(*state))
        self._become(*state)
        self.termination_condition_, self.stopping_ = "exhausted", None
        tasks.end()

    def _fit_bought(
        self,
        X: Any,
        target: Target,
        params: dict,
        plan: Plan,
        watch: Callable[[BaseActiveLearner], Any] | None,
    ) -> None:
        """Run a campaign on the rows with a known label, until the budget is used."""
        plan.check_pool(len(target))
        labeled = target.known
        if len(labeled) < len(target):
            params = _check_method_params(X, params, indices=labeled)
            X, target = _safe_indexing(X, labeled), target.take(labeled)
        is_part = labeled[-1] >= len(labeled)
        n_affordable = self._n_affordable(len(labeled))
        n_bought = min(n_affordable, len(labeled))
        n_rounds = count_rounds(n_bought, self._n_first(), self.batch_size)
        tasks, plan = self._begin_tasks(X, target, params, plan, n_rounds)
        stopping = None
        if self.stopping is not None:
            stopping = seeded(clone(self.stopping), plan.query_seed)
        history: list[Figures] = []

        def judge(bought: Purchase, is_last: bool) -> str | None:
            """Report the round to its observers; return the name of one that stops."""
            model, rows = bought.model, bought.rows
            state = model, target, rows, bought.audited, history, plan, is_part
            if watch is not None:
                watch(self._copy_with(*state))
            asked = tasks.end_round(lambda: self._copy_with(*state))
            if is_last:
                return None
            if stopping is not None:
                learner, y = self._copy_with(*state), bought.pool.y
                if decision := stopping.update(learner, X, y):
                    return decision.rule
            return asked

        nothing = target.only(labeled[:0])
        missing = np.ones(len(target), dtype=bool)
        pool = Pool(X, missing, nothing.visible(), labeled, self._weights(params))
        bought = Purchase(
            plan,
            pool,
            nothing,
            params,
            n_affordable=n_affordable,
            n_initial=self._n_first(),
            batch_size=self.batch_size,
            tasks=tasks,
            judge=judge,
        )

        def ask(rows: Array) -> Target:
            return target.only(np.concatenate([bought.rows, rows]))

        condition = drive(bought, ask, history)
        model = bought.model
        if model.lack is not None:  # no label is left to wait for
            raise model.lack
        rows, audited = labeled[bought.rows], labeled[bought.audited]
        self._become(model, target, rows, audited, history, plan)
        self.termination_condition_, self.stopping_ = condition, stopping
        tasks.end()

    def _begin_tasks(
        self, X: Any, target: Target, params: dict, plan: Plan, n_rounds: int
    ) -> tuple[FitTasks, Plan]:
        """Return the tasks for callbacks, and a plan in which they follow the fits."""
        known = target.known
        weights = {k: v for k, v in params.items() if k == "sample_weight"}
        tasks = FitTasks(
            self,
            plan.training.estimator,
            n_rounds,
            X=X if len(known) == len(target) else lambda: _safe_indexing(X, known),
            y=lambda: target.values(known),
            metadata=_check_method_params(X, weights, indices=known) or None,
        )
        training = plan.training._replace(around=tasks.fitting)
        return tasks, plan._replace(training=training)

    def _become(
        self,
        model: Model,
        target: Target,
        rows: Array,
        audited: Array,
        history: list[Figures],
        plan: Plan,
        is_part: bool = False,
    ) -> None:
        """Set the fitted attributes from the results of a fit."""
        self._task = target.task
        self._set_model(model, target.summary)
        self.labeled_indices_, self.n_labels_ = rows, len(rows)
        self.audit_indices_ = audited
        names = [*_COLUMNS, *(["n_audited"] if self.audit_fraction else [])]
        self.history_ = {
            name: np.array([getattr(figures, name) for figures in history])
            for name in names
        }
        self._trace = None
        # While a campaign runs on a part of the rows, positions are not those in X.
        self._reserved = None if is_part else (plan.audit_fraction, plan.audit_seed)

    def _copy_with(self, *state: Any) -> BaseActiveLearner:
        """Return a copy that is fitted as if the fit had ended in this state."""
        learner = without_callbacks(self)
        learner._become(*state)
        return learner

    def _set_model(self, model: Model, summary: Any) -> None:
        self.estimator_, self.members_ = model.estimator, model.members
        self._seen, self._learnt = model.seen, model.learnt
        self._summary = summary
        known = self._kind.attributes(summary, model.estimator, model.seen)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(model.estimator, name):
                known[name] = getattr(model.estimator, name)
            elif hasattr(self, name):
                delattr(self, name)
        for name, value in known.items():
            setattr(self, name, value)

    def _model(self) -> Model | None:
        """Return the model of the last fit, or None if there was no fit."""
        if not hasattr(self, "estimator_"):
            return None
        can_choose = self._kind.are_enough(self._seen)
        args = self.estimator_, self.members_, self._seen, can_choose, self._learnt
        return Model(*args)

    def _n_affordable(self, n_labels: int) -> int:
        if isinstance(self.budget, numbers.Integral):
            return int(self.budget)
        share = float(self.budget)  # type: ignore[arg-type]
        return max(1, int(share * n_labels + 1e-9))

    def _n_first(self) -> int:
        return self.n_initial or self.batch_size

    def _partial_fit(
        self, X: Any, y: Any, params: dict, classes: ArrayLike | None = None
    ) -> Any:
        """Go on learning from a batch; anew where a constant has stood in so far."""
        self._validate_params()
        _raise_for_params(params, self, "partial_fit")
        X, target = self._labeled(X, y)
        kind = type(target)
        kind.check_partial_fit()
        plan = self._make_plan(kind)
        routed = process_routing(self, "partial_fit", **params).estimator.partial_fit
        last = None if self._is_stand_in_now() else self._model()
        rows = target.known
        labels = target.values(rows)
        model = plan.training.partial_fit(last, X, labels, rows, routed, classes)
        summary = model.seen
        if last is not None:
            summary = kind.summary_of_all(self._summary, model.seen)
        self._task = kind.task
        self._set_model(model, summary)
        self._is_weighted = self._weights(routed) is not None
        return self

    # -----------------------------------------------------------------------------
    # Choosing
    # -----------------------------------------------------------------------------

    def query(
        self,
        X: Any,
        y: Any = None,
        n_queries: int | None = None,
        *,
        skip: ArrayLike = (),
        **params: Any,
    ) -> Array:
        """Choose the rows to label next.

        The rows are chosen by `strategy`. `initial_strategy` chooses before the first
        `fit`, and while there are too few labels: only one label, or one class of them,
        or fewer than the estimator needs.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            The pool, with or without labelled rows.
        y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
            Labels, missing where a row is unlabelled. Only unlabelled rows are
            candidates. None means that every row of `X` is a candidate.
        n_queries : int, default=None
            Number of rows to choose. None means `batch_size`. If there are fewer
            candidates, all are chosen.
        skip : array-like of int, default=()
            Positions of rows that are not to be chosen even if they have no label, for
            example because nobody could label them. The choice is as if these rows were
            not in the pool.
        **params : dict
            The metadata of :meth:`fit`, such as `sample_weight` with one entry per row
            of `X`, if metadata routing is enabled. Strategies that fit models of their
            own, such as "expected_error" and "bait", use the weights. The weights of
            rows without a label do not count, and may be NaN.

        Returns
        -------
        positions : ndarray of shape (n_queries,)
            Distinct positions in `X`, most useful first. For a data frame,
            ``X.index[positions]`` are the index labels of these rows.

        Raises
        ------
        ValueError
            If every row has a label or is in `skip`, lengths differ, `X` has other
            columns than in `fit`, or the estimator does not provide what the strategy
            needs.

        Warns
        -----
        UserWarning
            If the last fit had a `sample_weight` that the strategy would use, and this
            call has none. If labels look like something else, such as a mark of a
            missing label. If there are too few labels for the estimator to predict. If
            `y` holds labels to learn from, but there was no fit. If `y` is None and
            rows are chosen whose labels the last fit was given.
        """
        plan, model, pool, routed = self._begin_query(X, y, params)
        n_queries = self.batch_size if n_queries is None else n_queries
        check_n_queries(n_queries)
        skipped = np.unique(check_rows(skip, pool.n_samples, "skip"))
        skipped = skipped[pool.missing[skipped]]
        if pool.n_candidates == len(skipped):
            raise ValueError(self._nothing_to_query(pool, y, len(skipped)))
        if model is None and y is not None:
            _notices.warn_of_unused_labels(self, plan, pool.X, y)
        try:
            chosen = plan.choose(model, pool, int(n_queries), skipped)
        except ERRORS_OF_LACK as error:
            self._warn_or_raise(error, plan, model, pool.X, y, routed)
            chosen = plan.choose(None, pool, int(n_queries), skipped)
        if model is not None and y is None:
            _notices.warn_of_rows_again(self, pool.X, chosen)
        return chosen

    @available_if(has_pointwise_strategy)
    def score_samples(self, X: Any) -> Array:
        """Compute the utility of each row, greater for rows more worth labelling.

        Available for strategies whose utility of a row does not depend on other rows.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Any rows.

        Returns
        -------
        utilities : ndarray of shape (n_samples,)
            Finite float64. Zero everywhere while there are too few labels for a model.

        Raises
        ------
        NotFittedError
            Before the first fit.
        """
        check_is_fitted(self)
        X = as_rows(X)
        plan, model = self._make_plan(), self._model()
        if model is None or not model.can_choose:
            return np.zeros(_num_samples(X))
        strategy, estimator = plan.asked(model)
        with run_in_threads(self.n_jobs):
            return strategy(estimator, X)

    explain_query = _explain.explain_query
    audit = _audit.audit

    # -----------------------------------------------------------------------------
    # Predicting: methods that are available exactly if `estimator` has them
    # -----------------------------------------------------------------------------

    def _score(self, X: Any, y: Any, sample_weight: ArrayLike | None) -> float:
        """Score the inner estimator on the labelled rows."""
        check_is_fitted(self)
        self._check_as_in_fit(y)
        X, target = self._labeled(X, y)
        rows = target.known
        params = {} if sample_weight is None else {"sample_weight": sample_weight}
        if len(rows) < len(target):
            _notices.warn_of_own_rows(self, X, rows)
            params = _check_method_params(X, params, indices=rows)
            X = _safe_indexing(X, rows)
        return self.estimator_.score(X, target.values(rows), **params)

    def _predict(self, X: Any) -> Array:
        """Predict labels of shape (n_samples,)."""
        check_is_fitted(self)
        labels = np.asarray(self.estimator_.predict(X))
        return labels.ravel() if labels.shape[1:] == (1,) else labels

    def _is_stand_in_now(self) -> bool:
        """Whether there was a fit, and a constant stands in since then."""
        return self._model() is not None and self._is_stand_in()

    def _is_stand_in(self) -> bool:
        """Whether a constant stands in for the estimator, for lack of labels."""
        return self._kind.is_stand_in(self.estimator_, self.estimator)

    def get_metadata_routing(self) -> MetadataRouter:
        """Get the metadata routing of this object.

        Returns
        -------
        routing : MetadataRouter
            `fit` and `partial_fit` pass metadata on to `estimator`.
        """
        mapping = MethodMapping()
        for method in ("fit", "partial_fit"):
            mapping.add(caller=method, callee=method)
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if hasattr(self.estimator, "__sklearn_tags__"):
            inner = get_tags(self.estimator)
            tags.input_tags = inner.input_tags
            tags.non_deterministic = inner.non_deterministic
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")
