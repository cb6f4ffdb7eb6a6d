"""What screens share: navigation, rows of buttons, and paging."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import ipywidgets as widgets

from sat_nb.registry import Entry
from sat_nb.widgets.fields import button, shortened
from sat_nb.widgets.snapshot import Snapshot

MAX_BUTTONS = 40


@dataclass(frozen=True)
class Navigation:
    """What a click leads to: ``change(**fields)`` sets fields of the state."""

    change: Callable[..., None]

    def to_segment(self, name: str) -> None:
        """To the photos of a segment."""
        self.change(view="images", segment=name, page=0)

    def to_image(self, image_id: str) -> None:
        """To the table of one photo."""
        self.change(view="image", image_id=image_id)


class Screen(Protocol):
    """The widget that lays out a view, and how it takes what is shown."""

    widget: widgets.Widget

    def show(self, snapshot: Snapshot) -> None:
        """Show the results of a view."""


@dataclass(frozen=True, kw_only=True)
class Layout(Entry):
    """A way to lay out views: ``make(navigation)`` makes its screen, once for each explorer."""

    make: Callable[[Navigation], Screen]


class ButtonRow:
    """A heading and a row of buttons, one for each name; a click calls ``on_click(name)``."""

    def __init__(self, heading: str, css: str, tip: str, on_click: Callable[[str], None]) -> None:
        self._css, self._tip, self._on_click = css, tip, on_click
        self._buttons: dict[str, widgets.Button] = {}
        self._box = widgets.Box()
        self._box.add_class("sat-chips")
        self.widget = widgets.VBox([widgets.HTML(value=f"<span>{heading}</span>"), self._box])
        self.widget.add_class("sat-row")
        self.widget.children[0].add_class("sat-label")

    def put(self, names: Sequence[str]) -> None:
        """Offer these names, the first ``MAX_BUTTONS`` of them."""
        shown = list(names)[:MAX_BUTTONS]
        for name in shown:
            if name not in self._buttons:
                self._buttons[name] = self._button(name)
        self._box.children = [self._buttons[name] for name in shown]
        self.widget.layout.display = None if shown else "none"

    def _button(self, name: str) -> widgets.Button:
        tip = f"{name}: {self._tip}"
        return button(shortened(name), tip, self._css, lambda: self._on_click(name))


class Pager:
    """Buttons to the previous and the next page."""

    def __init__(self, navigation: Navigation) -> None:
        self._navigation, self._page = navigation, 0
        self.back = button("‹ Back", "The previous page", "sat-previous", lambda: self._turn(-1))
        self.next = button("On ›", "The next page", "sat-next", lambda: self._turn(1))
        self._text = widgets.HTML()
        self.widget = widgets.HBox([self.back, self._text, self.next])
        self.widget.add_class("sat-pager")

    def put(self, page: int, length: int, total: int, noun: str) -> None:
        """Show which of ``total`` are on the page, which has ``length`` of them."""
        self._page = page
        last = min((page + 1) * length, total)
        self._text.value = f"<span>{min(page * length + 1, total)}–{last} of {total} {noun}</span>"
        self.back.disabled, self.next.disabled = page == 0, last >= total
        self.widget.layout.display = None if total > length else "none"

    def _turn(self, by: int) -> None:
        self._navigation.change(page=self._page + by)


def segments_of(table: Any) -> list[str]:
    """The segments that a table names, in its order."""
    columns = [c for c in ("segment", "segment_a", "segment_b") if c in table]
    names = [name for column in columns for name in table[column].dropna()]
    return list(dict.fromkeys(map(str, names)))
