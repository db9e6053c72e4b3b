"""How good annotators are: how often they agree, shrunk where there are few answers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import betaincinv

from skactive._compat.typing import Array
from skactive.strategies._selection import rank_in_group

# An annotator counts as if this many answers more agreed as often as everybody's.
STRENGTH = 10.0
# Fewer answers than this say nothing of an annotator.
N_FIRST = 10


class AnnotatorQuality(NamedTuple):
    """Result of :meth:`Answers.quality`. Its `str` is a table.

    Parameters
    ----------
    annotators : list
        Names of the annotators.
    agreement : ndarray of shape (n_annotators,)
        Estimated share of answers that agree with the model, in (0, 1), shrunk to the
        share of all annotators together.
    interval : ndarray of shape (n_annotators, 2)
        Lower and upper end of an interval for it, at `confidence`.
    n_answers : ndarray of shape (n_annotators,)
        Number of answers that were compared with the model.
    confidence : float
        Level of the intervals.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.labeling import AnnotatorQuality
    >>> print(AnnotatorQuality(["ann", "bob"], np.array([0.9, 0.6]),
    ...                        np.array([[0.8, 0.96], [0.4, 0.75]]), np.array([50, 20]), 0.95))
    ann  agrees with the model on 90% of 50 answers (95% interval 80% to 96%)
    bob  agrees with the model on 60% of 20 answers (95% interval 40% to 75%)
    """  # noqa: E501

    annotators: list[Any]
    agreement: Array
    interval: Array
    n_answers: Array
    confidence: float

    def __str__(self) -> str:
        width = max((len(str(name)) for name in self.annotators), default=0)
        return "\n".join(
            f"{name!s:{width}}  agrees with the model on {share:.0%} of {n} answers "
            f"({100 * self.confidence:g}% interval {low:.0%} to {high:.0%})"
            for name, share, (low, high), n in zip(
                self.annotators,
                self.agreement.tolist(),
                self.interval.tolist(),
                self.n_answers.tolist(),
                strict=True,
            )
        )


def shrunk_share(n_right: Array, n_all: Array, strength: float = STRENGTH) -> Array:
    """Share of each, as if `strength` more had the common share.

    Parameters
    ----------
    n_right : ndarray of shape (n_annotators,)
        Number, or sum of parts, of what is right.
    n_all : ndarray of shape (n_annotators,)
        Number of all.
    strength : float, default=10
        Weight of the common share.

    Returns
    -------
    shares : ndarray of shape (n_annotators,)
        In (0, 1). The common share itself has half a right and half a wrong one more,
        so that it is neither 0 nor 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.labeling._annotator_quality import shrunk_share
    >>> shrunk_share(np.array([90, 1, 0]), np.array([99, 1, 0])).round(2)
    array([0.91, 0.91, 0.91])
    """
    right, wrong = _pseudo_counts(n_right, n_all, strength)
    return right / (right + wrong)


def share_interval(
    n_right: Array, n_all: Array, confidence: float, strength: float = STRENGTH
) -> Array:
    """Interval around :func:`shrunk_share`, from the beta distribution it is a mean of.

    Parameters
    ----------
    n_right, n_all, strength
        As in :func:`shrunk_share`.
    confidence : float in (0, 1)
        Level of the interval.

    Returns
    -------
    interval : ndarray of shape (n_annotators, 2)
        Lower and upper ends, in [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.labeling._annotator_quality import share_interval
    >>> share_interval(np.array([45, 5]), np.array([50, 10]), 0.95).round(2)
    array([[0.8 , 0.95],
           [0.45, 0.85]])
    """
    right, wrong = _pseudo_counts(n_right, n_all, strength)
    tail = (1 - confidence) / 2
    ends = [betaincinv(right, wrong, level) for level in (tail, 1 - tail)]
    return np.stack(ends, axis=1)


def _pseudo_counts(n_right: Array, n_all: Array, strength: float) -> tuple[Array, ...]:
    common = (n_right.sum() + 0.5) / (n_all.sum() + 1)
    right = n_right + strength * common
    return right, n_all - n_right + strength * (1 - common)


def agreement_of_answers(
    who: Array, codes: Array, expected: Array, n_annotators: int
) -> tuple[Array, Array]:
    """Count for each annotator the answers that are as expected, and all of them.

    Parameters
    ----------
    who : ndarray of shape (n_answers,)
        Annotator of each answer, from 0 to `n_annotators` - 1.
    codes, expected : ndarray of shape (n_answers,)
        The answer, and what it is compared with. Negative means that there is none, so
        that the two are not compared.
    n_annotators : int
        Number of annotators.

    Returns
    -------
    n_right, n_all : ndarray of shape (n_annotators,)
        Numbers of answers.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.labeling._annotator_quality import agreement_of_answers
    >>> who, codes = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 0])
    >>> agreement_of_answers(who, codes, np.array([0, 1, 0, -1]), 2)
    (array([2., 0.]), array([2., 1.]))
    """
    compared = (codes >= 0) & (expected >= 0)
    who, is_right = who[compared], (codes == expected)[compared]
    n_right = np.bincount(who, weights=is_right, minlength=n_annotators)
    n_all = np.bincount(who, minlength=n_annotators).astype(np.float64)
    return n_right, n_all


def worth(agreement: Array, n_asked: Array) -> Array:
    """What an answer of each annotator counts for in a choice.

    Parameters
    ----------
    agreement : ndarray of shape (n_annotators,)
        Estimated share of answers that agree with the model, in (0, 1).
    n_asked : ndarray of shape (n_annotators,)
        Number of rows that each has been asked about.

    Returns
    -------
    worth : ndarray of shape (n_annotators,)
        The agreement, and 2 for those asked less than ten times: without this, an
        annotator who is lucky at first gives most labels from then on, the model
        learns his mistakes, and takes them for right.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.labeling._annotator_quality import worth
    >>> worth(np.array([0.9, 0.7, 0.8]), np.array([50, 20, 4]))
    array([0.9, 0.7, 2. ])
    """
    return np.where(n_asked < N_FIRST, 2.0, agreement)


def balanced(who: Array) -> Array:
    """Choose answers such that no annotator dominates a model that learns from them.

    Parameters
    ----------
    who : ndarray of shape (n_answers,)
        Annotator of each answer, in the order in which they were given.

    Returns
    -------
    kept : ndarray of bool of shape (n_answers,)
        Of each annotator, at most twice as many answers as the median annotator has,
        or twice ten. They are spread evenly over all of his answers.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.labeling._annotator_quality import balanced
    >>> who = np.repeat([0, 1, 2], [300, 15, 12])
    >>> np.bincount(who[balanced(who)])
    array([30, 15, 12])
    """
    if len(who) == 0:
        return np.zeros(0, dtype=bool)
    numbers = np.unique(who, return_counts=True)[1]
    median = np.sort(numbers)[(len(numbers) - 1) // 2]
    most = 2 * max(median, N_FIRST)
    share = np.minimum(1, most / np.bincount(who)[who])
    rank = rank_in_group(who)
    # The end of the interval of each answer reaches a whole number in `most` of them.
    slack = 1e-9
    return np.floor((rank + 1) * share + slack) > np.floor(rank * share + slack)
