"""How many images a test of pairs needs before any pair can come out different."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sat_nb.arrays import Float64
from sat_nb.stats.rank_tests import PairTestResult

PLENTY = 256  # images: with as many, each test finds what is clear
FLIPPED = 16  # units: above it signs are drawn, and more units do not make p smaller

Run = Callable[[Float64], PairTestResult]
"""A test of ranks (n_images, k) at its level."""


def can_differ(run: Run, ranks: Float64, alpha: float) -> bool:
    """Whether any pair differs if all images that have ranks (n, k) order the segments alike.

    That is the clearest that these images can say. NaN marks a segment that an image lacks.
    """
    clearest = np.where(np.isnan(ranks), np.nan, np.arange(1.0, ranks.shape[1] + 1))
    return bool(np.triu(differing(run(clearest), alpha), 1).any())


def differing(result: PairTestResult, alpha: float) -> np.ndarray:
    """Which pairs (k, k) a test finds different, given its test over all segments at once."""
    return (result.adjusted_p_values <= alpha) & (not result.friedman_p > alpha)


def fewest_images(run: Run, k: int, alpha: float, most: int) -> int | None:
    """The smallest number of images that lets a pair of k segments differ; None above ``most``."""
    enough = 2
    while not can_differ(run, np.zeros((enough, k)), alpha):
        enough *= 2
        if enough > most:
            return None
    low = enough // 2  # not enough, or below the smallest that can be tested
    while enough - low > 1:
        middle = (low + enough) // 2
        if middle >= 2 and can_differ(run, np.zeros((middle, k)), alpha):
            enough = middle
        else:
            low = middle
    return enough
