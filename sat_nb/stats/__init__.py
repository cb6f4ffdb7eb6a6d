"""How sure is what a table says: intervals, differences between segments, and between models."""

from sat_nb.stats.bootstrap import INTERVALS
from sat_nb.stats.compare import compare, compare_missing
from sat_nb.stats.comparison import Comparison
from sat_nb.stats.consensus import COMBINATIONS, Consensus, consensus
from sat_nb.stats.controls import excess_over_null, null_segments
from sat_nb.stats.difference import Difference, difference
from sat_nb.stats.intervals import intervals
from sat_nb.stats.presence import PresenceWarning
from sat_nb.stats.verdicts import TESTS
from sat_nb.stats.views import adjust_for_size, evidence, size_effect

__all__ = [
    "COMBINATIONS",
    "INTERVALS",
    "TESTS",
    "Comparison",
    "Consensus",
    "Difference",
    "PresenceWarning",
    "adjust_for_size",
    "compare",
    "compare_missing",
    "consensus",
    "difference",
    "evidence",
    "excess_over_null",
    "intervals",
    "null_segments",
    "size_effect",
]
