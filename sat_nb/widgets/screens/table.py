"""A table whose columns are sorted by a click on their names."""

from __future__ import annotations

import ipywidgets as widgets
import pandas as pd

from sat_nb.widgets.fields import button
from sat_nb.widgets.grid import PAGE, numbers_in, page_of, shares_of, table_html
from sat_nb.widgets.screens.screen import Go, Pager, Row, Shot, segments_of


class TableScreen:
    """A table whose column heads are buttons, laid out like the columns below them.

    The columns have heads of their own for screen readers.
    """

    def __init__(self, go: Go) -> None:
        self._go, self._columns = go, {}  # type: ignore[var-annotated]
        self._state: tuple[str, bool] = ("", False)
        self._heads, self._table = widgets.Box(), widgets.HTML()
        self._heads.add_class("sat-heads")
        self._pager = Pager(go)
        self._images = Row("Photos here", "sat-drill-image", "see its own table", go.to_image)
        self._segments = Row("Photos of", "sat-drill-segment", "see its photos", go.to_segment)
        rows = [self._pager.widget, self._images.widget, self._segments.widget]
        self.widget = widgets.VBox([self._heads, self._table, *rows])

    def show(self, shot: Shot) -> None:
        """Show a page of it."""
        state, table = shot.state, shot.view.table(shot.results, shot.state)
        rows, page, _ = page_of(table, state.page)
        self._state = state.sort, state.descending
        self._put_heads(rows)
        shown = table_html(rows, sort=state.sort, down=state.descending, heads_seen=False)
        self._table.value = shown if len(table) else '<p class="sat-note">No row holds that.</p>'
        self._pager.put(page, PAGE, len(table), "rows")
        self._images.put(list(dict.fromkeys(rows["image_id"])) if "image_id" in rows else [])
        self._segments.put(segments_of(rows))

    def _put_heads(self, table: pd.DataFrame) -> None:
        heads = []
        for name, share, number in zip(
            table.columns, shares_of(table), numbers_in(table), strict=True
        ):
            if name not in self._columns:
                self._columns[name] = self._head(str(name))
                if number:
                    self._columns[name].add_class("sat-number")
            sort, down = self._state
            arrow = {True: " ▼", False: " ▲"}[down] if name == sort else ""
            self._columns[name].description = str(name).replace("_", " ") + arrow
            self._columns[name].layout.flex = f"0 0 {share:.4g}%"
            heads.append(self._columns[name])
        self._heads.children = heads

    def _head(self, name: str) -> widgets.Button:
        return button(name, f"Sort by {name}", "sat-sort", lambda: self._sort(name))

    def _sort(self, name: str) -> None:
        """Smallest first, then largest first, then as the rows come."""
        sort, down = self._state
        nowhere = name == sort and down
        self._go.to(sort="" if nowhere else name, descending=name == sort and not down, page=0)
