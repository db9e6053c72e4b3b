"""From labelled rows to a model, and to members that stand for its doubt."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.dummy import DummyClassifier

from skactive._compat.sklearn import _check_method_params, _num_samples, _safe_indexing
from skactive._compat.tally import count_fits
from skactive._models import nets
from skactive._models.bootstrap import (
    bootstrap_members,
    fit_on_rows,
    member_clones,
    partial_fit_on_rows,
    seeded,
)
from skactive._models.posterior import posterior_members
from skactive._models.warm_start import (
    Learnt,
    WarmStart,
    fit_further,
    knows_classes,
    learnt_from,
    new_since,
)
from skactive._models.wrappers import align, at_last_step, last_step

Array = NDArray[Any]
# Fitted estimators, or a function X -> (n_members, n_samples, n_classes).
Members = list[Any] | Callable[[Any], Array]

# What estimators raise where labels are too few; LinAlgError became a ValueError late.
ERRORS_OF_LACK = (ValueError, np.linalg.LinAlgError)
# As many labels as an estimator may be said to wait for.
_TRIAL_ROWS = 2000
_TRIAL_ROWS_A_CLASS = 200
_N_CLONES = 10
_N_DRAWS = 100
_N_MASKS = 20


class Model(NamedTuple):
    """What a fit gives: the estimator, its members if asked for, and the classes.

    `learnt` is there where a fit to come may go on with the rows that are new. `lack`
    is the estimator's own error where it could not be fitted, or asked, for want of
    labels, and a constant stands in for it.
    """

    estimator: Any
    members: Members | None
    seen: Array
    learnt: Learnt | None = None
    lack: Exception | None = None

    @property
    def can_choose(self) -> bool:
        """Whether a strategy can be asked about it."""
        return len(self.seen) > 1 and self.lack is None


class Training(NamedTuple):
    """How a model is trained, with the seeds of what is left to chance.

    `members` is None where the strategy asks for none; `n_members` is None for the
    default of their kind; `around` gives a context for the fit of an estimator;
    `warm_start` is None where each model is trained anew.
    """

    estimator: Any
    members: str | Callable[..., Any] | None
    n_members: int | None
    n_jobs: int | None
    estimator_seed: int | None
    member_seed: int
    around: Callable[[Any], Any] = contextlib.nullcontext
    warm_start: WarmStart | None = None

    def fit(
        self,
        X: Any,
        classes: Array,
        codes: Array,
        rows: Array,
        params: dict,
        last: Model | None = None,
    ) -> Model:
        """One clone, and its members if wanted, fitted on `rows` of `X`.

        `codes` (n_samples,) are positions in `classes`; values of `params` with one
        entry a row of `X` are cut to the rows. With a `warm_start` the model goes on
        from `last`, which stays as it is.
        """
        return self._fit(X, classes[codes[rows]], rows, params, last)

    def _fit(
        self, X: Any, labels: Array, rows: Array, params: dict, last: Model | None
    ) -> Model:
        """As :meth:`fit`, with the labels of `rows`, which may repeat themselves."""
        if labels.dtype.kind == "U":  # as wide as these labels ask for, and no others
            labels = np.array(labels.tolist())
        seen = np.unique(labels)
        if len(seen) == 1:
            return Model(_constant(X, labels, rows), None, seen)
        learnt = None
        if self.warm_start is not None and self.warm_start.method == "partial_fit":
            learnt = learnt_from(X, labels, rows, params)
        estimator = self._new()
        further = self._go_on(last, estimator, X, labels, rows, params, learnt)
        if further is not None:
            return further._replace(seen=seen, learnt=learnt)
        count_fits()
        with self.around(estimator):
            fit_on_rows(estimator, X, labels, rows, params)
        members: Members | None
        members = self._as_function(estimator, X, labels, rows, params)
        if members is None and self.members is not None:
            members = self._resampled(
                fit_on_rows, self._clones(), X, labels, rows, params
            )
        return Model(estimator, members, seen, learnt)

    def fit_if_enough(
        self,
        X: Any,
        classes: Array,
        codes: Array,
        rows: Array,
        params: dict,
        last: Model | None = None,
        asks: bool = True,
    ) -> Model:
        """As :meth:`fit`, but with a constant model where there are too few labels.

        That is, where the estimator cannot be fitted or, if `asks`, asked for a
        prediction, but could with more rows like these. The model's `lack` is its
        error then.
        """
        try:
            model = self.fit(X, classes, codes, rows, params, last)
            # With more labels than those that were enough there are enough.
            is_new = model.can_choose and (last is None or not last.can_choose)
            if asks and is_new and _counts_neighbors(self.estimator):
                _ask(model.estimator, _safe_indexing(X, rows[:1]))
        except ERRORS_OF_LACK as error:
            labels = classes[codes[rows]]
            # What works when it is tried again failed by chance, or by a callback.
            if self._works(X, labels, rows, params) or not self.lacks_labels(
                X, labels, rows, params
            ):
                raise
            seen = np.unique(labels)
            note_lack(error, len(rows))
            return Model(_constant(X, labels, rows), None, seen, lack=error)
        return model

    def cannot_answer(
        self, model: Model, X: Any, labels: Array, rows: Array, params: dict
    ) -> bool:
        """Whether a fitted model fails where it is asked, for want of labels."""
        if not model.can_choose:
            return False
        if len(rows) == 0:  # the caller knows no labels, so they are made up
            rows = np.arange(min(_num_samples(X), 2 * len(model.seen)))
            labels = model.seen[rows % len(model.seen)]
        try:
            _ask(model.estimator, _safe_indexing(X, rows[:1]))
        except ERRORS_OF_LACK:
            return self.lacks_labels(X, labels, rows, params)
        return False

    def lacks_labels(self, X: Any, labels: Array, rows: Array, params: dict) -> bool:
        """Whether an estimator that failed would not, if there were more labels.

        It is tried on copies of the labelled rows, and on further rows of `X` with
        labels made up: what else is wrong, with it or with a row, is wrong there too.
        """
        classes, codes = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            return False
        n_rows = min(_TRIAL_ROWS, _TRIAL_ROWS_A_CLASS * len(classes))
        n_rows = max(n_rows, 20 * len(classes), 2 * len(rows))
        others = np.setdiff1d(np.arange(_num_samples(X)), rows)[: n_rows - len(rows)]
        made_up = np.concatenate([codes, np.arange(len(others)) % len(classes)])
        n_copies = -(-n_rows // len(rows))
        more = np.tile(rows, n_copies)
        if self._works(X, classes[np.tile(codes, n_copies)], more, params):
            return True
        if len(others) == 0:
            return False
        n_copies = -(-n_rows // len(made_up))
        more = np.tile(np.concatenate([rows, others]), n_copies)
        return self._works(X, classes[np.tile(made_up, n_copies)], more, params)

    def _works(self, X: Any, labels: Array, rows: Array, params: dict) -> bool:
        """Whether the estimator can be fitted on `rows` and asked, on trial."""
        trial = self._replace(warm_start=None, around=contextlib.nullcontext)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = trial._fit(X, labels, rows, params, None)
                _ask(model.estimator, _safe_indexing(X, rows[:1]))
        except ERRORS_OF_LACK:
            return False
        return True

    def _go_on(
        self,
        last: Model | None,
        fresh: Any,
        X: Any,
        labels: Array,
        rows: Array,
        params: dict,
        learnt: Learnt | None,
    ) -> Model | None:
        """A model that goes on from `last`; None where it must be trained anew."""
        warm = self.warm_start
        if last is None or warm is None or not last.can_choose:
            return None
        n_known = getattr(last.estimator, "n_features_in_", None)
        if n_known is not None and has_columns(X) and n_known != X.shape[1]:
            return None
        fit: Callable[..., Any] = fit_further
        new = np.arange(len(rows))
        if learnt is not None:
            found = new_since(last.learnt, learnt)
            if found is None or len(np.setdiff1d(labels, last.seen)):
                return None
            fit, new = partial(partial_fit_on_rows, classes=None), found
        elif not knows_classes(last.estimator, last.seen, X, rows, labels):
            return None
        estimator = warm.resume(last.estimator, fresh, len(rows), 0)
        if estimator is None:
            return None
        if len(new):
            count_fits()
            with self.around(estimator):
                fit(estimator, X, labels[new], rows[new], params)
        members: Members | None
        members = self._as_function(estimator, X, labels, rows, params)
        if members is None and self.members is not None:
            clones = self._resumed_clones(warm, last, len(rows))
            args = X, labels[new], rows[new], params
            if clones is None:
                members = self._resampled(
                    fit_on_rows, self._clones(), X, labels, rows, params
                )
            elif learnt is None:
                members = self._resampled(fit, clones, *args)
            elif len(new) == 0:
                members = clones
            else:
                # Each round needs draws of its own, or a place in the batch would
                # weigh alike in all rounds; and all classes are known to the members.
                rng = np.random.RandomState([self.member_seed, len(rows)])
                members = self._resampled(fit, clones, *args, rng=rng)
        return Model(estimator, members, last.seen)

    def _resumed_clones(
        self, warm: WarmStart, last: Model, n_rows: int
    ) -> list[Any] | None:
        """Members that know what the last ones do; None where there are others."""
        clones = self._clones()
        if not isinstance(last.members, list) or len(last.members) != len(clones):
            return None
        resumed = [
            warm.resume(member, one, n_rows, k)
            for k, (member, one) in enumerate(
                zip(last.members, clones, strict=True), start=1
            )
        ]
        return None if any(one is None for one in resumed) else resumed

    def partial_fit(
        self,
        model: Model | None,
        X: Any,
        labels: Array,
        rows: Array,
        params: dict,
        classes: Any,
    ) -> Model:
        """A model that goes on learning in place, a new one where it is None.

        `labels` are those of `rows`; `classes` is what the estimator is told.
        """
        seen = np.unique(labels)
        clones = None
        if model is None:
            estimator = self._new()
            if self.members is not None:
                clones = self._clones()
        else:
            estimator = model.estimator
            clones = model.members if isinstance(model.members, list) else None
            seen = np.union1d(model.seen, labels)
        count_fits()
        partial_fit_on_rows(estimator, X, labels, rows, params, classes)
        members: Members | None
        members = self._as_function(estimator, X, labels, rows, params)
        if members is None and clones is not None:
            members = self._resampled(
                partial_fit_on_rows, clones, X, labels, rows, params, classes
            )
        return Model(estimator, members, seen)

    def _new(self) -> Any:
        return seeded(clone(self.estimator), self.estimator_seed)

    def _clones(self) -> list[Any]:
        n_members = _N_CLONES if self.n_members is None else self.n_members
        return member_clones(self.estimator, n_members, self.member_seed)

    def _resampled(
        self,
        fit: Callable[..., Any],
        clones: list,
        *args: Any,
        rng: np.random.RandomState | None = None,
    ) -> list:
        X, labels, rows, *rest = args
        return bootstrap_members(
            fit,
            clones,
            X,
            labels,
            rows,
            *rest,
            n_jobs=self.n_jobs,
            random_state=self.member_seed if rng is None else rng,
            by_class=rng is None,
        )

    def _kind_of_net(self, estimator: Any) -> str | None:
        """The kind of members that a fitted net has itself, if they are wanted."""
        if self.members == "auto":
            net = last_step(estimator)
            return nets.own_members(net) if nets.is_net(net) else None
        return self.members if self.members in {"dropout", "snapshots"} else None

    def own_members(self, estimator: Any) -> Callable[[Any], Array] | None:
        """Members that a fitted estimator gives without labels, as a function.

        None where there are none, or others are wanted.
        """
        if callable(self.members):
            return partial(self.members, estimator)
        if self.members in {None, "bootstrap"}:
            return None
        kind = self._kind_of_net(estimator)
        if kind is None:
            return None
        n_members = _N_MASKS if self.n_members is None else self.n_members
        return NetMembers(estimator, kind, n_members, self.member_seed)

    def _as_function(
        self, estimator: Any, X: Any, labels: Array, rows: Array, params: dict
    ) -> Callable[[Any], Array] | None:
        """Members of a fitted estimator as a function; None if clones are wanted."""
        members = self.own_members(estimator)
        if members is not None or self.members in {None, "bootstrap"}:
            return members
        members = posterior_members(
            estimator,
            _safe_indexing(X, rows),
            labels,
            _check_method_params(X, params, indices=rows),
            n_members=_N_DRAWS if self.n_members is None else self.n_members,
            random_state=self.member_seed,
        )
        if members is None and self.members == "posterior":
            raise ValueError(
                "members='posterior' needs an estimator whose last step is a "
                "LogisticRegression with an l2 penalty of finite C (and not one "
                f"model a class), or a GaussianNB; got {self.estimator!r}. Use "
                "members='auto' or 'bootstrap', or give a function (estimator, X) -> "
                "(n_members, n_samples, n_classes)."
            )
        return members


class NetMembers:
    """Members of a net without more fits: a function of `X`, picklable.

    Parameters
    ----------
    estimator : estimator object
        Fitted, with a net of skorch at its end.
    kind : {"dropout", "snapshots"}
        See :mod:`skactive._models.nets`.
    n_members : int
        Dropout masks; of snapshots there are as many as were taken.
    seed : int
        Of the masks.
    """

    def __init__(self, estimator: Any, kind: str, n_members: int, seed: int):
        net = last_step(estimator)
        self.estimator = estimator
        self.kind = kind
        self.n_members = nets.check_members(net, kind, n_members)
        self.seed = seed

    def __call__(self, X: Any) -> Array:
        """Probabilities of shape (n_members, n_samples, n_classes)."""
        net, X = at_last_step(self.estimator, X)
        if self.kind == "dropout":
            proba = nets.dropout_proba(net, X, self.n_members, self.seed)
        else:
            proba = nets.snapshot_proba(net, X)
        return align(self.estimator, proba)


_LACK_NOTE = "There are too few labels for this estimator yet"


def note_lack(error: Exception, n_labels: int) -> None:
    """Say in an error of the estimator that more labels will help."""
    error.add_note(
        f"{_LACK_NOTE}: {n_labels} to learn from. With more it can be fitted. Go on "
        "labelling: query of a learner that has not been fitted, or "
        "skactive.labeling.label_pool, chooses by the initial strategy until then."
    )


def is_lack(error: BaseException) -> bool:
    """Whether :func:`note_lack` has had its say."""
    return any(note.startswith(_LACK_NOTE) for note in getattr(error, "__notes__", ()))


def warn_of_lack(error: Exception, n_labels: int) -> None:
    """Warn that the initial strategy chooses while there are too few labels."""
    warnings.warn(
        f"The estimator cannot be fitted or asked with {n_labels} labels, so the "
        f"initial strategy chooses until there are more. Its own error: "
        f"{type(error).__name__}: {error}",
        UserWarning,
        stacklevel=4,
    )


def _counts_neighbors(estimator: Any) -> bool:
    """Whether a prediction may fail that needs so and so many rows to be known."""
    names = estimator.get_params(deep=True) if hasattr(estimator, "get_params") else ()
    return any(name.rpartition("__")[2] == "n_neighbors" for name in names)


def _ask(estimator: Any, X: Any) -> None:
    """Have a fitted estimator answer in each way that it has, for its errors."""
    for name in ("predict", "predict_proba", "decision_function"):
        if not hasattr(estimator, name):
            continue
        answer = np.asarray(getattr(estimator, name)(X))
        if answer.dtype.kind == "f" and not np.isfinite(answer).all():
            raise ValueError(f"{name} of {estimator!r} gave {answer.tolist()}.")


def has_columns(X: Any) -> bool:
    """Whether `X` has two axes, and so features that can be counted."""
    return len(getattr(X, "shape", ())) == 2


def _constant(X: Any, labels: Array, rows: Array) -> DummyClassifier:
    """What stands in for the estimator while one class only has been seen."""
    placeholder = DummyClassifier(strategy="prior")
    fit_on_rows(placeholder, X, labels, rows, {})
    if not has_columns(X):
        # What it took for the columns of texts.
        vars(placeholder).pop("n_features_in_", None)
    return placeholder
