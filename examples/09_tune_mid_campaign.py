"""
Which hyper-parameters suit the labels that I have so far?
==========================================================

A campaign is under way: 100 images have a label, 1,247 have none. A grid search takes
them as they are. `LabeledKFold` tests on labelled rows only, so that any `scoring`
works, and the rows without a label stay in the training parts, where the scaler learns
from them too. The search is a learner itself: it says which rows to label next.

The scores rank the candidates. They are no estimate of the accuracy on new rows, since
active learning chose the labelled ones, and mostly those that are hard.

Needs matplotlib: ``python -m pip install '.[examples]'``.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skactive import ActiveLearningClassifier, query
from skactive.model_selection import LabeledKFold

X, digits = load_digits(return_X_y=True)
X, X_new, answers, y_new = train_test_split(
    X, digits, test_size=0.25, stratify=digits, random_state=0
)

# %%
# The campaign so far
# -------------------
#
# Five rounds of twenty labels with a first guess of the model.

learner = ActiveLearningClassifier(SVC(), batch_size=20, random_state=0)
model = make_pipeline(StandardScaler(), learner)
y = np.full(len(X), np.nan)
rows = query(model, X, y)
for _ in range(5):
    y[rows] = answers[rows]
    model.fit(X, y)
    rows = query(model, X, y)
n_labels = np.count_nonzero(~np.isnan(y))
guess = model.score(X_new, y_new)
print(f"{n_labels} of {len(y)} images have a label.")

# %%
# Tune on these labels
# --------------------

search = GridSearchCV(
    model,
    {
        "activelearningclassifier__estimator__C": [1, 10, 100],
        "activelearningclassifier__estimator__gamma": ["scale", 0.001, 0.005],
    },
    scoring="f1_macro",
    cv=LabeledKFold(StratifiedKFold(4, shuffle=True, random_state=0)),
)
search.fit(X, y)
print("\nrank      C   gamma   F1 on the folds' labelled rows")
results = search.cv_results_
prefix = "param_activelearningclassifier__estimator__"
for i in np.argsort(results["rank_test_score"], kind="stable"):
    C, gamma = results[prefix + "C"][i], results[prefix + "gamma"][i]
    rank, score = results["rank_test_score"][i], results["mean_test_score"][i]
    print(f"{rank:4} {C:6g}   {gamma!s:5} {score:8.3f}")

# %%

shown = results["mean_test_score"].reshape(3, 3)  # C by gamma
figure, axis = plt.subplots(figsize=(4.6, 3.6), layout="constrained")
image = axis.imshow(shown, cmap="viridis")
axis.set_xticks(range(3), ["scale", "0.001", "0.005"])
axis.set_yticks(range(3), ["1", "10", "100"])
axis.set(xlabel="gamma", ylabel="C")
figure.colorbar(image, label="F1 on the folds' labelled rows")
plt.show()

# %%
# The campaign goes on
# --------------------
#
# The best one says what to label next.

rows = query(search, X, y)
y[rows] = answers[rows]
print(f"\nLabelled next, as the tuned model asks: {len(rows)} images.")

C = search.best_params_["activelearningclassifier__estimator__C"]
gamma = search.best_params_["activelearningclassifier__estimator__gamma"]
tuned = search.best_estimator_.score(X_new, y_new)
print(
    f"Take C={C:g} and gamma={gamma}: the same {n_labels} labels then give an accuracy "
    f"of {tuned:.1%} on new images, instead of {guess:.1%}."
)
