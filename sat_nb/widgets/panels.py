"""Panels: the parts of a table that a view shows side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from sat_nb.registry import Entry, registry
from sat_nb.widgets.state import ExplorerState


@dataclass(frozen=True)
class Panel:
    """The part of a table that one figure shows: some methods, under one or two models."""

    methods: tuple[str, ...]
    models: tuple[str | None, ...]

    @property
    def title(self) -> str:
        """Its methods and models."""
        return " · ".join([*self.methods, *(m for m in self.models if m is not None)])


@dataclass(frozen=True, kw_only=True)
class Division(Entry):
    """A way to divide what is shown into panels."""

    function: Callable[[ExplorerState], tuple[Panel, ...]]


def models_of(state: ExplorerState) -> tuple[str | None, ...]:
    """The model, and the one that it is compared with."""
    return (state.model,) if state.versus is None else (state.model, state.versus)


def _together(state: ExplorerState) -> tuple[Panel, ...]:
    return (Panel(state.methods, models_of(state)),)


def _by_method(state: ExplorerState) -> tuple[Panel, ...]:
    return tuple(Panel((method,), models_of(state)) for method in state.methods)


def _by_model(state: ExplorerState) -> tuple[Panel, ...]:
    return tuple(Panel(state.methods, (model,)) for model in models_of(state))


def _by_model_and_method(state: ExplorerState) -> tuple[Panel, ...]:
    pairs = [(model, method) for model in models_of(state) for method in state.methods]
    return tuple(Panel((method,), (model,)) for model, method in pairs)


DIVISIONS: dict[str, Division] = registry(
    Division(name="together", about="One panel with all methods and models.", function=_together),
    Division(
        name="by_method",
        about="One panel per method, with all models in it.",
        function=_by_method,
    ),
    Division(
        name="by_model",
        about="One panel per model, with all methods in it.",
        function=_by_model,
    ),
    Division(
        name="by_model_and_method",
        about="One panel per model and method.",
        function=_by_model_and_method,
    ),
)
"""Ways to divide what is shown into panels, for ``View(panels=...)``."""


def joined(panels: Sequence[Panel], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The tables of several panels in one; columns in front tell the panels apart.

    >>> frame = pd.DataFrame({"segment": ["eyes"]})
    >>> joined([Panel(("a",), ("m",)), Panel(("b",), ("m",))], [frame, frame])
      method segment
    0      a    eyes
    1      b    eyes
    """
    parts = []
    for panel, table in zip(panels, tables, strict=True):
        added = {
            column: ", ".join(map(str, names))
            for column, names in (("model", panel.models), ("method", panel.methods))
            if len({(p.models if column == "model" else p.methods) for p in panels}) > 1
            and column not in table
        }
        parts.append(table.assign(**added)[[*added, *table.columns]])
    return pd.concat(parts, ignore_index=True)
