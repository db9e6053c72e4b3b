"""CROWDLAB and ActiveLab, as cleanlab has them."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np

from skactive._compat.typing import Array


def crowdlab_consensus(wide: Array, proba: Array) -> Array:
    """The class of each row that CROWDLAB takes for the best, shape (n_rows,).

    Parameters
    ----------
    wide : ndarray of shape (n_rows, n_annotators)
        Positions of classes, NaN where there is no answer. No row and no column is
        empty, and some row has two answers.
    proba : ndarray of shape (n_rows, n_classes)
        Probabilities by models that have not seen the answers on the row.

    Returns
    -------
    codes : ndarray of shape (n_rows,)
        Positions of classes.
    """
    found = _multiannotator().get_label_quality_multiannotator(
        wide,
        proba,
        return_detailed_quality=False,
        return_annotator_stats=False,
        verbose=False,
    )
    return found["label_quality"]["consensus_label"].to_numpy().astype(np.intp)


def activelab_scores(
    wide: Array, proba: Array, proba_of_others: Array
) -> tuple[Array, Array]:
    """ActiveLab's scores, lower where another answer is worth more.

    Parameters
    ----------
    wide, proba
        As in :func:`crowdlab_consensus`.
    proba_of_others : ndarray of shape (n_others, n_classes)
        Probabilities for rows without an answer.

    Returns
    -------
    scores, scores_of_others : ndarray of shape (n_rows,) and (n_others,)
        The scores.
    """
    module = _multiannotator()
    # It prints notes on annotators who share no row with anybody.
    with contextlib.redirect_stdout(io.StringIO()):
        found, others = module.get_active_learning_scores(
            wide, proba, proba_of_others if len(proba_of_others) else None
        )
    return np.asarray(found, dtype=float), np.asarray(others, dtype=float)


def _multiannotator() -> Any:
    try:
        from cleanlab import multiannotator
    except ImportError as error:
        raise ImportError(
            "consensus('crowdlab') and relabel='activelab' need cleanlab, which is not "
            "installed: python -m pip install 'skactive[crowd]'."
        ) from error
    return multiannotator
