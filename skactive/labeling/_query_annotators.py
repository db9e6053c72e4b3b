"""Choose rows to ask about, and whom to ask about each."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np

from skactive._compat.typing import Array
from skactive._data.labels import is_missing
from skactive._data.pool import as_rows
from skactive._models.kinds import check_classes
from skactive.classifier import query
from skactive.classifier._query import find_learner
from skactive.labeling._annotator_quality import worth
from skactive.labeling._answers import Answers
from skactive.labeling._assignment import EXPLORE, assign
from skactive.labeling._crowd import activelab_scores
from skactive.labeling._held_out import proba_of_others
from skactive.strategies._messages import shorten
from skactive.strategies._selection import check_n_queries, draw_seed


def query_annotators(
    learner: Any,
    X: Any,
    answers: Answers,
    *,
    n_queries: int | None = None,
    relabel: bool | str = False,
    explore: float = EXPLORE,
    costs: Any = None,
    available: Any = None,
) -> tuple[Array, Array]:
    """Choose rows to ask about, and the annotator to ask about each.

    The learner chooses rows without a label. A share `explore` of them goes to random
    annotators, and each of the others to the one whose quality per cost is highest, as
    :meth:`Answers.quality` estimates it, among those who can be asked. Random ones
    are needed for the estimate. Annotators who have been asked less than ten times
    count as better than all others, so that they become known.

    Parameters
    ----------
    learner : ActiveLearningClassifier, or an estimator that ends with one
        The learner, fitted or not, as for :func:`skactive.query`.
    X : array-like, sparse, data frame or sequence of n_samples
        The pool.
    answers : Answers
        The answers so far.
    n_queries : int, default=None
        Number of questions, at most one per row. None means the learner's `batch_size`.
        If there are fewer, all are returned.
    relabel : {False, "activelab"}, default=False
        Whether rows that have an answer may be asked of somebody else:

        - False: no.
        - "activelab": the scores of ActiveLab [1]_ choose among rows with and without
          an answer, instead of the learner's strategy, as soon as there is a model. It
          needs cleanlab: ``python -m pip install 'skactive[crowd]'``.
    explore : float in [0, 1], default=0.2
        Share of the questions whose annotator is random.
    costs : dict or array-like of shape (n_annotators,), default=None
        Cost of an answer of each annotator, positive. None means that all cost the
        same.
    available : sequence of names, dict or array-like of bool of shape \
(n_samples, n_annotators), default=None
        Who can be asked: the names of those, a dict from names to the number of answers
        that are left to each, or who can be asked about which row. Annotators that are
        not named cannot be asked. None means everybody about everything.

    Returns
    -------
    rows : ndarray of shape (n_queries,)
        Distinct positions in `X`, most useful first.
    annotators : ndarray of shape (n_queries,)
        Names of those to ask about them. No pair is one of `answers`.

    Raises
    ------
    ImportError
        If cleanlab is not installed, for "activelab".
    TypeError
        If there is no learner in `learner`.
    ValueError
        If nobody is available, nothing is left to ask, a cost is negative or 0, an
        annotator is unknown, or `X` has another number of rows than `answers`.

    See Also
    --------
    label_pool : The whole loop, with functions in place of people.

    Notes
    -----
    Each call fits the learner five times, to estimate the quality of annotators. Where
    that takes too long, pass ``explore=1``, which needs no estimate.

    References
    ----------
    .. [1] H. W. Goh, J. Mueller, "ActiveLab: Active Learning with Re-Labeling by
       Multiple Annotators", 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive import ActiveLearningClassifier
    >>> from skactive.labeling import Answers, query_annotators
    >>> X, y = load_iris(return_X_y=True)
    >>> right = {"ann": 0.95, "bob": 0.6}
    >>> rng = np.random.default_rng(0)
    >>> def ask(rows, who):
    ...     wrong = rng.random(len(rows)) > [right[name] for name in who]
    ...     return np.where(wrong, rng.integers(3, size=len(rows)), y[rows])
    >>> learner = ActiveLearningClassifier(
    ...     LogisticRegression(max_iter=1000), random_state=0)
    >>> answers = Answers(len(X), ["ann", "bob"])
    >>> for _ in range(6):
    ...     rows, who = query_annotators(learner, X, answers)
    ...     answers.add(rows, who, ask(rows, who))
    ...     learner = learner.fit(X, answers.consensus())
    >>> answers
    Answers(60 answers of 2 annotators on 60 of 150 rows)
    >>> n_asked = answers.asked().sum(axis=0)
    >>> bool(n_asked[0] > n_asked[1])
    True
    """
    X = as_rows(X)
    inner, _ = find_learner(learner, X, "query_annotators")
    check_classes(inner, "query_annotators")
    n_queries = inner.batch_size if n_queries is None else n_queries
    check_n_queries(n_queries)
    _check_arguments(X, answers, relabel, explore)
    can, capacity = read_available(available, answers)
    costs = read_costs(costs, answers.annotators)
    can &= ~answers.asked()
    seed = draw_seed(inner.random_state)
    rng = np.random.default_rng(None if seed is None else [seed, len(answers)])
    y = answers.consensus(random_state=seed)
    has_label = ~is_missing(y)
    is_open = np.asarray(can[:, capacity >= 1].any(axis=1))
    if relabel is False:
        is_open &= ~has_label
    if not is_open.any():
        raise ValueError(_nothing_to_ask(answers, relabel, can))
    n_pairs = int(min(n_queries, is_open.sum(), capacity.sum()))
    is_new = is_open & ~has_label
    if relabel and len(answers.classes) > 1:
        rows = _ranked_by_activelab(learner, X, answers, is_open, rng)
    elif is_new.any():
        skip = np.flatnonzero(~is_new & ~has_label)
        rows = query(learner, X, y, n_pairs, skip=skip)
    else:  # one class only, and each row has a label
        rows = rng.permutation(np.flatnonzero(is_open))
    quality = np.ones(len(answers.annotators))
    if explore < 1 and len(answers.annotators) > 1:
        agreement = answers.quality(learner, X, random_state=seed).agreement
        quality = worth(agreement, answers.asked().sum(axis=0))
    rows, who = assign(
        rows,
        can,
        quality / costs,
        capacity,
        n_pairs=n_pairs,
        explore=explore,
        rng=rng,
    )
    return rows, answers._names_of(who)


def _ranked_by_activelab(
    learner: Any,
    X: Any,
    answers: Answers,
    is_open: Array,
    rng: np.random.Generator,
) -> Array:
    """Open rows in the order of ActiveLab's scores, the lowest first."""
    seed = int(rng.integers(2**31))
    rows, codes = answers._untied()
    proba = answers._held_out_proba(learner, X, seed)
    others = np.delete(np.arange(answers.n_samples), rows)
    args = learner, X, rows, codes, answers.classes, others
    scores = np.empty(answers.n_samples)
    scores[rows], scores[others] = activelab_scores(
        answers._wide(rows), proba, proba_of_others(*args)
    )
    shuffled = rng.permutation(np.flatnonzero(is_open))
    return shuffled[np.argsort(scores[shuffled], kind="stable")]


def read_available(available: Any, answers: Answers) -> tuple[Array, Array]:
    """Who can be asked about which row, and how many answers are left to each."""
    names = answers.annotators
    can = np.ones((answers.n_samples, len(names)), dtype=bool)
    capacity = np.full(len(names), np.inf)
    if available is None:
        return can, capacity
    if isinstance(available, Mapping):
        _check_known(available, names, "available")
        given = [available.get(name, 0) for name in names]
        is_number = [isinstance(n, numbers.Real) and float(n) >= 0 for n in given]
        if not all(is_number):
            raise ValueError(
                f"available must give numbers of answers, 0 or more; got {available}."
            )
        capacity = np.floor(np.array(given, dtype=np.float64))
    elif np.ndim(available) == 2:
        mask = np.asarray(available)
        if mask.dtype != bool or mask.shape != can.shape:
            raise ValueError(
                f"available must say for each row of the pool who can be asked, a mask "
                f"of the shape {can.shape}; got {mask.dtype} of the shape {mask.shape}."
            )
        can &= mask
    else:
        listed = [available] if isinstance(available, str) else list(available)
        _check_known(listed, names, "available")
        capacity = np.where([name in listed for name in names], np.inf, 0)
    if not can[:, capacity >= 1].any():
        raise ValueError(
            f"Nobody is available: available={shorten(available)} for the annotators "
            f"{names}. Wait for somebody, or pass available=None for everybody."
        )
    return can, capacity


def read_costs(costs: Any, names: list[Any]) -> Array:
    """Costs of the annotators, positive, shape (n_annotators,)."""
    if costs is None:
        return np.ones(len(names))
    if isinstance(costs, Mapping):
        _check_known(costs, names, "costs")
        lacking = [name for name in names if name not in costs]
        if lacking:
            raise ValueError(f"costs has none for {lacking}; got {costs}.")
        costs = [costs[name] for name in names]
    found = np.asarray(costs)
    is_number = found.shape == (len(names),) and found.dtype.kind in "biuf"
    if not is_number or not (np.isfinite(found) & (found > 0)).all():
        raise ValueError(
            f"costs must be positive and finite, one per annotator of {names}, because "
            f"qualities are divided by them; got {shorten(costs)}. Give annotators who "
            "cost nothing a small cost."
        )
    return found.astype(np.float64)


def _check_known(given: Any, names: list[Any], what: str) -> None:
    unknown = [name for name in given if name not in names]
    if unknown:
        raise ValueError(
            f"{what} has the unknown annotator {unknown[0]!r}; the annotators are "
            f"{names}."
        )


def _check_arguments(X: Any, answers: Any, relabel: Any, explore: Any) -> None:
    if not isinstance(answers, Answers):
        raise TypeError(
            f"answers must be an Answers object; got {shorten(answers)}. Make one with "
            "Answers(len(X), annotators=[...]), or Answers.from_wide(Y)."
        )
    answers._check_pool(X)
    if relabel not in (False, "activelab"):
        raise ValueError(f"relabel must be False or 'activelab'; got {relabel!r}.")
    if not isinstance(explore, numbers.Real) or not 0 <= float(explore) <= 1:
        raise ValueError(f"explore must be a number from 0 to 1; got {explore!r}.")


def _nothing_to_ask(answers: Answers, relabel: Any, can: Array) -> str:
    if not can.any() or relabel:
        return (
            "Nothing is left to ask: everybody who is available has been asked about "
            "each row."
        )
    return (
        f"Nothing is left to ask: each of the {answers.n_samples} rows has a label, or "
        "has been asked of everybody who is available. Rows with a label are asked of "
        "others only with relabel='activelab'."
    )
