"""Watermarks: a short text of constant colour and size in a corner of the photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sat_nb.arrays import Float32, Mask, Pixels

TEXTS = (
    "ZOOPIX",
    "wildfoto",
    "EquiPix",
    "@safari",
    "PIXHERD",
    "stock24",
    "fotoZoo",
    "HOOF.pics",
    "naturpix",
    "GNUstock",
    "img.farm",
    "ponypix",
)
COLOUR = (255, 244, 150)
HEIGHT = 0.1  # of the letters' line, as a share of the photo's
OPACITY = 0.95
CORNERS = ("top-left", "top-right", "bottom-left", "bottom-right")


@dataclass(frozen=True)
class Watermark:
    """A text, the order in which corners are tried, and the distance to the edges, as shares."""

    text: str
    corners: tuple[str, ...]
    margin: tuple[float, float]


def draw_watermark(rng: np.random.Generator) -> Watermark:
    """A random watermark."""
    x, y = rng.uniform(0.012, 0.04, 2)
    return Watermark(
        str(rng.choice(TEXTS)), tuple(rng.permutation(CORNERS).tolist()), (float(x), float(y))
    )


def opacity(watermark: Watermark, shape: tuple[int, int], keep_clear: Mask) -> Float32:
    """The opacity of the watermark on a photo of ``shape`` (H, W): float (H, W), 0 to 1.

    It takes the first of its corners where its box covers nothing of ``keep_clear`` (bool, H x W),
    or else the one where it covers least. The size of its letters follows the photo's width.
    """
    text = _text(watermark.text, shape[1])[: shape[0]]
    boxes = [_box(corner, watermark.margin, shape, text.shape) for corner in watermark.corners]
    box = min(boxes, key=lambda b: int(keep_clear[b].sum()))
    covered = np.zeros(shape, np.float32)
    covered[box] = OPACITY * text
    return covered


def stamped(pixels: Pixels, covered: Float32) -> Pixels:
    """The photo (H, W, 3) under a watermark of that :func:`opacity`."""
    alpha = covered[..., None]
    return np.round(pixels * (1 - alpha) + np.array(COLOUR) * alpha).astype(np.uint8)


def _box(
    corner: str, margin: tuple[float, float], shape: tuple[int, int], text: tuple[int, ...]
) -> tuple[slice, slice]:
    x, y = (round(m * shape[1]) for m in margin)
    top = y if corner.startswith("top") else shape[0] - y - text[0]
    left = x if corner.endswith("left") else shape[1] - x - text[1]
    return slice(top, top + text[0]), slice(left, left + text[1])


def _text(text: str, size: int) -> Float32:
    """The opacity of the text, cropped to its ink; strokes are a fixed share of the size wide."""
    fine = 4
    font = ImageFont.load_default(HEIGHT * size * fine)
    bold = max(1, round(0.003 * size * fine))
    left, top, right, bottom = font.getbbox(text, stroke_width=bold)
    w, h = (-(-int(v) // fine) + 1 for v in (right - left, bottom - top))
    image = Image.new("L", (w * fine, h * fine))
    ImageDraw.Draw(image).text((-left, -top), text, font=font, fill=255, stroke_width=bold)
    ink = np.asarray(image.resize((w, h), Image.Resampling.BOX), np.float32)[:size, :size] / 255
    return np.where(ink < 0.06, 0.0, ink).astype(np.float32)
