"""What a cheap learner is to be taught by a dear teacher, and what by a person."""

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
    """Rows where a cheap learner gains most from a dear label, for what it costs.

    Let the teacher be right about the probabilities p of a row's label. The learner,
    with probabilities q, then has an expected log loss of ``entropy(p) +
    relative_entropy(p, q)`` there. The teacher's own answer, p or a draw from it,
    tells the learner what the teacher knows and so can remove the second part; what a
    person says is the label, and can remove both. The utility is the larger of these
    gains per cost::

        max(relative_entropy(p, q) / cost,
            (entropy(p) + relative_entropy(p, q)) / annotator_cost)

    So a sure teacher is asked where the learner is wrong or in doubt, and a person
    where the teacher is in doubt as well, if that is worth the price. Where the teacher
    is much cheaper, the rows for a person come after hundreds for the teacher. A
    :func:`skactive.labeling.label_pool` asks whom it names for each row, if its sources
    are called "teacher" and "annotator". It says what a
    label is worth to the row itself, not to others. How far a teacher's doubt is to be
    believed is a matter of its calibration.

    Parameters
    ----------
    estimator : estimator object
        The teacher: a `FrozenEstimator` around a fitted classifier, which stays as it
        is, or any other classifier, a clone of which is fitted on the labelled rows
        of each call. It takes the same `X` as the learner does. Classes that one of
        the two does not know have probability zero there.
    cost : float or callable, default=1.0
        Of the teacher's label: a number, or a function from some rows of `X` to an
        array of shape (n_rows,). Positive, in any unit.
    annotator_cost : float, callable or None, default=None
        Of a person's label, in the same unit. None means that only the teacher is
        there to be asked.
    random_state : int, default=0
        Seeds each `random_state` inside `estimator` that is None.

    See Also
    --------
    Disagreement : How far another model and the learner's own are apart.
    skactive.measures.relative_entropy : With the learner's probabilities taken to be at
        least 1e-6.

    References
    ----------
    .. [1] G. Hinton, O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural
       Network", arXiv:1503.02531, 2015.
    .. [2] P. Donmez, J. G. Carbonell, "Proactive Learning: Cost-Sensitive Active
       Learning with Multiple Imperfect Oracles", CIKM 2008.

    Examples
    --------
    The teacher is sure of the first row, and in doubt of the second:

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
        """The larger gain per cost in each row, in nats per unit of cost."""
        return np.max(self._rates(teacher_proba, proba, X), axis=0)

    def assign(self, estimator: Any, X: Any, y: Any, rows: ArrayLike) -> Array:
        """Say which source is the better buy for each of some rows.

        Parameters
        ----------
        estimator : estimator object, or list of estimators
            The learner's, fitted.
        X : array-like, sparse, data frame or sequence of n_samples
            The pool.
        y : array-like of shape (n_samples,) or None
            Labels with NaN or None where a row is unlabelled.
        rows : array-like of shape (n_rows,)
            Positions in `X`, as a query gives them, in any order.

        Returns
        -------
        sources : ndarray of shape (n_rows,)
            "teacher" or "annotator". The teacher where both are as good, and wherever
            `annotator_cost` is None; the annotator, if there is one, while the labels
            are of one class, so that a teacher that is fitted on them knows nothing.

        Raises
        ------
        ValueError
            If a position is not in `X`, a cost is not positive, or there are no labels
            for a teacher that is to be fitted.
        """
        self._check(estimator)
        rows = check_rows(rows, _num_samples(X))
        asked, places = np.unique(rows, return_inverse=True)
        values = self._compare_rows(self._advantage, estimator, X, y, asked)
        if values is None:
            values = np.full(len(asked), 0.0 if self.annotator_cost is None else 1.0)
        return np.where(values[places] > 0, "annotator", "teacher")

    def _advantage(self, teacher_proba: Array, proba: Array, X: Any) -> Array:
        """How much more a person is worth than the teacher, per cost."""
        rates = self._rates(teacher_proba, proba, X)
        return rates[-1] - rates[0]

    def _rates(self, teacher_proba: Array, proba: Array, X: Any) -> list[Array]:
        """Gains per cost, of the teacher and, if there is one, of the annotator."""
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
                f"{n_rows} rows; expected one cost a row, shape ({n_rows},)."
            )
        if not (np.isfinite(costs) & (costs > 0)).all():
            wrong = costs[~(np.isfinite(costs) & (costs > 0))][0]
            raise ValueError(
                f"{name} of Distillation gave a cost of {wrong}; costs must be "
                "positive and finite."
            )
        return costs
