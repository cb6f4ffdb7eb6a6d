"""Size against rank: do small segments rank early?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from sat_nb.arrays import Float64
from sat_nb.plots import style
from sat_nb.plots.dot_names import name_dots
from sat_nb.plots.marks import draw_dots
from sat_nb.plots.style import LINE, PLAIN, SMALL
from sat_nb.table.schema import need_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("segment", "n_images", "mask_fraction", "rank", "adjusted_rank")


def plot_size(
    adjusted: pd.DataFrame, *, ax: Axes | None = None, highlight: str | Iterable[str] = ()
) -> Axes:
    """Draw the mean rank of each segment against the size of its masks, and its adjusted rank.

    A filled dot is the mean rank, a hollow one the rank as it would be if all masks were of one
    size; a line joins them. Rank 1 is at the top, small masks at the left: dots that fall from
    left to right say that small segments rank early.

    Parameters
    ----------
    adjusted : DataFrame
        The result of ``adjust_for_size``.
    ax : Axes, optional
        Axes to draw on; a new figure by default.
    highlight : str or iterable of str, default ()
        Segments whose names and dots are coloured.

    Returns
    -------
    Axes
        The axes; its x axis is logarithmic, in percent of the map.

    Raises
    ------
    InvalidInput
        For another table.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> table = build(*toy())
    >>> table["mask_fraction"] = np.where(table["segment"] == "rest", 0.4, 0.1)
    >>> ax = plot_size(adjust_for_size(table, method="sharp", effects="image"))
    >>> ax.get_xlabel()
    'size of the mask, % of the map'
    """
    need_columns(adjusted, COLUMNS, "adjusted", "the result of sat_nb.adjust_for_size")
    marked = style.as_names(highlight)
    ax = style.axes_or_new(ax, style.COLUMN * 1.2, style.COLUMN * 1.05)
    ranks = adjusted[["rank", "adjusted_rank"]].to_numpy(float)
    size: Float64 = 100.0 * adjusted["mask_fraction"].to_numpy(float)
    _frame(ax, size, ranks)
    _draw(ax, adjusted["segment"].tolist(), size, ranks, marked)
    name_dots(ax, adjusted["segment"].tolist(), size, ranks[:, 0], marked)
    style.keep_numbers(ax, adjusted)
    return ax


def _frame(ax: Axes, size: Float64, ranks: Float64) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    first, last = min(1.0, float(ranks.min())), max(2.0, float(ranks.max()))
    ax.set_xscale("log")
    ax.set_xlim(size.min() / 1.4, size.max() * 1.4)
    ax.set_ylim(last + 0.08 * (last - first), first - 0.08 * (last - first))
    style.frame_lightly(ax, rows=False)
    ticks = [n * 10.0**e for e in range(-4, 3) for n in (1, 2, 5)]
    low, high = ax.get_xlim()
    inside = [tick for tick in ticks if low <= tick <= high]
    ax.xaxis.set_major_locator(FixedLocator(inside[:: max(1, -(-len(inside) // 6))]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_yticks(style.rank_ticks(max(int(last), 2), style.size_of(ax)[1]))
    colour = style.around(ax).ink
    ax.set_xlabel("size of the mask, % of the map", fontsize=style.TEXT, color=colour, **PLAIN)
    ax.set_ylabel("mean rank (1 = most attribution)", fontsize=style.TEXT, color=colour, **PLAIN)
    style.title_of(ax, "filled: as it is; hollow: if all masks were of one size", fontsize=SMALL)


def _draw(
    ax: Axes, names: list[str], size: Float64, ranks: Float64, marked: tuple[str, ...]
) -> None:
    palette = style.inside(ax)
    colours = [palette.accent if name in marked else palette.bars[0] for name in names]
    for x, (rank, adjusted), colour in zip(size, ranks, colours, strict=True):
        ax.plot(
            [x, x], [rank, adjusted], color=colour, linewidth=0.9, zorder=2, gid="shift", **LINE
        )
    for column, gid in enumerate(("rank", "adjusted_rank")):
        dots = draw_dots(
            ax,
            size,
            ranks[:, column],
            colours,
            markers=["o"] * len(names),
            edges=palette.paper,
            points=6.0,
            gid=gid,
        )
        if column:
            dots.set(facecolor=palette.paper, edgecolor=colours, linewidth=1.2)
