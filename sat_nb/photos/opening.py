"""Pictures are opened by Pillow, under limits of ours."""

from __future__ import annotations

from threading import Lock
from typing import BinaryIO

from PIL import Image

from sat_nb.photos.photo import check_size

_opening = Lock()


def open_picture(stream: BinaryIO, formats: tuple[str, ...] | None = None) -> Image.Image:
    """As ``Image.open``, which warns of large pictures and refuses larger ones, whatever we allow.

    ``check_picture`` in ``pillow.py`` says what is allowed. Animations of WebP take their memory
    when they are opened, and are checked here.
    """
    _check_webp(stream)
    with _opening:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(stream, formats=formats)
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _check_webp(stream: BinaryIO) -> None:
    head = stream.read(30)
    stream.seek(0)
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and len(head) == 30:
        width, height = (int.from_bytes(head[i : i + 3], "little") + 1 for i in (24, 27))
        check_size(height, width, 4)
