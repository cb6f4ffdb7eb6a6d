"""The table, the aggregates and the ranks, slowly, from the paper's definitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from sat_nb import SegmentationMap
from tests.oracles.masks import dilate, resize_by_area, resize_by_whole_areas


def rows(
    maps: Mapping[str, Mapping[str, np.ndarray]],
    segments: Mapping[str, SegmentationMap],
    *,
    pad_px: int = 2,
) -> list[dict[str, Any]]:
    """One dict an image x method x segment, the attribution added up pixel by pixel."""
    found = []
    prepared: dict[Any, dict[str, np.ndarray]] = {}
    for method, by_id in maps.items():
        for image_id, attribution in by_id.items():
            size = attribution.shape[:2]
            if (image_id, size) not in prepared:
                prepared[image_id, size] = _prepared(segments[image_id], size, pad_px)
            masks = prepared[image_id, size]
            means = {name: _mean(attribution, mask) for name, mask in masks.items()}
            pooled = attribution.reshape(*size, -1).astype(np.float64).sum(axis=2)
            near = 1e-6 * np.abs(pooled).max()
            for name, mask in masks.items():
                found.append(
                    {
                        "image_id": image_id,
                        "method": method,
                        "segment": name,
                        "mean_attribution": means[name],
                        "abs_mean_attribution": abs(means[name]),
                        "rank": rank(abs(means[name]), [abs(m) for m in means.values()], near),
                        "mask_px": int(mask.sum()),
                        "n_segments": len(masks),
                    }
                )
    return found


def rank(value: float, among: Sequence[float], near: float = 0.0) -> float:
    """1 + those that are larger + half of the others in its run of values ``near`` each other."""
    runs: list[list[float]] = []
    for other in sorted(among, reverse=True):
        if runs and runs[-1][-1] - other <= near:
            runs[-1].append(other)
        else:
            runs.append([other])
    at = next(i for i, run in enumerate(runs) if value in run)
    return 1 + sum(map(len, runs[:at])) + (len(runs[at]) - 1) / 2


def aggregate(table_rows: list[dict[str, Any]], *, how: str, value: str) -> dict[str, float]:
    """Segment -> mean, image by image; the rows are those of one method."""
    images = {row["image_id"]: row["n_segments"] for row in table_rows}
    means = {}
    for segment in {row["segment"] for row in table_rows if row["n_segments"]}:
        values = []
        for image_id, n in images.items():
            here = [r for r in table_rows if r["image_id"] == image_id and r["segment"] == segment]
            if here:
                values.append(here[0][value])
            elif how == "absolute":
                values.append(n + 1 if value == "rank" else 0.0)
        means[segment] = sum(values) / len(values)
    return means


def cliques(alike: np.ndarray) -> set[tuple[int, ...]]:
    """All maximal sets of two or more that are alike in pairs, by looking at every subset."""
    k = len(alike)
    sets = [
        set(members)
        for size in range(2, k + 1)
        for members in combinations(range(k), size)
        if all(alike[i, j] for i, j in combinations(members, 2))
    ]
    return {tuple(sorted(s)) for s in sets if not any(s < other for other in sets)}


def holm(p_values: Sequence[float]) -> list[float]:
    """Step-down Holm: the i-th smallest times what is left, never below an earlier one."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for step, i in enumerate(order):
        highest = max(highest, min(1.0, p_values[i] * (len(p_values) - step)))
        adjusted[i] = highest
    return adjusted


def _prepared(
    segmentation: SegmentationMap, size: tuple[int, int], pad_px: int
) -> dict[str, np.ndarray]:
    merged: dict[str, np.ndarray] = {}
    for name, mask in zip(segmentation.names, segmentation.masks, strict=True):
        merged[name] = merged[name] | mask if name in merged else mask
    return {name: dilate(_resized(mask, size), pad_px) for name, mask in merged.items()}


def _resized(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if mask.shape == tuple(size):
        return mask
    small = mask.size < 1000
    return resize_by_area(mask, size) if small else resize_by_whole_areas(mask, size)


def _mean(attribution: np.ndarray, mask: np.ndarray) -> float:
    """Pixel by pixel, channel by channel, in Python's own floats."""
    total, n_pixels = 0.0, 0
    for line, on in zip(attribution.tolist(), mask.tolist(), strict=True):
        for channels, inside in zip(line, on, strict=True):
            if inside:
                total += sum(channels)
                n_pixels += 1
    return total / n_pixels


def tied_ranks(values: Sequence[float], near: float) -> list[float]:
    """Ranks of values that tie in runs of sorted ones, neighbours at most ``near`` apart.

    Two values are in one run if the way from one to the other has only small steps.
    """

    def joined(a: float, b: float) -> bool:
        between = sorted(v for v in values if min(a, b) <= v <= max(a, b))
        return all(y - x <= near for x, y in pairwise(between))

    found = []
    for value in values:
        if value != value:
            found.append(float("nan"))
            continue
        known = [v for v in values if v == v]
        run = [v for v in known if joined(v, value)]
        larger = [v for v in known if v > value and not joined(v, value)]
        found.append(len(larger) + (len(run) + 1) / 2)
    return found
