"""The bootstrap of statistics that follow from sums over independent units."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arguments import checked_level, checked_whole
from sat_nb.arrays import Float64
from sat_nb.errors import IdMismatch, InvalidInput, shorten, unknown_name
from sat_nb.stats.interval_kinds import EQUAL, INTERVALS, Interval, Levels, chosen_interval
from sat_nb.stats.many_units import Curve, Kinds, curve_of, kinds_of, resample_kinds, without_one
from sat_nb.table.schema import IMAGE_KEY
from sat_nb.table.source import Source

Statistic = Callable[[Float64], Float64]
"""Sums (r, m, k), m sums for each of k values in r resamples, -> values (r, k), NaN for none."""

MANY = 2_000
"""Units up to which all are drawn one by one."""

MOST_KINDS = 500
"""Kinds of units up to which their counts are drawn; with more, bounds are analytic."""

MOST_SKEWED = 0.05
"""The largest acceleration of analytic bounds."""

CHUNK = 2**21  # numbers in memory at once while resampling
FEWEST = 5  # resamples that must lie beyond a bound


@dataclass(frozen=True, eq=False)
class Bounds:
    """Intervals of k values: arrays (k,).

    ``interval`` is the kind of each: the one that was asked for; "percentile" if that was not
    stable; "abc" where "bca" was asked for and is analytic; "point" if all resamples agree; "none",
    with NaN bounds, if the value rests on one unit, so that nothing is known of its variation.
    """

    low: Float64
    high: Float64
    interval: NDArray[np.object_]


def bootstrap(
    sums: Float64,
    statistic: Statistic,
    *,
    level: float = 0.95,
    n_resamples: int = 10_000,
    interval: str | Interval | Levels = "bca",
    seed: int = 0,
) -> Bounds:
    """Intervals of k values that follow from sums over units.

    Parameters
    ----------
    sums : array of float, shape (n_units, m, k)
        The m sums of each unit for each of k values.
    statistic : callable
        From sums (r, m, k) to values (r, k). Resamples without a value, NaN, are left out of its
        interval.
    level, n_resamples, interval, seed : optional
        As for ``intervals``.

    Returns
    -------
    Bounds
        The bounds of the k values.

    Notes
    -----
    Up to ``MANY`` units are drawn one by one, for all values together. More are counted by what
    they add to a value, see ``bounds_of_kinds``.

    Examples
    --------
    >>> heights = np.array([1.0, 3.0, 2.0, 5.0, 4.0, 3.0])
    >>> sums = np.stack([heights, np.ones(6)], axis=1)[:, :, None]
    >>> bounds = bootstrap(sums, lambda s: s[:, 0] / s[:, 1], interval="percentile")
    >>> bounds.low.round(2), bounds.high.round(2)
    (array([2.]), array([4.]))
    """
    entry = chosen_interval(interval)
    check_resampling(level, n_resamples)
    if len(sums) > MANY:
        return joined_bounds(
            bounds_of_kinds(
                kinds_of(sums[:, :, j]),
                statistic,
                level=level,
                n_resamples=n_resamples,
                interval=entry,
                seed=seed,
            )
            for j in range(sums.shape[2])
        )
    # The jackknife, each value without one unit, is a subtraction from the total.
    total = sums.sum(axis=0)
    estimates = statistic(total[None])[0]
    without_one = statistic(total - sums)
    resampled = resample(sums, statistic, n_resamples, seed)
    bounds = [
        _bounds(values[np.isfinite(values)], estimate, jackknife, level, entry)
        for values, estimate, jackknife in zip(resampled.T, estimates, without_one.T, strict=True)
    ]
    return joined_bounds(bounds)


def joined_bounds(bounds: Iterable[tuple[float, float, str]]) -> Bounds:
    """The low and high bounds of several values, and their kinds, as arrays."""
    found = list(bounds)
    low, high, names = zip(*found, strict=True) if found else ((), (), ())
    return Bounds(np.array(low, float), np.array(high, float), np.array(names, dtype=object))


def bounds_of_kinds(
    kinds: Kinds,
    statistic: Statistic,
    *,
    level: float,
    n_resamples: int,
    interval: Interval,
    seed: int,
) -> tuple[float, float, str]:
    """The low and high bound of one value of many units, and their kind.

    Up to ``MOST_KINDS`` kinds of units, multinomial counts of them are drawn. With more, bounds
    are analytic (ABC, DiCiccio & Efron 1992) if the acceleration is at most ``MOST_SKEWED``, which
    is the skewness of what units add over 6 sqrt(n); there the two agree, and cover what they
    claim. Data more skewed than that, where a few units decide, are drawn whatever it takes.
    """
    if len(kinds.counts) > MOST_KINDS:
        curve = curve_of(kinds, statistic)
        if abs(curve.a) <= MOST_SKEWED:
            return _analytic(curve, kinds, statistic, level, n_resamples, interval)
    estimate = float(statistic((kinds.counts @ kinds.sums)[None, :, None])[0, 0])
    jackknife = without_one(kinds, statistic)
    if len(kinds.counts) > MOST_KINDS:
        each = np.repeat(kinds.sums, kinds.counts, axis=0)[:, :, None]
        resampled = resample(each, statistic, n_resamples, seed)[:, 0]
    else:
        resampled = resample_kinds(kinds, statistic, n_resamples, seed)
    return _bounds(resampled[np.isfinite(resampled)], estimate, jackknife, level, interval)


def _analytic(
    curve: Curve,
    kinds: Kinds,
    statistic: Statistic,
    level: float,
    n_resamples: int,
    interval: Interval,
) -> tuple[float, float, str]:
    """The bounds of a value whose resampled distribution is known without resampling."""
    if curve.sigma <= EQUAL * abs(curve.estimate):
        return curve.estimate, curve.estimate, "point"
    if interval is INTERVALS["bca"]:
        low, high = curve.bounds(_tails(level))
        return float(low), float(high), "abc"
    levels = (np.arange(n_resamples) + 0.5) / n_resamples
    jackknife = without_one(kinds, statistic)
    return _bounds(curve.quantiles(levels), curve.estimate, jackknife, level, interval)


def resample(sums: Float64, statistic: Statistic, n_resamples: int, seed: int) -> Float64:
    """The statistic of resampled units (n_resamples, k); the same whatever CHUNK is."""
    n, m, k = sums.shape
    rng = np.random.default_rng(seed)
    # A resample is a row of counts, its sums the counts times the units' sums: one matrix product.
    rows = max(1, CHUNK // max(n, m * k, 1))
    sizes = [min(rows, n_resamples - start) for start in range(0, n_resamples, rows)]
    flat = sums.reshape(n, m * k)
    parts = [statistic((_counts(rng, r, n) @ flat).reshape(r, m, k)) for r in sizes]
    return np.concatenate(parts)


def _counts(rng: np.random.Generator, n_resamples: int, n_units: int) -> Float64:
    """How often each unit was drawn: multinomial counts (n_resamples, n_units)."""
    # Counting draws in one bincount over (resample, unit) cells is faster than rng.multinomial.
    drawn = rng.integers(n_units, size=(n_resamples, n_units))
    cells = drawn + n_units * np.arange(n_resamples)[:, None]
    counts = np.bincount(cells.ravel(), minlength=n_resamples * n_units)
    return counts.reshape(n_resamples, n_units).astype(np.float64)


def _bounds(
    resampled: Float64, estimate: float, jackknife: Float64, level: float, interval: Interval
) -> tuple[float, float, str]:
    """The low and high bound of one value, and their kind."""
    if not np.isfinite(jackknife).all():  # no value without one of the units
        return np.nan, np.nan, "none"
    if np.ptp(resampled) <= EQUAL * np.abs(resampled).max():
        return estimate, estimate, "point"
    tails = _tails(level)
    levels = interval(resampled, estimate, jackknife, tails)
    edge = FEWEST / len(resampled)
    stable = bool(np.all((levels >= edge) & (levels <= 1 - edge)))  # False for NaN
    low, high = np.quantile(resampled, levels if stable else tails)
    return low, high, interval.key if stable else "percentile"


def _tails(level: float) -> Float64:
    return np.array([(1 - level) / 2, (1 + level) / 2])


def check_resampling(level: float, n_resamples: int) -> None:
    """Raise InvalidInput for a level, or a number of resamples, that no interval can have."""
    checked_level("level", level, 0.95)
    checked_whole("n_resamples", n_resamples, 1)
    needed = int(np.ceil(round(2 * FEWEST / (1 - level), 6)))
    if n_resamples < needed:
        raise InvalidInput(
            f"n_resamples: expected at least {needed} for level {level:g}, so that {FEWEST} lie "
            f"beyond each bound, got {n_resamples!r}."
        )


Unit = str | Mapping[str, object] | pd.Series
UNIT = "_unit"
FEW = 10  # units: with ten, a 95 % interval of a mean covers 90 %, with five 84 %, less if skewed
KEPT_APART = ("model", "label")  # columns that `aggregate` mixes only if they are the unit


def with_units(table: pd.DataFrame, unit: Unit, by: Sequence[str]) -> pd.DataFrame:
    """A copy with the column UNIT, in which rows of different units are different images."""
    # If the unit is the model, an image explained for five models is five observations: the ids
    # become (unit, image_id), and the model no longer keeps rows apart.
    if isinstance(unit, str) and unit in by:
        raise InvalidInput(
            f"unit: {unit!r} is also in `by`, so that each group would be one unit; "
            "choose one of the two."
        )
    units = units_of(table, unit)
    marked = table.assign(**{UNIT: units})
    if not isinstance(unit, str) or unit == "image_id":
        return marked
    ids = list(zip(units, table["image_id"], strict=True))
    marked["image_id"] = pd.Series(ids, index=table.index, dtype=object)
    if unit in KEPT_APART:
        marked[unit] = marked[unit].where(np.zeros(len(marked), dtype=bool))  # missing, same dtype
    return marked


def unit_columns(source: Source, unit: Unit | None) -> list[str]:
    """The columns that tell the units; InvalidInput for one that the table lacks."""
    if not isinstance(unit, str):
        return []
    if unit not in source.empty:
        raise unknown_name("unit", unit, source.empty.columns)
    return [unit]


def units_of(table: pd.DataFrame, unit: Unit) -> pd.Series:
    """The unit of each row; InvalidInput if an image has several, IdMismatch if it has none."""
    units = _column(table, unit) if isinstance(unit, str) else _looked_up(table, unit)
    without = table.loc[units.isna(), "image_id"].unique()
    if len(without):
        raise IdMismatch(
            f"unit: {len(without)} images have none: {shorten(without)}; give each a unit, such as "
            "its own id, or filter the table."
        )
    return units


def cell_sums(
    rows: NDArray[np.integer],
    columns: NDArray[np.integer],
    values: NDArray[np.float64],
    shape: tuple[int, int],
) -> NDArray[np.float64]:
    """A matrix of sums: each value is added at its row and column."""
    cells = np.bincount(rows * shape[1] + columns, values, minlength=shape[0] * shape[1])
    return cells.reshape(shape).astype(np.float64)


def warn_if_few(n_units: int, unit: Unit, stacklevel: int = 3) -> None:
    """Warn that bootstrap intervals of few units are too narrow."""
    if n_units < FEW:
        name = unit if isinstance(unit, str) else "unit"
        warnings.warn(
            f"unit: {n_units} units ({name}) are few: bootstrap intervals of fewer than {FEW} are "
            "too narrow (with five, a 95 % interval covers 84 % at best).",
            stacklevel=stacklevel,
        )


def _column(table: pd.DataFrame, unit: str) -> pd.Series:
    if unit not in table.columns:
        raise unknown_name("unit", unit, table.columns)
    pairs = table[list(dict.fromkeys([*IMAGE_KEY, unit]))].drop_duplicates()
    several = pairs.loc[pairs.duplicated(IMAGE_KEY), "image_id"]
    if len(several):
        image_id = several.iloc[0]
        raise InvalidInput(
            f"unit: {unit!r} differs between the segments of image {image_id!r}; expected one unit "
            "for all rows of an image."
        )
    return table[unit]


def _looked_up(table: pd.DataFrame, unit: Mapping[str, object] | pd.Series) -> pd.Series:
    if not isinstance(unit, Mapping | pd.Series):
        raise InvalidInput(
            "unit: expected the name of a column, or {image_id: unit} as a mapping or Series, "
            f"got {type(unit).__name__}."
        )
    units = pd.Series(unit, dtype=object) if isinstance(unit, Mapping) else unit
    if not units.index.is_unique:
        twice = units.index[units.index.duplicated()].unique()
        raise InvalidInput(f"unit: expected one unit an image, got several for {shorten(twice)}.")
    return table["image_id"].map(units)
