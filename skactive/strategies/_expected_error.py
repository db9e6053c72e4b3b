"""Look-ahead: what would the model's errors be if this row had a label?"""

from __future__ import annotations

import numbers
import time
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.parallel import Parallel, delayed

from skactive._compat.callbacks import reporting
from skactive._compat.sklearn import HasMethods, Interval, StrOptions, _num_samples
from skactive._data.labels import MISSING, encode_labels
from skactive._models.members import classes_of
from skactive._models.refits import make_refits
from skactive._models.refits.base import as_rows, batches, mean_loss, take_rows
from skactive._models.refits.generic import GenericRefits, proba_of
from skactive._models.wrappers import with_its_labels
from skactive.strategies._base import Strategy, check_needs, check_utilities

Array = NDArray[Any]

# Candidates are retrained as many at a time as need about so many numbers (8 MiB).
_BLOCK_SIZE = 2**20
_BLOCK_MAX_CANDIDATES = 128
# So few of them make one block, as what a block costs besides matters more then.
_ONE_BLOCK = 512
# Real fits come in small blocks, so that progress is seen.
_BLOCK_MAX_FITS = 64
# Calls that would take longer, in seconds, are warned of; closed forms are asked how
# long they take from this number of probabilities on.
_LONG = 30.0
_MANY_PROBABILITIES = 2**31


class _Problem(NamedTuple):
    """Everything that retraining needs; rows are as the classifier sees them."""

    refits: Any
    classifier: Any
    rows: Any
    # Labelled rows, their positions, and positions of their labels in `classes`.
    own_rows: Any
    labeled: Array
    codes: Array
    # Positions of all unlabelled rows, and the probabilities of their classes now.
    unlabeled: Array
    proba: Array
    # Positions in `unlabeled`: rows that are looked at, and rows where losses count.
    looked: Array
    targets: Array
    classes: Array


class _LookAhead(Strategy):
    """Base of strategies that retrain the classifier for every candidate and label."""

    needs = ("refits",)
    uses_weights = True
    bounded = True

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
        self, models: Any, problem: _Problem, block: Array, targets: Any
    ) -> Array:
        """What :meth:`_finish` makes utilities of, for positions in `unlabeled`."""

    @abstractmethod
    def _finish(self, problem: _Problem, values: Array, X: Any) -> Array:
        """Utilities of the rows looked at, in [0, bound]."""

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> Array:
        """Utility of each row, shape (n_samples,); zero for rows that have a label."""
        return self.candidate_utilities(estimator, X, y, np.arange(_num_samples(X)))

    def candidate_utilities(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Utilities of the rows at the ascending positions `candidates`."""
        problem = self._pose(estimator, X, y, candidates)
        utilities = np.zeros(_num_samples(X))
        if len(problem.looked):
            self._warn_if_long(problem)
            found = self._finish(problem, self._look(problem), X)
            utilities[problem.unlabeled[problem.looked]] = found
        return check_utilities(utilities[candidates], len(candidates), self)

    def estimate_cost(self, estimator: Any, X: Any, y: Any) -> dict[str, Any]:
        """How long a call would take, from a trial with few candidates.

        Parameters
        ----------
        estimator : estimator object
            Fitted.
        X : array-like, sparse, data frame or sequence of n_samples
            The pool.
        y : array-like of shape (n_samples,)
            Labels with NaN or None where a row is unlabelled.

        Returns
        -------
        cost : dict
            "closed_form" : bool, whether refits are computed and not fitted;
            "n_candidates" looked at; "n_targets"; "n_fits", the product of candidates
            and classes; "seconds_per_fit", with its predictions; "seconds" in all, by
            as many jobs as `joblib.parallel_config` says.
        """
        problem = self._pose(estimator, X, y, np.arange(_num_samples(X)))
        return self._cost(problem, n_trials=16)

    def _pose(self, estimator: Any, X: Any, y: Any, candidates: Array) -> _Problem:
        self._validate_params()
        check_needs(self, estimator)
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
        return _Problem(
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
        """Positions in `classes`, MISSING where there is no label."""
        name = type(self).__name__
        if y is None:
            raise ValueError(
                f"{name} refits the classifier with one more label, so it needs y, "
                "with the labels so far and NaN or None for each row without one; got "
                "y=None."
            )
        seen, codes = encode_labels(y)
        if len(codes) != _num_samples(X):
            raise ValueError(
                f"X has {_num_samples(X)} rows, but y has {len(codes)} labels."
            )
        if len(seen) == 0:
            raise ValueError(
                f"{name} refits the classifier with one more label, but no row of y "
                "has one. Label rows first, with strategies that need no model."
            )
        if classes.dtype.kind in "US":  # objects, as a cast would cut longer labels
            classes = classes.astype(object)
        positions = np.minimum(np.searchsorted(classes, seen), len(classes) - 1)
        unknown = classes[positions] != seen
        if unknown.any():
            raise ValueError(
                f"y holds the labels {seen[unknown].tolist()}, which the estimator has "
                f"not been fitted on; it knows {classes.tolist()}. Fit it again."
            )
        return np.append(positions, MISSING)[codes]

    def _look(self, problem: _Problem) -> Array:
        """Values of the rows looked at, block by block."""
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

    def _look_at(self, problem: _Problem, targets: Any, chunk: slice) -> Array:
        block = problem.looked[chunk]
        rows = take_rows(problem.rows, problem.unlabeled[block])
        models = problem.refits.retrain(rows)
        return self._block_utilities(models, problem, block, targets)

    def _cost(self, problem: _Problem, n_trials: int) -> dict[str, Any]:
        n_looked, n_classes = len(problem.looked), problem.proba.shape[1]
        n_trials = min(n_trials, n_looked)
        is_closed = not isinstance(problem.refits, GenericRefits)
        seconds = 0.0
        if n_trials:
            targets = take_rows(problem.rows, problem.unlabeled[problem.targets])
            begin = time.perf_counter()
            self._look_at(problem, targets, slice(n_trials))
            seconds = (time.perf_counter() - begin) / n_trials
        # The fits of a trial already ran in parallel, as far as there were enough.
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

    def _warn_if_long(self, problem: _Problem) -> None:
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
            stacklevel=4,
        )


def _block_candidates(problem: _Problem) -> int:
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
    run: Callable[[slice], Array], chunks: list[slice], problem: _Problem
) -> Iterator[Array]:
    """Results of `run` one by one; blocks in threads, unless fits are in parallel."""
    n_jobs = effective_n_jobs(None)
    if n_jobs == 1 or len(chunks) == 1 or isinstance(problem.refits, GenericRefits):
        return map(run, chunks)
    parallel = Parallel(require="sharedmem", return_as="generator")
    return parallel(delayed(run)(chunk) for chunk in chunks)


class ExpectedError(_LookAhead):
    """Rows whose label is expected to leave the model with the least error.

    For every candidate and every label it may have, the classifier is retrained with
    that row; the losses that the new model expects on the unlabelled rows are
    averaged, and weighted by the probability of the label under the current model.
    The utility is what is left of the largest loss possible: one minus the expected
    error, in [0, 1], for the zero-one loss; log(n_classes) minus the expected entropy,
    in nats, for the log loss.

    Retraining takes no fits for GaussianNB, MultinomialNB, KNeighborsClassifier,
    LinearDiscriminantAnalysis, RidgeClassifier and LogisticRegression. For any other
    classifier there is one fit for each candidate and class: one step of `partial_fit`
    on a copy where it has that, and else, and for nets of skorch, a fit on all rows,
    from the current coefficients where it has `warm_start`. These run in parallel as
    `joblib.parallel_config` says, and a call that will take longer than half a minute
    warns of it; see :meth:`estimate_cost`.
    Behind the transformers of a pipeline, these stay as they were fitted.

    RidgeClassifier has no probabilities. They are estimated by (1 + d) / 2 from its
    decision values d, cut to [0, 1] and divided by their sum.

    Time grows with candidates x targets x classes**2, memory does not.

    Parameters
    ----------
    loss : {"zero_one", "log"}, default="zero_one"
        Error rate or entropy, each as the new model itself expects it.
    n_targets : int or None, default=None
        Average over so many unlabelled rows, drawn at random. None means over all.
    max_candidates : int or None, default=None
        Look only at as many candidates: those between whose two most probable classes
        the margin is smallest, and of equal ones the first in `X`. All others have
        utility zero, which is less than what is found for a row that is looked at.
        None means to look at all.
    random_state : int, default=0
        Draws the targets: the same ones in every call on as many rows.
    progress : callable, callback or None, default=None
        Called as ``progress(n_done, n_candidates)`` after each block of candidates.
        From scikit-learn 1.9 on also a callback, as its ``ProgressBar()``.

    See Also
    --------
    ValueOfInformation : With costs of errors and of labels.

    References
    ----------
    .. [1] N. Roy, A. McCallum, "Toward Optimal Active Learning through Sampling
       Estimation of Error Reduction", ICML 2001.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skactive.strategies import ExpectedError
    >>> X = np.array([[0.0], [1.0], [4.0], [5.0], [2.0], [2.4], [9.0]])
    >>> y = np.array([0, 0, 1, 1, np.nan, np.nan, np.nan])
    >>> model = GaussianNB().fit(X[:4], y[:4])
    >>> ExpectedError()(model, X, y).round(3)
    array([0.   , 0.   , 0.   , 0.   , 1.   , 0.996, 0.947])
    """

    _parameter_constraints: dict = {
        "loss": [StrOptions({"zero_one", "log"})],
        **_LookAhead._parameter_constraints,
    }

    def __init__(
        self,
        loss: str = "zero_one",
        *,
        n_targets: int | None = None,
        max_candidates: int | None = None,
        random_state: int = 0,
        progress: Any = None,
    ):
        self.loss = loss
        self.n_targets = n_targets
        self.max_candidates = max_candidates
        self.random_state = random_state
        self.progress = progress

    def bound(self, estimator: Any) -> float:
        """The largest utility possible: 1, or log(n_classes)."""
        if self.loss == "zero_one":
            return 1.0
        return float(np.log(len(classes_of(estimator))))

    def _block_utilities(
        self, models: Any, problem: _Problem, block: Array, targets: Any
    ) -> Array:
        losses = mean_loss(models, targets, self.loss)
        return np.einsum("mc,mc->m", problem.proba[block], losses)

    def _finish(self, problem: _Problem, values: Array, X: Any) -> Array:
        largest = 1.0 if self.loss == "zero_one" else np.log(len(problem.classes))
        return np.clip(largest - values, 0.0, largest)


class ValueOfInformation(_LookAhead):
    """Rows whose label saves most costs of errors, less what the label itself costs.

    With costs R[a, b] of taking class a for class b and probabilities p of a model,
    the risk is ``sum_b R[a, b] p_b`` on a row labelled a, and ``sum_ab p_a R[a, b]
    p_b`` on an unlabelled one; J is their sum over all rows. The value of a label is
    ``J - J' - cost``, where J' is the risk once the row is labelled and the classifier
    retrained, expected over its label under the current model. It is given by
    :meth:`values`, and is negative where a label is not worth its cost.

    The utility is the same on a scale from 0 to 1: ``1 - (J' + cost) / (n R_max +
    cost_max)``, for n rows, the largest entry R_max and the largest cost of a label.

    How the classifier is retrained, and what that takes, is told at
    :class:`ExpectedError`.

    Parameters
    ----------
    cost_matrix : array-like of shape (n_classes, n_classes), dict or None, default=None
        Costs of errors, not negative: ``cost_matrix[a][b]`` of predicting the b-th
        class of ``estimator.classes_`` for a row of the a-th one. A dict ``{(true,
        predicted): cost}`` of labels serves while some classes have not been seen;
        errors that it does not name cost 1. None means that every error costs 1.
    label_cost : float or callable, default=0.0
        Cost of a label in the same currency, or a function ``X -> costs`` of shape
        (n_samples,); not negative.
    n_targets : int or None, default=None
        Estimate the risk of the unlabelled rows from so many, drawn at random. None
        means to look at all.
    max_candidates : int or None, default=None
        As in :class:`ExpectedError`.
    random_state : int, default=0
        Draws the targets: the same ones in every call on as many rows.
    progress : callable, callback or None, default=None
        Called as ``progress(n_done, n_candidates)`` after each block of candidates.
        From scikit-learn 1.9 on also a callback, as its ``ProgressBar()``.

    References
    ----------
    .. [1] A. Kapoor, E. Horvitz, S. Basu, "Selective Supervision: Guiding Supervised
       Learning with Decision-Theoretic Active Learning", IJCAI 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skactive.strategies import ValueOfInformation
    >>> X = np.array([[0.0], [1.0], [4.0], [5.0], [2.0], [2.4], [9.0]])
    >>> y = np.array([0, 0, 1, 1, np.nan, np.nan, np.nan])
    >>> model = GaussianNB().fit(X[:4], y[:4])
    >>> strategy = ValueOfInformation({(1, 0): 5.0}, label_cost=0.1)
    >>> strategy.values(model, X, y).round(2)
    array([  nan,   nan,   nan,   nan,  0.72,  0.6 , -0.13])
    """

    _parameter_constraints: dict = {
        "cost_matrix": ["array-like", Mapping, None],
        "label_cost": [Interval(numbers.Real, 0, None, closed="left"), callable],
        **_LookAhead._parameter_constraints,
    }

    def __init__(
        self,
        cost_matrix: ArrayLike | Mapping[tuple[Any, Any], float] | None = None,
        label_cost: float | Callable[[Any], ArrayLike] = 0.0,
        *,
        n_targets: int | None = None,
        max_candidates: int | None = None,
        random_state: int = 0,
        progress: Any = None,
    ):
        self.cost_matrix = cost_matrix
        self.label_cost = label_cost
        self.n_targets = n_targets
        self.max_candidates = max_candidates
        self.random_state = random_state
        self.progress = progress

    def bound(self, estimator: Any) -> float:
        """The largest utility possible: 1."""
        return 1.0

    def values(self, estimator: Any, X: Any, y: Any) -> Array:
        """Value of the label of each row, in the currency of the costs.

        Parameters
        ----------
        estimator : estimator object
            Fitted.
        X : array-like, sparse, data frame or sequence of n_samples
            The pool.
        y : array-like of shape (n_samples,)
            Labels with NaN or None where a row is unlabelled.

        Returns
        -------
        values : ndarray of shape (n_samples,)
            Negative where a label is not worth its cost; NaN for rows that have a
            label or are not among `max_candidates`.
        """
        problem = self._pose(estimator, X, y, np.arange(_num_samples(X)))
        values = np.full(_num_samples(X), np.nan)
        if len(problem.looked) == 0:
            return values
        costs = self._costs(problem.classes)
        now = proba_of(problem.classifier, problem.own_rows)
        risk = np.einsum("ib,ib->", costs[problem.codes], now)
        expected = _quadratic(costs, problem.proba[problem.targets])
        risk += expected.mean() * len(problem.unlabeled)
        rows = problem.unlabeled[problem.looked]
        values[rows] = risk - self._look(problem) - self._label_costs(X)[rows]
        return values

    def _block_utilities(
        self, models: Any, problem: _Problem, block: Array, targets: Any
    ) -> Array:
        """Risk (n_block,) over all rows, expected when one of the block is labelled."""
        costs = self._costs(problem.classes)
        risk = np.zeros((len(block), len(costs)))
        for code in range(len(costs)):
            rows = problem.labeled[problem.codes == code]
            if len(rows):
                rows = take_rows(problem.rows, rows)
                linear = partial(_linear, costs[code])
                risk += mean_loss(models, rows, linear) * _num_samples(rows)
        mean = mean_loss(models, targets, partial(_quadratic, costs))
        # The new row itself is labelled then.
        itself = take_rows(problem.rows, problem.unlabeled[block])
        own = _own_proba(models, itself, len(block))
        risk += np.einsum("cb,mcb->mc", costs, own)
        n_targets = len(problem.targets)
        is_target = np.isin(block, problem.targets)[:, np.newaxis]
        others = mean * n_targets - is_target * _quadratic(costs, own)
        others /= np.maximum(n_targets - is_target, 1)
        risk += others * (len(problem.unlabeled) - 1)
        return np.einsum("mc,mc->m", problem.proba[block], risk)

    def _finish(self, problem: _Problem, values: Array, X: Any) -> Array:
        rows = problem.unlabeled[problem.looked]
        label_costs = self._label_costs(X)
        largest = self._costs(problem.classes).max() * _num_samples(X)
        scale = largest + label_costs[problem.unlabeled].max()
        if scale == 0:
            return np.ones(len(values))
        return np.clip(1.0 - (values + label_costs[rows]) / scale, 0.0, 1.0)

    def _costs(self, classes: Array) -> Array:
        """Costs (n_classes, n_classes) of errors."""
        n_classes = len(classes)
        given = self.cost_matrix
        if given is None or isinstance(given, Mapping):
            costs = 1.0 - np.eye(n_classes)
            positions = {label: i for i, label in enumerate(classes.tolist())}
            for (true, predicted), cost in (given or {}).items():
                if true in positions and predicted in positions:
                    costs[positions[true], positions[predicted]] = cost
        else:
            costs = np.asarray(given, dtype=np.float64)
        if costs.shape != (n_classes, n_classes):
            raise ValueError(
                f"cost_matrix is of shape {costs.shape}, but the estimator knows the "
                f"{n_classes} classes {classes.tolist()}; expected ({n_classes}, "
                f"{n_classes}). While some classes have not been seen, give a dict "
                "{(true, predicted): cost}."
            )
        if not (np.isfinite(costs).all() and (costs >= 0).all()):
            raise ValueError(
                "cost_matrix must hold finite costs that are not negative; got "
                f"{costs.tolist()}."
            )
        return costs

    def _label_costs(self, X: Any) -> Array:
        """Costs (n_samples,) of labels."""
        if not callable(self.label_cost):
            return np.full(_num_samples(X), float(self.label_cost))
        costs = np.asarray(self.label_cost(X), dtype=np.float64)
        if costs.shape != (_num_samples(X),) or not (costs >= 0).all():
            raise ValueError(
                f"label_cost must give one cost a row that is not negative, shape "
                f"({_num_samples(X)},); got an array of shape {costs.shape}"
                + (f" with least value {costs.min()}." if costs.size else ".")
            )
        return costs


def _linear(costs: Array, proba: Array) -> Array:
    """Cost (...) of a random prediction by (..., n_classes), where the class is known.

    `costs` is the row of that class.
    """
    return proba @ costs


def _quadratic(costs: Array, proba: Array) -> Array:
    """Cost (...) of a random prediction by (..., n_classes) for a class as random."""
    return np.einsum("...b,...b->...", proba @ costs, proba)


def _own_proba(models: Any, rows: Any, n_rows: int) -> Array:
    """What the models of each row say of the row itself (n_rows, n_labels, n_classes).

    The models of other rows are asked as well: few targets at a time.
    """
    parts = []
    for chunk in batches(n_rows, 16):
        positions = np.arange(n_rows)[chunk]
        proba = models.predict_proba(take_rows(rows, chunk))
        parts.append(proba[positions, :, np.arange(len(positions))])
    return np.concatenate(parts)
