"""Pictures are opened by Pillow, under limits of ours."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import BinaryIO

from PIL import Image

from sat_nb.photos.photo import check_size
from sat_nb.photos.png import HEADER_BYTES, SIGNATURE, sides

_opening = Lock()


def open_picture(stream: BinaryIO, formats: tuple[str, ...] | None = None) -> Image.Image:
    """As ``Image.open``, which warns of large pictures and refuses larger ones, whatever we allow.

    ``check_picture`` in ``pillow.py`` says what is allowed. WebP and icons take their memory when
    they are opened, and are checked here.
    """
    _check_webp(stream)
    _check_icons(stream)
    with _opening:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(stream, formats=formats)
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _check_webp(stream: BinaryIO) -> None:
    head = stream.read(30)
    stream.seek(0)
    read = WEBP_SIZES.get(head[12:16])
    if read and head[:4] == b"RIFF" and head[8:12] == b"WEBP" and len(head) == 30:
        width, height = read(head)
        check_size(height, width, 4)


def _check_icons(stream: BinaryIO) -> None:
    """InvalidInput for an icon of PNGs that are larger than the file says, and too large."""
    head = stream.read(6)
    if head[:4] == b"\0\0\1\0":
        entries = [stream.read(16) for _ in range(int.from_bytes(head[4:6], "little"))]
        for entry in entries:
            stream.seek(int.from_bytes(entry[12:16], "little"))
            picture = stream.read(HEADER_BYTES)
            if picture.startswith(SIGNATURE):
                width, height = sides(picture)
                check_size(height, width, 4)
    stream.seek(0)


def _bits(raw: bytes, *starts: int, n: int = 14) -> list[int]:
    number = int.from_bytes(raw, "little")
    return [(number >> start) & (2**n - 1) for start in starts]


WEBP_SIZES: dict[bytes, Callable[[bytes], list[int]]] = {
    b"VP8X": lambda head: [side + 1 for side in _bits(head[24:30], 0, 24, n=24)],
    b"VP8L": lambda head: [side + 1 for side in _bits(head[21:25], 0, 14)],
    b"VP8 ": lambda head: _bits(head[26:30], 0, 16),
}
"""(width, height) by the first part of a file."""
