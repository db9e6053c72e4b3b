"""Paired simulations of labelling campaigns: does active learning pay off?"""

from __future__ import annotations

import numbers
import os
from collections.abc import Iterable
from typing import Any

import joblib
import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin, clone
from sklearn.metrics import check_scoring
from sklearn.utils import Bunch
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import indexable

from skactive._compat.callbacks import reporting, without_callbacks
from skactive._compat.sklearn import (
    Interval,
    RealNotInt,
    _safe_indexing,
    validate_parameter_constraints,
)
from skactive._compat.typing import Array
from skactive._data.pool import as_rows
from skactive._models.kinds import kind_for
from skactive._models.target import Target
from skactive._models.wrappers import layers
from skactive.classifier import ActiveLearningClassifier
from skactive.classifier._base import BaseActiveLearner
from skactive.model_selection._summary import CurveSummary, summarize
from skactive.regressor import ActiveLearningRegressor
from skactive.strategies import Strategy, get_strategy
from skactive.strategies._selection import draw_seed

_BASELINE = "random"
_LEARNERS = {
    kind.__name__: kind for kind in (ActiveLearningClassifier, ActiveLearningRegressor)
}


_CONSTRAINTS: dict = {
    "strategies": ["array-like", dict, str, callable, None],
    "budget": [
        Interval(numbers.Integral, 1, None, closed="left"),
        Interval(RealNotInt, 0, 1, closed="right"),
    ],
    "n_repeats": [Interval(numbers.Integral, 1, None, closed="left")],
}


class ActiveLearningCurve(Bunch):
    """Result of :func:`active_learning_curve`: arrays, and the method `summary`."""

    def __repr__(self) -> str:
        scores = self.test_scores
        if isinstance(scores, dict):
            scores = next(iter(scores.values()))
        return (
            f"ActiveLearningCurve of {', '.join(self.strategies)}: "
            f"{len(self.n_labels)} points up to {self.n_labels[-1]} labels, "
            f"{scores.shape[-1]} splits; see summary() and keys {', '.join(self)}"
        )

    def summary(
        self,
        scoring: str | None = None,
        *,
        target: float | None = None,
        confidence: float = 0.95,
        n_resamples: int = 2000,
        random_state: int | None = 0,
    ) -> CurveSummary:
        """Summarize what each strategy gains over random, and the labels it saves.

        Parameters
        ----------
        scoring : str, default=None
            Name of the score, if there are several. None means the first.
        target : float, default=None
            A score. If given, the summary also has the number of labels needed to
            reach it.
        confidence : float in (0, 1), default=0.95
            Confidence of the intervals.
        n_resamples : int, default=2000
            Number of bootstrap samples of the splits.
        random_state : int or None, default=0
            Seed for drawing the bootstrap samples.

        Returns
        -------
        summary : CurveSummary
            A list of dicts, one per strategy. Its `str` is a table and a sentence, and
            its attribute `sentence` is that sentence.

        Raises
        ------
        ValueError
            If `scoring` is not among the scores.

        Warns
        -----
        UserWarning
            If no strategy is better than random.
        """
        scores = scores_by(scoring, self.test_scores)[1]
        return summarize(
            self.strategies,
            self.n_labels,
            scores,
            target=target,
            confidence=confidence,
            n_resamples=n_resamples,
            random_state=random_state,
        )


def active_learning_curve(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    strategies: Any = None,
    budget: int | float = 100,
    cv: Any = 5,
    n_repeats: int = 2,
    groups: Any = None,
    scoring: Any = None,
    cache: str | os.PathLike | None = None,
    progress: Any = None,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> ActiveLearningCurve:
    """Compare strategies on data whose labels are known.

    For each split and each strategy, a labelling campaign is run on the training set.
    Its model is scored on the test set after every batch. Within a split, all
    strategies have the same first labels and the same seeds, so that differences come
    from the strategies. The strategy "random" is always included.

    Parameters
    ----------
    estimator : estimator object
        Any classifier or regressor, which is wrapped in an
        :class:`ActiveLearningClassifier` or :class:`ActiveLearningRegressor`, or one of
        these learners, whose parameters hold for all campaigns. Its `strategy`,
        `budget`, `stopping` and `random_state` are set by this function.
    X : array-like, sparse, data frame or sequence of n_samples
        The rows, in any form that `estimator` accepts.
    y : array-like of shape (n_samples,) or (n_samples, n_labels)
        Labels of the rows, or 0 and 1 for several labels a row. Rows whose label is
        missing are left out.
    strategies : list, dict or None, default=None
        Names of strategies, strategy objects or functions. A dict gives them names of
        your own. None means the default strategy of the learner.
    budget : int or float, default=100
        Number of labels in a campaign. A float is a share of the smallest training set.
    cv : int, cross-validation generator or iterable, default=5
        Determines the splits. An int is a number of folds, stratified for classes, but
        not for numbers and several labels a row, which are shuffled anew in each
        repetition.
    n_repeats : int, default=2
        Number of repetitions of all splits, each with other seeds.
    groups : array-like of shape (n_samples,), default=None
        Group labels, for splitters that use them.
    scoring : str, callable, list, tuple or dict, default=None
        Scores to compute, as in :func:`sklearn.model_selection.cross_validate`. None
        means the `score` method of the estimator.
    cache : str or path, default=None
        Folder in which joblib's Memory keeps each finished campaign. If the same call
        is made again, after an interruption or with further strategies, it reuses
        finished campaigns.
    progress : callable or callback, default=None
        Function called with the number of finished campaigns and the number of all
        campaigns. With scikit-learn 1.9 or later, it may also be a callback, such as
        ``ProgressBar()``.
    n_jobs : int or None, default=None
        Number of campaigns to run in parallel. It does not change the result.
    random_state : int, RandomState instance or None, default=None
        Shuffles the folds and seeds the campaigns. With None, campaigns in the `cache`
        are never reused.

    Returns
    -------
    curve : ActiveLearningCurve
        A Bunch with the method :meth:`~ActiveLearningCurve.summary` and the following
        attributes.

        strategies : list of str
            Names of the strategies, "random" first.
        n_labels : ndarray of shape (n_points,)
            Number of labels used at each point of the curves.
        test_scores : ndarray of shape (n_strategies, n_points, n_splits)
            Test scores. The last axis holds all splits of all repetitions. If
            `scoring` names several scores, it is a dict of such arrays.
        fit_times, query_times : ndarray of shape (n_strategies, n_points, n_splits)
            Seconds spent on fits and on queries in each round.
        score_name : str or None
            Name of the score, such as "accuracy" or "neg_log_loss". None if it is not
            known, or if there are several scores.

    Raises
    ------
    ValueError
        If the budget is larger than the smallest training set, if a name occurs twice,
        or if `strategies`, `budget` or `n_repeats` is invalid. Errors of the estimator
        are raised as they are.

    See Also
    --------
    sklearn.model_selection.learning_curve : Learning curves without query strategies.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive.model_selection import active_learning_curve
    >>> X, y = load_iris(return_X_y=True)
    >>> curve = active_learning_curve(
    ...     LogisticRegression(max_iter=1000), X, y, budget=30, random_state=0)
    >>> curve.strategies
    ['random', 'auto']
    >>> curve.n_labels
    array([10, 20, 30])
    >>> curve.test_scores.shape
    (2, 3, 10)
    """
    given = {"strategies": strategies, "budget": budget, "n_repeats": n_repeats}
    validate_parameter_constraints(_CONSTRAINTS, given, "active_learning_curve")
    learner = _as_learner(estimator)
    kind, X, y, groups = _labeled_part(X, y, groups, learner)
    if strategies is None:
        default: Any = type(learner)
        strategies = default(learner.estimator).strategy
    named = _name_strategies(strategies)
    splits, seeds = _make_splits(kind, X, y, groups, cv, n_repeats, random_state)
    smallest = min(len(train) for train, _ in splits)
    learner.set_params(budget=_n_affordable(budget, smallest), stopping=None)
    cells = [
        (clone(learner).set_params(strategy=strategy, random_state=seed), train, test)
        for strategy in named.values()
        for seed, (train, test) in zip(seeds, splits, strict=True)
    ]
    data_key = None if cache is None else joblib.hash((X, y, scoring))
    # Otherwise joblib would hash X and y for each campaign.
    ignored = ["X", "y", "learner", "scoring"]
    run = joblib.Memory(cache, verbose=0).cache(_run_campaign, ignore=ignored)
    results = []
    with reporting(progress, "active_learning_curve", len(cells)) as report:
        for result in Parallel(n_jobs=n_jobs, return_as="generator")(
            delayed(run)(X, y, *cell, scoring, _key(data_key, cell[0]))
            for cell in cells
        ):
            results.append(result)
            report(len(results))
    score_name = name_of_scoring(scoring, learner)
    return _gather(list(named), results, score_name)


def name_of_scoring(scoring: Any, learner: Any = None) -> str | None:
    """Name of one score, for people; None if there are several, or none is known.

    With `scoring=None`, it is that of the `score` method of a learner.
    """
    if isinstance(scoring, (list, tuple, set, dict)):
        return None
    if isinstance(scoring, str):
        return scoring
    if scoring is not None:
        function = getattr(scoring, "_score_func", scoring)  # scorers have this
        name = getattr(function, "__name__", None)
        is_negated = name is not None and getattr(scoring, "_sign", 1) == -1
        return f"neg_{name}" if is_negated else name
    if learner is None:
        return None
    for layer in layers(learner.estimator):
        if getattr(layer, "scoring", None) is not None:
            return name_of_scoring(layer.scoring)  # of a search
    method = getattr(type(layer), "score", None)
    names = {ClassifierMixin.score: "accuracy", RegressorMixin.score: "r2"}
    return names.get(method) if callable(method) else None


def scores_by(scoring: Any, scores: Any) -> tuple[Any, Any]:
    """One of several scorings, by default the first one, and its scores."""
    if not isinstance(scores, dict):
        return scoring, scores
    scoring = next(iter(scores)) if scoring is None else scoring
    if scoring not in scores:
        raise ValueError(
            f"scoring={scoring!r} was not asked for; there are: {', '.join(scores)}."
        )
    return scoring, scores[scoring]


def _key(data_key: str | None, learner: Any) -> Any:
    """Cache key for all that a campaign depends on besides its rows, or None."""
    return data_key and (data_key, joblib.hash(without_callbacks(learner)))


def _run_campaign(
    X: Any,
    y: Array,
    learner: Any,
    train: Array,
    test: Array,
    scoring: Any,
    key: Any,
) -> dict:
    """Run one campaign on the training rows, and score it on the test rows each round.

    The result is cached under `key`, `train` and `test`.
    """
    scorers = _make_scorers(learner, scoring)
    X_test, y_test = _safe_indexing(X, test), y[test]
    scores: dict[str, list[float]] = {name: [] for name in scorers}

    def score_round(model: Any) -> None:
        for name, scorer in scorers.items():
            scores[name].append(float(scorer(model, X_test, y_test)))

    learner._fit(_safe_indexing(X, train), y[train], {}, score_round)
    return {"scores": scores, **learner.history_}


def _make_scorers(learner: Any, scoring: Any) -> dict[str, Any]:
    if isinstance(scoring, dict):
        names = scoring
    elif isinstance(scoring, (list, tuple, set)):
        names = {name: name for name in scoring}
    else:
        names = {"score": scoring}
    return {name: check_scoring(learner, one) for name, one in names.items()}


def _gather(
    strategies: list[str], results: list[dict], score_name: str | None
) -> ActiveLearningCurve:
    """Arrays (n_strategies, n_points, n_splits) from results by strategy and split."""

    def table(columns: Iterable[Any]) -> Array:
        values = np.array(list(columns))
        values = values.reshape(len(strategies), -1, values.shape[1])
        return values.swapaxes(1, 2)

    names = list(results[0]["scores"])
    scores: Any = {name: table(r["scores"][name] for r in results) for name in names}
    if names == ["score"]:
        scores = scores["score"]
    return ActiveLearningCurve(
        strategies=strategies,
        n_labels=np.asarray(results[0]["n_labels"]),
        test_scores=scores,
        fit_times=table(r["fit_time"] for r in results),
        query_times=table(r["query_time"] for r in results),
        score_name=score_name,
    )


def _as_learner(estimator: Any) -> BaseActiveLearner:
    if isinstance(estimator, BaseActiveLearner):
        return clone(estimator)
    return _LEARNERS[kind_for(estimator).learner](estimator)


def _labeled_part(
    X: Any, y: Any, groups: Any, learner: BaseActiveLearner
) -> tuple[type[Target], Any, Array, Any]:
    X, groups = indexable(as_rows(X), groups)
    target = learner._kind_of(y).of(y, learner.missing_label)
    rows = target.known
    if len(rows) < len(target):
        X = _safe_indexing(X, rows)
        groups = None if groups is None else _safe_indexing(groups, rows)
    return type(target), X, target.values(rows), groups


def _make_splits(
    kind: type[Target],
    X: Any,
    y: Array,
    groups: Any,
    cv: Any,
    n_repeats: int,
    random_state: Any,
) -> tuple[list[tuple[Array, Array]], list[int]]:
    """All splits of all repetitions, and a seed for each."""
    entropy = np.random.SeedSequence(draw_seed(random_state))
    splits: list[tuple[Array, Array]] = []
    for child in entropy.spawn(n_repeats):
        splitter = kind.splitter(cv, y, int(child.generate_state(1)[0]))
        splits.extend(splitter.split(X, y, groups))
    seeds = np.random.default_rng(entropy).integers(2**31, size=len(splits))
    return splits, seeds.tolist()


def _name_strategies(strategies: Any) -> dict[str, Strategy]:
    """Strategies by name, random first."""
    if isinstance(strategies, (str, Strategy)) or callable(strategies):
        strategies = [strategies]
    if not isinstance(strategies, dict):
        pairs = [(s if isinstance(s, str) else _name(s), s) for s in strategies]
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"Two strategies are named {twice[0]!r}; give names of your own with a "
                "dict, as in {'margin, C=1': ...}."
            )
        strategies = dict(pairs)
    named = {_BASELINE: get_strategy(_BASELINE)}
    return named | {name: get_strategy(s) for name, s in strategies.items()}


def _name(strategy: Any) -> str:
    return getattr(strategy, "__name__", None) or repr(strategy)


def _n_affordable(budget: int | float, n_smallest: int) -> int:
    if not isinstance(budget, numbers.Integral):
        return max(1, int(budget * n_smallest + 1e-9))
    if budget > n_smallest:
        raise ValueError(
            f"budget={budget}, but the smallest training part has {n_smallest} rows. "
            "Lower the budget, or let cv make larger training parts."
        )
    return int(budget)
