"""The types of arrays, by the words that the whole package uses for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

Pixels = NDArray[Any]
"""A photo (H, W, 3) in RGB: uint8, 0 to 255; uint16 or float32 as stored; float32 windowed."""

Mask = NDArray[np.bool_]
"""One mask (H, W)."""

Masks = NDArray[np.bool_]
"""Masks (n, H, W) of one image."""

Map = NDArray[np.floating[Any]]
"""An attribution map (H, W, C); positive values speak for the target."""

Size = tuple[int, int]
"""(height, width) in pixels."""


def values_in(array: NDArray[Any]) -> list[int]:
    """The different values of an array of whole numbers from 0 to 2**24, ascending.

    As ``numpy.unique``, which sorts: that takes ten times as long for a large picture.

    >>> values_in(np.array([[7, 0], [7, 3]]))
    [0, 3, 7]
    """
    if array.size == 0 or array.min() < 0 or array.max() > 2**24:
        return [int(value) for value in np.unique(array)]
    found = np.zeros(int(array.max()) + 1, dtype=bool)
    flat = array.reshape(-1)
    for start in range(0, flat.size, 2**20):  # indices take eight bytes a value
        found[flat[start : start + 2**20].astype(np.intp)] = True
    return [int(value) for value in np.flatnonzero(found)]


def true_or_false(array: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A boolean array whose bytes are all 0 or 1; a copy if some are not.

    NumPy and compiled code count on these bytes. Pillow's 1-bit pictures and ``view(bool)`` of
    grey values have others.

    >>> true_or_false(np.array([0, 255, 2], np.uint8).view(bool)).view(np.uint8).tolist()
    [0, 1, 1]
    """
    cells = array.view(np.uint8)
    return array if cells.size == 0 or cells.max() <= 1 else cells != 0
