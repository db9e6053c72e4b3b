"""Active learning as a first-class scikit-learn citizen."""

from skactive import measures as _measures
from skactive._compat.names import name_publicly as _name_publicly
from skactive._data.copies import count_copies
from skactive.classifier import ActiveLearningClassifier, query
from skactive.regressor import ActiveLearningRegressor
from skactive.strategies import get_strategy, get_strategy_names, make_strategy

__version__ = "0.1.0"

__all__ = [
    "ActiveLearningClassifier",
    "ActiveLearningRegressor",
    "__version__",
    "count_copies",
    "get_strategy",
    "get_strategy_names",
    "make_strategy",
    "query",
]

_name_publicly(vars(_measures))  # which imports numpy and scipy only
_name_publicly(globals())
