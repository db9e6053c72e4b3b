"""What models say of rows that have answers, and that they have not learnt from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.base import clone

from skactive._compat.sklearn import _safe_indexing
from skactive._compat.typing import Array
from skactive._data.chunks import map_rows
from skactive._data.labels import MISSING
from skactive._models.want_of_labels import ERRORS_OF_LACK, is_lack
from skactive.classifier._query import _find_learner

# A model for its predictions only: no committee, no audit, no campaign.
_PLAIN = {
    "strategy": "random",
    "budget": None,
    "stopping": None,
    "audit_fraction": 0.0,
    "warm_start": False,
}


def held_out_codes(
    learner: Any, X: Any, rows: Array, codes: Array, classes: Array, **how: Any
) -> Array:
    """Predict the class of each row by a model that has not seen its label.

    Parameters
    ----------
    learner : ActiveLearningClassifier, or an estimator that ends with one
        The learner, which is cloned.
    X : array-like, sparse, data frame or sequence of n_samples
        The pool.
    rows : ndarray of shape (n_rows,)
        Positions in `X`.
    codes : ndarray of shape (n_rows,)
        Labels to learn from, as positions in `classes`. MISSING where there is none;
        such rows get a prediction as well.
    classes : ndarray of shape (n_classes,)
        Sorted classes.
    **how : dict
        `cv`, the number of folds, and `seed`, which shuffles the rows.

    Returns
    -------
    predicted : ndarray of shape (n_rows,)
        Positions in `classes`, MISSING where there were too few labels for a model.
    """
    predicted = np.full(len(rows), MISSING, dtype=np.intp)
    for model, test in _fold_models(learner, X, rows, codes, classes, **how):
        labels = np.asarray(model.predict(_safe_indexing(X, rows[test]))).ravel()
        predicted[test] = np.searchsorted(classes, labels)
    return predicted


def held_out_proba(
    learner: Any, X: Any, rows: Array, codes: Array, classes: Array, **how: Any
) -> Array:
    """As :func:`held_out_codes`, but probabilities of shape (n_rows, n_classes).

    They are equal where there were too few labels for a model.
    """
    proba = np.full((len(rows), len(classes)), 1 / len(classes))
    for model, test in _fold_models(learner, X, rows, codes, classes, **how):
        proba[test] = class_proba(model, classes)(_safe_indexing(X, rows[test]))
    return proba


def proba_of_others(
    learner: Any, X: Any, rows: Array, codes: Array, classes: Array, others: Array
) -> Array:
    """Probabilities (n_others, n_classes) by a model of all labels of `rows`.

    `others` are ascending.
    """
    known = codes != MISSING
    model = _fit(learner, X, rows[known], classes[codes[known]])
    if model is None:
        return np.full((len(others), len(classes)), 1 / len(classes))
    return map_rows(class_proba(model, classes), X, others, len(classes))


def class_proba(model: Any, classes: Array) -> Callable[[Any], Array]:
    """The probabilities of `classes` as a function of rows, 0 for those not seen."""
    if not hasattr(model, "predict_proba"):
        raise ValueError(
            f"This needs class probabilities, and {model!r} has no predict_proba. Use "
            "a classifier that has it, or the majority of the answers."
        )
    places = np.searchsorted(classes, model.classes_)

    def predict(X: Any) -> Array:
        found = model.predict_proba(X)
        proba = np.zeros((len(found), len(classes)))
        proba[:, places] = found
        return proba

    return predict


def _fold_models(
    learner: Any,
    X: Any,
    rows: Array,
    codes: Array,
    classes: Array,
    *,
    cv: int,
    seed: int | None,
) -> Iterator[tuple[Any, Array]]:
    """Models, and for each the places among `rows` that it has not seen."""
    folds = _folds(codes, cv, np.random.default_rng(seed))
    for fold in range(cv):
        train, test = (
            np.flatnonzero((folds != fold) & (codes != MISSING)),
            folds == fold,
        )
        if len(train) == 0 or not test.any():
            continue
        model = _fit(learner, X, rows[train], classes[codes[train]])
        if model is not None:
            yield model, np.flatnonzero(test)


def _folds(codes: Array, n_folds: int, rng: np.random.Generator) -> Array:
    """Number of the fold of each row; each class is spread over them."""
    order = rng.permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    folds = np.empty(len(codes), dtype=np.intp)
    folds[order] = np.arange(len(codes)) % n_folds
    return folds


def _fit(learner: Any, X: Any, rows: Array, labels: Array) -> Any:
    """A clone of the learner, fitted on some rows; None for lack of labels."""
    model = clone(learner)
    inner, _ = _find_learner(model, X, "An estimate of the quality of annotators")
    inner.set_params(**_PLAIN)
    if len(np.unique(labels)) < 2:
        return None
    try:
        return model.fit(_safe_indexing(X, rows), labels)
    except ERRORS_OF_LACK as error:
        if not is_lack(error):
            raise
        return None
