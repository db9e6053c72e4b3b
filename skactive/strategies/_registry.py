"""The strategies that have a name."""

from __future__ import annotations

from skactive.strategies._albl import ActiveLearningByLearning
from skactive.strategies._centers import Badge, Clue, Falcun, KCenter, KMeans
from skactive.strategies._class_balance import ClassBalance
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
from skactive.strategies._diverse import Diverse, RankedBatch
from skactive.strategies._epistemic import EpistemicUncertainty
from skactive.strategies._expected_error import ExpectedError, ValueOfInformation
from skactive.strategies._fisher import Bait, VarianceReduction
from skactive.strategies._information import BatchBald, Epig
from skactive.strategies._lookup import STRATEGIES
from skactive.strategies._model_change import ExpectedModelChange
from skactive.strategies._predicted_loss import PredictedLoss
from skactive.strategies._random import Random
from skactive.strategies._schedule import Switch
from skactive.strategies._stochastic import Power, Softmax, Softrank
from skactive.strategies._uncertainty import Entropy, LeastConfidence, Margin

STRATEGIES |= {
    "albl": ActiveLearningByLearning(),
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
    "information_density": InformationDensity(),
    "information_gain": InformationGain(),
    "k_center": KCenter(),
    "k_means": KMeans(),
    "kl_divergence": KLDivergence(),
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
    "typiclust": TypiClust(),
    "typiclust_to_margin": Switch(
        [("typiclust", TypiClust()), ("margin", Margin())], at=30
    ),
    "uncertainty_herding": UncertaintyHerding(),
    "value_of_information": ValueOfInformation(),
    "variance_reduction": VarianceReduction(),
    "vote_entropy": VoteEntropy(),
}
