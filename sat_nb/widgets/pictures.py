"""Pictures of panels as SVG that takes the page's colours, and several panels as one figure."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sat_nb.plots.style import ACCENT, BARS, FAINT, INK, QUIET, text_inches

if TYPE_CHECKING:
    from matplotlib.figure import Figure

THEMED = {
    INK: "--sat-ink",
    "#000000": "--sat-ink",
    QUIET: "--sat-quiet",
    FAINT: "--sat-faint",
    ACCENT: "--sat-accent",
    BARS[0]: "--sat-first",
    "#ffffff": "--sat-paper",
    "#fbeee4": "--sat-shade",
}
"""Colour of the pictures -> variable of the page that stands for it; see ``look``."""

SCALE = 1.2  # a picture made for print, on a screen
_COLOURS = re.compile(r"(fill|stroke): (" + "|".join(THEMED) + r")\b")
_NOT_FOR_PAGES = re.compile(
    r'<style type="text/css">.*?</style>|<metadata>.*?</metadata>|<!--.*?-->', re.DOTALL
)


def svg_of(figure: Figure, says: str, *, themed: bool = True) -> str:
    """A figure as an <svg> element for a page: text stays text, colours follow the theme.

    ``says`` is its text for screen readers. The figure is spent: what is behind it is gone. A
    ``themed`` one without a legend is not laid out again, which would take a third of the time:
    it gets room for all text, wherever the last layout left its axes. (Markers of a legend that
    is outside the figure would be lost.)
    """
    if themed and not any(ax.get_legend() for ax in figure.axes):
        figure.set_layout_engine("none")
    svg = _drawn(figure, see_through=themed)
    svg = _NOT_FOR_PAGES.sub("", svg[svg.index("<svg") :])
    left, top, width, height = room_of(svg) if themed else _box(svg)
    root = (
        f'<svg role="img" aria-label="{html.escape(says)}" '
        f'viewBox="{left:.1f} {top:.1f} {width:.1f} {height:.1f}" '
        f'style="max-width: {width * 96 / 72 * SCALE:.0f}px; stroke-linejoin: round; '
        'stroke-linecap: butt">'
    )
    svg = root + _FONTS.sub("", svg[svg.index(">") + 1 :])
    if themed:
        svg = _COLOURS.sub(lambda m: f"{m[1]}: var({THEMED[m[2]]}, {m[2]})", svg)
    return svg


_FONTS = re.compile(r"font-family: [^;\"]*; ?")
_VIEW = re.compile(r'viewBox="([\d. -]+)"')
_TEXT = re.compile(
    r'<text style="font-size: ([\d.]+)px([^"]*)"'
    r'(?: x="([-\d.]+)" y="([-\d.]+)"| transform="translate\(([-\d.]+) ([-\d.]+)\))'
    r"[^>]*>([^<]*)"
)
_LEFT_OF_X = {"anchor: middle": 0.5, "anchor: end": 1.0}  # the share of a text that is


def room_of(svg: str, rim: float = 3.0) -> tuple[float, float, float, float]:
    """Left, top, width and height that hold a matplotlib SVG and all of its level text.

    >>> room_of('<svg viewBox="0 0 9 9"><text style="font-size: 10px; text-anchor: end" '
    ...     'x="4" y="-20">I</text></svg>')[1]
    -32.0
    """
    left, top, width, height = _box(svg)
    right, bottom = left + width, top + height
    for size, style, *places, text in _TEXT.findall(svg):
        x, y, points = float(places[0] or places[2]), float(places[1] or places[3]), float(size)
        across = 72 * text_inches(html.unescape(text), points)
        begin = x - across * next((share for a, share in _LEFT_OF_X.items() if a in style), 0.0)
        left, right = min(left, begin - rim), max(right, begin + across + rim)
        top, bottom = min(top, y - 0.9 * points - rim), max(bottom, y + 0.3 * points + rim)
    return left, top, right - left, bottom - top


def _box(svg: str) -> tuple[float, float, float, float]:
    found = _VIEW.search(svg)
    assert found is not None
    left, top, width, height = map(float, found[1].split())
    return left, top, width, height


def _drawn(figure: Figure, *, see_through: bool) -> str:
    """The figure as SVG, drawn once; ``savefig`` goes through it twice."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    if see_through:
        for patch in (figure.patch, *(ax.patch for ax in figure.axes)):
            patch.set_alpha(0.0)
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": None}):
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})
    return buffer.getvalue()


def stacked(draws: Sequence[Callable[[Any], Any]]) -> Figure:
    """One figure of several pictures, one below another, each as large as by itself.

    Each of ``draws`` takes a figure to draw on, or None for a new one, and returns axes or figure.
    """
    alone = [released(draw(None)) for draw in draws]
    if len(alone) == 1:
        return alone[0]
    from matplotlib.figure import Figure

    heights = [figure.get_figheight() for figure in alone]
    width = max(figure.get_figwidth() for figure in alone)
    whole = Figure(figsize=(width, sum(heights)), layout="constrained")
    parts: Any = whole.subfigures(len(draws), 1, height_ratios=heights)
    for draw, part in zip(draws, parts, strict=True):
        draw(part)
    return whole


def png_of(figure: Figure, dpi: float = 150) -> bytes:
    """A figure as PNG on white."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def data_uri(content: bytes, kind: str) -> str:
    """Bytes as a link that holds them, such as ``kind="image/png"``."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def released(picture: Any) -> Figure:
    """The figure of these axes, which pyplot forgets: no notebook shows it by itself."""
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    figure = picture if isinstance(picture, Figure) else picture.get_figure(root=True)
    plt.close(figure)
    return figure
