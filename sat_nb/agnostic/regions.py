"""Where a map is strong: the box of a given size that holds most of its energy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels: its first row and column, and how many of them it has."""

    top: int
    left: int
    height: int
    width: int

    def mask(self, size: tuple[int, ...]) -> NDArray[np.bool_]:
        """Bool (H, W), True inside, for a map of that size (H, W) or (H, W, C)."""
        inside = np.zeros(size[:2], dtype=bool)
        inside[self.top : self.top + self.height, self.left : self.left + self.width] = True
        return inside


def strongest_box(map: NDArray, share: float) -> tuple[Box, float]:
    """The box that holds most energy, and which share of all energy that is (0 to 1).

    Energy is the square of the values, summed over the channels. The box has ``share`` of the
    map's height and of its width, at least one pixel; of equal ones the first counts.

    >>> spot = np.zeros((8, 8, 1)); spot[2:4, 5:7] = 1
    >>> strongest_box(spot, 0.25)
    (Box(top=2, left=5, height=2, width=2), 1.0)
    """
    energy = np.square(map, dtype=np.float64).sum(axis=2)
    height, width = (max(1, round(share * side)) for side in energy.shape)
    sums = np.pad(energy.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    held = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width]
    held += sums[:-height, :-width]
    top, left = (int(i) for i in np.unravel_index(held.argmax(), held.shape))
    total = float(energy.sum())
    return Box(top, left, height, width), float(held.max()) / total if total > 0 else 0.0


def extreme(map: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """The map's strongest box alone, each value in it -1, 0 or 1, as the map points.

    Added to an input in its range and cut off at the ends, it makes of the box a patch of the
    range's two ends.
    """
    box, _ = strongest_box(map, share)
    return (np.sign(map) * box.mask(map.shape)[:, :, None]).astype(np.float32)
