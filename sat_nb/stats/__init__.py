"""Are the differences between segments more than chance?"""

from sat_nb.stats.compare import TESTS, Comparison, compare

__all__ = ["TESTS", "Comparison", "compare"]
