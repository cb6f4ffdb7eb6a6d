"""Small photos with a map and outlines, as ``plot_overlay`` draws them, but faster."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from sat_nb.arguments import channel_sum
from sat_nb.arrays import Float32, Map, Mask, Pixels, Size
from sat_nb.photos.window import shown
from sat_nb.plots.overlay import WASHED, by_sign, limit_of, map_extent, strength_of
from sat_nb.segments.pictures import distinct_colours
from sat_nb.segments.segmentation import SegmentationMap

LONGER_SIDE = 232  # pixels
FULLY_GREY = 0.25  # the opacity of the map from which the photo under it has no colours
OUTLINE_EDGE = 34  # the grey around outlines

Outline = Mask
Colour = Pixels


def small(pixels: Pixels, longer_side: int = LONGER_SIDE) -> Pixels:
    """A photo (H, W, 3) as uint8, resized so that its longer side has that many pixels."""
    image = Image.fromarray(shown(pixels))
    scale = longer_side / max(image.size)
    size = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))


def heat_on(attribution: Map, photo: Size, grid: Size, fit: str | None = None) -> Float32:
    """A map's strength from -1 to 1 on the grid of a small photo; 0 outside the map.

    ``photo`` is the size of the photo itself, ``fit`` how it was fitted to the map.
    """
    heat = channel_sum(attribution)
    strength = np.clip(heat / limit_of(heat), -1, 1).astype(np.float32)
    left, right, bottom, top = map_extent(photo, strength.shape, fit)
    down, across = grid[0] / photo[0], grid[1] / photo[1]
    box = (round(left * across), round(top * down), round(right * across), round(bottom * down))
    size = (max(box[2] - box[0], 1), max(box[3] - box[1], 1))
    placed = Image.new("F", (grid[1], grid[0]), 0.0)
    placed.paste(Image.fromarray(strength).resize(size, Image.Resampling.BILINEAR), box[:2])
    return np.asarray(placed)


def outlines_on(
    segmentation: SegmentationMap, grid: Size, names: Sequence[str]
) -> dict[str, Outline]:
    """{name: pixels of its outline} on a grid, for those names that the image has."""
    found = {}
    for name in names:
        masks = segmentation.masks[[i for i, one in enumerate(segmentation.names) if one == name]]
        if len(masks):
            found[name] = _edge(_sampled(masks.any(axis=0), grid))
    return found


def colour_by_name(segmentation: SegmentationMap) -> dict[str, Colour]:
    """The colours of ``plot_overlay``."""
    names = list(dict.fromkeys(segmentation.names))
    return dict(zip(names, distinct_colours(len(names)), strict=True))


def composed(
    photo: Pixels,
    heat: Float32 | None = None,
    *,
    outlines: Mapping[str, Outline] | None = None,
    colours: Mapping[str, Colour] | None = None,
    opacity: float = 0.85,
) -> Pixels:
    """A small photo with its map at ``opacity`` and outlines of masks, which have a dark edge.

    >>> photo = np.full((2, 2, 3), 200, np.uint8)
    >>> composed(photo, np.zeros((2, 2), np.float32), opacity=1.0)[0, 0]
    array([230, 230, 230], dtype=uint8)
    """
    canvas = photo.astype(np.float32)
    if heat is not None:
        grey = 255 - (255 - canvas.mean(axis=2, keepdims=True)) * (1 - WASHED)
        canvas = canvas + (grey - canvas) * min(1.0, opacity / FULLY_GREY)
        strength = (opacity * strength_of(heat))[..., None]
        canvas = canvas + (255 * by_sign(heat)[..., :3] - canvas) * strength
    for name, outline in (outlines or {}).items():
        canvas[_grown(outline)] = OUTLINE_EDGE
        canvas[outline] = (colours or {}).get(name, (255, 255, 255))
    return np.round(canvas).astype(np.uint8)


def jpeg(pixels: Pixels) -> bytes:
    """A small photo as a JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=86)
    return buffer.getvalue()


def _sampled(mask: Mask, grid: Size) -> Mask:
    """The nearest pixels of a mask on a grid; never empty."""
    rows, columns = (
        np.minimum(((np.arange(n) + 0.5) * side / n).astype(int), side - 1)
        for n, side in zip(grid, mask.shape, strict=True)
    )
    found = mask[np.ix_(rows, columns)]
    if not found.any():  # a mask between the pixels of the grid is shown at its middle
        row, column = np.argwhere(mask).mean(axis=0) / mask.shape * grid
        found[int(row), int(column)] = True
    return found


def _edge(mask: Mask) -> Mask:
    """Pixels of a mask that have a neighbour outside it."""
    around = np.pad(mask, 1)
    inside = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    return mask & ~inside


def _grown(mask: Mask) -> Mask:
    """A mask and the neighbours of its pixels."""
    around = np.pad(mask, 1)
    return mask | around[:-2, 1:-1] | around[2:, 1:-1] | around[1:-1, :-2] | around[1:-1, 2:]
