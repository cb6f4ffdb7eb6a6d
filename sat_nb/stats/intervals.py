"""intervals: the means of `aggregate`, and how far they may be off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arguments import checked_columns, checked_whole
from sat_nb.errors import InvalidInput
from sat_nb.stats.bootstrap import (
    UNIT,
    Interval,
    Levels,
    Statistic,
    Unit,
    bootstrap,
    cell_sums,
    check_resampling,
    chosen_interval,
    warn_of_few,
    with_units,
)
from sat_nb.table.aggregate import aggregate
from sat_nb.table.aggregations import AGGREGATIONS, Sums, checked_aggregation
from sat_nb.table.schema import check_table

SUMS = ("total", "n_images", "padding", "n_all")
"""The columns of ``Sums``: each adds up over units, so that aggregations follow from resamples."""


def intervals(
    table: pd.DataFrame,
    *,
    how: str = "relative",
    value: str = "mean_attribution",
    by: str | Sequence[str] = ("method",),
    unit: Unit = "image_id",
    level: float = 0.95,
    n_resamples: int = 10_000,
    interval: str | Interval | Levels = "bca",
    seed: int = 0,
) -> pd.DataFrame:
    """The means of ``aggregate`` with bootstrap intervals over images, or groups of them.

    An interval says how the mean would scatter over other images like these. It knows
    nothing of the noise of a saliency method that samples: that is ``se_mean_attribution``.

    Parameters
    ----------
    table, how, value, by: as in ``aggregate``.
    unit: what is drawn with replacement: a column, or {image_id: unit}. Images by default;
        where images are not independent (near-duplicates, frames of one video) their group;
        "model" for several training seeds of one architecture, whose rows are then averaged
        together.
    level: of the interval, two-sided.
    n_resamples: how many times all units of a group of ``by`` are drawn.
    interval: "bca", corrected for bias and skewness, or "percentile". A name in INTERVALS.
    seed: the same seed gives the same intervals; groups of as many units share their draws.

    Returns the DataFrame of ``aggregate`` with ``low``, ``high``, ``interval`` (how they came
    about) and ``n_units`` (units that have the segment). ``interval`` is "percentile" under
    "bca" where the corrected quantiles have fewer than five resamples beyond them or do not
    exist; "point", low = high, where all resamples agree, as for a segment that is always
    first: the data do not tell how far it is from certain; "none", NaN, where the value rests
    on one unit, as a Relative mean of a segment that one image has.

    A resample may lack a segment that few units have. It has no Relative mean there and is
    left out, so the interval is over resamples that have the segment; under Absolute it
    counts like any other. Fewer than ten units give intervals that are too narrow, with a
    warning; see ``n_units`` for single segments.

    Raises InvalidInput as ``aggregate`` does, and where units cut through an image; IdMismatch
    where an image has no unit.

    Sources: Efron 1979 (percentile), 1987 (BCa); Davison & Hinkley 1997, 2.4 and 3.8 (units).

    >>> from sat_nb.toy import toy
    >>> noisy = build(*toy()).query("method == 'noisy'")
    >>> found = intervals(noisy, value="rank")
    >>> found[["segment", "rank", "low", "high", "interval", "n_units"]].round(2)
      segment  rank   low  high interval  n_units
    0    nose  1.65  1.40  1.95      bca       20
    1    eyes  1.75  1.45  2.35      bca       20
    2   mouth  3.10  2.70  3.45      bca       20
    3    ears  4.00  3.39  4.46      bca       15
    4    rest  4.25  3.95  4.50      bca       20
    """
    check_resampling(level, n_resamples)
    entry = chosen_interval(interval)
    aggregation, value, parameters = checked_aggregation(how, value, None)
    if aggregation.needs != "sums":
        of_sums = [name for name, entry in AGGREGATIONS.items() if entry.needs == "sums"]
        raise InvalidInput(
            f"how: {aggregation.name!r} does not follow from sums over images, of which intervals "
            f"are; expected one of {', '.join(map(repr, of_sums))}."
        )
    checked_whole("seed", seed)
    by = checked_columns(by)
    rows = with_units(check_table(table), unit, by)
    summary = aggregate(rows, how=how, value=value, by=by)
    if summary.empty:
        raise InvalidInput("table: holds no segment, so there is nothing to find intervals of.")
    found = partial(
        bootstrap,
        statistic=statistic_of(partial(aggregation.function, **parameters)),
        level=level,
        n_resamples=n_resamples,
        interval=entry,
        seed=seed,
    )
    groups = [g for _, g in rows.groupby(by, dropna=False)] if by else [rows]
    warn_of_few(min(group[UNIT].nunique() for group in groups), unit)
    bounds = pd.concat([_group_bounds(group, value, by, found) for group in groups])
    with_bounds = summary.merge(bounds, on=[*by, "segment"], how="left", validate="1:1")
    with_bounds.attrs = summary.attrs  # merge drops them; `result_of` reads them
    return with_bounds


def _group_bounds(
    rows: pd.DataFrame, value: str, by: Sequence[str], found: Callable
) -> pd.DataFrame:
    """The intervals of one group, with the group's values of ``by`` on each row."""
    segments = pd.Index(rows["segment"].dropna().unique()).sort_values()
    sums = unit_sums(rows, segments, value)
    bounds = found(sums)
    group = rows[list(by)].iloc[np.zeros(len(segments), dtype=int)].reset_index(drop=True)
    return group.assign(
        segment=segments,
        low=bounds.low,
        high=bounds.high,
        interval=bounds.interval,
        n_units=(sums[:, SUMS.index("n_images")] > 0).sum(axis=0),
    )


def unit_sums(rows: pd.DataFrame, segments: pd.Index, value: str) -> NDArray[np.float64]:
    """What SUMS names, of each unit and segment: (n_units, 4, k); units are in order."""
    units, names = pd.factorize(rows[UNIT], sort=True)
    n, k = len(names), len(segments)
    ranked = rows["n_segments"].to_numpy() + 1.0 if value == "rank" else np.zeros(len(rows))
    first = ~rows["image_id"].duplicated().to_numpy()
    n_all = np.bincount(units[first], minlength=n)[:, None]
    if_absent = np.bincount(units[first], ranked[first], minlength=n)[:, None]
    codes = segments.get_indexer(pd.Index(rows["segment"]))
    here = codes >= 0
    values = rows[value].to_numpy(dtype=np.float64)
    total, n_images, absent = (
        cell_sums(units[here], codes[here], of_row[here], (n, k))
        for of_row in (values, np.ones(len(rows)), ranked)
    )
    padding = if_absent - absent
    return np.stack([total, n_images, padding, np.broadcast_to(n_all, (n, k))], axis=1)


def statistic_of(aggregation: Callable[[Sums], pd.Series]) -> Statistic:
    """The aggregation, of many resamples' sums at once."""

    def values(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        columns = {name: sums[:, i].ravel() for i, name in enumerate(SUMS)}
        means = aggregation(pd.DataFrame(columns)).to_numpy(dtype=np.float64)
        return means.reshape(sums.shape[0], sums.shape[2])

    return values
