"""Label sources: people, rules and models that may abstain and have a cost.

:func:`label_pool` runs the loop select - ask - learn - evaluate - stop on a pool whose
labels are not known beforehand.
"""

from skactive.labeling._agreement import SourceAudit, audit_source
from skactive.labeling._ledger import LabelingResult
from skactive.labeling._pool import label_pool
from skactive.labeling._source import LabelSource

__all__ = [
    "LabelSource",
    "LabelingResult",
    "SourceAudit",
    "audit_source",
    "label_pool",
]
