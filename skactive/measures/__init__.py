"""Informativeness measures: functions from class probabilities to utilities.

Every function is pure. It takes class probabilities and returns one utility per sample,
or one number for a set of samples. A greater utility means that a label is worth more.
Logarithms are natural (nats), and ``0 * log(0)`` is 0. The probabilities of one model
have shape (n_samples, n_classes), those of a committee (n_members, n_samples,
n_classes). Single precision stays single precision, and anything that is not floating
point becomes float64.
"""

from skactive.measures._committee import (
    consensus_entropy,
    information_gain,
    kl_divergence,
    vote_entropy,
)
from skactive.measures._divergence import (
    jensen_shannon,
    relative_entropy,
    total_variation,
)
from skactive.measures._epistemic import (
    aleatoric_uncertainty,
    entropy_decomposition,
    epistemic_uncertainty,
    plausibility,
)
from skactive.measures._joint import batch_bald, joint_information_gain
from skactive.measures._pointwise import entropy, least_confidence, margin
from skactive.measures._predictive import expected_predictive_information_gain

__all__ = [
    "aleatoric_uncertainty",
    "batch_bald",
    "consensus_entropy",
    "entropy",
    "entropy_decomposition",
    "epistemic_uncertainty",
    "expected_predictive_information_gain",
    "information_gain",
    "jensen_shannon",
    "joint_information_gain",
    "kl_divergence",
    "least_confidence",
    "margin",
    "plausibility",
    "relative_entropy",
    "total_variation",
    "vote_entropy",
]
