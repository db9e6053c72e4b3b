"""Coverage strategies: rows that, with the labelled rows, represent the whole pool."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from skactive._compat.sklearn import (
    Interval,
    StrOptions,
    _num_samples,
    _safe_indexing,
)
from skactive._compat.typing import Array
from skactive._models.vectors import embed
from skactive.geometry._bandwidth import least_distance_bandwidth
from skactive.geometry._coverage import facility_location, max_herding
from skactive.geometry._sampling import draw_proportional
from skactive.geometry._separation import weight_by_separation
from skactive.strategies._base import Request
from skactive.strategies._batch import EMBEDDING, Batch, BatchStrategy
from skactive.strategies._selection import as_generator, pick_distinct
from skactive.strategies._std import Uncertainty
from skactive.strategies._wrapper import INNER, WrapperStrategy

# Uncertainty herding looks at no fewer unlabelled rows than this for each row to
# choose, and at no more labelled rows than this multiple of the unlabelled ones.
_ROWS_PER_QUERY = 20
_LABELED_SHARE = 5
_MAX_ROWS = {"max_rows": [Interval(numbers.Integral, 1, None, closed="left")]}


class MaxHerding(BatchStrategy):
    """Rows that cover the most of the pool, as measured by a Gaussian kernel.

    Coverage falls with the distance as ``exp(-distance^2 / (2 bandwidth^2))``, instead
    of ending at the border of a ball as in :class:`ProbCover`.

    Parameters
    ----------
    bandwidth : float, default=None
        Bandwidth of the kernel, positive. None means half the median distance between
        two rows, over up to 10,000 random pairs. Rows at the median distance then have
        the similarity 0.14.
    max_rows : int, default=20_000
        Maximum number of rows to use, both as rows to cover and as candidates. If there
        are more, this many rows drawn at random represent all. Otherwise the greedy
        solution is exact.
    embedding : transformer, callable, {"last_layer", "input", "leaves"} or None, \
            default=None
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
        """Choose rows by greedy coverage, see :meth:`BatchStrategy.pick`."""
        return max_herding(
            batch.vectors,
            batch.n_queries,
            candidates=batch.candidates,
            labeled=batch.labeled,
            bandwidth=self.bandwidth,
            rng=batch.rng,
            max_rows=self.max_rows,
        )


class UncertaintyHerding(WrapperStrategy):
    """Rows that cover the most of what the model is uncertain about.

    This is :class:`MaxHerding` with weights: the weight of each row to cover is its
    utility under a pointwise strategy.

    Parameters
    ----------
    strategy : str, Strategy or callable, default=None
        A pointwise strategy whose utilities are not negative. None means ``Margin()``,
        and the variance, ``Std(squared=True)``, for a regressor.
    bandwidth : float or "adaptive", default=None
        Bandwidth of the kernel. A float or None is as in :class:`MaxHerding`, and does
        not change as labels come in. With "adaptive", the bandwidth shrinks as in the
        paper. It is the smallest distance between two different labelled rows, divided
        by the square root of two. While fewer than two rows are labelled, it is as with
        None. A batch then ends up as the most uncertain rows, whether or not they are
        close to each other. This happens early if two labelled rows are almost
        identical.
    max_rows : int, default=4_000
        Maximum number of unlabelled rows to use, both as rows to cover and as
        candidates. If there are more, rows are drawn with probabilities proportional to
        their utilities, and each stands for others of its kind: at least this many, and
        20 for each row to choose. Otherwise the greedy solution is exact.
    embedding : transformer, callable, {"last_layer", "input", "leaves"} or None, \
            default=None
        How rows are represented as vectors, see :class:`BatchStrategy`. None means the
        last hidden layer of a neural net, and the input of any other classifier.
    weight_features : bool, default=False
        Whether features count by how well they tell the labelled classes apart: the
        share of their variance that is between the classes, by Kelley's epsilon
        squared. They then give nine tenths of the mean squared distance, and all
        features alike give one tenth. This helps if many features do not matter. It
        has no effect for a regressor.

    Notes
    -----
    The paper uses distances between vectors of norm one. For these, pass an `embedding`
    such as ``sklearn.preprocessing.Normalizer().fit(X)``. The paper also divides the
    logits by a temperature that is calibrated on held-out labels. Here the
    probabilities are those of the model. To scale them, replace the model by
    ``CalibratedClassifierCV(model, method="temperature")``, available from scikit-learn
    1.8 on.

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
        "weight_features": ["boolean"],
    }
    _default = Uncertainty(squared=True)

    def __init__(
        self,
        strategy: Any = None,
        bandwidth: float | str | None = None,
        max_rows: int = 4_000,
        embedding: Any = None,
        weight_features: bool = False,
    ):
        self.strategy = strategy
        self.bandwidth = bandwidth
        self.max_rows = max_rows
        self.embedding = embedding
        self.weight_features = weight_features

    @property
    def uses_labels(self) -> bool:  # type: ignore[override]
        """Whether the labels matter, and not only which rows have one."""
        return self.weight_features or super().uses_labels

    def _choose(self, request: Request) -> Array:
        estimator, X, y, candidates, n_queries, seed = request
        rng = as_generator(seed)
        utilities = self._inner_for(estimator).utilities(estimator, X, y, candidates)
        self._check_not_negative(utilities)
        max_rows = max(self.max_rows, _ROWS_PER_QUERY * n_queries)
        drawn, weights = draw_proportional(utilities, max_rows, rng)
        labeled = np.delete(np.arange(_num_samples(X)), candidates)
        if len(labeled) > (most := _LABELED_SHARE * max_rows):
            labeled = rng.choice(labeled, most, replace=False)
        rows = np.union1d(candidates[drawn], labeled)
        if len(rows) < _num_samples(X):
            X = _safe_indexing(X, rows)
            y = None if y is None else _safe_indexing(y, rows)
        batch = Batch(
            estimator,
            X,
            y,
            embed(estimator, X, self.embedding),
            np.searchsorted(rows, candidates[drawn]),
            np.searchsorted(rows, np.sort(labeled)),
            n_queries,
            rng,
        )
        return rows[self._herd(batch, weights)]

    def _herd(self, batch: Batch, utilities: Array) -> Array:
        """Choose rows by greedy weighted coverage; the weights are of candidates."""
        vectors, free = batch.vectors, batch.candidates
        if self.weight_features and len(batch.labeled):
            labels = _safe_indexing(batch.y, batch.labeled)
            vectors = weight_by_separation(vectors, batch.labeled, labels)
        bandwidth: Any = self.bandwidth
        if bandwidth == "adaptive":
            bandwidth = least_distance_bandwidth(vectors, batch.labeled)
        weights = np.zeros(vectors.shape[0])
        weights[free] = utilities  # labelled rows cover themselves

        def pick(candidates: Array, n_queries: int) -> Array:
            return max_herding(
                vectors,
                n_queries,
                candidates=candidates,
                labeled=batch.labeled,
                bandwidth=bandwidth,
                rng=batch.rng,
                weights=weights,
                max_rows=len(weights),
            )

        return pick_distinct(pick, vectors, free, batch.n_queries, batch.rng)


class FacilityLocation(BatchStrategy):
    """Rows such that every row of the pool is similar to one of them.

    Parameters
    ----------
    similarity : {"cosine", "euclidean"}, default="cosine"
        "cosine" is ``(1 + cosine) / 2``, "euclidean" is ``1 / (1 + distance)``.
    max_rows : int, default=20_000
        Maximum number of rows to use, both as rows to be similar to and as candidates.
        If there are more, this many rows drawn at random represent all. Otherwise the
        greedy solution is exact.
    embedding : transformer, callable, {"last_layer", "input", "leaves"} or None, \
            default=None
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
        """Choose rows by greedy facility location, see :meth:`BatchStrategy.pick`."""
        return facility_location(
            batch.vectors,
            batch.n_queries,
            candidates=batch.candidates,
            labeled=batch.labeled,
            similarity=self.similarity,  # type: ignore[arg-type]
            rng=batch.rng,
            max_rows=self.max_rows,
        )
