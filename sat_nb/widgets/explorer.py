"""Explorer: the widget that ``explore`` gives, and what is on its screen.

What a program, and a test in a browser, can rely on:

``explorer.state`` is the :class:`ExplorerState`; assigning one sets all controls and draws at
once. ``explorer.code()``, ``figure()`` and ``table()`` give what is on the screen. The widget is
``explorer.widget``; its parts have CSS classes:

- ``sat-explorer``: the whole; ``sat-main``: the part beside the controls;
- ``sat-control-NAME``: the control of the state's field NAME (of methods, hidden and positions a
  box of buttons of class ``sat-chip``, whose text starts with a tick where it is taken);
- ``sat-tab-NAME``: the button of a view; ``sat-view-NAME``: on ``sat-main`` while it is shown;
- ``sat-picture`` and ``sat-table``: pictures (SVG elements) and HTML tables;
- ``sat-message``: an error's text; ``sat-note``: what to know about what is shown;
- ``sat-drill-segment``, ``sat-drill-image``: buttons that lead to a segment's photos, and to a
  photo's own table;
- ``sat-previous`` and ``sat-next``: the pages; ``sat-save-svg``, ``-png``, ``-csv``; ``sat-code``.
"""

from __future__ import annotations

import html
import warnings
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import ipywidgets as W
import pandas as pd

from sat_nb.errors import InvalidInput, SatError
from sat_nb.widgets import grid, pictures
from sat_nb.widgets.code import call, filters
from sat_nb.widgets.controls import ALWAYS, CONTROLS
from sat_nb.widgets.data import Cache, Data
from sat_nb.widgets.latest import Latest
from sat_nb.widgets.look import style_sheet
from sat_nb.widgets.state import ExplorerState, allowed, checked, settled
from sat_nb.widgets.views import VIEWS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Explorer:
    """A table to look at: the state that is shown, and the widget that shows it."""

    def __init__(self, data: Data, state: ExplorerState = ExplorerState()) -> None:  # noqa: B008
        self.data = data
        self._state = checked(state, data.facts)
        self._latest = Latest()
        self._drawn = Cache(32)
        self.fields = {
            name: entry.make(partial(self._set, name)) for name, entry in CONTROLS.items()
        }
        for name, field in self.fields.items():
            field.widget.add_class(f"sat-control-{name}")
        self.tabs = {name: self._tab(name) for name in VIEWS}
        self._picture, self._message = W.HTML(), W.HTML()
        self._main = W.VBox([self._message, self._picture])
        self._main.add_class("sat-main")
        controls = W.VBox([field.widget for field in self.fields.values()])
        controls.add_class("sat-controls")
        tabs = W.Box(list(self.tabs.values()), layout={"flex_flow": "row wrap"})
        below = W.Box([controls, self._main], layout={"flex_flow": "row wrap"})
        self.widget = W.VBox([W.HTML(value=style_sheet()), tabs, below])
        self.widget.add_class("sat-explorer")
        self._show()

    @property
    def state(self) -> ExplorerState:
        """What is shown; assign another to show that."""
        return self._state

    @state.setter
    def state(self, state: ExplorerState) -> None:
        self._state = checked(state, self.data.facts)
        self._latest.drop()
        self._show()

    def table(self) -> pd.DataFrame:
        """The numbers that are on the screen."""
        return VIEWS[self._state.view].table(self._results(), self._state)

    def figure(self) -> Figure:
        """The picture that is on the screen, as a matplotlib figure."""
        view = VIEWS[self._state.view]
        if view.draw is None:
            drawn = [name for name, entry in VIEWS.items() if entry.draw is not None]
            raise InvalidInput(
                f"view: {self._state.view!r} is a table without a picture; expected one of "
                f"{', '.join(map(repr, drawn))}."
            )
        return pictures.released(view.draw(self._results()[0], self._state, None))

    def code(self) -> str:
        """Python lines that make the same picture by the public functions.

        They take ``table``, ``images``, ``maps`` and ``segments`` as given to ``explore``.
        """
        state, facts = self._state, self.data.facts
        view = VIEWS[state.view]
        lines = ["import sat_nb as sat", ""]
        for panel in view.panels(state):
            wanted: dict[str, Any] = {"methods": list(panel.methods)}
            if len(facts.models) > 1:
                wanted["models"] = list(panel.models)
            wanted |= filters(state, facts)
            lines += [f"chosen = {call('sat.select', 'table', **wanted)}"]
            lines += view.code(state, facts, panel)
        return "\n".join(lines) + "\n"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        bundle = self.widget._repr_mimebundle_(include=include, exclude=exclude)
        bundle["text/html"] = self._static()
        bundle["text/plain"] = repr(self)
        return bundle

    def __repr__(self) -> str:
        facts = self.data.facts
        return (
            f"Explorer({len(facts.image_ids)} images, {len(facts.methods)} methods, "
            f"{len(facts.segments)} segments: {self._state.view})"
        )

    # --- from the state to the screen -----------------------------------------------------------

    def _results(self) -> list[Any]:
        state = self._state
        view = VIEWS[state.view]
        return [self._result(panel) for panel in view.panels(state)]

    def _result(self, panel: Any) -> Any:
        return VIEWS[self._state.view].result(self.data, self._state, panel)

    def _set(self, name: str, value: Any) -> None:
        self._state = settled(replace(self._state, **{name: value}), self.data.facts)
        self._show_controls()
        self._latest(self._show)

    def _tab(self, name: str) -> W.Button:
        button = W.Button(description=VIEWS[name].title, tooltip=VIEWS[name].about)
        button.add_class(f"sat-tab-{name}")
        button.on_click(lambda _: self._set("view", name))
        return button

    def _show(self) -> None:
        self._show_controls()
        for name in VIEWS:
            self._main.remove_class(f"sat-view-{name}")
        self._main.add_class(f"sat-view-{self._state.view}")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._picture.value = self._content()
            self._message.value = ""
        except SatError as error:
            self._picture.value = ""
            said = html.escape(str(error))
            self._message.value = f'<div class="sat-message" role="alert">{said}</div>'

    def _content(self) -> str:
        state = self._state
        view = VIEWS[state.view]
        if view.draw is None:
            rows, _, _ = grid.page_of(self.table(), state.page)
            return grid.table_html(rows, caption=view.about)
        parts = []
        for result in self._results():
            figure = pictures.released(view.draw(result, state, None))
            parts.append(pictures.svg_of(figure, view.title))
        return f'<div class="sat-picture">{"".join(parts)}</div>'

    def _static(self) -> str:
        rows, _, _ = grid.page_of(self.table(), self._state.page)
        picture = ""
        if VIEWS[self._state.view].draw is not None:
            uri = pictures.data_uri(pictures.png_of(self.figure()), "image/png")
            picture = f'<img alt="{html.escape(VIEWS[self._state.view].title)}" src="{uri}">'
        return f"<div>{picture}{grid.table_html(rows)}</div>"

    def _show_controls(self) -> None:
        view, choices = VIEWS[self._state.view], allowed(self._state, self.data.facts)
        used = {*ALWAYS, *view.uses, *view.marks}
        for name, field in self.fields.items():
            offered = choices.get(name, ())
            field.put(getattr(self._state, name), offered)
            useful = name in used or CONTROLS[name].group == "Filters"
            several = name not in choices or len(offered) > 1
            field.widget.layout.display = None if useful and several else "none"
