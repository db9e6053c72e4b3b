"""The kind of labels, as an interface between the learner and its labels.

A learner, its loop, its audits and its explanations use labels only through an object
of this kind. :class:`Target` says what all kinds share, and :class:`Classes` is the
first of them. Numbers and several labels a row are the others, in files of their own.
"""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import StratifiedKFold, check_cv

from skactive import measures
from skactive._compat.sklearn import _num_samples, _safe_indexing
from skactive._compat.typing import Array
from skactive._data.labels import (
    MISSING,
    as_visible,
    decode_labels,
    encode_labels,
    find_marks,
    is_missing,
)
from skactive._models.bootstrap import fit_on_rows
from skactive._models.encoded import EncodedClassifier, needs_codes
from skactive._models.members import classes_of, member_proba
from skactive._models.response import decision_values, has_response, predict_proba
from skactive._models.wrappers import task_of, type_of
from skactive.estimation import smoothed_bootstrap_interval, wilson_interval

# Estimators that learn no labels, as scikit-learn's tags name them.
_LEARN_NO_LABELS = {
    "clusterer": "a clusterer",
    "density_estimator": "a density estimator",
    "outlier_detector": "an outlier detector",
}


class Target(ABC):
    """The labels of a pool, missing where they are not known, and what they mean.

    Attributes
    ----------
    task : str
        "classification", "regression" or "multilabel", what strategies choose rows for.
    learner : str
        Name of the learner for such labels.
    scoring : str
        The score of an audit, unless another one is asked for.
    lack : str
        What is said while there are too few labels for a model.
    """

    task: ClassVar[str]
    learner: ClassVar[str]
    scoring: ClassVar[str]
    lack: ClassVar[str]

    # -----------------------------------------------------------------------------
    # The labels of a pool
    # -----------------------------------------------------------------------------

    @classmethod
    def takes(cls, y: Any) -> bool:
        """Whether `y` has the shape of labels of this kind."""
        return True

    @classmethod
    @abstractmethod
    def of(cls, y: Any, missing_label: Any = np.nan) -> Target:
        """Convert labels from the user; ValueError if they are of another kind."""

    @classmethod
    def nothing(cls, n_samples: int) -> Target:
        """No labels at all."""
        return cls.of([None] * n_samples)

    @classmethod
    def missing_in(cls, y: Any, missing_label: Any = np.nan) -> Array:
        """Mask (n_samples,) of the rows without a label."""
        return is_missing(y, missing_label)

    @classmethod
    @abstractmethod
    def visible_in(
        cls, y: Any, missing_label: Any, missing: Array, only_mask: bool
    ) -> Array:
        """As `of(y).visible()`, read-only; any number for a label if `only_mask`."""

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def summary(self) -> Any:
        """What is known about all labels, also those of other rows."""

    @property
    @abstractmethod
    def known(self) -> Array:
        """Ascending positions of the rows with a label."""

    @abstractmethod
    def values(self, rows: Array) -> Array:
        """Labels of rows that have one, in the form for an estimator."""

    @abstractmethod
    def visible(self) -> Array:
        """All labels as strategies see them, (n_samples,), with NaN or None."""

    @abstractmethod
    def take(self, rows: Array) -> Target:
        """Labels of some rows."""

    @abstractmethod
    def only(self, rows: Array) -> Target:
        """The same labels, but only those of `rows` are known."""

    # -----------------------------------------------------------------------------
    # Labels that may mean something else
    # -----------------------------------------------------------------------------

    @staticmethod
    @abstractmethod
    def find_suspects(
        y: Any, missing_label: Any, missing: Array | None = None
    ) -> dict[Any, int]:
        """What in `y` may not be meant as it is taken, each with its number of rows."""

    @staticmethod
    @abstractmethod
    def say_suspects(suspects: dict[Any, int], n_rows: int) -> str:
        """The text of a warning about suspects in `n_rows` labels."""

    @staticmethod
    def hint_of_marks(y: Any, missing_label: Any) -> str:
        """A sentence for an error that no label is missing; empty if none helps."""
        return ""

    # -----------------------------------------------------------------------------
    # What the labels of a fit imply for it
    # -----------------------------------------------------------------------------

    @classmethod
    def check_estimator(cls, estimator: Any) -> None:
        """Raise a ValueError if `estimator` learns labels of another kind."""
        task = task_of(estimator)
        other = {"classification": "Classifier", "regression": "Regressor"}
        if (kind := type_of(estimator)) in _LEARN_NO_LABELS:
            raise ValueError(
                f"{cls.learner} needs a {other[cls.task].lower()}, which learns from "
                f"labels; got {estimator!r}, {_LEARN_NO_LABELS[kind]}. It can stand "
                "before one in a pipeline if it has transform."
            )
        if task not in (None, cls.task):
            raise ValueError(
                f"{cls.learner} needs a {other[cls.task].lower()}; got {estimator!r}, "
                f"a {other[task].lower()}. Use ActiveLearning{other[task]} for it."
            )

    @classmethod
    def check_options(cls, learner: Any) -> None:
        """Raise a ValueError if options of a learner are for labels of another kind."""
        return

    @classmethod
    def check_partial_fit(cls) -> None:
        """Raise a ValueError if such labels cannot be learnt batch by batch."""
        return

    @staticmethod
    def trained(estimator: Any, encode: bool | str) -> Any:
        """The estimator that is fitted; labels are encoded, or "auto", if `encode`."""
        return estimator

    @staticmethod
    @abstractmethod
    def seen(labels: Array) -> Array:
        """What is known after a fit on these labels."""

    @staticmethod
    def seen_in_all(seen: Array, more: Array) -> Array:
        """What is known after a further fit on other labels."""
        return np.union1d(seen, more)

    @staticmethod
    def are_enough(seen: Array) -> bool:
        """Whether a model of these labels can be used to choose rows."""
        return len(seen) > 1

    @staticmethod
    @abstractmethod
    def are_new(labels: Array, seen: Array) -> bool:
        """Whether a model that has seen `seen` cannot just go on with `labels`."""

    @staticmethod
    @abstractmethod
    def strata(labels: Array) -> Array | None:
        """Groups (n_labels,) that folds and bootstrap samples are stratified by."""

    @staticmethod
    @abstractmethod
    def made_up(labels: Array, n_rows: int) -> Array:
        """Made-up labels for further rows, to try whether more labels would help."""

    @staticmethod
    @abstractmethod
    def stand_in(X: Any, labels: Array, rows: Array) -> Any:
        """Constant model in place of an estimator that cannot be fitted yet."""

    @staticmethod
    @abstractmethod
    def is_stand_in(fitted: Any, estimator: Any) -> bool:
        """Whether `fitted` is such a constant, and not the fitted `estimator`."""

    @staticmethod
    def summary_of_all(summary: Any, seen: Array) -> Any:
        """The summary once further labels were seen."""
        return summary

    @staticmethod
    def attributes(summary: Any, fitted: Any, seen: Array) -> dict[str, Any]:
        """Attributes of a fitted learner about labels; `summary` is that of all."""
        return {}

    # -----------------------------------------------------------------------------
    # Folds, explanations and scores
    # -----------------------------------------------------------------------------

    @staticmethod
    @abstractmethod
    def splitter(cv: Any, labels: Array, seed: int | None = None) -> Any:
        """Cross-validator for `cv`; an int means folds, shuffled by a `seed`."""

    @staticmethod
    @abstractmethod
    def as_numbers(fitted: Any, labels: Array) -> Array:
        """Predicted labels of a fitted model as numbers, (n_labels,)."""

    @staticmethod
    @abstractmethod
    def from_numbers(fitted: Any, values: Array) -> Array:
        """The labels that these numbers are."""

    def readable(self, labels: Array) -> list[Any]:
        """Labels of some rows, for people to read."""
        return [_plain(label) for label in labels]

    @abstractmethod
    def predictions(self, fitted: Any, X: Any, rows: Array) -> list[dict]:
        """What the model says of each of `rows`, for `explain_query`.

        `fitted` is None while there is no model.
        """

    @staticmethod
    @abstractmethod
    def is_own_score(scorer: Any) -> bool:
        """Whether a scorer is that of `scoring`, and `own_score` computes it."""

    @staticmethod
    @abstractmethod
    def own_score(predicted: Array, labels: Array) -> Callable[[Array, Any], float]:
        """That score, as a function of positions among the rows."""

    @classmethod
    @abstractmethod
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

    @staticmethod
    def caveat(learner: Any, X: Any, labels: Array) -> str:
        """A sentence on why an interval from these rows may be wrong, or nothing."""
        return ""


class Categorical(Target):
    """Labels that are predicted right or wrong: their score is a share of the rows."""

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
        if is_right.ndim > 1:  # with several labels, all of them
            is_right = is_right.min(axis=1)
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
        """Wilson's interval for the share of rows, a bootstrap for any other score."""
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


class Classes(Categorical):
    """Labels that are classes, and missing where they are not known.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The sorted distinct classes.
    codes : ndarray of shape (n_samples,)
        Positions of the labels in `classes`, MISSING where there is no label.
    """

    task = "classification"
    learner = "ActiveLearningClassifier"
    scoring = "accuracy"
    lack = "one class only has been labelled"

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

    @classmethod
    def visible_in(
        cls, y: Any, missing_label: Any, missing: Array, only_mask: bool
    ) -> Array:
        """Labels with NaN or None, as :meth:`visible`, from labels of the user."""
        return as_visible(y, missing_label, missing, only_mask)

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
    # Classes that look like marks of a missing label
    # -----------------------------------------------------------------------------

    @staticmethod
    def find_suspects(
        y: Any, missing_label: Any, missing: Array | None = None
    ) -> dict[Any, int]:
        """Classes that look like marks of a missing label."""
        return find_marks(y, missing_label, missing)

    @staticmethod
    def say_suspects(suspects: dict[Any, int], n_rows: int) -> str:
        """The text of a warning about such classes."""
        what = [f"{mark!r} in {n} of {n_rows} rows" for mark, n in suspects.items()]
        way = f"set missing_label={next(iter(suspects))!r}"
        if len(suspects) > 1:
            way += ", and put None in place of the others"
        return (
            f"y has {' and '.join(what)}, which is taken as a class, though it looks "
            f"like a mark of a missing label. If it is one, {way}. If it is a class, "
            "ignore this warning."
        )

    @staticmethod
    def hint_of_marks(y: Any, missing_label: Any) -> str:
        """A sentence about a class that may stand for missing labels."""
        marks = find_marks(y, missing_label, most=0)
        if not marks:
            return ""
        mark = next(iter(marks))
        return (
            f" y holds {mark!r}, which is taken as a class; if it means that "
            f"a label is missing, set missing_label={mark!r}."
        )

    # -----------------------------------------------------------------------------
    # What the labels of a fit imply for it
    # -----------------------------------------------------------------------------

    @staticmethod
    def trained(estimator: Any, encode: bool | str) -> Any:
        """The estimator that is fitted, around which labels are encoded if needed."""
        if encode == "auto":
            encode = needs_codes(estimator)
        return EncodedClassifier(estimator) if encode else estimator

    @staticmethod
    def seen(labels: Array) -> Array:
        """What is known after a fit on these labels: the classes."""
        return np.unique(labels)

    @staticmethod
    def are_new(labels: Array, seen: Array) -> bool:
        """Whether a class is new to the model."""
        return len(np.setdiff1d(labels, seen)) > 0

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
    def summary_of_all(summary: Array, seen: Array) -> Array:
        """The classes once further labels were seen."""
        return np.union1d(summary, seen)

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

    @staticmethod
    def decisions(
        fitted: Any, X: Any, known: Array, classes: Array, is_constant: bool
    ) -> Array:
        """Decision values of all `classes`, of which a fitted estimator knows `known`.

        It may be a constant that stands in for the estimator. A class that it does not
        know has the smallest value of the row minus one.
        """
        if is_constant:
            values = np.zeros((_num_samples(X), 1))
            if len(classes) == 1:
                return values[:, 0]
        elif len(known) == len(classes):
            return fitted.decision_function(X)
        else:
            values = decision_values(fitted, X)
        least = values.min(axis=1, keepdims=True) - 1
        values = Classes.align(values, known, classes, least)
        return values[:, 1] - values[:, 0] if len(classes) == 2 else values

    # -----------------------------------------------------------------------------
    # Folds, explanations and scores
    # -----------------------------------------------------------------------------

    @staticmethod
    def splitter(cv: Any, labels: Array, seed: int | None = None) -> Any:
        """Cross-validator for `cv`; an int means stratified folds."""
        if seed is not None and isinstance(cv, numbers.Integral):
            return StratifiedKFold(cv, shuffle=True, random_state=seed)
        return check_cv(cv, labels, classifier=True)

    @staticmethod
    def as_numbers(fitted: Any, labels: Array) -> Array:
        """Positions of predicted classes among those of the model."""
        return np.searchsorted(classes_of(fitted), np.ravel(labels))

    @staticmethod
    def from_numbers(fitted: Any, values: Array) -> Array:
        """The classes at these positions."""
        return classes_of(fitted)[values.astype(np.intp)]

    def predictions(self, fitted: Any, X: Any, rows: Array) -> list[dict]:
        """The class, the probabilities, and the parts of the entropy, in nats."""
        parts: list[dict] = [
            {"prediction": None, "proba": None, "aleatoric": None, "epistemic": None}
            for _ in rows
        ]
        if fitted is None:
            return parts
        chosen = _safe_indexing(X, rows)
        if has_response(fitted, "predict_proba"):
            classes = [_plain(label) for label in classes_of(fitted)]
            for part, proba in zip(parts, predict_proba(fitted, chosen), strict=True):
                order = np.argsort(-proba, kind="stable")
                part["prediction"] = classes[order[0]]
                part["proba"] = {classes[c]: float(proba[c]) for c in order}
        else:
            labels = np.ravel(fitted.predict(chosen))
            for part, label in zip(parts, labels, strict=True):
                part["prediction"] = _plain(label)
        if has_response(fitted, "members"):
            proba = member_proba(fitted, chosen, marginal=True)
            epistemic = measures.information_gain(proba)
            aleatoric = measures.consensus_entropy(proba) - epistemic
            for part, a, e in zip(parts, aleatoric, epistemic, strict=True):
                part["aleatoric"], part["epistemic"] = float(a), float(e)
        return parts


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label
