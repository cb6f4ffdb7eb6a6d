"""intervals: aggregates with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arguments import checked_columns, checked_whole
from sat_nb.errors import InvalidInput
from sat_nb.registry import lists
from sat_nb.stats.bootstrap import (
    MANY,
    UNIT,
    Statistic,
    Unit,
    bootstrap,
    bounds_of_kinds,
    cell_sums,
    check_resampling,
    unit_columns,
    warn_if_few,
    with_units,
)
from sat_nb.stats.interval_kinds import INTERVALS, Interval, Levels, chosen_interval
from sat_nb.stats.many_units import Kinds, kinds_of
from sat_nb.table.aggregate import aggregate, of_sums, sorted_summary
from sat_nb.table.aggregations import AGGREGATIONS, Aggregation, Sums, checked_aggregation
from sat_nb.table.classes import Classes, chosen_classes, with_classes, with_column
from sat_nb.table.counts import Counts, sums_of_counts
from sat_nb.table.source import Frame, Source, Table, source_of, with_text

AT_ONCE = 2**26  # numbers in memory: sums of units

SUMS = ("total", "n_images", "padding", "n_all")
"""The columns of ``Sums``, in the order in which arrays of sums hold them."""


@lists(interval=INTERVALS)
def intervals(
    table: Table,
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
    table : pandas.DataFrame, str or path
        From ``build``, or the path of a table on disk, of which the columns that are needed are
        read; for ranks of many images their counts alone.
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
        quantiles do not exist or have fewer than five resamples beyond them; "abc" where they are
        analytic; "point", low = high,
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

    Up to 2,000 units in a group, units are drawn, for all segments together. More are counted by
    what they add to a segment's sums, for each segment by itself: up to 500 kinds of units, such
    as images by the rank that the segment has in them, the multinomial counts of kinds are drawn,
    which gives the same distribution; with more kinds, as of attributions, bounds are analytic
    (ABC), as long as the acceleration, the skewness of what units add over 6 sqrt(n), is at most
    0.05. Beyond it a few units decide, and units are drawn, however long it takes. The limits on
    the number of units and kinds keep small tables as they are; ``benchmarks/README.md`` has the
    coverage.

    References
    ----------
    Efron 1979 (percentile), 1987 (BCa); DiCiccio & Efron 1992 (ABC, Biometrika 79); Davison &
    Hinkley 1997, sections 2.4 and 3.8 (units).

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
    source = source_of(table)
    question = Question(
        aggregation=aggregation,
        parameters=parameters,
        value=value,
        by=by,
        statistic=statistic_of(partial(aggregation.function, **parameters)),
        options={"level": level, "n_resamples": n_resamples, "interval": entry, "seed": seed},
    )
    counted = _counted(source, question, chosen, unit)
    if counted is not None:
        return counted
    rows = with_units(_rows(source, question, chosen, unit), unit, by)
    # The columns of classes are there already.
    pooled = chosen is not None or (isinstance(unit, str) and unit == "label")
    summary = aggregate(
        Frame(rows), how=aggregation, value=value, by=by, classes="pool" if pooled else None
    )
    _check_not_empty(summary)
    groups = [g for _, g in rows.groupby(by, dropna=False, observed=True)] if by else [rows]
    warn_if_few(min(group[UNIT].nunique() for group in groups), unit)
    return _with_bounds(summary, [_group_bounds(group, question) for group in groups], by)


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of each group: the checked arguments of ``intervals``.

    ``options`` are those of ``bootstrap``.
    """

    aggregation: Aggregation
    parameters: dict[str, Any]
    value: str
    by: list[str]
    statistic: Statistic
    options: dict[str, Any]


def _counted(
    source: Source, question: Question, classes: Classes | None, unit: Unit
) -> pd.DataFrame | None:
    """The result for ranks of many images, from counts alone; None where it needs the rows."""
    of_ranks = question.value == "rank" and isinstance(unit, str) and unit == "image_id"
    if not of_ranks or "image_id" in question.by or source.n_images() <= MANY:
        return None
    about: dict[str, Any] = {"value": "rank", "by": question.by, "classes": classes}
    counts = source.counts(**about)
    sums = sums_of_counts(counts, question.by)
    if not len(sums) or sums["n_all"].min() <= MANY:
        return None
    summary = of_sums(sums, question.aggregation, "rank", question.parameters)
    summary = sorted_summary(summary, question.aggregation, "rank", question.by)
    return _with_bounds(summary, [_counted_bounds(counts, question)], question.by)


def _rows(source: Source, question: Question, classes: Classes | None, unit: Unit) -> pd.DataFrame:
    """The rows with the columns that are needed, and that of the classes."""
    rows = source.rows([question.value, *question.by, *unit_columns(source, unit)])
    return with_classes(rows, classes)


def _check_not_empty(summary: pd.DataFrame) -> None:
    if summary.empty:
        raise InvalidInput("table: holds no segment; loosen the filter, or build it with masks.")


def _with_bounds(summary: pd.DataFrame, bounds: list[pd.DataFrame], by: list[str]) -> pd.DataFrame:
    """The summary with the bounds of all groups."""
    on = [*by, "segment"]
    found = with_text(pd.concat(bounds), *on)
    with_bounds = summary.merge(found, on=on, how="left", validate="1:1")
    with_bounds.attrs = summary.attrs  # merge drops them; `result_of` reads them
    return with_bounds


def _group_bounds(rows: pd.DataFrame, question: Question) -> pd.DataFrame:
    """The intervals of one group, in rows that also hold its values of ``by``."""
    segments = pd.Index(rows["segment"].dropna().unique().astype(object)).sort_values()
    blocks = _blocks(segments, rows[UNIT].nunique())
    parts = [_block_bounds(rows, block, question) for block in blocks]
    group = rows[question.by].iloc[np.zeros(len(segments), dtype=int)].reset_index(drop=True)
    return group.assign(segment=segments, **_joined(parts))


def _blocks(segments: pd.Index, n_units: int) -> list[pd.Index]:
    """The segments, in blocks whose sums fit in memory; all together up to ``MANY`` units."""
    if n_units <= MANY:
        return [segments]
    size = max(1, AT_ONCE // (len(SUMS) * n_units))
    return [segments[i : i + size] for i in range(0, len(segments), size)]


def _block_bounds(rows: pd.DataFrame, segments: pd.Index, question: Question) -> dict[str, Any]:
    sums = unit_sums(rows, segments, question.value)
    bounds = bootstrap(sums, question.statistic, **question.options)
    n_units = (sums[:, SUMS.index("n_images")] > 0).sum(axis=0)
    return {
        "low": bounds.low,
        "high": bounds.high,
        "interval": bounds.interval,
        "n_units": n_units,
    }


def _joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _counted_bounds(counts: Counts, question: Question) -> pd.DataFrame:
    """The intervals of all groups and segments, where each image is a unit."""
    by = question.by
    images = dict(_by_group(counts.images, by))
    rows = []
    for key, cells in _by_group(counts.cells, by):
        for segment, of_segment in cells.groupby("segment", observed=True, sort=True):
            kinds = _kinds_of_images(of_segment, images[key])
            bounds = bounds_of_kinds(kinds, question.statistic, **question.options)
            group = dict(zip(by, cells[by].iloc[0], strict=True))
            n_units = int(of_segment["n"].sum())
            names = dict(zip(("low", "high", "interval"), bounds, strict=True))
            rows.append({**group, "segment": segment, **names, "n_units": n_units})
    found = pd.DataFrame(rows, columns=[*by, "segment", "low", "high", "interval", "n_units"])
    return found.astype({c: counts.cells[c].dtype for c in by})


def _by_group(counts: pd.DataFrame, by: list[str]) -> Iterator[tuple[Any, pd.DataFrame]]:
    """(key, rows) of each group; missing values in keys are equal to each other."""
    if not by:
        yield (), counts
        return
    for key, rows in counts.groupby(by, dropna=False, observed=True, sort=False):
        names = key if isinstance(key, tuple) else (key,)
        yield tuple(None if name is pd.NA or name != name else name for name in names), rows


def _kinds_of_images(cells: pd.DataFrame, images: pd.DataFrame) -> Kinds:
    """What images add to the sums of a segment: the rank that it has, or what its absence adds."""
    here = cells.groupby("n_segments")["n"].sum()
    sizes = images.groupby("n_segments")["n"].sum()
    absent = sizes.sub(here, fill_value=0)
    ranks = cells["value"].to_numpy(float)
    present = np.stack([ranks, np.ones_like(ranks), np.zeros_like(ranks), np.ones_like(ranks)], 1)
    padding = absent.index.to_numpy(float) + 1
    others = np.stack([0 * padding, 0 * padding, padding, np.ones_like(padding)], axis=1)
    counts = np.concatenate([cells["n"].to_numpy(), absent.to_numpy()]).astype(np.int64)
    return kinds_of(np.concatenate([present, others])[counts > 0], counts[counts > 0])


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
