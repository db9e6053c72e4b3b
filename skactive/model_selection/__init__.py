"""Evaluation where only some rows have a label."""

from skactive.model_selection._split import LabeledKFold, mask_missing

__all__ = ["LabeledKFold", "mask_missing"]
