"""The audit reserve: random rows that are never learnt from.

Which rows of a pool may become audit rows, and in which order, follows from a seed and
from their positions alone. So nothing is remembered between calls, and rows that join
the pool change nothing for those that were there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skactive._compat.typing import Array


class Reserve(NamedTuple):
    """The rows that are never learnt from.

    `rows` are their positions in the random order in which their labels are asked for;
    `mask` (n_samples,) is true for them.
    """

    rows: Array
    mask: Array


def draw_reserve(
    share: float, seed: int, n_samples: int, ids: Array | None = None
) -> Reserve:
    """Each row with probability `share`; `ids` are names of the rows, ascending."""
    n_names = n_samples if ids is None or len(ids) == 0 else int(ids[-1]) + 1
    # Of numpy's streams only those of bit generators never change with its version,
    # and number i is the same however many are drawn.
    keys = np.random.PCG64(seed).random_raw(n_names)
    if ids is not None:
        keys = keys[ids]
    mask = keys * 2.0**-64 < share
    rows = np.flatnonzero(mask)
    return Reserve(rows[np.argsort(keys[rows], kind="stable")], mask)


def next_audited(
    share: float, reserve: Reserve, missing: Array, n_queries: int
) -> Array:
    """The rows of the reserve that a batch of `n_queries` contains, in order.

    `missing` (n_samples,) is true for rows without a label. After the batch, `share` of
    all labels are those of the reserve, rounded down, as far as rows are left.
    """
    n_known = len(missing) - int(np.count_nonzero(missing))
    unlabeled = reserve.rows[missing[reserve.rows]]
    n_audited = len(reserve.rows) - len(unlabeled)
    # Rounded down, so that the first label can be learnt from.
    n_due = int(share * (n_known + n_queries) + 1e-9) - n_audited
    n_others = int(np.count_nonzero(missing)) - len(unlabeled)
    n_wanted = min(max(n_due, n_queries - n_others, 0), n_queries)
    return unlabeled[:n_wanted]
