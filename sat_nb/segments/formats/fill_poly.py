"""Polygons of whole points to masks, as OpenCV's ``fillPoly`` fills them.

A pixel belongs to the mask where the outline passes (8-connected lines from left to right, halves
rounded back to the start), or where its row is inside by the even-odd rule. The masks equal those
of OpenCV 4 and 5 within the photo; where edges leave it, pixels along them may differ, as OpenCV
cuts such edges off first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Mask, Size
from sat_nb.compiled import compiled

Points = NDArray[np.int64]


def fill_poly(points: Points, size: Size) -> Mask:
    """The (H, W) mask of a polygon (n, 2) of whole numbers, x first.

    >>> fill_poly(np.array([[0, 0], [2, 0], [0, 2]]), (3, 3)).astype(int)
    array([[1, 1, 1],
           [1, 1, 0],
           [1, 0, 0]])
    """
    ends = np.roll(points, -1, axis=0)
    mask = _inside(points, ends, size)
    _draw_lines(points.astype(np.int64), ends.astype(np.int64), mask.view(np.uint8))
    return mask


@compiled(nogil=True)
def _draw_lines(starts, ends, mask):  # type: ignore[no-untyped-def]
    """Set the pixels of lines, by Bresenham's rule, from their left ends."""
    height, width = mask.shape
    for i in range(len(starts)):
        x0, y0, x1, y1 = starts[i, 0], starts[i, 1], ends[i, 0], ends[i, 1]
        if x1 < x0:
            x0, y0, x1, y1 = x1, y1, x0, y0
        dx, dy = x1 - x0, abs(y1 - y0)
        step = 1 if y1 >= y0 else -1
        for along in range(max(dx, dy) + 1):
            if dx >= dy:
                y, x = y0 - step * ((dx - 2 * dy * along) // max(2 * dx, 1)), x0 + along
            else:
                y, x = y0 + step * along, x0 - ((dy - 2 * dx * along) // (2 * dy))
            if 0 <= y < height and 0 <= x < width:
                mask[y, x] = 1


def _inside(starts: Points, ends: Points, size: Size) -> Mask:
    """The pixels between pairs of crossings of their row, both included."""
    height, width = size
    rows, x = _crossings(starts, ends, height)
    order = np.lexsort((x, rows))
    rows, x = rows[order][::2], x[order]
    left = np.clip(np.ceil(x[::2]).astype(np.int64), 0, width)
    right = np.clip(np.floor(x[1::2]).astype(np.int64) + 1, left, width)
    mask = np.zeros(size, dtype=bool)
    _fill_rows(rows, left, right, mask.view(np.uint8))
    return mask


@compiled(nogil=True)
def _fill_rows(rows, left, right, mask):  # type: ignore[no-untyped-def]
    """Set the pixels of rows, each from the left to before the right."""
    for i in range(len(rows)):
        for x in range(left[i], right[i]):
            mask[rows[i], x] = 1


def _crossings(
    starts: Points, ends: Points, height: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(row, x) wherever an edge crosses a row of the picture."""
    upper = np.where((starts[:, 1] <= ends[:, 1])[:, None], starts, ends)
    lower = np.where((starts[:, 1] <= ends[:, 1])[:, None], ends, starts)
    first, last = np.clip(upper[:, 1], 0, height), np.clip(lower[:, 1], 0, height)
    n_rows = last - first
    edge = np.repeat(np.arange(len(starts)), n_rows)
    rows = np.arange(len(edge)) - np.repeat(n_rows.cumsum() - n_rows, n_rows) + first[edge]
    down = lower - upper
    slope = down[edge, 0] / down[edge, 1]
    return rows, upper[edge, 0] + (rows - upper[edge, 1]) * slope
