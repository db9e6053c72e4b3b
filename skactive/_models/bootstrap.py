"""Committee members for any estimator: clones fitted on bootstrap samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state, resample
from sklearn.utils.parallel import Parallel, delayed

from skactive._compat.sklearn import _check_method_params, _safe_indexing
from skactive._compat.tally import count_fits
from skactive._compat.typing import Array


def fit_on_rows(
    estimator: Any, X: Any, labels: Array, rows: Array, params: dict
) -> Any:
    """Fit `estimator` in place on `rows` of `X`; `labels` are those of the rows.

    Values of `params` with one entry for each row of `X` are cut to the rows.
    """
    cut = _check_method_params(X, params, indices=rows)
    return estimator.fit(_safe_indexing(X, rows), labels, **cut)


def partial_fit_on_rows(
    estimator: Any,
    X: Any,
    labels: Array,
    rows: Array,
    params: dict,
    classes: Any = None,
) -> Any:
    """As :func:`fit_on_rows`, but with `partial_fit`, which goes on learning."""
    cut = _check_method_params(X, params, indices=rows)
    if classes is not None:
        cut["classes"] = classes
    return estimator.partial_fit(_safe_indexing(X, rows), labels, **cut)


def seeded(estimator: Any, random_state: int | None) -> Any:
    """Set each `random_state` in an estimator and its parts that is None."""
    if random_state is not None:
        names = [
            name
            for name, value in sorted(estimator.get_params(deep=True).items())
            if (name == "random_state" or name.endswith("__random_state"))
            and value is None
        ]
        rng = np.random.RandomState(random_state)
        if names:
            estimator.set_params(
                **{name: rng.randint(np.iinfo(np.int32).max) for name in names}
            )
    return estimator


def member_clones(estimator: Any, n_members: int, random_state: int) -> list[Any]:
    """Unfitted clones of `estimator`, each with seeds of its own."""
    seeds = np.random.RandomState(random_state).randint(
        np.iinfo(np.int32).max, size=n_members
    )
    return [seeded(clone(estimator), seed) for seed in seeds]


def bootstrap_members(
    fit: Callable[..., Any],
    members: Sequence[Any],
    X: Any,
    labels: Array,
    rows: Array,
    *args: Any,
    n_jobs: int | None,
    random_state: int | np.random.RandomState,
    strata: Array | None = None,
) -> list[Any]:
    """Fit each member on a bootstrap sample of `rows` of `X`, `n_jobs` at a time.

    `fit` is a function such as :func:`fit_on_rows`, which is passed `args`. Rows are
    drawn with replacement, separately in each of the `strata` (n_rows,). If these are
    classes, every member sees every class, in the proportions of the labelled rows.
    """
    rng = check_random_state(random_state)
    samples = [
        resample(np.arange(len(rows)), stratify=strata, random_state=rng)
        for _ in members
    ]
    count_fits(len(members))
    return Parallel(n_jobs=n_jobs)(
        delayed(fit)(member, X, labels[sample], rows[sample], *args)
        for member, sample in zip(members, samples, strict=True)
    )
