"""Distribution of local ranks: what a mean rank hides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.plots import style
from sat_nb.plots.style import BARS, FAINT, INK, PLAIN, QUIET, SMALL, TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FOOT, _HEIGHT = 0.36, 0.78  # of a row: below its middle, and the tallest bar


def plot_rank_distribution(
    table: pd.DataFrame,
    *,
    ax: Axes | None = None,
    highlight: str | Iterable[str] = (),
    most: int = 60,
) -> Axes:
    """Draw each segment's local ranks: a small histogram a row, so that a mean hides nothing.

    A bar's height is the share of the images that have the segment (beside it: how many), the
    tallest bar of the picture as high as a row; the triangle marks the mean over them, the
    Relative mean rank. Two segments may share a mean and
    still differ: one always third, the other first in half of the images and fifth in the rest.

    Parameters
    ----------
    table: rows of ``build`` of one method and one model: ``method``, ``model``, ``image_id``,
        ``segment``, ``rank``.
    ax: axes to draw on; a new figure by default.
    highlight: segments whose names and bars are coloured.
    most: at most that many segments, the best by mean rank.

    Raises InvalidInput for several methods or models.
    """
    shares = rank_shares(table)
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
    points = min(5.5, 0.62 * size)
    feet = [y + _FOOT for y in range(len(order))]
    (marks,) = ax.plot(means[order], feet, "^", color=INK, markersize=points, gid="mean")
    marks.set(markeredgecolor="white", markeredgewidth=0.5, clip_on=False, zorder=4)
    method = style.short(table["method"].iloc[0])
    ax.set_title(method, fontsize=TEXT, color=QUIET, loc="left", **PLAIN)
    cut = "" if len(order) == len(means) else f"; first {len(order)} of {len(means)} segments"
    most_share = shown["share"].max()
    style.frame_lightly(ax)
    text = f"rank in an image; ▲ mean; tallest bar {most_share:.0%} of images{cut}"
    style.finish_x(ax, text, last_rank=last)
    style.keep_numbers(ax, shown)
    return ax


def rank_shares(table: pd.DataFrame) -> pd.DataFrame:
    """Share of its images in which each segment has each rank, best mean rank first.

    Columns: ``segment``, ``rank``, ``share`` (adds up to 1 a segment), ``mean_rank``, ``n_images``.
    """
    need = ("image_id", "method", "model", "segment", "rank")
    style.need_columns(table, need, "table", "rows of sat_nb.build")
    for column in ("method", "model"):
        values = table[column].unique()
        if len(values) > 1:
            raise InvalidInput(
                f"table: holds {len(values)} values of {column!r} ({', '.join(map(str, values))}); "
                f"filter first: table[table.{column} == {values[0]!r}]."
            )
    ranks = table.dropna(subset=["segment"]).groupby("segment")["rank"]
    shares = ranks.value_counts(normalize=True).rename("share").reset_index()
    facts = ranks.agg(mean_rank="mean", n_images="size").reset_index()
    return shares.merge(facts, on="segment").sort_values(
        ["mean_rank", "segment", "rank"], ignore_index=True
    )


def _draw_shares(ax: Axes, shown: pd.DataFrame, order: list[str], marked: tuple[str, ...]) -> None:
    """Bars that stand on the foot of each segment's row; half as wide where ranks are tied."""
    from matplotlib.collections import PolyCollection

    row = {name: y for y, name in enumerate(order)}
    half = 0.21 if (shown["rank"] % 1 != 0).any() else 0.42
    left, right = shown["rank"] - half, shown["rank"] + half
    foot = shown["segment"].map(row) + _FOOT
    top = foot - shown["share"] / shown["share"].max() * _HEIGHT
    corners = [[left, foot], [left, top], [right, top], [right, foot]]
    bars = PolyCollection(
        list(np.array(corners, dtype=float).transpose(2, 0, 1)),
        facecolors=[style.colour_of(name, marked, BARS[0]) for name in shown["segment"]],
        linewidths=0,
        gid="shares",
    )
    ax.add_collection(bars)
    ax.hlines([y + _FOOT for y in row.values()], *ax.get_xlim(), color=FAINT, linewidth=0.6)
