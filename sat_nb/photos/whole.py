"""Pictures whose pixels end early, which Pillow fills up without a word."""

from __future__ import annotations

from typing import BinaryIO

from PIL import Image

from sat_nb.photos import jpeg, png
from sat_nb.photos.nested import png_of


def whole(image: Image.Image) -> Image.Image:
    """A picture with its pixels; InvalidInput where some are missing."""
    stream = getattr(image, "fp", None)  # of a picture that was loaded before, there is none
    image.load()
    if stream is not None:
        check_whole(image, stream)
    return image


def check_whole(image: Image.Image, stream: BinaryIO) -> None:
    """InvalidInput for a loaded picture whose pixels end early; ``stream`` is its file."""
    if (content := png_of(image, stream)) is not None:
        png.check_rows(image, content)
    elif image.format in ("JPEG", "MPO"):
        jpeg.check_end(image, stream)
