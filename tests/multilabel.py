"""What the tests of several labels a row share: rows, labels, and estimators."""

import numpy as np
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import scale
from sklearn.tree import DecisionTreeClassifier

X, TRUTH = make_multilabel_classification(
    n_samples=200, n_features=8, n_classes=4, n_labels=2, random_state=0
)
X = scale(X)
N, L = TRUTH.shape

LINEAR = LogisticRegression(max_iter=1000)
ESTIMATORS = {
    "one_vs_rest": OneVsRestClassifier(LINEAR),
    "multi_output": MultiOutputClassifier(LINEAR),
    "chain": ClassifierChain(LINEAR),
    "forest": RandomForestClassifier(10, random_state=0),
    "extra_trees": ExtraTreesClassifier(10, random_state=0),
    "neighbors": KNeighborsClassifier(3),
    "net": MLPClassifier(
        (8,), solver="lbfgs", alpha=1.0, max_iter=2000, random_state=0
    ),
    "tree": DecisionTreeClassifier(max_depth=3, random_state=0),
}


def partly(n_labeled=40, truth=TRUTH):
    """Labels of the first rows, and NaN in all others."""
    Y = np.full(truth.shape, np.nan)
    Y[:n_labeled] = truth[:n_labeled]
    return Y


def with_rare(share=0.02, seed=0):
    """The labels, and a further one that few rows have."""
    rare = np.zeros(N, dtype=int)
    n_rare = max(1, round(share * N))
    rare[np.random.default_rng(seed).permutation(N)[:n_rare]] = 1
    return np.column_stack([TRUTH, rare])
