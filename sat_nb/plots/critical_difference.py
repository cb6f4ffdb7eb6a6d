"""Critical difference diagrams: mean ranks on a line, bars over segments that do not differ."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.plots import style
from sat_nb.plots.style import LINE, PLAIN, SMALL, TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sat_nb.stats.comparison import Comparison

POSITIONS = ("mean_ranks", "aeon_ranks")

_MARK = "†"

# Heights are in lines of text, downwards from the rank axis at 0.
_BAR_STEP = 0.5
_FIRST_BAR = 0.6
_HEAD = 1.6  # ticks and their numbers, above the axis; the title is above them
_AXIS_SHARE = 0.3  # the rank axis gets at least this share of the width; names are cut for it
_TEXT_SIZES = (TEXT, SMALL, 6.0)  # the first at which no name has to be cut, else the last


@dataclass(frozen=True)
class _Layout:
    """Places in ranks across and lines of text down; ``inch`` in ranks, ``text`` in points."""

    high: int
    left: float
    right: float
    inch: float
    first_label: float
    text: float
    labels: tuple[str, ...]


def plot_critical_difference(
    result: Comparison,
    *,
    ax: Axes | None = None,
    positions: str = "mean_ranks",
    highlight: str | Iterable[str] = (),
) -> Axes:
    """Draw a comparison as a critical difference diagram, rank 1 at the left.

    Each segment stands at its Absolute mean rank; its label gives the Relative mean rank and,
    in brackets, the number of images that have it. A bar joins the segments of a group, in
    which no two differ. Dots mark the members; where a bar passes over a segment that is not a
    member, it is dotted. A dagger marks the rarer segment of each pair that differs, or does
    not, only because images lack one of the two (``Comparison.created_by_presence`` and its
    siblings). Names are shortened where they would leave too little room for the ranks.

    Parameters
    ----------
    result : Comparison
        The result of ``compare``.
    ax : Axes, optional
        Axes to draw on, with text as large as fits; a new figure by default.
    positions : str, default "mean_ranks"
        Where segments stand: "mean_ranks", or "aeon_ranks" for the ranks of aeon, which results
        of ``test="aeon"`` have.
    highlight : str or iterable of str, default ()
        Segments whose labels are coloured and bold.

    Returns
    -------
    Axes
        The axes.

    Raises
    ------
    InvalidInput
        For other results, and for positions that are unknown or that the result does not have.

    References
    ----------
    Demsar 2006, Statistical comparisons of classifiers over multiple data sets, Figure 1; labels
    as in Hinns & Martens 2025.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> ax = plot_critical_difference(compare(build(*toy()), method="sharp"))
    >>> [text.get_text() for text in ax.texts if text.get_gid() == "label"][:2]
    ['eyes  1.00 (20)', 'nose  2.00 (20)']
    """
    ranks = _positions(result, positions)
    bars = _stacked(_by_best(result.groups, ranks), ranks)
    n_left = math.ceil(len(ranks) / 2)
    first_label = _FIRST_BAR + _BAR_STEP * (1 + max(bars, default=-1)) + 0.5
    own = ax is None
    title = _title(result)
    lines = _HEAD + 2.0 + first_label + n_left
    ax = style.axes_or_new(ax, style.PAGE, 0.1 + style.LINE_INCHES * lines)
    ax.set_axis_off()
    width, height = style.size_of(ax)
    size = TEXT if own else style.fitting(TEXT, height / lines)
    marked = style.as_names(highlight)
    layout = _layout(result, ranks, width, size, first_label, marked)
    top = style.wrapped(title, min(size, SMALL), width)
    ax.set_xlim(layout.left, layout.right)
    ax.set_ylim(first_label + n_left - 0.4, -_HEAD - 1.1 * (1 + top.count("\n")))
    _draw_axis(ax, layout, top)
    bold = min(2.6, 0.19 * 72 * height / lines)  # so that bars and their dots stay apart
    for line, groups in bars.items():
        for group in groups:
            _draw_group(ax, ranks, group, _FIRST_BAR + _BAR_STEP * line, bold)
    _draw_segments(ax, ranks, layout, marked)
    style.keep_numbers(ax, numbers(result))
    return ax


def label(result: Comparison, name: str) -> str:
    """The label of a segment as in the paper: name, Relative mean rank, number of images."""
    return f"{style.short(name)}  {_figures(result, name)}"


def _figures(result: Comparison, name: str) -> str:
    mark = f" {_MARK}" if name in _decided_by_presence(result) else ""
    return f"{result.relative_ranks[name]:.2f} ({result.n_images[name]}){mark}"


def _decided_by_presence(result: Comparison) -> set[str]:
    """The rarer one of each pair that differs, or not, because images lack one of them."""
    kinds = (result.created_by_presence, result.reversed_by_presence, result.hidden_by_presence)
    return {min(pair, key=result.n_images.__getitem__) for pairs in kinds for pair in pairs}


def _presence(result: Comparison) -> list[str]:
    """How many differences presence makes, turns and hides, for the title."""
    kinds = ("created", "reversed", "hidden")
    counts = {kind: len(getattr(result, f"{kind}_by_presence")) for kind in kinds}
    found = ", ".join(f"{n} {kind}" for kind, n in counts.items() if n)
    return [f"{_MARK} differences by presence: {found}"] if found else []


def numbers(result: Comparison) -> pd.DataFrame:
    """The numbers of a diagram: mean ranks, images, and the groups of each segment."""
    groups = {
        name: " ".join(str(i) for i, group in enumerate(result.groups, 1) if name in group)
        for name in result.mean_ranks.index
    }
    columns = [result.mean_ranks, result.relative_ranks, result.n_images]
    if result.aeon_ranks is not None:
        columns.append(result.aeon_ranks)
    frame = pd.concat(columns, axis=1).assign(groups=pd.Series(groups))
    decided = _decided_by_presence(result)
    if decided:
        frame["presence"] = [_MARK if name in decided else "" for name in frame.index]
    return frame.reset_index()


def _positions(result: Comparison, positions: str) -> pd.Series:
    if not hasattr(result, "mean_ranks"):
        raise InvalidInput(
            f"result: expected a Comparison from sat_nb.compare, got {type(result).__name__}."
        )
    if positions not in POSITIONS:
        raise unknown_name("positions", positions, POSITIONS)
    ranks = getattr(result, positions)
    if ranks is None:
        raise InvalidInput(
            f"positions: expected the result of test='aeon' for 'aeon_ranks', got that of "
            f"{result.test!r}; compare with test='aeon'."
        )
    return ranks.sort_values(kind="stable")


def _title(result: Comparison) -> list[str]:
    method = style.short(result.method)
    test = f"{result.test}, α = {result.alpha:g}"
    images = f"{result.n_total} images"
    if result.n_units is not None:
        images += f" of {result.n_units} units"
    return ["mean rank, 1 = most attribution", method, images, test, *_presence(result)]


# --- groups ---------------------------------------------------------------------------------------


def _by_best(groups: Iterable[tuple[str, ...]], ranks: pd.Series) -> list[list[str]]:
    """Groups with their members sorted by rank, the best group first."""
    place = {name: i for i, name in enumerate(ranks.index)}
    ordered = [sorted(group, key=place.__getitem__) for group in groups]
    return sorted(ordered, key=lambda group: (place[group[0]], place[group[-1]]))


def _stacked(groups: Sequence[list[str]], ranks: pd.Series) -> dict[int, list[list[str]]]:
    """{line: groups}: each group on the first line where it does not touch another."""
    clear = 0.04 * max(ranks.max() - 1, 1)
    lines: dict[int, list[list[str]]] = {}
    for group in groups:
        free = (
            line
            for line in itertools.count()
            if all(ranks[group[0]] - ranks[other[-1]] > clear for other in lines.get(line, ()))
        )
        lines.setdefault(next(free), []).append(group)
    return lines


# --- places ---------------------------------------------------------------------------------------


def _layout(
    result: Comparison,
    ranks: pd.Series,
    width: float,
    size: float,
    first_label: float,
    marked: tuple[str, ...],
) -> _Layout:
    names = list(ranks.index)
    n_left = math.ceil(len(names) / 2)
    room = width * (1 - _AXIS_SHARE) / 2 - 0.12
    for points in _TEXT_SIZES:
        size = min(size, points)
        labels = _labels_within(result, names, size, room)
        if labels == tuple(label(result, name) for name in names):
            break
    bold = [1.12 if name in marked else 1.0 for name in names]  # bold letters are that much wider
    widths = [style.text_inches(t, size) * b for t, b in zip(labels, bold, strict=True)]
    left = max(widths[:n_left]) + 0.17
    right = max(widths[n_left:], default=0.0) + 0.17
    high = max(math.ceil(ranks.max()), 2)
    inch = (high - 1) / (width - left - right)  # labels are in inches, the axis is in ranks
    return _Layout(high, 1 - left * inch, high + right * inch, inch, first_label, size, labels)


def _labels_within(
    result: Comparison, names: list[str], size: float, room: float
) -> tuple[str, ...]:
    figures = [f"  {_figures(result, name)}" for name in names]
    rooms = [room - style.text_inches(text, size) for text in figures]
    texts = style.fitted_together(names, size, rooms)
    return tuple(text + figure for text, figure in zip(texts, figures, strict=True))


# --- drawing --------------------------------------------------------------------------------------


def _draw_axis(ax: Axes, layout: _Layout, title: str) -> None:
    small, colours = min(layout.text, SMALL), style.inside(ax)
    ink, ends = colours.ink, [1, layout.high]
    ax.plot(ends, [0, 0], color=ink, linewidth=1.2, solid_capstyle="butt", **LINE)
    for tick in style.rank_ticks(layout.high, (layout.high - 1) / layout.inch, small):
        ax.plot([tick, tick], [0, -0.35], color=ink, linewidth=1.0, **LINE)
        ax.text(
            tick, -0.45, str(tick), ha="center", va="bottom", fontsize=small, color=ink, **PLAIN
        )
    ax.text(
        (layout.left + layout.right) / 2,
        -_HEAD,
        title,
        ha="center",
        va="bottom",
        fontsize=small,
        color=colours.quiet,
        linespacing=1.1,
        **PLAIN,
    )


def _draw_group(ax: Axes, ranks: pd.Series, group: list[str], y: float, bold: float) -> None:
    place = {name: i for i, name in enumerate(ranks.index)}
    ink = style.inside(ax).ink
    for here, there in itertools.pairwise(group):
        gap = place[there] - place[here] > 1
        ax.plot(
            [ranks[here], ranks[there]],
            [y, y],
            color=ink,
            linewidth=0.35 * bold if gap else bold,
            linestyle=":" if gap else "-",
            marker="None",
            solid_capstyle="butt",
            gid="gap" if gap else "bar",
        )
    ax.plot(
        [ranks[name] for name in group],
        [y] * len(group),
        "o",
        color=ink,
        markersize=1.4 * bold,
        gid="member",
    )


def _draw_segments(ax: Axes, ranks: pd.Series, layout: _Layout, marked: tuple[str, ...]) -> None:
    n_left, colours = math.ceil(len(ranks) / 2), style.inside(ax)
    for i, (name, rank) in enumerate(ranks.items()):
        at_left = i < n_left
        y = layout.first_label + (i if at_left else len(ranks) - 1 - i)
        away = -layout.inch if at_left else layout.inch
        edge = (1 if at_left else layout.high) + 0.1 * away
        colour = colours.accent if name in marked else colours.ink
        stem = colours.accent if name in marked else colours.stem
        places = [rank, rank, edge], [0, y, y]
        ax.plot(*places, color=stem, linewidth=0.7, gid="stem", zorder=1, **LINE)
        ax.text(
            edge + 0.04 * away,
            y,
            layout.labels[i],
            ha="right" if at_left else "left",
            va="center",
            fontsize=layout.text,
            color=colour,
            fontweight=style.weight_of(str(name), marked),
            gid="label",
            **PLAIN,
        )
