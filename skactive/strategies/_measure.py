"""A strategy from any function on an array of probabilities or decision values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skactive._compat.sklearn import StrOptions
from skactive._compat.typing import Array
from skactive._models.members import member_predictions, member_proba
from skactive._models.predictive import predictive_std
from skactive._models.response import (
    decision_values,
    label_decisions,
    label_proba,
    predict_proba,
)
from skactive.strategies._pointwise import PointwiseStrategy

_RESPONSES = {
    "predict_proba": predict_proba,
    "decision_function": decision_values,
    "members": member_proba,
    "label_proba": label_proba,
    "label_decisions": label_decisions,
    "std": predictive_std,
    "member_predictions": member_predictions,
}


class MeasureStrategy(PointwiseStrategy):
    """Rows for which a measure of the model's response is largest.

    Use :func:`make_strategy` to create one.

    Parameters
    ----------
    measure : callable
        A function ``measure(response, **params) -> utilities`` that returns an array of
        shape (n_samples,).
    response : {"predict_proba", "decision_function", "members", "label_proba", \
            "label_decisions", "std", "member_predictions"}, default="predict_proba"
        The response that is passed to the measure, see :func:`make_strategy`.
    **params : dict
        Further arguments of the measure. They are also parameters of the strategy.
    """

    _parameter_constraints: dict = {
        "measure": [callable],
        "response": [StrOptions(set(_RESPONSES))],
    }

    def __init__(
        self,
        measure: Callable[..., Any],
        *,
        response: str = "predict_proba",
        **params: Any,
    ):
        self.measure = measure
        self.response = response
        self._param_names = sorted(params)
        for name, value in params.items():
            setattr(self, name, value)

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        return (self.response,)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters of the strategy, including those of the measure.

        Parameters
        ----------
        deep : bool, default=True
            Whether to also return the parameters of parameters.

        Returns
        -------
        params : dict
            Parameter names mapped to their values.
        """
        own = super().get_params(deep=deep)
        return own | {name: getattr(self, name) for name in self._param_names}

    def score_rows(self, estimator: Any, X: Any) -> Array:
        """Apply the measure to the response of the estimator."""
        params = {name: getattr(self, name) for name in self._param_names}
        return self.measure(_RESPONSES[self.response](estimator, X), **params)


def make_strategy(
    measure: Callable[..., Any], *, response: str = "predict_proba", **params: Any
) -> MeasureStrategy:
    """Make a strategy from a function on an array.

    Parameters
    ----------
    measure : callable
        A function ``measure(response, **params) -> utilities`` that returns an array of
        shape (n_samples,). Utilities must be finite, and greater for rows that are more
        worth labelling. The utility of a row must depend on that row only, because the
        measure is called on chunks of the pool.
    response : {"predict_proba", "decision_function", "members", "label_proba", \
            "label_decisions", "std", "member_predictions"}, default="predict_proba"
        The response that is passed to the measure. "predict_proba" and
        "decision_function" pass class probabilities or decision values of shape
        (n_samples, n_classes). A single column d of decision values becomes (-d, d).
        "members" passes the probabilities of the members of a committee, of shape
        (n_members, n_samples, n_classes). With several labels a row, "label_proba" and
        "label_decisions" pass those of each label, of shape (n_samples, n_labels). For
        regressors, "std" passes standard
        deviations of shape (n_samples,), and "member_predictions" the predictions of
        the members, of shape (n_members, n_samples).
    **params : dict
        Further arguments of the measure. They become parameters of the strategy, so
        that a search can tune them.

    Returns
    -------
    strategy : MeasureStrategy
        The strategy.

    Raises
    ------
    ValueError
        If one of `params` has the name of an attribute that every strategy has.

    See Also
    --------
    get_strategy : Get a strategy from its name.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive import make_strategy
    >>> def gini(proba, power=2):
    ...     return 1 - (proba**power).sum(axis=1)
    >>> strategy = make_strategy(gini, power=3)
    >>> strategy.set_params(power=2).get_params()["power"]
    2
    >>> model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    >>> strategy(model, [[0.5]])
    array([0.5])
    """
    reserved = sorted(name for name in params if hasattr(MeasureStrategy, name))
    if reserved:
        raise ValueError(
            f"The argument {reserved[0]!r} of the measure has the name of an attribute "
            "that every strategy has. Give it another name."
        )
    return MeasureStrategy(measure, response=response, **params)
