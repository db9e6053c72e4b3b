"""What all refits share: rows as arrays, losses, and walking over targets in chunks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_array

from skactive._compat.sklearn import _num_samples, _safe_indexing
from skactive._compat.typing import Array

# A chunk of probabilities holds about this many numbers, 256 KiB, which stay in the
# processor's cache.
CHUNK_SIZE = 2**15
# exp(-800) is zero, and 0 * -800 is no NaN.
_FLOOR = -800.0


def as_rows(features: Any) -> Any:
    """Features as float64, dense or CSR; NaN is the classifier's business."""
    if isinstance(features, np.ndarray) and features.dtype == np.float64:
        return features  # as below, without its many checks
    return check_array(
        features, accept_sparse="csr", dtype=np.float64, ensure_all_finite=False
    )


def take_rows(rows: Any, positions: Any) -> Any:
    """Rows of a container, in its own type."""
    if isinstance(rows, np.ndarray):
        return rows[positions]  # as below, without a search for its library
    return _safe_indexing(rows, positions)


def batches(n: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` that cover ``range(n)``."""
    # scikit-learn's gen_batches takes longer to check its parameters than small pools.
    return (slice(i, min(i + size, n)) for i in range(0, n, size))


def mean_loss(models: Any, targets: Any, loss: str | Callable[[Array], Array]) -> Array:
    """Mean loss over `targets` of retrained models, shape (n_candidates, n_classes).

    `loss` is "zero_one" (one minus the largest probability), "log" (the entropy, in
    nats), or a function from probabilities (..., n_classes) to losses (...).
    """
    if isinstance(loss, str) and hasattr(models, "expected_loss"):
        return np.asarray(models.expected_loss(targets, loss))
    n_targets = _num_samples(targets)
    first = models.predict_proba(take_rows(targets, [0]))
    n_candidates, n_labels, _, n_classes = first.shape
    function = _LOSSES[loss] if isinstance(loss, str) else loss
    total = np.zeros((n_candidates, n_labels))
    size = max(1, CHUNK_SIZE // (n_candidates * n_labels * n_classes))
    for chunk in batches(n_targets, size):
        proba = models.predict_proba(take_rows(targets, chunk))
        total += function(proba).sum(axis=2)
    return total / n_targets


class Retrained(ABC):
    """Models of all candidates with all labels; each has seen one more row.

    Attributes
    ----------
    n_candidates, n_classes : int
        There are n_candidates x n_classes models.
    in_logs : bool
        Whether `planes` gives log-probabilities, up to a constant for a row.
    n_arrays : int or None
        How many arrays (n_candidates, n_targets) losses work on at a time. None
        means one for each class.
    """

    n_candidates: int
    n_classes: int
    in_logs: bool = False
    n_arrays: int | None = None

    @abstractmethod
    def planes(self, targets: Any) -> Iterator[Array]:
        """For each label in turn (n_classes, n_candidates, n_targets): probabilities.

        The arrays may be overwritten by the caller. `targets` are float64.
        """

    def predict_proba(self, targets: Any) -> Array:
        """Shape (n_candidates, n_classes as label, n_targets, n_classes)."""
        targets = as_rows(targets)
        shape = (self.n_candidates, self.n_classes, targets.shape[0], self.n_classes)
        proba = np.empty(shape)
        for label, planes in enumerate(self.planes(targets)):
            if self.in_logs:
                planes -= planes.max(axis=0)
                np.exp(planes, out=planes)
                planes /= planes.sum(axis=0)
            proba[:, label] = planes.transpose(1, 2, 0)
        return proba

    def expected_loss(self, targets: Any, loss: str) -> Array:
        """Mean over `targets` of a loss, shape (n_candidates, n_classes).

        `loss` is "zero_one" or "log", see :func:`mean_loss`.
        """
        if loss not in _LOSSES:
            raise ValueError(f"loss is {loss!r}; expected 'zero_one' or 'log'.")
        targets = as_rows(targets)
        total = np.zeros((self.n_candidates, self.n_classes))
        n_arrays = self.n_arrays or self.n_classes
        size = max(16, CHUNK_SIZE // (self.n_candidates * n_arrays))
        for chunk in batches(targets.shape[0], size):
            total += self._chunk_losses(targets[chunk], loss)
        return total / targets.shape[0]

    def _chunk_losses(self, targets: Any, loss: str) -> Array:
        """Losses (n_candidates, n_classes), summed over few targets."""
        planes = self.planes(targets)
        losses = [self._losses(plane, loss).sum(axis=1) for plane in planes]
        return np.column_stack(losses)

    def _losses(self, planes: Array, loss: str) -> Array:
        if not self.in_logs:
            return _LOSSES[loss](planes, 0)
        if len(planes) == 2:  # one exponential, of the odds, is enough
            gap = np.abs(planes[1] - planes[0])
            odds = np.exp(-gap)
            smaller = odds / (1.0 + odds)
            if loss == "zero_one":
                return smaller
            return np.log1p(odds) + smaller * np.minimum(gap, -_FLOOR)
        planes -= planes.max(axis=0)
        if loss == "zero_one":  # the largest of the exponentials is one
            np.exp(planes, out=planes)
            return 1.0 - 1.0 / planes.sum(axis=0)
        np.maximum(planes, _FLOOR, out=planes)
        weights = np.exp(planes)
        total = weights.sum(axis=0)
        weights *= planes
        return np.log(total) - weights.sum(axis=0) / total


def zero_one_loss(proba: Array, axis: int = -1) -> Array:
    """One minus the largest probability along `axis`."""
    return 1.0 - proba.max(axis=axis)


def log_loss(proba: Array, axis: int = -1) -> Array:
    """Entropy in nats along `axis`."""
    logs = np.log(proba, out=np.zeros_like(proba), where=proba > 0)
    logs *= proba
    return -logs.sum(axis=axis)


_LOSSES: dict[str, Callable[..., Array]] = {
    "zero_one": zero_one_loss,
    "log": log_loss,
}


def class_priors(counts: Array) -> Array:
    """Shares of classes when one more row has a label, (n_labels, n_classes)."""
    return (counts + np.eye(len(counts))) / (counts.sum() + 1.0)


def log_quietly(values: Array) -> Array:
    """Logarithms, minus infinity for zero."""
    with np.errstate(divide="ignore"):
        return np.log(values)


def dense(matrix: Any) -> Array:
    """A matrix, sparse or not, as an array of float64."""
    matrix = matrix.toarray() if sp.issparse(matrix) else matrix
    return np.asarray(matrix, dtype=np.float64)
