"""The box around a mask, and a mask grown within the box around it."""

from __future__ import annotations

import numpy as np

from sat_nb.arrays import Mask, Masks
from sat_nb.compiled import compiled

Box = tuple[slice, slice]
"""Rows and columns of a picture."""


def box_of(mask: Mask) -> Box:
    """The rows and columns from the first pixel that is on to the last; empty slices without any.

    >>> box_of(np.array([[False, False, False], [False, True, True]]))
    (slice(1, 2, None), slice(1, 3, None))
    """
    top, bottom, left, right = _extents(mask.view(np.uint8))
    return slice(top, bottom), slice(left, right)


def grown(masks: Masks, px: int) -> Masks:
    """Grow boolean (n, H, W) by ``px`` to all sides, corners included (a square).

    >>> grown(np.array([[[True, False, False, False]]]), 1).astype(int).tolist()
    [[[1, 1, 0, 0]]]
    """
    found = np.zeros(masks.shape, dtype=bool)
    for mask, out in zip(masks.view(np.uint8), found.view(np.uint8), strict=True):
        _add_grown(mask, *_extents(mask), px, out)
    return found


@compiled(nogil=True)
def _extents(mask):  # type: ignore[no-untyped-def]
    """The first row and the one after the last, and the same of columns; all 0 without a pixel."""
    height, width = mask.shape
    seen = np.zeros(width, dtype=np.uint8)
    top, bottom = height, 0
    for row in range(height):
        line = np.uint8(0)
        for column in range(width):
            line |= mask[row, column]
            seen[column] |= mask[row, column]
        if line != 0:
            top, bottom = min(top, row), row + 1
    if bottom == 0:
        return 0, 0, 0, 0
    columns = np.flatnonzero(seen)
    return top, bottom, columns[0], columns[-1] + 1


@compiled(nogil=True)
def _add_grown(mask, top, bottom, left, right, px, found):  # type: ignore[no-untyped-def]
    """Add a mask, whose pixels lie within these rows and columns, shifted by up to ``px``."""
    height, width = mask.shape
    first, last = np.uintp(max(left - px, 0)), np.uintp(min(right + px, width))
    line = np.zeros(width, dtype=np.uint8)  # a row of the mask, grown to both sides
    # Loops over columns count in unsigned numbers: numba vectorises what is never negative.
    for row in range(top, bottom):
        line[first:last] = 0
        for shift in range(-min(px, width), min(px, width) + 1):
            start = max(left, -shift)
            n = max(min(right, width - shift) - start, 0)
            here, there = np.uintp(start), np.uintp(start + shift)
            for i in range(np.uintp(n)):
                line[there + i] |= mask[row, here + i]
        for near in range(max(row - px, 0), min(row + px + 1, height)):
            for column in range(first, last):
                found[near, column] |= line[column]
