"""The leaves of trees, as vectors between which distances can be measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from skactive._models.wrappers import last_step

_BOOSTING_LIBRARIES = {"catboost", "lightgbm", "xgboost"}


def is_forest(estimator: Any) -> bool:
    """Whether an estimator ends with a forest of scikit-learn."""
    forests = (RandomForestClassifier, ExtraTreesClassifier)
    return isinstance(last_step(estimator), forests)


def is_boosting(estimator: Any) -> bool:
    """Whether an estimator ends with a boosting, of scikit-learn or another library."""
    last = last_step(estimator)
    library = type(last).__module__.partition(".")[0]
    return hasattr(last, "staged_predict") or library in _BOOSTING_LIBRARIES


def leaf_vectors(classifier: Any, X: Any) -> Any:
    """The leaf of each tree, one-hot: CSR of shape (n_samples, n_leaves).

    Half the squared distance between two rows is the share of the trees in which they
    are in different leaves.

    Parameters
    ----------
    classifier : estimator object
        A fitted classifier with `apply`, such as a forest.
    X : array-like or data frame of shape (n_samples, n_features)
        Rows as the classifier sees them.

    Returns
    -------
    vectors : CSR of shape (n_samples, n_leaves)
        Vectors of norm one.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skactive._models.leaves import leaf_vectors
    >>> X, y = [[0.0], [4.0], [5.0], [9.0]], [0, 0, 1, 1]
    >>> forest = RandomForestClassifier(4, max_depth=1, random_state=0).fit(X, y)
    >>> vectors = leaf_vectors(forest, X)
    >>> (vectors @ vectors.T).toarray()[0]
    array([1.  , 0.75, 0.5 , 0.  ])
    """
    leaves = np.asarray(classifier.apply(X))
    leaves = leaves.reshape(len(leaves), -1).astype(np.int64)
    n_samples, n_trees = leaves.shape
    starts = np.append(0, np.cumsum(leaves.max(axis=0, initial=0) + 1))
    columns = (leaves + starts[:-1]).ravel()
    data = np.full(leaves.size, 1 / np.sqrt(n_trees))
    ends = np.arange(0, leaves.size + 1, n_trees)
    return sp.csr_array((data, columns, ends), shape=(n_samples, int(starts[-1])))
