"""Which rows to label next, why these, and how useful any row is."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from skactive._compat.sklearn import (
    _check_feature_names,
    _check_n_features,
    _num_samples,
    available_if,
)
from skactive._data.labels import (
    MISSING,
    as_visible,
    decode_labels,
    encode_labels,
    find_marks,
    is_missing,
)
from skactive._models.training import Model, has_columns
from skactive.classifier._campaign import Plan, run_in_threads
from skactive.classifier._delegates import check_pool
from skactive.classifier._explain import Explanation, explain_rows
from skactive.strategies import get_strategy
from skactive.strategies._selection import check_n_queries, check_rows

Array = NDArray[Any]


def _has_pointwise_strategy(learner: Choosing) -> bool:
    try:
        strategy = get_strategy(learner.strategy)
    except (TypeError, ValueError):
        return True  # the call itself says what is wrong with the strategy
    if not strategy.pointwise:
        raise AttributeError(
            f"{strategy!r} has no score_samples: the utility of a row depends on the "
            "other rows. Use query."
        )
    return True


class Choosing:
    """What a learner does without learning: it chooses rows, and says why."""

    strategy: Any
    batch_size: int
    missing_label: Any
    audit_fraction: float
    n_jobs: int | None
    _seen: Array
    _make_plan: Callable[[], Plan]
    _model: Callable[[], Model | None]
    _validate_params: Callable[[], None]
    _route: Callable[[dict], dict]
    _weights: Callable[[dict], Array | None]

    def query(
        self,
        X: Any,
        y: Any = None,
        n_queries: int | None = None,
        *,
        skip: ArrayLike = (),
        **params: Any,
    ) -> Array:
        """Choose the rows to label next.

        Before the first `fit`, while only one class has been seen, and while there are
        too few labels for the estimator to answer, `initial_strategy` chooses.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            The pool, with or without labelled rows.
        y : array-like of shape (n_samples,), default=None
            Labels, missing where a row is unlabelled; only these rows are
            candidates. None means that every row of `X` is one.
        n_queries : int, default=None
            How many rows. None means `batch_size`. Fewer candidates than asked for
            are all given.
        skip : array-like of int, default=()
            Positions of rows that are not to be given although they have no label, as
            nobody could label them. The choice is as if they were not in the pool.
        **params : dict
            The metadata of :meth:`fit`, such as `sample_weight` with one entry a row of
            `X`, if metadata routing is enabled: strategies that fit models themselves,
            as "expected_error" and "bait", heed the weights. Those of rows without a
            label do not count, and may be NaN.

        Returns
        -------
        positions : ndarray of shape (n_queries,)
            Distinct positions in `X`, most useful first. For a data frame,
            ``X.index[positions]`` are its own labels of these rows.

        Raises
        ------
        ValueError
            If every row has a label or is in `skip`, lengths differ, `X` has other
            columns than in `fit`, or the estimator does not give what the strategy
            needs.

        Warns
        -----
        UserWarning
            If the last fit had a `sample_weight` that the strategy would heed, and this
            call has none; if a class looks like a mark of a missing label; if there are
            too few labels for the estimator to answer.
        """
        if not hasattr(self, "estimator_"):
            self._validate_params()
        routed = self._route(params)
        n_queries = self.batch_size if n_queries is None else n_queries
        check_n_queries(n_queries)
        X = check_pool(X)
        n_candidates = _num_samples(X)
        given = y

        def known() -> tuple[Array, Array, dict]:
            nothing = [None] * _num_samples(X)
            classes, codes = encode_labels(
                nothing if given is None else given, self.missing_label
            )
            rows = np.flatnonzero(codes != MISSING)
            if len(rows):
                rows, _ = plan.split(rows, len(codes))
            return classes[codes[rows]], rows, routed

        skipped = np.unique(check_rows(skip, n_candidates, "skip"))
        plan = self._make_plan()
        plan.check_pool(n_candidates)
        if y is not None:
            check_consistent_length(X, y)
            missing = is_missing(y, self.missing_label)
            skipped = skipped[missing[skipped]]
            n_candidates = int(np.count_nonzero(missing))
            if n_candidates:
                self._warn_of_marks(y, missing)
                used = plan.strategy.uses_labels or plan.initial.uses_labels
                y = as_visible(y, self.missing_label, missing, only_mask=not used)
        n_candidates -= len(skipped)
        if n_candidates == 0:
            raise ValueError(self._nothing_to_query(X, y, len(skipped)))
        model = self._model()
        plan = self._with_weights(plan, model, X, routed)
        if model is not None:
            self._check_columns(X)
        args = X, y, n_candidates, int(n_queries), skipped
        return plan.while_few(lambda model: plan.choose(model, *args), model, X, known)

    def explain_query(
        self, X: Any, rows: ArrayLike, y: Any = None, **params: Any
    ) -> Explanation:
        """Say why rows are worth labelling.

        It takes as long as a query, and for each row a look at the whole pool. With
        `max_candidates` and an int as `random_state` the utilities are those that the
        query compared; otherwise of another random subset of the candidates.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            The pool, as it was given to :meth:`query`.
        rows : array-like of shape (n_rows,)
            Positions in `X`, as :meth:`query` gives them.
        y : array-like of shape (n_samples,), default=None
            Labels as they were in that call. None means that no row has one.
        **params : dict
            Metadata as in that call.

        Returns
        -------
        explanation : list of dict
            One dict a row; `str` of the list is a text, and notebooks show a table.
            Keys are

            "row" : int
                The position.
            "strategy" : str
                What chose, or would choose now.
            "utility" : float or None
                None where the strategy chooses a batch as a whole.
            "terms" : dict
                Names and utilities, or factors, that the utility is made of.
            "shares" : dict or None
                Share of each term in a sum; None for products.
            "prediction" : object
                The class predicted; None while there is no model.
            "proba" : dict or None
                Classes with their probabilities, largest first.
            "aleatoric", "epistemic" : float or None
                Entropy in nats that more labels cannot remove, and that they can,
                where the estimator is a committee or the strategy has one made.
            "nearest_labeled" : list of dict or None
                "row", "label" and "distance" of up to three labelled rows. None, like
                the next two, where rows are no vectors.
            "denser_than" : float or None
                Share of the pool, or of 500 rows of it, in less dense places.
            "n_near" : int or None
                Rows no farther than 5 % of the pool's median distance, with itself.
            "n_copies" : int
                Rows that are identical, with itself.

        Raises
        ------
        ValueError
            If a position is not in `X`, lengths differ, `X` has other columns than
            in `fit`, or the estimator does not give what the strategy needs.

        Examples
        --------
        >>> from sklearn.linear_model import LogisticRegression
        >>> from skactive import ActiveLearningClassifier
        >>> X, y = [[0.0], [1.0], [2.0], [3.2]], ["no", None, None, "yes"]
        >>> learner = ActiveLearningClassifier(LogisticRegression()).fit(X, y)
        >>> print(learner.explain_query(X, learner.query(X, y, n_queries=1), y))
        row 2
          utility: 0.8521 by Margin()
          predicted: yes 57%, no 43%
          nearest labelled: row 3 (label yes) at 1.2, row 0 (label no) at 2
          place: denser than 50% of the pool, 0 other rows near it, 0 identical
        """
        if not hasattr(self, "estimator_"):
            self._validate_params()
        routed = self._route(params)
        X = check_pool(X)
        n_samples = _num_samples(X)
        rows = check_rows(rows, n_samples)
        model = self._model()
        plan = self._with_weights(self._make_plan(), model, X, routed)
        labels = np.empty(0), np.full(n_samples, MISSING)
        if y is not None:
            check_consistent_length(X, y)
            labels = encode_labels(y, self.missing_label)
            y = decode_labels(*labels)
        if model is not None:
            self._check_columns(X)
        n_candidates = int(np.count_nonzero(labels[1] == MISSING))
        looked = plan.looked(X, y, n_candidates, len(rows))
        if looked is not None:
            looked = np.union1d(looked, rows)
        weights = plan.weights
        if weights is not None and looked is not None:
            weights = weights[looked]
        known = np.flatnonzero(labels[1] != MISSING)

        def explained(model: Model | None) -> Explanation:
            with run_in_threads(self.n_jobs):
                return explain_rows(
                    *plan.asked(model, weights),
                    X,
                    y,
                    labels,
                    rows,
                    is_fitted=model is not None and model.can_choose,
                    looked=looked,
                )

        args = labels[0][labels[1][known]], known, routed
        found = plan.while_few(explained, model, X, lambda: args)
        if self.audit_fraction:
            mask = plan.reserve(n_samples).mask
            for record in found:
                if mask[record["row"]]:
                    record |= {"strategy": "audit, at random", "utility": None}
                    record |= {"terms": {}, "shares": None}
        return found

    @available_if(_has_pointwise_strategy)
    def score_samples(self, X: Any) -> Array:
        """Utility of each row; greater is more worth labelling.

        There for strategies whose utility of a row does not depend on other rows.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Any rows.

        Returns
        -------
        utilities : ndarray of shape (n_samples,)
            Finite float64. Zero everywhere while only one class has been seen.

        Raises
        ------
        NotFittedError
            Before the first fit.
        """
        check_is_fitted(self)
        X = check_pool(X)
        plan = self._make_plan()
        if len(self._seen) == 1:
            return np.zeros(_num_samples(X))
        strategy, estimator = plan.asked(self._model())
        with run_in_threads(self.n_jobs):
            return strategy(estimator, X)

    def _with_weights(
        self, plan: Plan, model: Model | None, X: Any, routed: dict
    ) -> Plan:
        """The plan with the weights of a call, as a fit with a budget has it."""
        weights = self._weights(routed)
        if weights is not None:
            check_consistent_length(X, weights)
            return plan._replace(weights=weights)
        is_heeded = plan.strategy.uses_weights
        if is_heeded and model is not None and getattr(self, "_is_weighted", False):
            warnings.warn(
                f"The last fit had a sample_weight, and {plan.strategy!r} fits models "
                "of its own, but this call has none, so the choice is that of models "
                "without weights. Pass the weights here too: query(X, y, "
                "sample_weight=...), with one entry a row of X.",
                UserWarning,
                stacklevel=3,
            )
        return plan

    def _warn_of_marks(self, y: Any, missing: Array | None = None) -> None:
        """Warn, once for each, of classes that look like a mark of a missing label."""
        told: frozenset = getattr(self, "_told_marks", frozenset())
        marks = find_marks(y, self.missing_label, missing)
        new = {mark: n for mark, n in marks.items() if mark not in told}
        if not new:
            return
        self._told_marks = told | frozenset(new)
        what = [f"{mark!r} in {n} of {len(y)} rows" for mark, n in new.items()]
        way = f"set missing_label={next(iter(new))!r}"
        if len(new) > 1:
            way += ", and put None in place of the others"
        warnings.warn(
            f"y has {' and '.join(what)}, which is taken as a class, though it looks "
            f"like a mark of a missing label. If it is one, {way}. If it is a class, "
            "all is well.",
            UserWarning,
            stacklevel=3,
        )

    def _check_columns(self, X: Any) -> None:
        """Raise where `X` has other columns than in the last fit."""
        if hasattr(self, "feature_names_in_"):
            _check_feature_names(self, X, reset=False)
        if has_columns(X):
            _check_n_features(self, X, reset=False)

    def _nothing_to_query(self, X: Any, y: Any, n_skipped: int) -> str:
        n_samples = _num_samples(X)
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
        marks = find_marks(y, self.missing_label, most=0)
        if marks:
            mark = next(iter(marks))
            message += (
                f" y holds {mark!r}, which is taken as a class; if it means that "
                f"a label is missing, set missing_label={mark!r}."
            )
        return message
