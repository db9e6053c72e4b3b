"""Cross-validation for a partly labelled y: only labelled rows are tested."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from sklearn.model_selection import (
    BaseCrossValidator,
    KFold,
    PredefinedSplit,
    StratifiedKFold,
    check_cv,
)
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import indexable

from skactive._compat.sklearn import _num_samples, _safe_indexing
from skactive._compat.typing import Array
from skactive._data.label_sets import count_labels
from skactive._data.labels import MISSING, encode_labels, is_missing, read_numbers
from skactive._models.label_sets import LabelSets
from skactive._models.numeric_target import Numbers
from skactive._models.target import Classes, Target


class LabeledKFold(BaseCrossValidator):
    """Cross-validator for the partly labelled data of a labelling campaign.

    The labelled rows are split by another splitter. Rows without a label are in the
    training set of every split and never in a test set. So any `scoring` works, because
    it never meets a missing label, and an estimator that learns from unlabelled rows
    has all of them.

    Use the scores to compare hyper-parameters. If a strategy chose the labelled rows,
    these are mostly the hard ones, and the scores do not estimate the score on new
    rows. For that, see :meth:`ActiveLearningClassifier.audit`.

    Parameters
    ----------
    cv : int, splitter, iterable or None, default=5
        Determines how the labelled rows are split. Possible inputs are:

        - int, the number of folds of
          :class:`~sklearn.model_selection.StratifiedKFold`, or of
          :class:`~sklearn.model_selection.KFold` if labels are numbers with fractions,
          or if there are several labels a row, which cannot be stratified in this way.
          None means 5. For whole numbers that are no classes, pass a KFold.
        - a splitter, which may be stratified, grouped or repeated. It gets the
          labelled rows only, with their labels and groups.
        - an iterable of ``(train, test)``, or a
          :class:`~sklearn.model_selection.PredefinedSplit`. The positions refer to
          the whole `X`, and rows without a label move to the training set.
    missing_label : object, default=np.nan
        The value in `y` of a row without a label. NaN, None, `pandas.NA` and null or
        masked entries are always missing.

    See Also
    --------
    mask_missing : Labels in a form that all of scikit-learn accepts.

    Notes
    -----
    The estimator must accept missing labels. An
    :class:`~skactive.ActiveLearningClassifier` does, alone or as the last step of a
    pipeline. With ``missing_label=-1``, scikit-learn's
    :class:`~sklearn.semi_supervised.SelfTrainingClassifier` does too. Other estimators
    raise if the label is NaN, or take -1 as a class.

    In each training set the labelled rows come first, in the order of `cv`, followed by
    the rows without a label in ascending order. So
    ``learning_curve(train_sizes=[20, 50, 100])`` uses that many labels. Give it
    numbers, since shares would count the unlabelled rows too, and leave its `shuffle`
    off. If rows are sorted by class, use
    :class:`~sklearn.model_selection.StratifiedShuffleSplit` as `cv`. Training scores,
    such as those of ``cross_validate(return_train_score=True)``, are available with
    `scoring=None` only, because a scorer would meet the missing labels. The learner
    warns there that it learnt from all rows scored.

    If `cv` is an int, each class needs two labels, to be learnt in one fold and tested
    in another. A class with fewer labels than folds is absent from some test sets, and
    scikit-learn warns about it. It is an error if this holds for every class.

    A time-series or grouped splitter orders or separates the labelled rows. Rows
    without a label are in the training set even if they are later or belong to a test
    group. The estimator sees only their features, never a label.

    `cross_val_predict` does not work, because it needs each row in exactly one test
    set.

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
        # A generator could be read only once.
        self.cv = list(cv) if is_once and not isinstance(cv, str) else cv
        self.missing_label = missing_label

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[Array, Array]]:
        """Generate indices to split data into training and test set.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Labelled and unlabelled rows.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels; those of unlabelled rows are missing.
        groups : array-like of shape (n_samples,), default=None
            Group labels, for splitters that use them.

        Yields
        ------
        train : ndarray of shape (n_train,)
            Positions of the labelled training rows, then of all rows without a label.
        test : ndarray of shape (n_test,)
            Positions of labelled rows.

        Raises
        ------
        ValueError
            If no row is labelled, if there are too few labels for `cv`, or if a test
            set of an iterable contains no labelled row.
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
                        f"The test set of split {number} of cv={self.cv!r} contains no "
                        "labelled row. Leave the split out, or label rows of it."
                    )
                known = train[np.isin(train, labeled)]
                yield np.concatenate([known, unlabeled]), test
            return
        is_one = count_labels(parts[1]) is None
        is_stratified = is_one and _are_classes(parts[1])
        if isinstance(splitter, StratifiedKFold) and not is_stratified:
            splitter = KFold(splitter.n_splits)
        else:
            self._check_enough(parts[1])
        for train, test in splitter.split(*parts):
            yield np.concatenate([labeled[train], unlabeled]), labeled[test]

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples, default=None
            Rows, for splitters whose number of splits depends on them.
        y : array-like of shape (n_samples,), default=None
            Labels, for the same splitters. Those of unlabelled rows are missing.
        groups : array-like of shape (n_samples,), default=None
            Group labels, for the same splitters.

        Returns
        -------
        n_splits : int
            Number of splits.
        """
        splitter = self._splitter()
        if self._is_positional() or y is None:
            return int(splitter.get_n_splits())
        if X is None:
            X = np.zeros((_num_samples(y), 1))
        _, parts = self._labeled_part(X, y, groups)
        return int(splitter.get_n_splits(*parts))

    def get_metadata_routing(self) -> Any:
        """Get metadata routing of this object.

        Returns
        -------
        routing : MetadataRequest
            The routing of `cv`: `groups` are requested if `cv` requests them.
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
                "Pass y, with missing_label for rows that have no label."
            )
        X, groups = indexable(X, groups)
        check_consistent_length(X, y, groups)
        labeled, labels = _known_labels(y, self.missing_label)
        if len(labeled) == 0:
            raise ValueError(
                f"No row is labelled: all {_num_samples(y)} entries of y are missing. "
                "Label some rows before you cross-validate."
            )
        cut = None if groups is None else _safe_indexing(groups, labeled)
        return labeled, [_safe_indexing(X, labeled), labels, cut]

    def _check_enough(self, labels: Array) -> None:
        if not (self.cv is None or _is_int(self.cv)):
            return
        n_splits = 5 if self.cv is None else self.cv
        classes, counts = np.unique(labels, return_counts=True)
        if counts.max() < n_splits:
            shown = dict(zip(classes.tolist(), counts.tolist(), strict=True))
            raise ValueError(
                f"{n_splits} folds need a class with {n_splits} labels at least; y has "
                f"the label counts {shown}. Label more rows, or use fewer folds."
            )


def mask_missing(y: Any, missing_label: Any = np.nan) -> Any:
    """Convert labels to a masked array, which all of scikit-learn accepts.

    Some parts of scikit-learn, such as `TunedThresholdClassifierCV`, validate the whole
    `y` before it is split, and reject NaN and None. Metrics reject numbers in an array
    of objects, such as a `y` of ints and `pandas.NA`. A masked array is accepted, and
    skactive takes its masked entries as missing.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels, at least one. Those of unlabelled rows are missing.
    missing_label : object, default=np.nan
        The value in `y` of a row without a label. NaN, None, `pandas.NA` and null or
        masked entries are always missing.

    Returns
    -------
    masked : masked array of shape (n_samples,)
        Labels of their natural dtype. Masked entries hold the first class.

    Raises
    ------
    ValueError
        If no row is labelled, or the labels are not classes.

    Examples
    --------
    >>> from skactive.model_selection import mask_missing
    >>> mask_missing([0, None, 1])
    masked_array(data=[0, --, 1],
                 mask=[False,  True, False],
           fill_value=999999)

    Tune the decision threshold with a tenth of the labels:

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
            "is no class to put in the masked entries. Label some rows first."
        )
    missing = codes == MISSING
    return np.ma.MaskedArray(classes[np.where(missing, 0, codes)], mask=missing)


def _known_labels(y: Any, missing_label: Any) -> tuple[Array, Array]:
    """Positions of the labelled rows, and their labels: classes or numbers."""
    kind: type[Target] = Classes if _are_classes(y, missing_label) else Numbers
    if LabelSets.takes(y):
        kind = LabelSets
    target = kind.of(y, missing_label)
    return target.known, target.values(target.known)


def _are_classes(y: Any, missing_label: Any = np.nan) -> bool:
    """Whether labels are not numbers with fractions."""
    try:
        labels = read_numbers(y)
    except ValueError:
        return True
    known = labels[~is_missing(labels, missing_label)]
    return bool((known % 1 == 0).all())


def _is_int(cv: Any) -> bool:
    return isinstance(cv, numbers.Integral)


def _as_positions(rows: Any, X: Any) -> Array:
    """Positions of rows given as positions, negative positions or a mask."""
    return np.arange(_num_samples(X))[np.asarray(rows)]
