import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from sklearn.linear_model import LogisticRegression

from skactive import count_copies, get_strategy
from skactive._data.copies import row_keys
from skactive.geometry._blocks import row_hashes

ROWS = np.array([[1.0, 2], [0, 0], [1, 2], [2, 1], [-0.0, 0], [1, 2]])
GROUPS = [0, 1, 0, 2, 1, 0]


def containers():
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    texts = np.array(["b", "a", "c"])[GROUPS]
    return {
        "array": ROWS,
        "float32": ROWS.astype(np.float32),
        "fortran": np.asfortranarray(ROWS),
        "int": ROWS.astype(int),
        "bool": np.eye(3, dtype=bool)[GROUPS],
        "object": ROWS.astype(int).astype(object),
        "csr": sp.csr_array(ROWS),
        "csr with stored zeros": sp.csr_array(
            (ROWS.ravel() + 0.0, np.tile([0, 1], 6), np.arange(0, 14, 2)), shape=(6, 2)
        ),
        "list": ROWS.astype(int).tolist(),
        "texts": texts.tolist(),
        "array of texts": texts,
        "Series": pd.Series(texts, index=range(6, 0, -1)),
        "DataFrame": pd.DataFrame({"a": texts, "b": np.array([1, np.nan, 3])[GROUPS]}),
        "polars": pl.DataFrame({"a": texts, "b": np.array([1.0, 2, 3])[GROUPS]}),
    }


@pytest.mark.parametrize("name", containers())
def test_count_copies(name):
    X = containers()[name]
    assert_array_equal(count_copies(X, np.arange(6)), [3, 2, 3, 1, 2, 3])
    assert_array_equal(count_copies(X, [3, 0]), [1, 3])
    keys = row_keys(X, np.array([0, 2, 3]))
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_hashes_equal_exactly_for_equal_rows(dtype):
    X = np.random.default_rng(0).integers(2, size=(2000, 6)).astype(dtype)
    groups = np.unique(X, axis=0, return_inverse=True)[1].ravel()
    for embedding in (X, sp.csr_array(X)):
        found = np.unique(row_hashes(embedding), return_inverse=True)[1]
        pairs = set(zip(groups.tolist(), found.tolist(), strict=True))
        assert len(pairs) == len(np.unique(groups)) == len(np.unique(found))


@pytest.mark.parametrize("name", ["random", "margin"])
def test_no_copies_in_a_batch_while_others_remain(name):
    X = np.repeat(np.arange(20.0)[:, None], 30, axis=0)
    model = LogisticRegression().fit(X, X[:, 0] > 7)
    order = np.random.default_rng(0).permutation(600)
    X = X[order]
    for seed in range(5):
        chosen = get_strategy(name).select(model, X, n_queries=20, random_state=seed)
        assert len(np.unique(X[chosen])) == 20
        chosen = get_strategy(name).select(model, X, n_queries=25, random_state=seed)
        assert len(set(chosen.tolist())) == 25
        assert len(np.unique(X[chosen])) == 20
    utilities = get_strategy(name)(model, X)
    chosen = get_strategy(name).select(model, X, n_queries=5, random_state=0)
    assert (np.diff(utilities[chosen]) <= 0).all()


@pytest.mark.parametrize("dtype", [np.uint8, bool, np.int64, np.float32, np.float64])
def test_images(dtype, monkeypatch):
    rng = np.random.RandomState(0)
    X = rng.randint(2, size=(50, 2, 3, 2)).astype(dtype)
    X[[7, 33]] = X[4]
    keys = row_keys(X, np.arange(50))
    flat = X.reshape(50, -1)
    _, expected = np.unique(flat, axis=0, return_inverse=True)
    _, found = np.unique(keys, return_inverse=True)
    same = np.ravel(expected)[:, np.newaxis] == np.ravel(expected)
    assert_array_equal(found[:, np.newaxis] == found, same)
    assert_array_equal(row_keys(X, np.array([33, 2, 4])), keys[[33, 2, 4]])
    assert count_copies(X, [7])[0] >= 3
    assert len(row_keys(X, np.arange(0))) == 0
    # In parts they are the same.
    monkeypatch.setattr("skactive.geometry._blocks.BLOCK_SIZE", 40)
    assert_array_equal(row_keys(X, np.arange(50)), keys)
