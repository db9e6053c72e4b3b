"""Refits: what a classifier becomes when one more row is labelled.

Every class follows one protocol. ``XRefits(classifier, features, codes, weights)``
takes a fitted classifier, the labelled rows it learns from, positions of their labels
in ``classifier.classes_`` and weights or None. ``retrain(candidates)`` gives, for m
rows, the m x n_classes models that learnt one row more, with weight one; their
``predict_proba(targets)`` is of shape (m, n_classes as label, n_targets, n_classes),
and ``expected_loss(targets, loss)``, of shape (m, n_classes), the mean over targets.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import has_fit_parameter

from skactive._compat.typing import Array
from skactive._models.refits.base import as_rows
from skactive._models.refits.discriminant import DiscriminantRefits, RidgeRefits
from skactive._models.refits.generic import GenericRefits
from skactive._models.refits.logistic import LogisticRefits
from skactive._models.refits.naive_bayes import GaussianNBRefits, MultinomialNBRefits
from skactive._models.refits.neighbors import KNeighborsRefits

_CLOSED_FORMS: tuple[Any, ...] = (
    GaussianNBRefits,
    MultinomialNBRefits,
    KNeighborsRefits,
    DiscriminantRefits,
    RidgeRefits,
    LogisticRefits,
)


def make_refits(
    classifier: Any, features: Any, codes: Array, weights: Array | None = None
) -> Any:
    """Refits of a fitted classifier: a closed form if there is one, else real fits.

    Parameters
    ----------
    classifier : estimator object
        Fitted. A subclass of a class with a closed form is not taken for it.
    features : array-like, sparse, data frame or sequence of n_labeled
        The rows it learns from.
    codes : ndarray of shape (n_labeled,)
        Positions of their labels in ``classifier.classes_``.
    weights : ndarray of shape (n_labeled,) or None, default=None
        The user's weights of these rows, without class weights.

    Returns
    -------
    refits : object
        See the module.

    Raises
    ------
    ValueError
        If there are weights and the classifier takes none.
    """
    if weights is not None and not has_fit_parameter(classifier, "sample_weight"):
        raise ValueError(
            f"{classifier!r} takes no sample weights, but rows come with some. Use a "
            "classifier whose fit has sample_weight, or pass no weights."
        )
    n_classes = len(classifier.classes_)
    totals = np.bincount(codes, weights, minlength=n_classes)
    # A class without rows, or without weight, is no part of a real refit.
    if n_classes > 1 and totals.min() > 0:
        for kind in _CLOSED_FORMS:
            if not kind.supports(classifier):
                continue
            rows = as_rows(features)
            suits = getattr(kind, "suits", None)
            if suits is None or suits(classifier, rows, codes):
                return kind(classifier, rows, codes, weights)
    return GenericRefits(classifier, features, codes, weights)
