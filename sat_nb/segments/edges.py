"""Do masks lie on the edges of their photo? The outlines, moved about, against its gradient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sat_nb.images import Masks, Pixels, stretch_image, stretch_masks

SIDE = 512  # photos are looked at with at most that many pixels on their long side
REACH = 6  # pixels by which outlines are moved, in each of the four directions
FEWEST = 40  # places of outline; of fewer the best move is chance
BLUR = 1.0  # pixels; masks are not drawn to the pixel

Profile = NDArray[np.float64]
"""(2 REACH + 1, 2 REACH + 1): edges met by outlines moved by (row, column) - REACH pixels."""


def edge_profile(pixels: Pixels, masks: Masks) -> Profile:
    """How much edge the outlines of masks meet, where they are and moved by up to REACH pixels.

    An outline runs between pixels: wherever neighbours differ in a mask. At each such place the
    photo's own step across it (the absolute difference of the two grey values, blurred, its root
    so that a few glaring edges do not decide) is summed. Steps within REACH of the photo's border
    are left out, so that all moves see equally many.

    Parameters
    ----------
    pixels: uint8 (H, W, 3).
    masks: bool (n, H, W).

    Returns a Profile, divided by its own mean: 1 everywhere where outlines and edges have nothing
    to do with each other. The middle is the masks as they are; ``[REACH + 1, REACH]`` the masks
    moved down by a pixel of the photo brought to SIDE. NaN where there is no edge, or outline at
    fewer than FEWEST places.
    """
    from scipy.ndimage import gaussian_filter

    scale = min(1.0, SIDE / max(pixels.shape[:2]))
    size = round(pixels.shape[0] * scale) or 1, round(pixels.shape[1] * scale) or 1
    grey = stretch_image(pixels, size).mean(axis=2, dtype=np.float32)
    grey = gaussian_filter(grey, BLUR)
    masks = stretch_masks(masks, size)
    profile, n_places = np.zeros((2 * REACH + 1, 2 * REACH + 1)), 0
    for axis in (0, 1):
        steps = np.sqrt(np.abs(np.diff(grey, axis=axis)))
        crossings = np.diff(masks, axis=axis + 1).sum(axis=0)
        inner = crossings[REACH : len(steps) - REACH, REACH : steps.shape[1] - REACH]
        profile += _met(steps, inner)
        n_places += np.count_nonzero(inner)
    if n_places < FEWEST or not profile.any():
        return np.full_like(profile, np.nan)
    return profile / profile.mean()


def _met(steps: NDArray[np.float32], inner: NDArray[np.int64]) -> Profile:
    """The steps at all crossings, those within REACH of the border left out, for every move."""
    rows, columns = np.nonzero(inner)
    moves = np.arange(2 * REACH + 1)
    places = (rows * steps.shape[1] + columns)[:, None]
    places = places + (moves[:, None] * steps.shape[1] + moves).ravel()
    return (inner[rows, columns] @ steps.ravel()[places]).reshape(len(moves), len(moves))


def best_move(profile: Profile) -> tuple[int, int]:
    """(rows, columns) by which masks would have to move down and right to meet most edges."""
    row, column = np.unravel_index(np.argmax(profile), profile.shape)
    return int(row) - REACH, int(column) - REACH
