"""Rows whose labels are hard to separate, and whose number of labels is unusual."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from skactive import measures
from skactive._compat.sklearn import Interval, _safe_indexing
from skactive._compat.typing import Array
from skactive._data.chunks import map_rows
from skactive._data.label_sets import are_missing
from skactive._models.response import count_outputs, label_proba
from skactive.strategies._base import Strategy


class LabelCardinality(Strategy):
    """Rows with several labels that are hard to separate and surprising in number.

    It is for classifiers of several labels a row. The utility is the closeness of
    relevant and irrelevant labels times the distance of the number of relevant labels
    from the mean number of labels of the labelled rows.

    Parameters
    ----------
    beta : float in [0, 1], default=0.5
        Weight of the closeness, against the distance. With 1, the number of labels
        plays no part.

    See Also
    --------
    skactive.measures.label_cardinality : The formula.

    Notes
    -----
    While no row has a label, the mean number of labels is that which the model expects
    of all rows.

    References
    ----------
    .. [1] X. Li, Y. Guo, "Active Learning with Multi-Label SVM Classification", IJCAI
       2013.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.multiclass import OneVsRestClassifier
    >>> from skactive import get_strategy
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0], [1.4], [2.6]])
    >>> Y = np.full((6, 2), np.nan)
    >>> Y[:4] = [[0, 1], [0, 1], [1, 1], [1, 0]]
    >>> model = OneVsRestClassifier(LogisticRegression()).fit(X[:4], Y[:4])
    >>> get_strategy("label_cardinality")(model, X, Y)[4:].round(2)
    array([0.41, 0.82])
    """

    needs = ("label_proba",)
    _parameter_constraints: dict = {
        "beta": [Interval(numbers.Real, 0, 1, closed="both")]
    }

    def __init__(self, beta: float = 0.5):
        self.beta = beta

    def score_candidates(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Utilities from 0 to ``n_labels ** (1 - beta)``."""
        n_labels = count_outputs(estimator, "label_proba")
        mean = _mean_cardinality(y)
        if mean is None:
            expected = map_rows(
                lambda rows: label_proba(estimator, rows).sum(axis=1),
                X,
                candidates,
                n_labels,
            )
            mean = float(expected.mean())

        def score(rows: Any) -> Array:
            proba = label_proba(estimator, rows)
            return measures.label_cardinality(proba, mean, beta=self.beta)

        return map_rows(score, X, candidates, n_labels)


def _mean_cardinality(y: Any) -> float | None:
    """Mean number of labels of the labelled rows; None if there are none."""
    if y is None:
        return None
    labeled = np.flatnonzero(~are_missing(y))
    if len(labeled) == 0:
        return None
    known = np.asarray(_safe_indexing(y, labeled), dtype=np.float64)
    return float(known.sum(axis=1).mean())
