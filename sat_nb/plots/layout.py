"""Constrained layout that measures most names of rows once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator


class RowLayout(ConstrainedLayoutEngine):
    """Matplotlib's constrained layout, with the same places in less time.

    Matplotlib measures every tick label up to eight times, for the margins, the label and the title
    of both of its passes. Names of rows end at one line, so the longest of them decides; the others
    are out of the layout while it runs.
    """

    def execute(self, fig: Figure) -> None:
        """Place the axes of a figure."""
        with left_out([text for ax in fig.axes for text in shorter_names(ax)]):
            super().execute(fig)


def shorter_names(ax: Axes) -> list[Text]:
    """The names down the left side that reach no further than another one, in any direction."""
    axis = ax.yaxis
    if not isinstance(axis.get_major_locator(), FixedLocator) or not ax.axison:
        return []
    low, high = sorted(axis.get_view_interval())
    labels, places = axis.get_majorticklabels(), axis.get_majorticklocs()
    if len(labels) != len(places):  # there are some at the right, too
        return []
    shown = [t for t, y in zip(labels, places, strict=True) if low <= y <= high and t.get_text()]
    if len(shown) < 3 or any(text.get_rotation() for text in shown):
        return []
    boxes = {text: text.get_window_extent() for text in shown}
    longest = min(shown, key=lambda text: boxes[text].x0)
    widest = max(shown, key=lambda text: boxes[text].x1)
    top = max(shown, key=lambda text: boxes[text].y1)
    bottom = min(shown, key=lambda text: boxes[text].y0)
    return [text for text in shown if text not in (longest, widest, top, bottom)]


@contextmanager
def left_out(texts: list[Text]) -> Iterator[None]:
    """Keep texts out of the layout for a while."""
    inside = [text for text in texts if text.get_in_layout()]
    for text in inside:
        text.set_in_layout(False)
    try:
        yield
    finally:
        for text in inside:
            text.set_in_layout(True)
