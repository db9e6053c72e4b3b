"""Training of a model on labelled rows, and of members that represent its doubt."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone

from skactive._compat.sklearn import _check_method_params, _safe_indexing
from skactive._compat.tally import count_fits
from skactive._compat.typing import Array
from skactive._models import nets
from skactive._models.bootstrap import (
    bootstrap_members,
    fit_on_rows,
    member_clones,
    partial_fit_on_rows,
    seeded,
)
from skactive._models.posterior import posterior_members
from skactive._models.target import Classes, Target
from skactive._models.warm_start import (
    Learnt,
    WarmStart,
    fit_further,
    has_spare_outputs,
    learnt_from,
    new_since,
)
from skactive._models.wrappers import align, at_last_step, last_step

# Fitted estimators, or a function X -> (n_members, n_samples, n_classes).
Members = list[Any] | Callable[[Any], Array]

_N_CLONES = 10
_N_DRAWS = 100
_N_MASKS = 20


class Model(NamedTuple):
    """Result of a fit: the estimator, its members if requested, and what it has seen.

    `seen` is the result of :meth:`Target.seen` for the labels. `can_choose` is False
    if a constant stands in for the estimator, so that no strategy can use it. `learnt`
    is set if a later fit may go on with just the new rows. `lack` is the estimator's
    own error if it could not be fitted, or could not predict, for lack of labels.
    """

    estimator: Any
    members: Members | None
    seen: Any
    can_choose: bool = True
    learnt: Learnt | None = None
    lack: Exception | None = None


class Training(NamedTuple):
    """Description of how a model is trained, including the seeds.

    `members` is None if the strategy needs none. `n_members` is None for the default of
    their kind. `around` returns a context for the fit of an estimator. `warm_start` is
    None if each model is trained anew. `kind` is the kind of the labels.
    """

    estimator: Any
    members: str | Callable[..., Any] | None
    n_members: int | None
    n_jobs: int | None
    estimator_seed: int | None
    member_seed: int
    around: Callable[[Any], Any] = contextlib.nullcontext
    warm_start: WarmStart | None = None
    kind: type[Target] = Classes

    def fit(
        self,
        X: Any,
        labels: Array,
        rows: Array,
        params: dict,
        last: Model | None = None,
    ) -> Model:
        """Fit a clone, and its members if requested, on `rows` of `X`.

        `labels` are those of the rows, which may be repeated. Values of `params` with
        one entry per row of `X` are indexed to the rows. With a `warm_start`, the model
        goes on from `last`, which stays as it is.
        """
        if labels.dtype.kind == "U":  # only as wide as these labels require
            labels = np.array(labels.tolist())
        seen = self.kind.seen(labels)
        if not self.kind.are_enough(seen):
            return self.stand_in(X, labels, rows)
        learnt = None
        if self.warm_start is not None and self.warm_start.method == "partial_fit":
            learnt = learnt_from(X, labels, rows, params)
        estimator = self._new()
        args = X, labels, rows, params
        further = self._go_on(last, estimator, seen, *args, learnt)
        if further is not None:
            return further._replace(seen=seen, learnt=learnt)
        count_fits()
        with self.around(estimator):
            fit_on_rows(estimator, X, labels, rows, params)
        members = self._as_function(estimator, X, labels, rows, params)
        if members is None and self.members is not None:
            members = self._new_clones(X, labels, rows, params)
        return Model(estimator, members, seen, learnt=learnt)

    def stand_in(
        self, X: Any, labels: Array, rows: Array, lack: Exception | None = None
    ) -> Model:
        """A constant model for lack of labels. `lack` is the estimator's own error."""
        constant = self.kind.stand_in(X, labels, rows)
        if not has_columns(X):
            # The constant has counted the columns of a list of texts.
            vars(constant).pop("n_features_in_", None)
        return Model(constant, None, self.kind.seen(labels), False, lack=lack)

    def _go_on(
        self,
        last: Model | None,
        fresh: Any,
        seen: Array,
        X: Any,
        labels: Array,
        rows: Array,
        params: dict,
        learnt: Learnt | None,
    ) -> Model | None:
        """A model that goes on from `last`; None if it must be trained anew."""
        warm = self.warm_start
        if last is None or warm is None or not last.can_choose:
            return None
        n_known = getattr(last.estimator, "n_features_in_", None)
        if n_known is not None and has_columns(X) and n_known != X.shape[1]:
            return None
        fit: Callable[..., Any] = fit_further
        new = np.arange(len(rows))
        if learnt is not None:
            found = new_since(last.learnt, learnt)
            if found is None or self.kind.are_new(labels, last.seen):
                return None
            fit, new = partial_fit_on_rows, found
        elif self.kind.are_new(last.seen, seen) or (
            self.kind.are_new(labels, last.seen)
            and not has_spare_outputs(last.estimator, X, rows, labels)
        ):
            return None
        estimator = warm.resume(last.estimator, fresh, len(rows), 0)
        if estimator is None:
            return None
        if len(new):
            count_fits()
            with self.around(estimator):
                fit(estimator, X, labels[new], rows[new], params)
        members = self._as_function(estimator, X, labels, rows, params)
        if members is None and self.members is not None:
            members = self._resumed_clones(warm, last, len(rows))
            if members is None:
                members = self._new_clones(X, labels, rows, params)
            elif len(new):
                # Each round needs its own draws, or a place in the batch would have
                # the same weight in all rounds. The members know all classes already.
                seeds = [self.member_seed, len(rows)]
                rng = None if learnt is None else np.random.RandomState(seeds)
                args = X, labels[new], rows[new], params
                members = self._resampled(fit, members, *args, rng=rng)
        return Model(estimator, members, last.seen)

    def _resumed_clones(
        self, warm: WarmStart, last: Model, n_rows: int
    ) -> list[Any] | None:
        """Members in the state of the last ones; None if these do not match."""
        clones = self._clones()
        if not isinstance(last.members, list) or len(last.members) != len(clones):
            return None
        resumed = [
            warm.resume(member, one, n_rows, k)
            for k, (member, one) in enumerate(
                zip(last.members, clones, strict=True), start=1
            )
        ]
        return None if any(one is None for one in resumed) else resumed

    def partial_fit(
        self,
        model: Model | None,
        X: Any,
        labels: Array,
        rows: Array,
        params: dict,
        classes: Any,
    ) -> Model:
        """Go on learning with `model` in place, or with a new one if it is None.

        `labels` are those of `rows`. `classes` is passed to the estimator.
        """
        seen = self.kind.seen(labels)
        clones = None
        if model is None:
            estimator = self._new()
            if self.members is not None:
                clones = self._clones()
        else:
            estimator = model.estimator
            clones = model.members if isinstance(model.members, list) else None
            seen = self.kind.seen_in_all(model.seen, seen)
        count_fits()
        partial_fit_on_rows(estimator, X, labels, rows, params, classes)
        members = self._as_function(estimator, X, labels, rows, params)
        if members is None and clones is not None:
            members = self._resampled(
                partial_fit_on_rows, clones, X, labels, rows, params, classes
            )
        return Model(estimator, members, seen, self.kind.are_enough(seen))

    def _new(self) -> Any:
        return seeded(clone(self.estimator), self.estimator_seed)

    def _clones(self) -> list[Any]:
        n_members = _N_CLONES if self.n_members is None else self.n_members
        return member_clones(self.estimator, n_members, self.member_seed)

    def _new_clones(self, *args: Any) -> list[Any]:
        return self._resampled(fit_on_rows, self._clones(), *args)

    def _resampled(
        self,
        fit: Callable[..., Any],
        clones: list,
        *args: Any,
        rng: np.random.RandomState | None = None,
    ) -> list[Any]:
        X, labels, *rest = args
        return bootstrap_members(
            fit,
            clones,
            X,
            labels,
            *rest,
            n_jobs=self.n_jobs,
            random_state=self.member_seed if rng is None else rng,
            strata=self.kind.strata(labels) if rng is None else None,
        )

    def own_members(self, estimator: Any) -> Members | None:
        """Members that a fitted estimator has without labels, as a function.

        None if there are none, or if another kind is requested.
        """
        if callable(self.members):
            return partial(self.members, estimator)
        kind = self.members
        if kind == "auto":
            net = last_step(estimator)
            kind = nets.own_members(net) if nets.is_net(net) else None
        if kind not in {"dropout", "snapshots"}:
            return None
        n_members = _N_MASKS if self.n_members is None else self.n_members
        return NetMembers(estimator, kind, n_members, self.member_seed)

    def _as_function(
        self, estimator: Any, X: Any, labels: Array, rows: Array, params: dict
    ) -> Members | None:
        """Members of a fitted estimator as a function; None if they are clones."""
        members = self.own_members(estimator)
        if members is not None or self.members in {None, "bootstrap"}:
            return members
        members = posterior_members(
            estimator,
            _safe_indexing(X, rows),
            labels,
            _check_method_params(X, params, indices=rows),
            n_members=_N_DRAWS if self.n_members is None else self.n_members,
            random_state=self.member_seed,
        )
        if members is None and self.members == "posterior":
            raise ValueError(
                "members='posterior' needs an estimator whose last step is a "
                "LogisticRegression with an l2 penalty of finite C (and not one "
                f"model per class), or a GaussianNB; got {self.estimator!r}. Use "
                "members='auto' or 'bootstrap', or give a function (estimator, X) -> "
                "(n_members, n_samples, n_classes)."
            )
        return members


class NetMembers:
    """Members of a net without more fits, as a picklable function of `X`.

    Parameters
    ----------
    estimator : estimator object
        A fitted estimator whose last step is a net of skorch.
    kind : {"dropout", "snapshots"}
        Kind of the members, see :mod:`skactive._models.nets`.
    n_members : int
        Number of dropout masks. Snapshots are as many as were taken.
    seed : int
        Seed of the masks.
    """

    def __init__(self, estimator: Any, kind: str, n_members: int, seed: int):
        net = last_step(estimator)
        self.estimator = estimator
        self.kind = kind
        self.n_members = nets.check_members(net, kind, n_members)
        self.seed = seed

    def __call__(self, X: Any) -> Array:
        """Class probabilities of shape (n_members, n_samples, n_classes)."""
        net, X = at_last_step(self.estimator, X)
        if self.kind == "dropout":
            proba = nets.dropout_proba(net, X, self.n_members, self.seed)
        else:
            proba = nets.snapshot_proba(net, X)
        return align(self.estimator, proba)


def has_columns(X: Any) -> bool:
    """Whether `X` has two axes, and so features that can be counted."""
    return len(getattr(X, "shape", ())) == 2
