"""What a test of all pairs of segments is: its entry, its result, Holm's correction, groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Float64
from sat_nb.errors import InvalidInput
from sat_nb.registry import Entry
from sat_nb.stats.cliques import maximal_cliques


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
        result if isinstance(result, PairTestResult) else from_p_values(result, alpha, len(names))
    )


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


def from_p_values(p_values: Float64, alpha: float, k: int) -> PairTestResult:
    """Holm's correction and groups for p-values (k, k), in which NaN is a pair not tested."""
    raw = _checked_p_values(p_values, k)[np.triu_indices(k, 1)]
    tested = ~np.isnan(raw)
    adjusted = np.ones(len(raw))
    adjusted[tested] = holm(raw[tested])
    square = symmetric(adjusted, k)
    groups = maximal_cliques(square > alpha)
    return PairTestResult(float("nan"), symmetric(raw, k), square, groups)


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


def symmetric(upper: Float64, k: int) -> Float64:
    """The matrix (k, k) of these values of the pairs i < j, with ones on the diagonal."""
    matrix = np.ones((k, k))
    i, j = np.triu_indices(k, 1)
    matrix[i, j] = matrix[j, i] = upper
    return matrix
