"""Value of information: what a label saves in costs of errors, less its own cost."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skactive._compat.sklearn import Interval, _num_samples
from skactive._compat.typing import Array
from skactive._models.refits.base import batches, mean_loss, take_rows
from skactive._models.refits.generic import proba_of
from skactive.strategies._look_ahead import LookAhead, Problem


class ValueOfInformation(LookAhead):
    """Rows whose label saves the most in costs of errors, less the cost of the label.

    Let R[a, b] be the cost of predicting class b for a row of class a, and p the
    probabilities of a model. The risk is ``sum_b R[a, b] p_b`` on a row labelled a, and
    ``sum_ab p_a R[a, b] p_b`` on an unlabelled row. J is the sum of the risks over all
    rows. The value of a label is ``J - J' - cost``, where J' is the risk once the row
    is labelled and the classifier retrained, in expectation over the label under the
    current model. Use :meth:`values` to compute it. It is negative if a label is not
    worth its cost.

    The utility is the value on a scale from 0 to 1: ``1 - (J' + cost) / (n R_max +
    cost_max)``, for n rows, the largest entry R_max and the largest cost of a label.

    See :class:`ExpectedError` for how the classifier is retrained, and how long that
    takes.

    Parameters
    ----------
    cost_matrix : array-like of shape (n_classes, n_classes), dict or None, default=None
        Costs of errors, not negative. ``cost_matrix[a][b]`` is the cost of predicting
        the b-th class of ``estimator.classes_`` for a row of the a-th class. A dict
        ``{(true, predicted): cost}`` of labels can be used while some classes have not
        been seen. Errors that it does not name cost 1. None means that every error
        costs 1.
    label_cost : float or callable, default=0.0
        Cost of a label in the same currency, not negative: a number, or a function
        ``X -> costs`` that returns an array of shape (n_samples,).
    n_targets : int or None, default=None
        Number of unlabelled rows, drawn at random, to estimate the risk of all
        unlabelled rows from. None means all.
    max_candidates : int or None, default=None
        As in :class:`ExpectedError`.
    random_state : int, default=0
        Draws the targets. They are the same in every call on the same number of rows.
    progress : callable, callback or None, default=None
        Called as ``progress(n_done, n_candidates)`` after each block of candidates.
        From scikit-learn 1.9 on, it may also be a callback, such as ``ProgressBar()``.

    References
    ----------
    .. [1] A. Kapoor, E. Horvitz, S. Basu, "Selective Supervision: Guiding Supervised
       Learning with Decision-Theoretic Active Learning", IJCAI 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skactive.strategies import ValueOfInformation
    >>> X = np.array([[0.0], [1.0], [4.0], [5.0], [2.0], [2.4], [9.0]])
    >>> y = np.array([0, 0, 1, 1, np.nan, np.nan, np.nan])
    >>> model = GaussianNB().fit(X[:4], y[:4])
    >>> strategy = ValueOfInformation({(1, 0): 5.0}, label_cost=0.1)
    >>> strategy.values(model, X, y).round(2)
    array([  nan,   nan,   nan,   nan,  0.72,  0.6 , -0.13])
    """

    _parameter_constraints: dict = {
        "cost_matrix": ["array-like", Mapping, None],
        "label_cost": [Interval(numbers.Real, 0, None, closed="left"), callable],
        **LookAhead._parameter_constraints,
    }

    def __init__(
        self,
        cost_matrix: ArrayLike | Mapping[tuple[Any, Any], float] | None = None,
        label_cost: float | Callable[[Any], ArrayLike] = 0.0,
        *,
        n_targets: int | None = None,
        max_candidates: int | None = None,
        random_state: int = 0,
        progress: Any = None,
    ):
        self.cost_matrix = cost_matrix
        self.label_cost = label_cost
        self.n_targets = n_targets
        self.max_candidates = max_candidates
        self.random_state = random_state
        self.progress = progress

    def values(self, estimator: Any, X: Any, y: Any) -> Array:
        """Compute the value of the label of each row, in the currency of the costs.

        Parameters
        ----------
        estimator : estimator object
            The fitted estimator.
        X : array-like, sparse, data frame or sequence of n_samples
            The pool.
        y : array-like of shape (n_samples,)
            Labels, with NaN or None where a row is unlabelled.

        Returns
        -------
        values : ndarray of shape (n_samples,)
            Values of the labels, negative if a label is not worth its cost. NaN for
            rows that have a label or are not among `max_candidates`.
        """
        self._check(estimator)
        problem = self._pose(estimator, X, y, np.arange(_num_samples(X)))
        values = np.full(_num_samples(X), np.nan)
        if len(problem.looked) == 0:
            return values
        costs = self._costs(problem.classes)
        now = proba_of(problem.classifier, problem.own_rows)
        risk = np.einsum("ib,ib->", costs[problem.codes], now)
        expected = _quadratic(costs, problem.proba[problem.targets])
        risk += expected.mean() * len(problem.unlabeled)
        rows = problem.unlabeled[problem.looked]
        values[rows] = risk - self._look(problem) - self._label_costs(X)[rows]
        return values

    def _block_utilities(
        self, models: Any, problem: Problem, block: Array, targets: Any
    ) -> Array:
        """Expected risk over all rows if a row of the block is labelled; (n_block,)."""
        costs = self._costs(problem.classes)
        risk = np.zeros((len(block), len(costs)))
        for code in range(len(costs)):
            rows = problem.labeled[problem.codes == code]
            if len(rows):
                rows = take_rows(problem.rows, rows)
                linear = partial(_linear, costs[code])
                risk += mean_loss(models, rows, linear) * _num_samples(rows)
        mean = mean_loss(models, targets, partial(_quadratic, costs))
        # The new row itself is then labelled.
        itself = take_rows(problem.rows, problem.unlabeled[block])
        own = _own_proba(models, itself, len(block))
        risk += np.einsum("cb,mcb->mc", costs, own)
        n_targets = len(problem.targets)
        is_target = np.isin(block, problem.targets)[:, np.newaxis]
        others = mean * n_targets - is_target * _quadratic(costs, own)
        others /= np.maximum(n_targets - is_target, 1)
        risk += others * (len(problem.unlabeled) - 1)
        return np.einsum("mc,mc->m", problem.proba[block], risk)

    def _finish(self, problem: Problem, values: Array, X: Any) -> Array:
        rows = problem.unlabeled[problem.looked]
        label_costs = self._label_costs(X)
        largest = self._costs(problem.classes).max() * _num_samples(X)
        scale = largest + label_costs[problem.unlabeled].max()
        if scale == 0:
            return np.ones(len(values))
        return np.clip(1.0 - (values + label_costs[rows]) / scale, 0.0, 1.0)

    def _costs(self, classes: Array) -> Array:
        """Costs of errors, shape (n_classes, n_classes)."""
        n_classes = len(classes)
        given = self.cost_matrix
        if given is None or isinstance(given, Mapping):
            costs = 1.0 - np.eye(n_classes)
            positions = {label: i for i, label in enumerate(classes.tolist())}
            for (true, predicted), cost in (given or {}).items():
                if true in positions and predicted in positions:
                    costs[positions[true], positions[predicted]] = cost
        else:
            costs = np.asarray(given, dtype=np.float64)
        if costs.shape != (n_classes, n_classes):
            raise ValueError(
                f"cost_matrix is of shape {costs.shape}, but the estimator knows the "
                f"{n_classes} classes {classes.tolist()}; expected ({n_classes}, "
                f"{n_classes}). While some classes have not been seen, give a dict "
                "{(true, predicted): cost}."
            )
        if not (np.isfinite(costs).all() and (costs >= 0).all()):
            raise ValueError(
                "cost_matrix must hold finite costs that are not negative; got "
                f"{costs.tolist()}."
            )
        return costs

    def _label_costs(self, X: Any) -> Array:
        """Costs of labels, shape (n_samples,)."""
        if not callable(self.label_cost):
            return np.full(_num_samples(X), float(self.label_cost))
        costs = np.asarray(self.label_cost(X), dtype=np.float64)
        if costs.shape != (_num_samples(X),) or not (costs >= 0).all():
            raise ValueError(
                f"label_cost must give one cost per row that is not negative, shape "
                f"({_num_samples(X)},); got an array of shape {costs.shape}"
                + (f" with least value {costs.min()}." if costs.size else ".")
            )
        return costs


def _linear(costs: Array, proba: Array) -> Array:
    """Cost of a random prediction by `proba` (..., n_classes) for a known class.

    `costs` is the row of that class.
    """
    return proba @ costs


def _quadratic(costs: Array, proba: Array) -> Array:
    """Cost of a random prediction by `proba` for a class drawn from `proba` too."""
    return np.einsum("...b,...b->...", proba @ costs, proba)


def _own_proba(models: Any, rows: Any, n_rows: int) -> Array:
    """Predict each row by its own models; shape (n_rows, n_labels, n_classes).

    The models of other rows predict it too, so only few targets are taken at a time.
    """
    parts = []
    for chunk in batches(n_rows, 16):
        positions = np.arange(n_rows)[chunk]
        proba = models.predict_proba(take_rows(rows, chunk))
        parts.append(proba[positions, :, np.arange(len(positions))])
    return np.concatenate(parts)
