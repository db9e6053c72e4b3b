"""A file of results, one line a cell, that a killed study goes on with."""

import csv
import os
import time

from joblib import Parallel, delayed, parallel_config


def read_lines(path):
    """Finished cells; what a killed process left of a last line is passed over."""
    if not path.exists():
        return []
    text = path.read_text()
    return list(csv.DictReader(text[: text.rfind("\n") + 1].splitlines()))


def open_to_append(path, columns):
    """The file, with its header, and without half of a last line."""
    text = path.read_bytes() if path.exists() else b""
    file = path.open("a", newline="")
    file.truncate(text.rfind(b"\n") + 1)
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    if b"\n" not in text:
        writer.writeheader()
    return file, writer


def run_cells(path, columns, cells, run_cell, n_jobs):
    """Run cells and append the line of each as soon as it is there."""
    begin = time.perf_counter()
    file, writer = open_to_append(path, columns)
    with file, parallel_config("loky", inner_max_num_threads=1):
        lines = Parallel(
            n_jobs,
            return_as="generator_unordered",
            batch_size=1,
            pre_dispatch=2 * n_jobs,
        )(delayed(run_cell)(cell) for cell in cells)
        for n_done, line in enumerate(lines, start=1):
            writer.writerow(line)
            file.flush()
            os.fsync(file.fileno())
            minutes = (time.perf_counter() - begin) / 60
            cell = " ".join(str(line[name]) for name in columns[:6])
            print(
                f"{n_done}/{len(cells)} {minutes:.1f} min: {cell}, "
                f"{line['seconds']} s {line['error']}",
                flush=True,
            )
