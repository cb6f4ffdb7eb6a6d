"""PNGs whose pixels end early, which Pillow fills up with zeros without a word."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from PIL import Image

from sat_nb.errors import InvalidInput

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""By the type of colours."""

PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)]
PASSES += [(0, 1, 1, 2)]
"""Of an interlaced picture: the first column and row, and the steps to the next ones."""

MOST_UNPACKED = 1032  # times: what deflate makes of a run of one byte
HEADER_BYTES = 33
INTERLACED = 28
SIGNATURE = b"\x89PNG\r\n\x1a\n"
MISSING = "pixels are missing at its end; copy or download it again"


def check_claim(image: Image.Image) -> None:
    """InvalidInput for a PNG, not loaded yet, that is too small for its pixels."""
    stream: Any = image.fp  # type: ignore[attr-defined]
    at = stream.tell()
    n_bytes = stream.seek(0, 2)
    stream.seek(at)
    if _n_bytes(stream) > MOST_UNPACKED * n_bytes:
        raise InvalidInput(f"{MISSING}.")


def check_rows(image: Image.Image, stream: BinaryIO) -> None:
    """InvalidInput for a loaded PNG whose pixels end early; they are counted where that may be.

    ``stream`` is the file. Missing rows are zero, so that a last row with a pixel is there.
    """
    is_interlaced = bool(_head(stream)[INTERLACED])
    last = image.crop((0, image.height - 1, image.width, image.height))
    if not is_interlaced and any(last.tobytes()):
        return
    expected = _n_bytes(stream)
    if not _holds(stream, expected):
        raise InvalidInput(f"{MISSING}.")


def _n_bytes(stream: BinaryIO) -> int:
    """The bytes of all rows, unpacked, as the header claims them."""
    head = _head(stream)
    width, height = sides(head)
    bits = head[24] * CHANNELS.get(head[25], 1)
    passes = PASSES if head[INTERLACED] else [(0, 0, 1, 1)]
    sizes = ((_steps(width, x, dx), _steps(height, y, dy)) for x, y, dx, dy in passes)
    return sum(rows * (1 + math.ceil(columns * bits / 8)) for columns, rows in sizes if columns)


def _head(stream: BinaryIO) -> bytes:
    at = stream.tell()
    stream.seek(0)
    head = stream.read(HEADER_BYTES)
    stream.seek(at)
    return head


def sides(head: bytes) -> list[int]:
    """Width and height, of the first bytes of a PNG."""
    return [int.from_bytes(head[i : i + 4], "big") for i in (16, 20)]


def _steps(length: int, first: int, step: int) -> int:
    return max(0, math.ceil((length - first) / step))


def _holds(stream: BinaryIO, n_bytes: int) -> bool:
    unpacker = zlib.decompressobj()
    for packed in _packed(stream):
        while packed and n_bytes > 0:
            n_bytes -= len(unpacker.decompress(packed, 2**20))
            packed = unpacker.unconsumed_tail
    return n_bytes - len(unpacker.flush()) <= 0


def _packed(stream: BinaryIO) -> Iterator[bytes]:
    """The content of the chunks of pixels, in pieces."""
    stream.seek(8)
    while len(head := stream.read(8)) == 8:
        left = int.from_bytes(head[:4], "big")
        while head[4:] == b"IDAT" and left and (piece := stream.read(min(left, 2**20))):
            left -= len(piece)
            yield piece
        stream.seek(left + 4, 1)
