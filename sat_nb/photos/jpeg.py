"""JPEGs of so many scans that a small file takes minutes."""

from __future__ import annotations

import re
from typing import Any

from PIL import Image

from sat_nb.errors import InvalidInput
from sat_nb.limits import LIMITS, beyond

SCAN, END = 0xDA, 0xD9
MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")
"""Where the numbers of a scan end."""


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


def _n_scans(content: bytes) -> int:
    """The scans of the first picture of a file."""
    n_scans, at = 0, 2
    while found := MARKER.search(content, at):
        marker, at = content[found.start() + 1], found.end()
        if marker == END:
            break
        n_scans += marker == SCAN
        at += int.from_bytes(content[at : at + 2], "big")
    return n_scans
