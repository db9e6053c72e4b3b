"""The meta-estimator: any classifier, and which rows to label for it next."""

from __future__ import annotations

import contextlib
import numbers
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import joblib
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length, get_tags
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import check_is_fitted, indexable

from skactive._bootstrap import (
    bootstrap_members,
    fit_on_rows,
    member_clones,
    partial_fit_on_rows,
    seeded,
)
from skactive._encoded import EncodedClassifier, needs_codes
from skactive._labels import (
    MISSING,
    as_visible,
    decode_labels,
    encode_labels,
    is_missing,
    lookalikes,
)
from skactive._posterior import posterior_members
from skactive._response import (
    Fitted,
    decision_values,
    has_response,
    transform_before_last,
)
from skactive._sklearn import (
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
from skactive.strategies import Strategy, get_strategy
from skactive.strategies._base import (
    check_n_queries,
    check_needs,
    draw_seed,
    find_candidates,
)

Array = NDArray[Any]
# Fitted estimators, or a function X -> (n_members, n_samples, n_classes).
Members = list[Any] | Callable[[Any], Array]

_N_CLONES = 10
_N_DRAWS = 100


class _Model(NamedTuple):
    """What a fit gives: the estimator, its members if asked for, and the classes."""

    estimator: Any
    members: Members | None
    seen: Array


class _Plan(NamedTuple):
    """How to choose, and the seeds of all that is left to chance."""

    strategy: Strategy
    initial: Strategy
    estimator_seed: int | None
    member_seed: int
    query_seed: int
    ids: Array | None = None  # of the rows of X, if they are not their positions


class _Campaign(NamedTuple):
    """The outcome of a fit: a record a round of the columns of `history_`."""

    model: _Model
    rows: Array
    records: list[tuple[int, int, float, float]]
    condition: str
    state: Any = None


def _estimator_has(name: str) -> Any:
    def check(self: ActiveLearningClassifier) -> bool:
        fitted = getattr(self, "estimator_", None)
        is_own = fitted is not None and not _is_placeholder(self)
        getattr(fitted if is_own else self.estimator, name)  # or AttributeError
        return True

    return check


def _is_placeholder(learner: ActiveLearningClassifier) -> bool:
    """Whether a constant stands in, because one class only has been labelled."""
    return isinstance(learner.estimator_, DummyClassifier) and not isinstance(
        learner.estimator, DummyClassifier
    )


def _has_pointwise_strategy(learner: ActiveLearningClassifier) -> bool:
    try:
        strategy = get_strategy(learner.strategy)
    except (TypeError, ValueError):
        return True  # the call itself says what is wrong with the strategy
    if not strategy.pointwise:
        raise AttributeError(
            f"{strategy!r} has no score_samples: the utility of a row depends on the "
            "other rows. Use query."
        )
    return True


def _has_columns(X: Any) -> bool:
    return len(getattr(X, "shape", ())) == 2


def _is_fitted(estimator: Any) -> bool:
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return True


class ActiveLearningClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """A classifier that says which rows to label next.

    It wraps any scikit-learn classifier. :meth:`fit` learns from the rows that have
    a label, :meth:`query` chooses rows to label among those that have none. With a
    `budget`, :meth:`fit` runs the whole campaign on data whose labels are known, and
    looks at no more than `budget` of them: so a grid search tells which strategy and
    which hyper-parameters make the most of few labels.

    Data are the inner estimator's business. `X` may be an array, a sparse matrix, a
    data frame, a list of texts or a memory map, and reaches the estimator as it is.

    Parameters
    ----------
    estimator : estimator object
        The classifier to train, a pipeline or a search as well. It is cloned.
    strategy : str or callable, default="margin"
        What makes a row worth labelling: a name from :func:`get_strategy_names`, a
        strategy object, or a function ``(estimator, X, y) -> utilities``.
    batch_size : int, default=10
        Rows chosen by a call of :meth:`query`, and by a round of a budgeted fit.
    budget : int, float or None, default=None
        Labels that :meth:`fit` may look at. None means every label in `y`, in one
        fit. An int is their number, a float in (0, 1] their share of the labelled
        rows, rounded down and at least one; `y` is then the oracle of a simulation.
    initial_strategy : str or callable, default="cold_start"
        Chooses while no model can: before the first fit, and while only one class
        has been seen. It must need nothing of the estimator. The default takes rows
        that represent the pool, or random ones where rows are no vectors.
    n_initial : int or None, default=None
        Rows that a budgeted fit starts from. None means `batch_size`.
    max_candidates : int or None, default=None
        Rows that a query looks at: a random subset of the candidates, another one in
        each round, for models whose prediction is dear. None means all.
    members : {"auto", "posterior", "bootstrap"} or callable, default="auto"
        The committee of a strategy that needs one:

        - "posterior": draws from the posterior of the last step of `estimator`, by
          Laplace's approximation for LogisticRegression with an l2 penalty, and in
          closed form for GaussianNB. Transformers are taken as they were fitted.
        - "bootstrap": clones of `estimator` on bootstrap samples of the labelled
          rows. Every sample holds every class seen.
        - "auto": those of `estimator` if it is a forest, bagging or voting, else its
          posterior if it is one of the above, else bootstrap clones.
        - a function ``(estimator, X) -> proba`` of shape (n_members, n_samples,
          n_classes), which is given the fitted estimator, as for Monte-Carlo dropout.
    n_members : int or None, default=None
        How many. None means 100 draws from a posterior, or 10 bootstrap clones.
    missing_label : object, default=np.nan
        The value in `y` of a row without a label. NaN, None, `pandas.NA` and null or
        masked entries are missing in any case.
    encode_labels : "auto" or bool, default="auto"
        Whether `estimator` is given the codes 0 to k - 1 of the classes seen instead
        of your labels. "auto" does so for estimators of XGBoost and skorch, inside
        pipelines and meta-estimators as well, which accept nothing else. All others
        see your labels, so that ``class_weight={"spam": 5}`` keeps its meaning.
    n_jobs : int or None, default=None
        Bootstrap members fitted, and chunks of the pool scored, at a time.
    random_state : int, RandomState instance or None, default=None
        Breaks ties, draws the first rows and the bootstrap samples, and seeds each
        `random_state` inside `estimator` that is None, and the draws of a posterior.
        An int gives the same answer for the same call.

    Attributes
    ----------
    estimator_ : estimator object
        The fitted clone of `estimator`; a wrapper with its own `estimator_` where
        labels are encoded; a constant classifier while only one class has been seen.
    members_ : list of estimator objects, callable or None
        Bootstrap members, or a function ``X -> proba`` of shape (n_members, n_samples,
        n_classes), if the strategy needs them.
    classes_ : ndarray of shape (n_classes,)
        Classes seen; in a budgeted fit all classes of `y`.
    n_features_in_ : int
        Number of features, if the estimator knows it.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features, if the estimator knows them.
    labeled_indices_ : ndarray of shape (n_labels_,)
        Positions of the rows that the last `fit` learnt from, in order of
        acquisition.
    n_labels_ : int
        Their number.
    history_ : dict of ndarrays of shape (n_rounds,)
        One row a round of the last `fit`: "n_labels" used by the model of that round,
        "n_queried" rows chosen in it, "query_time" and "fit_time" in seconds.
    termination_condition_ : {"budget", "exhausted"}
        Why the last `fit` ended: the budget was used, or no label was left.
    strategy_state_ : object
        What a strategy that learns from round to round knows, None for all others;
        after a budgeted fit, or a call of `query` with labels and such a strategy. It
        belongs to one campaign: a clone, or a fit with a budget, starts anew.

    See Also
    --------
    skactive.query : The same for a learner inside a pipeline or a search.

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
        "max_candidates": [Interval(numbers.Integral, 1, None, closed="left"), None],
        "members": [StrOptions({"auto", "posterior", "bootstrap"}), callable],
        "n_members": [Interval(numbers.Integral, 2, None, closed="left"), None],
        "missing_label": "no_validation",
        "encode_labels": ["boolean", StrOptions({"auto"})],
        "n_jobs": [numbers.Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        strategy: Any = "margin",
        *,
        batch_size: int = 10,
        budget: int | float | None = None,
        initial_strategy: Any = "cold_start",
        n_initial: int | None = None,
        max_candidates: int | None = None,
        members: Any = "auto",
        n_members: int | None = None,
        missing_label: Any = np.nan,
        encode_labels: bool | str = "auto",
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.estimator = estimator
        self.strategy = strategy
        self.batch_size = batch_size
        self.budget = budget
        self.initial_strategy = initial_strategy
        self.n_initial = n_initial
        self.max_candidates = max_candidates
        self.members = members
        self.n_members = n_members
        self.missing_label = missing_label
        self.encode_labels = encode_labels
        self.n_jobs = n_jobs
        self.random_state = random_state

    # -----------------------------------------------------------------------------
    # Learning
    # -----------------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, **params: Any) -> ActiveLearningClassifier:
        """Learn from the labelled rows, or from as many of them as the budget allows.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Labelled and unlabelled rows; whatever `estimator` takes.
        y : array-like of shape (n_samples,)
            Labels, missing where a row is unlabelled. With a `budget` the oracle;
            rows whose label is missing take no part.
        **params : dict
            Metadata for the `fit` of `estimator`, such as `sample_weight`, if
            metadata routing is enabled. Values with one entry a row are cut to the
            labelled rows.

        Returns
        -------
        self : ActiveLearningClassifier

        Raises
        ------
        ValueError
            If no row is labelled, lengths differ, labels are no classes, or the
            estimator does not give what the strategy needs. Nothing is changed then.
        """
        _raise_for_params(params, self, "fit")
        X, classes, codes = self._check_data(X, y)
        plan = self._make_plan()
        routed = process_routing(self, "fit", **params).estimator.fit
        labeled = np.flatnonzero(codes != MISSING)
        if self.budget is None:
            start = time.perf_counter()
            model = self._fit_model(X, classes, codes, labeled, routed, plan)
            record = (len(labeled), 0, 0.0, time.perf_counter() - start)
            done = _Campaign(model, labeled, [record], "exhausted")
        else:
            if len(labeled) < len(codes):
                routed = _check_method_params(X, routed, indices=labeled)
                X, codes = _safe_indexing(X, labeled), codes[labeled]
            plan = plan._replace(ids=labeled)
            done = self._run_campaign(X, classes, codes, routed, plan)
            done = done._replace(rows=labeled[done.rows])
            self.strategy_state_ = done.state
        self._set_model(done.model, classes)
        self.labeled_indices_ = done.rows
        self.n_labels_ = len(done.rows)
        names = ("n_labels", "n_queried", "query_time", "fit_time")
        columns = map(np.array, zip(*done.records, strict=True))
        self.history_ = dict(zip(names, columns, strict=True))
        self.termination_condition_ = done.condition
        return self

    def _run_campaign(
        self, X: Any, classes: Array, oracle: Array, params: dict, plan: _Plan
    ) -> _Campaign:
        """Select, reveal and train until the budget is used or nothing is left."""
        n_samples = len(oracle)
        if isinstance(self.budget, numbers.Integral):
            n_affordable = int(self.budget)
        else:
            share = float(self.budget)  # type: ignore[arg-type]
            n_affordable = max(1, int(share * n_samples + 1e-9))
        n_wanted = self.batch_size if self.n_initial is None else self.n_initial
        visible = np.full(n_samples, MISSING)
        bought = np.empty(0, dtype=np.intp)
        model = state = None
        records = []
        while True:
            begin = time.perf_counter()
            n_queries = min(n_wanted, n_affordable - len(bought))
            labels = decode_labels(classes, visible)
            n_left = n_samples - len(bought)
            rows, state = self._select(model, X, labels, n_left, n_queries, plan, state)
            visible[rows] = oracle[rows]
            bought = np.concatenate([bought, rows])
            middle = time.perf_counter()
            # In the order of X, as in a fit by hand: some estimators heed the order.
            rows_to_fit = np.sort(bought)
            model = self._fit_model(X, classes, visible, rows_to_fit, params, plan)
            end = time.perf_counter()
            records.append((len(bought), len(rows), middle - begin, end - middle))
            if len(bought) == n_affordable:
                return _Campaign(model, bought, records, "budget", state)
            if len(bought) == n_samples:
                return _Campaign(model, bought, records, "exhausted", state)
            n_wanted = self.batch_size

    def _fit_model(
        self,
        X: Any,
        classes: Array,
        codes: Array,
        rows: Array,
        params: dict,
        plan: _Plan,
    ) -> _Model:
        """One clone, and its members if the strategy needs any, fitted on `rows`."""
        labels = classes[codes[rows]]
        if labels.dtype.kind == "U":  # as wide as these labels ask for, and no others
            labels = np.array(labels.tolist())
        seen = np.unique(labels)
        if len(seen) == 1:
            placeholder = DummyClassifier(strategy="prior")
            fit_on_rows(placeholder, X, labels, rows, {})
            if not _has_columns(X):
                # What it took for the columns of texts.
                vars(placeholder).pop("n_features_in_", None)
            return _Model(placeholder, None, seen)
        base = self._inner_estimator()
        estimator = seeded(clone(base), plan.estimator_seed)
        fit_on_rows(estimator, X, labels, rows, params)
        members: Members | None = None
        if self._makes_members(plan.strategy):
            members = self._as_function(estimator, X, labels, rows, params, plan)
            if members is None:
                members = bootstrap_members(
                    fit_on_rows,
                    self._clones(base, plan),
                    X,
                    labels,
                    rows,
                    params,
                    n_jobs=self.n_jobs,
                    random_state=plan.member_seed,
                )
        return _Model(estimator, members, seen)

    def _as_function(
        self,
        estimator: Any,
        X: Any,
        labels: Array,
        rows: Array,
        params: dict,
        plan: _Plan,
    ) -> Callable[[Any], Array] | None:
        """Members of a fitted estimator as a function; None if they are clones."""
        if callable(self.members):
            return partial(self.members, estimator)
        if self.members == "bootstrap":
            return None
        members = posterior_members(
            estimator,
            _safe_indexing(X, rows),
            labels,
            _check_method_params(X, params, indices=rows),
            n_members=_N_DRAWS if self.n_members is None else self.n_members,
            random_state=plan.member_seed,
        )
        if members is None and self.members == "posterior":
            raise ValueError(
                "members='posterior' needs an estimator whose last step is a "
                "LogisticRegression with an l2 penalty of finite C (and not one "
                "model a class), or a GaussianNB; got "
                f"{self.estimator!r}. Use members='auto' or 'bootstrap', or give a "
                "function (estimator, X) -> (n_members, n_samples, n_classes)."
            )
        return members

    def _clones(self, base: Any, plan: _Plan) -> list[Any]:
        n_members = _N_CLONES if self.n_members is None else self.n_members
        return member_clones(base, n_members, plan.member_seed)

    @available_if(_estimator_has("partial_fit"))
    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self, X: Any, y: Any, classes: ArrayLike | None = None, **params: Any
    ) -> ActiveLearningClassifier:
        """Go on learning from the labelled rows of a batch.

        There if `estimator` has it. The budget plays no part, and `history_` and
        `labeled_indices_` stay those of the last `fit`. Bootstrap members are fitted
        further on bootstrap samples of the batch; those of a posterior are drawn anew.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            A batch of rows.
        y : array-like of shape (n_samples,)
            Labels, missing where a row is unlabelled.
        classes : array-like of shape (n_classes,), default=None
            All classes there will be; needed in the first call.
        **params : dict
            Metadata for the `partial_fit` of `estimator`, if metadata routing is
            enabled.

        Returns
        -------
        self : ActiveLearningClassifier

        Raises
        ------
        ValueError
            If no row is labelled, or the last `fit` saw one class only.
        """
        _raise_for_params(params, self, "partial_fit")
        X, batch_classes, codes = self._check_data(X, y)
        plan = self._make_plan()
        routed = process_routing(self, "partial_fit", **params).estimator.partial_fit
        is_fitted = hasattr(self, "estimator_")
        is_stuck = is_fitted and _is_placeholder(self)
        if is_stuck and classes is None:
            raise ValueError(
                f"partial_fit cannot go on from the last fit, which saw the class "
                f"{self.classes_.tolist()} only. Call fit with all labels, or start "
                "anew with partial_fit(X, y, classes=...)."
            )
        rows = np.flatnonzero(codes != MISSING)
        labels = batch_classes[codes[rows]]
        makes_members = self._makes_members(plan.strategy)
        if not is_fitted or is_stuck:
            base = self._inner_estimator()
            estimator = seeded(clone(base), plan.estimator_seed)
            clones = self._clones(base, plan) if makes_members else None
            seen = np.unique(labels)
        else:
            estimator = self.estimator_
            clones = self.members_ if isinstance(self.members_, list) else None
            seen = np.union1d(self._seen, labels)
        partial_fit_on_rows(estimator, X, labels, rows, routed, classes)
        members: Members | None = None
        if makes_members:
            members = self._as_function(estimator, X, labels, rows, routed, plan)
        if members is None and clones is not None:
            members = bootstrap_members(
                partial_fit_on_rows,
                clones,
                X,
                labels,
                rows,
                routed,
                classes,
                n_jobs=self.n_jobs,
                random_state=plan.member_seed,
            )
        known = self.classes_ if is_fitted and not is_stuck else seen
        self._set_model(_Model(estimator, members, seen), known)
        return self

    # -----------------------------------------------------------------------------
    # Choosing rows
    # -----------------------------------------------------------------------------

    def query(self, X: Any, y: Any = None, n_queries: int | None = None) -> Array:
        """Choose the rows to label next.

        Before the first `fit`, and while only one class has been seen,
        `initial_strategy` chooses.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            The pool, with or without labelled rows.
        y : array-like of shape (n_samples,), default=None
            Labels, missing where a row is unlabelled; only these rows are
            candidates. None means that every row of `X` is one.
        n_queries : int, default=None
            How many rows. None means `batch_size`. Fewer candidates than asked for
            are all given.

        Returns
        -------
        positions : ndarray of shape (n_queries,)
            Distinct positions in `X`, most useful first. For a data frame,
            ``X.index[positions]`` are its own labels of these rows.

        Raises
        ------
        ValueError
            If no row is without a label, lengths differ, `X` has other columns than
            in `fit`, or the estimator does not give what the strategy needs.
        """
        if not hasattr(self, "estimator_"):
            self._validate_params()
        n_queries = self.batch_size if n_queries is None else n_queries
        check_n_queries(n_queries)
        (X,) = indexable(X)
        n_candidates = _num_samples(X)
        plan = self._make_plan()
        if y is not None:
            check_consistent_length(X, y)
            missing = is_missing(y, self.missing_label)
            n_candidates = int(np.count_nonzero(missing))
            if n_candidates:
                used = plan.strategy.uses_labels or plan.initial.uses_labels
                y = as_visible(y, self.missing_label, missing, only_mask=not used)
        if n_candidates == 0:
            raise ValueError(self._nothing_to_query(X, y))
        model = None
        if hasattr(self, "estimator_"):
            if hasattr(self, "feature_names_in_"):
                _check_feature_names(self, X, reset=False)
            if _has_columns(X):
                _check_n_features(self, X, reset=False)
            model = _Model(self.estimator_, self.members_, self._seen)
        # Without labels there is nothing to learn from, and nothing to remember.
        state = None if y is None else getattr(self, "strategy_state_", None)
        rows, state = self._select(
            model, X, y, n_candidates, int(n_queries), plan, state
        )
        if y is not None and state is not None:
            self.strategy_state_ = state
        return rows

    def _select(
        self,
        model: _Model | None,
        X: Any,
        y: Array | None,
        n_candidates: int,
        n_queries: int,
        plan: _Plan,
        state: Any,
    ) -> tuple[Array, Any]:
        """Positions of the rows to label, and what the strategy wants to remember."""
        # Every round has a seed of its own. With one seed for all, draws in later
        # rounds would fall next to those of the first.
        entropy = np.random.SeedSequence([plan.query_seed, n_candidates])
        random_state = int(entropy.generate_state(1)[0])
        if model is None or len(model.seen) == 1:
            strategy, estimator = plan.initial, self.estimator
        else:
            strategy = plan.strategy
            estimator = self._as_committee(model, strategy)
        rows, ids = None, plan.ids
        if self.max_candidates is not None and n_candidates > self.max_candidates:
            rows = self._draw_rows(X, y, max(n_queries, self.max_candidates), entropy)
            X, y = _safe_indexing(X, rows), None if y is None else y[rows]
            ids = rows if ids is None else ids[rows]
        with self._jobs():
            chosen, state = strategy.select_next(
                estimator,
                X,
                y,
                n_queries=n_queries,
                random_state=random_state,
                state=state,
                ids=ids,
            )
        return (chosen if rows is None else rows[chosen]), state

    @staticmethod
    def _draw_rows(
        X: Any, y: Array | None, n_drawn: int, entropy: np.random.SeedSequence
    ) -> Array:
        """Ascending positions of some candidates, and of all labelled rows."""
        candidates = find_candidates(X, y)
        rng = np.random.default_rng(entropy)
        drawn = rng.permutation(candidates)[:n_drawn]
        others = np.setdiff1d(np.arange(_num_samples(X)), candidates)
        return np.sort(np.concatenate([drawn, others]))

    @available_if(_has_pointwise_strategy)
    def score_samples(self, X: Any) -> Array:
        """Utility of each row; greater is more worth labelling.

        There for strategies whose utility of a row does not depend on other rows.

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
        (X,) = indexable(X)
        strategy, _ = self._check_strategies()
        if len(self._seen) == 1:
            return np.zeros(_num_samples(X))
        model = _Model(self.estimator_, self.members_, self._seen)
        with self._jobs():
            return strategy(self._as_committee(model, strategy), X)

    # -----------------------------------------------------------------------------
    # Delegates
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
        """
        check_is_fitted(self)
        labels = np.asarray(self.estimator_.predict(X))
        return labels.ravel() if labels.shape[1:] == (1,) else labels

    @available_if(_estimator_has("predict_proba"))
    def predict_proba(self, X: Any) -> Array:
        """Probabilities of `classes_`; there if `estimator` has it.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Any rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Zero for a class that a budgeted fit has not seen.
        """
        check_is_fitted(self)
        return self._align(self.estimator_.predict_proba(X))

    @available_if(_estimator_has("predict_log_proba"))
    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of probabilities; there if `estimator` has it.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Any rows.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            Minus infinity for a class that a budgeted fit has not seen.
        """
        check_is_fitted(self)
        return self._align(self.estimator_.predict_log_proba(X), fill=-np.inf)

    @available_if(_estimator_has("decision_function"))
    def decision_function(self, X: Any) -> Array:
        """Decision values; there if `estimator` has it.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Any rows.

        Returns
        -------
        values : ndarray of shape (n_samples,) or (n_samples, n_classes)
            As `estimator` gives them. A class that a budgeted fit has not seen has
            the smallest value of the row less one.
        """
        check_is_fitted(self)
        n_classes = len(self.classes_)
        if _is_placeholder(self):
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
        """Score of the inner estimator on the labelled rows; accuracy for most.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Any rows.
        y : array-like of shape (n_samples,)
            Labels; rows whose label is missing are left out.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights.

        Returns
        -------
        score : float
        """
        check_is_fitted(self)
        X, classes, codes = self._check_data(X, y)
        rows = np.flatnonzero(codes != MISSING)
        params = {} if sample_weight is None else {"sample_weight": sample_weight}
        if len(rows) < len(codes):
            params = _check_method_params(X, params, indices=rows)
            X = _safe_indexing(X, rows)
        return self.estimator_.score(X, classes[codes[rows]], **params)

    def get_metadata_routing(self) -> MetadataRouter:
        """Metadata routing of this object.

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

    # -----------------------------------------------------------------------------
    # Parts
    # -----------------------------------------------------------------------------

    def _check_data(self, X: Any, y: Any) -> tuple[Any, Array, Array]:
        if y is None:
            raise ValueError(
                "ActiveLearningClassifier requires y to be passed, but the target y "
                "is None. Rows without a label have the missing label in y."
            )
        (X,) = indexable(X)
        check_consistent_length(X, y)
        classes, codes = encode_labels(y, self.missing_label)
        if len(classes) == 0:
            raise ValueError(
                f"No row is labelled: all {len(codes)} entries of y are missing. Call "
                "query(X, y) first, label the rows that it gives, and enter their "
                "labels in y."
            )
        return X, classes, codes

    def _make_plan(self) -> _Plan:
        strategy, initial = self._check_strategies()
        entropy = np.random.SeedSequence(draw_seed(self.random_state))
        seeds = entropy.generate_state(3).tolist()
        if self.random_state is None:
            seeds[0] = None  # the estimator keeps its own chance
        return _Plan(strategy, initial, *seeds)

    def _check_strategies(self) -> tuple[Strategy, Strategy]:
        strategy = get_strategy(self.strategy)
        initial = get_strategy(self.initial_strategy)
        for leaf in strategy.leaves() + initial.leaves():
            leaf._validate_params()
        check_needs(strategy, self.estimator, can_make_members=True)
        for leaf in initial.leaves():
            if leaf.needs:
                raise ValueError(
                    f"initial_strategy={self.initial_strategy!r} needs "
                    f"{' or '.join(leaf.needs)} of a fitted estimator, but it chooses "
                    "while there is none. Use one that needs nothing, as 'random'."
                )
        if getattr(self.__sklearn_tags__().input_tags, "pairwise", False):
            raise ValueError(
                f"{self.estimator!r} takes precomputed distances or kernels, which "
                "cannot be cut to the labelled rows. Pass features instead."
            )
        return strategy, initial

    def _makes_members(self, strategy: Strategy) -> bool:
        if not any("members" in leaf.needs for leaf in strategy.leaves()):
            return False
        is_asked = callable(self.members) or self.members != "auto"
        return is_asked or not has_response(self.estimator, "members")

    def _inner_estimator(self) -> Any:
        encode = self.encode_labels
        if encode == "auto":
            encode = needs_codes(self.estimator)
        return EncodedClassifier(self.estimator) if encode else self.estimator

    def _as_committee(self, model: _Model, strategy: Strategy) -> Any:
        if model.members is None:
            if self._makes_members(strategy):
                raise ValueError(
                    f"{strategy!r} needs a committee, but the last fit made none, "
                    "for its parameters were others. Call fit again."
                )
            return model.estimator
        return Fitted(model.estimator, model.members)

    def _set_model(self, model: _Model, classes: Array) -> None:
        self.estimator_, self.members_, self._seen = model
        # An estimator fitted beforehand may know further classes.
        self.classes_ = np.union1d(classes, self._fitted_classes())
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(model.estimator, name):
                setattr(self, name, getattr(model.estimator, name))
            elif hasattr(self, name):
                delattr(self, name)

    def _align(self, columns: Any, fill: Any = 0.0) -> Array:
        """Columns of the classes seen as columns of `classes_`."""
        seen = self._fitted_classes()
        if len(seen) == len(self.classes_):
            return columns
        columns = np.asarray(columns)
        aligned = np.empty((len(columns), len(self.classes_)), dtype=columns.dtype)
        aligned[:] = fill
        aligned[:, np.searchsorted(self.classes_, seen)] = columns
        return aligned

    def _fitted_classes(self) -> Array:
        """Classes of the columns that the fitted estimator gives."""
        return np.asarray(getattr(self.estimator_, "classes_", self._seen))

    def _jobs(self) -> Any:
        if self.n_jobs is None:
            return contextlib.nullcontext()
        return joblib.parallel_config("threading", n_jobs=self.n_jobs)

    def _nothing_to_query(self, X: Any, y: Any) -> str:
        if y is None or _num_samples(X) == 0:
            return "X has no rows, so there is nothing to query."
        message = (
            f"All {_num_samples(X)} rows have a label, so there is nothing to query. "
            "Add unlabelled rows to X, with a missing label in y."
        )
        marks = lookalikes(y, self.missing_label)
        if marks:
            message += (
                f" y holds {marks[0]!r}, which is taken as a class; if it means that "
                f"a label is missing, set missing_label={marks[0]!r}."
            )
        return message


def query(estimator: Any, X: Any, y: Any = None, n_queries: int | None = None) -> Array:
    """Choose the rows to label next, for a learner inside a pipeline or a search.

    `X` passes through the steps of a fitted pipeline before the learner. While the
    pipeline is not fitted, the learner's `initial_strategy` gets `X` as it is.

    Parameters
    ----------
    estimator : estimator object
        An :class:`ActiveLearningClassifier`, or a pipeline that ends with one, or a
        search or another meta-estimator around either, fitted or not.
    X : array-like, sparse, data frame or sequence of n_samples
        The pool, as `estimator` takes it.
    y : array-like of shape (n_samples,), default=None
        Labels, missing where a row is unlabelled; only these rows are candidates.
        None means that every row of `X` is one.
    n_queries : int, default=None
        How many rows. None means the learner's `batch_size`.

    Returns
    -------
    positions : ndarray of shape (n_queries,)
        Distinct positions in `X`, most useful first.

    Raises
    ------
    TypeError
        If there is no learner in `estimator`.
    ValueError
        As :meth:`ActiveLearningClassifier.query`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skactive import ActiveLearningClassifier, query
    >>> X = np.arange(20.0).reshape(10, 2)
    >>> y = [0, None, None, None, None, None, None, None, None, 1]
    >>> learner = ActiveLearningClassifier(LogisticRegression(), random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), learner).fit(X, y)
    >>> sorted(query(pipeline, X, y, n_queries=2).tolist())
    [4, 5]
    """
    found = estimator
    while not isinstance(found, ActiveLearningClassifier):
        if isinstance(found, Pipeline):
            if _is_fitted(found):
                X = transform_before_last(found, X)
            found = found.steps[-1][1]
            continue
        names = ["best_estimator_", "estimator_", "estimator"]
        if isinstance(found, FrozenEstimator):  # it passes on the names of its inside
            names = ["estimator"]
        inner = [getattr(found, name) for name in names if hasattr(found, name)]
        if not inner:
            raise TypeError(
                "query needs an ActiveLearningClassifier, alone, as the last step of "
                f"a pipeline or inside a search; found none in {estimator!r}."
            )
        found = inner[0]
    if _is_fitted(estimator) and not _is_fitted(found):
        raise ValueError(
            f"{type(estimator).__name__} is fitted, but keeps no single fitted learner "
            "that could be asked. Fit the learner on its own, or use refit=True in a "
            "search."
        )
    return found.query(X, y, n_queries)
