"""Which source to ask first about a row, by the quality of their earlier answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from skactive._compat.typing import Array
from skactive.classifier._query import find_learner
from skactive.labeling._annotator_quality import worth
from skactive.labeling._answers import Answers
from skactive.labeling._assignment import EXPLORE, assign
from skactive.labeling._ids import decode
from skactive.labeling._ledger import Ledger
from skactive.strategies._selection import draw_seed

# What a free answer is taken to cost.
_NEXT_TO_NOTHING = 1e-200


def best_sources(
    learner: Any, X: Any, ledger: Ledger, rows: Array, session: Any = None
) -> Array:
    """Choose the source to ask first about each of `rows`, shape (n_rows,).

    Their quality is estimated from the answers in the ledger or, with a session, from
    those in the session. A source that is free comes before all others.
    """
    answers = _answers_in(ledger, session)
    inner, _ = find_learner(learner, X, "label_pool")
    seed = draw_seed(inner.random_state)
    rng = np.random.default_rng(None if seed is None else [seed, len(answers)])
    agreement = answers.quality(learner, X, random_state=seed).agreement
    n_asked = np.maximum(answers.asked().sum(axis=0), ledger.n_asked_ever)
    quality = worth(agreement, n_asked)
    value = quality / np.maximum(ledger.costs.T, _NEXT_TO_NOTHING)
    _, who = assign(
        rows,
        ledger.payable().T,  # somebody, for each row that is chosen
        value,
        np.full(len(ledger.names), np.inf),
        n_pairs=len(rows),
        explore=EXPLORE,
        rng=rng,
    )
    return who


def _answers_in(ledger: Ledger, session: Any) -> Answers:
    """The answers of the sources; in a session, those of earlier calls as well."""
    answers = Answers(len(ledger.codes), ledger.names)
    found: list[tuple[int, str, Any]] = []
    if session is not None:
        for row, name, label in session._answers_in_pool():
            if name in ledger.names:
                found.append((row, name, decode(label)))
    else:
        known = np.flatnonzero([name is not None for name in ledger.source])
        labels = ledger.labels()[known]
        found.extend(zip(known, ledger.source[known], labels, strict=True))
    if found:
        answers.add(*(list(column) for column in zip(*found, strict=True)))
    return answers
