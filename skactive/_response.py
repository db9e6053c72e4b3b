"""From a fitted estimator to arrays: probabilities, decision values, members.

The only place that knows what a committee is and how its members answer; members'
columns are aligned to the committee's classes. Pools are walked in chunks, so that
nothing of the size (members x samples x classes) exists beyond a chunk.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from numbers import Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import clone
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, get_tags
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skactive._encoded import EncodedClassifier
from skactive._last_layer import has_hidden_layers, has_last_layer, layer_inputs
from skactive._nets import is_net
from skactive._sklearn import (
    BaseSearchCV,
    _check_feature_names,
    _check_n_features,
    _num_samples,
    _safe_indexing,
)
from skactive._tally import count_rows, in_this_context
from skactive.geometry._blocks import as_embedding

Array = NDArray[Any]

# A chunk holds about 2**21 numbers (16 MiB), at most 65,536 and at least 64 rows; a
# multiple of 64, because matrix products then treat every row alike.
_CHUNK_SIZE = 2**21
_CHUNK_MAX_ROWS = 2**16
_CHUNK_UNIT = 64
# A chunk with this share of wanted rows is scored whole, as a view and not a copy.
_DENSE_SHARE = 0.9
# Members that a function is taken to give, as far as the size of chunks goes.
_GUESSED_MEMBERS = 20


class Fitted:
    """A fitted estimator together with what a strategy may ask besides.

    It answers as the estimator does.

    Parameters
    ----------
    estimator : estimator object
        Fitted.
    members : list of estimators, callable or None, default=None
        What stands for its doubt: fitted estimators, or a function ``X -> proba`` of
        shape (n_members, n_samples, n_classes). It may have an int `n_members`, and
        a method `marginal` as in :func:`member_proba`. None if it is its own
        committee.
    sample_weight : ndarray of shape (n_samples,) or None, default=None
        Weights of the rows of the pool at hand in fits of the estimator.
    """

    def __init__(
        self,
        estimator: Any,
        members: Sequence[Any] | Callable[[Any], Array] | None = None,
        sample_weight: Array | None = None,
    ):
        self.estimator = estimator
        self.members = members
        self.sample_weight = sample_weight

    def __getattr__(self, name: str) -> Any:
        if name == "estimator" or (name.startswith("__") and name.endswith("__")):
            raise AttributeError(name)  # asked for before __init__, or by pickle
        return getattr(self.estimator, name)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        return get_tags(self.estimator)

    def __repr__(self) -> str:
        return repr(self.estimator)


# ---------------------------------------------------------------------------------
# Responses of one model
# ---------------------------------------------------------------------------------


def has_response(estimator: Any, response: str) -> bool:
    """Whether `estimator`, fitted or not, can give a response.

    `response` is "predict_proba", "decision_function", "last_layer", "members", or
    "refits", which is one classifier whose refits give probabilities.
    """
    if response == "last_layer":
        return has_last_layer(last_step(estimator))
    if response == "members":
        return _is_committee(estimator)
    if response == "refits":
        return not isinstance(estimator, (list, tuple)) and (
            isinstance(last_step(estimator), RidgeClassifier)
            or has_response(estimator, "predict_proba")
        )
    if isinstance(estimator, (list, tuple)):
        return response == "predict_proba"
    last = last_step(estimator)
    if isinstance(last, StackingClassifier) and last.final_estimator is None:
        # Until it is fitted it hides the methods of its default.
        return hasattr(LogisticRegression, response)
    return hasattr(estimator, response)


def n_outputs(estimator: Any, response: str) -> int:
    """How many numbers a fitted `estimator` gives for a row."""
    if response == "members" or isinstance(estimator, (list, tuple)):
        return len(classes_of(estimator)) * n_members(estimator)
    return len(getattr(estimator, "classes_", ()))


def classes_of(estimator: Any) -> Array:
    """Classes of a fitted estimator; the union over a list of estimators."""
    if isinstance(estimator, (list, tuple)):
        return np.unique(np.concatenate([classes_of(e) for e in estimator]))
    return np.asarray(estimator.classes_)


def predict_proba(estimator: Any, X: Any) -> Array:
    """Class probabilities (n_samples, n_classes); of a list, the members' mean."""
    if isinstance(estimator, (list, tuple)):
        return member_proba(estimator, X).mean(axis=0)
    proba = np.asarray(estimator.predict_proba(X))
    count_rows(_num_samples(X))
    if proba.ndim != 2 or len(proba) != _num_samples(X):
        raise ValueError(
            f"predict_proba of {estimator!r} gave an array of shape {proba.shape} for "
            f"{_num_samples(X)} rows; expected (n_samples, n_classes). Estimators with "
            "several outputs are not supported."
        )
    return proba


def decision_values(estimator: Any, X: Any) -> Array:
    """Decision values (n_samples, n_classes); a single column d becomes (-d, d)."""
    values = np.asarray(estimator.decision_function(X))
    count_rows(_num_samples(X))
    if not np.isfinite(values).all():
        raise ValueError(
            f"decision_function of {estimator!r} gave NaN or infinite values; "
            "utilities cannot be computed from these."
        )
    if values.ndim == 1 or values.shape[1] == 1:
        return np.column_stack([-values, values])
    n_classes = len(classes_of(estimator))
    one_vs_one = getattr(last_step(estimator), "decision_function_shape", "") == "ovo"
    if values.shape[1] != n_classes or one_vs_one:
        raise ValueError(
            f"decision_function of {estimator!r} gave {values.shape[1]} columns for "
            f"{n_classes} classes; one column a class is needed. Set "
            "decision_function_shape='ovr' if the estimator has it."
        )
    return values


def last_step(estimator: Any) -> Any:
    """The estimator inside pipelines, searches and frozen ones; fitted if it can be."""
    estimator = unwrapped(estimator)
    while isinstance(estimator, Pipeline):
        estimator = unwrapped(estimator.steps[-1][1])
    return estimator


def unwrapped(estimator: Any) -> Any:
    """The pipeline or classifier inside searches and wrappers; fitted if it can be."""
    while True:
        if isinstance(estimator, BaseSearchCV):
            estimator = getattr(estimator, "best_estimator_", estimator.estimator)
        elif isinstance(estimator, EncodedClassifier):
            estimator = getattr(estimator, "estimator_", estimator.estimator)
        elif isinstance(estimator, (Fitted, FrozenEstimator)):
            estimator = estimator.estimator
        else:
            return estimator


def at_last_step(estimator: Any, X: Any) -> tuple[Any, Any]:
    """The classifier at the end of a fitted estimator, and `X` as it sees it.

    Through pipelines, searches, and wrappers; the classifier's own classes may be
    codes of those of `estimator`.
    """
    while True:
        if isinstance(estimator, Pipeline):
            X = transform_before_last(estimator, X)
            estimator = estimator.steps[-1][1]
        elif isinstance(estimator, BaseSearchCV):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, EncodedClassifier):
            estimator = estimator.estimator_
        elif isinstance(estimator, (Fitted, FrozenEstimator)):
            estimator = estimator.estimator
        else:
            return estimator, X


def align(estimator: Any, proba: Array) -> Array:
    """Probabilities (..., n_outputs) of the classifier at the end of `estimator`.

    Columns become those of the classes of `estimator`: the way back from
    :func:`at_last_step`.
    """
    if isinstance(estimator, Pipeline):
        return align(estimator.steps[-1][1], proba)
    if isinstance(estimator, BaseSearchCV):
        return align(estimator.best_estimator_, proba)
    if isinstance(estimator, EncodedClassifier):
        return estimator.align(align(estimator.estimator_, proba))
    if isinstance(estimator, (Fitted, FrozenEstimator)):
        return align(estimator.estimator, proba)
    return proba


def with_its_labels(estimator: Any, X: Any) -> tuple[Any, Any]:
    """As :func:`at_last_step`, but a net keeps its labels.

    A net inside an `EncodedClassifier` comes in a copy of that, without what is between
    the two: its codes need not be in the order of the labels, and it may have more
    outputs.
    """
    last, X = at_last_step(estimator, X)
    while is_net(last) and not isinstance(estimator, EncodedClassifier):
        if estimator is last:
            return last, X
        estimator = _inside(estimator)
    if is_net(last):
        estimator = copy.copy(estimator)
        estimator.estimator = estimator.estimator_ = last
        return estimator, X
    return last, X


def _inside(estimator: Any) -> Any:
    if isinstance(estimator, Pipeline):
        return estimator.steps[-1][1]
    if isinstance(estimator, BaseSearchCV):
        return estimator.best_estimator_
    return estimator.estimator


def transform_before_last(pipeline: Pipeline, X: Any) -> Any:
    """`X` as the last step of a fitted pipeline sees it."""
    return pipeline[:-1].transform(X) if len(pipeline) > 1 else X


# ---------------------------------------------------------------------------------
# Embeddings
# ---------------------------------------------------------------------------------


def embed(estimator: Any, X: Any, embedding: Any = None) -> Any:
    """Rows of `X` as vectors: dense or CSR of shape (n_samples, n_features).

    `embedding` is a fitted transformer or a function ``X -> vectors``; "last_layer"
    for what the last layer of a fitted net or linear classifier is given; "input" for
    what the steps of a pipeline before its last one give, fitted on `X` without labels
    while the pipeline is not fitted, or `X` itself for any other estimator. None is
    "last_layer" for a fitted net, "input" for anything else. Arrays with more axes,
    such as images, are flattened.
    """
    if embedding is None or isinstance(embedding, str):
        vectors = _own_vectors(estimator, X, embedding)
    else:
        vectors = getattr(embedding, "transform", embedding)(X)
    if vectors is not X:
        count_rows(_num_samples(X))
    if hasattr(vectors, "to_numpy"):
        vectors = vectors.to_numpy()
    try:
        return as_embedding(_flat(vectors))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"X is no array of numbers that distances can be taken of ({error}). Put a "
            "transformer in front of the classifier, as in make_pipeline(transformer, "
            "classifier), or give the strategy an embedding=, a fitted transformer or "
            "a function."
        ) from error


def embed_without_labels(estimator: Any, X: Any) -> Any:
    """As :func:`embed`, but None where rows of `X` are no vectors of finite numbers.

    None as well where a step of an unfitted pipeline learns from labels.
    """
    try:
        vectors = _own_vectors(estimator, X, None)
    except (TypeError, ValueError):
        # A step wants labels. If something else is wrong, the fit to come will say so.
        return None
    if vectors is not X:
        count_rows(_num_samples(X))
    if hasattr(vectors, "to_numpy"):
        vectors = vectors.to_numpy()
    vectors = _flat(vectors)
    if not sp.issparse(vectors):
        if not isinstance(vectors, np.ndarray):
            vectors = np.asarray(vectors, dtype=object)
            if vectors.ndim != 2 or not all(
                isinstance(value, Real) for value in vectors.ravel()
            ):
                return None
            vectors = vectors.astype(np.float64)
        if vectors.dtype.kind not in "biuf" or vectors.ndim != 2:
            return None
    values = vectors.data if sp.issparse(vectors) else vectors
    return vectors if np.isfinite(values.sum()) else None


def _own_vectors(estimator: Any, X: Any, embedding: str | None) -> Any:
    """What an estimator makes of `X`, see :func:`embed`."""
    estimator = unwrapped(estimator)
    if isinstance(estimator, Pipeline):
        if len(estimator) > 1 and not _is_fitted(estimator):
            if embedding == "last_layer":
                raise _no_last_layer(estimator)
            return clone(estimator[:-1]).fit_transform(X)
        X = transform_before_last(estimator, X)
        return _own_vectors(estimator.steps[-1][1], X, embedding)
    if embedding == "last_layer":
        if not (has_last_layer(estimator) and _is_fitted(estimator)):
            raise _no_last_layer(estimator)
        return _layer_inputs(estimator, X)
    if embedding is None and has_hidden_layers(estimator) and _is_fitted(estimator):
        return _layer_inputs(estimator, X)
    return X


def _layer_inputs(classifier: Any, X: Any) -> Any:
    # A net of skorch has its own batches.
    if not isinstance(classifier, MLPClassifier) or len(classifier.coefs_) == 1:
        return layer_inputs(classifier, X)
    n_samples = _num_samples(X)
    last = classifier.coefs_[-1]
    vectors = np.empty((n_samples, last.shape[0]), dtype=last.dtype)
    step = _chunk_rows(X, max(coef.shape[1] for coef in classifier.coefs_))
    for start in range(0, n_samples, step):
        stop = min(start + step, n_samples)
        vectors[start:stop] = layer_inputs(classifier, rows_between(X, start, stop))
    return vectors


def _no_last_layer(estimator: Any) -> ValueError:
    return ValueError(
        "embedding='last_layer' needs a fitted net or linear classifier: one of skorch "
        "or MLPClassifier, whose last hidden layer is taken, or LogisticRegression, "
        f"..., alone or at the end of a pipeline; got {estimator!r}. Use "
        "embedding='input', None, a fitted transformer or a function."
    )


def _is_fitted(estimator: Any) -> bool:
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):  # of None, which is no estimator
        return False
    return True


def _flat(vectors: Any) -> Any:
    """Arrays with more than two axes with two."""
    if isinstance(vectors, np.ndarray) and vectors.ndim > 2:
        return vectors.reshape(len(vectors), -1)
    return vectors


# ---------------------------------------------------------------------------------
# Responses of a committee
# ---------------------------------------------------------------------------------


_ENSEMBLES = (
    RandomForestClassifier,
    ExtraTreesClassifier,
    BaggingClassifier,
    VotingClassifier,
)


def _is_committee(estimator: Any) -> bool:
    if isinstance(estimator, (list, tuple)):
        return len(estimator) > 0
    if isinstance(estimator, Fitted) and estimator.members is not None:
        return True
    return isinstance(last_step(estimator), _ENSEMBLES)


def n_members(estimator: Any) -> int:
    """How many members a committee has; of a function a guess, unless it says so."""
    members = _members(estimator)
    if callable(members):
        return int(getattr(members, "n_members", _GUESSED_MEMBERS))
    return len(members)


def _members(estimator: Any) -> Any:
    if isinstance(estimator, (list, tuple)):
        return estimator
    if isinstance(estimator, Fitted) and estimator.members is not None:
        return estimator.members
    return last_step(estimator).estimators_


def member_proba(estimator: Any, X: Any, *, marginal: bool = False) -> Array:
    """Class probabilities of every member, (n_members, n_samples, n_classes).

    With `marginal`, members need not be the same ones in every row: a function has
    less noise to offer then, if it has a method `marginal`.

    Columns follow `classes_of(estimator)`; a class that a member has never seen has
    probability zero. A member that has no `predict_proba` puts all probability on
    the class it predicts, as in scikit-learn's bagging.
    """
    if isinstance(estimator, Fitted) and estimator.members is not None:
        if callable(estimator.members):
            members = estimator.members
            if marginal:
                members = getattr(members, "marginal", members)
            proba = _check_members(estimator, members(X), X)
            count_rows(_num_samples(X), n_models=len(proba))
            return proba
    elif isinstance(estimator, Pipeline):
        return member_proba(estimator.steps[-1][1], transform_before_last(estimator, X))
    elif isinstance(estimator, BaseSearchCV):
        return member_proba(estimator.best_estimator_, X)
    elif isinstance(estimator, (Fitted, FrozenEstimator)):
        return member_proba(estimator.estimator, X)
    elif isinstance(estimator, EncodedClassifier):
        return estimator.align(member_proba(estimator.estimator_, X))
    classes = classes_of(estimator)
    members = _members(estimator)
    answers: Iterable[tuple[Any, Array, Any, dict]]
    if isinstance(estimator, (list, tuple, Fitted)):
        answers = ((member, member.classes_, X, {}) for member in members)
    else:
        answers = _ensemble_answers(estimator, X)
    result: Array | None = None
    for k, (member, member_classes, member_X, options) in enumerate(answers):
        proba = _proba_or_vote(member, member_classes, member_X, options)
        if result is None:
            shape = (len(members), len(proba), len(classes))
            result = np.zeros(shape, dtype=proba.dtype)
        columns = np.searchsorted(classes, member_classes)
        if len(columns) == len(classes):
            result[k] = proba
        else:
            result[k][:, columns] = proba
    if result is None:
        raise ValueError(f"The committee {estimator!r} has no members.")
    count_rows(result.shape[1], n_models=len(result))
    return result


def _ensemble_answers(ensemble: Any, X: Any) -> Iterator[tuple[Any, Array, Any, dict]]:
    """Members of a scikit-learn ensemble, with the X and the classes each one knows.

    Members predict positions in the ensemble's `classes_`.
    """
    if isinstance(ensemble, VotingClassifier):
        for member in ensemble.estimators_:
            yield member, ensemble.classes_[member.classes_], X, {}
        return
    _check_feature_names(ensemble, X, reset=False)
    _check_n_features(ensemble, X, reset=False)
    if isinstance(ensemble, BaggingClassifier):
        X = check_array(
            X, accept_sparse=["csr", "csc"], dtype=None, ensure_all_finite=False
        )
        for member, features in zip(
            ensemble.estimators_, ensemble.estimators_features_, strict=True
        ):
            codes = np.asarray(member.classes_).astype(np.intp)
            whole = len(features) == X.shape[1] and (np.diff(features) == 1).all()
            yield (
                member,
                ensemble.classes_[codes],
                (X if whole else X[:, features]),
                {},
            )
        return
    # One conversion for all trees, as the forest itself does it.
    X = check_array(
        X, accept_sparse="csr", dtype=np.float32, ensure_all_finite="allow-nan"
    )
    for tree in ensemble.estimators_:
        codes = np.asarray(tree.classes_).astype(np.intp)
        yield tree, ensemble.classes_[codes], X, {"check_input": False}


def _check_members(estimator: Any, proba: Any, X: Any) -> Array:
    proba = np.asarray(proba)
    expected = (_num_samples(X), len(classes_of(estimator)))
    if proba.ndim != 3 or proba.shape[1:] != expected or len(proba) == 0:
        raise ValueError(
            f"members gave an array of shape {proba.shape} for {expected[0]} rows and "
            f"{expected[1]} classes; expected (n_members, {expected[0]}, "
            f"{expected[1]})."
        )
    return proba


def _proba_or_vote(member: Any, classes: Array, X: Any, options: dict) -> Array:
    if hasattr(member, "predict_proba"):
        return np.asarray(member.predict_proba(X, **options))
    labels = np.ravel(member.predict(X))
    return (labels[:, np.newaxis] == np.asarray(member.classes_)).astype(np.float64)


# ---------------------------------------------------------------------------------
# Chunks
# ---------------------------------------------------------------------------------


def map_rows(
    function: Callable[[Any], Array], X: Any, rows: Array, n_outputs: int = 1
) -> Array:
    """`function` on chunks of `X`, for the sorted positions `rows`.

    Parameters
    ----------
    function : callable
        Takes some rows of `X`, gives an array with one number for each of them; a
        number may depend on its own row only.
    X : array-like, sparse, data frame or sequence of n_samples
        The pool.
    rows : ndarray of shape (n_rows,)
        Positions in `X`, ascending.
    n_outputs : int, default=1
        Numbers held for a row while it is worked on.

    Returns
    -------
    values : ndarray of shape (n_rows,)
        float64. Chunks run in parallel as `joblib.parallel_config` says; neither
        this nor the size of a chunk changes the values.
    """
    n_samples = _num_samples(X)
    values = np.empty(len(rows), dtype=np.float64)
    if len(rows) == 0:
        return values
    starts = np.arange(0, n_samples, _chunk_rows(X, n_outputs))
    if len(starts) > 1 and n_samples - starts[-1] < _CHUNK_UNIT:
        starts = starts[:-1]  # the last rows join the chunk before them
    stops = np.append(starts[1:], n_samples)
    firsts = np.searchsorted(rows, np.append(starts, n_samples))

    def run(start: int, stop: int, first: int, last: int) -> None:
        if first == last:
            return
        wanted = rows[first:last]
        if len(wanted) >= _DENSE_SHARE * (stop - start):
            found = function(rows_between(X, start, stop))
            is_whole = len(wanted) == stop - start
            values[first:last] = found if is_whole else found[wanted - start]
        else:
            values[first:last] = function(_safe_indexing(X, wanted))

    tasks = list(zip(starts, stops, firsts[:-1], firsts[1:], strict=True))
    if len(tasks) == 1 or effective_n_jobs(None) == 1:
        for task in tasks:
            run(*task)
    else:
        # A list: of a generator, threads of joblib would take the later tasks, and each
        # task would be bound to the context of the thread that took it.
        Parallel(require="sharedmem")(
            [delayed(in_this_context(run))(*task) for task in tasks]
        )
    return values


def rows_between(X: Any, start: int, stop: int) -> Any:
    """A view of some rows, where the container has views."""
    if isinstance(X, np.ndarray):
        return X[start:stop]  # as below, without a search for its library
    if hasattr(X, "slice"):  # polars, whose series cannot be indexed with a slice
        return X.slice(start, stop - start)
    return _safe_indexing(X, slice(start, stop))


def _chunk_rows(X: Any, n_outputs: int) -> int:
    if hasattr(X, "nnz"):
        row_size = X.nnz / max(1, X.shape[0])
    else:
        row_size = float(np.prod(getattr(X, "shape", (1,))[1:], dtype=float))
    numbers = max(1, int(row_size) + n_outputs)
    # scikit-learn's global working_memory, in MiB, may ask for less.
    affordable = int(get_config()["working_memory"] * 2**17)
    n_rows = min(_CHUNK_MAX_ROWS, min(_CHUNK_SIZE, affordable) // numbers)
    return _CHUNK_UNIT * max(1, n_rows // _CHUNK_UNIT)
