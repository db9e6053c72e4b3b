"""The candidates of a part of a pool."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from skactive._compat.sklearn import _num_samples, _safe_indexing
from skactive._compat.typing import Array
from skactive._data.copies import row_keys
from skactive._data.digests import DIGEST_SIZE, row_digests
from skactive._data.pool import as_rows
from skactive._data.stack import stack_rows
from skactive.classifier._base import BaseActiveLearner
from skactive.classifier._plan import Plan, run_in_threads
from skactive.classifier._query import find_learner
from skactive.pools._ids import (
    Labeled,
    as_labeled,
    check_kinds,
    check_part_ids,
    find_ids,
    hash_ids,
)
from skactive.pools._screening import Screening, screening_of
from skactive.strategies import Auto
from skactive.strategies._messages import shorten
from skactive.strategies._selection import TIE_TOLERANCE, round_ties


class Shortlist(NamedTuple):
    """The candidates of a part, or of several parts: all that :func:`merge` needs.

    It can be pickled. Its size does not depend on the size of the parts.

    Attributes
    ----------
    ids : ndarray of shape (n_candidates,)
        Names of the candidates, the best first.
    utilities : ndarray of shape (n_candidates,)
        Utilities of the candidates, for strategies that have them, else zero.
    keys : ndarray of shape (n_candidates,)
        What the candidates are ordered by.
    digests : ndarray of shape (n_candidates,)
        Digests of the content of the candidates. Empty for strategies whose
        candidates are drawn.
    rows : array-like, sparse, data frame or sequence of n_candidates, or None
        The candidates, for strategies that look at more than utilities.
    labeled_ids : ndarray of shape (n_labeled,)
        Names of the rows with a label.
    labeled_rows : container of n_labeled rows, or None
        The rows with a label, for the same strategies as `rows`.
    labels : ndarray of shape (n_labeled,) or None
        Their labels, if these are known.
    missing : ndarray of shape (n_missing,)
        Names of labelled rows that are in none of the parts.
    n : int
        Largest number of candidates.
    n_rows : int
        Number of rows without a label in the parts.
    threshold : float
        Largest key among the rows that are no candidates; 0 if there are none.
    least : float
        Smallest key in the parts; infinite if they have no rows without a label.
    seed : int
        Seed of all that is left to chance.
    kind : str
        Dtype, or names and dtypes of columns, of the rows. Empty if there are none.
    strategy : str
        The strategy for which the rows are candidates.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive import ActiveLearningClassifier
    >>> from skactive.pools import shortlist
    >>> learner = ActiveLearningClassifier(LogisticRegression(), random_state=0)
    >>> found = shortlist(learner, [[1.0], [2.0], [3.0]], ["a", "b", "c"], n=2)
    >>> found.n_rows, len(found.ids), found.labeled_ids.size
    (3, 2, 0)
    """

    ids: Array
    utilities: Array
    keys: Array
    digests: Array
    rows: Any
    labeled_ids: Array
    labeled_rows: Any
    labels: Array | None
    missing: Array
    n: int
    n_rows: int
    threshold: float
    least: float
    seed: int
    kind: str
    strategy: str


def shortlist(
    learner: Any, part: Any, ids: Any, n: int, *, labeled: Any = ()
) -> Shortlist:
    """Find the candidates of one part of a pool.

    Parameters
    ----------
    learner : ActiveLearningClassifier or ActiveLearningRegressor
        The learner, fitted or not, alone or in a fitted pipeline or search. It needs an
        int as `random_state`, so that all parts leave the same to chance.
    part : array-like, sparse, data frame or sequence of n_samples
        Rows of the pool, as the learner takes them.
    ids : array-like of shape (n_samples,)
        Names of the rows, ints or strings. Each is there once in the whole pool.
    n : int
        Number of candidates. For a strategy whose utility of a row depends on that row
        only, the number of rows to query is enough. Other strategies choose among the
        candidates of all parts, and some thousands are good.
    labeled : array-like of ids, mapping or pandas Series, default=()
        Names of the rows of the whole pool that have a label. A mapping from names to
        labels, or a Series indexed by names, tells the labels as well. If it does not,
        strategies that look at labels use the predictions of the learner for them.

    Returns
    -------
    shortlist : Shortlist
        The candidates, for :func:`merge`.

    Raises
    ------
    ValueError
        If an id is there twice or is no int or string, `part` has other columns than
        in `fit`, or the strategy or the learner cannot be used with parts of a pool.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive import ActiveLearningClassifier
    >>> from skactive.pools import merge, shortlist
    >>> X = np.arange(12.0).reshape(-1, 1)
    >>> learner = ActiveLearningClassifier(
    ...     LogisticRegression(), strategy="margin", random_state=0)
    >>> learner = learner.fit(X[[0, 11]], [0, 1])
    >>> parts = [(X[:4], range(4)), (X[4:], range(4, 12))]
    >>> lists = [shortlist(learner, *part, n=2, labeled=[0, 11]) for part in parts]
    >>> [part.ids.tolist() for part in lists]
    [[3, 2], [5, 6]]
    >>> merge(lists, learner, n_queries=2)
    array([5, 6])
    """
    inner, _ = find_learner(learner, None, "shortlist")
    known = as_labeled(labeled, inner.missing_label)
    return candidates_of(learner, part, ids, n, known)


def candidates_of(
    learner: Any, part: Any, ids: Any, n: int, known: Labeled, seed: int | None = None
) -> Shortlist:
    """See :func:`shortlist`. `seed` is that of the whole query, if it is known."""
    learner, X = find_learner(learner, part, "shortlist")
    X = as_rows(X)
    check_n(n, "n")
    asked = ask(learner, X, len(known.ids))
    if seed is not None:
        asked = asked._replace(seed=seed)
    names = check_part_ids(ids, X)
    found, places = find_ids(names, known.ids)
    candidates, own = np.arange(len(names)), names
    if len(found):  # in few parts of many
        candidates = np.delete(candidates, found)
        own = names[candidates]
    with run_in_threads(learner.n_jobs):
        args = asked.estimator, X, candidates, own, asked.seed
        keys, utilities = asked.screening.keys(*args)
    best, threshold = _cut(X, candidates, keys, own, int(n), asked)
    rows = candidates[best]
    is_choice = asked.screening.is_choice
    digested = rows if asked.screening.puts_copies_last else rows[:0]
    return Shortlist(
        ids=names[rows],
        utilities=utilities[best],
        keys=keys[best],
        digests=_digests(_safe_indexing(X, digested)),
        rows=None if is_choice else _safe_indexing(X, rows),
        labeled_ids=known.ids[places],
        labeled_rows=None if is_choice else _safe_indexing(X, found),
        labels=None if known.labels is None else known.labels[places],
        missing=np.delete(known.ids, places),
        n=int(n),
        n_rows=len(candidates),
        threshold=threshold,
        least=float(keys.min(initial=np.inf)),
        seed=asked.seed,
        kind=row_digests(_safe_indexing(X, [0]))[0] if len(names) else "",
        strategy=shorten(asked.screening.strategy),
    )


# ---------------------------------------------------------------------------------
# What is asked of a part
# ---------------------------------------------------------------------------------


class Asked(NamedTuple):
    """How a learner chooses among rows of a part."""

    plan: Plan
    estimator: Any
    screening: Screening
    seed: int


def ask(learner: BaseActiveLearner, X: Any, n_labeled: int) -> Asked:
    """Return how `learner` chooses candidates, or raise if it cannot."""
    for name, instead in (("audit_fraction", ""), ("max_candidates", "n_candidates=")):
        if getattr(learner, name):
            raise ValueError(
                f"A pool in parts cannot be queried with {name}="
                f"{getattr(learner, name)!r}, which counts positions in one X. "
                + (f"Write {instead} of query instead." if instead else "Set it to 0.")
            )
    plan, model = learner._make_plan(), learner._model()
    if model is not None and _num_samples(X):
        learner._check_columns(X)
    strategy, estimator = plan.asked(model)
    if isinstance(strategy, Auto):
        # What a part looks like must not decide, or parts might decide differently.
        own = getattr(learner, "strategy_", None)
        strategy = strategy.resolve(estimator, X) if own is None else own
    seeds = np.random.SeedSequence([plan.query_seed, n_labeled])
    seed = int(seeds.generate_state(1, np.uint64)[0])
    return Asked(plan, estimator, screening_of(strategy, estimator, n_labeled), seed)


def check_n(n: Any, name: str) -> None:
    """Raise unless `n` is a positive int."""
    if not isinstance(n, (int, np.integer)) or isinstance(n, bool) or n < 1:
        raise ValueError(f"{name} must be a positive int; got {n!r}.")


# ---------------------------------------------------------------------------------
# The best of a part
# ---------------------------------------------------------------------------------


def _cut(
    X: Any, candidates: Array, keys: Array, names: Array, n: int, asked: Asked
) -> tuple[Array, float]:
    """Positions in `candidates` of the `n` best, in order, and the next largest key."""
    n_looked = n
    while True:
        best, threshold = _largest(keys, names, n_looked, asked.seed)
        if not asked.screening.puts_copies_last:
            return best, threshold
        kinds = row_keys(X, candidates[best])
        order = copies_last(kinds)
        n_kinds = len(np.unique(kinds))
        if n_kinds >= min(n, len(best)) or len(best) == len(candidates):
            return best[order[:n]], threshold
        n_looked *= 4


def _largest(keys: Array, names: Array, n: int, seed: int) -> tuple[Array, float]:
    """Positions of the `n` largest keys, in order, and the largest of the others.

    Equal keys are in the order of the hashes of the names.
    """
    if n >= len(keys):
        near, threshold = np.arange(len(keys)), 0.0
    else:
        largest = np.partition(keys, len(keys) - n - 1)[len(keys) - n - 1 :]
        threshold, smallest = float(largest[0]), largest[1:].min()
        near = np.flatnonzero(keys >= smallest - 2 * TIE_TOLERANCE * abs(smallest))
    order = in_order(keys[near], names[near], seed)
    return near[order[:n]], threshold


def in_order(keys: Array, names: Array, seed: int) -> Array:
    """Order of rows, the largest key first, equal ones by the hash of their names."""
    return np.lexsort((hash_ids(names, seed), -round_ties(keys)))


def copies_last(kinds: Array) -> Array:
    """Order of rows in which the first of each kind comes before all copies."""
    first = np.sort(np.unique(kinds, return_index=True)[1])
    return np.append(first, np.delete(np.arange(len(kinds)), first))


def _digests(rows: Any) -> Array:
    found = b"".join(row_digests(rows)[1]) if _num_samples(rows) else b""
    return np.frombuffer(found, dtype=f"V{DIGEST_SIZE}")


# ---------------------------------------------------------------------------------
# Shortlists of several parts
# ---------------------------------------------------------------------------------


def combine(shortlists: Sequence[Shortlist]) -> Shortlist:
    """Return the shortlist of all parts, which has the size of one; associative."""
    if not shortlists:
        raise ValueError("There are no shortlists: the pool has no parts.")
    return reduce(_combine_two, shortlists)


def _combine_two(a: Shortlist, b: Shortlist) -> Shortlist:
    _check_alike(a, b)
    ids = _joined_ids(a.ids, b.ids)
    keys = np.concatenate([a.keys, b.keys])
    digests = np.concatenate([a.digests, b.digests])
    order = in_order(keys, ids, a.seed)
    if len(digests):
        order = order[copies_last(digests[order])]
    kept, dropped = order[: a.n], order[a.n :]
    labels = None
    if a.labels is not None and b.labels is not None:
        labels = np.concatenate([a.labels, b.labels])
    return Shortlist(
        ids=ids[kept],
        utilities=np.concatenate([a.utilities, b.utilities])[kept],
        keys=keys[kept],
        digests=digests[kept] if len(digests) else digests,
        rows=_stacked(a.rows, b.rows, kept),
        labeled_ids=_joined_ids(a.labeled_ids, b.labeled_ids),
        labeled_rows=_stacked(a.labeled_rows, b.labeled_rows),
        labels=labels,
        missing=np.intersect1d(a.missing, b.missing),
        n=a.n,
        n_rows=a.n_rows + b.n_rows,
        threshold=max(a.threshold, b.threshold, keys[dropped].max(initial=0.0)),
        least=min(a.least, b.least),
        seed=a.seed,
        kind=a.kind or b.kind,
        strategy=a.strategy,
    )


def _check_alike(a: Shortlist, b: Shortlist) -> None:
    for name in ("n", "strategy", "seed"):
        if getattr(a, name) != getattr(b, name):
            why = (
                " Give the learner an int as random_state, and each part the same "
                "labeled."
            )
            raise ValueError(
                "Shortlists of one query need the same learner and arguments; these "
                f"have {name}={getattr(a, name)!r} and {getattr(b, name)!r}."
                + (why if name == "seed" else "")
            )
    if a.kind and b.kind and a.kind != b.kind:
        raise ValueError(
            "Parts of one pool need the same columns and dtypes. A part with the ids "
            f"{shorten(a.ids[:3].tolist())} has {a.kind}, and one with "
            f"{shorten(b.ids[:3].tolist())} has {b.kind}. Convert them first."
        )


def _joined_ids(a: Array, b: Array) -> Array:
    if len(a) == 0 or len(b) == 0:
        return b if len(a) == 0 else a
    check_kinds(a, b)
    twice = np.intersect1d(a, b).tolist()
    if twice:
        raise ValueError(
            f"Each row of the pool needs an id of its own, but {twice[0]!r} is in two "
            f"parts, and so are {len(twice) - 1} more. Was a part given twice? Names "
            "that start anew in each part must be made unique first."
        )
    return np.concatenate([a, b])


def _stacked(a: Any, b: Any, kept: Array | None = None) -> Any:
    if a is None or b is None:
        return None
    parts = [part for part in (a, b) if _num_samples(part)]
    whole = stack_rows(parts) if parts else a
    return whole if kept is None else _safe_indexing(whole, kept)
