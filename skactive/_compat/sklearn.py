"""Every private name of scikit-learn that skactive uses, imported once.

skactive supports scikit-learn 1.7 to the newest version. When a private name moves,
this is the file to fix.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from sklearn.base import _fit_context
from sklearn.linear_model._base import LinearClassifierMixin, LinearModel
from sklearn.metrics._scorer import _BaseScorer
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    RealNotInt,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils._set_output import _get_adapter_from_container
from sklearn.utils.metadata_routing import _raise_for_params
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import (
    _check_feature_names,
    _check_method_params,
    _check_n_features,
    _num_samples,
)

if TYPE_CHECKING:  # scikit-learn's decorators hide the types of what they decorate
    _Function = TypeVar("_Function", bound=Callable[..., Any])

    def _fit_context(
        *, prefer_skip_nested_validation: bool
    ) -> Callable[[_Function], _Function]: ...

    def available_if(
        check: Callable[[Any], bool],
    ) -> Callable[[_Function], _Function]: ...


__all__ = [
    "BaseSearchCV",
    "HasMethods",
    "Interval",
    "LinearClassifierMixin",
    "LinearModel",
    "RealNotInt",
    "StrOptions",
    "_BaseScorer",
    "_check_feature_names",
    "_check_method_params",
    "_check_n_features",
    "_fit_context",
    "_get_adapter_from_container",
    "_num_samples",
    "_raise_for_params",
    "_safe_indexing",
    "available_if",
    "validate_parameter_constraints",
]
