"""Partly missing labels: the only place that compares with the missing label.

Labels may be a list, a numpy array of any kind (also masked), a pandas Series (also
nullable or categorical) or a polars Series. Inside skactive they are `classes`, the
sorted distinct labels, and `codes` of shape (n_samples,), positions in `classes` with
-1 for a missing label.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from skactive._compat.typing import Array

MISSING = -1
"""The code of a missing label."""

# Texts that often stand for "no label yet", but are a class for other users. They are
# what missing values become when they are converted to text, and what people write.
_TEXT_MARKS = {
    *("", "nan", "NaN", "NAN", "-nan", "None", "NONE", "<NA>", "NaT", "NA", "N/A"),
    *("n/a", "#N/A", "null", "NULL", "?", "unlabeled", "unlabelled"),
}
# The values of NaN converted to an integer.
_NAN_AS_INT = (np.iinfo(np.int64).min, np.iinfo(np.int32).min)


def is_missing(y: Any, missing_label: Any = np.nan) -> NDArray[np.bool_]:
    """Mask of shape (n_samples,), True where the label is missing.

    NaN, None, `pandas.NA` and null or masked entries are always missing, and so is
    every label equal to `missing_label`.
    """
    column = _as_column(y)
    missing = _null_mask(column)
    if not _is_null(missing_label):
        missing[~missing] = _equals(_values(column, ~missing), missing_label)
    return missing


def encode_labels(y: Any, missing_label: Any = np.nan) -> tuple[Array, Array]:
    """Split labels into sorted distinct `classes` and `codes`, -1 where missing.

    Raises ValueError if the known labels are not classes (continuous numbers, or
    strings mixed with numbers), or if `y` is not one column.
    """
    column = _as_column(y)
    known = ~_null_mask(column)
    labels = _values(column, known)
    if not _is_null(missing_label):
        given = ~_equals(labels, missing_label)
        known[known], labels = given, labels[given]
    codes = np.full(len(known), MISSING, dtype=np.intp)
    try:
        classes, codes[known] = np.unique(labels, return_inverse=True)
    except TypeError as error:
        kinds = sorted({type(label).__name__ for label in labels})
        raise ValueError(
            f"Labels must all be of one kind, such as numbers or strings; y mixes "
            f"{', '.join(kinds)}. Convert them, e.g. with y.astype(str)."
        ) from error
    if classes.dtype.kind == "f" and np.isinf(classes).any():
        raise ValueError("Labels must be finite numbers or strings; y holds infinity.")
    if len(classes) and not _are_plain(classes):
        # Each class is repeated, because scikit-learn warns if most labels differ, as
        # if y were continuous. The first labels of a campaign often do.
        check_classification_targets(np.repeat(classes, 2))
    return classes, codes


def read_numbers(y: Any) -> Array:
    """Convert labels that are numbers to a float array with NaN where one is missing.

    float32 stays as it is; all other numbers become float64.

    Raises ValueError if there is more than one column, or if the known labels are not
    finite real numbers.
    """
    check_one_target(y)
    column = _as_column(y)
    known = ~_null_mask(column)
    labels = _values(column, known)
    if labels.dtype.kind == "O" and not any(isinstance(v, str) for v in labels):
        labels = _as_floats(labels)  # decimals, fractions
    if labels.dtype.kind == "c":
        raise ValueError("Complex data not supported: labels must be real numbers.")
    if labels.dtype.kind not in "biuf":
        shown = labels[0].item() if hasattr(labels[0], "item") else labels[0]
        raise ValueError(
            f"Labels must be real numbers; y holds {shown!r}. Numbers that are stored "
            "as text can be converted, e.g. with y.astype(float). Use "
            "ActiveLearningClassifier for labels that are classes."
        )
    if labels.dtype.kind == "f" and np.isinf(labels).any():
        raise ValueError(
            f"Labels must be finite; y holds infinity in {np.isinf(labels).sum()} of "
            f"{len(known)} rows. Put NaN where a label is not known."
        )
    is_single = labels.dtype == np.float32
    numbers = np.full(len(known), np.nan, np.float32 if is_single else np.float64)
    numbers[known] = labels
    return numbers


def check_one_target(y: Any) -> None:
    """Raise a ValueError if `y` has several columns."""
    is_list = isinstance(y, (list, tuple))
    shape: tuple[int, ...] = np.shape(y) if is_list else getattr(y, "shape", ())
    if len(shape) == 2 and shape[1] > 1:
        raise ValueError(
            f"y has the shape {tuple(shape)}, but only one target is supported: one "
            "number per row, or NaN. Use one learner for each column."
        )


def _as_floats(labels: Array) -> Array:
    try:
        return labels.astype(np.float64)
    except (TypeError, ValueError):
        return labels


def codes_among(classes: Array, y: Any, n_samples: int) -> Array:
    """Positions of labels in the classes that an estimator knows, -1 where missing.

    Raises ValueError if `y` does not have `n_samples` entries, or has other labels.
    """
    seen, codes = encode_labels(y)
    if len(codes) != n_samples:
        raise ValueError(f"X has {n_samples} rows, but y has {len(codes)} labels.")
    position_of = {label: i for i, label in enumerate(classes.tolist())}
    unknown = [label for label in seen.tolist() if label not in position_of]
    if unknown:
        raise ValueError(
            f"y holds the labels {unknown}, which the estimator has not been fitted "
            f"on; it knows {classes.tolist()}. Fit it again."
        )
    positions = [position_of[label] for label in seen.tolist()]
    return np.array([*positions, MISSING], dtype=np.intp)[codes]


def _are_plain(classes: Array) -> bool:
    """Whether these are whole numbers, booleans or strings, so surely classes."""
    kind = classes.dtype.kind
    return kind in "biuUS" or (kind == "f" and bool((classes % 1 == 0).all()))


def decode_labels(classes: Array, codes: Array) -> Array:
    """Labels as strategies see them, with NaN or None where the code is -1.

    Numbers and booleans become float64 with NaN. Strings, and integers that float64
    cannot represent, become objects with None.
    """
    known = codes != MISSING
    given = classes[np.unique(codes[known])]  # others must not affect the dtype
    exact = classes.dtype.kind in "bf" or (
        classes.dtype.kind in "iu" and bool(np.all(np.abs(given) < 2**53))
    )
    labels = np.full(
        len(codes), np.nan if exact else None, dtype=np.float64 if exact else object
    )
    labels[known] = classes[codes[known]]
    return labels


def as_visible(y: Any, missing_label: Any, missing: Array, only_mask: bool) -> Array:
    """`y` as strategies see it: read-only, with NaN or None for each missing label.

    `missing` is the mask of :func:`is_missing`. If `only_mask`, the values of known
    labels do not matter, and they may be any number.
    """
    is_plain = isinstance(y, np.ndarray) and not isinstance(y, np.ma.MaskedArray)
    if is_plain and y.ndim == 1 and y.dtype.kind == "f" and _is_null(missing_label):
        visible = y.view()
    elif only_mask:
        visible = np.where(missing, np.nan, 0.0)
    else:
        visible = decode_labels(*encode_labels(y, missing_label))
    visible.flags.writeable = False
    return visible


def find_marks(
    y: Any, missing_label: Any = np.nan, missing: Array | None = None, most: float = 0.5
) -> dict[Any, int]:
    """Classes in `y` that look like marks of a missing label, with their counts.

    Texts such as "nan" and "" always do. -1 does if it is the label of more than the
    share `most` of the rows and no other label is negative. `missing` is the mask of
    :func:`is_missing`, if it is known.
    """
    if missing is None:
        missing = is_missing(y, missing_label)
    values = _values(_as_column(y), ~missing)
    if values.dtype.kind in "OU":
        texts = Counter(v for v in values.tolist() if isinstance(v, str))
        return {text: n for text, n in texts.items() if text.strip() in _TEXT_MARKS}
    if values.dtype.kind not in "if":
        return {}
    found = {mark: int(np.count_nonzero(values == mark)) for mark in (-1, *_NAN_AS_INT)}
    n_negative = int(np.count_nonzero(values < 0))
    if found[-1] <= most * len(missing) or n_negative > found[-1]:
        del found[-1]
    return {mark: n for mark, n in found.items() if n}


def _as_column(y: Any) -> Any:
    """One column, unchanged if its type knows its nulls, otherwise a 1d array."""
    knows_nulls = isinstance(y, np.ndarray) or hasattr(y, "drop_nulls")
    knows_nulls = knows_nulls or (hasattr(y, "isna") and hasattr(y, "to_numpy"))
    if knows_nulls and len(getattr(y, "shape", ())) == 1:
        # numpy's strings of any length, kind "T", are compared as objects.
        is_text = isinstance(y, np.ndarray) and y.dtype.kind == "T"
        return y.astype(object) if is_text else y
    if hasattr(y, "dtype") or hasattr(y, "__array__"):
        array = np.asarray(y)
    else:
        # numpy would convert NaN in a list of strings to a string, large ints to float.
        array = np.asarray(y, dtype=object)
    if array.ndim == 0:
        raise ValueError(f"y must hold one label per row; got {y!r}.")
    return column_or_1d(array, warn=True)


def _null_mask(column: Any) -> NDArray[np.bool_]:
    if hasattr(column, "drop_nulls"):  # polars
        null = column.is_null()
        if column.dtype.is_float():
            null = null | column.is_nan().fill_null(True)
        return np.array(null.to_numpy(), dtype=bool)
    if hasattr(column, "isna"):  # pandas
        return np.array(column.isna(), dtype=bool)
    if isinstance(column, np.ma.MaskedArray):
        return np.ma.getmaskarray(column) | _null_mask(column.data)
    if column.dtype.kind == "f":
        return np.isnan(column)
    if column.dtype.kind != "O":
        return np.zeros(len(column), dtype=bool)
    pandas = sys.modules.get("pandas")  # without it no pandas.NA can be in the array
    if pandas is not None:
        return np.asarray(pandas.isna(column), dtype=bool)
    is_none = np.asarray(column == None, dtype=bool)  # noqa: E711, elementwise
    return is_none | np.asarray(column != column, dtype=bool)


def _values(column: Any, known: NDArray[np.bool_]) -> Array:
    """The known labels as an array of their natural dtype, without the nulls."""
    if hasattr(column, "drop_nulls"):
        known_column = column.filter(known)
        is_text = str(known_column.dtype).startswith(("Categorical", "Enum"))
        values = (known_column.cast(str) if is_text else known_column).to_numpy()
    elif hasattr(column, "isna"):
        values = column[known].to_numpy()
    else:
        values = np.asarray(column[known])
    if values.dtype.kind != "O" or all(isinstance(value, str) for value in values):
        return values
    natural = np.array(values.tolist())
    return values if natural.dtype.kind in "USO" else natural


def _is_null(value: Any) -> bool:
    if isinstance(value, (list, tuple, set, dict, np.ndarray)):
        raise ValueError(f"missing_label must be a single value; got {value!r}.")
    if value is None or (isinstance(value, (float, np.floating)) and np.isnan(value)):
        return True
    pandas = sys.modules.get("pandas")
    return pandas is not None and value is pandas.NA


def _equals(labels: Array, missing_label: Any) -> NDArray[np.bool_]:
    # Strings never equal numbers, and numpy cannot compare the two.
    kind = labels.dtype.kind
    is_bool = isinstance(missing_label, (bool, np.bool_))
    if kind != "O" and (
        (kind in "US") != isinstance(missing_label, str) or (kind == "b") != is_bool
    ):
        return np.zeros(len(labels), dtype=bool)
    return np.asarray(labels == missing_label, dtype=bool)
