"""Refits of any classifier: one fit for each candidate and label."""

from __future__ import annotations

import sys
from copy import deepcopy
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.linear_model import RidgeClassifier
from sklearn.utils.parallel import Parallel, delayed

from skactive._compat.sklearn import _num_samples
from skactive._compat.tally import count_fits, count_rows
from skactive._compat.typing import Array
from skactive._models.bootstrap import seeded
from skactive._models.nets import is_net
from skactive._models.refits.base import _LOSSES, take_rows
from skactive._models.refits.discriminant import ridge_proba
from skactive._models.wrappers import last_step


class GenericRefits:
    """Refits of any classifier with `predict_proba`, one after the other.

    Where it has `partial_fit`, a copy of the fitted classifier learns from the new row
    alone: one step from its current state, which for stochastic gradient descent is
    less than a refit. Where it has `warm_start` and coefficients, or is a net, for
    which a row alone would be all that it knows, a copy is fitted to all rows from its
    current coefficients; else a clone is. Each `random_state` that
    is None is the same number in all refits, so that they differ by the row alone.

    Rows may be in any container that the classifier takes. Fits run in parallel as
    `joblib.parallel_config` says.
    """

    def __init__(
        self, classifier: Any, features: Any, codes: Array, weights: Array | None
    ):
        self.classifier = classifier
        self.features, self.codes, self.weights = features, codes, weights
        self.classes = np.asarray(classifier.classes_)

    @classmethod
    def supports(cls, classifier: Any) -> bool:
        """Whether its refits give probabilities."""
        return hasattr(classifier, "predict_proba") or isinstance(
            classifier, RidgeClassifier
        )

    def retrain(self, candidates: Any) -> _GenericModels:
        """Models with one more row each."""
        n_candidates = _num_samples(candidates)
        count_fits(n_candidates * len(self.classes))
        models = Parallel()(
            delayed(self._refit)(take_rows(candidates, [i]), label)
            for i in range(n_candidates)
            for label in range(len(self.classes))
        )
        return _GenericModels(models, n_candidates, self.classes)

    def _refit(self, row: Any, label: int) -> Any:
        old = self.classifier
        has_net = is_net(last_step(old))
        if hasattr(old, "partial_fit") and not has_net:
            return deepcopy(old).partial_fit(row, self.classes[[label]])
        can_go_on = has_net or (
            hasattr(old, "warm_start")
            and (hasattr(old, "coef_") or hasattr(old, "coefs_"))
        )
        model = deepcopy(old).set_params(warm_start=True) if can_go_on else clone(old)
        if has_net:
            last_step(model).set_params(warm_start=True)
        params = {}
        if self.weights is not None:
            params["sample_weight"] = np.append(self.weights, 1.0)
        labels = self.classes[np.append(self.codes, label)]
        return seeded(model, 0).fit(_stack(self.features, row), labels, **params)


class _GenericModels:
    def __init__(self, models: list[Any], n_candidates: int, classes: Array):
        self.models, self.n_candidates, self.classes = models, n_candidates, classes

    def predict_proba(self, targets: Any) -> Array:
        """Shape (n_candidates, n_classes as label, n_targets, n_classes)."""
        n_classes = len(self.classes)
        proba = np.stack([proba_of(m, targets, self.classes) for m in self.models])
        return proba.reshape(self.n_candidates, n_classes, -1, n_classes)

    def expected_loss(self, targets: Any, loss: str) -> Array:
        """Mean over `targets` of a loss, shape (n_candidates, n_classes)."""
        count_rows(_num_samples(targets), n_models=len(self.models))
        means = Parallel()(
            delayed(_expected_loss)(model, targets, self.classes, loss)
            for model in self.models
        )
        return np.reshape(means, (self.n_candidates, len(self.classes)))


def _expected_loss(model: Any, targets: Any, classes: Array, loss: str) -> float:
    return float(_LOSSES[loss](_proba_of(model, targets, classes)).mean())


def proba_of(model: Any, rows: Any, classes: Array | None = None) -> Array:
    """Probabilities (n_rows, n_classes), zero for classes that the model lacks."""
    count_rows(_num_samples(rows))
    return _proba_of(model, rows, classes)


def _proba_of(model: Any, rows: Any, classes: Array | None = None) -> Array:
    if hasattr(model, "predict_proba"):
        proba = np.asarray(model.predict_proba(rows), dtype=np.float64)
    else:
        decision = np.asarray(model.decision_function(rows), dtype=np.float64)
        proba = ridge_proba(decision.reshape(len(decision), -1))
    if classes is None or len(model.classes_) == len(classes):
        return proba
    aligned = np.zeros((len(proba), len(classes)))
    aligned[:, np.searchsorted(classes, model.classes_)] = proba
    return aligned


def _stack(features: Any, row: Any) -> Any:
    """Rows of a container with one more below."""
    if sp.issparse(features):
        return sp.vstack([features, row], format="csr")
    if hasattr(features, "iloc"):
        return sys.modules["pandas"].concat([features, row])
    if hasattr(features, "vstack"):  # polars
        return features.vstack(row)
    if isinstance(features, (list, tuple)):
        return [*features, *row]
    return np.concatenate([features, row])
