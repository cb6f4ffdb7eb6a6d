"""Panels: the parts of a table that a view shows side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from sat_nb.widgets.state import ExplorerState


@dataclass(frozen=True)
class Panel:
    """The part of a table that one picture is about: some methods, under one or two models."""

    methods: tuple[str, ...]
    models: tuple[str | None, ...]

    @property
    def title(self) -> str:
        """What tells it from other panels."""
        return " · ".join([*self.methods, *(m for m in self.models if m is not None)])


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
    pairs = [(model, method) for model in models_of(state) for method in state.methods]
    return tuple(Panel((method,), (model,)) for model, method in pairs)


def models_of(state: ExplorerState) -> tuple[str | None, ...]:
    """The model, and the one that it is compared with."""
    return (state.model,) if state.versus is None else (state.model, state.versus)


def in_one(panels: Sequence[Panel], frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The tables of several panels in one; columns in front say which row is whose.

    >>> frame = pd.DataFrame({"segment": ["eyes"]})
    >>> in_one([Panel(("a",), ("m",)), Panel(("b",), ("m",))], [frame, frame])
      method segment
    0      a    eyes
    1      b    eyes
    """
    marked = []
    for panel, frame in zip(panels, frames, strict=True):
        own = {
            column: ", ".join(map(str, names))
            for column, names in (("model", panel.models), ("method", panel.methods))
            if len({(p.models if column == "model" else p.methods) for p in panels}) > 1
            and column not in frame
        }
        marked.append(frame.assign(**own)[[*own, *frame.columns]])
    return pd.concat(marked, ignore_index=True)
