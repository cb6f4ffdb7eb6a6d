"""Measures of the masks of one image, for ``check_masks``."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Masks, Pixels
from sat_nb.geometry import stretch_image, stretch_masks
from sat_nb.segments.segmentation import SegmentationMap

CRUMB_FRACTION = 0.01  # of the mask's pixels: smaller fragments are not counted

Box = tuple[slice, slice]


def measure_names(segmentation: SegmentationMap) -> list[dict[str, Any]]:
    """One row a name: instances, share of the image, fragments an instance, largest score.

    >>> eyes = np.zeros((2, 4, 5), bool); eyes[0, 1, 1] = eyes[1, 1, ::2] = True
    >>> measure_names(SegmentationMap(("eye", "eye"), eyes))
    [{'segment': 'eye', 'n_instances': 2, 'fraction': 0.2, 'fragments': 2.0, 'score': nan}]
    """
    merged = segmentation.merged()
    fragments = [n_fragments(mask) for mask in segmentation.masks]
    scores = np.full(len(merged), np.nan) if merged.scores is None else merged.scores
    rows = []
    for name, mask, score in zip(merged.names, merged.masks, scores, strict=True):
        own = [n for n, other in zip(fragments, segmentation.names, strict=True) if other == name]
        rows.append(
            {
                "segment": name,
                "n_instances": len(own),
                "fraction": float(mask.mean()),
                "fragments": float(np.mean(own)),
                "score": float(score),
            }
        )
    return rows


def measure_pairs(segmentation: SegmentationMap) -> list[dict[str, Any]]:
    """One row for each ordered pair of names whose masks share pixels.

    ``shared`` is the share of the first name's pixels that the second also has; ``iou`` is the
    number of pixels that both have over the number that either has.

    >>> masks = np.array([[[1, 1, 0]], [[0, 1, 1]], [[0, 0, 1]]], bool)
    >>> [pair] = measure_pairs(SegmentationMap(("a", "b", "c"), masks))[:1]
    >>> pair
    {'segment': 'a', 'other': 'b', 'shared': 0.5, 'iou': 0.3333333333333333}
    """
    merged = segmentation.merged()
    boxes = [bounding_box(mask) for mask in merged.masks]
    px = merged.masks.sum(axis=(1, 2))
    pairs = []
    for a, b in itertools.combinations(range(len(merged)), 2):
        box = _overlap(boxes[a], boxes[b])
        both = int((merged.masks[a][box] & merged.masks[b][box]).sum())
        if both:
            iou = both / int(px[a] + px[b] - both)
            for one, other in ((a, b), (b, a)):
                names = {"segment": merged.names[one], "other": merged.names[other]}
                pairs.append({**names, "shared": both / int(px[one]), "iou": iou})
    return pairs


def n_fragments(mask: NDArray[np.bool_]) -> int:
    """Connected components of a boolean mask (H, W), corners included, crumbs left out."""
    from scipy.ndimage import label

    labels, _ = label(mask[bounding_box(mask)], structure=np.ones((3, 3)))
    sizes = np.bincount(labels.ravel())[1:]
    return int((sizes >= CRUMB_FRACTION * sizes.sum()).sum())


def bounding_box(mask: NDArray[np.bool_]) -> Box:
    """The smallest box around the pixels of a boolean mask (H, W), which has at least one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _overlap(a: Box, b: Box) -> Box:
    """The box that two boxes share; empty where they are apart."""
    starts = [max(x.start, y.start) for x, y in zip(a, b, strict=True)]
    stops = [min(x.stop, y.stop) for x, y in zip(a, b, strict=True)]
    rows, columns = (slice(i, max(i, j)) for i, j in zip(starts, stops, strict=True))
    return rows, columns


SIDE = 512  # pixels of a photo's long side: larger photos are shrunk first
REACH = 6  # pixels by which outlines are moved, in each of the four directions
MIN_OUTLINE = 40  # pixel steps of outline: with fewer, the best move is chance
BLUR = 1.0  # pixels; masks are not exact to the pixel

Profile = NDArray[np.float64]
"""(2 REACH + 1, 2 REACH + 1): edges met by outlines moved by (row, column) - REACH pixels."""


def edge_profile(pixels: Pixels, masks: Masks) -> Profile:
    """How much edge the outlines of masks meet, where they are and moved by up to REACH pixels.

    An outline runs between pixels: wherever neighbours differ in a mask. At each such place, the
    photo's step across it is summed: the absolute difference of the two grey values, blurred, its
    square root taken so that a few strong edges do not dominate. Steps within REACH of the photo's
    border are left out, so that all moves see the same number of steps.

    Parameters
    ----------
    pixels : ndarray
        (H, W, 3) of any type: the profile has no unit.
    masks : ndarray
        bool (n, H, W).

    Returns
    -------
    Profile
        Divided by its own mean: 1 everywhere where outlines and edges are unrelated. The centre is
        for the masks as they are, ``[REACH + 1, REACH]`` for masks moved down by one pixel of the
        photo resized to SIDE. NaN where there is no edge, or fewer than MIN_OUTLINE steps of
        outline.
    """
    from scipy.ndimage import gaussian_filter

    scale = min(1.0, SIDE / max(pixels.shape[:2]))
    size = round(pixels.shape[0] * scale) or 1, round(pixels.shape[1] * scale) or 1
    grey = stretch_image(pixels, size).mean(axis=2, dtype=np.float32)
    grey = gaussian_filter(grey, BLUR)
    masks = stretch_masks(masks, size)
    profile, n_steps = np.zeros((2 * REACH + 1, 2 * REACH + 1)), 0
    for axis in (0, 1):
        steps = np.sqrt(np.abs(np.diff(grey, axis=axis)))
        crossings = np.diff(masks, axis=axis + 1).sum(axis=0)
        inner = crossings[REACH : len(steps) - REACH, REACH : steps.shape[1] - REACH]
        profile += _met(steps, inner)
        n_steps += np.count_nonzero(inner)
    if n_steps < MIN_OUTLINE or not profile.any():
        return np.full_like(profile, np.nan)
    return profile / profile.mean()


def _met(steps: NDArray[np.float32], inner: NDArray[np.int64]) -> Profile:
    """The sum, for every move, of the photo's steps at the crossings ``inner``.

    ``inner`` holds the crossings without those within REACH of the border.
    """
    rows, columns = np.nonzero(inner)
    moves = np.arange(2 * REACH + 1)
    places = (rows * steps.shape[1] + columns)[:, None]
    places = places + (moves[:, None] * steps.shape[1] + moves).ravel()
    return (inner[rows, columns] @ steps.ravel()[places]).reshape(len(moves), len(moves))


def best_move(profile: Profile) -> tuple[int, int]:
    """(rows, columns) by which masks would have to move down and right to meet most edge."""
    row, column = np.unravel_index(np.argmax(profile), profile.shape)
    return int(row) - REACH, int(column) - REACH
