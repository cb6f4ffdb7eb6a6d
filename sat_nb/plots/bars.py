"""Bars or points with intervals: one for each segment and group of an aggregate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.plots import style
from sat_nb.plots.marks import draw_bars, draw_dots, draw_whiskers
from sat_nb.plots.names import numbered
from sat_nb.plots.style import HATCHES, SMALL
from sat_nb.printable import literal
from sat_nb.table.aggregate import result_of
from sat_nb.table.values import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

THICK = 0.78  # the share of a row that bars and dots fill
SMALLEST = 3.2  # points across, at which markers can be told apart in print


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
    ax = style.axes_or_new(ax, style.SHARED, 0.75 + style.LINE_INCHES * 1.15 * lines)
    size = style.name_rows(ax, order, marked)
    rows = [group.set_index("segment").reindex(order) for group in groups.values()]
    colours = _colours(ax, order, len(rows), marked)
    draw = _draw_dots if result.small_is_best else _draw_bars
    handles = draw(ax, rows, result.column, colours, marked)
    if has_whiskers:
        for ends, at, own in zip(rows, _heights(len(order), len(rows)), colours, strict=True):
            shades = own if result.small_is_best else [style.inside(ax).ink] * len(own)
            draw_whiskers(ax, ends, at, shades)
    _shade(ax, order, marked)
    cut = "" if len(order) == len(segments) else f"; first {len(order)} of {len(segments)} segments"
    _finish(ax, result, list(groups), result.title + cut, handles)
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
    _check_finite(summary, result.column)
    return result


def _check_finite(summary: pd.DataFrame, column: str) -> None:
    """InvalidInput for what is no number, or infinite; NaN may be there."""
    try:
        infinite = np.isinf(summary[column].to_numpy(dtype=float, na_value=np.nan))
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"summary: {column!r} has to hold numbers, not {summary[column].dtype} ({error}); give "
            "the result of sat_nb.aggregate."
        ) from error
    if infinite.any():
        name = literal(summary["segment"][infinite].iloc[0])
        raise InvalidInput(
            f"summary: {column!r} of segment {name} is infinite, which no axis can show; correct "
            f"the table, or leave the row out, summary[np.isfinite(summary[{column!r}])]."
        )


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


def _heights(n_rows: int, n_groups: int) -> list[np.ndarray]:
    """Where the rows of each group stand: side by side around the whole heights."""
    step = THICK / n_groups
    return [np.arange(n_rows) + step * (g - (n_groups - 1) / 2) for g in range(n_groups)]


def _colours(ax: Axes, order: list[str], n_groups: int, marked: tuple[str, ...]) -> list[list[str]]:
    """The colour of each row of each group; that of highlighted rows where there is one group."""
    palette = style.inside(ax)
    if n_groups == 1:
        return [[palette.accent if name in marked else palette.bars[0] for name in order]]
    return [[colour] * len(order) for colour in style.series_forms(ax, n_groups)[0]]


def _draw_bars(
    ax: Axes,
    rows: list[pd.DataFrame],
    column: str,
    colours: list[list[str]],
    marked: tuple[str, ...],
) -> list[Any]:
    """Draw bars from 0, with a hatch for each group; return what the legend shows."""
    values = np.stack([group[column].to_numpy(float) for group in rows], axis=1)
    drawn = draw_bars(ax, values, [own[0] for own in colours], thickness=THICK)
    n_colours = len(style.inside(ax).bars)
    for g, (bars, own) in enumerate(zip(drawn, colours, strict=True)):
        for bar, name, colour in zip(bars, rows[g].index, own, strict=True):
            nth = 1 if len(rows) == 1 and name in marked else style.nth_of(g, n_colours)
            bar.set(facecolor=colour, hatch=HATCHES[nth], edgecolor="white", linewidth=0.0)
    return list(drawn)


def _draw_dots(
    ax: Axes,
    rows: list[pd.DataFrame],
    column: str,
    colours: list[list[str]],
    marked: tuple[str, ...],
) -> list[Any]:
    """Draw dots, with a marker for each group; return what the legend shows."""
    n_rows, n_groups = len(rows[0]), len(rows)
    shades, markers = style.series_forms(ax, n_groups)
    room = style.row_points(ax) * THICK / n_groups
    paper, points = style.inside(ax).paper, float(np.clip(room, SMALLEST, 5.5))
    draw_dots(
        ax,
        pd.concat([group[column] for group in rows]).to_numpy(float),
        np.concatenate(_heights(n_rows, n_groups)),
        [colour for own in colours for colour in own],
        markers=np.repeat(markers, n_rows).tolist(),
        edges=paper,
        points=points,
        gid="value",
    )
    return style.keys_of(shades, markers)


def _shade(ax: Axes, order: list[str], marked: tuple[str, ...]) -> None:
    for i, name in enumerate(order):
        if name in marked:
            shade = style.inside(ax).shade
            ax.axhspan(i - 0.48, i + 0.48, color=shade, zorder=-1, linewidth=0, gid="highlight")


def _finish(ax: Axes, result: Result, groups: list[str], title: str, handles: list[Any]) -> None:
    style.frame_lightly(ax)
    ax.set_axisbelow(True)
    if result.small_is_best:
        style.draw_grid(ax, "y")
        ax.set_xlim(left=0.6)
    else:
        ax.axvline(0, color=style.inside(ax).ink, linewidth=0.8)
    style.finish_x(ax, title, last_rank=ax.get_xlim()[1] if result.small_is_best else None)
    if len(groups) == 1:
        style.title_of(ax, style.short(groups[0], 60) if groups[0] else "")
        return
    root = ax.get_figure(root=True)
    assert root is not None
    texts = style.legend_texts(groups)
    columns = min(style.legend_columns(texts, root.get_figwidth()), 3)
    place: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0)}
    style.legend_of(ax, handles=handles, labels=texts, ncols=columns, **place)
