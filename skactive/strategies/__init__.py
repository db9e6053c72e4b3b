"""Query strategies: callables like scikit-learn's scorers that rank rows to label."""

from skactive._compat.names import name_publicly as _name_publicly
from skactive.strategies._auto import Auto
from skactive.strategies._base import Constant, Product, Strategy, Sum
from skactive.strategies._batch import BatchStrategy
from skactive.strategies._centers import Badge, Clue, Falcun, KCenter, KMeans
from skactive.strategies._class_balance import ClassBalance
from skactive.strategies._clusters import ProbCover, TypiClust
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
    UncertaintyHerding,
)
from skactive.strategies._density import InformationDensity
from skactive.strategies._disagreement import Disagreement
from skactive.strategies._distillation import Distillation
from skactive.strategies._diverse import Diverse, RankedBatch
from skactive.strategies._epistemic import EpistemicUncertainty
from skactive.strategies._expected_error import ExpectedError
from skactive.strategies._fisher import Bait, VarianceReduction
from skactive.strategies._function import FunctionStrategy
from skactive.strategies._greedy_sampling import GreedySampling, Lcmd
from skactive.strategies._group_coverage import GroupCoverage
from skactive.strategies._information import BatchBald, Epig
from skactive.strategies._integrated_variance import IntegratedVariance
from skactive.strategies._judged import Judged, get_strategy
from skactive.strategies._label_cardinality import LabelCardinality
from skactive.strategies._lookup import STRATEGIES, get_strategy_names
from skactive.strategies._measure import MeasureStrategy, make_strategy
from skactive.strategies._mixture import Mixture
from skactive.strategies._model_change import ExpectedModelChange
from skactive.strategies._per_cost import PerCost
from skactive.strategies._pointwise import PointwiseStrategy
from skactive.strategies._predicted_loss import PredictedLoss
from skactive.strategies._random import Random
from skactive.strategies._schedule import Fade, Switch
from skactive.strategies._std import Std
from skactive.strategies._stochastic import Power, Softmax, Softrank
from skactive.strategies._uncertainty import Entropy, LeastConfidence, Margin
from skactive.strategies._value_of_information import ValueOfInformation

# The strategy behind each name.
STRATEGIES |= {
    "auto": Auto(),
    "badge": Badge(),
    "bait": Bait(),
    "batch_bald": BatchBald(),
    "class_balance": ClassBalance(),
    "clue": Clue(),
    "cold_start": ColdStart(),
    "consensus_entropy": ConsensusEntropy(),
    "disagreement": Disagreement(),
    "diverse": Diverse(),
    "entropy": Entropy(),
    "epig": Epig(),
    "epistemic": EpistemicUncertainty(),
    "expected_error": ExpectedError(),
    "expected_model_change": ExpectedModelChange(),
    "facility_location": FacilityLocation(),
    "falcun": Falcun(),
    "greedy_sampling": GreedySampling(),
    "information_density": InformationDensity(),
    "information_gain": InformationGain(),
    "integrated_variance": IntegratedVariance(),
    "k_center": KCenter(),
    "k_means": KMeans(),
    "kl_divergence": KLDivergence(),
    "label_cardinality": LabelCardinality(),
    "lcmd": Lcmd(),
    "least_confidence": LeastConfidence(),
    "margin": Margin(),
    "max_herding": MaxHerding(),
    "power": Power(),
    "predicted_loss": PredictedLoss(),
    "prob_cover": ProbCover(),
    "random": Random(),
    "ranked_batch": RankedBatch(),
    "softmax": Softmax(),
    "softrank": Softrank(),
    "std": Std(),
    "typiclust": TypiClust(),
    "typiclust_to_margin": Switch(
        [("typiclust", TypiClust()), ("margin", Margin())], at=30
    ),
    "uncertainty_herding": UncertaintyHerding(),
    "value_of_information": ValueOfInformation(),
    "variance_reduction": VarianceReduction(),
    "vote_entropy": VoteEntropy(),
}

__all__ = [
    "Auto",
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
    "GreedySampling",
    "GroupCoverage",
    "InformationDensity",
    "InformationGain",
    "IntegratedVariance",
    "Judged",
    "KCenter",
    "KLDivergence",
    "KMeans",
    "LabelCardinality",
    "Lcmd",
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
    "Std",
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

_name_publicly(globals())
