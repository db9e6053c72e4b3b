"""
How do I query a pool of many files, larger than memory?
========================================================

Two million rows lie in forty Parquet files. Reading one file after the other, the
learner keeps a short list of candidates of each, and chooses among these. The same call
runs on dask, with two processes here, and on a cluster as it stands. Both ways give the
same rows.

Needs the extras ``parquet`` and ``dask``:
``python -m pip install '.[parquet,dask]'``.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from skactive import ActiveLearningClassifier, pools

try:
    import dask.dataframe as dd
    import pandas as pd
    from distributed import Client, LocalCluster
except ImportError as error:
    sys.exit(f"{error}. Install it with: python -m pip install '.[parquet,dask]'")

N_FILES, FILE_ROWS = 40, 50_000
FEATURES = [f"x{i}" for i in range(8)]

# %%
# The pool
# --------
#
# Three classes that overlap, one of them rare. A column of ids names the rows, so that
# files may be added later. A real pool has no column of answers; here it stands in for
# the people who label.


def write_files(folder):
    """Write the pool, one file at a time."""
    centers = np.random.default_rng(0).normal(size=(3, len(FEATURES)))
    for number in range(N_FILES):
        rng = np.random.default_rng(number)
        answers = rng.choice(3, p=[0.58, 0.4, 0.02], size=FILE_ROWS)
        X = centers[answers] + rng.normal(size=(FILE_ROWS, len(FEATURES)))
        frame = pd.DataFrame(X.astype(np.float32), columns=FEATURES)
        frame["id"] = np.arange(FILE_ROWS) + number * FILE_ROWS
        frame["answer"] = answers
        frame.to_parquet(folder / f"{number:02}.parquet")


# %%
# Three rounds
# ------------
#
# ``pools.query`` gives ids, of which those in ``labeled`` never come back. The learner
# is fitted on one machine, on the few rows that have a label: ``pools.take`` brings
# them. Whether ``pool`` is a folder or a data frame of dask makes no difference.


def label_rounds(pool, ask, n_rounds=3, n_queries=50):
    """Label some rounds of rows; return the learner, and the labels by id."""
    learner = ActiveLearningClassifier(LogisticRegression(), random_state=0)
    labels = {}
    where = {"ids": "id", "columns": FEATURES}
    for number in range(1, n_rounds + 1):
        start = time.perf_counter()
        ids = pools.query(learner, pool, n_queries, labeled=labels, **where)
        seconds = time.perf_counter() - start
        labels |= ask(pool, ids)
        X = pools.take(pool, list(labels), **where)
        learner.fit(X, list(labels.values()))
        counts = np.bincount(list(labels.values()), minlength=3)
        print(f"round {number}: {seconds:4.1f} s, labels of each class {counts}")
    return learner, labels


def ask(pool, ids):
    """Look the answers up, as people would."""
    answers = pools.take(pool, ids, ids="id", columns="answer")
    return dict(zip(ids.tolist(), answers.tolist(), strict=True))


# %%
# With and without dask
# ---------------------
#
# Processes begin with an import of this file, so that what they must not repeat is
# inside ``if __name__ == "__main__"``.

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder)
        size = sum(path.stat().st_size for path in folder.iterdir()) / 2**20
        print(f"{N_FILES} files of {FILE_ROWS} rows, {size:.0f} MiB\n")

        print("one process, one file after the other")
        learner, labels = label_rounds(folder, ask)

        print("\ndask, two processes")
        cluster = LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        )
        with cluster, Client(cluster):
            frame = dd.read_parquet(folder, columns=[*FEATURES, "id", "answer"])
            _, same = label_rounds(frame, ask)
        print(f"\nthe same rows: {list(same) == list(labels)}")

        test = pd.read_parquet(folder / "39.parquet").query("id not in @labels")
        score = learner.score(test[FEATURES], test["answer"])
        print(f"accuracy with {len(labels)} labels: {score:.1%}")

# %%
# Answer: pass the folder to ``pools.query``, or a data frame of dask made of it, with
# the column that names the rows. The files were read one at a time, and both ways gave
# the same rows.
