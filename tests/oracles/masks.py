"""Masks, slowly, from the definitions: run-length codes, dilation, resizing by area."""

from __future__ import annotations

from fractions import Fraction

import numpy as np


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
