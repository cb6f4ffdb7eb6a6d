"""What does not fit, slowly, row by row, from the definitions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

Rows = Sequence[dict[str, Any]]


def mean_rank(rows: Rows, segment: str) -> float:
    """Of the rows of one method."""
    ranks = [row["rank"] for row in rows if row["segment"] == segment]
    return sum(ranks) / len(ranks)


def distance(rows: Rows, image_id: str) -> tuple[float, str]:
    """Mean |rank - mean rank| of an image's segments, and the segment that is furthest off."""
    off = {
        row["segment"]: abs(row["rank"] - mean_rank(rows, row["segment"]))
        for row in rows
        if row["image_id"] == image_id
    }
    return sum(off.values()) / len(off), min(off, key=lambda name: (-round(off[name], 9), name))


def sd_rank(rows: Rows, segment: str) -> float:
    """Over the images that have the segment, divided by n - 1."""
    ranks = [row["rank"] for row in rows if row["segment"] == segment]
    mean = sum(ranks) / len(ranks)
    return math.sqrt(sum((rank - mean) ** 2 for rank in ranks) / (len(ranks) - 1))


def quantile(values: Sequence[float], share: float) -> float:
    """Between the two values that the share falls in, linearly."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def tau_b(a: Sequence[float], b: Sequence[float]) -> float:
    """Concordant less discordant pairs, over the root of the pairs untied in each."""
    pairs = [(i, j) for i in range(len(a)) for j in range(i)]
    score = sum(_sign(a[i] - a[j]) * _sign(b[i] - b[j]) for i, j in pairs)
    untied = [sum(_sign(x[i] - x[j]) != 0 for i, j in pairs) for x in (a, b)]
    return score / math.sqrt(untied[0] * untied[1]) if all(untied) else math.nan


def _sign(x: float) -> int:
    return int(x > 0) - int(x < 0)
