"""Digests of what a shard is made from: settings, photos, masks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from typing import Any

import numpy as np

from sat_nb.by_id import ById
from sat_nb.errors import SatError
from sat_nb.images import ImageSet
from sat_nb.segments.segmentation import SegmentationMap, checked_segmentation
from sat_nb.table.tabulate.plan import Shard


def digest_of(content: Any) -> str:
    """A hash of plain data."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def photo_digest(images: ImageSet, image_id: str) -> str:
    """The hash of the photo's file; "" where it cannot be read."""
    try:
        return images.sha256(image_id)
    except (SatError, OSError):
        return ""


def _masks_digest(found: SegmentationMap) -> str:
    """A hash of names, masks and scores."""
    scores = None if found.scores is None else found.scores.tobytes()
    about = repr((found.names, found.masks.shape, scores)).encode("utf-8", "surrogatepass")
    return hashlib.sha256(about + np.packbits(found.masks).tobytes()).hexdigest()


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
        self.sha256[key] = _masks_digest(found)
        return found
