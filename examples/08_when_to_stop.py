"""
When do I stop labelling?
=========================

A campaign on handwritten digits, by hand and with three rules that watch it. None of
them looks at the test images: those only tell us, at the end, what stopping there would
have cost. Rules combine with `&` and `|`; here the last one waits until predictions
are stable and the model is sure of all rows that have no label.

Needs matplotlib: ``python -m pip install '.[examples]'``.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skactive import ActiveLearningClassifier
from skactive.stopping import OverallUncertainty, StabilizingPredictions

# %%
# The campaign
# ------------

X, digits = load_digits(return_X_y=True)
X, X_test, answers, y_test = train_test_split(X / 16, digits, random_state=0)

rules = {
    "predictions agree by 95 %": StabilizingPredictions(0.95),
    "predictions agree by 99 %": StabilizingPredictions(0.99),
    "they do, and are sure": StabilizingPredictions(0.99) & OverallUncertainty(),
}
learner = ActiveLearningClassifier(
    LogisticRegression(C=10, max_iter=1000), random_state=0
)
y = np.full(len(X), np.nan)
scores, stops = {}, {}
for _ in range(35):
    rows = learner.query(X, y)
    y[rows] = answers[rows]  # a person, in real life
    learner.fit(X, y)
    scores[learner.n_labels_] = learner.score(X_test, y_test)
    for name, rule in rules.items():
        if name not in stops:
            decision = rule.update(learner, X, y)
            if decision:
                stops[name] = learner.n_labels_
                print(f"after {learner.n_labels_} labels, {name}: {decision.reason}")

# %%
# What stopping would have cost
# -----------------------------

last = max(scores)
print(f"\n{'rule':<32}labels  accuracy")
for name in rules:
    n_labels = stops.get(name, last)
    print(f"{name:<32}{n_labels:>6}{scores[n_labels]:>10.1%}")
print(f"{'never':<32}{last:>6}{scores[last]:>10.1%}")
name = "predictions agree by 99 %"
n_labels = stops.get(name, last)
print(
    f"\nStop when {name}: after {n_labels} labels the accuracy is "
    f"{scores[n_labels]:.1%}, and {last - n_labels} labels more change it by "
    f"{100 * (scores[last] - scores[n_labels]):+.1f} points."
)

# %%
# The rules never see this curve. The vertical lines are where they stop.

figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
axis.plot(list(scores), list(scores.values()), color="black", linewidth=1)
for i, (name, n_labels) in enumerate(stops.items()):
    axis.axvline(n_labels, color=f"C{i}", linestyle="--", label=name)
axis.set(xlabel="number of labels", ylabel="accuracy on the test images")
axis.legend()
plt.show()
