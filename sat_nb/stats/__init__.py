"""Are the differences between segments more than chance?"""

from sat_nb.stats.compare import TESTS, Comparison, compare
from sat_nb.stats.consensus import COMBINATIONS, Consensus, consensus

__all__ = ["COMBINATIONS", "TESTS", "Comparison", "Consensus", "compare", "consensus"]
