"""Pools in files: a Parquet file, or a folder of them, row group by row group."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from skactive.pools._frames import check_columns, split_frame
from skactive.pools._ids import as_ids
from skactive.pools._parts import extra_missing


def iterate_files(
    path: Any, ids: str | None, columns: Any, wanted: Any = None
) -> Iterator[tuple[Any, Any]]:
    """Yield blocks (ids, X), one for each row group, as data frames of pandas.

    Files are in the order of their paths. Without a column of ids, positions in the
    whole pool are the ids. With `wanted`, row groups without one of these are left out.
    """
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise extra_missing(error, "parquet") from error
    start = 0
    for file in find_files(Path(path)):
        with parquet.ParquetFile(file) as opened:
            there = opened.schema_arrow.names
            check_columns(there, ids, columns)
            read = _columns_to_read(there, ids, columns)
            for group in range(opened.num_row_groups):
                n_rows = opened.metadata.row_group(group).num_rows
                names: Any = np.arange(start, start + n_rows)
                start += n_rows
                if wanted is not None:
                    if ids is not None:
                        names = opened.read_row_group(group, columns=[ids])[ids]
                        names = as_ids(names.to_pandas())
                    if not np.isin(wanted, names).any():
                        continue
                frame = opened.read_row_group(group, columns=read).to_pandas()
                own, X = split_frame(frame, ids, columns)
                del frame
                yield names if ids is None else own, X
                del own, X  # before the next ones are read


def find_files(path: Path) -> list[Path]:
    """Return a file, or the Parquet files of a folder in the order of their paths."""
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {str(path)!r}.")
    if not files:
        raise ValueError(
            f"The folder {str(path)!r} holds no files whose names end with .parquet."
        )
    return files


def _columns_to_read(there: list[str], ids: str | None, columns: Any) -> list[str]:
    if columns is None:
        return there
    named = [columns] if isinstance(columns, str) else list(columns)
    return named if ids is None else [*named, ids]
