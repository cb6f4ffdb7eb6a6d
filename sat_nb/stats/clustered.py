"""Tests of ranks whose images come in units that are alike: photos of one patient, one video.

Images of one unit are no independent draws. What is independent is the unit, so that under the
null hypothesis all differences of a unit change their sign together.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Float64
from sat_nb.stats.signed_rank import signed_ranks

N_DRAWS = 10_000  # sign patterns, or permutations; all of them where there are no more
AT_ONCE = 2**22  # numbers in memory while drawing
SAME = 1e-9  # relative: rounding of equal statistics


def signed_rank_by_unit(differences: Float64, units: NDArray[np.intp], seed: int = 0) -> Float64:
    """Two-sided p-values (m,) of paired differences (n, m), one test a column, by units (n,).

    The statistic is that of Rosner, Glynn & Lee 2006, the signed-rank sum over all images,
    T = sum_u S_u with S_u = sum_(i in u) sign(d_i) rank(|d_i|), zeros and NaNs dropped. Under the
    null hypothesis the signs of whole units are flipped by fair coins: p is the share of flips
    with at least that large a |T|, over all flips if there are at most ``N_DRAWS``, else over
    ``N_DRAWS`` random ones and the one that was seen. Without any difference p is 1.

    >>> signed_rank_by_unit(np.array([[1.0], [2.0], [3.0], [1.0]]), np.array([0, 0, 1, 2]))
    array([0.25])
    """
    return flipped_p(unit_sums_of(signed_ranks(differences), units), seed)


def mean_rank_by_unit(differences: Float64, units: NDArray[np.intp], seed: int = 0) -> Float64:
    """The same with the mean in place of the sum over a unit's images: each unit has one vote.

    Where the size of a unit goes with its effect, the two differ (Datta & Satten 2008).
    """
    signed = signed_ranks(differences)
    n = unit_sums_of((~np.isnan(differences)).astype(float), units)
    return flipped_p(unit_sums_of(signed, units) / np.maximum(n, 1), seed)


def unit_sums_of(values: Float64, units: NDArray[np.intp]) -> Float64:
    """Sums (n_units, m) of the values (n, m) by unit (n,), which are numbered from 0."""
    sums = np.zeros((units.max() + 1, values.shape[1]))
    np.add.at(sums, units, values)
    return sums


def flipped_p(sums: Float64, seed: int) -> Float64:
    """The share of sign patterns of the rows (n_units, m) whose |column sum| is as large, (m,)."""
    seen = np.abs(sums.sum(axis=0))
    slack = SAME * np.abs(sums).sum(axis=0)
    n_units = len(sums)
    is_exact = 2**n_units <= N_DRAWS if n_units < 64 else False
    patterns = _all_signs(n_units) if is_exact else _random_signs(n_units, seed)
    at_least, n_patterns = np.zeros(sums.shape[1]), 0
    for signs in patterns:
        at_least += (np.abs(signs @ sums) >= seen - slack).sum(axis=0)
        n_patterns += len(signs)
    if not is_exact:  # the pattern that was seen is one of them
        at_least, n_patterns = at_least + 1, n_patterns + 1
    return at_least / n_patterns


def _all_signs(n: int) -> Iterator[Float64]:
    yield np.array(list(itertools.product((-1.0, 1.0), repeat=n)))


def _random_signs(n: int, seed: int) -> Iterator[Float64]:
    rng = np.random.default_rng(seed)
    rows = max(1, AT_ONCE // n)
    for start in range(0, N_DRAWS, rows):
        size = (min(rows, N_DRAWS - start), n)
        yield 2.0 * rng.integers(0, 2, size) - 1.0


def friedman_by_unit(ranks: Float64, units: NDArray[np.intp], seed: int = 0) -> float:
    """Friedman's statistic of ranks (n_images, k), its p-value by permuting segments by unit.

    Under the null hypothesis the segments of a unit could change places, alike in all of its
    images. With D_uj the sum over the unit's images of the midrank of segment j less (k + 1) / 2,
    the statistic grows with sum_j (sum_u D_uj)^2, as its denominator is the same for every
    permutation. All permutations are counted if there are at most ``N_DRAWS``, else ``N_DRAWS``
    random ones and the one that was seen. NaN for two segments, whose one pair decides; 1 if all
    segments tie in all images.
    """
    from scipy.stats import rankdata

    k = ranks.shape[1]
    if k < 3:
        return float("nan")
    deviations = unit_sums_of(rankdata(ranks, axis=1) - (k + 1) / 2, units)
    if not deviations.any():
        return 1.0
    seen = (deviations.sum(axis=0) ** 2).sum()
    slack = SAME * (np.abs(deviations).sum(axis=0) ** 2).sum()
    # The statistic does not change when all units are permuted alike: the first one stays.
    is_exact = (len(deviations) - 1) * math.lgamma(k + 1) <= math.log(N_DRAWS)
    totals = _all_totals(deviations) if is_exact else _random_totals(deviations, seed)
    at_least = np.count_nonzero((totals**2).sum(axis=1) >= seen - slack)
    extra = 0 if is_exact else 1
    return (at_least + extra) / (len(totals) + extra)


def _all_totals(deviations: Float64) -> Float64:
    """Column sums (r, k) for every way to permute the rows but the first."""
    k = deviations.shape[1]
    orders = np.array(list(itertools.permutations(range(k))))
    totals = deviations[:1]
    for row in deviations[1:]:
        totals = (totals[:, None] + row[orders][None]).reshape(-1, k)
    return totals


def _random_totals(deviations: Float64, seed: int) -> Float64:
    rng = np.random.default_rng(seed)
    totals = np.zeros((N_DRAWS, deviations.shape[1]))
    for row in deviations:
        totals += rng.permuted(np.broadcast_to(row, totals.shape), axis=1)
    return totals
