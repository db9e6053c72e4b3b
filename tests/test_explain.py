import re

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils._param_validation import InvalidParameterError

from skactive import (
    ActiveLearningClassifier,
    get_strategy,
    get_strategy_names,
    measures,
)
from skactive.strategies._mixture import Mixture
from skactive.strategies._schedule import Fade, Switch

KEYS = [
    "row", "strategy", "utility", "terms", "shares", "prediction", "proba",
    "aleatoric", "epistemic", "nearest_labeled", "denser_than", "n_near", "n_copies",
]  # fmt: skip

X, CODES = make_classification(
    n_samples=40, n_features=4, n_informative=3, n_redundant=0, n_classes=3,
    n_clusters_per_class=1, class_sep=0.7, random_state=0,
)  # fmt: skip
X[20] = X[3]  # a copy of a labelled row, copies without a label, and a near row
X[[22, 23]] = X[21]
X[24] = X[21] + 1e-3
NAMES = np.array(["ant", "bee", "cat"])
LABELED = np.flatnonzero(np.arange(40) % 3 == 0)
Y = NAMES[CODES].astype(object)
Y[np.setdiff1d(np.arange(40), LABELED)] = None
ROWS = [20, 1, 22, 38, 3]  # the last one has a label


def learner(strategy="margin", estimator=None, **options):
    estimator = LogisticRegression() if estimator is None else estimator
    options = {"random_state": 0, "batch_size": 3, "n_members": 5, **options}
    return ActiveLearningClassifier(estimator, strategy, **options)


def distances(vectors=X):
    """All of them, in double precision and from differences."""
    vectors = vectors.astype(np.float64)
    return np.sqrt(((vectors[:, None] - vectors[None]) ** 2).sum(axis=2))


@pytest.mark.filterwarnings("ignore:.*falls back on:UserWarning")  # few labels
@pytest.mark.parametrize("name", get_strategy_names(task="classification"))
def test_every_strategy(name):
    fitted = learner(name).fit(X, Y)
    records = fitted.explain_query(X, [*fitted.query(X, Y), *ROWS], Y)
    for record in records:
        assert list(record) == KEYS
        assert record["prediction"] in NAMES
        if record["utility"] is None:
            assert record["terms"] == {}
            assert record["shares"] is None
        else:
            assert_allclose(sum(record["terms"].values()), record["utility"])
    assert str(records).count("\n  utility: ") == len(ROWS) + 3
    assert records._repr_html_().count("<tr>") == len(ROWS) + 4


def test_utilities_are_those_of_the_strategy():
    fitted = learner("variance_reduction").fit(X, Y)
    expected = get_strategy("variance_reduction")(fitted.estimator_, X, Y)
    records = fitted.explain_query(X, ROWS, Y)
    assert_allclose([record["utility"] for record in records], expected[ROWS])


COMBINED = [
    get_strategy("entropy") + 2 * get_strategy("margin") + get_strategy("entropy"),
    get_strategy("margin") * get_strategy("information_density"),
    Mixture(["margin", "variance_reduction"], weights=[3, 1]),
    Mixture(["margin", "variance_reduction"], weights=[3, 1], combine="product"),
    Mixture(["margin", "entropy"], normalize="rank"),
    Fade(["information_density", "margin"], n_labels=30),
    Switch(["margin", "expected_error"], at=5),
]


@pytest.mark.parametrize("strategy", COMBINED, ids=lambda s: type(s).__name__)
def test_terms_make_the_utility(strategy):
    fitted = learner(strategy).fit(X, Y)
    pool = np.flatnonzero(pd.isna(Y))
    expected = strategy.utilities(fitted.estimator_, X, Y, pool)
    records = fitted.explain_query(X, pool, Y)
    assert_allclose([record["utility"] for record in records], expected)
    for record in records:
        values = list(record["terms"].values())
        if strategy.terms(fitted.estimator_, X, Y, pool).operation == "product":
            assert_allclose(np.prod(values), record["utility"])
            assert record["shares"] is None
            continue
        assert_allclose(sum(values), record["utility"])
        assert_allclose(sum(record["shares"].values()), 1)
        for name, value in record["terms"].items():
            assert_allclose(record["shares"][name], value / record["utility"])


def test_terms_of_the_same_name_are_numbered():
    fitted = learner(COMBINED[0]).fit(X, Y)
    record = fitted.explain_query(X, [1], Y)[0]
    assert list(record["terms"]) == ["Entropy() (1)", "2 * Margin()", "Entropy() (3)"]


def test_predictions_and_doubts():
    forest = RandomForestClassifier(n_estimators=5, random_state=0)
    fitted = learner(estimator=forest).fit(X, Y)
    proba = fitted.predict_proba(X)
    members = np.stack([tree.predict_proba(X) for tree in fitted.estimator_])
    epistemic = measures.information_gain(members)
    total = measures.entropy(members.mean(axis=0))
    for row, record in zip(ROWS, fitted.explain_query(X, ROWS, Y), strict=True):
        assert record["prediction"] == fitted.predict(X[[row]])[0]
        assert record["proba"] == dict(zip(NAMES, proba[row], strict=True))
        assert list(record["proba"].values()) == sorted(proba[row], reverse=True)
        assert_allclose(record["epistemic"], epistemic[row], atol=1e-12)
        assert_allclose(record["aleatoric"] + record["epistemic"], total[row])


def test_no_committee_no_doubts():
    record = learner().fit(X, Y).explain_query(X, [1], Y)[0]
    assert record["aleatoric"] is record["epistemic"] is None
    record = learner("information_gain").fit(X, Y).explain_query(X, [1], Y)[0]
    assert_allclose(record["epistemic"], record["utility"])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_nearest_labelled_rows_near_rows_and_copies(dtype, offset):
    pool = (X + offset).astype(dtype)
    model = LogisticRegression(max_iter=10_000)
    fitted = learner(estimator=model).fit(pool, Y)
    D = distances(pool)
    i, j = np.random.default_rng(0).integers(40, size=(2, 10_000))
    between = D[i[:1600], j[:1600]]
    limit = 0.05 * np.median(between[between > 0])
    for row, record in zip(ROWS, fitted.explain_query(pool, ROWS, Y), strict=True):
        order = LABELED[np.argsort(D[row, LABELED], kind="stable")[:3]]
        nearest = record["nearest_labeled"]
        assert [near["row"] for near in nearest] == order.tolist()
        assert [near["label"] for near in nearest] == Y[order].tolist()
        assert_allclose(
            [near["distance"] for near in nearest], D[row, order], atol=1e-9
        )
        assert record["n_near"] == np.count_nonzero(D[row] <= limit)
        assert record["n_copies"] == np.count_nonzero((pool == pool[row]).all(axis=1))
    assert fitted.explain_query(pool, [21], Y)[0]["n_near"] == 4


def test_denser_than():
    density = (1 / (1 + distances())).mean(axis=1)
    records = learner().fit(X, Y).explain_query(X, ROWS, Y)
    for row, record in zip(ROWS, records, strict=True):
        # Rounding decides between copies.
        less = np.mean(density < density[row] - 1e-9)
        equal = np.mean(np.abs(density - density[row]) < 1e-9)
        assert less <= record["denser_than"] <= less + equal


def test_many_rows_of_a_large_pool_are_compared_block_by_block(monkeypatch):
    fitted = learner().fit(X, Y)
    whole = fitted.explain_query(X, ROWS, Y)
    monkeypatch.setattr("skactive.geometry._blocks.BLOCK_SIZE", 2 * len(X))
    assert fitted.explain_query(X, ROWS, Y) == whole


@pytest.mark.parametrize("labels", [[True, False], [3, 7], ["ant", "bee"]])
@pytest.mark.parametrize("make", [list, pd.Series])
def test_labels_are_the_users_own(labels, make):
    y = np.full(40, None, dtype=object)
    y[LABELED] = np.array(labels, dtype=object)[CODES[LABELED] % 2]
    record = learner().fit(X, make(y)).explain_query(X, [1], make(y))[0]
    for near in record["nearest_labeled"]:
        assert near["label"] is not None
        assert type(near["label"]) is type(record["prediction"]) is type(labels[0])
        assert near["label"] == y[near["row"]]


def test_a_named_missing_label():
    y = np.where(np.isin(np.arange(40), LABELED), CODES, -1)
    fitted = learner(missing_label=-1).fit(X, y)
    record = fitted.explain_query(X, [1], y)[0]
    assert {near["row"] for near in record["nearest_labeled"]} <= set(LABELED)


@pytest.mark.parametrize("given", ["nothing", "one class", "a fitted estimator"])
def test_without_a_model(given):
    y, estimator = None, LogisticRegression()
    if given == "a fitted estimator":
        estimator = estimator.fit(X, CODES)
    fitted = learner("expected_error", estimator)
    if given == "one class":
        y = np.full(40, None)
        y[:3] = "ant"
        fitted.fit(X, y)
    for record in fitted.explain_query(X, fitted.query(X, y), y):
        assert record["strategy"] == "ColdStart()"
        assert record["prediction"] is record["utility"] is record["proba"] is None
        assert len(record["nearest_labeled"]) == (3 if given == "one class" else 0)


def test_y_may_be_left_out():
    records = learner("variance_reduction").fit(X, Y).explain_query(X, ROWS)
    assert all(record["nearest_labeled"] == [] for record in records)


@pytest.mark.parametrize("rows", [[], (), np.empty(0)])
def test_no_rows(rows):
    records = learner().fit(X, Y).explain_query(X, rows, Y)
    assert records == []
    assert str(records) == ""
    assert records._repr_html_().count("<tr>") == 1


@pytest.mark.parametrize("rows", [2, [5, 5, 2], np.array([7], dtype=np.uint8)])
def test_rows_in_any_form(rows):
    records = learner("entropy").fit(X, Y).explain_query(X, rows, Y)
    assert [record["row"] for record in records] == np.atleast_1d(rows).tolist()


@pytest.mark.parametrize(
    "rows", [[-1], [40], [0.5], [[1, 2]], ["a"], np.arange(40) == 5, slice(3), None]
)
def test_rows_that_are_no_positions(rows):
    with pytest.raises(ValueError, match="positions in X, ints from 0 to 39"):
        learner().fit(X, Y).explain_query(X, rows, Y)


def test_what_query_refuses():
    with pytest.raises(InvalidParameterError, match="n_members"):
        learner(n_members=1).explain_query(X, [1])
    fitted = learner("random").fit(X, Y)
    with pytest.raises(ValueError, match="2 features"):
        fitted.explain_query(X[:, :2], [1], Y)
    with pytest.raises(ValueError, match="inconsistent"):
        fitted.explain_query(X, [1], Y[:5])


def test_a_pool_of_one_row():
    records = learner().fit(X, Y).explain_query(X[:1], [0], [None])
    assert records[0]["n_near"] == records[0]["n_copies"] == 1


TEXTS = ["red red", "blue", "red blue", "<b>red</b> & blue", "green", "red red"]


@pytest.mark.parametrize("encode", [False, True])
@pytest.mark.parametrize("frozen", [False, True])
def test_texts(encode, frozen):
    y = ["<p>", "q&a", None, None, None, None]
    pipeline = make_pipeline(CountVectorizer(), LogisticRegression())
    if frozen:
        pipeline = FrozenEstimator(pipeline.fit(TEXTS[:2], [0, 1] if encode else y[:2]))
    fitted = learner(estimator=pipeline, encode_labels=encode).fit(TEXTS, y)
    records = fitted.explain_query(TEXTS, [3, 5], y)
    assert records[1]["n_copies"] == 2
    assert records[1]["nearest_labeled"][0] == {
        "row": 0, "label": "<p>", "distance": 0.0,
    }  # fmt: skip
    html = records._repr_html_()
    assert "&lt;p&gt;" in html
    assert "q&amp;a" in html
    assert not re.search(r"<(?!/?(table|thead|tbody|tr|th|td)>)", html)


def test_texts_without_vectors():
    from sklearn.dummy import DummyClassifier

    y = [0, 1, None, None, None, None]
    fitted = learner("random", DummyClassifier()).fit(TEXTS, y)
    record = fitted.explain_query(TEXTS, [5], y)[0]
    assert record["nearest_labeled"] is record["denser_than"] is record["n_near"]
    assert record["n_copies"] == 2
    assert "1 other rows identical" in str(fitted.explain_query(TEXTS, [5], y))


@pytest.mark.parametrize("make", [sp.csr_matrix, sp.csr_array, pd.DataFrame])
def test_containers(make):
    plain = learner("entropy").fit(X, Y).explain_query(X, ROWS, Y)
    pool = make(X)
    other = learner("entropy").fit(pool, Y).explain_query(pool, ROWS, Y)
    for a, b in zip(plain, other, strict=True):
        assert_allclose(a["utility"], b["utility"], rtol=1e-6)
        assert a["n_near"] == b["n_near"]
        assert a["n_copies"] == b["n_copies"]
        assert [near["row"] for near in a["nearest_labeled"]] == [
            near["row"] for near in b["nearest_labeled"]
        ]


def test_a_long_strategy_is_one_line_of_the_text():
    strategy = Mixture(
        [(name, name) for name in ("margin", "entropy", "information_density")],
        weights=[1.0, 2.0, 3.0],
    )
    records = learner(strategy).fit(X, Y).explain_query(X, ROWS, Y)
    lines = str(records).splitlines()
    headings = r"row \d+$|  (utility|predicted|doubt|nearest labelled|place): "
    assert all(re.match(headings, line) for line in lines)


def test_the_candidates_that_the_query_looked_at():
    seen = []

    class Spy(type(get_strategy("expected_error"))):
        def _pose(self, estimator, X, y, candidates):
            seen.append(len(X))
            return super()._pose(estimator, X, y, candidates)

    fitted = learner(Spy(), max_candidates=8).fit(X, Y)
    rows = fitted.query(X, Y)
    records = fitted.explain_query(X, rows, Y)
    assert seen == [8 + len(LABELED)] * 2
    utilities = [record["utility"] for record in records]
    assert utilities == sorted(utilities, reverse=True)
    assert [record["row"] for record in records] == rows.tolist()
    # Places are those in the whole pool.
    whole = learner("margin").fit(X, Y).explain_query(X, rows, Y)
    assert_array_equal([r["n_near"] for r in records], [r["n_near"] for r in whole])
    # A row that was not drawn can be asked about as well.
    assert len(fitted.explain_query(X, np.arange(40), Y)) == 40
