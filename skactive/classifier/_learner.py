"""The meta-estimator: any classifier, and which rows to label for it next."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)

from skactive._compat.callbacks import (
    CallbackSupportMixin,
)
from skactive._compat.sklearn import (
    HasMethods,
    Interval,
    RealNotInt,
    StrOptions,
    _fit_context,
    _raise_for_params,
    available_if,
)
from skactive._data.labels import (
    MISSING,
)
from skactive._models.warm_start import ShrinkPerturb
from skactive.classifier._audit import Audited
from skactive.classifier._choosing import Choosing
from skactive.classifier._delegates import (
    Delegates,
    check_labels,
    estimator_has,
    is_placeholder,
)
from skactive.classifier._fitting import Fitting
from skactive.strategies import get_strategy

Array = NDArray[Any]


def _has_partial_fit(learner: ActiveLearningClassifier) -> bool:
    if learner.audit_fraction:
        raise AttributeError(
            "partial_fit is not there with audit_fraction > 0: which rows are never "
            "learnt from follows from their positions in the pool, and a batch has "
            "others. Use fit."
        )
    return estimator_has("partial_fit")(learner)


class ActiveLearningClassifier(
    CallbackSupportMixin,
    Choosing,
    Fitting,
    Audited,
    Delegates,
    ClassifierMixin,
    MetaEstimatorMixin,
    BaseEstimator,
):
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
        Chooses while no model can: before the first fit, while only one class has
        been seen, and while there are too few labels for `estimator` to be fitted or to
        answer. It must need nothing of the estimator. The default takes rows that
        represent the pool, or random ones where rows are no vectors.
    n_initial : int or None, default=None
        Rows that a budgeted fit starts from. None means `batch_size`.
    stopping : stopping rule or None, default=None
        Ends a budgeted fit before the budget is used: see :mod:`skactive.stopping`.
        It is cloned, and plays no part without a budget.
    max_candidates : int or None, default=None
        Rows that a query looks at: a random subset of the candidates, another one in
        each round, for models whose prediction is dear. None means all.
    members : str or callable, default="auto"
        The committee of a strategy that needs one:

        - "posterior": draws from the posterior of the last step of `estimator`, by
          Laplace's approximation for LogisticRegression with an l2 penalty, and in
          closed form for GaussianNB. Transformers are taken as they were fitted.
        - "dropout": a net of skorch under random dropout masks (Monte-Carlo dropout).
          A member is one mask for each dropout layer, the same for all rows.
        - "snapshots": a net of skorch with the weights that its callback
          :class:`skactive.torch.Snapshots` has kept.
        - "bootstrap": clones of `estimator` on bootstrap samples of the labelled
          rows. Every sample holds every class seen.
        - "auto": those of `estimator` if it is a forest, bagging or voting, else its
          posterior, snapshots or dropout if it has one of these, else bootstrap
          clones.
        - a function ``(estimator, X) -> proba`` of shape (n_members, n_samples,
          n_classes), which is given the fitted estimator.
    n_members : int or None, default=None
        How many. None means 100 draws from a posterior, 20 dropout masks, or 10
        bootstrap clones. There are as many snapshots as were taken.
    audit_fraction : float in [0, 1), default=0.0
        Share of random rows in what :meth:`query` gives, and of the labels that a
        budgeted fit uses. They are the last of a batch, and never learnt from, so that
        :meth:`audit` can say how good the model is. It needs an int `random_state`.
        See Notes.
    missing_label : object, default=np.nan
        The value in `y` of a row without a label. NaN, None, `pandas.NA` and null or
        masked entries are missing in any case.
    encode_labels : "auto" or bool, default="auto"
        Whether `estimator` is given the codes 0 to k - 1 of the classes seen instead
        of your labels. "auto" does so for estimators of XGBoost and skorch, inside
        pipelines and meta-estimators as well, which accept nothing else. All others
        see your labels, so that ``class_weight={"spam": 5}`` keeps its meaning.
    warm_start : bool or ShrinkPerturb, default=False
        Whether a fit goes on from the last model instead of training anew: from round
        to round of a budgeted fit, whose first round trains anew; without a budget
        from the last `fit`. With a :class:`~skactive.classifier.ShrinkPerturb` its
        weights are shrunk and noise is added first. See Notes.
    n_jobs : int or None, default=None
        Bootstrap members fitted, and chunks of the pool scored, at a time.
    random_state : int, RandomState instance or None, default=None
        Breaks ties, draws the first rows and the bootstrap samples, and seeds each
        `random_state` inside `estimator` that is None, and the draws of a posterior
        and of dropout masks. While nets of skorch are fitted, torch draws from it too,
        if labels are encoded; torch's own random state is not touched. An int gives
        the same answer for the same call. "cold_start" draws the pairs of rows that its
        bandwidth is the median distance of, so another int may choose other rows.

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
        Positions of the rows whose labels the last `fit` used, in order of
        acquisition. It learnt from all but those in `audit_indices_`.
    n_labels_ : int
        Their number.
    audit_indices_ : ndarray of shape (n_audited,)
        Positions of the labelled rows that are kept for :meth:`audit`, in the random
        order in which they are asked for. Empty without an `audit_fraction`.
    history_ : dict of ndarrays of shape (n_rounds,)
        One row a round of the last `fit`, with what its query and its fit took:

        "n_labels"
            Labels used up to that round.
        "n_queried"
            Rows chosen.
        "query_time", "fit_time"
            Seconds.
        "n_fits"
            Models fitted: `estimator`, bootstrap members, and what the strategy fits,
            as refits for an expected error that has no closed form. A constant
            placeholder is no fit.
        "n_scored"
            Rows that the query asked a model about, for a prediction, the answer of a
            member, or an embedding: k members on n rows are k * n.
        "n_passes"
            How often it asked a model about some rows: k members on n rows in one
            chunk are k.
        "n_audited"
            With an `audit_fraction`: how many of the labels were kept for
            :meth:`audit`.

        Without a budget there is one round without a query: calls of :meth:`query`
        change nothing, and are not counted. Nor is what a function of yours or a
        stopping rule does, or an `estimator` inside itself.
    termination_condition_ : str
        Why the last `fit` ended: "budget" if that was used, "exhausted" if no label was
        left, or the name of the rule, or of the callback's class, that stopped it.
    stopping_ : stopping rule or None
        The clone that watched the last `fit`, with what it remembers.

    See Also
    --------
    skactive.query : The same for a learner inside a pipeline or a search.

    Notes
    -----
    With an `audit_fraction`, each row of the pool is in a reserve with that
    probability, by a random number that follows from `random_state` and the row's
    position alone. Strategies do not see the reserve; from it, batches are given audit
    rows in random order. So audit rows are a random sample of the pool at any time,
    and no choice of the strategy depends on them. What follows:

    - All calls of a campaign need the same `random_state` and `audit_fraction`, and
      rows must keep their positions. New rows may be appended to the pool.
    - Rows of the reserve that had a label from the start are not learnt from either.
      They count in an audit once all rows before them in the random order have one.
    - The strategy has `audit_fraction` fewer rows to choose from.
    - To choose hyper-parameters by their audit, and then to believe it, is as wrong as
      with any other test set.

    With a `warm_start`, a copy of the last model is fitted further to all labelled
    rows, if its estimator (the last step of a pipeline) has a `warm_start` of its own,
    as nets, `SGDClassifier` and `LogisticRegression` have. Steps before it are fitted
    anew. An estimator that has `partial_fit` instead, as naive Bayes, is given only the
    rows that are new. Ensembles, whose warm start adds members, searches, and all
    others are refused. Bootstrap members go on as well, each from its own last weights.
    Parameters set in the meantime count, those of the steps and of `estimator`. The
    model must be one that `copy.deepcopy` can copy: for skorch, the module's class must
    be defined at the top of a file or a notebook, and not inside a function. What
    the last model cannot go on to learn is trained anew, silently: a class that is new
    to it (but not to a net of skorch with an output to spare), one that is gone,
    another kind of estimator, another number of features, and, for `partial_fit`, any
    change in the rows learnt from, their labels and their weights.

    From scikit-learn 1.9 on there is `set_callbacks`, as for its own estimators. Each
    round is a task, called "round". What callbacks get as `X` and `y` are the rows of
    `fit` that have a label, so that ``ScoringMonitor`` scores the model of each round
    on all that is known, not only on what has been bought. A callback whose
    `on_fit_task_end` returns True for a round ends a budgeted fit, as a `stopping` rule
    does. ``ProgressBar(max_propagation_depth=0)`` shows one bar for all rounds; by
    default there are bars for each fit of an `estimator` that has callbacks.

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
        strategy: Any = "margin",
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
        """Set parameters, those of parts as ``strategy__normalize``.

        A strategy given by its name becomes an object where a parameter of it is set.

        Parameters
        ----------
        **params : dict
            Parameters by their names, see `get_params`.

        Returns
        -------
        self : ActiveLearningClassifier
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
            Errors of the estimator are raised as they come. One that more labels would
            prevent has a note that says so; in a fit with a budget it is raised only if
            the last round still ends with it.

        Warns
        -----
        UserWarning
            If a class looks like a mark of a missing label, as the text "nan"; if
            `initial_strategy` goes on choosing in a fit with a budget, since there are
            too few labels for the estimator.
        """
        return self._fit(X, y, params)

    @available_if(_has_partial_fit)
    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self, X: Any, y: Any, classes: ArrayLike | None = None, **params: Any
    ) -> ActiveLearningClassifier:
        """Go on learning from the labelled rows of a batch.

        There if `estimator` has it and `audit_fraction` is 0. The budget plays no part,
        and `history_` and `labeled_indices_` stay those of the last `fit`. Bootstrap
        members are fitted further on bootstrap samples of the batch; those of a
        posterior are drawn anew.

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
        X, batch_classes, codes = check_labels(X, y, self.missing_label)
        plan = self._make_plan()
        routed = process_routing(self, "partial_fit", **params).estimator.partial_fit
        model = self._model()
        if model is not None and is_placeholder(self):
            if classes is None:
                raise ValueError(
                    f"partial_fit cannot go on from the last fit, which saw the class "
                    f"{self.classes_.tolist()} only. Call fit with all labels, or "
                    "start anew with partial_fit(X, y, classes=...)."
                )
            model = None
        rows = np.flatnonzero(codes != MISSING)
        labels = batch_classes[codes[rows]]
        known = None if model is None else self.classes_
        model = plan.training.partial_fit(model, X, labels, rows, routed, classes)
        self._set_model(model, model.seen if known is None else known)
        self._is_weighted = self._weights(routed) is not None
        return self

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
