"""Evaluation: comparison of strategies, and cross-validation with few labels."""

from skactive._compat.names import name_publicly as _name_publicly
from skactive.model_selection._curve import ActiveLearningCurve, active_learning_curve
from skactive.model_selection._split import LabeledKFold, mask_missing
from skactive.model_selection._summary import CurveSummary

__all__ = [
    "ActiveLearningCurve",
    "CurveSummary",
    "LabeledKFold",
    "active_learning_curve",
    "mask_missing",
]

_name_publicly(globals())
