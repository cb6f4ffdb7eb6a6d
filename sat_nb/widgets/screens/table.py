"""A table that is sorted by a click on the name of a column."""

from __future__ import annotations

import ipywidgets as widgets
import pandas as pd

from sat_nb.widgets.fields import button
from sat_nb.widgets.markup import (
    ROWS_PER_PAGE,
    column_widths,
    is_numeric,
    least_width,
    page_of,
    table_html,
)
from sat_nb.widgets.screens.screen import ButtonRow, Navigation, Pager, segments_of
from sat_nb.widgets.snapshot import Snapshot


class TableScreen:
    """The visible head is a row of buttons; the table below has a head for screen readers."""

    def __init__(self, navigation: Navigation) -> None:
        self._navigation = navigation
        self._heads: dict[str, widgets.Button] = {}
        self._sorted: tuple[str, bool] = ("", False)
        self._head, self._table = widgets.Box(), widgets.HTML()
        self._head.add_class("sat-heads")
        self._pager = Pager(navigation)
        self._images = ButtonRow(
            "Photos here", "sat-drill-image", "see its own table", navigation.to_image
        )
        self._segments = ButtonRow(
            "Photos of", "sat-drill-segment", "see its photos", navigation.to_segment
        )
        rows = [self._pager.widget, self._images.widget, self._segments.widget]
        scrolled = widgets.VBox([self._head, self._table])
        scrolled.add_class("sat-scroll")
        self.widget = widgets.VBox([scrolled, *rows])

    def show(self, snapshot: Snapshot) -> None:
        """Show a page of the table."""
        state, table = snapshot.state, snapshot.table()
        rows, page, _ = page_of(table, state.page)
        self._sorted = state.sort, state.descending
        self._put_head(rows)
        shown = table_html(rows, sort=state.sort, descending=state.descending, visible_head=False)
        self._table.value = shown if len(table) else '<p class="sat-note">No rows match.</p>'
        self._pager.put(page, ROWS_PER_PAGE, len(table), "rows")
        self._images.put(list(dict.fromkeys(rows["image_id"])) if "image_id" in rows else [])
        self._segments.put(segments_of(rows))

    def _put_head(self, table: pd.DataFrame) -> None:
        sort, descending = self._sorted
        heads = []
        for name, width, number in zip(
            map(str, table.columns), column_widths(table), is_numeric(table), strict=True
        ):
            head = self._head_of(name, number)
            arrow = (" ▼" if descending else " ▲") if name == sort else ""
            head.description = name.replace("_", " ") + arrow
            head.layout.flex = f"0 0 {width:.4g}%"
            heads.append(head)
        self._head.children = heads
        self._head.layout.min_width = least_width(table)

    def _head_of(self, name: str, number: bool) -> widgets.Button:
        if name not in self._heads:
            head = button(name, f"Sort by {name}", "sat-sort", lambda: self._sort(name))
            if number:
                head.add_class("sat-number")
            self._heads[name] = head
        return self._heads[name]

    def _sort(self, name: str) -> None:
        """Smallest first, then largest first, then the order of the result."""
        sort, descending = self._sorted
        if name != sort:
            self._navigation.change(sort=name, descending=False, page=0)
        elif not descending:
            self._navigation.change(sort=name, descending=True, page=0)
        else:
            self._navigation.change(sort="", descending=False, page=0)
