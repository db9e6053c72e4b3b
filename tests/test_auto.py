"""The default strategy: what it resolves to, and the parts that it is made of."""

import itertools
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits, make_classification
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import f_classif
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skactive import ActiveLearningClassifier, get_strategy
from skactive._models.leaves import leaf_vectors
from skactive.geometry._sampling import draw_proportional
from skactive.geometry._separation import class_separation, weight_by_separation
from skactive.strategies import Auto, Margin, Mixture, Switch, UncertaintyHerding
from skactive.strategies._coverage import _LABELED_SHARE, _ROWS_PER_QUERY

X, ANSWERS = make_classification(
    300, n_features=6, n_informative=4, n_classes=3, random_state=0
)
KNOWN = np.arange(0, 300, 8)
Y = np.full(300, np.nan)
Y[KNOWN] = ANSWERS[KNOWN]

SEPARATION = UncertaintyHerding(weight_features=True)
LEAVES = UncertaintyHerding(embedding="leaves")
RESOLVED = [
    (LogisticRegression(), SEPARATION),
    (make_pipeline(StandardScaler(), SVC()), SEPARATION),
    (RidgeClassifier(), SEPARATION),
    (GaussianNB(), SEPARATION),
    (CalibratedClassifierCV(SVC(), cv=2), SEPARATION),
    (BaggingClassifier(LogisticRegression()), SEPARATION),
    (GridSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=2), SEPARATION),
    (RandomForestClassifier(5), LEAVES),
    (make_pipeline(StandardScaler(), ExtraTreesClassifier(5)), LEAVES),
    (
        make_pipeline(StandardScaler(), MLPClassifier(4, max_iter=9)),
        UncertaintyHerding(),
    ),
    (HistGradientBoostingClassifier(max_iter=3), Margin()),
    (AdaBoostClassifier(n_estimators=3), Margin()),
]
if find_spec("xgboost"):
    from xgboost import XGBClassifier

    RESOLVED.append((XGBClassifier(n_estimators=3), Margin()))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:.*equally useful:UserWarning")
@pytest.mark.parametrize(
    ("model", "strategy"), RESOLVED, ids=lambda v: type(v).__name__
)
def test_what_it_is_for_each_kind_of_model(model, strategy):
    learner = ActiveLearningClassifier(model, random_state=0).fit(X, Y)
    assert repr(learner.strategy_) == repr(strategy)
    other = ActiveLearningClassifier(model, strategy, random_state=0).fit(X, Y)
    rows = learner.query(X, Y)
    assert_array_equal(rows, other.query(X, Y))
    record = learner.explain_query(X, rows[:1], Y)[0]
    assert repr(strategy) in record["strategy"]
    assert record["utility"] == Margin()(learner.estimator_, X)[rows[0]]


@pytest.mark.filterwarnings("ignore:.*equally useful:UserWarning")
def test_gaps_need_no_vectors():
    gaps = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    for model, strategy in [
        (HistGradientBoostingClassifier(max_iter=3), Margin()),
        (RandomForestClassifier(5), LEAVES),
        (BaggingClassifier(), Margin()),
    ]:
        learner = ActiveLearningClassifier(model, random_state=0).fit(gaps, Y)
        assert repr(learner.strategy_) == repr(strategy)
        assert len(learner.query(gaps, Y)) == 10
    # A single gap, in a row without a label, is seen as well.
    gaps = X.copy()
    gaps[-1, 0] = np.nan
    learner = ActiveLearningClassifier(BaggingClassifier(), random_state=0).fit(gaps, Y)
    assert repr(learner.strategy_) == "Margin()"


def test_texts():
    words = np.array([f"word{i}" for i in range(500)])
    rng = np.random.default_rng(0)
    texts = [" ".join(words[rng.integers(500, size=9)]) for _ in range(300)]
    model = make_pipeline(TfidfVectorizer(), LogisticRegression())
    learner = ActiveLearningClassifier(model, random_state=0).fit(texts, Y)
    assert repr(learner.strategy_) == "Margin()"
    text = str(learner.explain_query(texts, learner.query(texts, Y, 1), Y))
    assert "by Auto(): Margin(), since rows are sparse" in text
    dense = sp.csr_array(X)  # a sparse array with hardly a zero
    learner = ActiveLearningClassifier(LogisticRegression(), random_state=0)
    assert repr(learner.fit(dense, Y).strategy_) == repr(SEPARATION)
    rows = learner.query(dense, Y)
    assert_array_equal(rows, learner.fit(X, Y).query(X, Y))


def test_it_is_a_part_of_others():
    model = LogisticRegression().fit(X[KNOWN], ANSWERS[KNOWN])
    alone = Auto().select(model, X, Y, n_queries=5, random_state=0)
    switched = Switch(["random", "auto"], at=2)
    assert_array_equal(switched.select(model, X, Y, n_queries=5, random_state=0), alone)
    with pytest.raises(ValueError, match="chooses a batch in its own way"):
        (get_strategy("auto") + get_strategy("random")).select(model, X, Y, n_queries=2)
    with pytest.raises(ValueError, match="chooses a batch in its own way"):
        Mixture(["auto", "margin"]).select(model, X, Y, n_queries=2)
    with pytest.raises(ValueError, match="Auto needs predict_proba or decision"):
        ActiveLearningClassifier(OnlyPredicts(), random_state=0).fit(X, Y)


def test_it_saves_labels():
    digits, answers = load_digits(return_X_y=True)
    scores = {
        name: np.mean(
            [
                ActiveLearningClassifier(SVC(C=10), name, budget=80, random_state=seed)
                .fit(digits[:1200], answers[:1200])
                .score(digits[1200:], answers[1200:])
                for seed in range(3)
            ]
        )
        for name in ("auto", "random")
    }
    assert scores["auto"] > scores["random"] + 0.02


class OnlyPredicts(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def test_labels_in_any_container():
    model = LogisticRegression().fit(X[KNOWN], ANSWERS[KNOWN])
    names = np.array(["a", "b", "c"], dtype=object)[ANSWERS]
    named = [names[row] if row in KNOWN else None for row in range(len(X))]
    shuffled = pd.Series(named, index=np.arange(len(X))[::-1])
    for strategy in (Auto(), UncertaintyHerding(weight_features=True, max_rows=60)):
        expected = strategy.select(model, X, Y, n_queries=4, random_state=0)
        for y in (Y.tolist(), named, np.array(named, dtype=object), shuffled):
            found = strategy.select(model, X, y, n_queries=4, random_state=0)
            assert_array_equal(found, expected)


# Its parts --------------------------------------------------------------------------


@given(st.integers(0, 10**6))
def test_separation_is_that_of_the_analysis_of_variance(seed):
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(8, 40)), int(rng.integers(2, 5))
    labels = np.append(np.arange(k), rng.integers(k, size=n - k))
    vectors = rng.standard_normal((n, 5)) + labels[:, np.newaxis] * [0, 0, 1, 3, 10]
    F, _ = f_classif(vectors, labels)
    expected = np.maximum(0, 1 - (n - 1) / (n - k + F * (k - 1)))
    for form in (np.asarray, sp.csr_array, sp.csr_matrix):
        found = class_separation(form(vectors), labels)
        assert_allclose(found, expected, atol=1e-9)
        assert ((found >= 0) & (found <= 1)).all()
    shifted = class_separation(vectors * 7 + 1e4, labels.astype(str))
    assert_allclose(shifted, expected, atol=1e-6)


def test_separation_at_its_ends():
    labels = np.array([0, 0, 1, 1, 2])
    vectors = np.column_stack([labels, np.ones(5), 3 - labels]).astype(float)
    assert_allclose(class_separation(vectors, labels), [1, 0, 1])
    assert_array_equal(class_separation(vectors, np.arange(5)), [0, 0, 0])
    assert_array_equal(class_separation(vectors[:0], []), [0, 0, 0])


def test_weights_of_features():
    rng = np.random.default_rng(0)
    vectors, labels = rng.standard_normal((200, 4)), rng.integers(2, size=30)
    vectors[:30, 1] += 4 * labels
    weighted = weight_by_separation(vectors, np.arange(30), labels)
    parts = weighted.var(axis=0) / weighted.var(axis=0).sum()
    before = vectors.var(axis=0) / vectors.var(axis=0).sum()
    separation = class_separation(vectors[:30], labels)
    shares = separation * before / (separation @ before)
    assert_allclose(parts, 0.9 * shares + 0.1 * before)
    sparse = weight_by_separation(sp.csr_array(vectors), np.arange(30), labels)
    assert_allclose(sparse.toarray(), weighted)
    alike = np.zeros(30, dtype=int)
    assert weight_by_separation(vectors, np.arange(30), alike) is vectors


def test_leaves():
    forest = RandomForestClassifier(9, max_depth=3, random_state=0).fit(X, ANSWERS)
    vectors = leaf_vectors(forest, X)
    leaves = forest.apply(X)
    alike = (leaves[:, np.newaxis] == leaves).mean(axis=2)
    assert_allclose((vectors @ vectors.T).toarray(), alike)


@given(st.integers(0, 10**6))
def test_rows_are_drawn_by_their_weights(seed):
    rng = np.random.default_rng(seed)
    n_samples = int(rng.integers(1, 60))
    weights = rng.pareto(0.7, n_samples) * (rng.random(n_samples) < rng.random())
    n_rows = int(rng.integers(1, n_samples + 3))
    rows, counts = draw_proportional(weights, n_rows, rng)
    assert len(rows) == min(n_rows, n_samples)
    assert (np.diff(rows) > 0).all()
    assert (counts >= weights[rows] * (1 - 1e-9)).all()
    if np.count_nonzero(weights) <= n_rows:
        assert set(np.flatnonzero(weights)) <= set(rows.tolist())
        assert_allclose(counts, weights[rows])
    else:  # rows that are not certain all count the same
        smaller = counts[counts > weights[rows] * (1 + 1e-9)]
        assert_allclose(smaller, smaller[:1].repeat(len(smaller)))
        assert_allclose(counts.sum(), weights.sum(), rtol=1e-6)


def test_drawn_rows_count_as_all_on_the_mean():
    weights = np.array([0.1, 0.2, 0.3, 0.4, 5.0, 1.0])
    rng, n_draws = np.random.default_rng(0), 4000
    total = np.zeros(6)
    for _ in range(n_draws):
        rows, counts = draw_proportional(weights, 3, rng)
        total[rows] += counts
    assert_allclose(total / n_draws, weights, rtol=0.15)


def test_neighbours_in_the_array_may_be_drawn_together():
    rng = np.random.default_rng(0)
    pairs = {
        pair
        for _ in range(300)
        for pair in itertools.combinations(draw_proportional(np.ones(6), 2, rng)[0], 2)
    }
    assert len(pairs) == 15


def test_more_rows_than_max_rows():
    rng = np.random.default_rng(0)
    pool = rng.standard_normal((3000, 4))
    labels = (pool[:, 0] > 0).astype(int)
    y = np.where(np.arange(3000) < 40, labels, np.nan)
    model = LogisticRegression().fit(pool[:40], labels[:40])
    strategy = UncertaintyHerding(max_rows=100)
    chosen = strategy.select(model, pool, y, n_queries=5, random_state=0)
    again = strategy.select(model, pool, y, n_queries=5, random_state=0)
    assert_array_equal(chosen, again)
    assert len(set(chosen.tolist())) == 5
    assert chosen.min() >= 40
    # Drawn rows are uncertain ones, as most of what has to be covered is.
    assert Margin()(model, pool)[chosen].mean() > Margin()(model, pool).mean()
    # No fewer are drawn than a batch needs.
    few = UncertaintyHerding(max_rows=10)
    assert len(few.select(model, pool, y, n_queries=30)) == 30


def test_labelled_rows_beyond_the_limit_still_cover():
    rng = np.random.default_rng(0)
    near, far = rng.standard_normal((1500, 2)), rng.standard_normal((300, 2)) + 30
    pool = np.vstack([near, far])
    labels = rng.integers(2, size=len(pool))
    y = np.where(np.arange(len(pool)) < 800, labels, np.nan)
    model = LogisticRegression(C=1e-9).fit(pool, labels)  # unsure of each row alike
    strategy = UncertaintyHerding(max_rows=20)
    assert _LABELED_SHARE * _ROWS_PER_QUERY < 800
    for seed in range(5):
        [row] = strategy.select(model, pool, y, n_queries=1, random_state=seed)
        assert row >= len(near)


def test_features_are_weighted_by_the_labels():
    rng = np.random.default_rng(1)
    pool = np.hstack([X, 5 * rng.standard_normal((300, 8))])
    model = LogisticRegression(max_iter=2000).fit(pool[KNOWN], ANSWERS[KNOWN])
    weighted = weight_by_separation(pool, KNOWN, ANSWERS[KNOWN])
    expected = UncertaintyHerding(bandwidth=8.0, embedding=lambda _: weighted)
    strategy = UncertaintyHerding(bandwidth=8.0, weight_features=True)
    args = {"n_queries": 8, "random_state": 0}
    rows = strategy.select(model, pool, Y, **args)
    assert_array_equal(rows, expected.select(model, pool, Y, **args))
    plain = UncertaintyHerding(bandwidth=8.0).select(model, pool, Y, **args)
    assert rows.tolist() != plain.tolist()
    # A learner shows the labels to it, and not only which rows have one.
    learner = ActiveLearningClassifier(model, strategy, random_state=0).fit(pool, Y)
    assert_array_equal(learner.query(pool, Y, 8), rows)
    assert strategy.uses_labels
    assert Auto().uses_labels
    assert not UncertaintyHerding().uses_labels
