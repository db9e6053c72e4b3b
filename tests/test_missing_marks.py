"""Classes that look like a mark of a missing label are told of, once."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.naive_bayes import GaussianNB

from skactive import ActiveLearningClassifier

X, codes = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[codes]
KNOWN = np.isin(np.arange(150), [0, 5, 50, 55, 100, 105])


def make(**params):
    return ActiveLearningClassifier(GaussianNB(), random_state=0, **params)


@pytest.mark.parametrize(
    ("y", "mark"),
    [
        (np.array([*NAMES[:149], np.nan]), "'nan'"),
        (np.where(KNOWN, NAMES, ""), "''"),
        (np.where(KNOWN, NAMES, "None").tolist(), "'None'"),
        (pd.Series(np.where(KNOWN, NAMES, None)).astype(str), None),
        (pd.Series(np.where(KNOWN, NAMES, "NaT"), dtype="category"), "'NaT'"),
        (pd.Series(np.where(KNOWN, NAMES, "<NA>")), "'<NA>'"),
        (np.where(KNOWN, codes, -1), "-1"),
        (np.where(KNOWN, codes, -1.0), "-1"),
        (np.where(KNOWN, codes, np.iinfo(np.int64).min), "-9223372036854775808"),
    ],
)
def test_fit_and_query_warn_once(y, mark):
    if mark is None:  # pandas 3 keeps a missing value missing
        y = pd.Series(np.where(KNOWN, NAMES, "None"))
        mark = "'None'"
    n = sum(str(value) == mark.strip("'") for value in np.asarray(y).tolist())
    n = n or int(np.count_nonzero(~KNOWN))
    text = f"{mark} in {n} of 150 rows.*set missing_label={mark}"
    learner = make()
    with pytest.warns(UserWarning, match=text):
        learner.fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learner.fit(X, y)
    with pytest.warns(UserWarning, match=text.replace("of 150", "of 151")):
        make().query(np.vstack([X, X[:1]]), [*np.asarray(y).tolist(), None])


def test_the_way_out():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learner = make(missing_label="").fit(X, np.where(KNOWN, NAMES, ""))
        assert learner.n_labels_ == 6
        make(missing_label=-1).fit(X, np.where(KNOWN, codes, -1))
        # Classes of many users.
        make().fit(X, np.where(codes == 0, -1, 1))
        make().fit(X, np.where(codes == 0, 1, -1) * np.where(codes == 2, 2, 1))


def test_two_marks():
    y = np.where(KNOWN, NAMES, "nan")
    y[:3] = "?"
    with pytest.warns(UserWarning, match=r"'\?' in 3 .*'nan' in .*None in place of"):
        make().fit(X, y)


def test_a_new_mark_is_told():
    learner = make()
    with pytest.warns(UserWarning, match="'nan'"):
        learner.fit(X, np.where(KNOWN, NAMES, "nan"))
    with pytest.warns(UserWarning, match="'NULL'"):
        learner.fit(X, np.where(KNOWN, NAMES, "NULL"))


@pytest.mark.parametrize("method", ["fit", "query"])
def test_the_warning_names_the_line_of_the_caller(method):
    learner = make()
    y = np.array(["nan"] * 5 + ["a"] * 5 + [None] * 20, dtype=object)
    with pytest.warns(UserWarning, match="'nan'") as caught:
        getattr(learner, method)(np.arange(60.0).reshape(30, 2), y)
    assert caught[0].filename == __file__
