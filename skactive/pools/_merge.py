"""The rows to label, from the candidates of all parts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.base import clone

from skactive._compat.sklearn import _num_samples, _safe_indexing
from skactive._compat.typing import Array
from skactive._data.stack import stack_rows
from skactive.classifier._base import BaseActiveLearner
from skactive.classifier._query import find_learner
from skactive.pools._shortlist import Asked, Shortlist, ask, check_n, combine
from skactive.strategies import Strategy, UncertaintyHerding
from skactive.strategies._selection import warn_if_equal


def merge(
    shortlists: Iterable[Shortlist], learner: Any, n_queries: int | None = None
) -> Array:
    """Choose the rows to label from the candidates of all parts of a pool.

    Parameters
    ----------
    shortlists : iterable of Shortlist
        What :func:`shortlist` gave for each part, in any order.
    learner : ActiveLearningClassifier or ActiveLearningRegressor
        The learner that was passed to :func:`shortlist`.
    n_queries : int, default=None
        Number of rows to choose. None means the learner's `batch_size`. If there are
        fewer rows without a label, all are chosen.

    Returns
    -------
    ids : ndarray of shape (n_queries,)
        Distinct names of rows, most useful first.

    Raises
    ------
    ValueError
        If there are no shortlists or no rows without a label, parts have different
        columns or dtypes, an id is in two parts, a labelled id is in none, or the
        shortlists have fewer candidates than rows are asked for.

    Examples
    --------
    See :func:`shortlist`.
    """
    learner, _ = find_learner(learner, None, "merge")
    whole = combine(list(shortlists))
    n_queries = learner.batch_size if n_queries is None else n_queries
    check_n(n_queries, "n_queries")
    _check_labeled(whole)
    n_queries = min(int(n_queries), whole.n_rows)
    if n_queries == 0:
        raise ValueError(_nothing_to_query(whole))
    asked = ask(learner, [], len(whole.labeled_ids))
    n_needed = min(asked.screening.n_needed(n_queries), whole.n_rows)
    if n_needed > whole.n:
        raise ValueError(
            f"{n_queries} rows are asked for, but the shortlists hold {whole.n} "
            f"candidates. Pass n={n_needed} or more to shortlist."
        )
    if not asked.screening.is_choice:
        return _choose(whole, learner, asked, n_queries)
    seen = np.append(whole.keys, [whole.least] * (whole.n_rows > len(whole.keys)))
    warn_if_equal(asked.screening.strategy, seen, n_queries, asked.estimator)
    return whole.ids[:n_queries]


def _nothing_to_query(whole: Shortlist) -> str:
    if len(whole.labeled_ids) == 0:
        return "The pool has no rows, so there is nothing to query."
    return (
        f"All {len(whole.labeled_ids)} rows of the pool have a label, so there is "
        "nothing to query."
    )


def _check_labeled(whole: Shortlist) -> None:
    if len(whole.missing):
        names = ", ".join(repr(name) for name in whole.missing[:3].tolist())
        raise ValueError(
            f"{len(whole.missing)} of the ids in labeled are not in the pool, such as "
            f"{names}. Leave them out of labeled."
        )


def _choose(
    whole: Shortlist, learner: BaseActiveLearner, asked: Asked, n_queries: int
) -> Array:
    """Let the strategy choose among the candidates, with the labelled rows beside."""
    order = np.argsort(whole.labeled_ids)  # independent of the order of the parts
    known = _safe_indexing(whole.labeled_rows, order)
    X = stack_rows([rows for rows in (whole.rows, known) if _num_samples(rows)])
    labels = _labels_of(whole, order, known, learner, asked)
    y: Any = [*[None] * len(whole.ids), *labels]
    if labels.ndim > 1:  # several labels a row
        nothing = np.full((len(whole.ids), labels.shape[1]), np.nan)
        y = np.concatenate([nothing, labels])
    plan, model, pool, _ = learner._begin_query(X, y, {}, only_mask=False)
    strategy = asked.screening.strategy
    if isinstance(strategy, UncertaintyHerding):
        # A row that was drawn stands for others of its kind (priority sampling).
        weights = np.maximum(whole.utilities, whole.threshold)
        strategy = clone(strategy).set_params(strategy=_Weights(weights))
    plan = plan._replace(strategy=strategy, initial=strategy)
    return whole.ids[plan.choose(model, pool, n_queries)]


def _labels_of(
    whole: Shortlist,
    order: Array,
    known: Any,
    learner: BaseActiveLearner,
    asked: Asked,
) -> Array:
    """Labels of the labelled rows; predictions where they were not told."""
    if whole.labels is not None:
        return whole.labels[order]
    if _num_samples(known) == 0:
        return np.empty(0)
    if hasattr(learner, "estimator_"):
        return np.asarray(learner.predict(known))
    if asked.screening.strategy.uses_labels:
        raise ValueError(
            f"{asked.screening.strategy!r} looks at labels, and there is no fitted "
            "learner that could predict them. Pass labeled={id: label, ...}."
        )
    return np.zeros(_num_samples(known))


class _Weights(Strategy):
    """Given utilities of the first rows of a pool."""

    pointwise = True
    uses_labels = False

    def __init__(self, weights: Array):
        self.weights = weights

    def score_candidates(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Return the utilities of the candidates."""
        return self.weights[candidates]
