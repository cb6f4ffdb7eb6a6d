"""Heatmaps: mean ranks by segment and method, and how far methods agree with each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sat_nb.arrays import Float64
from sat_nb.errors import InvalidInput
from sat_nb.plots import style
from sat_nb.plots.bars import checked_result, groups_of
from sat_nb.plots.marks import draw_cells
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
    texts = np.array([_numbers(column, result.small_is_best) for column in cells.T]).T
    _draw(ax, darkness(cells, result.small_is_best), texts)
    size = _name_cells(ax, order, list(groups), style.as_names(highlight))
    _fit_texts(ax, size, len(groups))
    strong = "bright" if style.inside(ax).is_dark else "dark"
    note = "" if result.small_is_best else f", {strong}: large in its column"
    _write_below(ax, result.title + note)
    style.keep_numbers(ax, summary)
    return ax


def plot_consensus(result: Any, *, ax: Axes | None = None) -> Axes:
    """Draw how far saliency methods agree: Kendall's tau-b of each two of them.

    Parameters
    ----------
    result : Consensus
        The result of ``consensus``. Its ``tau`` is a square frame by method, from -1 (reversed)
        to 1 (alike), and ``w`` Kendall's W of all methods.
    ax : Axes, optional
        Axes to draw on; a new figure by default.

    Returns
    -------
    Axes
        The axes: a row and a column for each method. The darker a cell, the more they agree (on a
        dark background, the brighter); tau of 0 and below has no shade. NaN is crossed out.

    Raises
    ------
    InvalidInput
        For anything that is not a Consensus.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> ax = plot_consensus(consensus(build(*toy())))
    >>> [text.get_text() for text in ax.texts]
    ['1.00', '0.66', '0.66', '1.00']
    """
    tau = getattr(result, "tau", None)
    if not isinstance(tau, pd.DataFrame):
        raise InvalidInput(
            f"result: expected a Consensus from sat_nb.consensus, got {type(result).__name__}."
        )
    names = [str(name) for name in tau.index]
    longest = max(style.text_inches(name, SMALL) for name in style.shorts(names))
    side = 1.6 + 0.45 * len(names) + max(0.0, longest - 1.2)
    ax = style.axes_or_new(ax, min(style.PAGE, side), min(style.PAGE, side) - 0.3)
    ax.set_box_aspect(1)
    cells = tau.to_numpy(float)
    texts = [["" if np.isnan(x) else style.with_minus(f"{x:.2f}") for x in row] for row in cells]
    _draw(ax, np.clip(cells, 0, 1), np.array(texts))
    _fit_texts(ax, _name_cells(ax, names, names, share=0.6), len(names))
    parts = ["Kendall's tau in an image, mean", f"W of all methods: {result.w:.2f}"]
    _write_below(ax, style.wrapped(parts, SMALL, style.size_of(ax)[0], "; "))
    style.keep_numbers(ax, tau.rename_axis("method").reset_index())
    return ax


def darkness(cells: Float64, small_is_best: bool) -> Float64:
    """Shades, 0 to 1, of values (segments, columns): ranks on one scale, others by column."""
    if small_is_best:
        worst = max(float(np.nanmax(cells)), 2.0)
        return (worst - cells) / (worst - 1)
    size = np.abs(cells)
    most = np.nanmax(np.where(np.isnan(size), 0, size), axis=0)
    return size / np.where(most > 0, most, 1)


def _draw(ax: Axes, shades: Float64, texts: np.ndarray) -> None:
    """Draw shades from 0 to 1 with their texts; cross out what is NaN."""
    palette = style.inside(ax)
    draw_cells(ax, shades, palette.shades, texts=texts, vmin=0, vmax=1.25)
    for i, j in np.argwhere(np.isnan(shades)):
        crossing = {"color": palette.quiet, "linewidth": 0.5, **LINE}
        ax.plot([j + 0.1, j + 0.9], [i + 0.8, i + 0.2], **crossing)


def _name_cells(
    ax: Axes,
    rows: Sequence[str],
    columns: Sequence[str],
    highlight: tuple[str, ...] = (),
    **options: float,
) -> float:
    """Write names above the columns and beside the rows; return the size of the latter."""
    width, _ = style.size_of(ax)
    room, texts, ink = width / len(columns) - 0.06, style.shorts(columns), style.around(ax).ink
    upright = all(style.text_inches(text, SMALL) <= room for text in texts)
    ax.xaxis.tick_top()
    ax.set_xticks([i + 0.5 for i in range(len(columns))], texts, **PLAIN)
    for text in ax.get_xticklabels():
        text.set(fontsize=SMALL, color=ink)
        if not upright:
            text.set(rotation=45, ha="left", rotation_mode="anchor")
    ax.tick_params(axis="x", length=0)
    size = style.name_rows(ax, rows, highlight, first=0.5, **options)
    ax.set_ylim(len(rows), 0)
    return size


def _fit_texts(ax: Axes, size: float, n_columns: int) -> None:
    width, _ = style.size_of(ax)
    widest = max((style.text_inches(text.get_text(), 10.0) for text in ax.texts), default=1.0) / 10
    for text in ax.texts:
        text.set_fontsize(min(size, SMALL, 0.9 * width / n_columns / widest))


def _write_below(ax: Axes, text: str) -> None:
    ax.set_xlabel(text, **PLAIN)
    ax.xaxis.label.set(fontsize=SMALL, color=style.around(ax).quiet)


def _numbers(column: Float64, small_is_best: bool) -> list[str]:
    """The values of a column with equal decimals, such that the largest has two figures."""
    most = np.max(np.abs(column), initial=0.0, where=~np.isnan(column))
    places = max(2, 1 - int(np.floor(np.log10(most)))) if most > 0 else 1
    form = ".1f" if small_is_best else f".{places}f" if places <= 4 and most < 1000 else ".1e"
    return ["" if np.isnan(value) else style.with_minus(f"{value:{form}}") for value in column]
