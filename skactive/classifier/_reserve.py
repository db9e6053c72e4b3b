"""The audit reserve: random rows that are never learnt from.

Only a seed and the positions of the rows determine which rows of a pool may become
audit rows, and in which order. Nothing needs to be remembered between calls, and new
rows of the pool change nothing for the rows before them.
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
    """Draw each row with probability `share`; `ids` are ascending ids of the rows."""
    n_names = n_samples if ids is None or len(ids) == 0 else int(ids[-1]) + 1
    # Only the streams of numpy's bit generators stay the same in all versions. Number i
    # does not depend on how many numbers are drawn.
    keys = np.random.PCG64(seed).random_raw(n_names)
    if ids is not None:
        keys = keys[ids]
    mask = keys * 2.0**-64 < share
    rows = np.flatnonzero(mask)
    return Reserve(rows[np.argsort(keys[rows], kind="stable")], mask)


def next_audited(
    share: float, reserve: Reserve, missing: Array, n_queries: int
) -> Array:
    """Return the rows of the reserve for a batch of `n_queries`, in order.

    `missing` (n_samples,) is true for rows without a label. After the batch, a share
    `share` of all labels, rounded down, are those of the reserve, if enough rows are
    left.
    """
    n_known = len(missing) - int(np.count_nonzero(missing))
    unlabeled = reserve.rows[missing[reserve.rows]]
    n_audited = len(reserve.rows) - len(unlabeled)
    # Rounded down, so that the first label can be learnt from.
    n_due = int(share * (n_known + n_queries) + 1e-9) - n_audited
    n_others = int(np.count_nonzero(missing)) - len(unlabeled)
    n_wanted = min(max(n_due, n_queries - n_others, 0), n_queries)
    return unlabeled[:n_wanted]
