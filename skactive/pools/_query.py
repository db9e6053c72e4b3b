"""Query a pool in parts, and take some of its rows."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from skactive._compat.sklearn import _num_samples, _safe_indexing
from skactive._compat.typing import Array
from skactive._data.stack import stack_rows
from skactive.classifier._query import find_learner
from skactive.pools._ids import (
    Labeled,
    as_ids,
    as_labeled,
    check_part_ids,
    find_ids,
)
from skactive.pools._merge import merge
from skactive.pools._open import open_parts
from skactive.pools._shortlist import Shortlist, ask, candidates_of, check_n, combine

# There are at least this many candidates for each row to choose.
_CANDIDATES_PER_QUERY = 20


def query(
    learner: Any,
    pool: Any,
    n_queries: int | None = None,
    *,
    labeled: Any = (),
    ids: str | None = None,
    columns: Any = None,
    n_candidates: int = 4_000,
) -> Array:
    """Choose the rows to label next in a pool that comes in parts.

    For strategies whose utility of a row depends on that row only, such as "margin",
    these are the rows that ``learner.query`` would choose if all parts were in one
    array. Any other strategy chooses among `n_candidates` rows of all parts, which are
    found by its own utilities, where it has them, and else by chance. In both cases,
    the choice does not depend on how the pool is cut into parts, on the engine or on
    the number of workers.

    Parameters
    ----------
    learner : ActiveLearningClassifier or ActiveLearningRegressor
        The learner, fitted or not, alone or in a fitted pipeline or search. While it is
        not fitted, its `initial_strategy` chooses. With an int as its `random_state`,
        the same call gives the same rows.
    pool : iterable, path, dask collection or ray.data.Dataset
        One of

        - blocks ``(ids, X)``, in a list or another iterable, or a function without
          arguments that returns them;
        - the path of a Parquet file, or of a folder of them, which are read one row
          group at a time (needs the extra "parquet");
        - a data frame, an array, a bag of pairs ``(id, row)``, or a list of delayed
          blocks of dask (extra "dask"), which run on the client that is current;
        - a data set of Ray (extra "ray").
    n_queries : int, default=None
        Number of rows to choose. None means the learner's `batch_size`. If there are
        fewer rows without a label, all are chosen.
    labeled : array-like of ids, mapping or pandas Series, default=()
        Names of the rows that have a label, which are never chosen. A mapping from
        names to labels, or a Series indexed by names, tells the labels as well. If it
        does not, strategies that look at labels use the learner's predictions for them.
    ids : str, default=None
        The column of names of rows, unique ints or strings. None means the positions in
        the whole pool for files and arrays, and the index for data frames of dask whose
        divisions are known. Blocks and bags have their own.
    columns : list of str or str, default=None
        The columns of features. None means all but `ids`. A single name gives the
        column itself, such as one of texts or of vectors.
    n_candidates : int, default=4000
        Number of rows that strategies choose among, unless the utility of a row depends
        on that row only. There are at least 20 for each row to choose.

    Returns
    -------
    ids : ndarray of shape (n_queries,)
        Distinct names of rows, most useful first.

    Raises
    ------
    ValueError
        If parts have different columns or dtypes, an id is there twice or is no int or
        string, a labelled id is not there or its label is missing, all rows have a
        label, or the strategy or the learner cannot be used with parts of a pool. An
        error in a part is raised as it is, with a note that tells the number of the
        part.
    ImportError
        If the library for such a pool is missing.

    See Also
    --------
    shortlist, merge : The two steps, for any engine that can map and reduce.
    take : The rows with given names.

    Notes
    -----
    A worker holds one part and its candidates. Where the parts run in this process or
    on dask, the candidates of parts are joined as they come, so that memory does not
    grow with the number of parts: for a table of floats, at most
    ``n_candidates * (8 * n_features + 40)`` bytes, or ``n_queries * 40`` if the utility
    of a row depends on that row only. Beside these are the labelled rows.

    Equal utilities are ordered by a hash of names and `random_state`. Rows of the same
    content, in whatever parts, are chosen only when no other rows are left.

    Among the candidates of :class:`skactive.strategies.UncertaintyHerding`, each row
    stands for others of its kind, by priority sampling [1]_.

    References
    ----------
    .. [1] N. Duffield, C. Lund, M. Thorup, "Priority Sampling for Estimation of
       Arbitrary Subset Sums", Journal of the ACM, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive import ActiveLearningClassifier, pools
    >>> rng = np.random.default_rng(0)
    >>> blocks = [(np.arange(i, i + 50), rng.normal(size=(50, 2))) for i in (0, 50)]
    >>> learner = ActiveLearningClassifier(
    ...     LogisticRegression(), strategy="margin", random_state=0)
    >>> first = pools.query(learner, blocks, 10)
    >>> X = pools.take(blocks, first)
    >>> y = (X[:, 0] > 0).astype(int)
    >>> learner = learner.fit(X, y)
    >>> second = pools.query(learner, blocks, 10, labeled=first)
    >>> np.intersect1d(first, second).size
    0
    """
    inner, _ = find_learner(learner, None, "query")
    n_queries = inner.batch_size if n_queries is None else n_queries
    check_n(n_queries, "n_queries")
    check_n(n_candidates, "n_candidates")
    known = as_labeled(labeled, inner.missing_label)
    asked = ask(inner, [], len(known.ids))
    n = asked.screening.n_needed(int(n_queries))
    if not asked.screening.is_choice:
        n = max(n, n_candidates, _CANDIDATES_PER_QUERY * n_queries)
    task = partial(_shorten, learner, n, known, asked.seed)
    found = open_parts(pool, ids, columns).run(task, combine)
    return merge([found], learner, n_queries)


def _shorten(
    learner: Any, n: int, known: Labeled, seed: int, ids: Any, X: Any
) -> Shortlist:
    return candidates_of(learner, X, ids, n, known, seed)


class _Taken(NamedTuple):
    places: Array
    rows: Any


def take(pool: Any, rows: Any, *, ids: str | None = None, columns: Any = None) -> Any:
    """Take rows of a pool that comes in parts, such as those to learn from.

    Parameters
    ----------
    pool : iterable, path, dask collection or ray.data.Dataset
        The pool, see :func:`query`.
    rows : array-like of shape (n_rows,)
        Distinct names of rows, as :func:`query` returns them.
    ids, columns
        See :func:`query`.

    Returns
    -------
    X : array, sparse matrix, data frame or list of n_rows
        These rows in the order of `rows`, in a container like those of the parts.

    Raises
    ------
    ValueError
        If a row is not there, or is there or asked for twice.

    Examples
    --------
    >>> from skactive import pools
    >>> pools.take([(["a", "b"], [[1.0], [2.0]]), (["c"], [[3.0]])], ["c", "a"])
    [[3.0], [1.0]]
    """
    names = as_ids(rows, "rows")
    order = np.argsort(names, kind="stable")
    wanted = names[order]
    if len(wanted) == 0 or (wanted[1:] == wanted[:-1]).any():
        raise ValueError(
            "rows must be distinct names of rows, at least one; got "
            f"{len(names)}, of which {len(np.unique(names))} are distinct."
        )
    parts = open_parts(pool, ids, columns, wanted)
    found = parts.run(partial(_take_from, wanted), _join_taken)
    places, n_found = np.unique(found.places, return_counts=True)
    if len(places) < len(wanted):
        lacking = np.delete(wanted, places)
        raise ValueError(
            f"{len(lacking)} of {len(wanted)} rows are not in the pool, such as "
            f"{', '.join(map(repr, lacking[:3].tolist()))}."
        )
    if n_found.max() > 1:
        twice = wanted[places[n_found > 1][0]]
        raise ValueError(f"The id {twice.item()!r} is there twice in the pool.")
    positions = np.empty(len(wanted), dtype=np.intp)
    positions[order[found.places]] = np.arange(len(wanted))
    return _safe_indexing(found.rows, positions)


def _take_from(wanted: Array, ids: Any, X: Any) -> _Taken:
    found, places = find_ids(check_part_ids(ids, X), wanted)
    return _Taken(places, _safe_indexing(X, found))


def _join_taken(parts: list[_Taken]) -> _Taken:
    full = [part for part in parts if _num_samples(part.rows)]
    if not full:
        return _Taken(np.empty(0, dtype=np.intp), [])
    places = np.concatenate([part.places for part in full])
    return _Taken(places, stack_rows([part.rows for part in full]))
