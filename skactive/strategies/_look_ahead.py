"""Look-ahead: retrain the classifier for every candidate and label."""

from __future__ import annotations

import numbers
import time
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from joblib import effective_n_jobs
from sklearn.utils.parallel import Parallel, delayed

from skactive._compat.callbacks import reporting
from skactive._compat.sklearn import HasMethods, Interval, _num_samples
from skactive._compat.typing import Array
from skactive._data.labels import MISSING, codes_among
from skactive._models.members import classes_of
from skactive._models.refits import make_refits
from skactive._models.refits.base import as_rows, batches, take_rows
from skactive._models.refits.generic import GenericRefits, proba_of
from skactive._models.wrappers import with_its_labels
from skactive.strategies._base import Strategy

# A block holds as many candidates as need about this many numbers (8 MiB).
_BLOCK_SIZE = 2**20
_BLOCK_MAX_CANDIDATES = 128
# Up to this many candidates make one block: the overhead of a block matters more then.
_ONE_BLOCK = 512
# Real fits come in small blocks, so that progress can be seen.
_BLOCK_MAX_FITS = 64
# Calls that would take longer than this, in seconds, warn. The time of closed forms is
# measured only from this number of probabilities on.
_LONG = 30.0
_MANY_PROBABILITIES = 2**31


class Problem(NamedTuple):
    """Everything that retraining needs. Rows are as the classifier sees them."""

    refits: Any
    classifier: Any
    rows: Any
    # Labelled rows, their positions, and positions of their labels in `classes`.
    own_rows: Any
    labeled: Array
    codes: Array
    # Positions of all unlabelled rows, and their current class probabilities.
    unlabeled: Array
    proba: Array
    # Positions in `unlabeled`: rows to look at, and rows to compute losses on.
    looked: Array
    targets: Array
    classes: Array


class LookAhead(Strategy):
    """Base class of strategies that retrain the classifier for each possible label."""

    needs = ("refits",)
    uses_weights = True

    n_targets: int | None
    max_candidates: int | None
    random_state: int
    progress: Any

    _parameter_constraints: dict = {
        "n_targets": [Interval(numbers.Integral, 1, None, closed="left"), None],
        "max_candidates": [Interval(numbers.Integral, 1, None, closed="left"), None],
        "random_state": [Interval(numbers.Integral, 0, None, closed="left")],
        "progress": [callable, HasMethods(["on_fit_task_end"]), None],
    }

    @abstractmethod
    def _block_utilities(
        self, models: Any, problem: Problem, block: Array, targets: Any
    ) -> Array:
        """Compute the input of :meth:`_finish` for positions in `unlabeled`."""

    @abstractmethod
    def _finish(self, problem: Problem, values: Array, X: Any) -> Array:
        """Compute the utilities of the rows looked at, not negative."""

    def score_candidates(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Compute the utilities of the rows at the ascending positions `candidates`."""
        problem = self._pose(estimator, X, y, candidates)
        utilities = np.zeros(_num_samples(X))
        if len(problem.looked):
            self._warn_if_long(problem)
            found = self._finish(problem, self._look(problem), X)
            utilities[problem.unlabeled[problem.looked]] = found
        return utilities[candidates]

    def estimate_cost(self, estimator: Any, X: Any, y: Any) -> dict[str, Any]:
        """Estimate how long a call would take, from a trial with few candidates.

        Parameters
        ----------
        estimator : estimator object
            The fitted estimator.
        X : array-like, sparse, data frame or sequence of n_samples
            The pool.
        y : array-like of shape (n_samples,)
            Labels, with NaN or None where a row is unlabelled.

        Returns
        -------
        cost : dict
            A dict with the keys

            "closed_form" : bool
                Whether refits are computed without fits.
            "n_candidates" : int
                Number of candidates looked at.
            "n_targets" : int
                Number of rows to compute losses on.
            "n_fits" : int
                The product of the numbers of candidates and classes.
            "seconds_per_fit" : float
                Time of one fit with its predictions.
            "seconds" : float
                Time of the whole call, with as many jobs as `joblib.parallel_config`
                sets.
        """
        self._check(estimator)
        problem = self._pose(estimator, X, y, np.arange(_num_samples(X)))
        return self._cost(problem, n_trials=16)

    def _pose(self, estimator: Any, X: Any, y: Any, candidates: Array) -> Problem:
        classes = classes_of(estimator)
        codes = self._codes(classes, X, y)
        classifier, rows = with_its_labels(estimator, X)
        labeled = np.flatnonzero(codes != MISSING)
        unlabeled = np.flatnonzero(codes == MISSING)
        weights = getattr(estimator, "sample_weight", None)
        if weights is not None:
            weights = np.asarray(weights, dtype=np.float64)[labeled]
        own = take_rows(rows, labeled)
        refits = make_refits(classifier, own, codes[labeled], weights)
        proba = np.empty((0, len(classes)))
        if len(unlabeled):
            proba = proba_of(classifier, take_rows(rows, unlabeled))
        if not isinstance(refits, GenericRefits):
            rows = as_rows(rows)
        rng = np.random.default_rng(self.random_state)
        targets = np.arange(len(unlabeled))
        if self.n_targets is not None and self.n_targets < len(unlabeled):
            targets = np.sort(rng.permutation(targets)[: self.n_targets])
        is_candidate = np.zeros(len(codes), dtype=bool)
        is_candidate[candidates] = True
        looked = np.flatnonzero(is_candidate[unlabeled])
        if self.max_candidates is not None and self.max_candidates < len(looked):
            top_two = np.partition(proba[looked], -2, axis=1)[:, -2:]
            order = np.argsort(top_two[:, 1] - top_two[:, 0], kind="stable")
            looked = np.sort(looked[order[: self.max_candidates]])
        return Problem(
            refits=refits,
            classifier=classifier,
            rows=rows,
            own_rows=own,
            labeled=labeled,
            codes=codes[labeled],
            unlabeled=unlabeled,
            proba=proba,
            looked=looked,
            targets=targets,
            classes=classes,
        )

    def _codes(self, classes: Array, X: Any, y: Any) -> Array:
        """Positions of the labels in `classes`, MISSING if there is no label."""
        name = type(self).__name__
        if y is None:
            raise ValueError(
                f"{name} refits the classifier with one more label, so it needs y, "
                "with the labels so far and NaN or None for each row without one; got "
                "y=None."
            )
        codes = codes_among(classes, y, _num_samples(X))
        if (codes == MISSING).all():
            raise ValueError(
                f"{name} refits the classifier with one more label, but no row of y "
                "has one. Label rows first, with strategies that need no model."
            )
        return codes

    def _look(self, problem: Problem) -> Array:
        """Compute the values of the rows looked at, block by block."""
        n_looked = len(problem.looked)
        values = np.empty(n_looked)
        targets = take_rows(problem.rows, problem.unlabeled[problem.targets])
        chunks = list(batches(n_looked, _block_candidates(problem)))
        run = partial(self._look_at, problem, targets)
        name = type(self).__name__
        with reporting(self.progress, name, n_looked, len(chunks)) as report:
            found = _in_order(run, chunks, problem)
            for chunk, some in zip(chunks, found, strict=True):
                values[chunk] = some
                report(chunk.stop)
        return values

    def _look_at(self, problem: Problem, targets: Any, chunk: slice) -> Array:
        block = problem.looked[chunk]
        rows = take_rows(problem.rows, problem.unlabeled[block])
        models = problem.refits.retrain(rows)
        return self._block_utilities(models, problem, block, targets)

    def _cost(self, problem: Problem, n_trials: int) -> dict[str, Any]:
        n_looked, n_classes = len(problem.looked), problem.proba.shape[1]
        n_trials = min(n_trials, n_looked)
        is_closed = not isinstance(problem.refits, GenericRefits)
        seconds = 0.0
        if n_trials:
            targets = take_rows(problem.rows, problem.unlabeled[problem.targets])
            begin = time.perf_counter()
            self._look_at(problem, targets, slice(n_trials))
            seconds = (time.perf_counter() - begin) / n_trials
        # The fits of a trial already ran in parallel, if there were enough of them.
        n_jobs = effective_n_jobs(None)
        in_trial = 1 if is_closed else min(n_jobs, n_trials * n_classes)
        return {
            "closed_form": is_closed,
            "n_candidates": n_looked,
            "n_targets": len(problem.targets),
            "n_fits": n_looked * n_classes,
            "seconds_per_fit": seconds * in_trial / n_classes,
            "seconds": seconds * n_looked * in_trial / n_jobs,
        }

    def _warn_if_long(self, problem: Problem) -> None:
        n_classes = problem.proba.shape[1]
        is_real = isinstance(problem.refits, GenericRefits)
        n_numbers = len(problem.looked) * len(problem.targets) * n_classes**2
        if not is_real and n_numbers < _MANY_PROBABILITIES:
            return
        cost = self._cost(problem, n_trials=1 if is_real else 16)
        if cost["seconds"] <= _LONG:
            return
        advice = "."
        if is_real:
            advice = (
                ", or use a classifier with a closed form: naive Bayes, nearest "
                "neighbours, linear discriminants, logistic regression."
            )
        warnings.warn(
            f"{type(self).__name__} has to {'fit' if is_real else 'retrain'} "
            f"{problem.classifier!r} {cost['n_fits']} times ({cost['n_candidates']} "
            f"candidates, {n_classes} classes) and count losses on "
            f"{cost['n_targets']} rows, which will take about {cost['seconds']:.0f} s. "
            "Set max_candidates= to look at fewer rows or n_targets= to count losses "
            f"on fewer, give it more jobs by joblib.parallel_config{advice}",
            UserWarning,
            stacklevel=5,
        )


def _block_candidates(problem: Problem) -> int:
    n_classes = problem.proba.shape[1]
    if isinstance(problem.refits, GenericRefits):
        return max(1, _BLOCK_MAX_FITS // n_classes)
    n_features = problem.rows.shape[1]
    n_numbers = getattr(problem.refits, "numbers_per_candidate", n_classes * n_features)
    n_numbers = max(n_numbers, 16 * n_classes**2)
    few = len(problem.looked) <= _ONE_BLOCK
    largest = _ONE_BLOCK if few else _BLOCK_MAX_CANDIDATES
    return int(np.clip(_BLOCK_SIZE // n_numbers, 1, largest))


def _in_order(
    run: Callable[[slice], Array], chunks: list[slice], problem: Problem
) -> Iterator[Array]:
    """Yield the results of `run` in order; use threads unless fits are in parallel."""
    n_jobs = effective_n_jobs(None)
    if n_jobs == 1 or len(chunks) == 1 or isinstance(problem.refits, GenericRefits):
        return map(run, chunks)
    parallel = Parallel(require="sharedmem", return_as="generator")
    return parallel(delayed(run)(chunk) for chunk in chunks)
