"""Files of photos that no common library writes, byte by byte from their formats' definitions."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

GREY, COLOUR, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 4, 6  # PNG's colour types


def write_png(
    file: Path, samples: np.ndarray, kind: int, *, key: tuple[int, ...] = (), rows: int = 0
) -> None:
    """A PNG of 8 or 16 bits; ``key`` is the colour that is transparent, ``rows`` the filter."""
    bits = 8 * samples.dtype.itemsize
    big = samples.reshape(*samples.shape[:2], -1).astype(samples.dtype.newbyteorder(">"))
    lines = [line.tobytes() for line in big]
    if rows == 1:  # each byte minus that of the pixel to the left
        n = big.shape[2] * samples.dtype.itemsize
        pad = [bytes(n) + line[:-n] for line in lines]
        lines = [
            bytes((a - b) % 256 for a, b in zip(x, y, strict=True))
            for x, y in zip(lines, pad, strict=True)
        ]
    header = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], bits, kind, 0, 0, 0)
    chunks = [(b"IHDR", header)]
    chunks += [(b"tRNS", struct.pack(f">{len(key)}H", *key))] if key else []
    chunks += [(b"IDAT", zlib.compress(b"".join(bytes([rows]) + x for x in lines))), (b"IEND", b"")]
    file.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
            for name, data in chunks
        )
    )


def write_portable(file: Path, samples: np.ndarray, top: int, *, plain: bool = False) -> None:
    """A PGM (H, W) or PPM (H, W, 3); ``top`` is white."""
    number = {(2, False): 5, (3, False): 6, (2, True): 2, (3, True): 3}[samples.ndim, plain]
    head = f"P{number}\n# made by hand\n{samples.shape[1]} {samples.shape[0]}\n{top}\n".encode()
    if plain:
        body = " ".join(map(str, samples.ravel())).encode()
    else:
        body = samples.astype(">u2").tobytes()
    file.write_bytes(head + body)
