"""Masks grown and shrunk, for ``mask_sensitivity``: measured and fitted once for all trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Size
from sat_nb.geometry import get_fit
from sat_nb.segments.quality.measures import Box, bounding_box
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.stats.seeds import image_generator
from sat_nb.table.fitting import Fitting
from sat_nb.table.merges import MERGES


@dataclass(frozen=True)
class Trial:
    """One trial of a change: its amount, and the seed of its randomness."""

    amount: float
    seed: int


@dataclass(frozen=True)
class OnMap:
    """How masks are brought to a map: its size (height, width), and the options of ``build``.

    ``photo`` is the size of the photo, by default that of the masks.
    """

    size: Size
    fit: str
    pad_px: int
    merge: str
    pad_unit: str = "map"
    photo: Size | None = None

    def masks(self, merged: SegmentationMap, pad_px: int) -> SegmentationMap:
        """Merged masks on the map, padded."""
        return Fitting(self.fit, pad_px, self.pad_unit).masks(merged, self.size, self.photo)


def steps_of(
    image_id: str, masks: SegmentationMap, size: Size, fit: str, trials: Sequence[Trial]
) -> list[list[int]]:
    """By how many of its own pixels each mask grows (shrinks if < 0), one list a trial.

    They follow from a random whole number of pixels of a map of ``size``, up to the trial's amount.
    """
    if not len(masks):
        return [[] for _ in trials]
    scaled = get_fit(fit).frame(masks.size, size).scaled
    scale = float(np.sqrt(np.prod(masks.size) / np.prod(scaled)))  # mask pixels in one of the map
    drawn = [image_generator(trial.seed, image_id).uniform(-1, 1, len(masks)) for trial in trials]
    return [
        np.round(np.round(shares * int(trial.amount)) * scale).astype(int).tolist()
        for shares, trial in zip(drawn, trials, strict=True)
    ]


def padded(masks: SegmentationMap, pads: Sequence[int], on_map: OnMap) -> list[SegmentationMap]:
    """One SegmentationMap of the map's size for each pad."""
    if not len(masks):
        return [masks] * len(pads)
    merged = MERGES[on_map.merge](masks)
    if on_map.pad_unit != "map":
        return [on_map.masks(merged, px) for px in pads]
    fitted = on_map.masks(merged, 0)  # once for all pads
    grown = [fitted.pad(px) for px in pads]
    size = on_map.photo or masks.size
    photo = get_fit(on_map.fit).photo(size, on_map.size)  # without a letterbox's bars
    return [SegmentationMap(one.names, one.masks & photo) for one in grown]


def outlined(
    masks: SegmentationMap, steps: Sequence[Sequence[int]], on_map: OnMap
) -> list[SegmentationMap]:
    """One SegmentationMap of the map's size for each list of steps: merged, grown, fitted, padded.

    A name whose masks grow by the same steps as in an earlier list is not fitted again.
    """
    names = MERGES[on_map.merge](masks).names
    apart = len(names) == len(masks)
    members = [[i] if apart else _places(masks.names, name) for i, name in enumerate(names)]
    reach = max((abs(step) for each in steps for step in each), default=0)
    distances = [SignedDistance(mask, reach) for mask in masks.masks]
    fitted: dict[tuple[int, ...], NDArray[np.bool_] | None] = {}
    changed = []
    for each in steps:
        keys = [(k, *(each[i] for i in group)) for k, group in enumerate(members)]
        new = [key for key in keys if key not in fitted]
        fitted |= _fitted(new, members, distances, masks.size, on_map)
        shown = [(name, fitted[key]) for name, key in zip(names, keys, strict=True)]
        kept = {name: mask for name, mask in shown if mask is not None}
        blank = np.zeros((0, *on_map.size), dtype=bool)
        changed.append(
            SegmentationMap(tuple(kept), np.stack(list(kept.values())) if kept else blank)
        )
    return changed


def _places(names: Sequence[str], name: str) -> list[int]:
    return [i for i, one in enumerate(names) if one == name]


def _fitted(
    keys: Sequence[tuple[int, ...]],
    members: Sequence[Sequence[int]],
    distances: Sequence[SignedDistance],
    size: Size,
    on_map: OnMap,
) -> Mapping[tuple[int, ...], NDArray[np.bool_] | None]:
    """{(index of name, steps of its masks): fitted mask}; None for a mask that the fit cuts off."""
    if not keys:
        return {}
    grown = np.zeros((len(keys), *size), dtype=bool)
    for out, (k, *steps) in zip(grown, keys, strict=True):
        for i, step in zip(members[k], steps, strict=True):
            distances[i].grow(step, out)
    grown.flags.writeable = False  # a SegmentationMap copies what can still be changed
    numbered = SegmentationMap(tuple(str(i) for i in range(len(keys))), grown)
    shown = on_map.masks(numbered, on_map.pad_px)
    fitted: dict[tuple[int, ...], NDArray[np.bool_] | None] = dict.fromkeys(keys)
    return fitted | {keys[int(i)]: mask for i, mask in zip(shown.names, shown.masks, strict=True)}


class SignedDistance:
    """The distance of each pixel to the outline of a mask (H, W), up to ``reach`` pixels outside.

    Chessboard distance: 1 for the mask's outermost pixels, larger inside; -1 for the pixels next to
    the mask, smaller farther out. Beyond the edge of the image everything counts as the mask, so
    that a mask at the edge stays there when it shrinks.
    """

    def __init__(self, mask: NDArray[np.bool_], reach: int) -> None:
        from scipy.ndimage import distance_transform_cdt

        # A mask grown by n is every pixel at chessboard distance <= n: a square pad, as in `pad`.
        # One distance transform therefore answers for all steps.
        rows, columns = bounding_box(mask)
        self._box: Box = (
            slice(max(rows.start - reach - 1, 0), rows.stop + reach + 1),
            slice(max(columns.start - reach - 1, 0), columns.stop + reach + 1),
        )
        part = mask[self._box]
        if part.all():  # it has no outline, and never shrinks
            self._distance = np.full(part.shape, np.iinfo(np.int32).max, dtype=np.int32)
        else:
            self._distance = distance_transform_cdt(part, "chessboard")
            self._distance -= distance_transform_cdt(~part, "chessboard")
        self._largest = int(self._distance.max())

    def grow(self, px: int, out: NDArray[np.bool_]) -> None:
        """Add to ``out``, bool (H, W), the mask grown by ``px`` to all sides, or shrunk if < 0.

        A mask that would vanish keeps its innermost pixels.
        """
        limit = -px - 1 if px > 0 else min(-px, self._largest - 1)
        out[self._box] |= self._distance > limit
