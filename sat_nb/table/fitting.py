"""How masks come to the grid of a map: compared sizes, declared geometry, padding."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sat_nb.arrays import Float64, Size
from sat_nb.errors import InvalidInput, shorten
from sat_nb.geometry import relation, same_shape, undeclared_fit
from sat_nb.registry import Entry, registry
from sat_nb.segments.segmentation import SegmentationMap

# On coarse grids rounding explains much: 7 x 7 pixels could show a whole photo of 8 : 7, or lack a
# seventh of it.
CLOSE_SHAPE = 0.03
WIDE_PAD = 0.05  # of the shorter side: 2 px of 224 px are 0.9 %, of a 7 x 7 grid 29 %
TOO_MUCH_GROWTH = 3.0  # times: the median padded mask is then at most a third mask
TOO_MUCH_MORE = 0.25  # of the map, by which the median mask grows
SMALL_MASK = 0.01  # of the map: a mask that is still smaller after padding is a detail


@dataclass(frozen=True, kw_only=True)
class PadUnit(Entry):
    """What a pixel of ``pad_px`` is.

    ``function(masks, size, fitting, photo)`` brings masks to a map of ``size``, padded;
    ``is_of_map`` tells whose shorter side the pad is compared with.
    """

    function: Callable[[SegmentationMap, Size, Fitting, Size], SegmentationMap]
    is_of_map: bool = True


@dataclass(frozen=True)
class Fitting:
    """How masks are brought to the grid of a map, by names in ``FITS`` and ``PAD_UNITS``."""

    fit: str
    pad_px: int
    pad_unit: str = "map"

    def masks(self, masks: SegmentationMap, size: Size, photo: Size | None) -> SegmentationMap:
        """Masks on a map of ``size``; ``photo`` is the photo's size, by default the masks' own."""
        return PAD_UNITS[self.pad_unit].function(masks, size, self, photo or masks.size)

    def is_wide(self, size: Size, photo: Size) -> bool:
        """Whether the pad is a large part of a map of ``size``."""
        side = min(size if PAD_UNITS[self.pad_unit].is_of_map else photo)
        return self.pad_px > WIDE_PAD * side


def _pad_on_map(
    masks: SegmentationMap, size: Size, fitting: Fitting, photo: Size
) -> SegmentationMap:
    return masks.resize(size, fit=fitting.fit, pad_px=fitting.pad_px, photo=photo)


def _pad_on_photo(
    masks: SegmentationMap, size: Size, fitting: Fitting, photo: Size
) -> SegmentationMap:
    # Where there are no masks, they may not even have a size.
    grown = masks.resize(photo).pad(fitting.pad_px) if len(masks) else masks
    return grown.resize(size, fit=fitting.fit)


PAD_UNITS: dict[str, PadUnit] = registry(
    PadUnit(
        name="map",
        about="Pixels of the map: masks are brought to its grid, and then grow.",
        function=_pad_on_map,
    ),
    PadUnit(
        name="photo",
        about="Pixels of the photo: masks grow, and are then brought to the grid of the map.",
        function=_pad_on_photo,
        is_of_map=False,
    ),
)
"""What ``build`` takes as ``pad_unit``, by name."""


def photo_size(facts: Any) -> Size | None:
    """The size of the photo, where maps know it."""
    height, width = getattr(facts, "height", None), getattr(facts, "width", None)
    return None if height is None or width is None else (height, width)


def check_masks_size(
    image_id: str, size: Size, photo: Size | None, swapped: Callable[[], str] = str
) -> None:
    """InvalidInput for masks that do not show their photo, at whatever scale.

    ``swapped`` says what comes first if the sizes of all photos are the wrong way round; it is
    called only for an image whose size is.
    """
    related = "same" if photo is None else relation(size, photo)
    if photo is None or related in ("same", "scaled"):
        return
    first, remedy = (swapped(), TURNED_MASKS) if related == "turned" else ("", OTHER_MASKS)
    raise InvalidInput(
        f"{first}masks of image {image_id!r} are {size[0]} x {size[1]} px (height x width), its "
        f"photo is {photo[0]} x {photo[1]}: {remedy}"
    )


TURNED_MASKS = (
    "height and width are swapped. Either the masks were drawn on the photo as it is stored, and "
    "its EXIF orientation turns it: turn the masks with SegmentationMap.turn(orientation). Or "
    "their file swaps height and width: correct it there. check_masks(segments, images) lists all "
    "such images; they may also be left out of segments, with missing='skip'."
)
OTHER_MASKS = (
    "another shape. Export the masks from the same file that is explained; masks of the whole "
    "photo that were squeezed into another shape go back with SegmentationMap.resize((height, "
    "width)) of the photo. check_masks(segments, images) lists all such images; they may also be "
    "left out of segments, with missing='skip'."
)


def check_declared(
    what: str, size: Size, masks: Size, photo: Size | None, is_declared: bool
) -> None:
    """InvalidInput for a map of another shape than its photo, if no geometry is declared.

    Where the size of the photo is not known, it is that of the masks.
    """
    if not is_declared and not _is_unambiguous(size, photo or masks):
        of = "its photo is" if photo else "its masks, and so its photo, are"
        raise undeclared_fit(what, size, of, photo or masks)


def _is_unambiguous(size: Size, photo: Size) -> bool:
    """Whether stretched and cropped photos would cover a map of ``size`` alike."""
    tall, wide = size[0] * photo[1], size[1] * photo[0]
    return same_shape(size, photo) and abs(tall - wide) <= CLOSE_SHAPE * max(tall, wide)


def warning_of_padding(
    grown: Iterable[tuple[Size, Float64, Float64]], fitting: Fitting
) -> str | None:
    """What to say where padding blows masks up beyond reason; None where it does not.

    ``grown`` holds (size of the map, shares of the map that masks take before and after padding).
    """
    by_size: dict[Size, list[tuple[Float64, Float64]]] = {}
    for size, unpadded, padded in grown:
        by_size.setdefault(size, []).append((unpadded, padded))
    medians = [(*_medians(pairs), size) for size, pairs in by_size.items()]
    large = [m for m in medians if _is_too_much(m[0], m[1])]
    if not large:
        return None
    before, after, (height, width) = max(large, key=lambda m: m[1] / m[0])
    on_map = PAD_UNITS[fitting.pad_unit].is_of_map
    unit, remedy = (
        ("of the map", "a pad in pixels of the photo, pad_unit='photo'")
        if on_map
        else ("of the photo", "a smaller pad_px")
    )
    return (
        f"pad_px={fitting.pad_px} (pixels {unit}) is large for maps of {height} x {width} px: the "
        f"median mask grows from {100 * before:.3g} % to {100 * after:.3g} % of the map, and its "
        "mean then says more about its surroundings than about the segment. Pass pad_px=0, or "
        f"{remedy}."
    )


def _is_too_much(before: float, after: float) -> bool:
    grows = after > TOO_MUCH_GROWTH * before or after > TOO_MUCH_MORE + before
    return grows and after > SMALL_MASK


def _medians(pairs: list[tuple[Float64, Float64]]) -> tuple[float, float]:
    medians = [float(np.median(np.concatenate(part))) for part in zip(*pairs, strict=True)]
    return medians[0], medians[1]


def warning_of_turned_maps(sizes: Iterable[tuple[str, Size, Size]]) -> str | None:
    """What to say where maps have height and width of their photos swapped; None otherwise.

    ``sizes`` holds (image_id, size of the map, size of the photo).
    """
    turned = list(dict.fromkeys(i for i, size, photo in sizes if size == photo[::-1] != photo))
    if not turned:
        return None
    return (
        f"maps of {len(turned)} images have height and width of their photos swapped: "
        f"{shorten(turned)}. If they were made from the photos as they are stored, EXIF "
        "orientation turns the photos: turn those maps with numpy.rot90; if they are (width, "
        "height), swap H and W in layout=, or transpose them."
    )
