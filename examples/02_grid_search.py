"""
Which strategy, and which model, make the most of 100 labels?
=============================================================

An earlier project left images with all their labels. A grid search replays labelling
campaigns on them: each fit may look at 100 labels of its training folds and chooses
itself which ones. So the labels play two parts. To the learner they are an oracle
that answers 100 questions; to the search they are the truth to score against.

Needs matplotlib: ``python -m pip install '.[examples]'``.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.svm import SVC

from skactive import ActiveLearningClassifier, query

X, digits = load_digits(return_X_y=True)
X_old, X_new, y_old, y_new = train_test_split(
    X, digits, test_size=0.4, stratify=digits, random_state=0
)


# %%
# The search
# ----------
#
# What can be chosen: how to query, and how strongly to regularize the model.

search = GridSearchCV(
    ActiveLearningClassifier(SVC(), budget=100, batch_size=10, random_state=0),
    {
        "strategy": ["random", "least_confidence", "margin"],
        "estimator__C": [0.3, 1, 3, 10],
    },
    cv=StratifiedKFold(3, shuffle=True, random_state=0),
)
search.fit(X_old, y_old)

print("rank   strategy                C   accuracy with 100 labels")
results = search.cv_results_
for i in np.argsort(results["rank_test_score"], kind="stable"):
    print(
        f"{results['rank_test_score'][i]:4}   {results['param_strategy'][i]:16}"
        f" {results['param_estimator__C'][i]:8} {results['mean_test_score'][i]:8.1%}"
    )

# %%
# The same as a picture. Random choice is the worst one for every C.

scores = results["mean_test_score"].reshape(4, 3)  # C by strategy
figure, axis = plt.subplots(figsize=(6, 3.6), layout="constrained")
for strategy, column in zip(
    ["random", "least_confidence", "margin"], scores.T, strict=True
):
    axis.plot([0.3, 1, 3, 10], column, marker="o", label=strategy)
axis.set(xscale="log", xlabel="C", ylabel="accuracy with 100 labels")
axis.legend()
plt.show()

# %%
# The best learner
# ----------------
#
# The fitted search is a classifier. It was fitted once more, on 100 labels of all
# old images, and predicts the new ones.

n_labels = search.best_estimator_.n_labels_
print(
    f"\nRefitted on {n_labels} of {len(X_old)} old images, the best one has an "
    f"accuracy of {search.score(X_new, y_new):.1%} on new images."
)

# %%
# It also says which new images to label next.

rows = query(search, X_new, n_queries=5)
print(f"Of the new images, label {rows.tolist()} first.")

best = search.best_params_
print(
    f"With 100 labels, query by {best['strategy']} and fit an SVC with "
    f"C={best['estimator__C']:g}."
)
