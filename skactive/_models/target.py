"""The kind of labels, as an interface between the learner and its labels.

A learner, its loop, its audits and its explanations use labels only through an object
of this file. Classes are the first implementation. Numbers, or a matrix of labels,
would be further ones with the same methods.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.metrics import accuracy_score

from skactive._compat.typing import Array
from skactive._data.labels import MISSING, decode_labels, encode_labels
from skactive._models.bootstrap import fit_on_rows
from skactive.estimation import smoothed_bootstrap_interval, wilson_interval


class Classes:
    """Labels that are classes, and missing where they are not known.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The sorted distinct classes.
    codes : ndarray of shape (n_samples,)
        Positions of the labels in `classes`, MISSING where there is no label.
    """

    scoring = "accuracy"
    """The score of an audit, unless another one is asked for."""

    def __init__(self, classes: Array, codes: Array):
        self.classes = classes
        self.codes = codes

    # -----------------------------------------------------------------------------
    # The labels of a pool
    # -----------------------------------------------------------------------------

    @classmethod
    def of(cls, y: Any, missing_label: Any = np.nan) -> Classes:
        """Convert labels from the user; ValueError if they are not classes."""
        return cls(*encode_labels(y, missing_label))

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def summary(self) -> Array:
        """What is known about all labels, also those of other rows: the classes."""
        return self.classes

    @property
    def known(self) -> Array:
        """Ascending positions of the rows with a label."""
        return np.flatnonzero(self.codes != MISSING)

    def values(self, rows: Array) -> Array:
        """Labels of rows that have one, in the form for an estimator."""
        return self.classes[self.codes[rows]]

    def visible(self) -> Array:
        """All labels as strategies see them, (n_samples,), with NaN or None."""
        return decode_labels(self.classes, self.codes)

    def take(self, rows: Array) -> Classes:
        """Labels of some rows."""
        return type(self)(self.classes, self.codes[rows])

    def only(self, rows: Array) -> Classes:
        """The same labels, but only those of `rows` are known."""
        codes = np.full(len(self.codes), MISSING)
        codes[rows] = self.codes[rows]
        return type(self)(self.classes, codes)

    # -----------------------------------------------------------------------------
    # What the labels of a fit imply for it
    # -----------------------------------------------------------------------------

    @staticmethod
    def seen(labels: Array) -> Array:
        """What is known after a fit on these labels: the classes."""
        return np.unique(labels)

    @staticmethod
    def are_enough(seen: Array) -> bool:
        """Whether a model of these classes can be used to choose rows."""
        return len(seen) > 1

    @staticmethod
    def strata(labels: Array) -> Array:
        """Groups (n_labels,) that folds and bootstrap samples are stratified by."""
        return labels

    @staticmethod
    def made_up(labels: Array, n_rows: int) -> Array:
        """Made-up labels for further rows, to try whether more labels would help."""
        classes = np.unique(labels)
        return classes[np.arange(n_rows) % len(classes)]

    @staticmethod
    def stand_in(X: Any, labels: Array, rows: Array) -> DummyClassifier:
        """Constant classifier in place of an estimator that cannot be fitted yet."""
        constant = DummyClassifier(strategy="prior")
        return fit_on_rows(constant, X, labels, rows, {})

    @staticmethod
    def is_stand_in(fitted: Any, estimator: Any) -> bool:
        """Whether `fitted` is such a constant, and not the fitted `estimator`."""
        return isinstance(fitted, DummyClassifier) and not isinstance(
            estimator, DummyClassifier
        )

    @staticmethod
    def attributes(summary: Array, fitted: Any, seen: Array) -> dict[str, Any]:
        """Attributes of a fitted learner about labels; `summary` is that of all labels.

        An estimator that was fitted before may know further classes.
        """
        known = np.asarray(getattr(fitted, "classes_", seen))
        return {"classes_": np.union1d(summary, known)}

    @staticmethod
    def align(columns: Any, seen: Array, classes: Array, fill: Any = 0.0) -> Array:
        """Columns of the classes seen as columns of all classes; others are `fill`."""
        if len(seen) == len(classes):
            return columns
        columns = np.asarray(columns)
        aligned = np.empty((len(columns), len(classes)), dtype=columns.dtype)
        aligned[:] = fill
        aligned[:, np.searchsorted(classes, seen)] = columns
        return aligned

    # -----------------------------------------------------------------------------
    # Scores of an audit
    # -----------------------------------------------------------------------------

    @staticmethod
    def is_own_score(scorer: Any) -> bool:
        """Whether a scorer is the share of rows that are predicted right."""
        return (
            getattr(scorer, "_score_func", None) is accuracy_score
            and scorer._sign == 1
            and scorer._kwargs in ({}, {"normalize": True})
        )

    @staticmethod
    def own_score(predicted: Array, labels: Array) -> Callable[[Array, Any], float]:
        """That score, as a function of positions among the rows."""
        is_right = np.asarray(predicted == labels, dtype=float)
        return lambda kept, _: float(is_right[kept].mean())

    @classmethod
    def interval(
        cls,
        scorer: Any,
        statistic: Callable[[Array, Array], float],
        labels: Array,
        *,
        confidence: float,
        random_state: int,
    ) -> tuple[float, tuple[float, float]]:
        """A score on a sample of rows, and its interval for all rows like them.

        `statistic` is the score as a function of positions among the rows, and of the
        labels there. Without rows, the score is NaN and its interval is the whole range
        of the score.
        """
        is_own = cls.is_own_score(scorer)
        if len(labels) == 0:
            return np.nan, (0.0, 1.0) if is_own else (-np.inf, np.inf)
        if is_own:
            share = float(statistic(np.arange(len(labels)), labels))
            n_right = round(share * len(labels))
            return share, wilson_interval(n_right, len(labels), confidence=confidence)
        estimate, interval, _ = smoothed_bootstrap_interval(
            statistic, labels, confidence=confidence, random_state=random_state
        )
        return estimate, interval
