"""Information that a whole batch gives, or that a label gives about predictions."""

from __future__ import annotations

import numbers
import warnings
from functools import partial
from typing import Any

import numpy as np

from skactive import measures
from skactive._compat.sklearn import Interval, _safe_indexing
from skactive._compat.typing import Array
from skactive._data.chunks import map_rows
from skactive._data.copies import row_keys
from skactive._models.members import member_proba
from skactive._models.predictive import Beliefs, Values
from skactive._models.response import count_outputs
from skactive._models.wrappers import task_of
from skactive.geometry._gaussian import predictive_information
from skactive.measures._joint import is_exhausted
from skactive.strategies._base import Request, Strategy
from skactive.strategies._integrated_variance import (
    choose_greedily,
    read_beliefs,
    target_rows,
)
from skactive.strategies._selection import (
    as_generator,
    check_utilities,
    pick_distinct,
    take_best,
    warn_if_equal,
)
from skactive.strategies._shortlist import (
    MAX_CANDIDATES,
    draw_candidates,
    shortlist_size,
)
from skactive.strategies._stochastic import gumbel_keys

# BatchBald: the information gain of this many rows for each candidate is computed.
_SCREENED_PER_CANDIDATE = 20


class BatchBald(Strategy):
    """Rows whose labels together tell the most about the model (BatchBALD).

    The first row is that of the strategy "information_gain". Each further row adds the
    most to what the labels before it will tell. Rows that tell the same are therefore
    not in one batch. A committee of n members holds log(n) nats of information. Once a
    batch tells 99 % of that, the strategy warns, and fills the rest of the batch by
    information gain. Identical rows are chosen only when no other rows are left.

    Parameters
    ----------
    max_candidates : int or None, default=10_000
        Maximum number of candidates. In larger pools, half of them are the rows with
        the largest information gain, which bounds what a row can add. The other half is
        drawn from the other rows, with probabilities proportional to the gain. The gain
        is computed for 20 times as many rows, drawn at random if there are more. None
        means all rows. The probabilities of all members for the candidates are held in
        memory.
    max_configurations : int, default=500
        The computation is exact while the labels of the batch so far have no more
        configurations than this; see :func:`skactive.measures.batch_bald`.

    See Also
    --------
    skactive.measures.batch_bald : The algorithm.
    skactive.measures.joint_information_gain : The objective.

    References
    ----------
    .. [1] A. Kirsch, J. van Amersfoort, Y. Gal, "BatchBALD: Efficient and Diverse
       Batch Acquisition for Deep Bayesian Active Learning", NeurIPS 2019.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skactive.strategies import BatchBald
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    >>> forest = RandomForestClassifier(random_state=0).fit(X, y)
    >>> pool = [[-9.0], [1.4], [1.6], [9.0]]
    >>> sorted(BatchBald().select(forest, pool, n_queries=2).tolist())
    [1, 2]
    """

    needs = ("members",)
    uses_labels = False
    _parameter_constraints: dict = {
        "max_candidates": [Interval(numbers.Integral, 2, None, closed="left"), None],
        "max_configurations": [Interval(numbers.Integral, 1, None, closed="left")],
    }

    def __init__(
        self, max_candidates: int | None = 10_000, max_configurations: int = 500
    ):
        self.max_candidates = max_candidates
        self.max_configurations = max_configurations

    def _choose(self, request: Request) -> Array:
        estimator, X, _, candidates, n_queries, seed = request
        rng = as_generator(seed)
        n_kept = shortlist_size(len(candidates), self.max_candidates, n_queries)
        if n_kept is not None:
            n_screened = _SCREENED_PER_CANDIDATE * n_kept
            screened = draw_candidates(X, candidates, n_screened, n_queries, rng)
            screened = self._screen(estimator, X, screened, n_kept, rng)
            if len(np.unique(row_keys(X, screened))) < n_queries:  # mostly copies
                screened = draw_candidates(X, candidates, n_kept, n_queries, rng)
            candidates = screened
        proba_KNC = member_proba(estimator, _safe_indexing(X, candidates))

        def pick(rows: Array, n_rows: int) -> Array:
            best, information = measures.batch_bald(
                proba_KNC[:, np.searchsorted(candidates, rows)],
                n_rows,
                max_configurations=self.max_configurations,
                random_state=rng,
            )
            if rows is candidates:  # and not what is left of them without copies
                self._warn(information, len(proba_KNC), len(rows), estimator)
            return rows[best]

        return pick_distinct(pick, X, candidates, n_queries, rng)

    def _screen(
        self,
        estimator: Any,
        X: Any,
        candidates: Array,
        n_kept: int,
        rng: np.random.Generator,
    ) -> Array:
        """Keep the rows with the largest gain, and as many others drawn by gain."""
        score = partial(_information_gain, estimator)
        n_outputs = count_outputs(estimator, "members")
        gains = map_rows(score, X, candidates, n_outputs)
        gains = check_utilities(gains, len(candidates), self)
        is_kept = np.zeros(len(candidates), dtype=bool)
        is_kept[take_best(gains, n_kept - n_kept // 2, rng)] = True
        others = np.flatnonzero(~is_kept)
        logs = np.full(len(others), -np.inf)
        np.log(gains[others], out=logs, where=gains[others] > 0)
        is_kept[others[take_best(gumbel_keys(logs, rng), n_kept // 2, rng)]] = True
        return candidates[is_kept]

    def _warn(
        self, information: Array, n_members: int, n_candidates: int, estimator: Any
    ) -> None:
        """Warn if rows were chosen that tell nothing."""
        told = is_exhausted(information, n_members)
        if told[:-1].any():
            n_enough = int(told.argmax()) + 1
            warnings.warn(
                f"The labels of the first {n_enough} of {len(information)} rows tell "
                f"{self!r} all that its {n_members} members can be told, "
                f"log({n_members}) nats: the other rows were chosen by their single "
                "information gain. Use more members (n_members of the learner, "
                "n_estimators of a forest), or smaller batches.",
                UserWarning,
                stacklevel=3,
            )
        elif information[-1] <= 0:
            nothing = np.zeros(n_candidates)
            warn_if_equal(self, nothing, len(information), estimator)


class Epig(Strategy):
    """Rows whose label tells the most about predictions on other rows (EPIG).

    Information gain measures what a label tells about the model, including parts of the
    model that do not matter, such as its behaviour on outliers. This strategy measures
    what a label tells, on average, about the labels of target rows.

    For regressors, labels are taken as normally distributed. Their covariances are
    those of :class:`IntegratedVariance`: in closed form for Gaussian processes and
    linear models, and from the members of a committee for others. This needs `y`. Rows
    of a batch are then chosen one by one, each for what those before it do not tell.

    Parameters
    ----------
    targets : array-like, sparse, data frame or sequence of rows, default=None
        Target rows, similar to the rows that will be predicted, as the estimator takes
        them. If they are given, the utility of a row of a classifier depends on that
        row only. None means rows of the pool.
    n_targets : int, default=500
        Number of rows of the pool to use as targets, evenly spaced in its order,
        including labelled rows. If the pool has fewer rows, all are used. Not used if
        `targets` are given. Time grows with this number.
    max_candidates : int or None, default=10_000
        Maximum number of candidates of a batch. If there are more, this many are drawn
        at random. None means all. Utilities of single rows, as from `score_samples` of
        a learner, are there for all rows.

    See Also
    --------
    skactive.measures.expected_predictive_information_gain : The formula.

    References
    ----------
    .. [1] F. Bickford Smith, A. Kirsch, S. Farquhar, Y. Gal, A. Foster, T. Rainforth,
       "Prediction-Oriented Bayesian Active Learning", AISTATS 2023.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skactive.strategies import Epig
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    >>> forest = RandomForestClassifier(random_state=0).fit(X, y)
    >>> Epig(targets=[[1.4], [1.7]]).select(forest, [[-9.0], [1.5]], n_queries=1)
    array([1])
    """

    needs = ("members", "covariance", "member_predictions")
    # For regressors, `select` only takes into account what else is in the batch.
    has_utilities = True
    uses_weights = True
    _parameter_constraints: dict = {
        "targets": "no_validation",
        "n_targets": [Interval(numbers.Integral, 1, None, closed="left")],
        "max_candidates": MAX_CANDIDATES,
    }

    def __init__(
        self,
        targets: Any = None,
        n_targets: int = 500,
        max_candidates: int | None = 10_000,
    ):
        self.targets = targets
        self.n_targets = n_targets
        self.max_candidates = max_candidates

    @property
    def pointwise(self) -> bool:  # type: ignore[override]
        return self.targets is not None

    def score_candidates(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Compute the utilities of the rows at the ascending positions `candidates`."""
        targets = target_rows(self, X)
        if task_of(estimator) == "regression":
            believed = read_beliefs(estimator, X, y)
            score = partial(_gaussian_gain, believed, believed.at(targets))
            n_outputs = 2 * believed.n_factors + self.n_targets
            return map_rows(score, X, candidates, n_outputs)
        target_proba = member_proba(estimator, targets)
        score = partial(_predictive_gain, estimator, target_proba)
        n_outputs = count_outputs(estimator, "members")
        return map_rows(score, X, candidates, n_outputs)

    def _choose(self, request: Request) -> Array:
        most = self.max_candidates
        if task_of(request.estimator) == "regression":
            return choose_greedily(self, request, most, by_information=True)
        _, X, _, candidates, n_queries, seed = request
        if shortlist_size(len(candidates), most, n_queries) is None:
            return super()._choose(request)
        rng = as_generator(seed)
        drawn = draw_candidates(X, candidates, most, n_queries, rng)
        seed = int(rng.integers(np.iinfo(np.int32).max))
        return super()._choose(request._replace(candidates=drawn, random_state=seed))


def _information_gain(estimator: Any, X: Any) -> Array:
    return measures.information_gain(member_proba(estimator, X))


def _gaussian_gain(believed: Beliefs, targets: Values, X: Any) -> Array:
    values = believed.at(X)
    args = values.covariance(targets), values.variance, targets.variance
    return predictive_information(*args, believed.noise)


def _predictive_gain(estimator: Any, target_proba: Array, X: Any) -> Array:
    proba_KNC = member_proba(estimator, X)
    return measures.expected_predictive_information_gain(proba_KNC, target_proba)
