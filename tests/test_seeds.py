"""Seeds, and what must not change the rows: jobs, chunks, threads."""

import threading

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from learners import FEW_LABELS, NAMES, X, full, inner_for, make, partly

pytestmark = FEW_LABELS


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
    learner.fit(X, partly()).query(X, partly())
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
