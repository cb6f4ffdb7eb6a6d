"""Maps joined anew, with changed masks: tables a few images at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arrays import Size
from sat_nb.by_id import composed, keys_by_id
from sat_nb.errors import unknown_name
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.stats.outlines import OnMap
from sat_nb.table.build import build
from sat_nb.table.fitting import photo_size
from sat_nb.table.matching import facts_by_id
from sat_nb.table.merges import MERGES

if TYPE_CHECKING:
    from sat_nb.table.join import Maps

Segments = Mapping[str, SegmentationMap]
Changed = Sequence[SegmentationMap]  # one a trial
Advance = Callable[[int], Any]
"""Is called with the number of joins (an image and a trial) that are done."""

BLOCK = 8  # images whose maps and masks are in memory together
NEEDED = ["image_id", "method", "segment", "rank", "n_segments"]  # what mean ranks follow from


@dataclass(frozen=True, eq=False)
class Original:
    """Maps and unchanged masks, how they are joined, and the table of that join."""

    maps: Maps
    segments: Segments
    options: Mapping[str, Any]
    table: pd.DataFrame
    other: Segments | None

    @property
    def fit(self) -> str:
        """The geometry from image to map, as the table was joined."""
        return str(self.table.attrs["sat_nb"]["fit"])

    def on_map(self, image_id: str, size: Size) -> OnMap:
        """How masks of an image are brought to a map of that size."""
        merge = self.options.get("merge", "union")
        if not isinstance(merge, str) or merge not in MERGES:  # outlines are merged again
            raise unknown_name("merge", merge, MERGES)
        pad_px, pad_unit = self.options["pad_px"], self.options.get("pad_unit", "map")
        return OnMap(size, self.fit, pad_px, merge, pad_unit, self.photo(image_id))

    def photo(self, image_id: str) -> Size | None:
        """The size of the photo, where the maps know it."""
        return self._photos.get(composed(image_id))

    @cached_property
    def _photos(self) -> dict[str, Size | None]:
        return {i: photo_size(facts) for i, facts in facts_by_id(self.maps).items()}


def join_on_map(
    original: Original,
    change: Callable[[str, SegmentationMap, Size, Size], Changed],
    n_trials: int,
    advance: Advance,
) -> list[pd.DataFrame]:
    """Tables of masks that ``change`` has already brought to the size of the maps.

    ``change`` takes the image's id and masks, and the sizes of this map and of the first one.
    """
    joining = {**original.options, "fit": "stretch", "pad_px": 0, "pad_unit": "map"}

    def join(maps: Maps, masks: Segments) -> Iterator[pd.DataFrame]:
        first = next(iter(maps.values()))
        changed = [
            (some, {i: change(i, masks[i], _size(of_maps[i]), _size(first[i])) for i in masks})
            for some in _of_one_size(maps)
            for of_maps in [next(iter(some.values()))]
        ]
        for number in range(n_trials):
            yield pd.concat(
                build(some, {i: each[number] for i, each in by_id.items()}, **joining)
                for some, by_id in changed
            )

    return in_blocks(original, join, n_trials, advance)


def _size(attribution: NDArray) -> Size:
    return attribution.shape[0], attribution.shape[1]


def _of_one_size(maps: Maps) -> list[Maps]:
    """The maps in groups of methods whose maps have the same sizes."""
    groups: dict[tuple[Size, ...], dict[str, Any]] = {}
    for method, by_id in maps.items():
        groups.setdefault(tuple(map(_size, by_id.values())), {})[method] = by_id
    return list(groups.values())


def in_blocks(
    original: Original,
    join: Callable[[Maps, Segments], Iterator[pd.DataFrame]],
    n_trials: int,
    advance: Advance,
) -> list[pd.DataFrame]:
    """One table a trial, joined a few images at a time, so that masks are read only once."""
    ids = list(original.table["image_id"].unique())
    of_masks = keys_by_id(original.segments, "segments")
    of_maps = {m: keys_by_id(by_id, f"maps[{m!r}]") for m, by_id in original.maps.items()}
    parts: list[list[pd.DataFrame]] = [[] for _ in range(n_trials)]
    for start in range(0, len(ids), BLOCK):
        block = ids[start : start + BLOCK]
        masks = {i: original.segments[of_masks[composed(i)]] for i in block}
        maps = {
            m: {i: np.asarray(by_id[of_maps[m][composed(i)]]) for i in block}
            for m, by_id in original.maps.items()
        }
        for part, table in zip(parts, join(maps, masks), strict=True):
            part.append(table[NEEDED])
            advance(len(block))
    return [pd.concat(part, ignore_index=True) for part in parts]
