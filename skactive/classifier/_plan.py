"""The plan of a learner: how it chooses rows, how it trains, and every seed."""

from __future__ import annotations

import contextlib
import numbers
from typing import Any, NamedTuple

import joblib
import numpy as np
from sklearn.base import clone

from skactive._compat.typing import Array
from skactive._data.pool import Pool
from skactive._models.target import Target
from skactive._models.training import Model, Training
from skactive._models.warm_start import WarmStart, goes_on_by
from skactive._models.wrappers import Fitted
from skactive.classifier._reserve import Reserve, draw_reserve, next_audited
from skactive.strategies import PerCost, Strategy, get_strategy
from skactive.strategies._needs import (
    can_use_members,
    check_needs,
    needs_made_members,
)
from skactive.strategies._selection import check_chosen, draw_seed


class Plan(NamedTuple):
    """How to choose rows and how to train, with all seeds.

    A share `audit_fraction` of the rows is never learnt from.
    """

    strategy: Strategy
    initial: Strategy
    unfitted: Any
    training: Training
    query_seed: int
    max_candidates: int | None
    n_jobs: int | None
    audit_fraction: float = 0.0
    audit_seed: int = 0

    @property
    def uses_labels(self) -> bool:
        """Whether a choice uses the labels, and not only which rows have one."""
        return self.strategy.uses_labels or self.initial.uses_labels

    def check_pool(self, n_samples: int) -> None:
        """Raise if a strategy belongs to another pool."""
        for strategy in (self.strategy, self.initial):
            for part in (strategy, *strategy.get_params(deep=True).values()):
                if isinstance(part, PerCost):
                    part.check_pool(n_samples)

    def choose(
        self,
        model: Model | None,
        pool: Pool,
        n_queries: int,
        skipped: Array | None = None,
    ) -> Array:
        """Choose rows to label and return their positions, best first, audit rows last.

        The choice is as if the rows at the ascending positions `skipped` were not in
        the pool.
        """
        if skipped is not None and len(skipped):
            return self._choose_others(model, pool, n_queries, skipped)
        if self.audit_fraction:
            return self._choose_with_audit(model, pool, n_queries)
        entropy = self._entropy(pool)
        rows = self.looked(pool, n_queries)
        if rows is not None:
            pool = pool.take(rows)
        strategy, estimator = self.asked(model, pool.weights)
        if pool.ids is not None:
            strategy = strategy.for_rows(pool.ids)
        with run_in_threads(self.n_jobs):
            chosen = strategy.select(
                estimator,
                pool.X,
                pool.y,
                n_queries=n_queries,
                random_state=int(entropy.generate_state(1)[0]),
            )
        if type(strategy).select is not Strategy.select:  # which checks it itself
            candidates = np.flatnonzero(pool.missing)
            chosen = check_chosen(chosen, candidates, n_queries, strategy)
        return chosen if rows is None else rows[chosen]

    def _choose_with_audit(
        self, model: Model | None, pool: Pool, n_queries: int
    ) -> Array:
        reserve = self.reserve(pool.n_samples, pool.ids)
        audited = next_audited(self.audit_fraction, reserve, pool.missing, n_queries)
        plan = self._replace(audit_fraction=0.0)
        n_others = n_queries - len(audited)
        rows = np.flatnonzero(~reserve.mask)
        others = pool.take(rows)  # the strategy sees no row of the reserve
        if n_others == 0 or others.n_candidates == 0:
            return audited
        return np.append(rows[plan.choose(model, others, n_others)], audited)

    def _choose_others(
        self, model: Model | None, pool: Pool, n_queries: int, skipped: Array
    ) -> Array:
        strategy, _ = self.asked(model)
        if strategy.pointwise and not strategy.uses_labels and not self.audit_fraction:
            # Only the mask of labelled rows matters, so no rows have to be removed.
            return self.choose(model, pool.closed(skipped), n_queries)
        rows = np.delete(np.arange(pool.n_samples), skipped)
        return rows[self.choose(model, pool.take(rows), n_queries)]

    def looked(self, pool: Pool, n_queries: int) -> Array | None:
        """Return the ascending positions that a query looks at; None for all."""
        if self.max_candidates is None or pool.n_candidates <= self.max_candidates:
            return None
        n_drawn = max(n_queries, self.max_candidates)
        return pool.draw(n_drawn, np.random.default_rng(self._entropy(pool)))

    def _entropy(self, pool: Pool) -> np.random.SeedSequence:
        # Each round has its own seed. With one seed for all rounds, draws in later
        # rounds would fall next to those of the first.
        return np.random.SeedSequence([self.query_seed, pool.n_candidates])

    def asked(
        self, model: Model | None, weights: Array | None = None
    ) -> tuple[Strategy, Any]:
        """Return the strategy to ask, and the estimator to ask it about."""
        if model is None or not model.can_choose:
            # What the estimator may have learnt before does not count.
            return self.initial, clone(self.unfitted)
        if model.members is None and self.training.members is not None:
            raise ValueError(
                f"{self.strategy!r} needs a committee, but the last fit made none, "
                "because its parameters were different. Call fit again."
            )
        if not self.strategy.uses_weights:
            weights = None
        if model.members is None and weights is None:
            return self.strategy, model.estimator
        return self.strategy, Fitted(model.estimator, model.members, weights)

    def reserve(self, n_samples: int, ids: Array | None = None) -> Reserve:
        """Return the rows that are never learnt from."""
        return draw_reserve(self.audit_fraction, self.audit_seed, n_samples, ids)

    def split(
        self, known: Array, n_samples: int, ids: Array | None = None
    ) -> tuple[Array, Array]:
        """Split `known` into rows to learn from, in their order, and the others."""
        if not self.audit_fraction:
            return known, known[:0]
        reserve = self.reserve(n_samples, ids)
        learnt = known[~reserve.mask[known]]
        if len(learnt) == 0:
            raise ValueError(
                f"All {len(known)} labelled rows, of n_samples={n_samples}, are in the "
                "audit reserve, so there is none to learn from. Label rows that query "
                "returns, lower audit_fraction, or use another random_state."
            )
        return learnt, reserve.rows[np.isin(reserve.rows, known)]


def make_plan(learner: Any, kind: type[Target]) -> Plan:
    """Make a plan from the parameters of a learner; raise a ValueError if invalid.

    `kind` is the kind of its labels.
    """
    kind.check_estimator(learner.estimator)
    kind.check_options(learner)
    estimator = learner.estimator
    trained = kind.trained(estimator, learner.encode_labels)
    strategy, initial = _checked_strategies(learner, trained)
    seed = learner.random_state
    if learner.audit_fraction and not isinstance(seed, numbers.Integral):
        raise ValueError(
            f"audit_fraction={learner.audit_fraction} needs an int as random_state, "
            "which determines in each call which rows are never learnt from; "
            f"got random_state={seed!r}."
        )
    seeds = np.random.SeedSequence(draw_seed(seed)).generate_state(5).tolist()
    estimator_seed, member_seed, query_seed, audit_seed, noise_seed = seeds
    warm_start = None
    if learner.warm_start is not False:
        method = goes_on_by(estimator, learner.warm_start)
        perturb = None if learner.warm_start is True else learner.warm_start
        warm_start = WarmStart(method, perturb, noise_seed)
    training = Training(
        estimator=trained,
        members=(
            learner.members if _makes_members(learner, strategy, trained) else None
        ),
        n_members=learner.n_members,
        n_jobs=learner.n_jobs,
        # Without a random_state, the estimator keeps its own randomness.
        estimator_seed=None if seed is None else estimator_seed,
        member_seed=member_seed,
        warm_start=warm_start,
        kind=kind,
    )
    return Plan(
        strategy=strategy,
        initial=initial,
        unfitted=estimator,
        training=training,
        query_seed=query_seed,
        max_candidates=learner.max_candidates,
        n_jobs=learner.n_jobs,
        audit_fraction=float(learner.audit_fraction),
        audit_seed=audit_seed,
    )


def _checked_strategies(learner: Any, trained: Any) -> tuple[Strategy, Strategy]:
    strategy = get_strategy(learner.strategy)
    initial = get_strategy(learner.initial_strategy)
    for leaf in strategy.leaves() + initial.leaves():
        leaf._validate_params()
    check_needs(strategy, trained, can_make_members=True)
    for leaf in initial.leaves():
        if leaf.needs:
            raise ValueError(
                f"initial_strategy={learner.initial_strategy!r} needs "
                f"{' or '.join(leaf.needs)} of a fitted estimator, but it chooses "
                "while there is none. Use one that needs nothing, such as 'random'."
            )
    if getattr(learner.__sklearn_tags__().input_tags, "pairwise", False):
        raise ValueError(
            f"{learner.estimator!r} takes precomputed distances or kernels, which "
            "cannot be cut to the labelled rows. Pass features instead."
        )
    return strategy, initial


def _makes_members(learner: Any, strategy: Strategy, trained: Any) -> bool:
    if callable(learner.members) or learner.members != "auto":
        return can_use_members(strategy, trained)
    return needs_made_members(strategy, trained)


def run_in_threads(n_jobs: int | None) -> Any:
    """Return a context in which `n_jobs` chunks of the pool are scored at a time."""
    if n_jobs is None:
        return contextlib.nullcontext()
    return joblib.parallel_config("threading", n_jobs=n_jobs)
