"""Photos by id, read when they are asked for."""

from __future__ import annotations

import functools
import hashlib
import os
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from sat_nb import remote
from sat_nb.arrays import Pixels, Size
from sat_nb.by_id import ById
from sat_nb.errors import InvalidInput
from sat_nb.photos.folder import find_photos
from sat_nb.photos.formats import (
    PHOTO_FORMATS,
    PhotoFile,
    RemotePhoto,
    format_of,
    remote_photos,
)
from sat_nb.photos.photo import Photo, photo_of
from sat_nb.photos.suffixes import IMAGE_SUFFIXES
from sat_nb.photos.window import Window, checked_window, windowed
from sat_nb.registry import lists

__all__ = ["IMAGE_SUFFIXES", "ImageSet", "read_images"]


class ImageSet(ById[Pixels]):
    """Photos by id, read when they are asked for: a Mapping {image_id: (H, W, 3)}, RGB.

    Photos of 8 bits are uint8, from 0 (black) to 255. Deeper ones keep the numbers that are stored:
    uint16, or float32 for signed numbers, 32 bits and floats. Under a ``window`` they are float32
    from 0 to 255, not rounded. Grey photos have three equal channels.

    Photos are turned by the orientation in EXIF alone. See-through parts lie over white, as
    browsers and notebooks show them; the first such photo is named in a warning.

    Parameters
    ----------
    sources : Mapping[str, str or PathLike or ndarray]
        {image_id: file, or array}. An array is (H, W, 3) in RGB, or (H, W) in grey: uint8, uint16,
        or other real numbers, which become float32.
    window : tuple of float, str or Mapping, optional
        How stored numbers become 0 to 255; see :func:`read_images`.

    Attributes
    ----------
    left_out : Mapping[str, str]
        {path: why}: the files of the folder that ``read_images`` left out, relative to it.

    Raises
    ------
    InvalidInput
        For an array of another type or shape, with NaN or infinite values, and for a window of
        another form.
    IdMismatch
        For a window of an image that is not there.

    Examples
    --------
    >>> images = ImageSet({"a": np.zeros((4, 6, 3), np.uint8)})
    >>> images, images["a"].shape, images.size("a")
    (ImageSet(1 images: 'a'), (4, 6, 3), (4, 6))
    >>> deep = ImageSet({"ct": np.array([[-1000, 0, 400]], np.int16)}, window=(-160, 240))
    >>> deep["ct"][0, :, 0]
    array([  0., 102., 255.], dtype=float32)
    """

    holds = "photo"

    def __init__(
        self,
        sources: Mapping[str, str | os.PathLike[str] | Pixels | PhotoFile | RemotePhoto | Photo],
        *,
        window: Window | Mapping[str, Window] | None = None,
    ) -> None:
        checked = {str(i): _checked_source(i, source) for i, source in sources.items()}
        self._sources = MappingProxyType(checked)
        self._window = checked_window(window)
        for image_id in self._window if isinstance(self._window, dict) else ():
            if image_id not in self:
                raise self._missing(image_id)
        self.left_out: Mapping[str, str] = MappingProxyType({})
        self._warned: set[str] = set()

    def _keys(self) -> Collection[str]:
        return self._sources

    def _value(self, key: str) -> Pixels:
        source = self._sources[key]
        photo = source if isinstance(source, Photo) else source.read()
        self._warn_once(key, photo)
        window = self._window_of(key)
        if window is None:
            return photo.pixels
        try:
            return windowed(photo, window)
        except InvalidInput as error:
            raise InvalidInput(f"image {key!r}: {error}") from None

    def _window_of(self, image_id: str) -> Window | None:
        return self._window.get(image_id) if isinstance(self._window, dict) else self._window

    def _warn_once(self, image_id: str, photo: Photo) -> None:
        """Warn of the first photo with a note of its kind."""
        for kind, note in photo.notes.items():
            if kind not in self._warned:
                self._warned.add(kind)
                text = f"image {image_id!r}: {note}. Others like it are not named."
                warnings.warn(text, stacklevel=4)

    def has_window(self, image_id: str) -> bool:
        """Whether a window brings this photo to 0..255.

        Parameters
        ----------
        image_id : str
            The photo's id.

        Returns
        -------
        bool
            True if ``window`` was given for it.
        """
        return self._window_of(image_id) is not None

    def file(self, image_id: str) -> Path | None:
        """The file that a photo is read from.

        Parameters
        ----------
        image_id : str
            The photo's id.

        Returns
        -------
        Path or None
            The file; None for a photo that was given as an array, and for one at an address.
        """
        source = self._sources.get(image_id)
        return source.file if isinstance(source, PhotoFile) else None

    def address(self, image_id: str) -> str | None:
        """The address that a photo is read from, such as ``s3://bucket/photo.jpg``.

        Parameters
        ----------
        image_id : str
            The photo's id.

        Returns
        -------
        str or None
            The address; None for a photo of a file of this machine or an array.
        """
        source = self._sources.get(image_id)
        return source.address if isinstance(source, RemotePhoto) else None

    def sha256(self, image_id: str) -> str:
        """A hash of a photo as it is stored, which tells whether it has changed.

        Parameters
        ----------
        image_id : str
            The photo's id.

        Returns
        -------
        str
            The hash of the file's bytes, or of the pixels of a photo that was given as an array;
            of the window, too.

        Raises
        ------
        OSError
            If the file cannot be read.
        """
        source = self._sources.get(image_id)
        if isinstance(source, PhotoFile):
            about = source.file.stat()
            stored = _sha256_of(str(source.file), about.st_size, about.st_mtime_ns)
            content = [source.format.key, source.part, self._window_of(image_id), stored]
            return hashlib.sha256(repr(content).encode()).hexdigest()
        if isinstance(source, RemotePhoto):
            stored = remote.sha256(source.address)
            content = [source.format.key, source.part, self._window_of(image_id), stored]
            return hashlib.sha256(repr(content).encode()).hexdigest()
        pixels = self[image_id]
        about_pixels = repr((pixels.shape, str(pixels.dtype))).encode()
        return hashlib.sha256(about_pixels + np.ascontiguousarray(pixels).tobytes()).hexdigest()

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
        window = self._window
        if isinstance(window, dict):
            window = {i: window[i] for i in image_ids if i in window}
        selected = ImageSet({i: self._sources[i] for i in image_ids}, window=window)
        selected.left_out = self.left_out
        return selected


@lists(formats=PHOTO_FORMATS)
def read_images(
    path: str | os.PathLike[str], *, window: Window | Mapping[str, Window] | None = None
) -> ImageSet:
    """Read the photos of a folder and its subfolders, or one photo.

    Files that look like photos but cannot be read (HEIC without its plug-in, a camera's raw files)
    are named in a warning; ``left_out`` of the result lists all files that are not taken. Formats:

    [[formats]]

    Parameters
    ----------
    path : str or PathLike
        The folder, or the file; or an address of either that fsspec reads, such as
        ``s3://bucket/photos``: run ``pip install 'sat-nb[remote]'``, and install what the address
        needs, such as s3fs. Photos at an address are fetched one by one when they are asked for.
    window : tuple of float, str or Mapping, optional
        How photos of more than 8 bits, or of floats, become 0 (black) to 255 (white), as a viewer
        does it: (low, high) in stored numbers, which become 0 and 255, and what lies beyond is cut
        off; "dtype" for the whole range of the stored type (0 to 65535; 0 to 4095 for 12 bits);
        "file" for the window that a DICOM or NIfTI file names; or {image_id: one of these}. DICOM
        of the kind MONOCHROME1, in which low numbers are bright, is inverted. The result is
        float32 and not rounded, as 8 bits would merge levels. By default photos keep the
        numbers that are stored, which ``explain`` takes with a ``preprocess`` of your own.

    Returns
    -------
    ImageSet
        The photos by image id: the path relative to the folder, without extension, with ``/``.
        Volumes and files of several frames have an id for each slice or frame, counted from 0:
        ``scan/000``, ``scan/001``. A slice of a NIfTI file is ``data[:, :, k]``, its rows along
        the first axis, and is not turned.

    Raises
    ------
    FileMissing
        If ``path`` does not exist.
    InvalidInput
        For a folder without photos, or with two photos of one id.
    IdMismatch
        For a window of an image that is not there.

    Warns
    -----
    UserWarning
        If files that look like photos were left out.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("RGB", (6, 4)).save(f"{folder}/cat.png")
    ...     read_images(folder)["cat"].shape
    (4, 6, 3)
    """
    found = find_photos(path)
    images = ImageSet(found.photos, window=window)
    images.left_out = MappingProxyType(found.left_out)
    return images


@functools.lru_cache(maxsize=16)
def _sha256_of(file: str, n_bytes: int, changed: int) -> str:
    """The hash of a file of this size and time: one with many slices is read once."""
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _checked_source(image_id: str, source: object) -> PhotoFile | RemotePhoto | Photo:
    if isinstance(source, PhotoFile | RemotePhoto | Photo):
        return source
    if isinstance(source, str) and remote.is_address(source):
        return remote_photos(source)[0]
    if isinstance(source, str | os.PathLike):
        file = Path(source)
        return PhotoFile(file, format_of(file))
    try:
        return photo_of(source)
    except InvalidInput as error:
        says = str(error).replace("expected an array", "expected a file or an array")
        raise InvalidInput(f"image {image_id!r}: {says}") from None
