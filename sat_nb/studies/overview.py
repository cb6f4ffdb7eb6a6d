"""The whole method in one picture: one photo, and what many of them add up to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

import sat_nb as sat
from sat_nb.datasets.equids import EquidsFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_overview(
    data: EquidsFolder,
    maps: sat.AttributionStore,
    table: pd.DataFrame,
    method: str,
    *,
    highlight: str,
    image_id: str | None = None,
) -> Figure:
    """One image through the whole method, and below it the aggregate of the table's images.

    ``image_id`` is by default the image whose highlighted segment's rank is nearest to the
    mean rank: a typical one.
    """
    import matplotlib.pyplot as plt

    rows = table[table["method"] == method]
    image_id = image_id or _typical(rows, highlight)
    pixels = sat.read_images(data.images)[image_id]
    masks = sat.read_segments(data.exports)[image_id].merged()
    figure = plt.figure(figsize=(11, 8.2), layout="constrained")
    grid = figure.add_gridspec(2, 6, height_ratios=(1.15, 1))
    photo, outlines, heat = (figure.add_subplot(grid[0, 2 * i : 2 * i + 2]) for i in range(3))
    sat.plot_overlay(pixels, ax=photo).set_title("a photo", fontsize=11)
    sat.plot_overlay(pixels, segmentation=masks, ax=outlines)
    outlines.set_title("its masks, by name", fontsize=11)
    sat.plot_overlay(pixels, maps[method][image_id], ax=heat)
    heat.set_title(f"its attribution map ({method})", fontsize=11)
    bars = figure.add_subplot(grid[1, :2])
    summary = sat.aggregate(rows, value="abs_mean_attribution")
    sat.plot_segments(summary, ax=bars, highlight=highlight)
    bars.set_title(f"all {rows['image_id'].nunique()} photos, by segment", fontsize=11, loc="left")
    diagram = figure.add_subplot(grid[1, 2:])
    sat.plot_critical_difference(sat.compare(rows, method=method), ax=diagram, highlight=highlight)
    return figure


def _typical(rows: pd.DataFrame, segment: str) -> str:
    ranks = rows[rows["segment"] == segment].set_index("image_id")["rank"]
    return str((ranks - ranks.mean()).abs().idxmin())
