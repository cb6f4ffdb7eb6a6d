"""A photo with its attribution map and the outlines of its masks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.arguments import channel_sum, is_number
from sat_nb.arrays import Map, Mask, Pixels
from sat_nb.errors import InvalidInput
from sat_nb.geometry import FITS, get_fit
from sat_nb.photos.window import shown
from sat_nb.plots import style
from sat_nb.plots.style import INK, LINE, PLAIN, SMALL
from sat_nb.registry import lists
from sat_nb.segments.pictures import distinct_colours
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.table.fitting import check_declared

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

# Light blue: against the target; dark red: for it. Colour-blind readers can tell them apart, and so
# can readers of a print in grey, because one end is darker than the other.
AGAINST, FOR = "#3f9bdc", "#8f0016"
_LEGEND_LINE = 0.14  # inches
WASHED = 0.55  # how far the photo below a map fades to white


@lists(fit=FITS)
def plot_overlay(
    pixels: Pixels,
    attribution: Map | None = None,
    segmentation: SegmentationMap | None = None,
    *,
    ax: Axes | None = None,
    opacity: float = 0.85,
    fit: str | None = None,
) -> Axes:
    """Draw a photo, its map above it and the outlines of its masks, aligned with the photo.

    Parameters
    ----------
    pixels : ndarray
        The photo, (H, W, 3). One of more than 8 bits, or of floats beyond 0 to 255, is shown from
        its lowest value (black) to its highest.
    attribution : ndarray, optional
        Its map, float (h, w) or (h, w, C); channels are summed. Dark red speaks for the target,
        light blue against it; the colour scale ends at the 99th percentile of the absolute values.
        The photo below the map is drawn in pale grey.
    segmentation : SegmentationMap, optional
        Masks to outline and number; their names stand below the photo.
    ax : Axes, optional
        Axes to draw on; a new figure by default.
    opacity : float, default 0.85
        Opacity of the strongest attribution, from 0 to 1.
    fit : str, default None
        How the photo was brought to the grid of the map, ``maps.fit``, by name:

        [[fit]]

        A map made with "crop" leaves out the rim of the photo; the bars of a letterbox are not
        drawn. A map of the photo's own shape needs none.

    Returns
    -------
    Axes
        The axes, in pixels of the photo.

    Raises
    ------
    InvalidInput
        For other shapes, for maps that are not finite, and for one of another shape than the photo
        without ``fit``.

    Examples
    --------
    >>> ax = plot_overlay(np.zeros((40, 32, 3), np.uint8), np.ones((20, 16)))
    >>> len(ax.images), ax.get_xlim()
    (2, (0.0, 32.0))
    """
    pixels = shown(pixels)
    if not is_number(opacity) or not 0 <= opacity <= 1:
        raise InvalidInput(f"opacity: expected a number from 0 to 1, got {opacity!r}.")
    height, width = pixels.shape[:2]
    names = [] if segmentation is None else list(dict.fromkeys(segmentation.names))
    texts = [f"{k} {text}" for k, text in enumerate(style.shorts(names, 20), 1)]
    below = _LEGEND_LINE * _legend_rows(texts, 0.95 * style.COLUMN) + 0.2 * bool(texts)
    own = ax is None
    ax = style.axes_or_new(ax, style.COLUMN, style.COLUMN * height / width + below)
    # A user's settings may turn pictures upside down, or stretch them.
    place: dict[str, Any] = {"extent": (0, width, height, 0), "origin": "upper", "aspect": "equal"}
    ax.set_axis_off()
    ax.set_anchor("N")  # what room is left belongs to the names below
    if attribution is None:
        ax.imshow(pixels, **place)
    else:
        grey = 255 - (255 - pixels.mean(axis=2)) * (1 - WASHED)
        ax.imshow(grey, cmap="gray", vmin=0, vmax=255, **place)
        heat = channel_sum(attribution)
        _draw_map(ax, heat, map_extent((height, width), heat.shape, fit), opacity)
        ax.set(xlim=(0, width), ylim=(height, 0))
    if segmentation is not None and len(segmentation):
        _draw_masks(ax, segmentation, (width, height))
        across, down = style.size_of(ax)
        _write_legend(ax, texts, across, math.inf if own else 0.5 * down)
        _write_numbers(ax, segmentation.merged(), (width, height))
    return ax


def map_extent(
    photo: tuple[int, int], size: tuple[int, ...], fit: str | None
) -> tuple[float, float, float, float]:
    """The place of a map of ``size`` on the photo (H, W): left, right, bottom, top in pixels.

    Without ``fit``, InvalidInput for a map of another shape than the photo.

    >>> map_extent((100, 200), (50, 50), "stretch"), map_extent((100, 200), (50, 50), "crop")
    ((0.0, 200.0, 100.0, 0.0), (50.0, 150.0, 100.0, 0.0))
    """
    grid = size[0], size[1]
    check_declared("attribution", grid, photo, photo, fit is not None)
    frame = get_fit(fit or "stretch").frame(photo, grid)
    ends = [
        ((0 - corner) * side / scaled, (n - corner) * side / scaled)
        for corner, side, scaled, n in zip(frame.corner, photo, frame.scaled, size, strict=True)
    ]
    (top, bottom), (left, right) = ends
    return left, right, bottom, top


def limit_of(attribution: NDArray) -> float:
    """The end of the colour scale of a map (h, w): the 99th percentile of its absolute values."""
    size = np.abs(attribution)
    return float(np.percentile(size, 99)) or float(size.max()) or 1.0


def attribution_colours() -> Colormap:
    """The colours from -1 (against the target) to 1 (for it), as a map shows them on white."""
    from matplotlib.colors import ListedColormap

    share = np.linspace(-1, 1, 257)
    opaque, strength = by_sign(share)[:, :3], strength_of(share)[:, None]
    return ListedColormap(opaque * strength + 1 - strength, "attribution")


def _draw_map(ax: Axes, attribution: NDArray, extent: tuple, opacity: float) -> None:
    limit = limit_of(attribution)
    share = np.clip(attribution / limit, -1, 1)
    colours = by_sign(share)
    colours[..., 3] = opacity * strength_of(share)
    ax.imshow(colours, extent=extent, origin="upper", aspect="equal")


def strength_of(share: NDArray) -> NDArray:
    """The opacity, 0 to 1, of a map where it has that share of its largest value."""
    return np.abs(share) ** 0.75


def by_sign(share: NDArray) -> NDArray:
    """RGBA of values in [-1, 1]: two hues, of which the positive one darkens with strength."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgba

    positive = LinearSegmentedColormap.from_list("for", ["#e8604c", FOR])
    return np.where((share >= 0)[..., None], positive(np.clip(share, 0, 1)), to_rgba(AGAINST))


# --- masks ----------------------------------------------------------------------------------------


def _draw_masks(ax: Axes, segmentation: SegmentationMap, size: tuple[int, int]) -> None:
    """Draw outlines with a dark edge, a colour for each name, small masks above large ones."""
    names = list(dict.fromkeys(segmentation.names))
    colours = dict(zip(names, distinct_colours(len(names)) / 255, strict=True))
    width, height = size
    largest_first = np.argsort(-segmentation.masks.sum(axis=(1, 2)), kind="stable")
    for i in largest_first:
        mask, colour = segmentation.masks[i], colours[segmentation.names[i]]
        rows, columns = mask.shape
        x = (np.arange(-1, columns + 1) + 0.5) * width / columns
        y = (np.arange(-1, rows + 1) + 0.5) * height / rows
        inside = np.pad(mask, 1).astype(float)  # so that an outline closes at the photo's edge
        ax.contour(x, y, inside, levels=[0.5], colors=[INK], linewidths=1.8)
        ax.contour(x, y, inside, levels=[0.5], colors=[colour], linewidths=1.0)
    ax.set(xlim=(0, width), ylim=(height, 0))


def _legend_columns(texts: list[str], across: float) -> int:
    """Number of columns of the legend that fit ``across`` inches."""
    widest = max(style.text_inches(text, SMALL) for text in texts) + 0.3
    return max(1, min(len(texts), int(across / widest)))


def _legend_rows(texts: list[str], across: float) -> int:
    return math.ceil(len(texts) / _legend_columns(texts, across)) if texts else 0


def _write_legend(ax: Axes, texts: list[str], across: float, down: float) -> None:
    """Write numbered names in columns below the photo; count those for which there is no room."""
    from matplotlib.patches import Patch

    colours = distinct_colours(len(texts)) / 255
    columns = _legend_columns(texts, across)
    most = columns * int(min(max(down / _LEGEND_LINE, 1), len(texts)))
    handles = [
        Patch(facecolor=colour, edgecolor=INK, linewidth=0.5, label=text)
        for text, colour in zip(texts, colours, strict=True)
    ]
    if len(handles) > most:
        more = Patch(alpha=0, label=f"and {len(handles) - most + 1} more")
        handles = [*handles[: most - 1], more]
    style.legend_of(
        ax,
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=columns,
        handlelength=0.8,
        handletextpad=0.4,
        columnspacing=0.8,
        labelspacing=0.25,
        borderpad=0.2,
    )


def _write_numbers(ax: Axes, merged: SegmentationMap, size: tuple[int, int]) -> None:
    """Write the number of each mask on it, or beside it with a line where others are in the way.

    Numbers for which there is no room at all are left out.
    """
    colours = distinct_colours(len(merged)) / 255
    (across, _), paper = style.size_of(ax), style.around(ax)
    per_inch = size[0] / max(across, 0.1)
    box = (0.15 * per_inch, 0.12 * per_inch)
    rows, columns = merged.size
    scale = np.array([size[0] / columns, size[1] / rows])
    anchors = [_anchor(mask) * scale for mask in merged.masks]
    places = _clear_places(anchors, np.array(box), np.array(size, dtype=float))
    for k, (anchor, place) in enumerate(zip(anchors, places, strict=True)):
        if place is None:
            continue
        if np.abs(anchor - place).max() > 1e-9:
            ax.plot(*np.stack([anchor, place], axis=1), color=INK, linewidth=0.6, zorder=4, **LINE)
        patch = {"boxstyle": "square,pad=0.12", "fc": paper.paper, "ec": colours[k], "lw": 0.7}
        x, y = place
        text = ax.text(
            x, y, str(k + 1), ha="center", va="center", fontsize=5.5, color=paper.ink, **PLAIN
        )
        text.set(bbox=patch, zorder=5 + k, gid="number")


def _anchor(mask: Mask) -> NDArray:
    """(x, y) of the pixel of a mask that is farthest from its edge."""
    from scipy.ndimage import distance_transform_edt

    depth = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    row, column = np.unravel_index(depth.argmax(), mask.shape)
    return np.array([column + 0.5, row + 0.5])


def _clear_places(anchors: list[NDArray], box: NDArray, size: NDArray) -> list[NDArray | None]:
    """The place nearest to each anchor, on rings around it, that is clear of the others.

    Greedy, in the order of the masks: placing all numbers at their best is a hard problem, and
    the same masks must give the same picture. The anchor itself is tried even at the edge of the
    photo; where every place is taken, there is None.
    """
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    rings = [np.zeros((1, 2))]
    rings += [r * box.max() * np.stack([np.cos(angles), np.sin(angles)], 1) for r in range(1, 40)]
    offsets = np.concatenate(rings)
    taken = np.empty((0, 2))
    places: list[NDArray | None] = []
    for anchor in anchors:
        tried = anchor + offsets
        inside = ((tried >= box / 2) & (tried <= size - box / 2)).all(axis=1)
        apart = (np.abs(tried[:, None] - taken[None]) >= box).any(axis=2).all(axis=1)
        clear = tried[(inside | (np.arange(len(tried)) == 0)) & apart]
        taken = np.vstack([taken, clear[:1]])
        places.append(clear[0] if len(clear) else None)
    return places
