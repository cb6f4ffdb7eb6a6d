"""Attribution against effect: which segments attract attention, and which matter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.plots import style
from sat_nb.plots.dot_names import name_dots
from sat_nb.plots.marks import draw_dots
from sat_nb.plots.style import LINE, PLAIN, SMALL
from sat_nb.table.schema import need_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("segment", "rank_attribution", "rank_effect", "finding", "n_images")


def plot_agreement(
    result: Any,
    *,
    method: str | None = None,
    effect: str | None = None,
    ax: Axes | None = None,
    highlight: str | Iterable[str] = (),
) -> Axes:
    """Draw the mean rank of each segment by attribution against that by effect.

    On the line both rank a segment alike. Below it a segment matters more than it attracts
    attribution, above it less. Filled dots differ at the level of the result, after its correction
    for all segments; hollow dots do not.

    Parameters
    ----------
    result : Agreement
        The result of ``agreement``. Its ``segments`` have the columns ``segment``,
        ``rank_attribution``, ``rank_effect``, ``finding`` and ``n_images``, its ``pairs`` the
        correlation.
    method, effect : str, optional
        Which pair to draw, where the result holds several.
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
        For anything that is not an Agreement, and where several pairs are left.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> maps, segments = toy()
    >>> table = build({"lrp.z": maps["sharp"]}, segments)
    >>> effects = build({"without.blur": maps["noisy"]}, segments).assign(n_forward=6)
    >>> ax = plot_agreement(agreement(table, effects, n_resamples=1000))
    >>> ax.get_xlabel()
    'mean rank by attribution, lrp.z (1 = most)'
    """
    if not hasattr(result, "of") or not hasattr(result, "segments"):
        raise InvalidInput(
            f"result: expected an Agreement from sat_nb.agreement, got {type(result).__name__}."
        )
    one = result.of(method, effect)
    rows, pair = one.segments, one.pairs.iloc[0]
    need_columns(rows, COLUMNS, "result.segments", "the segments of sat_nb.agreement")
    marked = style.as_names(highlight)
    ax = style.axes_or_new(ax, style.COLUMN * 1.2, style.COLUMN * 1.15)
    last = float(max(2.0, rows[["rank_attribution", "rank_effect"]].to_numpy().max()))
    _frame(ax, last)
    _draw(ax, rows, marked)
    x, y = (rows[column].to_numpy(float) for column in ("rank_attribution", "rank_effect"))
    name_dots(ax, rows["segment"].tolist(), x, y, marked)
    _finish(ax, pair, one.alpha, last)
    style.keep_numbers(ax, rows)
    return ax


def _frame(ax: Axes, last: float) -> None:
    """Rank 1 at the left and at the bottom, and the line of equal ranks."""
    ends = [1 - 0.12 * last, last + 0.12 * last]
    ax.set_xlim(*ends)
    ax.set_ylim(*ends)
    ax.plot(ends, ends, color=style.inside(ax).stem, linewidth=0.8, zorder=1, gid="equal", **LINE)


def _draw(ax: Axes, rows: pd.DataFrame, marked: tuple[str, ...]) -> None:
    palette = style.inside(ax)
    colours = [palette.accent if name in marked else palette.bars[0] for name in rows["segment"]]
    dots = draw_dots(
        ax,
        rows["rank_attribution"],
        rows["rank_effect"],
        colours,
        markers=["o"] * len(rows),
        edges=palette.paper,
        points=6.0,
        gid="segment",
    )
    filled = (rows["finding"] != "").to_list()
    faces = [c if there else palette.paper for c, there in zip(colours, filled, strict=True)]
    dots.set(facecolor=faces, edgecolor=colours, linewidth=1.2)


def _finish(ax: Axes, pair: pd.Series, alpha: float, last: float) -> None:
    style.frame_lightly(ax, rows=False)
    width = style.finish_x(
        ax,
        f"mean rank by attribution, {style.short(pair['method'], 24)} (1 = most)",
        last_rank=last,
    )
    ax.set_yticks(style.rank_ticks(max(int(last), 2), width))
    text = style.wrapped(
        f"mean rank by effect, {style.short(pair['effect'], 24)} (1 = most)".split(" "),
        style.TEXT,
        max(style.size_of(ax)[1], 1.2),
        " ",
    )
    ax.set_ylabel(text, fontsize=style.TEXT, color=style.around(ax).ink, **PLAIN)
    parts = [
        f"tau in a photo {pair['tau']:.2f} [{pair['low']:.2f}, {pair['high']:.2f}]",
        f"n = {pair['n_images']:.0f}",
        f"filled: differ at α = {alpha:g}",
    ]
    style.title_of(ax, style.wrapped(map(style.with_minus, parts), SMALL, width), fontsize=SMALL)
