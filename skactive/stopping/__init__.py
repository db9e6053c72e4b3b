"""Rules that decide when to stop labelling. Combine them with ``&`` and ``|``."""

from skactive._compat.names import name_publicly as _name_publicly
from skactive.stopping._base import AllOf, AnyOf, Decision, Patience, StoppingRule
from skactive.stopping._confidence import (
    ContradictoryInformation,
    ExpectedErrorFlattening,
    OverallUncertainty,
    PredictedVariance,
)
from skactive.stopping._performance import (
    AuditPrecision,
    Budget,
    MaxRounds,
    PerformancePlateau,
)
from skactive.stopping._stability import (
    ClassificationChange,
    PredictedChangeOfF,
    StabilizingPredictions,
)

__all__ = [
    "AllOf",
    "AnyOf",
    "AuditPrecision",
    "Budget",
    "ClassificationChange",
    "ContradictoryInformation",
    "Decision",
    "ExpectedErrorFlattening",
    "MaxRounds",
    "OverallUncertainty",
    "Patience",
    "PerformancePlateau",
    "PredictedChangeOfF",
    "PredictedVariance",
    "StabilizingPredictions",
    "StoppingRule",
]

_name_publicly(globals())
