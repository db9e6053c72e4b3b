"""Frozen encoders as transformers that encode every distinct row once.

The simplest way does without this module: encode the pool once, and pass the vectors to
a learner as its `X`::

    vectors = encode(texts)
    learner = ActiveLearningClassifier(LogisticRegression())
    rows = learner.query(vectors, y)

:class:`Embedded` is for learners that take the rows themselves, such as texts or
images. The encoder and the classifier are then one object, which can be tuned by a
search, saved, and asked for predictions of new rows. The cache of scikit-learn's
pipelines, ``make_pipeline(..., memory=...)``, does not help here. It keeps the output
of a step in `fit`, for exactly these rows, but not its output when a pool is scored. So
every query would encode the whole pool again.
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
    """Transformer around a frozen encoder, which encodes every distinct row once.

    Rows are recognised by their content, in any subset of a pool and in any order.
    Clones share the encoder and the vectors that it has computed, and so do all fits of
    a learner, of a search and of a committee. `fit` only checks the parameters.

    Parameters
    ----------
    encoder : callable or object with `transform`
        A function ``rows -> vectors`` of shape (n_rows, n_features), or a fitted
        transformer. It gets rows in the container that the user passed (a list of
        texts, an array of images, a data frame, ...). It is used as it is: it is never
        fitted, copied or cloned. It must be frozen, that is, the vector of a row
        depends on the row alone.
    memory : str, path or joblib.Memory, default=None
        Where to keep vectors on disk, as in scikit-learn's ``Pipeline``: a folder, or a
        joblib.Memory with options of its own. Other processes and later sessions find
        them there. It needs `key`. With None, vectors are kept in this object and its
        clones only.
    key : str, default=None
        A name of the encoder and its version. Vectors on disk are found by it. **It
        must change whenever the encoder does**, because what a function does cannot be
        seen from outside. An encoder that is changed in place needs a new key even
        without `memory`. Another object as `encoder` starts anew by itself.
    batch_size : int, default=256
        Largest number of rows that the encoder gets at a time.

    See Also
    --------
    sklearn.frozen.FrozenEstimator : Wrap a fitted estimator to prevent re-fitting.

    Notes
    -----
    A row is found by 128 bits of a BLAKE2 hash of its type and content, which takes a
    few microseconds. Numbers are compared bit by bit, so -0.0 and 0.0, or float32 and
    float64, are encoded separately. With some encoders, the last bits of a vector
    depend on the other rows of the batch. Each row is encoded once, so the first answer
    is kept. Vectors stay in memory as long as one of the clones does. The output of the
    encoder for `batch_size` rows is one result of a function that joblib caches in
    `memory`. If a result cannot be read, its rows are encoded again.

    A pickle holds the encoder but no vectors. So another process encodes the rows again
    unless there is a `memory`. If an object is unpickled where its vectors still are,
    it finds them and shares the encoder. This is so in the process that a member of a
    committee comes back to. Before a search in several processes, call ``transform`` on
    the pool, because processes that look for the same row at the same time both encode
    it. Threads wait for each other.

    To search over encoders, pass several objects of this class instead of values of
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
        """Only validate the parameters.

        Parameters
        ----------
        X : object
            Ignored.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : Embedded
            The transformer itself.
        """
        self._check_params()
        return self

    def transform(self, X: Any) -> Array:
        """Transform rows to vectors. Only rows that are new are encoded.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Rows. Arrays may have any number of axes.

        Returns
        -------
        vectors : ndarray of shape (n_samples, n_features)
            Vectors of the rows, in a new array of the encoder's dtype.

        Raises
        ------
        ValueError
            If there is a `memory` without a `key`, or if the encoder does not return
            one vector per row, of the same length and dtype each time.
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
            raise AttributeError("The length of vectors is unknown before transform.")
        return n_features

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters of this object, without those of the encoder.

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
        """Set the parameters of this object. Those of the encoder are frozen.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self : Embedded
            The transformer itself.
        """
        for name in params:
            if name.startswith("encoder__"):
                raise ValueError(
                    f"{name!r} would change the encoder, which is frozen: earlier "
                    "vectors would be taken for those of the changed encoder. Set "
                    "another object as encoder."
                )
        return super().set_params(**params)

    def _check_params(self) -> None:
        self._validate_params()
        if self._source()[2] is not None and not self.key:
            raise ValueError(
                f"memory={self.memory!r} needs a key, a name of the encoder and its "
                "version by which vectors are found there, as in "
                "key='all-MiniLM-L6-v2'. Change it whenever the encoder changes."
            )

    def _source(self) -> tuple[Any, str | None, Any]:
        """All that vectors depend on: the encoder, its key, and the location."""
        return self.encoder, self.key, getattr(self.memory, "location", self.memory)

    def _store(self) -> _Store:
        """The store that clones share, a new one if another encoder has been set."""
        with _MAKING:
            store: _Store | None = vars(self).get("_shared")
            if store is None or not store.is_of(*self._source()):
                store = _Store(*self._source(), self.memory, uuid4().hex)
                self._shared = _STORES[store.token] = store
            return store

    def __sklearn_clone__(self) -> Embedded:
        # Also before anything is encoded: a learner clones objects it never uses.
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
        # Members return from other processes, each with a copy of the encoder.
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
            "Such a fast encoder can be a step of the pipeline itself, in a "
            "FrozenEstimator."
        )
    vectors = np.asarray(vectors)
    if vectors.ndim != 2 or len(vectors) != n_rows:
        raise ValueError(
            f"encoder={encoder!r} gave an array of shape {vectors.shape} for {n_rows} "
            f"rows; expected ({n_rows}, n_features)."
        )
    return vectors.copy()  # an encoder may reuse its array


# ---------------------------------------------------------------------------------
# What has been encoded
# ---------------------------------------------------------------------------------

_MAKING = threading.Lock()
# Stores of this process, by their tokens.
_STORES: WeakValueDictionary[str, _Store] = WeakValueDictionary()

# Digests of rows, and their vectors (n_rows, n_features).
_Block = tuple[list[bytes], Array]


class _Store:
    """Vectors computed by one encoder, by the kind of a row and its digest."""

    def __init__(
        self, encoder: Any, key: str | None, location: Any, memory: Any, token: str
    ):
        self.source = (encoder, key, location)
        self.memory = memory
        self.token = token
        self.n_features: int | None = None
        self._vectors: defaultdict[str, dict[bytes, Array]] = defaultdict(dict)
        # Number of blocks read or written so far, by kind.
        self._n_blocks: Counter[str] = Counter()
        # An encoder may itself ask for vectors.
        self._lock = threading.RLock()

    def is_of(self, encoder: Any, key: str | None, location: Any) -> bool:
        # Encoders may compare in odd ways, as arrays do, so identity is required.
        return self.source[0] is encoder and self.source[1:] == (key, location)

    def vectors(
        self,
        kind: str,
        digests: list[bytes],
        encode: Callable[[list[int]], Array],
        batch_size: int,
    ) -> Array:
        """One vector per digest; `encode` computes those of positions in `digests`."""
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
        """Read what this and other processes have written so far."""
        key, numbers = self.source[1], self._n_blocks
        while self._block.check_call_in_cache(key, kind, numbers[kind]):
            self._take(kind, self._block(key, kind, numbers[kind]))
            numbers[kind] += 1

    def _keep(self, kind: str, block: _Block) -> None:
        """Write a block under the first number not taken by another process."""
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
                f"before, vectors of such rows had {len(old)} {old.dtype} numbers. "
                "If the encoder has changed, change key as well."
            )
        for digest, vector in zip(digests, new, strict=True):
            known.setdefault(digest, vector)


_NOTHING: _Block = ([], np.empty((0, 0)))


def _numbered_block(
    key: str, kind: str, number: int, block: _Block = _NOTHING
) -> _Block:
    """Return `block`; joblib caches it under the first three arguments only."""
    return block
