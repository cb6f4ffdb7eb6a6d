"""View: one way to look at a table, and the panels that it consists of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from sat_nb.widgets.panels import Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sat_nb.widgets.data import Data
    from sat_nb.widgets.state import ExplorerState, Facts


@dataclass(frozen=True)
class View:
    """One way to look at a table.

    ``panels(state)`` divides what is shown into panels, and ``result(data, state, panel)`` is
    the finished result of each: a pure function of the rows that are selected and of the fields
    of the state in ``uses``, so it is kept. ``draw(result, state, figure)`` is a panel's picture,
    which the fields in ``marks`` decide as well; on a figure that it is given, or on a new one.
    ``table(results, state)`` says the same in one DataFrame. ``code(state, facts, panel)`` are
    the lines that make the picture from the selected rows, ``chosen``.

    ``screen`` is a name in SCREENS: how it is laid out. ``methods`` and ``models`` are the fewest
    that the view takes, ``wants`` the arguments of ``explore`` that it has something to show of.
    ``slow(state)`` says whether it is asked for by a button where rows are many. Pictures follow
    the theme of the page if they are ``themed``; those with shades of their own stand on white.
    ``caption`` is what the table beside a picture says.
    """

    title: str
    about: str
    panels: Callable[[ExplorerState], tuple[Panel, ...]]
    result: Callable[[Data, ExplorerState, Panel], Any]
    table: Callable[[list[Any], ExplorerState], pd.DataFrame]
    code: Callable[[ExplorerState, Facts, Panel], list[str]]
    draw: Callable[[Any, ExplorerState, Any], Any] | None = None
    screen: str = "pictures"
    uses: tuple[str, ...] = ()
    marks: tuple[str, ...] = ("segment",)
    methods: int = 1
    models: int = 1
    wants: tuple[str, ...] = ()
    slow: Callable[[ExplorerState], bool] = lambda state: False
    themed: bool = True
    caption: str = ""

    def possible(self, facts: Facts) -> bool:
        """Whether the table has as many methods and models as the view takes."""
        return len(facts.methods) >= self.methods and max(len(facts.models), 1) >= self.models


def axes_on(figure: Any) -> Axes | None:
    """The axes of a figure that holds nothing else; None, so that a new one is made, without."""
    return None if figure is None else figure.subplots()
