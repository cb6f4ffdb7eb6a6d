"""JPEGs of so many scans that a small file takes minutes, and JPEGs whose scans end early."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from sat_nb.errors import InvalidInput
from sat_nb.limits import LIMITS, beyond

PROGRESSIVE, SCAN, END = 0xC2, 0xDA, 0xD9
MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")
"""Where the numbers of a scan end."""

ARITHMETIC = range(0xC9, 0xCC)
"""Markers of pictures in which noise behind the numbers is read."""

GREY = {127, 128}
SMALL = 2**14  # pixels, decoded in 0.2 ms
NOISE = bytes(random.Random(0).choices(range(255), k=2**9))
"""It has no marker, and is longer than what is decoded at once."""

MOST_SCANS = 4 * 64 * 14
"""One for each bit of each coefficient, in four colours."""


def check_scans(image: Image.Image) -> None:
    """InvalidInput for a JPEG, not loaded yet, whose scans visit its pixels too often."""
    stream: Any = image.fp  # type: ignore[attr-defined]
    at = stream.tell()
    stream.seek(0)
    content = stream.read()
    stream.seek(at)
    n_pixels = image.width * image.height
    if content.count(b"\xff\xda") * n_pixels <= LIMITS["scan_pixels"]:  # thumbnails included
        return
    n_scans = _n_scans(content)
    if n_scans * n_pixels > LIMITS["scan_pixels"]:
        raise InvalidInput(
            f"{n_scans} scans of {image.height} x {image.width} px; save it again, as a JPEG that "
            f"is not progressive; {beyond('scan_pixels', n_scans * n_pixels)}."
        )


def check_end(image: Image.Image, stream: BinaryIO) -> None:
    """InvalidInput for a loaded JPEG whose scans end early; ``stream`` is its file.

    Where a scan ends before the picture, libjpeg makes the rest grey, and Pillow does not pass
    its warning on. What stands behind the last pixel of a scan means nothing, so noise that is put
    there changes a picture only if pixels are missing. This takes as long as decoding, and is done
    where it may be so: the corner is grey, the file is progressive, whose later scans only make
    the picture sharper, or the picture is small. A large one that lacks a part of its last block
    alone passes.
    """
    corner = image.getpixel((image.width - 1, image.height - 1))
    values = corner if isinstance(corner, tuple) else (corner,)
    is_small = image.width * image.height <= SMALL
    if not (is_small or "progressive" in image.info or set(values) <= GREY):
        return
    stream.seek(0)
    content = stream.read()
    noisy = _with_noise(content)
    if noisy and not np.array_equal(np.array(image), np.array(JpegImageFile(noisy))):
        raise InvalidInput("pixels are missing at its end; copy or download it again.")
    if "progressive" in image.info and _lacks_scans(content):
        raise InvalidInput("its last scans are missing, which make it sharp; download it again.")


def _with_noise(content: bytes) -> BinaryIO | None:
    """The first picture of a file, with noise behind each scan; None for arithmetic coding."""
    parts: list[bytes] = []
    start = before = 0
    for marker, at in _markers(content):
        if marker in ARITHMETIC:
            return None
        if len(parts) > 2 * MOST_SCANS:
            raise InvalidInput(f"more than {MOST_SCANS} scans; save it again.")
        if before == SCAN:
            end = len(content[:at].rstrip(b"\xff"))  # a marker may begin with several of these
            parts += [content[start:end], NOISE]
            start = end
        before = marker
    return io.BytesIO(b"".join([*parts, content[start:]]))


def _lacks_scans(content: bytes) -> bool:
    """Whether any bit of any coefficient of a progressive JPEG is in no scan."""
    left: dict[int, set[int]] = {}
    for marker, at in _markers(content):
        body = content[at + 4 : at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")]
        if marker == PROGRESSIVE:
            left = {component: set(range(64)) for component in body[6::3]}
        elif marker == SCAN:
            first, last, bits = body[-3:]
            for component in body[1:-3:2] if bits & 15 == 0 else ():
                left[component] -= set(range(first, last + 1))
    return any(left.values())


def _n_scans(content: bytes) -> int:
    """The scans of the first picture of a file."""
    return sum(marker == SCAN for marker, _ in _markers(content))


def _markers(content: bytes) -> Iterator[tuple[int, int]]:
    """(marker, its place) of the first picture of a file."""
    at = 2
    while found := MARKER.search(content, at):
        marker, at = content[found.start() + 1], found.end()
        yield marker, found.start()
        if marker == END:
            break
        at += int.from_bytes(content[at : at + 2], "big")
