"""What readers of files have in common: named masks that are not decoded yet.

A reader describes every mask by a Piece first. So what an image would cost is known, and
refused, before the first mask takes memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Mask, Size
from sat_nb.errors import InvalidInput
from sat_nb.segments.formats.limits import MAX_MASK_BYTES, check_count, checked_name, checked_size
from sat_nb.segments.formats.rle import CODECS, decode_runs
from sat_nb.segments.segmentation import SegmentationMap


class NoPixel(InvalidInput):
    """A mask that covers nothing."""


@dataclass(frozen=True)
class Piece:
    """One mask to be: where it stands in the file, its name, size, decoder and score."""

    field: str
    name: str
    size: Size
    decode: Callable[[], Mask]
    score: float = np.nan


def assemble(pieces: Sequence[Piece]) -> SegmentationMap:
    """Decode the pieces into one SegmentationMap, in their order, names as written.

    Raises InvalidInput for names that are none, several sizes, a mask without pixels, and masks
    that would take more than MAX_MASK_BYTES together.
    """
    if not pieces:
        return SegmentationMap((), np.zeros((0, 0, 0), dtype=bool))
    size = _common_size(pieces)
    names = tuple(checked_name(piece.name, f"{piece.field}: the name") for piece in pieces)
    masks = np.empty((len(pieces), *size), dtype=bool)
    for piece, out in zip(pieces, masks, strict=True):
        out[...] = piece.decode()
        if not out.any():
            raise NoPixel(f"{piece.field}: the mask has no pixel; take the object out.")
    masks.flags.writeable = False  # a SegmentationMap copies what can still be changed
    return SegmentationMap(names, masks, _scores(pieces))


def rle_decoder(mask: dict[str, Any], codec: str, field: str) -> tuple[Size, Callable[[], Mask]]:
    """The size, and a decoder, of {counts, size}: counts as a string in ``codec``, or as a list."""
    size = checked_size(mask.get("size"), f"{field}.size")
    return size, partial(_decode_rle, mask.get("counts"), size, codec, field)


def _decode_rle(counts: Any, size: Size, codec: str, field: str) -> Mask:
    try:
        if isinstance(counts, list):
            return decode_runs(counts, size)
        if isinstance(counts, str):
            return CODECS[codec][1](counts, size)
        raise InvalidInput("counts: expected a run-length string or a list of whole numbers")
    except InvalidInput as error:
        raise InvalidInput(
            f"{field}.{error}; the export is damaged, or it is of another format."
        ) from error


def _common_size(pieces: Sequence[Piece]) -> Size:
    check_count(pieces, "objects")
    sizes = sorted({piece.size for piece in pieces})
    if len(sizes) > 1:
        raise InvalidInput(f"objects: expected masks of one size, got {sizes[0]} and {sizes[1]}.")
    (height, width), n = sizes[0], len(pieces)
    if n * height * width > MAX_MASK_BYTES:
        raise InvalidInput(
            f"objects: {n} masks of {height} x {width} pixels need {n * height * width} bytes, "
            f"{MAX_MASK_BYTES} at most are read; export fewer masks, or smaller ones."
        )
    return height, width


def _scores(pieces: Sequence[Piece]) -> NDArray[np.float64] | None:
    scores = np.array([piece.score for piece in pieces])
    return None if np.isnan(scores).all() else scores
