"""Audit of a cheap label source: compare its answers with trusted labels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from skactive._compat.sklearn import _num_samples
from skactive._compat.typing import Array
from skactive._data.labels import MISSING, encode_labels, is_missing
from skactive.estimation import wilson_interval
from skactive.labeling._source import LabelSource, answers_of, as_source, unite
from skactive.strategies._selection import as_generator, check_rows


class SourceAudit(NamedTuple):
    """Result of :func:`audit_source`. Its `str` is a sentence.

    Parameters
    ----------
    agreement : float
        Share of the answers that equal the reference. NaN if there are no answers.
    interval : (float, float)
        Wilson interval for the agreement on all rows like those asked about.
    n_compared : int
        Number of answers that were compared.
    abstention_rate : float
        Share of the rows asked about for which the source abstained.
    n_asked : int
        Number of rows asked about whose reference is known.
    classes : ndarray of shape (n_classes,)
        Sorted labels of the source and the reference.
    confusion : ndarray of shape (n_classes, n_classes)
        Confusion matrix. Entry (i, j) is the number of rows that are of the i-th class
        for the reference and of the j-th class for the source.
    n_abstained : ndarray of shape (n_classes,)
        Number of rows of each class of the reference for which the source abstained.
    confidence : float
        Confidence level of the interval.
    """

    agreement: float
    interval: tuple[float, float]
    n_compared: int
    abstention_rate: float
    n_asked: int
    classes: Array
    confusion: Array
    n_abstained: Array
    confidence: float

    def __str__(self) -> str:
        low, high = self.interval
        n_right = int(np.trace(self.confusion))
        return (
            f"agrees on {n_right} of {self.n_compared} rows ({self.agreement:.1%}, "
            f"{100 * self.confidence:g}% interval {low:.1%} to {high:.1%}); abstained "
            f"on {self.n_asked - self.n_compared} of {self.n_asked} "
            f"({self.abstention_rate:.1%})"
        )


def audit_source(
    source: Any,
    reference: Any,
    *,
    rows: ArrayLike | None = None,
    n_rows: int | None = None,
    confidence: float = 0.95,
    missing_label: Any = np.nan,
    random_state: int | np.random.RandomState | None = None,
) -> SourceAudit:
    """Compare the answers of a cheap label source with trusted labels.

    The interval holds for rows like those asked about. These must therefore be drawn at
    random from the rows that the source is to label. Do not use rows that a strategy
    chose, rows that the source was built from, or rows whose label in `reference` comes
    from the source itself, as some in the `y` of a :class:`LabelingResult` do.

    Parameters
    ----------
    source : LabelSource or callable
        The source to audit.
    reference : array-like of shape (n_samples,), LabelSource or callable
        Trusted labels, missing where there is none, or a source that gives them. Rows
        without a trusted label are left out.
    rows : array-like of shape (n_rows,), default=None
        Positions to ask about. None means all rows that have a label in `reference`.
        Required if `reference` is a function.
    n_rows : int, default=None
        Number of these rows to draw at random. None means all.
    confidence : float in (0, 1), default=0.95
        Confidence level of the interval.
    missing_label : object, default=np.nan
        Value that means no answer, besides NaN and None.
    random_state : int, RandomState instance or None, default=None
        Draws the rows.

    Returns
    -------
    audit : SourceAudit
        A named tuple with the `agreement`, its `interval`, the `abstention_rate`, the
        `confusion` matrix and more.

    Raises
    ------
    ValueError
        If there are fewer rows than `n_rows`, or none, or a source does not give one
        label per row.

    Examples
    --------
    >>> from skactive.labeling import audit_source
    >>> def rule(rows):
    ...     return ["even" if row % 2 == 0 else None for row in rows]
    >>> read = ["even", "odd", "even", None, "odd", "even"]
    >>> print(audit_source(rule, read))
    agrees on 2 of 3 rows (66.7%, 95% interval 20.8% to 93.9%); abstained on 2 of 5 (40.0%)
    """  # noqa: E501
    source = as_source(source)
    is_asked = isinstance(reference, LabelSource) or callable(reference)
    if is_asked and rows is None:
        raise ValueError(
            "reference is a function: give rows, the positions to ask about. A random "
            "sample of those that the source is to label says the most."
        )
    if not is_asked:
        known = np.flatnonzero(~is_missing(reference, missing_label))
        given = known if rows is None else check_rows(rows, _num_samples(reference))
        rows = given[np.isin(given, known)]
    asked = np.unique(np.asarray(rows, dtype=np.intp))
    if len(asked) < (1 if n_rows is None else n_rows):
        raise ValueError(
            f"There are {len(asked)} rows with a reference to compare with; n_rows="
            f"{n_rows} asks for more, or there must be at least one."
        )
    if n_rows is not None:
        asked = as_generator(random_state).choice(asked, size=n_rows, replace=False)
    if is_asked:
        truth = answers_of(as_source(reference), asked, missing_label)
        asked = asked[truth[1] != MISSING]
        truth = truth[0], truth[1][truth[1] != MISSING]
    else:
        all_classes, codes = encode_labels(reference, missing_label)
        truth = all_classes, codes[asked]
    answers = answers_of(source, asked, missing_label)
    classes, codes_of = unite(truth[0], answers[0])
    true, found = codes_of[0][truth[1]], np.append(codes_of[1], MISSING)[answers[1]]
    compared = found != MISSING
    n_classes, n_compared = len(classes), int(np.count_nonzero(compared))
    confusion = np.zeros((n_classes, n_classes), dtype=np.intp)
    np.add.at(confusion, (true[compared], found[compared]), 1)
    n_right = int(np.trace(confusion))
    return SourceAudit(
        agreement=n_right / n_compared if n_compared else np.nan,
        interval=wilson_interval(n_right, n_compared, confidence=confidence),
        n_compared=n_compared,
        abstention_rate=1 - n_compared / len(asked) if len(asked) else np.nan,
        n_asked=len(asked),
        classes=classes,
        confusion=confusion,
        n_abstained=np.bincount(true[~compared], minlength=n_classes),
        confidence=confidence,
    )
