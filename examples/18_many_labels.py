"""
Which rows should be labelled if each has several labels?
=========================================================

A picture of a digit may be even, prime, have a loop, and be large, all at once or none
of them. Whoever looks at a picture says all of that in one go, so pictures are asked
about as a whole. The learner wraps any multi-label estimator of scikit-learn. A curve
says whether choosing pays, and an audit how good the model is.
"""

import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import hamming_loss, make_scorer
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skactive import ActiveLearningClassifier, get_strategy
from skactive.model_selection import active_learning_curve

# %%
# The pictures and their labels
# -----------------------------
#
# Answers have one column per label, with 0 or 1. Each label alone says little about the
# digit.

X, digits = load_digits(return_X_y=True)
NAMES = ["even", "prime", "loop", "large"]
MEANINGS = [{0, 2, 4, 6, 8}, {2, 3, 5, 7}, {0, 6, 8, 9}, {5, 6, 7, 8, 9}]
answers = np.column_stack([np.isin(digits, list(some)) for some in MEANINGS]).astype(
    int
)
print(dict(zip(NAMES, answers.mean(axis=0).round(2).tolist(), strict=True)))

# %%
# The campaign
# ------------
#
# A row without labels is NaN in all columns. Nothing has a label at first, and a label
# that all rows have so far, or none, breaks no fit. The default strategy takes rows
# that cover what the model is uncertain about, on average over the labels. A fifth of
# each batch is random and kept for the audit.

model = make_pipeline(
    StandardScaler(), OneVsRestClassifier(LogisticRegression(max_iter=1000))
)
learner = ActiveLearningClassifier(
    model, batch_size=20, audit_fraction=0.2, random_state=0
)
Y = np.full(answers.shape, np.nan)
for _ in range(8):
    rows = learner.query(X, Y)
    Y[rows] = answers[rows]  # people, in real life
    learner.fit(X, Y)
print(f"{learner.n_labels_} rows labelled")

# %%
# How good is the model?
# ----------------------
#
# Accuracy is the share of rows with all labels right. Other scores of scikit-learn's
# work as well.

print(learner.audit(X, Y))
print(learner.audit(X, Y, scoring="f1_macro"))

# %%
# Does choosing pay?
# ------------------
#
# On a part of the pictures, all strategies are compared with random rows. The gain may
# be small: the summary says so where nothing can be told from chance.

curve = active_learning_curve(
    model,
    X[:600],
    answers[:600],
    strategies={
        "margin, mean": get_strategy("margin", aggregate="mean"),
        "auto": "auto",
    },
    budget=80,
    cv=3,
    n_repeats=2,
    scoring={
        "f1_macro": "f1_macro",
        "neg_hamming": make_scorer(hamming_loss, greater_is_better=False),
    },
    random_state=0,
)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that nothing beats random, if so
    print(curve.summary("f1_macro"))
    print(curve.summary("neg_hamming"))

# %%
# The answer to the question: here, rows that cover what is uncertain, as the default
# does, and not the most uncertain rows. Elsewhere the gain may be none: with several
# labels a row it is small on most data, so look at such a curve first.
