"""Coverage strategies: few rows that stand for the whole pool, labelled rows too."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from skactive._compat.sklearn import Interval, StrOptions
from skactive._compat.typing import Array
from skactive.geometry._bandwidth import least_distance_bandwidth
from skactive.geometry._coverage import facility_location, max_herding
from skactive.strategies._batch import EMBEDDING, Batch, BatchStrategy
from skactive.strategies._wrapper import INNER, WrapperStrategy

_MAX_ROWS = {"max_rows": [Interval(numbers.Integral, 1, None, closed="left")]}


class MaxHerding(BatchStrategy):
    """Rows that cover most of the pool, in the sense of a gaussian kernel.

    Coverage that falls with the distance, ``exp(-distance^2 / (2 bandwidth^2))``,
    instead of balls as in :class:`ProbCover`.

    Parameters
    ----------
    bandwidth : float, default=None
        Positive. None means half the median distance between two rows, over up to
        10,000 random pairs: rows at the median distance have the similarity 0.14.
    max_rows : int, default=20_000
        With more rows than this, that many drawn at random stand for all, both as
        rows to cover and as candidates. Otherwise the greedy solution is exact.
    embedding : transformer, callable, {"last_layer", "input"} or None, default=None
        How rows are represented as vectors, see :class:`BatchStrategy`. None means the
        last hidden layer of a neural net, and the input of any other classifier.

    References
    ----------
    .. [1] W. Bae, J. Noh, D. J. Sutherland, "Generalized Coverage for More Robust
       Low-Budget Active Learning", ECCV 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import MaxHerding
    >>> X = np.array([[0.0], [1.0], [2.0], [7.0], [7.5]])
    >>> MaxHerding(bandwidth=1.0).select(None, X, n_queries=2, random_state=0)
    array([1, 4])
    """

    _parameter_constraints: dict = {
        "bandwidth": [Interval(numbers.Real, 0, None, closed="neither"), None],
        **_MAX_ROWS,
        "embedding": EMBEDDING,
    }

    def __init__(
        self,
        bandwidth: float | None = None,
        max_rows: int = 20_000,
        embedding: Any = None,
    ):
        self.bandwidth = bandwidth
        self.max_rows = max_rows
        self.embedding = embedding

    def pick(self, batch: Batch) -> Array:
        """Greedy coverage, see :meth:`BatchStrategy.pick`."""
        return max_herding(
            batch.vectors,
            batch.n_queries,
            candidates=batch.candidates,
            labeled=batch.labeled,
            bandwidth=self.bandwidth,
            rng=batch.rng,
            max_rows=self.max_rows,
        )


class UncertaintyHerding(WrapperStrategy, BatchStrategy):  # type: ignore[override]
    """Rows that cover most of what the model is uncertain of.

    As :class:`MaxHerding`, each row to cover weighted with its utility by a pointwise
    strategy.

    Parameters
    ----------
    strategy : str, Strategy or callable, default=None
        Pointwise, with utilities that are not negative. None means ``Margin()``.
    bandwidth : float or "adaptive", default=None
        As in :class:`MaxHerding`, where it stays as it is while labels come in. As in
        the paper it shrinks with "adaptive": it is then the least distance between two
        different labelled rows, over the root of two, and that of None while fewer
        than two are labelled. So a batch comes to be made of the most uncertain rows,
        near each other or not, and soon, if two labelled rows are almost identical.
    max_rows : int, default=20_000
        As in :class:`MaxHerding`.
    embedding : transformer, callable, {"last_layer", "input"} or None, default=None
        How rows are represented as vectors, see :class:`BatchStrategy`. None means the
        last hidden layer of a neural net, and the input of any other classifier.

    Notes
    -----
    The paper takes distances of vectors of norm one, for which name an `embedding`
    such as ``sklearn.preprocessing.Normalizer().fit(X)``, and divides the logits by a
    temperature at which held-out labels are calibrated. Here probabilities are the
    model's own: put ``CalibratedClassifierCV(model, method="temperature")`` of
    scikit-learn 1.8 in its place to have them scaled.

    References
    ----------
    .. [1] W. Bae, D. J. Sutherland, G. L. Oliveira, "Uncertainty Herding: One Active
       Learning Method for All Label Budgets", ICLR 2025.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive.strategies import UncertaintyHerding
    >>> X = np.array([[0.0], [1.0], [1.4], [1.6], [3.0]])
    >>> y = np.array([0, np.nan, np.nan, np.nan, 1])
    >>> model = LogisticRegression().fit(X[[0, 4]], [0, 1])
    >>> UncertaintyHerding().select(model, X, y, n_queries=1, random_state=0)
    array([2])
    """

    _parameter_constraints: dict = {
        "strategy": INNER,
        "bandwidth": [
            Interval(numbers.Real, 0, None, closed="neither"),
            StrOptions({"adaptive"}),
            None,
        ],
        **_MAX_ROWS,
        "embedding": EMBEDDING,
    }

    def __init__(
        self,
        strategy: Any = None,
        bandwidth: float | str | None = None,
        max_rows: int = 20_000,
        embedding: Any = None,
    ):
        self.strategy = strategy
        self.bandwidth = bandwidth
        self.max_rows = max_rows
        self.embedding = embedding

    def pick(self, batch: Batch) -> Array:
        """Greedy weighted coverage, see :meth:`BatchStrategy.pick`."""
        # Labelled rows cover themselves, so that their weight never matters.
        is_free = np.ones(batch.vectors.shape[0], dtype=bool)
        is_free[batch.labeled] = False
        free = np.flatnonzero(is_free)
        utilities = self._inner().utilities(batch.estimator, batch.X, batch.y, free)
        self._check_not_negative(utilities)
        bandwidth: Any = self.bandwidth
        if bandwidth == "adaptive":
            bandwidth = least_distance_bandwidth(batch.vectors, batch.labeled)
        weights = np.zeros(batch.vectors.shape[0])
        weights[free] = utilities
        return max_herding(
            batch.vectors,
            batch.n_queries,
            candidates=batch.candidates,
            labeled=batch.labeled,
            bandwidth=bandwidth,
            rng=batch.rng,
            weights=weights,
            max_rows=self.max_rows,
        )


class FacilityLocation(BatchStrategy):
    """Rows such that every row of the pool is similar to one of them.

    Parameters
    ----------
    similarity : {"cosine", "euclidean"}, default="cosine"
        ``(1 + cosine) / 2`` or ``1 / (1 + distance)``.
    max_rows : int, default=20_000
        With more rows than this, that many drawn at random stand for all, both as
        rows to be near to and as candidates. Otherwise the greedy solution is exact.
    embedding : transformer, callable, {"last_layer", "input"} or None, default=None
        How rows are represented as vectors, see :class:`BatchStrategy`. None means the
        last hidden layer of a neural net, and the input of any other classifier.

    References
    ----------
    .. [1] K. Wei, R. Iyer, J. Bilmes, "Submodularity in Data Subset Selection and
       Active Learning", ICML 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import FacilityLocation
    >>> X = np.array([[0.0], [1.0], [2.0], [7.0], [7.5]])
    >>> FacilityLocation("euclidean").select(None, X, n_queries=1, random_state=0)
    array([1])
    """

    _parameter_constraints: dict = {
        "similarity": [StrOptions({"cosine", "euclidean"})],
        **_MAX_ROWS,
        "embedding": EMBEDDING,
    }

    def __init__(
        self,
        similarity: str = "cosine",
        max_rows: int = 20_000,
        embedding: Any = None,
    ):
        self.similarity = similarity
        self.max_rows = max_rows
        self.embedding = embedding

    def pick(self, batch: Batch) -> Array:
        """Greedy facility location, see :meth:`BatchStrategy.pick`."""
        return facility_location(
            batch.vectors,
            batch.n_queries,
            candidates=batch.candidates,
            labeled=batch.labeled,
            similarity=self.similarity,  # type: ignore[arg-type]
            rng=batch.rng,
            max_rows=self.max_rows,
        )
