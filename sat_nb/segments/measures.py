"""What can be measured on the masks of one image, for ``check_masks``."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.segments.segmentation import SegmentationMap

CRUMB_FRACTION = 0.01  # a piece of a mask counts from that share of the mask's pixels on

Box = tuple[slice, slice]


def measure_names(segmentation: SegmentationMap) -> list[dict[str, Any]]:
    """One row a name: instances, share of the image, pieces an instance, largest score.

    >>> eyes = np.zeros((2, 4, 5), bool); eyes[0, 1, 1] = eyes[1, 1, ::2] = True
    >>> measure_names(SegmentationMap(("eye", "eye"), eyes))
    [{'segment': 'eye', 'n_instances': 2, 'fraction': 0.2, 'fragments': 2.0, 'score': nan}]
    """
    merged = segmentation.merged()
    pieces = [n_fragments(mask) for mask in segmentation.masks]
    scores = np.full(len(merged), np.nan) if merged.scores is None else merged.scores
    rows = []
    for name, mask, score in zip(merged.names, merged.masks, scores, strict=True):
        own = [n for n, other in zip(pieces, segmentation.names, strict=True) if other == name]
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
    """One row for each two names whose masks share pixels, in both orders.

    ``shared`` is the share of the first name's pixels that the second has too, ``iou`` the
    pixels that both have over those that either has.

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
    """Pieces of a boolean mask (H, W) that do not touch, not even at corners, crumbs left out."""
    from scipy.ndimage import label

    labels, _ = label(mask[bounding_box(mask)], structure=np.ones((3, 3)))
    sizes = np.bincount(labels.ravel())[1:]
    return int((sizes >= CRUMB_FRACTION * sizes.sum()).sum())


def bounding_box(mask: NDArray[np.bool_]) -> Box:
    """The smallest box that holds a boolean mask (H, W) that has a pixel."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _overlap(a: Box, b: Box) -> Box:
    """What two boxes share; empty where they are apart."""
    starts = [max(x.start, y.start) for x, y in zip(a, b, strict=True)]
    stops = [min(x.stop, y.stop) for x, y in zip(a, b, strict=True)]
    rows, columns = (slice(i, max(i, j)) for i, j in zip(starts, stops, strict=True))
    return rows, columns
