"""What the pictures share: colours, sizes in print, checks of columns, and names as plain text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import pandas as pd

from sat_nb.errors import InvalidInput, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Widths of one and of two columns of a journal, in inches; text sizes in points at that width.
COLUMN, PAGE = 3.5, 7.0
TEXT, SMALL = 8.0, 7.0
LINE_INCHES = 0.165  # from one line of TEXT to the next
_NAMES_SHARE = 0.36  # of the width, at most, for names at the left

INK = "#222222"
QUIET = "#666666"
FAINT = "#dddddd"
ACCENT = "#c24a00"
# Okabe and Ito's colours without yellow, neighbours apart in lightness; hatches and markers
# repeat what the colours say, for prints in grey.
BARS = ("#0072b2", "#e69f00", "#009e73", "#56b4e9", "#d55e00", "#cc79a7", "#555555")
HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "----", "++++")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

# Names come from strangers' files: drawn as they are, never read as mathematics.
PLAIN: dict[str, Any] = {"parse_math": False}

_NUMBERS: WeakKeyDictionary[Any, pd.DataFrame] = WeakKeyDictionary()


# --- axes and sizes -------------------------------------------------------------------------------


def axes_or_new(ax: Axes | None, width: float, height: float) -> Axes:
    """``ax``, or the axes of a new figure of that size in inches."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def figure_or_new(figure: Figure | None, width: float, height: float) -> Figure:
    """``figure``, or a new one of that size in inches."""
    if figure is not None:
        return figure
    import matplotlib.pyplot as plt

    return plt.figure(figsize=(width, height), layout="constrained")


def size_of(ax: Axes) -> tuple[float, float]:
    """Width and height of the axes in inches, once the figure's layout has placed them."""
    root = ax.get_figure(root=True)
    assert root is not None
    layout = root.get_layout_engine()
    if layout is not None:
        layout.execute(root)
    box = ax.get_window_extent()
    return box.width / root.dpi, box.height / root.dpi


def fitting(size: float, room_inches: float) -> float:
    """``size`` in points, or what is left for lines of text that are ``room_inches`` apart."""
    return max(min(size, 0.84 * 72 * room_inches), 1.0)


def text_inches(text: str, size: float) -> float:
    """Width of a line of text in inches, in the font that the user's settings name."""
    import matplotlib as mpl

    family = mpl.rcParams["font.family"]
    return _text_points(text, tuple([family] if isinstance(family, str) else family)) * size / 720


@lru_cache(maxsize=10_000)
def _text_points(text: str, family: tuple[str, ...]) -> float:
    """Width of a line of text of 10 points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    font = FontProperties(family=family, size=10)
    return TextToPath().get_text_width_height_descent(text, font, ismath=False)[0]


def rank_ticks(last: int, width: float, size: float = SMALL) -> list[int]:
    """Rank 1, then whole steps that leave room for their numbers on an axis of ``width`` inches."""
    apart = 1.8 * text_inches("00", size) * max(last - 1, 1) / width
    step = next((s for s in (1, 2, 5, 10, 20, 50, 100) if s >= apart), 1000)
    return [1, *range(step if step > 1 else 2, last + 1, step)]


def finish_x(ax: Axes, text: str, *, last_rank: float | None = None) -> float:
    """Ticks, of ranks or of round numbers, and the name of the x axis, as its width allows.

    Returns that width in inches.
    """
    from matplotlib.ticker import MaxNLocator

    width, _ = size_of(ax)
    if last_rank is None:
        n = min(max(int(width / 0.5), 1), 6)
        ax.xaxis.set_major_locator(MaxNLocator(n, steps=[1, 2, 2.5, 5, 10]))
    else:
        ax.set_xticks(rank_ticks(max(int(last_rank), 2), width))
    lines = wrapped(text.split(" "), TEXT, max(width, 1.2), " ")
    ax.set_xlabel(lines, fontsize=TEXT, color=INK)
    ax.xaxis.get_offset_text().set(fontsize=SMALL, color=QUIET)
    return width


def wrapped(parts: Iterable[str], size: float, width: float, join: str = " · ") -> str:
    """The parts, joined, on as many lines as a width in inches asks for."""
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]}{join}{part}" if lines else part
        if lines and text_inches(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return "\n".join(lines)


# --- names ----------------------------------------------------------------------------------------


def short(name: object, longest: int = 32) -> str:
    """A name on one line; a long one loses its middle, since numbers stand at the end.

    >>> short("the zebra's left front hoof, seen from the side, number 12")
    "the zebra's left fron…number 12"
    """
    line = " ".join(str(name).split())
    if len(line) <= longest:
        return line
    tail = (longest - 1) // 3
    return f"{line[: longest - 1 - tail].rstrip()}…{line[len(line) - tail :].lstrip()}"


def fitted(name: object, size: float, width: float) -> str:
    """A name on one line of at most ``width`` inches, or else the shortest that is left of it."""
    texts = (short(name, longest) for longest in range(32, 1, -1))
    return next((text for text in texts if text_inches(text, size) <= width), short(name, 2))


def colour_of(name: str, highlight: Iterable[str], usual: str = INK) -> str:
    """The accent for names to be highlighted, else the usual colour."""
    return ACCENT if name in highlight else usual


def weight_of(name: str, highlight: Iterable[str]) -> str:
    """Bold for names to be highlighted, so that a print in grey shows them too."""
    return "bold" if name in highlight else "normal"


def as_names(highlight: str | Iterable[str]) -> tuple[str, ...]:
    """One name or several, as a tuple."""
    return (highlight,) if isinstance(highlight, str) else tuple(highlight)


def name_rows(ax: Axes, names: Sequence[str], highlight: Collection[str] = ()) -> float:
    """Write names down the left side, first on top, a line each; returns the text size used."""
    ax.set_ylim(len(names) - 0.4, -0.6)
    width, height = size_of(ax)
    size = fitting(TEXT, height / len(names))
    room = max(_NAMES_SHARE * width, 0.8)
    texts = [fitted(name, size, room) for name in names]
    ax.set_yticks(range(len(names)), texts, fontsize=size, **PLAIN)
    for text, name in zip(ax.get_yticklabels(), names, strict=True):
        text.set(color=colour_of(name, highlight), fontweight=weight_of(name, highlight))
    ax.tick_params(axis="y", length=0)
    return size


def frame_lightly(ax: Axes, *, rows: bool = True) -> None:
    """Only the spines that carry ticks, and small tick labels."""
    ax.spines[["top", "right"]].set_visible(False)
    if rows:
        ax.spines["left"].set_visible(False)
    ax.tick_params(axis="x" if rows else "both", labelsize=SMALL, colors=INK)


def write_aside(ax: Axes, texts: Iterable[str], size: float) -> None:
    """Write a text at the right edge of each row."""
    side = ax.get_yaxis_transform()
    for y, text in enumerate(texts):
        ax.text(1.02, y, text, transform=side, va="center", fontsize=size, color=QUIET, **PLAIN)


def legend_of(ax: Axes, **options: Any) -> Any:
    """The legend in the pictures' one style, its names as plain text."""
    legend = ax.legend(frameon=False, fontsize=SMALL, **options)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return legend


def legend_columns(names: Iterable[object], width: float) -> int:
    """How many columns of a legend a width in inches has room for, at least one."""
    each = max(text_inches(short(name), SMALL) for name in names) + 0.5  # its line, and a gap
    return max(int(width / each), 1)


def legend_above(figure: Figure, ax: Axes, most: int = 3) -> Any:
    """The legend of one panel's lines above all panels, in at most that many columns."""
    handles, labels = ax.get_legend_handles_labels()
    columns = min(legend_columns(labels, figure.get_figwidth()), most)
    legend = figure.legend(
        handles, labels, loc="outside upper left", ncols=columns, frameon=False, fontsize=SMALL
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    return legend


# --- numbers --------------------------------------------------------------------------------------


def keep_numbers(ax: Axes, numbers: pd.DataFrame) -> None:
    """Remember the numbers behind a picture, for the CSV that ``save_figure`` writes beside it."""
    _NUMBERS[ax] = numbers


def numbers_of(axes: Iterable[Axes]) -> list[pd.DataFrame]:
    """The numbers behind pictures on these axes."""
    return [_NUMBERS[ax] for ax in axes if ax in _NUMBERS]


def need_columns(table: object, columns: Collection[str], argument: str, origin: str) -> None:
    """Raise InvalidInput unless ``table`` is a DataFrame with rows and these columns."""
    if not isinstance(table, pd.DataFrame):
        raise InvalidInput(
            f"{argument}: expected a DataFrame, {origin}, got {type(table).__name__}."
        )
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise InvalidInput(
            f"{argument}: the columns {shorten(missing, 8)} are missing; expected {origin}, got "
            f"{list(table.columns)}."
        )
    if table.empty:
        raise InvalidInput(f"{argument}: has no rows; expected {origin}.")


def check_intervals(table: pd.DataFrame, value: str, argument: str) -> bool:
    """Whether ``low`` and ``high`` are there; InvalidInput where they do not hold the value."""
    there = [column for column in ("low", "high") if column in table.columns]
    if not there:
        return False
    if len(there) == 1:
        raise InvalidInput(f"{argument}: has {there[0]!r} alone; give both 'low' and 'high'.")
    outside = (table["low"] > table[value]) | (table["high"] < table[value])
    if outside.any():
        row = table[outside].iloc[0]
        raise InvalidInput(
            f"{argument}: expected low <= {value} <= high, got {row['low']:g}, {row[value]:g}, "
            f"{row['high']:g} in row {table.index[outside][0]!r}."
        )
    return True
