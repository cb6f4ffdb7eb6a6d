"""The ways in which ``mask_sensitivity`` changes masks, and the tables that these give."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.images import get_fit
from sat_nb.segments.measures import Box, bounding_box
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.table.build import build
from sat_nb.table.schema import rerank
from sat_nb.table.select import with_images_left

if TYPE_CHECKING:
    from sat_nb.table.build import Maps

Segments = Mapping[str, SegmentationMap]
Advance = Callable[[int], Any]

BLOCK = 8  # images whose maps and masks are in memory together
NEEDED = ["image_id", "method", "segment", "rank", "n_segments"]  # what mean ranks follow from


@dataclass(frozen=True, eq=False)
class Setting:
    """What is changed: maps and masks, how they are joined, and the table that this gives."""

    maps: Maps
    segments: Segments
    options: Mapping[str, Any]
    table: pd.DataFrame
    other: Segments | None

    @property
    def fit(self) -> str:
        """The geometry from image to map."""
        return str(self.options.get("fit") or getattr(self.maps, "fit", "stretch"))


@dataclass(frozen=True)
class Try:
    """One change that is tried: how much, and the seed of what is random."""

    amount: float
    seed: int


@dataclass(frozen=True)
class Change:
    """One way to change masks: (setting, tries, advance) -> the table that each try gives.

    All tries come together, so that an image's masks are read once for all of them. ``advance``
    is told how many joins (an image and a try) are done. The tables have at least the columns
    NEEDED.
    """

    tables: Callable[[Setting, Sequence[Try], Advance], list[pd.DataFrame]]
    amounts: tuple[float, ...]
    unit: str
    is_random: bool


# --- masks are changed, and joined anew -----------------------------------------------------------


def _padded(setting: Setting, tries: Sequence[Try], advance: Advance) -> list[pd.DataFrame]:
    def join(maps: Maps, masks: Segments) -> Iterator[pd.DataFrame]:
        for one in tries:
            options = {**setting.options, "pad_px": int(one.amount)}
            yield _joined(maps, masks, setting, options)

    return _in_blocks(setting, setting.segments, join, len(tries), advance)


def _outlined(setting: Setting, tries: Sequence[Try], advance: Advance) -> list[pd.DataFrame]:
    def join(maps: Maps, masks: Segments) -> Iterator[pd.DataFrame]:
        size = {i: a.shape[:2] for by_id in maps.values() for i, a in by_id.items()}
        changed = {i: outlined(i, masks[i], size[i], setting.fit, tries) for i in masks}
        for number in range(len(tries)):
            yield _joined(maps, {i: c[number] for i, c in changed.items()}, setting)

    return _in_blocks(setting, setting.segments, join, len(tries), advance)


def _from_other(setting: Setting, tries: Sequence[Try], advance: Advance) -> list[pd.DataFrame]:
    table = build(setting.maps, setting.other or {}, **setting.options)
    advance(len(tries) * table["image_id"].nunique())
    return [table[NEEDED]] * len(tries)


def _in_blocks(
    setting: Setting,
    segments: Segments,
    join: Callable[[Maps, Segments], Iterator[pd.DataFrame]],
    n_tries: int,
    advance: Advance,
) -> list[pd.DataFrame]:
    """A table a try, put together from a few images at a time, whose masks are read once."""
    ids = list(setting.table["image_id"].unique())
    parts: list[list[pd.DataFrame]] = [[] for _ in range(n_tries)]
    for start in range(0, len(ids), BLOCK):
        block = ids[start : start + BLOCK]
        masks = {i: segments[i] for i in block}
        maps = {m: {i: np.asarray(of[i]) for i in block} for m, of in setting.maps.items()}
        for part, table in zip(parts, join(maps, masks), strict=True):
            part.append(table[NEEDED])
            advance(len(block))
    return [pd.concat(part, ignore_index=True) for part in parts]


def _joined(
    maps: Maps, masks: Segments, setting: Setting, options: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    return build(maps, masks, **{**(options or setting.options), "fit": setting.fit})


def outlined(
    image_id: str, masks: SegmentationMap, size: tuple[int, ...], fit: str, tries: Sequence[Try]
) -> list[SegmentationMap]:
    """The masks of one image, grown or shrunk at random by up to ``amount`` pixels of the map.

    ``size`` (height, width) is the map's. One SegmentationMap a try; every mask by a number of
    pixels of its own.
    """
    if not len(masks):
        return [masks] * len(tries)
    scaled = get_fit(fit).frame(masks.size, (size[0], size[1])).scaled
    scale = float(np.sqrt(np.prod(masks.size) / np.prod(scaled)))  # pixels of the masks for one
    steps = [_generator(one.seed, image_id).uniform(-1, 1, len(masks)) for one in tries]
    px = [
        np.round(np.round(step * int(one.amount)) * scale).astype(int)
        for step, one in zip(steps, tries, strict=True)
    ]
    reach = int(np.abs(px).max())
    depths = [Depths(mask, reach) for mask in masks.masks]
    changed = []
    for by in px:
        grown = np.zeros_like(masks.masks)
        for out, depth, n in zip(grown, depths, by.tolist(), strict=True):
            depth.grow(n, out)
        grown.flags.writeable = False  # a SegmentationMap copies what can still be changed
        changed.append(SegmentationMap(masks.names, grown, masks.scores))
    return changed


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
        """Set in an empty (H, W) the mask grown by ``px`` to all sides (a square), or shrunk.

        A mask that would vanish keeps what vanishes last.
        """
        if px > 0:
            np.greater_equal(self._depth, -px, out=out[self._box])
        else:
            np.greater(self._depth, min(-px, self._deepest - 1), out=out[self._box])


# --- rows are changed -------------------------------------------------------------------------


def _of_rows(
    change: Callable[[Setting, float, int], pd.DataFrame],
) -> Callable[[Setting, Sequence[Try], Advance], list[pd.DataFrame]]:
    """The tables of a change (setting, amount, seed) that needs the joined table only."""

    def tables(setting: Setting, tries: Sequence[Try], advance: Advance) -> list[pd.DataFrame]:
        found = []
        for one in tries:
            found.append(change(setting, one.amount, one.seed))
            advance(setting.table["image_id"].nunique())
        return found

    return tables


def dropped(setting: Setting, amount: float, seed: int) -> pd.DataFrame:
    """A detection is missed by all methods alike; an image may lose all."""
    table = setting.table
    kept = table["segment"].notna().to_numpy()
    for places, rng in _images(table, seed):
        kept[places] &= rng.random(len(places)) >= amount
    rank_by = setting.options.get("rank_by", "abs_mean_attribution")
    return rerank(with_images_left(table, np.flatnonzero(kept)), by=rank_by)


def swapped(setting: Setting, amount: float, seed: int) -> pd.DataFrame:
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


MASK_CHANGES: dict[str, Change] = {
    "pad": Change(_padded, (0, 1, 2, 4, 8), "px", is_random=False),
    "outline": Change(_outlined, (1, 2, 4), "px", is_random=True),
    "dropped": Change(_of_rows(dropped), (0.05, 0.1, 0.2), "share", is_random=True),
    "swapped": Change(_of_rows(swapped), (0.05, 0.1, 0.2), "share", is_random=True),
    "source": Change(_from_other, (float("nan"),), "", is_random=False),
}
"""What can be done to masks."""
