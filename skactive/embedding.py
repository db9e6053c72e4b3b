"""Frozen encoders as transformers: every distinct row is encoded once.

The simplest way needs nothing from here: encode the pool once by hand, and give the
vectors to a learner as its `X`::

    vectors = encode(texts)
    learner = ActiveLearningClassifier(LogisticRegression())
    rows = learner.query(vectors, y)

:class:`Embedded` is for learners that shall take the rows themselves, texts or images,
as one object that can be searched, saved and asked for predictions of new rows. The
cache of scikit-learn's pipelines, ``make_pipeline(..., memory=...)``, does not serve:
it remembers what a step gave in `fit`, for exactly these rows, and not what it gives
when a pool is scored, so that every query would encode the whole pool again.
"""

from __future__ import annotations

import copy
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from hashlib import blake2b
from numbers import Integral
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4
from weakref import WeakValueDictionary
from zipfile import BadZipFile

import numpy as np
import scipy.sparse as sp
from joblib import Memory
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)

from skactive._compat.sklearn import (
    HasMethods,
    Interval,
    _fit_context,
    _safe_indexing,
)
from skactive._data.digests import DIGEST_SIZE, row_digests

__all__ = ["Embedded"]

Array = NDArray[Any]

# What is lost at most where a long encoding is killed.
_ROWS_A_FILE = 4096


class Embedded(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A frozen encoder as a transformer that encodes every distinct row once.

    Rows are recognised by their content, whatever part of a pool is asked for and in
    whichever order. Clones, and so all fits of a learner, of a search and of a
    committee, share the encoder and what it has given. `fit` does nothing.

    Parameters
    ----------
    encoder : callable or object with `transform`
        A function ``rows -> vectors`` of shape (n_rows, n_features), or a fitted
        transformer. It gets rows in the container of the user (a list of texts, an
        array of images, a data frame ...), and is used as it is: never fitted, copied
        or cloned. It has to be frozen: a row's vector depends on the row alone.
    memory : str, path or joblib.Memory, default=None
        A folder where vectors are kept besides, so that another process or a later
        session finds them. It needs `key`. None keeps them in this object and its
        clones only.
    key : str, default=None
        A name of the encoder and its version. Vectors on disk are found under it: **it
        has to change whenever the encoder does**, for what a function does cannot
        be seen from outside. An encoder changed in place needs a new key in memory
        too; another object as `encoder` starts anew by itself.
    batch_size : int, default=256
        How many rows the encoder gets at a time.

    See Also
    --------
    sklearn.frozen.FrozenEstimator : A fitted estimator that is not fitted again.

    Notes
    -----
    A row is found by 128 bits of a BLAKE2 hash of its type and content, which takes
    some microseconds; numbers are compared bit by bit, so that -0.0 and 0.0, or
    float32 and float64, are encoded apart. An encoder whose numbers depend, in the
    last bits, on the rows beside a row is asked once, so that the answer is the first
    one. Vectors stay in memory as long as one of the clones does; files in `memory`
    are never deleted.

    A pickle holds the encoder but no vectors: a process that shall not encode anew
    needs `memory`. Where the vectors still are, as in the process that a member of a
    committee comes back to, an unpickled object finds them, and shares the encoder.
    For a search in several processes, call ``transform`` on the pool before: processes
    that look for the same row at the same time both encode it. Threads wait for each
    other.

    In a search over encoders, give it several of these objects and not values of
    `encoder`, which scikit-learn would copy.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.embedding import Embedded
    >>> def encode(texts):
    ...     print("encoding", texts)
    ...     return np.array([[len(text), text.count("o")] for text in texts])
    >>> embedded = Embedded(encode)
    >>> embedded.transform(["to be", "or not", "to be"])
    encoding ['to be', 'or not']
    array([[5, 1],
           [6, 2],
           [5, 1]])
    >>> embedded.transform(["or not"])
    array([[6, 2]])
    """

    _parameter_constraints: dict = {
        "encoder": [HasMethods("transform"), callable],
        "memory": [str, os.PathLike, Memory, None],
        "key": [str, None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        encoder: Any,
        *,
        memory: str | os.PathLike | Memory | None = None,
        key: str | None = None,
        batch_size: int = 256,
    ):
        self.encoder = encoder
        self.memory = memory
        self.key = key
        self.batch_size = batch_size

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None) -> Embedded:
        """Do nothing but check the parameters.

        Parameters
        ----------
        X : object
            Ignored.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : Embedded
        """
        self._folder()
        return self

    def transform(self, X: Any) -> Array:
        """Vectors of rows; only rows never seen before are encoded.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Rows; arrays may have any number of axes.

        Returns
        -------
        vectors : ndarray of shape (n_samples, n_features)
            A new array of the encoder's dtype.

        Raises
        ------
        ValueError
            If there is a `memory` without a `key`, or the encoder does not give one
            vector a row, of the same length and dtype each time.
        """
        self._validate_params()
        encode = getattr(self.encoder, "transform", self.encoder)
        kind, keys = row_digests(X)
        store = self._store()
        shelf = store.shelf(kind)

        def encode_rows(rows: list[int]) -> Array:
            vectors = encode(_safe_indexing(X, np.asarray(rows, dtype=np.intp)))
            return _check_vectors(self.encoder, vectors, len(rows))

        vectors = shelf.vectors(keys, encode_rows, self.batch_size)
        store.n_features = vectors.shape[1]
        return vectors

    @property
    def _n_features_out(self) -> int:
        n_features = self._store().n_features
        if n_features is None:
            raise AttributeError("The length of vectors is known after a transform.")
        return n_features

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters of this object, and none of the encoder's.

        Parameters
        ----------
        deep : bool, default=True
            Ignored: the encoder is frozen.

        Returns
        -------
        params : dict
            Names and values.
        """
        return super().get_params(deep=False)

    def set_params(self, **params: Any) -> Embedded:
        """Set parameters of this object; those of the encoder are frozen.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self : Embedded
        """
        for name in params:
            if name.startswith("encoder__"):
                raise ValueError(
                    f"{name!r} would change the encoder, which is frozen: vectors "
                    "that it gave before would be taken for those of the changed one. "
                    "Set another encoder."
                )
        return super().set_params(**params)

    def _folder(self) -> Path | None:
        memory = self.memory
        location = memory.location if isinstance(memory, Memory) else memory
        if location is None:
            return None
        if not self.key:
            raise ValueError(
                f"memory={memory!r} needs a key: vectors are found on disk under a "
                "name of the encoder and its version, as in key='all-MiniLM-L6-v2'. "
                "Change it whenever the encoder changes."
            )
        return Path(location) / "skactive" / quote(self.key, safe="")

    def _store(self) -> _Store:
        """What clones share: made anew where another encoder has been set."""
        source = (self.encoder, self.key, self._folder())
        with _MAKING:
            store: _Store | None = vars(self).get("_shared")
            if store is None or not store.is_of(*source):
                store = self._shared = _Store(*source, uuid4().hex)
                _STORES[store.token] = store
            return store

    def __sklearn_clone__(self) -> Embedded:
        # Before anything is encoded as well: a learner clones what it never uses.
        store = self._store() if self.memory is None or self.key else None
        twin = copy.copy(self)
        if store is not None:
            twin._shared = store
        return twin

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if state.pop("_shared", None) is not None and (self.memory is None or self.key):
            state["_token"] = self._store().token
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        token = state.pop("_token", None)
        super().__setstate__(state)
        if token is None:
            return
        # Members come back from other processes, each with a copy of the encoder.
        source = (self.encoder, self.key, self._folder())
        with _MAKING:
            store = _STORES.setdefault(token, _Store(*source, token))
            self.encoder, self._shared = store.source[0], store

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.no_validation = True
        tags.transformer_tags.preserves_dtype = []
        tags.input_tags.string = True
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags


def _check_vectors(encoder: Any, vectors: Any, n_rows: int) -> Array:
    if sp.issparse(vectors):
        raise ValueError(
            f"encoder={encoder!r} gave a sparse matrix; Embedded keeps dense vectors. "
            "An encoder as quick as this can be a step of the pipeline itself, in a "
            "FrozenEstimator."
        )
    vectors = np.asarray(vectors)
    if vectors.ndim != 2 or len(vectors) != n_rows:
        raise ValueError(
            f"encoder={encoder!r} gave an array of shape {vectors.shape} for {n_rows} "
            f"rows; expected ({n_rows}, n_features)."
        )
    return vectors


# ---------------------------------------------------------------------------------
# What has been encoded
# ---------------------------------------------------------------------------------

_MAKING = threading.Lock()
# Of this process, by their names.
_STORES: WeakValueDictionary[str, _Store] = WeakValueDictionary()


class _Store:
    """Vectors that one encoder gave, one shelf a kind of rows."""

    def __init__(self, encoder: Any, key: str | None, folder: Path | None, token: str):
        self.source = (encoder, key, folder)
        self.token = token
        self.n_features: int | None = None
        self._shelves: dict[str, _Shelf] = {}
        self._lock = threading.Lock()

    def is_of(self, encoder: Any, key: str | None, folder: Path | None) -> bool:
        # Encoders may compare in odd ways, as arrays do: it must be the same object.
        return self.source[0] is encoder and self.source[1:] == (key, folder)

    def shelf(self, kind: str) -> _Shelf:
        with self._lock:
            if kind not in self._shelves:
                folder = self.source[2]
                if folder is not None:
                    folder = folder / blake2b(kind.encode(), digest_size=8).hexdigest()
                self._shelves[kind] = _Shelf(folder)
            return self._shelves[kind]


class _Shelf:
    """Vectors by digests of their rows, in memory and perhaps in a folder.

    A file of the folder holds some rows and is never written again, so that processes
    need not wait for each other.
    """

    def __init__(self, folder: Path | None):
        self._folder = folder
        self._read: set[str] = set()
        self._places: dict[bytes, int] = {}
        self._vectors: Array | None = None
        self._n_saved = 0
        # An encoder may itself ask for vectors.
        self._lock = threading.RLock()

    def vectors(
        self, keys: list[bytes], encode: Callable[[list[int]], Array], batch_size: int
    ) -> Array:
        """One vector a key; `encode` gives those of positions in `keys`."""
        with self._lock:
            rows = self._unknown(keys)
            if rows and self._folder is not None:
                self._load()
                rows = self._unknown(keys)
            try:
                for start in range(0, len(rows), batch_size):
                    batch = rows[start : start + batch_size]
                    vectors = encode(batch)
                    self._add([keys[i] for i in batch], vectors, len(rows) - start)
                    if len(self._places) - self._n_saved >= _ROWS_A_FILE:
                        self._save()
            finally:
                self._save()
            if self._vectors is None:
                return encode([])
            places = map(self._places.__getitem__, keys)
            return self._vectors[np.fromiter(places, dtype=np.intp, count=len(keys))]

    def _unknown(self, keys: list[bytes]) -> list[int]:
        """Positions of the keys that are not here, the first of each."""
        known = self._places
        unknown = [i for i, key in enumerate(keys) if key not in known]
        first: dict[bytes, int] = {}
        for i in unknown:
            first.setdefault(keys[i], i)
        return list(first.values())

    def _add(self, keys: list[bytes], vectors: Array, n_expected: int) -> None:
        fresh = self._unknown(keys)
        if len(fresh) < len(keys):  # another process was as quick, or the encoder was
            keys, vectors = [keys[i] for i in fresh], vectors[fresh]
        held, n_held = self._vectors, len(self._places)
        if held is None:
            held = np.empty((n_expected, vectors.shape[1]), dtype=vectors.dtype)
        elif held.shape[1:] != vectors.shape[1:] or held.dtype != vectors.dtype:
            raise ValueError(
                f"The encoder gave vectors of {vectors.shape[1]} {vectors.dtype} "
                f"numbers; before, those of such rows had {held.shape[1]} {held.dtype} "
                "numbers. If the encoder has changed, change key as well."
            )
        elif n_held + n_expected > len(held):
            n_places = max(n_held + n_expected, len(held) + len(held) // 2)
            grown = np.empty((n_places, held.shape[1]), dtype=held.dtype)
            grown[:n_held] = held[:n_held]
            held = grown
        held[n_held : n_held + len(keys)] = vectors
        self._vectors = held
        self._places.update(zip(keys, range(n_held, n_held + len(keys)), strict=True))

    def _load(self) -> None:
        """Read what other processes have written since."""
        folder = self._folder
        if folder is None or not folder.is_dir():
            return
        for path in sorted(folder.glob("*.npz")):
            if path.name in self._read:
                continue
            try:
                with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                    keys, vectors = list(_cut(file["keys"].tobytes())), file["vectors"]
            except (ValueError, EOFError, KeyError, TypeError, BadZipFile) as error:
                raise ValueError(
                    f"{path} is damaged, or no file of Embedded ({error}). Delete it: "
                    "the rows in it will be encoded again."
                ) from error
            self._add(keys, vectors, len(keys))
            self._read.add(path.name)
        self._n_saved = len(self._places)

    def _save(self) -> None:
        if self._folder is None or len(self._places) == self._n_saved:
            return
        if self._vectors is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        keys = list(self._places)[self._n_saved :]
        vectors = self._vectors[self._n_saved : len(self._places)]
        # Under its name a file is whole, whenever a process is killed.
        number, unfinished = tempfile.mkstemp(dir=self._folder, suffix=".part")
        try:
            with os.fdopen(number, "wb") as file:
                np.savez(
                    file, keys=np.frombuffer(b"".join(keys), np.uint8), vectors=vectors
                )
            path = Path(unfinished).with_suffix(".npz")
            os.replace(unfinished, path)
        except BaseException:
            Path(unfinished).unlink(missing_ok=True)
            raise
        self._read.add(path.name)
        self._n_saved = len(self._places)


def _cut(digests: bytes) -> Iterator[bytes]:
    for start in range(0, len(digests), DIGEST_SIZE):
        yield digests[start : start + DIGEST_SIZE]
