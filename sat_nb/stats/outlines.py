"""Masks grown and shrunk, for ``mask_sensitivity``: each depth measured, and fitted, only once."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Size
from sat_nb.geometry import get_fit
from sat_nb.segments.quality.measures import Box, bounding_box
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.table.join import MERGES


@dataclass(frozen=True)
class Try:
    """One change that is tried: how much, and the seed of what is random."""

    amount: float
    seed: int


@dataclass(frozen=True)
class Grid:
    """How masks come to a map: its size (height, width), and what ``build`` is told."""

    size: Size
    fit: str
    pad_px: int
    merge: str


def steps_of(
    image_id: str, masks: SegmentationMap, size: Size, fit: str, tries: Sequence[Try]
) -> list[list[int]]:
    """By how many of its pixels each mask grows (or shrinks, < 0), a list a try.

    Drawn for each mask: a whole number of pixels of a map of ``size``, up to the try's amount.
    """
    if not len(masks):
        return [[] for _ in tries]
    scaled = get_fit(fit).frame(masks.size, size).scaled
    scale = float(np.sqrt(np.prod(masks.size) / np.prod(scaled)))  # pixels of the masks for one
    drawn = [generator(one.seed, image_id).uniform(-1, 1, len(masks)) for one in tries]
    return [
        np.round(np.round(shares * int(one.amount)) * scale).astype(int).tolist()
        for shares, one in zip(drawn, tries, strict=True)
    ]


def padded(masks: SegmentationMap, pads: Sequence[int], grid: Grid) -> list[SegmentationMap]:
    """One SegmentationMap on the grid for each pad, in pixels of the map: fitted only once."""
    if not len(masks):
        return [masks] * len(pads)
    fitted = MERGES[grid.merge](masks).resize(grid.size, fit=grid.fit)
    photo = get_fit(grid.fit).photo(masks.size, grid.size)  # a letterbox's bars have no segment
    grown = [fitted.pad(px) for px in pads]
    return [SegmentationMap(one.names, one.masks & photo) for one in grown]


def outlined(
    masks: SegmentationMap, steps: Sequence[Sequence[int]], grid: Grid
) -> list[SegmentationMap]:
    """One SegmentationMap on the grid for each list of steps: merged, grown, fitted and padded.

    A name whose masks grow by the same steps as in an earlier list is not fitted again.
    """
    names = MERGES[grid.merge](masks).names
    apart = len(names) == len(masks)
    members = [[i] if apart else _places(masks.names, name) for i, name in enumerate(names)]
    reach = max((abs(step) for each in steps for step in each), default=0)
    depths = [Depths(mask, reach) for mask in masks.masks]
    fitted: dict[tuple[int, ...], NDArray[np.bool_] | None] = {}
    found = []
    for each in steps:
        keys = [(k, *(each[i] for i in group)) for k, group in enumerate(members)]
        new = [key for key in keys if key not in fitted]
        fitted |= _fitted(new, members, depths, masks.size, grid)
        shown = [(name, fitted[key]) for name, key in zip(names, keys, strict=True)]
        kept = {name: mask for name, mask in shown if mask is not None}
        blank = np.zeros((0, *grid.size), dtype=bool)
        found.append(SegmentationMap(tuple(kept), np.stack(list(kept.values())) if kept else blank))
    return found


def _places(names: Sequence[str], name: str) -> list[int]:
    return [i for i, one in enumerate(names) if one == name]


def _fitted(
    keys: Sequence[tuple[int, ...]],
    members: Sequence[Sequence[int]],
    depths: Sequence[Depths],
    size: Size,
    grid: Grid,
) -> Mapping[tuple[int, ...], NDArray[np.bool_] | None]:
    """{(name's number, steps of its masks): mask on the grid}; None for what the fit cuts off."""
    if not keys:
        return {}
    grown = np.zeros((len(keys), *size), dtype=bool)
    for out, (k, *steps) in zip(grown, keys, strict=True):
        for i, step in zip(members[k], steps, strict=True):
            depths[i].grow(step, out)
    grown.flags.writeable = False  # a SegmentationMap copies what can still be changed
    numbered = SegmentationMap(tuple(str(i) for i in range(len(keys))), grown)
    shown = numbered.resize(grid.size, fit=grid.fit, pad_px=grid.pad_px)
    found: dict[tuple[int, ...], NDArray[np.bool_] | None] = dict.fromkeys(keys)
    return found | {keys[int(i)]: mask for i, mask in zip(shown.names, shown.masks, strict=True)}


class Depths:
    """How deep each pixel lies in a boolean mask (H, W), as far as ``reach`` pixels around it.

    In steps of a king on a chessboard: 1 for the mask's outermost pixels, more within; -1 for
    the pixels next to it, less farther out. What lies beyond the image's edge counts as the
    mask's own, so that a mask at the edge does not leave it.
    """

    def __init__(self, mask: NDArray[np.bool_], reach: int) -> None:
        from scipy.ndimage import distance_transform_cdt

        rows, columns = bounding_box(mask)
        self._box: Box = (
            slice(max(rows.start - reach - 1, 0), rows.stop + reach + 1),
            slice(max(columns.start - reach - 1, 0), columns.stop + reach + 1),
        )
        part = mask[self._box]
        if part.all():  # the whole image: there is nothing that it could lose to
            self._depth = np.full(part.shape, np.iinfo(np.int32).max, dtype=np.int32)
        else:
            self._depth = distance_transform_cdt(part, "chessboard")
            self._depth -= distance_transform_cdt(~part, "chessboard")
        self._deepest = int(self._depth.max())

    def grow(self, px: int, out: NDArray[np.bool_]) -> None:
        """Add to a boolean (H, W) the mask grown by ``px`` to all sides (a square), or shrunk.

        A mask that would vanish keeps what vanishes last.
        """
        least = -px - 1 if px > 0 else min(-px, self._deepest - 1)
        out[self._box] |= self._depth > least


def generator(seed: int, image_id: str) -> np.random.Generator:
    """Of its own for each image, the same for all methods."""
    return np.random.default_rng([seed, zlib.crc32(image_id.encode(errors="surrogatepass"))])
