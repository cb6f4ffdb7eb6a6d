"""From the items of a file to the masks of one image: described first, decoded last.

A reader describes every mask by an EncodedMask, so that an image that would cost too much memory
is refused before the first mask is decoded. One item that cannot be read does not cost the
others: a Reading holds what could be read, and what was refused. Whether refused items are an
error is the decision of who asked, not of the reader.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from sat_nb.arrays import Float64, Mask, Masks, Size
from sat_nb.errors import InvalidInput
from sat_nb.limits import LIMITS, beyond
from sat_nb.segments.formats.limits import checked_name
from sat_nb.segments.segmentation import SegmentationMap

T = TypeVar("T")


class NoPixel(InvalidInput):
    """A mask that covers no pixel; ``fetch_masks`` leaves such objects out of its exports."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field}: the mask has no pixel; remove the object.")
        self.field = field


@dataclass(frozen=True)
class EncodedMask:
    """A mask that is not decoded yet.

    ``field`` is its place in the file, for messages; ``decode()`` returns the mask (H, W). Masks
    of one name and one ``instance`` (not None) are parts of one object, which is their union.
    ``outline_px`` is what filling its outlines costs; see ``outline_length``.
    """

    field: str
    name: str
    size: Size
    decode: Callable[[], Mask]
    score: float = np.nan
    instance: Hashable = None
    outline_px: int = 0


@dataclass(frozen=True)
class Reading:
    """What a file holds of one image: its segments, and the errors of the items without them."""

    segmentation: SegmentationMap
    refused: tuple[InvalidInput, ...] = ()

    def whole(self) -> SegmentationMap:
        """The segments; the first of the errors, if there is one."""
        if self.refused:
            raise self.refused[0]
        return self.segmentation


def encode_each(
    items: Iterable[tuple[str, T]], encode: Callable[[T, str], EncodedMask]
) -> Iterator[EncodedMask | InvalidInput]:
    """``encode(item, field)`` of each (field, item), or the InvalidInput that it raises."""
    for field, item in items:
        try:
            yield encode(item, field)
        except InvalidInput as error:
            yield error


def decode_masks(items: Iterable[EncodedMask | InvalidInput]) -> Reading:
    """Decode the masks of one image, in their order, names as written.

    Refused are the errors among ``items``, invalid names, masks that cannot be decoded, masks
    without a pixel, and those whose outlines are beyond LIMITS["outline_px"], together with those
    before them. Raises InvalidInput for masks of several sizes, for too many of them, and for masks
    that would take more than LIMITS["mask_bytes"] together.
    """
    refused: list[InvalidInput] = []
    described = list(_within_outlines(list(_named(items, refused)), refused))
    if not described:
        return Reading(SegmentationMap((), np.zeros((0, 0, 0), dtype=bool)), tuple(refused))
    size = _common_size(described)
    masks = np.empty((0, *size), dtype=bool)
    kept: list[EncodedMask] = []
    for mask in described:
        try:
            decoded = mask.decode()
            if not decoded.any():
                raise NoPixel(mask.field)
        except InvalidInput as error:
            refused.append(error)
        else:
            if not kept:  # only now is it known that there is something to hold
                masks = np.empty((len(described), *size), dtype=bool)
            masks[len(kept)] = decoded
            kept.append(mask)
    kept, masks = _instances(kept, masks[: len(kept)])
    masks.flags.writeable = False  # SegmentationMap copies arrays that are writeable
    names = tuple(mask.name for mask in kept)
    return Reading(SegmentationMap(names, masks, _scores(kept)), tuple(refused))


def _named(
    items: Iterable[EncodedMask | InvalidInput], refused: list[InvalidInput]
) -> Iterator[EncodedMask]:
    most = LIMITS["masks"]
    for n_before, item in enumerate(items):
        if n_before >= most:
            raise InvalidInput(
                f"objects: expected at most {most} masks, got more; raise the "
                f"detector's threshold, or split the file; {beyond('masks', 2 * n_before)}."
            )
        if isinstance(item, InvalidInput):
            refused.append(item)
            continue
        try:
            checked_name(item.name, f"{item.field}: the name")
        except InvalidInput as error:
            refused.append(error)
        else:
            yield item


def _within_outlines(
    described: Sequence[EncodedMask], refused: list[InvalidInput]
) -> Iterator[EncodedMask]:
    """The masks whose outlines, together with those before them, can be filled in a short time."""
    needed, most = sum(mask.outline_px for mask in described), LIMITS["outline_px"]
    length = 0
    for mask in described:
        if length + mask.outline_px <= most:
            length += mask.outline_px
            yield mask
        else:
            refused.append(
                InvalidInput(
                    f"{mask.field}: the outlines of all masks are {needed} pixels long, so that "
                    f"this one is left out; export run lengths; {beyond('outline_px', needed)}."
                )
            )


def _common_size(described: Sequence[EncodedMask]) -> Size:
    sizes = sorted({mask.size for mask in described})
    if len(sizes) > 1:
        raise InvalidInput(f"objects: expected masks of one size, got {sizes[0]} and {sizes[1]}.")
    (height, width), n = sizes[0], len(described)
    check_mask_bytes(f"objects: {n} masks of {height} x {width} pixels", n * height * width)
    return height, width


def check_mask_bytes(what: str, needed: int) -> None:
    """InvalidInput, which begins with ``what``, for masks that need too much memory."""
    if needed > LIMITS["mask_bytes"]:
        raise InvalidInput(
            f"{what} need {needed} bytes; export fewer or smaller masks; "
            f"{beyond('mask_bytes', needed)}."
        )


def _instances(parts: list[EncodedMask], masks: Masks) -> tuple[list[EncodedMask], Masks]:
    """One mask an instance: parts of one object are united, in the place of the first."""
    first: dict[Hashable, int] = {}
    whole: dict[int, EncodedMask] = {}
    for i, part in enumerate(parts):
        at = i if part.instance is None else first.setdefault((part.name, part.instance), i)
        if at == i:
            whole[i] = part
        else:
            masks[at] |= masks[i]
            whole[at] = replace(whole[at], score=float(np.fmax(whole[at].score, part.score)))
    return list(whole.values()), masks if len(whole) == len(parts) else masks[list(whole)]


def _scores(kept: Sequence[EncodedMask]) -> Float64 | None:
    scores = np.array([mask.score for mask in kept], dtype=np.float64)
    return None if np.isnan(scores).all() else scores
