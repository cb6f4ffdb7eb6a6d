"""Where tools put a photo on a square map, from their documentation, with whole numbers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from tests.oracles.masks import resize_by_area


def on_map(mask: np.ndarray, side: int, fit: str) -> np.ndarray:
    """The mask of a photo on a map (side, side): resized by area, then cropped or framed."""
    (height, width), (top, left) = PLACES[fit](*mask.shape, side)
    scaled = resize_by_area(mask, (height, width)) if mask.shape != (height, width) else mask
    shown = np.zeros((side, side), bool)
    for row in range(side):
        for column in range(side):
            y, x = row - top, column - left
            if 0 <= y < height and 0 <= x < width:
                shown[row, column] = scaled[y, x]
    return shown


def photo_on_map(size: tuple[int, int], side: int, fit: str) -> np.ndarray:
    """Which pixels of a map (side, side) show the photo."""
    return on_map(np.ones(size, bool), side, fit)


def _short_side(height: int, width: int, short: int, side: int) -> tuple:
    """torchvision: Resize(short), which cuts off fractions, and CenterCrop(side)."""
    if height <= width:
        scaled = short, short * width // height
    else:
        scaled = short * height // width, short
    return scaled, tuple(-round(Fraction(n - side, 2)) for n in scaled)


def _contained(height: int, width: int, side: int) -> tuple:
    """PIL.ImageOps.pad."""
    if width > height:
        scaled = max(round(Fraction(height, width) * side), 1), side
    else:
        scaled = side, max(round(Fraction(width, height) * side), 1)
    return scaled, tuple(round(Fraction(side - n, 2)) for n in scaled)


PLACES = {
    "stretch": lambda height, width, side: ((side, side), (0, 0)),
    "crop": lambda height, width, side: _short_side(height, width, side, side),
    "crop_224_of_256": lambda height, width, side: _short_side(
        height, width, round(Fraction(side * 256, 224)), side
    ),
    **{
        f"crop_224_of_{of}": lambda height, width, side, of=of: _short_side(
            height, width, round(Fraction(side * of, 224)), side
        )
        for of in (232, 235, 248)
    },
    "letterbox": _contained,
}
"""Fit -> (size of the scaled photo, its corner on the map)."""
