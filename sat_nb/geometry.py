"""How a photo and its masks are brought to the size of a model's input.

A mask is resized by area: a pixel of the result is on where at least half of it is covered. The
areas are counted in whole numbers (1 / (h w) of a pixel), so that "half" is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sat_nb.arrays import Mask, Masks, Pixels, Size, true_or_false
from sat_nb.boxes import Box, box_of
from sat_nb.compiled import compiled
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.registry import Entry, registry


def covered_areas(
    mask: Mask, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> tuple[Box, NDArray[np.int64]]:
    """The cells that a mask (H, W) may reach into, and the covered area of each of them.

    ``rows`` and ``columns`` are ``overlaps(H, h)`` and ``overlaps(W, w)``; areas are int64 in
    1 / (h w) pixels of the mask. The cells are a box around the mask's pixels; without any, it is
    the first cell.

    >>> covered_areas(np.eye(3, dtype=bool), overlaps(3, 2), overlaps(3, 2))
    ((slice(0, 2, None), slice(0, 2, None)), array([[5, 1],
           [1, 5]]))
    """
    size = int(rows[0, -1]) + 1, int(columns[0, -1]) + 1
    if mask.shape != size:
        raise InvalidInput(f"mask: expected bool {size}, got {mask.shape}.")
    mask = np.asarray(mask, dtype=bool).view(np.uint8)  # a byte that is on need not be 1
    rows, columns = (_within(*one) for one in zip(box_of(mask), (rows, columns), strict=True))
    if not rows.size:
        return (slice(0, 1), slice(0, 1)), np.zeros((1, 1), dtype=np.int64)
    there = tuple(slice(int(parts[1, 0]), int(parts[1, -1]) + 1) for parts in (rows, columns))
    covered = np.zeros([cells.stop - cells.start for cells in there], dtype=np.int64)
    _add_areas(mask, rows, columns, covered)
    return (there[0], there[1]), covered


@lru_cache(maxsize=64)
def overlaps(n_in: int, n_out: int) -> NDArray[np.int64]:
    """(3, k) input cells, output cells, and the lengths that they share, in 1 / n_out input cells.

    The lengths of one output cell, which is n_in / n_out input cells long, add up to ``n_in``.
    """
    edges = np.union1d(np.arange(n_in + 1) * n_out, np.arange(n_out + 1) * n_in)
    start, length = edges[:-1], np.diff(edges)
    found = np.stack([start // n_out, start // n_in, length])
    found.flags.writeable = False
    return found


def _within(cells: slice, parts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The overlaps of these input cells."""
    begin, end = np.searchsorted(parts[0], [cells.start, cells.stop])
    return parts[:, begin:end]


@compiled(nogil=True)
def _add_areas(mask, rows, columns, covered):  # type: ignore[no-untyped-def]
    """Add to the cells of a box, which begins at the first output cell of rows and columns."""
    line = np.zeros(covered.shape[1], dtype=np.int64)
    n, top, left = columns.shape[1], rows[1, 0], columns[1, 0]
    current = -1
    for i in range(rows.shape[1]):
        row, cell, height = rows[0, i], rows[1, i], rows[2, i]
        if row != current:  # a row of pixels that reaches into several cells is summed once
            current = row
            line[:] = 0
            for k in range(n):
                line[columns[1, k] - left] += (mask[row, columns[0, k]] != 0) * columns[2, k]
        for j in range(line.size):
            covered[cell - top, j] += height * line[j]


@dataclass(frozen=True)
class Frame:
    """Where a photo lies on the model's input: resized to ``scaled``, its corner at ``corner``.

    Both are (rows, columns) in pixels. A negative corner crops the photo at both sides; a positive
    one leaves bars beside it, which hold neither photo nor segments.
    """

    scaled: Size
    corner: Size

    def on(self, size: Size) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """The slices of an input of ``size`` that show photo, and those of the scaled photo."""
        pairs = [
            (slice(max(c, 0), min(c + n, side)), slice(max(-c, 0), min(side - c, n)))
            for c, n, side in zip(self.corner, self.scaled, size, strict=True)
        ]
        (rows, from_rows), (columns, from_columns) = pairs
        return (rows, columns), (from_rows, from_columns)


def same_shape(size: Size, other: Size) -> bool:
    """Whether two sizes are one picture at two scales, but for sides rounded to whole pixels.

    >>> same_shape((107, 160), (68, 102)), same_shape((224, 224), (480, 640))
    (True, False)
    """
    (height, width), (h, w) = size, other
    return abs(h * width - w * height) < max(height, width, h, w)


def relation(size: Size, photo: Size) -> str:
    """How a size is related to that of its photo: "same", "scaled", "turned" or "other".

    "turned" means that height and width are swapped, at any scale. No square is turned.

    >>> relation((30, 40), (40, 30)), relation((320, 240), (40, 30)), relation((9, 9), (40, 30))
    ('turned', 'scaled', 'other')
    """
    if size == photo:
        return "same"
    if same_shape(size, photo):
        return "scaled"
    return "turned" if same_shape(size[::-1], photo) else "other"


Place = Callable[[Size, Size], Frame]
"""``place(photo, size)`` places a photo of the size ``photo`` on an input of ``size``."""


@dataclass(frozen=True, kw_only=True)
class Fit(Entry):
    """One way to bring an image and its masks to a size (height, width).

    ``frame(photo, size)`` places a photo of the size ``photo`` on an input of ``size``.
    """

    frame: Place

    def image(self, pixels: Pixels, size: Size) -> Pixels:
        """Bring (H, W, 3) to ``size`` (bilinear, antialiased), with black bars beside it.

        uint8 stays uint8; other photos become float32 where they are resized. Black is 0, or the
        photo's lowest value where that is negative.
        """
        size = size[0], size[1]
        frame = self.frame((pixels.shape[0], pixels.shape[1]), size)
        scaled = stretch_image(pixels, frame.scaled)
        if frame.scaled == size:
            return scaled
        black = min(0, pixels.min())
        fitted = np.full((*size, 3), black, dtype=scaled.dtype)
        there, here = frame.on(size)
        fitted[there] = scaled[here]
        return fitted

    def masks(self, masks: Masks, size: Size, *, photo: Size | None = None) -> Masks:
        """Bring boolean (n, H, W) to ``size``; masks that are cropped away have no pixel left.

        ``photo`` is the photo's size, if the masks are of another scale: where a crop begins
        depends on it.
        """
        size = size[0], size[1]
        if len(masks) == 0:
            return np.zeros((0, *size), dtype=bool)
        frame = self.frame(photo or (masks.shape[1], masks.shape[2]), size)
        scaled = true_or_false(stretch_masks(masks, frame.scaled))
        if frame.scaled == size:
            return scaled
        fitted = np.zeros((len(masks), *size), dtype=bool)
        there, here = frame.on(size)
        fitted[:, *there] = scaled[:, *here]
        return fitted

    def photo(self, photo: Size, size: Size) -> Masks:
        """Boolean (H, W) of ``size``: where the input shows the photo, not a bar beside it."""
        shown = np.zeros(size, dtype=bool)
        shown[self.frame(photo, size).on(size)[0]] = True
        return shown


def stretch_image(pixels: Pixels, size: Size) -> Pixels:
    """Resize (H, W, 3) to ``size``, ignoring the aspect ratio (bilinear, antialiased).

    Photos of more than 8 bits become float32, so that nothing is rounded.
    """
    if pixels.shape[:2] == tuple(size):
        return pixels
    if pixels.dtype == np.uint8:
        return _resized(pixels, size)
    return np.dstack([_resized(one, size) for one in np.moveaxis(pixels, 2, 0)])


def _resized(pixels: NDArray[Any], size: Size) -> NDArray[Any]:
    """(H, W, 3) uint8, or (H, W) of another type, which becomes float32."""
    height, width = size
    numbers = pixels if pixels.ndim == 3 else np.ascontiguousarray(pixels, dtype=np.float32)
    return np.asarray(Image.fromarray(numbers).resize((width, height), Image.Resampling.BILINEAR))


def stretch_masks(masks: Masks, size: Size) -> Masks:
    """Resize boolean (n, H, W) to ``size`` by area: a pixel is on where at least half is covered.

    A mask that would vanish keeps its best-covered pixel (the first of several).
    """
    if masks.shape[1:] == tuple(size):
        return masks
    resized = np.zeros((len(masks), *size), dtype=bool)
    if len(masks) == 0:
        return resized
    rows, columns = overlaps(masks.shape[1], size[0]), overlaps(masks.shape[2], size[1])
    for mask, out in zip(masks, resized, strict=True):
        there, covered = covered_areas(mask, rows, columns)
        on = 2 * covered >= mask.size
        if not on.any():
            on.flat[covered.argmax()] = True
        out[there] = on
    return resized


def _stretched(photo: Size, size: Size) -> Frame:
    return Frame(size, (0, 0))


def _cropped(of: int, keep: int) -> Place:
    """Cover ``of`` / ``keep`` times the input, then crop the middle, rounded as in torchvision."""

    def frame(photo: Size, size: Size) -> Frame:
        (height, width), (h, w) = photo, (round(side * of / keep) for side in size)
        by_height = h * width >= w * height
        scaled = (h, h * width // height) if by_height else (w * height // width, w)
        top, left = (round((n - side) / 2) for n, side in zip(scaled, size, strict=True))
        return Frame(scaled, (-top, -left))

    return frame


def _letterboxed(photo: Size, size: Size) -> Frame:
    """The largest photo that fits in, in the middle, rounded as PIL's ImageOps.pad does."""
    (height, width), (h, w) = photo, size
    if width * h > height * w:
        scaled = max(round(height / width * w), 1), w
    else:
        scaled = h, max(round(width / height * h), 1)
    top, left = (round((side - n) / 2) for n, side in zip(scaled, size, strict=True))
    return Frame(scaled, (top, left))


FITS: dict[str, Fit] = registry(
    Fit(
        name="stretch",
        about="Both sides are resized, whatever the aspect ratio.",
        source="torchvision Resize((224, 224))",
        frame=_stretched,
    ),
    Fit(
        name="crop",
        about="The short side is resized, and the middle cropped.",
        source=(
            "torchvision Resize(224), CenterCrop(224); to within a pixel Keras "
            "crop_to_aspect_ratio=True"
        ),
        frame=_cropped(1, 1),
    ),
    Fit(
        name="crop_224_of_256",
        about="As crop with a margin: for an input of 224 px the short side becomes 256 px.",
        source="torchvision's ImageNet presets: Resize(256), CenterCrop(224)",
        frame=_cropped(256, 224),
    ),
    *(
        Fit(
            name=f"crop_224_of_{of}",
            about=f"The same with another margin: for an input of 224 px the short side becomes "
            f"{of} px.",
            source=source,
            frame=_cropped(of, 224),
        )
        for of, source in {
            232: "torchvision's newer weights (V2): Resize(232), CenterCrop(224)",
            235: "timm's crop_pct=0.95",
            248: "timm's crop_pct=0.9",
        }.items()
    ),
    Fit(
        name="letterbox",
        about="The long side is resized, with black bars beside the photo.",
        source="Keras pad_to_aspect_ratio=True",
        frame=_letterboxed,
    ),
)
"""How photos and their masks are brought to the model's input; see ``explain``."""


def get_fit(name: str) -> Fit:
    """The :class:`Fit` of that name, or an error that lists all names."""
    if not isinstance(name, str) or name not in FITS:
        raise unknown_name("fit", name, FITS)
    return FITS[name]


def undeclared_fit(what: str, size: Size, of: str, photo: Size) -> InvalidInput:
    """The error for maps of another shape than their photo whose geometry was not declared.

    ``what`` and ``of`` name the map and the photo.
    """
    turned = relation(size, photo) == "turned"
    choices = "\n".join(f'  fit="{f.name}": {f.about} {f.source}.' for f in FITS.values())
    return InvalidInput(
        f"{what} is {size[0]} x {size[1]} px (height x width), {of} {photo[0]} x {photo[1]}: "
        f"{_SWAPPED if turned else ''}"
        "another shape. Declare how the tool brought photos to the size of its maps, as fit= of "
        f"build, read_maps or maps_from_arrays, or of the plot:\n{choices}"
    )


_SWAPPED = (
    "height and width are swapped. Either one of them was made from the photo as it is stored and "
    "the other from the photo as its EXIF orientation turns it: turn the masks with "
    "SegmentationMap.turn(orientation), or the map with numpy.rot90. Or one of them is (width, "
    "height): swap the letters H and W in layout=, or transpose the map. Or the photo was "
    "really brought to "
)
