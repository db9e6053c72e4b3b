"""The meta-estimator: any classifier, and which rows to label for it next."""

from skactive._models.warm_start import ShrinkPerturb
from skactive.classifier._audit import Audit
from skactive.classifier._learner import ActiveLearningClassifier
from skactive.classifier._query import audit, query

__all__ = ["ActiveLearningClassifier", "Audit", "ShrinkPerturb", "audit", "query"]
