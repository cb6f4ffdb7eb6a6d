"""Small photos with a map and outlines on them, as ``plot_overlay`` draws, only quicker."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sat_nb.arrays import Pixels
from sat_nb.plots.overlay import WASHED, by_sign, limit_of, map_extent, pooled, strength_of
from sat_nb.segments.segmentation import SegmentationMap, distinct_colours

SIDE = 232  # pixels of the longer side
WHOLE = 0.25  # from that opacity on a photo under its map is all grey and pale


def small(pixels: Pixels, side: int = SIDE) -> Pixels:
    """A photo (H, W, 3), its longer side brought to ``side`` pixels."""
    image = Image.fromarray(pixels)
    scale = side / max(image.size)
    size = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))


def heat_on(
    attribution: NDArray, photo: tuple[int, int], shape: tuple[int, int], fit: str = "stretch"
) -> NDArray[np.float32]:
    """A map's strength from -1 to 1 on the grid ``shape`` of a small photo; 0 where it has none.

    ``photo`` is the size (H, W) of the photo itself, ``fit`` how it was brought to the map.
    """
    heat = pooled(attribution)
    share = np.clip(heat / limit_of(heat), -1, 1).astype(np.float32)
    left, right, bottom, top = map_extent(photo, share.shape, fit)
    down, across = shape[0] / photo[0], shape[1] / photo[1]
    box = (round(left * across), round(top * down), round(right * across), round(bottom * down))
    size = (max(box[2] - box[0], 1), max(box[3] - box[1], 1))
    placed = Image.new("F", (shape[1], shape[0]), 0.0)
    placed.paste(Image.fromarray(share).resize(size, Image.Resampling.BILINEAR), box[:2])
    return np.asarray(placed)


def outlines_on(
    segmentation: SegmentationMap, shape: tuple[int, int], names: Sequence[str]
) -> dict[str, NDArray[np.bool_]]:
    """{name: the pixels of its outline} on a grid, of the names that the image has."""
    found = {}
    for name in names:
        masks = segmentation.masks[[i for i, one in enumerate(segmentation.names) if one == name]]
        if len(masks):
            found[name] = _edge(_nearest(masks.any(axis=0), shape))
    return found


def colour_by_name(segmentation: SegmentationMap) -> dict[str, NDArray[np.uint8]]:
    """The colours of ``plot_overlay``."""
    names = list(dict.fromkeys(segmentation.names))
    return dict(zip(names, distinct_colours(len(names)), strict=True))


def composed(
    photo: Pixels,
    heat: NDArray[np.float32] | None = None,
    outlines: dict[str, NDArray[np.bool_]] | None = None,
    colours: dict[str, NDArray[np.uint8]] | None = None,
    *,
    opacity: float = 0.85,
) -> Pixels:
    """A small photo with its map at ``opacity`` and the outlines of masks, dark-edged.

    >>> photo = np.full((2, 2, 3), 200, np.uint8)
    >>> composed(photo, np.zeros((2, 2), np.float32), opacity=1.0)[0, 0]
    array([230, 230, 230], dtype=uint8)
    """
    canvas = photo.astype(np.float32)
    if heat is not None:
        grey = 255 - (255 - canvas.mean(axis=2, keepdims=True)) * (1 - WASHED)
        canvas = canvas + (grey - canvas) * min(1.0, opacity / WHOLE)
        strength = (opacity * strength_of(heat))[..., None]
        canvas = canvas + (255 * by_sign(heat)[..., :3] - canvas) * strength
    for name, edge in (outlines or {}).items():
        canvas[_grown(edge)] = 34
        canvas[edge] = (colours or {}).get(name, (255, 255, 255))
    return np.round(canvas).astype(np.uint8)


def jpeg(pixels: Pixels) -> bytes:
    """A small photo as a JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=86)
    return buffer.getvalue()


def _nearest(mask: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    rows, columns = (
        np.minimum(((np.arange(n) + 0.5) * side / n).astype(int), side - 1)
        for n, side in zip(shape, mask.shape, strict=True)
    )
    found = mask[np.ix_(rows, columns)]
    if not found.any():  # too small for the grid: its own middle stands for it
        row, column = np.argwhere(mask).mean(axis=0) / mask.shape * shape
        found[int(row), int(column)] = True
    return found


def _edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of a mask that have a neighbour outside it."""
    around = np.pad(mask, 1)
    inside = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    return mask & ~inside


def _grown(edge: NDArray[np.bool_]) -> NDArray[np.bool_]:
    around = np.pad(edge, 1)
    return edge | around[:-2, 1:-1] | around[2:, 1:-1] | around[1:-1, :-2] | around[1:-1, 2:]
