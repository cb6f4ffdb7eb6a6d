"""Brush strokes of Label Studio: the bytes of a picture (H, W, RGBA), packed bit by bit.

The code is that of the JavaScript library ``@thi.ng/rle-pack``: 32 bits for the number of values, 5
for the bits of a value less one, four times 4 for the bits of a length less one. Then come runs: a
bit that tells repeated values from single ones, 2 bits that choose among the four, a length less
one, and one value, or as many as the length says. What is painted is where alpha is not 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Mask, Size
from sat_nb.compiled import compiled
from sat_nb.errors import InvalidInput
from sat_nb.segments.formats.limits import brief

HEAD_BITS = 32 + 5 + 4 * 4


def decode_brush(rle: Any, size: Size, field: str) -> Mask:
    """The (H, W) mask of a list of bytes.

    Raises InvalidInput for anything else, and where the picture has another size.

    >>> decode_brush([0, 0, 0, 4, 57, 27, 252, 127, 224], (1, 1), "rle")
    array([[ True]])
    """
    return painted(brush_codes(rle, size, field), size, field)


def brush_codes(rle: Any, size: Size, field: str) -> NDArray[np.uint8]:
    """The bytes of a brush on a photo of this size."""
    try:
        codes = np.frombuffer(bytes(rle if isinstance(rle, list) else None), dtype=np.uint8)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{field}: expected a list of bytes, got {brief(rle)}.") from error
    height, width = size
    n_values = int.from_bytes(codes[:4].tobytes(), "big")
    if codes.size * 8 < HEAD_BITS or n_values != 4 * height * width:
        raise InvalidInput(
            f"{field}: expected {height} x {width} pixels of RGBA, {4 * height * width} values, "
            f"got {n_values}; the photo's size was changed, or the export is damaged."
        )
    return codes


def painted(codes: NDArray[np.uint8], size: Size, field: str) -> Mask:
    """The (H, W) mask of the bytes of a brush."""
    mask = np.zeros(size[0] * size[1], dtype=np.uint8)
    if not _paint(codes, mask):
        raise InvalidInput(f"{field}: breaks off within its values; export it again.")
    return mask.reshape(size).view(bool)


@compiled(nogil=True)
def _paint(codes, mask):  # type: ignore[no-untyped-def]
    """Set the pixels whose alpha is not 0; return whether the code has all values."""
    n_bits, n_values = codes.size * 8, mask.size * 4
    bits_of_value = _read(codes, 32, 5) + 1
    at, i = 32 + 5 + 4 * 4, 0
    while i < n_values:
        if at + 3 > n_bits:
            return False
        repeated, choice = _read(codes, at, 1), _read(codes, at + 1, 2)
        bits_of_length = _read(codes, 37 + 4 * choice, 4) + 1
        at += 3
        if at + bits_of_length > n_bits:
            return False
        end = min(i + _read(codes, at, bits_of_length) + 1, n_values)
        at += bits_of_length
        n_stored = 1 if repeated else end - i
        if at + n_stored * bits_of_value > n_bits:
            return False
        if repeated:
            if _read(codes, at, bits_of_value):
                for pixel in range(i // 4, end // 4):  # whose alpha, the last of four, is in it
                    mask[pixel] = 1
        else:
            for k in range(i + (3 - i) % 4, end, 4):
                if _read(codes, at + (k - i) * bits_of_value, bits_of_value):
                    mask[k // 4] = 1
        at += n_stored * bits_of_value
        i = end
    return True


@compiled(nogil=True)
def _read(codes, at, n):  # type: ignore[no-untyped-def]
    """The number that n bits hold from that bit on, the highest first."""
    value = np.int64(0)
    for bit in range(at, at + n):
        value = 2 * value + ((codes[bit >> 3] >> (7 - (bit & 7))) & 1)
    return value
