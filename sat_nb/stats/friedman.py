"""Friedman's test of ranks, and the mean ranks it compares."""

from __future__ import annotations

from sat_nb.arrays import Float64


def friedman(ranks: Float64) -> float:
    """Friedman's p-value; 1 if all segments tie in all images, NaN for two segments.

    It is corrected for ties as in Conover 1999, eq. 5.8.5, and equals scipy's.
    """
    from scipy.special import chdtrc
    from scipy.stats import rankdata

    k = ranks.shape[1]
    if k < 3:
        return float("nan")
    deviations = rankdata(ranks, axis=1) - (k + 1) / 2
    if not deviations.any():
        return 1.0
    statistic = (k - 1) * (deviations.sum(axis=0) ** 2).sum() / (deviations**2).sum()
    return float(chdtrc(k - 1, statistic))


def midranks(ranks: Float64) -> Float64:
    """Mean ranks (k,) as in Friedman's test: 1 to k in each row, ties averaged."""
    from scipy.stats import rankdata

    return rankdata(ranks, axis=1).mean(axis=0)
