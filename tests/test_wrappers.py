"""The walk through wrappers, over a table of wrappers inside one another."""

import ast
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skactive._models import wrappers
from skactive._models.encoded import EncodedClassifier
from skactive._models.members import count_members, member_proba
from skactive._models.response import has_response
from skactive._models.vectors import embed, embed_without_labels
from skactive._models.warm_start import goes_on_by
from skactive._models.wrappers import Fitted

rng = np.random.default_rng(0)
X = rng.normal(size=(30, 4))
y = np.array(["egg", "ham", "spam"])[np.arange(30) % 3]

WRAPPERS = ["pipeline", "search", "encoded", "frozen", "fitted"]
TURNS = [WRAPPERS[k:] + WRAPPERS[:k] for k in range(5)]
# From the outside in: none, each alone, each in each, and all five in ten orders.
NESTS = [
    (),
    *product(WRAPPERS),
    *product(WRAPPERS, WRAPPERS),
    *map(tuple, TURNS),
    *(tuple(reversed(turn)) for turn in TURNS),
]


def name_of(nest):
    return " in ".join(reversed(nest)) or "bare"


over_nests = pytest.mark.parametrize(
    "nest", NESTS, ids=lambda nest: " in ".join(reversed(nest)) or "bare"
)
RESPONSES = ["predict_proba", "decision_function", "last_layer", "members", "refits"]


class Half(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        check_is_fitted(self)
        return X / 2


# The walk takes it for a net of skorch.
Net = type("NeuralNet", (LogisticRegression,), {"__module__": "skorch.net"})


def wrap(kind, inner):
    """An estimator in a wrapper that has seen no fit."""
    if kind == "pipeline":
        return Pipeline([("half", Half()), ("last", inner)])
    if kind == "search":
        return GridSearchCV(inner, {})
    if kind == "encoded":
        return EncodedClassifier(inner)
    return FrozenEstimator(inner) if kind == "frozen" else Fitted(inner)


def unfitted(nest, last):
    for kind in reversed(nest):
        last = wrap(kind, last)
    return last


def fitted(nest, last, X=X, y=y):
    """Wrappers around `last`, each as its own fit would leave it.

    Their parameters hold another estimator, which no function may look at.
    """
    if not nest:
        return last.fit(X, y)
    kind, *rest = nest
    other = RidgeClassifier()
    if kind == "pipeline":
        half = Half().fit(X)
        inner = fitted(rest, last, half.transform(X), y)
        return Pipeline([("half", half), ("last", inner)])
    if kind == "search":
        search = GridSearchCV(other, {})
        search.best_estimator_ = fitted(rest, last, X, y)
        return search
    if kind == "encoded":
        encoded = EncodedClassifier(other)
        labels = np.unique(y)  # codes in an order that another encoder does not undo
        order = [1, 0, 2] if labels.dtype.kind == "i" else [2, 0, 1]
        encoded._set_labels(labels[order])
        encoded.estimator_ = fitted(rest, last, X, encoded._encode(y))
        return encoded
    return wrap(kind, fitted(rest, last, X, y))


@over_nests
def test_layers_of_what_is_not_fitted(nest):
    for last in (LogisticRegression(), RandomForestClassifier(), None):
        estimator = unfitted(nest, last)
        found = [*wrappers.layers(estimator)]
        assert [wrappers.kind_of(layer) for layer in found] == [*nest, None]
        assert found[0] is estimator
        assert found[-1] is wrappers.last_step(estimator) is last
        assert wrappers.inside(estimator) is (found[1] if nest else last)


@over_nests
def test_rows_and_probabilities_in_and_out(nest):
    last = LogisticRegression()
    estimator = fitted(nest, last)
    found, rows = wrappers.at_last_step(estimator, X)
    assert found is last is wrappers.last_step(estimator)
    assert_array_equal(rows, X / 2 ** nest.count("pipeline"))
    # The oracle is what scikit-learn says, layer by layer.
    expected = estimator.predict_proba(X)
    proba = wrappers.align(estimator, last.predict_proba(rows))
    assert_array_equal(proba, expected)
    stacked = wrappers.align(estimator, np.stack([last.predict_proba(rows)] * 2))
    assert_array_equal(stacked, [expected, expected])


@over_nests
def test_members(nest):
    forest = RandomForestClassifier(n_estimators=4, random_state=0)
    assert has_response(unfitted(nest, forest), "members")
    estimator = fitted(nest, forest)
    assert has_response(estimator, "members")
    assert count_members(estimator) == 4
    proba = member_proba(estimator, X)
    assert proba.shape == (4, 30, 3)
    assert_allclose(proba.mean(axis=0), estimator.predict_proba(X))
    # Members that are given come before those of the ensemble inside.
    pair = [clone(forest).fit(X, y), LogisticRegression().fit(X, y)]
    for members in (pair, lambda X: np.stack([m.predict_proba(X) for m in pair])):
        committee = Fitted(estimator, members)
        found = member_proba(committee, X)
        assert_allclose(found, [m.predict_proba(X) for m in pair])
    assert count_members(Fitted(estimator, pair)) == 2


@over_nests
def test_responses(nest):
    for last in (LogisticRegression(), RidgeClassifier(), RandomForestClassifier()):
        expected = [has_response(last, response) for response in RESPONSES]
        for estimator in (unfitted(nest, last), fitted(nest, clone(last))):
            found = [has_response(estimator, response) for response in RESPONSES]
            assert found == expected


@over_nests
def test_vectors(nest):
    half = X / 2 ** nest.count("pipeline")
    estimator = fitted(nest, LogisticRegression())
    for embedding in (None, "input", "last_layer"):
        assert_array_equal(embed(estimator, X, embedding), half)
    assert_array_equal(embed_without_labels(estimator, X), half)
    if "fitted" in nest:
        return  # a pipeline around a `Fitted` counts as fitted
    # Of pipelines that are not fitted, the outermost one gives its vectors.
    estimator = unfitted(nest, LogisticRegression())
    half = X / 2 if "pipeline" in nest else X
    assert_array_equal(embed(estimator, X), half)
    assert_array_equal(embed_without_labels(estimator, X), half)
    with pytest.raises(ValueError, match="'last_layer' needs a fitted"):
        embed(estimator, X, "last_layer")


@pytest.mark.parametrize(
    "nest", [nest for nest in NESTS if nest.count("encoded") < 2], ids=name_of
)
def test_a_net_keeps_its_labels(nest):
    net = Net()
    estimator = fitted(nest, net)
    found, rows = wrappers.with_its_labels(estimator, X)
    assert_array_equal(found.classes_, estimator.classes_)
    assert_array_equal(found.predict_proba(rows), estimator.predict_proba(X))
    encoder = wrappers.encoder_of(estimator)
    assert (encoder is None) == ("encoded" not in nest)
    assert (found.estimator_ if encoder else found) is net
    assert found is not encoder
    # Any other classifier comes as it is.
    last = LogisticRegression()
    assert wrappers.with_its_labels(fitted(nest, last), X)[0] is last


@over_nests
def test_find(nest):
    last = LogisticRegression()
    found, rows = wrappers.find(fitted(nest, last), X, LogisticRegression)
    assert found is last
    assert_array_equal(rows, X / 2 ** nest.count("pipeline"))
    if "fitted" in nest:
        return
    # The walk goes into other meta-estimators too; X stays while nothing is fitted.
    for around in (lambda e: e, OneVsRestClassifier):
        estimator = around(unfitted(nest, clone(last)))
        found, rows = wrappers.find(estimator, X, LogisticRegression)
        assert isinstance(found, LogisticRegression)
        assert rows is X
    assert wrappers.find(estimator, X, RidgeClassifier) is None
    assert wrappers.find(None, X, RidgeClassifier) is None


def routes(nest):
    """Whether metadata can be routed through: only the learner asks encoders to fit."""
    return set(nest[nest[:1] == ("encoded",) :]) <= {"pipeline", "search"}


@pytest.mark.parametrize("nest", [*filter(routes, NESTS)], ids=name_of)
def test_params_of_the_last_step(nest):
    weights = np.ones(30)
    with config_context(enable_metadata_routing=True):
        last = LogisticRegression().set_fit_request(sample_weight="w")
        estimator = unfitted(nest, last)
        asked = {"w": weights} if {"pipeline", "search"} & set(nest) else {}
        params = wrappers.params_of_last_step(estimator, asked)
        assert list(params) == ["sample_weight"] * len(asked)
        assert all(value is weights for value in params.values())
        # A frozen estimator takes any parameter and passes none on.
        params = {"anything": 1}
        frozen = FrozenEstimator(estimator)
        assert wrappers.params_of_last_step(frozen, params) == params


def passes(nest):
    return not {"search", "frozen", "fitted"} & set(nest)


@pytest.mark.parametrize(
    "nest", [nest for nest in NESTS if "fitted" not in nest], ids=name_of
)
def test_warm_start(nest):
    estimator = unfitted(nest, LogisticRegression())
    if passes(nest):
        assert goes_on_by(estimator, True) == "fit"
        return
    kind = next(kind for kind in nest if kind in {"search", "frozen"})
    said = {"search": "trains many models", "frozen": "FrozenEstimator has no warm_st"}
    with pytest.raises(ValueError, match=said[kind]):
        goes_on_by(estimator, True)


@pytest.mark.parametrize(
    "nest",
    [*filter(passes, NESTS)],
    ids=lambda nest: " in ".join(reversed(nest)) or "bare",
)
def test_replace_last(nest):
    new = LogisticRegression(C=2).fit(X, y)
    for estimator in (
        fitted(nest, LogisticRegression()),
        unfitted(nest, LogisticRegression()),
    ):
        found = wrappers.replace_last(estimator, new)
        assert found is (estimator if nest else new)
        assert wrappers.last_step(found) is new
        kinds = [wrappers.kind_of(layer) for layer in wrappers.layers(found)]
        assert kinds == [*nest, None]


def test_one_file_knows_the_types():
    room = Path(wrappers.__file__).parent
    types = {"Pipeline", "BaseSearchCV", "FrozenEstimator"}
    knowing = {
        path.name
        for path in [*room.rglob("*.py"), *(room.parent / "classifier").rglob("*.py")]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        and types & {alias.name for alias in node.names}
    }
    assert knowing == {"wrappers.py"}
