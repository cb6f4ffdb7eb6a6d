"""How photos are turned: by the orientation that their file names, 1 to 8."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

ORIENTATION = 0x0112

TURNS: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}

ON_THEIR_SIDE = (5, 6, 7, 8)
"""The orientations in EXIF under which height and width change places."""


def turned(pixels: NDArray[Any], orientation: object) -> NDArray[Any]:
    """Pixels (H, W) or (H, W, C) upright; as they are for 1 and for any value that means nothing.

    >>> turned(np.array([[1, 2]]), 3), turned(np.array([[1, 2]]), "up")
    (array([[2, 1]]), array([[1, 2]]))
    """
    known = isinstance(orientation, int) and orientation in TURNS
    return np.ascontiguousarray(TURNS[orientation](pixels)) if known else pixels  # type: ignore[index]
