"""The panel of all controls, of which a view shows those that matter for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import ipywidgets as widgets

from sat_nb.widgets.choices import choices_of
from sat_nb.widgets.controls import CONTROLS
from sat_nb.widgets.fields import button
from sat_nb.widgets.state import ROW_FILTERS, ExplorerState, Offer
from sat_nb.widgets.views import VIEWS

NO_FILTERS = {
    name: getattr(ExplorerState(), name) for name in ROW_FILTERS if CONTROLS[name].group == "filter"
}
"""The fields that the group of filters sets, and their values without any filter."""


class ControlPanel:
    """All controls; ``change(**fields)`` is called with what a user changes."""

    def __init__(self, change: Callable[..., None]) -> None:
        self.fields = {
            name: control.make(partial(_change_one, change, name))
            for name, control in CONTROLS.items()
        }
        for name, field in self.fields.items():
            field.widget.add_class(f"sat-control-{name}")
        self._toggle = widgets.ToggleButton(
            tooltip="Which segments and photos count", layout={"width": "auto"}
        )
        self._toggle.add_class("sat-filters")
        self._toggle.add_class("sat-plain")
        self._toggle.observe(lambda _: self._fold(), "value")
        self._clear = button(
            "Clear all", "Remove all filters", "sat-clear", partial(change, **NO_FILTERS)
        )
        self._clear.add_class("sat-plain")
        self._n_filters = 0
        self._filters = self._group("filter")
        head = widgets.HBox([self._toggle, self._clear])
        groups = [self._group(group) for group in ("methods", "what", "how")]
        self.widget = widgets.Box([*groups, _box([head, self._filters])])
        self.widget.add_class("sat-controls")

    def put(self, state: ExplorerState, offer: Offer) -> None:
        """Show a state, and the controls that matter for it."""
        view, choices = VIEWS[state.view], choices_of(state, offer)
        named = {*view.uses, *view.display, *ROW_FILTERS}
        for name, field in self.fields.items():
            control, possible = CONTROLS[name], choices.get(name, ())
            field.put(getattr(state, name), possible)
            # With two models, "no other model" stays visible where it is the only choice left.
            fixed = name in choices and len(possible) < 2
            fixed = fixed and not (name == "versus" and len(offer.models) > 1)
            matters = (control.in_every_view or name in named) and control.is_offered(offer)
            field.widget.layout.display = None if matters and not fixed else "none"
        self._n_filters = sum(getattr(state, name) != unset for name, unset in NO_FILTERS.items())
        self._fold()

    def _group(self, group: str) -> widgets.Widget:
        return _box([f.widget for n, f in self.fields.items() if CONTROLS[n].group == group])

    def _fold(self) -> None:
        opened = self._toggle.value
        number = f" ({self._n_filters})" if self._n_filters else ""
        self._toggle.description = f"Filters{number} {'▾' if opened else '▸'}"
        self._filters.layout.display = None if opened else "none"
        self._clear.layout.display = None if self._n_filters else "none"


def _change_one(change: Callable[..., None], name: str, value: Any) -> None:
    change(**{name: value})


def _box(children: list[Any]) -> widgets.Widget:
    box = widgets.VBox(children)
    box.add_class("sat-group")
    return box
