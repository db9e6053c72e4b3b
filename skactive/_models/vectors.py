"""Rows of a pool as vectors, for strategies that measure distances between rows."""

from __future__ import annotations

from functools import partial
from numbers import Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone

from skactive._compat.sklearn import _num_samples
from skactive._compat.tally import count_rows
from skactive._data.chunks import map_rows
from skactive._models.last_layer import (
    MLPS,
    has_hidden_layers,
    has_linear_layer,
    layer_inputs,
)
from skactive._models.leaves import leaf_vectors
from skactive._models.wrappers import is_fitted, kind_of, layers, pass_in
from skactive.geometry._blocks import as_embedding


def embed(estimator: Any, X: Any, embedding: Any = None) -> Any:
    """Rows of `X` as vectors: dense or CSR of shape (n_samples, n_features).

    `embedding` is a fitted transformer, a function ``X -> vectors``, or one of

    - "last_layer": the inputs of the last layer of a fitted net or linear model;
    - "leaves": indicators of the leaves of a fitted forest;
    - "input": the output of the steps of a pipeline before its last one. If the
      pipeline is not fitted, they are fitted on `X` without labels. For any other
      estimator it is `X` itself;
    - None: "last_layer" for a fitted net, "input" for any other estimator.

    Arrays with more axes, such as images, are flattened.
    """
    if embedding is None or isinstance(embedding, str):
        vectors = _own_vectors(estimator, X, embedding)
    else:
        vectors = getattr(embedding, "transform", embedding)(X)
    try:
        return as_embedding(_flat(vectors, X))
    except (TypeError, ValueError) as error:
        raise ValueError(
            "X is not an array of numbers from which distances can be computed "
            f"({error}). Put a transformer in front of the classifier, as in "
            "make_pipeline(transformer, classifier), or give the strategy an "
            "embedding=, a fitted transformer or a function."
        ) from error


def are_columns(estimator: Any, embedding: Any = None) -> bool:
    """Whether the vectors of :func:`embed` are the columns of `X` themselves."""
    if embedding not in (None, "input"):
        return False
    around = [*layers(estimator)]
    has_steps = any(kind_of(it) == "pipeline" and len(it) > 1 for it in around)
    return not has_steps and not (embedding is None and has_hidden_layers(around[-1]))


def embed_without_labels(estimator: Any, X: Any) -> Any:
    """As :func:`embed`, but None if rows of `X` are not vectors of finite numbers.

    It is also None if a step of an unfitted pipeline learns from labels.
    """
    try:
        vectors = _own_vectors(estimator, X, None)
    except (TypeError, ValueError):
        # A step needs labels. If something else is wrong, the next fit will tell.
        return None
    vectors = _flat(vectors, X)
    if not sp.issparse(vectors):
        if not isinstance(vectors, np.ndarray):
            vectors = np.asarray(vectors, dtype=object)
            if vectors.ndim != 2 or not all(
                isinstance(value, Real) for value in vectors.ravel()
            ):
                return None
            vectors = vectors.astype(np.float64)
        if vectors.dtype.kind not in "biuf" or vectors.ndim != 2:
            return None
    values = vectors.data if sp.issparse(vectors) else vectors
    return vectors if np.isfinite(values.sum()) else None


def _own_vectors(estimator: Any, X: Any, embedding: str | None) -> Any:
    """The vectors that an estimator computes from `X`, see :func:`embed`."""
    for layer in layers(estimator):
        if kind_of(layer) == "pipeline" and len(layer) > 1 and not is_fitted(layer):
            if embedding == "last_layer":
                raise _no_last_layer(layer)
            if embedding == "leaves":
                raise _no_leaves(layer)
            return clone(layer[:-1]).fit_transform(X)
        X = pass_in(layer, X)
    is_known = has_hidden_layers if embedding is None else has_linear_layer
    if embedding == "leaves":
        return _leaves(layer, X)
    if embedding != "input" and is_known(layer) and is_fitted(layer):
        return _layer_inputs(layer, X)
    if embedding == "last_layer":
        raise _no_last_layer(layer)
    return X


def _layer_inputs(classifier: Any, X: Any) -> Any:
    # A net of skorch makes its own batches. Without hidden layers none are needed.
    if not isinstance(classifier, MLPS) or len(classifier.coefs_) == 1:
        return layer_inputs(classifier, X)
    n_outputs = max(coef.shape[1] for coef in classifier.coefs_)
    layer = partial(layer_inputs, classifier)
    return map_rows(layer, X, np.arange(_num_samples(X)), n_outputs, dtype=None)


def _leaves(forest: Any, X: Any) -> Any:
    if not (hasattr(forest, "apply") and is_fitted(forest)):
        raise _no_leaves(forest)
    return leaf_vectors(forest, X)


def _no_leaves(estimator: Any) -> ValueError:
    return ValueError(
        "embedding='leaves' needs a fitted forest with a method apply, such as "
        "RandomForestRegressor or ExtraTreesClassifier, alone or at the end of a "
        f"pipeline; got {estimator!r}. Use embedding='input' or None."
    )


def _no_last_layer(estimator: Any) -> ValueError:
    return ValueError(
        "embedding='last_layer' needs a fitted net or linear classifier: one of skorch "
        "or MLPClassifier, whose last hidden layer is taken, or LogisticRegression, "
        f"..., alone or at the end of a pipeline; got {estimator!r}. Use "
        "embedding='input', None, a fitted transformer or a function."
    )


def _flat(vectors: Any, X: Any) -> Any:
    """Vectors of rows of `X`, counted; data frames as arrays, arrays with two axes."""
    if vectors is not X:
        count_rows(_num_samples(X))
    if hasattr(vectors, "to_numpy"):
        vectors = vectors.to_numpy()
    if isinstance(vectors, np.ndarray) and vectors.ndim > 2:
        return vectors.reshape(len(vectors), -1)
    return vectors
