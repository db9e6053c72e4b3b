"""How fast are batch strategies, how much memory do they take, and how do they grow?

    python -m pip install scikit-activeml
    export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
    python benchmarks/batch.py [compare] [alone] [large] [growth]

compare: side by side with scikit-activeml at n=1e4. alone: every strategy at n=1e5,
d=64, b=100. large: k_center and badge at n=1e6, d=64, b=1000. growth: exponents in n,
b and d. Without a word the first two. Seconds are those of the processor, which other
work on the machine disturbs least; they are those of the clock with one thread.
"""

from __future__ import annotations

import sys
import time
import warnings

import numpy as np
from _side_by_side import MIB, peak_memory, print_table, print_versions, take_turns
from sklearn.linear_model import LogisticRegression

from skactive.strategies import get_strategy

warnings.simplefilter("ignore")
N_LABELED = 100


def make_pool(n, d, k=10):
    """Rows in blobs, float64, with labels for the first hundred of them."""
    rng = np.random.default_rng(0)
    codes = rng.integers(k, size=n)
    X = rng.normal(size=(k, d))[codes] * 1.5 + rng.normal(size=(n, d))
    y = np.where(np.arange(n) < N_LABELED, codes, np.nan)
    model = LogisticRegression(max_iter=500).fit(X[:N_LABELED], codes[:N_LABELED])
    return X, y, model


def peer(name, X, y, model, b, **params):
    """A call of scikit-activeml's counterpart."""
    from skactiveml.classifier import SklearnClassifier
    from skactiveml.pool import Badge, CoreSet, MaxHerding, ProbCover, TypiClust

    if name == "badge":
        wrapped = SklearnClassifier(LogisticRegression(max_iter=500), classes=range(10))
        wrapped.fit(X, y)
        return lambda: Badge(random_state=0).query(
            X, y, wrapped, fit_clf=False, batch_size=b
        )
    if name == "prob_cover":
        strategy = ProbCover(n_classes=10, deltas=[params["radius"]], random_state=0)
    else:
        kinds = {"k_center": CoreSet, "max_herding": MaxHerding, "typiclust": TypiClust}
        strategy = kinds[name](random_state=0)
    return lambda: strategy.query(X, y, batch_size=b)


def ours(name, X, y, model, b, **params):
    """A call of the strategy of that name."""
    strategy = get_strategy(name).set_params(**params)
    return lambda: strategy.select(model, X, y, n_queries=b, random_state=0)


CASES = [
    ("k_center", 64, 100, {}, 25),
    ("badge", 64, 100, {}, 150),
    ("max_herding", 64, 20, {}, 26),
    ("prob_cover", 20, 50, {"radius": 5.0}, 20),
    ("typiclust", 64, 100, {}, 1),
]


def compare():
    """Rows of the table side by side."""
    for name, d, b, params, target in CASES:
        X, y, model = make_pool(10_000, d)
        calls = {
            "ours": ours(name, X, y, model, b, **params),
            "peer": peer(name, X, y, model, b, **params),
        }
        n_rounds = 15 if name in ("k_center", "badge") else 3
        times = take_turns(calls, n_rounds, clock=time.process_time)
        ratio = times["peer"].median / times["ours"].median
        yield (
            f"{name}, d={d}, b={b}",
            f"{times['ours'].median:.3f}",
            f"{times['peer'].median:.2f}",
            f"{ratio:.0f}",
            f"{target}",
        )


def alone(names, n, b):
    """Rows of seconds and memory for big pools."""
    X, y, model = make_pool(n, 64)
    for name in names:
        call = ours(name, X, y, model, b)
        begin = time.process_time()
        call()
        seconds = time.process_time() - begin
        chosen, peak = peak_memory(call)
        if len(set(chosen.tolist())) != b or chosen.min() < N_LABELED:
            raise SystemExit(f"{name} chose wrong rows")
        yield f"{name}, n={n:.0e}, b={b}", f"{seconds:.2f}", f"{peak / MIB:.0f}"


BATCH = [
    "power",
    "softmax",
    "softrank",
    "ranked_batch",
    "diverse",
    "badge",
    "clue",
    "falcun",
    "k_center",
    "k_means",
    "typiclust",
    "prob_cover",
    "max_herding",
    "uncertainty_herding",
    "facility_location",
    "information_density",
]


# Sizes, of which one at a time is varied around the middle one.
SIZES = {"n": (10_000, 20_000, 40_000), "b": (50, 100, 200), "d": (16, 64, 256)}
GROWING = ["k_center", "badge", "max_herding", "prob_cover", "typiclust"]


def growth():
    """Rows of exponents: slopes of log seconds over log size, and the seconds."""
    for name in GROWING:
        for axis, values in SIZES.items():
            seconds = []
            for value in values:
                size = {key: sizes[1] for key, sizes in SIZES.items()} | {axis: value}
                X, y, model = make_pool(size["n"], size["d"])
                params = {"max_rows": size["n"]} if name == "max_herding" else {}
                call = ours(name, X, y, model, size["b"], **params)
                rounds = []
                for _ in range(3):
                    begin = time.process_time()
                    call()
                    rounds.append(time.process_time() - begin)
                seconds.append(min(rounds))
            slope = np.polyfit(np.log(values), np.log(seconds), 1)[0]
            times = ", ".join(f"{s:.3g}" for s in seconds)
            yield f"{name}, {axis} = {values}", times, f"{slope:.1f}"


def main():
    words = sys.argv[1:] or ["compare", "alone"]
    print_versions(["numpy", "scipy", "scikit-learn", "scikit-activeml"])
    columns = {"n=1e4": 32, "ours, s": 8, "peer, s": 8, "ratio": 6, "target": 6}
    if "compare" in words:
        try:
            import skactiveml  # noqa: F401
        except ImportError:
            print("scikit-activeml is not installed: nothing to compare with\n")
        else:
            print_table(columns, compare())
    columns = {"alone, d=64": 40, "seconds": 8, "MiB beyond the input": 20}
    if "alone" in words:
        print_table(columns, alone(BATCH, 100_000, 100))
    if "large" in words:
        print_table(columns, alone(["k_center", "badge"], 1_000_000, 1000))
    if "growth" in words:
        print_table({"size": 44, "seconds": 22, "exponent": 8}, growth())


if __name__ == "__main__":
    main()
