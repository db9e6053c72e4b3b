"""The meta-estimator around any regressor, which chooses the rows to label next."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils import get_tags

from skactive._compat.sklearn import StrOptions, available_if
from skactive._compat.typing import Array
from skactive._models.numeric_target import Numbers
from skactive._models.predictive import predictive_std
from skactive._models.response import has_response
from skactive._models.warm_start import ShrinkPerturb
from skactive._models.wrappers import Fitted
from skactive.classifier._arguments import hints_at_names
from skactive.classifier._availability import estimator_has, has_partial_fit
from skactive.classifier._base import BaseActiveLearner

__all__ = ["ActiveLearningRegressor"]


class ActiveLearningRegressor(RegressorMixin, BaseActiveLearner):
    """A regressor that says which rows to label next.

    It wraps any scikit-learn regressor. :meth:`fit` learns from the rows that have a
    label, a number, and :meth:`query` chooses rows to label among those that have none.
    With a `budget`, :meth:`fit` runs a whole campaign on data whose labels are known,
    and looks at no more than `budget` of them. A grid search can then tell which
    strategy and which hyper-parameters make the most of few labels.

    `X` may be an array, a sparse matrix, a data frame, a list of texts or a memory map.
    It reaches the inner estimator as it is. In `y`, a label is missing if it is NaN,
    None, `pandas.NA`, or a null or masked entry. Any other number is a measurement.

    Parameters
    ----------
    estimator : estimator object
        The regressor to train. It may be a pipeline or a search. It is cloned.
    strategy : str or callable, default="lcmd"
        What makes a row worth labelling: a name from
        ``get_strategy_names(task="regression")``, a strategy object, or a function
        ``(estimator, X, y) -> utilities``.
    batch_size : int, default=10
        Number of rows in a call of :meth:`query`, and in a round of a budgeted fit.
    budget : int, float or None, default=None
        Number of labels that :meth:`fit` may look at. None means every label in `y`, in
        one fit. A float in (0, 1] is a share of the labelled rows, rounded down but at
        least one row. With a budget, `y` is the oracle of a simulation.
    initial_strategy : str or callable, default="cold_start"
        Strategy that chooses while no model can: before the first fit, while there are
        fewer than two labels, and while `estimator` has too few labels to be fitted or
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
    members : {"auto", "dropout", "snapshots", "bootstrap"} or callable, default="auto"
        The committee, for a strategy that needs one:

        - "dropout": a net of skorch under random dropout masks (Monte-Carlo dropout).
          A member is one mask for each dropout layer, the same for all rows.
        - "snapshots": a net of skorch with the weights that the callback
          :class:`skactive.torch.Snapshots` has kept during training.
        - "bootstrap": clones of `estimator` on bootstrap samples of the labelled
          rows.
        - "auto": nothing if the estimator itself tells what the strategy needs, such
          as the standard deviation of a Gaussian process. Else the members of
          `estimator` if it is a forest, bagging or voting, else its snapshots or
          dropout if it has one of these, else bootstrap clones.
        - a function ``(estimator, X) -> predictions`` of shape (n_members, n_samples),
          which gets the fitted estimator.
    n_members : int or None, default=None
        Number of members. None means 20 dropout masks, or 10 bootstrap clones.
        Snapshots are as many as were taken.
    audit_fraction : float in [0, 1), default=0.0
        Share of random rows in each batch. They come last in a batch and are never
        learnt from, so that :meth:`audit` can say how good the model is. It needs an
        int `random_state`. See Notes of :class:`ActiveLearningClassifier`.
    warm_start : bool or ShrinkPerturb, default=False
        Whether a fit goes on from the last model instead of training anew, as in
        :class:`ActiveLearningClassifier`.
    n_jobs : int or None, default=None
        Number of bootstrap members fitted, or chunks of the pool scored, in parallel.
    random_state : int, RandomState instance or None, default=None
        Breaks ties, and draws the first rows, bootstrap samples and dropout masks. It
        seeds each `random_state` inside `estimator` that is None. An int gives the same
        answer for the same call. Nets of skorch draw from torch's own random state, for
        which there is ``torch.manual_seed``.

    Attributes
    ----------
    estimator_ : estimator object
        The fitted clone of `estimator`. While there are fewer than two labels, a
        constant regressor.
    members_ : list of estimator objects, callable or None
        Bootstrap members, or a function ``X -> predictions`` of shape (n_members,
        n_samples), if the strategy needs them.
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
        Figures of each round of the last `fit`, as in
        :class:`ActiveLearningClassifier`.
    termination_condition_ : str
        Why the last `fit` ended: "budget" if the budget was used, "exhausted" if no
        label was left, or the name of the rule, or of the callback's class, that
        stopped it.
    strategy_ : strategy object
        The strategy that chooses rows after this fit.
    stopping_ : stopping rule or None
        The clone that watched the last `fit`, with what it remembers.

    See Also
    --------
    ActiveLearningClassifier : The same for labels that are classes. Its notes on
        audits, warm starts and callbacks hold here as well.
    skactive.query : The same for a learner inside a pipeline or a search.

    Notes
    -----
    The rows with the largest standard deviations, the strategy "std", are a poor batch:
    they are often next to each other, at the border of the data. The default looks at
    the distances between rows as well.

    Labels may be of any scale: no strategy depends on the unit or the origin of `y`,
    if the estimator does not.

    References
    ----------
    .. [1] D. Holzmueller, V. Zaverkin, J. Kaestner, I. Steinwart, "A Framework and
       Benchmark for Deep Batch Active Learning for Regression", Journal of Machine
       Learning Research 24, 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from skactive import ActiveLearningRegressor
    >>> X, answers = load_diabetes(return_X_y=True)
    >>> learner = ActiveLearningRegressor(
    ...     RandomForestRegressor(50), batch_size=10, random_state=0)
    >>> y = np.full(len(X), np.nan)
    >>> for _ in range(6):
    ...     rows = learner.query(X, y)
    ...     y[rows] = answers[rows]
    ...     learner = learner.fit(X, y)
    >>> learner.n_labels_
    60
    >>> bool(learner.score(X, answers) > 0.3)
    True
    """

    _kinds = (Numbers,)
    _parameter_constraints: dict = {
        **BaseActiveLearner._parameter_constraints,
        "members": [
            StrOptions({"auto", "dropout", "snapshots", "bootstrap"}),
            callable,
        ],
    }

    @hints_at_names
    def __init__(
        self,
        estimator: Any,
        strategy: Any = "lcmd",
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

    @available_if(has_partial_fit)
    def partial_fit(self, X: Any, y: Any, **params: Any) -> ActiveLearningRegressor:
        """Learn incrementally from the labelled rows of a batch.

        Available if `estimator` has `partial_fit` and `audit_fraction` is 0. The budget
        plays no part, and `history_` and `labeled_indices_` remain those of the last
        `fit`. Bootstrap members are fitted further on bootstrap samples of the batch.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            A batch of rows.
        y : array-like of shape (n_samples,)
            Labels, missing where a row is unlabelled.
        **params : dict
            Metadata for the `partial_fit` of `estimator`, if metadata routing is
            enabled.

        Returns
        -------
        self : ActiveLearningRegressor
            The fitted learner.

        Raises
        ------
        ValueError
            If no row is labelled.
        """
        return self._partial_fit(X, y, params)

    # -----------------------------------------------------------------------------
    # Predicting
    # -----------------------------------------------------------------------------

    def predict(self, X: Any, return_std: bool = False) -> Array | tuple[Array, Array]:
        """Predict numbers.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Any rows.
        return_std : bool, default=False
            Whether to return standard deviations as well. This needs an estimator whose
            `predict` has this argument, such as GaussianProcessRegressor, or a
            committee: a forest, bagging or voting, or members that the strategy needs.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Predicted numbers.
        std : ndarray of shape (n_samples,)
            Standard deviations of the predictions, or of those of the members. Only
            with `return_std`.

        Raises
        ------
        ValueError
            If there is no standard deviation to return.
        """
        labels = self._predict(X)
        if not return_std:
            return labels
        fitted = Fitted(self.estimator_, self.members_)
        if not has_response(fitted, "std"):
            raise ValueError(
                "return_std=True needs a regressor whose predict has return_std, such "
                "as GaussianProcessRegressor or BayesianRidge, a committee such as a "
                f"forest, or a strategy with members; got {self.estimator!r} and the "
                f"strategy {self.strategy!r}. Use strategy='std', for which bootstrap "
                "members are fitted."
            )
        return labels, predictive_std(fitted, X)

    @available_if(estimator_has("score"))
    def score(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """Score the inner estimator on the labelled rows, by R squared for most.

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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if hasattr(self.estimator, "__sklearn_tags__"):
            inner = get_tags(self.estimator)
            if inner.regressor_tags is not None:
                tags.regressor_tags.poor_score = inner.regressor_tags.poor_score
        return tags
