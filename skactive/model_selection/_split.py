"""Folds for a partly labelled y: tests on labelled rows, training on all others."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from sklearn.model_selection import (
    BaseCrossValidator,
    PredefinedSplit,
    StratifiedKFold,
    check_cv,
)
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import indexable

from skactive._compat.sklearn import _num_samples, _safe_indexing
from skactive._compat.typing import Array
from skactive._data.labels import MISSING, encode_labels


class LabeledKFold(BaseCrossValidator):
    """Cross-validation in the middle of a labelling campaign.

    The labelled rows are split as another splitter says. Rows without a label are in
    the training part of every split and in no test part. So any `scoring` works,
    because it never meets a missing label, and an estimator that learns from
    unlabelled rows has all of them.

    The scores compare hyper-parameters. They are no estimate of the score on new rows
    where a strategy chose the labelled ones, which are mostly those that are hard: for
    that see :meth:`ActiveLearningClassifier.audit`.

    Parameters
    ----------
    cv : int, splitter, iterable or None, default=5
        How to split the labelled rows. An int is the number of folds of
        :class:`~sklearn.model_selection.StratifiedKFold`, None means 5. A splitter,
        stratified, grouped and repeated ones included, is given the labelled rows
        only, with their labels and groups. An iterable of ``(train, test)``, and
        :class:`~sklearn.model_selection.PredefinedSplit`, speak of positions in the
        whole `X`; their rows without a label move to the training part.
    missing_label : object, default=np.nan
        The value in `y` of a row without a label. NaN, None, `pandas.NA` and null or
        masked entries are missing in any case.

    See Also
    --------
    mask_missing : Labels in a form that all of scikit-learn accepts.

    Notes
    -----
    The estimator must take missing labels: :class:`~skactive.ActiveLearningClassifier`
    does, alone or as the last step of a pipeline, and with ``missing_label=-1``
    scikit-learn's :class:`~sklearn.semi_supervised.SelfTrainingClassifier`. Others
    either raise, where the label is NaN, or take -1 as a class.

    In each training part the labelled rows come first, in the order of `cv`, then
    those without a label, ascending. So ``learning_curve(train_sizes=[20, 50, 100])``
    takes that many labels; give it numbers, since shares would count the unlabelled
    rows too, leave its `shuffle` off, and where rows are sorted by class use
    :class:`~sklearn.model_selection.StratifiedShuffleSplit` as `cv`. Training
    scores, as of ``cross_validate(return_train_score=True)``, are for `scoring=None`
    only: a scorer would meet the missing labels.

    With an int, each class needs two labels to be learnt from in one fold and tested
    in another; a class with fewer labels than folds is missing from the test part of
    some folds, of which scikit-learn warns. Where this holds for each class it is an
    error.

    A time-series or grouped splitter orders or separates the labelled rows. Rows
    without a label are in training although they may be later or of a group that is
    tested: only their features can be seen, and no label.

    `cross_val_predict` does not work: it needs each row in one test part.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.model_selection import LabeledKFold
    >>> y = [0, None, 1, 0, None, 1]
    >>> for train, test in LabeledKFold(2).split(np.zeros((6, 1)), y):
    ...     print(train, test)
    [3 5 1 4] [0 2]
    [0 2 1 4] [3 5]

    A grid search with ten labels:

    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skactive import ActiveLearningClassifier
    >>> X, answers = load_iris(return_X_y=True)
    >>> y = np.full(len(X), np.nan)
    >>> y[::10] = answers[::10]
    >>> learner = ActiveLearningClassifier(LogisticRegression(max_iter=1000))
    >>> grid = {"estimator__C": [0.001, 1]}
    >>> search = GridSearchCV(learner, grid, cv=LabeledKFold(3)).fit(X, y)
    >>> search.best_params_
    {'estimator__C': 1}
    """

    def __init__(self, cv: Any = 5, *, missing_label: Any = np.nan):
        is_once = isinstance(cv, Iterable) and not hasattr(cv, "split")
        # A generator could be read in one search only.
        self.cv = list(cv) if is_once and not isinstance(cv, str) else cv
        self.missing_label = missing_label

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[Array, Array]]:
        """Give the positions of training and test rows, split by split.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Labelled and unlabelled rows.
        y : array-like of shape (n_samples,)
            Labels, missing where a row is unlabelled.
        groups : array-like of shape (n_samples,), default=None
            Groups of the rows, for splitters that heed them.

        Yields
        ------
        train : ndarray of shape (n_train,)
            Labelled training rows, then all rows without a label.
        test : ndarray of shape (n_test,)
            Labelled rows.

        Raises
        ------
        ValueError
            If no row is labelled, there are too few labels for `cv`, or a test part
            of an iterable holds no labelled row.
        """
        labeled, parts = self._labeled_part(X, y, groups)
        unlabeled = np.setdiff1d(np.arange(_num_samples(X)), labeled)
        splitter = self._splitter()
        if self._is_positional():
            for number, (train, test) in enumerate(splitter.split()):
                train, test = _as_positions(train, X), _as_positions(test, X)
                test = test[np.isin(test, labeled)]
                if len(test) == 0:
                    raise ValueError(
                        f"The test part of split {number} of cv={self.cv!r} holds no "
                        "labelled row. Leave the split out, or label rows of it."
                    )
                known = train[np.isin(train, labeled)]
                yield np.concatenate([known, unlabeled]), test
            return
        self._check_enough(parts[1])
        for train, test in splitter.split(*parts):
            yield np.concatenate([labeled[train], unlabeled]), labeled[test]

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Give the number of splits.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples, default=None
            Rows; for splitters whose number of splits depends on them.
        y : array-like of shape (n_samples,), default=None
            Labels, missing where a row is unlabelled; for the same splitters.
        groups : array-like of shape (n_samples,), default=None
            Groups of the rows; for the same splitters.

        Returns
        -------
        n_splits : int
        """
        splitter = self._splitter()
        if self._is_positional() or y is None:
            return int(splitter.get_n_splits())
        if X is None:
            X = np.zeros((_num_samples(y), 1))
        _, parts = self._labeled_part(X, y, groups)
        return int(splitter.get_n_splits(*parts))

    def get_metadata_routing(self) -> Any:
        """Metadata routing of this object.

        Returns
        -------
        routing : MetadataRequest
            That of `cv`: `groups` are asked for if it asks for them.
        """
        splitter = self._splitter()
        if hasattr(splitter, "get_metadata_routing"):
            return splitter.get_metadata_routing()
        return super().get_metadata_routing()

    def _splitter(self) -> Any:
        cv = 5 if self.cv is None else self.cv
        return StratifiedKFold(cv) if _is_int(cv) else check_cv(cv)

    def _is_positional(self) -> bool:
        return isinstance(self.cv, (list, PredefinedSplit))

    def _labeled_part(self, X: Any, y: Any, groups: Any) -> tuple[Array, list[Any]]:
        """Positions of the labelled rows, and these rows' X, y and groups."""
        if y is None:
            raise ValueError(
                "LabeledKFold needs y to tell which rows have a label, but got None. "
                "Pass y with the missing label where a row has none."
            )
        X, groups = indexable(X, groups)
        check_consistent_length(X, y, groups)
        classes, codes = encode_labels(y, self.missing_label)
        labeled = np.flatnonzero(codes != MISSING)
        if len(labeled) == 0:
            raise ValueError(
                f"No row is labelled: all {len(codes)} entries of y are missing. Label "
                "some rows before you cross-validate."
            )
        cut = None if groups is None else _safe_indexing(groups, labeled)
        return labeled, [_safe_indexing(X, labeled), classes[codes[labeled]], cut]

    def _check_enough(self, labels: Array) -> None:
        if not (self.cv is None or _is_int(self.cv)):
            return
        n_splits = 5 if self.cv is None else self.cv
        classes, counts = np.unique(labels, return_counts=True)
        if counts.max() < n_splits:
            shown = dict(zip(classes.tolist(), counts.tolist(), strict=True))
            raise ValueError(
                f"{n_splits} folds need a class with {n_splits} labels at least; y has "
                f"the labels {shown}. Label more rows, or use fewer folds."
            )


def mask_missing(y: Any, missing_label: Any = np.nan) -> Any:
    """Partly missing labels as a masked array, which all of scikit-learn accepts.

    Some functions of scikit-learn look at the whole of `y` before it is split, and
    refuse NaN and None: `TunedThresholdClassifierCV` does. Metrics refuse labels that
    are numbers in an array of objects, as a `y` of ints and `pandas.NA` is. A masked
    array passes, and skactive takes its masked entries as missing.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels, missing where a row is unlabelled; one label at least.
    missing_label : object, default=np.nan
        The value in `y` of a row without a label. NaN, None, `pandas.NA` and null or
        masked entries are missing in any case.

    Returns
    -------
    masked : masked array of shape (n_samples,)
        Labels of their natural type. Below the mask is the first class.

    Raises
    ------
    ValueError
        If no row is labelled, or labels are no classes.

    Examples
    --------
    >>> from skactive.model_selection import mask_missing
    >>> mask_missing([0, None, 1])
    masked_array(data=[0, --, 1],
                 mask=[False,  True, False],
           fill_value=999999)

    With ten of a hundred labels, where to cut the probabilities:

    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.model_selection import TunedThresholdClassifierCV
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skactive import ActiveLearningClassifier
    >>> from skactive.model_selection import LabeledKFold
    >>> X, answers = load_breast_cancer(return_X_y=True)
    >>> y = [label if i % 10 == 0 else None for i, label in enumerate(answers)]
    >>> learner = ActiveLearningClassifier(GaussianNB())
    >>> tuned = TunedThresholdClassifierCV(learner, cv=LabeledKFold(3))
    >>> tuned = tuned.fit(X, mask_missing(y))
    >>> bool(0 <= tuned.best_threshold_ <= 1)
    True
    """
    classes, codes = encode_labels(y, missing_label)
    if len(classes) == 0:
        raise ValueError(
            f"No row is labelled: all {len(codes)} entries of y are missing, so there "
            "is no class to put below the mask. Label some rows first."
        )
    missing = codes == MISSING
    return np.ma.MaskedArray(classes[np.where(missing, 0, codes)], mask=missing)


def _is_int(cv: Any) -> bool:
    return isinstance(cv, numbers.Integral)


def _as_positions(rows: Any, X: Any) -> Array:
    """Positions, also where a split is given as a mask or counts from the end."""
    return np.arange(_num_samples(X))[np.asarray(rows)]
