"""Pictures: curves of campaigns, and what a strategy wants over two features.

They follow scikit-learn's displays: arrays in `__init__`, class methods that compute
them, and `plot`, which draws and gives the display. matplotlib is imported where it is
needed and not before.
"""

from skactive.display._curves import ActiveLearningCurveDisplay
from skactive.display._utilities import UtilityDisplay

__all__ = ["ActiveLearningCurveDisplay", "UtilityDisplay"]
