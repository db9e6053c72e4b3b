"""What models say of rows that have answers, and that they have not learnt from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import clone

from skactive._compat.sklearn import _safe_indexing
from skactive._compat.typing import Array
from skactive._data.chunks import map_rows
from skactive._data.labels import MISSING
from skactive._models.kinds import check_classes
from skactive._models.want_of_labels import ERRORS_OF_LACK, cannot_answer, is_lack
from skactive.classifier._query import find_learner

_WHAT = "An estimate of the quality of annotators"
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

    def predict(model: Any, X: Any) -> Array:
        return np.searchsorted(classes, np.ravel(model.predict(X)))

    predicted = np.full(len(rows), MISSING, dtype=np.intp)
    _ask_folds(predict, predicted, learner, X, rows, codes, classes, **how)
    return predicted


def held_out_proba(
    learner: Any, X: Any, rows: Array, codes: Array, classes: Array, **how: Any
) -> Array:
    """As :func:`held_out_codes`, but probabilities of shape (n_rows, n_classes).

    They are equal where there were too few labels for a model.
    """
    proba = np.full((len(rows), len(classes)), 1 / len(classes))

    def predict(model: Any, X: Any) -> Array:
        return class_proba(model, classes)(X)

    _ask_folds(predict, proba, learner, X, rows, codes, classes, **how)
    return proba


def proba_of_others(
    learner: Any, X: Any, rows: Array, codes: Array, classes: Array, others: Array
) -> Array:
    """Probabilities (n_others, n_classes) by a model of all labels of `rows`.

    `others` are ascending.
    """
    known = codes != MISSING
    model = _fit(learner, _safe_indexing(X, rows[known]), classes[codes[known]])
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


def _ask_folds(
    ask: Callable[[Any, Any], Array],
    found: Array,
    learner: Any,
    X: Any,
    rows: Array,
    codes: Array,
    classes: Array,
    *,
    cv: int,
    seed: int | None,
) -> None:
    """Enter what ``ask(model, rows of X)`` gives for rows that a model has not seen.

    `found` (n_rows, ...) stays as it is where there are too few labels for a model.
    """
    folds = _folds(codes, cv, np.random.default_rng(seed))
    for fold in np.unique(folds):
        train = np.flatnonzero((folds != fold) & (codes != MISSING))
        test = np.flatnonzero(folds == fold)
        shown, labels = _safe_indexing(X, rows[train]), classes[codes[train]]
        model = _fit(learner, shown, labels)
        if model is None:
            continue
        try:
            found[test] = ask(model, _safe_indexing(X, rows[test]))
        except ERRORS_OF_LACK:
            if not _has_too_few(model, shown, labels):
                raise


def _folds(codes: Array, n_folds: int, rng: np.random.Generator) -> Array:
    """Number of the fold of each row; each class is spread over them."""
    order = rng.permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    folds = np.empty(len(codes), dtype=np.intp)
    folds[order] = np.arange(len(codes)) % n_folds
    return folds


def _fit(learner: Any, X: Any, labels: Array) -> Any:
    """A clone of the learner, fitted on all rows; None for lack of labels."""
    model = clone(learner)
    inner, _ = find_learner(model, X, _WHAT)
    check_classes(inner, _WHAT)
    for name, value in _PLAIN.items():
        # After set_params, a fit on all labels would be taken for one of a search.
        setattr(inner, name, value)
    if len(np.unique(labels)) < 2:
        return None
    try:
        return model.fit(X, labels)
    except ERRORS_OF_LACK as error:
        if not is_lack(error):
            raise
        return None


def _has_too_few(model: Any, X: Any, labels: Array) -> bool:
    """Whether a fitted learner fails to predict for lack of labels."""
    inner, X = find_learner(model, X, _WHAT)
    training, rows = inner._make_plan().training, np.arange(len(labels))
    return cannot_answer(training, inner._model(), X, labels, rows, {})
