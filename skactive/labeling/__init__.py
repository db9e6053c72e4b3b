"""Label sources: people, rules and models that may abstain and have a cost.

:func:`label_pool` runs the loop select - ask - learn - evaluate - stop on a pool whose
labels are not known beforehand. :class:`LabelingSession` asks people, on a page, in a
notebook or in a script, and keeps their labels in one file.
"""

from skactive._compat.names import name_publicly as _name_publicly
from skactive.labeling._agreement import SourceAudit, audit_source
from skactive.labeling._annotator_quality import AnnotatorQuality
from skactive.labeling._answers import Answers
from skactive.labeling._items import Item
from skactive.labeling._ledger import LabelingResult
from skactive.labeling._pool import label_pool
from skactive.labeling._query_annotators import query_annotators
from skactive.labeling._record import LabelingRecord
from skactive.labeling._session import LabelingSession
from skactive.labeling._source import LabelSource

__all__ = [
    "AnnotatorQuality",
    "Answers",
    "Item",
    "LabelSource",
    "LabelingRecord",
    "LabelingResult",
    "LabelingSession",
    "SourceAudit",
    "audit_source",
    "label_pool",
    "query_annotators",
]

_name_publicly(globals())
