"""How sure is what a table says: intervals, differences between segments, and between models."""

from sat_nb.stats.bootstrap import INTERVALS
from sat_nb.stats.compare import TESTS, Comparison, compare
from sat_nb.stats.consensus import COMBINATIONS, Consensus, consensus
from sat_nb.stats.controls import excess_over_null, null_segments
from sat_nb.stats.difference import Difference, difference
from sat_nb.stats.intervals import intervals

__all__ = [
    "COMBINATIONS",
    "INTERVALS",
    "TESTS",
    "Comparison",
    "Consensus",
    "Difference",
    "compare",
    "consensus",
    "difference",
    "excess_over_null",
    "intervals",
    "null_segments",
]
