"""Expected error: closed forms against scikit-activeml and against bare refits.

The peer's call for 300 rows takes half a minute, so that it is timed once, between two
rounds of ours; bare refits are timed on 30 candidates and scaled.
"""

from __future__ import annotations

import time

import numpy as np
from _side_by_side import MIB, peak_memory, print_table
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import RidgeClassifier
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier

from skactive._models.refits.generic import proba_of
from skactive.strategies._expected_error import ExpectedError

N_LABELED = 20


def make_pool(n, k=2, d=10, n_labeled=N_LABELED):
    """`n` unlabelled rows, and some labelled ones, of `k` classes."""
    X, codes = make_classification(
        n + n_labeled,
        d,
        n_informative=6,
        n_redundant=0,
        n_classes=k,
        n_clusters_per_class=1,
        class_sep=0.7,
        random_state=0,
    )
    codes[:k] = np.arange(k)
    return X, np.where(np.arange(len(X)) < n_labeled, codes, np.nan)


def bare_refits(model, X, y, candidates):
    """Expected error by clone, fit and predict_proba in a double loop."""
    labeled, pool = np.flatnonzero(~np.isnan(y)), np.flatnonzero(np.isnan(y))
    now = proba_of(model, X[pool])
    errors = np.zeros(len(candidates))
    for m, i in enumerate(candidates):
        rows = X[np.append(labeled, pool[i])]
        for c, label in enumerate(model.classes_):
            new = clone(model).fit(rows, np.append(y[labeled], label))
            loss = 1 - proba_of(new, X[pool]).max(axis=1)
            errors[m] += now[i, c] * loss.mean()
    return errors


def timed(call):
    # Of the processor: on a busy machine, waiting would count more than work.
    begin = time.process_time()
    result = call()
    return time.process_time() - begin, result


def peer(model, X, y, k):
    """A call of scikit-activeml's strategy on the same pool."""
    from skactiveml.classifier import ParzenWindowClassifier, SklearnClassifier
    from skactiveml.pool import MonteCarloEER

    if model is None:
        wrapped = ParzenWindowClassifier(classes=range(k), random_state=0)
    else:
        wrapped = SklearnClassifier(clone(model), classes=range(k), random_state=0)
    strategy = MonteCarloEER(random_state=0)
    return lambda: strategy.query(X, y, wrapped, ignore_partial_fit=True)


# Ours, the peer's model (None: its Parzen window), target of the ratio.
CASES = [
    ("GaussianNB", GaussianNB(), GaussianNB(), 700),
    # Its wrapper of scikit-learn's cannot fit a k-NN, which takes no weights.
    ("KNeighborsClassifier, Parzen window", KNeighborsClassifier(5), None, 1600),
]


def side_by_side(n=300, k=2):
    """Rows: seconds of ours, of the peer, ratio and target."""
    X, y = make_pool(n, k)
    labeled = ~np.isnan(y)
    for name, model, other, target in CASES:
        fitted = clone(model).fit(X[labeled], y[labeled])
        call = lambda fitted=fitted: ExpectedError()(fitted, X, y)  # noqa: E731
        call()
        ours = [timed(call)[0] for _ in range(5)]
        seconds, _ = timed(peer(other, X, y, k))
        ours += [timed(call)[0] for _ in range(5)]
        ratio = seconds / np.median(ours)
        yield name, f"{np.median(ours):.4f}", f"{seconds:.1f}", f"{ratio:.0f}", target


MODELS = {
    "GaussianNB": GaussianNB(),
    "MultinomialNB": MultinomialNB(),
    "KNeighborsClassifier": KNeighborsClassifier(5),
    "the same, by distance": KNeighborsClassifier(5, weights="distance"),
    "LinearDiscriminantAnalysis": LinearDiscriminantAnalysis(),
    "RidgeClassifier": RidgeClassifier(),
}


def against_refits(n=300, k=3):
    """Rows: seconds of ours, of bare refits, ratio and largest difference."""
    X, y = make_pool(n, k)
    X = X - X.min(axis=0)  # for counts
    labeled = ~np.isnan(y)
    some = np.arange(0, n, n // 30)
    for name, model in MODELS.items():
        fitted = clone(model).fit(X[labeled], y[labeled])
        ours, bare = [], []
        for _ in range(4):
            seconds, utilities = timed(lambda: ExpectedError()(fitted, X, y))  # noqa: B023
            ours.append(seconds)
            seconds, errors = timed(lambda: bare_refits(fitted, X, y, some))  # noqa: B023
            bare.append(seconds * n / len(some))
        gap = np.abs(1 - errors - utilities[~labeled][some]).max()
        ratio = np.median(bare[1:]) / np.median(ours[1:])
        yield (
            name,
            f"{np.median(ours[1:]):.4f}",
            f"{np.median(bare[1:]):.1f}",
            f"{ratio:.0f}",
            f"{gap:.0e}",
        )


def growth(sizes=(300, 1000, 5000), k=5):
    """Rows: seconds of ours at each size, the exponent of growth, and memory."""
    for name, model in MODELS.items():
        seconds = []
        for n in sizes:
            X, y = make_pool(n, k, d=20, n_labeled=50)
            X = X - X.min(axis=0)
            labeled = ~np.isnan(y)
            fitted = clone(model).fit(X[labeled], y[labeled])
            call = lambda: ExpectedError()(fitted, X, y)  # noqa: B023, E731
            seconds.append(timed(call)[0])
        exponent = np.log(seconds[-1] / seconds[-2]) / np.log(sizes[-1] / sizes[-2])
        some = slice(0, 1000)
        call = lambda: ExpectedError()(fitted, X[some], y[some])  # noqa: B023, E731
        _, peak = peak_memory(call)
        yield (
            name,
            *(f"{s:.2f}" for s in seconds),
            f"{exponent:.1f}",
            f"{peak / MIB:.0f}",
        )


def expected_error():
    """Print the tables of this section."""
    columns = {"n=300, 2 classes": 35, "ours, s": 8, "peer, s": 8, "ratio": 6}
    print_table({**columns, "target": 6}, (map(str, r) for r in side_by_side()))
    columns = {"n=300, 3 classes": 32, "ours, s": 8, "refits, s": 9, "ratio": 6}
    print_table({**columns, "difference": 10}, against_refits())
    columns = {"5 classes, seconds at n=": 32, "300": 8, "1000": 8, "5000": 8}
    print_table({**columns, "exponent": 8, "MiB": 6}, growth())
