"""Evaluation: comparison of strategies, and cross-validation with few labels."""

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
