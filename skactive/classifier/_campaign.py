"""The loop: choose rows, reveal their labels, train, until the budget is used."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from skactive._compat.sklearn import _num_samples, _safe_indexing
from skactive._compat.tally import Tally, counting
from skactive._data.labels import MISSING, decode_labels, is_missing
from skactive._models.training import ERRORS_OF_LACK, Model, Training, warn_of_lack
from skactive._models.wrappers import Fitted
from skactive.classifier._audit import Reserve, draw_reserve, next_audited
from skactive.strategies import PerCost, Strategy
from skactive.strategies._selection import find_candidates

Array = NDArray[Any]


class Plan(NamedTuple):
    """How to choose and to train, and the seeds of all that is left to chance.

    `ids` are names of the rows of X where these are not their positions; `weights`
    (n_samples,) are the sample weights of fits, or None. `audit_fraction` of the rows
    are never learnt from.
    """

    strategy: Strategy
    initial: Strategy
    unfitted: Any
    training: Training
    query_seed: int
    max_candidates: int | None
    n_jobs: int | None
    ids: Array | None = None
    weights: Array | None = None
    audit_fraction: float = 0.0
    audit_seed: int = 0

    def check_pool(self, n_samples: int) -> None:
        """Raise where a strategy belongs to another pool."""
        for strategy in (self.strategy, self.initial):
            for part in (strategy, *strategy.get_params(deep=True).values()):
                if isinstance(part, PerCost):
                    part.check_pool(n_samples)

    def choose(
        self,
        model: Model | None,
        X: Any,
        y: Array | None,
        n_candidates: int,
        n_queries: int,
        skipped: Array | None = None,
    ) -> Array:
        """Positions of the rows to label.

        `n_candidates` rows may be given: those without a label, but for `skipped`,
        ascending positions of some of them.
        """
        if skipped is not None and len(skipped):
            return self._choose_others(skipped, model, X, y, n_candidates, n_queries)
        if self.audit_fraction:
            return self._choose_with_audit(model, X, y, n_queries)
        random_state = int(self._entropy(n_candidates).generate_state(1)[0])
        ids, weights = self.ids, self.weights
        rows = self.looked(X, y, n_candidates, n_queries)
        if rows is not None:
            X, y = _safe_indexing(X, rows), None if y is None else y[rows]
            ids = rows if ids is None else ids[rows]
            weights = None if weights is None else weights[rows]
        strategy, estimator = self.asked(model, weights)
        if ids is not None:
            strategy = strategy.for_rows(ids)
        with run_in_threads(self.n_jobs):
            chosen = strategy.select(
                estimator, X, y, n_queries=n_queries, random_state=random_state
            )
        return chosen if rows is None else rows[chosen]

    def while_few(
        self,
        call: Callable[[Model | None], Any],
        model: Model | None,
        X: Any,
        known: Callable[[], tuple[Array, Array, dict]],
        tell: Callable[[Exception, int], None] = warn_of_lack,
    ) -> Any:
        """Call a function of the model, or of none where it has too few labels.

        That is, where the call fails since the model cannot answer for want of labels;
        `known` gives those that it learnt from, their rows, and the metadata of its
        fit; `tell` is called with the error and their number.
        """
        try:
            return call(model)
        except ERRORS_OF_LACK as error:
            if model is None:
                raise
            labels, rows, params = known()
            if not self.training.cannot_answer(model, X, labels, rows, params):
                raise
            tell(error, len(rows))
        return call(None)

    def _choose_others(
        self, skipped: Array, model: Model | None, X: Any, y: Array | None, *args: Any
    ) -> Array:
        """As :meth:`choose`: no row of `skipped` has a part in it."""
        n_samples = _num_samples(X)
        strategy, _ = self.asked(model)
        if strategy.pointwise and not strategy.uses_labels and not self.audit_fraction:
            # Only the mask of labelled rows matters, so no row has to be cut away.
            missing = np.ones(n_samples, dtype=bool) if y is None else is_missing(y)
            missing[skipped] = False
            return self.choose(model, X, np.where(missing, np.nan, 0.0), *args)
        rows = np.delete(np.arange(n_samples), skipped)
        plan = self._replace(
            ids=rows if self.ids is None else self.ids[rows],
            weights=None if self.weights is None else self.weights[rows],
        )
        X, y = _safe_indexing(X, rows), None if y is None else y[rows]
        return rows[plan.choose(model, X, y, *args)]

    def _choose_with_audit(
        self, model: Model | None, X: Any, y: Array | None, n_queries: int
    ) -> Array:
        """As :meth:`choose`: the strategy sees no row of the reserve."""
        n_samples = _num_samples(X)
        reserve = self.reserve(n_samples)
        missing = np.ones(n_samples, dtype=bool) if y is None else is_missing(y)
        audited = next_audited(self.audit_fraction, reserve, missing, n_queries)
        n_others = n_queries - len(audited)
        rows = np.flatnonzero(~reserve.mask)
        n_candidates = int(np.count_nonzero(missing[rows]))
        if n_others == 0 or n_candidates == 0:
            return audited
        plan = self._replace(
            audit_fraction=0.0,
            ids=rows if self.ids is None else self.ids[rows],
            weights=None if self.weights is None else self.weights[rows],
        )
        X, y = _safe_indexing(X, rows), None if y is None else y[rows]
        chosen = plan.choose(model, X, y, n_candidates, n_others)
        return np.concatenate([rows[chosen], audited])

    def reserve(self, n_samples: int) -> Reserve:
        """The rows that are never learnt from."""
        return draw_reserve(self.audit_fraction, self.audit_seed, n_samples, self.ids)

    def split(self, known: Array, n_samples: int) -> tuple[Array, Array]:
        """Rows to learn from among those `known`, in their order, and the others."""
        if not self.audit_fraction:
            return known, known[:0]
        reserve = self.reserve(n_samples)
        learnt = known[~reserve.mask[known]]
        if len(learnt) == 0:
            raise ValueError(
                f"All {len(known)} labelled rows, of n_samples={n_samples}, are in the "
                "audit reserve, so there is none to learn from. Label rows that query "
                "gives, lower audit_fraction, or take another random_state."
            )
        return learnt, reserve.rows[np.isin(reserve.rows, known)]

    def looked(
        self, X: Any, y: Array | None, n_candidates: int, n_queries: int
    ) -> Array | None:
        """Ascending positions of the rows that a query looks at; None for all."""
        if self.max_candidates is None or n_candidates <= self.max_candidates:
            return None
        n_drawn = max(n_queries, self.max_candidates)
        return _draw_rows(X, y, n_drawn, self._entropy(n_candidates))

    def _entropy(self, n_candidates: int) -> np.random.SeedSequence:
        # Every round has a seed of its own. With one seed for all, draws in later
        # rounds would fall next to those of the first.
        return np.random.SeedSequence([self.query_seed, n_candidates])

    def asked(
        self, model: Model | None, weights: Array | None = None
    ) -> tuple[Strategy, Any]:
        """The strategy to ask, and the estimator to ask it about."""
        if model is None or not model.can_choose:
            # What it may have learnt before has no say.
            return self.initial, clone(self.unfitted)
        if model.members is None and self.training.members is not None:
            raise ValueError(
                f"{self.strategy!r} needs a committee, but the last fit made none, "
                "for its parameters were others. Call fit again."
            )
        if not self.strategy.uses_weights:
            weights = None
        if model.members is None and weights is None:
            return self.strategy, model.estimator
        return self.strategy, Fitted(model.estimator, model.members, weights)


class Cost(NamedTuple):
    """What choosing rows, or training, took."""

    n_queried: int = 0
    query_time: float = 0.0
    fit_time: float = 0.0
    n_fits: int = 0
    n_scored: int = 0
    n_passes: int = 0

    @classmethod
    def of(cls, tally: Tally, **others: Any) -> Cost:
        """The counts of a tally, with all that is no count."""
        return cls(
            n_fits=tally.n_fits,
            n_scored=tally.n_scored,
            n_passes=tally.n_passes,
            **others,
        )


class Round(NamedTuple):
    """What a round of a campaign ends with.

    `rows` are the positions whose labels are known, in order of acquisition; `codes`
    (n_samples,) those labels, MISSING for all other rows; `audited` are the rows among
    them that were not learnt from.
    """

    model: Model
    rows: Array
    codes: Array
    cost: Cost
    audited: Array


def run_rounds(
    plan: Plan,
    X: Any,
    classes: Array,
    oracle: Array,
    params: dict,
    *,
    n_affordable: int,
    n_initial: int,
    batch_size: int,
    begin_round: Callable[[], Any],
) -> Iterator[Round]:
    """Select, reveal and train until the budget is used or nothing is left.

    `oracle` (n_samples,) holds the positions of all labels in `classes`; only those
    of chosen rows are looked at. `begin_round` is called as each round begins.
    """
    n_samples = len(oracle)
    visible = np.full(n_samples, MISSING)
    bought = learnt = np.empty(0, dtype=np.intp)
    model = None
    told: list[int] = []

    def tell_once(error: Exception, n_labels: int) -> None:
        if not told:
            warn_of_lack(error, n_labels)
        told.append(n_labels)

    n_wanted = n_initial
    while len(bought) < min(n_affordable, n_samples):
        begin_round()
        begin = time.perf_counter()
        n_queries = min(n_wanted, n_affordable - len(bought))
        labels = decode_labels(classes, visible)
        n_left = n_samples - len(bought)
        with counting() as tally:
            args = X, labels, n_left, n_queries
            rows = plan.while_few(
                partial(_choose, plan, args),
                model,
                X,
                partial(_known, classes, visible, learnt, params),
                tell_once,
            )
            visible[rows] = oracle[rows]
            bought = np.concatenate([bought, rows])
            middle = time.perf_counter()
            # In the order of X, as in a fit by hand: some estimators heed the order.
            learnt, audited = plan.split(np.sort(bought), n_samples)
            model = plan.training.fit_if_enough(
                X, classes, visible, learnt, params, model
            )
            end = time.perf_counter()
        cost = Cost.of(
            tally,
            n_queried=len(rows),
            query_time=middle - begin,
            fit_time=end - middle,
        )
        if model.lack is not None:
            tell_once(model.lack, len(learnt))
        yield Round(
            model=model,
            rows=bought,
            codes=visible,
            cost=cost,
            audited=audited,
        )
        n_wanted = batch_size


def _choose(plan: Plan, args: tuple, model: Model | None) -> Array:
    return plan.choose(model, *args)


def _known(
    classes: Array, codes: Array, rows: Array, params: dict
) -> tuple[Array, Array, dict]:
    return classes[codes[rows]], rows, params


def count_rounds(n_bought: int, n_initial: int, batch_size: int) -> int:
    """How many rounds it takes to buy that many labels."""
    n_later = max(n_bought - n_initial, 0)
    return 1 + -(-n_later // batch_size)


def run_in_threads(n_jobs: int | None) -> Any:
    """A context in which chunks of the pool are scored `n_jobs` at a time."""
    if n_jobs is None:
        return contextlib.nullcontext()
    return joblib.parallel_config("threading", n_jobs=n_jobs)


def _draw_rows(
    X: Any, y: Array | None, n_drawn: int, entropy: np.random.SeedSequence
) -> Array:
    """Ascending positions of some candidates, and of all labelled rows."""
    candidates = find_candidates(X, y)
    rng = np.random.default_rng(entropy)
    drawn = rng.permutation(candidates)[:n_drawn]
    others = np.setdiff1d(np.arange(_num_samples(X)), candidates)
    return np.sort(np.concatenate([drawn, others]))
