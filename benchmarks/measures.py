"""How fast, and in how little memory, are the measures beside those of the peers?

Every measure runs in turns with scikit-activeml's and modAL's function for the same
formula, where these are installed, on the same probabilities; that the values agree
is checked first. Functions that overwrite their input have a copy of their own, and
the time of making it is not counted. Floors (reading the probabilities once, copying
them, taking their logarithm) say what is left to gain.

Run by hand: ``python benchmarks/measures.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import NamedTuple

import numpy as np
from _side_by_side import (
    extra_memory,
    peak_memory,
    print_table,
    print_versions,
    take_turns,
)

from skactive import measures

N_ROUNDS = 9
N_MEMBERS = 10
COLUMNS = {
    "measure": 34,
    "peer": 15,
    "ours, ms": 9,
    "peer, ms": 9,
    "times faster": 12,
    "of minima": 9,
    "target": 6,
    "MiB": 6,
    "at most": 7,
    "peer, MiB": 9,
}

Function = Callable[[], np.ndarray]


class Case(NamedTuple):
    """A measure, and the peers' functions for the same values.

    `targets` are how many times faster than a peer it should be.
    """

    name: str
    ours: Function
    peers: dict[str, Function]
    targets: dict[str, float]
    max_mib: int


# ---------------------------------------------------------------------------------
# Inputs
# ---------------------------------------------------------------------------------


def random_proba(*shape: int) -> np.ndarray:
    """Probabilities between about 1e-6 and 1: no peer clips any of them."""
    proba = np.random.default_rng(0).normal(size=shape)
    np.exp(proba, out=proba)
    proba /= proba.sum(axis=-1, keepdims=True)
    return proba


class StubClassifier:
    """A classifier for modAL, whose answer is known beforehand."""

    def __init__(self, proba: np.ndarray):
        self.proba = proba

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return self.proba


class StubCommittee:
    """A committee for modAL; answers are (n_samples, n_members, ...), as its own."""

    def __init__(self, answers: np.ndarray, n_classes: int):
        self.answers = answers
        self.classes_ = np.arange(n_classes)

    def __len__(self) -> int:
        return self.answers.shape[1]

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self)))

    def vote(self, X: np.ndarray) -> np.ndarray:
        return self.answers

    def vote_proba(self, X: np.ndarray) -> np.ndarray:
        return self.answers

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return self.answers.mean(axis=1)


def peer_function(module: str, name: str) -> Callable[..., np.ndarray]:
    """A peer's function, imported when it is called."""

    def call(*args: object, **params: object) -> np.ndarray:
        return getattr(import_module(module), name)(*args, **params)

    return call


# ---------------------------------------------------------------------------------
# Cases
# ---------------------------------------------------------------------------------


def uncertainty_cases(
    n_samples: int, n_classes: int, targets: tuple[float, float, float]
) -> Iterator[Case]:
    proba = random_proba(n_samples, n_classes)
    proba[0] = np.eye(n_classes)[0]  # zeros must agree as well
    stub = StubClassifier(proba)
    scores = peer_function("skactiveml.pool", "uncertainty_scores")
    confidence = peer_function("modAL.uncertainty", "classifier_uncertainty")
    gap = peer_function("modAL.uncertainty", "classifier_margin")
    entropy = peer_function("modAL.uncertainty", "classifier_entropy")
    rows = (
        (measures.least_confidence, "least_confident", confidence),
        (measures.margin, "margin_sampling", lambda *args: 1 - gap(*args)),
        (measures.entropy, "entropy", entropy),
    )
    for (ours, method, modal), target in zip(rows, targets, strict=True):
        yield Case(
            f"{ours.__name__} {n_samples:.0e} x {n_classes}",
            partial(ours, proba),
            {
                "scikit-activeml": partial(scores, proba, method=method),
                "modAL": partial(modal, stub, proba),
            },
            {"scikit-activeml": target},
            max_mib=8,
        )


def committee_cases(n_samples: int, n_classes: int) -> Iterator[Case]:
    proba = random_proba(N_MEMBERS, n_samples, n_classes)
    size = f"{N_MEMBERS} x {n_samples:.0e} x {n_classes}"
    stub = StubCommittee(np.ascontiguousarray(proba.swapaxes(0, 1)), n_classes)
    own_copy = proba.copy()  # scikit-activeml clips its input where it lies
    bald = peer_function("skactiveml.pool._bald", "batch_bald")
    yield Case(
        f"information_gain {size}",
        partial(measures.information_gain, proba),
        {"scikit-activeml": lambda: bald(own_copy, batch_size=1)[0]},
        {"scikit-activeml": 4.6},
        max_mib=4,
    )
    yield Case(
        f"kl_divergence {size}",
        partial(measures.kl_divergence, proba),
        {
            "modAL": partial(
                peer_function("modAL.disagreement", "KL_max_disagreement"),
                stub,
                stub.answers,
            )
        },
        {"modAL": 14},
        max_mib=4,
    )
    committee = "skactiveml.pool._query_by_committee"
    yield Case(
        f"kl_divergence mean {size}",
        partial(measures.kl_divergence, proba, reduction="mean"),
        {
            "scikit-activeml": partial(
                peer_function(committee, "average_kl_divergence"), own_copy
            )
        },
        {},
        max_mib=4,
    )
    yield Case(
        f"consensus_entropy {size}",
        partial(measures.consensus_entropy, proba),
        {
            "modAL": partial(
                peer_function("modAL.disagreement", "consensus_entropy"),
                stub,
                stub.answers,
            )
        },
        {},
        max_mib=4,
    )


def vote_cases(n_samples: int, n_classes: int) -> Iterator[Case]:
    rng = np.random.default_rng(0)
    votes = rng.integers(n_classes, size=(N_MEMBERS, n_samples))
    by_sample = np.ascontiguousarray(votes.T)
    classes = np.arange(n_classes)
    stub = StubCommittee(by_sample, n_classes)
    activeml = peer_function("skactiveml.pool._query_by_committee", "vote_entropy")
    modal = peer_function("modAL.disagreement", "vote_entropy")
    yield Case(
        f"vote_entropy {N_MEMBERS} x {n_samples:.0e}, {n_classes}",
        partial(measures.vote_entropy, votes),
        {
            "scikit-activeml": partial(activeml, by_sample, classes),
            "modAL": partial(modal, stub, by_sample),
        },
        {"scikit-activeml": 20},
        max_mib=4,
    )


# ---------------------------------------------------------------------------------
# Tables
# ---------------------------------------------------------------------------------


def compare(case: Case) -> Iterator[list[str]]:
    """Rows of the table, one a peer."""
    expected = case.ours()
    running, notes = {}, {}
    for peer, function in case.peers.items():
        try:
            values = function()
        except ModuleNotFoundError:
            notes[peer] = "not installed"
        except Exception as error:  # noqa: BLE001, whatever a peer raises is shown
            notes[peer] = f"does not run: {str(error)[:60]}"
        else:
            check_equal(case.name, peer, values, expected)
            running[peer] = function
    times = take_turns({"ours": case.ours} | running, N_ROUNDS)
    ours = times["ours"]
    mib = f"{extra_memory(case.ours):.1f}"
    for peer in case.peers:
        start = [case.name, peer, f"{1e3 * ours.median:.2f}"]
        target = f"{case.targets[peer]:g}" if peer in case.targets else ""
        if peer in notes:
            yield [*start, notes[peer], "", "", target, mib, str(case.max_mib), ""]
            continue
        yield [
            *start,
            f"{1e3 * times[peer].median:.2f}",
            f"{times[peer].median / ours.median:.1f}",
            f"{times[peer].least / ours.least:.1f}",
            target,
            mib,
            str(case.max_mib),
            f"{extra_memory(running[peer]):.1f}",
        ]


def check_equal(name: str, peer: str, values: np.ndarray, expected: np.ndarray) -> None:
    """Stop where a peer gives other values than ours."""
    if values.shape != expected.shape:
        raise SystemExit(
            f"{name}: {peer} gives shape {values.shape}, skactive {expected.shape}."
        )
    error = np.abs(values - expected).max()
    if not error <= 1e-12:
        raise SystemExit(f"{name}: {peer} and skactive differ by up to {error:.3g}.")


def single_precision(n_samples: int, n_classes: int) -> Iterator[list[str]]:
    """Rows of a table: ours in double and in single precision."""
    proba = random_proba(n_samples, n_classes)
    member_proba = random_proba(N_MEMBERS, n_samples // N_MEMBERS, n_classes)
    names = ("least_confidence", "margin", "entropy")
    rows = [(getattr(measures, name), proba) for name in names]
    names = ("information_gain", "kl_divergence", "consensus_entropy", "vote_entropy")
    rows += [(getattr(measures, name), member_proba) for name in names]
    for function, double in rows:
        single = double.astype(np.float32)
        values, _ = peak_memory(partial(function, single))
        error = np.abs(values - function(double)).max()
        if values.dtype != np.float32 or error > 1e-5:
            raise SystemExit(
                f"{function.__name__} of float32 gives {values.dtype}, with an error "
                f"of {error:.3g}."
            )
        times = take_turns(
            {"double": partial(function, double), "single": partial(function, single)},
            N_ROUNDS,
        )
        yield [
            f"{function.__name__} {' x '.join(f'{size:g}' for size in double.shape)}",
            f"{1e3 * times['double'].median:.2f}",
            f"{1e3 * times['single'].median:.2f}",
            f"{error:.1e}",
        ]


def floors() -> Iterator[list[str]]:
    """Rows of a table: what reading, copying and logarithms take, in one thread."""
    for shape in ((10**6, 10), (10**5, 1000)):
        proba = random_proba(*shape)
        out = np.empty_like(proba)
        times = take_turns(
            {
                "sum": proba.sum,
                "copy": partial(np.copyto, out, proba),
                "log": partial(np.log, proba, out=out),
            },
            N_ROUNDS,
        )
        yield [f"{shape[0]:.0e} x {shape[1]}"] + [
            f"{1e3 * times[name].median:.2f}" for name in ("sum", "copy", "log")
        ]


def comparisons() -> Iterator[list[str]]:
    makers = (
        partial(uncertainty_cases, 10**6, 10, targets=(7, 7, 7)),
        partial(uncertainty_cases, 10**5, 1000, targets=(3, 15, 4)),
        partial(committee_cases, 10**5, 10),
        partial(vote_cases, 10**5, 10),
    )
    for make in makers:  # one after the other, so that inputs are freed
        for case in make():
            yield from compare(case)


def main() -> None:
    print_versions(("numpy", "scikit-activeml", "modAL-python"))
    print_table(COLUMNS, comparisons())
    columns = {"measure": 36, "float64, ms": 11, "float32, ms": 11, "difference": 10}
    print_table(columns, single_precision(10**6, 10))
    columns = {"floor": 12, "sum, ms": 9, "copy, ms": 9, "np.log, ms": 10}
    print_table(columns, floors())


if __name__ == "__main__":
    main()
