"""Slow readers of PNG and .npy, from their definitions (ISO/IEC 15948; NumPy's format 1.0)."""

from __future__ import annotations

import ast
import struct
import zlib

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type; 3 holds indices of a palette


def read_png(raw: bytes) -> list[list[tuple[int, ...]]]:
    """Rows of pixels as tuples of stored samples, of a PNG of at most 8 bits, not interlaced."""
    assert raw[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed = 8, b""
    while at < len(raw):
        (length,), kind = struct.unpack(">I", raw[at : at + 4]), raw[at + 4 : at + 8]
        content = raw[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", content)
            assert interlace == 0
            assert depth <= 8
        if kind == b"IDAT":
            packed += content
        at += 12 + length
    n = CHANNELS[colour]
    step = max(n * depth // 8, 1)  # distance in bytes to the pixel on the left
    n_bytes = -(-width * n * depth // 8)
    data, above, rows = zlib.decompress(packed), [0] * n_bytes, []
    for row in range(height):
        filtered = data[row * (n_bytes + 1) : (row + 1) * (n_bytes + 1)]
        line: list[int] = []
        for i, byte in enumerate(filtered[1:]):
            left = line[i - step] if i >= step else 0
            corner = above[i - step] if i >= step else 0
            line.append((byte + _guess(filtered[0], left, above[i], corner)) % 256)
        above = line
        samples = [
            line[i * depth // 8] >> (8 - depth - i * depth % 8) & (2**depth - 1)
            for i in range(width * n)
        ]
        rows.append([tuple(samples[x * n : x * n + n]) for x in range(width)])
    return rows


def _guess(kind: int, left: int, up: int, corner: int) -> int:
    """What each of the five filters subtracts: nothing, left, up, their mean, Paeth's choice."""
    near = left + up - corner
    paeth = min((left, up, corner), key=lambda value: abs(near - value))
    return (0, left, up, (left + up) // 2, paeth)[kind]


def read_npy(raw: bytes) -> tuple[tuple[int, ...], list[int]]:
    """The shape and the values, row by row, of an array with one byte an element."""
    assert raw[:8] == b"\x93NUMPY\x01\x00"
    (length,) = struct.unpack("<H", raw[8:10])
    header = ast.literal_eval(raw[10 : 10 + length].decode("latin-1"))
    assert header["descr"] in ("|b1", "|u1")
    assert not header["fortran_order"]
    return header["shape"], list(raw[10 + length :])
