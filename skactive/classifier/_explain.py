"""Explanations, for people to read, of why a query chose its rows."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skactive._compat.sklearn import _safe_indexing
from skactive._compat.typing import Array
from skactive._data.copies import count_copies
from skactive._models.target import Target
from skactive._models.training import Model
from skactive._models.vectors import embed_without_labels
from skactive._models.want_of_labels import ERRORS_OF_LACK
from skactive.classifier._plan import run_in_threads
from skactive.geometry._bandwidth import median_bandwidth
from skactive.geometry._blocks import (
    as_embedding,
    blocks,
    dense_rows,
    squared_distances,
    squared_norms,
)
from skactive.geometry._density import information_density
from skactive.geometry._pairs import pair_distances
from skactive.strategies import Strategy
from skactive.strategies._selection import check_rows, find_candidates

_N_NEAREST = 3
# Numbers of rows that a row's density is compared with, and that densities average.
_N_COMPARED = 500
_DENSITY_ROWS = 5_000
# Rows nearer than this share of the median distance of the pool are near-duplicates.
_NEAR = 0.05
_TOP_CLASSES = 3


class Explanation(list):
    """List of records, which are dicts with the same keys, one per row.

    Its `str` is a text, and notebooks show it as a table. The keys are those of
    :meth:`ActiveLearningClassifier.explain_query`.
    """

    def __str__(self) -> str:
        lines = []
        for record in self:
            title, *others = _cells(record).items()
            lines.append(f"{title[0]} {title[1]}")
            lines += [f"  {name}: {text}" for name, text in others if text]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = [_cells(record) for record in self]
        head = "".join(f"<th>{escape(name)}</th>" for name in (rows[0] if rows else ()))
        body = "".join(
            "<tr>"
            + "".join(f"<td>{escape(text)}</td>" for text in row.values())
            + "</tr>"
            for row in rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def explain_query(
    self: Any, X: Any, rows: ArrayLike, y: Any = None, **params: Any
) -> Explanation:
    """Explain why rows are worth labelling.

    This takes as long as a query, plus one pass over the whole pool for each row. If
    `max_candidates` is set, the utilities are those that the query compared only if
    `random_state` is an int. Otherwise they are those in another random subset of the
    candidates.

    Parameters
    ----------
    X : array-like, sparse, data frame or sequence of n_samples
        The pool, as it was passed to :meth:`query`.
    rows : array-like of shape (n_rows,)
        Positions in `X`, as :meth:`query` returns them.
    y : array-like of shape (n_samples,), default=None
        Labels as they were in that call. None means that no row has a label.
    **params : dict
        Metadata as in that call.

    Returns
    -------
    explanation : list of dict
        One dict per row. The `str` of the list is a text, and notebooks show a table.
        The keys are

        "row" : int
            Position of the row.
        "strategy" : str
            The strategy that chose the row, or would choose now.
        "utility" : float or None
            Utility of the row. None if the strategy chooses a batch as a whole.
        "terms" : dict
            Names and values of the terms, or factors, that the utility is made of.
        "shares" : dict or None
            Share of each term in a sum. None for products.
        "prediction" : object
            The predicted class. None while there is no model.
        "proba" : dict or None
            Target with their probabilities, largest first.
        "aleatoric", "epistemic" : float or None
            The parts of the entropy, in nats, that more labels cannot and can remove.
            None unless the estimator is a committee or the strategy uses one.
        "nearest_labeled" : list of dict or None
            "row", "label" and "distance" of up to three labelled rows. This and the
            next two are None if rows are not vectors.
        "denser_than" : float or None
            Share of the pool, or of 500 rows of it, in less dense places.
        "n_near" : int or None
            Number of rows, including itself, within 5 % of the pool's median distance.
        "n_copies" : int
            Number of identical rows, including itself.

    Raises
    ------
    ValueError
        If a position is not in `X`, lengths differ, `X` has other columns than in
        `fit`, or the estimator does not provide what the strategy needs.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive import ActiveLearningClassifier
    >>> X, y = [[0.0], [1.0], [2.0], [3.2]], ["no", None, None, "yes"]
    >>> learner = ActiveLearningClassifier(LogisticRegression(), "margin").fit(X, y)
    >>> print(learner.explain_query(X, learner.query(X, y, n_queries=1), y))
    row 2
      utility: 0.8521 by Margin()
      predicted: yes 57%, no 43%
      nearest labelled: row 3 (label yes) at 1.2, row 0 (label no) at 2
      place: denser than 50% of the pool, 0 other rows near it, 0 identical
    """
    plan, model, pool, routed = self._begin_query(X, y, params, only_mask=False)
    rows = check_rows(rows, pool.n_samples)
    target = self._labels_or_none(pool.X, y)
    looked = plan.looked(pool, len(rows))
    weights = pool.weights
    if looked is not None:
        looked = np.union1d(looked, rows)
        weights = None if weights is None else weights[looked]

    def explain(model: Model | None) -> Explanation:
        strategy, estimator = plan.asked(model, weights)
        with run_in_threads(self.n_jobs):
            return explain_rows(
                strategy,
                estimator,
                pool.X,
                pool.y,
                target,
                rows,
                is_fitted=model is not None and model.can_choose,
                looked=looked,
            )

    try:
        found = explain(model)
    except ERRORS_OF_LACK as error:
        self._warn_or_raise(error, plan, model, pool.X, y, routed)
        found = explain(None)
    if self.audit_fraction:
        mask = plan.reserve(pool.n_samples).mask
        for record in found:
            if mask[record["row"]]:
                record |= {"strategy": "audit, at random", "utility": None}
                record |= {"terms": {}, "shares": None}
    return found


def explain_rows(
    strategy: Strategy,
    estimator: Any,
    X: Any,
    y: Array | None,
    target: Target,
    rows: Array,
    *,
    is_fitted: bool,
    looked: Array | None = None,
) -> Explanation:
    """Return one record for each of `rows`, for a strategy and the estimator it asks.

    `y` holds the labels as strategies see them, `target` the labels as users gave them.
    `estimator` need not be fitted if `strategy` is an initial one. `looked` holds the
    ascending positions that a query looks at, including `rows`. None means all.
    """
    if len(rows) == 0:
        return Explanation()
    seen, asked = X, rows
    if looked is not None:
        seen, asked = _safe_indexing(X, looked), np.searchsorted(looked, rows)
        y = None if y is None else y[looked]
    fitted = estimator if is_fitted else None
    copies = count_copies(X, rows)
    parts = zip(
        _utilities(strategy, estimator, seen, y, asked, looked),
        target.predictions(fitted, X, rows),
        _places(estimator, X, target, rows, copies),
        copies.tolist(),
        strict=True,
    )
    return Explanation(
        {"row": int(row), **terms, **prediction, **place, "n_copies": n_copies}
        for row, (terms, prediction, place, n_copies) in zip(rows, parts, strict=True)
    )


def _utilities(
    strategy: Strategy,
    estimator: Any,
    X: Any,
    y: Array | None,
    rows: Array,
    ids: Array | None,
) -> list[dict]:
    """Return utilities and their terms; None if a batch is chosen as a whole.

    `ids` are the positions in the pool of the rows of `X`. None means that `X` is the
    pool.
    """
    nothing: dict = {"utility": None, "terms": {}, "shares": None}
    name = strategy.describe(estimator, X, y)
    parts: list[dict] = [{"strategy": name} | nothing for _ in rows]
    shown = strategy if ids is None else strategy.for_rows(ids)
    asked = np.unique(rows)
    if not strategy.pointwise:  # ranks among the candidates, for example
        asked = np.union1d(find_candidates(X, y), rows)
    terms = shown.terms(estimator, X, y, asked)
    if terms is None:
        return parts
    given = [name for name, _ in terms.named]
    names = [
        name if given.count(name) == 1 else f"{name} ({number})"
        for number, name in enumerate(given, start=1)
    ]
    utilities = terms.total()
    for part, position in zip(parts, np.searchsorted(asked, rows), strict=True):
        values = [float(value[position]) for _, value in terms.named]
        part["terms"] = dict(zip(names, values, strict=True))
        part["utility"] = float(utilities[position])
        if terms.operation == "sum" and part["utility"] > 0 and min(values) >= 0:
            shares = np.divide(values, part["utility"]).tolist()
            part["shares"] = dict(zip(names, shares, strict=True))
    return parts


def _places(
    estimator: Any, X: Any, target: Target, rows: Array, copies: Array
) -> list[dict]:
    """Nearest labelled rows, density and near-duplicates, if rows are vectors."""
    vectors = embed_without_labels(estimator, X)
    if vectors is None:
        nothing = {"nearest_labeled": None, "denser_than": None, "n_near": None}
        return [dict(nothing) for _ in rows]
    vectors = as_embedding(vectors)
    labeled = target.known
    rng = np.random.default_rng(0)
    limit = _NEAR * 2 * median_bandwidth(vectors, rng)
    denser_than = _density_ranks(vectors, rows, rng)
    places = []
    for part in blocks(rows, vectors.shape[0]):
        squares = _squared_distances_of(vectors, rows[part])
        # By rounding, copies may have a distance from each other.
        n_near = np.maximum(np.count_nonzero(squares <= limit**2, axis=0), copies[part])
        order = np.argsort(squares[labeled], axis=0, kind="stable")[:_N_NEAREST]
        for row, found, count, share in zip(
            rows[part], labeled[order].T, n_near, denser_than[part], strict=True
        ):
            distances = pair_distances(vectors, np.full(len(found), row), found)
            labels = target.readable(target.values(found))
            nearest = [
                {
                    "row": int(found[k]),
                    "label": labels[k],
                    "distance": float(distances[k]),
                }
                for k in np.argsort(distances, kind="stable")
            ]
            places.append(
                {
                    "nearest_labeled": nearest,
                    "denser_than": float(share),
                    "n_near": int(count),
                }
            )
    return places


def _squared_distances_of(vectors: Any, rows: Array) -> Array:
    """Squared distances to `rows` in double precision, shape (n_samples, n_rows)."""
    chosen = dense_rows(vectors, rows).astype(np.float64)
    norms = squared_norms(chosen)
    squares = np.empty((vectors.shape[0], len(rows)))
    for block in blocks(vectors):
        some = vectors[block].astype(np.float64)
        squares[block] = squared_distances(some, squared_norms(some), chosen, norms)
    return squares


def _density_ranks(vectors: Any, rows: Array, rng: np.random.Generator) -> Array:
    """Share of the pool, or of a sample of it, in less dense places than each row."""
    n_samples = vectors.shape[0]
    sample = rng.choice(n_samples, size=min(n_samples, _N_COMPARED), replace=False)
    asked = np.union1d(sample, rows)
    density = information_density(vectors, asked, max_rows=_DENSITY_ROWS, rng=rng)
    mine = density[np.searchsorted(asked, rows)]
    others = density[np.searchsorted(asked, sample)]
    return (others < mine[:, np.newaxis]).mean(axis=1)


def _cells(record: dict) -> dict[str, str]:
    """Return the text to show for each heading of a record, empty if unknown."""
    strategy = _one_line(record["strategy"])
    utility = f"{strategy} chooses a batch as a whole"
    if record["utility"] is not None:
        utility = f"{record['utility']:.4g} by {strategy}"
    if len(record["terms"]) > 1:
        shares = record["shares"] or {}
        utility += " = " + (" + " if shares else " and ").join(
            f"{value:.4g} {_one_line(name)}"
            + (f" ({shares[name]:.0%})" if shares else "")
            for name, value in record["terms"].items()
        )
    predicted = "" if record["prediction"] is None else _short(record["prediction"])
    if record.get("std") is not None:
        predicted += f", standard deviation {record['std']:.3g}"
    if record.get("proba") is not None:
        top = list(record["proba"].items())[:_TOP_CLASSES]
        predicted = ", ".join(f"{label} {share:.0%}" for label, share in top)
    doubt = ""
    if record.get("aleatoric") is not None:
        doubt = (
            f"{record['aleatoric']:.3g} nats in the data, "
            f"{record['epistemic']:.3g} nats in the model"
        )
    nearest = ", ".join(
        f"row {near['row']} (label {_short(near['label'])}) at {near['distance']:.3g}"
        for near in record["nearest_labeled"] or []
    )
    place = f"{record['n_copies'] - 1} other rows identical to it"
    if record["denser_than"] is not None:
        place = (
            f"denser than {record['denser_than']:.0%} of the pool, "
            f"{record['n_near'] - 1} other rows near it, "
            f"{record['n_copies'] - 1} identical"
        )
    return {
        "row": str(record["row"]),
        "utility": utility,
        "predicted": predicted,
        "doubt": doubt,
        "nearest labelled": nearest,
        "place": place,
    }


def _short(label: Any) -> str:
    is_fraction = isinstance(label, float) and label % 1 != 0
    return f"{label:.4g}" if is_fraction else str(label)


def _one_line(text: str) -> str:
    return " ".join(text.split())
