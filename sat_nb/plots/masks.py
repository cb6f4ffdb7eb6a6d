"""A check of masks: how often each name was found, and whether outlines meet edges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.plots import style
from sat_nb.plots.marks import draw_bars, draw_cells, draw_dots
from sat_nb.plots.style import ACCENT, PLAIN
from sat_nb.segments.quality.measures import SIDE, best_move

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sat_nb.segments.quality.checks import MaskCheck


def plot_mask_check(result: MaskCheck, *, ax: Axes | None = None, most: int = 30) -> Axes:
    """Draw a check of masks: how many images have each name, and how much of them it covers.

    The bar is the share of the images that have the name, the dot the mean share of the image
    that its masks cover. Names with findings are coloured; the title counts errors and warnings.

    Parameters
    ----------
    result : MaskCheck
        The result of ``check_masks``. Its ``names``, indexed by name, has the columns
        ``detection_rate``, ``coverage`` and ``n_images``.
    ax : Axes, optional
        Axes to draw on; a new figure by default.
    most : int, default 30
        Draw at most this many names, the most frequent.

    Returns
    -------
    Axes
        The axes.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> ax = plot_mask_check(check_masks(toy()[1], progress=False))
    >>> [text.get_text() for text in ax.texts]
    ['n = 20', 'n = 20', 'n = 20', 'n = 20', 'n = 15']
    """
    names = result.names.head(most)
    heights = range(len(names))
    suspects = set(result.findings["segment"].dropna())
    ax = style.axes_or_new(ax, 7.0, 1.2 + 0.28 * len(names))
    palette, around = style.inside(ax), style.around(ax)
    rates = names[["detection_rate"]].to_numpy(float)
    (bars,) = draw_bars(ax, rates, palette.bars[:1], thickness=0.7)
    for bar, name in zip(bars, names.index, strict=True):
        bar.set(facecolor=palette.accent if name in suspects else palette.bars[0], alpha=0.6)
        bar.set(linewidth=0)
    dots: dict[str, Any] = {"edges": palette.paper, "points": 4.5, "gid": "coverage"}
    inks = [palette.ink] * len(names)
    draw_dots(ax, names["coverage"], heights, inks, markers="o", **dots)
    ax.set_yticks(heights, style.shorts(names.index), **PLAIN)
    for text, name in zip(ax.get_yticklabels(), names.index, strict=True):
        text.set_color(around.accent if name in suspects else around.ink)
    side, quiet = ax.get_yaxis_transform(), {"color": around.quiet, **PLAIN}
    for y, count in zip(heights, names["n_images"], strict=True):
        ax.text(1.01, y, f"n = {count}", transform=side, va="center", fontsize=8, **quiet)
    ax.set(xlim=(0, 1), ylim=(len(names) - 0.4, -0.6), ylabel="")
    ax.set_xlabel("share of images that have it (bar), mean share of the image (dot)", **PLAIN)
    counts = (result.n_images, len(result.errors), len(result.warnings))
    style.title_of(ax, "{} images · {} errors · {} warnings".format(*counts), fontsize=10)
    ax.spines[["top", "right"]].set_visible(False)
    style.keep_legible(ax)
    style.keep_numbers(ax, names.rename_axis("segment").reset_index())
    return ax


def plot_mask_edges(result: MaskCheck, *, ax: Axes | None = None) -> Axes:
    """Draw how much edge the outlines of the masks meet, in place (cross) and shifted.

    If the masks fit the photos, the brightest square is in the middle; the ring marks where it is.

    Parameters
    ----------
    result : MaskCheck
        The result of ``check_masks`` with photos.
    ax : Axes, optional
        Axes to draw on; a new figure by default.

    Returns
    -------
    Axes
        The axes; a value of 1 is what outlines at random places would meet.

    Raises
    ------
    InvalidInput
        If the masks were checked without photos, or meet no edge in any.

    Examples
    --------
    >>> photo = np.zeros((64, 64, 3), np.uint8)
    >>> photo[20:44, 20:44] = 200
    >>> segments = {"a": SegmentationMap(("box",), photo[None, ..., 0] > 0)}
    >>> plot_mask_edges(check_masks(segments, {"a": photo}, progress=False)).get_ylabel()
    'px down'
    """
    if result.edges is None:
        raise InvalidInput(
            "result: holds no edges; give check_masks the photos, too: check_masks(segments, "
            "images). They must have the size of their masks."
        )
    reach = result.edges.shape[0] // 2
    down, right = best_move(result.edges)
    ax = style.axes_or_new(ax, 4.4, 3.8)
    squares = draw_cells(ax, result.edges, "viridis", square=True)
    middle = reach + 0.5
    for colour, width in ((style.INK, 2.6), ("white", 1.2)):
        ax.plot(middle, middle, "+", color=colour, markersize=12, markeredgewidth=width)
    ring: dict[str, Any] = {"markerfacecolor": "none", "markeredgecolor": ACCENT, "markersize": 14}
    ax.plot(middle + right, middle + down, "o", **ring)
    steps = [step for step in range(-reach, reach + 1) if step % max(reach // 2, 1) == 0]
    places = [middle + step for step in steps]
    texts = [style.with_minus(f"{step}") for step in steps]
    ax.set_xticks(places, texts, **PLAIN)
    ax.set_yticks(places, texts, **PLAIN)
    ax.set_xlabel(f"px to the right (photo brought to {SIDE} px)", **PLAIN)
    ax.set_ylabel("px down", **PLAIN)
    bar = ax.figure.colorbar(squares, ax=ax)
    bar.set_label("edges met, 1 = by chance", **PLAIN)
    style.keep_legible(ax)
    style.keep_legible(bar.ax)
    moves = np.indices(result.edges.shape) - reach
    columns = {"down": moves[0].ravel(), "right": moves[1].ravel(), "edges": result.edges.ravel()}
    style.keep_numbers(ax, pd.DataFrame(columns))
    return ax
