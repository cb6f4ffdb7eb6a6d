"""What the pictures share: colours, axes, and names as plain text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = "#222222"
QUIET = "#8a8a8a"
ACCENT = "#c8102e"
BARS = ("#3b6ea5", "#e0a030", "#5f9e6e", "#9467bd", "#8c564b", "#50b0c0")

# Names come from strangers' files: drawn as they are, never read as mathematics.
PLAIN: dict[str, Any] = {"parse_math": False}


def axes_or_new(ax: Axes | None, width: float, height: float) -> Axes:
    """``ax``, or the axes of a new figure of that size in inches."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def short(name: str, longest: int = 32) -> str:
    """A name on one line, cut with an ellipsis where it is long.

    >>> short("a name that goes on and on and on and on")
    'a name that goes on and on and …'
    """
    line = " ".join(name.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def colour_of(name: str, highlight: Iterable[str], usual: str = INK) -> str:
    """The accent for names to be highlighted, else the usual colour."""
    return ACCENT if name in highlight else usual


def as_names(highlight: str | Iterable[str]) -> tuple[str, ...]:
    """One name or several, as a tuple."""
    return (highlight,) if isinstance(highlight, str) else tuple(highlight)
