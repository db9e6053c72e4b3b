import pickle
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib import Memory
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skactive import ActiveLearningClassifier
from skactive._compat.sklearn import _safe_indexing
from skactive._data.digests import row_digests
from skactive.embedding import Embedded
from skactive.strategies import TypiClust

WORDS = [f"{noun} {verb} {n}" for noun in "abcd" for verb in "xyz" for n in range(10)]
CLASSES = np.array([ord(text[0]) - ord("a") for text in WORDS])


def letters(texts):
    """Counts of bytes: a vector that depends on the text alone."""
    return np.array([np.bincount(list(t.encode()), minlength=123) for t in texts])


class Counted:
    """An encoder of anything, that counts how often it is given each row."""

    def __init__(self, encode, batches=None):
        self.encode = encode
        self.rows = Counter()
        self.batches = batches

    def __call__(self, X):
        found = row_digests(X)[1]
        self.rows.update(found)
        if self.batches is not None:
            self.batches.append(len(found))
        return self.encode(X)

    def assert_once(self, X):
        """Every distinct row of X has been encoded, once, and no other."""
        assert self.rows == Counter(set(row_digests(X)[1]))


def float32_letters(texts):
    return letters(texts).astype(np.float32)


def row_sums(X):
    flat = np.asarray(X, dtype=np.float64).reshape(len(X), -1)
    return np.column_stack([flat.sum(axis=1), flat[:, 0]])


def row_lengths(X):
    return np.array([[len(row)] for row in X])


def frame_vectors(frame):
    return np.column_stack([frame["number"], frame["text"].map(len)])


def sparse_sums(X):
    return X.toarray().sum(axis=1, keepdims=True)


IMAGES = np.random.default_rng(0).integers(0, 3, size=(40, 1, 1, 3)).astype(np.float32)
FRAME = pd.DataFrame({"number": np.arange(40) % 5, "text": WORDS[:20] * 2})
POOLS = {
    "list": (WORDS[:30] * 2, float32_letters),
    "series": (pd.Series(WORDS[:30] * 2, index=range(100, 160)), float32_letters),
    "strings": (np.array(WORDS[:30] * 2), float32_letters),
    "objects": (np.array(WORDS[:30] * 2, dtype=object), float32_letters),
    "images": (IMAGES, row_sums),
    "fortran": (np.asfortranarray(IMAGES[:, 0, 0]), row_sums),
    "integers": (np.arange(40) % 9, row_sums),
    "frame": (FRAME, frame_vectors),
    "numbers": (FRAME[["number"]], row_sums),
    "csr": (sp.random(40, 6, 0.1, format="csr", random_state=0), sparse_sums),
    "csc": (sp.csc_array(sp.random(40, 6, 0.1, random_state=0)), sparse_sums),
    "lists": ([[float(i % 9), 1.0] for i in range(40)], row_sums),
}


@pytest.mark.parametrize("name", POOLS)
def test_equals_the_encoder_and_encodes_once(name):
    X, encode = POOLS[name]
    n_samples = X.shape[0] if hasattr(X, "shape") else len(X)
    rng = np.random.default_rng(0)
    counted = Counted(encode, batches=[])
    embedded = Embedded(counted, batch_size=7)
    asked = []
    for _ in range(6):
        rows = rng.choice(n_samples, size=rng.integers(1, n_samples))
        asked.append(rows)
        part = _safe_indexing(X.tocsr() if sp.issparse(X) else X, rows)
        vectors = embedded.transform(part)
        assert_array_equal(vectors, encode(part))
        assert vectors.dtype == encode(part).dtype
    everything = _safe_indexing(
        X.tocsr() if sp.issparse(X) else X, np.concatenate(asked)
    )
    counted.assert_once(everything)
    assert max(counted.batches) <= 7
    assert len(set(row_digests(X)[1])) < n_samples  # there are copies in the pool


def test_polars():
    pl = pytest.importorskip("polars")
    frame = pl.from_pandas(FRAME)

    def encode(frame):
        return np.column_stack([frame["number"], frame["text"].str.len_chars()])

    counted = Counted(encode)
    embedded = Embedded(counted)
    assert_array_equal(embedded.transform(frame), frame_vectors(FRAME))
    assert_array_equal(embedded.transform(frame[3:9]), frame_vectors(FRAME[3:9]))
    counted.assert_once(frame)
    texts = Counted(float32_letters)
    embedded = Embedded(texts)
    embedded.transform(frame["text"])
    embedded.transform(WORDS[:20])
    texts.assert_once(WORDS[:20])


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.lists(st.text(max_size=3), min_size=1, max_size=6), max_size=6),
    st.integers(1, 5),
)
def test_any_requests(requests, batch_size):
    counted = Counted(lambda texts: np.array([[hash(text), 0] for text in texts]))
    embedded = Embedded(counted, batch_size=batch_size)
    for texts in requests:
        assert_array_equal(embedded.transform(texts), counted.encode(texts))
    if requests:
        counted.assert_once([text for texts in requests for text in texts])


def test_containers_of_texts_share():
    counted = Counted(float32_letters)
    embedded = Embedded(counted)
    for X in (WORDS, pd.Series(WORDS), np.array(WORDS), np.array(WORDS, dtype=object)):
        assert embedded.transform(X).dtype == np.float32
    counted.assert_once(WORDS)


def key_of(X):
    kind, digests = row_digests(X)
    assert len(digests) == 1
    return kind, digests[0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.ones((1, 2), np.float32), np.ones((1, 2))),
        (np.zeros((1, 4)), np.zeros((1, 2, 2))),
        (np.zeros((1, 4)), np.zeros((1, 4), dtype=int)),
        (np.array([[0.0]]), np.array([[-0.0]])),
        (np.array([[1.0, 2.0]]), np.array([[2.0, 1.0]])),
        (["1"], [1]),
        ([1], [1.0]),
        ([1], [True]),
        ([b"a"], ["a"]),
        ([("ab", "c")], [("a", "bc")]),
        ([("a', 'b",)], [("a", "b")]),
        ([["a"]], [("a",)]),
        ([np.zeros((2, 3))], [np.zeros((3, 2))]),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})),
        (pd.DataFrame({"a": [1], "b": [2]}), pd.DataFrame({"b": [1], "a": [2]})),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1.0]})),
        (
            pd.DataFrame({"a": [2**53], "b": [0.5]}),
            pd.DataFrame({"a": [2**53 + 1], "b": [0.5]}),
        ),
        (sp.csr_matrix([[0.0, 1.0]]), sp.csr_matrix([[1.0, 0.0]])),
        (sp.csr_matrix([[0.0, 1.0]]), sp.csr_matrix([[0.0, 1.0, 0.0]])),
        (sp.csr_matrix([[0.0, 1.0]]), sp.csr_matrix([[0.0, 2.0]])),
    ],
)
def test_different_rows_have_different_keys(one, other):
    assert key_of(one) != key_of(other)
    assert key_of(one) == key_of(pickle.loads(pickle.dumps(one)))


def test_equal_sparse_rows_have_equal_keys():
    plain = sp.csr_array(([1.0, 2.0], [0, 2], [0, 2]), shape=(1, 3))
    turned = sp.csr_array(([2.0, 1.0], [2, 0], [0, 2]), shape=(1, 3))
    double = sp.csr_array(([2.0, 0.5, 0.5], [2, 0, 0], [0, 3]), shape=(1, 3))
    assert key_of(plain) == key_of(turned) == key_of(double) == key_of(plain.tocsc())
    assert_array_equal(turned.indices, [2, 0])  # left as it was


def test_rows_near_each_other_have_different_keys():
    # Signs flipped in two places, the last bit changed, and so on.
    X = np.ones((5, 64), dtype=np.float32)
    X[1, [3, 7]] *= -1
    X[2, [3, 8]] *= -1
    X[3, 5] = np.nextafter(np.float32(1), np.float32(2))
    X[4, 6] = np.nextafter(np.float32(1), np.float32(2))
    assert len(set(row_digests(X)[1])) == 5


def test_odd_rows():
    rows = [None, 3, {"a": 1}, {"a": 2}, "x", np.arange(3), pd.Timestamp(0), "x"]
    calls = []

    def encode(batch):
        calls.extend(batch)
        return np.array([[len(str(row))] for row in batch])

    embedded = Embedded(encode)
    assert_array_equal(embedded.transform(rows), [[len(str(row))] for row in rows])
    embedded.transform(rows[::-1])
    assert len(calls) == len(rows) - 1


# ---------------------------------------------------------------------------------
# In a learner
# ---------------------------------------------------------------------------------


class Letters(TransformerMixin, BaseEstimator):
    """An encoder as a plain step of a pipeline."""

    counted = Counted(float32_letters)

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return self.counted(X)

    def __sklearn_is_fitted__(self):
        return True


def campaign(step, strategy, memory=None, n_rounds=3, **params):
    learner = ActiveLearningClassifier(
        make_pipeline(step, LogisticRegression(max_iter=500), memory=memory),
        strategy,
        batch_size=12,
        random_state=0,
        **params,
    )
    y = np.full(len(WORDS), np.nan)
    for _ in range(n_rounds):
        rows = learner.query(WORDS, y)
        y[rows] = CLASSES[rows]
        learner.fit(WORDS, y)
    return learner, y


def test_caching_of_pipelines_does_not_serve(tmp_path):
    # The reason for Embedded; once this fails, scikit-learn has learnt it.
    Letters.counted.rows.clear()
    campaign(Letters(), "margin", memory=str(tmp_path))
    counts = Letters.counted.rows
    assert len(counts) == len(WORDS)
    assert min(counts.values()) >= 2  # the pool, in each round after the first


@pytest.mark.parametrize(
    ("strategy", "params"),
    [
        ("margin", {}),
        ("typiclust", {}),
        ("badge", {}),
        ("k_center", {}),
        ("information_gain", {"members": "bootstrap", "n_members": 3}),
    ],
)
def test_campaign_encodes_every_row_once(strategy, params):
    counted = Counted(float32_letters)
    embedded = Embedded(counted, batch_size=50)
    learner, y = campaign(embedded, strategy, **params)
    rows = learner.query(WORDS, y)
    learner.explain_query(WORDS, rows, y)
    learner.predict_proba(WORDS)
    learner.score(WORDS, CLASSES)
    counted.assert_once(WORDS)

    plain, y_plain = campaign(Letters(), strategy, **params)
    assert_array_equal(y, y_plain)
    assert_array_equal(learner.predict_proba(WORDS), plain.predict_proba(WORDS))


def test_as_embedding_of_a_strategy():
    counted = Counted(lambda X: float32_letters([WORDS[int(row)] for row in X[:, 0]]))
    X = np.arange(len(WORDS), dtype=float)[:, np.newaxis]
    learner = ActiveLearningClassifier(
        LogisticRegression(max_iter=500),
        TypiClust(embedding=Embedded(counted)),
        random_state=0,
    )
    y = np.full(len(X), np.nan)
    for _ in range(3):
        rows = learner.query(X, y)
        y[rows] = CLASSES[rows]
        learner.fit(X, y)
    counted.assert_once(X)


def test_search_encodes_every_row_once():
    counted = Counted(float32_letters)
    search = GridSearchCV(
        ActiveLearningClassifier(
            make_pipeline(Embedded(counted), LogisticRegression(max_iter=500)),
            budget=20,
            random_state=0,
        ),
        {
            "strategy": ["random", "margin"],
            "estimator__logisticregression__C": [0.1, 1.0],
        },
        cv=3,
    ).fit(WORDS, CLASSES)
    search.predict(WORDS)
    counted.assert_once(WORDS)


class Logged:
    """An encoder that counts in a file, whatever process it is called in."""

    def __init__(self, path):
        self.path = path

    def __call__(self, texts):
        with open(self.path, "a") as file:
            file.writelines(text + "\n" for text in texts)
        return float32_letters(texts)

    def encoded(self):
        return sorted(Path(self.path).read_text().splitlines())


def test_search_in_processes(tmp_path):
    logged = Logged(tmp_path / "log")
    embedded = Embedded(logged, memory=tmp_path / "vectors", key="letters 1")
    embedded.transform(WORDS)
    cross_val_score(
        ActiveLearningClassifier(
            make_pipeline(embedded, LogisticRegression(max_iter=500)),
            budget=20,
            random_state=0,
        ),
        WORDS,
        CLASSES,
        cv=2,
        n_jobs=2,
    )
    assert logged.encoded() == sorted(WORDS)


def test_search_over_encoders():
    counted = [Counted(float32_letters), Counted(letters)]
    search = GridSearchCV(
        make_pipeline(Embedded(counted[0]), LogisticRegression(max_iter=500)),
        {"embedded": [Embedded(encode) for encode in counted]},
        cv=3,
    ).fit(WORDS, CLASSES)
    search.predict(WORDS)
    counted[0].assert_once(WORDS)
    counted[1].assert_once(WORDS)


# ---------------------------------------------------------------------------------
# Clones, parameters, pickles
# ---------------------------------------------------------------------------------


class Untouchable(BaseEstimator):
    """A fitted transformer that must neither be fitted nor copied."""

    def __init__(self, depth=1):
        self.depth = depth

    def fit(self, X, y=None):
        raise AssertionError

    __sklearn_clone__ = __deepcopy__ = fit

    def transform(self, X):
        return float32_letters(X)


def test_encoder_is_used_as_it_is():
    encoder = Untouchable()
    embedded = Embedded(encoder)
    assert clone(embedded).encoder is encoder
    assert embedded.fit(WORDS).fit_transform(WORDS).dtype == np.float32
    assert embedded.get_params(deep=True) == {
        "encoder": encoder,
        "memory": None,
        "key": None,
        "batch_size": 256,
    }
    with pytest.raises(ValueError, match="encoder, which is frozen"):
        embedded.set_params(encoder__depth=2)
    assert encoder.depth == 1


def test_clones_share_and_other_encoders_do_not():
    counted, other = Counted(float32_letters), Counted(lambda X: letters(X) + 0.5)
    embedded = Embedded(counted)
    twin = clone(embedded)  # before anything is encoded
    assert isinstance(twin, Embedded)
    twin.transform(WORDS)
    clone(clone(embedded)).transform(WORDS)
    embedded.transform(WORDS)
    counted.assert_once(WORDS)

    twin.set_params(encoder=other, batch_size=3)
    assert_array_equal(twin.transform(WORDS), letters(WORDS) + 0.5)
    assert embedded.encoder is counted
    assert embedded.batch_size == 256
    assert_array_equal(embedded.transform(WORDS), letters(WORDS))
    counted.assert_once(WORDS)

    # An encoder changed in place: another key.
    clone(embedded).set_params(key="retrained").transform(WORDS)
    assert set(counted.rows.values()) == {2}
    # Another object around the same function has a memory of its own.
    Embedded(counted).transform(WORDS)
    assert set(counted.rows.values()) == {3}


def test_clone_keeps_the_output_container():
    embedded = Embedded(float32_letters).set_output(transform="pandas")
    with pytest.raises(NotFittedError):
        embedded.get_feature_names_out()
    frame = clone(embedded).transform(WORDS)
    assert frame.columns[:2].tolist() == ["embedded0", "embedded1"]
    assert frame.shape == (120, 123)
    assert_array_equal(embedded.get_feature_names_out(), frame.columns)


def test_pickle_holds_no_vectors():
    embedded = Embedded(float32_letters)
    vectors = embedded.transform(WORDS)
    data = pickle.dumps(embedded)
    assert len(data) < 1000 < vectors.nbytes
    assert_array_equal(pickle.loads(data).transform(WORDS), vectors)


def test_what_comes_back_from_another_process_finds_the_vectors():
    embedded = Embedded(Counted(float32_letters))
    there = pickle.dumps(clone(embedded))
    embedded.transform(WORDS)
    back = pickle.loads(there)
    assert_array_equal(back.transform(WORDS), letters(WORDS))
    assert back.encoder is embedded.encoder
    embedded.encoder.assert_once(WORDS)

    # Another encoder since has vectors of its own.
    embedded.set_params(encoder=Counted(row_lengths))
    assert_array_equal(pickle.loads(pickle.dumps(embedded)).transform(["ab"]), [[2]])
    assert_array_equal(back.transform(WORDS), letters(WORDS))

    # Where the vectors are not, the encoder is the one of the pickle.
    there = pickle.dumps(clone(Embedded(Counted(row_lengths))))
    loaded = [pickle.loads(there) for _ in range(2)]
    assert_array_equal(loaded[0].transform(["abc"]), loaded[1].transform(["abc"]))
    assert loaded[0].encoder is loaded[1].encoder
    loaded[1].encoder.assert_once(["abc"])


def test_result_is_the_users():
    embedded = Embedded(float32_letters)
    embedded.transform(WORDS)[:] = -1
    embedded.transform(WORDS[:1])[:] = -1
    assert_array_equal(embedded.transform(WORDS), float32_letters(WORDS))


def test_is_stateless():
    embedded = Embedded(float32_letters)
    check_is_fitted(embedded)
    tags = get_tags(embedded)
    assert not tags.requires_fit
    assert tags.input_tags.string
    assert vars(embedded).keys() == embedded.get_params().keys()
    pipeline = Pipeline([("embed", embedded), ("classify", LogisticRegression())])
    assert pipeline.fit(WORDS, CLASSES).score(WORDS, CLASSES) > 0.9


def test_empty():
    embedded = Embedded(lambda X: np.zeros((len(X), 3), dtype=np.float32))
    for _ in range(2):
        vectors = embedded.transform([])
        assert vectors.shape == (0, 3)
        assert vectors.dtype == np.float32
        embedded.transform(["a"])
    assert Embedded(row_sums).transform(np.ones((2, 3))).shape == (2, 2)


def test_threads_encode_once():
    entered = threading.Barrier(4)

    def encode(texts):
        time.sleep(0.002)  # others get their turn
        return float32_letters(texts)

    counted = Counted(encode)
    embedded = Embedded(counted, batch_size=5)
    twins = [clone(embedded) for _ in range(4)]

    def ask(i):
        entered.wait(timeout=10)
        rng = np.random.default_rng(i)
        rows = rng.permutation(len(WORDS))
        return rows, twins[i].transform([WORDS[row] for row in rows])

    with ThreadPoolExecutor(4) as pool:
        for rows, vectors in pool.map(ask, range(4)):
            assert_array_equal(vectors, float32_letters(WORDS)[rows])
    counted.assert_once(WORDS)


def test_encoder_that_asks_for_vectors_itself():
    def encode(texts):
        calls.append(texts)
        if len(texts) > 1:
            return np.concatenate([embedded.transform([text]) for text in texts])
        return float32_letters(texts)

    calls = []
    embedded = Embedded(encode, batch_size=3)
    for _ in range(2):
        assert_array_equal(embedded.transform(WORDS[:8]), float32_letters(WORDS[:8]))
    assert_array_equal(embedded.transform(WORDS), float32_letters(WORDS))
    assert len(calls) == len(WORDS) + 3 + 37  # the last batch is one text


# ---------------------------------------------------------------------------------
# On disk
# ---------------------------------------------------------------------------------


@pytest.mark.parametrize("as_memory", [str, Memory])
def test_found_on_disk(tmp_path, as_memory):
    def make(encode, key="letters/1"):
        memory = (
            as_memory(tmp_path) if as_memory is str else Memory(tmp_path, verbose=0)
        )
        return Embedded(encode, memory=memory, key=key)

    first = Counted(float32_letters)
    make(first).transform(WORDS[:50])
    second = Counted(float32_letters)
    vectors = make(second).transform(WORDS)
    assert_array_equal(vectors, float32_letters(WORDS))
    assert vectors.dtype == np.float32
    second.assert_once(WORDS[50:])
    make(second).transform(WORDS[::-1])
    second.assert_once(WORDS[50:])
    # Rows of another kind are kept apart.
    assert_array_equal(make(row_sums).transform(IMAGES), row_sums(IMAGES))
    # A changed encoder has another key.
    other = Counted(letters)
    assert make(other, "letters/2").transform(WORDS).dtype == letters(WORDS).dtype
    other.assert_once(WORDS)


def test_processes_see_each_others_files(tmp_path):
    counted = Counted(float32_letters)
    objects = [Embedded(counted, memory=tmp_path, key="a") for _ in range(2)]
    for i in range(12):  # in turns, each sees what the other has written since
        part = WORDS[10 * i : 10 * i + 10]
        objects[i % 2].transform(part)
        objects[1 - i % 2].transform(part)
    for embedded in objects:
        assert_array_equal(embedded.transform(WORDS), float32_letters(WORDS))
    counted.assert_once(WORDS)


def test_what_was_encoded_before_an_error_is_kept(tmp_path):
    counted = Counted(float32_letters)

    def failing(texts):
        if WORDS[60] in texts:
            raise RuntimeError("out of memory")
        return counted(texts)

    embedded = Embedded(failing, memory=tmp_path, key="a", batch_size=10)
    with pytest.raises(RuntimeError, match="out of memory"):
        embedded.transform(WORDS)
    counted.assert_once(WORDS[:60])
    again = Embedded(counted, memory=tmp_path, key="a", batch_size=10)
    assert_array_equal(again.transform(WORDS), float32_letters(WORDS))
    counted.assert_once(WORDS)
    # What a killed process leaves is not read.
    (next(tmp_path.rglob("output.pkl")).parent / "output.pkl.part").write_bytes(b"half")
    Embedded(counted, memory=tmp_path, key="a").transform(WORDS)
    counted.assert_once(WORDS)


def test_one_result_of_joblib_for_each_batch(tmp_path):
    counted = Counted(float32_letters)
    embedded = Embedded(counted, memory=tmp_path, key="a", batch_size=20)
    for _ in range(2):
        embedded.transform(WORDS)
        assert len(list(tmp_path.rglob("output.pkl"))) == 6
    again = Embedded(counted, memory=tmp_path, key="a")
    assert_array_equal(again.transform(WORDS), float32_letters(WORDS))
    counted.assert_once(WORDS)


def test_another_process_writes_while_one_encodes(tmp_path):
    def encode(texts):
        other.transform(WORDS[:2])
        return float32_letters(texts)

    counted = Counted(float32_letters)
    other = Embedded(counted, memory=tmp_path, key="a")
    Embedded(encode, memory=tmp_path, key="a").transform(WORDS[5:8])
    kept = WORDS[:2] + WORDS[5:8]
    found = Embedded(counted, memory=tmp_path, key="a").transform(kept)
    assert_array_equal(found, float32_letters(kept))
    counted.assert_once(WORDS[:2])


# ---------------------------------------------------------------------------------
# Errors
# ---------------------------------------------------------------------------------


def test_memory_needs_a_key(tmp_path):
    embedded = Embedded(float32_letters, memory=tmp_path)
    for method in (embedded.fit, embedded.transform, clone(embedded).transform):
        with pytest.raises(ValueError, match="needs a key"):
            method(WORDS)


@pytest.mark.parametrize(
    ("encode", "message"),
    [
        (lambda X: np.zeros(len(X)), r"shape \(2,\) for 2 rows"),
        (lambda X: np.zeros((len(X) + 1, 4)), r"shape \(3, 4\) for 2 rows"),
        (lambda X: np.zeros((len(X), 2, 2)), r"expected \(2, n_features\)"),
        (lambda X: sp.csr_matrix((len(X), 2)), "gave a sparse matrix"),
    ],
)
def test_not_vectors(encode, message):
    with pytest.raises(ValueError, match=message):
        Embedded(encode).transform(["a", "b"])


@pytest.mark.parametrize("how", ["longer", "dtype"])
def test_vectors_change(how, tmp_path):
    def changed(X):
        if how == "longer":
            return np.zeros((len(X), 4), dtype=np.float32)
        return np.zeros((len(X), 3))

    first = Embedded(
        lambda X: np.zeros((len(X), 3), np.float32), memory=tmp_path, key="a"
    )
    first.transform(["a", "b"])
    with pytest.raises(ValueError, match=r"before, .* 3 float32 .*change key"):
        Embedded(changed, memory=tmp_path, key="a").transform(["c"])


@pytest.mark.parametrize(
    "params", [{"encoder": 3}, {"batch_size": 0}, {"memory": 3}, {"key": 3}]
)
def test_parameters(params):
    embedded = Embedded(float32_letters).set_params(**params)
    for method in (embedded.fit, embedded.transform):
        with pytest.raises(ValueError, match=next(iter(params))):
            method(WORDS)


@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04 and no more"])
def test_rows_of_damaged_files_are_encoded_again(tmp_path, content):
    counted = Counted(float32_letters)
    Embedded(counted, memory=str(tmp_path), key="a", batch_size=40).transform(WORDS)
    next(tmp_path.rglob("output.pkl")).write_bytes(content)
    for _ in range(2):
        again = Embedded(counted, memory=str(tmp_path), key="a")
        assert_array_equal(again.transform(WORDS), float32_letters(WORDS))
        assert sorted(counted.rows.values()) == [1] * 80 + [2] * 40
