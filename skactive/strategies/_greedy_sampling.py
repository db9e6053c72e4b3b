"""Greedy sampling and largest clusters: batches for regression that cover the pool."""

from __future__ import annotations

from typing import Any

import numpy as np

from skactive._compat.sklearn import StrOptions, _num_samples
from skactive._compat.tally import count_rows
from skactive._compat.typing import Array
from skactive._data.chunks import map_rows
from skactive._models.vectors import are_columns
from skactive.geometry._greedy_sampling import greedy_sampling
from skactive.geometry._largest_clusters import largest_clusters, unit_scale
from skactive.strategies._batch import EMBEDDING, Batch, BatchStrategy


class GreedySampling(BatchStrategy):
    """Rows far from all labels in the features and in the target (iGS, GSy).

    Each pick has the largest smallest distance to a labelled or chosen row. The
    distance is that of the vectors times that of the target, which is the label of a
    labelled row and the prediction for any other. Rows at which the model predicts what
    has been measured nearby are therefore left out. In a batch, the prediction for a
    row stands in for its label.

    Without the target, this is greedy sampling on the inputs (GSx), the strategy
    :class:`KCenter`.

    Parameters
    ----------
    space : {"both", "target"}, default="both"
        "both" is the product of the two distances (iGS). "target" takes the distance of
        the target only (GSy).
    embedding : transformer, callable, {"last_layer", "leaves", "input"} or None, \
            default=None
        How rows are represented as vectors, see :class:`BatchStrategy`. None means the
        last hidden layer of a neural net, and the input of any other regressor. Not
        used in the space of the target.

    See Also
    --------
    KCenter : The same on the inputs only.

    References
    ----------
    .. [1] D. Wu, C.-T. Lin, J. Huang, "Active Learning for Regression Using Greedy
       Sampling", Information Sciences 474, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from skactive.strategies import GreedySampling
    >>> X = np.array([[0.0], [1.0], [2.0], [6.0]])
    >>> y = np.array([0.0, 1.0, np.nan, np.nan])
    >>> model = LinearRegression().fit(X[:2], y[:2])
    >>> GreedySampling().select(model, X, y, n_queries=2)
    array([3, 2])
    """

    needs = ("predict",)
    uses_labels = True
    _parameter_constraints: dict = {
        "space": [StrOptions({"both", "target"})],
        "embedding": EMBEDDING,
    }

    def __init__(self, space: str = "both", embedding: Any = None):
        self.space = space
        self.embedding = embedding

    def pick(self, batch: Batch) -> Array:
        """Choose rows one by one, see :meth:`BatchStrategy.pick`."""
        target = np.zeros(_num_samples(batch.X))
        predictions = map_rows(
            lambda X: np.ravel(batch.estimator.predict(X)), batch.X, batch.candidates
        )
        count_rows(len(batch.candidates))
        target[batch.candidates] = predictions
        if len(batch.labeled):
            target[batch.labeled] = np.asarray(batch.y)[batch.labeled]
        return greedy_sampling(
            batch.vectors,
            target,
            batch.n_queries,
            candidates=batch.candidates,
            labeled=batch.labeled,
            space=self.space,
            rng=batch.rng,
        )


class Lcmd(BatchStrategy):
    """Rows far from the centre of the largest cluster, one by one (LCMD).

    Every row belongs to the cluster of the labelled or chosen row nearest to it. Each
    pick is the row farthest from its centre, in the cluster with the largest sum of
    squared distances. The batch covers the pool like :class:`KCenter`, but denser
    places get more rows, and single outliers fewer. No model is needed. If no row is
    labelled, the first row is random.

    This is the default of :class:`skactive.ActiveLearningRegressor`. It was chosen on
    half of the tables of ``benchmarks/regression.py``.

    Parameters
    ----------
    scale : bool or "auto", default="auto"
        Whether columns are brought to one scale: they are divided by their standard
        deviation, and columns with two values by the difference of these. "auto" does
        so for the columns of `X`, whose units may differ. It leaves vectors as they are
        that come from steps of a pipeline, a net or an `embedding`. Sparse vectors are
        never scaled.
    embedding : transformer, callable, {"last_layer", "leaves", "input"} or None, \
            default=None
        How rows are represented as vectors, see :class:`BatchStrategy`. None means the
        last hidden layer of a neural net, and the input of any other estimator. The
        paper uses the last hidden layer, or gradients with respect to all weights.

    References
    ----------
    .. [1] D. Holzmueller, V. Zaverkin, J. Kaestner, I. Steinwart, "A Framework and
       Benchmark for Deep Batch Active Learning for Regression", Journal of Machine
       Learning Research 24, 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import Lcmd
    >>> X = np.array([[0.0], [3.0], [3.1], [3.2], [20.0], [16.0]])
    >>> y = np.array([1.0, np.nan, np.nan, np.nan, 2.0, np.nan])
    >>> Lcmd().select(None, X, y, n_queries=2)
    array([3, 5])
    """

    _parameter_constraints: dict = {
        "scale": ["boolean", StrOptions({"auto"})],
        "embedding": EMBEDDING,
    }

    def __init__(self, scale: bool | str = "auto", embedding: Any = None):
        self.scale = scale
        self.embedding = embedding

    def pick(self, batch: Batch) -> Array:
        """Choose rows one by one, see :meth:`BatchStrategy.pick`."""
        is_scaled = self.scale
        if is_scaled == "auto":
            is_scaled = are_columns(batch.estimator, self.embedding)
        return largest_clusters(
            batch.vectors,
            batch.n_queries,
            candidates=batch.candidates,
            labeled=batch.labeled,
            scale=unit_scale(batch.vectors) if is_scaled else None,
            rng=batch.rng,
        )
