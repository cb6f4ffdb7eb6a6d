"""Names beside the dots of a picture with two axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sat_nb.arrays import Float64
from sat_nb.plots import style
from sat_nb.plots.style import PLAIN, SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LONGEST = 18  # letters of a name
DOT = 0.05  # inches: half the room of a dot, with a little air
STEPS = 12  # lines up or down that a name may be moved

Box = tuple[float, float, float, float]
"""Left, bottom, right and top, in inches from the corner of the axes."""


def name_dots(
    ax: Axes, names: Sequence[str], x: Float64, y: Float64, marked: Sequence[str] = ()
) -> None:
    """Write a name beside each dot, where it covers neither a dot nor another name.

    It stands level with its dot, at its right or left, where there is room, and as few lines above
    or below as possible where there is none. Limits and scales of the axes are set before.
    """
    texts, colours, extent = style.shorts(names, LONGEST), style.inside(ax), style.size_of(ax)
    shares = ax.transAxes.inverted().transform(ax.transData.transform(np.column_stack([x, y])))
    dots = shares * extent
    taken = [(a - DOT, b - DOT, a + DOT, b + DOT) for a, b in dots]
    for i, (across, height) in enumerate(dots):
        box = _free_box(texts[i], (across, height), taken, extent)
        taken.append(box)
        ax.text(
            box[0] / extent[0],
            (box[1] + box[3]) / 2 / extent[1],
            texts[i],
            transform=ax.transAxes,
            ha="left",
            va="center",
            fontsize=SMALL,
            color=colours.accent if names[i] in marked else colours.ink,
            fontweight=style.weight_of(names[i], marked),
            **PLAIN,
        )


def _free_box(
    text: str, dot: tuple[float, float], taken: Sequence[Box], extent: tuple[float, float]
) -> Box:
    """The first place that is free, or the first of all."""
    places = list(_places(text, dot, extent))
    return next((box for box in places if not any(_overlap(box, t) for t in taken)), places[0])


def _places(text: str, dot: tuple[float, float], extent: tuple[float, float]) -> Iterator[Box]:
    """Boxes of the text that are within the axes, the nearest first."""
    wide, high = style.text_inches(text, SMALL), 1.1 * SMALL / 72
    right, left = dot[0] + 1.4 * DOT, dot[0] - 2 * DOT - wide
    sides = [right, left] if right + wide <= extent[0] else [left, right]
    for step in sorted(range(-STEPS, STEPS + 1), key=abs):
        bottom = dot[1] - high / 2 + step * high / 2
        for start in sides:
            yield start, bottom, start + wide, bottom + high


def _overlap(one: Box, other: Box) -> bool:
    """Whether two boxes share a point.

    >>> _overlap((0, 0, 2, 1), (1, 0, 3, 1)), _overlap((0, 0, 1, 1), (2, 0, 3, 1))
    (True, False)
    """
    apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
    return not apart
