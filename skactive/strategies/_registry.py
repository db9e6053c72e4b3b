"""The strategies that have a name, and how to get one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skactive.strategies._base import Strategy
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
from skactive.strategies._diverse import Diverse, RankedBatch
from skactive.strategies._epistemic import EpistemicUncertainty
from skactive.strategies._expected_error import ExpectedError
from skactive.strategies._fisher import Bait, VarianceReduction
from skactive.strategies._function import as_strategy
from skactive.strategies._information import BatchBald, Epig
from skactive.strategies._judged import Judged
from skactive.strategies._lookup import STRATEGIES
from skactive.strategies._model_change import ExpectedModelChange
from skactive.strategies._predicted_loss import PredictedLoss
from skactive.strategies._random import Random
from skactive.strategies._schedule import Switch
from skactive.strategies._stochastic import Power, Softmax, Softrank
from skactive.strategies._uncertainty import Entropy, LeastConfidence, Margin
from skactive.strategies._value_of_information import ValueOfInformation

STRATEGIES |= {
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


def get_strategy(
    strategy: str | Callable[..., Any], *, estimator: Any = None
) -> Strategy:
    """Strategy from its name; `estimator` is a model to ask in place of the learner's.

    Parameters
    ----------
    strategy : str or callable
        A name among :func:`get_strategy_names`. A strategy object is given back as
        it is; any other callable with the signature of a strategy,
        ``(estimator, X, y) -> utilities``, becomes one.
    estimator : estimator object, default=None
        A model that judges rows in place of the learner's own: a fitted one inside a
        `FrozenEstimator`, or any other, which is fitted on the labelled rows. It is
        put around the strategy by :class:`skactive.strategies.Judged`.

    Returns
    -------
    strategy : Strategy
        For a name a copy, whose parameters can be set.

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If `strategy` is neither a name nor callable.

    Examples
    --------
    >>> from skactive import get_strategy
    >>> get_strategy("kl_divergence")
    KLDivergence()
    >>> get_strategy("entropy").set_params(normalize=True)
    Entropy(normalize=True)

    A large model ranks the pool for a small one:

    >>> from sklearn.ensemble import RandomForestClassifier
    >>> get_strategy("entropy", estimator=RandomForestClassifier())
    Judged(estimator=RandomForestClassifier(), strategy=Entropy())
    """
    found = as_strategy(strategy)
    return found if estimator is None else Judged(found, estimator)
