"""Critical difference diagram: mean ranks on a line, bars over what cannot be told apart."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.plots.style import INK, PLAIN, QUIET, as_names, axes_or_new, colour_of, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sat_nb.stats import Comparison

POSITIONS = ("mean_ranks", "aeon_ranks")

# Heights in lines of text, downwards from the rank axis at 0.
_BAR_STEP = 0.45
_FIRST_BAR = 0.6
_LINE = 1.0
_LINE_INCHES = 0.24
_TEXT_SHARE = 0.42  # of the rank axis' length, for the labels on either side


def plot_critical_difference(
    result: Comparison,
    *,
    ax: Axes | None = None,
    positions: str = "mean_ranks",
    highlight: str | Iterable[str] = (),
) -> Axes:
    """Draw a comparison as a critical difference diagram (Demsar 2006), rank 1 at the left.

    Each segment stands at its Absolute mean rank; its label gives, as in Hinns & Martens
    2025, the Relative mean rank and in brackets the number of images that have it. A bar
    joins the segments of a group, none of which differs from another; dots mark its
    members, and it is dotted where it passes over a segment that is not one.

    Parameters
    ----------
    result: from ``compare``.
    ax: axes to draw on; a new figure by default.
    positions: "mean_ranks", or "aeon_ranks" for aeon's own (of ``test="aeon"``).
    highlight: segments whose labels are coloured.
    """
    ranks = _positions(result, positions)
    names = list(ranks.index)
    n_left = math.ceil(len(names) / 2)
    top = _FIRST_BAR + _BAR_STEP * len(result.groups) + 0.4
    bottom = top + _LINE * n_left
    ax = axes_or_new(ax, 8.0, 0.9 + _LINE_INCHES * bottom)
    low, high = 1, max(math.ceil(ranks.max()), 2)
    room = _TEXT_SHARE * (high - low)
    ax.set_xlim(low - room, high + room)
    ax.set_ylim(bottom, -1.9)
    ax.set_axis_off()
    _draw_axis(ax, low, high, result)
    for line, group in enumerate(_by_best(result.groups, ranks)):
        _draw_group(ax, ranks, group, _FIRST_BAR + _BAR_STEP * line)
    marked = as_names(highlight)
    for i, name in enumerate(names):
        at_left = i < n_left
        line = i if at_left else len(names) - 1 - i
        x_text = low - 0.06 * room if at_left else high + 0.06 * room
        colour = colour_of(name, marked)
        y = top + _LINE * line
        ax.plot([ranks[name], ranks[name], x_text], [0, y, y], color=colour, linewidth=0.9)
        _write_label(ax, result, name, (x_text, y), colour, at_left=at_left)
    return ax


def label(result: Comparison, name: str) -> str:
    """The paper's label of a segment: name, Relative mean rank, number of images."""
    return f"{short(name)}  {result.relative_ranks[name]:.2f} ({result.n_images[name]})"


def _positions(result: Comparison, positions: str) -> pd.Series:
    if positions not in POSITIONS:
        raise unknown_name("positions", positions, POSITIONS)
    ranks = getattr(result, positions)
    if ranks is None:
        raise InvalidInput(
            f"positions: 'aeon_ranks' are those of test='aeon', the result is of "
            f"{result.test!r}; compare with test='aeon'."
        )
    return ranks.sort_values(kind="stable")


def _draw_axis(ax: Axes, low: int, high: int, result: Comparison) -> None:
    ax.plot([low, high], [0, 0], color=INK, linewidth=1.4, solid_capstyle="butt")
    step = max(1, round((high - low) / 12))
    for tick in range(low, high + 1, step):
        ax.plot([tick, tick], [0, -0.3], color=INK, linewidth=1.2)
        ax.text(tick, -0.4, str(tick), ha="center", va="bottom", fontsize=9, color=INK)
    title = (
        f"mean rank, 1 = most attribution · {result.method} · {result.n_total} images · "
        f"{result.test}, α = {result.alpha:g}"
    )
    middle = (low + high) / 2
    ax.text(middle, -1.35, title, ha="center", va="bottom", fontsize=9, color=QUIET, **PLAIN)


def _by_best(groups: Iterable[tuple[str, ...]], ranks: pd.Series) -> list[list[str]]:
    """Groups with their members in order of rank, best group first."""
    ordered = [sorted(group, key=lambda name: ranks[name]) for group in groups]
    return sorted(ordered, key=lambda group: (ranks[group[0]], ranks[group[-1]]))


def _draw_group(ax: Axes, ranks: pd.Series, group: list[str], y: float) -> None:
    place = {name: i for i, name in enumerate(ranks.index)}
    for here, there in itertools.pairwise(group):
        gap = place[there] - place[here] > 1
        ax.plot(
            [ranks[here], ranks[there]],
            [y, y],
            color=INK,
            linewidth=1.2 if gap else 3.2,
            linestyle=":" if gap else "-",
            solid_capstyle="butt",
            gid="gap" if gap else "bar",
        )
    ax.plot([ranks[name] for name in group], [y] * len(group), "o", color=INK, markersize=4.5)


def _write_label(
    ax: Axes,
    result: Comparison,
    name: str,
    at: tuple[float, float],
    colour: str,
    *,
    at_left: bool,
) -> None:
    side = "right" if at_left else "left"
    text = label(result, name)
    text = f"{text} " if at_left else f" {text}"
    ax.text(*at, text, ha=side, va="center", fontsize=10, color=colour, **PLAIN)
