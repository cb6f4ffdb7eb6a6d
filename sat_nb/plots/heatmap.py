"""Heatmap: segments in rows, methods or models in columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sat_nb.arrays import Float64
from sat_nb.plots import style
from sat_nb.plots.bars import checked_result, groups_of
from sat_nb.plots.style import LINE, PLAIN, SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_heatmap(
    summary: pd.DataFrame, *, ax: Axes | None = None, highlight: str | Iterable[str] = ()
) -> Axes:
    """Draw an aggregate of several methods or models as cells: dark is much attribution.

    On a dark background, bright is much.

    All ranks share one scale. Other values are shaded by size within their column, because
    methods have different units; the numbers in the cells keep their sign. If a column lacks a
    segment, the cell is crossed out.

    Parameters
    ----------
    summary : DataFrame
        The result of ``aggregate``: the columns it was grouped by, ``segment``, one column of
        numbers, whose title the x axis shows, and ``n_images``. Rows keep the order in which
        segments first occur.
    ax : Axes, optional
        Axes to draw on; a new figure by default.
    highlight : str or iterable of str, default ()
        Segments whose names are coloured and bold.

    Returns
    -------
    Axes
        The axes: segments in rows, groups in columns.

    Raises
    ------
    InvalidInput
        For other tables.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> ax = plot_heatmap(aggregate(build(*toy()), value="rank"))
    >>> [name.get_text() for name in ax.get_xticklabels()]
    ['noisy', 'sharp']
    """
    result = checked_result(summary)
    groups = groups_of(summary)
    order = list(dict.fromkeys(summary["segment"]))
    cells = np.stack(
        [
            rows.set_index("segment")[result.column].reindex(order).to_numpy(float)
            for rows in groups.values()
        ],
        axis=1,
    )
    width = min(style.PAGE, 2.2 + 0.6 * len(groups))
    ax = style.axes_or_new(ax, width, 1.3 + style.LINE_INCHES * 1.1 * len(order))
    shades = darkness(cells, result.small_is_best)
    colours = style.inside(ax)
    ax.imshow(shades, cmap=colours.shades, vmin=0, vmax=1.25, aspect="auto", origin="upper")
    ax.grid(False)
    ax.set_xlim(-0.5, len(groups) - 0.5)
    _name_columns(ax, list(groups))
    size = style.name_rows(ax, order, style.as_names(highlight))
    ax.set_ylim(len(order) - 0.5, -0.5)
    _write_cells(ax, cells, result.small_is_best, size)
    strong = "bright" if colours.is_dark else "dark"
    note = "" if result.small_is_best else f", {strong}: large in its column"
    ax.set_xlabel(result.title + note, **PLAIN)
    ax.xaxis.label.set(fontsize=SMALL, color=style.around(ax).quiet)
    ax.spines[:].set_visible(False)
    style.keep_numbers(ax, summary)
    return ax


def darkness(cells: Float64, small_is_best: bool) -> Float64:
    """Shades, 0 to 1, of values (segments, columns): ranks on one scale, others by column."""
    if small_is_best:
        worst = max(float(np.nanmax(cells)), 2.0)
        return (worst - cells) / (worst - 1)
    size = np.abs(cells)
    most = np.nanmax(np.where(np.isnan(size), 0, size), axis=0)
    return size / np.where(most > 0, most, 1)


def _name_columns(ax: Axes, names: list[str]) -> None:
    width, _ = style.size_of(ax)
    room, texts, ink = width / len(names) - 0.06, style.shorts(names), style.around(ax).ink
    upright = all(style.text_inches(text, SMALL) <= room for text in texts)
    ax.xaxis.tick_top()
    ax.set_xticks(range(len(names)), texts, **PLAIN)
    for text in ax.get_xticklabels():
        text.set(fontsize=SMALL, color=ink)
        if not upright:
            text.set(rotation=45, ha="left", rotation_mode="anchor")
    ax.tick_params(axis="x", length=0)


def _write_cells(ax: Axes, cells: Float64, small_is_best: bool, size: float) -> None:
    shades = darkness(cells, small_is_best)
    texts = np.array([_numbers(column, small_is_best) for column in cells.T]).T
    width, _ = style.size_of(ax)
    widest = max(style.text_inches(text, 10.0) for text in texts.ravel()) / 10
    size = min(size, SMALL, 0.9 * width / cells.shape[1] / widest)
    palette = style.inside(ax)
    crossing = {"color": palette.quiet, "linewidth": 0.5, **LINE}
    on_dark = palette.ink if palette.is_dark else "white"
    for (i, j), value in np.ndenumerate(cells):
        if np.isnan(value):
            ax.plot([j - 0.4, j + 0.4], [i + 0.3, i - 0.3], **crossing)
            continue
        colour = on_dark if shades[i, j] > 0.6 else palette.ink
        ax.text(j, i, texts[i, j], ha="center", va="center", fontsize=size, color=colour, **PLAIN)


def _numbers(column: Float64, small_is_best: bool) -> list[str]:
    """The values of a column with equal decimals, such that the largest has two figures."""
    most = np.max(np.abs(column), initial=0.0, where=~np.isnan(column))
    places = max(2, 1 - int(np.floor(np.log10(most)))) if most > 0 else 1
    form = ".1f" if small_is_best else f".{places}f" if places <= 4 and most < 1000 else ".1e"
    return ["" if np.isnan(value) else style.with_minus(f"{value:{form}}") for value in column]
