"""Maps over photos in a grid: photos in rows, methods or models in columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.errors import IdMismatch, InvalidInput, shorten
from sat_nb.plots import style
from sat_nb.plots.overlay import attribution_colours, check_pixels, limit_of, plot_overlay, pooled
from sat_nb.plots.style import INK, PLAIN, QUIET, SMALL, TEXT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Maps = Mapping[str, Mapping[str, NDArray]]


def plot_map_grid(
    images: Mapping[str, NDArray[np.uint8]],
    maps: Maps,
    *,
    image_ids: Sequence[str] | None = None,
    fit: str | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw photos in rows and, beside each, its maps: one column a method, or a model.

    Figure 2 of Hinns & Martens 2025. Each map has a colour scale of its own, since methods have
    units of their own: compare where the colour is, not how strong.

    Parameters
    ----------
    images: {image_id: uint8 (H, W, 3)}, such as an ImageSet.
    maps: {column: {image_id: float (h, w) or (h, w, C)}}, such as an AttributionStore, or a dict
        {model: store[method]}.
    image_ids: the rows; by default the first four images that have a map in the first column.
    fit: as in ``plot_overlay``; by default the store's, or "stretch".
    figure: to draw on; a new one by default, as wide as a page.

    Raises IdMismatch where an image has no photo or no map.
    """
    columns, fit = list(maps), fit or str(getattr(maps, "fit", "stretch"))
    ids = _rows(images, maps, image_ids)
    n_across = 1 + len(columns)
    side = min(1.6, (style.PAGE - 0.3) / n_across)
    figure = style.figure_or_new(figure, 0.3 + side * n_across, 0.55 + side * len(ids))
    axes = figure.subplots(len(ids), n_across, squeeze=False)
    limits = []
    for image_id, row in zip(ids, axes, strict=True):
        pixels = images[image_id]
        check_pixels(pixels, f"images[{image_id!r}]")
        plot_overlay(pixels, ax=row[0])
        row[0].text(
            -0.04,
            0.5,
            style.fitted(image_id, SMALL, side),
            transform=row[0].transAxes,
            rotation=90,
            ha="right",
            va="center",
            fontsize=SMALL,
            color=QUIET,
            **PLAIN,
        )
        for ax, column in zip(row[1:], columns, strict=True):
            attribution = maps[column][image_id]
            plot_overlay(pixels, attribution, ax=ax, fit=fit)
            limits.append((image_id, column, limit_of(pooled(attribution))))
    for ax, title in zip(axes[0], ["photo", *columns], strict=True):
        ax.set_title(style.fitted(title, TEXT, 0.95 * side), fontsize=TEXT, color=INK, **PLAIN)
    _draw_scale(figure, axes)
    style.keep_numbers(
        axes[0, 0], pd.DataFrame(limits, columns=["image_id", "column", "end_of_scale"])
    )
    return figure


def _rows(images: Mapping, maps: Maps, image_ids: Sequence[str] | None) -> list[str]:
    if not maps:
        raise InvalidInput("maps: expected {column: {image_id: map}}, got none.")
    if image_ids is None:
        image_ids = [i for i in images if i in maps[next(iter(maps))]][:4]
    if isinstance(image_ids, str) or not image_ids:
        raise InvalidInput(f"image_ids: expected a list of ids, got {image_ids!r}.")
    without = [i for i in image_ids if i not in images]
    if without:
        raise IdMismatch(f"images: no photo of {shorten(without)}; has {shorten(images)}.")
    for column, kept in maps.items():
        without = [i for i in image_ids if i not in kept]
        if without:
            raise IdMismatch(f"maps[{column!r}]: no map of {shorten(without)}.")
    return list(image_ids)


def _draw_scale(figure: Figure, axes: NDArray) -> None:
    """What the colours mean, once for all maps."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    scale = ScalarMappable(Normalize(-1, 1), attribution_colours())
    bar = figure.colorbar(scale, ax=axes, location="bottom", shrink=0.35, aspect=30, pad=0.02)
    bar.set_ticks([-1, 0, 1], labels=["against the target", "0", "for it"], fontsize=SMALL)
    bar.outline.set_linewidth(0.4)
    bar.ax.tick_params(length=2, width=0.4)
