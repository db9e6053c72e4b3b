"""The meta-estimator: any classifier, and which rows to label for it next."""

from skactive.classifier._audit import Audit
from skactive.classifier._learner import ActiveLearningClassifier
from skactive.classifier._query import audit, query

__all__ = ["ActiveLearningClassifier", "Audit", "audit", "query"]
