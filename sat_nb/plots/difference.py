"""The difference of two models: which segments gained attention, and which lost it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.plots import style
from sat_nb.plots.marks import draw_dots, draw_whiskers
from sat_nb.plots.style import SMALL
from sat_nb.table.schema import need_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("rank_a", "rank_b", "rank_shift", "low", "high", "adjusted_p_value", "n_images")


def plot_difference(
    result: Any, *, ax: Axes | None = None, highlight: str | Iterable[str] = ()
) -> Axes:
    """Draw how the mean rank of each segment moves from one model to another.

    Left of zero a segment has more attention in the second model, model b. Filled dots differ at
    the level of the result, after its correction for all segments; hollow dots do not. Lines are
    intervals. Both mean ranks and the number of images stand beside the row.

    Parameters
    ----------
    result : Difference
        The result of ``difference``. Its ``table``, indexed by ``segment``, has the columns
        ``rank_a``, ``rank_b``, ``rank_shift`` (mean of rank_b - rank_a), ``low``, ``high``,
        ``adjusted_p_value`` and ``n_images``.
    ax : Axes, optional
        Axes to draw on; a new figure by default.
    highlight : str or iterable of str, default ()
        Segments whose names and dots are coloured.

    Returns
    -------
    Axes
        The axes.

    Raises
    ------
    InvalidInput
        For anything that is not a Difference.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> maps, segments = toy()
    >>> before = build({"lrp.z": maps["sharp"]}, segments, model="before")
    >>> after = build({"lrp.z": maps["noisy"]}, segments, model="after")
    >>> result = difference(before, after, method="lrp.z", n_resamples=1000)
    >>> plot_difference(result).get_title(loc="left")
    'before → after · lrp.z · filled: differ at α = 0.05'
    """
    table = _checked(result)
    names = list(table.index)
    marked = style.as_names(highlight)
    ax = style.axes_or_new(ax, style.SHARED, 1.0 + style.LINE_INCHES * 1.2 * len(names))
    size = style.name_rows(ax, names, marked)
    aside = [f"{a:.1f} → {b:.1f}  n = {n}" for a, b, n in _beside(table)]
    style.write_aside(ax, aside, min(size, SMALL))
    colours = style.inside(ax)
    ax.axvline(0, color=colours.ink, linewidth=0.8, zorder=1)
    style.draw_grid(ax, "y")
    shades = [colours.accent if name in marked else colours.bars[0] for name in names]
    draw_whiskers(ax, table, range(len(names)), shades, width=1.3, cap=0)
    differs = (table["adjusted_p_value"] <= result.alpha).to_numpy()
    fill = [shade if own else colours.paper for shade, own in zip(shades, differs, strict=True)]
    draw_dots(
        ax,
        table["rank_shift"],
        range(len(names)),
        fill,
        markers="o",
        edges=shades,
        points=4.5,
        linewidth=1.0,
        gid="shift",
    )
    _finish(ax, result)
    style.keep_numbers(ax, table.reset_index())
    return ax


def _beside(table: pd.DataFrame) -> Iterable[tuple[float, float, int]]:
    return zip(table["rank_a"], table["rank_b"], table["n_images"], strict=True)


def _finish(ax: Axes, result: Any) -> None:
    style.frame_lightly(ax)
    a, b = style.shorts([result.model_a, result.model_b], 24)
    low, high = ax.get_xlim()
    ax.set_xlim(min(low, -0.5), max(high, 0.5))
    text = "shift of the mean rank; left: more attention in the second model"
    width = style.finish_x(ax, text)
    parts = [f"{a} → {b}", style.short(result.method), f"filled: differ at α = {result.alpha:g}"]
    title = style.wrapped(parts, SMALL, 1.5 * width)
    style.title_of(ax, title, fontsize=SMALL)


def _checked(result: Any) -> pd.DataFrame:
    table = getattr(result, "table", None)
    if table is None:
        raise InvalidInput(
            f"result: expected a Difference from sat_nb.difference, got {type(result).__name__}."
        )
    need_columns(table, COLUMNS, "result.table", "the table of sat_nb.difference")
    return table
