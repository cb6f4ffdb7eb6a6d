"""How sure is what a table says: intervals, differences between segments, and between models."""

from sat_nb.stats.bootstrap import INTERVALS
from sat_nb.stats.compare import TESTS, Comparison, compare
from sat_nb.stats.difference import Difference, difference
from sat_nb.stats.intervals import intervals

__all__ = [
    "INTERVALS",
    "TESTS",
    "Comparison",
    "Difference",
    "compare",
    "difference",
    "intervals",
]
