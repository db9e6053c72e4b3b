"""Pools in Parquet files, and of dask and Ray: the same rows as in one process."""

import os
import signal
import threading
import time
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB

from learners import X, full, make
from skactive import ActiveLearningClassifier
from skactive.pools import query, take

NAMES = list("abcdef")
FRAME = pd.DataFrame(X, columns=NAMES)
NAMED = FRAME.assign(id=[f"row {i}" for i in range(150)], note="text")
N_LABELED = 30
Y = np.where(np.arange(150) < N_LABELED, full, np.nan)
LABELS = dict(enumerate(full[:N_LABELED].tolist()))
LABELS_BY_NAME = {f"row {i}": label for i, label in LABELS.items()}
CUTS = [0, 40, 41, 100, 150]
PARTS = [slice(a, b) for a, b in pairwise(CUTS)]
BY_NAME = {"ids": "id", "columns": NAMES, "labeled": LABELS_BY_NAME}


@pytest.fixture(params=["margin", "auto"])
def learner(request):
    return make(GaussianNB(), request.param).fit(FRAME, Y)


def expected(learner, by_name=False):
    """The rows of one block in this process."""
    if by_name:
        block = NAMED["id"].to_numpy(), FRAME
        return query(learner, [block], 8, labeled=LABELS_BY_NAME)
    return query(learner, [(np.arange(150), FRAME)], 8, labeled=LABELS)


# ---------------------------------------------------------------------------------
# Parquet
# ---------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    pytest.importorskip("pyarrow", reason="the oldest versions are without pyarrow")
    for number, part in enumerate(PARTS):
        path = tmp_path / f"part={number // 2}" / f"{number}.parquet"
        path.parent.mkdir(exist_ok=True)
        NAMED.iloc[part].to_parquet(path, row_group_size=17)
    return tmp_path


def test_files_by_positions_and_by_names(folder, learner):
    found = query(learner, folder, 8, columns=NAMES, labeled=LABELS)
    assert_array_equal(found, expected(learner))
    names = query(learner, str(folder), 8, **BY_NAME)
    assert_array_equal(names, expected(learner, by_name=True))


def test_rows_of_files(folder):
    taken = take(folder, [149, 3, 40], columns=NAMES)
    assert_array_equal(taken, X[[149, 3, 40]])
    taken = take(folder, ["row 149", "row 3"], ids="id")
    assert taken["a"].tolist() == X[[149, 3], 0].tolist()
    assert list(taken.columns) == [*NAMES, "note"]


def test_row_groups_without_wanted_rows_are_not_read(folder, monkeypatch):
    from pyarrow import parquet

    read = []
    own = parquet.ParquetFile.read_row_group

    def watched(self, group, **params):
        read.append(params["columns"])
        return own(self, group, **params)

    monkeypatch.setattr(parquet.ParquetFile, "read_row_group", watched)
    take(folder, [3, 5, 149], columns=NAMES)
    assert read == [NAMES, NAMES]
    read.clear()
    take(folder, ["row 3"], ids="id", columns=["a"])
    assert read.count(["a", "id"]) == 1
    assert set(map(tuple, read)) == {("a", "id"), ("id",)}


def test_columns_of_texts_and_of_vectors(tmp_path):
    pytest.importorskip("pyarrow", reason="the oldest versions are without pyarrow")
    frame = pd.DataFrame({"text": [f"text {i}" for i in range(150)], "v": [*X]})
    frame.to_parquet(tmp_path / "a.parquet")
    learner = make(GaussianNB(), "margin").fit(X, Y)
    found = query(learner, tmp_path / "a.parquet", 8, columns="v", labeled=LABELS)
    assert_array_equal(found, expected(make(GaussianNB(), "margin").fit(FRAME, Y)))
    assert take(tmp_path, [7, 2], columns="text").tolist() == ["text 7", "text 2"]
    assert_array_equal(take(tmp_path, [7, 2], columns="v"), X[[7, 2]])


def test_files_that_are_not_there(folder, learner, tmp_path):
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        query(learner, folder / "elsewhere", 5)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"names end with \.parquet"):
        query(learner, tmp_path / "empty", 5)
    with pytest.raises(ValueError, match=r"'z' is not a column.*'note'\]"):
        query(learner, folder, 5, columns=["z"])
    other = FRAME.astype(np.float32)
    other.to_parquet(folder / "z.parquet")
    with pytest.raises(ValueError, match=r"same columns and dtypes.*float32"):
        query(learner, folder, 5, columns=NAMES, labeled=LABELS)


# ---------------------------------------------------------------------------------
# dask
# ---------------------------------------------------------------------------------

needs_dask = pytest.mark.filterwarnings(
    # Of the libraries underneath, where a cluster ends.
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore::ResourceWarning",
)


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip(
        "distributed", reason="the oldest versions are without dask"
    )
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    )
    with cluster, distributed.Client(cluster) as client:
        yield client


@pytest.fixture(params=["threads", "processes"])
def scheduler(request):
    """Dask's own threads, or the two processes of a cluster."""
    dask = pytest.importorskip("dask", reason="the oldest versions are without dask")
    if request.param == "processes":
        client = request.getfixturevalue("client")
        with client.as_current():
            yield client
    else:
        with dask.config.set(scheduler="threads"):
            yield None


def delayed_parts(make_part, n_parts=None):
    import dask

    return [dask.delayed(make_part)(i) for i in range(n_parts or len(PARTS))]


def block(number):
    part = PARTS[number]
    return np.arange(150)[part], FRAME.iloc[part]


@needs_dask
@pytest.mark.usefixtures("scheduler")
def test_collections_of_dask(learner):
    import dask.array
    import dask.bag
    import dask.dataframe

    one, names = expected(learner), expected(learner, by_name=True)
    args = learner, 8
    frame = dask.dataframe.from_pandas(FRAME, npartitions=4)
    assert_array_equal(query(learner, frame, 8, labeled=LABELS), one)
    named = dask.dataframe.from_pandas(NAMED, npartitions=3)
    assert_array_equal(query(learner, named, 8, **BY_NAME), names)
    assert_array_equal(query(learner, delayed_parts(block), 8, labeled=LABELS), one)
    plain = make(GaussianNB(), args[0].strategy).fit(X, Y)
    array = dask.array.from_array(X, chunks=(37, 4))
    assert_array_equal(query(plain, array, 8, labeled=LABELS), one)
    bag = dask.bag.from_sequence(list(enumerate(X.tolist())), npartitions=4)
    assert_array_equal(query(plain, bag, 8, labeled=LABELS), one)
    assert_array_equal(take(array, [140, 2]), X[[140, 2]])
    assert take(named, ["row 9"], ids="id", columns=NAMES).index.tolist() == [9]


@needs_dask
@pytest.mark.usefixtures("scheduler")
def test_files_through_dask(folder, learner):
    import dask.dataframe

    frame = dask.dataframe.read_parquet(folder)
    found = query(learner, frame, 8, **BY_NAME)
    assert_array_equal(found, expected(learner, by_name=True))
    with pytest.raises(ValueError, match="does not name rows"):
        query(learner, frame, 8, columns=NAMES, labeled=LABELS)


def raises(number):
    if number == 2:
        raise OSError("the disk is gone")
    return block(number)


def has_other_columns(number):
    ids, rows = block(number)
    return ids, rows[["a", "b"]] if number == 1 else rows


@needs_dask
@pytest.mark.usefixtures("scheduler")
@pytest.mark.parametrize(
    ("make_part", "kind", "number"),
    [(raises, OSError, 2), (has_other_columns, ValueError, 1)],
)
def test_an_error_of_dask_tells_the_number_of_the_part(make_part, kind, number):
    learner = make(GaussianNB(), "margin").fit(FRAME, Y)
    with pytest.raises(kind) as caught:
        query(learner, delayed_parts(make_part), 8, labeled=LABELS)
    notes = [f"This happened in part {number} of the pool."]
    assert caught.value.__notes__ == notes


@needs_dask
@pytest.mark.usefixtures("scheduler")
def test_many_parts_of_dask(learner):
    dask = pytest.importorskip("dask")
    parts = [dask.delayed(one_row)(i) for i in range(33)]  # 2 * 16 + 1
    found = query(learner, parts, 3, labeled=LABELS)
    assert set(found) == {30, 31, 32}


def one_row(number):
    return [number], FRAME.iloc[[number]]


def slow_block(number):
    time.sleep(0.3)
    return block(number)


@needs_dask
def test_a_worker_that_is_killed_changes_nothing(client, learner):
    before = set(client.run(os.getpid).values())
    killed = min(before)
    threading.Timer(0.4, os.kill, (killed, signal.SIGKILL)).start()
    with client.as_current():
        found = query(learner, delayed_parts(slow_block), 8, labeled=LABELS)
    assert_array_equal(found, expected(learner))
    client.wait_for_workers(2)
    assert killed not in set(client.run(os.getpid).values())


@needs_dask
def test_arrays_of_unknown_size_and_other_collections():
    array = pytest.importorskip("dask.array", reason="as above")
    import dask

    learner = make(GaussianNB(), "margin").fit(X, Y)
    unknown = array.from_array(X, chunks=50)
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        query(learner, unknown[unknown[:, 0] > 0], 5)
    with pytest.raises(TypeError, match="Pass a list of them"):
        query(learner, dask.delayed(block)(0), 5)
    with pytest.raises(TypeError, match=r"dask Array.*skactive\.pools\.query"):
        learner.query(unknown)


@needs_dask
def test_a_search_on_dask_has_the_same_scores(client):
    import joblib

    search = GridSearchCV(
        ActiveLearningClassifier(LogisticRegression(), budget=30, random_state=0),
        {"strategy": ["margin", "random"]},
        cv=3,
        n_jobs=2,
    )
    here = search.fit(X, full).cv_results_["mean_test_score"]
    with client.as_current(), joblib.parallel_config(backend="dask"):
        there = search.fit(X, full).cv_results_["mean_test_score"]
    assert_array_equal(here, there)


# ---------------------------------------------------------------------------------
# Ray
# ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ray():
    os.environ |= {
        "RAY_AUTH_MODE": "disabled",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }
    ray = pytest.importorskip("ray", reason="there are no wheels for all versions")
    pytest.importorskip("ray.data", reason="as above")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()


@pytest.mark.filterwarnings("ignore")
def test_ray_gives_the_rows_of_dask(ray, client, learner):
    empty = slice(0, 0)
    data = ray.data.from_pandas([NAMED.iloc[part] for part in [empty, *PARTS]])
    found = query(learner, data, 8, **BY_NAME)
    import dask

    parts = [
        dask.delayed(lambda part: (NAMED["id"].iloc[part], FRAME.iloc[part]))(part)
        for part in PARTS
    ]
    with client.as_current():
        same = query(learner, parts, 8, labeled=LABELS_BY_NAME)
    assert_array_equal(found, same)
    assert_array_equal(found, expected(learner, by_name=True))
    taken = take(data, ["row 100", "row 7"], ids="id", columns=NAMES)
    assert_array_equal(taken, X[[100, 7]])


@pytest.mark.filterwarnings("ignore")
def test_errors_of_ray_are_those_of_the_part(ray):
    data = ray.data.from_pandas([NAMED.iloc[part] for part in PARTS])
    learner = make(GaussianNB(), "margin").fit(FRAME, Y)
    with pytest.raises(ValueError, match="feature names") as caught:
        query(learner, data, 8, ids="id", columns=["a"], labeled=LABELS_BY_NAME)
    assert "row 0" in caught.value.__notes__[0]
    with pytest.raises(ValueError, match="'z' is not a column of the pool"):
        query(learner, data, 8, ids="z", labeled=LABELS_BY_NAME)
    with pytest.raises(ValueError, match="Name a column of unique ids"):
        query(learner, data, 8)
    with pytest.raises(TypeError, match=r"ray .*Dataset.*skactive\.pools\.query"):
        learner.query(data)
