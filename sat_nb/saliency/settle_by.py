"""The masks whose ranks are to be settled, brought to the model's input as ``build`` does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from sat_nb.errors import IdMismatch, InvalidInput, shorten
from sat_nb.segments.segmentation import SegmentationMap


def read_masks(
    segments: Mapping[str, SegmentationMap] | None,
    image_ids: Iterable[str],
    samples: int | str | None,
    pad_px: int,
) -> Callable[..., NDArray[np.bool_]] | None:
    """(image_id, size=, fit=) -> masks (k, H, W), or None where a number of samples is given.

    Raises InvalidInput for masks without samples="auto" and the other way round, IdMismatch for
    images that lack masks.
    """
    if samples != "auto":
        if segments is not None:
            raise InvalidInput("segments: are looked at under samples='auto' only; leave them out.")
        return None
    if segments is None:
        raise InvalidInput(
            "segments: samples='auto' settles the ranks of segments, got none; give "
            "segments=read_segments(...), or a number of samples."
        )
    image_ids = list(image_ids)
    lacking = [image_id for image_id in image_ids if image_id not in segments]
    if lacking:
        raise IdMismatch(
            f"segments: no masks for {len(lacking)} of {len(image_ids)} images: "
            f"{shorten(lacking)}; there are {shorten(segments)}."
        )

    def masks(image_id: str, *, size: tuple[int, int], fit: str) -> NDArray[np.bool_]:
        return segments[image_id].merged().resize(size, fit=fit, pad_px=pad_px).masks

    return masks
