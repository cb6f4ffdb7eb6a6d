"""View: one way to look at a table, and the panels that it consists of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sat_nb.widgets.data import Data
    from sat_nb.widgets.state import ExplorerState, Facts


@dataclass(frozen=True)
class Panel:
    """The part of a table that one picture is about: some methods, under one or two models."""

    methods: tuple[str, ...]
    models: tuple[str | None, ...]


def together(state: ExplorerState) -> tuple[Panel, ...]:
    """One panel for everything."""
    return (Panel(state.methods, models_of(state)),)


def by_method(state: ExplorerState) -> tuple[Panel, ...]:
    """A panel a method, both models in it."""
    return tuple(Panel((method,), models_of(state)) for method in state.methods)


def by_model(state: ExplorerState) -> tuple[Panel, ...]:
    """A panel a model, all methods in it."""
    return tuple(Panel(state.methods, (model,)) for model in models_of(state))


def apart(state: ExplorerState) -> tuple[Panel, ...]:
    """A panel a model and method."""
    return tuple(
        Panel((method,), (model,)) for model in models_of(state) for method in state.methods
    )


def models_of(state: ExplorerState) -> tuple[str | None, ...]:
    """The model, and the one that it is compared with."""
    return (state.model,) if state.versus is None else (state.model, state.versus)


@dataclass(frozen=True)
class View:
    """One way to look at a table.

    ``panels`` divides a state into panels; ``result(data, state, panel)`` is the finished
    result of each, a pure function of what ``uses`` names of the state and of the rows that are
    selected, so it is kept; the picture depends on ``marks`` as well. ``table(results, state)`` is what the results say, as one DataFrame,
    ``draw(result, state, ax)`` a panel's picture, and ``code(state, facts, panel)`` the lines
    that make it from a table called ``chosen``. ``methods`` and ``models`` are the fewest that
    it takes, ``needs`` the arguments of ``explore`` that it cannot do without, and ``slow``
    says that it is asked for by a button where rows are many.
    """

    title: str
    about: str
    uses: tuple[str, ...]
    panels: Callable[[ExplorerState], tuple[Panel, ...]]
    result: Callable[[Data, ExplorerState, Panel], Any]
    table: Callable[[list[Any], ExplorerState], pd.DataFrame]
    code: Callable[[ExplorerState, Facts, Panel], list[str]]
    draw: Callable[[Any, ExplorerState, Axes | None], Axes] | None = None
    methods: int = 1
    models: int = 1
    needs: tuple[str, ...] = ()
    marks: tuple[str, ...] = ("segment",)
    slow: Callable[[ExplorerState], bool] = lambda state: False

    def possible(self, facts: Facts) -> bool:
        """Whether the table has as many methods and models as the view takes."""
        return len(facts.methods) >= self.methods and max(len(facts.models), 1) >= self.models


def named(parts: list[tuple[Panel, pd.DataFrame]]) -> pd.DataFrame:
    """The tables of several panels in one, told apart by ``model`` and ``method``."""
    frames = []
    for panel, frame in parts:
        for column, values in (("method", panel.methods), ("model", panel.models)):
            if len(values) == 1 and column not in frame and _differ(parts, column):
                frame = frame.assign(**{column: values[0]})
                frame = frame[[column, *frame.columns[:-1]]]
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _differ(parts: list[tuple[Panel, pd.DataFrame]], column: str) -> bool:
    values = {panel.methods if column == "method" else panel.models for panel, _ in parts}
    return len(values) > 1
