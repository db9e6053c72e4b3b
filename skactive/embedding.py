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
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import cached_property
from numbers import Integral
from typing import Any
from uuid import uuid4
from weakref import WeakValueDictionary

import numpy as np
import scipy.sparse as sp
from joblib import Memory
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)

from skactive._compat.sklearn import HasMethods, Interval, _fit_context, _safe_indexing
from skactive._compat.typing import Array
from skactive._data.digests import row_digests

__all__ = ["Embedded"]


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
        Where vectors are kept besides, as in scikit-learn's ``Pipeline``: a folder, or
        a joblib.Memory with options of its own. Another process or a later session
        finds them there. It needs `key`. None keeps them in this object and its clones
        only.
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
    one. Vectors stay in memory as long as one of the clones does. What the encoder
    gives for `batch_size` rows becomes one result of a function that joblib caches in
    `memory`; where one cannot be read, its rows are encoded again.

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
        self._check_params()
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
        self._check_params()
        encode = getattr(self.encoder, "transform", self.encoder)
        kind, digests = row_digests(X)

        def encode_rows(rows: list[int]) -> Array:
            vectors = encode(_safe_indexing(X, np.asarray(rows, dtype=np.intp)))
            return _check_vectors(self.encoder, vectors, len(rows))

        store = self._store()
        vectors = store.vectors(kind, digests, encode_rows, self.batch_size)
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

    def _check_params(self) -> None:
        self._validate_params()
        if self._source()[2] is not None and not self.key:
            raise ValueError(
                f"memory={self.memory!r} needs a key: vectors are found there under a "
                "name of the encoder and its version, as in key='all-MiniLM-L6-v2'. "
                "Change it whenever the encoder changes."
            )

    def _source(self) -> tuple[Any, str | None, Any]:
        """What vectors depend on: the encoder, its key, and where they are kept."""
        return self.encoder, self.key, getattr(self.memory, "location", self.memory)

    def _store(self) -> _Store:
        """What clones share: made anew where another encoder has been set."""
        with _MAKING:
            store: _Store | None = vars(self).get("_shared")
            if store is None or not store.is_of(*self._source()):
                store = _Store(*self._source(), self.memory, uuid4().hex)
                self._shared = _STORES[store.token] = store
            return store

    def __sklearn_clone__(self) -> Embedded:
        # Before anything is encoded as well: a learner clones what it never uses.
        store, twin = self._store(), copy.copy(self)
        twin._shared = store
        return twin

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if state.pop("_shared", None) is not None:
            state["_token"] = self._store().token
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        token = state.pop("_token", None)
        super().__setstate__(state)
        if token is None:
            return
        # Members come back from other processes, each with a copy of the encoder.
        with _MAKING:
            fresh = _Store(*self._source(), self.memory, token)
            store = _STORES.setdefault(token, fresh)
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
    return vectors.copy()  # an encoder may use its array again


# ---------------------------------------------------------------------------------
# What has been encoded
# ---------------------------------------------------------------------------------

_MAKING = threading.Lock()
# Of this process, by their names.
_STORES: WeakValueDictionary[str, _Store] = WeakValueDictionary()

# Digests of rows, and their vectors (n_rows, n_features).
_Block = tuple[list[bytes], Array]


class _Store:
    """Vectors that one encoder gave, by the kind of a row and its digest."""

    def __init__(
        self, encoder: Any, key: str | None, location: Any, memory: Any, token: str
    ):
        self.source = (encoder, key, location)
        self.memory = memory
        self.token = token
        self.n_features: int | None = None
        self._vectors: defaultdict[str, dict[bytes, Array]] = defaultdict(dict)
        # How many blocks have been read or written.
        self._n_blocks: Counter[str] = Counter()
        # An encoder may itself ask for vectors.
        self._lock = threading.RLock()

    def is_of(self, encoder: Any, key: str | None, location: Any) -> bool:
        # Encoders may compare in odd ways, as arrays do: it must be the same object.
        return self.source[0] is encoder and self.source[1:] == (key, location)

    def vectors(
        self,
        kind: str,
        digests: list[bytes],
        encode: Callable[[list[int]], Array],
        batch_size: int,
    ) -> Array:
        """One vector a digest; `encode` gives those of positions in `digests`."""
        with self._lock:
            known = self._vectors[kind]
            if not known.keys() >= set(digests):
                self._read(kind)
            first: dict[bytes, int] = {}
            for position, digest in enumerate(digests):
                if digest not in known:
                    first.setdefault(digest, position)
            rows = list(first.values())
            for start in range(0, len(rows), batch_size):
                batch = rows[start : start + batch_size]
                self._keep(kind, ([digests[i] for i in batch], encode(batch)))
            if not known:
                return encode([])
            some = next(iter(known.values()))
            found = [known[digest] for digest in digests]
            return np.concatenate([some[:0], *found]).reshape(len(digests), len(some))

    @cached_property
    def _block(self) -> Any:
        memory = self.memory
        if not isinstance(memory, Memory):
            memory = Memory(memory, verbose=0)
        return memory.cache(_numbered_block, ignore=["block"], verbose=0)

    def _read(self, kind: str) -> None:
        """Take what this and other processes have written so far."""
        key, numbers = self.source[1], self._n_blocks
        while self._block.check_call_in_cache(key, kind, numbers[kind]):
            self._take(kind, self._block(key, kind, numbers[kind]))
            numbers[kind] += 1

    def _keep(self, kind: str, block: _Block) -> None:
        """Write a block under the first number that no other process has taken."""
        self._take(kind, block)
        kept = None
        while kept is None or kept[0] != block[0]:
            kept = self._block(self.source[1], kind, self._n_blocks[kind], block)
            self._take(kind, kept)
            self._n_blocks[kind] += 1

    def _take(self, kind: str, block: _Block) -> None:
        known, (digests, new) = self._vectors[kind], block
        old = next(iter(known.values()), None)
        if (
            old is not None
            and digests
            and (old.shape, old.dtype) != (new.shape[1:], new.dtype)
        ):
            raise ValueError(
                f"The encoder gave vectors of {new.shape[1]} {new.dtype} numbers; "
                f"before, those of such rows had {len(old)} {old.dtype} numbers. "
                "If the encoder has changed, change key as well."
            )
        for digest, vector in zip(digests, new, strict=True):
            known.setdefault(digest, vector)


_NOTHING: _Block = ([], np.empty((0, 0)))


def _numbered_block(
    key: str, kind: str, number: int, block: _Block = _NOTHING
) -> _Block:
    """What joblib keeps under the first three; it looks at none of `block`."""
    return block
