"""Members of a committee, their probabilities of its classes, or their predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.utils import check_array

from skactive._compat.sklearn import (
    _check_feature_names,
    _check_n_features,
    _num_samples,
)
from skactive._compat.tally import count_rows
from skactive._compat.typing import Array
from skactive._models.wrappers import (
    inside,
    kind_of,
    layers,
    pass_in,
    pass_out,
    pass_out_numbers,
)

_VOTES = (VotingClassifier, VotingRegressor)
_BAGS = (BaggingClassifier, BaggingRegressor)
_ENSEMBLES = (
    RandomForestClassifier,
    ExtraTreesClassifier,
    RandomForestRegressor,
    ExtraTreesRegressor,
    *_BAGS,
    *_VOTES,
)
# Number of members assumed for the size of chunks, if a function does not tell it.
_GUESSED_MEMBERS = 20


def classes_of(estimator: Any) -> Array:
    """Classes of a fitted estimator; the union over a list of estimators."""
    if isinstance(estimator, (list, tuple)):
        return np.unique(np.concatenate([classes_of(e) for e in estimator]))
    return np.asarray(estimator.classes_)


def is_committee(estimator: Any) -> bool:
    """Whether an estimator, fitted or not, or a list of them, has members."""
    return _members(estimator) is not None


def count_members(estimator: Any) -> int:
    """The number of members; a guess for a function without `n_members`."""
    members = _members(estimator)
    if callable(members):
        return int(getattr(members, "n_members", _GUESSED_MEMBERS))
    return len(members)


def _members(estimator: Any) -> Any:
    """The members, or the function that answers for them; None if there are none.

    It is an empty tuple for an unfitted ensemble of scikit-learn.
    """
    for layer in layers(estimator):
        members = given_members(layer)
        if members is not None:
            return members
    return getattr(layer, "estimators_", ()) if isinstance(layer, _ENSEMBLES) else None


def given_members(layer: Any) -> Any:
    """The members that a layer consists of, or was given; None if there are none."""
    if isinstance(layer, (list, tuple)):
        return layer or None
    return layer.members if kind_of(layer) == "fitted" else None


def member_proba(estimator: Any, X: Any, *, marginal: bool = False) -> Array:
    """Class probabilities of each member, (n_members, n_samples, n_classes).

    With `marginal`, the method `marginal` of a function is used, if it has one. Members
    are then not necessarily the same in every row, and the answers have less noise.

    Columns follow `classes_of(estimator)`. A class that a member has never seen has
    probability zero. A member without `predict_proba` puts all probability on the class
    that it predicts, as in scikit-learn's bagging.
    """
    members, inner = given_members(estimator), inside(estimator)
    if members is None and inner is not estimator:
        proba = member_proba(inner, pass_in(estimator, X), marginal=marginal)
        return pass_out(estimator, proba)
    if callable(members):
        answer = getattr(members, "marginal", members) if marginal else members
        proba = _check_members(estimator, answer(X), X)
        count_rows(_num_samples(X), n_models=len(proba))
        return proba
    classes = classes_of(estimator)
    answers: Iterable[tuple[Any, Array, Any, dict]]
    if members is None:
        members, answers = estimator.estimators_, _ensemble_answers(estimator, X)
    else:
        answers = ((member, member.classes_, X, {}) for member in members)
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


def member_predictions(estimator: Any, X: Any) -> Array:
    """Prediction of each member of a committee of regressors, (n_members, n_samples).

    The committee is an ensemble of scikit-learn, a list of regressors, or what a
    learner has made: bootstrap clones, dropout masks or snapshots of a net, or a
    function of `X`. The predictions are finite, float64.
    """
    return np.stack([*each_prediction(estimator, X)])


def each_prediction(estimator: Any, X: Any) -> Iterator[Array]:
    """The predictions of :func:`member_predictions`, one member after the other."""
    n_members, n_wrong = 0, 0
    for answer in _answers(estimator, X):
        n_members += 1
        n_wrong += not np.isfinite(answer).all()
        yield answer
    if n_wrong:
        raise ValueError(
            f"{n_wrong} of {n_members} members gave predictions that are NaN or "
            "infinite."
        )
    count_rows(_num_samples(X), n_models=n_members)


def _answers(estimator: Any, X: Any) -> Iterator[Array]:
    members, inner = given_members(estimator), inside(estimator)
    if members is None and inner is not estimator:
        for answer in _answers(inner, pass_in(estimator, X)):
            yield pass_out_numbers(estimator, answer)
    elif callable(members):
        yield from _checked_answers(members(X), _num_samples(X))
    elif members is not None:
        for member in members:
            yield _predict(member, X, {})
    else:
        for member, *part in _ensemble_parts(estimator, X):
            yield _predict(member, *part)


def _checked_answers(answers: Any, n_samples: int) -> Array:
    answers = np.asarray(answers, dtype=np.float64)
    if answers.ndim == 3 and answers.shape[2] == 1:  # one output of a net
        answers = answers[:, :, 0]
    if answers.ndim != 2 or answers.shape[1] != n_samples or len(answers) == 0:
        raise ValueError(
            f"members gave an array of shape {answers.shape} for {n_samples} rows; "
            f"expected (n_members, {n_samples})."
        )
    return answers


def _predict(member: Any, X: Any, options: dict) -> Array:
    return np.ravel(member.predict(X, **options)).astype(np.float64, copy=False)


def _ensemble_answers(ensemble: Any, X: Any) -> Iterator[tuple[Any, Array, Any, dict]]:
    """Members of a scikit-learn ensemble, each with its classes, its `X` and options.

    Members predict positions in the ensemble's `classes_`.
    """
    for member, member_X, options in _ensemble_parts(ensemble, X):
        codes = np.asarray(member.classes_).astype(np.intp)
        yield member, ensemble.classes_[codes], member_X, options


def _ensemble_parts(ensemble: Any, X: Any) -> Iterator[tuple[Any, Any, dict]]:
    """Members of a scikit-learn ensemble, each with its `X` and its options."""
    if isinstance(ensemble, _VOTES):
        for member in ensemble.estimators_:
            yield member, X, {}
        return
    _check_feature_names(ensemble, X, reset=False)
    _check_n_features(ensemble, X, reset=False)
    if isinstance(ensemble, _BAGS):
        X = check_array(
            X, accept_sparse=["csr", "csc"], dtype=None, ensure_all_finite=False
        )
        for member, features in zip(
            ensemble.estimators_, ensemble.estimators_features_, strict=True
        ):
            whole = len(features) == X.shape[1] and (np.diff(features) == 1).all()
            yield member, (X if whole else X[:, features]), {}
        return
    # One conversion for all trees, as in the forest itself.
    X = check_array(
        X, accept_sparse="csr", dtype=np.float32, ensure_all_finite="allow-nan"
    )
    for tree in ensemble.estimators_:
        yield tree, X, {"check_input": False}


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
