"""The distribution of local ranks, which a mean rank hides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sat_nb.plots import style
from sat_nb.plots.marks import draw_dots
from sat_nb.plots.style import SMALL
from sat_nb.stats.local_ranks import rank_shares, the_method
from sat_nb.table.source import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 60  # segments
_FOOT, _HEIGHT = 0.36, 0.78  # shares of a row: its foot below the middle, and the tallest bar


def plot_rank_distribution(
    table: Table,
    *,
    ax: Axes | None = None,
    highlight: str | Iterable[str] = (),
    most: int = MOST,
) -> Axes:
    """Draw the local ranks of each segment as a small histogram in its row.

    The height of a bar is the share of the images with the segment in which it has that rank; the
    tallest bar of the plot fills its row. The triangle marks the mean over these images, the
    Relative mean rank, and their number stands beside the row. Two segments can have the same
    mean and still differ: one always third, the other first in half of the images and fifth in
    the rest.

    Parameters
    ----------
    table : DataFrame, str or path
        Rows of ``build`` for one method and one model: ``method``, ``model``, ``image_id``,
        ``segment``, ``rank``; or the path of such a table on disk.
    ax : Axes, optional
        Axes to draw on; a new figure by default.
    highlight : str or iterable of str, default ()
        Segments whose names and bars are coloured.
    most : int, default 60
        Draw at most this many segments, the best by mean rank.

    Returns
    -------
    Axes
        The axes; rank 1, at the left, is the most attribution.

    Raises
    ------
    InvalidInput
        For missing columns, and for several methods or models.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> ax = plot_rank_distribution(build(*toy()).query("method == 'sharp'"))
    >>> [name.get_text() for name in ax.get_yticklabels()]
    ['eyes', 'nose', 'mouth', 'ears', 'rest']
    """
    return draw_shares(rank_shares(table), the_method(table), ax=ax, highlight=highlight, most=most)


def draw_shares(
    shares: pd.DataFrame,
    method: str,
    *,
    ax: Axes | None = None,
    highlight: str | Iterable[str] = (),
    most: int = MOST,
) -> Axes:
    """Draw the result of ``rank_shares``, see ``plot_rank_distribution``."""
    means = shares.groupby("segment", sort=False)["mean_rank"].first()
    order = list(means.index[:most])
    shown = shares[shares["segment"].isin(order)]
    marked = style.as_names(highlight)
    ax = style.axes_or_new(ax, style.PAGE * 0.7, 0.8 + style.LINE_INCHES * 1.2 * len(order))
    last = float(shown["rank"].max())
    ax.set_xlim(0.4, last + 0.6)
    size = style.name_rows(ax, order, marked)
    counts = shown.groupby("segment")["n_images"].first().reindex(order)
    style.write_aside(ax, [f"n = {n}" for n in counts], min(size, SMALL))
    _draw_shares(ax, shown, order, marked)
    feet, ink = [y + _FOOT for y in range(len(order))], style.inside(ax).ink
    look: dict[str, Any] = {"edges": style.inside(ax).paper, "points": min(6.0, 0.7 * size)}
    draw_dots(ax, means[order], feet, [ink] * len(order), markers="^", gid="mean", **look)
    style.title_of(ax, style.short(method))
    cut = "" if len(order) == len(means) else f"; first {len(order)} of {len(means)} segments"
    most_share = shown["share"].max()
    style.frame_lightly(ax)
    text = f"rank in an image; ▲ mean; tallest bar {most_share:.0%} of images{cut}"
    style.finish_x(ax, text, last_rank=last)
    style.keep_numbers(ax, shown)
    return ax


def _draw_shares(ax: Axes, shown: pd.DataFrame, order: list[str], marked: tuple[str, ...]) -> None:
    """Draw bars on the foot of each segment's row, half as wide where ranks are tied.

    They are one collection: ``seaborn.histplot`` takes 80 ms for twelve segments, which is half of
    the time that the explorer has for a click.
    """
    from matplotlib.collections import PolyCollection

    colours = style.inside(ax)
    row = {name: y for y, name in enumerate(order)}
    half = 0.21 if (shown["rank"] % 1 != 0).any() else 0.42
    left, right = shown["rank"] - half, shown["rank"] + half
    foot = shown["segment"].map(row) + _FOOT
    top = foot - shown["share"] / shown["share"].max() * _HEIGHT
    corners = [[left, foot], [left, top], [right, top], [right, foot]]
    bars = PolyCollection(
        list(np.array(corners, dtype=float).transpose(2, 0, 1)),
        facecolors=[colours.accent if s in marked else colours.bars[0] for s in shown["segment"]],
        linewidths=0,
        gid="shares",
    )
    ax.add_collection(bars)
    feet = [y + _FOOT for y in row.values()]
    ax.hlines(feet, *ax.get_xlim(), color=colours.faint, linewidth=0.6, gid="foot")
