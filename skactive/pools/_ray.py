"""Pools of Ray: data sets, batch by batch."""

from __future__ import annotations

import pickle
from typing import Any, NamedTuple

from skactive.pools._frames import split_frame
from skactive.pools._parts import Found, Join, Task, in_part


class RayParts(NamedTuple):
    """A data set of Ray, whose batches become data frames of pandas."""

    pool: Any
    ids: str | None
    columns: Any

    def run(self, task: Task[Found], join: Join[Found]) -> Found:
        """See :class:`Parts`. Ray has no numbers of parts; ids tell which."""
        import ray

        if self.ids is None:
            raise ValueError(
                "The rows of a data set of Ray have no names. Name a column of unique "
                "ids, as in ids='id'."
            )
        shared = ray.put(task)  # each machine gets it once
        ids, columns = self.ids, self.columns

        def run_batch(frame: Any) -> dict[str, list]:
            first = frame[ids].iloc[0] if ids in frame and len(frame) else None
            part = f"({len(frame)} rows from {ids}={first!r} on)"
            found: Any
            try:
                found = in_part(part, ray.get(shared), split_frame, frame, ids, columns)
            except Exception as error:  # noqa: BLE001, it is raised below, not wrapped
                found = error
            return {"found": [pickle.dumps(found)]}

        batches = self.pool.map_batches(
            run_batch, batch_size=None, batch_format="pandas"
        )
        found: list[Found] = []
        for row in batches.iter_rows():
            result = pickle.loads(row["found"])
            if isinstance(result, Exception):
                raise result
            found = [join([*found, result])]
        return join(found)
