"""Are the differences between segments more than chance?"""

from sat_nb.stats.compare import TESTS, Comparison, compare
from sat_nb.stats.consensus import COMBINATIONS, Consensus, consensus
from sat_nb.stats.controls import excess_over_null, null_segments

__all__ = [
    "COMBINATIONS",
    "TESTS",
    "Comparison",
    "Consensus",
    "compare",
    "consensus",
    "excess_over_null",
    "null_segments",
]
