"""A photo with its attribution map and the outlines of its masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sat_nb.errors import InvalidInput
from sat_nb.plots.style import axes_or_new, short
from sat_nb.segments import SegmentationMap
from sat_nb.segments.segmentation import distinct_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_overlay(
    pixels: NDArray[np.uint8],
    attribution: NDArray[np.floating] | None = None,
    segmentation: SegmentationMap | None = None,
    *,
    ax: Axes | None = None,
    opacity: float = 0.75,
) -> Axes:
    """Draw a photo, its map above it and its masks' outlines, each brought to the photo's size.

    Parameters
    ----------
    pixels: uint8 (H, W, 3).
    attribution: float (h, w) or (h, w, C); channels are summed. Red speaks for the
        target, blue against it; the scale ends at the 99th percentile of the absolute
        values. The photo is drawn in grey under it.
    segmentation: masks to outline; their names stand below the picture.
    opacity: of the strongest attribution, from 0 to 1.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise InvalidInput(f"pixels: expected uint8 (H, W, 3), got {pixels.dtype} {pixels.shape}.")
    height, width = pixels.shape[:2]
    ax = axes_or_new(ax, 4.0, 4.0 * height / width)
    extent = (0, width, height, 0)
    if attribution is None:
        ax.imshow(pixels, extent=extent)
    else:
        ax.imshow(pixels.mean(axis=2), cmap="gray", extent=extent, vmin=0, vmax=255)
        _draw_map(ax, attribution, extent, opacity)
    if segmentation is not None:
        _draw_outlines(ax, segmentation, width, height)
    ax.set_axis_off()
    return ax


def _draw_map(ax: Axes, attribution: NDArray, extent: tuple, opacity: float) -> None:
    pooled = attribution.sum(axis=2) if attribution.ndim == 3 else attribution
    limit = float(np.percentile(np.abs(pooled), 99)) or float(np.abs(pooled).max()) or 1.0
    strength = np.clip(np.abs(pooled) / limit, 0, 1) ** 0.5
    ax.imshow(
        pooled, cmap="seismic", vmin=-limit, vmax=limit, alpha=opacity * strength, extent=extent
    )


def _draw_outlines(ax: Axes, segmentation: SegmentationMap, width: int, height: int) -> None:
    from matplotlib.patches import Patch

    colours = distinct_colours(len(segmentation)) / 255
    largest_first = np.argsort(-segmentation.masks.sum(axis=(1, 2)), kind="stable")
    for mask, colour in zip(segmentation.masks[largest_first], colours[largest_first], strict=True):
        rows, columns = mask.shape
        x = (np.arange(-1, columns + 1) + 0.5) * width / columns
        y = (np.arange(-1, rows + 1) + 0.5) * height / rows
        inside = np.pad(mask, 1).astype(float)
        ax.contour(x, y, inside, levels=[0.5], colors=[colour], linewidths=1.2)
    handles = [
        Patch(color=colour, label=short(name, 20))
        for name, colour in zip(segmentation.names, colours, strict=True)
    ]
    legend = ax.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=4,
        fontsize=8,
        frameon=False,
        handlelength=0.8,
        columnspacing=1.0,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
