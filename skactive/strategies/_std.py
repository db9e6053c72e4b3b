"""Standard deviations: how unsure is a regressor of the number that it predicts?"""

from __future__ import annotations

from typing import Any

from skactive._compat.typing import Array
from skactive._models.predictive import predictive_std
from skactive._models.wrappers import task_of
from skactive.strategies._pointwise import PointwiseStrategy
from skactive.strategies._uncertainty import Margin


class Std(PointwiseStrategy):
    """Rows whose prediction has the largest standard deviation.

    It is the one that `predict` of the estimator returns with ``return_std=True``, as
    for `GaussianProcessRegressor` and `BayesianRidge`. For other regressors, it is the
    standard deviation of the predictions of the members of a committee.

    This is a weak choice for batches, and often worse than random rows. The rows with
    the largest deviations are next to each other, at the border of the data or where
    `y` is noisy. `IntegratedVariance` and `UncertaintyHerding` use the same deviations,
    and look at the other rows as well.

    Parameters
    ----------
    squared : bool, default=False
        Whether to take the variance instead.

    See Also
    --------
    IntegratedVariance : Rows whose label lowers the variance of all rows.
    UncertaintyHerding : Rows that cover the most of the variance.

    References
    ----------
    .. [1] D. D. Lewis, W. A. Gale, "A Sequential Algorithm for Training Text
       Classifiers", SIGIR 1994, for classifiers.
    .. [2] S. Seo, M. Wallat, T. Graepel, K. Obermayer, "Gaussian Process Regression:
       Active Data Selection and Test Point Rejection", IJCNN 2000.

    Examples
    --------
    >>> from sklearn.linear_model import BayesianRidge
    >>> from skactive.strategies import Std
    >>> model = BayesianRidge().fit([[0.0], [1.0], [2.0]], [0.1, 0.9, 2.1])
    >>> Std().select(model, [[1.0], [1.5], [5.0]], n_queries=2)
    array([2, 1])
    """

    needs = ("std",)
    in_units_of_y = True
    _parameter_constraints: dict = {"squared": ["boolean"]}

    def __init__(self, squared: bool = False):
        self.squared = squared

    def score_rows(self, estimator: Any, X: Any) -> Array:
        """Utilities in the unit of `y`, or its square, not negative."""
        std = predictive_std(estimator, X)
        return std**2 if self.squared else std


class Uncertainty(PointwiseStrategy):
    """The margin of a classifier, or the standard deviation of a regressor.

    It is what strategies around another one use if none is given.

    Parameters
    ----------
    squared : bool, default=False
        Whether to take the variance of a regressor.

    Examples
    --------
    >>> from sklearn.linear_model import BayesianRidge, LogisticRegression
    >>> from skactive.strategies._std import Uncertainty
    >>> X = [[0.0], [1.0], [2.0], [3.0]]
    >>> Uncertainty()(LogisticRegression().fit(X, [0, 0, 1, 1]), [[1.5]]).round(2)
    array([1.])
    >>> Uncertainty()(BayesianRidge().fit(X, [0.1, 0.9, 2.1, 3.0]), [[1.5]]).round(2)
    array([0.09])
    """

    needs = (*Margin.needs, "std")
    _parameter_constraints: dict = {"squared": ["boolean"]}

    def __init__(self, squared: bool = False):
        self.squared = squared

    def score_rows(self, estimator: Any, X: Any) -> Array:
        """Utilities, not negative, in [0, 1] for classifiers."""
        return self.of(estimator).score_rows(estimator, X)

    def of(self, estimator: Any) -> PointwiseStrategy:
        """Return the strategy that is used for an estimator."""
        is_regressor = task_of(estimator) == "regression"
        return Std(self.squared) if is_regressor else Margin()
