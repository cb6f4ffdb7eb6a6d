"""compare: which segments differ in local rank, and which do not."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arguments import checked_level, checked_whole
from sat_nb.arrays import Float64
from sat_nb.errors import shorten, unknown_name
from sat_nb.registry import chosen, lists
from sat_nb.stats.bootstrap import Unit, unit_columns
from sat_nb.stats.clustered import mean_rank_by_unit, unit_sums_of
from sat_nb.stats.comparison import (
    Comparison,
    warn_about_few,
    warn_about_presence,
    warn_about_size,
    with_presence,
)
from sat_nb.stats.joint import AT_ONCE
from sat_nb.stats.pair_test import PairTest, PairTestResult, TestFunction, run_test
from sat_nb.stats.plan import (
    MISSING,
    Plan,
    check_takes_units,
    compared,
    mean_ranks,
    rank_matrix,
    takes_gaps,
    test_function,
    unit_codes,
)
from sat_nb.stats.rank_tests import TESTS
from sat_nb.stats.rows import rows_of_method
from sat_nb.stats.signed_rank import signed_ranks
from sat_nb.table.classes import CLASSES, chosen_classes, with_classes
from sat_nb.table.source import Table, source_of

PLENTY = 256  # images: with as many, each test finds what is clear
FLIPPED = 16  # units: above it signs are drawn, and more units do not make p smaller

_Run = Callable[[Float64], PairTestResult]
"""A test of ranks (n_images, k) at its level."""


@overload
def compare(
    table: Table,
    *,
    method: str,
    alpha: float = ...,
    test: str | PairTest | TestFunction = ...,
    missing: str = ...,
    classes: Literal["pool"] | None = ...,
    unit: Unit | None = ...,
    seed: int = ...,
) -> Comparison: ...


@overload
def compare(
    table: Table,
    *,
    method: str,
    alpha: float = ...,
    test: str | PairTest | TestFunction = ...,
    missing: str = ...,
    classes: str | None,
    unit: Unit | None = ...,
    seed: int = ...,
) -> Any: ...


@lists(test=TESTS, classes=CLASSES)
def compare(
    table: Table,
    *,
    method: str,
    alpha: float = 0.05,
    test: str | PairTest | TestFunction = "wilcoxon-holm",
    missing: str = "absolute",
    classes: str | None = None,
    unit: Unit | None = None,
    seed: int = 0,
) -> Comparison | dict[Any, Comparison]:
    """Test which segments differ in local rank under one saliency method.

    Parameters
    ----------
    table : pandas.DataFrame, str or path
        From ``build``, of one model and one class; or the path of a table on disk, of which the
        ranks of the method are read.
    method : str
        The saliency method whose rows are compared.
    alpha : float, default 0.05
        The level at which the differences of all pairs together are tested.
    test : str, PairTest or callable, default "wilcoxon-holm"
        A name in ``TESTS``, an entry of your own, or a function ``(ranks, alpha, names) ->
        p_values`` as described in :class:`PairTest`:

        [[test]]
    missing : {"absolute", "complete"}, default "absolute"
        What a segment that an image lacks counts for.

        - "absolute": it has rank n + 1, as in the paper. Segments that few images have are then
          worse for that reason alone: pairs that differ for no other reason are listed in
          ``driven_by_presence``, with a warning.
        - "complete": each pair is compared on the images that have both, with a test that takes
          gaps; ``mean_ranks`` are the relative ones. Pairs then rest on different images, so that
          a may be ahead of b, b of c, and c of a. A pair that no image has is not tested and
          counts as not different.
    classes : str, default None
        What becomes of several classes; without it they must not be mixed. All but "pool" give
        one result a class:

        [[classes]]
    unit : str, Mapping or Series, default None
        What is independent, where images are not: a column, such as "patient", or {image_id:
        unit}. The test then flips the signs of whole units; by default each image is a unit.
    seed : int, default 0
        Of the flips and permutations with ``unit``, where there are too many to count.

    Returns
    -------
    Comparison
        Mean ranks, p-values, effect sizes and groups of segments that do not differ. With
        ``classes`` other than "pool", {class: Comparison}; alpha holds for each by itself, and
        classes of one image or of too few segments are left out, with a warning.

    Raises
    ------
    InvalidInput
        For fewer than two images, or units; for fewer segments than the test needs; for "complete"
        with a test that needs every segment in every image; for ``unit`` with a test that takes
        each image as independent; for tables of several models or classes.
    IdMismatch
        If an image has no unit.

    Warns
    -----
    PresenceWarning
        If pairs differ under "absolute" and not, or the other way round, on the images that have
        both, or only there. They are tested there with the test that was asked for if it takes
        gaps, else with "wilcoxon-holm"; the warning says which.
    TooFewWarning
        If no pair could have differed in so few images, and how many are needed.
    UnitSizeWarning
        If pairs differ that would not if each unit had one vote.

    See Also
    --------
    compare_missing : Both ways to count missing segments, side by side.

    Notes
    -----
    Of more than 2,000 images the differences of a pair are counted, not kept one by one; the
    statistics are the same numbers. Without ``unit`` the tests take each image as one independent
    draw. With it, the statistic of a pair is the signed-rank sum T = sum_u S_u, S_u = sum_(i in u)
    sign(d_i) rank(|d_i|) over the images i of unit u (Rosner, Glynn & Lee 2006), and p is the share
    of the 2^units flips of whole units whose |T| is at least as large; over 10,000 random flips if
    there are more. Friedman's statistic has its p-value from permutations of the segments, alike in
    all images of a unit. Neither assumes that units are of one size. Large units count more: T is
    about the typical image. Where the size goes with the effect (Datta & Satten 2008), the typical
    unit may differ from it, and a warning names the pairs.

    The null hypothesis of a pair is that the two segments could change places in any image; under
    "complete", in the images that have both. If a segment is missing because its attribution is
    small, the remaining images show its strong side, and it seems better than it is. Segments of
    equal mean but unequal spread can differ in rank, and be found. ``benchmarks/README.md`` has the
    error rates.

    References
    ----------
    Demsar 2006 (JMLR 7) for critical-difference diagrams; Hinns & Martens 2025; Rosner, Glynn &
    Lee 2006 (Biometrics 62) and Datta & Satten 2008 (Biometrics 64) for units.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> result = compare(build(*toy()), method="noisy")
    >>> result.groups
    (('nose', 'eyes'), ('ears', 'rest'))
    >>> result.relative_ranks["ears"], result.mean_ranks["ears"], result.n_images["ears"]
    (4.0, 4.25, 15)
    """
    entry = chosen_test(test)
    plan = Plan(method, alpha, entry, missing, unit, checked_whole("seed", seed))
    check_takes_units(plan)
    rows = checked_rows(table, plan, classes)
    grouped = _grouped(rows, classes, entry)
    if grouped is None:
        return _with_checks(rows, plan)
    results = {}
    for key, where, part in grouped:  # a comprehension is a frame of its own to a warning
        results[key] = _with_checks(part, plan, where)
    return results


def _with_checks(rows: pd.DataFrame, plan: Plan, where: str = "") -> Comparison:
    """The result, with warnings of too few images, of presence and of the sizes of units."""
    means = mean_ranks(rows)
    result = compared(rows, plan, means)
    if plan.missing == "absolute" and (result.n_images < result.n_total).any():
        checked_by = takes_gaps(plan.test)
        complete = compared(rows, replace(plan, test=checked_by, missing="complete"), means)
        result = with_presence(result, complete)
        warn_about_presence(result, checked_by.key, where, 4)
    if plan.unit is not None:
        result = replace(result, driven_by_size=_driven_by_size(rows, result, plan))
        warn_about_size(result, where, 4)
    return _with_needed(rows, result, plan, where)


def _with_needed(rows: pd.DataFrame, result: Comparison, plan: Plan, where: str) -> Comparison:
    """The result, with the number of images that are needed where there are too few."""
    n = result.n_units or result.n_total
    plenty = plan.unit is None and n > PLENTY
    if plenty or result.different.to_numpy().any() or plan.test not in TESTS.values():
        return result
    ranks = rank_matrix(rows, result.mean_ranks.index, plan.missing)
    names, alone = list(result.mean_ranks.index), np.arange(max(2 * PLENTY, len(ranks)))
    codes = None if plan.unit is None else unit_codes(rows, plan.unit)

    def run(of: NDArray[np.float64], units: NDArray[np.intp] | None = None) -> PairTestResult:
        units = alone[: len(of)] if units is None else units
        test = test_function(plan, units if plan.unit is not None else None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return run_test(test, of, plan.alpha, names)

    if _can_differ(lambda of: run(of, codes), ranks, plan.alpha):
        return result
    most = PLENTY if plan.unit is None else FLIPPED
    result = replace(result, n_needed=_fewest_images(run, len(names), plan.alpha, most))
    warn_about_few(result, n, where, 5)
    return result


def _can_differ(run: _Run, ranks: Float64, alpha: float) -> bool:
    """Whether any pair differs if all images that have ranks (n, k) order the segments alike.

    That is the clearest that these images can say. NaN marks a segment that an image lacks.
    """
    clearest = np.where(np.isnan(ranks), np.nan, np.arange(1.0, ranks.shape[1] + 1))
    return bool(np.triu(_differing(run(clearest), alpha), 1).any())


def _differing(result: PairTestResult, alpha: float) -> np.ndarray:
    """Which pairs (k, k) a test finds different, given its test over all segments at once."""
    return (result.adjusted_p_values <= alpha) & (not result.friedman_p > alpha)


def _fewest_images(run: _Run, k: int, alpha: float, most: int) -> int | None:
    """The smallest number of images that lets a pair of k segments differ; None above ``most``."""
    enough = 2
    while not _can_differ(run, np.zeros((enough, k)), alpha):
        enough *= 2
        if enough > most:
            return None
    low = enough // 2  # not enough, or below the smallest that can be tested
    while enough - low > 1:
        middle = (low + enough) // 2
        if middle >= 2 and _can_differ(run, np.zeros((middle, k)), alpha):
            enough = middle
        else:
            low = middle
    return enough


def _driven_by_size(
    rows: pd.DataFrame, result: Comparison, plan: Plan
) -> tuple[tuple[str, str], ...]:
    """The pairs that differ, but not if each unit has one vote, or the other way round."""
    assert plan.unit is not None
    names = result.mean_ranks.index
    ranks, codes = rank_matrix(rows, names, plan.missing), unit_codes(rows, plan.unit)
    pairs = np.argwhere(np.triu(result.different.to_numpy(), 1))
    size = max(1, AT_ONCE // len(ranks))
    blocks = [pairs[start : start + size] for start in range(0, len(pairs), size)]
    driven = [of[_differs_by_vote(ranks, codes, of, plan)] for of in blocks]
    return tuple((names[a], names[b]) for of in driven for a, b in of)


def _differs_by_vote(
    ranks: NDArray[np.float64], codes: NDArray[np.intp], pairs: NDArray[np.intp], plan: Plan
) -> NDArray[np.bool_]:
    """Which pairs of segments (m, 2) do not differ, or the other way, if each unit has one vote."""
    differences = ranks[:, pairs[:, 0]] - ranks[:, pairs[:, 1]]
    signed = signed_ranks(differences)
    n = unit_sums_of((~np.isnan(differences)).astype(float), codes)
    votes = (unit_sums_of(signed, codes) / np.maximum(n, 1)).sum(axis=0)
    p_values = mean_rank_by_unit(differences, codes, plan.seed)
    return (p_values > plan.alpha) | (np.sign(votes) != np.sign(signed.sum(axis=0)))


def _grouped(
    rows: pd.DataFrame, classes: str | None, test: PairTest
) -> list[tuple[Any, str, pd.DataFrame]] | None:
    """(class, what to call it in warnings, rows), for each class that can be compared."""
    chosen_ = chosen_classes(classes)
    if chosen_ is None or not chosen_.column:
        return None
    column, parts, few = chosen_.column, [], []
    for key, part in with_classes(rows, chosen_).groupby(column):
        if part["image_id"].nunique() < 2 or part["segment"].nunique() < test.fewest:
            few.append(key)
        else:
            parts.append((key, f" ({column} {key})", part))
    if few:
        warnings.warn(
            f"classes: left out {len(few)} of {len(few) + len(parts)} ({column} {shorten(few)}), "
            f"which have one image, or fewer segments than {test.fewest}.",
            stacklevel=3,
        )
    return parts


def chosen_test(test: str | PairTest | TestFunction) -> PairTest:
    """The entry of a test that is given by name, as an entry, or as a function."""
    return chosen("test", test, TESTS, own=PairTest, from_function=_as_pair_test)


def _as_pair_test(function: TestFunction) -> PairTest:
    return PairTest(name=getattr(function, "__name__", "own test"), padded=function)


def checked_rows(table: Table, plan: Plan, classes: str | None) -> pd.DataFrame:
    """The rows of the method; InvalidInput for arguments that make no sense."""
    chosen_classes(classes)
    source = source_of(table)
    needed = ["rank", *unit_columns(source, plan.unit)]
    rows = rows_of_method(source, plan.method, columns=needed, classes=classes)
    if plan.missing not in MISSING:
        raise unknown_name("missing", plan.missing, MISSING)
    checked_level("alpha", plan.alpha, 0.05)
    return rows
