"""Bars or points with intervals: one for each segment and group of an aggregate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.plots import style
from sat_nb.plots.style import BARS, FAINT, HATCHES, INK, MARKERS, PLAIN, QUIET, SMALL
from sat_nb.table.aggregate import result_of
from sat_nb.table.aggregations import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_segments(
    summary: pd.DataFrame,
    *,
    ax: Axes | None = None,
    highlight: str | Iterable[str] = (),
    most: int = 20,
) -> Axes:
    """Draw an aggregate: a row for each segment, the best on top, its number of images beside it.

    Values are bars from 0; ranks, which have no zero, are points. Several groups, such as models
    or methods, stand side by side and differ in colour and in hatch or marker.

    Parameters
    ----------
    summary : DataFrame
        The result of ``aggregate`` or ``intervals``: the columns it was grouped by, ``segment``,
        one column of numbers, whose title the x axis shows, ``n_images`` and, for whiskers,
        ``low`` and ``high``. Segments keep the order in which they first occur.
    ax : Axes, optional
        Axes to draw on; a new figure by default.
    highlight : str or iterable of str, default ()
        Segments whose names and rows are coloured.
    most : int, default 20
        Draw at most this many segments, the first; the axis says how many there are.

    Returns
    -------
    Axes
        The axes.

    Raises
    ------
    InvalidInput
        For other tables, and for intervals that do not contain their value.

    References
    ----------
    Hinns & Martens 2025, Figures 4 and 6.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> ax = plot_segments(intervals(build(*toy()), value="rank"))
    >>> ax.get_xlabel()
    'mean rank (1 = most attribution)'
    """
    result = checked_result(summary)
    has_whiskers = style.check_intervals(summary, result.column, "summary")
    groups = groups_of(summary)
    segments = list(dict.fromkeys(summary["segment"]))
    order = segments[:most]
    marked = style.as_names(highlight)
    lines = len(order) * max(1.0, 0.55 * len(groups))
    ax = style.axes_or_new(ax, style.PAGE * 0.7, 0.75 + style.LINE_INCHES * 1.15 * lines)
    size = style.name_rows(ax, order, marked)
    for g, (name, rows) in enumerate(groups.items()):
        rows = rows.set_index("segment").reindex(order)
        _draw_group(ax, rows, result, name, (g, len(groups)), size, marked, has_whiskers)
    _shade(ax, order, marked)
    cut = "" if len(order) == len(segments) else f"; first {len(order)} of {len(segments)} segments"
    _finish(ax, result, groups, result.title + cut)
    if len(groups) == 1:
        counts = summary.set_index("segment")["n_images"].reindex(order)
        style.write_aside(ax, [f"n = {count:.0f}" for count in counts], min(size, SMALL))
    style.keep_numbers(ax, summary[summary["segment"].isin(order)])
    return ax


def checked_result(summary: pd.DataFrame) -> Result:
    """The column of numbers in an aggregate that has rows and a number of images for each."""
    result = result_of(summary)
    if not {"segment", "n_images"} <= set(summary.columns):
        raise InvalidInput(
            "summary: expected the result of sat_nb.aggregate, with `segment` and `n_images`; got "
            f"{list(summary.columns)}."
        )
    if summary.empty:
        raise InvalidInput("summary: has no rows; aggregate a table that has segments.")
    return result


def groups_of(summary: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """{title: rows} of each group, in the order of the summary."""
    by = list(summary.columns[: list(summary.columns).index("segment")])
    if not by:
        groups = {"": summary}
    else:
        parts = summary.groupby(by, sort=False, dropna=False)
        groups = {" · ".join(map(str, key)): rows for key, rows in parts}
    for name, rows in groups.items():
        if rows["segment"].duplicated().any():
            twice = rows["segment"][rows["segment"].duplicated()].iloc[0]
            raise InvalidInput(
                f"summary: segment {twice!r} occurs twice in group {name!r}; put the columns that "
                "tell groups apart before `segment`, as aggregate does."
            )
    return groups


def _draw_group(
    ax: Axes,
    rows: pd.DataFrame,
    result: Result,
    name: str,
    place: tuple[int, int],
    size: float,
    marked: tuple[str, ...],
    has_whiskers: bool,
) -> None:
    g, n_groups = place
    thick = 0.78 / n_groups
    heights = [i - 0.39 + thick * (g + 0.5) for i in range(len(rows))]
    usual = BARS[g % len(BARS)]
    alone = n_groups == 1
    colours = [style.colour_of(s, marked, usual) if alone else usual for s in rows.index]
    values = rows[result.column]
    if result.small_is_best:
        points = min(5.5, max(3.2, 1.6 * size * thick))
        for i, (y, x, colour) in enumerate(zip(heights, values, colours, strict=True)):
            ax.plot(
                x,
                y,
                MARKERS[g % len(MARKERS)],
                color=colour,
                markersize=points,
                markeredgecolor="white",
                markeredgewidth=0.4,
                label=style.legend_text(name) if i == 0 else None,
                gid="value",
                zorder=4,
            )
    else:
        hatch = [HATCHES[1] if alone and s in marked else HATCHES[g % 7] for s in rows.index]
        bars = ax.barh(heights, values.fillna(0.0), height=thick, color=colours)
        bars.set_label(style.legend_text(name))
        for bar, lines in zip(bars, hatch, strict=True):
            bar.set(hatch=lines, edgecolor="white", linewidth=0.0)
    if has_whiskers:
        _draw_whiskers(ax, rows, values, heights, usual if result.small_is_best else INK)


def _draw_whiskers(
    ax: Axes, rows: pd.DataFrame, values: pd.Series, heights: list[float], colour: str
) -> None:
    known = values.notna()
    rows, values = rows[known], values[known]
    at = [y for y, there in zip(heights, known, strict=True) if there]
    ends = [(values - rows["low"]).fillna(0.0), (rows["high"] - values).fillna(0.0)]
    whiskers = ax.errorbar(
        values, at, xerr=ends, fmt="none", ecolor=colour, elinewidth=1.0, capsize=1.8, zorder=3
    )
    whiskers[2][0].set_gid("whiskers")


def _shade(ax: Axes, order: list[str], marked: tuple[str, ...]) -> None:
    for i, name in enumerate(order):
        if name in marked:
            ax.axhspan(i - 0.48, i + 0.48, color="#fbeee4", zorder=-1, linewidth=0, gid="highlight")


def _finish(ax: Axes, result: Result, groups: dict[str, pd.DataFrame], title: str) -> None:
    style.frame_lightly(ax)
    ax.set_axisbelow(True)
    if result.small_is_best:
        ax.grid(axis="y", color=FAINT, linewidth=0.7)
        ax.set_xlim(left=0.6)
    else:
        ax.axvline(0, color=INK, linewidth=0.8)
    style.finish_x(ax, title, last_rank=ax.get_xlim()[1] if result.small_is_best else None)
    if len(groups) > 1:
        root = ax.get_figure(root=True)
        assert root is not None
        columns = min(style.legend_columns(groups, root.get_figwidth()), 3)
        style.legend_of(ax, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=columns)
    else:
        title = style.short(next(iter(groups), ""), 60)
        ax.set_title(title, fontsize=style.TEXT, color=QUIET, loc="left", **PLAIN)
