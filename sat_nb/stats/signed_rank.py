"""Wilcoxon's signed-rank test, exact also where differences tie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EXACT_UP_TO = 50  # pairs; beyond it the normal approximation, as scipy does


def signed_rank_p(differences: NDArray[np.float64]) -> float:
    """Two-sided p-value of the paired differences (n,); zeros are dropped, as Wilcoxon did.

    Up to 50 differences it is exact for the midranks that are there: each difference's sign
    is a fair coin (Wilcoxon 1945; scipy permutes up to 13 where they tie, and approximates
    above). Local ranks are whole numbers, so their differences tie nearly always. No
    difference at all has p = 1.

    >>> signed_rank_p(np.array([1.0, 1.0, 2.0, 3.0, 3.0]))
    0.0625
    """
    from scipy.stats import rankdata, wilcoxon

    differences = differences[differences != 0]
    if differences.size == 0:
        return 1.0
    if differences.size > EXACT_UP_TO:
        return float(wilcoxon(differences, method="approx").pvalue)
    doubled = np.round(2 * rankdata(np.abs(differences))).astype(int)
    null = _null_distribution(doubled)
    positive = int(doubled[differences > 0].sum())
    tail = min(null[: positive + 1].sum(), null[positive:].sum())
    return float(min(1.0, 2 * tail))


def _null_distribution(ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Probability of each sum of whole-number ranks, each counted or not by a fair coin."""
    probability = np.zeros(int(ranks.sum()) + 1)
    probability[0] = 1.0
    for rank in ranks:
        probability[rank:] = probability[rank:] + probability[:-rank]
        probability /= 2
    return probability
