"""Figures for pages: placed by an estimate, as their boxes are widened to hold all text anyway."""

from __future__ import annotations

import io
import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.textpath import TextToPath

from sat_nb.plots.names import text_inches
from sat_nb.plots.style import TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.font_manager import FontProperties
    from matplotlib.text import Text

_DPI = 72  # of SVG, whose unit is the point
_IMAGE_DPI = 100  # of what is pixels
_PAD = 0.05  # inches around all
_GAP = 4.0  # points between the axes, the numbers on them, and their label
_LINE = 1.2  # the height of a line of text, in its size


def page_figure(width: float, height: float) -> Figure:
    """A new figure of that size in inches, which pyplot does not know."""
    figure = Figure(figsize=(width, height), dpi=_DPI, layout=PageLayout())
    PageCanvas(figure)
    return figure


def svg_text(figure: Figure) -> str:
    """The figure as an SVG file, drawn once; ``savefig`` would draw it twice."""
    PageCanvas(figure)
    figure.set_dpi(_DPI)
    written = io.StringIO()
    inner = _renderer(figure, written)
    mixed: Any = MixedModeRenderer  # matplotlib's stubs have no arguments for it
    renderer = mixed(figure, *figure.get_size_inches(), _IMAGE_DPI, inner)
    figure.draw(renderer)
    renderer.finalize()
    return written.getvalue()


class PageCanvas(FigureCanvasBase):
    """Measures texts as SVG does."""

    def get_renderer(self) -> PageRenderer:
        """What measures texts, for layouts."""
        return _renderer(self.figure, io.StringIO())


class PageRenderer(RendererSVG):
    """Measures a text once, not once for each figure: a tenth of the time of a picture."""

    def get_text_width_height_descent(
        self, s: str, prop: FontProperties, ismath: Any
    ) -> tuple[float, float, float]:
        """The size of a text in points."""
        if ismath:
            return super().get_text_width_height_descent(s, prop, ismath)
        fonts = (*mpl.rcParams["font.sans-serif"], *mpl.rcParams["font.serif"])
        return _measured(s, prop.copy(), fonts)


def _renderer(figure: Figure, written: io.StringIO) -> PageRenderer:
    width, height = _DPI * figure.get_size_inches()
    options: dict[str, Any] = {"image_dpi": _IMAGE_DPI, "metadata": {"Date": None}}
    return PageRenderer(width, height, written, **options)


@lru_cache(maxsize=10_000)
def _measured(
    text: str, font: FontProperties, fonts: tuple[str, ...]
) -> tuple[float, float, float]:
    """The size of a text in points; ``fonts`` are the user's, which the font may stand for."""
    return TextToPath().get_text_width_height_descent(text, font, ismath=False)


class PageLayout(ConstrainedLayoutEngine):
    """Places the only axes of a figure by the texts around them, which nearly fit then.

    Constrained layout, which is used for any other figure, measures each text up to eight times:
    20 ms for twelve names, a fifth of the time that a click takes.
    """

    def execute(self, fig: Figure) -> None:
        """Place the axes of a figure; again where it got a legend, which has to be within it."""
        if len(fig.axes) != 1 or fig.legends or fig.subfigs or fig.get_suptitle():
            super().execute(fig)
            return
        (ax,) = fig.axes
        width, height = fig.get_size_inches()
        left, bottom, right, top = _margins(ax)
        ax.set_position(
            (
                left / width,
                bottom / height,
                max(width - left - right, 0.2 * width) / width,
                max(height - bottom - top, 0.2 * height) / height,
            )
        )
        ax.set_in_layout(True)  # as axes that were placed by hand are not
        ax.apply_aspect()


def _margins(ax: Axes) -> tuple[float, float, float, float]:
    """The room in inches at the left, below, at the right and above."""
    title = ax.get_title("left") or ax.get_title()
    above = _PAD + _height(title, TEXT) + _legend_above(ax)
    if not ax.axison:
        return _PAD, _PAD, _PAD, above
    names, numbers = _ticks(ax.yaxis)[0], _ticks(ax.xaxis)[1]
    left = _PAD + names + _height(ax.get_ylabel(), _size(ax.yaxis.label))
    below = _PAD + _height(ax.get_xlabel(), _size(ax.xaxis.label))
    right = _PAD + max(_beside(ax), _over_the_edge(ax, left))
    if ax.xaxis.get_ticks_position() == "top":
        return left, below, right, above + numbers
    return left, below + numbers, right, above


def _over_the_edge(ax: Axes, left: float) -> float:
    """How far turned names of columns, which begin in their middle, reach beyond the last one."""
    texts, size, angle = _labels(ax.xaxis)
    if not angle:
        return 0.0
    figure: Any = ax.get_figure(root=True)
    column = (figure.get_figwidth() - left) / len(texts)
    wide = [math.cos(angle) * text_inches(text, size) for text in texts]
    return max(w - column * (len(texts) - i - 0.5) for i, w in enumerate(wide))


def _height(text: str, size: float) -> float:
    """Of a label or title, with the gap before it."""
    lines = text.splitlines()
    return (_GAP + _LINE * size * len(lines)) / 72 if lines else 0.0


def _size(text: Text) -> float:
    return float(text.get_fontsize())


def _ticks(axis: Axis) -> tuple[float, float]:
    """Width and height of the texts of an axis' ticks, with the gap before them."""
    tick: Any = axis.get_major_ticks(1)[0]
    gap = tick.get_pad() / 72
    across, up = _label_size(axis)
    return gap + across, gap + up


def _label_size(axis: Axis) -> tuple[float, float]:
    """Width and height of the widest text of an axis' ticks, as it is turned."""
    texts, size, angle = _labels(axis)
    if not any(texts):
        return 0.0, 0.0
    widest, line = max(text_inches(text, size) for text in texts), _LINE * size / 72
    along, across = abs(math.cos(angle)), abs(math.sin(angle))
    return along * widest + across * line, across * widest + along * line


def _labels(axis: Axis) -> tuple[list[str], float, float]:
    """The texts of an axis' ticks, their size in points and their angle."""
    texts = axis.get_major_formatter().format_ticks(list(axis.get_majorticklocs()))
    tick: Any = axis.get_major_ticks(1)[0]
    label = tick.label2 if tick.label2.get_visible() else tick.label1
    return texts, _size(label), math.radians(label.get_rotation())


def _legend_above(ax: Axes) -> float:
    legend = ax.get_legend()
    if legend is None:
        return 0.0
    extent = legend.get_window_extent()
    return extent.height / ax.figure.dpi if extent.y0 >= ax.bbox.y1 - 1 else 0.0


def _beside(ax: Axes) -> float:
    """Of texts at the right of rows."""
    rows = ax.get_yaxis_transform()
    texts = [t for t in ax.texts if t.get_transform() == rows and t.get_position()[0] > 1]
    widths = [text_inches(text.get_text(), _size(text)) for text in texts]
    return max(widths) + 2 * _GAP / 72 if widths else 0.0
