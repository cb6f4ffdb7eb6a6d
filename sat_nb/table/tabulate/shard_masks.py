"""The masks of a shard, and the hashes of those that were read."""

from __future__ import annotations

from collections.abc import Collection

from sat_nb.by_id import ById
from sat_nb.errors import SatError
from sat_nb.segments.segmentation import SegmentationMap, checked_segmentation
from sat_nb.table.tabulate.digests import masks_digest
from sat_nb.table.tabulate.plan import Shard


class ShardMasks(ById[SegmentationMap]):
    """The masks of a shard by the key of their photo; those that were read leave their hash."""

    holds = "segmentation map"

    def __init__(self, shard: Shard) -> None:
        self._segments, self._keys_of, self._ids = shard.segments, shard.plan.masks, shard.image_ids
        self.sha256: dict[str, str] = {}

    def note(self, image_id: str) -> None:
        """Read the masks for their hash; what cannot be read has none."""
        try:
            _ = self[image_id]
        except (SatError, OSError):
            self.sha256.setdefault(image_id, "")

    def _keys(self) -> Collection[str]:
        return self._ids

    def _value(self, key: str) -> SegmentationMap:
        found = checked_segmentation(self._segments[self._keys_of.get(key, key)], key)
        self.sha256[key] = masks_digest(found)
        return found
