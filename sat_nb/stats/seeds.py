"""Random generators that do not depend on the order of images."""

from __future__ import annotations

import hashlib
import zlib

import numpy as np


def image_generator(seed: int, image_id: str, segment: str | None = None) -> np.random.Generator:
    """A generator for one image, the same for all methods; or for one segment of the image.

    >>> image_generator(0, "image_00").integers(100), image_generator(0, "image_01").integers(100)
    (37, 67)
    """
    # Ids of files whose names are not valid UTF-8 hold lone surrogates.
    if segment is None:
        key = zlib.crc32(image_id.encode(errors="surrogatepass"))
    else:
        text = f"{image_id}\0{segment}".encode(errors="surrogatepass")
        key = int.from_bytes(hashlib.sha256(text).digest(), "big")
    return np.random.default_rng([seed, key])
