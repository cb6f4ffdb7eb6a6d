"""The size of a photo, of pictures from their header alone."""

from __future__ import annotations

from pathlib import Path

from sat_nb.arrays import Size
from sat_nb.photos.formats import PhotoFile, format_of
from sat_nb.photos.opening import open_picture
from sat_nb.photos.pillow import load_plug_ins, orientation
from sat_nb.photos.png import check_claim
from sat_nb.reading import open_plain

ON_THEIR_SIDE = (5, 6, 7, 8)
"""The orientations in EXIF under which height and width change places."""


def photo_size(file: Path) -> Size:
    """(height, width) of a photo as ``read_images`` gives it, turned by its orientation.

    Raises InvalidInput that names the file for what is no photo.
    """
    header = _of_header(file)
    if header is not None:
        return header
    height, width = PhotoFile(file, format_of(file)).read().pixels.shape[:2]
    return height, width


def _of_header(file: Path) -> Size | None:
    """The size by the header; None where only reading the whole file tells it."""
    load_plug_ins()
    try:
        with open_plain(file) as stream, open_picture(stream) as image:
            if image.format == "TIFF":  # Pillow's versions differ in whether it is turned
                return None
            if image.format == "PNG":
                check_claim(image)
            width, height = image.size
            return (width, height) if orientation(image) in ON_THEIR_SIDE else (height, width)
    except Exception:  # damaged files make Pillow raise errors of many kinds
        return None
