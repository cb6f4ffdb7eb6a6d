"""compare: which segments differ in local rank, and which do not."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any, Literal, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arguments import checked_level, checked_whole
from sat_nb.errors import InvalidInput, shorten, unknown_name
from sat_nb.registry import Entry, chosen, lists, registry
from sat_nb.stats.bootstrap import Unit, units_of
from sat_nb.stats.clustered import mean_rank_by_unit, unit_sums_of
from sat_nb.stats.comparison import (
    Comparison,
    both_ways,
    warn_about_few,
    warn_about_presence,
    warn_about_size,
    with_presence,
)
from sat_nb.stats.rank_tests import TESTS, PairTest, PairTestResult, TestFunction, run_test
from sat_nb.stats.rows import check_pooled, rows_of_method
from sat_nb.stats.signed_rank import rank_biserial, signed_ranks
from sat_nb.stats.too_few import FLIPPED, PLENTY, can_differ, fewest_images
from sat_nb.table.aggregations import absolute, relative
from sat_nb.table.classes import CLASSES, chosen_classes, with_classes
from sat_nb.table.totals import segment_totals

MISSING: dict[str, Entry] = registry(
    Entry(name="absolute", about="An image that lacks a segment ranks it last, at n + 1."),
    Entry(name="complete", about="Each pair is compared on the images that have both segments."),
)
"""What a segment that an image lacks counts for."""

PRESENCE_TEST = TESTS["wilcoxon-holm"]
"""What tests pairs on the images that have both, where the test asked for cannot."""


@overload
def compare(
    table: pd.DataFrame,
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
    table: pd.DataFrame,
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
    table: pd.DataFrame,
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
    table : pandas.DataFrame
        From ``build``, of one model and one class.
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
    Without ``unit`` the tests take each image as one independent draw. With it, the statistic of a
    pair is the signed-rank sum T = sum_u S_u, S_u = sum_(i in u) sign(d_i) rank(|d_i|) over the
    images i of unit u (Rosner, Glynn & Lee 2006), and p is the share of the 2^units flips of whole
    units whose |T| is at least as large; over 10,000 random flips if there are more. Friedman's
    statistic has its p-value from permutations of the segments, alike in all images of a unit.
    Neither assumes that units are of one size. Large units count more: T is about the typical
    image. Where the size goes with the effect (Datta & Satten 2008), the typical unit may differ
    from it, and a warning names the pairs.

    The null hypothesis of a pair is that the
    two segments could change places in any image; under "complete", in the images that have both.
    If a segment is missing because its attribution is small, the remaining images show its strong
    side, and it seems better than it is. Segments of equal mean but unequal spread can differ in
    rank, and be found. ``benchmarks/README.md`` has the error rates.

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
    entry = _chosen_test(test)
    plan = Plan(method, alpha, entry, missing, unit, checked_whole("seed", seed))
    _check_takes_units(plan)
    rows = _checked(table, plan, classes)
    grouped = _grouped(rows, classes, entry)
    if grouped is None:
        return _with_checks(rows, plan)
    results = {}
    for key, where, part in grouped:  # a comprehension is a frame of its own to a warning
        results[key] = _with_checks(part, plan, where)
    return results


@dataclass(frozen=True)
class Plan:
    """What is compared, and how: the checked arguments of ``compare``."""

    method: str
    alpha: float
    test: PairTest
    missing: str
    unit: Unit | None = None
    seed: int = 0


def _with_checks(rows: pd.DataFrame, plan: Plan, where: str = "") -> Comparison:
    """The result, with warnings of too few images, of presence and of the sizes of units."""
    result = _compared(rows, plan)
    if plan.missing == "absolute" and (result.n_images < result.n_total).any():
        checked_by = _takes_gaps(plan.test)
        complete = _compared(rows, replace(plan, test=checked_by, missing="complete"))
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
    codes = None if plan.unit is None else _unit_codes(rows, plan.unit)

    def run(of: NDArray[np.float64], units: NDArray[np.intp] | None = None) -> PairTestResult:
        units = alone[: len(of)] if units is None else units
        test = _function(plan, units if plan.unit is not None else None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return run_test(test, of, plan.alpha, names)

    if can_differ(lambda of: run(of, codes), ranks, plan.alpha):
        return result
    most = PLENTY if plan.unit is None else FLIPPED
    result = replace(result, n_needed=fewest_images(run, len(names), plan.alpha, most))
    warn_about_few(result, n, where, 5)
    return result


def _driven_by_size(
    rows: pd.DataFrame, result: Comparison, plan: Plan
) -> tuple[tuple[str, str], ...]:
    """The pairs that differ, but not if each unit has one vote, or the other way round."""
    assert plan.unit is not None
    names = result.mean_ranks.index
    ranks, codes = rank_matrix(rows, names, plan.missing), _unit_codes(rows, plan.unit)
    i, j = np.nonzero(np.triu(result.different.to_numpy(), 1))
    if not len(i):
        return ()
    differences = ranks[:, i] - ranks[:, j]
    signed = signed_ranks(differences)
    n = unit_sums_of((~np.isnan(differences)).astype(float), codes)
    votes = (unit_sums_of(signed, codes) / np.maximum(n, 1)).sum(axis=0)
    p_values = mean_rank_by_unit(differences, codes, plan.seed)
    driven = (p_values > plan.alpha) | (np.sign(votes) != np.sign(signed.sum(axis=0)))
    return tuple((names[a], names[b]) for a, b in zip(i[driven], j[driven], strict=True))


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


def compare_missing(
    table: pd.DataFrame,
    *,
    method: str,
    alpha: float = 0.05,
    test: str | PairTest | TestFunction = "wilcoxon-holm",
    classes: str | None = None,
    unit: Unit | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare under "absolute" and under "complete", side by side, one row a pair.

    Parameters
    ----------
    table : pandas.DataFrame
        From ``build``, of one model and one class.
    method : str
        The saliency method whose rows are compared.
    alpha : float, default 0.05
        The level at which the differences of all pairs together are tested.
    test : str, PairTest or callable, default "wilcoxon-holm"
        As for ``compare``. Under "complete" it is used if it takes gaps, else "wilcoxon-holm".
    classes : {"pool"}, default None
        "pool" takes the images of all classes together; without it there must be one class.
    unit : str, Mapping or Series, default None
        What is independent, as for ``compare``.
    seed : int, default 0
        As for ``compare``.

    Returns
    -------
    pandas.DataFrame
        In the order of the Absolute mean ranks: ``segment_a``, ``segment_b``, ``n_a``, ``n_b`` and
        ``n_both`` (images that have each and both), then ``lead``, ``effect_size``, ``p_value``,
        ``adjusted_p_value`` and ``different`` of ``Comparison.pairs`` twice, with the suffixes
        ``_absolute`` and ``_complete``, and ``driven_by_presence``: some image has one of the two
        alone, and they differ under "absolute" but not, or not in that direction, on the images
        that have both. Few common images also leave a difference unproven. ``presence`` says
        which: "created", "reversed", "hidden" (they differ only on the images that have both), or
        "".

    Raises
    ------
    InvalidInput
        As ``compare`` does.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> table = compare_missing(build(*toy()), method="noisy")
    >>> columns = ["segment_a", "segment_b", "n_both", "lead_absolute", "lead_complete"]
    >>> table.loc[[7], columns].round(2)
      segment_a segment_b  n_both  lead_absolute  lead_complete
    7     mouth      ears      15           1.15            0.8
    """
    entry = _chosen_test(test)
    check_pooled(classes)
    plan = Plan(method, alpha, entry, "absolute", unit, checked_whole("seed", seed))
    rows = _checked(table, plan, classes)
    _check_takes_units(plan)
    complete = replace(plan, test=_takes_gaps(entry), missing="complete")
    return both_ways(_compared(rows, plan), _compared(rows, complete))


def rank_matrix(
    rows: pd.DataFrame, segments: pd.Index, missing: str = "absolute"
) -> NDArray[np.float64]:
    """Local ranks (n_images, k) of one method's rows.

    A segment that an image lacks has rank n + 1, or NaN under ``missing="complete"``.
    """
    ranks = rows.set_index(["image_id", "segment"])["rank"].unstack()  # noqa: PD010
    ranks = ranks.reindex(columns=segments)
    if missing == "complete":
        return ranks.to_numpy(dtype=float)
    last = rows.groupby("image_id")["n_segments"].first() + 1
    return np.where(ranks.isna(), last.reindex(ranks.index).to_numpy()[:, None], ranks)


def _chosen_test(test: str | PairTest | TestFunction) -> PairTest:
    return chosen("test", test, TESTS, own=PairTest, from_function=_as_pair_test)


def _as_pair_test(function: TestFunction) -> PairTest:
    return PairTest(name=getattr(function, "__name__", "own test"), padded=function)


def _takes_gaps(test: PairTest) -> PairTest:
    return test if test.complete is not None else PRESENCE_TEST


def _compared(rows: pd.DataFrame, plan: Plan) -> Comparison:
    means = _mean_ranks(rows, plan.missing)
    segments = pd.Index(means.index, name="segment")
    ranks = rank_matrix(rows, segments, plan.missing)
    codes = None if plan.unit is None else _unit_codes(rows, plan.unit)
    _check_size(ranks, plan.test, codes)
    result = run_test(_function(plan, codes), ranks, plan.alpha, list(segments))
    n_compared, effect_sizes, leads = _effects(ranks, segments)
    means_of_test = result.friedman_ranks
    friedman_ranks = (
        None if means_of_test is None else pd.Series(means_of_test, segments, name="friedman_rank")
    )
    return Comparison(
        mean_ranks=means[plan.missing].rename("mean_rank"),
        relative_ranks=means["complete"].rename("relative_rank"),
        absolute_ranks=means["absolute"].rename("absolute_rank"),
        n_images=means["n_images"],
        p_values=_square(result.p_values, segments),
        adjusted_p_values=_square(result.adjusted_p_values, segments),
        n_compared=n_compared,
        effect_sizes=effect_sizes,
        leads=leads,
        groups=tuple(tuple(segments[i] for i in group) for group in result.groups),
        friedman_p=result.friedman_p,
        n_total=len(ranks),
        method=plan.method,
        test=plan.test.key,
        alpha=plan.alpha,
        missing=plan.missing,
        friedman_ranks=friedman_ranks,
        aeon_ranks=friedman_ranks if plan.test.key == "aeon" else None,
        critical_difference=result.critical_difference,
        unit=None if plan.unit is None else (plan.unit if isinstance(plan.unit, str) else "unit"),
        n_units=None if codes is None else int(codes.max()) + 1,
    )


def _unit_codes(rows: pd.DataFrame, unit: Unit) -> NDArray[np.intp]:
    """The number of each image's unit, from 0, in the order of ``rank_matrix``."""
    units = units_of(rows, unit).set_axis(rows["image_id"])
    units = units[~units.index.duplicated()].sort_index()
    return pd.factorize(units, sort=False)[0]


def _check_takes_units(plan: Plan) -> None:
    if plan.unit is None or plan.test.by_unit is not None:
        return
    able = [name for name, entry in TESTS.items() if entry.by_unit is not None]
    raise InvalidInput(
        f"unit: test={plan.test.key!r} takes each image as independent; take test="
        f"{' or '.join(map(repr, able))}, or one image of each unit."
    )


def _function(plan: Plan, units: NDArray[np.intp] | None) -> TestFunction:
    """The test as a function of ranks, their alpha and names."""
    test = plan.test
    if units is not None:
        by_unit = test.by_unit
        assert by_unit is not None
        return lambda ranks, alpha, names: by_unit(ranks, alpha, names, units, plan.seed)
    if plan.missing == "absolute":
        return test.padded
    if test.complete is None:
        able = [name for name, entry in TESTS.items() if entry.complete is not None]
        raise InvalidInput(
            f"missing: 'complete' compares each pair on images of its own, and test={test.key!r} "
            f"needs every segment in every image; take test={' or '.join(map(repr, able))}, or "
            "missing='absolute'."
        )
    return test.complete


def _effects(ranks: NDArray[np.float64], segments: pd.Index) -> tuple[pd.DataFrame, ...]:
    """By pair: the images compared, the rank-biserial correlation, and the mean lead in ranks."""
    k = ranks.shape[1]
    i, j = np.triu_indices(k, 1)
    ahead = ranks[:, j] - ranks[:, i]
    n_pair = np.count_nonzero(~np.isnan(ahead), axis=0)
    n_all = np.diag(np.count_nonzero(~np.isnan(ranks), axis=0))
    n_all[i, j] = n_all[j, i] = n_pair
    nothing = np.where(n_pair > 0, 0.0, np.nan)
    effects = [n_all]
    for upper in (rank_biserial(ahead), np.nansum(ahead, axis=0) / np.maximum(n_pair, 1)):
        square = np.zeros((k, k))
        square[i, j], square[j, i] = upper + nothing, -upper + nothing
        effects.append(square)
    return tuple(_square(effect, segments) for effect in effects)


def _mean_ranks(rows: pd.DataFrame, missing: str) -> pd.DataFrame:
    sums = segment_totals(rows, value="rank", by=(), classes=CLASSES["pool"])
    means = pd.DataFrame(
        {"absolute": absolute(sums), "complete": relative(sums), "n_images": sums["n_images"]}
    )
    return means.reset_index().sort_values([missing, "segment"]).set_index("segment")


def _square(matrix: NDArray[np.float64], segments: pd.Index) -> pd.DataFrame:
    return pd.DataFrame(matrix, index=segments, columns=segments.rename(None))


def _checked(table: pd.DataFrame, plan: Plan, classes: str | None) -> pd.DataFrame:
    """The rows of the method; InvalidInput for arguments that make no sense."""
    chosen_classes(classes)
    rows = rows_of_method(table, plan.method, classes=classes)
    if plan.missing not in MISSING:
        raise unknown_name("missing", plan.missing, MISSING)
    checked_level("alpha", plan.alpha, 0.05)
    return rows


def _check_size(ranks: NDArray[np.float64], test: PairTest, units: NDArray[np.intp] | None) -> None:
    n, k = ranks.shape
    if k < test.fewest:
        raise InvalidInput(
            f"table: test={test.key!r} needs at least {test.fewest} segments, got {k}."
        )
    if n < 2:
        raise InvalidInput(
            "table: a test needs at least 2 images, got 1; read the rows of that image themselves, "
            "or use more images."
        )
    if units is not None and units.max() < 1:
        raise InvalidInput(
            f"unit: a test needs at least 2 units, got 1 for all {n} images; nothing can be said "
            "beyond it."
        )
