"""What labels are: the seam between the learner and the kind of its labels.

A learner, its loop, its audits and its explanations know labels through one object of
this file. Classes are its first implementation; numbers, or a matrix of labels, are
further ones with the same methods.
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
    """Labels of which each is one of some classes, and missing where not known.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted and distinct.
    codes : ndarray of shape (n_samples,)
        Positions of the labels in `classes`, MISSING where there is none.
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
        """Labels as users give them; ValueError where they are no classes."""
        return cls(*encode_labels(y, missing_label))

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def summary(self) -> Array:
        """What is known of all labels, those of others rows included: the classes."""
        return self.classes

    @property
    def known(self) -> Array:
        """Ascending positions of the rows with a label."""
        return np.flatnonzero(self.codes != MISSING)

    def values(self, rows: Array) -> Array:
        """Labels of rows that have one, as an estimator is given them."""
        return self.classes[self.codes[rows]]

    def visible(self) -> Array:
        """All labels as strategies see them, (n_samples,), with NaN or None."""
        return decode_labels(self.classes, self.codes)

    def take(self, rows: Array) -> Classes:
        """Labels of some rows."""
        return type(self)(self.classes, self.codes[rows])

    def only(self, rows: Array) -> Classes:
        """The same labels where those of `rows` are known, and no others."""
        codes = np.full(len(self.codes), MISSING)
        codes[rows] = self.codes[rows]
        return type(self)(self.classes, codes)

    # -----------------------------------------------------------------------------
    # What labels that are learnt from mean for a fit
    # -----------------------------------------------------------------------------

    @staticmethod
    def seen(labels: Array) -> Array:
        """What is known once these labels have been learnt: the classes."""
        return np.unique(labels)

    @staticmethod
    def are_enough(seen: Array) -> bool:
        """Whether a model of these classes has anything to choose by."""
        return len(seen) > 1

    @staticmethod
    def strata(labels: Array) -> Array:
        """Groups (n_labels,) of which folds and bootstrap samples hold equal shares."""
        return labels

    @staticmethod
    def made_up(labels: Array, n_rows: int) -> Array:
        """Labels for further rows, to try whether more of them would help."""
        classes = np.unique(labels)
        return classes[np.arange(n_rows) % len(classes)]

    @staticmethod
    def stand_in(X: Any, labels: Array, rows: Array) -> DummyClassifier:
        """A constant in place of an estimator that cannot be fitted yet."""
        constant = DummyClassifier(strategy="prior")
        return fit_on_rows(constant, X, labels, rows, {})

    @staticmethod
    def is_stand_in(fitted: Any, estimator: Any) -> bool:
        """Whether `fitted` is such a constant, and not what `estimator` has become."""
        return isinstance(fitted, DummyClassifier) and not isinstance(
            estimator, DummyClassifier
        )

    @staticmethod
    def attributes(summary: Array, fitted: Any, seen: Array) -> dict[str, Any]:
        """What a fitted learner says of labels; `summary` is that of all it was given.

        An estimator that was fitted beforehand may know further classes.
        """
        known = np.asarray(getattr(fitted, "classes_", seen))
        return {"classes_": np.union1d(summary, known)}

    @staticmethod
    def align(columns: Any, seen: Array, classes: Array, fill: Any = 0.0) -> Array:
        """Columns (n_samples, n_seen) as those of all classes; others are `fill`."""
        if len(seen) == len(classes):
            return columns
        columns = np.asarray(columns)
        aligned = np.empty((len(columns), len(classes)), dtype=columns.dtype)
        aligned[:] = fill
        aligned[:, np.searchsorted(classes, seen)] = columns
        return aligned

    # -----------------------------------------------------------------------------
    # What an audit may say
    # -----------------------------------------------------------------------------

    @staticmethod
    def is_own_score(scorer: Any) -> bool:
        """Whether a scorer gives the share of rows that are predicted right."""
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
        """A score on some rows, and where it is on all rows like them.

        `statistic` is the score as a function of positions among the rows, and of the
        labels there. Without rows it is NaN, within all that it can be.
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
