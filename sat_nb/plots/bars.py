"""Bars or points with intervals: one for each segment and group of an aggregate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.plots import style
from sat_nb.plots.names import numbered
from sat_nb.plots.style import HATCHES, SMALL
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
    titles = style.legend_texts(groups)
    for g, (title, rows) in enumerate(zip(titles, groups.values(), strict=True)):
        rows = rows.set_index("segment").reindex(order)
        _draw_group(ax, rows, result, title, (g, len(groups)), size, marked, has_whiskers)
    _shade(ax, order, marked)
    cut = "" if len(order) == len(segments) else f"; first {len(order)} of {len(segments)} segments"
    _finish(ax, result, list(groups), result.title + cut)
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
        parts = list(summary.groupby(by, sort=False, dropna=False))
        titles = numbered([" · ".join(map(_said, by, key)) for key, _ in parts])
        groups = {title: rows for title, (_, rows) in zip(titles, parts, strict=True)}
    for name, rows in groups.items():
        if rows["segment"].duplicated().any():
            twice = rows["segment"][rows["segment"].duplicated()].iloc[0]
            raise InvalidInput(
                f"summary: segment {twice!r} occurs twice in group {name!r}; put the columns that "
                "tell groups apart before `segment`, as aggregate does."
            )
    return groups


def _said(column: str, value: object) -> str:
    """A text as it is; of a number or a truth value, the column says what it is.

    >>> _said("method", "lrp.z"), _said("label", 1)
    ('lrp.z', 'label 1')
    """
    return value if isinstance(value, str) else f"{column} {value}"


def _draw_group(
    ax: Axes,
    rows: pd.DataFrame,
    result: Result,
    title: str,
    place: tuple[int, int],
    size: float,
    marked: tuple[str, ...],
    has_whiskers: bool,
) -> None:
    g, n_groups = place
    thick = 0.78 / n_groups
    heights = [i - 0.39 + thick * (g + 0.5) for i in range(len(rows))]
    palette, nth = style.inside(ax), style.nth_of(g)
    usual = palette.bars[g % len(palette.bars)]
    alone = n_groups == 1
    colours = [palette.accent if alone and s in marked else usual for s in rows.index]
    values = rows[result.column]
    if result.small_is_best:
        points = min(5.5, max(3.2, 1.6 * size * thick))
        for i, (y, x, colour) in enumerate(zip(heights, values, colours, strict=True)):
            ax.plot(
                x,
                y,
                style.MARKERS[nth],
                color=colour,
                markersize=points,
                markeredgecolor=palette.paper,
                markeredgewidth=0.4,
                label=title if i == 0 else None,
                gid="value",
                zorder=4,
            )
    else:
        hatch = [HATCHES[1] if alone and s in marked else HATCHES[nth] for s in rows.index]
        bars = ax.barh(heights, values.fillna(0.0), height=thick, color=colours)
        bars.set_label(title)
        for bar, lines in zip(bars, hatch, strict=True):
            bar.set(hatch=lines, edgecolor="white", linewidth=0.0)
    if has_whiskers:
        _draw_whiskers(ax, rows, values, heights, usual if result.small_is_best else palette.ink)


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
            shade = style.inside(ax).shade
            ax.axhspan(i - 0.48, i + 0.48, color=shade, zorder=-1, linewidth=0, gid="highlight")


def _finish(ax: Axes, result: Result, groups: list[str], title: str) -> None:
    style.frame_lightly(ax)
    ax.set_axisbelow(True)
    if result.small_is_best:
        ax.grid(axis="y", color=style.inside(ax).faint, linewidth=0.7)
        ax.set_xlim(left=0.6)
    else:
        ax.axvline(0, color=style.inside(ax).ink, linewidth=0.8)
    style.finish_x(ax, title, last_rank=ax.get_xlim()[1] if result.small_is_best else None)
    if len(groups) > 1:
        root = ax.get_figure(root=True)
        assert root is not None
        _, texts = ax.get_legend_handles_labels()
        columns = min(style.legend_columns(texts, root.get_figwidth()), 3)
        style.legend_of(ax, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=columns)
    else:
        style.title_of(ax, style.short(groups[0], 60) if groups[0] else "")
