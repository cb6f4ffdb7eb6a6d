"""What masks there are: how often each name was found, and whether outlines meet edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sat_nb.errors import InvalidInput
from sat_nb.plots.style import ACCENT, BARS, INK, PLAIN, QUIET, axes_or_new, colour_of, short
from sat_nb.segments.quality.measures import SIDE, best_move

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sat_nb.segments.quality.checks import MaskCheck


def plot_mask_check(result: MaskCheck, *, ax: Axes | None = None, most: int = 30) -> Axes:
    """Draw a check of masks: in how many images each name was found, what part these cover.

    The bar is the detection rate, the dot the mean share of the image; names about which
    something was found are coloured. Further findings are counted in the title.

    Parameters
    ----------
    result: from ``check_masks``.
    ax: axes to draw on; a new figure by default.
    most: at most that many names, the most frequent.
    """
    names = result.names.head(most)
    heights = range(len(names))
    suspects = set(result.findings["segment"].dropna())
    ax = axes_or_new(ax, 7.0, 1.2 + 0.28 * len(names))
    colours = [colour_of(name, suspects, BARS[0]) for name in names.index]
    ax.barh(heights, names["detection_rate"], color=colours, height=0.7, alpha=0.6)
    ax.plot(names["coverage"], heights, "o", color=INK, markersize=4, label="share of the image")
    ax.set_yticks(heights, [short(name) for name in names.index], **PLAIN)
    for text, name in zip(ax.get_yticklabels(), names.index, strict=True):
        text.set_color(colour_of(name, suspects))
    side = ax.get_yaxis_transform()
    for y, count in zip(heights, names["n_images"], strict=True):
        ax.text(1.01, y, f"n = {count}", transform=side, va="center", fontsize=8, color=QUIET)
    ax.invert_yaxis()
    ax.set_xlim(0, 1)
    ax.set_xlabel("share of images that have it (bar), mean share of the image (dot)")
    ax.set_title(
        f"{result.n_images} images · {len(result.errors)} errors · {len(result.warnings)} warnings",
        fontsize=10,
        color=QUIET,
        loc="left",
    )
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def plot_mask_edges(result: MaskCheck, *, ax: Axes | None = None) -> Axes:
    """Draw how much edge the masks' outlines meet, as they are (cross) and moved about.

    The brightest square should be in the middle; the ring marks where it is.

    Parameters
    ----------
    result: from ``check_masks`` with photos.
    ax: axes to draw on; a new figure by default.
    """
    if result.edges is None:
        raise InvalidInput(
            "result: holds nothing about edges; give check_masks the photos as well."
        )
    reach = result.edges.shape[0] // 2
    extent = (-reach - 0.5, reach + 0.5, reach + 0.5, -reach - 0.5)
    down, right = best_move(result.edges)
    ax = axes_or_new(ax, 4.4, 3.8)
    picture = ax.imshow(result.edges, cmap="viridis", extent=extent)
    ax.plot(0, 0, "+", color="white", markersize=12)
    ax.plot(right, down, "o", markerfacecolor="none", markeredgecolor=ACCENT, markersize=14)
    ax.set_xlabel(f"px to the right (photo brought to {SIDE} px)")
    ax.set_ylabel("px down")
    ax.figure.colorbar(picture, ax=ax, label="edges met, 1 = by chance")
    return ax
