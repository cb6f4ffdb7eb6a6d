"""Tests of all pairs of segments on a matrix of local ranks (n_images, k)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Float64
from sat_nb.errors import InvalidInput
from sat_nb.registry import Entry, registry
from sat_nb.stats.cliques import maximal_cliques
from sat_nb.stats.clustered import friedman_by_unit, signed_rank_by_unit
from sat_nb.stats.friedman import friedman, midranks
from sat_nb.stats.joint import blocks_of_pairs, differences_of_pairs
from sat_nb.stats.signed_rank import counted_p, signed_rank_tests

MANY = 2_000
"""Images up to which each pair's differences are ranked one by one; the p-values are the same."""


@dataclass(frozen=True)
class PairTestResult:
    """What a test found about ranks of n images and k segments.

    Parameters
    ----------
    friedman_p : float
        The p-value of the test over all segments at once; NaN where there is none.
    p_values, adjusted_p_values : array of float, shape (k, k)
        By pair of segments, in the order of the ranks' columns; symmetric. NaN marks a pair that
        was not tested.
    groups : tuple of tuple of int
        Columns that do not differ, two or more in each group.
    friedman_ranks : array of float, shape (k,), default None
        The mean ranks that the test compares, with ties averaged within each image.
    critical_difference : float, default None
        The distance between two ``friedman_ranks`` from which on they differ, if there is one.

    Examples
    --------
    >>> ranks = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 3.0, 2.0], [1.0, 2.0, 3.0]])
    >>> TESTS["wilcoxon-holm"].padded(ranks, 0.05, ["eyes", "nose", "ears"]).groups
    ((0, 1, 2),)
    """

    friedman_p: float
    p_values: Float64
    adjusted_p_values: Float64
    groups: tuple[tuple[int, ...], ...]
    friedman_ranks: Float64 | None = None
    critical_difference: float | None = None


TestFunction = Callable[[Float64, float, list[str]], PairTestResult | Float64]

UnitTestFunction = Callable[
    [Float64, float, list[str], NDArray[np.intp], int], PairTestResult | Float64
]


@dataclass(frozen=True, kw_only=True)
class PairTest(Entry):
    """A test of all pairs of segments, for ``compare(test=...)``.

    Parameters
    ----------
    name, title, about, source, version : str
        As for every entry of a registry.
    parameters : Mapping
        Not used.
    padded : callable
        ``(ranks, alpha, names) -> p_values``. ``ranks`` is float (n_images, k), without gaps: a
        segment that an image lacks has rank n_segments + 1. ``names`` are the k segments. The
        p-values are float (k, k), symmetric; Holm's step-down correction is applied to them, and
        the groups are all maximal sets of segments that do not differ. A test with a correction
        of its own returns a :class:`PairTestResult`.
    complete : callable, default None
        The same for ranks with gaps, NaN where an image lacks a segment: each pair is compared on
        the images that have both. None if the test needs every segment in every image.
    by_unit : callable, default None
        ``(ranks, alpha, names, units, seed) -> p_values``: the same where images come in units,
        numbered from 0 in ``units`` int (n_images,), and only units are independent. ``ranks``
        may have gaps, NaN. None if the test takes every image as independent.
    fewest : int, default 2
        The smallest number of segments that can be tested.

    Examples
    --------
    >>> from scipy.stats import ttest_rel
    >>> def t_test(ranks, alpha, names):
    ...     return ttest_rel(ranks[:, :, None], ranks[:, None, :]).pvalue
    >>> from sat_nb.toy import toy
    >>> mine = PairTest(name="t-test", about="Paired t-tests of ranks.", padded=t_test)
    >>> compare(build(*toy()).query("segment != 'ears'"), method="noisy", test=mine).groups
    (('nose', 'eyes'),)
    """

    padded: TestFunction
    complete: TestFunction | None = None
    by_unit: UnitTestFunction | None = None
    fewest: int = 2


def run_test(test: TestFunction, ranks: Float64, alpha: float, names: list[str]) -> PairTestResult:
    """The result of a test; bare p-values get Holm's correction and groups."""
    result = test(ranks, alpha, names)
    return (
        result if isinstance(result, PairTestResult) else _from_p_values(result, alpha, len(names))
    )


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
    return _from_p_values(_symmetric(_signed_rank_p_values(ranks), k), alpha, k)


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
    pairs = _from_p_values(_symmetric(np.concatenate(parts), k), alpha, k)
    if np.isnan(ranks).any():
        return pairs
    friedman_p = friedman_by_unit(ranks, units, seed)
    groups = (tuple(range(k)),) if friedman_p > alpha else pairs.groups
    return replace(pairs, groups=groups, friedman_p=friedman_p, friedman_ranks=midranks(ranks))


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
    return _symmetric(np.array(upper), k)


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
    p_values = _symmetric(studentized_range.sf(np.abs(means[i] - means[j]) / unit, k, np.inf), k)
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


def holm(p_values: Float64) -> Float64:
    """P-values (m,) adjusted by Holm's step-down correction, in the order given (Holm 1979).

    >>> holm(np.array([0.01, 0.04, 0.03]))
    array([0.03, 0.06, 0.06])
    """
    order = np.argsort(p_values)
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def _from_p_values(p_values: Float64, alpha: float, k: int) -> PairTestResult:
    """Holm's correction and groups for p-values (k, k), in which NaN is a pair not tested."""
    raw = _checked_p_values(p_values, k)[np.triu_indices(k, 1)]
    tested = ~np.isnan(raw)
    adjusted = np.ones(len(raw))
    adjusted[tested] = holm(raw[tested])
    square = _symmetric(adjusted, k)
    groups = maximal_cliques(square > alpha)
    return PairTestResult(float("nan"), _symmetric(raw, k), square, groups)


def _checked_p_values(p_values: Float64, k: int) -> Float64:
    square = np.asarray(p_values, dtype=np.float64)
    if square.shape != (k, k):
        raise InvalidInput(
            f"test: expected a PairTestResult, or p-values of shape ({k}, {k}), a row and a column "
            f"for each segment; got shape {square.shape}."
        )
    pairs = square[~np.eye(k, dtype=bool)]
    if not np.allclose(square, square.T, equal_nan=True) or ((pairs < 0) | (pairs > 1)).any():
        raise InvalidInput(
            "test: expected p-values from 0 to 1, the same for a and b as for b and a (two-sided); "
            f"got {square.round(4).tolist()}."
        )
    return square


def _symmetric(upper: Float64, k: int) -> Float64:
    matrix = np.ones((k, k))
    i, j = np.triu_indices(k, 1)
    matrix[i, j] = matrix[j, i] = upper
    return matrix
