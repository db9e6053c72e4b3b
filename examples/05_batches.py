"""
What do strategies pick when ten rows are labelled at a time?
=============================================================

First a picture: the same pool of points in the plane, the same model, and the batch
that each strategy picks. The best ten single rows often lie in one place; strategies
that care for the batch as a whole spread it. Then handwritten digits in batches of
fifty: how accurate is the model with the same number of labels?

The picture needs matplotlib: ``python -m pip install '.[examples]'``.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits, make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from skactive import ActiveLearningClassifier, get_strategy

# %%
# The batches in a plane
# ----------------------

SHOWN = [
    "random",
    "margin",
    "power",
    "ranked_batch",
    "diverse",
    "badge",
    "k_center",
    "typiclust",
    "prob_cover",
    "max_herding",
]


def draw_picks():
    """One panel a strategy: the pool, what is labelled, and the batch it picks."""
    X, answers = make_blobs(400, centers=5, cluster_std=1.6, random_state=4)
    y = np.where(np.arange(400) < 15, answers, np.nan)
    model = LogisticRegression(max_iter=1000).fit(X[:15], answers[:15])
    _, axes = plt.subplots(2, 5, figsize=(15, 6.5), layout="constrained")
    for axis, name in zip(axes.flat, SHOWN, strict=True):
        rows = get_strategy(name).select(model, X, y, n_queries=10, random_state=0)
        axis.scatter(*X.T, c=answers, s=8, alpha=0.35, cmap="viridis")
        axis.scatter(*X[:15].T, marker="s", s=26, c="black", label="labelled")
        axis.scatter(
            *X[rows].T, s=70, facecolors="none", edgecolors="red", label="picked"
        )
        axis.set_title(name)
        axis.set_xticks([])
        axis.set_yticks([])
    axes.flat[0].legend(loc="best", fontsize=8)


draw_picks()
plt.show()

# %%
# The same on digits
# ------------------

SEEDS = range(5)


def accuracy_on_digits(strategy):
    """Mean test accuracy with 100, 150 and 200 labels, bought fifty at a time."""
    X, digits = load_digits(return_X_y=True)
    found = []
    for seed in SEEDS:
        X_pool, X_test, answers, y_test = train_test_split(
            X, digits, test_size=0.3, stratify=digits, random_state=seed
        )
        learner = ActiveLearningClassifier(
            SVC(C=10), strategy, batch_size=50, random_state=seed
        )
        y = np.full(len(X_pool), np.nan)
        accuracies = []
        for _ in range(4):
            rows = learner.query(X_pool, y)
            y[rows] = answers[rows]
            learner.fit(X_pool, y)
            accuracies.append(learner.score(X_test, y_test))
        found.append(accuracies[1:])
    return np.mean(found, axis=0)


print("Digits in batches of 50, test accuracy")
print("labels          100     150     200")
best = {}
for name in ("random", "margin", "ranked_batch", "diverse"):
    accuracies = accuracy_on_digits(name)
    best[name] = accuracies[-1]
    print(f"{name:12} " + " ".join(f"{a:7.1%}" for a in accuracies))
print(
    f"With 200 labels in batches of 50, margin reaches {best['margin']:.1%} and "
    f"diverse, which spreads the uncertain rows, {best['diverse']:.1%}."
)
