"""Explorer: the widget that ``explore`` returns.

Programs and tests in a browser can rely on ``explorer.widget``, on ``explorer.fields[NAME].widget``
for the control of each field of the state, and on these CSS classes:

- ``sat-explorer``: everything; ``sat-controls`` and ``sat-main``: the controls, and the part next
  to them, which also has the class ``sat-view-NAME`` of its view;
- ``sat-control-NAME``: the control of the field NAME. Those of ``methods``, ``hidden`` and
  ``positions`` are boxes of buttons ``sat-chip``, whose text starts with "✓ " if the name is
  chosen (for ``hidden``: if it is shown); that of ``intervals`` is such a button; that of ``view``
  is a box of buttons ``sat-tab-NAME``, of which the current one has the class ``sat-taken``;
- ``sat-undo``: takes the last change back; ``sat-show-link`` and ``sat-show-help``: unfold the text
  of the state, in ``sat-link``, and help; ``sat-moves``: which segments moved by the last change;
- ``sat-filters``: the button that shows and hides the filters; ``sat-clear``: removes them;
- ``sat-picture``: a box with an SVG element; ``sat-table``: an HTML table, whose columns are sorted
  by the buttons ``sat-sort``; ``sat-card``: a photo; ``sat-lead``: something unusual;
- ``sat-message``: the text of an error; ``sat-note``: a note about what is shown;
- ``sat-drill-segment`` and ``sat-drill-image``: buttons that lead to the photos of a segment and to
  the table of a photo;
- ``sat-previous`` and ``sat-next``: buttons that turn pages; ``sat-compute``: starts a slow
  computation;
- ``sat-save-svg``, ``sat-save-png``, ``sat-save-csv``, ``sat-saved``: buttons that save, and the
  file; ``sat-show-code`` and ``sat-code``: the button for the code, and the code.
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
import pandas as pd

from sat_nb.errors import SatError, unknown_name
from sat_nb.printable import escaped
from sat_nb.widgets.choices import checked, nearest
from sat_nb.widgets.clicks import Debouncer, garbage_later
from sat_nb.widgets.control_panel import ControlPanel
from sat_nb.widgets.data import Data
from sat_nb.widgets.export import ExportBar, save_new, static_bundle
from sat_nb.widgets.fields import button
from sat_nb.widgets.head_bar import HeadBar
from sat_nb.widgets.link import from_link, to_link
from sat_nb.widgets.markup import alert, count
from sat_nb.widgets.screens import SCREENS
from sat_nb.widgets.screens.screen import Navigation, Screen
from sat_nb.widgets.snapshot import Orders, Snapshot, moves_html, orders_of
from sat_nb.widgets.state import ExplorerState, with_changes
from sat_nb.widgets.views import VIEWS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


MANY_ROWS = 300_000  # from which slow results wait for a click
FOLDER = "explorer"
MOST_UNDONE = 100  # changes that can be taken back


class Explorer:
    """The explorer of a table, made by ``explore``.

    Parameters
    ----------
    data : Data
        The table with its photos, maps and masks.
    folder : str, default "explorer"
        Where the save buttons write.
    state : ExplorerState or str, default None
        What is shown first, or its text from ``link``.
    """

    def __init__(
        self, data: Data, folder: str = FOLDER, *, state: ExplorerState | str | None = None
    ) -> None:
        self.data, self.folder = data, folder
        first = from_link(state) if isinstance(state, str) else state
        first = first or ExplorerState(intervals=data.n_total < MANY_ROWS)
        # What was asked for may not be possible in this view. It is kept, so that a view that
        # needs several methods gives back the one method that was chosen before.
        self._requested = self._state = checked(first, data.offer)
        self._past: list[ExplorerState] = []
        self._shown: tuple[Snapshot, Orders | None] | None = None
        self._debounced, self._confirmed = Debouncer(), set[Hashable]()
        self._screens: dict[str, Screen] = {}
        self._navigation = Navigation(self._change)
        self._controls = ControlPanel(self._change)
        self.fields = self._controls.fields
        self._bar = HeadBar(self.undo, self.link, self._follow)
        self._notes, self._message, self._moves = (widgets.HTML() for _ in range(3))
        self._compute = button("Compute", "This may take a while", "sat-compute", self._confirm)
        self._main = widgets.VBox()
        self._main.add_class("sat-main")
        self._export = ExportBar(folder, self.code, self.save)
        body = widgets.Box([self._controls.widget, self._main])
        body.add_class("sat-body")
        head = widgets.Box([self.fields["view"].widget, self._bar.widget])
        head.add_class("sat-head")
        style = widgets.HTML(value=style_sheet())
        self.widget = widgets.VBox([style, head, self._bar.folded, body])
        self.widget.add_class("sat-explorer")
        self._show()

    @property
    def state(self) -> ExplorerState:
        """What is shown; assign another state to show that, with all controls.

        A text from ``link`` may be assigned, too.

        Raises
        ------
        InvalidInput
            On assignment, for a state that cannot be shown; the error names the field and its
            choices.
        """
        return self._state

    @state.setter
    def state(self, state: ExplorerState | str) -> None:
        state = from_link(state) if isinstance(state, str) else state
        found = checked(state, self.data.offer)
        self._remember()
        self._requested = replace(found, image_id=state.image_id)
        self._state = self._with_photo(found)
        self._debounced.cancel()
        self._show()

    def link(self) -> str:
        """What is chosen, as a short text: assign it to ``state`` of an explorer of the same table.

        Returns
        -------
        str
            The view and the fields of the state that differ from their defaults, such as
            "bars?methods=lrp.z&alpha=0.01".
        """
        return to_link(self._state)

    def undo(self) -> None:
        """Take the last change back; nothing happens where there is none."""
        if self._past:
            self._requested = self._past.pop()
            self._state = self._with_photo(nearest(self._requested, self.data.offer))
            self._debounced.cancel()
            self._show()

    def table(self) -> pd.DataFrame:
        """The numbers that are shown.

        Returns
        -------
        DataFrame
            All pages of the table that is shown, or the numbers behind the figures.

        Raises
        ------
        SatError
            What the explorer shows in place of a result, such as filters that leave no segment.
        """
        return self._snapshot.table()

    def figure(self) -> Figure:
        """The figure that is shown; the figures of several panels one below another.

        Returns
        -------
        matplotlib.figure.Figure
            A new figure, which no notebook displays by itself.

        Raises
        ------
        InvalidInput
            If the view has no figure, or lacks photos or maps for it.
        """
        return self._snapshot.figure()

    def code(self) -> str:
        """The code that makes what is shown without the explorer.

        Returns
        -------
        str
            Lines of Python that use the public functions, and ``table``, ``images``, ``maps`` and
            ``segments`` as given to ``explore``.
        """
        return self._snapshot.code()

    def save(self, kind: str) -> Path:
        """Write what is shown into ``folder``, under a name that no file has yet.

        Parameters
        ----------
        kind : {"svg", "png", "csv"}
            The figure in one of two formats, or the numbers.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        InvalidInput
            For a figure of a view that has none.
        CannotWrite
            If the folder cannot be written.
        """
        if kind not in ("svg", "png", "csv"):
            raise unknown_name("kind", kind, ("svg", "png", "csv"))
        content = self.table() if kind == "csv" else self.figure()
        return save_new(self.folder, self._state.view, kind, content)

    def __repr__(self) -> str:
        offer = self.data.offer
        return (
            f"Explorer({count(len(offer.image_ids), 'image')}, "
            f"{count(len(offer.methods), 'method')}, {count(len(offer.segments), 'segment')}: "
            f"{self._state.view})"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """The widget and, for pages without a kernel, a figure and a table."""
        bundle = self.widget._repr_mimebundle_(include=include, exclude=exclude)
        heading = self._snapshot.view.heading
        static = static_bundle(heading, self.table, self.figure, self._state.page)
        return {**bundle, "text/plain": repr(self), **static}

    @property
    def _snapshot(self) -> Snapshot:
        return Snapshot(self.data, self._state)

    # From a click to the screen.

    def _follow(self, link: str) -> None:
        self.state = link

    def _remember(self) -> None:
        self._past = [*self._past[1 - MOST_UNDONE :], self._requested]

    def _change(self, **changes: Any) -> None:
        self._remember()
        self._requested = with_changes(self._requested, changes)
        self._state = self._with_photo(nearest(self._requested, self.data.offer))
        self._controls.put(self._state, self.data.offer)
        self._debounced(self._show)

    def _with_photo(self, state: ExplorerState) -> ExplorerState:
        """With the first photo that passes the filters, if none was asked for."""
        if state.view != "image" or self._requested.image_id is not None:
            return state
        with suppress(SatError):
            found = self.data.first_image(state, Snapshot(self.data, state).panels[0])
            state = state if found is None else replace(state, image_id=found)
        return state

    def _confirm(self) -> None:
        self._confirmed.update(self._snapshot.keys)
        self._show()

    @garbage_later()
    def _show(self) -> None:
        self._controls.put(self._state, self.data.offer)
        snapshot = self._snapshot
        notes = snapshot.notes
        shown: list[widgets.Widget] = []
        message = ""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            try:
                shown = [self._screen_of(snapshot)]
                self._moves.value = self._moved(snapshot)
            except SatError as error:
                message, self._moves.value = alert(str(error)), ""
            except Exception as error:  # a bug, here or in a view: visible on the page and in logs
                self._message.value = alert(f"{type(error).__name__}: {error}")
                self._main.children = [self._message, self._export.widget]
                raise
        notes += [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
        notes = [f'<p class="sat-note">{escaped(note)}</p>' for note in dict.fromkeys(notes)]
        self._message.value, self._notes.value = message, "".join(notes)
        self._main.children = [
            self._message,
            self._moves,
            *shown,
            self._notes,
            self._export.widget,
        ]
        self._export.put(snapshot.view.draw is not None)
        self._bar.put(bool(self._past))
        for name in VIEWS:
            self._main.remove_class(f"sat-view-{name}")
        self._main.add_class(f"sat-view-{self._state.view}")

    def _screen_of(self, snapshot: Snapshot) -> widgets.Widget:
        if self._waits_for_click(snapshot):
            text = f"{count(self.data.n_rows(snapshot.panels), 'row')}: this may take some seconds."
            note = widgets.HTML(value=f'<p class="sat-note">{text}</p>')
            return widgets.VBox([note, self._compute])
        name = snapshot.view.screen
        if name not in SCREENS:
            raise unknown_name("screen", name, SCREENS)
        if name not in self._screens:
            self._screens[name] = SCREENS[name].make(self._navigation)
        self._screens[name].show(snapshot)
        return self._screens[name].widget

    def _moved(self, snapshot: Snapshot) -> str:
        """What moved since the view was last shown with another result."""
        if self._waits_for_click(snapshot):
            return self._moves.value
        before, now = self._shown, (snapshot, orders_of(snapshot))
        self._shown = now
        if before is None or before[0].view is not snapshot.view:
            return ""
        if before[1] is None or now[1] is None or before[0].keys == snapshot.keys:
            return ""
        return moves_html(before[1], now[1])

    def _waits_for_click(self, snapshot: Snapshot) -> bool:
        """Whether the results take long, and nobody has asked for them yet."""
        many = self.data.n_rows(snapshot.panels) >= MANY_ROWS
        if not many or not snapshot.view.slow(self._state):
            return False
        return any(not self.data.has(k) and k not in self._confirmed for k in snapshot.keys)


@cache
def style_sheet() -> str:
    """The style sheet as an HTML element."""
    css = Path(__file__).with_name("explorer.css").read_text(encoding="utf-8")
    return f"<style>{css}</style>"
