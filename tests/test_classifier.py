"""The learner: its contract, its loop, its errors."""

import gc
import io
import pickle
import threading
import warnings
import weakref

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris, make_classification
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    BaggingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.utils._param_validation import InvalidParameterError

from skactive import (
    ActiveLearningClassifier,
    get_strategy,
    get_strategy_names,
    measures,
    query,
)
from skactive._models.encoded import EncodedClassifier
from skactive.strategies import Entropy, InformationGain, Margin, Strategy

X, full = make_classification(
    n_samples=150, n_features=6, n_informative=4, n_classes=3, random_state=0
)
# Few members are soon told all that they can be told, as batch_bald warns.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*can be told:UserWarning"),
    # Few labels: nothing is learnt of losses.
    pytest.mark.filterwarnings("ignore:.*falls back on:UserWarning"),
]
NAMES = get_strategy_names()
POINTWISE = [name for name in NAMES if get_strategy(name).pointwise]
# Strategies that remember a campaign, by the learner's strategy_state_.
REMEMBERING = {"albl"}


def inner_for(name):
    needs = {need for leaf in get_strategy(name).leaves() for need in leaf.needs}
    return LogisticRegression() if "last_layer" in needs else GaussianNB()


def partly(n_labeled=30, labels=full):
    y = np.full(len(labels), None, dtype=object)
    y[:n_labeled] = labels[:n_labeled]
    return y


def make(estimator=None, strategy="margin", **params):
    estimator = GaussianNB() if estimator is None else estimator
    params = {"initial_strategy": "random", "random_state": 0} | params
    return ActiveLearningClassifier(estimator, strategy, **params)


class Recorder(ClassifierMixin, BaseEstimator):
    """Remembers what it was fitted on."""

    def fit(self, X, y, sample_weight=None):
        self.X_, self.y_, self.sample_weight_ = X, y, sample_weight
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


# fit with no budget -----------------------------------------------------------------


def test_fit_learns_from_labelled_rows_only():
    learner = make(Recorder()).fit(X, partly())
    assert_array_equal(learner.estimator_.X_, X[:30])
    assert_array_equal(learner.estimator_.y_, full[:30])
    assert not hasattr(learner.estimator, "classes_"), "a clone is fitted"
    assert_array_equal(learner.labeled_indices_, np.arange(30))
    assert learner.n_labels_ == 30
    assert learner.termination_condition_ == "exhausted"
    assert {len(column) for column in learner.history_.values()} == {1}
    assert learner.n_features_in_ if hasattr(learner, "n_features_in_") else True


def test_fit_equals_the_inner_fit():
    inner = LogisticRegression().fit(X[:30], full[:30])
    learner = make(LogisticRegression()).fit(X, partly())
    assert_array_equal(learner.estimator_.coef_, inner.coef_)
    for method in (
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
    ):
        assert_array_equal(getattr(learner, method)(X), getattr(inner, method)(X))
    assert learner.score(X, full) == inner.score(X, full)
    assert_array_equal(learner.classes_, inner.classes_)
    assert learner.n_features_in_ == 6


def test_methods_are_there_when_the_inner_estimator_has_them():
    expected = {
        LogisticRegression(): {
            "predict_proba",
            "predict_log_proba",
            "decision_function",
        },
        LinearSVC(): {"decision_function"},
        GaussianNB(): {"predict_proba", "predict_log_proba", "partial_fit"},
        KNeighborsClassifier(): {"predict_proba"},
        make_pipeline(LinearSVC()): {"decision_function"},
    }
    optional = set.union(*expected.values())
    for estimator, names in expected.items():
        for learner in (make(estimator), make(estimator).fit(X, full)):
            assert {name for name in optional if hasattr(learner, name)} == names
        # one class only: a constant stands in, and nothing else changes
        learner = make(estimator).fit(X, np.where(full == 0, 0, np.nan))
        assert {name for name in optional if hasattr(learner, name)} == names


def test_feature_names():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcdef"))
    learner = make().fit(frame, partly())
    assert_array_equal(learner.feature_names_in_, list("abcdef"))
    learner.fit(X, partly())
    assert not hasattr(learner, "feature_names_in_")


def test_score_ignores_rows_without_a_label():
    learner = make().fit(X, partly())
    y = partly(90)
    assert learner.score(X, y) == learner.score(X[:90], full[:90])
    weight = np.arange(150.0)
    assert learner.score(X, y, sample_weight=weight) == learner.estimator_.score(
        X[:90], full[:90], weight[:90]
    )
    with pytest.raises(ValueError, match="No row is labelled"):
        learner.score(X, partly(0))


# One class, or none -----------------------------------------------------------------


@pytest.mark.parametrize(
    "estimator", [LogisticRegression(), LinearSVC(), RandomForestClassifier()]
)
@pytest.mark.parametrize("strategy", ["margin", "information_gain"])
def test_one_class_never_breaks_the_loop(estimator, strategy):
    learner = make(estimator, strategy)
    y = np.where(np.arange(150) < 3, "only", None)
    learner.fit(X, y)
    assert (learner.predict(X) == "only").all()
    assert learner.classes_.tolist() == ["only"]
    assert_array_equal(learner.score_samples(X), 0)
    if hasattr(learner, "predict_proba"):
        assert_array_equal(learner.predict_proba(X), np.ones((150, 1)))
    if hasattr(learner, "decision_function"):
        assert_array_equal(learner.decision_function(X), np.zeros(150))
    rows = learner.query(X, y, n_queries=9)
    assert len(set(rows.tolist())) == 9
    assert min(rows) >= 3
    y[rows] = "other"
    assert set(learner.fit(X, y).predict(X)) == {"only", "other"}


def test_a_dummy_of_the_user_is_no_placeholder():
    learner = make(DummyClassifier(), "random").fit(X, np.where(full == 0, 0, np.nan))
    assert learner.predict_proba(X).shape == (150, 1)


def test_cold_start():
    learner = make(batch_size=7)
    first = learner.query(X, np.full(150, np.nan))
    assert len(set(first.tolist())) == 7
    assert_array_equal(learner.query(X, np.full(150, np.nan)), first)
    assert_array_equal(learner.query(X), first)
    with pytest.raises(NotFittedError):
        learner.predict(X)
    with pytest.raises(NotFittedError):
        learner.score_samples(X)


def test_rounds_are_independent_draws():
    # With the same draw in every round, later picks would lie next to earlier ones.
    learner = make(strategy="random", batch_size=10)
    pool, y = np.zeros((10_000, 1)), np.full(10_000, np.nan)
    rounds = []
    for _ in range(20):
        rounds.append(learner.query(pool, y))
        y[rounds[-1]] = 0
    gaps = np.abs(np.subtract.outer(rounds[0], np.concatenate(rounds[1:])))
    # 190 picks, 10 places: 0.4 picks are expected within 10 rows of a place.
    assert (gaps.min(axis=0) <= 10).sum() <= 15


# query ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_query(name):
    learner = make(LogisticRegression(), name, batch_size=8, n_members=4)
    y = partly()
    learner.fit(X, y)
    before = joblib.hash(vars(learner))
    rows = learner.query(X, y)
    assert rows.shape == (8,)
    assert len(set(rows.tolist())) == 8
    assert min(rows) >= 30
    assert_array_equal(learner.query(X, y), rows)
    assert len(learner.query(X, y, n_queries=3)) == 3
    assert_array_equal(np.sort(learner.query(X, y, n_queries=999)), np.arange(30, 150))
    assert (joblib.hash(vars(learner)) == before) == (name not in REMEMBERING)
    assert hasattr(learner, "score_samples") == (name in POINTWISE)


# Every kind of selection: by utilities, at random by them, from an embedding, from
# predictions of further models, and from what earlier rounds have taught.
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("max_candidates", [None, 40])
def test_skip_equals_a_pool_without_these_rows(name, max_candidates):
    params = {"batch_size": 8, "n_members": 4, "max_candidates": max_candidates}
    learner = make(inner_for(name), name, **params).fit(X, partly())
    tried = learner.query(X, partly())
    # The best ones, some others in any order, and one that has a label.
    skip = np.concatenate([tried[:5], [149, 40, 41, 40, 3]])
    expected = clone(learner).fit(X, partly())
    kept = np.setdiff1d(np.arange(150), np.setdiff1d(skip, [3]))
    if name in REMEMBERING:
        del learner.strategy_state_
    rows = learner.query(X, partly(), skip=skip)
    assert_array_equal(rows, kept[expected.query(X[kept], partly()[kept])])


def test_skip_without_labels_and_with_an_initial_strategy():
    for name in ("random", "cold_start"):
        learner = make(initial_strategy=name)
        kept = np.delete(np.arange(150), [0, 5])
        rows = learner.query(X, skip=[5, 0], n_queries=148)
        assert_array_equal(np.sort(rows), kept)
        rows = learner.query(X, skip=[5, 0])
        assert_array_equal(rows, kept[learner.query(X[kept])])
    with pytest.raises(ValueError, match=r"have a label \(0\) or are in skip \(150\)"):
        learner.query(X, skip=range(150))


def test_skip_takes_a_copy_of_a_skipped_row():
    doubled = np.repeat(X, 2, axis=0)
    y = np.repeat(partly(), 2)
    learner = make().fit(doubled, y)
    first = learner.query(doubled, y, n_queries=10)
    others = learner.query(doubled, y, n_queries=10, skip=first)
    assert_array_equal(others // 2, first // 2)
    assert not set(first) & set(others)


def test_skip_copies_no_pool_for_a_pointwise_strategy():
    seen = []

    class Watching(Margin):
        def select(self, estimator, X, y=None, **params):
            seen.append(X)
            return super().select(estimator, X, y, **params)

    learner = make(strategy=Watching()).fit(X, partly())
    learner.query(X, partly(), skip=[40])
    assert np.shares_memory(seen[0], X)


def test_skip_for_a_function_that_looks_at_labels():
    def nearest_to_class_1(estimator, X, y):
        return -np.abs(X - X[y == 1].mean(axis=0)).sum(axis=1)

    learner = make(strategy=nearest_to_class_1).fit(X, partly())
    best = learner.query(X, partly(), n_queries=20)
    assert_array_equal(learner.query(X, partly(), skip=best[:10]), best[10:])


@pytest.mark.parametrize("max_candidates", [None, 40])
def test_names_of_rows_where_some_are_skipped(max_candidates):
    asked = []

    class Naming(Strategy):
        def __call__(self, estimator, X, y=None):
            raise NotImplementedError

        def select_next(self, estimator, X, y=None, *, n_queries, ids=None, **others):
            asked.append((X, ids, others["state"]))
            return np.flatnonzero(np.isnan(y))[:n_queries], "remembered"

    learner = make(strategy=Naming(), max_candidates=max_candidates).fit(X, partly())
    learner.query(X, partly(), skip=[149, 30])
    learner.query(X, partly(), skip=[149, 30])
    for rows, ids, _ in asked:
        assert_array_equal(rows, X[ids])
        assert not {149, 30} & set(ids)
    assert asked[1][2] == "remembered"


def test_skip_with_audit_rows():
    learner = make(audit_fraction=0.3).fit(X, partly())
    y = partly()
    rows = learner.query(X, y, n_queries=10)
    again = learner.query(X, y, n_queries=10, skip=rows[-1:])  # an audit row
    reserve = learner._make_plan().reserve(150).rows
    waiting = reserve[reserve >= 30]
    n_audited = int(0.3 * 40 + 1e-9) - np.count_nonzero(reserve < 30)
    assert n_audited > 0
    assert_array_equal(rows[-n_audited:], waiting[:n_audited])
    expected = waiting[waiting != rows[-1]][:n_audited]
    assert_array_equal(again[-n_audited:], expected)
    everything = learner.query(X, y, n_queries=999, skip=rows)
    assert_array_equal(np.sort(everything), np.setdiff1d(np.arange(30, 150), rows))


@pytest.mark.parametrize("container", ["texts", "frame", "sparse"])
def test_skip_in_any_container(container):
    estimator = GaussianNB()
    if container == "texts":
        pool = [f"word{k % 7} word{k % 5}" for k in range(150)]
        estimator = make_pipeline(CountVectorizer(), LogisticRegression())
    elif container == "frame":
        pool = pytest.importorskip("pandas").DataFrame(X, index=np.arange(150)[::-1])
    else:
        pool = sp.csr_array(X)
        estimator = LogisticRegression()
    for name in ("margin", "information_density" if container != "texts" else "random"):
        learner = make(estimator, name).fit(pool, partly())
        skip = learner.query(pool, partly())
        rows = learner.query(pool, partly(), skip=skip)
        assert not set(rows) & set(skip)


@pytest.mark.parametrize("skip", [[150], [-1], [0.5], np.zeros(150, bool), [[1]]])
def test_bad_skip(skip):
    with pytest.raises(ValueError, match="skip must be a list of positions in X"):
        make().query(X, skip=skip)


def test_skip_in_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), make()).fit(X, partly())
    first = query(pipeline, X, partly())
    others = query(pipeline, X, partly(), skip=first)
    assert_array_equal(np.r_[first, others], query(pipeline, X, partly(), 20))


@pytest.mark.parametrize("name", POINTWISE)
def test_score_samples(name):
    learner = make(LogisticRegression(), name, batch_size=8, n_members=4)
    rows = learner.fit(X, partly()).query(X, partly())
    utilities = learner.score_samples(X)
    assert utilities.shape == (150,)
    assert utilities.dtype == np.float64
    if name not in ("power", "softmax", "softrank"):  # they draw by utility
        best = np.sort(utilities[30:])[::-1][:8]
        assert_allclose(utilities[rows], best, rtol=1e-11)


def test_query_without_y_takes_every_row():
    learner = make().fit(X, partly())
    assert_array_equal(np.sort(learner.query(X, n_queries=150)), np.arange(150))


def test_query_uses_the_initial_strategy_until_there_are_two_classes():
    class First(Strategy):
        def __call__(self, estimator, X, y=None):
            return -np.arange(len(X), dtype=float)

    learner = make(initial_strategy=First(), batch_size=3)
    y = np.full(150, np.nan)
    assert learner.query(X, y).tolist() == [0, 1, 2]
    y[:3] = 1
    assert learner.fit(X, y).query(X, y).tolist() == [3, 4, 5]
    y[3:6] = 0
    assert learner.fit(X, y).query(X, y).tolist() != [6, 7, 8]


def test_strategies_see_the_labels():
    seen = []

    def spy(estimator, X, y):
        seen.append(y)
        return np.zeros(len(X)) + np.arange(len(X))

    marked = np.where(np.arange(150) < 30, full, -1)
    learner = make(strategy=spy, missing_label=-1).fit(X, marked)
    assert learner.query(X, marked, n_queries=2).tolist() == [149, 148]
    assert_array_equal(np.isnan(seen[0]), np.arange(150) >= 30)
    assert_array_equal(seen[0][:30], full[:30])


@pytest.mark.parametrize("y", [partly().astype(float), partly(), partly().tolist()])
def test_a_strategy_cannot_change_the_labels(y):
    def vandal(estimator, X, y):
        y[:] = 0

    with pytest.raises(ValueError, match="read-only"):
        make(strategy=vandal).fit(X, y).query(X, y)


def test_a_part_that_needs_no_members_gets_the_estimator_itself():
    seen = []

    def spy(estimator, X, y):
        seen.append(estimator)
        return np.arange(len(X), dtype=float)

    learner = make(strategy=InformationGain() + get_strategy(spy)).fit(X, partly())
    learner.query(X)
    assert seen[-1] is learner.estimator_


def test_strategy_that_needs_other_rows_has_no_score_samples():
    class Others(Strategy):
        def __call__(self, estimator, X, y=None):
            return np.asarray(X)[:, 0] - np.mean(X)

    assert not hasattr(make(strategy=Others()), "score_samples")
    assert hasattr(make(strategy=Margin()), "score_samples")
    assert make(strategy=Others()).fit(X, partly()).query(X).shape == (10,)


@pytest.mark.parametrize("name", NAMES)
def test_two_seeds_break_ties_differently(name):
    copies = np.repeat(X[:60], 20, axis=0)
    y = np.full(1200, np.nan)
    y[:1200:20] = full[:60]
    y[1000:] = np.nan
    picks = [
        set(
            make(inner_for(name), name, random_state=s)
            .fit(copies, y)
            .query(copies, y)
            .tolist()
        )
        for s in (0, 1)
    ]
    assert picks[0] != picks[1]


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("name", ["margin", "information_gain", "random"])
def test_jobs_and_chunks_change_nothing(name, n_jobs):
    def pick(**params):
        learner = make(LogisticRegression(), name, n_members=3, **params)
        learner.fit(X, partly())
        pool = np.repeat(X, 10, axis=0)
        return learner.query(pool, n_queries=40), learner.score_samples(pool)

    rows, utilities = pick()
    with config_context(working_memory=0.02):
        other_rows, other_utilities = pick(n_jobs=n_jobs)
    assert_array_equal(other_rows, rows)
    assert_allclose(other_utilities, utilities, rtol=1e-12, atol=1e-14)


def test_query_from_many_threads():
    learner = make(RandomForestClassifier(n_estimators=5), "entropy").fit(X, partly())
    expected = learner.query(X, partly())
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(learner.query(X, partly())))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    for rows in found:
        assert_array_equal(rows, expected)


# A part of the pool -----------------------------------------------------------------


def test_max_candidates():
    y, sizes = partly(), []

    def spy(estimator, X, y):
        sizes.append((len(X), int((~np.isnan(y)).sum())))
        return np.asarray(X)[:, 0]

    y = np.where(np.arange(150) < 30, full, np.nan)
    learner = make(strategy=spy, max_candidates=40).fit(X, y)
    rows = learner.query(X, y)
    assert sizes == [(70, 30)], "40 candidates and all labelled rows"
    assert min(rows) >= 30
    assert_array_equal(learner.query(X, y), rows)
    y[rows] = full[rows]
    again = make(strategy=spy, max_candidates=40).fit(X, y).query(X, y)
    assert not set(again) & set(rows)
    assert len(learner.query(X, y, n_queries=60)) == 60, "more are asked for"
    assert len(learner.query(X, y, n_queries=999)) == 110
    assert len(make(max_candidates=40).query(X)) == 10
    budgeted = make(strategy="margin", max_candidates=20, budget=50).fit(X, full)
    assert budgeted.n_labels_ == 50
    everything = make(max_candidates=120).fit(X, partly())
    assert_array_equal(
        everything.query(X, partly()), make().fit(X, partly()).query(X, partly())
    )


# Members ----------------------------------------------------------------------------


def test_members_are_fitted_only_when_needed():
    assert make(strategy="margin").fit(X, partly()).members_ is None
    forest = RandomForestClassifier(n_estimators=5)
    assert make(forest, "information_gain").fit(X, partly()).members_ is None
    learner = make(strategy=Margin() + Entropy()).fit(X, partly())
    assert learner.members_ is None
    params = {"members": "bootstrap", "n_members": 4}
    learner = make(strategy="information_gain", **params).fit(X, partly())
    assert len(learner.members_) == 4
    mixture = 0.1 * Margin() + InformationGain()
    assert len(make(strategy=mixture, **params).fit(X, partly()).members_) == 4


def test_members_see_every_class_and_differ():
    rare = np.where(np.arange(150) == 0, "rare", np.where(full > 0, "b", "a"))
    learner = make(Recorder(), "vote_entropy", n_members=25)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        learner.fit(X, partly(20, rare))
    for member in learner.members_:
        assert member.classes_.tolist() == ["a", "b", "rare"]
        assert len(member.y_) == 20
    assert len({member.X_.tobytes() for member in learner.members_}) == 25


def test_members_give_the_utilities():
    learner = make(strategy="information_gain", members="bootstrap").fit(X, partly())
    proba = np.stack([member.predict_proba(X) for member in learner.members_])
    expected = measures.information_gain(proba)
    assert expected.max() > 0
    assert_array_equal(learner.score_samples(X), expected)


def test_members_missing_after_a_change_of_strategy():
    learner = make().fit(X, partly()).set_params(strategy="information_gain")
    with pytest.raises(ValueError, match="Call fit again"):
        learner.query(X)


# Codes for labels -------------------------------------------------------------------


class Picky(SGDClassifier):
    """Refuses all labels but 0, 1, ..., k - 1."""

    __module__ = "xgboost.sklearn"

    def fit(self, X, y, **params):
        if not np.array_equal(np.unique(y), np.arange(len(np.unique(y)))):
            raise ValueError(f"labels must be 0 to k - 1, got {np.unique(y)}")
        return super().fit(X, y, **params)


@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: make_pipeline(e)])
@pytest.mark.parametrize("labels", [np.array([3, 7, 12]), np.array(["a", "b", "c"])])
def test_estimators_that_need_codes(wrap, labels):
    answers = labels[full]
    learner = make(wrap(Picky(loss="log_loss", random_state=0)), batch_size=5)
    y = np.full(150, None, dtype=object)
    y[np.flatnonzero(full == 2)[:3]] = labels[2]
    y[np.flatnonzero(full == 0)[:3]] = labels[0]
    for _ in range(5):
        learner.fit(X, y)
        assert set(learner.predict(X)) <= set(answers)
        rows = learner.query(X, y)
        y[rows] = answers[rows]
    learner.fit(X, y)
    assert isinstance(learner.estimator_, EncodedClassifier)
    plain = make(SGDClassifier(loss="log_loss", random_state=0)).fit(X, y)
    assert_array_equal(plain.predict(X), learner.predict(X))
    assert_allclose(plain.predict_proba(X), learner.predict_proba(X))
    assert plain.score(X, y) == learner.score(X, y)


COMMITTEES = {
    "bagging": BaggingClassifier(Picky(loss="log_loss"), n_estimators=3),
    "voting": VotingClassifier([("a", Picky(loss="log_loss")), ("b", GaussianNB())]),
    "pipeline": make_pipeline(
        StandardScaler(), BaggingClassifier(Picky(loss="log_loss"), n_estimators=3)
    ),
}


@pytest.mark.parametrize(
    "name", [name for name in POINTWISE if name != "expected_model_change"]
)
@pytest.mark.parametrize("committee", COMMITTEES)
def test_committees_that_need_codes(committee, name):
    if committee == "voting" and "members" not in get_strategy(name).leaves()[0].needs:
        name = "vote_entropy"  # hard votes give no probabilities
    learner = make(COMMITTEES[committee], name)
    answers = np.array(["a", "b", "c"])[full]
    learner.fit(X, np.where(np.arange(150) < 40, answers, None))
    assert isinstance(learner.estimator_, EncodedClassifier)
    assert learner.members_ is None
    assert len(set(learner.query(X).tolist())) == 10


def test_codes_in_a_grid():
    inner = Pipeline([("model", GaussianNB())])
    grid = GridSearchCV(inner, {"model": [Picky(random_state=0), GaussianNB()]}, cv=2)
    learner = make(grid).fit(X, np.array(["a", "b", "c"])[full])
    assert isinstance(learner.estimator_, EncodedClassifier)


def test_score_is_that_of_the_inner_estimator():
    for encode_labels in (False, True):
        inner = GridSearchCV(GaussianNB(), {}, cv=2, scoring="neg_log_loss")
        learner = make(inner, encode_labels=encode_labels).fit(X, full + 3)
        expected = clone(inner).fit(X, full).score(X, full)
        assert learner.score(X, full + 3) == pytest.approx(expected)
    learner = make(GaussianNB(), encode_labels=True, budget=3).fit(X, full)
    assert learner.score(X, np.where(full == 0, 7, full)) <= (full != 0).mean()


def test_encode_labels_can_be_said():
    with pytest.raises(ValueError, match="labels must be 0 to k"):
        make(Picky(), encode_labels=False).fit(X, np.array([3, 7, 12])[full])
    learner = make(LogisticRegression(), encode_labels=True).fit(X, full + 5)
    assert_array_equal(learner.estimator_.estimator_.classes_, [0, 1, 2])
    assert_array_equal(learner.classes_, [5, 6, 7])


def test_class_weight_by_the_users_labels():
    answers = np.array(["ham", "ham", "spam"])[full]
    light, heavy = (
        make(LogisticRegression(class_weight={"spam": w, "ham": 1}), "information_gain")
        .fit(X, partly(60, answers))
        .predict(X)
        for w in (0.01, 100)
    )
    assert (light == "spam").mean() < 0.1
    assert (heavy == "spam").mean() > 0.6


# Estimators that know other classes, or none -----------------------------------------


def test_an_estimator_fitted_beforehand_knows_further_classes():
    frozen = FrozenEstimator(GaussianNB().fit(X, full))
    learner = make(frozen, "random").fit(X, np.where(full < 2, full, np.nan))
    assert_array_equal(learner.classes_, [0, 1, 2])
    assert_allclose(learner.predict_proba(X), frozen.predict_proba(X))
    learner.fit(X, np.where(full < 2, full + 1, np.nan) * 2)
    assert_array_equal(learner.classes_, [0, 1, 2, 4])
    assert_array_equal(learner.predict_proba(X)[:, :3], frozen.predict_proba(X))


def test_an_estimator_without_classes():
    class Plain(BaseEstimator):
        def fit(self, X, y):
            self.known_ = np.unique(y)
            return self

        def predict(self, X):
            return np.full(len(X), self.known_[0])

        def predict_proba(self, X):
            return np.tile(np.eye(len(self.known_))[0], (len(X), 1))

    learner = make(Plain()).fit(X, partly())
    assert learner.predict_proba(X).shape == (150, 3)
    with pytest.warns(UserWarning, match="the choice is random"):
        assert len(learner.query(X)) == 10


def test_stacking_hides_its_methods_until_it_is_fitted():
    stacking = StackingClassifier([("nb", GaussianNB())], cv=2)
    learner = make(stacking).fit(X, partly())
    assert len(learner.query(X)) == 10
    assert learner.predict_proba(X).shape == (150, 3)


@pytest.mark.parametrize("vectorizer", [CountVectorizer(analyzer=lambda row: row)])
def test_one_class_of_rows_of_any_length(vectorizer):
    rows = [["word"] * (1 + i % 7) + [f"w{i % 5}"] for i in range(150)]
    learner = make(make_pipeline(vectorizer, LogisticRegression()))
    y = np.where(full == 0, 0, np.nan)
    learner.fit(rows, y)
    assert not hasattr(learner, "n_features_in_")
    assert len(learner.query(rows, y)) == 10
    assert len(learner.fit(rows, partly()).query(rows, partly())) == 10


# A budget ---------------------------------------------------------------------------


def test_models_of_earlier_rounds_are_let_go():
    alive = weakref.WeakSet()
    most = []

    class Counted(GaussianNB):
        def fit(self, X, y):
            gc.collect()
            most.append(len(alive))
            alive.add(self)
            return super().fit(X, y)

    make(Counted(), "margin", budget=60, batch_size=6).fit(X, full)
    assert len(most) == 10
    assert max(most) <= 2


@pytest.mark.parametrize("name", NAMES)
def test_budgeted_fit_equals_the_loop_by_hand(name):
    params = {"batch_size": 6, "n_members": 3, "random_state": 3}
    budgeted = make(LogisticRegression(), name, budget=28, n_initial=9, **params)
    budgeted.fit(X, full)
    learner = make(LogisticRegression(), name, **params)
    y, order = np.full(150, np.nan), []
    for n_queries in (9, 6, 6, 6, 1):
        rows = learner.query(X, y, n_queries=n_queries)
        order.extend(rows.tolist())
        y[rows] = full[rows]
        learner.fit(X, y)
    assert budgeted.labeled_indices_.tolist() == order
    assert budgeted.n_labels_ == 28
    assert_array_equal(budgeted.history_["n_labels"], [9, 15, 21, 27, 28])
    assert_array_equal(budgeted.history_["n_queried"], [9, 6, 6, 6, 1])
    assert {len(column) for column in budgeted.history_.values()} == {5}
    assert budgeted.termination_condition_ == "budget"
    assert_array_equal(budgeted.predict_proba(X), learner.predict_proba(X))


@pytest.mark.parametrize(
    ("budget", "n_labels", "condition"),
    [
        (1, 1, "budget"),
        (149, 149, "budget"),
        (150, 150, "budget"),
        (151, 150, "exhausted"),
        (10**9, 150, "exhausted"),
        (0.1, 15, "budget"),
        (1.0, 150, "budget"),
        (0.001, 1, "budget"),
        (np.int64(20), 20, "budget"),
        (0.58, 87, "budget"),  # 0.58 * 150 is 86.99999999999999
    ],
)
def test_budgets(budget, n_labels, condition):
    learner = make(budget=budget, batch_size=40).fit(X, full)
    assert learner.n_labels_ == n_labels == len(set(learner.labeled_indices_.tolist()))
    assert learner.termination_condition_ == condition


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    budget=st.integers(2, 40),
    name=st.sampled_from(NAMES),
    classes=st.sampled_from([[0, 1, 2], ["a", "b", "c"]]),
)
def test_no_peeking(seed, budget, name, classes):
    rng = np.random.default_rng(seed)
    classes = np.array(classes)
    answers = classes[rng.integers(3, size=150)]
    learner = make(
        GaussianNB(), name, budget=budget, batch_size=7, n_members=2, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few rows: equal utilities, zero variances
        learner.fit(X, answers)
        bought = learner.labeled_indices_
        changed = classes[rng.integers(3, size=150)]
        changed[bought] = answers[bought]
        other = clone(learner).fit(X, changed)
    assert_array_equal(other.labeled_indices_, bought)
    assert pickle.dumps(other.estimator_) == pickle.dumps(learner.estimator_)


@pytest.mark.parametrize("other", ["z" * 30, "z"])
def test_no_peeking_at_the_width_of_a_string(other):
    answers = np.array(["a", "b", "c"])[full].astype("U40")
    learner = make(LogisticRegression(), budget=20).fit(X, answers)
    answers[np.setdiff1d(np.arange(150), learner.labeled_indices_)[0]] = other
    again = clone(learner).fit(X, answers)
    assert pickle.dumps(again.estimator_) == pickle.dumps(learner.estimator_)


def test_only_bought_labels_reach_the_estimator_and_the_strategy():
    seen = []

    def spy(estimator, X, y):
        seen.append(y.copy())
        return np.arange(len(X), dtype=float)

    learner = make(Recorder(), spy, budget=30).fit(X, full)
    assert_array_equal(learner.estimator_.y_, full[np.sort(learner.labeled_indices_)])
    for n_known, y in zip((10, 20), seen, strict=True):
        known = learner.labeled_indices_[:n_known]
        assert_array_equal(np.flatnonzero(~np.isnan(y)), np.sort(known))
        assert_array_equal(y[known], full[known])


def test_budget_on_a_partly_labelled_oracle():
    y = np.where(np.arange(150) % 3 == 0, full, np.nan)
    learner = make(budget=20).fit(X, y)
    assert (learner.labeled_indices_ % 3 == 0).all()
    assert make(budget=0.5).fit(X, y).n_labels_ == 25
    learner = make(budget=1000).fit(X, y)
    assert_array_equal(np.sort(learner.labeled_indices_), np.arange(0, 150, 3))
    assert learner.termination_condition_ == "exhausted"


def test_unseen_classes_in_a_budgeted_fit():
    answers = np.where(np.arange(150) == 77, 9, full)
    learner = make(LogisticRegression(), budget=30).fit(X, answers)
    assert 77 not in learner.labeled_indices_
    assert_array_equal(learner.classes_, [0, 1, 2, 9])
    proba = learner.predict_proba(X)
    assert proba.shape == (150, 4)
    assert_array_equal(proba[:, 3], 0)
    assert_allclose(proba[:, :3], learner.estimator_.predict_proba(X))
    assert_array_equal(learner.predict_log_proba(X)[:, 3], -np.inf)
    decision = learner.decision_function(X)
    assert np.isfinite(decision).all()
    assert (decision[:, 3] < decision[:, :3].min(axis=1)).all()


@pytest.mark.parametrize("classes", [["a", "b"], ["a", "b", "c"]])
@pytest.mark.parametrize("only", ["a", "b"])
def test_one_class_seen_in_a_budgeted_fit(classes, only):
    answers = np.full(150, only)
    answers[:3] = (classes * 2)[:3]
    learner = make(LinearSVC(), budget=5).fit(X, answers)
    assert set(answers[learner.labeled_indices_]) == {only}
    decision = learner.decision_function(X)
    assert decision.shape == ((150,) if len(classes) == 2 else (150, 3))
    if len(classes) == 2:
        predicted = learner.classes_[(decision > 0).astype(int)]
    else:
        predicted = learner.classes_[decision.argmax(axis=1)]
    assert set(predicted) == {only}
    proba = make(LogisticRegression(), budget=5).fit(X, answers).predict_proba(X)
    assert_array_equal(proba[:, learner.classes_ == only], 1)


def test_two_of_three_classes_seen():
    answers = np.array(["a", "b", "a"])[full]
    answers[149] = "c"
    learner = make(LinearSVC(), budget=9, random_state=1).fit(X, answers)
    seen = learner.estimator_.classes_.tolist()
    assert seen == ["a", "b"]
    decision = learner.decision_function(X)
    assert_array_equal(learner.classes_[decision.argmax(axis=1)], learner.predict(X))


# Data kinds are tested in test_containers; here what the inner estimator receives ----


def test_types_reach_the_inner_estimator():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": X[:, 0].astype(np.float32), "b": list("xyz") * 50})
    learner = make(Recorder()).fit(frame, partly())
    assert_array_equal(learner.estimator_.X_.dtypes, frame.dtypes)
    learner = make(Recorder()).fit(X.astype(np.float32), partly())
    assert learner.estimator_.X_.dtype == np.float32
    texts = [f"text {i}" for i in range(150)]
    learner = make(Recorder()).fit(texts, partly())
    assert_array_equal(learner.estimator_.X_, texts[:30])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(learner.query(texts, partly())) == 10


# Seeds ------------------------------------------------------------------------------


def test_seeds_of_the_inner_estimator():
    forest = make_pipeline(RandomForestClassifier(n_estimators=3))
    first, second = (make(forest).fit(X, partly()).predict_proba(X) for _ in range(2))
    assert_array_equal(first, second)
    other = make(forest, random_state=1).fit(X, partly()).predict_proba(X)
    assert not np.array_equal(first, other)
    assert forest.get_params()["randomforestclassifier__random_state"] is None
    fixed = RandomForestClassifier(n_estimators=3, random_state=5)
    learner = make(fixed).fit(X, partly())
    assert learner.estimator_.random_state == 5
    free = make(RandomForestClassifier(), random_state=None).fit(X, partly())
    assert free.estimator_.random_state is None


def test_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()
    learner = make(LogisticRegression(), "information_gain", random_state=None)
    learner.fit(X, partly()).query(X)
    learner.score_samples(X)
    assert_array_equal(np.random.get_state()[1], before)
    picks = {tuple(make(random_state=None).query(X)) for _ in range(3)}
    assert len(picks) > 1


def test_random_state_instance():
    results = [
        make(strategy="random", random_state=np.random.RandomState(0)).query(X)
        for _ in range(2)
    ]
    assert_array_equal(*results)
    learner = make(strategy="random", random_state=np.random.RandomState(0))
    assert set(learner.query(X)) != set(learner.query(X))


# partial_fit ------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["margin", "information_gain"])
@pytest.mark.parametrize("encode_labels", [False, True])
def test_partial_fit(strategy, encode_labels):
    inner = SGDClassifier(loss="log_loss", random_state=0)
    learner = make(inner, strategy, encode_labels=encode_labels)
    answers = np.array(["a", "b", "c"])[full]
    expected = clone(inner)
    for start in (0, 50, 100):
        batch = slice(start, start + 50)
        y = np.where(np.arange(50) % 2, answers[batch], None)
        learner.partial_fit(X[batch], y, classes=["a", "b", "c"])
        expected.partial_fit(
            X[batch][1::2], answers[batch][1::2], classes=["a", "b", "c"]
        )
    assert_array_equal(learner.predict_proba(X), expected.predict_proba(X))
    assert len(learner.query(X)) == 10
    if strategy == "information_gain":
        assert learner.score_samples(X).max() > 0
    learner.partial_fit(X, answers)  # the classes are known by now


def test_partial_fit_counts_classes_seen():
    learner = make(
        SGDClassifier(loss="log_loss"), initial_strategy=lambda e, X, y: X[:, 0]
    )
    by_first_feature = np.argsort(-X[:, 0])[:5]
    learner.partial_fit(X[full == 0], full[full == 0], classes=[0, 1, 2])
    assert_array_equal(learner.query(X, n_queries=5), by_first_feature)
    learner.partial_fit(X[full == 1], full[full == 1])
    assert not np.array_equal(learner.query(X, n_queries=5), by_first_feature)


def test_partial_fit_errors():
    learner = make(SGDClassifier())
    with pytest.raises(ValueError, match="classes must be passed"):
        learner.partial_fit(X, full)
    with pytest.raises(ValueError, match="No row is labelled"):
        learner.partial_fit(X, partly(0), classes=[0, 1])
    learner.fit(X, np.where(full == 0, 0, np.nan))
    clone(learner).fit(X, np.where(full == 0, 0, np.nan)).partial_fit(
        X, full, classes=[0, 1, 2]
    )
    with pytest.raises(ValueError, match=r"saw the class \[0.*only"):
        learner.partial_fit(X, full)
    encoded = make(SGDClassifier(), encode_labels=True)
    with pytest.raises(ValueError, match="classes must be passed"):
        encoded.partial_fit(X, full)
    with pytest.raises(ValueError, match=r"labels \[2\], which are not among"):
        encoded.partial_fit(X, full, classes=[0, 1])


# Metadata ---------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [None, 40])
def test_sample_weight_is_cut_to_the_labelled_rows(budget):
    weight = np.arange(150.0)
    with config_context(enable_metadata_routing=True), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inner = Recorder().set_fit_request(sample_weight=True)
        learner = make(inner, "vote_entropy", budget=budget, n_members=2)
        learner.fit(X, partly(60), sample_weight=weight)
        rows = np.sort(learner.labeled_indices_)
        assert len(rows) == (60 if budget is None else 40)
        assert_array_equal(learner.estimator_.sample_weight_, weight[rows])
        for member in learner.members_:
            assert set(member.sample_weight_) <= set(weight[rows])
            order = member.sample_weight_.astype(int)
            assert_array_equal(member.X_, X[order])


def test_metadata_not_requested_and_routing_off():
    with pytest.raises(ValueError, match="enable_metadata_routing"):
        make(Recorder()).fit(X, full, sample_weight=np.ones(150))
    with config_context(enable_metadata_routing=True):
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            make(Recorder()).fit(X, full, sample_weight=np.ones(150))
        inner = SGDClassifier().set_partial_fit_request(sample_weight=True)
        learner = make(inner)
        learner.partial_fit(X, full, classes=[0, 1, 2], sample_weight=np.ones(150))


# Looks ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_clone_pickle_joblib_repr(name):
    learner = make(inner_for(name), name, n_members=2).fit(X, partly())
    buffer = io.BytesIO()
    joblib.dump(learner, buffer)
    buffer.seek(0)
    for copy in (pickle.loads(pickle.dumps(learner)), joblib.load(buffer)):
        assert_array_equal(copy.query(X, partly()), learner.query(X, partly()))
        assert_array_equal(copy.predict(X), learner.predict(X))
    assert not hasattr(clone(learner), "estimator_")
    assert repr(clone(learner)) == repr(learner)
    assert name in repr(learner) or name == "margin"
    assert type(learner.estimator).__name__ in learner._repr_html_()


def test_clone_with_strategy_objects():
    learner = make(strategy=Entropy() + 0.5 * Margin())
    copy = clone(learner).set_params(strategy__right__left__value=2)
    assert copy.strategy.right.left.value == 2
    assert learner.strategy.right.left.value == 0.5


# Errors, each with nothing changed ---------------------------------------------------


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.full(150, np.nan), "No row is labelled.*Call query"),
        (full[:100], "inconsistent numbers of samples"),
        (np.linspace(0, 1, 150), "Unknown label type: continuous"),
        (np.c_[full, full], "1d array"),
        (None, "requires y to be passed"),
    ],
)
@pytest.mark.parametrize("budget", [None, 20])
def test_bad_y_in_fit(y, message, budget):
    learner = make(budget=budget).fit(X, full)
    before = joblib.hash(vars(learner))
    with pytest.raises(ValueError, match=message):
        learner.fit(X, y)
    assert joblib.hash(vars(learner)) == before


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"budget": 0}, InvalidParameterError, "budget.*Got 0"),
        ({"budget": -3}, InvalidParameterError, "budget"),
        ({"budget": 1.5}, InvalidParameterError, "budget"),
        ({"batch_size": 0}, InvalidParameterError, "batch_size"),
        ({"n_initial": 0}, InvalidParameterError, "n_initial"),
        ({"n_members": 1}, InvalidParameterError, "n_members"),
        ({"estimator": 3}, InvalidParameterError, "estimator"),
        ({"strategy": 3}, InvalidParameterError, "strategy"),
        ({"strategy": Entropy(normalize="yes")}, InvalidParameterError, "normalize"),
        ({"strategy": "margn"}, ValueError, "Did you mean 'margin'"),
        ({"initial_strategy": "margin"}, ValueError, "needs predict_proba.*'random'"),
        (
            {"estimator": LinearSVC(), "strategy": "entropy"},
            ValueError,
            "got LinearSVC",
        ),
        ({"estimator": SVC(kernel="precomputed")}, ValueError, "precomputed"),
    ],
)
def test_bad_parameters(params, error, message):
    learner = make().set_params(**params)
    with pytest.raises(error, match=message):
        learner.fit(X, full)
    assert not hasattr(learner, "estimator_")
    with pytest.raises(error, match=message):
        learner.query(X)


def test_nothing_to_query():
    learner = make().fit(X, full)
    with pytest.raises(ValueError, match="All 150 rows have a label") as error:
        learner.query(X, full)
    assert "-1" not in str(error.value)
    with pytest.raises(ValueError, match="set missing_label=-1"):
        learner.query(X, np.where(full == 0, -1, full))
    with pytest.raises(ValueError, match="set missing_label='nan'"):
        learner.query(X, np.where(full == 0, "nan", "a"))
    with pytest.raises(ValueError, match="no rows"):
        make().query(X[:0])
    with pytest.raises(ValueError, match=r"a label \(148\) or are in skip \(2\)"):
        learner.query(X, np.r_[[np.nan, np.nan], full[2:]], skip=[1, 0, 7])
    with pytest.raises(ValueError, match=r"in skip \(1\).* set missing_label=-1"):
        learner.query(X, np.r_[np.nan, np.where(full == 0, -1, full)[1:]], skip=[0])


@pytest.mark.parametrize("n_queries", [0, -1, 2.5, "3"])
def test_bad_n_queries(n_queries):
    with pytest.raises(ValueError, match=r"n_queries must be a positive int.*got"):
        make().query(X, n_queries=n_queries)


def test_bad_query():
    learner = make(strategy="random").fit(X, partly())
    with pytest.raises(ValueError, match="inconsistent"):
        learner.query(X, partly()[:10])
    with pytest.raises(ValueError, match=r"5 features, but .* expecting 6"):
        learner.query(X[:, :5])


def test_bad_query_of_a_frame():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcdef"))
    learner = make(strategy="random").fit(frame, partly())
    with pytest.raises(ValueError, match="feature names"):
        learner.query(frame.rename(columns={"a": "z"}))


def test_an_error_of_the_estimator_is_not_swallowed():
    class Broken(Recorder):
        def fit(self, X, y):
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        make(Broken()).fit(X, full)


def test_bad_probabilities():
    class Bad(Recorder):
        def predict_proba(self, X):
            return np.full((len(X), 3), 0.5)

    learner = make(Bad()).fit(X, full)
    with pytest.raises(ValueError, match=r"sums to 1\.5"):
        learner.query(X)


# skactive.query ---------------------------------------------------------------------


def test_query_finds_the_learner():
    y = partly()
    scaler = StandardScaler().fit(X)
    learner = make().fit(scaler.transform(X), y)
    expected = learner.query(scaler.transform(X), y)
    pipeline = make_pipeline(StandardScaler(), make()).fit(X, y)
    assert_array_equal(query(pipeline, X, y), expected)
    assert_array_equal(query(learner, scaler.transform(X), y), expected)
    assert len(query(pipeline, X, y, n_queries=3)) == 3
    nested = make_pipeline(StandardScaler(), make_pipeline("passthrough", make()))
    assert_array_equal(query(nested.fit(X, y), X, y), expected)
    assert_allclose(
        pipeline.score_samples(X), learner.score_samples(scaler.transform(X))
    )


def test_query_of_what_is_not_fitted():
    expected = make().query(X)
    assert_array_equal(query(make(), X), expected)
    assert_array_equal(query(make_pipeline(StandardScaler(), make()), X), expected)


def test_query_of_a_frozen_learner():
    learner = make().fit(X, partly())
    assert_array_equal(query(FrozenEstimator(learner), X), learner.query(X))


def test_query_does_not_fall_back_to_a_learner_that_is_not_fitted():
    search = GridSearchCV(make(), {"batch_size": [5]}, cv=2, refit=False).fit(X, full)
    calibrated = CalibratedClassifierCV(make(), cv=2).fit(X, full)
    for estimator in (search, calibrated):
        with pytest.raises(ValueError, match="keeps no single fitted learner"):
            query(estimator, X)
        assert len(query(clone(estimator), X)) in (5, 10)


def test_query_finds_no_learner():
    for estimator in (GaussianNB(), make_pipeline(GaussianNB())):
        with pytest.raises(TypeError, match="needs an ActiveLearningClassifier"):
            query(estimator, X)


def test_iris_saves_labels():
    iris, answers = load_iris(return_X_y=True)
    scores = {}
    for name in ("margin", "random"):
        scores[name] = np.mean(
            [
                make(
                    LogisticRegression(max_iter=1000),
                    name,
                    budget=40,
                    n_initial=15,
                    batch_size=5,
                    random_state=seed,
                )
                .fit(iris, answers)
                .score(iris, answers)
                for seed in range(10)
            ]
        )
    assert scores["margin"] > scores["random"]


def test_parameters_of_a_strategy_given_by_name():
    learner = ActiveLearningClassifier(LogisticRegression(), "entropy")
    learner.set_params(strategy__normalize=True)
    assert repr(learner.strategy) == "Entropy(normalize=True)"
    learner.set_params(strategy="power", strategy__beta=3, initial_strategy="k_center")
    assert learner.strategy.beta == 3
    assert learner.initial_strategy == "k_center"
    with pytest.raises(ValueError, match="Invalid parameter 'gamma' for estimator Ma"):
        learner.set_params(strategy="margin", strategy__gamma=3)


def test_error_names_the_classifier_at_the_end_of_a_long_pipeline():
    steps = [StandardScaler(with_mean=True, with_std=False) for _ in range(9)]
    model = make_pipeline(*steps, LinearSVC(C=7))
    learner = ActiveLearningClassifier(model, "entropy")
    with pytest.raises(ValueError, match=r"got LinearSVC\(C=7\) at the end of Pipel"):
        learner.query([[0.0], [1.0]])
