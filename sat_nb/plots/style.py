"""What the plots share: colours, sizes in print, texts that fit, names as plain text, numbers.

Colours, fonts and grids follow the user's settings, such as a theme of seaborn. Sizes do not: they
are those of print, and texts are fitted to them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.plots.marks import LINE as LINE
from sat_nb.plots.names import PLAIN as PLAIN
from sat_nb.plots.names import fitted_together as fitted_together
from sat_nb.plots.names import legend_texts as legend_texts
from sat_nb.plots.names import short as short
from sat_nb.plots.names import shorts as shorts
from sat_nb.plots.names import text_inches as text_inches
from sat_nb.plots.new_figures import axes_or_new as axes_or_new
from sat_nb.plots.new_figures import figure_or_new as figure_or_new
from sat_nb.plots.palette import ACCENT as ACCENT
from sat_nb.plots.palette import BARS as BARS
from sat_nb.plots.palette import FAINT as FAINT
from sat_nb.plots.palette import FAINTEST as FAINTEST
from sat_nb.plots.palette import FAINTEST_GRID as FAINTEST_GRID
from sat_nb.plots.palette import INK as INK
from sat_nb.plots.palette import QUIET as QUIET
from sat_nb.plots.palette import Palette as Palette
from sat_nb.plots.palette import around as around
from sat_nb.plots.palette import inside as inside
from sat_nb.printable import literal
from sat_nb.temporary import settle_default

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Widths of one and of two columns of a journal, in inches; text sizes in points at that width.
COLUMN, PAGE = 3.5, 7.0
# For rows with names at the left and numbers at the right. At the width of a column, 85 mm, small
# texts are 5 points high.
SHARED = 4.6
TEXT, SMALL, SMALLEST = 8.0, 7.0, 6.0
LINE_INCHES = 0.165  # from one line of TEXT to the next
_MARGIN = 0.35  # inches around empty axes; a layout would find the same in 20 ms
_GRID_WIDTH = 0.7  # points
_NAMES_SHARE = 0.36  # names at the left take at most this share of the width

HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "----", "++++")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

settle_default()

# Weak keys: the numbers are forgotten together with their axes.
_NUMBERS: WeakKeyDictionary[Any, pd.DataFrame] = WeakKeyDictionary()


# --- axes and sizes -------------------------------------------------------------------------------


def size_of(ax: Axes) -> tuple[float, float]:
    """Width and height of the axes in inches, after the figure's layout has placed them."""
    root = ax.get_figure(root=True)
    assert root is not None
    layout = root.get_layout_engine()
    if layout is not None and root.axes == [ax] and ax.axison and not ax.has_data():
        return root.get_figwidth() - _MARGIN, root.get_figheight() - _MARGIN
    if layout is not None:
        layout.execute(root)  # otherwise it runs at the first draw, after the texts were fitted
    box = ax.get_window_extent()
    return box.width / root.dpi, box.height / root.dpi


def row_points(ax: Axes) -> float:
    """The height in points of a row whose place was given by ``name_rows``."""
    root = ax.get_figure(root=True)
    assert root is not None
    first, last = ax.get_ylim()
    return float(72 * ax.get_window_extent().height / root.dpi / abs(last - first))


def fitting(size: float, room_inches: float) -> float:
    """``size`` in points, or less where lines of text are only ``room_inches`` apart."""
    return max(min(size, 0.84 * 72 * room_inches), 1.0)


def uncut_size(texts: Iterable[str], width: float) -> float:
    """The largest size at which texts fit a width in inches; where none does, the usual one."""
    widest = max(text_inches(text, 10.0) for text in texts) / 10
    return next((size for size in (TEXT, SMALL, SMALLEST) if size * widest <= width), TEXT)


def rank_ticks(last: int, width: float, size: float = SMALL) -> list[int]:
    """Ticks at rank 1 and in whole steps, with room for numbers on an axis of ``width`` inches."""
    apart = 1.8 * text_inches("00", size) * max(last - 1, 1) / width
    step = next((s for s in (1, 2, 5, 10, 20, 50, 100) if s >= apart), 1000)
    return [1, *range(step if step > 1 else 2, last + 1, step)]


def finish_x(ax: Axes, text: str, *, last_rank: float | None = None) -> float:
    """Set ticks, of ranks or round numbers, and the label of the x axis; return its width.

    The width is in inches; ``last_rank`` is the end of an axis of ranks.
    """
    from matplotlib.ticker import MaxNLocator

    width, _ = size_of(ax)
    if last_rank is None:
        n = min(max(int(width / 0.5), 1), 6)
        ax.xaxis.set_major_locator(MaxNLocator(n, steps=[1, 2, 2.5, 5, 10]))
    else:
        ax.set_xticks(rank_ticks(max(int(last_rank), 2), width))
    lines = wrapped(text.split(" "), TEXT, max(width, 1.2), " ")
    colours = around(ax)
    ax.set_xlabel(lines, fontsize=TEXT, color=colours.ink, **PLAIN)
    ax.xaxis.get_offset_text().set(fontsize=SMALL, color=colours.quiet)
    return width


def wrapped(parts: Iterable[str], size: float, width: float, join: str = " · ") -> str:
    """The parts, joined, on as many lines as a width in inches requires."""
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]}{join}{part}" if lines else part
        if lines and text_inches(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return "\n".join(lines)


# --- names ----------------------------------------------------------------------------------------


def write_title(figure: Any, text: str) -> None:
    """Write a title at the left above a part of a figure."""
    colour = around(figure).ink
    line = short(text, 90)
    figure.suptitle(line, x=0.01, ha="left", fontsize=TEXT, color=colour, weight="bold", **PLAIN)


def nth_of(series: int, n_colours: int = len(BARS)) -> int:
    """Which hatch or marker a series has: with its colour, it is the only one.

    There are seven for each of the ``n_colours``.
    """
    return (series % n_colours + series // n_colours) % len(MARKERS)


def with_minus(number: str) -> str:
    """A number with the sign for minus that the user's settings, and their font, have."""
    import matplotlib as mpl

    return number.replace("-", "−") if mpl.rcParams["axes.unicode_minus"] else number


def title_of(ax: Axes, text: str, **options: Any) -> None:
    """Write a title at the left, in a quiet colour unless ``options`` say otherwise."""
    options = {"fontsize": TEXT, "color": around(ax).quiet, "loc": "left", **options}
    ax.set_title(text, **options, **PLAIN)


def weight_of(name: str, highlight: Iterable[str]) -> str:
    """Bold for highlighted names, so that a print in grey shows them too."""
    return "bold" if name in highlight else "normal"


def as_names(highlight: str | Iterable[str]) -> tuple[str, ...]:
    """One name or several, as a tuple."""
    return (highlight,) if isinstance(highlight, str) else tuple(highlight)


def name_rows(
    ax: Axes,
    names: Sequence[str],
    highlight: Collection[str] = (),
    *,
    first: float = 0.0,
    share: float = _NAMES_SHARE,
) -> float:
    """Write names down the left side, first on top, one a line; return the text size used.

    ``first`` is the height of the first row, ``share`` the part of the width that names may take.
    """
    ax.set_ylim(first + len(names) - 0.4, first - 0.6)
    width, height = size_of(ax)
    size = fitting(TEXT, height / len(names))
    room = max(share * width, 0.8)
    texts = fitted_together(names, size, [room] * len(names))
    colours = around(ax)
    heights = [first + i for i in range(len(names))]
    ax.set_yticks(heights, texts, fontsize=size, **PLAIN)
    for text, name in zip(ax.get_yticklabels(), names, strict=True):
        colour = colours.accent if name in highlight else colours.ink
        text.set(color=colour, fontweight=weight_of(name, highlight))
    ax.tick_params(axis="y", length=0)
    return size


def frame_lightly(ax: Axes, *, rows: bool = True) -> None:
    """Keep only the spines that carry ticks, and use small tick labels."""
    ax.spines[["top", "right"]].set_visible(False)
    if rows:
        ax.spines["left"].set_visible(False)
    # A theme for posters has lines as thick as the marks in print.
    ax.tick_params(axis="x" if rows else "both", labelsize=SMALL, grid_linewidth=_GRID_WIDTH)
    for spine in ax.spines.values():
        spine.set_linewidth(min(spine.get_linewidth(), 1.25))
    ink_axes(ax, "x" if rows else "both")


def ink_axes(ax: Axes, axis: Literal["x", "y", "both"] = "both") -> None:
    """Draw ticks, their numbers and the frame so that they read on the figure."""
    ax.tick_params(axis=axis, colors=around(ax).ink)
    _ink_frame(ax)


def draw_grid(ax: Axes, axis: Literal["x", "y"]) -> None:
    """Draw lines across the plot, in the colour of the user's grid if the settings have one."""
    import matplotlib as mpl

    colours = inside(ax)
    own = mpl.rcParams["grid.color"] if mpl.rcParams["axes.grid"] else colours.faint
    colour = colours.legible(own, FAINTEST_GRID, colours.faint)
    ax.grid(axis=axis, color=colour, linewidth=_GRID_WIDTH, linestyle="-")
    ax.set_axisbelow(True)


def _ink_frame(ax: Axes) -> None:
    """Colour a frame that does not read; axes of a shade of their own need none."""
    colours = around(ax)
    if inside(ax).paper != colours.paper:
        return
    for spine in ax.spines.values():
        spine.set_edgecolor(colours.legible(spine.get_edgecolor(), FAINTEST))


def keep_legible(ax: Axes) -> None:
    """Keep the user's colours of labels, ticks and frame, but for those that do not read."""
    colours = around(ax)
    for axis in (ax.xaxis, ax.yaxis):
        axis.label.set_color(colours.legible(axis.label.get_color()))
        tick = axis.get_major_ticks(1)[0]
        legible = colours.legible(tick.label1.get_color())
        if legible != tick.label1.get_color():
            axis.set_tick_params(colors=legible)
    _ink_frame(ax)


def write_aside(ax: Axes, texts: Iterable[str], size: float) -> None:
    """Write a text at the right edge of each row."""
    side, quiet = ax.get_yaxis_transform(), around(ax).quiet
    for y, text in enumerate(texts):
        ax.text(1.02, y, text, transform=side, va="center", fontsize=size, color=quiet, **PLAIN)


def legend_of(ax: Axes, **options: Any) -> Any:
    """A legend without a frame, with small names as plain text; ``loc="best"`` is on the axes."""
    options = {"fontsize": SMALL, **options}
    colours = inside(ax) if options.get("loc") == "best" else around(ax)
    return _plain(ax.legend(frameon=False, **options), colours)


def keys_of(colours: Sequence[str], markers: Sequence[str], points: float = 5.0) -> list[Any]:
    """What a legend shows for dots: the marker of each series in its colour."""
    from matplotlib.lines import Line2D

    form: dict[str, Any] = {"linestyle": "none", "markersize": points, "markeredgecolor": "none"}
    pairs = zip(colours, markers, strict=True)
    return [Line2D([], [], color=colour, marker=marker, **form) for colour, marker in pairs]


def series_forms(ax: Axes, n: int) -> tuple[list[str], list[str]]:
    """The colours and the markers of that many series."""
    bars = inside(ax).bars
    markers = [MARKERS[nth_of(k, len(bars))] for k in range(n)]
    return [bars[k % len(bars)] for k in range(n)], markers


def legend_columns(texts: Iterable[str], width: float) -> int:
    """How many columns of a legend fit a width in inches, at least one."""
    each = max(text_inches(text, SMALL) for text in texts) + 0.5  # its line, and a gap
    return max(int(width / each), 1)


def legend_above(
    figure: Figure, handles: Sequence[Any], labels: Sequence[Any], most: int = 3
) -> Any:
    """A legend above all panels of a figure, in at most ``most`` columns."""
    columns = min(legend_columns(labels, figure.get_figwidth()), most)
    place: dict[str, Any] = {"loc": "outside upper left", "ncols": columns}
    legend = figure.legend(handles, labels, frameon=False, fontsize=SMALL, **place)
    return _plain(legend, around(figure))


def _plain(legend: Any, colours: Palette) -> Any:
    for text in legend.get_texts():
        text.set(color=colours.legible(text.get_color()), **PLAIN)
    return legend


# --- numbers --------------------------------------------------------------------------------------


def keep_numbers(ax: Axes, numbers: pd.DataFrame) -> None:
    """Remember the numbers that a plot shows, for the CSV that ``save_figure`` writes."""
    _NUMBERS[ax] = numbers


def numbers_of(axes: Iterable[Axes]) -> list[pd.DataFrame]:
    """The numbers behind the plots on these axes."""
    return [_NUMBERS[ax] for ax in axes if ax in _NUMBERS]


def check_intervals(table: pd.DataFrame, value: str, argument: str) -> bool:
    """Whether ``low`` and ``high`` exist; InvalidInput where the value is not between them."""
    there = [column for column in ("low", "high") if column in table.columns]
    if not there:
        return False
    if len(there) == 1:
        raise InvalidInput(f"{argument}: has only {there[0]!r}; give both 'low' and 'high'.")
    outside = (table["low"] > table[value]) | (table["high"] < table[value])
    if outside.any():
        row = table[outside].iloc[0]
        raise InvalidInput(
            f"{argument}: expected low <= {value} <= high, got {row['low']:g}, {row[value]:g}, "
            f"{row['high']:g} in row {literal(table.index[outside][0])}."
        )
    return True
