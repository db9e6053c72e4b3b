"""Wrapper for estimators that accept only the labels 0, 1, ..., k - 1."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import get_tags

from skactive._compat.sklearn import available_if
from skactive._models.nets import seeded_torch

# Libraries whose classifiers reject strings, or gaps between integer labels.
_LIBRARIES = {"skorch", "xgboost"}


def needs_codes(estimator: Any) -> bool:
    """Whether `estimator`, or one inside it, is known to need the labels 0 to k - 1."""
    return _is_of(estimator, _LIBRARIES)


def _is_of(estimator: Any, libraries: set[str]) -> bool:
    """Whether the class of `estimator`, or of one inside it, is from `libraries`."""
    parts: Any = ()
    if isinstance(estimator, dict):
        parts = estimator.values()
    elif isinstance(estimator, (list, tuple)):
        parts = estimator
    else:
        kinds = type(estimator).__mro__
        if any(kind.__module__.partition(".")[0] in libraries for kind in kinds):
            return True
        if not isinstance(estimator, type) and hasattr(estimator, "get_params"):
            # The parameters, without the signature that get_params would look up.
            own = getattr(estimator, "__dict__", {})
            parts = [own[key] for key in own if key.strip("_") == key]
    return any(_is_of(part, libraries) for part in parts)


def _inner_has(name: str) -> Any:
    return lambda self: hasattr(getattr(self, "estimator_", self.estimator), name)


class EncodedClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Classifier that fits `estimator` on codes of labels, and predicts labels.

    A net may have more outputs than there are labels so far. The spare outputs are
    dropped, and the probabilities of the others are scaled to sum to one.

    Parameters
    ----------
    estimator : estimator object
        The classifier that needs labels 0 to k - 1.
    warm_start : bool, default=False
        Whether `fit` goes on with the fitted clone, according to that clone's own
        `warm_start`. Labels then keep their codes, and new labels get the next codes.
    random_state : int or None, default=None
        Seed of torch during the fit of nets of skorch in `estimator`, which have no
        such parameter. Afterwards, torch's random state is restored. With None, torch
        uses that state. Other estimators ignore the seed.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The sorted distinct labels.
    labels_ : ndarray of shape (n_classes,)
        The same labels in the order of their codes.
    estimator_ : estimator object
        The fitted clone; its own `classes_` are codes.
    """

    def __init__(
        self,
        estimator: Any,
        *,
        warm_start: bool = False,
        random_state: int | None = None,
    ):
        self.estimator = estimator
        self.warm_start = warm_start
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike, **params: Any) -> EncodedClassifier:
        """Fit a clone on the codes of `y`."""
        labels = np.unique(y)
        if self.warm_start and hasattr(self, "estimator_"):
            new = np.setdiff1d(labels, self.labels_)
            labels = np.concatenate([self.labels_, new])
        else:
            self._renew()
        self._set_labels(labels)
        with self._seeded():
            self.estimator_.fit(X, self._encode(y), **params)
        return self

    @available_if(_inner_has("partial_fit"))
    def partial_fit(
        self, X: Any, y: ArrayLike, classes: ArrayLike | None = None, **params: Any
    ) -> EncodedClassifier:
        """Go on fitting. The first call needs `classes`."""
        if not hasattr(self, "estimator_"):
            if classes is None:
                raise ValueError("classes must be passed on the first partial_fit.")
            self._set_labels(np.unique(classes))
            self._renew()
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"partial_fit got the labels {unknown.tolist()}, which are not among "
                f"the classes {self.classes_.tolist()}."
            )
        with self._seeded():
            self.estimator_.partial_fit(
                X, self._encode(y), classes=np.arange(len(self.classes_)), **params
            )
        return self

    def _renew(self) -> None:
        self.estimator_ = clone(self.estimator)
        self._n_fits: int = 0

    def take_codes(self, other: EncodedClassifier) -> None:
        """Prepare to go on from a fitted encoder: a new clone, with the same codes."""
        self._renew()
        self._set_labels(other.labels_)
        self._n_fits = other._n_fits

    def _seeded(self) -> Any:
        """Context for a fit, in which the seed determines what torch draws."""
        self._n_fits += 1
        if self.random_state is None or not _is_of(self.estimator, {"skorch"}):
            return seeded_torch(None)
        # Each fit has a seed of its own, because it may go on from the last fit.
        entropy = np.random.SeedSequence([self.random_state, self._n_fits])
        params = self.estimator.get_params(deep=True)
        devices = {v for k, v in params.items() if k.split("__")[-1] == "device"}
        return seeded_torch(int(entropy.generate_state(1)[0]), devices)

    def _set_labels(self, labels: NDArray[Any]) -> None:
        self.labels_ = labels
        self.classes_ = np.sort(labels)

    def _encode(self, y: ArrayLike) -> NDArray[Any]:
        order = np.argsort(self.labels_)
        return order[np.searchsorted(self.labels_, y, sorter=order)]

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict labels of shape (n_samples,)."""
        codes = np.ravel(self.estimator_.predict(X)).astype(np.intp)
        if codes.max(initial=0) < len(self.labels_):
            return self.labels_[codes]
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    @available_if(_inner_has("predict_proba"))
    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Predict probabilities of shape (n_samples, n_classes)."""
        return self.align(self.estimator_.predict_proba(X))

    @available_if(_inner_has("predict_log_proba"))
    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """Predict log-probabilities of shape (n_samples, n_classes)."""
        log_proba = self._columns(self.estimator_.predict_log_proba(X))
        return log_proba - logsumexp(log_proba, axis=-1, keepdims=True)

    @available_if(_inner_has("decision_function"))
    def decision_function(self, X: Any) -> NDArray[Any]:
        """Decision values of the estimator, with columns as in `classes_`."""
        values = np.asarray(self.estimator_.decision_function(X))
        if values.ndim > 1:
            return self._columns(values)
        is_turned = self.labels_[0] != self.classes_[0]
        return -values if is_turned else values

    def align(self, proba: ArrayLike) -> NDArray[Any]:
        """Probabilities of codes, (..., n_outputs), as those of `classes_`."""
        proba = np.asarray(proba)
        n_outputs = proba.shape[-1]
        proba = self._columns(proba)
        if n_outputs == len(self.labels_):
            return proba
        total = proba.sum(axis=-1, keepdims=True)
        flat = proba.dtype.type(1 / len(self.labels_))
        return np.divide(proba, total, out=np.full_like(proba, flat), where=total > 0)

    def _columns(self, values: Any) -> NDArray[Any]:
        values = np.asarray(values)
        if values.shape[-1] < len(self.labels_):
            raise ValueError(
                f"{self.estimator!r} has {values.shape[-1]} outputs, but was fitted on "
                f"the {len(self.classes_)} labels {self.classes_.tolist()}. Give it "
                "at least one output per class."
            )
        order = np.argsort(self.labels_)
        if len(order) == values.shape[-1] and (np.diff(order) == 1).all():
            return values
        return values[..., order]

    @available_if(_inner_has("score"))
    def score(self, X: Any, y: ArrayLike, **params: Any) -> float:
        """Score of the estimator. Unknown labels count as one further class."""
        codes = np.full(len(np.asarray(y)), len(self.labels_))
        is_known = np.isin(y, self.classes_)
        codes[is_known] = self._encode(np.asarray(y)[is_known])
        return self.estimator_.score(X, codes, **params)

    n_features_in_ = property(attrgetter("estimator_.n_features_in_"))
    feature_names_in_ = property(attrgetter("estimator_.feature_names_in_"))

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        # Messages name the estimator that the user knows.
        return repr(getattr(self, "estimator_", self.estimator))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags
