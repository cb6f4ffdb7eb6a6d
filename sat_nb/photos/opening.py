"""Pictures are opened by Pillow, under limits of ours."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import BinaryIO

from PIL import Image

from sat_nb.errors import InvalidInput
from sat_nb.photos.jpeg import SCAN
from sat_nb.photos.nested import check_icons
from sat_nb.photos.photo import check_size
from sat_nb.photos.png import SIGNATURE

MAX_CHUNKS = 2**17  # of a gigabyte, as libpng writes it
MAX_SEGMENTS = 2**14
MAX_TEXT = 2**25

_opening = Lock()


def open_picture(stream: BinaryIO, formats: tuple[str, ...] | None = None) -> Image.Image:
    """As ``Image.open``, which warns of large pictures and refuses larger ones, whatever we allow.

    ``check_picture`` in ``pillow.py`` says what is allowed. What takes its time or memory when it
    is opened is checked here.
    """
    for check in (_check_webp, check_icons, _check_chunks, _check_segments, _check_text):
        check(stream)
        stream.seek(0)
    with _opening:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(stream, formats=formats)
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _check_webp(stream: BinaryIO) -> None:
    head = stream.read(30)
    read = WEBP_SIZES.get(head[12:16])
    if read and head[:4] == b"RIFF" and head[8:12] == b"WEBP" and len(head) == 30:
        width, height = read(head)
        check_size(height, width, 4)


def _check_chunks(stream: BinaryIO) -> None:
    """InvalidInput for a PNG of so many chunks that looking at each takes long."""
    if stream.read(8) != SIGNATURE:
        return
    for _ in range(MAX_CHUNKS):
        head = stream.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return
        stream.seek(int.from_bytes(head[:4], "big") + 4, 1)
    raise InvalidInput(f"a PNG of more than {MAX_CHUNKS} chunks; save it again.")


def _check_segments(stream: BinaryIO) -> None:
    """InvalidInput for a JPEG with as many comments and the like before its pixels."""
    if stream.read(2) != b"\xff\xd8":
        return
    for _ in range(MAX_SEGMENTS):
        head = stream.read(4)
        if len(head) < 4 or head[:1] != b"\xff" or head[1] == SCAN:
            return
        stream.seek(max(0, int.from_bytes(head[2:], "big") - 2), 1)
    raise InvalidInput(f"a JPEG of more than {MAX_SEGMENTS} segments; save it again.")


def _check_text(stream: BinaryIO) -> None:
    """InvalidInput for a large PBM, PGM or PPM of text, whose numbers Pillow reads slowly."""
    if stream.read(2) in (b"P1", b"P2", b"P3") and (n_bytes := stream.seek(0, 2)) > MAX_TEXT:
        raise InvalidInput(
            f"{n_bytes} bytes of numbers as text, and {MAX_TEXT} are the limit; save it as PNG."
        )


def _bits(raw: bytes, *starts: int, n: int = 14) -> list[int]:
    number = int.from_bytes(raw, "little")
    return [(number >> start) & (2**n - 1) for start in starts]


WEBP_SIZES: dict[bytes, Callable[[bytes], list[int]]] = {
    b"VP8X": lambda head: [side + 1 for side in _bits(head[24:30], 0, 24, n=24)],
    b"VP8L": lambda head: [side + 1 for side in _bits(head[21:25], 0, 14)],
    b"VP8 ": lambda head: _bits(head[26:30], 0, 16),
}
"""(width, height) by the first part of a file."""
