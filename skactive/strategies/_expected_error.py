"""Expected error reduction: the error of the model if a row had a label."""

from __future__ import annotations

from typing import Any

import numpy as np

from skactive._compat.sklearn import StrOptions
from skactive._compat.typing import Array
from skactive._models.refits.base import mean_loss
from skactive.strategies._look_ahead import LookAhead, Problem


class ExpectedError(LookAhead):
    """Rows whose label is expected to leave the model with the smallest error.

    For every candidate and every label that it may have, the classifier is retrained
    with that row. The losses that the new model expects on the unlabelled rows are
    averaged, and weighted by the probability of the label under the current model. The
    utility is the largest possible loss minus this expected loss. For the zero-one
    loss, it is one minus the expected error, in [0, 1]. For the log loss, it is
    log(n_classes) minus the expected entropy, in nats.

    Retraining needs no fits for GaussianNB, MultinomialNB, KNeighborsClassifier,
    RidgeClassifier, LinearDiscriminantAnalysis (except with ``shrinkage="auto"``), and
    LogisticRegression with an l2 penalty and a solver other than "liblinear".

    Any other classifier needs one fit for each candidate and class. If it has
    `partial_fit`, this is one step of `partial_fit` on a copy. If it does not, or is a
    net of skorch, this is a fit on all rows, which starts from the current coefficients
    if the classifier has `warm_start`. The fits run in parallel as set by
    `joblib.parallel_config`. A call that will take longer than half a minute warns; see
    :meth:`estimate_cost`. In a pipeline, only the classifier is retrained: the
    transformers stay as they were fitted.

    RidgeClassifier has no probabilities. They are estimated from its decision values d
    as (1 + d) / 2, clipped to [0, 1] and divided by their sum.

    Time grows with candidates x targets x classes**2, memory does not.

    Parameters
    ----------
    loss : {"zero_one", "log"}, default="zero_one"
        Error rate or entropy, each as expected by the new model itself.
    n_targets : int or None, default=None
        Number of unlabelled rows, drawn at random, to average the losses over. None
        means all.
    max_candidates : int or None, default=None
        Number of candidates to look at: those with the smallest margin between their
        two most probable classes. Of equal margins, the first rows in `X` are taken.
        All other candidates have utility zero, which is less than the utility of any
        row that is looked at. None means all.
    random_state : int, default=0
        Draws the targets. They are the same in every call on the same number of rows.
    progress : callable, callback or None, default=None
        Called as ``progress(n_done, n_candidates)`` after each block of candidates.
        From scikit-learn 1.9 on, it may also be a callback, such as ``ProgressBar()``.

    See Also
    --------
    ValueOfInformation : The same with costs of errors and of labels.

    References
    ----------
    .. [1] N. Roy, A. McCallum, "Toward Optimal Active Learning through Sampling
       Estimation of Error Reduction", ICML 2001.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skactive.strategies import ExpectedError
    >>> X = np.array([[0.0], [1.0], [4.0], [5.0], [2.0], [2.4], [9.0]])
    >>> y = np.array([0, 0, 1, 1, np.nan, np.nan, np.nan])
    >>> model = GaussianNB().fit(X[:4], y[:4])
    >>> ExpectedError()(model, X, y).round(3)
    array([0.   , 0.   , 0.   , 0.   , 1.   , 0.996, 0.947])
    """

    _parameter_constraints: dict = {
        "loss": [StrOptions({"zero_one", "log"})],
        **LookAhead._parameter_constraints,
    }

    def __init__(
        self,
        loss: str = "zero_one",
        *,
        n_targets: int | None = None,
        max_candidates: int | None = None,
        random_state: int = 0,
        progress: Any = None,
    ):
        self.loss = loss
        self.n_targets = n_targets
        self.max_candidates = max_candidates
        self.random_state = random_state
        self.progress = progress

    def _block_utilities(
        self, models: Any, problem: Problem, block: Array, targets: Any
    ) -> Array:
        losses = mean_loss(models, targets, self.loss)
        return np.einsum("mc,mc->m", problem.proba[block], losses)

    def _finish(self, problem: Problem, values: Array, X: Any) -> Array:
        largest = 1.0 if self.loss == "zero_one" else np.log(len(problem.classes))
        return np.clip(largest - values, 0.0, largest)
