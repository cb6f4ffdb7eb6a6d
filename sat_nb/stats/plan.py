"""One comparison: what is compared and how, and its result, without warnings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.errors import InvalidInput
from sat_nb.registry import Entry, registry
from sat_nb.stats.bootstrap import Unit, units_of
from sat_nb.stats.comparison import Comparison
from sat_nb.stats.joint import differences_of_pairs
from sat_nb.stats.pair_test import PairTest, TestFunction, run_test
from sat_nb.stats.rank_tests import MANY, TESTS
from sat_nb.stats.signed_rank import counted_biserial, rank_biserial
from sat_nb.table.aggregations import absolute, relative
from sat_nb.table.classes import CLASSES
from sat_nb.table.totals import segment_totals

MISSING: dict[str, Entry] = registry(
    Entry(name="absolute", about="An image that lacks a segment ranks it last, at n + 1."),
    Entry(name="complete", about="Each pair is compared on the images that have both segments."),
)
"""What a segment that an image lacks counts for."""

PRESENCE_TEST = TESTS["wilcoxon-holm"]
"""What tests pairs on the images that have both, where the test asked for cannot."""


@dataclass(frozen=True)
class Plan:
    """What is compared, and how: the checked arguments of ``compare``."""

    method: str
    alpha: float
    test: PairTest
    missing: str
    unit: Unit | None = None
    seed: int = 0


def compared(rows: pd.DataFrame, plan: Plan, means: pd.DataFrame | None = None) -> Comparison:
    """The result for the rows of one method; ``means`` are its ``mean_ranks``, if known."""
    means = _sorted(mean_ranks(rows) if means is None else means, plan.missing)
    segments = pd.Index(means.index, name="segment")
    ranks = rank_matrix(rows, segments, plan.missing)
    codes = None if plan.unit is None else unit_codes(rows, plan.unit)
    _check_size(ranks, plan.test, codes)
    result = run_test(test_function(plan, codes), ranks, plan.alpha, list(segments))
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


def rank_matrix(
    rows: pd.DataFrame, segments: pd.Index, missing: str = "absolute"
) -> NDArray[np.float64]:
    """Local ranks (n_images, k) of one method's rows.

    A segment that an image lacks has rank n + 1, or NaN under ``missing="complete"``.
    """
    images, ids = pd.factorize(rows["image_id"], sort=True)
    places = codes_in(rows["segment"], segments)
    here = (places >= 0) & (images >= 0)
    ranks = np.full((len(ids), len(segments)), np.nan)
    ranks[images[here], places[here]] = rows["rank"].to_numpy(dtype=float)[here]
    if missing == "complete":
        return ranks
    n_segments = np.zeros(len(ids))
    n_segments[images[::-1]] = rows["n_segments"].to_numpy(dtype=float)[::-1]
    return np.where(np.isnan(ranks), n_segments[:, None] + 1, ranks)


def codes_in(names: pd.Series, index: pd.Index) -> NDArray[np.intp]:
    """The place of each name in the index; -1 for those that it lacks."""
    if not isinstance(names.dtype, pd.CategoricalDtype):
        return index.get_indexer(pd.Index(names))
    return np.append(index.get_indexer(names.cat.categories), -1)[names.cat.codes]


def unit_codes(rows: pd.DataFrame, unit: Unit) -> NDArray[np.intp]:
    """The number of each image's unit, from 0, in the order of ``rank_matrix``."""
    units = units_of(rows, unit).set_axis(rows["image_id"])
    units = units[~units.index.duplicated()].sort_index()
    return pd.factorize(units, sort=False)[0]


def check_takes_units(plan: Plan) -> None:
    """Raise InvalidInput where there are units, and the test cannot take them."""
    if plan.unit is None or plan.test.by_unit is not None:
        return
    able = [name for name, entry in TESTS.items() if entry.by_unit is not None]
    raise InvalidInput(
        f"unit: test={plan.test.key!r} takes each image as independent; take test="
        f"{' or '.join(map(repr, able))}, or one image of each unit."
    )


def test_function(plan: Plan, units: NDArray[np.intp] | None) -> TestFunction:
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
    n_pair, biserial, lead = _of_pairs(ranks)
    n_all = np.diag(np.count_nonzero(~np.isnan(ranks), axis=0))
    n_all[i, j] = n_all[j, i] = n_pair
    nothing = np.where(n_pair > 0, 0.0, np.nan)
    effects = [n_all]
    for upper in (biserial, lead / np.maximum(n_pair, 1)):
        square = np.zeros((k, k))
        square[i, j], square[j, i] = upper + nothing, -upper + nothing
        effects.append(square)
    return tuple(_square(effect, segments) for effect in effects)


def _of_pairs(ranks: NDArray[np.float64]) -> tuple[NDArray[Any], ...]:
    """The images, the rank-biserial correlation and the sum of leads of each pair i < j."""
    if len(ranks) > MANY:
        pairs = [(-d, n) for d, n in differences_of_pairs(ranks)]
        found = [(int(n.sum()), counted_biserial(d, n), float(d @ n)) for d, n in pairs]
        n_pair, biserial, lead = zip(*found, strict=True)
        return np.array(n_pair), np.array(biserial), np.array(lead)
    i, j = np.triu_indices(ranks.shape[1], 1)
    ahead = ranks[:, j] - ranks[:, i]
    n_pair = np.count_nonzero(~np.isnan(ahead), axis=0)
    return n_pair, rank_biserial(ahead), np.nansum(ahead, axis=0)


def mean_ranks(rows: pd.DataFrame) -> pd.DataFrame:
    """By segment: both mean ranks, named as in ``MISSING``, and the number of images."""
    sums = segment_totals(rows, value="rank", by=(), classes=CLASSES["pool"])
    return pd.DataFrame(
        {"absolute": absolute(sums), "complete": relative(sums), "n_images": sums["n_images"]}
    )


def _sorted(means: pd.DataFrame, missing: str) -> pd.DataFrame:
    return means.reset_index().sort_values([missing, "segment"]).set_index("segment")


def _square(matrix: NDArray[np.float64], segments: pd.Index) -> pd.DataFrame:
    return pd.DataFrame(matrix, index=segments, columns=segments.rename(None))


def takes_gaps(test: PairTest) -> PairTest:
    """The test, or the one in its place, that compares pairs on the images that have both."""
    return test if test.complete is not None else PRESENCE_TEST


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
