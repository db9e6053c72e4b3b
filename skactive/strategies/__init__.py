"""Strategies: scikit-learn-style scorers that say which rows to label next."""

from skactive.strategies import _registry  # noqa: F401, the names
from skactive.strategies._albl import ActiveLearningByLearning
from skactive.strategies._arithmetic import Constant, Product, Sum
from skactive.strategies._base import FunctionStrategy, PointwiseStrategy, Strategy
from skactive.strategies._batch import BatchStrategy
from skactive.strategies._centers import Badge, Clue, Falcun, KCenter, KMeans
from skactive.strategies._class_balance import ClassBalance, GroupCoverage
from skactive.strategies._cold_start import ColdStart
from skactive.strategies._committee import (
    ConsensusEntropy,
    InformationGain,
    KLDivergence,
    VoteEntropy,
)
from skactive.strategies._coverage import (
    FacilityLocation,
    MaxHerding,
    ProbCover,
    TypiClust,
    UncertaintyHerding,
)
from skactive.strategies._density import InformationDensity
from skactive.strategies._disagreement import Disagreement
from skactive.strategies._distillation import Distillation
from skactive.strategies._diverse import Diverse, RankedBatch
from skactive.strategies._epistemic import EpistemicUncertainty
from skactive.strategies._expected_error import ExpectedError, ValueOfInformation
from skactive.strategies._fisher import Bait, VarianceReduction
from skactive.strategies._information import BatchBald, Epig
from skactive.strategies._judged import Judged
from skactive.strategies._lookup import get_strategy, get_strategy_names
from skactive.strategies._measure import MeasureStrategy, make_strategy
from skactive.strategies._mixture import Mixture
from skactive.strategies._model_change import ExpectedModelChange
from skactive.strategies._per_cost import PerCost
from skactive.strategies._predicted_loss import PredictedLoss
from skactive.strategies._random import Random
from skactive.strategies._schedule import Fade, Switch
from skactive.strategies._stochastic import Power, Softmax, Softrank
from skactive.strategies._uncertainty import Entropy, LeastConfidence, Margin

__all__ = [
    "ActiveLearningByLearning",
    "Badge",
    "Bait",
    "BatchBald",
    "BatchStrategy",
    "ClassBalance",
    "Clue",
    "ColdStart",
    "ConsensusEntropy",
    "Constant",
    "Disagreement",
    "Distillation",
    "Diverse",
    "Entropy",
    "Epig",
    "EpistemicUncertainty",
    "ExpectedError",
    "ExpectedModelChange",
    "FacilityLocation",
    "Fade",
    "Falcun",
    "FunctionStrategy",
    "GroupCoverage",
    "InformationDensity",
    "InformationGain",
    "Judged",
    "KCenter",
    "KLDivergence",
    "KMeans",
    "LeastConfidence",
    "Margin",
    "MaxHerding",
    "MeasureStrategy",
    "Mixture",
    "PerCost",
    "PointwiseStrategy",
    "Power",
    "PredictedLoss",
    "ProbCover",
    "Product",
    "Random",
    "RankedBatch",
    "Softmax",
    "Softrank",
    "Strategy",
    "Sum",
    "Switch",
    "TypiClust",
    "UncertaintyHerding",
    "ValueOfInformation",
    "VarianceReduction",
    "VoteEntropy",
    "get_strategy",
    "get_strategy_names",
    "make_strategy",
]
