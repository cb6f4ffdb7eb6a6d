"""Masks as a small picture: for notebooks, and the colours that all pictures of masks share."""

from __future__ import annotations

import base64
import colorsys
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sat_nb.arrays import Masks


def distinct_colours(n: int) -> NDArray[np.uint8]:
    """RGB (n, 3) of n distinguishable colours: hues a golden ratio apart."""
    hues = (np.arange(n) * 0.618034) % 1
    rgb = [colorsys.hsv_to_rgb(hue, 0.65 + 0.3 * (i % 2), 0.9) for i, hue in enumerate(hues)]
    return np.round(np.array(rgb) * 255).astype(np.uint8)


def as_png(masks: Masks, colours: NDArray[np.uint8]) -> str:
    """A small PNG in base64 of masks (n, H, W) in their colours (n, 3), smaller masks on top."""
    canvas = np.full((*masks.shape[1:], 3), 235, dtype=np.uint8)
    for i in np.argsort(-masks.sum(axis=(1, 2)), kind="stable"):
        canvas[masks[i]] = colours[i]
    image = Image.fromarray(canvas)
    image.thumbnail((320, 320))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")
