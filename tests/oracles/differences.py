"""Two models side by side, slowly, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

from tests.oracles.tables import rank

Rows = list[dict[str, Any]]
Ranks = dict[tuple[str, str], float]


def shifts(rows_a: Rows, rows_b: Rows) -> dict[str, dict[str, float]]:
    """Segment -> {image: rank in b - rank in a}, where both have it; ranks are over those of both.

    In an image whose segments are the same in both tables these are the ranks as they are.
    """
    ranks_a, ranks_b = _ranks(rows_a, rows_b), _ranks(rows_b, rows_a)
    found: dict[str, dict[str, float]] = {}
    for image_id, segment in ranks_a:
        shift = ranks_b[image_id, segment] - ranks_a[image_id, segment]
        found.setdefault(segment, {})[image_id] = shift
    return found


def _ranks(rows: Rows, others: Rows) -> Ranks:
    shared = {(r["image_id"], r["segment"]) for r in others}
    kept = [r for r in rows if (r["image_id"], r["segment"]) in shared]
    values: dict[str, list[float]] = {}
    for row in kept:
        values.setdefault(row["image_id"], []).append(row["abs_mean_attribution"])
    return {
        (r["image_id"], r["segment"]): rank(r["abs_mean_attribution"], values[r["image_id"]])
        for r in kept
    }


def unit_means(by_image: Mapping[str, float], unit_of: Mapping[str, str]) -> list[float]:
    """The mean shift of each unit that has any."""
    units: dict[str, list[float]] = {}
    for image_id, shift in by_image.items():
        units.setdefault(unit_of[image_id], []).append(shift)
    return [sum(group) / len(group) for group in units.values()]


def signed_rank(differences: list[float]) -> float:
    """Share of all sign patterns whose signed rank sum is at least as far from 0."""
    moved = [abs(d) for d in differences if d != 0]
    ranks = [len(moved) + 1 - rank(d, moved) for d in moved]  # the smallest has rank 1
    signs = [1 if d > 0 else -1 for d in differences if d != 0]
    seen = abs(sum(s * r for s, r in zip(signs, ranks, strict=True)))
    sums = [
        abs(sum(s * r for s, r in zip(pattern, ranks, strict=True)))
        for pattern in product((-1, 1), repeat=len(ranks))
    ]
    return sum(total >= seen - 1e-9 for total in sums) / len(sums)
