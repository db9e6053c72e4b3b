"""One label a row, from the answers of several annotators."""

from __future__ import annotations

import numpy as np

from skactive._compat.typing import Array
from skactive._data.labels import MISSING
from skactive.labeling._annotator_quality import shrunk_share

# Sums of qualities closer than this count as equal.
_TIE = 1e-12


def count_votes(place: Array, codes: Array, n_rows: int, n_classes: int) -> Array:
    """Count the answers of each class on each row, shape (n_rows, n_classes).

    `place` (n_answers,) are rows from 0 to `n_rows` - 1. Answers with the code MISSING
    are not counted.
    """
    given = codes != MISSING
    cells = place[given] * n_classes + codes[given]
    counts = np.bincount(cells, minlength=n_rows * n_classes)
    return counts.reshape(n_rows, n_classes)


def majority(
    votes: Array, support: Array | None = None, draws: Array | None = None
) -> Array:
    """Find the class with most votes on each row.

    Parameters
    ----------
    votes : ndarray of shape (n_rows, n_classes)
        Number of votes.
    support : ndarray of shape (n_rows, n_classes), default=None
        Sum of the qualities of those who voted so. It decides between classes with
        equally many votes. None means that it decides nothing.
    draws : ndarray of shape (n_rows,), default=None
        Numbers in [0, 1) that decide between the classes that are left. None means that
        nothing does, so that such rows get no class.

    Returns
    -------
    codes : ndarray of shape (n_rows,)
        Classes, -1 for a row without votes, or with a tie.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.labeling._consensus import majority
    >>> votes = np.array([[2, 1], [1, 1], [0, 0]])
    >>> majority(votes)
    array([ 0, -1, -1])
    >>> majority(votes, support=np.array([[1.3, 0.9], [0.5, 0.7], [0, 0]]))
    array([ 0,  1, -1])
    """
    if votes.shape[1] == 0:
        return np.full(len(votes), MISSING, dtype=np.intp)
    is_best = votes == votes.max(axis=1, keepdims=True)
    if support is not None:
        left = np.where(is_best, support, -np.inf)
        is_best &= left >= left.max(axis=1, keepdims=True) - _TIE
    n_best = is_best.sum(axis=1)
    number = np.zeros(len(votes)) if draws is None else np.floor(draws * n_best)
    # The class that is the one of this number among the best ones.
    codes = np.argmax(np.cumsum(is_best, axis=1) > number[:, np.newaxis], axis=1)
    unknown = votes.max(axis=1) == 0
    if draws is None:
        unknown |= n_best > 1
    return np.where(unknown, MISSING, codes)


def agreement_with_others(
    place: Array, who: Array, codes: Array, votes: Array, n_annotators: int
) -> Array:
    """Share of the others' answers on the same rows that agree, shrunk.

    Each answer counts once, with the share of the others that gave the same one.

    Parameters
    ----------
    place, who, codes : ndarray of shape (n_answers,)
        Row, annotator and class of each answer.
    votes : ndarray of shape (n_rows, n_classes)
        What :func:`count_votes` gives for them.
    n_annotators : int
        Number of annotators.

    Returns
    -------
    shares : ndarray of shape (n_annotators,)
        In (0, 1), equal for those who share no row with anybody.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.labeling._consensus import agreement_with_others, count_votes
    >>> place, who = np.repeat([0, 1, 2], 3), np.tile([0, 1, 2], 3)
    >>> codes = np.array([0, 0, 0, 1, 1, 0, 0, 0, 1])
    >>> votes = count_votes(place, codes, 3, 2)
    >>> agreement_with_others(place, who, codes, votes, 3).round(2)
    array([0.58, 0.58, 0.5 ])
    """
    n_others = votes.sum(axis=1)[place] - 1
    compared = (codes != MISSING) & (n_others > 0)
    place, who, codes = place[compared], who[compared], codes[compared]
    shares = (votes[place, codes] - 1) / n_others[compared]
    n_right = np.bincount(who, weights=shares, minlength=n_annotators)
    return shrunk_share(n_right, np.bincount(who, minlength=n_annotators))
