"""Maps over photos in a grid: a row for each photo, a column for each method or model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd
from numpy.typing import NDArray

from sat_nb.arguments import channel_sum
from sat_nb.arrays import Pixels
from sat_nb.errors import IdMismatch, InvalidInput, shorten
from sat_nb.photos.window import shown
from sat_nb.plots import style
from sat_nb.plots.overlay import attribution_colours, limit_of, plot_overlay
from sat_nb.plots.style import PLAIN, SMALL
from sat_nb.printable import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Maps = Mapping[str, Mapping[str, NDArray]]


def plot_map_grid(
    images: Mapping[str, Pixels],
    maps: Maps,
    *,
    image_ids: Sequence[str] | None = None,
    fit: str | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw photos in rows, each followed by its maps: one column for each method, or model.

    Each map has its own colour scale, because methods have different units: compare where the
    colour is, not how strong it is. Dark red speaks for the target, light blue against it.

    Parameters
    ----------
    images : mapping
        Photos, {image_id: array (H, W, 3)}, such as an ImageSet.
    maps : mapping
        Maps, {column: {image_id: float (h, w) or (h, w, C)}}, such as an AttributionStore, or a
        dict {model: store[method]}.
    image_ids : sequence of str, optional
        The rows; by default the first four images that have a map in the first column.
    fit : str, optional
        How photos were brought to the grid of the maps, a name in ``FITS``; by default that of the
        stores. Maps of the photos' own shape need none.
    figure : Figure, optional
        Figure to draw on; a new one by default, as wide as a page.

    Returns
    -------
    Figure
        A panel for each photo and each map, and the colour bar.

    Raises
    ------
    IdMismatch
        If an image has no photo or no map.
    InvalidInput
        If there are no maps or no images to draw, and for maps of another shape than their photo
        whose fit is not known.

    References
    ----------
    Hinns & Martens 2025, Figure 2.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> maps, _ = toy(2)
    >>> photos = {i: np.zeros((20, 16, 3), np.uint8) for i in maps["sharp"]}
    >>> [ax.get_title() for ax in plot_map_grid(photos, maps).axes[:3]]
    ['photo', 'sharp', 'noisy']
    """
    columns, fit = list(maps), fit or getattr(maps, "fit", None)
    fits = {column: fit or getattr(maps[column], "fit", None) for column in columns}
    ids = _rows(images, maps, image_ids)
    n_across = 1 + len(columns)
    side = min(1.6, (style.PAGE - 0.3) / n_across)
    figure = style.figure_or_new(figure, 0.3 + side * n_across, 0.55 + side * len(ids))
    axes = figure.subplots(len(ids), n_across, squeeze=False)
    limits, colours = [], style.around(figure)
    texts = style.fitted_together(ids, SMALL, [side] * len(ids))
    for image_id, text, row in zip(ids, texts, axes, strict=True):
        pixels = shown(images[image_id], f"images[{image_id!r}]")
        plot_overlay(pixels, ax=row[0])
        row[0].text(
            -0.04,
            0.5,
            text,
            transform=row[0].transAxes,
            rotation=90,
            ha="right",
            va="center",
            fontsize=SMALL,
            color=colours.quiet,
            **PLAIN,
        )
        for ax, column in zip(row[1:], columns, strict=True):
            attribution = maps[column][image_id]
            plot_overlay(pixels, attribution, ax=ax, fit=fits[column])
            limits.append((image_id, column, limit_of(channel_sum(attribution))))
    titles, size = _titles(columns, 0.97 * side)
    for ax, title in zip(axes[0], ["photo", *titles], strict=True):
        ax.set_title(title, loc="center", fontsize=size, color=colours.ink, **PLAIN)
    _draw_scale(figure, axes)
    style.keep_numbers(
        axes[0, 0], pd.DataFrame(limits, columns=["image_id", "column", "end_of_scale"])
    )
    return figure


def _rows(images: Mapping, maps: Maps, image_ids: Sequence[str] | None) -> list[str]:
    if not maps:
        raise InvalidInput("maps: expected {column: {image_id: map}}, got an empty mapping.")
    if image_ids is None:
        image_ids = [i for i in images if i in maps[next(iter(maps))]][:4]
    if isinstance(image_ids, str) or not image_ids:
        raise InvalidInput(f"image_ids: expected a list of ids, got {image_ids!r}.")
    without = [i for i in image_ids if i not in images]
    if without:
        raise IdMismatch(f"images: no photo of {shorten(without)}; there are {shorten(images)}.")
    for column, kept in maps.items():
        without = [i for i in image_ids if i not in kept]
        if without:
            raise IdMismatch(f"maps[{column!r}]: no map of {shorten(without)}.")
    return list(image_ids)


def _titles(columns: Sequence[str], width: float) -> tuple[list[str], float]:
    """The names of the columns, and their size in points.

    Names that are too long for a line are broken after dots, as in "innvestigate.smoothgrad", and
    cut where that is not enough.
    """
    names = [printable(column) for column in columns]
    parts = [re.split(r"(?<=\.)", name) for name in names]
    size, every = style.uncut_size(names, width), [part for each in parts for part in each]
    smaller = style.uncut_size(every, width)
    if not _all_fit(names, size, width) and _all_fit(every, smaller, width):
        return [style.wrapped(each, smaller, width, "") for each in parts], smaller
    return style.fitted_together(columns, size, [width] * len(columns)), size


def _all_fit(texts: Sequence[str], size: float, width: float) -> bool:
    return all(style.text_inches(text, size) <= width for text in texts)


def _draw_scale(figure: Figure, axes: NDArray) -> None:
    """Draw one colour bar for all maps: scales differ, the meaning of the colours does not."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    scale = ScalarMappable(Normalize(-1, 1), attribution_colours())
    bar = figure.colorbar(scale, ax=axes, location="bottom", shrink=0.35, aspect=30, pad=0.02)
    texts = ["against the target", "0", "for it"]
    bar.set_ticks([-1, 0, 1], labels=texts, fontsize=SMALL, **PLAIN)
    bar.outline.set_linewidth(0.4)
    bar.ax.tick_params(length=2, width=0.4)
    style.keep_legible(bar.ax)
