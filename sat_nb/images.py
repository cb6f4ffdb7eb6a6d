"""Photos by id, and the geometry that images and masks share."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image, ImageOps

from sat_nb.arrays import Pixels
from sat_nb.errors import IdMismatch, InvalidInput, shorten
from sat_nb.files import existing, files_by_id

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"})


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
