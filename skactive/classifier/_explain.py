"""Why this row? What is known of rows that a query chose, for people to read."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from skactive import measures
from skactive._compat.sklearn import _safe_indexing
from skactive._compat.typing import Array
from skactive._data.copies import count_copies
from skactive._data.labels import MISSING
from skactive._models.members import classes_of, member_proba
from skactive._models.response import has_response, predict_proba
from skactive._models.vectors import embed_without_labels
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
from skactive.strategies._messages import shorten
from skactive.strategies._selection import find_candidates

_N_NEAREST = 3
# Rows that a row's density is compared with, and that densities are means over.
_N_COMPARED = 500
_DENSITY_ROWS = 5_000
# Rows nearer than this share of the median distance of the pool are near-duplicates.
_NEAR = 0.05
_TOP_CLASSES = 3


class Explanation(list):
    """Records, dicts with the same keys, one a row; `str` of it is a text.

    Notebooks show a table. The keys are those of
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


def explain_rows(
    strategy: Strategy,
    estimator: Any,
    X: Any,
    y: Array | None,
    labels: tuple[Array, Array],
    rows: Array,
    *,
    is_fitted: bool,
    looked: Array | None = None,
) -> Explanation:
    """One record a row of `rows`, for a strategy and the estimator it asks.

    `y` is what strategies see, `labels` are the user's own: classes, and codes of all
    rows. `estimator` need not be fitted while `strategy` is an initial one. `looked`
    are the ascending positions that a query looks at, `rows` among them; None means
    all.
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
        _predictions(fitted, X, rows),
        _doubts(fitted, X, rows),
        _places(estimator, X, labels, rows, copies),
        copies.tolist(),
        strict=True,
    )
    return Explanation(
        {"row": int(row), **terms, **prediction, **doubt, **place, "n_copies": n_copies}
        for row, (terms, prediction, doubt, place, n_copies) in zip(
            rows, parts, strict=True
        )
    )


def _utilities(
    strategy: Strategy,
    estimator: Any,
    X: Any,
    y: Array | None,
    rows: Array,
    ids: Array | None,
) -> list[dict]:
    """Utilities and their terms; None where a batch is chosen as a whole.

    `ids` are positions in the pool of the rows of `X`, None where `X` is the pool.
    """
    nothing: dict = {"utility": None, "terms": {}, "shares": None}
    parts: list[dict] = [{"strategy": shorten(strategy)} | nothing for _ in rows]
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


def _predictions(estimator: Any, X: Any, rows: Array) -> list[dict]:
    if estimator is None:
        return [{"prediction": None, "proba": None} for _ in rows]
    chosen = _safe_indexing(X, rows)
    if not has_response(estimator, "predict_proba"):
        labels = np.ravel(estimator.predict(chosen))
        return [{"prediction": _plain(label), "proba": None} for label in labels]
    classes = [_plain(label) for label in classes_of(estimator)]
    parts = []
    for proba in predict_proba(estimator, chosen):
        order = np.argsort(-proba, kind="stable")
        ranked = {classes[c]: float(proba[c]) for c in order}
        parts.append({"prediction": classes[order[0]], "proba": ranked})
    return parts


def _doubts(estimator: Any, X: Any, rows: Array) -> list[dict]:
    """Entropy of the members' consensus in nats, in its two parts."""
    if estimator is None or not has_response(estimator, "members"):
        return [{"aleatoric": None, "epistemic": None} for _ in rows]
    proba = member_proba(estimator, _safe_indexing(X, rows), marginal=True)
    epistemic = measures.information_gain(proba)
    aleatoric = measures.consensus_entropy(proba) - epistemic
    return [
        {"aleatoric": float(a), "epistemic": float(e)}
        for a, e in zip(aleatoric, epistemic, strict=True)
    ]


def _places(
    estimator: Any, X: Any, labels: tuple[Array, Array], rows: Array, copies: Array
) -> list[dict]:
    """Nearest labelled rows, density, and near-duplicates, where rows are vectors."""
    vectors = embed_without_labels(estimator, X)
    if vectors is None:
        nothing = {"nearest_labeled": None, "denser_than": None, "n_near": None}
        return [dict(nothing) for _ in rows]
    vectors = as_embedding(vectors)
    classes, codes = labels
    labeled = np.flatnonzero(codes != MISSING)
    rng = np.random.default_rng(0)
    limit = _NEAR * 2 * median_bandwidth(vectors, rng)
    denser_than = _density_ranks(vectors, rows, rng)
    places = []
    for part in blocks(rows, vectors.shape[0]):
        squares = _squared_distances_of(vectors, rows[part])
        # Rounding may put copies at a distance from each other.
        n_near = np.maximum(np.count_nonzero(squares <= limit**2, axis=0), copies[part])
        order = np.argsort(squares[labeled], axis=0, kind="stable")[:_N_NEAREST]
        for row, found, count, share in zip(
            rows[part], labeled[order].T, n_near, denser_than[part], strict=True
        ):
            distances = pair_distances(vectors, np.full(len(found), row), found)
            nearest = [
                {
                    "row": int(found[k]),
                    "label": _plain(classes[codes[found[k]]]),
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
    """Of all rows to some, (n_samples, n_rows), by sums in double precision."""
    chosen = dense_rows(vectors, rows).astype(np.float64)
    norms = squared_norms(chosen)
    squares = np.empty((vectors.shape[0], len(rows)))
    for block in blocks(vectors):
        some = vectors[block].astype(np.float64)
        squares[block] = squared_distances(some, squared_norms(some), chosen, norms)
    return squares


def _density_ranks(vectors: Any, rows: Array, rng: np.random.Generator) -> Array:
    """Share of the pool, or of a sample of it, that is in less dense places."""
    n_samples = vectors.shape[0]
    sample = rng.choice(n_samples, size=min(n_samples, _N_COMPARED), replace=False)
    asked = np.union1d(sample, rows)
    density = information_density(vectors, asked, max_rows=_DENSITY_ROWS, rng=rng)
    mine = density[np.searchsorted(asked, rows)]
    others = density[np.searchsorted(asked, sample)]
    return (others < mine[:, np.newaxis]).mean(axis=1)


def _cells(record: dict) -> dict[str, str]:
    """What people read of a record: a text for each heading, empty if unknown."""
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
    predicted = "" if record["prediction"] is None else str(record["prediction"])
    if record["proba"] is not None:
        top = list(record["proba"].items())[:_TOP_CLASSES]
        predicted = ", ".join(f"{label} {share:.0%}" for label, share in top)
    doubt = ""
    if record["aleatoric"] is not None:
        doubt = (
            f"{record['aleatoric']:.3g} nats in the data, "
            f"{record['epistemic']:.3g} nats in the model"
        )
    nearest = ", ".join(
        f"row {near['row']} (label {near['label']}) at {near['distance']:.3g}"
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


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def _one_line(text: str) -> str:
    return " ".join(text.split())
