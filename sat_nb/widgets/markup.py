"""Tables, figures and files as markup for a page: HTML, SVG and data links.

Names are escaped text, never markup.
"""

from __future__ import annotations

import base64
import cmath
import html
import io
import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sat_nb.plots.export import well_formed
from sat_nb.plots.style import ACCENT, BARS, FAINT, INK, QUIET, text_inches, write_title
from sat_nb.printable import escaped, printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS_PER_PAGE = 20
_LETTER_PX = 7.2  # of the bold heads, which are the widest

# Text and tables.


def count(n: int, noun: str) -> str:
    """A number of things.

    >>> count(1, "photo"), count(1200, "photo")
    ('1 photo', '1,200 photos')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def alert(text: str) -> str:
    """What went wrong, as HTML that screen readers read at once."""
    return f'<div class="sat-message" role="alert">{escaped(text)}</div>'


def page_of(
    table: pd.DataFrame, page: int, length: int = ROWS_PER_PAGE
) -> tuple[pd.DataFrame, int, int]:
    """The rows of a page, its number brought into range, and the number of pages."""
    pages = max(1, -(-len(table) // length))
    page = min(max(page, 0), pages - 1)
    return table.iloc[page * length : (page + 1) * length], page, pages


def is_numeric(table: pd.DataFrame) -> list[bool]:
    """Whether each column holds numbers."""
    return [pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes]


def column_widths(table: pd.DataFrame) -> list[float]:
    """The width of each column in percent, see ``_letters``."""
    return _shares(_letters(table))


def least_width(table: pd.DataFrame) -> str:
    """The width that a table needs, in CSS; where the page has less, the table scrolls."""
    return _width_of(_letters(table))


def _shares(letters: list[int]) -> list[float]:
    return [100 * n / sum(letters) for n in letters]


def _width_of(letters: list[int]) -> str:
    return f"{sum(letters) * _LETTER_PX:.0f}px"


def _letters(table: pd.DataFrame) -> list[int]:
    """Letters across each column: its longest word, whole numbers, and names of 22 letters."""
    widths = []
    for i, (column, number) in enumerate(zip(table.columns, is_numeric(table), strict=True)):
        longest_word = max(len(word) for word in str(column).replace("_", " ").split(" "))
        longest_cell = max(map(len, cells_of(table.iloc[:, i])), default=0)
        cells = longest_cell if number else min(longest_cell, 22)
        widths.append(max(longest_word + 2, cells, 6) + 2)
    return widths


def table_html(
    table: pd.DataFrame,
    *,
    sort: str = "",
    descending: bool = False,
    visible_head: bool = True,
) -> str:
    """An HTML table; everything in it is escaped text.

    ``sort`` is the column that it is sorted by. A head that is not visible is there for screen
    readers.

    >>> table_html(pd.DataFrame({"segment": ["<b>"], "rank": [1.25]}))[-93:]
    '<tr><td title="&lt;b&gt;">&lt;b&gt;</td><td class="sat-number">1.25</td></tr></tbody></table>'
    """
    letters, numbers = _letters(table), is_numeric(table)
    widths = "".join(f'<col style="width:{width:.4g}%">' for width in _shares(letters))
    heads = "".join(
        _head(str(column), number, sort, descending)
        for column, number in zip(table.columns, numbers, strict=True)
    )
    columns = [
        [_data(text, number) for text in cells_of(table.iloc[:, i])]
        for i, number in enumerate(numbers)
    ]
    rows = "".join(f"<tr>{''.join(line)}</tr>" for line in zip(*columns, strict=True))
    hidden = "" if visible_head else ' class="sat-unseen"'
    return (
        f'<table class="sat-table" style="min-width: {_width_of(letters)}">'
        f"<colgroup>{widths}</colgroup>"
        f"<thead{hidden}><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )


def cells_of(column: pd.Series) -> list[str]:
    """The cells of a column; numbers of similar size have the same number of decimals.

    >>> cells_of(pd.Series([2.0, 8.16, 4.0225])), cells_of(pd.Series([1.0, 3.0]))
    (['2.000', '8.160', '4.022'], ['1', '3'])
    >>> cells_of(pd.Series([0.0001, 250.0, None]))
    ['0.0001', '250', '']
    """
    cells = [cell(value) for value in column]
    if not pd.api.types.is_float_dtype(column.dtype):
        return cells
    sizes = column.abs().replace([np.inf, 0], np.nan).dropna()
    decimals = 3 - int(np.floor(np.log10(sizes.max()))) if len(sizes) else 0
    if not 0 < decimals <= 6 or sizes.min() < 10.0**-decimals:
        return cells
    figures = [f"{value:.{decimals}f}" for value in column.fillna(0.0)]
    while figures[0][-1:] != "." and all(figure.endswith("0") for figure in figures):
        figures = [figure[:-1] for figure in figures]
    figures = [figure.rstrip(".").replace("-", "−") for figure in figures]
    return [figure if text else "" for figure, text in zip(figures, cells, strict=True)]


def cell(value: Any) -> str:
    """A value as the text of a cell: at most four digits, nothing if it is missing.

    >>> [cell(v) for v in (0.00013525, 12, 1234567.0, "a", None, True, -2.5, pd.NA)]
    ['0.0001353', '12', '1.235e+06', 'a', '', 'yes', '−2.5', '']
    """
    if value is None or value is pd.NA:
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{value:.4g}".replace("-", "−", int(value < 0))
    return printable(value)


def _head(name: str, number: bool, sort: str, descending: bool) -> str:
    kind = ' class="sat-number"' if number else ""
    order = f' aria-sort="{"descending" if descending else "ascending"}"' if name == sort else ""
    return f'<th scope="col"{kind}{order}>{escaped(name.replace("_", " "))}</th>'


def _data(text: str, number: bool) -> str:
    if number:
        return f'<td class="sat-number">{escaped(text)}</td>'
    return f'<td title="{escaped(text)}">{escaped(text)}</td>'


# Figures.

PAGE_COLOURS = {
    INK: "--sat-ink",
    "#000000": "--sat-ink",
    QUIET: "--sat-quiet",
    FAINT: "--sat-faint",
    ACCENT: "--sat-accent",
    BARS[0]: "--sat-first",
    "#ffffff": "--sat-paper",
    "#fbeee4": "--sat-shade",
}
"""A colour of the plots: the CSS variable that stands for it in explorer.css."""

_TITLE_INCHES = 0.3
SCALE = 1.2  # from a figure's size in print to its size on a screen

# What matplotlib writes, in the order in which it writes it.
_COLOURS = re.compile(r"(fill|stroke): (" + "|".join(PAGE_COLOURS) + r")\b")
_NOT_FOR_PAGES = re.compile(
    r'<style type="text/css">.*?</style>|<metadata>.*?</metadata>|<!--.*?-->', re.DOTALL
)
_FONTS = re.compile(r"font-family: [^;\"]*; ?")
_VIEW_BOX = re.compile(r'viewBox="([\d. -]+)"')
_TEXT = re.compile(
    r'<text style="font-size: ([\d.]+)px([^"]*)"'
    r'(?: x="([-\d.]+)" y="([-\d.]+)"|'
    r' transform="translate\(([-\d.]+) ([-\d.]+)\)(?: rotate\(([-\d.]+)\))?)'
    r"[^>]*>([^<]*)"
)
_SHARE_LEFT_OF_ANCHOR = {"anchor: middle": 0.5, "anchor: end": 1.0}


def svg_of(
    figure: Figure, description: str, *, themed: bool = True, salt: str | None = None
) -> str:
    """A figure as an <svg> element: text stays text, and colours follow the page's theme.

    ``description`` is for screen readers. The figure cannot be used afterwards: its background
    is transparent. A ``themed`` figure without a legend is not laid out again; instead, its box is
    widened to hold all text wherever the last layout left the axes. With ``salt``, equal figures
    are equal texts; without it, no two elements of a page share an id.
    """
    _lay_out(figure, exact=not themed)
    svg = _as_svg(figure, transparent=themed, salt=salt)
    svg = _NOT_FOR_PAGES.sub("", svg[svg.index("<svg") :])
    left, top, width, height = box_with_text(svg)
    root = (
        f'<svg role="img" aria-label="{escaped(description)}" '
        f'viewBox="{left:.1f} {top:.1f} {width:.1f} {height:.1f}" '
        f'style="max-width: {width * 96 / 72 * SCALE:.0f}px; stroke-linejoin: round; '
        'stroke-linecap: butt">'
    )
    svg = root + _FONTS.sub("", svg[svg.index(">") + 1 :])
    if themed:
        svg = _COLOURS.sub(lambda m: f"{m[1]}: var({PAGE_COLOURS[m[2]]}, {m[2]})", svg)
    return svg


def _lay_out(figure: Figure, *, exact: bool) -> None:
    """Settle the places of all axes, as far as text outside a figure shall be shown.

    What else is outside, such as the markers of a legend, matplotlib would leave out. Where
    ``exact``, several axes are kept apart as well.
    """
    engine = figure.get_layout_engine()
    several = exact and len(figure.axes) > 1
    if engine is not None and (several or any(ax.get_legend() for ax in figure.axes)):
        engine.execute(figure)
    figure.set_layout_engine("none")
    _measure_no_names(figure)


def _measure_no_names(figure: Figure) -> None:
    """Keep the names of rows out of the layout: they are measured for a label that is not there."""
    for ax in figure.axes:
        if ax.axison and not ax.get_ylabel():
            for text in ax.get_yticklabels():
                text.set_in_layout(False)


def box_with_text(svg: str, margin: float = 3.0) -> tuple[float, float, float, float]:
    """Left, top, width and height of a box for a matplotlib SVG and its text.

    >>> box_with_text('<svg viewBox="0 0 9 9"><text style="font-size: 10px; text-anchor: end" '
    ...     'x="4" y="-20">I</text></svg>')[1]
    -32.0
    """
    left, top, width, height = _view_box(svg)
    right, bottom = left + width, top + height
    for size, style, *places, turned, text in _TEXT.findall(svg):
        x, y, points = float(places[0] or places[2]), float(places[1] or places[3]), float(size)
        wide = 72 * text_inches(html.unescape(text), points)
        share = next((share for a, share in _SHARE_LEFT_OF_ANCHOR.items() if a in style), 0.0)
        turn = cmath.rect(1, math.radians(float(turned or 0)))
        ends = -wide * share, wide * (1 - share)
        corners = [turn * complex(end, up) for end in ends for up in (-0.9 * points, 0.3 * points)]
        left, right, top, bottom = (
            min(left, x + min(c.real for c in corners) - margin),
            max(right, x + max(c.real for c in corners) + margin),
            min(top, y + min(c.imag for c in corners) - margin),
            max(bottom, y + max(c.imag for c in corners) + margin),
        )
    return left, top, right - left, bottom - top


def _view_box(svg: str) -> tuple[float, float, float, float]:
    found = _VIEW_BOX.search(svg)
    assert found is not None
    left, top, width, height = map(float, found[1].split())
    return left, top, width, height


def _as_svg(figure: Figure, *, transparent: bool, salt: str | None) -> str:
    import matplotlib as mpl

    from sat_nb.widgets.page_figure import svg_text

    if transparent:
        for patch in (figure.patch, *(ax.patch for ax in figure.axes)):
            patch.set_alpha(0.0)
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        return well_formed(svg_text(figure))


def stacked(draws: Sequence[Callable[[Any], Any]], titles: Sequence[str]) -> Figure:
    """One figure of several, one below another, each in the size that it has alone.

    Each of ``draws`` takes a figure to draw on, or None for a new one, and returns axes or figure.
    Its title, if any, stands above it.
    """
    alone = [released(draw(None)) for draw in draws]
    if len(alone) == 1 and not titles[0]:
        return alone[0]
    from matplotlib.figure import Figure

    above = [_TITLE_INCHES if title else 0.0 for title in titles]
    heights = [figure.get_figheight() + more for figure, more in zip(alone, above, strict=True)]
    width = max(figure.get_figwidth() for figure in alone)
    whole = Figure(figsize=(width, sum(heights)), layout="constrained")
    parts: Any = whole.subfigures(len(draws), 1, height_ratios=heights, squeeze=False)[:, 0]
    for draw, part, title in zip(draws, parts, titles, strict=True):
        if title:
            write_title(part, title)
        draw(part)
    return whole


def png_of(figure: Figure, dpi: float = 150) -> bytes:
    """A figure as a PNG file on white."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def data_uri(content: bytes, media_type: str) -> str:
    """A link that contains a file, such as one of ``media_type="image/png"``."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def released(drawn: Any) -> Figure:
    """The figure of these axes, taken from pyplot, so that a notebook does not show it as well."""
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    figure = drawn if isinstance(drawn, Figure) else drawn.get_figure(root=True)
    plt.close(figure)
    return figure
