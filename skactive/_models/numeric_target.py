"""Labels that are numbers, behind the interface of :class:`Target`."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.dummy import DummyRegressor
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import KFold, check_cv

from skactive._compat.sklearn import _safe_indexing
from skactive._compat.typing import Array
from skactive._data.labels import check_one_target, is_missing, read_numbers
from skactive._models.bootstrap import fit_on_rows
from skactive._models.predictive import predictive_std
from skactive._models.response import has_response
from skactive._models.target import Target
from skactive.estimation import loss_interval, tail_share

# Whole numbers with no more distinct values than this, each repeated this many times on
# average, may be classes.
_MOST_CLASSES, _LEAST_REPEATS = 10, 4
# If this share of the rows has more than that share of the squared error, an interval
# is too short as a rule.
_FEW_ROWS, _MOST_ERROR = 0.05, 0.31


class Numbers(Target):
    """Labels that are finite numbers, and NaN where they are not known.

    Parameters
    ----------
    numbers : ndarray of shape (n_samples,)
        float32 or float64.
    """

    task = "regression"
    learner = "ActiveLearningRegressor"
    scoring = "r2"
    lack = "fewer than two rows have been labelled"

    def __init__(self, numbers: Array):
        self.numbers = numbers

    # -----------------------------------------------------------------------------
    # The labels of a pool
    # -----------------------------------------------------------------------------

    @classmethod
    def of(cls, y: Any, missing_label: Any = np.nan) -> Numbers:
        """Convert labels from the user; ValueError if they are not finite numbers."""
        return cls(read_numbers(y))

    @classmethod
    def missing_in(cls, y: Any, missing_label: Any = np.nan) -> Array:
        """Mask (n_samples,) of the rows without a label."""
        check_one_target(y)
        return is_missing(y)

    @classmethod
    def visible_in(
        cls, y: Any, missing_label: Any, missing: Array, only_mask: bool
    ) -> Array:
        """Numbers with NaN, as :meth:`visible`, from labels of the user."""
        visible = np.where(missing, np.nan, 0.0) if only_mask else read_numbers(y)
        visible.flags.writeable = False
        return visible

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def summary(self) -> None:
        """Nothing is known about numbers of other rows."""
        return None

    @property
    def known(self) -> Array:
        """Ascending positions of the rows with a label."""
        return np.flatnonzero(~np.isnan(self.numbers))

    def values(self, rows: Array) -> Array:
        """Labels of rows that have one, in the form for an estimator."""
        return self.numbers[rows]

    def visible(self) -> Array:
        """All labels as strategies see them, (n_samples,), with NaN."""
        return self.numbers

    def take(self, rows: Array) -> Numbers:
        """Labels of some rows."""
        return type(self)(self.numbers[rows])

    def only(self, rows: Array) -> Numbers:
        """The same labels, but only those of `rows` are known."""
        numbers = np.full_like(self.numbers, np.nan)
        numbers[rows] = self.numbers[rows]
        return type(self)(numbers)

    # -----------------------------------------------------------------------------
    # Numbers that look like classes
    # -----------------------------------------------------------------------------

    @staticmethod
    def find_suspects(
        y: Any, missing_label: Any, missing: Array | None = None
    ) -> dict[Any, int]:
        """How many distinct whole numbers there are, if these may be classes."""
        labels = read_numbers(y)
        labels = labels[~np.isnan(labels)]
        some = np.unique(labels[:1000])
        if not 1 < len(some) <= _MOST_CLASSES or (some % 1 != 0).any():
            return {}
        distinct = np.unique(labels)
        is_few = len(distinct) <= min(_MOST_CLASSES, len(labels) / _LEAST_REPEATS)
        if not is_few or (distinct % 1 != 0).any():
            return {}
        return {"classes": len(distinct)}

    @staticmethod
    def say_suspects(suspects: dict[Any, int], n_rows: int) -> str:
        """The text of a warning about numbers that may be classes."""
        return (
            f"y has only {suspects['classes']} distinct values, all whole numbers, "
            "which may be classes. If they are, use ActiveLearningClassifier. If they "
            "are amounts or ranks, ignore this warning."
        )

    # -----------------------------------------------------------------------------
    # What the labels of a fit imply for it
    # -----------------------------------------------------------------------------

    @staticmethod
    def seen(labels: Array) -> Array:
        """The smallest and the largest label, or the only one."""
        return np.array([labels.min(), labels.max()][: len(labels)])

    @staticmethod
    def seen_in_all(seen: Array, more: Array) -> Array:
        """The smallest and the largest label of both."""
        both = np.concatenate([seen, more])
        return np.array([both.min(), both.max()])

    @staticmethod
    def are_new(labels: Array, seen: Array) -> bool:
        """No number is new to a model."""
        return False

    @staticmethod
    def strata(labels: Array) -> None:
        """Folds and bootstrap samples are not stratified."""
        return

    @staticmethod
    def made_up(labels: Array, n_rows: int) -> Array:
        """Made-up labels for further rows, to try whether more labels would help."""
        return np.resize(labels, n_rows)

    @staticmethod
    def stand_in(X: Any, labels: Array, rows: Array) -> DummyRegressor:
        """Constant regressor in place of an estimator that cannot be fitted yet."""
        return fit_on_rows(DummyRegressor(), X, labels, rows, {})

    @staticmethod
    def is_stand_in(fitted: Any, estimator: Any) -> bool:
        """Whether `fitted` is such a constant, and not the fitted `estimator`."""
        return isinstance(fitted, DummyRegressor) and not isinstance(
            estimator, DummyRegressor
        )

    # -----------------------------------------------------------------------------
    # Folds, explanations and scores
    # -----------------------------------------------------------------------------

    @staticmethod
    def splitter(cv: Any, labels: Array, seed: int | None = None) -> Any:
        """Cross-validator for `cv`; an int means folds."""
        if seed is not None and isinstance(cv, numbers.Integral):
            return KFold(cv, shuffle=True, random_state=seed)
        return check_cv(cv)

    @staticmethod
    def as_numbers(fitted: Any, labels: Array) -> Array:
        """The predictions themselves."""
        return np.ravel(labels)

    @staticmethod
    def from_numbers(fitted: Any, values: Array) -> Array:
        """The numbers themselves."""
        return values

    def predictions(self, fitted: Any, X: Any, rows: Array) -> list[dict]:
        """The predicted number, and its standard deviation where there is one."""
        nothing: dict = {"prediction": None, "std": None}
        if fitted is None:
            return [dict(nothing) for _ in rows]
        chosen = _safe_indexing(X, rows)
        parts = [
            nothing | {"prediction": float(p)} for p in np.ravel(fitted.predict(chosen))
        ]
        if has_response(fitted, "std"):
            for part, std in zip(parts, predictive_std(fitted, chosen), strict=True):
                part["std"] = float(std)
        return parts

    @staticmethod
    def is_own_score(scorer: Any) -> bool:
        """No score has a short way: all are computed by their scorer."""
        return False

    @staticmethod
    def own_score(predicted: Array, labels: Array) -> Callable[[Array, Any], float]:
        """The negative squared error, as a function of positions among the rows."""
        return lambda kept, _: -float(mean_squared_error(labels[kept], predicted[kept]))

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
        """A score on a sample of rows, and its interval for all rows like them."""
        if len(labels) == 0:
            return np.nan, (-np.inf, np.inf)
        estimate, interval, _ = loss_interval(
            lambda kept: statistic(kept, labels[kept]),
            len(labels),
            best=_best_score(scorer),
            confidence=confidence,
        )
        return estimate, interval

    @staticmethod
    def caveat(learner: Any, X: Any, labels: Array) -> str:
        """Say so if few rows have most of the squared error."""
        if len(labels) == 0:
            return ""
        errors = (np.ravel(learner.predict(X)) - labels) ** 2
        share = tail_share(errors, _FEW_ROWS)
        if share <= _MOST_ERROR:
            return ""
        n_few = max(1, round(_FEW_ROWS * len(labels)))
        return (
            f"{n_few} of these rows {'have' if n_few > 1 else 'has'} {share:.0%} of "
            "the squared error: there may be larger errors that no audit row shows, "
            "and the interval may be too short"
        )


def _best_score(scorer: Any) -> float | None:
    """The best value of a score: 0 for errors, 1 for shares of the variance."""
    if getattr(scorer, "_sign", 0) == -1:
        return 0.0
    name = getattr(getattr(scorer, "_score_func", None), "__name__", "r2_score")
    is_share = name.startswith(("r2", "d2", "explained_variance"))
    return 1.0 if is_share else None
