"""How a learner reads what it is given: rows, labels, metadata; errors and warnings."""

from __future__ import annotations

import functools
import numbers
import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from sklearn.utils import check_consistent_length, get_tags
from sklearn.utils.metadata_routing import process_routing

from skactive._compat.sklearn import (
    _check_feature_names,
    _check_n_features,
    _num_samples,
    _raise_for_params,
)
from skactive._compat.typing import Array
from skactive._data.label_sets import count_labels
from skactive._data.pool import Pool, as_rows
from skactive._models.target import Target
from skactive._models.training import Model, has_columns
from skactive._models.want_of_labels import cannot_answer, warn_of_lack
from skactive._models.wrappers import params_of_last_step
from skactive.classifier._plan import Plan, make_plan
from skactive.strategies._function import as_strategy
from skactive.strategies._messages import name_of_model

# Other common names of parameters.
_OTHER_NAMES = {
    "n_instances": "batch_size",
    "n_queries": "batch_size",
    "query_strategy": "strategy",
}
_Init = TypeVar("_Init", bound=Callable[..., None])


def hints_at_names(init: _Init) -> _Init:
    """Let an `__init__` say what a parameter is called that has another name here."""

    @functools.wraps(init)
    def checked(self: Any, *args: Any, **params: Any) -> None:
        for other, name in _OTHER_NAMES.items():
            if other in params:
                raise TypeError(
                    f"{type(self).__name__} has no parameter {other!r}; it is called "
                    f"{name!r} here: write {name}={params[other]!r}."
                )
        init(self, *args, **params)

    return cast(_Init, checked)


class ReadsArguments:
    """Mixin of the learners with the checks of arguments that methods share."""

    # The kinds of labels that are taken, the most special one first.
    _kinds: tuple[type[Target], ...]
    _task: str
    # A learner whose labels may have a mark, or codes, has parameters of these names.
    missing_label: Any = np.nan
    encode_labels: bool | str = False
    estimator: Any
    _model: Any
    classes_: Any

    # -----------------------------------------------------------------------------
    # Checks of arguments
    # -----------------------------------------------------------------------------

    def _validate_params(self) -> None:
        """Check the parameters; an error says what to write for likely mistakes."""
        for name in ("strategy", "initial_strategy"):
            value = getattr(self, name)
            if isinstance(value, (type, list, tuple, set, dict)):
                as_strategy(value)  # raises
        super()._validate_params()  # type: ignore[misc]

    @property
    def _kind(self) -> Any:
        """The kind of labels of the last fit; AttributeError before there is one."""
        # A file of a learner names the task, and not the class, which may move.
        return next(kind for kind in self._kinds if kind.task == self._task)

    def _make_plan(self, kind: type[Target] | None = None) -> Plan:
        return make_plan(self, self._kind_of(None) if kind is None else kind)

    def _kind_of(self, y: Any) -> type[Target]:
        """Return the kind of labels in `y`; that of the last fit if it is None."""
        if y is None:
            return getattr(self, "_kind", self._kinds[-1])
        return next(kind for kind in self._kinds if kind.takes(y))

    def _check_as_in_fit(self, y: Any) -> None:
        """Raise if `y` has another number of labels a row than in the last fit."""
        kind = self._kind_of(y)
        n_given = count_labels(y) or 1
        n_known = len(self.classes_) if self._kind.task == "multilabel" else 1
        if kind is not self._kind or (n_known > 1 and n_given != n_known):
            raise ValueError(
                f"y has {n_given} label{'s' if n_given > 1 else ''} a row, but the "
                f"last fit had {n_known}. Pass y with the columns that it had in fit, "
                "or call fit again."
            )

    def _labeled(self, X: Any, y: Any) -> tuple[Any, Target]:
        """Return an indexable `X`, and its labels; raise if there are no labels."""
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y "
                "is None. Rows without a label have the missing label in y."
            )
        X = as_rows(X)
        check_consistent_length(X, y)
        target = self._kind_of(y).of(y, self.missing_label)
        if len(target.known) == 0:
            raise ValueError(
                f"No row is labelled: all {len(target)} entries of y are missing. Call "
                "query(X, y) first, label the rows that it returns, and enter their "
                "labels in y. In a search or a cross-validation of a partly labelled "
                "y, pass cv=LabeledKFold(), from skactive.model_selection, which has "
                "labelled rows in every fold."
            )
        return X, target

    def _labels_or_none(self, X: Any, y: Any) -> Target:
        """Return the labels of `X`. If `y` is None, no row has a label."""
        kind = self._kind_of(y)
        if y is None:
            return kind.nothing(_num_samples(X))
        return kind.of(y, self.missing_label)

    def _begin_query(
        self, X: Any, y: Any, params: dict, *, only_mask: bool = True
    ) -> tuple[Plan, Model | None, Pool, dict]:
        """Return the plan, the last model, the pool and the metadata of a call.

        With `only_mask`, strategies get the labels only if one of them uses labels.
        """
        if not hasattr(self, "estimator_"):
            self._validate_params()
        routed = self._route(params)
        X = as_rows(X)
        kind, model = self._kind_of(y), self._model()
        plan = self._make_plan(kind)
        if model is None:
            self._warn_of_one_axis(X)
        pool = Pool(X, np.ones(_num_samples(X), dtype=bool))
        plan.check_pool(pool.n_samples)
        if y is not None:
            check_consistent_length(X, y)
            if model is not None:
                self._check_as_in_fit(y)
            missing = kind.missing_in(y, self.missing_label)
            if missing.any():
                self._warn_of_suspects(y, missing)
            only_mask = only_mask and not plan.uses_labels
            args = y, self.missing_label, missing, only_mask
            visible = kind.visible_in(*args)
            pool = pool._replace(missing=missing, y=visible)
        if model is not None:
            self._check_columns(X)
        weights = self._weights(routed)
        if weights is not None:
            check_consistent_length(X, weights)
            pool = pool._replace(weights=weights)
        elif model is not None and getattr(self, "_is_weighted", False):
            self._warn_of_weights(plan)
        return plan, model, pool, routed

    def _route(self, params: dict) -> dict:
        """Return the metadata of a call, as the fit of `estimator` gets them."""
        _raise_for_params(params, self, "fit")
        return process_routing(self, "fit", **params).estimator.fit

    def _weights(self, routed: dict) -> Array | None:
        """Return the sample weights for the last step of `estimator`, if any."""
        weights = params_of_last_step(self.estimator, routed).get("sample_weight")
        return None if weights is None else np.asarray(weights, dtype=np.float64)

    def _check_columns(self, X: Any) -> None:
        """Raise if `X` has other columns than in the last fit."""
        if hasattr(self, "feature_names_in_"):
            _check_feature_names(self, X, reset=False)
        if has_columns(X):
            _check_n_features(self, X, reset=False)

    # -----------------------------------------------------------------------------
    # Errors and warnings
    # -----------------------------------------------------------------------------

    def _warn_or_raise(
        self,
        error: Exception,
        plan: Plan,
        model: Model | None,
        X: Any,
        y: Any,
        params: dict,
    ) -> None:
        """Warn if `estimator` cannot predict for lack of labels; raise otherwise."""
        target = self._labels_or_none(X, y)
        rows = target.known
        if len(rows):
            rows, _ = plan.split(rows, len(target))
        args = model, X, target.values(rows), rows, params
        if not cannot_answer(plan.training, *args):
            raise error
        warn_of_lack(error, len(rows))

    def _warn_of_weights(self, plan: Plan) -> None:
        if plan.strategy.uses_weights:
            warnings.warn(
                f"The last fit had a sample_weight, and {plan.strategy!r} fits models "
                "of its own, but this call has none, so the choice is that of models "
                "without weights. Pass the weights here too: query(X, y, "
                "sample_weight=...), with one entry per row of X.",
                UserWarning,
                stacklevel=4,
            )

    def _warn_of_one_axis(self, X: Any) -> None:
        """Warn if rows are single numbers, which few estimators take."""
        kind = getattr(getattr(X, "dtype", None), "kind", "")
        is_column = len(getattr(X, "shape", ())) == 1 and kind in ("b", "i", "u", "f")
        is_list = isinstance(X, list) and X and isinstance(X[0], numbers.Number)
        is_known = hasattr(self.estimator, "__sklearn_tags__")
        if not is_known or not (is_column or is_list):
            return
        tags = get_tags(self.estimator)
        if tags.no_validation or not tags.input_tags.two_d_array:
            return
        warnings.warn(
            f"X holds {len(X)} single numbers, but most estimators need rows and "
            f"columns, and the fit of {name_of_model(self.estimator)} will then raise. "
            "For one feature, pass np.reshape(X, (-1, 1)).",
            UserWarning,
            stacklevel=4,
        )

    def _warn_of_suspects(
        self, y: Any, missing: Array | None = None, stacklevel: int = 4
    ) -> None:
        """Warn once about labels that may not mean what they are taken for."""
        told: frozenset = getattr(self, "_told_suspects", frozenset())
        kind = self._kind_of(y)
        found = kind.find_suspects(y, self.missing_label, missing)
        new = {suspect: n for suspect, n in found.items() if suspect not in told}
        if not new:
            return
        self._told_suspects = told | frozenset(new)
        message = kind.say_suspects(new, len(y))
        warnings.warn(message, UserWarning, stacklevel=stacklevel)

    def _nothing_to_query(self, pool: Pool, y: Any, n_skipped: int) -> str:
        n_samples = pool.n_samples
        if n_samples == 0:
            return "X has no rows, so there is nothing to query."
        message = (
            f"All {n_samples} rows have a label, so there is nothing to query. "
            "Add unlabelled rows to X, with a missing label in y."
        )
        if n_skipped:
            message = (
                f"All {n_samples} rows have a label ({n_samples - n_skipped}) or are "
                f"in skip ({n_skipped}), so there is nothing to query. Add unlabelled "
                "rows to X, or leave some out of skip."
            )
        if y is None:
            return message
        return message + self._kind_of(y).hint_of_marks(y, self.missing_label)
