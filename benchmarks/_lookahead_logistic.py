"""Expected error of logistic regression: batched refits against bare ones.

Bare refits are ``clone(estimator).fit`` on the labelled rows and one
more, then predict_proba over the pool, with the estimator's own settings; they are
timed on 30 candidates, in turns with ours, and scaled. Agreement is with refits that
are taken to the end.
"""

from __future__ import annotations

import time

import numpy as np
from _side_by_side import MIB, peak_memory, print_table
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from skactive._models.refits.logistic import LogisticRefits

# Candidates that are retrained at once, as the strategy does it.
BLOCK = 128


def make_pool(n, k, d, n_labeled):
    """Labelled rows with labels, and `n` rows without."""
    X, codes = make_classification(
        n + n_labeled,
        d,
        n_informative=min(d, 10),
        n_redundant=0,
        n_classes=k,
        n_clusters_per_class=1,
        class_sep=0.8,
        random_state=0,
    )
    codes[:k] = np.arange(k)
    return X[:n_labeled], codes[:n_labeled], X[n_labeled:]


def fast(model, rows, codes, pool, candidates, loss="zero_one"):
    """Expected loss of each candidate, (n_candidates,)."""
    refits = LogisticRefits(model, rows, codes)
    losses = [
        refits.retrain(pool[candidates[i : i + BLOCK]]).expected_loss(pool, loss)
        for i in range(0, len(candidates), BLOCK)
    ]
    now = model.predict_proba(pool[candidates])
    return np.sum(now * np.concatenate(losses), axis=1)


def bare(model, rows, codes, pool, candidates):
    """The same by a plain loop, for the zero-one loss."""
    now = model.predict_proba(pool[candidates])
    errors = np.zeros(len(candidates))
    for m, i in enumerate(candidates):
        more = np.vstack([rows, pool[[i]]])
        for c in range(len(model.classes_)):
            new = clone(model).fit(more, np.append(codes, c))
            errors[m] += now[m, c] * (1 - new.predict_proba(pool).max(axis=1)).mean()
    return errors


def timed(call):
    # Of the processor: on a busy machine, waiting would count more than work.
    begin = time.process_time()
    result = call()
    return time.process_time() - begin, result


# Classes, features, labelled rows, C, target of the ratio.
CASES = [
    (2, 10, 30, 1.0, ""),
    (3, 10, 30, 1.0, "40"),
    (3, 20, 60, 1.0, "40"),
    (3, 20, 60, 100.0, ""),
    (5, 10, 30, 1.0, "14"),
    (5, 20, 60, 1.0, "14"),
    (5, 20, 60, 100.0, ""),
    (10, 20, 60, 1.0, ""),
    (10, 20, 60, 100.0, ""),
]


def side_by_side(n=300, n_rounds=3):
    """Rows: case, seconds of ours, of bare refits, ratio, target, agreement."""
    for k, d, n_labeled, C, target in CASES:
        rows, codes, pool = make_pool(n, k, d, n_labeled)
        model = LogisticRegression(C=C).fit(rows, codes)
        some = np.arange(0, n, n // (30 if k < 10 else 10))
        ours, theirs = [], []
        for _ in range(n_rounds):
            seconds, found = timed(lambda: fast(model, rows, codes, pool, np.arange(n)))  # noqa: B023
            ours.append(seconds)
            seconds, _ = timed(lambda: bare(model, rows, codes, pool, some))  # noqa: B023
            theirs.append(seconds * n / len(some))
        exact = clone(model).set_params(
            solver="newton-cholesky", tol=1e-12, max_iter=100_000
        )
        # Probabilities of labels are those of the model at hand in both.
        exact.fit(rows, codes)
        wanted = bare(exact, rows, codes, pool, some)
        found = fast(exact, rows, codes, pool, some)
        yield (
            f"{k} classes, d={d}, {n_labeled} labels, C={C:g}",
            f"{np.median(ours):.3f}",
            f"{np.median(theirs):.1f}",
            f"{np.median(theirs) / np.median(ours):.0f}",
            target,
            f"{spearmanr(found, wanted)[0]:.4f}",
            f"{np.abs(found - wanted).max():.0e}",
        )


def growth(sizes=(300, 1000, 5000), k=5, n_labeled=100):
    """Rows: case, seconds at each size, exponent of growth, MiB at 1,000."""
    for d, loss in [(20, "zero_one"), (64, "zero_one"), (64, "log")]:
        seconds = []
        for n in sizes:
            rows, codes, pool = make_pool(n, k, d, n_labeled)
            model = LogisticRegression(max_iter=1000).fit(rows, codes)
            call = lambda: fast(model, rows, codes, pool, np.arange(n), loss)  # noqa: B023, E731
            seconds.append(timed(call)[0])
            if n == 1000:
                peak = peak_memory(call)[1] / MIB
        exponent = np.log(seconds[-1] / seconds[-2]) / np.log(sizes[-1] / sizes[-2])
        yield (
            f"d={d}, {loss}",
            *(f"{s:.2f}" for s in seconds),
            f"{exponent:.1f}",
            f"{peak:.0f}",
        )


def text(n=1000, n_labeled=100, k=4):
    """Rows: words, seconds for all candidates of a pool of sparse rows."""
    rng = np.random.RandomState(0)
    for n_words in (2_000, 20_000):
        shift = n_words // (2 * k)
        codes = np.arange(n + n_labeled) % k
        texts = [
            " ".join(f"w{w}" for w in code * shift + rng.randint(n_words // 2, size=60))
            for code in codes
        ]
        X = TfidfVectorizer().fit_transform(texts)
        rows, pool = X[:n_labeled], X[n_labeled:]
        model = LogisticRegression(C=10.0).fit(rows, codes[:n_labeled])
        seconds, _ = timed(
            lambda: fast(model, rows, codes[:n_labeled], pool, np.arange(n))  # noqa: B023
        )
        yield f"{X.shape[1]:,} words, {n:,} texts", f"{seconds:.1f}"


def logistic():
    """Print the tables of this section."""
    columns = {"n=300": 37, "ours, s": 7, "refits, s": 9, "ratio": 5, "target": 6}
    columns |= {"rank corr.": 10, "difference": 10}
    print_table(columns, side_by_side())
    columns = {"5 classes, 100 labels, seconds at n=": 36, "300": 6, "1000": 6}
    columns |= {"5000": 6, "exponent": 8, "MiB at 1000": 11}
    print_table(columns, growth())
    print_table({"4 classes, 100 labels": 30, "seconds": 7}, text())
