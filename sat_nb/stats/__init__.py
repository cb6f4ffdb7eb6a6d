"""Are the differences between segments more than chance?"""

from sat_nb.stats.compare import compare, compare_missing
from sat_nb.stats.comparison import Comparison
from sat_nb.stats.presence import PresenceWarning
from sat_nb.stats.verdicts import TESTS
from sat_nb.stats.views import adjust_for_size, evidence, size_effect

__all__ = [
    "TESTS",
    "Comparison",
    "PresenceWarning",
    "adjust_for_size",
    "compare",
    "compare_missing",
    "evidence",
    "size_effect",
]
