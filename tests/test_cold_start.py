import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder

from skactive import ActiveLearningClassifier, get_strategy
from skactive.strategies import ColdStart, MaxHerding, Random, _cold_start

CENTERS = np.array([[0.0, 0], [9, 0], [0, 9], [9, 9]])
CODES = np.random.default_rng(0).integers(4, size=200)
X = CENTERS[CODES] + 0.1 * np.random.default_rng(1).normal(size=(200, 2))
TEXTS = np.array(["red apple", "green pear", "blue sky", "dark night"])[CODES]


def pick(X, estimator, n_queries=4):
    learner = ActiveLearningClassifier(estimator, random_state=0)
    return learner.query(X, n_queries=n_queries)


def with_nan():
    return np.where(np.arange(400).reshape(200, 2) == 7, np.nan, X)


VECTORS = {
    "array": (X, LogisticRegression()),
    "float32": (X.astype(np.float32), LogisticRegression()),
    "list": (X.tolist(), LogisticRegression()),
    "csr": (sp.csr_array(X), LogisticRegression()),
    "ints": (X.round().astype(int), LogisticRegression()),
    "pipeline": (X, make_pipeline(StandardScaler(), LogisticRegression())),
    "search": (
        X,
        GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {}),
    ),
    "texts": (TEXTS.tolist(), make_pipeline(TfidfVectorizer(), LogisticRegression())),
}


@pytest.mark.parametrize("name", VECTORS)
def test_one_row_of_each_blob(name):
    pool, estimator = VECTORS[name]
    assert sorted(CODES[pick(pool, estimator)]) == [0, 1, 2, 3]


def test_frames():
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    for frame in (pd.DataFrame(X), pl.DataFrame(X)):
        assert sorted(CODES[pick(frame, LogisticRegression())]) == [0, 1, 2, 3]


NO_VECTORS = {
    "texts": (TEXTS.tolist(), LogisticRegression()),
    "missing features": (with_nan(), HistGradientBoostingClassifier()),
    "rows of words": ([text.split() for text in TEXTS], LogisticRegression()),
    "selection by labels": (X, make_pipeline(SelectKBest(k=1), LogisticRegression())),
    "nested encoding by labels": (
        X,
        make_pipeline(
            make_column_transformer((TargetEncoder(), [0])), LogisticRegression()
        ),
    ),
}


@pytest.mark.parametrize("name", NO_VECTORS)
def test_random_elsewhere(name):
    pool, estimator = NO_VECTORS[name]
    expected = Random().select(estimator, pool, n_queries=30, random_state=5)
    found = ColdStart().select(estimator, pool, n_queries=30, random_state=5)
    assert_array_equal(found, expected)
    assert len(pick(pool, estimator)) == 4


def test_it_is_facility_location():
    y = np.where(np.arange(200) < 20, CODES, np.nan)
    for kwargs in ({"y": None}, {"y": y}):
        expected = MaxHerding().select(
            LogisticRegression(), X, **kwargs, n_queries=9, random_state=0
        )
        found = get_strategy("cold_start").select(
            LogisticRegression(), X, **kwargs, n_queries=9, random_state=0
        )
        assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("width", "n_queries", "expected"),
    [
        (1, 10, 20_000),
        (100, 10, 20_000),
        (200, 10, 10_000),
        (500, 10, 4_000),
        (30_000, 10, 4_000),
        (30_000, 300, 6_000),
        (30_000, 5_000, 20_000),
        (0, 1, 20_000),
    ],
)
def test_rows_that_represent_the_pool(width, n_queries, expected):
    assert _cold_start._rows_for(width, n_queries) == expected


def wide_pool(n, form):
    """Rows of three kinds that differ in the columns where they are not zero."""
    rng = np.random.default_rng(0)
    kinds = rng.integers(3, size=n)
    rows = np.repeat(np.arange(n), 4)
    width = 3000 if form == "csr" else 510
    columns = rng.integers(0, 20, size=(n, 4)) + width // 3 * kinds[:, np.newaxis]
    values = 1 + 0.1 * rng.random(4 * n)
    pool = sp.csr_array((values, (rows, columns.ravel())), shape=(n, width))
    pool.sum_duplicates()
    return (pool if form == "csr" else pool.toarray().astype(np.float32)), kinds


@pytest.mark.parametrize("form", ["csr", "dense"])
def test_a_wide_pool_is_represented_by_fewer_rows(form):
    pool, kinds = wide_pool(4050, form)

    def select(strategy, rows=pool):
        return strategy.select(LogisticRegression(), rows, n_queries=6, random_state=3)

    chosen = select(ColdStart())
    assert len(set(chosen)) == 6
    assert set(kinds[chosen]) == {0, 1, 2}
    assert_array_equal(select(ColdStart()), chosen)
    assert_array_equal(select(MaxHerding(max_rows=4000)), chosen)
    # A pool that is no larger than that is looked at as a whole.
    assert_array_equal(
        select(ColdStart(), pool[:4000]), select(MaxHerding(), pool[:4000])
    )


def test_what_an_estimator_has_learnt_before_has_no_say():
    """A budgeted fit clones it; so a net fitted on all labels must not choose."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:150], y[:150]
    net = MLPClassifier((4,), max_iter=2, random_state=0)
    learner = ActiveLearningClassifier(net, random_state=0)
    expected = learner.query(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net.fit(X, y)
    assert_array_equal(learner.query(X), expected)
    # One that is frozen is meant to keep what it knows.
    frozen = ActiveLearningClassifier(FrozenEstimator(net), random_state=0)
    assert set(frozen.query(X)) != set(expected)
