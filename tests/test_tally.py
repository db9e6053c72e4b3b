"""What a round costs is what an estimator that counts has seen."""

import threading

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.feature_selection import VarianceThreshold
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from skactive import ActiveLearningClassifier
from skactive._compat.tally import count_fits, count_rows, counting, in_this_context
from skactive.strategies import ExpectedError, PredictedLoss, get_strategy

X, Y = make_classification(300, n_informative=4, random_state=0)
# A round after the first one asks about the whole pool: a chunk with few labelled rows
# is scored as it is, because to copy the others would take longer.
ROWS = np.array([0, 300, 300, 300])
SEEN = {}
LOCK = threading.Lock()


def see(what, n=1):
    with LOCK:
        SEEN[what] = SEEN.get(what, 0) + n


class Counting(ClassifierMixin, BaseEstimator):
    """Tells how often it is fitted, and about how many rows it is asked."""

    def fit(self, X, y):
        see("fits")
        self.model_ = LogisticRegression(C=0.1).fit(X, y)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X):
        see("passes")
        see("rows", len(X))
        return self.model_.predict_proba(X)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class CountingRegressor(DummyRegressor):
    def fit(self, X, y):
        see("fits")
        return super().fit(X, y)


class CountingTransformer(VarianceThreshold):
    def transform(self, X):
        see("transformed", len(X))
        return super().transform(X)


def run(estimator, strategy, **params):
    """History of a campaign, and what the estimator saw."""
    SEEN.clear()
    params = {"budget": 40, "initial_strategy": "random", "random_state": 0, **params}
    learner = ActiveLearningClassifier(estimator, strategy, **params).fit(X, Y)
    return learner.history_, dict(SEEN)


def assert_seen(history, seen):
    assert history["n_fits"].sum() == seen["fits"]
    assert history["n_scored"].sum() == seen["rows"]
    assert history["n_passes"].sum() == seen["passes"]


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("chunks", [False, True])
@pytest.mark.parametrize(
    ("strategy", "params"),
    [
        ("margin", {}),
        ("margin", {"max_candidates": 100}),
        ("information_gain", {"members": "bootstrap", "n_members": 3}),
        ("batch_bald", {"members": "bootstrap", "n_members": 3}),
        (ExpectedError(n_targets=15, max_candidates=4), {}),
        ("badge", {}),
    ],
    ids=str,
)
def test_counts_are_what_the_estimator_saw(
    strategy, params, chunks, n_jobs, monkeypatch
):
    if chunks:
        monkeypatch.setattr("skactive._data.chunks._CHUNK_SIZE", 64 * 20)
    history, seen = run(Counting(), strategy, n_jobs=n_jobs, **params)
    if n_jobs == 2 and "n_members" in params:
        seen["fits"] += 4 * 3  # in other processes, which cannot tell this one
    assert_seen(history, seen)


def test_margin():
    history, _ = run(Counting(), "margin")
    assert_array_equal(history["n_fits"], [1, 1, 1, 1])
    assert_array_equal(history["n_scored"], ROWS)
    assert_array_equal(history["n_passes"], [0, 1, 1, 1])
    assert list(history)[:4] == ["n_labels", "n_queried", "query_time", "fit_time"]


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_counts_of_many_chunks(n_jobs, monkeypatch):
    monkeypatch.setattr("skactive._data.chunks._CHUNK_SIZE", 1)
    many = np.repeat(X, 10, axis=0)  # 46 chunks, far more than are handed out at once
    model = LogisticRegression().fit(X, Y)
    with counting() as tally, parallel_config("threading", n_jobs=n_jobs):
        get_strategy("margin")(model, many)
    assert (tally.n_scored, tally.n_passes) == (3000, 46)


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.filterwarnings("ignore:PredictedLoss:UserWarning")
def test_predicted_loss(n_jobs):
    strategy = PredictedLoss(n_folds=8, regressor=CountingRegressor())
    history, seen = run(Counting(), strategy, n_initial=30, n_jobs=n_jobs)
    assert_seen(history, seen)
    assert history["n_fits"][1] in (1 + 8 + 5, 1 + 8 + 6)


def test_where_many_rows_are_labelled_only_the_others_are_scored():
    history, seen = run(Counting(), "margin", budget=150, batch_size=50)
    assert_array_equal(history["n_scored"], [0, 250, 200])
    assert_seen(history, seen)


def test_max_candidates():
    history, _ = run(Counting(), "margin", max_candidates=50)
    assert_array_equal(history["n_scored"], [0, 50, 50, 50])


def test_members_are_counted_one_by_one():
    forest = RandomForestClassifier(7, random_state=0)
    history, _ = run(forest, "information_gain")
    assert_array_equal(history["n_fits"], [1, 1, 1, 1])
    assert_array_equal(history["n_scored"], 7 * ROWS)
    assert_array_equal(history["n_passes"], [0, 7, 7, 7])
    voting = VotingClassifier([("a", Counting()), ("b", Counting())], voting="soft")
    history, seen = run(voting, "consensus_entropy")
    assert history["n_scored"].sum() == seen["rows"]
    # The forest as one model.
    history, _ = run(forest, "margin")
    assert_array_equal(history["n_scored"], ROWS)


def test_draws_of_a_posterior_are_members():
    history, _ = run(GaussianNB(), "vote_entropy", n_members=5)
    assert_array_equal(history["n_fits"], [1, 1, 1, 1])
    assert_array_equal(history["n_scored"], 5 * ROWS)


def test_a_users_function_as_members():
    def members(estimator, X):
        return np.stack([estimator.predict_proba(X)] * 4)

    history, seen = run(Counting(), "consensus_entropy", members=members)
    assert history["n_scored"].sum() == 4 * seen["rows"]


def test_refits_are_counted_and_closed_forms_are_no_fits():
    strategy = ExpectedError(n_targets=15, max_candidates=4)
    history, seen = run(Counting(), strategy)
    assert history["n_fits"].sum() == seen["fits"] > 3 * 8
    history, _ = run(GaussianNB(), strategy)
    assert_array_equal(history["n_fits"], [1, 1, 1, 1])


@pytest.mark.parametrize("initial_strategy", ["random", "cold_start"])
def test_embeddings(initial_strategy):
    pipeline = make_pipeline(CountingTransformer(), LogisticRegression())
    history, seen = run(
        pipeline, "information_density", initial_strategy=initial_strategy
    )
    # Each fit transforms the labelled rows as well.
    assert history["n_scored"].sum() == seen["transformed"] - 10 - 20 - 30 - 40
    n_first = 300 if initial_strategy == "cold_start" else 0
    assert_array_equal(history["n_scored"], [n_first, 300, 300, 300])
    plain, _ = run(LogisticRegression(), "information_density")
    assert plain["n_scored"].sum() == 0
    # What stands for the last layer of an unknown classifier is a pass of its own.
    strategy = get_strategy("expected_model_change")
    strategy.set_params(features=VarianceThreshold().fit(X))
    history, seen = run(Counting(), strategy)
    assert history["n_scored"].sum() == 2 * seen["rows"]


def test_last_layer_and_decision_values():
    history, _ = run(LogisticRegression(), "expected_model_change")
    assert_array_equal(history["n_scored"], ROWS)
    history, _ = run(LinearSVC(), "margin")
    assert_array_equal(history["n_scored"], ROWS)


def test_one_class_is_no_fit():
    SEEN.clear()
    y = np.where(np.arange(300) < 3, "a", None)
    learner = ActiveLearningClassifier(Counting()).fit(X, y)
    assert learner.history_["n_fits"].tolist() == [0]


def test_a_fit_by_hand():
    learner = ActiveLearningClassifier(Counting(), "information_gain", n_members=3)
    learner.fit(X, Y)
    learner.query(X[1:])
    learner.fit(X, Y)
    assert {name: column.tolist() for name, column in learner.history_.items()} == {
        "n_labels": [300],
        "n_queried": [0],
        "query_time": [0.0],
        "fit_time": learner.history_["fit_time"].tolist(),
        "n_fits": [4],
        "n_scored": [0],
        "n_passes": [0],
    }


def test_warm_start_is_a_fit_unless_nothing_is_new():
    learner = ActiveLearningClassifier(GaussianNB(), warm_start=True)
    y = np.where(np.arange(300) < 100, Y, np.nan)
    for n_fits in (1, 0):
        assert learner.fit(X, y).history_["n_fits"].tolist() == [n_fits]
    assert learner.fit(X, Y).history_["n_fits"].tolist() == [1]


def test_a_learner_inside_a_learner():
    inner = ActiveLearningClassifier(Counting(), budget=10, batch_size=5)
    history, _ = run(inner, "margin", initial_strategy="cold_start")
    # What goes on inside is the inner learner's own matter.
    assert_array_equal(history["n_fits"], [1, 1, 1, 1])
    assert_array_equal(history["n_scored"], ROWS)


def test_two_learners_at_once():
    found = {}

    def work(name, max_candidates):
        learner = ActiveLearningClassifier(
            GaussianNB(),
            budget=100,
            n_jobs=2,
            max_candidates=max_candidates,
            initial_strategy="random",
            random_state=0,
        )
        found[name] = clone(learner).fit(X, Y).history_["n_scored"]

    with config_context(working_memory=0.01):
        threads = [threading.Thread(target=work, args=(k, 60 + k)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for k in range(4):
        assert_array_equal(found[k], [0] + [60 + k] * 9)


def fail_while_counting():
    try:
        with counting() as tally:
            count_rows(7, n_models=2)
            raise ZeroDivisionError
    except ZeroDivisionError:
        return tally


def test_counting_ends_with_its_context():
    count_fits()  # nobody counts, so nothing happens
    with counting() as outer:
        count_rows(5)
        inner = fail_while_counting()
        count_fits(3)
    count_rows(100)
    assert (outer.n_fits, outer.n_scored, outer.n_passes) == (3, 5, 1)
    assert (inner.n_fits, inner.n_scored, inner.n_passes) == (0, 14, 2)


def test_threads_report_to_the_context_they_were_started_in():
    with counting() as tally:
        inside = threading.Thread(target=in_this_context(count_rows), args=(3,))
        outside = threading.Thread(target=count_rows, args=(100,))
        for thread in (inside, outside):
            thread.start()
            thread.join()
    assert tally.n_scored in (3, 103)  # 103 where threads inherit their context
    with counting() as tally, parallel_config("threading", n_jobs=2):
        pass
    assert tally.n_scored == 0
