"""Predicted loss against a plain reading of the method."""

import re
import warnings

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import nnls
from scipy.stats import spearmanr
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils._param_validation import InvalidParameterError

from skactive import ActiveLearningClassifier
from skactive._compat.tally import counting
from skactive._models.encoded import EncodedClassifier
from skactive._models.wrappers import Fitted
from skactive.strategies import Entropy, Margin, Mixture, Switch
from skactive.strategies._losses import stratified_folds
from skactive.strategies._predicted_loss import PredictedLoss

# Labels are pure noise where the first feature is positive, and known elsewhere; a
# tree, certain everywhere, does not know that.
RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, size=(400, 3))
X[:, 1] *= 10
CODES = np.where(X[:, 0] > 0, RNG.integers(3, size=400), (X[:, 1] > 0) * 1)
NAMES = np.array(["ant", "bee", "cat"])
LABELED = np.arange(120)
POOL = np.arange(120, 400)
Y = np.where(np.arange(400) < 120, CODES, np.nan)
TREE = DecisionTreeClassifier(random_state=0).fit(X[LABELED], CODES[LABELED])
RIDGE = PredictedLoss(regressor=Ridge())


def with_names(y=Y):
    return np.where(np.isnan(y), None, NAMES[np.nan_to_num(y).astype(int)])


# Oracle -----------------------------------------------------------------------------


def plain_expected(proba, loss):
    if loss == "log":
        return [-sum(p * np.log(p) for p in row if p > 0) for row in proba]
    return [1 - sum(p * p for p in row) for row in proba]


def plain_features(proba, places, others, kind):
    table = []
    for row, place, rest in zip(proba, places, others, strict=True):
        best, second = sorted(row, reverse=True)[:2]
        line = []
        if kind != "embedding":
            entropy = plain_expected([row], "log")[0]
            line += [*row, 1 - best, 1 - (best - second), entropy]
        if kind != "proba":
            line += [*place, min(np.linalg.norm(place - other) for other in rest)]
        table.append(line)
    return np.array(table)


def plain_predicted_loss(model, rows, codes, strategy, weights=None):
    """Losses of all rows, for at most ten features; None where it would fall back."""
    labeled = np.flatnonzero(codes >= 0)
    folds = stratified_folds(codes[labeled], strategy.n_folds, np.random.default_rng(0))
    scale = rows.std(axis=0)
    places = (rows - rows.mean(axis=0)) / np.where(scale > 0, scale, 1)
    parts = {}
    for fold in range(strategy.n_folds):
        learnt = labeled[folds != fold]
        params = {} if weights is None else {"sample_weight": weights[learnt]}
        part = clone(model).fit(rows[learnt], model.classes_[codes[learnt]], **params)
        parts[fold] = learnt, part.predict_proba(rows)
    asked, proba, losses, others = [], [], [], []
    for i, fold in zip(labeled, folds, strict=True):
        if fold < 0:
            continue
        learnt, answers = parts[fold]
        truth = answers[i][codes[i]]
        is_log = strategy.loss == "log"
        losses.append(-np.log(max(truth, 0.01)) if is_log else 1 - truth)
        proba.append(answers[i])
        asked.append(i)
        others.append(places[learnt])
    table = plain_features(proba, places[asked], others, strategy.features)
    splits = KFold(5, shuffle=True, random_state=0)
    learnt = cross_val_predict(clone(strategy.regressor), table, losses, cv=splits)
    expected = np.array(plain_expected(proba, strategy.loss))
    a, b = nnls(np.column_stack([expected, learnt.clip(0)]), np.array(losses))[0]
    now = model.predict_proba(rows)
    everywhere = [places[labeled]] * len(rows)
    table_of_all = plain_features(now, places, everywhere, strategy.features)
    found = clone(strategy.regressor).fit(table, losses).predict(table_of_all)
    return a * np.array(plain_expected(now, strategy.loss)) + b * found.clip(0)


CODES_NOW = np.where(np.isnan(Y), -1, CODES)


@pytest.mark.parametrize("loss", ["log", "error"])
@pytest.mark.parametrize("features", ["all", "proba", "embedding"])
def test_predicted_loss(loss, features):
    # Trees whose own doubt counts as well, but says too little.
    leaf = 2 if (features, loss) == ("all", "error") else 1
    model = DecisionTreeClassifier(min_samples_leaf=leaf, random_state=0)
    model.fit(X[LABELED], CODES[LABELED])
    strategy = PredictedLoss(
        loss, features=features, regressor=KNeighborsRegressor(15), n_folds=3
    )
    expected = plain_predicted_loss(model, X, CODES_NOW, strategy)
    utilities = strategy(model, X, Y)
    assert_allclose(utilities, expected, rtol=1e-9, atol=1e-12)
    assert utilities.dtype == np.float64
    assert utilities.min() >= 0
    assert np.ptp(utilities) > 0
    found = strategy.utilities(model, X, Y, POOL)
    assert_array_equal(found, utilities[POOL])


def test_it_finds_where_the_model_is_wrong():
    losses = TREE.predict(X[POOL]) != CODES[POOL]
    found = PredictedLoss()(TREE, X, Y)[POOL]
    assert spearmanr(found, losses).statistic > 0.4
    assert_array_equal(Entropy()(TREE, X), 0)
    chosen = PredictedLoss().select(TREE, X, Y, n_queries=30, random_state=0)
    assert (X[chosen, 0] > 0).mean() > 0.9


def test_seeds():
    # Estimators and regressors without a seed of their own get one.
    model = DecisionTreeClassifier(max_features=1).fit(X[LABELED], CODES[LABELED])
    found = [PredictedLoss(random_state=seed)(model, X, Y) for seed in (0, 0, 1)]
    assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()


def test_weights_reach_the_fits():
    weights = np.where(X[:, 1] > 3, 5.0, 0.2)
    labels = CODES[LABELED]
    model = DecisionTreeClassifier(random_state=0)
    model.fit(X[LABELED], labels, sample_weight=weights[LABELED])
    strategy = PredictedLoss(regressor=KNeighborsRegressor(15), n_folds=3)
    with_weights = strategy(Fitted(model, sample_weight=weights), X, Y)
    expected = plain_predicted_loss(model, X, CODES_NOW, strategy, weights)
    assert_allclose(with_weights, expected, rtol=1e-9, atol=1e-12)
    assert np.abs(with_weights - strategy(model, X, Y)).max() > 1e-3


# Folds ------------------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=40),
    st.integers(2, 7),
    st.integers(0, 99),
)
def test_folds(codes, n_folds, seed):
    codes = np.array(codes)
    folds = stratified_folds(codes, n_folds, np.random.default_rng(seed))
    counts = np.bincount(codes)
    assert_array_equal(folds == -1, counts[codes] == 1)
    assert folds.max() < n_folds
    for fold in range(n_folds):
        assert set(codes[folds != fold]) == set(codes)
        per_class = [np.sum((folds == fold) & (codes == c)) for c in set(codes)]
        shares = [counts[c] / n_folds for c in set(codes) if counts[c] > 1]
        found = [n for n, c in zip(per_class, set(codes), strict=True) if counts[c] > 1]
        assert all(abs(n - s) < 1 for n, s in zip(found, shares, strict=True))


class Spy(ClassifierMixin, BaseEstimator):
    """Says which rows it was fitted on; its probabilities are those of a tree."""

    log: list = []

    def fit(self, X, y):
        Spy.log.append((X[:, 0].copy(), set(y)))
        self.tree_ = DecisionTreeClassifier(random_state=0).fit(X, y)
        self.classes_ = self.tree_.classes_
        return self

    def predict_proba(self, X):
        return self.tree_.predict_proba(X)


def test_cost_and_what_the_fits_see():
    labels = CODES[LABELED].copy()
    labels[labels == 2] = 1
    labels[7] = 2  # the only one of its class
    y = Y.copy()
    y[LABELED] = labels
    model = Spy().fit(X[LABELED], labels)
    Spy.log.clear()
    PredictedLoss(regressor=KNeighborsRegressor(5), n_folds=4)(model, X, y)
    assert len(Spy.log) == 4
    for rows, classes in Spy.log:
        assert classes == {0, 1, 2}
        assert X[7, 0] in rows
        assert set(rows) < set(X[LABELED, 0])
    held_out = [set(X[LABELED, 0]) - set(rows) for rows, _ in Spy.log]
    assert sum(map(len, held_out)) == len(set.union(*held_out)) == 119


# When there is too little to learn from ---------------------------------------------


@pytest.mark.parametrize("loss", ["log", "error"])
def test_too_few_labels(loss):
    y = np.where(np.arange(400) < 15, Y, np.nan)
    model = RandomForestClassifier(10, random_state=0).fit(X[:15], CODES[:15])
    expected = plain_expected(model.predict_proba(X), loss)
    message = re.escape("too few labels to learn losses from, fewer than min_labels=20")
    for labels in (y, None):
        with pytest.warns(UserWarning, match=message):
            found = PredictedLoss(loss)(model, X, labels)
        assert_allclose(found, expected, atol=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        PredictedLoss(loss, min_labels=10)(model, X, y)  # enough for a try


def test_nothing_to_learn():
    # Labels at random everywhere: no row's loss differs from another's. A standard
    # error is exceeded by chance at times.
    y = np.full(400, np.nan)
    n_warned = 0
    for seed in range(8):
        y[:60] = np.random.default_rng(seed).integers(2, size=60)
        model = LogisticRegression(C=0.1).fit(X[:60], y[:60])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = RIDGE(model, X, y)
        if caught:
            assert "losses of the labelled rows not clearly" in str(caught[0].message)
            assert_allclose(found, Entropy()(model, X), rtol=1e-12)
            n_warned += 1
    assert n_warned >= 5
    # A model that is right everywhere, and knows it.
    known = (X[:, 1] > 0).astype(int)
    apart = X + 20 * np.sign(X)
    model = DecisionTreeClassifier(random_state=0).fit(apart[:60], known[:60])
    y[:60] = known[:60]
    with pytest.warns(UserWarning, match="falls back on the entropy"):
        assert_array_equal(RIDGE(model, apart, y), 0)


def test_switch_avoids_the_warning():
    steps = [("entropy", Entropy()), ("loss", PredictedLoss())]
    strategy = Switch(steps, at=30)
    early = np.where(np.arange(400) < 25, Y, np.nan)
    model = RandomForestClassifier(5, random_state=0).fit(X[:25], CODES[:25])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(strategy.select(model, X, early, n_queries=3, random_state=0)) == 3


# Kinds of estimators and of data ----------------------------------------------------


def test_string_labels_and_codes():
    y = with_names()
    tree = DecisionTreeClassifier(random_state=0)
    model = clone(tree).fit(X[LABELED], NAMES[CODES[LABELED]])
    expected = RIDGE(TREE, X, Y)
    assert_allclose(RIDGE(model, X, y), expected, rtol=1e-12)
    encoded = EncodedClassifier(tree).fit(X[LABELED], NAMES[CODES[LABELED]])
    assert_allclose(RIDGE(encoded, X, y), expected, rtol=1e-12)
    search = GridSearchCV(tree, {"max_depth": [None]}, cv=2)
    search.fit(X[LABELED], CODES[LABELED])
    assert_allclose(RIDGE(search, X, Y), expected, rtol=1e-12)
    pipeline = make_pipeline(tree).fit(X[LABELED], CODES[LABELED])
    assert_allclose(RIDGE(pipeline, X, Y), expected, rtol=1e-12)


def test_frozen_estimators_are_not_fitted_again():
    # It has never seen the labelled rows, so that their losses are honest.
    far = DecisionTreeClassifier(random_state=0).fit(X[300:], CODES[300:])
    frozen = FrozenEstimator(far)
    found = PredictedLoss(regressor=KNeighborsRegressor(15))(frozen, X, Y)
    assert np.ptp(found) > 0
    assert_array_equal(frozen.predict_proba(X), far.predict_proba(X))


def test_list_of_estimators():
    strategy = PredictedLoss(regressor=KNeighborsRegressor(15))
    deep = DecisionTreeClassifier(max_depth=9, random_state=1)
    found = strategy([TREE, deep.fit(X[LABELED], CODES[LABELED])], X, Y)
    assert np.ptp(found) > 0
    with pytest.raises(
        ValueError, match=r"PredictedLoss needs predict_proba.*LinearSVC"
    ):
        RIDGE(LinearSVC().fit(X[LABELED], CODES[LABELED]), X, Y)


@pytest.mark.parametrize("make", [sp.csr_array, sp.csc_array])
def test_sparse(make):
    counts = np.maximum(
        np.round(3 * np.c_[X, X[:, ::-1] ** 2, X @ RNG.normal(size=(3, 20))]), 0
    )
    model = DecisionTreeClassifier(random_state=0).fit(counts[LABELED], CODES[LABELED])
    strategy = PredictedLoss(regressor=KNeighborsRegressor(10), features="proba")
    dense = np.abs(strategy_or_fallback(strategy, model, counts))
    assert_allclose(strategy_or_fallback(strategy, model, make(counts)), dense)
    found = strategy_or_fallback(PredictedLoss(), model, make(counts))
    assert np.isfinite(found).all()
    assert found.min() >= 0


def strategy_or_fallback(strategy, model, rows):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*falls back.*")
        return strategy(model, rows, Y)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames(library):
    make = pytest.importorskip(library).DataFrame
    frame = make({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2]})
    model = clone(TREE).fit(frame[: len(LABELED)], CODES[LABELED])
    assert_allclose(RIDGE(model, frame, Y), RIDGE(TREE, X, Y), rtol=1e-12)


def test_texts():
    words = np.array(["sun", "rain", "snow", "wind", "fog", "hail"])
    rng = np.random.default_rng(2)
    codes = rng.integers(6, size=(200, 4))
    texts = [" ".join(words[row]) for row in codes]
    labels = np.where(codes[:, 0] > 2, rng.integers(2, size=200), codes[:, 0] == 0)
    y = np.where(np.arange(200) < 80, labels, np.nan)
    inner = make_pipeline(TfidfVectorizer(), DecisionTreeClassifier(random_state=0))
    learner = ActiveLearningClassifier(inner, PredictedLoss(), random_state=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*falls back.*")
        rows = learner.fit(texts, y).query(texts, y)
        again = learner.query(texts, y)
        part = PredictedLoss(features="proba", regressor=Ridge())
        without = DecisionTreeClassifier(random_state=0)
        vectors = TfidfVectorizer().fit_transform(texts)
        part(without.fit(vectors[:80], labels[:80]), vectors, y)
    assert_array_equal(rows, again)
    assert rows.min() >= 80
    assert len(set(rows)) == 10


def test_wide_embeddings_and_named_ones():
    wide = X @ np.random.default_rng(3).normal(size=(3, 40))
    model = clone(TREE).fit(wide[LABELED], CODES[LABELED])
    strategy = PredictedLoss(
        regressor=KNeighborsRegressor(10), embedding=lambda X: X[:, :3]
    )
    assert np.ptp(PredictedLoss()(TREE, np.c_[X], Y)) > 0
    found = strategy_or_fallback(PredictedLoss(), model, wide)
    assert np.isfinite(found).all()
    named = strategy(TREE, X, Y)
    assert_array_equal(named, clone(strategy).set_params(embedding=None)(TREE, X, Y))


def test_chunks_and_jobs_change_nothing():
    strategies = [RIDGE, PredictedLoss()]
    for strategy in strategies:
        whole = strategy(TREE, X, Y)
        with config_context(working_memory=1e-9):
            assert_allclose(strategy(TREE, X, Y), whole, rtol=1e-9)
            with joblib.parallel_config("threading", n_jobs=2):
                assert_allclose(strategy(TREE, X, Y), whole, rtol=1e-9)


def test_large_pools_are_sampled_for_the_directions_only():
    rows = np.vstack([X] * 6)
    y = np.append(Y, np.full(2000, np.nan))
    found = PredictedLoss()(TREE, rows, y)
    assert_allclose(found[400:800], found[:400], rtol=1e-12)
    near = PredictedLoss()(TREE, X, Y)
    assert spearmanr(found[:400], near).statistic > 0.9


# In learners and combinations -------------------------------------------------------


def test_factor_and_term():
    # Utilities enter a mixture by their ranks.
    losses = RIDGE(TREE, X, Y)
    assert_allclose((RIDGE * 2)(TREE, X, Y), 2 * losses)
    mixture = Mixture([RIDGE, Margin()])
    assert mixture(TREE, X, Y).max() < 1


def test_grid_search():
    learner = ActiveLearningClassifier(
        DecisionTreeClassifier(random_state=0),
        PredictedLoss(regressor=Ridge(), min_labels=10),
        budget=60,
        batch_size=20,
        random_state=0,
    )
    grid = {"strategy__loss": ["log", "error"], "strategy__features": ["proba", "all"]}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*falls back|.*equally useful")
        search = GridSearchCV(learner, grid, cv=2).fit(X, NAMES[CODES])
    assert len(search.cv_results_["params"]) == 4
    assert search.best_estimator_.n_labels_ == 60


@pytest.mark.parametrize(
    "wrong",
    [
        {"loss": "squared"},
        {"features": "X"},
        {"n_folds": 1},
        {"min_labels": 5},
        {"random_state": None},
        {"regressor": "ridge"},
    ],
)
def test_wrong_parameters(wrong):
    with pytest.raises(InvalidParameterError):
        PredictedLoss(**wrong)(TREE, X, Y)


def test_wrong_data():
    known = CODES[LABELED] < 2
    model = clone(TREE).fit(X[LABELED][known], CODES[LABELED][known])
    with pytest.raises(ValueError, match=r"labels \[2\.0\].*knows \[0, 1\]"):
        RIDGE(model, X, Y)
    with pytest.raises(ValueError, match="X has 400 rows, but y has 3"):
        RIDGE(TREE, X, Y[:3])
    texts = ["sun", "rain"] * 200
    with pytest.raises(ValueError, match="not an array of numbers"):
        RIDGE(TextModel().fit(texts[:120], CODES[LABELED]), texts, Y)


class TextModel(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


def test_the_estimators_own_error_is_not_swallowed():
    class Broken(DecisionTreeClassifier):
        def fit(self, X, y):
            if len(X) < 120:
                raise RuntimeError("out of memory")
            return super().fit(X, y)

    model = Broken().fit(X[LABELED], CODES[LABELED])
    with pytest.raises(RuntimeError, match="out of memory"):
        RIDGE(model, X, Y)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_what_it_takes_is_counted(n_jobs):
    with joblib.parallel_config(n_jobs=n_jobs), counting() as tally:
        RIDGE(TREE, X, Y)
    assert tally.n_fits == 5 + 5 + 1  # folds, the regressor's folds, the regressor
    assert tally.n_scored == 120 + 400  # held out, and the pool
