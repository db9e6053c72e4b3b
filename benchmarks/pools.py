"""Pools in parts: time and memory beside bare predictions, and the same answers.

Each command prints figures of the section "Pools in parts" in ``README.md``::

    python benchmarks/pools.py dask 400      # 400 parts of 250,000 rows: 1e8
    python benchmarks/pools.py same          # 1e7 rows: one array, dask, killed worker
    python benchmarks/pools.py parquet       # 1e7 rows in 40 files, one process
    python benchmarks/pools.py lists         # size of a shortlist, by strategy
"""

import multiprocessing
import os
import pickle
import resource
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from skactive import ActiveLearningClassifier, pools

N_COLUMNS, PART_ROWS, N_LABELS, N_CLASSES = 20, 250_000, 200, 5
FEATURES = [f"x{i}" for i in range(N_COLUMNS)]
CENTERS = np.random.default_rng(0).normal(size=(N_CLASSES, N_COLUMNS))


def make_rows(start, stop):
    """Rows of the pool by their ids; a row is the same in every partitioning."""
    unit = 10_000
    parts = []
    for first in range(start - start % unit, stop, unit):
        rng = np.random.default_rng(first)
        X = rng.standard_normal((unit, N_COLUMNS))
        X += CENTERS[rng.integers(N_CLASSES, size=unit)]
        parts.append(X[max(0, start - first) : max(0, stop - first)])
    return np.concatenate(parts)


def make_block(start, stop):
    return np.arange(start, stop), make_rows(start, stop)


def count_certain(model, start, stop):
    """The floor: rows are made, and the model predicts for them."""
    return int((model.predict_proba(make_rows(start, stop)).max(axis=1) > 0.9).sum())


def fitted(strategy="margin"):
    X = make_rows(0, N_LABELS)
    y = ((X[:, np.newaxis] - CENTERS) ** 2).sum(axis=2).argmin(axis=1)
    learner = ActiveLearningClassifier(
        LogisticRegression(), strategy=strategy, random_state=0
    ).fit(X, y)
    return learner, dict(enumerate(y.tolist()))


def bounds(n_rows, step=PART_ROWS):
    return [(i, min(n_rows, i + step)) for i in range(0, n_rows, step)]


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cluster(n_workers=2):
    from distributed import Client, LocalCluster

    made = LocalCluster(
        n_workers=n_workers, threads_per_worker=1, dashboard_address=None
    )
    return Client(made)


def by_dask(n_parts):
    """Query beside bare predictions, on a cluster of two processes."""
    import dask

    n_rows = n_parts * PART_ROWS
    with cluster() as client:
        for strategy in ("margin", "auto"):
            learner, labels = fitted(strategy)
            model = dask.delayed(learner.estimator_, traverse=False)
            client.run(make_rows, 0, 1000)
            start = time.perf_counter()
            found = [dask.delayed(count_certain)(model, *b) for b in bounds(n_rows)]
            dask.compute(found)
            bare = time.perf_counter() - start
            blocks = [dask.delayed(make_block)(*b) for b in bounds(n_rows)]
            start = time.perf_counter()
            rows = pools.query(learner, blocks, 100, labeled=labels)
            seconds = time.perf_counter() - start
            workers = client.run(peak_mib)
            print(
                f"{strategy}: {n_rows:.0e} rows, bare {bare:.1f} s, query "
                f"{seconds:.1f} s, ratio {seconds / bare:.2f}; peak of the driver "
                f"{peak_mib():.0f} MiB, of workers "
                f"{', '.join(f'{m:.0f}' for m in workers.values())} MiB; first ids "
                f"{rows[:3].tolist()}",
                flush=True,
            )


def same_answers(n_rows=10_000_000):
    """One array, three partitionings, one and two workers, and a worker killed."""
    import dask

    learner, labels = fitted()
    X = make_rows(0, n_rows)
    y = np.full(n_rows, np.nan)
    y[list(labels)] = list(labels.values())
    expected = learner.query(X, y, 100)
    del X
    learners = {"margin": learner, "auto": fitted("auto")[0]}
    wanted = {"margin": expected}
    for n_workers in (1, 2):
        with cluster(n_workers) as client:
            for step in (PART_ROWS, 999_983, 70_001):
                for name, asked in learners.items():
                    made = [dask.delayed(make_block)(*b) for b in bounds(n_rows, step)]
                    found = pools.query(asked, made, 100, labeled=labels)
                    equal = np.array_equal(wanted.setdefault(name, found), found)
                    print(f"{name}, {n_workers} workers, parts of {step}: {equal}")
            if n_workers == 2:
                made = [dask.delayed(make_block)(*b) for b in bounds(n_rows)]
                pid = next(iter(client.run(os.getpid).values()))
                threading.Timer(1.0, os.kill, (pid, signal.SIGKILL)).start()
                found = pools.query(learner, made, 100, labeled=labels)
                left = client.run(os.getpid).values()
                print(f"killed {pid not in left}: {np.array_equal(found, expected)}")


def write_files(folder, n_files):
    for number, part in enumerate(bounds(n_files * PART_ROWS)):
        frame = pd.DataFrame(make_rows(*part), columns=FEATURES)
        frame.to_parquet(Path(folder) / f"{number:03}.parquet")


def by_parquet(n_files=40):
    """Files in one process, beside reading them and predicting."""
    import pyarrow.parquet as parquet

    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own, whose memory does not count.
        writer = multiprocessing.Process(target=write_files, args=(folder, n_files))
        writer.start()
        writer.join()
        learner, labels = fitted()
        X = pd.DataFrame(make_rows(0, N_LABELS), columns=FEATURES)
        learner.fit(X, list(labels.values()))
        for _ in range(3):
            before = peak_mib()
            start = time.perf_counter()
            pools.query(learner, folder, 100, labeled=labels)
            seconds = time.perf_counter() - start
            after = peak_mib()
            start = time.perf_counter()
            for path in sorted(Path(folder).iterdir()):
                rows = parquet.read_table(path).to_pandas()
                learner.estimator_.predict_proba(rows)
            bare = time.perf_counter() - start
            print(
                f"bare {bare:.1f} s, query {seconds:.1f} s, ratio "
                f"{seconds / bare:.2f}; peak before {before:.0f}, after the query "
                f"{after:.0f}, after bare {peak_mib():.0f} MiB",
                flush=True,
            )


def sizes():
    """Bytes of a pickled shortlist."""
    for strategy, n in (("margin", 100), ("auto", 4_000)):
        learner, labels = fitted(strategy)
        ids, X = make_block(0, PART_ROWS)
        found = pools.shortlist(learner, X, ids, n, labeled=labels)
        print(f"{strategy}, n={n}: {len(pickle.dumps(found)) / 2**20:.3f} MiB")


if __name__ == "__main__":
    command, *rest = sys.argv[1:] or ["lists"]
    {"dask": by_dask, "same": same_answers, "parquet": by_parquet, "lists": sizes}[
        command
    ](*map(int, rest))
