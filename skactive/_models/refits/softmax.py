"""Many softmax regressions that differ in one row, minimised together.

Class 0 is the reference: a model has one row of coefficients for each other class,
the difference between its own and that of class 0. Axes: B regressions, Q classes
other than 0, N rows that all regressions share, P coefficients a class.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg
from sklearn.exceptions import ConvergenceWarning

from skactive._compat.typing import Array

# A gradient is small when its largest entry times the largest entry of the rows is
# below this; logits are then that exact, because a penalised curvature is at least one.
TOLERANCE = 2e-8
# Relative to the weights and the entries of the rows, gradients are rounding.
_GRADIENT_ROUNDING = 1e-13
# The diagonal of a Hessian that rounding has made singular grows by this share of
# itself, times the number of coefficients.
_SINGULAR_ROUNDING = 1e-14
# A step that lowers the objective by this share of what its slope promises is taken.
_ARMIJO = 1e-4
# Rounding of an objective, relative; differences below it say nothing.
_ROUNDING = 1e-13
# Newton steps use products with Hessians first. Regressions that these do not finish
# are solved with Hessians of their own, so these numbers decide the time only.
_MAX_CHEAP_STEPS = 12
_MAX_PRODUCTS = 20
# Where no Hessian is built, products have to do.
_MAX_PRODUCTS_ALONE = 400
# Conjugate gradients lower the square of a residual by a factor between these.
_FORCING = (1e-6, 3e-2)
# Solved systems are left out once less than this share is still running.
_SPARSE_SHARE = 0.7
# No Hessian is built for more coefficients than this.
_MAX_WHOLE = 2048
# There is a warning where a gradient is this many times what counts as zero.
_WARNED = 1e4
_MAX_STEPS = 200
_MAX_HALVINGS = 40
# Numbers in the largest temporary of a block of regressions: stays in the cache.
BLOCK_SIZE = 2**17
_HESSIAN_BLOCK_SIZE = 2**21


class Shared(NamedTuple):
    """What all regressions of a batch have in common.

    The objective of a regression is ``sum_n weights[n] * -log p(y_n | rows[n]) + sum_p
    penalty[p] / 2 * coef[:, p] @ coupling @ coef[:, p]``, and the loss of its own row.

    Attributes
    ----------
    rows : ndarray of shape (N, P)
    targets : ndarray of shape (Q, N)
        One where a row is of the class.
    weights : ndarray of shape (N,)
    penalty : ndarray of shape (P,)
    coupling : ndarray of shape (Q, Q)
    """

    rows: Array
    targets: Array
    weights: Array
    penalty: Array
    coupling: Array


class Own(NamedTuple):
    """The row that each regression has for itself.

    Attributes
    ----------
    rows : ndarray of shape (B, P)
    target : ndarray of shape (Q,)
        One at the class that all these rows have, nowhere for class 0.
    weight : float
        Zero to leave them out.
    """

    rows: Array
    target: Array
    weight: float

    def take(self, keep: Array) -> Own:
        """These rows only."""
        return self._replace(rows=self.rows[keep])


class Base(NamedTuple):
    """The regression on the shared rows alone.

    Attributes
    ----------
    coef : ndarray of shape (Q, P)
    curvature : WholeCurvature or ProductCurvature
        Of its objective there.
    """

    coef: Array
    curvature: WholeCurvature | ProductCurvature


class _State(NamedTuple):
    """Coefficients (B, Q, P) with all that a step from there needs."""

    coef: Array
    objective: Array  # (B,)
    gradient: Array  # (B, Q, P)
    proba: Array  # (B, Q, N)
    own_proba: Array  # (B, Q)

    def take(self, keep: Array) -> _State:
        return _State(*(values[keep] for values in self))

    def put(self, where: Array, other: _State) -> None:
        for values, new in zip(self, other, strict=True):
            values[where] = new


def softmax(logits: Array) -> tuple[Array, Array]:
    """Probabilities of the classes other than 0, and minus the log of that of class 0.

    `logits` are of shape (B, Q, N) and relative to class 0.
    """
    shift = np.maximum(logits.max(axis=1), 0.0)
    proba = np.exp(logits - shift[:, np.newaxis])
    total = proba.sum(axis=1) + np.exp(-shift)
    proba /= total[:, np.newaxis]
    return proba, np.log(total) + shift


def fit_base(shared: Shared, coef: Array) -> Base:
    """Minimise the objective on the shared rows, from `coef` of shape (Q, P) on."""
    nothing = Own(np.zeros((1, len(shared.penalty))), np.zeros(len(coef)), 0.0)
    state = _evaluate(shared, nothing, np.array(coef[np.newaxis], order="C"))

    def products(shared: Shared, own: Own, state: _State, which: Array) -> Array:
        curvature = ProductCurvature(shared, state.proba[0])
        precondition = _Preconditioner(own, curvature)
        return _conjugate_gradients(shared, own, state, precondition, which)

    small = coef.size <= _MAX_WHOLE
    direction = _exact_direction if small else products
    state = _descend(shared, nothing, state, direction, _MAX_STEPS)
    _warn_unless_converged(shared, nothing, state)
    if small:
        hessian = _hessians(shared, nothing, state)[0]
        return Base(state.coef[0], WholeCurvature(hessian, coef.shape))
    return Base(state.coef[0], ProductCurvature(shared, state.proba[0]))


def refit(shared: Shared, own: Own, base: Base) -> Array:
    """Coefficients (B, Q, P) of the regressions with one more row each.

    Newton's method until the gradient vanishes (`TOLERANCE`): first with steps from
    conjugate gradients, preconditioned with the Hessian before the row came; then,
    for those regressions that it leaves, with their own Hessians.
    """
    n_classes, n_coef = base.coef.shape
    block = max(16, BLOCK_SIZE // max(1, n_classes * max(len(shared.rows), n_coef)))
    coef = np.empty((len(own.rows), n_classes, n_coef))
    for start in range(0, len(coef), block):
        part = slice(start, start + block)
        coef[part] = _refit_block(shared, own._replace(rows=own.rows[part]), base)
    return coef


def _refit_block(shared: Shared, own: Own, base: Base) -> Array:
    precondition = _Preconditioner(own, base.curvature)

    def cheap(shared: Shared, own: Own, state: _State, which: Array) -> Array:
        return _conjugate_gradients(shared, own, state, precondition, which)

    start = np.broadcast_to(base.coef, (len(own.rows), *base.coef.shape))
    state = _evaluate(shared, own, np.array(start, order="C"))
    small = base.coef.size <= _MAX_WHOLE
    n_steps = _MAX_CHEAP_STEPS if small else _MAX_STEPS
    state = _descend(shared, own, state, cheap, n_steps)
    left = np.flatnonzero(_largest(state.gradient) > _tolerance(shared, own))
    if len(left) and small:
        block = max(1, _HESSIAN_BLOCK_SIZE // base.coef.size**2)
        for begin in range(0, len(left), block):
            rows = left[begin : begin + block]
            solved = _descend(
                shared, own.take(rows), state.take(rows), _exact_direction, _MAX_STEPS
            )
            state.put(rows, solved)
    _warn_unless_converged(shared, own, state)
    return state.coef


def _tolerance(shared: Shared, own: Own) -> float:
    """Largest entry of a gradient that counts as zero."""
    largest = np.abs(shared.rows).max(initial=1.0)
    weight = max(shared.weights.max(), own.weight)
    return float(max(TOLERANCE / largest, _GRADIENT_ROUNDING * weight * largest))


def _warn_unless_converged(shared: Shared, own: Own, state: _State) -> None:
    largest = _largest(state.gradient)
    n_left = int(np.sum(largest > _WARNED * _tolerance(shared, own)))
    if n_left:
        warnings.warn(
            f"{n_left} of {len(largest)} refits of a logistic regression did not "
            f"converge: the largest entry of a gradient is {largest.max():.1e}. Scale "
            "the features, or set a smaller C.",
            ConvergenceWarning,
            stacklevel=2,
        )


# ---------------------------------------------------------------------------------
# Objective
# ---------------------------------------------------------------------------------


def _evaluate(shared: Shared, own: Own, coef: Array) -> _State:
    rows, targets, weights, penalty, coupling = shared
    n_models, n_classes, n_coef = coef.shape
    logits = (coef.reshape(-1, n_coef) @ rows.T).reshape(n_models, n_classes, -1)
    proba, log_total = softmax(logits)
    losses = log_total - np.einsum("bqn,qn->bn", logits, targets)
    own_logits = np.matmul(coef, own.rows[:, :, np.newaxis])
    own_proba, own_log_total = softmax(own_logits)
    own_proba = own_proba[:, :, 0]
    own_loss = own_log_total[:, 0] - own_logits[:, :, 0] @ own.target
    pull = np.matmul(coupling, coef) * penalty
    objective = losses @ weights + own.weight * own_loss
    objective += 0.5 * np.einsum("bqp,bqp->b", coef, pull)
    residuals = (proba - targets) * weights
    gradient = (residuals.reshape(-1, len(rows)) @ rows).reshape(coef.shape)
    gradient += pull
    own_residuals = own.weight * (own_proba - own.target)
    gradient += own_residuals[:, :, np.newaxis] * own.rows[:, np.newaxis]
    return _State(coef, objective, gradient, proba, own_proba)


def _hessian_product(
    shared: Shared, own: Own, proba: Array, own_proba: Array, vectors: Array
) -> Array:
    """Hessian of each objective times a vector each, (B, Q * P)."""
    rows, _, weights, penalty, coupling = shared
    n_models, n_classes, n_rows = proba.shape
    by_class = vectors.reshape(n_models, n_classes, -1)
    change = (by_class.reshape(-1, rows.shape[1]) @ rows.T).reshape(proba.shape)
    change *= proba
    change -= proba * change.sum(axis=1, keepdims=True)
    change *= weights
    product = (change.reshape(-1, n_rows) @ rows).reshape(by_class.shape)
    product += np.matmul(coupling, by_class) * penalty
    own_change = np.matmul(by_class, own.rows[:, :, np.newaxis])[:, :, 0]
    own_change *= own_proba
    own_change -= own_proba * own_change.sum(axis=1, keepdims=True)
    own_change *= own.weight
    product += own_change[:, :, np.newaxis] * own.rows[:, np.newaxis]
    return product.reshape(vectors.shape)


def _hessians(shared: Shared, own: Own, state: _State) -> Array:
    """Hessian of each objective, (B, Q * P, Q * P)."""
    rows, _, weights, penalty, coupling = shared
    n_models, n_classes, n_coef = state.coef.shape
    hessians = np.empty((n_models, n_classes, n_coef, n_classes, n_coef))
    outer = own.weight * own.rows[:, :, np.newaxis] * own.rows[:, np.newaxis]
    # A saturated model has no curvature along an intercept that is not penalised.
    floor = np.where(penalty > 0, 0.0, 1e-14 * weights.sum())
    for k in range(n_classes):
        for j in range(k + 1):
            same = float(k == j)
            share = state.proba[:, k] * (same - state.proba[:, j]) * weights
            own_share = state.own_proba[:, k] * (same - state.own_proba[:, j])
            weighted = share[:, np.newaxis] * rows.T
            block = (weighted.reshape(-1, len(rows)) @ rows).reshape(
                n_models, n_coef, n_coef
            )
            block += own_share[:, np.newaxis, np.newaxis] * outer
            block += np.diag(coupling[k, j] * penalty + same * floor)
            hessians[:, k, :, j] = block
            hessians[:, j, :, k] = block
    size = n_classes * n_coef
    return hessians.reshape(n_models, size, size)


# ---------------------------------------------------------------------------------
# Newton's method
# ---------------------------------------------------------------------------------


def _descend(
    shared: Shared,
    own: Own,
    state: _State,
    direction: Callable[[Shared, Own, _State, Array], Array],
    max_steps: int,
) -> _State:
    """Steps along `direction` until gradients vanish or no step lowers an objective."""
    tolerance = _tolerance(shared, own)
    active = np.flatnonzero(_largest(state.gradient) > tolerance)
    for _ in range(max_steps):
        if not len(active):
            break
        here, some = state.take(active), own.take(active)
        steps = direction(shared, some, here, active)
        there, moved = _search_line(shared, some, here, steps)
        state.put(active, there)
        active = active[moved & (_largest(there.gradient) > tolerance)]
    return state


def _search_line(
    shared: Shared, own: Own, state: _State, steps: Array
) -> tuple[_State, Array]:
    """Take steps (B, Q, P), halved until objectives fall; and which can go on."""
    slope = np.einsum("bqp,bqp->b", state.gradient, steps)
    slack = _ROUNDING * (1.0 + np.abs(state.objective))
    there = _evaluate(shared, own, state.coef + steps)

    def too_far(there: _State, before: _State, length: float, which: Array) -> Array:
        goal = before.objective + _ARMIJO * length * slope[which] + slack[which]
        return ~(there.objective <= goal)

    everything = np.arange(len(steps))
    bad = everything[too_far(there, state, 1.0, everything)]
    length = 1.0
    for _ in range(_MAX_HALVINGS):
        if not len(bad):
            break
        length *= 0.5
        before, some = state.take(bad), own.take(bad)
        tried = _evaluate(shared, some, before.coef + length * steps[bad])
        there.put(bad, tried)
        bad = bad[too_far(tried, before, length, bad)]
    if len(bad):
        there.put(bad, state.take(bad))
    # Where only rounding is left of the objective, the gradient says whether to go on.
    shrunk = _largest(there.gradient) < 0.5 * _largest(state.gradient)
    moved = (-slope > slack) | shrunk
    moved[bad] = False
    return there, moved


def _exact_direction(shared: Shared, own: Own, state: _State, which: Array) -> Array:
    """Newton's step of each regression, with its own Hessian."""
    hessians = _hessians(shared, own, state)
    right = -state.gradient.reshape(len(hessians), -1, 1)
    return _with_regular(np.linalg.solve, hessians, right).reshape(state.coef.shape)


def _with_regular(function: Callable[..., Array], hessians: Array, *args: Array) -> Any:
    """`function` of matrices (..., P, P) that rounding alone may have made singular."""
    try:
        return function(hessians, *args)
    except np.linalg.LinAlgError:
        hessians = hessians.copy()
        diagonal = np.einsum("...ii->...i", hessians)
        diagonal *= 1.0 + _SINGULAR_ROUNDING * hessians.shape[-1]
        diagonal += np.finfo(np.float64).tiny
        return function(hessians, *args)


class WholeCurvature:
    """A Hessian (Q * P, Q * P) to solve with."""

    def __init__(self, hessian: Array, shape: tuple[int, ...]):
        self.shape = shape
        self.inverse = _with_regular(np.linalg.inv, hessian)

    def solve(self, vectors: Array) -> Array:
        """The inverse times each of `vectors` (B, Q * P)."""
        return vectors @ self.inverse

    def solve_rows(self, rows: Array) -> Array:
        """The inverse times `rows` (B, P) as each class's, (B, Q, Q * P)."""
        n_classes, n_coef = self.shape
        by_class = self.inverse.reshape(n_classes, n_coef, -1)
        return np.stack([rows @ part for part in by_class], axis=1)


class ProductCurvature:
    """A Hessian as if the curvature between classes were that of the average row.

    It is then a Kronecker product and the penalty, which takes Q inverses of (P, P).
    """

    def __init__(self, shared: Shared, proba: Array):
        rows, _, weights, penalty, coupling = shared
        shares = proba * (weights / weights.sum())
        spread = np.diag(shares.sum(axis=1)) - shares @ proba.T
        scales, self.rotation = scipy.linalg.eigh(spread, coupling)
        gram = (rows.T * weights) @ rows
        floor = np.where(penalty > 0, penalty, 1e-14 * weights.sum())
        hessians = np.maximum(scales, 1e-14)[:, np.newaxis, np.newaxis] * gram
        hessians += np.diag(floor)
        self.inverses = np.linalg.inv(hessians)
        self.shape = (len(proba), rows.shape[1])

    def solve(self, vectors: Array) -> Array:
        """As of :class:`WholeCurvature`."""
        by_class = vectors.reshape(-1, *self.shape)
        rotated = np.tensordot(self.rotation, by_class, (0, 1))
        solved = np.matmul(rotated, self.inverses)
        back = np.tensordot(solved, self.rotation, (0, 1))
        return np.ascontiguousarray(back.transpose(0, 2, 1)).reshape(vectors.shape)

    def solve_rows(self, rows: Array) -> Array:
        """As of :class:`WholeCurvature`."""
        solved = np.matmul(rows, self.inverses)
        pairs = np.einsum("kj,lj->klj", self.rotation, self.rotation)
        both = np.einsum("klj,jbp->bklp", pairs, solved, optimize=True)
        return np.ascontiguousarray(both).reshape(len(rows), self.shape[0], -1)


class _Preconditioner:
    """The base's curvature, with that of each regression's own row.

    The own row adds a matrix of rank Q (Woodbury).
    """

    def __init__(self, own: Own, curvature: WholeCurvature | ProductCurvature):
        self.curvature = curvature
        # solved[b, k]: the inverse times the own row as coefficients of class k.
        self.solved = curvature.solve_rows(own.rows)
        blocks = self.solved.reshape(-1, *curvature.shape[:1], *curvature.shape)
        self.leverage = np.matmul(blocks, own.rows[:, np.newaxis, :, np.newaxis])
        self.leverage = self.leverage[..., 0]

    def capacitance(self, proba: Array, weight: float, which: Array) -> Array:
        """(B, Q, Q): ``inv(I + weight * spread @ leverage) @ (weight * spread)``."""
        identity = np.eye(proba.shape[1])
        spread = weight * proba[:, :, np.newaxis] * (identity - proba[:, np.newaxis])
        matrix = identity + np.matmul(spread, self.leverage[which])
        return np.linalg.solve(matrix, spread)

    def solve(self, vectors: Array, solved: Array, capacitance: Array) -> Array:
        """Approximate Hessians (B, D, D) solved for `vectors` (B, D)."""
        on_row = np.matmul(solved, vectors[:, :, np.newaxis])
        weights = np.matmul(capacitance, on_row)[:, np.newaxis, :, 0]
        return self.curvature.solve(vectors) - np.matmul(weights, solved)[:, 0]


def _conjugate_gradients(
    shared: Shared,
    own: Own,
    state: _State,
    precondition: _Preconditioner,
    which: Array,
) -> Array:
    """Newton's steps (B, Q, P), more exact the nearer the optimum is."""
    shape = state.coef.shape
    steps = np.zeros((shape[0], shape[1] * shape[2]))
    some = np.arange(len(steps))
    capacitance = precondition.capacitance(state.own_proba, own.weight, which)
    solved = precondition.solved[which]
    residual = -state.gradient.reshape(len(steps), -1)
    direction = precondition.solve(residual, solved, capacitance)
    size = np.einsum("bd,bd->b", residual, direction)
    # Quadratic convergence asks for an error of the step like its square.
    goal = size * np.clip(size, *_FORCING)
    proba, own_proba = state.proba, state.own_proba
    alone = isinstance(precondition.curvature, ProductCurvature)
    for _ in range(_MAX_PRODUCTS_ALONE if alone else _MAX_PRODUCTS):
        product = _hessian_product(shared, own, proba, own_proba, direction)
        curvature = np.einsum("bd,bd->b", direction, product)
        length = _divide(size, curvature, (size > goal) & (curvature > 0))
        steps[some] += length[:, np.newaxis] * direction
        residual -= length[:, np.newaxis] * product
        new = precondition.solve(residual, solved, capacitance)
        new_size = np.einsum("bd,bd->b", residual, new)
        direction *= _divide(new_size, size, size > goal)[:, np.newaxis]
        direction += new
        size = new_size
        running = size > goal
        n_running = np.count_nonzero(running)
        if n_running == 0:
            break
        if n_running < _SPARSE_SHARE * len(running):
            some, size, goal = some[running], size[running], goal[running]
            residual, direction = residual[running], direction[running]
            solved, capacitance = solved[running], capacitance[running]
            proba, own_proba = proba[running], own_proba[running]
            own = own.take(running)
    return steps.reshape(shape)


def _divide(above: Array, below: Array, where: Array) -> Array:
    """Quotients, zero elsewhere."""
    return np.divide(above, below, out=np.zeros_like(above), where=where)


def _largest(gradient: Array) -> Array:
    """Largest entry of each gradient, (B,)."""
    return np.abs(gradient).max(axis=(1, 2))
