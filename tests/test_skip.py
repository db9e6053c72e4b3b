"""Rows that a query passes over."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from learners import FEW_LABELS, NAMES, X, inner_for, make, partly
from skactive import query
from skactive.strategies import Margin, Strategy

pytestmark = FEW_LABELS


# Every kind of selection: by utilities, at random by them, from an embedding, and
# from predictions of further models.
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
        def for_rows(self, rows):
            asked.append([rows])
            return self

        def select(self, estimator, X, y=None, *, n_queries, random_state=None):
            asked[-1].append(X)
            return np.flatnonzero(np.isnan(y))[:n_queries]

    learner = make(strategy=Naming(), max_candidates=max_candidates).fit(X, partly())
    learner.query(X, partly(), skip=[149, 30])
    learner.query(X, partly(), skip=[149, 30])
    assert len(asked) == 2
    for ids, rows in asked:
        assert_array_equal(rows, X[ids])
        assert not {149, 30} & set(ids)


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
