"""Heatmap: segments in rows, methods or models in columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.plots import style
from sat_nb.plots.bars import TITLES, groups_of, value_of
from sat_nb.plots.style import INK, PLAIN, QUIET, SMALL
from sat_nb.table.aggregations import RESULTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_heatmap(
    summary: pd.DataFrame, *, ax: Axes | None = None, highlight: str | Iterable[str] = ()
) -> Axes:
    """Draw an aggregate of several methods or models as cells: dark is much attribution.

    Ranks have one scale. Attributions are shaded by size within each column, since methods have
    units of their own; the numbers in the cells keep their sign. A segment that a column lacks
    is a crossed-out cell.

    Parameters
    ----------
    summary: from ``aggregate``: the columns it was grouped by, ``segment``, a value of
        ``RESULTS`` and ``n_images``. Rows keep the order in which segments first occur.
    ax: axes to draw on; a new figure by default.
    highlight: segments whose names are coloured and bold.
    """
    value = value_of(summary)
    groups = groups_of(summary)
    order = list(dict.fromkeys(summary["segment"]))
    cells = np.stack(
        [
            rows.set_index("segment")[value].reindex(order).to_numpy(float)
            for rows in groups.values()
        ],
        axis=1,
    )
    width = min(style.PAGE, 2.2 + 0.6 * len(groups))
    ax = style.axes_or_new(ax, width, 1.3 + style.LINE_INCHES * 1.1 * len(order))
    ax.imshow(darkness(cells, RESULTS[value]), cmap="Greys", vmin=0, vmax=1.25, aspect="auto")
    ax.set_xlim(-0.5, len(groups) - 0.5)
    _name_columns(ax, list(groups))
    size = style.name_rows(ax, order, style.as_names(highlight))
    ax.set_ylim(len(order) - 0.5, -0.5)
    _write_cells(ax, cells, RESULTS[value], size)
    ax.set_xlabel(TITLES[value] + ("" if RESULTS[value] else ", dark: large in its column"))
    ax.xaxis.label.set(fontsize=SMALL, color=QUIET)
    ax.spines[:].set_visible(False)
    style.keep_numbers(ax, summary)
    return ax


def darkness(cells: NDArray[np.float64], small_is_best: bool) -> NDArray[np.float64]:
    """Shades from 0 to 1 of values (segments, columns): ranks together, others by column."""
    if small_is_best:
        worst = max(float(np.nanmax(cells)), 2.0)
        return (worst - cells) / (worst - 1)
    size = np.abs(cells)
    most = np.nanmax(np.where(np.isnan(size), 0, size), axis=0)
    return size / np.where(most > 0, most, 1)


def _name_columns(ax: Axes, names: list[str]) -> None:
    width, _ = style.size_of(ax)
    room = width / len(names) - 0.06
    upright = all(style.text_inches(style.short(name), SMALL) <= room for name in names)
    ax.xaxis.tick_top()
    ax.set_xticks(range(len(names)), [style.short(name) for name in names], **PLAIN)
    for text in ax.get_xticklabels():
        text.set(fontsize=SMALL, color=INK)
        if not upright:
            text.set(rotation=45, ha="left", rotation_mode="anchor")
    ax.tick_params(axis="x", length=0)


def _write_cells(ax: Axes, cells: NDArray, small_is_best: bool, size: float) -> None:
    shades = darkness(cells, small_is_best)
    texts = np.array([_numbers(column, small_is_best) for column in cells.T]).T
    width, _ = style.size_of(ax)
    widest = max(style.text_inches(text, 10.0) for text in texts.ravel()) / 10
    size = min(size, SMALL, 0.9 * width / cells.shape[1] / widest)
    for (i, j), value in np.ndenumerate(cells):
        if np.isnan(value):
            ax.plot([j - 0.4, j + 0.4], [i + 0.3, i - 0.3], color=QUIET, linewidth=0.5)
            continue
        colour = "white" if shades[i, j] > 0.6 else INK
        ax.text(j, i, texts[i, j], ha="center", va="center", fontsize=size, color=colour)


def _numbers(column: NDArray[np.float64], small_is_best: bool) -> list[str]:
    """The values of a column with equal decimals, two figures for its largest."""
    most = np.max(np.abs(column), initial=0.0, where=~np.isnan(column))
    places = max(2, 1 - int(np.floor(np.log10(most)))) if most > 0 else 1
    form = ".1f" if small_is_best else f".{places}f" if places <= 4 and most < 1000 else ".1e"
    return ["" if np.isnan(value) else f"{value:{form}}".replace("-", "−") for value in column]
