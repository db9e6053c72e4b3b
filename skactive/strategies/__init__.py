"""Strategies: scikit-learn-style scorers that say which rows to label next."""

from skactive.strategies._base import (
    Constant,
    FunctionStrategy,
    PointwiseStrategy,
    Product,
    Strategy,
    Sum,
)
from skactive.strategies._committee import (
    ConsensusEntropy,
    InformationGain,
    KLDivergence,
    VoteEntropy,
)
from skactive.strategies._measure import MeasureStrategy, make_strategy
from skactive.strategies._random import Random
from skactive.strategies._registry import get_strategy, get_strategy_names
from skactive.strategies._uncertainty import Entropy, LeastConfidence, Margin

__all__ = [
    "ConsensusEntropy",
    "Constant",
    "Entropy",
    "FunctionStrategy",
    "InformationGain",
    "KLDivergence",
    "LeastConfidence",
    "Margin",
    "MeasureStrategy",
    "PointwiseStrategy",
    "Product",
    "Random",
    "Strategy",
    "Sum",
    "VoteEntropy",
    "get_strategy",
    "get_strategy_names",
    "make_strategy",
]
