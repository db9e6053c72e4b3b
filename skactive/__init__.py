"""Active learning as a first-class scikit-learn citizen."""

from skactive._copies import count_copies
from skactive._version import __version__
from skactive.classifier import ActiveLearningClassifier, query
from skactive.strategies import get_strategy, get_strategy_names, make_strategy

__all__ = [
    "ActiveLearningClassifier",
    "__version__",
    "count_copies",
    "get_strategy",
    "get_strategy_names",
    "make_strategy",
    "query",
]
