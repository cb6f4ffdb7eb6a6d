"""Bars: one a segment, from an aggregate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.plots.style import BARS, INK, PLAIN, QUIET, as_names, axes_or_new, colour_of, short
from sat_nb.table.aggregate import VALUES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLES = {
    "mean_attribution": "mean attribution",
    "abs_mean_attribution": "|mean attribution|",
    "rank": "mean rank, 1 = most attribution (shorter is more)",
}


def plot_segments(
    summary: pd.DataFrame,
    *,
    ax: Axes | None = None,
    highlight: str | Iterable[str] = (),
    most: int = 20,
) -> Axes:
    """Draw an aggregate as horizontal bars, best segment on top, the number of images beside it.

    Parameters
    ----------
    summary: from ``aggregate``: ``segment``, one of the values in ``VALUES``, ``n_images``
        and the columns it was grouped by. Several groups (methods, models) give as many
        bars a segment, in the order of the first group.
    ax: axes to draw on; a new figure by default.
    highlight: segments whose names, and bars where there is one a segment, are coloured.
    most: at most that many segments, the best.
    """
    value = _value_of(summary)
    groups = _groups_of(summary, value)
    order = list(dict.fromkeys(summary["segment"]))[:most]
    marked = as_names(highlight)
    thick = 0.8 / max(len(groups), 1)
    ax = axes_or_new(ax, 7.0, 0.9 + 0.28 * len(order) * max(1, 0.6 * len(groups)))
    for g, (name, rows) in enumerate(groups.items()):
        rows = rows.set_index("segment").reindex(order)
        heights = [i - 0.4 + thick * (g + 0.5) for i in range(len(order))]
        usual = BARS[g % len(BARS)]
        colours = [colour_of(s, marked, usual) if len(groups) == 1 else usual for s in order]
        ax.barh(heights, rows[value].fillna(0.0), height=thick, color=colours, label=name)
        if len(groups) == 1:
            _write_counts(ax, heights, rows["n_images"])
    ax.set_yticks(range(len(order)), [short(name) for name in order], **PLAIN)
    for text, segment in zip(ax.get_yticklabels(), order, strict=True):
        text.set_color(colour_of(segment, marked))
    ax.invert_yaxis()
    ax.set_xlabel(TITLES[value])
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.spines[["top", "right"]].set_visible(False)
    if len(groups) > 1:
        legend = ax.legend(frameon=False, fontsize=9)
        for text in legend.get_texts():
            text.set_parse_math(False)
    else:
        ax.set_title(next(iter(groups), ""), fontsize=10, color=QUIET, loc="left", **PLAIN)
    return ax


def _value_of(summary: pd.DataFrame) -> str:
    present = [value for value in VALUES if value in getattr(summary, "columns", ())]
    if len(present) != 1 or not {"segment", "n_images"} <= set(summary.columns):
        raise InvalidInput(
            "summary: expected the result of sat_nb.aggregate, with `segment`, `n_images` and "
            f"one of {', '.join(VALUES)}; got {list(getattr(summary, 'columns', [type(summary)]))}."
        )
    return present[0]


def _groups_of(summary: pd.DataFrame, value: str) -> dict[str, pd.DataFrame]:
    """The rows of each group under its title, the groups in the summary's order."""
    by = [column for column in summary.columns if column not in ("segment", value, "n_images")]
    if not by:
        return {"": summary}
    parts = summary.groupby(by, sort=False, dropna=False)
    return {" · ".join(map(str, key)): rows for key, rows in parts}


def _write_counts(ax: Axes, heights: list[float], counts: pd.Series) -> None:
    """The number of images, at the right edge of the axes."""
    side = ax.get_yaxis_transform()
    for y, count in zip(heights, counts, strict=True):
        text = f"n = {count:.0f}"
        ax.text(1.01, y, text, transform=side, va="center", fontsize=8, color=QUIET)
