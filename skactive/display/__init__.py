"""Displays: learning curves of campaigns, and utilities over two features.

They follow the display API of scikit-learn: `__init__` takes arrays, class methods
compute them, and `plot` draws and returns the display. matplotlib is imported only when
it is needed.
"""

from skactive._compat.names import name_publicly as _name_publicly
from skactive.display._curves import ActiveLearningCurveDisplay
from skactive.display._utilities import UtilityDisplay

__all__ = ["ActiveLearningCurveDisplay", "UtilityDisplay"]

_name_publicly(globals())
