"""Pictures that hold another one: icons and textures, whose first bytes do not tell its size."""

from __future__ import annotations

import io
import struct
from typing import Any, BinaryIO

from PIL import Image

from sat_nb.photos import png
from sat_nb.photos.photo import check_size

ICON = b"\0\0\1\0"
CORE_HEADER = 12
"""The bytes of the oldest header of a bitmap, whose sides have two bytes."""

JPEG_OF_BLP = 0
_BLP_TABLES = struct.Struct("<33I")
"""Places and lengths of 16 sizes, and the bytes of the header that they share; from byte 28 on."""


def check_icons(stream: BinaryIO) -> None:
    """InvalidInput for an icon of pictures that are larger than the file says, and too large.

    Pillow decodes one of them when it opens the file.
    """
    head = stream.read(6)
    if head[:4] != ICON:
        return
    entries = [stream.read(16) for _ in range(int.from_bytes(head[4:6], "little"))]
    for entry in entries:
        stream.seek(int.from_bytes(entry[12:16], "little"))
        width, height = _sides(stream.read(png.HEADER_BYTES))
        check_size(height, width, 4)


def _sides(head: bytes) -> list[int]:
    """Width and height of a PNG or a bitmap, which has the rows of its mask below its own."""
    if head.startswith(png.SIGNATURE):
        return png.sides(head)
    n_bytes = 2 if int.from_bytes(head[:4], "little") == CORE_HEADER else 4
    width, height = (
        int.from_bytes(head[at : at + n_bytes], "little", signed=n_bytes == 4)
        for at in (4, 4 + n_bytes)
    )
    return [abs(width), abs(height) // 2]


def inner(image: Image.Image) -> BinaryIO | None:
    """The picture that is decoded in place of an opened one, whatever the size of that; or None."""
    found: Any = image
    if image.format == "ICNS":
        start, length = _block(found)
        found.fp.seek(start)
        return io.BytesIO(found.fp.read(length))
    if image.format == "BLP" and found.tile[0][0] == "BLP1" and found.tile[0][3][0] == JPEG_OF_BLP:
        return _jpeg_of_blp(found.fp)
    return None


def _block(icon: Any) -> tuple[int, int]:
    """(start, length) of the largest picture of an ICNS."""
    codes = [code for code, _ in icon.icns.SIZES[icon.best_size]]
    return next(icon.icns.dct[code] for code in codes if code in icon.icns.dct)


def _jpeg_of_blp(stream: BinaryIO) -> BinaryIO:
    stream.seek(28)
    numbers = _BLP_TABLES.unpack(stream.read(_BLP_TABLES.size))
    shared = stream.read(numbers[32])
    stream.seek(max(numbers[0], stream.tell()))
    return io.BytesIO(shared + stream.read(numbers[16]))


def png_of(image: Image.Image, stream: BinaryIO) -> BinaryIO | None:
    """The PNG that a loaded picture came from: its file, or what an icon holds; None for others."""
    found: Any = image
    if image.format == "PNG":
        return stream
    if image.format == "ICO":
        start = found.ico.entry[0].offset
    elif image.format == "ICNS":
        start, _ = _block(found)
    else:
        return None
    stream.seek(start)
    content = stream.read()
    return io.BytesIO(content) if content.startswith(png.SIGNATURE) else None
