"""Logistic regression refitted exactly with one more row, for every row and label."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV

from skactive._compat.typing import Array
from skactive._models.linear import Logistic, as_logistic, training_weights
from skactive._models.refits.base import Retrained, dense
from skactive._models.refits.softmax import Base, Own, Shared, fit_base, refit

# Directions in which the labelled rows differ less than this, relative to the one in
# which they differ most, are rounding: of rows, and of products of rows.
_ROUNDING = 1e-12


class LogisticRefits:
    """All refits of a logistic regression with one more labelled row.

    A refit is the exact optimum of the classifier's objective (l2 penalty, one row of
    coefficients for two classes and a multinomial for more), whatever its `solver`,
    `tol`, `max_iter` and `warm_start` are. Searched strengths of the penalty
    (`LogisticRegressionCV`) stay as they were found.

    Parameters
    ----------
    classifier : LogisticRegression
        Fitted; one that :meth:`supports` accepts.
    features : array-like or CSR of shape (n_labeled, n_features)
        The labelled rows.
    codes : ndarray of shape (n_labeled,)
        Their labels, as positions in ``classifier.classes_``.
    weights : array-like of shape (n_labeled,) or None, default=None
        Sample weights, without class weights. A new row has weight one.

    Raises
    ------
    ValueError
        If the classifier is not supported, or a class has no labelled row.

    Notes
    -----
    The cost of a refit does not depend on the number of features beyond that of
    labelled rows: coefficients are sought in the span of these rows and the new one,
    in which the optimum lies.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive._models.refits.logistic import LogisticRefits
    >>> X, codes = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    >>> classifier = LogisticRegression().fit(X, codes)
    >>> models = LogisticRefits(classifier, X, codes).retrain([[1.5]])
    >>> models.predict_proba([[1.5]])[0, :, 0].round(2)
    array([[0.62, 0.38],
           [0.38, 0.62]])
    """

    def __init__(
        self,
        classifier: Any,
        features: Any,
        codes: Array,
        weights: ArrayLike | None = None,
    ):
        formula = _formula(classifier)
        if formula is None:
            raise ValueError(
                f"{classifier!r} has no exact fast refits; expected a fitted "
                "LogisticRegression with an l2 penalty, but none on the intercept (as "
                "of solver='liblinear'), that is multinomial where there are more than "
                "two classes."
            )
        codes = np.asarray(codes, dtype=np.intp)
        own = None if weights is None else np.append(np.asarray(weights, float), 1.0)
        counts = np.bincount(codes, minlength=len(formula.classes))
        if not counts.all():
            raise ValueError(
                f"No labelled row is of class {formula.classes[counts == 0].tolist()}, "
                "which the classifier knows. Fit it on the labelled rows."
            )
        self._space = _Space(formula, features)
        start = self._space.start(formula)
        # Balanced class weights make every label's refits a problem of its own.
        self._problems: list[tuple[Shared, float, Base]] = []
        for code in range(len(formula.classes)):
            labels = formula.classes[np.append(codes, code)]
            all_weights = training_weights(classifier, labels, own)
            shared = self._space.share(codes, all_weights[:-1], len(formula.classes))
            if code and np.array_equal(shared.weights, self._problems[0][0].weights):
                base = self._problems[0][2]
            else:
                base = fit_base(shared, start)
            self._problems.append((shared, float(all_weights[-1]), base))

    @property
    def numbers_per_candidate(self) -> int:
        """Numbers that :meth:`retrain` holds for a candidate, about."""
        n_classes, n_coef = len(self._problems), len(self._space.penalty)
        return n_classes * (n_classes - 1) * n_coef

    @classmethod
    def supports(cls, classifier: Any) -> bool:
        """Whether a fitted classifier is a logistic regression with an l2 penalty.

        Not one without a penalty: the optimum may then lie at infinity. Nor a subclass,
        which may minimise something else, nor one whose intercept is penalised.
        """
        return _formula(classifier) is not None

    def retrain(self, candidates: Any) -> LogisticModels:
        """Models with one more row, for each candidate and each label it may have.

        Parameters
        ----------
        candidates : array-like or CSR of shape (n_candidates, n_features)
            A hundred or more at once are faster than one by one. Each takes
            `numbers_per_candidate`.

        Returns
        -------
        models : LogisticModels
        """
        scaled = self._space.scale(candidates)
        rows, residuals = self._space.rows(scaled)
        n_classes = len(self._problems)
        coef = np.empty((len(rows), n_classes, n_classes - 1, rows.shape[1]))
        for code, (shared, weight, base) in enumerate(self._problems):
            one_hot = (np.arange(1, n_classes) == code).astype(np.float64)
            coef[:, code] = refit(shared, Own(rows, one_hot, weight), base)
        return LogisticModels(self._space, scaled, rows, residuals, coef)


class LogisticModels(Retrained):
    """The refitted models of some candidates, from :meth:`LogisticRefits.retrain`."""

    in_logs = True

    def __init__(
        self, space: _Space, scaled: Any, rows: Array, residuals: Array, coef: Array
    ):
        self._space = space
        self._scaled = scaled
        self._rows = rows
        # Coefficients (n_labels, n_classes - 1, n_candidates, n_coef).
        self._coef = np.ascontiguousarray(coef.transpose(1, 2, 0, 3))
        self.n_classes, _, self.n_candidates, _ = self._coef.shape
        self._beyond: Array | None = None
        if space.residual is not None:
            along = self._coef[..., space.residual]
            safe = np.where(residuals > 0, residuals, 1.0)
            # Of the part of a candidate outside the span of the labelled rows.
            self._beyond = np.where(residuals > 0, along / safe, 0.0)

    def planes(self, targets: Any) -> Iterator[Array]:
        """Logits relative to class 0, whose own are zero."""
        scaled = self._space.scale(targets)
        rows = self._space.rows(scaled, inside=True)[0]
        n_inside = self._space.residual
        if n_inside is not None:
            # Products of candidates and targets outside the span of labelled rows.
            outside = dense(self._scaled @ scaled.T)
            outside -= self._rows[:, :n_inside] @ rows[:, :n_inside].T
        for label, coef in enumerate(self._coef):
            planes = np.zeros((self.n_classes, self.n_candidates, len(rows)))
            np.matmul(coef, rows.T, out=planes[1:])
            if self._beyond is not None:
                planes[1:] += self._beyond[label][:, :, np.newaxis] * outside
            yield planes


class _Space:
    """Coordinates in which the penalty is one for each coefficient, or none.

    The features themselves, divided by the square root of their penalty; beyond as
    many features as labelled rows, an orthonormal basis of the span of these, and one
    more coordinate along the part of a new row outside of it. The last coordinate is
    the one of an intercept, if there is one.

    Attributes
    ----------
    residual : int or None
        Position of the coordinate outside the span, None where there is none.
    """

    def __init__(self, formula: Logistic, features: Any):
        self.divisor = np.sqrt(formula.penalty[0])
        self.has_intercept = formula.has_intercept
        scaled = self.scale(features)
        self.basis: Any = None
        self.combine: Array | None = None
        self.residual: int | None = None
        if scaled.shape[1] > scaled.shape[0]:
            self._find_basis(scaled)
        self.labeled = self.rows(scaled, inside=True)[0]
        self.penalty = np.ones(self.labeled.shape[1])
        if self.has_intercept:
            self.penalty[-1] = 0.0

    def _find_basis(self, scaled: Any) -> None:
        if sp.issparse(scaled):
            values, vectors = np.linalg.eigh(dense(scaled @ scaled.T))
            kept = values > _ROUNDING * max(values[-1], np.finfo(float).tiny)
            self.basis = scaled
            self.combine = vectors[:, kept] / np.sqrt(values[kept])
            self.residual = int(kept.sum())
        else:
            _, values, vectors = np.linalg.svd(scaled, full_matrices=False)
            kept = values > _ROUNDING * max(values[0], np.finfo(float).tiny)
            self.basis = vectors[kept]
            self.residual = int(kept.sum())

    def scale(self, features: Any) -> Any:
        """Penalised features, dense or CSR, float64."""
        if sp.issparse(features):
            return sp.csr_array(features, dtype=np.float64) / self.divisor
        return np.asarray(features, dtype=np.float64) / self.divisor

    def rows(self, scaled: Any, inside: bool = False) -> tuple[Array, Array]:
        """Coordinates (n_rows, n_coef), and lengths (n_rows,) outside the span."""
        within = dense(scaled if self.basis is None else scaled @ self.basis.T)
        if self.combine is not None:
            within = within @ self.combine
        lengths = np.zeros(len(within))
        if self.basis is not None and not inside:
            squares = scaled.multiply(scaled) if sp.issparse(scaled) else scaled**2
            total = np.asarray(squares.sum(axis=1)).ravel()
            outside = total - np.einsum("np,np->n", within, within)
            lengths = np.sqrt(np.maximum(outside, 0.0))
        parts = [within]
        if self.basis is not None:
            parts.append(lengths[:, np.newaxis])
        if self.has_intercept:
            parts.append(np.ones((len(within), 1)))
        return np.hstack(parts), lengths

    def start(self, formula: Logistic) -> Array:
        """The classifier's coefficients relative to class 0, (n_classes - 1, n_coef).

        Scikit-learn stops early, so that these are not the optimum.
        """
        coef = formula.coef if len(formula.coef) == 1 else formula.coef[1:]
        coef = coef - (0.0 if len(formula.coef) == 1 else formula.coef[0])
        start = self.rows(coef[:, :-1] * self.divisor, inside=True)[0]
        if self.has_intercept:
            start[:, -1] = coef[:, -1]
        return start

    def share(self, codes: Array, weights: Array, n_classes: int) -> Shared:
        """The problem of the labelled rows with these weights."""
        n_others = n_classes - 1
        coupling = np.eye(n_others)
        if n_classes > 2:
            # The penalty is on all classes' coefficients, which sum to zero at the
            # optimum; this is the same in their differences to those of class 0.
            coupling -= 1.0 / n_classes
        targets = codes == np.arange(1, n_classes)[:, np.newaxis]
        return Shared(
            self.labeled, targets.astype(np.float64), weights, self.penalty, coupling
        )


def _formula(classifier: Any) -> Logistic | None:
    """What is minimised, None where that is not supported."""
    if type(classifier) not in (LogisticRegression, LogisticRegressionCV):
        return None
    formula = as_logistic(classifier)
    if formula is None or formula.penalty[0] == 0:
        return None
    # The solver "liblinear" penalises the intercept as well.
    return None if formula.has_intercept and formula.penalty[-1] > 0 else formula
