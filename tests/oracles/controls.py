"""Placements of a mask and their test, slowly, from the definitions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def distance_to_edge(mask: np.ndarray) -> int:
    """Pixels between the mask and the nearest side, pixel by pixel."""
    height, width = mask.shape
    return min(
        min(row, height - 1 - row, column, width - 1 - column) for row, column in np.argwhere(mask)
    )


def places(mask: np.ndarray) -> set[bytes]:
    """All other whole translations of a mask that are as far from the edge, as bytes."""
    height, width = mask.shape
    pixels = np.argwhere(mask)
    found = set()
    for down in range(-height, height + 1):
        for right in range(-width, width + 1):
            moved = pixels + np.array([down, right])
            inside = (moved >= 0).all() and (moved < (height, width)).all()
            if not inside or (down, right) == (0, 0):
                continue
            there = np.zeros_like(mask)
            there[tuple(moved.T)] = True
            if distance_to_edge(there) == distance_to_edge(mask):
                found.add(there.tobytes())
    return found


def cliffs_delta(value: float, others: Sequence[float]) -> float:
    """Share of the others that are smaller less the share of those that are larger."""
    return (sum(o < value for o in others) - sum(o > value for o in others)) / len(others)
