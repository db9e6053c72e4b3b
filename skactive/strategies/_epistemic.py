"""Epistemic uncertainty: what more labels would resolve, as opposed to noise."""

from __future__ import annotations

import numbers
from functools import partial
from typing import Any

import numpy as np
from sklearn.metrics.pairwise import rbf_kernel

from skactive import measures
from skactive._compat.sklearn import Interval, StrOptions
from skactive._compat.typing import Array
from skactive._data.chunks import map_rows
from skactive._data.labels import encode_labels, is_missing
from skactive._models.members import member_proba
from skactive._models.response import count_outputs
from skactive._models.vectors import embed
from skactive.geometry._bandwidth import median_bandwidth
from skactive.geometry._blocks import blocks
from skactive.strategies._base import Strategy
from skactive.strategies._batch import EMBEDDING


class EpistemicUncertainty(Strategy):
    """Rows whose class is uncertain for lack of labels, and not because of noise.

    With ``method="neighbors"``, the labels near a row are counted for each class. A
    label at distance d counts ``exp(-d**2 / (2 * bandwidth**2))``. For each class, the
    plausibility that it is the most probable one follows from these counts. The utility
    is the second largest of these plausibilities, see
    :func:`skactive.measures.epistemic_uncertainty`. It is 1 far from all labels, and
    close to 0 where many labels are near, whether they are of one class or mixed. Only
    the embedding is taken from the estimator. The utility therefore depends on the
    labels themselves, and not on what the model learnt from them.

    With ``method="committee"``, the utility is the epistemic part of the members'
    entropy, which is the utility of the strategy "information_gain".

    Parameters
    ----------
    method : {"neighbors", "committee"}, default="neighbors"
        Whether to use the counts of labels near a row, or the disagreement of
        committee members.
    bandwidth : float, default=None
        Bandwidth of the kernel. None means half the median distance between rows of the
        pool.
    embedding : transformer, callable, {"last_layer", "input", "leaves"} or None, \
            default=None
        How rows are represented as vectors, see :class:`BatchStrategy`. None means the
        last hidden layer of a neural net, and the input of any other classifier.

    See Also
    --------
    skactive.measures.plausibility : Plausibility of each class given counts.
    skactive.measures.entropy_decomposition : The epistemic part for a committee.

    References
    ----------
    .. [1] V.-L. Nguyen, M. H. Shaker, E. Huellermeier, "How to Measure Uncertainty in
       Uncertainty Sampling for Active Learning", Machine Learning 111, 2022.

    Examples
    --------
    A row among labels that contradict each other, and a row far from all labels:

    >>> import numpy as np
    >>> from skactive.strategies import EpistemicUncertainty
    >>> X = [[0.0], [0.1], [0.2], [0.3], [0.15], [9.0]]
    >>> y = [0, 1, 0, 1, np.nan, np.nan]
    >>> EpistemicUncertainty(bandwidth=1)(None, X, y)[4:].round(2)
    array([0.53, 1.  ])
    """

    _parameter_constraints: dict = {
        "method": [StrOptions({"neighbors", "committee"})],
        "bandwidth": [Interval(numbers.Real, 0, None, closed="neither"), None],
        "embedding": EMBEDDING,
    }

    def __init__(
        self,
        method: str = "neighbors",
        bandwidth: float | None = None,
        embedding: Any = None,
    ):
        self.method = method
        self.bandwidth = bandwidth
        self.embedding = embedding

    tasks = ("classification",)  # also where it needs nothing of the estimator

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("members",) if self.method == "committee" else ()

    @property
    def pointwise(self) -> bool:  # type: ignore[override]
        return self.method == "committee"

    @property
    def informed(self) -> bool:  # type: ignore[override]
        # Far from all labels, all rows are equally uncertain, whatever the estimator.
        return self.method == "committee"

    @property
    def uses_labels(self) -> bool:  # type: ignore[override]
        return self.method != "committee"

    def score_candidates(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Compute the utilities of the rows at the ascending positions `candidates`."""
        if self.method == "committee":
            score = partial(_epistemic_part, estimator)
            n_outputs = count_outputs(estimator, "members")
            return map_rows(score, X, candidates, n_outputs)
        return self._by_neighbors(estimator, X, y, candidates)

    def _by_neighbors(self, estimator: Any, X: Any, y: Any, candidates: Array) -> Array:
        vectors = embed(estimator, X, self.embedding)
        if y is None or is_missing(y).all():
            return np.ones(len(candidates))
        classes, codes = encode_labels(y)
        if len(classes) < 2:
            # A second class has not been seen, but may exist anywhere.
            classes = np.arange(2)
        labeled = np.flatnonzero(codes >= 0)
        bandwidth = self.bandwidth
        if bandwidth is None:
            bandwidth = median_bandwidth(vectors, np.random.default_rng(0))
        utilities = np.empty(len(candidates))
        is_class = np.eye(len(classes))[codes[labeled]]
        known, gamma = vectors[labeled], 1 / (2 * bandwidth**2)
        for rows in blocks(candidates, max(len(labeled), vectors.shape[1])):
            weights = rbf_kernel(vectors[candidates[rows]], known, gamma)
            utilities[rows] = measures.epistemic_uncertainty(weights @ is_class)
        return utilities


def _epistemic_part(estimator: Any, X: Any) -> Array:
    return measures.information_gain(member_proba(estimator, X))
