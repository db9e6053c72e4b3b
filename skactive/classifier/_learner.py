"""The meta-estimator around any classifier, which chooses the rows to label next."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skactive._compat.sklearn import StrOptions, available_if
from skactive._compat.typing import Array
from skactive._models.label_sets import LabelSets
from skactive._models.target import Classes
from skactive._models.warm_start import ShrinkPerturb
from skactive.classifier._arguments import hints_at_names
from skactive.classifier._availability import estimator_has, has_partial_fit
from skactive.classifier._base import BaseActiveLearner


class ActiveLearningClassifier(ClassifierMixin, BaseActiveLearner):
    """A classifier that says which rows to label next.

    It wraps any scikit-learn classifier. :meth:`fit` learns from the rows that have
    a label, and :meth:`query` chooses rows to label among those that have none. With a
    `budget`, :meth:`fit` runs a whole campaign on data whose labels are known, and
    looks at no more than `budget` of them. A grid search can then tell which strategy
    and which hyper-parameters make the most of few labels.

    `X` may be an array, a sparse matrix, a data frame, a list of texts or a memory map.
    It reaches the inner estimator as it is.

    A row may have several labels: `y` then has a column for each, with 0 or 1, and
    `estimator` is one that takes an indicator matrix, such as `OneVsRestClassifier`. A
    row is unlabelled when all its cells are missing. See Notes.

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
        The fitted clone of `estimator`. Where labels are encoded, or a row has several,
        it is a wrapper with its own `estimator_`; while only one class has been seen, a
        constant classifier.
    members_ : list of estimator objects, callable or None
        Bootstrap members, or a function ``X -> proba`` of shape (n_members, n_samples,
        n_classes), if the strategy needs them.
    classes_ : ndarray of shape (n_classes,), or list of ndarrays
        Classes seen; after a budgeted fit, all classes of `y`. With several labels a
        row, the values 0 and 1 of each label.
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

    With several labels a row, a label that all labelled rows have, or none of them, is
    left out of the fit, and predicted as it is. `predict_proba` gives the probability
    of each label. `warm_start` and `partial_fit` are for one label a row, and so are
    strategies that are not among ``get_strategy_names(task="multilabel")``.

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

    _kinds = (LabelSets, Classes)
    _parameter_constraints: dict = {
        **BaseActiveLearner._parameter_constraints,
        "members": [
            StrOptions({"auto", "posterior", "dropout", "snapshots", "bootstrap"}),
            callable,
        ],
        "missing_label": "no_validation",
        "encode_labels": ["boolean", StrOptions({"auto"})],
    }

    @hints_at_names
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
        super().__init__(
            estimator,
            strategy,
            batch_size=batch_size,
            budget=budget,
            initial_strategy=initial_strategy,
            n_initial=n_initial,
            stopping=stopping,
            max_candidates=max_candidates,
            members=members,
            n_members=n_members,
            audit_fraction=audit_fraction,
            warm_start=warm_start,
            n_jobs=n_jobs,
            random_state=random_state,
        )
        self.missing_label = missing_label
        self.encode_labels = encode_labels

    @available_if(has_partial_fit)
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
        if self._is_stand_in_now() and classes is None:
            raise ValueError(
                f"partial_fit cannot go on from the last fit, which saw the class "
                f"{self.classes_.tolist()} only. Call fit with all labels, or "
                "start again with partial_fit(X, y, classes=...)."
            )
        return self._partial_fit(X, y, params, classes)

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
        labels : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Predicted classes, or 0 and 1 for each of several labels.
        """
        return self._predict(X)

    @available_if(estimator_has("predict_proba"))
    def predict_proba(self, X: Any) -> Array:
        """Predict probabilities of `classes_`; available if `estimator` has it.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Any rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
            Probabilities, zero for a class that a budgeted fit has not seen. With
            several labels a row, those of each label, whatever form `estimator` gives
            them in.
        """
        check_is_fitted(self)
        return self._align(self.estimator_.predict_proba(X))

    @available_if(estimator_has("predict_log_proba"))
    def predict_log_proba(self, X: Any) -> Array:
        """Predict log-probabilities of `classes_`; available if `estimator` has it.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Any rows.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
            Log-probabilities, minus infinity for a class that a budgeted fit has not
            seen.
        """
        check_is_fitted(self)
        return self._align(self.estimator_.predict_log_proba(X), fill=-np.inf)

    @available_if(estimator_has("decision_function"))
    def decision_function(self, X: Any) -> Array:
        """Compute decision values of `classes_`; available if `estimator` has it.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Any rows.

        Returns
        -------
        values : ndarray of shape (n_samples,), (n_samples, n_classes) or \
                (n_samples, n_labels)
            Decision values, as `estimator` gives them. A class that a budgeted fit has
            not seen has the smallest value of the row minus one.
        """
        check_is_fitted(self)
        args = self.estimator_, X, self._fitted_classes(), self.classes_
        return self._kind.decisions(*args, self._is_stand_in())

    @available_if(estimator_has("score"))
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

        Warns
        -----
        UserWarning
            If `y` is partly labelled, and all its labelled rows are those of the last
            fit. Score other rows, or see :meth:`audit`.
        """
        return self._score(X, y, sample_weight)

    def _align(self, columns: Any, fill: Any = 0.0) -> Array:
        """Align columns of the classes seen with `classes_`."""
        seen = self._fitted_classes()
        return self._kind.align(columns, seen, self.classes_, fill)

    def _fitted_classes(self) -> Array:
        """Return the classes of the columns that the fitted estimator gives."""
        return np.asarray(getattr(self.estimator_, "classes_", self._seen))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if hasattr(self.estimator, "__sklearn_tags__"):
            inner = get_tags(self.estimator)
            if inner.classifier_tags is not None:
                tags.classifier_tags.multi_class = inner.classifier_tags.multi_class
                tags.classifier_tags.poor_score = inner.classifier_tags.poor_score
        return tags
