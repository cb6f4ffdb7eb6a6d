"""The ways in which ``mask_sensitivity`` changes masks, and the tables that these give."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.images import get_fit
from sat_nb.segments.measures import bounding_box
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.table.build import build
from sat_nb.table.schema import rerank
from sat_nb.table.select import with_images_left

if TYPE_CHECKING:
    from sat_nb.table.build import Maps

Segments = Mapping[str, SegmentationMap]


@dataclass(frozen=True, eq=False)
class Setting:
    """What is changed: maps and masks, how they are joined, and the table that this gives."""

    maps: Maps
    segments: Segments
    options: Mapping[str, Any]
    table: pd.DataFrame
    other: Segments | None


@dataclass(frozen=True)
class Change:
    """One way to change masks: (setting, amount, seed) -> the table that they then give."""

    table: Callable[[Setting, float, int], pd.DataFrame]
    amounts: tuple[float, ...]
    unit: str
    is_random: bool


# --- the changes: (setting, amount, seed) -> table ----------------------------------------------


def _padded(setting: Setting, amount: float, seed: int) -> pd.DataFrame:
    options = {**setting.options, "pad_px": int(amount)}
    return build(setting.maps, setting.segments, **options)


def _outlined(setting: Setting, amount: float, seed: int) -> pd.DataFrame:
    changed = OutlinedSegments(setting, int(amount), seed)
    return build(setting.maps, changed, **setting.options)


def _from_other(setting: Setting, amount: float, seed: int) -> pd.DataFrame:
    return build(setting.maps, setting.other or {}, **setting.options)


def _dropped(setting: Setting, amount: float, seed: int) -> pd.DataFrame:
    """A detection is missed by all methods alike; an image may lose all."""
    table = setting.table
    kept = table["segment"].notna().to_numpy()
    for places, rng in _images(table, seed):
        kept[places] &= rng.random(len(places)) >= amount
    rank_by = setting.options.get("rank_by", "abs_mean_attribution")
    return rerank(with_images_left(table, np.flatnonzero(kept)), by=rank_by)


def _swapped(setting: Setting, amount: float, seed: int) -> pd.DataFrame:
    """Detections that are drawn change names with any other of the image, one after the other."""
    names = setting.table["segment"].to_numpy(copy=True)
    for places, rng in _images(setting.table, seed):
        n = len(places)
        for one in np.flatnonzero(rng.random(n) < amount / 2) if n > 1 else ():  # a swap has two
            pair = places[[one, (one + rng.integers(1, n)) % n]]
            names[pair] = names[pair[::-1]]
    return setting.table.assign(segment=names)


def _images(
    table: pd.DataFrame, seed: int
) -> Iterator[tuple[NDArray[np.intp], np.random.Generator]]:
    """The rows of each image and method, and a generator that is the same for all methods."""
    images = table["image_id"].to_numpy()
    for places in table.groupby(["image_id", "method"], sort=False).indices.values():
        rows = np.asarray(places)
        yield rows, _generator(seed, images[rows[0]])


def _generator(seed: int, image_id: str) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(image_id.encode(errors="surrogatepass"))])


class OutlinedSegments(Mapping[str, SegmentationMap]):
    """Masks grown or shrunk at random, when asked for."""

    def __init__(self, setting: Setting, most: int, seed: int) -> None:
        self._setting = setting
        self._most = most
        self._seed = seed

    def __getitem__(self, image_id: str) -> SegmentationMap:
        segmentation = self._setting.segments[image_id]
        steps = _generator(self._seed, image_id).uniform(-1, 1, len(segmentation))
        if not len(segmentation):
            return segmentation
        scale = self._photo_px(image_id, segmentation)
        px = np.round(np.round(steps * self._most) * scale).astype(int)
        masks = [grown(m, p) for m, p in zip(segmentation.masks, px, strict=True)]
        return SegmentationMap(segmentation.names, np.stack(masks), segmentation.scores)

    def _photo_px(self, image_id: str, segmentation: SegmentationMap) -> float:
        """Pixels of the masks for one of the map."""
        maps = self._setting.maps
        height, width = np.shape(next(iter(maps.values()))[image_id])[:2]
        name = self._setting.options.get("fit") or getattr(maps, "fit", "stretch")
        scaled = get_fit(str(name)).frame(segmentation.size, (height, width)).scaled
        return float(np.sqrt(np.prod(segmentation.size) / np.prod(scaled)))

    def __iter__(self) -> Iterator[str]:
        return iter(self._setting.segments)

    def __len__(self) -> int:
        return len(self._setting.segments)


def grown(mask: NDArray[np.bool_], px: int) -> NDArray[np.bool_]:
    """A boolean mask (H, W) grown by ``px`` to all sides (a square), or shrunk where negative.

    What lies beyond the image's edge counts as the mask's own, so that a mask at the edge does not
    leave it. A mask that would vanish keeps what vanishes last.
    """
    from scipy.ndimage import distance_transform_cdt

    if px == 0:
        return mask
    box = tuple(
        slice(max(s.start - abs(px) - 1, 0), s.stop + abs(px) + 1) for s in bounding_box(mask)
    )
    out = np.zeros_like(mask)
    if mask.all():
        return mask
    if px > 0:
        out[box] = distance_transform_cdt(~mask[box], "chessboard") <= px
        return out
    depth = distance_transform_cdt(mask[box], "chessboard")
    out[box] = depth > min(-px, depth.max() - 1)
    return out


MASK_CHANGES: dict[str, Change] = {
    "pad": Change(_padded, (0, 1, 2, 4, 8), "px", is_random=False),
    "outline": Change(_outlined, (1, 2, 4), "px", is_random=True),
    "dropped": Change(_dropped, (0.05, 0.1, 0.2), "share", is_random=True),
    "swapped": Change(_swapped, (0.05, 0.1, 0.2), "share", is_random=True),
    "source": Change(_from_other, (float("nan"),), "", is_random=False),
}
"""What can be done to masks."""
