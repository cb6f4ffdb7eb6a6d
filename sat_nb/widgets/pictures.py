"""Pictures of panels as SVG that takes the page's colours, and several panels as one figure."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sat_nb.plots.style import ACCENT, BARS, FAINT, INK, QUIET

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

    ``says`` is its text for screen readers. The figure is spent: what is behind it is gone.
    """
    svg = _drawn(figure, see_through=themed)
    svg = _NOT_FOR_PAGES.sub("", svg[svg.index("<svg") :])
    width = figure.get_figwidth() * 96 * SCALE
    root = (
        f'<svg role="img" aria-label="{html.escape(says)}" '
        f'style="max-width: {width:.0f}px; stroke-linejoin: round; stroke-linecap: butt"'
    )
    svg = re.sub(r'^<svg|(?<= )(?:width|height)="[\d.]+pt" ', "", svg, count=3)
    svg = root + svg
    if themed:
        svg = _COLOURS.sub(lambda m: f"{m[1]}: var({THEMED[m[2]]}, {m[2]})", svg)
    return svg


def _drawn(figure: Figure, *, see_through: bool) -> str:
    """The figure as SVG, laid out and drawn once; ``savefig`` does both twice."""
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
