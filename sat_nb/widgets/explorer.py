"""Explorer: the widget that ``explore`` gives, and what is on its screen.

What a program, and a test in a browser, can rely on:

``explorer.state`` is the :class:`ExplorerState`; assigning one sets all controls and draws at
once. ``explorer.code()``, ``figure()`` and ``table()`` give what is on the screen. The widget is
``explorer.widget``, ``explorer.fields[NAME].widget`` the control of a field of the state. Its
parts have CSS classes:

- ``sat-explorer``: the whole; ``sat-controls`` and ``sat-main``: the controls, and the part
  beside them, which also has ``sat-view-NAME`` for the view that it shows;
- ``sat-control-NAME``: the control of the state's field NAME. Those of ``methods``, ``hidden``
  and ``positions`` are boxes of buttons ``sat-chip``, whose text starts with "✓ " where the name
  is taken (of ``hidden``: where it is shown); ``intervals`` is such a button itself; that of
  ``view`` holds the buttons ``sat-tab-NAME``, the one that is taken with ``sat-taken``;
- ``sat-filters``: the button that shows and hides the filters; ``sat-clear``: takes them off;
- ``sat-picture`` and ``sat-table``: an SVG element's box, and an HTML table, whose columns the
  buttons ``sat-sort`` sort; ``sat-card``: a photo; ``sat-lead``: something unusual;
- ``sat-message``: an error's text; ``sat-note``: what to know about what is shown;
- ``sat-drill-segment``, ``sat-drill-image``: buttons that lead to a segment's photos, and to a
  photo's own table;
- ``sat-previous``, ``sat-next``: the pages; ``sat-compute``: asks for what takes its time;
- ``sat-save-svg``, ``sat-save-png``, ``sat-save-csv``, ``sat-saved``; ``sat-show-code``,
  ``sat-code``.
"""

from __future__ import annotations

import html
import warnings
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
import pandas as pd

from sat_nb.errors import InvalidInput, SatError
from sat_nb.widgets import pictures, saving
from sat_nb.widgets.choices import checked, settled
from sat_nb.widgets.code import FILTERS, chosen, filters
from sat_nb.widgets.controls import ControlPanel
from sat_nb.widgets.data import Data
from sat_nb.widgets.debounce import Latest
from sat_nb.widgets.fields import button
from sat_nb.widgets.panels import Panel
from sat_nb.widgets.saving import Foot
from sat_nb.widgets.screens import SCREENS
from sat_nb.widgets.screens.screen import Go, Screen, Shot
from sat_nb.widgets.state import ExplorerState, stepped
from sat_nb.widgets.static import static_html
from sat_nb.widgets.views import VIEWS
from sat_nb.widgets.views.view import View

if TYPE_CHECKING:
    from matplotlib.figure import Figure


MANY = 300_000  # rows from which on slow results wait for a click
FOLDER = "explorer"  # of saved files, beside the notebook


class Explorer:
    """A table to look at: the state that is shown, and the widget that shows it.

    ``folder`` is where the save buttons write.
    """

    def __init__(self, data: Data, folder: str = FOLDER) -> None:
        self.data, self.folder = data, folder
        usual = ExplorerState(intervals=len(data.table) < MANY)
        self._wished = self._state = checked(usual, data.facts)
        self._latest, self._asked = Latest(), set[Hashable]()
        self._screens: dict[str, Screen] = {}
        self._go = Go(self._step)
        self._controls = ControlPanel(self._step)
        self.fields = self._controls.fields
        self._notes, self._message = widgets.HTML(), widgets.HTML()
        self._compute = button("Compute", "It takes its time", "sat-compute", self._ask)
        self._main = widgets.VBox()
        self._main.add_class("sat-main")
        self._foot = Foot(folder, self.code, self.save)
        body = widgets.Box([self._controls.widget, self._main])
        body.add_class("sat-body")
        view = self.fields["view"].widget
        self.widget = widgets.VBox([widgets.HTML(value=style_sheet()), view, body])
        self.widget.add_class("sat-explorer")
        self._show()

    # --- for programs ---------------------------------------------------------------------------

    @property
    def state(self) -> ExplorerState:
        """What is shown; assign another to show that."""
        return self._state

    @state.setter
    def state(self, state: ExplorerState) -> None:
        found = checked(state, self.data.facts)
        self._wished = replace(found, image_id=state.image_id)
        self._state = self._with_photo(found)
        self._latest.drop()
        self._show()

    def table(self) -> pd.DataFrame:
        """The numbers that are on the screen, all pages of them."""
        return self._view.table(self._results(), self._state)

    def figure(self) -> Figure:
        """The picture that is on the screen, as a matplotlib figure; its panels one below another.

        Raises InvalidInput for views that have none.
        """
        view = self._view
        if view.draw is None:
            drawn = ", ".join(repr(name) for name, entry in VIEWS.items() if entry.draw)
            raise InvalidInput(
                f"view: {self._state.view!r} has no picture; expected one of {drawn}."
            )
        return pictures.stacked([partial(view.draw, r, self._state) for r in self._results()])

    def code(self) -> str:
        """Python lines that make the same by the public functions.

        They take ``table``, ``images``, ``maps`` and ``segments`` as given to ``explore``.
        """
        state, facts = self._state, self.data.facts
        blocks = []
        for panel in self._view.panels(state):
            wanted = filters(state, facts)
            lines = [chosen(facts, panel.methods, panel.models, **wanted)]
            blocks.append("\n".join([*lines, *self._view.code(state, facts, panel)]))
        return "import sat_nb as sat\n\n" + "\n\n".join(blocks) + "\n"

    def save(self, kind: str) -> Any:
        """Write the picture ("svg", "png") or the table ("csv") into ``folder``; returns the path.

        A name that is taken gets a number; nothing is written over.
        """
        content = self.table() if kind == "csv" else self.figure()
        return saving.saved(self.folder, self._state.view, kind, content)

    def __repr__(self) -> str:
        facts = self.data.facts
        return (
            f"Explorer({len(facts.image_ids)} images, {len(facts.methods)} methods, "
            f"{len(facts.segments)} segments: {self._state.view})"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """The widget; and, where there is no kernel, a picture and a table."""
        bundle = self.widget._repr_mimebundle_(include=include, exclude=exclude)
        title = f"{self._view.title}: {self._view.about}"
        static = static_html(title, self.table, self.figure, self._state.page)
        return {**bundle, "text/plain": repr(self), **static}

    # --- from a click to the screen -------------------------------------------------------------

    def _step(self, **changes: Any) -> None:
        self._wished = stepped(self._wished, changes)
        self._state = self._with_photo(settled(self._wished, self.data.facts))
        self._controls.put(self._state, self.data.facts)
        self._latest(self._show)

    def _with_photo(self, state: ExplorerState) -> ExplorerState:
        """Where no photo was asked for, the one that is shown is the first that passes."""
        if state.view != "image" or self._wished.image_id is not None:
            return state
        with suppress(SatError):
            rows = self.data.rows(state, VIEWS[state.view].panels(state)[0])
            found = rows.loc[rows["segment"].notna(), "image_id"]
            state = replace(state, image_id=found.iloc[0]) if len(found) else state
        return state

    def _ask(self) -> None:
        self._asked.update(self._keys())
        self._show()

    def _show(self) -> None:
        self._controls.put(self._state, self.data.facts)
        notes = self._lacking()
        shown: list[widgets.Widget] = []
        said = ""
        with warnings.catch_warnings(record=True) as given:
            warnings.simplefilter("always", UserWarning)
            try:
                shown = [self._waiting()] if self._waits() else [self._screen().widget]
            except SatError as error:
                said = _alert(str(error))
            except Exception as error:  # a fault of ours, or of the data: seen here and in the log
                self._message.value = _alert(f"{type(error).__name__}: {error}")
                self._main.children = [self._message, self._foot.widget]
                raise
        notes += [str(w.message) for w in given if issubclass(w.category, UserWarning)]
        notes = [f'<p class="sat-note">{html.escape(note)}</p>' for note in dict.fromkeys(notes)]
        self._message.value, self._notes.value = said, "".join(notes)
        self._main.children = [self._message, *shown, self._notes, self._foot.widget]
        self._foot.put(self._view.draw is not None)
        for name in VIEWS:
            self._main.remove_class(f"sat-view-{name}")
        self._main.add_class(f"sat-view-{self._state.view}")

    def _screen(self) -> Screen:
        name = self._view.screen
        results = self._results()
        if name not in self._screens:
            self._screens[name] = SCREENS[name](self._go)
        shot = Shot(self.data, self._view, self._state, results, self._keys())
        self._screens[name].show(shot)
        return self._screens[name]

    def _waits(self) -> bool:
        """Whether results are slow to come, and nobody asked for them yet."""
        panels = self._view.panels(self._state)
        if not self._view.slow(self._state) or self.data.n_rows(panels) < MANY:
            return False
        return any(not self.data.has(k) and k not in self._asked for k in self._keys())

    def _waiting(self) -> widgets.Widget:
        n = self.data.n_rows(self._view.panels(self._state))
        text = f'<p class="sat-note">{n:,} rows: this may take some seconds.</p>'
        return widgets.VBox([widgets.HTML(value=text), self._compute])

    def _lacking(self) -> list[str]:
        facts = self.data.facts
        given = {"images": facts.photos, "maps": facts.maps, "segments": facts.masks}
        absent = [name for name in self._view.wants if not given[name]]
        if not absent:
            return []
        passed = ", ".join(f"{name}=..." for name in absent)
        return [
            f"This view shows more with {' and '.join(_WANTED[name] for name in absent)}: "
            f"sat.explore(table, {passed})."
        ]

    @property
    def _view(self) -> View:
        return VIEWS[self._state.view]

    def _keys(self) -> list[Hashable]:
        names = (*FILTERS, *self._view.uses)
        values = tuple(getattr(self._state, name) for name in names)
        return [(self._state.view, p, values) for p in self._view.panels(self._state)]

    def _results(self) -> list[Any]:
        pairs = zip(self._view.panels(self._state), self._keys(), strict=True)
        return [self.data.kept(key, partial(self._result, panel)) for panel, key in pairs]

    def _result(self, panel: Panel) -> Any:
        return self._view.result(self.data, self._state, panel)


def _alert(text: str) -> str:
    return f'<div class="sat-message" role="alert">{html.escape(text)}</div>'


_WANTED = {
    "images": "the photos (sat.read_images)",
    "maps": "the maps (sat.explain)",
    "segments": "the masks (sat.read_segments)",
}


@cache
def style_sheet() -> str:
    """The style sheet as an HTML element."""
    css = Path(__file__).with_name("explorer.css").read_text(encoding="utf-8")
    return f"<style>{css}</style>"
