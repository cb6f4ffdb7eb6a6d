"""The controls in their groups, those that matter for what is shown."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import ipywidgets as widgets

from sat_nb.widgets.code import FILTERS
from sat_nb.widgets.controls import ALWAYS, CONTROLS
from sat_nb.widgets.fields import button
from sat_nb.widgets.state import ExplorerState, Facts, allowed
from sat_nb.widgets.views import VIEWS

NO_FILTERS = {
    name: getattr(ExplorerState(), name) for name in FILTERS if CONTROLS[name].group == "filter"
}


class ControlPanel:
    """All controls; ``step(**changes)`` is told what a user changes."""

    def __init__(self, step: Callable[..., None]) -> None:
        self.fields = {
            name: entry.make(partial(_tell, step, name)) for name, entry in CONTROLS.items()
        }
        for name, field in self.fields.items():
            field.widget.add_class(f"sat-control-{name}")
        self._filters = widgets.ToggleButton(
            tooltip="Which segments and photos count", layout={"width": "auto"}
        )
        self._filters.add_class("sat-filters")
        self._filters.add_class("sat-plain")
        self._filters.observe(lambda _: self._fold(), "value")
        self._clear = button(
            "Take all off", "Take off all filters", "sat-clear", partial(step, **NO_FILTERS)
        )
        self._clear.add_class("sat-plain")
        self._n = 0
        filters = self._group("filter")
        head = widgets.HBox([self._filters, self._clear])
        self._folded = filters
        self.widget = widgets.Box([self._group(group) for group in ("methods", "what", "how")])
        self.widget.children = [*self.widget.children, _grouped([head, filters])]
        self.widget.add_class("sat-controls")

    def put(self, state: ExplorerState, facts: Facts) -> None:
        """Show a state, and the controls that matter for it."""
        view, choices = VIEWS[state.view], allowed(state, facts)
        others = len(facts.models) > 1
        used = {*ALWAYS, *view.uses, *view.marks, *FILTERS}
        for name, field in self.fields.items():
            offered = choices.get(name, ())
            field.put(getattr(state, name), offered)
            one = name in choices and len(offered) < 2 and not (name == "versus" and others)
            matters = name in used and not one
            field.widget.layout.display = None if matters and _has(name, facts) else "none"
        self._n = sum(getattr(state, name) != none for name, none in NO_FILTERS.items())
        self._fold()

    def _group(self, group: str) -> widgets.Widget:
        return _grouped([f.widget for n, f in self.fields.items() if CONTROLS[n].group == group])

    def _fold(self) -> None:
        opened = self._filters.value
        some = f" ({self._n})" if self._n else ""
        self._filters.description = f"Filters{some} {'▾' if opened else '▸'}"
        self._folded.layout.display = None if opened else "none"
        self._clear.layout.display = None if self._n else "none"


def _tell(step: Callable[..., None], name: str, value: Any) -> None:
    step(**{name: value})


def _grouped(children: list[Any]) -> widgets.Widget:
    box = widgets.VBox(children)
    box.add_class("sat-group")
    return box


def _has(name: str, facts: Facts) -> bool:
    """Whether the data have what a control of no choices is about."""
    if name == "min_score":
        return facts.scored
    if name == "opacity":
        return facts.maps and facts.photos
    return True
