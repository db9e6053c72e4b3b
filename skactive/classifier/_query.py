"""Functions to query and audit a learner inside a pipeline or a search."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from skactive._compat.typing import Array
from skactive._models.wrappers import find, is_fitted
from skactive.classifier._audit import Audit
from skactive.classifier._base import BaseActiveLearner


def query(
    estimator: Any,
    X: Any,
    y: Any = None,
    n_queries: int | None = None,
    *,
    skip: ArrayLike = (),
    **params: Any,
) -> Array:
    """Choose the rows to label next, for a learner inside a pipeline or a search.

    In a fitted pipeline, `X` is transformed by the steps before the learner. While the
    pipeline is not fitted, the learner's `initial_strategy` gets `X` as it is.

    Parameters
    ----------
    estimator : estimator object
        An :class:`ActiveLearningClassifier`, or a pipeline that ends with one, or a
        search or another meta-estimator around either, fitted or not.
    X : array-like, sparse, data frame or sequence of n_samples
        The pool, as `estimator` takes it.
    y : array-like of shape (n_samples,), default=None
        Labels, missing where a row is unlabelled. Only unlabelled rows are candidates.
        None means that every row of `X` is a candidate.
    n_queries : int, default=None
        Number of rows to choose. None means the learner's `batch_size`.
    skip : array-like of int, default=()
        Positions of rows that are not to be chosen even if they have no label.
    **params : dict
        Metadata for the learner, as in :meth:`ActiveLearningClassifier.query`.

    Returns
    -------
    positions : ndarray of shape (n_queries,)
        Distinct positions in `X`, most useful first.

    Raises
    ------
    TypeError
        If there is no learner in `estimator`.
    ValueError
        As in :meth:`ActiveLearningClassifier.query`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skactive import ActiveLearningClassifier, query
    >>> X = np.arange(20.0).reshape(10, 2)
    >>> y = [0, None, None, None, None, None, None, None, None, 1]
    >>> learner = ActiveLearningClassifier(LogisticRegression(), random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), learner).fit(X, y)
    >>> sorted(query(pipeline, X, y, n_queries=2).tolist())
    [4, 6]
    """
    learner, X = find_learner(estimator, X, "query")
    return learner.query(X, y, n_queries, skip=skip, **params)


def audit(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    scoring: Any = None,
    confidence: float = 0.95,
    skip: ArrayLike = (),
) -> Audit:
    """Estimate how good the model is, for a learner inside a pipeline or a search.

    In a pipeline, `X` is transformed by the steps before the learner.

    Parameters
    ----------
    estimator : estimator object
        A fitted :class:`ActiveLearningClassifier` with an `audit_fraction`, or a
        pipeline that ends with one, or a search or another meta-estimator around
        either.
    X : array-like, sparse, data frame or sequence of n_samples
        The pool, as it was passed to the `fit` of `estimator`.
    y : array-like of shape (n_samples,)
        Labels, missing where a row is unlabelled.
    scoring, confidence, skip
        See :meth:`ActiveLearningClassifier.audit`. A scorer gets the learner, and the
        rows as the learner sees them.

    Returns
    -------
    audit : Audit
        See :meth:`ActiveLearningClassifier.audit`.

    Raises
    ------
    TypeError
        If there is no learner in `estimator`.
    NotFittedError, ValueError
        As in :meth:`ActiveLearningClassifier.audit`.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skactive import ActiveLearningClassifier
    >>> from skactive.classifier import audit
    >>> X, y = load_digits(return_X_y=True)
    >>> learner = ActiveLearningClassifier(
    ...     GaussianNB(var_smoothing=0.1), budget=200, audit_fraction=0.25,
    ...     random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), learner).fit(X, y)
    >>> audit(pipeline, X, y).n_audited
    50
    """
    learner, X = find_learner(estimator, X, "audit")
    return learner.audit(X, y, scoring=scoring, confidence=confidence, skip=skip)


def find_learner(estimator: Any, X: Any, asked: str) -> tuple[BaseActiveLearner, Any]:
    """Find the learner inside `estimator`, and return it with `X` as it sees it.

    `X` may be None, and then stays None.
    """
    found = find(estimator, X, BaseActiveLearner)
    if found is None:
        raise TypeError(
            f"{asked} needs an ActiveLearningClassifier or an ActiveLearningRegressor, "
            "alone, as the last step of a pipeline or inside a search; found none in "
            f"{estimator!r}."
        )
    if is_fitted(estimator) and not is_fitted(found[0]):
        raise ValueError(
            f"{type(estimator).__name__} is fitted, but keeps no single fitted learner "
            "that could be asked. Fit the learner on its own, or use refit=True in a "
            "search."
        )
    return found
