"""intervals: aggregates with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arguments import checked_columns, checked_whole
from sat_nb.errors import InvalidInput
from sat_nb.registry import lists
from sat_nb.stats.bootstrap import (
    INTERVALS,
    UNIT,
    Interval,
    Levels,
    Statistic,
    Unit,
    bootstrap,
    cell_sums,
    check_resampling,
    chosen_interval,
    warn_if_few,
    with_units,
)
from sat_nb.table.aggregate import aggregate
from sat_nb.table.aggregations import AGGREGATIONS, Aggregation, Sums, checked_aggregation
from sat_nb.table.classes import chosen_classes, with_classes, with_column
from sat_nb.table.schema import check_table

SUMS = ("total", "n_images", "padding", "n_all")
"""The columns of ``Sums``, in the order in which arrays of sums hold them."""


@lists(interval=INTERVALS)
def intervals(
    table: pd.DataFrame,
    *,
    how: str | Aggregation | Callable[..., pd.Series] = "relative",
    value: str = "mean_attribution",
    by: str | Sequence[str] = ("method",),
    classes: str | None = None,
    unit: Unit = "image_id",
    level: float = 0.95,
    n_resamples: int = 10_000,
    interval: str | Interval | Levels = "bca",
    seed: int = 0,
) -> pd.DataFrame:
    """Aggregate a table, with bootstrap intervals over images or groups of images.

    An interval says how the mean would vary over other images like these. It does not include the
    noise of a saliency method that samples: that is ``se_mean_attribution``.

    Parameters
    ----------
    table : pandas.DataFrame
        From ``build``.
    how : str, Aggregation or callable, default "relative"
        As for ``aggregate``; only aggregations of sums have intervals.
    value : str, default "mean_attribution"
        The column to aggregate, as for ``aggregate``.
    by : str or sequence of str, default ("method",)
        Columns whose values are kept apart, as for ``aggregate``.
    classes : str, default None
        What becomes of several classes, as for ``aggregate``: "pool", "label", "predicted" or
        "correct".
    unit : str, Mapping or Series, default "image_id"
        What is drawn with replacement: a column, or {image_id: unit}. If images are not independent
        (near-duplicates, frames of one video), their group; "model" for several training seeds of
        one architecture, whose rows are then averaged together.
    level : float, default 0.95
        Level of the two-sided interval.
    n_resamples : int, default 10000
        How often all units of a group of ``by`` are drawn.
    interval : str, Interval or callable, default "bca"
        A name in ``INTERVALS``, an entry of your own, or a function as described in
        :class:`Interval`:

        [[interval]]

    seed : int, default 0
        The same seed gives the same intervals; groups with equally many units share their draws.

    Returns
    -------
    pandas.DataFrame
        As from ``aggregate``, with ``low``, ``high``, ``interval`` (their kind) and ``n_units``
        (units that have the segment). ``interval`` is "percentile" under "bca" if the corrected
        quantiles do not exist or have fewer than five resamples beyond them; "point", low = high,
        if all resamples agree, as for a segment that is always first: the data do not tell how far
        it is from certain; "none", with NaN, if the value rests on one unit, as a Relative mean of
        a segment that one image has.

    Raises
    ------
    InvalidInput
        As ``aggregate`` does; if a unit contains only some rows of an image.
    IdMismatch
        If an image has no unit.

    Warns
    -----
    UserWarning
        For fewer than ten units, whose intervals are too narrow; see ``n_units`` for single
        segments.

    Notes
    -----
    A resample may lack a segment that few units have. It has no Relative mean there and is left
    out, so the interval is over resamples that have the segment; under Absolute it counts like any
    other.

    References
    ----------
    Efron 1979 (percentile), 1987 (BCa); Davison & Hinkley 1997, sections 2.4 and 3.8 (units).

    Examples
    --------
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
            f"how: intervals support only aggregations of sums ({', '.join(map(repr, of_sums))}), "
            f"got {aggregation.name!r}."
        )
    checked_whole("seed", seed)
    chosen = chosen_classes(classes)
    by = with_column(checked_columns(by), chosen)
    rows = with_units(with_classes(check_table(table), chosen), unit, by)
    if chosen is not None or (
        isinstance(unit, str) and unit == "label"
    ):  # the columns of classes are there already
        classes = "pool"
    summary = aggregate(rows, how=how, value=value, by=by, classes=classes)
    if summary.empty:
        raise InvalidInput("table: holds no segment; loosen the filter, or build it with masks.")
    bounds_of = partial(
        bootstrap,
        statistic=statistic_of(partial(aggregation.function, **parameters)),
        level=level,
        n_resamples=n_resamples,
        interval=entry,
        seed=seed,
    )
    groups = [g for _, g in rows.groupby(by, dropna=False)] if by else [rows]
    warn_if_few(min(group[UNIT].nunique() for group in groups), unit)
    bounds = pd.concat([_group_bounds(group, value, by, bounds_of) for group in groups])
    with_bounds = summary.merge(bounds, on=[*by, "segment"], how="left", validate="1:1")
    with_bounds.attrs = summary.attrs  # merge drops them; `result_of` reads them
    return with_bounds


def _group_bounds(
    rows: pd.DataFrame, value: str, by: Sequence[str], bounds_of: Callable
) -> pd.DataFrame:
    """The intervals of one group, in rows that also hold its values of ``by``."""
    segments = pd.Index(rows["segment"].dropna().unique()).sort_values()
    sums = unit_sums(rows, segments, value)
    bounds = bounds_of(sums)
    group = rows[list(by)].iloc[np.zeros(len(segments), dtype=int)].reset_index(drop=True)
    return group.assign(
        segment=segments,
        low=bounds.low,
        high=bounds.high,
        interval=bounds.interval,
        n_units=(sums[:, SUMS.index("n_images")] > 0).sum(axis=0),
    )


def unit_sums(rows: pd.DataFrame, segments: pd.Index, value: str) -> NDArray[np.float64]:
    """The sums named in SUMS by unit and segment: (n_units, 4, k), units sorted."""
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
    """The aggregation as a function of the sums of many resamples at once."""

    def values(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        columns = {name: sums[:, i].ravel() for i, name in enumerate(SUMS)}
        means = aggregation(pd.DataFrame(columns)).to_numpy(dtype=np.float64)
        return means.reshape(sums.shape[0], sums.shape[2])

    return values
