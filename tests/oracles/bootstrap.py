"""The bootstrap, slowly, from its definition: whole images are drawn, and all is computed anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

Rows = list[dict[str, Any]]
Values = dict[str, float]
NORMAL = NormalDist()


def draws(n_units: int, n_resamples: int, seed: int) -> list[list[int]]:
    """Which units each resample takes."""
    return np.random.default_rng(seed).integers(n_units, size=(n_resamples, n_units)).tolist()


def resampled_values(
    rows: Rows,
    unit_of: Mapping[str, str],
    taken: Sequence[int],
    values_of: Callable[[Rows], Values],
) -> Values:
    """The values of a table in which each unit's images stand as often as it was taken."""
    names = sorted(set(unit_of.values()))
    table = [
        {**row, "image_id": f"{row['image_id']}, copy {copy}"}
        for copy, unit in enumerate(taken)
        for row in rows
        if unit_of[row["image_id"]] == names[unit]
    ]
    return values_of(table)


def interval(
    rows: Rows,
    unit_of: Mapping[str, str],
    segment: str,
    values_of: Callable[[Rows], Values],
    *,
    level: float,
    n_resamples: int,
    seed: int,
    corrected: bool,
) -> tuple[float, float, str]:
    """Low, high and how, of one segment's value."""
    n = len(set(unit_of.values()))
    estimate = values_of(rows)[segment]
    everyone = range(n)
    jackknife = [
        resampled_values(rows, unit_of, [u for u in everyone if u != left], values_of).get(segment)
        for left in everyone
    ]
    if n == 1 or None in jackknife:
        return float("nan"), float("nan"), "none"
    found = [
        resampled_values(rows, unit_of, taken, values_of).get(segment)
        for taken in draws(n, n_resamples, seed)
    ]
    values = sorted(value for value in found if value is not None)
    if values[-1] - values[0] < 1e-11:
        return estimate, estimate, "point"
    tails = [(1 - level) / 2, (1 + level) / 2]
    levels = _corrected(values, estimate, jackknife, tails) if corrected else tails
    edge = 5 / len(values)
    if levels is None or min(levels) < edge or max(levels) > 1 - edge:
        return quantile(values, tails[0]), quantile(values, tails[1]), "percentile"
    how = "bca" if corrected else "percentile"
    return quantile(values, levels[0]), quantile(values, levels[1]), how


def _corrected(
    values: list[float], estimate: float, jackknife: list[float], tails: list[float]
) -> list[float] | None:
    """Efron 1987, equations 6.8 (levels) and 6.6 (acceleration, by the jackknife)."""
    equal = sum(abs(v - estimate) < 1e-11 for v in values)
    smaller = sum(v <= estimate - 1e-11 for v in values)
    share = (smaller + equal / 2) / len(values)
    if not 0 < share < 1:
        return None
    z0 = NORMAL.inv_cdf(share)
    mean = sum(jackknife) / len(jackknife)
    cubes = sum((mean - v) ** 3 for v in jackknife)
    squares = sum((mean - v) ** 2 for v in jackknife)
    a = cubes / (6 * squares**1.5)
    z = [z0 + NORMAL.inv_cdf(tail) for tail in tails]
    if any(a * one >= 1 for one in z):
        return None
    return [NORMAL.cdf(z0 + one / (1 - a * one)) for one in z]


def quantile(values: list[float], level: float) -> float:
    """Between the two neighbours in order, linearly."""
    place = level * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (place - below) * (values[above] - values[below])
