"""What the file of results of `label_efficiency.py` says."""

from collections import defaultdict

import _tables
import numpy as np

from skactive.model_selection._summary import (
    area_under_curve,
    labels_needed,
    paired_interval,
)

HALVES = {
    "choosing": _tables.CHOOSING,
    "confirming": _tables.CONFIRMING,
    "all": [*_tables.CHOOSING, *_tables.CONFIRMING],
}
COLUMNS = [
    *("strategy", "tables", "accuracy", "over random", "over {over}"),
    *("share of random's labels", "never", "below random", "s a query"),
]
NOTES = """\
Gains are points of the mean accuracy over the campaign (area by labels): means over
tables, of which each is the mean of its seeds, with 95 % intervals over tables
(expanded percentile bootstrap; Student's below ten tables). Share of random's labels:
what it takes to reach what random reaches with its whole budget, geometric mean over
tables. A table on which that is never reached counts with the whole budget, which is
too few, and is counted under "never". Below random: tables more than 0.5 points below.
`random_again` is random with other draws: what it shows is noise.
"""


def print_report(lines, options):
    """Print a table for each model, batch and start, and each half of the tables."""
    groups = defaultdict(dict)  # (model, batch, start) -> (table, strategy) -> seeds
    failed = defaultdict(list)
    for line in lines:
        if options.models and line["model"] not in options.models:
            continue
        key = line["model"], int(line["batch"]), line["start"]
        if line["error"]:
            failed[*key, line["strategy"], line["error"]].append(line["table"])
        elif not options.strategies or line["strategy"] in _shown(options):
            cells = groups[key].setdefault((line["table"], line["strategy"]), {})
            cells[int(line["seed"])] = read_curve(line)
    print(NOTES)
    for (model, batch, start), cells in sorted(groups.items()):
        seeds = {seed for found in cells.values() for seed in found}
        title = f"{model}, batches of {batch}, start {start}"
        print(f"## {title}: {len(seeds)} seeds\n")
        for half, tables in HALVES.items():
            print_half(f"{title}: {half}", tables, cells, options.over)
        if options.each:
            print_each(cells)
    for (*key, error), tables in failed.items():
        where = ", ".join(sorted(set(tables)))
        print(
            f"failed, {len(tables)} cells: {' '.join(map(str, key))} ({where}) {error}"
        )


def _shown(options):
    return {"random", options.over, *options.strategies}


def read_curve(line):
    """Labels, accuracies, and seconds a query."""
    n_labels = np.array(line["n_labels"].split(";"), dtype=int)
    accuracies = np.array(line["accuracies"].split(";"), dtype=float)
    return n_labels, accuracies, float(line["query_seconds"])


def print_half(title, tables, cells, over):
    here = [table for table in tables if (table, "random") in cells]
    if not here:
        return
    print(f"**{title}** ({len(here)}: {', '.join(here)})\n")
    print(f"| {' | '.join(COLUMNS).format(over=over)} |")
    print(f"|---|{'--:|' * (len(COLUMNS) - 1)}")
    rows = []
    for strategy in dict.fromkeys(strategy for _, strategy in cells):
        ours = [t for t in here if common_seeds(t, strategy, "random", cells)]
        if ours:
            rows.append(describe(strategy, ours, cells, over))
    for _, row in sorted(rows, key=lambda pair: -pair[0]):
        print(f"| {' | '.join(row)} |")
    print()


def describe(strategy, tables, cells, over):
    """The gain over random, and the entries of the row of a strategy."""
    found = [cells[table, strategy] for table in tables]
    areas = [np.mean([area(curve) for curve in seeds.values()]) for seeds in found]
    over_random = gains(strategy, "random", tables, cells)
    over_other = gains(strategy, over, tables, cells)
    shares, never = shares_needed(strategy, tables, cells)
    seconds = [curve[2] for seeds in found for curve in seeds.values()]
    row = [
        f"`{strategy}`",
        str(len(tables)),
        f"{100 * np.mean(areas):.1f}",
        "-" if strategy == "random" else with_interval(over_random),
        "-" if strategy == over else with_interval(over_other),
        "-" if strategy == "random" else share_with_interval(shares),
        str(never),
        str(int((over_random < -0.5).sum())),
        f"{np.median(seconds):.4f}",
    ]
    return over_random.mean(), row


def area(curve):
    return area_under_curve(curve[0], curve[1][np.newaxis, :, np.newaxis])[0, 0]


def common_seeds(table, strategy, other, cells):
    """Seeds that both have finished on a table."""
    found = (
        cells.get((table, strategy), {}).keys() & cells.get((table, other), {}).keys()
    )
    return sorted(found)


def gains(strategy, other, tables, cells):
    """Points gained on each table, over the seeds that both have."""
    found = []
    for table in tables:
        ours, theirs = cells.get((table, strategy)), cells.get((table, other))
        seeds = common_seeds(table, strategy, other, cells)
        if seeds:
            found.append(np.mean([area(ours[s]) - area(theirs[s]) for s in seeds]))
    return 100 * np.array(found)


def shares_needed(strategy, tables, cells):
    """Share of random's labels on each table; on how many its end is never reached."""
    shares, never = [], 0
    for table in tables:
        seeds = common_seeds(table, strategy, "random", cells)
        n_labels = cells[table, "random"][seeds[0]][0]
        curves = np.array(
            [
                np.mean([cells[table, name][s][1] for s in seeds], axis=0)
                for name in ("random", strategy)
            ]
        )
        needed = labels_needed(n_labels, curves, curves[0, -1])
        never += int(np.isinf(needed[1]))
        shares.append(min(needed[1], n_labels[-1]) / needed[0])
    return np.array(shares), never


def interval(values):
    """95 % interval of a mean over tables."""
    size = 4000, len(values)
    resamples = np.random.default_rng(0).integers(len(values), size=size)
    return paired_interval(values, resamples, 0.95)


def with_interval(values):
    if len(values) < 2:
        return "".join(f"{value:+.2f}" for value in values) or "-"
    low, high = interval(values)
    return f"{values.mean():+.2f} [{low:+.2f}, {high:+.2f}]"


def share_with_interval(shares):
    middle = f"{np.exp(np.log(shares).mean()):.0%}"
    if len(shares) < 2:
        return middle
    low, high = np.exp(interval(np.log(shares)))
    return f"{middle} [{low:.0%}, {high:.0%}]"


def print_each(cells):
    """Gain over random on each table."""
    strategies = [s for s in dict.fromkeys(s for _, s in cells) if s != "random"]
    print(f"| over random | {' | '.join(f'`{s}`' for s in strategies)} |")
    print(f"|---|{'--:|' * len(strategies)}")
    for table in HALVES["all"]:
        found = [gains(strategy, "random", [table], cells) for strategy in strategies]
        if any(map(len, found)):
            shown = [with_interval(values) for values in found]
            print(f"| {table} | {' | '.join(shown)} |")
    print()
