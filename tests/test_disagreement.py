"""Two models apart: against loops over rows, with classes that one does not know."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import set_config
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils._param_validation import InvalidParameterError

from skactive import ActiveLearningClassifier, query
from skactive._models.wrappers import Fitted
from skactive.strategies import Margin, Mixture, Switch
from skactive.strategies._disagreement import Disagreement

X, labels = make_classification(
    n_samples=150, n_features=6, n_informative=4, n_classes=3, random_state=0
)
KNOWN = np.sort(np.random.default_rng(0).permutation(150)[:40])
POOL = np.setdiff1d(np.arange(150), KNOWN)
y = np.full(150, np.nan)
y[KNOWN] = labels[KNOWN]
MODEL = LogisticRegression().fit(X[KNOWN], labels[KNOWN])
LARGE = GaussianNB().fit(X, labels)
DIVERGENCES = ["jensen_shannon", "kl", "total_variation"]
every_divergence = pytest.mark.parametrize("divergence", DIVERGENCES)


def plain(p, q, divergence):
    """Of two dicts from classes to probabilities."""
    classes = sorted({*p, *q})
    pairs = [(p.get(c, 0.0), q.get(c, 0.0)) for c in classes]
    if divergence == "total_variation":
        return sum(abs(a - b) for a, b in pairs) / 2
    if divergence == "kl":
        kl = sum(a * math.log(a / max(b, 1e-6)) for a, b in pairs if a > 0)
        return max(kl, 0)
    middle = [(a + b) / 2 for a, b in pairs]
    return sum(
        x * math.log(x / m) / 2
        for pair, m in zip(pairs, middle, strict=True)
        for x in pair
        if x > 0
    )


def by_loops(teacher, learner, rows, divergence):
    found = []
    for p, q in zip(
        teacher.predict_proba(rows), learner.predict_proba(rows), strict=True
    ):
        answers = [
            dict(zip(model.classes_.tolist(), proba.tolist(), strict=True))
            for model, proba in ((teacher, p), (learner, q))
        ]
        found.append(plain(*answers, divergence))
    return np.array(found)


@every_divergence
def test_frozen_teacher(divergence):
    strategy = Disagreement(FrozenEstimator(LARGE), divergence)
    expected = by_loops(LARGE, MODEL, X, divergence)
    assert_allclose(strategy(MODEL, X), expected, rtol=1e-7, atol=1e-12)
    assert_array_equal(strategy(MODEL, X, y), strategy(MODEL, X))
    chosen = strategy.select(MODEL, X, y, n_queries=5)
    assert_array_equal(chosen, POOL[np.argsort(-expected[POOL])[:5]])


@every_divergence
def test_fitted_teacher(divergence):
    strategy = Disagreement(GaussianNB(), divergence)
    by_hand = GaussianNB().fit(X[KNOWN], labels[KNOWN])
    expected = by_loops(by_hand, MODEL, X, divergence)
    assert_allclose(strategy(MODEL, X, y), expected, rtol=1e-7, atol=1e-12)


@every_divergence
def test_zero_where_both_agree(divergence):
    strategy = Disagreement(FrozenEstimator(MODEL), divergence)
    assert_array_equal(strategy(MODEL, X), 0)
    with pytest.warns(UserWarning, match="equally useful"):
        strategy.select(MODEL, X, y, n_queries=3)


@every_divergence
@pytest.mark.parametrize("text", [False, True])
def test_classes_that_one_does_not_know(divergence, text):
    named = np.array(["b", "cc", "a"])[labels] if text else labels
    first, second = named[KNOWN] != min(named), named != max(named)
    learner = LogisticRegression().fit(X[KNOWN][first], named[KNOWN][first])
    teacher = GaussianNB().fit(X[second], named[second])
    assert len({*learner.classes_.tolist()} & {*teacher.classes_.tolist()}) == 1
    strategy = Disagreement(FrozenEstimator(teacher), divergence)
    expected = by_loops(teacher, learner, X, divergence)
    assert_allclose(strategy(learner, X), expected, rtol=1e-7, atol=1e-12)
    assert np.ptp(expected) > 0.01


def test_largest_values():
    """A teacher and a learner that are sure of different classes."""
    far = [[9e3], [-9e3]]
    learner = LogisticRegression(C=1e3).fit([[-1.0], [1.0]], [0, 1])
    teacher = LogisticRegression(C=1e3).fit([[-1.0], [1.0]], [1, 0])
    for divergence, largest in zip(
        DIVERGENCES, [math.log(2), 6 * math.log(10), 1], strict=True
    ):
        strategy = Disagreement(FrozenEstimator(teacher), divergence)
        assert_allclose(strategy(learner, far), largest)


def test_order_of_rows_and_size_of_chunks_do_not_matter():
    order = np.random.default_rng(5).permutation(150)
    for teacher in (FrozenEstimator(LARGE), GaussianNB()):
        strategy = Disagreement(teacher)
        whole = strategy(MODEL, X, y)
        assert_allclose(strategy(MODEL, X[order], y[order]), whole[order])
    try:
        many, answers = np.tile(X, (40, 1)), np.tile(y, 40)
        answers[150:] = np.nan
        expected = strategy(MODEL, many, answers)
        set_config(working_memory=1e-3)
        assert_array_equal(strategy(MODEL, many, answers), expected)
    finally:
        set_config(working_memory=1024)


# A forest on the embedding ----------------------------------------------------------


def test_second_opinion():
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    pipeline.fit(X[KNOWN], labels[KNOWN])
    found = Disagreement()(pipeline, X, y)
    assert_array_equal(found, Disagreement()(pipeline, X, y))
    assert not np.array_equal(found, Disagreement(random_state=1)(pipeline, X, y))
    entropy = np.random.SeedSequence(0, spawn_key=(1,))
    seed = int(entropy.generate_state(2)[0])
    forest = RandomForestClassifier(
        random_state=np.random.RandomState(seed).randint(2**31 - 1)
    )
    scaled = pipeline[0].transform(X)
    forest.fit(scaled[KNOWN], labels[KNOWN])
    expected = by_loops(forest, pipeline[-1], scaled, "jensen_shannon")
    assert_allclose(found, expected, rtol=1e-7, atol=1e-12)


def test_second_opinion_with_weights_and_labels_of_any_container():
    weights = np.random.default_rng(0).uniform(0.1, 3, size=150)
    found = Disagreement()(Fitted(MODEL, None, weights), X, y)
    assert not np.allclose(found, Disagreement()(MODEL, X, y))
    text = np.array(["b", "cc", "a"])[labels].astype(object)
    text[POOL] = None
    learner = LogisticRegression().fit(X[KNOWN], text[KNOWN])
    in_order = LogisticRegression().fit(X[KNOWN], (labels[KNOWN] + 1) % 3)
    assert_allclose(
        Disagreement()(learner, X, text.tolist()),
        Disagreement()(in_order, X, (y + 1) % 3),
    )


TEXTS = [f"{a} {b}" for a in ("good", "bad", "fair", "odd") for b in "abcdefghijklmno"]


def test_texts():
    partly = np.array([t.split()[0] in ("good", "fair") for t in TEXTS], dtype=object)
    partly[::3] = None
    small = make_pipeline(TfidfVectorizer(analyzer="char"), LogisticRegression())
    for teacher in (None, make_pipeline(TfidfVectorizer(), LogisticRegression(C=99))):
        learner = ActiveLearningClassifier(small, Disagreement(teacher))
        rows = learner.fit(TEXTS, partly).query(TEXTS, partly)
        assert all(partly[row] is None for row in rows)


class Lengths(LogisticRegression):
    """A classifier that takes texts as they are."""

    def fit(self, X, y):
        return super().fit([[len(text)] for text in X], y)

    def predict_proba(self, X):
        return super().predict_proba([[len(text)] for text in X])


def test_no_embedding():
    partly = [0, 1, None, None]
    learner = Lengths().fit(["a", "bbb"], [0, 1])
    with pytest.raises(ValueError, match=r"Disagreement\(estimator=None\) fits a Ran"):
        Disagreement()(learner, ["a", "bbb", "cc", "d"], partly)
    found = Disagreement(Lengths(C=9))(learner, ["a", "bbb", "cc", "d"], partly)
    assert found[0] > 0


# What it needs ----------------------------------------------------------------------


def test_errors():
    for strategy, learner in [
        (Disagreement(LinearSVC()), MODEL),
        (Disagreement(), LinearSVC().fit(X, labels)),
    ]:
        with pytest.raises(
            ValueError, match=r"Disagreement needs predict_proba: .*got"
        ):
            strategy(learner, X, y)
        inner = ActiveLearningClassifier(clone(learner), strategy)
        with pytest.raises(
            ValueError, match=r"Disagreement needs predict_proba: .*got"
        ):
            inner.fit(X, y)
    for missing in (None, np.full(150, np.nan)):
        for teacher in (None, GaussianNB()):
            with pytest.raises(ValueError, match="fits its model on the labelled rows"):
                Disagreement(teacher)(MODEL, X, missing)
    teacher = GaussianNB().fit(X, labels.astype(str))
    with pytest.raises(ValueError, match=r"none is common to both. Train the teacher"):
        Disagreement(FrozenEstimator(teacher))(MODEL, X)
    with pytest.raises(InvalidParameterError, match="'divergence' parameter"):
        Disagreement(divergence="hellinger")(MODEL, X, y)


def test_one_class_only():
    one = np.where(labels == 1, y, np.nan)
    assert_array_equal(Disagreement()(MODEL, X, one), 0)
    with pytest.warns(UserWarning, match="equally useful"):
        assert len(Disagreement().select(MODEL, X, one, n_queries=4)) == 4


def test_what_it_looks_at():
    frozen, fitted = Disagreement(FrozenEstimator(LARGE)), Disagreement()
    assert (frozen.pointwise, frozen.uses_labels, frozen.uses_weights) == (1, 0, 0)
    assert (fitted.pointwise, fitted.uses_labels, fitted.uses_weights) == (0, 1, 1)


# In a learner, and with other strategies --------------------------------------------


def test_campaign_looks_at_bought_labels_only():
    learner = ActiveLearningClassifier(
        LogisticRegression(), Disagreement(GaussianNB()), budget=40, random_state=0
    ).fit(X, labels)
    bought = learner.labeled_indices_
    lies = labels.copy()
    others = np.setdiff1d(np.arange(150), bought)
    lies[others] = (lies[others] + 1) % 3
    assert_array_equal(clone(learner).fit(X, lies).labeled_indices_, bought)
    # The third batch by hand.
    known = np.sort(bought[:20])
    models = [e.fit(X[known], labels[known]) for e in (GaussianNB(), MODEL.__class__())]
    utilities = by_loops(*models, X, "jensen_shannon")
    utilities[known] = -1
    assert set(bought[20:30]) == set(np.argsort(-utilities)[:10])


def test_learner_in_a_pipeline_and_search():
    learner = ActiveLearningClassifier(
        LogisticRegression(), Disagreement(), budget=20, random_state=0
    )
    pipeline = make_pipeline(StandardScaler(), learner).fit(X, labels)
    assert len(query(pipeline, X, y)) == 10
    learner.set_params(strategy=Disagreement(RandomForestClassifier(5)))
    grid = {
        "strategy__divergence": ["kl", "total_variation"],
        "strategy__estimator__max_depth": [2],
    }
    assert GridSearchCV(learner, grid, cv=2).fit(X, labels).best_score_ > 0.3
    learner.set_params(budget=None, strategy=Disagreement(FrozenEstimator(LARGE)))
    learner.fit(X, y)
    expected = by_loops(LARGE, learner.estimator_, X, "jensen_shannon")
    assert_allclose(learner.score_samples(X), expected, rtol=1e-7, atol=1e-12)
    (record,) = learner.explain_query(X, POOL[:1], y)
    assert_allclose(record["utility"], expected[POOL[0]])


@every_divergence
def test_mixtures(divergence):
    strategy = Disagreement(FrozenEstimator(LARGE), divergence)
    mixture = Mixture([Margin(), strategy])
    own, theirs = Margin()(MODEL, X), by_loops(LARGE, MODEL, X, divergence)
    own, theirs = ((np.argsort(np.argsort(u)) + 0.5) / 150 for u in (own, theirs))
    assert_allclose(mixture(MODEL, X), (own + theirs) / 2)
    assert len(Switch(["random", strategy], at=9).select(MODEL, X, y, n_queries=2)) == 2


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_judge_of_the_same_kind_and_seed_is_another_model():
    net = MLPClassifier((4,), max_iter=5)
    strategy = Disagreement(net, random_state=0)
    learner = ActiveLearningClassifier(net, strategy, random_state=0).fit(X, y)
    assert strategy(learner.estimator_, X, y).max() > 0
