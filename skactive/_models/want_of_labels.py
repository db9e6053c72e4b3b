"""Estimators that need more labels than there are yet: detection and messages."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

import numpy as np

from skactive._compat.sklearn import _num_samples, _safe_indexing
from skactive._compat.typing import Array
from skactive._models.training import Model, Training

# Errors of estimators with too few labels. LinAlgError was not always a ValueError.
ERRORS_OF_LACK = (ValueError, np.linalg.LinAlgError)
# Largest number of labels that an estimator is assumed to wait for.
_TRIAL_ROWS = 2000
_TRIAL_ROWS_A_CLASS = 200
_NOTE = "There are too few labels for this estimator yet"


def fit_if_enough(
    training: Training,
    X: Any,
    labels: Array,
    rows: Array,
    params: dict,
    last: Model | None = None,
    *,
    asks: bool = True,
) -> Model:
    """As :meth:`Training.fit`, but a constant model if there are too few labels.

    This is so if the estimator cannot be fitted, or if `asks` cannot predict, but could
    with more rows like these. The `lack` of the model is then its error.
    """
    try:
        model = training.fit(X, labels, rows, params, last)
        # If fewer labels were enough before, there are enough now.
        is_new = model.can_choose and (last is None or not last.can_choose)
        if asks and is_new and _counts_neighbors(training.estimator):
            _ask(model.estimator, _safe_indexing(X, rows[:1]))
    except ERRORS_OF_LACK as error:
        # If it works on a second try, it failed by chance or by a callback.
        if _works(training, X, labels, rows, params) or not _more_would_help(
            training, X, labels, rows, params
        ):
            raise
        note_lack(error, len(rows))
        return training.stand_in(X, labels, rows, lack=error)
    return model


def cannot_answer(
    training: Training,
    model: Model | None,
    X: Any,
    labels: Array,
    rows: Array,
    params: dict,
) -> bool:
    """Whether a fitted model fails to predict for lack of labels.

    `labels` and `rows` are those that it learnt from. They may be empty if they are not
    known.
    """
    if model is None or not model.can_choose:
        return False
    if len(rows) == 0:
        rows = np.arange(min(_num_samples(X), 2 * len(model.seen)))
        labels = training.kind.made_up(model.seen, len(rows))
    try:
        _ask(model.estimator, _safe_indexing(X, rows[:1]))
    except ERRORS_OF_LACK:
        return _more_would_help(training, X, labels, rows, params)
    return False


def _more_would_help(
    training: Training, X: Any, labels: Array, rows: Array, params: dict
) -> bool:
    """Whether an estimator that failed would work with more labels.

    It is tried on copies of the labelled rows, and also with further rows of `X` that
    have made-up labels. If anything else is wrong with it or with a row, it fails there
    too.
    """
    seen = training.kind.seen(labels)
    if not training.kind.are_enough(seen):
        return False
    n_rows = min(_TRIAL_ROWS, _TRIAL_ROWS_A_CLASS * len(seen))
    n_rows = max(n_rows, 20 * len(seen), 2 * len(rows))
    others = np.setdiff1d(np.arange(_num_samples(X)), rows)[: n_rows - len(rows)]
    made_up = training.kind.made_up(labels, len(others))
    for more, theirs in (
        (rows, labels),
        (np.concatenate([rows, others]), np.concatenate([labels, made_up])),
    ):
        n_copies = -(-n_rows // len(more))
        copies = np.tile(more, n_copies), np.tile(theirs, n_copies)
        if _works(training, X, copies[1], copies[0], params):
            return True
        if len(others) == 0:
            break
    return False


def _works(
    training: Training, X: Any, labels: Array, rows: Array, params: dict
) -> bool:
    """Whether the estimator can be fitted on `rows` and predict, in a trial."""
    trial = training._replace(warm_start=None, around=contextlib.nullcontext)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = trial.fit(X, labels, rows, params)
            _ask(model.estimator, _safe_indexing(X, rows[:1]))
    except ERRORS_OF_LACK:
        return False
    return True


def _ask(estimator: Any, X: Any) -> None:
    """Call all prediction methods of a fitted estimator, for their errors."""
    for name in ("predict", "predict_proba", "decision_function"):
        if not hasattr(estimator, name):
            continue
        answer = np.asarray(getattr(estimator, name)(X))
        if answer.dtype.kind == "f" and not np.isfinite(answer).all():
            raise ValueError(f"{name} of {estimator!r} gave {answer.tolist()}.")


def _counts_neighbors(estimator: Any) -> bool:
    """Whether a prediction may fail because it needs a number of known rows."""
    names = estimator.get_params(deep=True) if hasattr(estimator, "get_params") else ()
    return any(name.rpartition("__")[2] == "n_neighbors" for name in names)


def note_lack(error: Exception, n_labels: int) -> None:
    """Add to an error of the estimator that more labels will help."""
    error.add_note(
        f"{_NOTE}: {n_labels} to learn from. With more it can be fitted. Go on "
        "labelling: query of a learner that has not been fitted, or "
        "skactive.labeling.label_pool, chooses by the initial strategy until then."
    )


def is_lack(error: BaseException) -> bool:
    """Whether an error has the note of :func:`note_lack`."""
    return any(note.startswith(_NOTE) for note in getattr(error, "__notes__", ()))


def warn_of_lack(error: Exception, n_labels: int, stacklevel: int = 4) -> None:
    """Warn that the initial strategy chooses while there are too few labels."""
    warnings.warn(
        f"The estimator cannot be fitted or asked with {n_labels} labels, so the "
        f"initial strategy chooses until there are more. Its own error: "
        f"{type(error).__name__}: {error}",
        UserWarning,
        stacklevel=stacklevel,
    )
