"""Several labels a row, behind the interface of :class:`Target`."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import KFold, check_cv

from skactive._compat.sklearn import _safe_indexing
from skactive._compat.typing import Array
from skactive._data.label_sets import are_missing, count_labels, read_label_sets
from skactive._data.labels import MISSING
from skactive._models.bootstrap import fit_on_rows
from skactive._models.label_columns import LabelColumnsClassifier
from skactive._models.target import Categorical, Classes


class LabelSets(Categorical):
    """Several labels a row, each 0 or 1, missing where the row has no labels yet.

    Parameters
    ----------
    names : list
        The names of the labels, those of the columns of a data frame or positions.
    codes : ndarray of shape (n_samples, n_labels)
        0 or 1, and MISSING in all columns of a row without labels.
    """

    task = "multilabel"
    learner = "ActiveLearningClassifier"
    scoring = "accuracy"
    lack = "no label has been seen both as 0 and as 1"

    def __init__(self, names: list[Any], codes: Array):
        self.names = names
        self.codes = codes

    # -----------------------------------------------------------------------------
    # The labels of a pool
    # -----------------------------------------------------------------------------

    @classmethod
    def takes(cls, y: Any) -> bool:
        """Whether `y` has several columns."""
        return count_labels(y) is not None

    @classmethod
    def of(cls, y: Any, missing_label: Any = np.nan) -> LabelSets:
        """Convert labels from the user; ValueError if they are not 0 or 1."""
        codes, names = read_label_sets(y, missing_label)
        return cls(names, codes)

    @classmethod
    def nothing(cls, n_samples: int) -> LabelSets:
        """No labels at all."""
        return cls([0], np.full((n_samples, 1), MISSING, dtype=np.int8))

    @classmethod
    def missing_in(cls, y: Any, missing_label: Any = np.nan) -> Array:
        """Mask (n_samples,) of the rows without labels."""
        return are_missing(y, missing_label)

    @classmethod
    def visible_in(
        cls, y: Any, missing_label: Any, missing: Array, only_mask: bool
    ) -> Array:
        """Labels with NaN, as :meth:`visible`, from labels of the user."""
        if only_mask:
            visible = np.where(missing, np.nan, 0.0)
        else:
            visible = cls.of(y, missing_label).visible()
        visible.flags.writeable = False
        return visible

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def summary(self) -> list[Any]:
        """What is known about all labels, also those of other rows: their names."""
        return self.names

    @property
    def known(self) -> Array:
        """Ascending positions of the rows with labels."""
        return np.flatnonzero(self.codes[:, 0] != MISSING)

    def values(self, rows: Array) -> Array:
        """Labels of rows that have some, an indicator matrix (n_rows, n_labels)."""
        return self.codes[rows].astype(np.int64)

    def visible(self) -> Array:
        """All labels as strategies see them, (n_samples, n_labels), with NaN."""
        return np.where(self.codes == MISSING, np.nan, self.codes.astype(np.float64))

    def take(self, rows: Array) -> LabelSets:
        """Labels of some rows."""
        return type(self)(self.names, self.codes[rows])

    def only(self, rows: Array) -> LabelSets:
        """The same labels, but only those of `rows` are known."""
        codes = np.full_like(self.codes, MISSING)
        codes[rows] = self.codes[rows]
        return type(self)(self.names, codes)

    # -----------------------------------------------------------------------------
    # Labels that may mean something else
    # -----------------------------------------------------------------------------

    @staticmethod
    def find_suspects(
        y: Any, missing_label: Any, missing: Array | None = None
    ) -> dict[Any, int]:
        """Nothing: 0 and 1 are all that is taken as a label."""
        return {}

    @staticmethod
    def say_suspects(suspects: dict[Any, int], n_rows: int) -> str:
        """Nothing to say."""
        return ""

    # -----------------------------------------------------------------------------
    # What the labels of a fit imply for it
    # -----------------------------------------------------------------------------

    @classmethod
    def check_estimator(cls, estimator: Any) -> None:
        """Raise a ValueError if `estimator` is a regressor."""
        Classes.check_estimator(estimator)

    @classmethod
    def check_options(cls, learner: Any) -> None:
        """Raise a ValueError if the learner has options that are for one label."""
        if learner.warm_start is not False:
            raise ValueError(
                f"warm_start={learner.warm_start!r} is for one label a row: with "
                "several, the labels that can be learnt change from fit to fit. Use "
                "warm_start=False."
            )

    @classmethod
    def check_partial_fit(cls) -> None:
        """Raise: which labels can be learnt is not known from one batch."""
        raise ValueError(
            "partial_fit is for one label a row; y has several columns. Call fit with "
            "all rows that are labelled."
        )

    @staticmethod
    def trained(estimator: Any, encode: bool | str) -> Any:
        """The estimator that is fitted: `estimator`, on the labels that vary."""
        return LabelColumnsClassifier(estimator)

    @staticmethod
    def seen(labels: Array) -> Array:
        """The smallest and the largest value of each label, (2, n_labels)."""
        return np.stack([labels.min(axis=0), labels.max(axis=0)])

    @staticmethod
    def seen_in_all(seen: Array, more: Array) -> Array:
        """The smallest and the largest value of each label in both."""
        return LabelSets.seen(np.concatenate([seen, more]))

    @staticmethod
    def are_enough(seen: Array) -> bool:
        """Whether any label has been seen with both values."""
        return bool((seen[0] != seen[1]).any())

    @staticmethod
    def are_new(labels: Array, seen: Array) -> bool:
        """Whether a label has a value that it did not have before."""
        found = LabelSets.seen(labels)
        return bool((found[0] < seen[0]).any() or (found[1] > seen[1]).any())

    @staticmethod
    def strata(labels: Array) -> None:
        """Folds and bootstrap samples are not stratified: sets of labels are many."""
        return

    @staticmethod
    def made_up(labels: Array, n_rows: int) -> Array:
        """Made-up labels for further rows, to try whether more labels would help."""
        return labels[np.arange(n_rows) % len(labels)]

    @staticmethod
    def stand_in(X: Any, labels: Array, rows: Array) -> LabelColumnsClassifier:
        """Constant classifier in place of an estimator that cannot be fitted yet."""
        constant = LabelColumnsClassifier(DummyClassifier(strategy="prior"))
        return fit_on_rows(constant, X, labels, rows, {})

    @staticmethod
    def is_stand_in(fitted: Any, estimator: Any) -> bool:
        """Whether `fitted` is such a constant, and not the fitted `estimator`."""
        return isinstance(fitted.estimator, DummyClassifier) and not isinstance(
            estimator, DummyClassifier
        )

    @staticmethod
    def attributes(summary: Any, fitted: Any, seen: Array) -> dict[str, Any]:
        """Attributes of a fitted learner about labels."""
        return {"classes_": fitted.classes_}

    @staticmethod
    def align(columns: Any, seen: Any, classes: Any, fill: Any = 0.0) -> Array:
        """The columns themselves: there is one for each label."""
        return columns

    @staticmethod
    def decisions(
        fitted: Any, X: Any, known: Any, classes: Any, is_constant: bool
    ) -> Array:
        """Decision values of each label, (n_samples, n_labels)."""
        return fitted.decision_function(X)

    # -----------------------------------------------------------------------------
    # Folds, explanations and scores
    # -----------------------------------------------------------------------------

    @staticmethod
    def splitter(cv: Any, labels: Array, seed: int | None = None) -> Any:
        """Cross-validator for `cv`; an int means folds without stratification."""
        if seed is not None and isinstance(cv, numbers.Integral):
            return KFold(cv, shuffle=True, random_state=seed)
        return check_cv(cv)

    @staticmethod
    def as_numbers(fitted: Any, labels: Array) -> Array:
        """Each set of labels as one number is not defined."""
        raise ValueError("This is for one label a row; the learner predicts several.")

    @staticmethod
    def from_numbers(fitted: Any, values: Array) -> Array:
        """Each set of labels as one number is not defined."""
        raise ValueError("This is for one label a row; the learner predicts several.")

    @staticmethod
    def caveat(learner: Any, X: Any, labels: Array) -> str:
        """Say so if no row has a label, of which scores of each label know nothing."""
        absent = np.flatnonzero(~labels.any(axis=0))
        if len(labels) == 0 or len(absent) == 0:
            return ""
        columns = ", ".join(map(str, absent[:5])) + (", ..." if len(absent) > 5 else "")
        return (
            f"none of these rows has the label{'s' if len(absent) > 1 else ''} in "
            f"column{'s' if len(absent) > 1 else ''} {columns}: scores that are a mean "
            "over labels, such as f1_macro, count them as zero, and are too low"
        )

    def readable(self, labels: Array) -> list[Any]:
        """The names of the labels that each row has."""
        return [[self.names[label] for label in np.flatnonzero(row)] for row in labels]

    def predictions(self, fitted: Any, X: Any, rows: Array) -> list[dict]:
        """The labels that are predicted, and the probability of each."""
        parts: list[dict] = [
            {"prediction": None, "proba": None, "aleatoric": None, "epistemic": None}
            for _ in rows
        ]
        if fitted is None:
            return parts
        chosen = _safe_indexing(X, rows)
        names = self.names
        if len(names) != len(fitted.classes_):  # y was not passed
            names = [*range(len(fitted.classes_))]
        for part, labels in zip(parts, fitted.predict(chosen), strict=True):
            part["prediction"] = [names[label] for label in np.flatnonzero(labels)]
        if hasattr(fitted, "predict_proba"):
            for part, proba in zip(parts, fitted.predict_proba(chosen), strict=True):
                order = np.argsort(-proba, kind="stable")
                part["proba"] = {names[label]: float(proba[label]) for label in order}
        return parts
