"""Photos with as many channels as a model takes."""

from __future__ import annotations

import numpy as np
from PIL import Image

from sat_nb.arrays import Float32, Pixels

LUMA = np.array([0.299, 0.587, 0.114])


def with_channels(image: Pixels, channels: int) -> Float32:
    """A photo (H, W, 3) as float32 with as many channels as the model takes: 3, or 1, its luma."""
    return in_channels(image, channels).astype(np.float32)


def in_channels(image: Pixels, channels: int) -> Pixels:
    """The same as uint8 where the photo is, which takes a quarter of the memory."""
    if channels == 1:
        image = _grey(image)[..., None]
    return image if image.dtype == np.uint8 else image.astype(np.float32)


def _grey(image: Pixels) -> Pixels:
    """(H, W): the luma of ITU-R 601, as Pillow computes it; equal channels stay as they are."""
    if image.dtype == np.uint8:
        return np.asarray(Image.fromarray(image).convert("L"))
    luma = image.astype(np.float64) @ LUMA
    return np.where((image == image[..., :1]).all(axis=2), image[..., 0], luma)
