"""How fast is looking ahead, and how much memory does it take?

    python -m pip install scikit-activeml
    python benchmarks/lookahead.py batch_bald
    export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
    python benchmarks/lookahead.py epig
    python benchmarks/lookahead.py expected_error
    python benchmarks/lookahead.py logistic

Every section has a name; those named run, or all. Single-threaded, because on a busy
machine the threads of matrix products wait for each other.
"""

from __future__ import annotations

import sys
import time
import warnings

import numpy as np
from _lookahead_closed import expected_error
from _lookahead_logistic import logistic
from _side_by_side import MIB, peak_memory, print_table, print_versions, take_turns

from skactive import measures

SECTIONS = {"expected_error": expected_error, "logistic": logistic}


def section(function):
    SECTIONS[function.__name__] = function
    return function


def committee(kind, n_samples, n_members, n_classes, dtype=np.float64):
    """Probabilities (n_members, n_samples, n_classes) of members that disagree."""
    rng = np.random.default_rng(0)
    shape = (n_members, n_samples)
    if kind == "uniform":  # each row of each member drawn from the simplex
        return rng.dirichlet(np.ones(n_classes), size=shape).astype(dtype)
    X = rng.normal(size=(n_samples, 10))  # linear models with noise in their weights
    weights = rng.normal(size=(10, n_classes))
    weights = weights + 0.6 * rng.normal(size=(n_members, 10, n_classes))
    values = np.exp(X @ weights)
    return (values / values.sum(axis=-1, keepdims=True)).astype(dtype)


# BatchBALD --------------------------------------------------------------------------


def batch_bald_side_by_side(kind, b, dtype, target):
    """A row: n=1e4, 20 members, 10 classes, against scikit-activeml's function."""
    from skactiveml.pool import batch_bald as peer_batch_bald

    proba = committee(kind, 10_000, 20, 10, dtype)

    def ours():
        return measures.batch_bald(proba, b, random_state=0)

    def peer():  # which clips its input in place
        return peer_batch_bald(proba.copy(), b, random_state=0)

    times = take_turns({"ours": ours, "peer": peer}, n_rounds=7)
    (rows, _), peak = peak_memory(ours)
    utilities = peer()
    peer_rows = np.argmax(np.nan_to_num(utilities, nan=-np.inf), axis=1)
    told = [joint_information(proba[:, found]) for found in (rows, peer_rows)]
    return (
        f"{kind}, b={b}, {np.dtype(dtype).name}",
        f"{times['ours'].median * 1e3:.1f}",
        f"{times['peer'].median * 1e3:.0f}",
        f"{times['peer'].median / times['ours'].median:.1f}",
        f"{times['peer'].least / times['ours'].least:.1f}",
        target,
        f"{peak / MIB:.1f}",
        f"{told[0]:.3f}",
        f"{told[1]:.3f}",
    )


def joint_information(proba):
    return measures.joint_information_gain(
        proba.astype(np.float64), max_configurations=100_000, random_state=0
    )


@section
def batch_bald():
    columns = {
        "n=1e4, m=20, k=10": 26,
        "ours, ms": 8,
        "peer, ms": 8,
        "ratio": 6,
        "of minima": 9,
        "target": 6,
        "ours, MiB": 9,
        "information": 11,
        "of the peer's": 13,
    }
    cases = [
        (kind, b, dtype, target)
        for kind in ("uniform", "linear")
        for b, dtype, target in [
            (5, np.float64, "6"),
            (5, np.float32, "13"),
            (30, np.float64, "80"),
            (30, np.float32, "80"),
        ]
    ]
    try:
        import skactiveml  # noqa: F401
    except ImportError:
        print("scikit-activeml is not installed: nothing to compare with\n")
    else:
        print_table(columns, (batch_bald_side_by_side(*case) for case in cases))


# EPIG -------------------------------------------------------------------------------


@section
def epig():
    def rows():
        for n, n_targets, k in [(10_000, 500, 3), (10_000, 500, 10), (20_000, 500, 3)]:
            proba = committee("linear", n, 20, k)
            targets = proba[:, :n_targets]
            begin = time.perf_counter()
            measures.expected_predictive_information_gain(proba, targets)
            seconds = time.perf_counter() - begin
            _, peak = peak_memory(
                lambda proba=proba, targets=targets: (
                    measures.expected_predictive_information_gain(proba, targets)
                )
            )
            yield f"{n} x {n_targets}, k={k}", f"{seconds:.2f}", f"{peak / MIB:.1f}"

    print_table({"EPIG, m=20": 24, "seconds": 8, "MiB beyond the input": 20}, rows())


def main():
    unknown = set(sys.argv[1:]) - set(SECTIONS)
    if unknown:
        raise SystemExit(f"No section {unknown}; there are {', '.join(SECTIONS)}.")
    warnings.simplefilter("ignore")  # of the peer, and of fits that stop early
    print_versions(["numpy", "scipy", "scikit-learn", "scikit-activeml"])
    for name in sys.argv[1:] or SECTIONS:
        SECTIONS[name]()


if __name__ == "__main__":
    main()
