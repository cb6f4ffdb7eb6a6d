"""Masks, slowly, from the definitions: run-length codes, polygons, dilation, resizing by area."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from fractions import Fraction

import numpy as np
from PIL import Image, ImageDraw


def read_counts(text: str) -> list[int]:
    """COCO's string code, a character at a time (rleFrString in maskApi.c)."""
    counts: list[int] = []
    position = 0
    while position < len(text):
        value, shift = 0, 0
        while True:
            code = ord(text[position]) - 48
            value |= (code & 31) << shift
            position, shift = position + 1, shift + 5
            if not code & 32:
                if code & 16:
                    value -= 1 << shift
                break
        counts.append(value + counts[-2] if len(counts) > 2 else value)
    return counts


def decode(text: str, size: tuple[int, int], *, row_major: bool) -> np.ndarray:
    """Run by run; what the runs do not reach is background."""
    height, width = size
    flat = [False] * (height * width)
    position = 0
    for i, count in enumerate(read_counts(text)):
        flat[position : position + count] = [i % 2 == 1] * count
        position += count
    if row_major:
        return np.array(flat).reshape(height, width)
    return np.array(flat).reshape(width, height).T


def dilate(mask: np.ndarray, px: int) -> np.ndarray:
    """On where any pixel at most ``px`` away, in rows and in columns, is on."""
    grown = np.zeros_like(mask)
    for row, column in np.argwhere(mask):
        grown[max(row - px, 0) : row + px + 1, max(column - px, 0) : column + px + 1] = True
    return grown


def resize_by_area(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """On where at least half of the output pixel's area is covered, in exact fractions."""
    coverage = [
        [_covered(mask, size, row, column) for column in range(size[1])] for row in range(size[0])
    ]
    resized = np.array([[share >= Fraction(1, 2) for share in line] for line in coverage])
    if not resized.any():
        flat = [share for line in coverage for share in line]
        resized.flat[flat.index(max(flat))] = True
    return resized


def _covered(mask: np.ndarray, size: tuple[int, int], row: int, column: int) -> Fraction:
    down, across = Fraction(mask.shape[0], size[0]), Fraction(mask.shape[1], size[1])
    area = Fraction(0)
    for r, c in np.argwhere(mask):
        overlap_down = min((row + 1) * down, int(r) + 1) - max(row * down, int(r))
        overlap_across = min((column + 1) * across, int(c) + 1) - max(column * across, int(c))
        area += max(overlap_down, 0) * max(overlap_across, 0)
    return area / (down * across)


def resize_by_whole_areas(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """As ``resize_by_area``, for photos: differences of running sums, in whole numbers."""
    covered = _axis_areas(_axis_areas(mask.astype(object), size[0]).T, size[1]).T
    resized = np.array(2 * covered >= mask.size, dtype=bool)
    if not resized.any():
        resized.flat[int(np.argmax(covered.astype(np.int64)))] = True
    return resized


def _axis_areas(values: np.ndarray, n_out: int) -> np.ndarray:
    """Sums over the n_out equal parts of axis 0, in units of 1 / n_out of a cell."""
    n_in = len(values)
    before = np.concatenate([np.zeros((1, *values.shape[1:]), object), values.cumsum(axis=0)])
    edges = []
    for i in range(n_out + 1):
        whole, part = divmod(i * n_in, n_out)
        inside = values[whole] * part if part else 0
        edges.append(before[whole] * n_out + inside)
    return np.array(edges[1:], dtype=object) - np.array(edges[:-1], dtype=object)


def fill_runs(runs: list[int], size: tuple[int, int]) -> np.ndarray:
    """COCO's uncompressed runs, down the columns, a pixel at a time."""
    flat = [i % 2 == 1 for i, run in enumerate(runs) for _ in range(run)]
    height, width = size
    return np.array([[flat[x * height + y] for x in range(width)] for y in range(height)])


def panoptic_ids(pixels: np.ndarray) -> np.ndarray:
    """R + 256 G + 256^2 B, a pixel at a time."""
    return np.array(
        [[int(r) + 256 * int(g) + 256**2 * int(b) for r, g, b in line] for line in pixels]
    )


def fill_coco_polygon(points: list[tuple[float, float]], size: tuple[int, int]) -> np.ndarray:
    """COCO's rule (rleFrPoly in maskApi.c), as it is written there, slowly.

    The outline is walked on a grid five times as fine; where a step changes the fine column and
    that column is the middle of a pixel's, the mask changes below that height.
    """
    height, width = size
    fine = [(int(5 * x + 0.5), int(5 * y + 0.5)) for x, y in points]
    walked = [
        step for a, b in zip(fine, fine[1:] + fine[:1], strict=True) for step in _fine_line(a, b)
    ]
    changes: Counter[int] = Counter()
    for (u, v), (next_u, next_v) in itertools.pairwise(walked):
        if u == next_u:
            continue
        x = (min(u, next_u) + 0.5) / 5 - 0.5
        if x != int(x) or x < 0 or x > width - 1:
            continue
        y = min(max((min(v, next_v) + 0.5) / 5 - 0.5, 0), height)
        changes[int(x) * height + math.ceil(y)] += 1
    flat, on = [], False
    for i in range(height * width):
        on ^= changes[i] % 2 == 1
        flat.append(on)
    return np.array(flat).reshape(width, height).T


def _fine_line(start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    """Every fine step from start to end, both included, one along the longer side at a time."""
    dx, dy = abs(end[0] - start[0]), abs(end[1] - start[1])
    turned = (dx >= dy and start[0] > end[0]) or (dx < dy and start[1] > end[1])
    (xs, ys), (xe, ye) = (end, start) if turned else (start, end)
    if dx >= dy:
        slope = (ye - ys) / dx if dx else 0.0
        line = [(xs + t, int(ys + slope * t + 0.5)) for t in range(dx + 1)]
    else:
        slope = (xe - xs) / dy
        line = [(int(xs + slope * t + 0.5), ys + t) for t in range(dy + 1)]
    return line[::-1] if turned else line


def draw_labelme_polygon(points: list[tuple[float, float]], size: tuple[int, int]) -> np.ndarray:
    """LabelMe's own definition of a polygon's mask (labelme.utils.shape_to_mask): Pillow draws it.

    So a pixel more or less of a Pillow version is right: LabelMe has it as well.
    """
    picture = Image.fromarray(np.zeros(size, dtype=np.uint8))
    ImageDraw.Draw(picture).polygon(xy=points, outline=1, fill=1)
    return np.array(picture, dtype=bool)


def convex_hull(points: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The corners of the smallest convex polygon around points (Andrew's monotone chain)."""

    def half(ordered: list[tuple[int, int]]) -> list[tuple[int, int]]:
        chain: list[tuple[int, int]] = []
        for x, y in ordered:
            while len(chain) > 1:
                (ax, ay), (bx, by) = chain[-2:]
                if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                    break
                chain.pop()
            chain.append((x, y))
        return chain[:-1]

    ordered = sorted(set(points))
    return half(ordered) + half(ordered[::-1])


def polygon_bounds(
    points: list[tuple[int, int]], size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (as points) strictly within an outline by the even-odd rule; and those within it or
    less than a pixel away from it.
    """
    inside, near = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    edges = list(zip(points, points[1:] + points[:1], strict=True))
    for y, x in np.ndindex(*size):
        distance = min(_distance((x, y), a, b) for a, b in edges)
        inside[y, x] = distance > 0 and _crossings((x, y), edges) % 2 == 1
        near[y, x] = inside[y, x] or distance < 1
    return inside, near


def _distance(p: tuple[int, int], a: tuple[int, int], b: tuple[int, int]) -> float:
    dx, dy = b[0] - a[0], b[1] - a[1]
    along = ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / ((dx**2 + dy**2) or 1)
    along = min(max(along, 0.0), 1.0)
    return math.hypot(p[0] - a[0] - along * dx, p[1] - a[1] - along * dy)


def _crossings(p: tuple[int, int], edges: list[tuple[tuple[int, int], tuple[int, int]]]) -> int:
    """How many edges the ray from p to the right meets."""
    return sum(
        (a[1] > p[1]) != (b[1] > p[1])
        and p[0] < a[0] + Fraction((p[1] - a[1]) * (b[0] - a[0]), b[1] - a[1])
        for a, b in edges
    )


def unpack(rle: list[int]) -> list[int]:
    """The values that ``@thi.ng/rle-pack`` packed, bit by bit."""
    bits = "".join(f"{byte:08b}" for byte in rle)
    at = 0

    def read(n: int) -> int:
        nonlocal at
        at += n
        return int(bits[at - n : at], 2)

    n_values, n_bits = read(32), read(5) + 1
    lengths = [read(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < n_values:
        repeated, n = read(1), lengths[read(2)]
        n = read(n) + 1
        values += [read(n_bits)] * n if repeated else [read(n_bits) for _ in range(n)]
    return values
