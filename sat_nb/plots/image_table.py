"""One image's own table: its segments by rank, and which ranks its map does not settle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.errors import InvalidInput
from sat_nb.plots import style
from sat_nb.plots.overlay import plot_overlay, pooled
from sat_nb.plots.style import BARS, HATCHES, INK, PLAIN, QUIET, SMALL, TEXT
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.table.settled import open_gaps

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = ("image_id", "method", "segment", "rank", "mean_attribution", "abs_mean_attribution")


def plot_image_table(
    rows: pd.DataFrame,
    *,
    ax: Axes | None = None,
    highlight: str | Iterable[str] = (),
    most: int = 20,
) -> Axes:
    """Draw the table of one image: mean attribution of each segment, rank 1 on top.

    Where the method samples, whiskers are one standard error to either side, and a bracket joins
    neighbours whose ranks are not settled (see ``settled_ranks``): with other noise they might
    change places.

    Parameters
    ----------
    rows: of ``build``, one image under one method: ``image_id``, ``method``, ``segment``,
        ``rank``, ``mean_attribution``, ``abs_mean_attribution``; ``se_mean_attribution`` for
        whiskers; ``held_fraction``, of ``held_fractions``, is written beside the bars.
    ax: axes to draw on; a new figure by default.
    highlight: segments whose names and bars are coloured.
    most: at most that many segments, the first.

    Raises InvalidInput for rows of several images or methods.
    """
    everyone = _of_one_image(rows)
    ranked = everyone.head(most)
    names = list(ranked["segment"])
    marked = style.as_names(highlight)
    ax = style.axes_or_new(ax, style.COLUMN * 1.2, 0.9 + style.LINE_INCHES * 1.15 * len(names))
    size = style.name_rows(ax, names, marked)
    bars = ax.barh(
        range(len(names)),
        ranked["mean_attribution"],
        height=0.7,
        color=[style.colour_of(name, marked, BARS[0]) for name in names],
    )
    for bar, name in zip(bars, names, strict=True):
        bar.set(hatch=HATCHES[1] if name in marked else "", edgecolor="white", linewidth=0.0)
    errors = _errors(ranked)
    if errors.notna().any():
        ax.errorbar(
            ranked["mean_attribution"],
            range(len(names)),
            xerr=errors.fillna(0.0),
            fmt="none",
            ecolor=INK,
            elinewidth=0.9,
            capsize=1.8,
        )
    open_ranks = _draw_brackets(ax, open_gaps(ranked).to_numpy())
    _finish(ax, everyone, len(names), errors.notna().any(), open_ranks)
    if "held_fraction" in ranked:
        _write_shares(ax, ranked["held_fraction"], min(size, SMALL))
    style.keep_numbers(ax, ranked)
    return ax


def plot_image(
    pixels: NDArray[np.uint8],
    rows: pd.DataFrame,
    *,
    attribution: NDArray[np.floating] | None = None,
    segmentation: SegmentationMap | None = None,
    highlight: str | Iterable[str] = (),
    most: int = 20,
    fit: str = "stretch",
    figure: Figure | None = None,
) -> Figure:
    """Draw a photo, its map and masks above it, beside its own table.

    With the map and the masks the table also says which share of the attribution the segments
    hold, from the first down (see ``held_fractions``, here with the defaults of ``build``).

    Parameters
    ----------
    pixels: uint8 (H, W, 3).
    rows: of ``build``, one image under one method; see ``plot_image_table``.
    attribution: the image's map, float (h, w) or (h, w, C).
    segmentation: the image's masks.
    highlight, most: as in ``plot_image_table``.
    fit: as in ``plot_overlay``.
    figure: to draw on; a new one by default, as wide as a page.
    """
    rows = _of_one_image(rows)
    if attribution is not None and segmentation is not None and "held_fraction" not in rows:
        rows = held_fractions(rows, attribution, segmentation, fit=fit)
    lines = min(len(rows), most)
    figure = style.figure_or_new(figure, style.PAGE, max(3.2, 0.9 + style.LINE_INCHES * lines))
    photo, table = figure.subplots(1, 2, width_ratios=(1, 1.1))
    plot_overlay(pixels, attribution, segmentation, ax=photo, fit=fit)
    title = style.short(rows["image_id"].iloc[0])
    photo.set_title(title, fontsize=TEXT, color=INK, **PLAIN)
    plot_image_table(rows, ax=table, highlight=highlight, most=most)
    return figure


def held_fractions(
    rows: pd.DataFrame,
    attribution: NDArray[np.floating],
    segmentation: SegmentationMap,
    *,
    pad_px: int = 2,
    fit: str = "stretch",
) -> pd.DataFrame:
    """The rows of one image in rank order, with the share of its attribution that they hold.

    ``held_fraction`` of the k-th row is the sum of |A| over the union of the k first masks,
    divided by the sum of |A| over the image: 0 to 1, and no pixel counts twice. A is the map
    with its channels summed; masks are brought to its grid and padded as in ``build``.

    >>> heat = np.array([[4.0, 0.0], [-1.0, -3.0]])
    >>> masks = np.array([[[1, 0], [0, 0]], [[0, 0], [1, 1]]], bool)
    >>> segmentation = SegmentationMap(("sky", "sea"), masks)
    >>> rows = build({"occlusion": {"photo": heat}}, {"photo": segmentation}, pad_px=0)
    >>> held_fractions(rows, heat, segmentation, pad_px=0)[["segment", "held_fraction"]]
      segment  held_fraction
    0     sky            0.5
    1     sea            1.0
    """
    rows = _of_one_image(rows)
    size = np.abs(pooled(attribution)).astype(np.float64)
    height, width = size.shape
    masks = segmentation.merged().resize((height, width), fit=fit).pad(pad_px)
    by_name = dict(zip(masks.names, masks.masks, strict=True))
    absent = [name for name in rows["segment"] if name not in by_name]
    if absent:
        raise InvalidInput(
            f"segmentation: holds no mask {absent[0]!r}, which the rows name; give the masks of "
            f"image {rows['image_id'].iloc[0]!r}."
        )
    unions = np.logical_or.accumulate([by_name[name] for name in rows["segment"]])
    total = size.sum()
    held = (unions * size).sum(axis=(1, 2)) / (total if total > 0 else 1.0)
    return rows.assign(held_fraction=held)


def _of_one_image(rows: pd.DataFrame) -> pd.DataFrame:
    style.need_columns(rows, COLUMNS, "rows", "rows of sat_nb.build for one image and method")
    for column in [c for c in ("image_id", "method", "model", "target") if c in rows]:
        values = rows[column].unique()
        if len(values) > 1:
            raise InvalidInput(
                f"rows: hold {len(values)} values of {column!r}; give those of one: "
                f"table[table.{column} == {values[0]!r}]."
            )
    ranked = rows.dropna(subset=["segment"]).sort_values(["rank", "segment"], kind="stable")
    if ranked.empty:
        raise InvalidInput(f"rows: image {rows['image_id'].iloc[0]!r} has no segment.")
    return ranked.reset_index(drop=True)


def _errors(rows: pd.DataFrame) -> pd.Series:
    if "se_mean_attribution" in rows:
        return rows["se_mean_attribution"]
    return pd.Series(np.nan, index=rows.index)


# --- drawing --------------------------------------------------------------------------------------


def _draw_brackets(ax: Axes, open_ranks: NDArray[np.bool_]) -> bool:
    """A bracket at the right edge over each pair of neighbours whose ranks are not settled."""
    side = ax.get_yaxis_transform()
    for y in np.flatnonzero(open_ranks):
        ax.plot(
            [1.0, 1.02, 1.02, 1.0],
            [y + 0.12, y + 0.12, y + 0.88, y + 0.88],
            transform=side,
            color=INK,
            linewidth=1.0,
            clip_on=False,
            gid="unsettled",
        )
    return bool(open_ranks.any())


def _finish(ax: Axes, rows: pd.DataFrame, n_shown: int, sampled: bool, open_ranks: bool) -> None:
    style.frame_lightly(ax)
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.set_title(
        style.short(rows["method"].iloc[0]), fontsize=TEXT, color=QUIET, loc="left", **PLAIN
    )
    parts = ["mean attribution ± standard error" if sampled else "mean attribution"]
    if n_shown < len(rows):
        parts.append(f"first {n_shown} of {len(rows)} segments")
    if open_ranks:
        parts.append("brackets: order not settled")
    style.finish_x(ax, "; ".join(parts))


def _write_shares(ax: Axes, held: pd.Series, size: float) -> None:
    side = ax.get_yaxis_transform()
    options: dict[str, Any] = {"transform": side, "fontsize": size, "color": QUIET, "ha": "right"}
    for y, share in enumerate(held):
        ax.text(1.17, y, f"{share:.0%}", va="center", gid="held", **options)
    ax.text(1.17, -0.75, "cumulative\nshare", va="bottom", **options)
