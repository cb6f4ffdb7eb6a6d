"""Tests of all pairs of segments on a matrix of local ranks (n_images, k)."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Float64
from sat_nb.registry import registry
from sat_nb.stats.cliques import maximal_cliques
from sat_nb.stats.clustered import friedman_by_unit, signed_rank_by_unit
from sat_nb.stats.joint import blocks_of_pairs, differences_of_pairs
from sat_nb.stats.pair_test import PairTest, PairTestResult, from_p_values, symmetric
from sat_nb.stats.signed_rank import counted_p, signed_rank_tests

MANY = 2_000
"""Images up to which each pair's differences are ranked one by one; the p-values are the same."""


def wilcoxon_holm(ranks: Float64, alpha: float, names: list[str]) -> PairTestResult:
    """Friedman's test, then two-sided Wilcoxon signed-rank tests with step-down Holm.

    If Friedman's test does not reject, nothing differs. Two segments have no Friedman test, so that
    the one Wilcoxon test decides.
    """
    pairs = wilcoxon_holm_complete(ranks, alpha, names)
    friedman_p = friedman(ranks)
    groups = pairs.groups
    if friedman_p > alpha:
        groups = (tuple(range(len(names))),)
    return replace(pairs, groups=groups, friedman_p=friedman_p, friedman_ranks=midranks(ranks))


def wilcoxon_holm_complete(ranks: Float64, alpha: float, names: list[str]) -> PairTestResult:
    """Wilcoxon and Holm without Friedman's test, each pair on the rows that have both (no NaN).

    A pair that no row has is not tested and not part of the family: its p-value is NaN, its
    adjusted one 1.
    """
    # Holm alone controls the error of the family. Friedman's test cannot take gaps.
    k = ranks.shape[1]
    return from_p_values(symmetric(_signed_rank_p_values(ranks), k), alpha, k)


def _signed_rank_p_values(ranks: Float64) -> Float64:
    """By pair of columns; NaN where no row has both. Many rows are counted by their ranks."""
    if len(ranks) > MANY:
        pairs = differences_of_pairs(ranks)
        return np.array([counted_p(d, n) if len(d) else np.nan for d, n in pairs])
    i, j = np.triu_indices(ranks.shape[1], 1)
    differences = ranks[:, i] - ranks[:, j]
    tested = ~np.isnan(differences).all(axis=0)
    return np.where(tested, signed_rank_tests(differences), np.nan)


def wilcoxon_holm_by_unit(
    ranks: Float64, alpha: float, names: list[str], units: NDArray[np.intp], seed: int
) -> PairTestResult:
    """The same with whole units flipped or permuted; see :mod:`sat_nb.stats.clustered`.

    The test over all segments at once is only for ranks without gaps.
    """
    k = ranks.shape[1]
    parts = []
    for differences in blocks_of_pairs(ranks):
        tested = ~np.isnan(differences).all(axis=0)
        parts.append(np.where(tested, signed_rank_by_unit(differences, units, seed), np.nan))
    pairs = from_p_values(symmetric(np.concatenate(parts), k), alpha, k)
    if np.isnan(ranks).any():
        return pairs
    friedman_p = friedman_by_unit(ranks, units, seed)
    groups = (tuple(range(k)),) if friedman_p > alpha else pairs.groups
    return replace(pairs, groups=groups, friedman_p=friedman_p, friedman_ranks=midranks(ranks))


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


def aeon(ranks: Float64, alpha: float, names: list[str]) -> PairTestResult:
    """The result of aeon's ``plot_critical_difference(ranks, lower_better=True)``.

    Its "holm" is the constant level alpha / (k - 1), so that ``adjusted_p_values`` are p * (k - 1),
    at most 1. Its Wilcoxon test is one-sided, in the direction of the mean ranks of the same data,
    which doubles its errors; ties are dropped, those of two missing segments included. Groups grow
    from each segment down the ranks and stop at the first difference, so that one that does not
    differ from a segment further up can be left out. If Friedman's test does not reject, everything
    is one group and all p-values are 1.
    """
    from scipy.stats import friedmanchisquare, rankdata

    k = ranks.shape[1]
    averaged = rankdata(ranks, axis=1)
    order = np.array(sorted(range(k), key=lambda i: (averaged[:, i].mean(), names[i])))
    differs = np.ptp(averaged, axis=1).any()
    friedman_p = float(friedmanchisquare(*averaged.T).pvalue) if differs else 1.0
    ordered, groups = np.ones((k, k)), [range(k)]
    if friedman_p < alpha:
        ordered = _one_sided(ranks[:, order])
        groups = _grown_downwards(ordered <= alpha / (k - 1))
    p_values = np.empty((k, k))
    p_values[np.ix_(order, order)] = ordered
    return PairTestResult(
        friedman_p,
        p_values,
        np.minimum(p_values * (k - 1), 1.0),
        tuple(tuple(sorted(order[group].tolist())) for group in groups),
        averaged.mean(axis=0),
    )


def _one_sided(ranks: Float64) -> Float64:
    """Wilcoxon's p-values that a column is smaller than one to its right, symmetric; 1 if equal."""
    from scipy.stats import wilcoxon

    k = ranks.shape[1]
    upper = [
        wilcoxon(ranks[:, i], ranks[:, j], zero_method="wilcox", alternative="less").pvalue
        if (ranks[:, i] != ranks[:, j]).any()
        else 1.0
        for i, j in combinations(range(k), 2)
    ]
    return symmetric(np.array(upper), k)


def _grown_downwards(different: NDArray[np.bool_]) -> list[range]:
    """From each column to the one before the first that differs, unless an earlier group goes on.

    >>> _grown_downwards(np.array([[0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], bool))
    [range(0, 2), range(1, 4)]
    """
    groups, reached = [], 0
    for i, row in enumerate(different):
        end = next((i + 1 + j for j in np.flatnonzero(row[i + 1 :])), len(row))
        if end > reached:
            reached = end
            groups.append(range(i, end))
    return [group for group in groups if len(group) > 1]


def nemenyi(ranks: Float64, alpha: float, names: list[str]) -> PairTestResult:
    """Friedman's test, then Nemenyi's test of mean ranks (Demsar 2006, section 3.2.2).

    Two segments differ if their mean ranks are q_alpha sqrt(k (k + 1) / (6 n)) apart, where q_alpha
    is the studentized range over sqrt(2). The mean ranks are Friedman's: 1 to k within each image,
    ties averaged, and missing segments share the last ones. The p-values are those of the whole
    family, so that the adjusted ones are the same. The formula is for ranks without ties; with many
    it errs towards "not different". If Friedman's test does not reject, nothing differs.
    """
    from scipy.stats import studentized_range

    n, k = ranks.shape
    means = midranks(ranks)
    unit = np.sqrt(k * (k + 1) / (12 * n))  # the sqrt(2) of both formulas is in here
    i, j = np.triu_indices(k, 1)
    p_values = symmetric(studentized_range.sf(np.abs(means[i] - means[j]) / unit, k, np.inf), k)
    friedman_p = friedman(ranks)
    indistinct = p_values > alpha if not friedman_p > alpha else np.ones((k, k), dtype=bool)
    width = float(studentized_range.isf(alpha, k, np.inf) * unit)
    return PairTestResult(friedman_p, p_values, p_values, maximal_cliques(indistinct), means, width)


TESTS: dict[str, PairTest] = registry(
    PairTest(
        name="wilcoxon-holm",
        title="Wilcoxon, Holm",
        about="Friedman's test and, where it rejects, two-sided Wilcoxon signed-rank tests of all "
        "pairs with step-down Holm; groups are all maximal sets of segments that do not differ.",
        source="Wilcoxon 1945; Holm 1979",
        padded=wilcoxon_holm,
        complete=wilcoxon_holm_complete,
        by_unit=wilcoxon_holm_by_unit,
    ),
    PairTest(
        name="aeon",
        title="Wilcoxon as in aeon",
        about="The test behind the paper's diagrams, aeon's plot_critical_difference: one-sided "
        "Wilcoxon tests that drop ties, each at alpha / (k - 1); groups grow from each segment "
        "down the ranks and stop at the first difference.",
        source="Hinns & Martens 2025; aeon",
        padded=aeon,
        fewest=3,
    ),
    PairTest(
        name="nemenyi",
        title="Nemenyi",
        about="Friedman's test and, where it rejects, Nemenyi's critical difference between mean "
        "ranks.",
        source="Demsar 2006, section 3.2.2",
        padded=nemenyi,
    ),
)
"""The tests that ``compare`` can run."""
