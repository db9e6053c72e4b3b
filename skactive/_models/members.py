"""Members of a committee, and their probabilities of the committee's classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.utils import check_array

from skactive._compat.sklearn import (
    _check_feature_names,
    _check_n_features,
    _num_samples,
)
from skactive._compat.tally import count_rows
from skactive._compat.typing import Array
from skactive._models.wrappers import inside, kind_of, layers, pass_in, pass_out

_ENSEMBLES = (
    RandomForestClassifier,
    ExtraTreesClassifier,
    BaggingClassifier,
    VotingClassifier,
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
        members = _given_members(layer)
        if members is not None:
            return members
    return getattr(layer, "estimators_", ()) if isinstance(layer, _ENSEMBLES) else None


def _given_members(layer: Any) -> Any:
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
    members, inner = _given_members(estimator), inside(estimator)
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


def _ensemble_answers(ensemble: Any, X: Any) -> Iterator[tuple[Any, Array, Any, dict]]:
    """Members of a scikit-learn ensemble, each with its classes, its `X` and options.

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
    # One conversion for all trees, as in the forest itself.
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
