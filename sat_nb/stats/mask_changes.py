"""The ways in which ``mask_sensitivity`` changes masks, and the tables that these give."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arrays import Size
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.stats.outlines import Grid, Try, generator, outlined, padded, steps_of
from sat_nb.table.build import build
from sat_nb.table.schema import rerank
from sat_nb.table.select import with_images_left

if TYPE_CHECKING:
    from sat_nb.table.join import Maps

Segments = Mapping[str, SegmentationMap]
Advance = Callable[[int], Any]
Changed = Sequence[SegmentationMap]  # one a try

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

    def grid(self, size: Size) -> Grid:
        """How masks come to a map of that size."""
        pad_px, merge = self.options["pad_px"], self.options.get("merge", "union")
        return Grid(size, self.fit, pad_px, merge)


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
    pads = [int(one.amount) for one in tries]

    def change(image_id: str, masks: SegmentationMap, size: Size, of: Size) -> Changed:
        return padded(masks, pads, setting.grid(size))

    return _on_grid(setting, change, len(tries), advance)


def _outlined(setting: Setting, tries: Sequence[Try], advance: Advance) -> list[pd.DataFrame]:
    def change(image_id: str, masks: SegmentationMap, size: Size, of: Size) -> Changed:
        steps = steps_of(image_id, masks, of, setting.fit, tries)
        return outlined(masks, steps, setting.grid(size))

    return _on_grid(setting, change, len(tries), advance)


def _on_grid(
    setting: Setting,
    change: Callable[[str, SegmentationMap, Size, Size], Changed],
    n_tries: int,
    advance: Advance,
) -> list[pd.DataFrame]:
    """Tables of masks that ``change`` brings to the maps' grid, and that are joined as they are.

    It is told the image's id and masks, and the (height, width) of this and of the first map.
    """
    joining = {**setting.options, "fit": "stretch", "pad_px": 0}

    def join(maps: Maps, masks: Segments) -> Iterator[pd.DataFrame]:
        first = next(iter(maps.values()))
        changed = [
            (some, {i: change(i, masks[i], _size(by_id[i]), _size(first[i])) for i in masks})
            for some in _of_one_size(maps)
            for by_id in [next(iter(some.values()))]
        ]
        for number in range(n_tries):
            yield pd.concat(
                build(some, {i: each[number] for i, each in of.items()}, **joining)
                for some, of in changed
            )

    return _in_blocks(setting, join, n_tries, advance)


def _from_other(setting: Setting, tries: Sequence[Try], advance: Advance) -> list[pd.DataFrame]:
    table = build(setting.maps, setting.other or {}, **setting.options)
    advance(len(tries) * table["image_id"].nunique())
    return [table[NEEDED]] * len(tries)


def _size(attribution: NDArray) -> Size:
    return attribution.shape[0], attribution.shape[1]


def _of_one_size(maps: Maps) -> list[Maps]:
    """The methods whose maps have the same sizes, together."""
    groups: dict[tuple[Size, ...], dict[str, Any]] = {}
    for method, by_id in maps.items():
        groups.setdefault(tuple(map(_size, by_id.values())), {})[method] = by_id
    return list(groups.values())


def _in_blocks(
    setting: Setting,
    join: Callable[[Maps, Segments], Iterator[pd.DataFrame]],
    n_tries: int,
    advance: Advance,
) -> list[pd.DataFrame]:
    """A table a try, put together from a few images at a time, whose masks are read once."""
    ids = list(setting.table["image_id"].unique())
    parts: list[list[pd.DataFrame]] = [[] for _ in range(n_tries)]
    for start in range(0, len(ids), BLOCK):
        block = ids[start : start + BLOCK]
        masks = {i: setting.segments[i] for i in block}
        maps = {m: {i: np.asarray(of[i]) for i in block} for m, of in setting.maps.items()}
        for part, table in zip(parts, join(maps, masks), strict=True):
            part.append(table[NEEDED])
            advance(len(block))
    return [pd.concat(part, ignore_index=True) for part in parts]


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
        yield rows, generator(seed, images[rows[0]])


MASK_CHANGES: dict[str, Change] = {
    "pad": Change(_padded, (0, 1, 2, 4, 8), "px", is_random=False),
    "outline": Change(_outlined, (1, 2, 4), "px", is_random=True),
    "dropped": Change(_of_rows(dropped), (0.05, 0.1, 0.2), "share", is_random=True),
    "swapped": Change(_of_rows(swapped), (0.05, 0.1, 0.2), "share", is_random=True),
    "source": Change(_from_other, (float("nan"),), "", is_random=False),
}
"""What can be done to masks."""
