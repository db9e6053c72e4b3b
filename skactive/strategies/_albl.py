"""Active learning by learning: a bandit that finds out which strategy pays."""

from __future__ import annotations

import numbers
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skactive._compat.sklearn import Interval, _num_samples, _safe_indexing
from skactive._compat.tally import count_rows
from skactive._models.members import classes_of
from skactive._models.response import predict_proba
from skactive.strategies._base import (
    _for_part,
    as_generator,
    check_n_queries,
    check_needs,
    find_candidates,
)
from skactive.strategies._composition import Composition
from skactive.strategies._random import Random

Array = NDArray[Any]

_DEFAULT = ["random", "margin", "typiclust"]


# ---------------------------------------------------------------------------------
# EXP4.P, where each expert stands for one arm
# ---------------------------------------------------------------------------------


def arm_probabilities(log_weights: ArrayLike, p_min: float) -> Array:
    """Probabilities of the arms: by weight, none below `p_min`.

    Parameters
    ----------
    log_weights : array-like of shape (n_arms,)
        Logarithms of the weights w.
    p_min : float
        In [0, 1 / n_arms].

    Returns
    -------
    probabilities : ndarray of shape (n_arms,)
        ``(1 - n_arms * p_min) * w / sum(w) + p_min``.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies._albl import arm_probabilities
    >>> arm_probabilities(np.log([3, 1]), p_min=0.1)
    array([0.7, 0.3])
    """
    log_weights = np.asarray(log_weights, dtype=np.float64)
    weights = np.exp(log_weights - log_weights.max())
    return (1 - len(weights) * p_min) * weights / weights.sum() + p_min


def updated_log_weights(
    log_weights: ArrayLike,
    probabilities: ArrayLike,
    gains: ArrayLike,
    *,
    n_rounds: int,
    p_min: float,
    delta: float,
) -> Array:
    """Logarithms of the weights of the arms after a round of EXP4.P.

    Adds ``p_min / 2 * (gain + sqrt(ln(n_arms / delta) / (n_arms * n_rounds)) / p)``:
    an estimate of what each arm would have gained, and what it may be short of.

    Parameters
    ----------
    log_weights : array-like of shape (n_arms,)
        Before the round.
    probabilities : array-like of shape (n_arms,)
        Of the arms p in this round.
    gains : array-like of shape (n_arms,)
        Estimated rewards of the arms.
    n_rounds : int
        Rounds there will be.
    p_min : float
        The smallest probability.
    delta : float
        The bound on regret holds with probability ``1 - delta``.

    Returns
    -------
    log_weights : ndarray of shape (n_arms,)

    References
    ----------
    .. [1] A. Beygelzimer, J. Langford, L. Li, L. Reyzin, R. E. Schapire, "Contextual
       Bandit Algorithms with Supervised Learning Guarantees", AISTATS 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies._albl import updated_log_weights
    >>> updated_log_weights(
    ...     [0, 0], [0.5, 0.5], [1, 0], n_rounds=100, p_min=0.1, delta=0.1).round(4)
    array([0.0622, 0.0122])
    """
    log_weights = np.asarray(log_weights, dtype=np.float64)
    n_arms = len(log_weights)
    width = np.sqrt(np.log(n_arms / delta) / (n_arms * n_rounds))
    hopes = width / np.asarray(probabilities, dtype=np.float64)
    return log_weights + p_min / 2 * (np.asarray(gains, dtype=np.float64) + hopes)


def importance_weighted_accuracy(
    is_correct: ArrayLike, inclusion: ArrayLike, *, n_samples: int, n_rounds: int
) -> float:
    """Estimate of the accuracy on all rows from rows of unequal chances.

    Parameters
    ----------
    is_correct : array-like of shape (n_rows,)
        Whether the prediction for a row that was asked about is right.
    inclusion : array-like of shape (n_rows,)
        Probability with which the row was asked about in its round.
    n_samples : int
        Rows in the pool.
    n_rounds : int
        Rounds there will be; the estimate grows up to the accuracy with the last one.

    Returns
    -------
    accuracy : float
        ``sum(is_correct / inclusion) / (n_samples * n_rounds)``.

    Examples
    --------
    >>> from skactive.strategies._albl import importance_weighted_accuracy
    >>> importance_weighted_accuracy([1, 0], [0.25, 0.5], n_samples=4, n_rounds=2)
    0.5
    """
    weights = 1 / np.asarray(inclusion, dtype=np.float64)
    total = weights @ np.asarray(is_correct, dtype=np.float64)
    return float(total / (n_samples * n_rounds))


# ---------------------------------------------------------------------------------
# The strategy
# ---------------------------------------------------------------------------------


class BanditRound(NamedTuple):
    """A batch that has been chosen, before its labels are known.

    Attributes
    ----------
    arm : int
        Which strategy chose it.
    ids : ndarray of shape (n_queries,)
        Its rows.
    probabilities : ndarray of shape (n_arms,)
        Of the strategies in this round.
    advice : ndarray of shape (n_arms, n_queries)
        Probability with which each strategy would have taken each row.
    """

    arm: int
    ids: Array
    probabilities: Array
    advice: Array

    @property
    def inclusion(self) -> Array:
        """Probability with which each row came into the batch, (n_queries,)."""
        return self.probabilities @ self.advice


class BanditState(NamedTuple):
    """What :class:`ActiveLearningByLearning` knows from earlier rounds.

    Attributes
    ----------
    names : tuple of str
        Of the strategies.
    log_weights : ndarray of shape (n_arms,)
        Logarithms of their weights; that of an untried bandit is 0.
    ids : ndarray of shape (n_rows,)
        Rows that were asked about and got a label.
    inclusion : ndarray of shape (n_rows,)
        Probability with which each came into its batch.
    rewards : tuple of float
        Reward of each round whose labels are known.
    pending : BanditRound or None
        The last batch.
    """

    names: tuple[str, ...]
    log_weights: Array
    ids: Array
    inclusion: Array
    rewards: tuple[float, ...]
    pending: BanditRound | None


class ActiveLearningByLearning(Composition):
    """A bandit over strategies: those that raise the accuracy are asked more often.

    In each round every strategy chooses a batch, and one of them is drawn whose batch
    is taken. Once its labels are known and the model is fitted, the reward is the
    importance-weighted accuracy on all rows that the bandit asked about: each counts
    by one over the probability with which it was chosen. EXP4.P turns rewards into
    probabilities of the strategies for the next round. A batch of one row is the
    published algorithm; in a larger one the reward is shared evenly among its rows,
    and strategies that would have taken a row too have a part in it.

    The strategy keeps nothing between calls. A budgeted fit of
    ``ActiveLearningClassifier`` hands on what the rounds have taught, and so do its
    calls of ``query(X, y)`` from one to the next; its attribute ``strategy_state_``
    shows it. A call of :meth:`select` alone is always a first round, in which all
    strategies are equally probable.

    The reward is measured on rows that the model was trained on, so it says little of
    models that remember every label, such as one nearest neighbour or a forest of full
    trees, and it is noisy: a gain shows after tens of rounds at the earliest. Every
    round costs the time of all strategies.

    Parameters
    ----------
    strategies : list of str, callable or (str, str or callable) pairs, default=None
        Names, strategy objects, or functions ``(estimator, X, y) -> utilities``, each
        alone or paired with a name, under which its parameters nest; of any kind.
        "random" should be among them: without it rows that no strategy ever takes
        have no part in the estimated accuracy. None means ["random", "margin",
        "typiclust"].
    n_rounds : int, default=100
        Rounds to plan for. Further ones are possible.
    p_min : float, default=None
        The smallest probability of a strategy, in (0, 1 / n_strategies]. None means
        ``sqrt(ln(n_strategies) / (n_strategies * n_rounds))``, or the largest value
        allowed if that is less.
    delta : float, default=0.1
        In (0, 1]; the bound on regret holds with probability ``1 - delta``. The
        smaller, the more even the probabilities.
    normalize : bool, default=False
        Divide the sum of the weights of correct rows by that of all weights, instead
        of by the number of rows of `X` times `n_rounds`. The reward is in [0, 1]
        then, and neither grows from round to round nor jumps with a row of small
        probability, but it is no longer unbiased.

    See Also
    --------
    Mixture : Combines utilities; nothing is left to chance.
    Switch : One strategy after another.

    References
    ----------
    .. [1] W.-N. Hsu, H.-T. Lin, "Active Learning by Learning", AAAI 2015.
    .. [2] A. Beygelzimer, J. Langford, L. Li, L. Reyzin, R. E. Schapire, "Contextual
       Bandit Algorithms with Supervised Learning Guarantees", AISTATS 2011.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive import ActiveLearningClassifier
    >>> from skactive.strategies import ActiveLearningByLearning
    >>> X, y = load_iris(return_X_y=True)
    >>> learner = ActiveLearningClassifier(
    ...     LogisticRegression(max_iter=1000),
    ...     ActiveLearningByLearning(["random", "margin"], n_rounds=9),
    ...     budget=40, batch_size=4, random_state=0)
    >>> state = learner.fit(X, y).strategy_state_
    >>> state.names, len(state.rewards)
    (('random', 'margin'), 8)
    """

    _parameter_constraints: dict = {
        "strategies": [list, tuple, None],
        "n_rounds": [Interval(numbers.Integral, 1, None, closed="left")],
        "p_min": [Interval(numbers.Real, 0, 1, closed="right"), None],
        "delta": [Interval(numbers.Real, 0, 1, closed="right")],
        "normalize": ["boolean"],
    }
    # The reward looks at labels, whatever the strategies do.
    uses_labels = True

    def __init__(
        self,
        strategies: list[Any] | None = None,
        *,
        n_rounds: int = 100,
        p_min: float | None = None,
        delta: float = 0.1,
        normalize: bool = False,
    ):
        self.strategies = strategies
        self.n_rounds = n_rounds
        self.p_min = p_min
        self.delta = delta
        self.normalize = normalize

    def _listed(self) -> Any:
        return _DEFAULT if self.strategies is None else self.strategies

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> Array:
        """Utilities there are none: a strategy is drawn that chooses."""
        raise TypeError(
            "ActiveLearningByLearning draws one of its strategies, which chooses a "
            "batch: a row alone has no utility. Call select, or query of the learner."
        )

    def select(
        self,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        n_queries: int,
        random_state: int | np.random.RandomState | None = None,
    ) -> Array:
        """Choose rows as in a first round, see :meth:`Strategy.select`."""
        return self.select_next(
            estimator, X, y, n_queries=n_queries, random_state=random_state
        )[0]

    def select_next(
        self,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        n_queries: int,
        random_state: int | np.random.RandomState | None = None,
        state: BanditState | None = None,
        ids: Array | None = None,
    ) -> tuple[Array, BanditState]:
        """Draw a strategy, which chooses rows to label.

        Parameters
        ----------
        estimator, X, y, n_queries, random_state, ids
            See :meth:`Strategy.select_next`.
        state : BanditState, default=None
            What the last call gave. Rows that it has asked about and that have no
            label are forgotten. One of other strategies, or none of whose rows has
            a label any more, counts as None.

        Returns
        -------
        positions : ndarray of shape (min(n_queries, n_candidates),)
            Distinct positions in `X`, in the order of the strategy that was drawn.
        state : BanditState
            For the next call.
        """
        self._validate_params()
        check_n_queries(n_queries)
        check_needs(self, estimator)
        parts = self.parts()
        p_min = self._smallest_probability(len(parts))
        ids = np.arange(_num_samples(X)) if ids is None else ids
        candidates = find_candidates(X, y)
        state = self._settled(state, estimator, X, y, ids, candidates, p_min)
        probabilities = arm_probabilities(state.log_weights, p_min)
        rng = as_generator(random_state)
        seeds = rng.integers(np.iinfo(np.int32).max, size=len(parts)).tolist()
        batches = [
            part.select(
                _for_part(part, estimator), X, y, n_queries=n_queries, random_state=seed
            )
            for (_, part), seed in zip(parts, seeds, strict=True)
        ]
        arm = int(rng.choice(len(parts), p=probabilities))
        chosen = batches[arm]
        share = len(chosen) / max(1, len(candidates))
        advice = np.array(
            [
                np.full(len(chosen), share)
                if isinstance(part, Random)
                else np.isin(chosen, batch).astype(np.float64)
                for (_, part), batch in zip(parts, batches, strict=True)
            ]
        )
        pending = BanditRound(arm, ids[chosen], probabilities, advice)
        return chosen, state._replace(pending=pending)

    def _settled(
        self,
        state: Any,
        estimator: Any,
        X: Any,
        y: Any,
        ids: Array,
        candidates: Array,
        p_min: float,
    ) -> BanditState:
        """The state with the reward of its last round, which is over."""
        names = tuple(name for name, _ in self.parts())
        none = np.empty(0)
        fresh = BanditState(
            names, np.zeros(len(names)), none.astype(np.intp), none, (), None
        )
        if not isinstance(state, BanditState) or state.names != names:
            return fresh
        labeled = np.delete(ids, candidates)
        is_known = np.isin(state.ids, labeled)
        if len(state.ids) and not is_known.any():
            return fresh
        state = state._replace(
            ids=state.ids[is_known], inclusion=state.inclusion[is_known]
        )
        last = state.pending
        is_answered = np.isin(last.ids, labeled) if last else np.zeros(0, dtype=bool)
        if last is None or not is_answered.any():
            return state._replace(pending=None)
        asked = np.append(state.ids, last.ids[is_answered])
        inclusion = np.append(state.inclusion, last.inclusion[is_answered])
        rows = np.searchsorted(ids, asked)
        reward = self._reward(_is_correct(estimator, X, y, rows), inclusion, len(ids))
        shares = last.advice[:, is_answered] / last.inclusion[is_answered]
        log_weights = updated_log_weights(
            state.log_weights,
            last.probabilities,
            reward * shares.mean(axis=1),
            n_rounds=self.n_rounds,
            p_min=p_min,
            delta=self.delta,
        )
        return BanditState(
            names, log_weights, asked, inclusion, (*state.rewards, reward), None
        )

    def _reward(self, is_correct: Array, inclusion: Array, n_samples: int) -> float:
        if self.normalize:
            return float(np.average(is_correct, weights=1 / inclusion))
        return importance_weighted_accuracy(
            is_correct, inclusion, n_samples=n_samples, n_rounds=self.n_rounds
        )

    def _smallest_probability(self, n_arms: int) -> float:
        if self.p_min is None:
            planned = np.sqrt(np.log(n_arms) / (n_arms * self.n_rounds))
            return float(min(planned, 1 / n_arms))
        if not 0 < self.p_min <= 1 / n_arms:
            raise ValueError(
                "p_min must be in (0, 1 / n_strategies], which is "
                f"(0, {1 / n_arms:.4g}] for {n_arms} strategies; got {self.p_min}."
            )
        return float(self.p_min)


def _is_correct(estimator: Any, X: Any, y: Any, rows: Array) -> Array:
    """Whether the prediction for each of some labelled rows is its label."""
    X = _safe_indexing(X, rows)
    if isinstance(estimator, (list, tuple)):
        best = predict_proba(estimator, X).argmax(axis=1)
        predicted = classes_of(estimator)[best]
    else:
        predicted = np.ravel(estimator.predict(X))
        count_rows(len(rows))
    labels = np.asarray(y, dtype=object)[rows]
    return np.asarray(predicted.astype(object) == labels, dtype=bool)
