"""The meta-estimator around any classifier, which chooses the rows to label next."""

from skactive._compat.names import name_publicly as _name_publicly
from skactive._models.warm_start import ShrinkPerturb
from skactive.classifier._audit import Audit
from skactive.classifier._learner import ActiveLearningClassifier
from skactive.classifier._query import audit, query

__all__ = ["ActiveLearningClassifier", "Audit", "ShrinkPerturb", "audit", "query"]

_name_publicly(globals())
