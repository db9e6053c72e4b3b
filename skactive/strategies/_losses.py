"""Losses on rows that a model has not seen, and the features that predict them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.stats import rankdata
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.extmath import randomized_svd

from skactive import measures
from skactive._compat.typing import Array

# The log loss uses at least this probability: no loss is above log(100).
_LEAST_PROBA = 0.01
# Number of principal directions that describe a place in the embedding.
N_DIRECTIONS = 10


def losses_of(proba_of_truth: Array, loss: str) -> Array:
    """The loss of each row, given the probability of its true class."""
    if loss == "error":
        return 1 - proba_of_truth
    return -np.log(np.maximum(proba_of_truth, _LEAST_PROBA))


def expected_loss(proba: Array, loss: str) -> Array:
    """The loss of each row that the model itself expects."""
    if loss == "error":
        return np.maximum(1 - np.einsum("nc,nc->n", proba, proba), 0)
    return measures.entropy(proba)


def combine_losses(weights: Array, expected: Array, learnt: Array) -> Array:
    """Weighted sum of the loss that the model expects and the learnt loss."""
    return weights[0] * expected + weights[1] * np.maximum(learnt, 0)


def rank_correlation(a: Array, b: Array) -> float:
    """Spearman's rank correlation; zero if `a` or `b` is constant."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def stratified_folds(codes: Array, n_folds: int, rng: np.random.Generator) -> Array:
    """Assign a fold to each row such that every class is in every training part.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,)
        Class of each row.
    n_folds : int
        At least 2.
    rng : numpy Generator
        Draws the folds.

    Returns
    -------
    folds : ndarray of shape (n_rows,)
        Folds from 0 to ``n_folds - 1``. The only row of a class has -1 and is never
        held out.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies._losses import stratified_folds
    >>> rng = np.random.default_rng(0)
    >>> folds = stratified_folds(np.array([0, 0, 0, 0, 1, 1, 2]), 2, rng)
    >>> np.bincount(folds[:4]), np.bincount(folds[4:6]), folds[6]
    (array([2, 2]), array([1, 1]), np.int64(-1))
    """
    counts = np.bincount(codes, minlength=1)
    folds = np.full(len(codes), -1)
    rows = rng.permutation(np.flatnonzero(counts[codes] > 1))
    rows = rows[np.argsort(codes[rows], kind="stable")]
    # Neighbours are of the same class, and in different folds.
    folds[rows] = np.arange(len(rows)) % n_folds
    return folds


def proba_features(proba: Array) -> Array:
    """Class probabilities and three measures of their spread."""
    return np.column_stack(
        [
            proba,
            measures.least_confidence(proba),
            measures.margin(proba),
            measures.entropy(proba),
        ]
    )


class Space(NamedTuple):
    """Standardized principal directions of an embedding, with the labelled rows."""

    directions: Array
    origin: Array
    places_labeled: Array

    def places(self, vectors: Any) -> Array:
        """Coordinates of rows, (n_rows, n_directions), float64."""
        return np.asarray(vectors @ self.directions, dtype=np.float64) - self.origin


def make_space(vectors: Any, seed: int) -> Space:
    n_rows, n_features = vectors.shape
    if sp.issparse(vectors):
        # Counts and tf-idf share one scale, and zero is their natural origin.
        mean, scale = np.zeros(n_features), np.ones(n_features)
        scaled = vectors
    else:
        vectors = vectors.astype(np.float64, copy=False)
        mean, scale = vectors.mean(axis=0), vectors.std(axis=0)
        scale[scale <= 1e-12 * np.abs(mean)] = 1.0
        scaled = (vectors - mean) / scale
    if n_features <= N_DIRECTIONS:
        directions = np.eye(n_features)
    else:
        n_components = min(N_DIRECTIONS, n_rows)
        directions = randomized_svd(scaled, n_components, random_state=seed)[2].T
    directions = directions / scale[:, np.newaxis]
    return Space(directions, mean @ directions, np.empty((0, directions.shape[1])))


def place_features(places: Array, others: Array) -> Array:
    """Places of rows, and their distances to the nearest of `others`."""
    # A tree looks at rows one by one, whatever the size of a chunk.
    nearest = NearestNeighbors(n_neighbors=1, algorithm="kd_tree").fit(others)
    return np.column_stack([places, nearest.kneighbors(places)[0]])


def out_of_fold_places(places: Array, folds: Array) -> Array:
    """Features of labelled rows, with distances to the rows of other folds."""
    features = np.zeros((len(places), places.shape[1] + 1))
    for fold in range(folds.max() + 1):
        asked = folds == fold
        features[asked] = place_features(places[asked], places[~asked])
    return features
