"""How often replacing a segment changes the predicted class."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.plots import style
from sat_nb.plots.marks import draw_dots, draw_whiskers
from sat_nb.plots.style import SMALL
from sat_nb.table.schema import need_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("model", "replace", "segment", "n_flipped", "n_images", "of_present", "low", "high")
SETS = {"single": "each name alone", "minimal": "in any minimal set"}
ASKED = {"minimal": "for which it is in a minimal set that changes the class"}
THICK = 0.6  # the share of a row that dots fill


def plot_cof_table(
    result: Any, *, ax: Axes | None = None, highlight: str | Iterable[str] = (), most: int = 20
) -> Axes:
    """Draw in which share of the photos that have a segment its replacement changes the class.

    Dots are the shares, lines their 95 % intervals; replacements differ in colour and marker. How
    many photos have the segment, and the class most often flipped to, stand beside the row.

    Parameters
    ----------
    result : CofTable
        The result of ``cof_table``. Its ``table`` has the columns ``model``, ``replace``,
        ``segment``, ``n_flipped``, ``n_images``, ``of_present``, ``low``, ``high`` and
        ``flipped_to``; its ``photos`` say in how many nothing changes the class.
    ax : Axes, optional
        Axes to draw on; a new figure by default.
    highlight : str or iterable of str, default ()
        Segments whose names are coloured.
    most : int, default 20
        Draw at most this many segments, the first; the axis says how many there are.

    Returns
    -------
    Axes
        The axes.

    Raises
    ------
    InvalidInput
        For anything that is not a CofTable.

    References
    ----------
    Hinns & Martens 2024.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> rows = build({"without.blur": toy(8)[0]["sharp"]}, toy(8)[1])
    >>> gone = (rows["segment"] == "eyes") & (rows["image_id"] < "image_04")
    >>> rows["flipped_to"] = gone.map({True: 7}).astype("Int64")
    >>> ax = plot_cof_table(cof_table(rows.assign(predicted=3, n_forward=6)))
    >>> ax.get_title(loc="left")
    'each name alone · blur: nothing in 4 of 8 photos'
    """
    table = _checked(result)
    groups = {
        _named(key, table): rows
        for key, rows in table.groupby(["model", "replace"], sort=False, dropna=False)
    }
    every = list(dict.fromkeys(table["segment"]))
    names = every[:most]
    ax = style.axes_or_new(
        ax, style.PAGE * 0.7, 1.0 + style.LINE_INCHES * (1.2 + 0.4 * len(groups)) * len(names)
    )
    size = style.name_rows(ax, names, style.as_names(highlight))
    style.write_aside(ax, _beside(table, names), min(size, SMALL))
    shades, markers = style.series_forms(ax, len(groups))
    for g, (rows, shade, marker) in enumerate(zip(groups.values(), shades, markers, strict=True)):
        ends = rows.set_index("segment").reindex(names)
        at = np.arange(len(names)) + THICK / len(groups) * (g - (len(groups) - 1) / 2)
        draw_whiskers(ax, ends, at, [shade] * len(names))
        draw_dots(
            ax,
            ends["of_present"].to_numpy(float),
            at,
            [shade] * len(names),
            markers=[marker] * len(names),
            edges=style.inside(ax).paper,
            points=5.0,
            gid="value",
        )
    _finish(ax, result, len(every) - len(names))
    if len(groups) > 1:
        keys = style.keys_of(shades, markers)
        style.legend_of(ax, handles=keys, labels=style.legend_texts(groups), loc="best")
    style.keep_numbers(ax, table[table["segment"].isin(names)])
    return ax


def _named(key: tuple[Any, ...], table: pd.DataFrame) -> str:
    """The replacement, and the model where there are several."""
    model, replace = str(key[0]), str(key[1])
    return replace if len(table["model"].unique()) == 1 else f"{model} · {replace}"


def _beside(table: pd.DataFrame, names: list[str]) -> list[str]:
    """The photos with each segment, and the class flipped to under the first replacement."""
    first = table.drop_duplicates("segment").set_index("segment").reindex(names)
    return [
        f"n = {n:.0f}" + ("" if pd.isna(to) else f"  → {to}")
        for n, to in zip(first["n_images"], first["flipped_to"], strict=True)
    ]


def _finish(ax: Axes, result: Any, n_more: int) -> None:
    style.frame_lightly(ax)
    style.draw_grid(ax, "x")
    ax.set_xlim(-0.02, 1.02)
    more = f"; {n_more} more segments" if n_more else ""
    what = ASKED.get(result.sets, "whose class changes without it")
    text = f"share of the photos with the segment {what}{more}"
    width = style.finish_x(ax, text)
    parts = [
        SETS.get(result.sets, str(result.sets)),
        *(
            f"{style.short(str(row.replace))}: nothing in {row.n_without_any} of {row.n_all} photos"
            for row in result.photos.itertuples()
        ),
    ]
    style.title_of(ax, style.wrapped(parts, SMALL, 1.5 * width), fontsize=SMALL)


def _checked(result: Any) -> pd.DataFrame:
    table = getattr(result, "table", None)
    if table is None or not hasattr(result, "photos"):
        raise InvalidInput(
            f"result: expected a CofTable from sat_nb.cof_table, got {type(result).__name__}."
        )
    need_columns(table, COLUMNS, "result.table", "the table of sat_nb.cof_table")
    return table
