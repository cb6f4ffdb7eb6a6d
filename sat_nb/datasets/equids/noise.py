"""Smooth random fields that look the same at every picture size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]


def field(
    rng: np.random.Generator, size: int, *, cells: tuple[int, int] = (4, 4), octaves: int = 3
) -> Floats:
    """Smooth noise (size, size) of mean 0 and standard deviation about 1.

    ``cells`` is how many bumps fit into (height, width); each octave has twice as many, at 0.6
    of the strength. The same generator state gives the same field at any ``size``.
    """
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        shape = tuple(c * 2**octave + 3 for c in cells)
        grid = rng.standard_normal(shape, np.float32)
        total += 0.6**octave * _enlarged(grid, size)
    return total * np.float32(1.5 / np.sqrt(sum(0.36**k for k in range(octaves))))


def lookup(grid: Floats, x: Floats, y: Floats) -> Floats:
    """Values of a periodic ``grid`` (h, w) at positions in cells, bilinear.

    >>> grid = np.array([[0.0, 1.0], [0.0, 1.0]], np.float32)
    >>> lookup(grid, np.array([0.25], np.float32), np.array([0.5], np.float32))
    array([0.25], dtype=float32)
    """
    h, w = grid.shape
    x0, y0 = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    fx, fy = x - x0, y - y0
    left, right, top, bottom = x0 % w, (x0 + 1) % w, y0 % h, (y0 + 1) % h
    upper = grid[top, left] * (1 - fx) + grid[top, right] * fx
    lower = grid[bottom, left] * (1 - fx) + grid[bottom, right] * fx
    return (upper * (1 - fy) + lower * fy).astype(np.float32)


def _enlarged(grid: Floats, size: int) -> Floats:
    """``grid`` without its outer cells, resized bicubically."""
    h, w = grid.shape
    image = Image.fromarray(grid)
    box = (1.0, 1.0, w - 1.0, h - 1.0)
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=box))
