"""Why this row? What is known of rows that a query chose, for people to read."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skactive import _response, measures
from skactive._copies import count_copies
from skactive._labels import is_missing
from skactive._sklearn import _num_samples, _safe_indexing
from skactive.geometry._bandwidth import median_bandwidth
from skactive.geometry._blocks import (
    as_embedding,
    blocks,
    dense_rows,
    squared_distances,
    squared_norms,
)
from skactive.geometry._density import information_density
from skactive.strategies import Strategy, Switch
from skactive.strategies._wrapper import WrapperStrategy

Array = NDArray[Any]


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
    strategy: Strategy, estimator: Any, X: Any, y: Any, rows: Array
) -> Explanation:
    """One record a row of `rows`, for a strategy and the estimator it asks.

    `estimator` is not fitted while `strategy` is an initial one, which needs none.
    """
    n_samples = _num_samples(X)
    missing = np.ones(n_samples, dtype=bool) if y is None else is_missing(y)
    fitted = estimator if _is_fitted(estimator) else None
    parts = zip(
        _utilities(strategy, estimator, X, y, missing, rows),
        _predictions(fitted, X, rows),
        _doubts(fitted, X, rows),
        _places(estimator, X, y, missing, rows),
        count_copies(X, rows).tolist(),
        strict=True,
    )
    return Explanation(
        {"row": int(row), **terms, **prediction, **doubt, **place, "n_copies": n_copies}
        for row, (terms, prediction, doubt, place, n_copies) in zip(
            rows, parts, strict=True
        )
    )


def _utilities(
    strategy: Strategy, estimator: Any, X: Any, y: Any, missing: Array, rows: Array
) -> list[dict]:
    """Utilities and their terms; None where a batch is chosen as a whole."""
    parts: list[dict] = [
        {"strategy": repr(strategy), "utility": None, "terms": {}, "shares": None}
        for _ in rows
    ]
    scorer = _scorer(strategy, X, y)
    if scorer is None:
        return parts
    asked = np.unique(rows)
    if not scorer.pointwise:  # ranks among the candidates, for example
        asked = np.union1d(np.flatnonzero(missing), rows)
    terms = scorer.terms(estimator, X, y, asked)
    names = [
        name if [other for other, _ in terms].count(name) == 1 else f"{name} ({number})"
        for number, (name, _) in enumerate(terms, start=1)
    ]
    merge = np.prod if scorer.operation == "product" else np.sum
    for part, position in zip(parts, np.searchsorted(asked, rows), strict=True):
        values = [float(utilities[position]) for _, utilities in terms]
        part["terms"] = dict(zip(names, values, strict=True))
        part["utility"] = float(merge(values))
        if scorer.operation == "sum" and part["utility"] > 0 and min(values) >= 0:
            shares = np.divide(values, part["utility"]).tolist()
            part["shares"] = dict(zip(names, shares, strict=True))
    return parts


def _scorer(strategy: Strategy, X: Any, y: Any) -> Strategy | None:
    """The strategy whose utilities are behind a choice, if rows have any."""
    while True:
        if isinstance(strategy, Switch):
            strategy = strategy.turn(X, y)[1]
        elif isinstance(strategy, WrapperStrategy):
            strategy = strategy._inner()
        else:
            return strategy if type(strategy).select is Strategy.select else None


def _predictions(estimator: Any, X: Any, rows: Array) -> list[dict]:
    if estimator is None:
        return [{"prediction": None, "proba": None} for _ in rows]
    chosen = _safe_indexing(X, rows)
    if not _response.has_response(estimator, "predict_proba"):
        labels = np.ravel(estimator.predict(chosen))
        return [{"prediction": _plain(label), "proba": None} for label in labels]
    classes = [_plain(label) for label in _response.classes_of(estimator)]
    parts = []
    for proba in _response.predict_proba(estimator, chosen):
        order = np.argsort(-proba, kind="stable")
        ranked = {classes[c]: float(proba[c]) for c in order}
        parts.append({"prediction": classes[order[0]], "proba": ranked})
    return parts


def _doubts(estimator: Any, X: Any, rows: Array) -> list[dict]:
    """Entropy of the members' consensus in nats, in its two parts."""
    if estimator is None or not _response.has_response(estimator, "members"):
        return [{"aleatoric": None, "epistemic": None} for _ in rows]
    proba = _response.member_proba(estimator, _safe_indexing(X, rows), marginal=True)
    epistemic = measures.information_gain(proba)
    aleatoric = measures.consensus_entropy(proba) - epistemic
    return [
        {"aleatoric": float(a), "epistemic": float(e)}
        for a, e in zip(aleatoric, epistemic, strict=True)
    ]


def _places(estimator: Any, X: Any, y: Any, missing: Array, rows: Array) -> list[dict]:
    """Nearest labelled rows, density, and near-duplicates, where rows are vectors."""
    vectors = _response.embed_without_labels(estimator, X)
    if vectors is None:
        nothing = {"nearest_labeled": None, "denser_than": None, "n_near": None}
        return [dict(nothing) for _ in rows]
    vectors = as_embedding(vectors)
    norms, chosen = squared_norms(vectors), dense_rows(vectors, rows)
    labeled = np.flatnonzero(~missing)
    distances = np.sqrt(
        squared_distances(vectors[labeled], norms[labeled], chosen, norms[rows])
    )
    rng = np.random.default_rng(0)
    near = (_NEAR * 2 * median_bandwidth(vectors, rng)) ** 2
    n_near = np.zeros(len(rows), dtype=np.intp)
    for block in blocks(vectors, len(rows)):
        found = squared_distances(vectors[block], norms[block], chosen, norms[rows])
        n_near += np.count_nonzero(found <= near, axis=0)
    denser_than = _density_ranks(vectors, rows, rng)
    nearest = np.argsort(distances, axis=0, kind="stable")[:_N_NEAREST].T
    return [
        {
            "nearest_labeled": [
                {
                    "row": int(labeled[j]),
                    "label": _plain(y[labeled[j]]),
                    "distance": float(distances[j, i]),
                }
                for j in nearest[i]
            ],
            "denser_than": float(denser_than[i]),
            # Rounding may put a row at a distance from itself.
            "n_near": max(1, int(n_near[i])),
        }
        for i in range(len(rows))
    ]


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
    utility = f"{record['strategy']} chooses a batch as a whole"
    if record["utility"] is not None:
        utility = f"{record['utility']:.4g} by {record['strategy']}"
    if len(record["terms"]) > 1:
        shares = record["shares"] or {}
        utility += " = " + (" + " if shares else " and ").join(
            f"{value:.4g} {name}" + (f" ({shares[name]:.0%})" if shares else "")
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


def _is_fitted(estimator: Any) -> bool:
    return isinstance(estimator, (list, tuple)) or hasattr(estimator, "classes_")
