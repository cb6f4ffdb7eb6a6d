"""Photos by id, read when they are asked for."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image, ImageOps

from sat_nb.arrays import Pixels, Size
from sat_nb.by_id import ById
from sat_nb.errors import InvalidInput
from sat_nb.files import existing, files_by_id

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"})


class ImageSet(ById[Pixels]):
    """Photos by id, read when they are asked for: a Mapping {image_id: uint8 (H, W, 3)}, RGB.

    EXIF orientation is applied, so that pixels are as a viewer shows them.

    Parameters
    ----------
    sources : Mapping[str, str or PathLike or ndarray]
        {image_id: file, or uint8 (H, W, 3) in RGB}.

    Raises
    ------
    InvalidInput
        For an array of another type or shape.

    Examples
    --------
    >>> images = ImageSet({"a": np.zeros((4, 6, 3), np.uint8)})
    >>> images, images["a"].shape, images.size("a")
    (ImageSet(1 images: 'a'), (4, 6, 3), (4, 6))
    """

    holds = "photo"

    def __init__(self, sources: Mapping[str, str | os.PathLike[str] | Pixels]) -> None:
        checked = {str(i): _checked_source(i, source) for i, source in sources.items()}
        self._sources = MappingProxyType(checked)

    def _keys(self) -> Collection[str]:
        return self._sources

    def _value(self, key: str) -> Pixels:
        source = self._sources[key]
        return source if isinstance(source, np.ndarray) else _read_pixels(source)

    def size(self, image_id: str) -> Size:
        """The size of a photo after EXIF orientation.

        Parameters
        ----------
        image_id : str
            The photo's id.

        Returns
        -------
        tuple of int
            (height, width) in pixels.
        """
        height, width = self[image_id].shape[:2]
        return height, width

    def select(self, image_ids: list[str]) -> ImageSet:
        """The photos that are named, in that order.

        Parameters
        ----------
        image_ids : list of str
            Their ids.

        Returns
        -------
        ImageSet
            These photos only.

        Raises
        ------
        IdMismatch
            For an id that is not there.
        """
        unknown = [i for i in image_ids if i not in self]
        if unknown:
            raise self._missing(unknown[0])
        return ImageSet({i: self._sources[i] for i in image_ids})


def read_images(path: str | os.PathLike[str]) -> ImageSet:
    """Read the photos of a folder and its subfolders, or one photo.

    Parameters
    ----------
    path : str or PathLike
        The folder, or the file.

    Returns
    -------
    ImageSet
        The photos by image id: the path relative to the folder, without extension, with ``/``.

    Raises
    ------
    FileMissing
        If ``path`` does not exist.
    InvalidInput
        For a folder without photos, or with two photos of one id.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("RGB", (6, 4)).save(f"{folder}/cat.png")
    ...     read_images(folder)["cat"].shape
    (4, 6, 3)
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
            f"{file}: not readable as a photo ({error}); replace it, or remove it."
        ) from error
