"""One photo: its own table, the table beside its map and masks, and the way to the aggregate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arrays import Map, Pixels
from sat_nb.plots import style
from sat_nb.plots.bars import plot_segments
from sat_nb.plots.marks import draw_bars, draw_whiskers
from sat_nb.plots.overlay import plot_overlay
from sat_nb.plots.style import HATCHES, LINE, PLAIN, SMALL, TEXT
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.stats.local_ranks import held_fractions, noted_fit, rows_of_one_image
from sat_nb.table.settled import open_gaps

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_image_table(
    rows: pd.DataFrame,
    *,
    ax: Axes | None = None,
    highlight: str | Iterable[str] = (),
    most: int = 20,
) -> Axes:
    """Draw the table of one image: mean attribution of each segment, rank 1 on top.

    If the method samples, whiskers show one standard error to either side, and a bracket joins
    neighbours whose ranks are not settled (see ``settled_ranks``): other noise could swap them.

    Parameters
    ----------
    rows : DataFrame
        Rows of ``build`` for one image under one method: ``image_id``, ``method``, ``segment``,
        ``rank``, ``mean_attribution`` and ``abs_mean_attribution``. With ``se_mean_attribution``
        there are whiskers; ``held_fraction``, from ``held_fractions``, is written beside the bars.
    ax : Axes, optional
        Axes to draw on; a new figure by default.
    highlight : str or iterable of str, default ()
        Segments whose names and bars are coloured.
    most : int, default 20
        Draw at most this many segments, the first by rank.

    Returns
    -------
    Axes
        The axes; bars to the right of 0 are segments with positive attribution.

    Raises
    ------
    InvalidInput
        For missing columns, and for rows of several images or methods.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> rows = build(*toy(1)).query("method == 'sharp'")
    >>> [name.get_text() for name in plot_image_table(rows, most=2).get_yticklabels()]
    ['eyes', 'nose']
    """
    all_ranked = rows_of_one_image(rows)
    ranked = all_ranked.head(most)
    names = list(ranked["segment"])
    marked = style.as_names(highlight)
    ax = style.axes_or_new(ax, style.COLUMN * 1.2, 0.9 + style.LINE_INCHES * 1.15 * len(names))
    size, colours = style.name_rows(ax, names, marked), style.inside(ax)
    values = ranked[["mean_attribution"]].to_numpy(float)
    (bars,) = draw_bars(ax, values, colours.bars[:1], thickness=0.7)
    for bar, name in zip(bars, names, strict=True):
        own = name in marked
        bar.set(facecolor=colours.accent if own else colours.bars[0], hatch=HATCHES[own])
        bar.set(edgecolor="white", linewidth=0.0)
    errors = _errors(ranked)
    if errors.notna().any():
        mean = ranked["mean_attribution"]
        ends = pd.DataFrame({"low": mean - errors, "high": mean + errors})
        draw_whiskers(ax, ends, range(len(names)), [colours.ink] * len(names), width=0.9)
    open_ranks = _draw_brackets(ax, open_gaps(ranked).to_numpy())
    _finish(ax, all_ranked, len(names), errors.notna().any(), open_ranks)
    if "held_fraction" in ranked:
        _write_shares(ax, ranked["held_fraction"], min(size, SMALL))
    style.keep_numbers(ax, ranked)
    return ax


def plot_image(
    pixels: Pixels,
    rows: pd.DataFrame,
    *,
    attribution: Map | None = None,
    segmentation: SegmentationMap | None = None,
    highlight: str | Iterable[str] = (),
    most: int = 20,
    fit: str | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw a photo, its map and masks above it, beside its own table.

    Given the map and the masks, the table also shows the share of the attribution that the first
    segments hold together (see ``held_fractions``, with the defaults of ``build``).

    Parameters
    ----------
    pixels : ndarray
        The photo, (H, W, 3).
    rows : DataFrame
        Its rows of ``build`` under one method, with the columns that ``plot_image_table`` needs.
    attribution : ndarray, optional
        Its map, float (h, w) or (h, w, C); colours as in ``plot_overlay``.
    segmentation : SegmentationMap, optional
        Its masks.
    highlight : str or iterable of str, default ()
        Segments whose names and bars are coloured.
    most : int, default 20
        Draw at most this many segments in the table, the first by rank.
    fit : str, default None
        How the photo was brought to the grid of the map, a name in ``FITS``; by default as
        ``build`` noted it in ``rows.attrs``.
    figure : Figure, optional
        Figure to draw on; a new one by default, as wide as a page.

    Returns
    -------
    Figure
        Two panels: the photo and its table.

    Raises
    ------
    InvalidInput
        As ``plot_overlay`` and ``plot_image_table``.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> maps, segments = toy(1)
    >>> rows = build(maps, segments).query("method == 'sharp'")
    >>> photo = np.zeros((20, 16, 3), np.uint8)
    >>> figure = plot_image(photo, rows, attribution=maps["sharp"]["image_00"])
    >>> [ax.get_title() or ax.get_title(loc="left") for ax in figure.axes]
    ['image_00', 'sharp']
    """
    fit = fit or noted_fit(rows)
    rows = rows_of_one_image(rows)
    if attribution is not None and segmentation is not None and "held_fraction" not in rows:
        rows = held_fractions(rows, attribution, segmentation, fit=fit)
    lines = min(len(rows), most)
    figure = style.figure_or_new(figure, style.PAGE, max(3.2, 0.9 + style.LINE_INCHES * lines))
    photo, table = figure.subplots(1, 2, width_ratios=(1, 1.1))
    plot_overlay(pixels, attribution, segmentation, ax=photo, fit=fit)
    title = style.short(rows["image_id"].iloc[0])
    photo.set_title(title, loc="center", fontsize=TEXT, color=style.around(photo).ink, **PLAIN)
    plot_image_table(rows, ax=table, highlight=highlight, most=most)
    return figure


def plot_overview(
    pixels: Pixels,
    attribution: Map,
    segmentation: SegmentationMap,
    rows: pd.DataFrame,
    summary: pd.DataFrame,
    *,
    highlight: str | Iterable[str] = (),
    most: int = 12,
    fit: str | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw the way from a photo to the aggregate: photo, map, masks, its table, all photos.

    Parameters
    ----------
    pixels : ndarray
        The photo, (H, W, 3).
    attribution : ndarray
        Its map, float (h, w) or (h, w, C); colours as in ``plot_overlay``.
    segmentation : SegmentationMap
        Its masks.
    rows : DataFrame
        Its rows of ``build`` under one method, with the columns that ``plot_image_table`` needs.
    summary : DataFrame
        The aggregate of all photos, with the columns that ``plot_segments`` needs.
    highlight : str or iterable of str, default ()
        Segments to colour in both tables.
    most : int, default 12
        Draw at most this many segments in each table.
    fit : str, default None
        How the photo was brought to the grid of the map, a name in ``FITS``; by default as
        ``build`` noted it in ``rows.attrs``.
    figure : Figure, optional
        Figure to draw on; a new one by default, as wide as a page.

    Returns
    -------
    Figure
        Five panels, with the letters a to e.

    Raises
    ------
    InvalidInput
        As ``plot_overlay``, ``plot_image_table`` and ``plot_segments``.

    References
    ----------
    Hinns & Martens 2025, Figure 1.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> maps, segments = toy(6)
    >>> table = build(maps, segments).query("method == 'sharp'")
    >>> rows, photo = table.query("image_id == 'image_01'"), np.zeros((20, 16, 3), np.uint8)
    >>> heat, masks = maps["sharp"]["image_01"], segments["image_01"]
    >>> len(plot_overview(photo, heat, masks, rows, aggregate(table)).axes)
    5
    """
    figure = style.figure_or_new(figure, style.PAGE, 5.4)
    top, bottom = figure.subfigures(2, 1, height_ratios=(1.1, 1))  # type: ignore[misc]
    photo, heat, masks = top.subplots(1, 3)
    one, many = bottom.subplots(1, 2)
    plot_overlay(pixels, ax=photo)
    plot_overlay(pixels, attribution, ax=heat, fit=fit or noted_fit(rows))
    plot_overlay(pixels, segmentation=segmentation, ax=masks)
    plot_image_table(rows, ax=one, highlight=highlight, most=most)
    plot_segments(summary, ax=many, highlight=highlight, most=most)
    steps = ["a photo", "its attribution map", "its masks", "its table", "all photos"]
    for letter, ax, title in zip("abcde", (photo, heat, masks, one, many), steps, strict=True):
        text = f"{letter}  {title}"
        style.title_of(ax, text, color=style.around(ax).ink, fontweight="bold")
    return figure


# --- the table ------------------------------------------------------------------------------------


def _errors(rows: pd.DataFrame) -> pd.Series:
    if "se_mean_attribution" in rows:
        return rows["se_mean_attribution"]
    return pd.Series(np.nan, index=rows.index)


def _draw_brackets(ax: Axes, open_ranks: NDArray[np.bool_]) -> bool:
    """Draw a bracket at the right edge over each two neighbours whose ranks are not settled."""
    side, ink = ax.get_yaxis_transform(), style.around(ax).ink
    for y in np.flatnonzero(open_ranks):
        ax.plot(
            [1.0, 1.02, 1.02, 1.0],
            [y + 0.12, y + 0.12, y + 0.88, y + 0.88],
            transform=side,
            color=ink,
            linewidth=1.0,
            clip_on=False,
            gid="unsettled",
            **LINE,
        )
    return bool(open_ranks.any())


def _finish(ax: Axes, rows: pd.DataFrame, n_shown: int, sampled: bool, open_ranks: bool) -> None:
    style.frame_lightly(ax)
    ax.axvline(0, color=style.inside(ax).ink, linewidth=0.8)
    style.title_of(ax, style.short(rows["method"].iloc[0]))
    parts = ["mean attribution ± standard error" if sampled else "mean attribution"]
    if n_shown < len(rows):
        parts.append(f"first {n_shown} of {len(rows)} segments")
    if open_ranks:
        parts.append("brackets: order not settled")
    style.finish_x(ax, "; ".join(parts))


def _write_shares(ax: Axes, held: pd.Series, size: float) -> None:
    side = ax.get_yaxis_transform()
    options: dict[str, Any] = {"transform": side, "fontsize": size, "ha": "right", **PLAIN}
    options["color"] = style.around(ax).quiet
    for y, share in enumerate(held):
        ax.text(1.17, y, f"{share:.0%}", va="center", gid="held", **options)
    ax.text(1.17, -0.75, "cumulative\nshare", va="bottom", **options)
