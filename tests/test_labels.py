import sys
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skactive._data.labels import (
    as_visible,
    decode_labels,
    encode_labels,
    find_marks,
    is_missing,
)

pd = pytest.importorskip("pandas")
nan = np.nan


def polars_series(*args, **kwargs):
    return pytest.importorskip("polars").Series(*args, **kwargs)


# Every case has three rows and the second one is missing.
CASES = {
    "list": (lambda: [1, None, 2], [1, 2]),
    "list of floats": (lambda: [1.0, nan, 2.0], [1.0, 2.0]),
    "list of strings and nan": (lambda: ["b", nan, "a"], ["a", "b"]),
    "list of strings and None": (lambda: ["b", None, "a"], ["a", "b"]),
    "list of bools": (lambda: [True, None, False], [False, True]),
    "list with NA": (lambda: [1, pd.NA, 0], [0, 1]),
    "tuple": (lambda: (3, None, 3), [3]),
    "float array": (lambda: np.array([0.0, nan, 7.0]), [0.0, 7.0]),
    "object array": (lambda: np.array(["b", None, "a"], dtype=object), ["a", "b"]),
    "masked array": (lambda: np.ma.array([5, 6, 7], mask=[0, 1, 0]), [5, 7]),
    "Series": (lambda: pd.Series([1.0, nan, 0.0]), [0.0, 1.0]),
    "Series of strings": (lambda: pd.Series(["b", None, "a"]), ["a", "b"]),
    "Series with an index": (
        lambda: pd.Series([1, nan, 0], index=[9, 8, 7]),
        [0.0, 1.0],
    ),
    "nullable Int64": (lambda: pd.Series([3, None, 1], dtype="Int64"), [1, 3]),
    "nullable boolean": (
        lambda: pd.Series([True, None, False], dtype="boolean"),
        [False, True],
    ),
    "nullable string": (
        lambda: pd.Series(["b", None, "a"], dtype="string"),
        ["a", "b"],
    ),
    "categorical": (lambda: pd.Series(["b", None, "a"], dtype="category"), ["a", "b"]),
    "categorical ints": (lambda: pd.Series([7, None, 2], dtype="category"), [2, 7]),
    "pandas array": (lambda: pd.array([3, None, 1], dtype="Int64"), [1, 3]),
    "polars strings": (lambda: polars_series(["b", None, "a"]), ["a", "b"]),
    "polars ints": (lambda: polars_series([3, None, 1]), [1, 3]),
    "polars bools": (lambda: polars_series([True, None, False]), [False, True]),
    "polars NaN": (lambda: polars_series([1.0, nan, 0.0]), [0.0, 1.0]),
    "strings of any length": (
        lambda: (
            np.array(["b", None, "a"], dtype=np.dtypes.StringDType(na_object=None))
            if hasattr(getattr(np, "dtypes", None), "StringDType")
            else ["b", None, "a"]
        ),
        ["a", "b"],
    ),
    "bools and NaN": (lambda: [True, nan, False], [False, True]),
    "large ints and NaN": (lambda: [2**60 + 1, nan, 2**60 + 2], [2**60 + 1, 2**60 + 2]),
    "large ints": (lambda: [2**60, None, 1], [1, 2**60]),
}
MARKED = {
    "-1": (lambda: np.array([1, -1, 0]), -1, [0, 1]),
    "-1 in a list": (lambda: [1, -1, 0], -1, [0, 1]),
    "-1 as float": (lambda: np.array([1.0, -1.0, 0.0]), -1, [0.0, 1.0]),
    "-1 in a Series": (lambda: pd.Series([1, -1, 0]), -1, [0, 1]),
    "-1 in polars": (lambda: polars_series([1, -1, 0]), -1, [0, 1]),
    "empty string": (lambda: np.array(["b", "", "a"]), "", ["a", "b"]),
    "empty string in a list": (lambda: ["b", "", "a"], "", ["a", "b"]),
    "string in a category": (
        lambda: pd.Series(["b", "todo", "a"], dtype="category"),
        "todo",
        ["a", "b"],
    ),
    "-1 among strings": (lambda: ["b", -1, "a"], -1, ["a", "b"]),
    "None although -1 is named": (lambda: ["b", None, "a"], -1, ["a", "b"]),
}


@pytest.mark.parametrize("case", [*CASES, *MARKED])
def test_every_kind_of_column(case):
    make, *mark, classes = (CASES | MARKED)[case]
    y, missing_label = make(), mark[0] if mark else nan
    assert_array_equal(is_missing(y, missing_label), [False, True, False])
    found, codes = encode_labels(y, missing_label)
    assert found.tolist() == classes
    assert found.dtype == np.array(classes).dtype or found.dtype == object
    assert type(classes[0])(found[0]) == classes[0]
    assert codes[1] == -1
    assert (codes[[0, 2]] >= 0).all()
    missing = is_missing(y, missing_label)
    visible = as_visible(y, missing_label, missing, only_mask=True)
    assert_array_equal(is_missing(visible), missing)
    visible = as_visible(y, missing_label, missing, only_mask=False)
    assert_array_equal(is_missing(visible), missing)
    assert not visible.flags.writeable
    assert visible[0] == found[codes[0]]
    assert visible[2] == found[codes[2]]


@pytest.mark.parametrize("y", [[1, 2], ["a", "b"], [True, False], [-1, 1]])
def test_nothing_is_guessed(y):
    assert not is_missing(y).any()
    assert encode_labels(y)[0].tolist() == sorted(y)
    assert not is_missing(np.array(y)).any()


def test_without_pandas(monkeypatch):
    monkeypatch.delitem(sys.modules, "pandas")
    y = np.array([None, nan, "a", 1], dtype=object)
    assert_array_equal(is_missing(y), [True, True, False, False])


def test_round_trip():
    y = np.array([3.0, nan, 1.0, 3.0])
    assert_array_equal(decode_labels(*encode_labels(y)), y)
    y = np.array(["b", None, "a"], dtype=object)
    assert_array_equal(decode_labels(*encode_labels(y)), y)


def test_plain_arrays_pass_without_a_copy():
    y = np.array([1.0, nan])
    for only_mask in (True, False):
        visible = as_visible(y, nan, np.isnan(y), only_mask)
        assert np.shares_memory(visible, y)
    assert y.flags.writeable


def test_all_missing():
    classes, codes = encode_labels([None, None])
    assert len(classes) == 0
    assert codes.tolist() == [-1, -1]


def test_column_vector_warns():
    with pytest.warns(Warning, match="column-vector"):
        assert is_missing([[1.0], [nan]]).tolist() == [False, True]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0.5, 1.5, None], "Unknown label type: continuous"),
        ([1, "a", None], "one kind.*int, str"),
        ([[1, 2], [3, 4]], "1d array"),
        (5, "one label per row"),
        ([np.inf, 1.0], "infinity"),
        ([0, 1], "single value"),
    ],
)
def test_bad_labels(y, message):
    with pytest.raises(ValueError, match=message):
        encode_labels(y, [1] if message == "single value" else nan)


def test_many_classes_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encode_labels(np.arange(100))


def test_bools_and_numbers_are_not_mixed_up():
    assert not is_missing([0, 1, 2], False).any()
    assert not is_missing([False, True], 0).any()
    assert is_missing([False, True], False).tolist() == [True, False]


def test_find_marks():
    assert find_marks([0, 1, -1]) == {}  # a class of many users
    assert find_marks([0, -1, -1]) == {-1: 2}
    assert find_marks([0, -1, -1, -2, -2, -2]) == {}
    assert find_marks([-1.0, -1.0, 1.0, np.nan]) == {}  # half, with the unlabelled row
    assert find_marks([0, 1, -1], most=0) == {-1: 1}
    assert find_marks(["a", "nan", "", "", " "]) == {"nan": 1, "": 2, " ": 1}
    assert find_marks(np.array(["a", "b", np.nan])) == {"nan": 1}
    assert find_marks(["a", "None", "NaT", "<NA>"]) == {"None": 1, "NaT": 1, "<NA>": 1}
    assert find_marks([0, 1, None]) == {}
    assert find_marks(["none of these", "nano", "unknown"]) == {}
    assert find_marks([True, False]) == {}
    lowest = np.iinfo(np.int64).min  # what NaN becomes as an int
    assert find_marks(np.array([0, 1, lowest])) == {lowest: 1}
    assert find_marks([0, -1, -1], missing_label=-1) == {}
    assert find_marks(["a", ""], missing_label="") == {}
