"""The aggregations, slowly, from their definitions.

``rows`` are dicts with ``image_id``, ``segment`` (None: an image without segments), the value
and, for homogeneity, ``predicted``; each function gives segment -> number.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor, log, sqrt
from typing import Any

from tests.oracles.tables import aggregate

Rows = list[dict[str, Any]]


def relative(rows: Rows, value: str) -> dict[str, float]:
    return _paper("relative", rows, value)


def absolute(rows: Rows, value: str) -> dict[str, float]:
    return _paper("absolute", rows, value)


def _paper(how: str, rows: Rows, value: str) -> dict[str, float]:
    found = aggregate(rows, how=how, value=value)
    return {segment: mean for segment, mean in found.items() if isinstance(segment, str)}


def values_of(rows: Rows, segment: str, value: str) -> list[float]:
    return sorted(row[value] for row in rows if row["segment"] == segment)


def segments_of(rows: Rows) -> set[str]:
    return {row["segment"] for row in rows if isinstance(row["segment"], str)}


def median(rows: Rows, value: str) -> dict[str, float]:
    found = {}
    for segment in segments_of(rows):
        ordered = values_of(rows, segment, value)
        n = len(ordered)
        found[segment] = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    return found


def trimmed_mean(rows: Rows, value: str, *, share: float) -> dict[str, float]:
    found = {}
    for segment in segments_of(rows):
        ordered = values_of(rows, segment, value)
        for _ in range(floor(Fraction(str(share)) * len(ordered))):
            ordered = ordered[1:-1]
        found[segment] = sum(ordered) / len(ordered)
    return found


def top_k(rows: Rows, value: str, *, k: int) -> dict[str, float]:
    images = {row["image_id"] for row in rows}
    return {
        segment: sum(
            any(r["image_id"] == i and r["segment"] == segment and r["rank"] <= k for r in rows)
            for i in images
        )
        / len(images)
        for segment in segments_of(rows)
    }


def lime(rows: Rows, value: str) -> dict[str, float]:
    return {
        segment: sqrt(sum(abs(v) for v in values_of(rows, segment, value)))
        for segment in segments_of(rows)
    }


def homogeneity(
    rows: Rows, value: str, *, classes: str = "predicted", of: int | None = None
) -> dict[str, float]:
    names = segments_of(rows)
    importance = {}  # I_cj
    for c in {row[classes] for row in rows}:
        here = lime([row for row in rows if row[classes] == c], value)
        importance[c] = {j: here.get(j, 0.0) for j in names}
    entropy = {}  # H_j
    for j in names:
        total = sum(importance[c][j] for c in importance)
        if total > 0:
            shares = [importance[c][j] / total for c in importance]
            entropy[j] = -sum(p * log(p) for p in shares if p > 0)
    found = {}
    for j in names:
        i_j = sum(importance[c][j] for c in importance if of is None or c == of)
        lowest, highest = min(entropy.values(), default=0), max(entropy.values(), default=0)
        alike = highest - lowest <= 1e-12
        weight = 1.0 if alike or j not in entropy else (highest - entropy[j]) / (highest - lowest)
        found[j] = weight * i_j
    return found
