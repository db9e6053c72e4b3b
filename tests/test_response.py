import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import check_is_fitted

from skactive import get_strategy
from skactive._data import chunks
from skactive._data.chunks import map_rows
from skactive._models.encoded import EncodedClassifier
from skactive._models.members import classes_of, member_proba
from skactive._models.response import decision_values, has_response, predict_proba
from skactive._models.vectors import embed, embed_without_labels
from skactive._models.wrappers import Fitted

X, codes = make_classification(
    n_samples=90, n_features=6, n_informative=4, n_classes=3, random_state=0
)
y = np.array(["egg", "ham", "spam"])[codes]


def forest(kind=RandomForestClassifier):
    return kind(n_estimators=5, random_state=0)


# What each ensemble itself predicts is the mean of its members.
SOFT = {
    "forest": forest(),
    "extra trees": forest(ExtraTreesClassifier),
    "bagging": BaggingClassifier(GaussianNB(), random_state=0),
    "bagging of half the features": BaggingClassifier(
        GaussianNB(), max_features=0.5, random_state=0
    ),
    "bagging of features drawn again": BaggingClassifier(
        GaussianNB(), bootstrap_features=True, random_state=0
    ),
    # Three rows a member: many members lack a class.
    "bagging without all classes": BaggingClassifier(
        KNeighborsClassifier(1), max_samples=3, n_estimators=20, random_state=0
    ),
    "bagging that only votes": BaggingClassifier(LinearSVC(), random_state=0),
    "voting": VotingClassifier(
        [("nb", GaussianNB()), ("lr", LogisticRegression())], voting="soft"
    ),
    "pipeline": make_pipeline(StandardScaler(), forest()),
    "nested pipeline": make_pipeline(
        StandardScaler(), make_pipeline(StandardScaler(), forest())
    ),
    "search": GridSearchCV(forest(), {"max_depth": [1, 2]}, cv=2),
    "frozen": FrozenEstimator(forest().fit(X, y)),
    "encoded": EncodedClassifier(forest()),
    "encoded pipeline": EncodedClassifier(make_pipeline(StandardScaler(), forest())),
}


@pytest.mark.parametrize("name", SOFT)
def test_mean_of_members_is_the_ensemble(name):
    ensemble = SOFT[name]
    assert has_response(ensemble, "members")
    ensemble.fit(X, y)
    pool = np.random.default_rng(0).normal(size=(90, 6))
    proba = member_proba(ensemble, pool)
    assert proba.shape[1:] == (90, 3)
    assert_allclose(proba.sum(axis=2), 1)
    assert_allclose(proba.mean(axis=0), ensemble.predict_proba(pool), atol=1e-12)
    assert len(np.unique(proba.round(6), axis=0)) > 1, "members must differ"


def test_members_of_a_list_are_aligned_to_the_union_of_classes():
    first = GaussianNB().fit(X[y != "ham"], y[y != "ham"])
    second = GaussianNB().fit(X[y != "egg"], y[y != "egg"])
    assert classes_of([first, second]).tolist() == ["egg", "ham", "spam"]
    proba = member_proba([first, second], X)
    assert_allclose(proba[0][:, [0, 2]], first.predict_proba(X))
    assert_allclose(proba[1][:, [1, 2]], second.predict_proba(X))
    assert_array_equal(proba[0][:, 1], 0)
    assert_array_equal(proba[1][:, 0], 0)
    mean = predict_proba([first, second], X)
    assert_allclose(mean, proba.mean(axis=0))


def test_members_without_probabilities_vote():
    members = [SVC(C=C).fit(X, y) for C in (0.1, 10)]
    proba = member_proba(members, X)
    for member, votes in zip(members, proba, strict=True):
        assert_array_equal(members[0].classes_[votes.argmax(axis=1)], member.predict(X))
        assert_array_equal(np.sort(votes, axis=1), [[0, 0, 1]] * 90)


def test_hard_voting_is_a_committee_too():
    voting = VotingClassifier([("nb", GaussianNB()), ("svc", SVC())]).fit(X, y)
    assert_array_equal(
        voting.classes_[member_proba(voting, X)[1].argmax(axis=1)],
        SVC().fit(X, y).predict(X),
    )


@pytest.mark.parametrize("name", ["forest", "bagging of half the features", "voting"])
def test_containers_of_members(name):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcdef"))
    ensemble = SOFT[name].fit(frame, y)
    expected = member_proba(SOFT[name].fit(X, y), X)
    assert_array_equal(member_proba(ensemble.fit(frame, y), frame), expected)
    if name == "forest":
        sparse = sp.csr_array(X)
        assert_allclose(member_proba(ensemble.fit(sparse, y), sparse), expected)
        with_nan = np.where(X > 2, np.nan, X)
        ensemble.fit(with_nan, y)
        assert_allclose(
            member_proba(ensemble, with_nan).mean(axis=0),
            ensemble.predict_proba(with_nan),
        )


@pytest.mark.parametrize("name", ["forest", "bagging"])
def test_members_refuse_other_columns(name):
    ensemble = SOFT[name].fit(X, y)
    with pytest.raises(ValueError, match="5 features"):
        member_proba(ensemble, X[:, :5])


def test_committee_answers_as_its_estimator():
    model = GaussianNB().fit(X, y)
    committee = Fitted(model, [model, model])
    assert has_response(committee, "members")
    assert has_response(committee, "predict_proba")
    assert not has_response(committee, "decision_function")
    assert_array_equal(committee.predict_proba(X), model.predict_proba(X))
    assert member_proba(committee, X).shape == (2, 90, 3)
    check_is_fitted(committee)
    copy = pickle.loads(pickle.dumps(committee))
    assert_array_equal(copy.predict_proba(X), model.predict_proba(X))


def test_no_committee():
    for estimator in (LogisticRegression(), DecisionTreeClassifier(), []):
        assert not has_response(estimator, "members")


def test_decision_values():
    binary = LinearSVC().fit(X, y == "ham")
    values = decision_values(binary, X)
    assert_array_equal(values[:, 1], binary.decision_function(X))
    assert_array_equal(values[:, 0], -values[:, 1])
    several = LinearSVC().fit(X, y)
    assert_array_equal(decision_values(several, X), several.decision_function(X))


@pytest.mark.parametrize(
    "wrap", [lambda e: e, lambda e: make_pipeline(e), EncodedClassifier]
)
def test_one_versus_one_is_refused(wrap):
    # With three classes there are three pairs as well: the shape alone says nothing.
    model = wrap(SVC(decision_function_shape="ovo")).fit(X, y)
    with pytest.raises(ValueError, match="decision_function_shape='ovr'"):
        decision_values(model, X)


def test_wrong_shape_of_predict_proba():
    class Wrong:
        def predict_proba(self, X):
            return np.ones(len(X))

    with pytest.raises(ValueError, match=r"shape \(90,\) for 90 rows"):
        predict_proba(Wrong(), X)


# Chunks -----------------------------------------------------------------------------


def containers(values):
    pd = pytest.importorskip("pandas")
    yield values
    yield np.asfortranarray(values)
    yield sp.csr_array(values)
    yield pd.DataFrame(values)
    yield values.tolist()


@pytest.mark.parametrize("n_rows", [0, 1, 63, 64, 65, 129, 1000])
@pytest.mark.parametrize("unit", [1, 64, 200])
def test_map_rows(n_rows, unit, monkeypatch):
    monkeypatch.setattr(chunks, "_CHUNK_UNIT", unit)
    monkeypatch.setattr(chunks, "_CHUNK_MAX_ROWS", unit)
    values = np.arange(2.0 * n_rows).reshape(n_rows, 2)
    rng = np.random.default_rng(0)
    sizes = []

    def first_column(chunk):
        if sp.issparse(chunk):
            chunk = chunk.toarray()
        sizes.append(len(chunk))
        return np.asarray(chunk)[:, 0]

    for pool in containers(values):
        for share in (0.0, 0.1, 0.95, 1.0):
            rows = np.flatnonzero(rng.random(n_rows) < share)
            found = map_rows(first_column, pool, rows)
            assert_array_equal(found, values[rows, 0])
    assert max(sizes, default=0) <= max(2 * unit, 1)


def test_chunks_are_views_and_small():
    pool = np.zeros((300_000, 20))
    seen = []

    def look(chunk):
        seen.append((np.shares_memory(chunk, pool), len(chunk)))
        return chunk[:, 0]

    map_rows(look, pool, np.arange(50, 300_000))
    assert len(seen) > 1
    assert all(is_view and size <= 2**16 + 64 for is_view, size in seen)
    seen.clear()
    map_rows(look, pool, np.arange(0, 300_000, 1000))
    assert sum(size for _, size in seen) == 300, "only wanted rows are copied"
    assert len(seen) == 1, "a few rows of many chunks come together"
    seen.clear()
    rows = np.append(np.arange(0, 150_000, 2), np.arange(150_000, 300_000))
    map_rows(look, pool, rows)
    assert sum(size for _, size in seen) == len(rows)
    assert len(seen) < 6
    assert max(size for _, size in seen) <= 2**16 + 64
    seen.clear()
    map_rows(look, pool, np.append([0, 1000], np.arange(2**16, 2**17 - 5000)))
    assert [is_view for is_view, _ in seen] == [False, True], "most rows are no copy"


def test_working_memory_and_jobs_change_nothing():
    model = LogisticRegression().fit(X, y)
    pool = np.random.default_rng(0).normal(size=(5000, 6))
    rows = np.arange(0, 5000)
    expected = map_rows(lambda chunk: model.predict_proba(chunk)[:, 0], pool, rows)
    sizes = set()

    def score(chunk):
        sizes.add(len(chunk))
        return model.predict_proba(chunk)[:, 0]

    with config_context(working_memory=0.05), parallel_config("threading", n_jobs=3):
        assert_array_equal(map_rows(score, pool, rows), expected)
    assert max(sizes) < 2000


def wrap(estimator, labels):
    yield EncodedClassifier(estimator).fit(X, labels)
    yield FrozenEstimator(clone(estimator).fit(X, labels))
    search = GridSearchCV(estimator, {"logisticregression__C": [1]}, cv=2)
    yield EncodedClassifier(search).fit(X, labels)
    yield Fitted(EncodedClassifier(estimator).fit(X, labels))


def test_embeddings_through_wrappers():
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    for wrapped in wrap(pipeline, y):
        assert_allclose(embed(wrapped, X), StandardScaler().fit_transform(X))


# ---------------------------------------------------------------------------------
# Embeddings of nets, and of arrays with more than two axes
# ---------------------------------------------------------------------------------


def _hidden(net, X):
    for coef, intercept in zip(net.coefs_[:-1], net.intercepts_[:-1], strict=True):
        X = np.tanh(X @ coef + intercept)
    return X


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_embedding_of_a_net_is_its_last_hidden_layer(dtype, monkeypatch):
    X = np.random.RandomState(0).randn(200, 3).astype(dtype)
    y = (X[:, 0] > 0).astype(int)
    net = MLPClassifier((5, 4), activation="tanh", max_iter=3, random_state=0)
    pipeline = make_pipeline(StandardScaler(), net)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline.fit(X, y)
    scaled = pipeline[0].transform(X)
    expected = _hidden(pipeline[-1], scaled)
    for estimator in (
        pipeline,
        FrozenEstimator(pipeline),
        EncodedClassifier(FrozenEstimator(pipeline)).fit(X, y),
        Fitted(pipeline),
    ):
        for embedding in (None, "last_layer"):
            found = embed(estimator, X, embedding)
            assert found.dtype == dtype
            assert_allclose(found, expected, rtol=1e-5)
        assert_array_equal(embed(estimator, X, "input"), scaled)
        found = embed_without_labels(estimator, X)
        assert_allclose(found, expected, rtol=1e-5)
    monkeypatch.setattr(chunks, "_CHUNK_SIZE", 64)
    assert_allclose(embed(pipeline, X), expected, rtol=1e-5)
    # Unfitted, it is what the net will be given.
    for estimator in (clone(pipeline), EncodedClassifier(clone(pipeline))):
        for embedding in (None, "input"):
            assert_allclose(embed(estimator, X, embedding), scaled, 1e-5)
        with pytest.raises(ValueError, match=r"'last_layer' needs a fitted net or lin"):
            embed(estimator, X, "last_layer")
    assert embed(clone(net), X) is X


def test_net_without_hidden_layers_takes_sparse_rows():
    X = sp.csr_array(np.eye(6))
    net = MLPClassifier((), max_iter=3, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net.fit(X, [0, 0, 0, 1, 1, 1])
    assert_array_equal(embed(net, X).toarray(), np.eye(6))


def test_last_layer_of_other_models():
    X = np.arange(8.0).reshape(4, 2)
    linear = LogisticRegression().fit(X, [0, 0, 1, 1])
    assert_array_equal(embed(linear, X, "last_layer"), X)
    tree = DecisionTreeClassifier().fit(X, [0, 0, 1, 1])
    for estimator in (tree, None, [linear]):
        assert embed(estimator, X) is X
        assert embed(estimator, X, "input") is X
        with pytest.raises(ValueError, match=r"got .*\. Use embedding='input'"):
            embed(estimator, X, "last_layer")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_images_are_flattened_as_a_view(dtype):
    X = np.arange(60, dtype=dtype).reshape(5, 1, 3, 4)
    for vectors in (
        embed(None, X),
        embed(None, X, "input"),
        embed(None, X.reshape(5, 12), lambda rows: rows.reshape(5, 3, 4)),
        embed_without_labels(None, X),
    ):
        assert np.shares_memory(vectors, X)
        assert vectors.dtype == dtype
        assert_array_equal(vectors, X.reshape(5, 12))
    X[2, 0, 1, 1] = np.nan
    assert embed_without_labels(None, X) is None


@pytest.mark.parametrize("name", ["k_center", "typiclust", "badge", "ranked_batch"])
def test_embedding_of_a_strategy_is_checked(name):
    X = np.arange(8.0).reshape(4, 2)
    model = LogisticRegression().fit(X, [0, 0, 1, 1])
    strategy = get_strategy(name).set_params(embedding="hidden")
    with pytest.raises(ValueError, match=r"'embedding' parameter of .*'last_layer'"):
        strategy.select(model, X, n_queries=2)
