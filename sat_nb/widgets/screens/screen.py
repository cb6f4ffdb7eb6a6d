"""What screens share: the way from a click to another state, and rows of buttons."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import ipywidgets as widgets

from sat_nb.widgets.data import Data
from sat_nb.widgets.fields import button, shortened
from sat_nb.widgets.state import ExplorerState
from sat_nb.widgets.views.view import View


@dataclass(frozen=True)
class Shot:
    """All that a screen shows: the state, its view, and the view's finished results.

    ``keys`` say what each result depends on; equal keys are equal results.
    """

    data: Data
    view: View
    state: ExplorerState
    results: list[Any]
    keys: list[Hashable]


@dataclass(frozen=True)
class Go:
    """Where a click leads: ``to(**fields)`` sets fields of the state."""

    to: Callable[..., None]

    def to_segment(self, name: str) -> None:
        """To the photos of a segment."""
        self.to(view="images", segment=name, page=0)

    def to_image(self, image_id: str) -> None:
        """To the table of one photo."""
        self.to(view="image", image_id=image_id)


class Screen(Protocol):
    """A way to lay out a view: ``widget``, and how it takes what is shown."""

    widget: widgets.Widget

    def show(self, shot: Shot) -> None:
        """Show that."""


class Row:
    """A row of buttons under a heading, one a name; a click calls ``click(name)``."""

    def __init__(self, heading: str, css: str, tip: str, click: Callable[[str], None]) -> None:
        self._css, self._tip, self._click = css, tip, click
        self._kept: dict[str, widgets.Button] = {}
        self._box = widgets.Box()
        self._box.add_class("sat-chips")
        self.widget = widgets.VBox([widgets.HTML(value=f"<span>{heading}</span>"), self._box])
        self.widget.add_class("sat-row")
        self.widget.children[0].add_class("sat-label")

    def put(self, names: Sequence[str], most: int = 40) -> None:
        """Offer these names, the first ``most`` of them."""
        shown = list(names)[:most]
        for name in shown:
            if name not in self._kept:
                self._kept[name] = self._button(name)
        self._box.children = [self._kept[name] for name in shown]
        self.widget.layout.display = None if shown else "none"

    def _button(self, name: str) -> widgets.Button:
        tip = f"{name}: {self._tip}"
        return button(shortened(name), tip, self._css, lambda: self._click(name))


class Pager:
    """Back and on, with what is between."""

    def __init__(self, go: Go) -> None:
        self._go, self._page = go, 0
        self.back = button("‹ Back", "The page before", "sat-previous", lambda: self._turn(-1))
        self.on = button("On ›", "The next page", "sat-next", lambda: self._turn(1))
        self._text = widgets.HTML()
        self.widget = widgets.HBox([self.back, self._text, self.on])
        self.widget.add_class("sat-pager")

    def put(self, page: int, length: int, total: int, what: str) -> None:
        """Say which of ``total`` are shown, ``length`` a page."""
        self._page = page
        last = min((page + 1) * length, total)
        self._text.value = f"<span>{min(page * length + 1, total)}–{last} of {total} {what}</span>"
        self.back.disabled, self.on.disabled = page == 0, last >= total
        self.widget.layout.display = None if total > length else "none"

    def _turn(self, by: int) -> None:
        self._go.to(page=self._page + by)


def segments_of(table: Any) -> list[str]:
    """The segments that a result names, in its order."""
    columns = [c for c in ("segment", "segment_a", "segment_b") if c in table]
    names = [name for column in columns for name in table[column].dropna()]
    return list(dict.fromkeys(map(str, names)))
