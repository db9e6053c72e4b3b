"""The default strategy: what saves the most labels, for the model and rows at hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils import get_tags

from skactive._compat.sklearn import _num_samples, _safe_indexing
from skactive._compat.typing import Array
from skactive._models.last_layer import has_hidden_layers
from skactive._models.leaves import is_boosting, is_forest
from skactive._models.vectors import embed_without_labels
from skactive._models.wrappers import last_step
from skactive.strategies._base import Request, Strategy, Terms
from skactive.strategies._coverage import UncertaintyHerding
from skactive.strategies._messages import shorten
from skactive.strategies._selection import find_candidates
from skactive.strategies._uncertainty import Margin

# A sparse matrix is mostly zeros, as counts of words are, if no larger share of its
# entries is not zero. The vocabulary of few texts is small, so the share is not tiny.
# This many rows are looked at.
_FEW_ENTRIES = 0.25
_N_LOOKED = 500


class Auto(Strategy):
    """Rows that cover what the model is uncertain about: the default strategy.

    The model and the rows determine what is used:

    - for most models, :class:`UncertaintyHerding` with features that count by how well
      they tell the labelled classes apart;
    - for a forest, uncertainty herding by the leaves of its trees;
    - for a neural net, uncertainty herding in its last hidden layer;
    - :class:`Margin`, where distances between rows say little: for a boosting, for
      texts as counts of words and other sparse matrices of mostly zeros, and for rows
      that are not vectors of finite numbers.

    Uncertainty is measured by :class:`Margin` in all cases. :meth:`resolve` returns the
    strategy that is used, which is also the attribute `strategy_` of a fitted learner,
    and `explain_query` names it.

    See Also
    --------
    UncertaintyHerding : With parameters to choose.

    Notes
    -----
    "Mostly zeros" means that at most a quarter of the entries of the labelled rows, of
    500 at most, are not zero. Boosting means scikit-learn's, XGBoost, LightGBM and
    CatBoost.

    The choice was made by a study on half of 19 tables and confirmed on the other half,
    see the section on label efficiency of the benchmarks.

    References
    ----------
    .. [1] W. Bae, D. J. Sutherland, G. L. Oliveira, "Uncertainty Herding: One Active
       Learning Method for All Label Budgets", ICLR 2025.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive.strategies import Auto
    >>> X = np.array([[0.0], [1.0], [1.4], [1.6], [3.0]])
    >>> y = np.array([0, np.nan, np.nan, np.nan, 1])
    >>> model = LogisticRegression().fit(X[[0, 4]], [0, 1])
    >>> Auto().select(model, X, y, n_queries=1, random_state=0)
    array([2])
    >>> Auto().resolve(model, X)
    UncertaintyHerding(weight_features=True)
    """

    needs = Margin.needs

    def resolve(self, estimator: Any, X: Any, labeled: Array | None = None) -> Strategy:
        """Return the strategy that is used for a fitted model and rows.

        Parameters
        ----------
        estimator : estimator object, or list of estimators
            The fitted estimator.
        X : array-like, sparse, data frame or sequence of n_samples
            The pool.
        labeled : ndarray of shape (n_labeled,), default=None
            Positions of the labelled rows, which are looked at. None or none means the
            first rows of `X`.

        Returns
        -------
        strategy : UncertaintyHerding or Margin
            The strategy.
        """
        return self._resolve(estimator, X, labeled)[0]

    def describe(self, estimator: Any, X: Any, y: Any = None) -> str:
        """Return the name, the strategy that is used and the reason."""
        strategy, reason = self._resolve(estimator, X, _labeled(X, y))
        return f"{shorten(self)}: {shorten(strategy)}, {reason}"

    def terms(self, estimator: Any, X: Any, y: Any, candidates: Array) -> Terms | None:
        """Return the uncertainty of rows, see :meth:`Strategy.terms`."""
        return Margin().terms(estimator, X, y, candidates)

    def _choose(self, request: Request) -> Array:
        labeled = np.delete(np.arange(_num_samples(request.X)), request.candidates)
        strategy = self.resolve(request.estimator, request.X, labeled)
        return strategy._choose(request)

    def _resolve(
        self, estimator: Any, X: Any, labeled: Array | None
    ) -> tuple[Strategy, str]:
        if is_boosting(estimator):
            return Margin(), "since distances say little about a boosting"
        if is_forest(estimator):
            herding = UncertaintyHerding(embedding="leaves")
            return herding, "by the leaves of the trees"
        vectors = embed_without_labels(estimator, _looked(estimator, X, labeled))
        if vectors is None:
            return Margin(), "since rows are not vectors of finite numbers"
        if has_hidden_layers(last_step(estimator)):
            return UncertaintyHerding(), "in the last hidden layer"
        if sp.issparse(vectors) and _share_of_entries(vectors) <= _FEW_ENTRIES:
            return Margin(), "since rows are sparse"
        herding = UncertaintyHerding(weight_features=True)
        return herding, "by features that tell the classes apart"


def _looked(estimator: Any, X: Any, labeled: Array | None) -> Any:
    """The rows that tell what the pool is like."""
    n_samples = _num_samples(X)
    if _takes_nan(last_step(estimator)):
        return X  # a gap anywhere rules distances out
    if labeled is None or len(labeled) == 0:
        labeled = np.arange(n_samples)
    return _safe_indexing(X, labeled[:_N_LOOKED])


def _takes_nan(classifier: Any) -> bool:
    has_tags = hasattr(classifier, "__sklearn_tags__")
    return has_tags and bool(get_tags(classifier).input_tags.allow_nan)


def _share_of_entries(vectors: Any) -> float:
    n_entries = vectors.shape[0] * vectors.shape[1]
    return float(vectors.count_nonzero() / max(1, n_entries))


def _labeled(X: Any, y: Any) -> Array:
    return np.delete(np.arange(_num_samples(X)), find_candidates(X, y))
