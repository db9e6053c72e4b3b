"""
How many labels does active learning save on handwritten digits?
================================================================

Nothing is labelled at first. Ten images are labelled a round, and a model is fitted
to all labels so far: once with images chosen by the default strategy, which cover
what the model is uncertain about, and once with images chosen at random. Images of a
test set, which are never queried, tell how good the model has become.
"""

from importlib.util import find_spec

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from skactive import ActiveLearningClassifier

# %%
# A campaign
# ----------
#
# The loop is all that active learning needs: query, label, fit.

BATCH_SIZE = 10
N_ROUNDS = 20
SEEDS = range(8)


def accuracy_by_round(strategy, seed):
    """Test accuracy after each round of a campaign that starts without a label."""
    X, digits = load_digits(return_X_y=True)
    X, X_test, answers, y_test = train_test_split(
        X, digits, test_size=0.3, stratify=digits, random_state=seed
    )
    learner = ActiveLearningClassifier(
        SVC(C=10),
        strategy=strategy,
        batch_size=BATCH_SIZE,
        random_state=seed,
    )
    accuracies = []

    y = np.full(len(X), np.nan)  # nothing is labelled yet
    for _ in range(N_ROUNDS):
        rows = learner.query(X, y)
        y[rows] = answers[rows]  # here a person would look at the images
        learner.fit(X, y)
        accuracies.append(learner.score(X_test, y_test))

    return accuracies


def labels_needed(accuracies, target):
    """Labels used when the accuracy first reaches the target."""
    reached = np.flatnonzero(accuracies >= target)
    if len(reached) == 0:
        return f"more than {N_ROUNDS * BATCH_SIZE}"
    return f"{(reached[0] + 1) * BATCH_SIZE}"


# %%
# The default against chance
# --------------------------
#
# Both strategies see the same splits and start from the same ten images, which
# represent the others.

auto, random = (
    np.mean([accuracy_by_round(strategy, seed) for seed in SEEDS], axis=0)
    for strategy in ("auto", "random")
)

print(f"Mean test accuracy of {len(SEEDS)} repetitions")
print("labels     auto   random")
for i in range(1, N_ROUNDS, 2):
    print(f"{(i + 1) * BATCH_SIZE:6} {auto[i]:8.1%} {random[i]:8.1%}")

# The target is what random choice reaches with all its labels.
target = np.floor(1000 * random[-1]) / 1000
print(
    f"auto, the default, reaches {100 * target:.1f}% with "
    f"{labels_needed(auto, target)} labels, "
    f"random needs {labels_needed(random, target)}"
)

# %%
# The learning curves
# -------------------
#
# Where a curve crosses the dotted line, it is as good as random choice with all its
# labels. The picture needs matplotlib.

if find_spec("matplotlib"):
    import matplotlib.pyplot as plt

    n_labels = BATCH_SIZE * np.arange(1, N_ROUNDS + 1)
    figure, axis = plt.subplots(figsize=(7, 4.2), layout="constrained")
    axis.plot(n_labels, auto, marker="o", markersize=4, label="auto")
    axis.plot(n_labels, random, marker="s", markersize=4, label="random")
    axis.axhline(target, color="black", linestyle=":", linewidth=1)
    axis.set(xlabel="number of labels", ylabel="accuracy on the test set")
    axis.legend()
    plt.show()
