"""The whole method in one picture: one photo, and what many of them add up to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.plots import style
from sat_nb.plots.bars import plot_segments
from sat_nb.plots.image_table import plot_image_table
from sat_nb.plots.overlay import plot_overlay
from sat_nb.plots.style import INK, TEXT
from sat_nb.segments.segmentation import SegmentationMap

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_overview(
    pixels: NDArray[np.uint8],
    attribution: NDArray[np.floating],
    segmentation: SegmentationMap,
    rows: pd.DataFrame,
    summary: pd.DataFrame,
    *,
    highlight: str | Iterable[str] = (),
    most: int = 12,
    fit: str = "stretch",
    figure: Figure | None = None,
) -> Figure:
    """Draw the way from a photo to the aggregate: photo, map, masks, the photo's table, all photos.

    Figure 1 of Hinns & Martens 2025.

    Parameters
    ----------
    pixels: the photo, uint8 (H, W, 3).
    attribution: its map, float (h, w) or (h, w, C).
    segmentation: its masks.
    rows: its rows of ``build`` under one method; see ``plot_image_table``.
    summary: the aggregate of all photos; see ``plot_segments``.
    highlight: segments to colour in both tables.
    most: at most that many segments in each table.
    fit: as in ``plot_overlay``.
    figure: to draw on; a new one by default, as wide as a page.
    """
    figure = style.figure_or_new(figure, style.PAGE, 5.4)
    top, bottom = figure.subfigures(2, 1, height_ratios=(1.1, 1))  # type: ignore[misc]
    photo, heat, masks = top.subplots(1, 3)
    one, many = bottom.subplots(1, 2)
    plot_overlay(pixels, ax=photo)
    plot_overlay(pixels, attribution, ax=heat, fit=fit)
    plot_overlay(pixels, segmentation=segmentation, ax=masks)
    plot_image_table(rows, ax=one, highlight=highlight, most=most)
    plot_segments(summary, ax=many, highlight=highlight, most=most)
    steps = ["a photo", "its attribution map", "its masks", "its table", "all photos"]
    for letter, ax, title in zip("abcde", (photo, heat, masks, one, many), steps, strict=True):
        text = f"{letter}  {title}"
        ax.set_title(text, fontsize=TEXT, color=INK, loc="left", fontweight="bold")
    return figure
