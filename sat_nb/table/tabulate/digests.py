"""Digests of what a shard is made from."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from sat_nb.errors import SatError
from sat_nb.images import ImageSet
from sat_nb.segments.segmentation import SegmentationMap


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


def masks_digest(found: SegmentationMap) -> str:
    """A hash of names, masks and scores."""
    scores = None if found.scores is None else found.scores.tobytes()
    about = repr((found.names, found.masks.shape, scores)).encode("utf-8", "surrogatepass")
    return hashlib.sha256(about + np.packbits(found.masks).tobytes()).hexdigest()
