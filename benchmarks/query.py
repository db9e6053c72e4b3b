"""What does a query cost beyond the predictions that it needs?

Taking the best of many utilities runs in turns with scikit-activeml's function. A
query is compared with one call of the estimator's `predict_proba` on the whole pool;
the time spent inside the query, but outside of the `predict_proba` calls that it
makes itself, is given as well: it is all that skactive adds, and it is less noisy
than a difference of two long times.

Run by hand: ``python benchmarks/query.py``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from _side_by_side import (
    MIB,
    peak_memory,
    print_table,
    print_versions,
    take_turns,
)
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from skactive import ActiveLearningClassifier, get_strategy
from skactive.strategies._selection import take_best

N_ROUNDS = 9
N_LABELED = 200
N_QUERIES = 100


# ---------------------------------------------------------------------------------
# The best of many utilities
# ---------------------------------------------------------------------------------


def best_of_many(n_samples: int = 10**5) -> Iterator[list[str]]:
    """Rows of a table: ours and scikit-activeml's, without ties and with many."""
    distinct = np.random.default_rng(0).random(n_samples)
    for name, utilities in (
        ("all different", distinct),
        ("1,000 values", np.round(distinct, 3)),
        ("3 values", np.round(2 * distinct)),
    ):
        functions = {
            "ours": partial(take_best, utilities, N_QUERIES, 0),
            "peer": partial(peers_best, utilities, utilities.copy()),
        }
        label = f"best {N_QUERIES} of {n_samples:.0e}, {name}"
        try:
            check_as_useful(utilities, functions["ours"](), functions["peer"]())
        except ModuleNotFoundError:
            times = take_turns({"ours": functions["ours"]}, N_ROUNDS)
            yield [label, _ms(times["ours"].median), "not installed", "", "", "150"]
            continue
        ours, peer = take_turns(functions, N_ROUNDS).values()
        yield [
            label,
            _ms(ours.median),
            _ms(peer.median),
            f"{peer.median / ours.median:.0f}",
            f"{peer.least / ours.least:.0f}",
            "150",
        ]


def peers_best(utilities: np.ndarray, own_copy: np.ndarray) -> np.ndarray:
    """Take the best as scikit-activeml does, which overwrites them with NaN."""
    own_copy[:] = utilities
    simple_batch = import_module("skactiveml.utils").simple_batch
    return simple_batch(own_copy, 0, batch_size=N_QUERIES)


def check_as_useful(utilities: np.ndarray, ours: np.ndarray, peers: np.ndarray) -> None:
    """Stop unless both take distinct rows of the same utilities in the same order."""
    if len(set(ours)) < N_QUERIES or (utilities[ours] != utilities[peers]).any():
        raise SystemExit("take_best and simple_batch take other utilities.")


# ---------------------------------------------------------------------------------
# Queries
# ---------------------------------------------------------------------------------


def make_pool(n_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of 20 features and 5 classes; the first ones have a label."""
    X, answers = make_classification(
        n_samples, n_features=20, n_informative=10, n_classes=5, random_state=0
    )
    y = np.full(n_samples, np.nan)
    y[:N_LABELED] = answers[:N_LABELED]
    return X, y


class Stopwatch:
    """Stands for a function and adds up the time spent in it."""

    def __init__(self, function: Callable[..., Any]):
        self.function = function
        self.seconds = 0.0

    def __call__(self, *args: Any) -> Any:
        begin = time.perf_counter()
        result = self.function(*args)
        self.seconds += time.perf_counter() - begin
        return result


def time_outside(
    query: Callable[[], np.ndarray], estimator: Any, n_rounds: int
) -> float:
    """Median seconds of `query` outside of the estimator's `predict_proba`."""
    estimator.predict_proba = watch = Stopwatch(estimator.predict_proba)
    try:
        seconds = []
        for _ in range(n_rounds):
            watch.seconds = 0.0
            begin = time.perf_counter()
            query()
            seconds.append(time.perf_counter() - begin - watch.seconds)
    finally:
        del estimator.predict_proba  # the method of the class is back
    return float(np.median(seconds))


def large_pools() -> Iterator[list[str]]:
    """Rows of a table: one query of a large pool, one row a model and a strategy."""
    names = ("margin", "entropy", "least_confidence")
    cases: list[tuple[Any, int, tuple[str, ...]]] = [
        (LogisticRegression(max_iter=1000), 10**6, names),
        (RandomForestClassifier(50, n_jobs=1, random_state=0), 2 * 10**5, names[:1]),
    ]
    for model, n_samples, strategies in cases:
        X, y = make_pool(n_samples)
        for strategy in strategies:
            learner = ActiveLearningClassifier(
                model, strategy, batch_size=N_QUERIES, random_state=0
            ).fit(X, y)
            yield [
                f"{type(model).__name__}, {n_samples:.0e} rows, {strategy}",
                *compare_query(learner, X, y),
            ]


def compare_query(
    learner: ActiveLearningClassifier, X: np.ndarray, y: np.ndarray
) -> Iterator[str]:
    """Cells of a row: times, the difference a row and in percent, and memory."""
    query = partial(learner.query, X, y)
    predict = partial(learner.estimator_.predict_proba, X)
    times = take_turns({"query": query, "predict": predict}, N_ROUNDS)
    base = times["predict"].median
    yield _ms(times["query"].median)
    yield _ms(base)
    outside = time_outside(query, learner.estimator_, N_ROUNDS)
    for seconds in (times["query"].median - base, outside):
        yield f"{1e9 * seconds / len(X):.1f}"
        yield f"{100 * seconds / base:.1f}"
    peaks = [peak_memory(function)[1] / MIB for function in (query, predict)]
    yield from (f"{peak:.0f}" for peak in peaks)
    yield f"{peaks[0] - peaks[1]:.0f}"


def small_pool(n_samples: int = 10**4, n_rounds: int = 200) -> Iterator[list[str]]:
    """Rows of a table: many queries of a small pool, labels entered in between."""
    X, y = make_pool(n_samples)
    learner = ActiveLearningClassifier(
        LogisticRegression(max_iter=1000), random_state=0
    ).fit(X, y)
    strategy, estimator = get_strategy("margin"), learner.estimator_
    for name, choose in (
        (
            "strategy.select",
            lambda y: strategy.select(estimator, X, y, n_queries=10, random_state=0),
        ),
        ("learner.query", lambda y: learner.query(X, y)),
    ):
        revealed = y.copy()

        def query(choose=choose, revealed=revealed) -> np.ndarray:
            rows = choose(revealed)
            revealed[rows] = 0
            return rows

        predict = partial(estimator.predict_proba, X)
        times = take_turns({"query": query, "predict": predict}, n_rounds)
        revealed[:] = y
        outside = time_outside(query, estimator, n_rounds)
        yield [
            f"{name}, {n_samples:.0e} rows",
            f"{1e3 * times['query'].median:.3f}",
            f"{1e3 * times['predict'].median:.3f}",
            f"{1e3 * (times['query'].median - times['predict'].median):.3f}",
            f"{1e3 * outside:.3f}",
            "0.3",
        ]


# ---------------------------------------------------------------------------------
# Tables
# ---------------------------------------------------------------------------------


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.2f}"


def main() -> None:
    print_versions(("numpy", "scikit-learn", "scikit-activeml"))
    columns = {
        "utilities": 32,
        "ours, ms": 9,
        "peer, ms": 13,
        "times faster": 12,
        "of minima": 9,
        "target": 6,
    }
    print_table(columns, best_of_many())
    print("Targets: 25 ns a row, or 2 % for the forest; 16 MiB.\n")
    columns = {
        "pool": 52,
        "query, ms": 9,
        "predict_proba, ms": 17,
        "difference, ns a row": 20,
        "%": 6,
        "outside, ns a row": 17,
        "% ": 6,
        "query, MiB": 10,
        "predict_proba, MiB": 18,
        "difference, MiB": 15,
    }
    print_table(columns, large_pools())
    columns = {
        "pool": 28,
        "query, ms": 9,
        "predict_proba, ms": 17,
        "difference, ms": 14,
        "outside, ms": 11,
        "target": 6,
    }
    print_table(columns, small_pool())


if __name__ == "__main__":
    main()
