"""The bar beside the tabs: undo, the state as text, and help."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import ipywidgets as widgets

from sat_nb.errors import SatError
from sat_nb.widgets.fields import button
from sat_nb.widgets.markup import alert

HELP = """
<h4>Keys</h4>
<dl>
<dt>Tab, Shift+Tab</dt><dd>to the next control, and back</dd>
<dt>Space, Enter</dt><dd>press the button that has the focus</dd>
<dt>↑ ↓, letters</dt><dd>choose in a list; in a field with many names, type a part of the name and
press Enter</dd>
<dt>Enter</dt><dd>takes a number or a text that was typed</dd>
<dt>Esc</dt><dd>leaves the cell of a notebook</dd>
</dl>
<h4>Clicks</h4>
<dl>
<dt>A tab</dt><dd>another view of the same rows; what is chosen stays</dd>
<dt>A name under a figure</dt><dd>the photos of that segment; a photo leads to its own table</dd>
<dt>▲ ▼ above a figure</dt><dd>which segments moved in the order by the last change</dd>
<dt>Undo</dt><dd>takes the last change back</dd>
<dt>Link</dt><dd>what is chosen as a text: paste it here, or assign it to explorer.state</dd>
</dl>
"""


class HeadBar:
    """Buttons for undo, link and help, and what the last two unfold.

    Parameters
    ----------
    undo : callable
        Takes back the last change.
    link : callable
        The state as text.
    follow : callable
        Shows the state of a text; SatError if it cannot be shown.
    """

    def __init__(
        self, undo: Callable[[], None], link: Callable[[], str], follow: Callable[[str], None]
    ) -> None:
        self._link, self._follow = link, follow
        self.undo = button("Undo", "Take the last change back", "sat-undo", undo)
        self._toggles = {
            "link": _toggle("Link", "What is chosen as a text that restores it", "sat-show-link"),
            "help": _toggle("Help", "Keys and clicks", "sat-show-help"),
        }
        self._text = widgets.Text(
            description="Link",
            tooltip="Copy it, or paste another one and press Enter",
            continuous_update=False,
        )
        self._text.observe(self._typed, "value")
        self._message = widgets.HTML()
        linked = widgets.VBox([self._text, self._message])
        linked.add_class("sat-link")
        helped = widgets.HTML(value=HELP)
        helped.add_class("sat-help")
        self._folded = {"link": linked, "help": helped}
        for name, toggle in self._toggles.items():
            toggle.observe(partial(self._fold, name), "value")
            self._folded[name].layout.display = "none"
        self.widget = widgets.HBox([self.undo, *self._toggles.values()])
        self.widget.add_class("sat-bar")
        self.folded = widgets.VBox([*self._folded.values()])
        self._muted = False

    def put(self, can_undo: bool) -> None:
        """Follow what is shown now."""
        self.undo.disabled = not can_undo
        if self._toggles["link"].value:
            self._put_link()

    def _fold(self, name: str, change: Any) -> None:
        self._folded[name].layout.display = None if change["new"] else "none"
        if name == "link" and change["new"]:
            self._put_link()

    def _put_link(self) -> None:
        self._muted, self._text.value, self._message.value = True, self._link(), ""
        self._muted = False

    def _typed(self, change: Any) -> None:
        if self._muted:
            return
        try:
            self._follow(change["new"])
        except SatError as error:
            self._message.value = alert(str(error))


def _toggle(text: str, tip: str, css: str) -> widgets.ToggleButton:
    made = widgets.ToggleButton(description=text, tooltip=tip, layout={"width": "auto"})
    made.add_class(css)
    return made
