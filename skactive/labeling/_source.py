"""Label sources: a function that gives labels, and what its answers cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skactive._compat.typing import Array
from skactive._data.labels import encode_labels
from skactive.strategies._messages import shorten

Oracle = Callable[[Array], Any]


class LabelSource:
    """A source of labels, such as a person, a rule or a model, and its costs.

    Parameters
    ----------
    oracle : callable
        A function ``rows -> labels``. It gets positions in the pool, an array of shape
        (n_rows,), and returns one label per row. A missing label means that it
        abstains: NaN, None, `pandas.NA` or the learner's `missing_label`.
    name : str, default=None
        Name of the source. None means the name of the function, or of its class.
    cost : float, array-like of shape (n_pool,) or callable, default=1.0
        Cost of an answer, not negative, in the unit of the budget: one number, one
        number per row of the pool, or a function ``rows -> costs`` of positions, as
        `oracle` gets them.
    abstention_cost : float, default=None
        Cost of an abstention. Use 0.0 if it is free. None means the same cost as for an
        answer.

    Examples
    --------
    >>> from skactive.labeling import LabelSource
    >>> texts = ["great app", "please refund me", "hello"]
    >>> def keywords(rows):
    ...     return ["billing" if "refund" in texts[row] else None for row in rows]
    >>> source = LabelSource(keywords, cost=0.01)
    >>> source
    LabelSource(keywords, cost=0.01)
    >>> source.oracle([0, 1])
    [None, 'billing']
    """

    def __init__(
        self,
        oracle: Oracle,
        *,
        name: str | None = None,
        cost: float | ArrayLike | Callable[[Array], ArrayLike] = 1.0,
        abstention_cost: float | None = None,
    ):
        if not callable(oracle):
            raise TypeError(
                "An oracle is a function rows -> labels, of positions in the pool; got "
                f"{shorten(oracle)}. For known labels y: lambda rows: y[rows]."
            )
        self.oracle = oracle
        self.name = name or str(getattr(oracle, "__name__", type(oracle).__name__))
        self.cost = cost
        self.abstention_cost = abstention_cost
        if abstention_cost is not None:
            _check_costs(abstention_cost, (), f"abstention_cost of {self.name!r}")

    def __repr__(self) -> str:
        text = f"LabelSource({self.name}, cost={shorten(self.cost, 40)}"
        if self.abstention_cost is not None:
            text += f", abstention_cost={self.abstention_cost}"
        return text + ")"

    def costs(self, rows: ArrayLike, n_samples: int) -> Array:
        """Compute the costs of answers.

        Parameters
        ----------
        rows : array-like of shape (n_rows,)
            Positions in the pool.
        n_samples : int
            Number of rows in the pool.

        Returns
        -------
        costs : ndarray of shape (n_rows,)
            Finite and not negative.

        Raises
        ------
        ValueError
            If `cost` is or returns anything else.
        """
        rows = np.asarray(rows, dtype=np.intp)
        what = f"cost of {self.name!r}"
        if callable(self.cost):
            return _check_costs(self.cost(rows), (len(rows),), what)
        if np.ndim(self.cost) == 0:
            return np.full(len(rows), _check_costs(self.cost, (), what))
        return _check_costs(self.cost, (n_samples,), what)[rows]


def as_source(source: Any) -> LabelSource:
    """Return a source as it is, or make one from a function."""
    return source if isinstance(source, LabelSource) else LabelSource(source)


def as_sources(sources: Any) -> list[LabelSource]:
    """Convert one or more sources to a list, and check that their names differ."""
    listed = list(sources) if isinstance(sources, (list, tuple)) else [sources]
    if not listed:
        raise ValueError("sources is empty. Give at least one function rows -> labels.")
    found = [as_source(source) for source in listed]
    names = [source.name for source in found]
    if len(set(names)) < len(names):
        raise ValueError(
            f"Sources must have names of their own; got {names}. Name them with "
            "LabelSource(..., name=)."
        )
    return found


def answers_of(
    source: LabelSource, rows: Array, missing_label: Any
) -> tuple[Array, Array]:
    """Ask a source about rows; return classes, and codes of shape (n_rows,)."""
    answers = source.oracle(rows.copy())
    try:
        n_answers = None if isinstance(answers, (str, dict)) else len(answers)
    except TypeError:
        n_answers = None
    if n_answers != len(rows):
        got = shorten(answers) if n_answers is None else f"{n_answers} labels"
        raise ValueError(
            f"Source {source.name!r} gave {got} for {len(rows)} rows. An oracle gives "
            "one label per row, None or NaN where it abstains."
        )
    try:
        return encode_labels(answers, missing_label)
    except ValueError as error:
        error.add_note(f"These labels are the answers of source {source.name!r}.")
        raise


def unite(left: Array, right: Array) -> tuple[Array, tuple[Array, Array]]:
    """Return the sorted union of classes, and the positions of each side in it."""
    classes, codes = encode_labels([*left.tolist(), *right.tolist()])
    return classes, (codes[: len(left)], codes[len(left) :])


def _check_costs(costs: Any, shape: tuple[int, ...], what: str) -> Array:
    found = np.asarray(costs)
    is_number = found.dtype.kind in "biuf" and found.shape == shape
    if not is_number or not (np.isfinite(found) & (found >= 0)).all():
        expected = f"one per row, shape {shape}" if shape else "one number"
        raise ValueError(
            f"{what} must be finite and not negative, {expected}; got {shorten(costs)}."
        )
    return found.astype(np.float64)
