"""New figures for plots: pyplot's, or for a while those of whoever shows the plots."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def _of_pyplot(width: float, height: float) -> Figure:
    import matplotlib.pyplot as plt

    return plt.figure(figsize=(width, height), layout="constrained")


_MAKE: ContextVar[Callable[[float, float], Figure]] = ContextVar("make", default=_of_pyplot)


@contextmanager
def made_by(make: Callable[[float, float], Figure]) -> Iterator[None]:
    """Within it, ``make(width, height)``, in inches, makes the figures of plots.

    >>> from matplotlib.figure import Figure
    >>> with made_by(lambda width, height: Figure((2 * width, height))):
    ...     figure_or_new(None, 2, 1).get_size_inches().tolist()
    [4.0, 1.0]
    """
    before = _MAKE.set(make)
    try:
        yield
    finally:
        _MAKE.reset(before)


def axes_or_new(ax: Axes | None, width: float, height: float) -> Axes:
    """``ax``, or the axes of a new figure of that size in inches."""
    return _MAKE.get()(width, height).subplots() if ax is None else ax


def figure_or_new(figure: Figure | None, width: float, height: float) -> Figure:
    """``figure``, or a new one of that size in inches."""
    return _MAKE.get()(width, height) if figure is None else figure
