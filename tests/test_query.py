"""The learner's query: which rows, what strategies see, and bad queries."""

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression

from learners import (
    FEW_LABELS,
    NAMES,
    POINTWISE,
    Recorder,
    X,
    full,
    make,
    partly,
)
from skactive.strategies import Margin, Strategy

pytestmark = FEW_LABELS


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
    assert joblib.hash(vars(learner)) == before
    assert hasattr(learner, "score_samples") == (name in POINTWISE)


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
    with pytest.warns(UserWarning, match="30 of these 150 rows already had a label"):
        rows = learner.query(X, n_queries=150)
    assert_array_equal(np.sort(rows), np.arange(150))


# What a strategy is given -----------------------------------------------------------


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


def test_strategy_that_needs_other_rows_has_no_score_samples():
    class Others(Strategy):
        def score_candidates(self, estimator, X, y, candidates):
            return (np.asarray(X)[:, 0] - np.mean(X))[candidates]

    assert not hasattr(make(strategy=Others()), "score_samples")
    assert hasattr(make(strategy=Margin()), "score_samples")
    assert make(strategy=Others()).fit(X, partly()).query(X[1:]).shape == (10,)


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


# Errors -----------------------------------------------------------------------------


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


def test_bad_probabilities():
    class Bad(Recorder):
        def predict_proba(self, X):
            return np.full((len(X), 3), 0.5)

    learner = make(Bad()).fit(X, full)
    with pytest.raises(ValueError, match=r"sums to 1\.5"):
        learner.query(X)
