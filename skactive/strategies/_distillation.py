"""Distillation: which rows a teacher should label, and which an annotator."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skactive import measures
from skactive._compat.sklearn import Interval, _num_samples
from skactive._compat.typing import Array
from skactive.strategies._disagreement import TeacherStrategy
from skactive.strategies._selection import check_rows

Cost = float | Callable[[Any], ArrayLike]


class Distillation(TeacherStrategy):
    """Rows where a cheap learner gains the most from a label, per cost of the label.

    A label comes from a teacher, which is another model, or from an annotator, which is
    a person. Suppose that the teacher is right about the probabilities p of a row's
    label. A learner with probabilities q then has an expected log loss of ``entropy(p)
    + relative_entropy(p, q)`` on that row. The teacher's answer is p or a draw from it.
    It tells the learner what the teacher knows, so it can remove the second term. An
    annotator gives the label itself, which can remove both terms. The utility is the
    larger of these gains per cost::

        max(relative_entropy(p, q) / cost,
            (entropy(p) + relative_entropy(p, q)) / annotator_cost)

    The teacher is therefore asked where it is certain and the learner is wrong or
    uncertain. The annotator is asked where the teacher is uncertain too, if that is
    worth the price. If the teacher is much cheaper, rows for the annotator come only
    after hundreds of rows for the teacher.

    :func:`skactive.labeling.label_pool` asks the source that this strategy names for
    each row, if its sources are called "teacher" and "annotator".

    The utility says what a label is worth on the row itself, not on other rows. How far
    the teacher's uncertainty can be trusted depends on its calibration.

    Parameters
    ----------
    estimator : estimator object
        The teacher. It takes the same `X` as the learner. A `FrozenEstimator` around a
        fitted classifier is used as it is. Any other classifier is cloned and fitted on
        the labelled rows in each call. If one of the two models does not know a class,
        its probability of that class is zero.
    cost : float or callable, default=1.0
        Cost of a label from the teacher, positive, in any unit: a number, or a function
        ``rows of X -> costs`` of shape (n_rows,).
    annotator_cost : float, callable or None, default=None
        Cost of a label from the annotator, in the same unit. None means that only the
        teacher can be asked.
    random_state : int, default=0
        Seeds each `random_state` inside `estimator` that is None.

    See Also
    --------
    Disagreement : Rows on which another model and the learner's model disagree.
    skactive.measures.relative_entropy : The formula. The learner's probabilities are
        taken to be at least 1e-6.

    References
    ----------
    .. [1] G. Hinton, O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural
       Network", arXiv:1503.02531, 2015.
    .. [2] P. Donmez, J. G. Carbonell, "Proactive Learning: Cost-Sensitive Active
       Learning with Multiple Imperfect Oracles", CIKM 2008.

    Examples
    --------
    The teacher is certain about the first row, and uncertain about the second:

    >>> import numpy as np
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive.strategies import Distillation
    >>> teacher = LogisticRegression(C=1e3).fit([[-1.0], [1.0]], [0, 1])
    >>> model = LogisticRegression(C=1e-3).fit([[-1.0], [1.0]], [0, 1])
    >>> X, y = np.array([[2.0], [0.0]]), [np.nan, np.nan]
    >>> strategy = Distillation(FrozenEstimator(teacher), annotator_cost=5)
    >>> strategy(model, X, y).round(3)
    array([0.692, 0.139])
    >>> strategy.assign(model, X, y, [0, 1])
    array(['teacher', 'annotator'], dtype='<U9')
    """

    _parameter_constraints: dict = {
        **TeacherStrategy._parameter_constraints,
        "cost": [Interval(numbers.Real, 0, None, closed="neither"), callable],
        "annotator_cost": [
            Interval(numbers.Real, 0, None, closed="neither"),
            callable,
            None,
        ],
    }

    def __init__(
        self,
        estimator: Any = None,
        cost: Cost = 1.0,
        annotator_cost: Cost | None = None,
        *,
        random_state: int = 0,
    ):
        self.estimator = estimator
        self.cost = cost
        self.annotator_cost = annotator_cost
        self.random_state = random_state

    def compare(self, teacher_proba: Array, proba: Array, X: Any) -> Array:
        """Return the larger gain of each row, in nats per unit of cost."""
        return np.max(self._rates(teacher_proba, proba, X), axis=0)

    def assign(self, estimator: Any, X: Any, y: Any, rows: ArrayLike) -> Array:
        """Assign to each of some rows the source that gains more per cost.

        Parameters
        ----------
        estimator : estimator object, or list of estimators
            The fitted estimator of the learner.
        X : array-like, sparse, data frame or sequence of n_samples
            The pool.
        y : array-like of shape (n_samples,) or None
            Labels, with NaN or None where a row is unlabelled.
        rows : array-like of shape (n_rows,)
            Positions in `X`, as a query returns them, in any order.

        Returns
        -------
        sources : ndarray of shape (n_rows,)
            "teacher" or "annotator". It is the teacher if both gain the same, and
            always if `annotator_cost` is None. While all labels are of one class, a
            teacher that is fitted on them knows nothing. The rows then go to the
            annotator, if there is one.

        Raises
        ------
        ValueError
            If a position is not in `X`, a cost is not positive, or there are no labels
            on which to fit the teacher.
        """
        self._check(estimator)
        rows = check_rows(rows, _num_samples(X))
        asked, places = np.unique(rows, return_inverse=True)
        values = self._compare_rows(self._advantage, estimator, X, y, asked)
        if values is None:
            values = np.full(len(asked), 0.0 if self.annotator_cost is None else 1.0)
        return np.where(values[places] > 0, "annotator", "teacher")

    def _advantage(self, teacher_proba: Array, proba: Array, X: Any) -> Array:
        """Gain per cost of the annotator less that of the teacher."""
        rates = self._rates(teacher_proba, proba, X)
        return rates[-1] - rates[0]

    def _rates(self, teacher_proba: Array, proba: Array, X: Any) -> list[Array]:
        """Gains per cost of the teacher and, if there is one, of the annotator."""
        taught = measures.relative_entropy(teacher_proba, proba).astype(np.float64)
        rates = [taught / self._costs("cost", X)]
        if self.annotator_cost is not None:
            all_loss = measures.entropy(teacher_proba) + taught
            rates.append(all_loss / self._costs("annotator_cost", X))
        return rates

    def _costs(self, name: str, X: Any) -> Any:
        cost = getattr(self, name)
        if not callable(cost):
            return float(cost)
        costs = np.asarray(cost(X), dtype=np.float64)
        n_rows = _num_samples(X)
        if costs.shape != (n_rows,):
            raise ValueError(
                f"{name} of Distillation gave an array of shape {costs.shape} for "
                f"{n_rows} rows; expected one cost per row, shape ({n_rows},)."
            )
        if not (np.isfinite(costs) & (costs > 0)).all():
            wrong = costs[~(np.isfinite(costs) & (costs > 0))][0]
            raise ValueError(
                f"{name} of Distillation gave a cost of {wrong}; costs must be "
                "positive and finite."
            )
        return costs
