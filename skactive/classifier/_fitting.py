"""From parameters to a plan, from a plan to rounds, from rounds to attributes."""

from __future__ import annotations

import numbers
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.metadata_routing import (
    process_routing,
)

from skactive._compat.callbacks import (
    FitTasks,
    without_callbacks,
)
from skactive._compat.sklearn import (
    _check_method_params,
    _fit_context,
    _raise_for_params,
    _safe_indexing,
)
from skactive._compat.tally import counting
from skactive._data.labels import (
    MISSING,
    decode_labels,
)
from skactive._models.bootstrap import seeded
from skactive._models.encoded import EncodedClassifier, needs_codes
from skactive._models.posterior import params_of_last_step
from skactive._models.response import has_response
from skactive._models.training import Model, Training
from skactive._models.warm_start import WarmStart, goes_on_by
from skactive.classifier._campaign import (
    Cost,
    Plan,
    Round,
    count_rounds,
    run_rounds,
)
from skactive.classifier._delegates import (
    check_labels,
)
from skactive.strategies import Strategy, get_strategy
from skactive.strategies._needs import check_needs
from skactive.strategies._selection import draw_seed

Array = NDArray[Any]


class Fitting:
    """What a learner does in a fit, and what it remembers of it."""

    estimator: Any
    strategy: Any
    initial_strategy: Any
    batch_size: int
    budget: int | float | None
    n_initial: int | None
    stopping: Any
    max_candidates: int | None
    members: Any
    n_members: int | None
    audit_fraction: float
    missing_label: Any
    encode_labels: bool | str
    warm_start: Any
    n_jobs: int | None
    random_state: int | np.random.RandomState | None
    _fitted_classes: Callable[[], Array]
    _warn_of_marks: Callable[..., None]
    __sklearn_tags__: Callable[[], Any]

    @_fit_context(prefer_skip_nested_validation=False)
    def _fit(
        self,
        X: Any,
        y: Any,
        params: dict,
        watch: Callable[[Fitting], Any] | None = None,
    ) -> Fitting:
        """As :meth:`fit`; `watch` is called with the learner as each round ends."""
        _raise_for_params(params, self, "fit")
        X, classes, codes = check_labels(X, y, self.missing_label)
        self._warn_of_marks(y)
        plan = self._make_plan()
        routed = self._route(params)
        labeled = np.flatnonzero(codes != MISSING)
        if self.budget is not None:
            plan.check_pool(len(codes))
        if self.budget is not None and len(labeled) < len(codes):
            routed = _check_method_params(X, routed, indices=labeled)
            X, codes = _safe_indexing(X, labeled), codes[labeled]
        tasks, plan = self._begin_tasks(plan, X, classes, codes, routed)
        if self.budget is None:
            tasks.begin_round()
            start = time.perf_counter()
            learnt, audited = plan.split(labeled, len(codes))
            with counting() as tally:
                model = plan.training.fit_if_enough(
                    X, classes, codes, learnt, routed, self._model(), asks=False
                )
            if model.lack is not None:
                raise model.lack
            cost = Cost.of(tally, fit_time=time.perf_counter() - start)
            rounds = [Round(model, labeled, codes, cost, audited)]
            tasks.end_round(partial(self._as_of, rounds, classes, plan))
            condition, stopping = "exhausted", None
        else:
            plan = plan._replace(ids=labeled, weights=self._weights(routed))
            stopping = None
            if self.stopping is not None:
                stopping = seeded(clone(self.stopping), plan.query_seed)
            rounds, condition = self._run_campaign(
                X, classes, codes, routed, plan, tasks, stopping, watch
            )
            if rounds[-1].model.lack is not None:  # no label is left to wait for
                raise rounds[-1].model.lack
            rounds = [
                one._replace(rows=labeled[one.rows], audited=labeled[one.audited])
                for one in rounds
            ]
        self._set_rounds(rounds, classes, plan._replace(ids=None))
        self.termination_condition_, self.stopping_ = condition, stopping
        self._is_weighted = self._weights(routed) is not None
        tasks.end()
        return self

    def _route(self, params: dict) -> dict:
        """Metadata of a call, as the fit of `estimator` gets them."""
        _raise_for_params(params, self, "fit")
        return process_routing(self, "fit", **params).estimator.fit

    def _weights(self, routed: dict) -> Array | None:
        """The sample weights that reach the last step of `estimator`, if any do."""
        weights = params_of_last_step(self.estimator, routed).get("sample_weight")
        return None if weights is None else np.asarray(weights, dtype=np.float64)

    def _begin_tasks(
        self, plan: Plan, X: Any, classes: Array, codes: Array, params: dict
    ) -> tuple[FitTasks, Plan]:
        """What callbacks are told, and a plan that lets them follow `estimator`."""
        labeled = np.flatnonzero(codes != MISSING)
        n_rounds = 1
        if self.budget is not None:
            n_bought = min(self._n_affordable(len(labeled)), len(labeled))
            n_rounds = count_rounds(n_bought, self._n_first(), self.batch_size)
        weights = {k: v for k, v in params.items() if k == "sample_weight"}
        tasks = FitTasks(
            self,
            plan.training.estimator,
            n_rounds,
            X=X if len(labeled) == len(codes) else lambda: _safe_indexing(X, labeled),
            y=lambda: classes[codes[labeled]],
            metadata=_check_method_params(X, weights, indices=labeled) or None,
        )
        training = plan.training._replace(around=tasks.fitting)
        return tasks, plan._replace(training=training)

    def _run_campaign(
        self,
        X: Any,
        classes: Array,
        oracle: Array,
        params: dict,
        plan: Plan,
        tasks: FitTasks,
        stopping: Any,
        watch: Any,
    ) -> tuple[list[Round], str]:
        """All rounds until the campaign ends, and why it does."""
        n_affordable = self._n_affordable(len(oracle))
        rounds: list[Round] = []
        for one in run_rounds(
            plan,
            X,
            classes,
            oracle,
            params,
            n_affordable=n_affordable,
            n_initial=self._n_first(),
            batch_size=self.batch_size,
            begin_round=tasks.begin_round,
        ):
            if rounds:  # of all rounds the figures, of the last one the model
                nothing = Model(None, None, one.model.seen)
                rounds[-1] = rounds[-1]._replace(model=nothing)
            rounds.append(one)
            view = partial(self._as_of, rounds, classes, plan)
            if watch is not None:
                watch(view())
            ended_by = tasks.end_round(view)
            if len(one.rows) == min(n_affordable, len(oracle)):
                break
            if stopping is not None:
                known = decode_labels(classes, one.codes)
                decision = stopping.update(view(), X, known)
                if decision:
                    return rounds, decision.rule
            if ended_by is not None:
                return rounds, ended_by
        is_used = len(rounds[-1].rows) == n_affordable
        return rounds, "budget" if is_used else "exhausted"

    def _n_affordable(self, n_labels: int) -> int:
        if isinstance(self.budget, numbers.Integral):
            return int(self.budget)
        share = float(self.budget)  # type: ignore[arg-type]
        return max(1, int(share * n_labels + 1e-9))

    def _n_first(self) -> int:
        return self.n_initial or self.batch_size

    def _as_of(self, rounds: list[Round], classes: Array, plan: Plan) -> Fitting:
        """A copy that is fitted as if the fit had ended with these rounds."""
        learner = without_callbacks(self)
        learner._set_rounds(rounds, classes, plan)
        return learner

    def _make_plan(self) -> Plan:
        strategy, initial = self._check_strategies()
        is_seeded = isinstance(self.random_state, numbers.Integral)
        if self.audit_fraction and not is_seeded:
            raise ValueError(
                f"audit_fraction={self.audit_fraction} needs an int as random_state, "
                "from which the rows that are never learnt from follow in each call; "
                f"got random_state={self.random_state!r}."
            )
        entropy = np.random.SeedSequence(draw_seed(self.random_state))
        seeds = entropy.generate_state(5).tolist()
        estimator_seed, member_seed, query_seed, audit_seed, noise_seed = seeds
        warm_start = None
        if self.warm_start is not False:
            method = goes_on_by(self.estimator, self.warm_start)
            perturb = None if self.warm_start is True else self.warm_start
            warm_start = WarmStart(method, perturb, noise_seed)
        encode = self.encode_labels
        if encode == "auto":
            encode = needs_codes(self.estimator)
        training = Training(
            estimator=EncodedClassifier(self.estimator) if encode else self.estimator,
            members=self.members if self._makes_members(strategy) else None,
            n_members=self.n_members,
            n_jobs=self.n_jobs,
            # Without a random_state the estimator keeps its own chance.
            estimator_seed=None if self.random_state is None else estimator_seed,
            member_seed=member_seed,
            warm_start=warm_start,
        )
        return Plan(
            strategy=strategy,
            initial=initial,
            unfitted=self.estimator,
            training=training,
            query_seed=query_seed,
            max_candidates=self.max_candidates,
            n_jobs=self.n_jobs,
            audit_fraction=float(self.audit_fraction),
            audit_seed=audit_seed,
        )

    def _check_strategies(self) -> tuple[Strategy, Strategy]:
        strategy = get_strategy(self.strategy)
        initial = get_strategy(self.initial_strategy)
        for leaf in strategy.leaves() + initial.leaves():
            leaf._validate_params()
        check_needs(strategy, self.estimator, can_make_members=True)
        for leaf in initial.leaves():
            if leaf.needs:
                raise ValueError(
                    f"initial_strategy={self.initial_strategy!r} needs "
                    f"{' or '.join(leaf.needs)} of a fitted estimator, but it chooses "
                    "while there is none. Use one that needs nothing, as 'random'."
                )
        if getattr(self.__sklearn_tags__().input_tags, "pairwise", False):
            raise ValueError(
                f"{self.estimator!r} takes precomputed distances or kernels, which "
                "cannot be cut to the labelled rows. Pass features instead."
            )
        return strategy, initial

    def _makes_members(self, strategy: Strategy) -> bool:
        if not any("members" in leaf.needs for leaf in strategy.leaves()):
            return False
        is_asked = callable(self.members) or self.members != "auto"
        return is_asked or not has_response(self.estimator, "members")

    def _model(self) -> Model | None:
        """What the last fit gave, if there was one."""
        if not hasattr(self, "estimator_"):
            return None
        return Model(self.estimator_, self.members_, self._seen, self._learnt)

    def _set_rounds(self, rounds: list[Round], classes: Array, plan: Plan) -> None:
        self._set_model(rounds[-1].model, classes)
        self.labeled_indices_ = rounds[-1].rows
        self.n_labels_ = len(rounds[-1].rows)
        self.history_ = {"n_labels": np.array([len(one.rows) for one in rounds])}
        for name in Cost._fields:
            figures = [getattr(one.cost, name) for one in rounds]
            self.history_[name] = np.array(figures)
        self.audit_indices_ = rounds[-1].audited
        # While a campaign runs on a part of the rows, their positions say nothing.
        is_part = plan.ids is not None and plan.ids[-1] >= len(plan.ids)
        self._reserved = None if is_part else (plan.audit_fraction, plan.audit_seed)
        if self.audit_fraction:
            self.history_["n_audited"] = np.array([len(one.audited) for one in rounds])

    def _set_model(self, model: Model, classes: Array) -> None:
        self.estimator_, self.members_, self._seen, self._learnt, _ = model
        # An estimator fitted beforehand may know further classes.
        self.classes_ = np.union1d(classes, self._fitted_classes())
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(model.estimator, name):
                setattr(self, name, getattr(model.estimator, name))
            elif hasattr(self, name):
                delattr(self, name)
