"""What would the model's error be if this row had a label?"""

from __future__ import annotations

from typing import Any

import numpy as np

from skactive._compat.sklearn import StrOptions
from skactive._compat.typing import Array
from skactive._models.refits.base import mean_loss
from skactive.strategies._look_ahead import LookAhead, Problem


class ExpectedError(LookAhead):
    """Rows whose label is expected to leave the model with the least error.

    For every candidate and every label it may have, the classifier is retrained with
    that row; the losses that the new model expects on the unlabelled rows are
    averaged, and weighted by the probability of the label under the current model.
    The utility is what is left of the largest loss possible: one minus the expected
    error, in [0, 1], for the zero-one loss; log(n_classes) minus the expected entropy,
    in nats, for the log loss.

    Retraining takes no fits for GaussianNB, MultinomialNB, KNeighborsClassifier,
    RidgeClassifier, LinearDiscriminantAnalysis with its default solver, and
    LogisticRegression with an l2 penalty and a solver other than "liblinear". For any
    other classifier there is one fit for each candidate and class: one step of
    `partial_fit` on a copy where it has that, and else, and for nets of skorch, a fit
    on all rows, from the current coefficients where it has `warm_start`. These run in
    parallel as `joblib.parallel_config` says, and a call that will take longer than
    half a minute warns of it; see :meth:`estimate_cost`.
    Behind the transformers of a pipeline, these stay as they were fitted.

    RidgeClassifier has no probabilities. They are estimated by (1 + d) / 2 from its
    decision values d, cut to [0, 1] and divided by their sum.

    Time grows with candidates x targets x classes**2, memory does not.

    Parameters
    ----------
    loss : {"zero_one", "log"}, default="zero_one"
        Error rate or entropy, each as the new model itself expects it.
    n_targets : int or None, default=None
        Average over so many unlabelled rows, drawn at random. None means over all.
    max_candidates : int or None, default=None
        Look only at as many candidates: those between whose two most probable classes
        the margin is smallest, and of equal ones the first in `X`. All others have
        utility zero, which is less than what is found for a row that is looked at.
        None means to look at all.
    random_state : int, default=0
        Draws the targets: the same ones in every call on as many rows.
    progress : callable, callback or None, default=None
        Called as ``progress(n_done, n_candidates)`` after each block of candidates.
        From scikit-learn 1.9 on also a callback, as its ``ProgressBar()``.

    See Also
    --------
    ValueOfInformation : With costs of errors and of labels.

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
