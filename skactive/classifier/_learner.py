"""The meta-estimator around any classifier, which chooses the rows to label next."""

from __future__ import annotations

import numbers
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import check_consistent_length, get_tags
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
    StrOptions,
    _check_feature_names,
    _check_method_params,
    _check_n_features,
    _fit_context,
    _num_samples,
    _raise_for_params,
    _safe_indexing,
    available_if,
)
from skactive._compat.tally import counting
from skactive._compat.typing import Array
from skactive._data.labels import as_visible, find_marks, is_missing
from skactive._data.pool import Pool, as_rows
from skactive._models.bootstrap import seeded
from skactive._models.response import decision_values
from skactive._models.target import Classes
from skactive._models.training import Model, has_columns
from skactive._models.want_of_labels import (
    ERRORS_OF_LACK,
    cannot_answer,
    fit_if_enough,
    warn_of_lack,
)
from skactive._models.warm_start import ShrinkPerturb
from skactive._models.wrappers import params_of_last_step
from skactive.classifier import _audit, _explain
from skactive.classifier._campaign import Figures, Purchase, count_rounds, drive
from skactive.classifier._plan import Plan, make_plan, run_in_threads
from skactive.strategies import get_strategy
from skactive.strategies._selection import check_n_queries, check_rows

# Figures of each round that are columns of `history_`.
_COLUMNS = [
    *("n_labels", "n_queried", "query_time", "fit_time"),
    *("n_fits", "n_scored", "n_passes"),
]


def _estimator_has(name: str) -> Any:
    def check(self: ActiveLearningClassifier) -> bool:
        fitted = getattr(self, "estimator_", None)
        is_own = fitted is not None and not self._is_stand_in()
        getattr(fitted if is_own else self.estimator, name)  # or AttributeError
        return True

    return check


def _has_partial_fit(learner: ActiveLearningClassifier) -> bool:
    if learner.audit_fraction:
        raise AttributeError(
            "partial_fit is not available with audit_fraction > 0: the positions of "
            "rows in the pool determine which rows are never learnt from, and a batch "
            "has other positions. Use fit."
        )
    return _estimator_has("partial_fit")(learner)


def _has_pointwise_strategy(learner: ActiveLearningClassifier) -> bool:
    try:
        strategy = get_strategy(learner.strategy)
    except (TypeError, ValueError):
        return True  # calling the strategy says what is wrong with it
    if not strategy.pointwise:
        raise AttributeError(
            f"{strategy!r} has no score_samples: the utility of a row depends on the "
            "other rows. Use query."
        )
    return True


class ActiveLearningClassifier(
    CallbackSupportMixin,
    ClassifierMixin,
    MetaEstimatorMixin,
    BaseEstimator,
):
    """A classifier that says which rows to label next.

    It wraps any scikit-learn classifier. :meth:`fit` learns from the rows that have
    a label, and :meth:`query` chooses rows to label among those that have none. With a
    `budget`, :meth:`fit` runs a whole campaign on data whose labels are known, and
    looks at no more than `budget` of them. A grid search can then tell which strategy
    and which hyper-parameters make the most of few labels.

    `X` may be an array, a sparse matrix, a data frame, a list of texts or a memory map.
    It reaches the inner estimator as it is.

    Parameters
    ----------
    estimator : estimator object
        The classifier to train. It may be a pipeline or a search. It is cloned.
    strategy : str or callable, default="auto"
        What makes a row worth labelling: a name from :func:`get_strategy_names`, a
        strategy object, or a function ``(estimator, X, y) -> utilities``. The default
        takes rows that cover what the model is uncertain about, or, where distances
        between rows say little, the most uncertain rows; see
        :class:`~skactive.strategies.Auto`.
    batch_size : int, default=10
        Number of rows in a call of :meth:`query`, and in a round of a budgeted fit.
    budget : int, float or None, default=None
        Number of labels that :meth:`fit` may look at. None means every label in `y`, in
        one fit. A float in (0, 1] is a share of the labelled rows, rounded down but at
        least one row. With a budget, `y` is the oracle of a simulation.
    initial_strategy : str or callable, default="cold_start"
        Strategy that chooses while no model can: before the first fit, while only one
        class has been seen, and while `estimator` has too few labels to be fitted or
        to predict. It must need nothing of the estimator. The default takes rows that
        represent the pool, or random rows if rows are not vectors.
    n_initial : int or None, default=None
        Number of rows in the first round of a budgeted fit. None means `batch_size`.
    stopping : stopping rule or None, default=None
        Rule that may end a budgeted fit before the budget is used, see
        :mod:`skactive.stopping`. It is cloned. It is ignored without a budget.
    max_candidates : int or None, default=None
        Number of candidates that a query looks at, for models whose prediction is slow.
        Each round draws another random subset. None means all candidates.
    members : str or callable, default="auto"
        The committee, for a strategy that needs one:

        - "posterior": draws from the posterior of the last step of `estimator`, by
          Laplace's approximation for LogisticRegression with an l2 penalty, and in
          closed form for GaussianNB. Fitted transformers stay as they are.
        - "dropout": a net of skorch under random dropout masks (Monte-Carlo dropout).
          A member is one mask for each dropout layer, the same for all rows.
        - "snapshots": a net of skorch with the weights that the callback
          :class:`skactive.torch.Snapshots` has kept during training.
        - "bootstrap": clones of `estimator` on bootstrap samples of the labelled
          rows. Every sample holds every class seen.
        - "auto": the members of `estimator` if it is a forest, bagging or voting, else
          its posterior, snapshots or dropout if it has one of these, else bootstrap
          clones.
        - a function ``(estimator, X) -> proba`` of shape (n_members, n_samples,
          n_classes), which gets the fitted estimator.
    n_members : int or None, default=None
        Number of members. None means 100 draws from a posterior, 20 dropout masks, or
        10 bootstrap clones. Snapshots are as many as were taken.
    audit_fraction : float in [0, 1), default=0.0
        Share of random rows in each batch. They come last in a batch and are never
        learnt from, so that :meth:`audit` can say how good the model is. It needs an
        int `random_state`. See Notes.
    missing_label : object, default=np.nan
        The value in `y` of a row without a label. NaN, None, `pandas.NA` and null or
        masked entries are always missing.
    encode_labels : "auto" or bool, default="auto"
        Whether `estimator` gets the codes 0 to k - 1 of the classes seen instead of
        your labels. "auto" does so for estimators of XGBoost and skorch, which accept
        nothing else, also inside pipelines and meta-estimators. All others get your
        labels, so that ``class_weight={"spam": 5}`` keeps its meaning.
    warm_start : bool or ShrinkPerturb, default=False
        Whether a fit goes on from the last model instead of training anew. In a
        budgeted fit each round but the first goes on from the round before; without a
        budget, a fit goes on from the last `fit`. A
        :class:`~skactive.classifier.ShrinkPerturb` first shrinks the weights and adds
        noise. See Notes.
    n_jobs : int or None, default=None
        Number of bootstrap members fitted, or chunks of the pool scored, in parallel.
    random_state : int, RandomState instance or None, default=None
        Breaks ties, and draws the first rows, bootstrap samples, members of a posterior
        and dropout masks. It seeds each `random_state` inside `estimator` that is None.
        If labels are encoded, torch is seeded too while a net of skorch is fitted;
        torch's own random state is not touched. An int gives the same answer for the
        same call.

    Attributes
    ----------
    estimator_ : estimator object
        The fitted clone of `estimator`. Where labels are encoded, it is a wrapper with
        its own `estimator_`; while only one class has been seen, a constant classifier.
    members_ : list of estimator objects, callable or None
        Bootstrap members, or a function ``X -> proba`` of shape (n_members, n_samples,
        n_classes), if the strategy needs them.
    classes_ : ndarray of shape (n_classes,)
        Classes seen; after a budgeted fit, all classes of `y`.
    n_features_in_ : int
        Number of features, if the estimator knows it.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features, if the estimator knows them.
    labeled_indices_ : ndarray of shape (`n_labels_`,)
        Positions of the rows whose labels the last `fit` used, in order of
        acquisition. The model learnt from all but those in `audit_indices_`.
    n_labels_ : int
        Number of labels that the last `fit` used.
    audit_indices_ : ndarray of shape (n_audited,)
        Positions of the labelled rows that are kept for :meth:`audit`, in the random
        order in which they are asked for. Empty without an `audit_fraction`.
    history_ : dict of ndarrays of shape (n_rounds,)
        Figures of each round of the last `fit`:

        "n_labels"
            Number of labels used up to that round.
        "n_queried"
            Number of rows chosen.
        "query_time", "fit_time"
            Seconds.
        "n_fits"
            Number of models fitted: `estimator`, bootstrap members, and models that the
            strategy fits. A constant classifier is not counted.
        "n_scored"
            Number of rows that the query asked a model about, for a prediction, the
            answer of a member, or an embedding. Asking k members about n rows counts
            k * n.
        "n_passes"
            Number of times that it asked a model. Asking k members about the rows of
            one chunk counts k.
        "n_audited"
            Number of labels kept for :meth:`audit`. Only with an `audit_fraction`.

        Without a budget there is one round, without a query. Calls of :meth:`query` are
        not counted, nor is the work of your own functions and of stopping rules.
    termination_condition_ : str
        Why the last `fit` ended: "budget" if the budget was used, "exhausted" if no
        label was left, or the name of the rule, or of the callback's class, that
        stopped it.
    strategy_ : strategy object
        The strategy that chooses rows after this fit. "auto" is resolved to the one
        that it uses.
    stopping_ : stopping rule or None
        The clone that watched the last `fit`, with what it remembers.

    See Also
    --------
    skactive.query : The same for a learner inside a pipeline or a search.

    Notes
    -----
    With an `audit_fraction`, each row of the pool is in a reserve with that
    probability. Whether it is follows from `random_state` and the position of the row
    alone. Strategies do not see the reserve, and batches take audit rows from it in
    random order. Audit rows are therefore a random sample of the pool at any time, and
    no choice of the strategy depends on them. This has consequences:

    - All calls of a campaign need the same `random_state` and `audit_fraction`, and
      rows must keep their positions. New rows may be appended to the pool.
    - The model does not learn from rows of the reserve that had a label from the start
      either. They count in an audit once all rows before them in the random order have
      a label.
    - The strategy has fewer rows to choose from.
    - Do not choose hyper-parameters by an audit and then trust the same audit: it is a
      test set like any other.

    With a `warm_start`, a copy of the last model is fitted further on all labelled
    rows. This needs an estimator (the last step of a pipeline) with a `warm_start` of
    its own, such as a net, `SGDClassifier` or `LogisticRegression`. Steps before it are
    fitted anew. An estimator that has `partial_fit` instead, such as naive Bayes, gets
    only the rows that are new. All others are refused, among them searches, and
    ensembles, whose warm start adds members. Bootstrap members go on from their own
    last weights. Parameters that were set in the meantime are used. The model must be
    one that `copy.deepcopy` can copy: for skorch, define the class of the module at the
    top of a file or a notebook, and not inside a function. A model is trained anew if
    it cannot go on: if a class is new to it (unless it is a net of skorch with an
    output to spare) or gone, if the kind of estimator or the number of features is
    another one, and, for `partial_fit`, if the rows learnt from, their labels or their
    weights have changed.

    From scikit-learn 1.9 on, `set_callbacks` is there as for scikit-learn's own
    estimators. Each round is a task, called "round". Callbacks get as `X` and `y` the
    rows of `fit` that have a label, so that ``ScoringMonitor`` scores the model of each
    round on all known labels and not only on those bought so far. A callback whose
    `on_fit_task_end` returns True for a round ends a budgeted fit, like a `stopping`
    rule. ``ProgressBar(max_propagation_depth=0)`` shows one bar for all rounds; by
    default there is a bar for each fit of an `estimator` that supports callbacks.

    References
    ----------
    .. [1] B. Settles, "Active Learning Literature Survey", 2009.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive import ActiveLearningClassifier
    >>> X, answers = load_iris(return_X_y=True)
    >>> learner = ActiveLearningClassifier(
    ...     LogisticRegression(max_iter=1000), batch_size=5, random_state=1)
    >>> y = np.full(len(X), np.nan)
    >>> for _ in range(6):
    ...     rows = learner.query(X, y)
    ...     y[rows] = answers[rows]
    ...     learner = learner.fit(X, y)
    >>> learner.n_labels_
    30
    >>> bool(learner.score(X, answers) > 0.9)
    True
    """

    _target = Classes
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
        "members": [
            StrOptions({"auto", "posterior", "dropout", "snapshots", "bootstrap"}),
            callable,
        ],
        "n_members": [Interval(numbers.Integral, 2, None, closed="left"), None],
        "audit_fraction": [Interval(numbers.Real, 0, 1, closed="left")],
        "missing_label": "no_validation",
        "encode_labels": ["boolean", StrOptions({"auto"})],
        "warm_start": ["boolean", ShrinkPerturb],
        "n_jobs": [numbers.Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        strategy: Any = "auto",
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
        missing_label: Any = np.nan,
        encode_labels: bool | str = "auto",
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
        self.missing_label = missing_label
        self.encode_labels = encode_labels
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state

    def set_params(self, **params: Any) -> ActiveLearningClassifier:
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
        self : ActiveLearningClassifier
            The learner itself.
        """
        for name in ("strategy", "initial_strategy"):
            named = params.get(name, getattr(self, name))
            is_nested = any(key.startswith(f"{name}__") for key in params)
            if is_nested and isinstance(named, str):
                params[name] = get_strategy(named)
        return super().set_params(**params)

    # -----------------------------------------------------------------------------
    # Learning
    # -----------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, **params: Any) -> ActiveLearningClassifier:
        """Learn from the labelled rows, or from as many of them as the budget allows.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Labelled and unlabelled rows, in any form that `estimator` takes.
        y : array-like of shape (n_samples,)
            Labels, missing where a row is unlabelled. With a `budget`, `y` is the
            oracle, and rows whose label is missing take no part.
        **params : dict
            Metadata for the `fit` of `estimator`, such as `sample_weight`, if
            metadata routing is enabled. Values with one entry per row are cut to the
            labelled rows.

        Returns
        -------
        self : ActiveLearningClassifier
            The fitted learner.

        Raises
        ------
        ValueError
            If no row is labelled, lengths differ, labels are not classes, or the
            estimator does not provide what the strategy needs. The learner is then
            unchanged. Errors of the estimator are raised as they are. An error that
            more labels would prevent has a note that says so. In a fit with a budget,
            such an error is raised only if the last round still ends with it.

        Warns
        -----
        UserWarning
            If a class looks like a mark of a missing label, such as the text "nan". If
            `initial_strategy` continues to choose in a fit with a budget, because there
            are too few labels for the estimator.
        """
        return self._fit(X, y, params)

    @_fit_context(prefer_skip_nested_validation=False)
    def _fit(
        self,
        X: Any,
        y: Any,
        params: dict,
        watch: Callable[[ActiveLearningClassifier], Any] | None = None,
    ) -> ActiveLearningClassifier:
        """Fit as in :meth:`fit`; call `watch` with the learner after each round."""
        routed = self._route(params)
        X, target = self._labeled(X, y)
        self._warn_of_marks(y, stacklevel=5)
        plan = self._make_plan()
        if self.budget is None:
            self._fit_known(X, target, routed, plan)
        else:
            self._fit_bought(X, target, routed, plan, watch)
        strategy, _ = plan.asked(self._model())
        args = self.estimator_, X, self.labeled_indices_
        self.strategy_ = strategy.resolve(*args)
        self._is_weighted = self._weights(routed) is not None
        return self

    def _fit_known(self, X: Any, target: Classes, params: dict, plan: Plan) -> None:
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
        target: Classes,
        params: dict,
        plan: Plan,
        watch: Callable[[ActiveLearningClassifier], Any] | None,
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

        def ask(rows: Array) -> Classes:
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
        self, X: Any, target: Classes, params: dict, plan: Plan, n_rounds: int
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
        target: Classes,
        rows: Array,
        audited: Array,
        history: list[Figures],
        plan: Plan,
        is_part: bool = False,
    ) -> None:
        """Set the fitted attributes from the results of a fit."""
        self._set_model(model, target.summary)
        self.labeled_indices_, self.n_labels_ = rows, len(rows)
        self.audit_indices_ = audited
        names = [*_COLUMNS, *(["n_audited"] if self.audit_fraction else [])]
        self.history_ = {
            name: np.array([getattr(figures, name) for figures in history])
            for name in names
        }
        # While a campaign runs on a part of the rows, positions are not those in X.
        self._reserved = None if is_part else (plan.audit_fraction, plan.audit_seed)

    def _copy_with(self, *state: Any) -> ActiveLearningClassifier:
        """Return a copy that is fitted as if the fit had ended in this state."""
        learner = without_callbacks(self)
        learner._become(*state)
        return learner

    def _set_model(self, model: Model, summary: Any) -> None:
        self.estimator_, self.members_ = model.estimator, model.members
        self._seen, self._learnt = model.seen, model.learnt
        known = self._target.attributes(summary, model.estimator, model.seen)
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
        can_choose = self._target.are_enough(self._seen)
        args = self.estimator_, self.members_, self._seen, can_choose, self._learnt
        return Model(*args)

    def _n_affordable(self, n_labels: int) -> int:
        if isinstance(self.budget, numbers.Integral):
            return int(self.budget)
        share = float(self.budget)  # type: ignore[arg-type]
        return max(1, int(share * n_labels + 1e-9))

    def _n_first(self) -> int:
        return self.n_initial or self.batch_size

    @available_if(_has_partial_fit)
    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self, X: Any, y: Any, classes: ArrayLike | None = None, **params: Any
    ) -> ActiveLearningClassifier:
        """Learn incrementally from the labelled rows of a batch.

        Available if `estimator` has `partial_fit` and `audit_fraction` is 0. The budget
        plays no part, and `history_` and `labeled_indices_` remain those of the last
        `fit`. Bootstrap members are fitted further on bootstrap samples of the batch.
        Members of a posterior are drawn anew.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            A batch of rows.
        y : array-like of shape (n_samples,)
            Labels, missing where a row is unlabelled.
        classes : array-like of shape (n_classes,), default=None
            All classes that will occur. Required in the first call.
        **params : dict
            Metadata for the `partial_fit` of `estimator`, if metadata routing is
            enabled.

        Returns
        -------
        self : ActiveLearningClassifier
            The fitted learner.

        Raises
        ------
        ValueError
            If no row is labelled, or if the last `fit` saw only one class and `classes`
            is not given.
        """
        _raise_for_params(params, self, "partial_fit")
        X, target = self._labeled(X, y)
        plan = self._make_plan()
        routed = process_routing(self, "partial_fit", **params).estimator.partial_fit
        model = self._model()
        if model is not None and self._is_stand_in():
            if classes is None:
                raise ValueError(
                    f"partial_fit cannot go on from the last fit, which saw the class "
                    f"{self.classes_.tolist()} only. Call fit with all labels, or "
                    "start again with partial_fit(X, y, classes=...)."
                )
            model = None
        known = None if model is None else self.classes_
        rows = target.known
        labels = target.values(rows)
        model = plan.training.partial_fit(model, X, labels, rows, routed, classes)
        self._set_model(model, model.seen if known is None else known)
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
        `fit`, while only one class has been seen, and while there are too few labels
        for the estimator to predict.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            The pool, with or without labelled rows.
        y : array-like of shape (n_samples,), default=None
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
            call has none. If a class looks like a mark of a missing label. If there are
            too few labels for the estimator to predict.
        """
        plan, model, pool, routed = self._begin_query(X, y, params)
        n_queries = self.batch_size if n_queries is None else n_queries
        check_n_queries(n_queries)
        skipped = np.unique(check_rows(skip, pool.n_samples, "skip"))
        skipped = skipped[pool.missing[skipped]]
        if pool.n_candidates == len(skipped):
            raise ValueError(self._nothing_to_query(pool, y, len(skipped)))
        try:
            return plan.choose(model, pool, int(n_queries), skipped)
        except ERRORS_OF_LACK as error:
            self._warn_or_raise(error, plan, model, pool.X, y, routed)
        return plan.choose(None, pool, int(n_queries), skipped)

    @available_if(_has_pointwise_strategy)
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
            Finite float64. Zero everywhere while only one class has been seen.

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

    def predict(self, X: Any) -> Array:
        """Predict classes.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Any rows.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Predicted classes.
        """
        check_is_fitted(self)
        labels = np.asarray(self.estimator_.predict(X))
        return labels.ravel() if labels.shape[1:] == (1,) else labels

    @available_if(_estimator_has("predict_proba"))
    def predict_proba(self, X: Any) -> Array:
        """Predict probabilities of `classes_`; available if `estimator` has it.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Any rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Probabilities, zero for a class that a budgeted fit has not seen.
        """
        check_is_fitted(self)
        return self._align(self.estimator_.predict_proba(X))

    @available_if(_estimator_has("predict_log_proba"))
    def predict_log_proba(self, X: Any) -> Array:
        """Predict log-probabilities of `classes_`; available if `estimator` has it.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Any rows.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            Log-probabilities, minus infinity for a class that a budgeted fit has not
            seen.
        """
        check_is_fitted(self)
        return self._align(self.estimator_.predict_log_proba(X), fill=-np.inf)

    @available_if(_estimator_has("decision_function"))
    def decision_function(self, X: Any) -> Array:
        """Compute decision values of `classes_`; available if `estimator` has it.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Any rows.

        Returns
        -------
        values : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Decision values, as `estimator` gives them. A class that a budgeted fit has
            not seen has the smallest value of the row minus one.
        """
        check_is_fitted(self)
        n_classes = len(self.classes_)
        if self._is_stand_in():
            values = np.zeros((_num_samples(X), 1))
            if n_classes == 1:
                return values[:, 0]
        elif len(self._fitted_classes()) == n_classes:
            return self.estimator_.decision_function(X)
        else:
            values = decision_values(self.estimator_, X)
        values = self._align(values, fill=values.min(axis=1, keepdims=True) - 1)
        return values[:, 1] - values[:, 0] if n_classes == 2 else values

    @available_if(_estimator_has("score"))
    def score(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """Score the inner estimator on the labelled rows, by accuracy for most.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Any rows.
        y : array-like of shape (n_samples,)
            Labels. Rows whose label is missing are left out.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        score : float
            Score of the inner estimator.
        """
        check_is_fitted(self)
        X, target = self._labeled(X, y)
        rows = target.known
        params = {} if sample_weight is None else {"sample_weight": sample_weight}
        if len(rows) < len(target):
            params = _check_method_params(X, params, indices=rows)
            X = _safe_indexing(X, rows)
        return self.estimator_.score(X, target.values(rows), **params)

    def _align(self, columns: Any, fill: Any = 0.0) -> Array:
        """Align columns of the classes seen with `classes_`."""
        seen = self._fitted_classes()
        return self._target.align(columns, seen, self.classes_, fill)

    def _fitted_classes(self) -> Array:
        """Return the classes of the columns that the fitted estimator gives."""
        return np.asarray(getattr(self.estimator_, "classes_", self._seen))

    def _is_stand_in(self) -> bool:
        """Whether a constant classifier stands in, as only one class is labelled."""
        return self._target.is_stand_in(self.estimator_, self.estimator)

    # -----------------------------------------------------------------------------
    # Checks of arguments
    # -----------------------------------------------------------------------------

    def _make_plan(self) -> Plan:
        return make_plan(self)

    def _labeled(self, X: Any, y: Any) -> tuple[Any, Classes]:
        """Return an indexable `X`, and its labels; raise if there are no labels."""
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y "
                "is None. Rows without a label have the missing label in y."
            )
        X = as_rows(X)
        check_consistent_length(X, y)
        target = self._target.of(y, self.missing_label)
        if len(target.known) == 0:
            raise ValueError(
                f"No row is labelled: all {len(target)} entries of y are missing. Call "
                "query(X, y) first, label the rows that it returns, and enter their "
                "labels in y."
            )
        return X, target

    def _labels_or_none(self, X: Any, y: Any) -> Classes:
        """Return the labels of `X`. If `y` is None, no row has a label."""
        y = [None] * _num_samples(X) if y is None else y
        return self._target.of(y, self.missing_label)

    def _begin_query(
        self, X: Any, y: Any, params: dict, *, only_mask: bool = True
    ) -> tuple[Plan, Model | None, Pool, dict]:
        """Return the plan, the last model, the pool and the metadata of a call.

        With `only_mask`, strategies get the labels only if one of them uses labels.
        """
        if not hasattr(self, "estimator_"):
            self._validate_params()
        routed = self._route(params)
        X = as_rows(X)
        plan, model = self._make_plan(), self._model()
        pool = Pool(X, np.ones(_num_samples(X), dtype=bool))
        plan.check_pool(pool.n_samples)
        if y is not None:
            check_consistent_length(X, y)
            missing = is_missing(y, self.missing_label)
            if missing.any():
                self._warn_of_marks(y, missing)
            only_mask = only_mask and not plan.uses_labels
            visible = as_visible(y, self.missing_label, missing, only_mask)
            pool = pool._replace(missing=missing, y=visible)
        if model is not None:
            self._check_columns(X)
        weights = self._weights(routed)
        if weights is not None:
            check_consistent_length(X, weights)
            pool = pool._replace(weights=weights)
        elif model is not None and getattr(self, "_is_weighted", False):
            self._warn_of_weights(plan)
        return plan, model, pool, routed

    def _route(self, params: dict) -> dict:
        """Return the metadata of a call, as the fit of `estimator` gets them."""
        _raise_for_params(params, self, "fit")
        return process_routing(self, "fit", **params).estimator.fit

    def _weights(self, routed: dict) -> Array | None:
        """Return the sample weights for the last step of `estimator`, if any."""
        weights = params_of_last_step(self.estimator, routed).get("sample_weight")
        return None if weights is None else np.asarray(weights, dtype=np.float64)

    def _check_columns(self, X: Any) -> None:
        """Raise if `X` has other columns than in the last fit."""
        if hasattr(self, "feature_names_in_"):
            _check_feature_names(self, X, reset=False)
        if has_columns(X):
            _check_n_features(self, X, reset=False)

    # -----------------------------------------------------------------------------
    # Errors and warnings
    # -----------------------------------------------------------------------------

    def _warn_or_raise(
        self,
        error: Exception,
        plan: Plan,
        model: Model | None,
        X: Any,
        y: Any,
        params: dict,
    ) -> None:
        """Warn if `estimator` cannot predict for lack of labels; raise otherwise."""
        target = self._labels_or_none(X, y)
        rows = target.known
        if len(rows):
            rows, _ = plan.split(rows, len(target))
        args = model, X, target.values(rows), rows, params
        if not cannot_answer(plan.training, *args):
            raise error
        warn_of_lack(error, len(rows))

    def _warn_of_weights(self, plan: Plan) -> None:
        if plan.strategy.uses_weights:
            warnings.warn(
                f"The last fit had a sample_weight, and {plan.strategy!r} fits models "
                "of its own, but this call has none, so the choice is that of models "
                "without weights. Pass the weights here too: query(X, y, "
                "sample_weight=...), with one entry per row of X.",
                UserWarning,
                stacklevel=4,
            )

    def _warn_of_marks(
        self, y: Any, missing: Array | None = None, stacklevel: int = 4
    ) -> None:
        """Warn once about each class that looks like a mark of a missing label."""
        told: frozenset = getattr(self, "_told_marks", frozenset())
        marks = find_marks(y, self.missing_label, missing)
        new = {mark: n for mark, n in marks.items() if mark not in told}
        if not new:
            return
        self._told_marks = told | frozenset(new)
        what = [f"{mark!r} in {n} of {len(y)} rows" for mark, n in new.items()]
        way = f"set missing_label={next(iter(new))!r}"
        if len(new) > 1:
            way += ", and put None in place of the others"
        warnings.warn(
            f"y has {' and '.join(what)}, which is taken as a class, though it looks "
            f"like a mark of a missing label. If it is one, {way}. If it is a class, "
            "ignore this warning.",
            UserWarning,
            stacklevel=stacklevel,
        )

    def _nothing_to_query(self, pool: Pool, y: Any, n_skipped: int) -> str:
        n_samples = pool.n_samples
        if n_samples == 0:
            return "X has no rows, so there is nothing to query."
        message = (
            f"All {n_samples} rows have a label, so there is nothing to query. "
            "Add unlabelled rows to X, with a missing label in y."
        )
        if n_skipped:
            message = (
                f"All {n_samples} rows have a label ({n_samples - n_skipped}) or are "
                f"in skip ({n_skipped}), so there is nothing to query. Add unlabelled "
                "rows to X, or leave some out of skip."
            )
        if y is None:
            return message
        marks = find_marks(y, self.missing_label, most=0)
        if marks:
            mark = next(iter(marks))
            message += (
                f" y holds {mark!r}, which is taken as a class; if it means that "
                f"a label is missing, set missing_label={mark!r}."
            )
        return message

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
            if inner.classifier_tags is not None:
                tags.classifier_tags.multi_class = inner.classifier_tags.multi_class
                tags.classifier_tags.poor_score = inner.classifier_tags.poor_score
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")
