"""Photos by id, and the geometry that images and masks share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from sat_nb.errors import IdMismatch, InvalidInput, shorten, unknown_name
from sat_nb.files import existing, files_by_id

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"})

Pixels = NDArray[np.uint8]
Masks = NDArray[np.bool_]


class ImageSet(Mapping[str, Pixels]):
    """Photos by id, read when asked for: a Mapping {image_id: uint8 (H, W, 3)}, RGB.

    EXIF orientation is applied, so pixels are as a viewer shows them.

    >>> images = ImageSet({"a": np.zeros((4, 6, 3), np.uint8)})
    >>> images["a"].shape, images.size("a")
    ((4, 6, 3), (4, 6))
    """

    def __init__(self, sources: Mapping[str, str | os.PathLike[str] | Pixels]) -> None:
        checked = {str(i): _checked_source(i, source) for i, source in sources.items()}
        self._sources = MappingProxyType(checked)

    def __getitem__(self, image_id: str) -> Pixels:
        source = self._source(image_id)
        return source if isinstance(source, np.ndarray) else _read_pixels(source)

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._sources

    def __repr__(self) -> str:
        return f"ImageSet({len(self)} images: {shorten(self)})"

    def size(self, image_id: str) -> tuple[int, int]:
        """(height, width) in pixels, after EXIF orientation."""
        height, width = self[image_id].shape[:2]
        return height, width

    def select(self, image_ids: list[str]) -> ImageSet:
        """The images named, in that order."""
        return ImageSet({i: self._source(i) for i in image_ids})

    def _source(self, image_id: str) -> Path | Pixels:
        try:
            return self._sources[image_id]
        except KeyError:
            raise IdMismatch(
                f"image {image_id!r} is not in this ImageSet, which has {shorten(self)}."
            ) from None


def read_images(path: str | os.PathLike[str]) -> ImageSet:
    """The photos of a folder and its subfolders, or one photo, as an :class:`ImageSet`.

    ``image_id`` is the path relative to the folder, without extension, with ``/``.
    Raises FileMissing for a path that does not exist, InvalidInput for a folder without
    photos or with two photos of one id.
    """
    root = existing(path)
    if root.is_file():
        return ImageSet({root.stem: root})
    files = files_by_id(root, IMAGE_SUFFIXES)
    if not files:
        raise InvalidInput(
            f"path: no photo in {str(root)!r}; expected files that end with "
            f"{', '.join(sorted(IMAGE_SUFFIXES))}."
        )
    return ImageSet(files)


def _checked_source(image_id: str, source: object) -> Path | Pixels:
    if isinstance(source, str | os.PathLike):
        return Path(source)
    if (
        isinstance(source, np.ndarray)
        and source.dtype == np.uint8
        and source.ndim == 3
        and source.shape[2] == 3
    ):
        return source
    came = (
        f"{source.dtype} {source.shape}"
        if isinstance(source, np.ndarray)
        else type(source).__name__
    )
    raise InvalidInput(
        f"image {image_id!r}: expected a file or a uint8 array (H, W, 3) in RGB, got {came}."
    )


def _read_pixels(file: Path) -> Pixels:
    existing(file, "image")
    try:
        with Image.open(file) as image:
            return np.array(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InvalidInput(
            f"{file}: not readable as a photo ({error}); replace it or take it out."
        ) from error


# --- geometry: how a photo, and its masks alike, are brought to the model's input -------------


@dataclass(frozen=True)
class Frame:
    """Where a photo lies on the model's input: resized to ``scaled``, its corner at ``corner``.

    Both are (rows, columns) in pixels. A negative corner cuts the photo off at both sides; a
    positive one leaves bars beside it, in which there is neither photo nor segment.
    """

    scaled: tuple[int, int]
    corner: tuple[int, int]

    def on(self, size: tuple[int, int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """The part of an input of ``size`` that shows photo, and that part of the scaled photo."""
        pairs = [
            (slice(max(c, 0), min(c + n, side)), slice(max(-c, 0), min(side - c, n)))
            for c, n, side in zip(self.corner, self.scaled, size, strict=True)
        ]
        (rows, from_rows), (columns, from_columns) = pairs
        return (rows, columns), (from_rows, from_columns)


@dataclass(frozen=True)
class Fit:
    """One way to bring an image, and its masks alike, to a size (height, width).

    ``frame(photo, size)`` places a photo of the size ``photo`` on an input of ``size``.
    """

    frame: Callable[[tuple[int, int], tuple[int, int]], Frame]

    def image(self, pixels: Pixels, size: tuple[int, int]) -> Pixels:
        """Bring (H, W, 3) uint8 to ``size`` (bilinear, antialiased); bars beside it are black."""
        size = size[0], size[1]
        frame = self.frame((pixels.shape[0], pixels.shape[1]), size)
        scaled = stretch_image(pixels, frame.scaled)
        if frame.scaled == size:
            return scaled
        fitted = np.zeros((*size, 3), dtype=np.uint8)
        there, here = frame.on(size)
        fitted[there] = scaled[here]
        return fitted

    def masks(self, masks: Masks, size: tuple[int, int]) -> Masks:
        """Bring boolean (n, H, W) to ``size``; masks outside the frame have no pixel there."""
        size = size[0], size[1]
        if len(masks) == 0:
            return np.zeros((0, *size), dtype=bool)
        frame = self.frame((masks.shape[1], masks.shape[2]), size)
        scaled = stretch_masks(masks, frame.scaled)
        if frame.scaled == size:
            return scaled
        fitted = np.zeros((len(masks), *size), dtype=bool)
        there, here = frame.on(size)
        fitted[:, *there] = scaled[:, *here]
        return fitted

    def photo(self, photo: tuple[int, int], size: tuple[int, int]) -> Masks:
        """Boolean (H, W) of ``size``: where the input shows photo, and not a bar beside it."""
        shown = np.zeros(size, dtype=bool)
        shown[self.frame(photo, size).on(size)[0]] = True
        return shown


def stretch_image(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize (H, W, 3) uint8 to ``size``, ignoring the aspect ratio (bilinear, antialiased)."""
    if pixels.shape[:2] == tuple(size):
        return pixels
    height, width = size
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))


def stretch_masks(masks: Masks, size: tuple[int, int]) -> Masks:
    """Resize boolean (n, H, W) to ``size`` by area: a pixel is on where at least half is covered.

    The areas are counted in whole numbers, so "half" is exact. A mask that would vanish
    keeps its best-covered pixel (the first of several).
    """
    if masks.shape[1:] == tuple(size):
        return masks
    from sat_nb.areas import covered_areas, overlaps  # compiles: not before it is needed

    resized = np.zeros((len(masks), *size), dtype=bool)
    if len(masks) == 0:
        return resized
    rows, columns = overlaps(masks.shape[1], size[0]), overlaps(masks.shape[2], size[1])
    for mask, out in zip(masks, resized, strict=True):
        covered = covered_areas(mask, rows, columns)
        np.greater_equal(2 * covered, mask.size, out=out)
        if not out.any():
            out.flat[covered.argmax()] = True
    return resized


def _stretched(photo: tuple[int, int], size: tuple[int, int]) -> Frame:
    return Frame(size, (0, 0))


def _cropped(of: int, keep: int) -> Callable[[tuple[int, int], tuple[int, int]], Frame]:
    """Cover ``of`` / ``keep`` times the input, then cut its middle out, rounded as torchvision."""

    def frame(photo: tuple[int, int], size: tuple[int, int]) -> Frame:
        (height, width), (h, w) = photo, (round(side * of / keep) for side in size)
        by_height = h * width >= w * height
        scaled = (h, h * width // height) if by_height else (w * height // width, w)
        top, left = (round((n - side) / 2) for n, side in zip(scaled, size, strict=True))
        return Frame(scaled, (-top, -left))

    return frame


def _letterboxed(photo: tuple[int, int], size: tuple[int, int]) -> Frame:
    """The largest that fits in, in the middle, rounded as PIL's ImageOps.pad."""
    (height, width), (h, w) = photo, size
    if width * h > height * w:
        scaled = max(round(height / width * w), 1), w
    else:
        scaled = h, max(round(width / height * h), 1)
    top, left = (round((side - n) / 2) for n, side in zip(scaled, size, strict=True))
    return Frame(scaled, (top, left))


FITS: dict[str, Fit] = {
    "stretch": Fit(_stretched),
    "crop": Fit(_cropped(1, 1)),
    "crop_224_of_256": Fit(_cropped(256, 224)),
    "letterbox": Fit(_letterboxed),
}
"""How photos come to the model's input.

"stretch": both sides resized, whatever the aspect ratio. "crop": the short side resized, the
middle cut out (torchvision's ``Resize(224)``, ``CenterCrop(224)``; Keras's
``crop_to_aspect_ratio=True`` to within a pixel). "crop_224_of_256": the same with a margin, as
torchvision's ImageNet presets: for an input of 224 px the short side becomes 256. "letterbox": the
long side resized, black bars beside it (Keras's ``pad_to_aspect_ratio=True``).
"""


def get_fit(name: str) -> Fit:
    """The :class:`Fit` of that name, or an error that lists all names."""
    if name not in FITS:
        raise unknown_name("fit", name, FITS)
    return FITS[name]
