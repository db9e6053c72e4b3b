"""The pool: rows are cut with all that belongs to them."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from skactive._data.pool import Pool


@pytest.fixture
def pool():
    y = np.array([0, np.nan, 1, np.nan, np.nan, 0])
    X = pd.DataFrame({"a": np.arange(6.0)})
    return Pool(X, np.isnan(y), y, weights=np.arange(6) / 10)


def test_take_cuts_everything(pool):
    part = pool.take(np.array([1, 2, 5]))
    assert part.X["a"].tolist() == [1, 2, 5]
    assert part.missing.tolist() == [True, False, False]
    assert_array_equal(part.y, [np.nan, 1, 0])
    assert part.weights.tolist() == [0.1, 0.2, 0.5]
    assert (part.n_samples, part.n_candidates) == (3, 1)


def test_names_are_those_of_the_first_pool(pool):
    part = pool.take(np.array([1, 2, 5])).take(np.array([0, 2]))
    assert part.ids.tolist() == [1, 5]
    assert part.X["a"].tolist() == [1, 5]


def test_closed_rows_are_no_candidates_and_the_pool_stays(pool):
    closed = pool.closed(np.array([3]))
    assert closed.missing.tolist() == [False, True, False, False, True, False]
    assert_array_equal(np.isnan(closed.y), closed.missing)
    assert pool.n_candidates == 3


def test_draw_takes_some_candidates_and_all_labelled_rows(pool):
    found = set()
    for seed in range(30):
        rows = pool.draw(1, np.random.default_rng(seed))
        assert rows.tolist() == sorted(rows)
        assert set(rows) >= {0, 2, 5}
        assert len(rows) == 4
        found |= set(rows.tolist())
    assert found == {0, 1, 2, 3, 4, 5}
