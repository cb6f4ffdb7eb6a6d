"""Masks against edges and one another, slowly, from the definitions."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def n_fragments(mask: np.ndarray, crumb: float) -> int:
    """Flood every piece by hand; count those of at least that share of the mask."""
    left = {tuple(place) for place in np.argwhere(mask)}
    total, count = len(left), 0
    while left:
        frontier, size = [left.pop()], 0
        while frontier:
            row, column = frontier.pop()
            size += 1
            near = {(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            frontier += near
        count += size >= crumb * total
    return count


def edge_profile(grey: np.ndarray, masks: np.ndarray, reach: int, blur: float) -> np.ndarray:
    """Every outline step, every move, one at a time."""
    grey = ndimage.gaussian_filter(grey.astype(np.float32), blur)
    height, width = grey.shape
    profile = np.zeros((2 * reach + 1, 2 * reach + 1))
    for mask in masks:
        for down, right in ((1, 0), (0, 1)):
            for row in range(reach, height - reach - down):
                for column in range(reach, width - reach - right):
                    if mask[row, column] == mask[row + down, column + right]:
                        continue
                    for i in range(-reach, reach + 1):
                        for j in range(-reach, reach + 1):
                            here = grey[row + i, column + j]
                            there = grey[row + i + down, column + j + right]
                            profile[i + reach, j + reach] += abs(there - here) ** 0.5
    return profile / profile.mean()
