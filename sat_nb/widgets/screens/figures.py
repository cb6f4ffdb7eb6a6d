"""One figure per panel, side by side if there is room, with a table below if asked for."""

from __future__ import annotations

from functools import partial
from typing import Any

import ipywidgets as widgets

from sat_nb.plots.new_figures import made_by
from sat_nb.printable import escaped
from sat_nb.widgets.data import Cache
from sat_nb.widgets.markup import ROWS_PER_PAGE, SCALE, released, svg_of, table_html
from sat_nb.widgets.panels import Panel
from sat_nb.widgets.screens.screen import ButtonRow, Navigation, segments_of
from sat_nb.widgets.snapshot import Snapshot

MIN_WIDTH_SHARE = 0.62  # figures shrink to that share of their width to stand side by side


class FiguresScreen:
    """Figures, and a row of buttons that lead from a segment to its photos."""

    def __init__(self, navigation: Navigation, *, with_table: bool = False) -> None:
        self._drawn, self._with_table = Cache(48), with_table
        self._figures, self._table = widgets.HTML(), widgets.HTML()
        self._row = ButtonRow(
            "Photos of", "sat-drill-segment", "see its photos", navigation.to_segment
        )
        self.widget = widgets.VBox([self._figures, self._table, self._row.widget])

    def show(self, snapshot: Snapshot) -> None:
        """Draw the panels that have not been drawn yet."""
        results, view, state = snapshot.results(), snapshot.view, snapshot.state
        display = tuple(getattr(state, name) for name in view.display)
        figures = [
            self._drawn.get((key, display), partial(_figure, snapshot, panel, title, result))
            for panel, title, result, key in zip(
                snapshot.panels, snapshot.titles, results, snapshot.keys, strict=True
            )
        ]
        widest = max(width for width, _ in figures)
        columns = f"grid-template-columns: repeat(auto-fit, minmax(min(100%, {widest:.0f}px), 1fr))"
        content = "".join(figure for _, figure in figures)
        self._figures.value = f'<div class="sat-pictures" style="{columns}">{content}</div>'
        table = view.table_of(results, state)
        rows = ""
        if self._with_table:
            rows = f'<div class="sat-scroll">{table_html(table.head(ROWS_PER_PAGE))}</div>'
        self._table.value = f"<p>{view.caption}</p>{rows}" if self._with_table else ""
        self._row.put(segments_of(table) or snapshot.data.offer.segments)


def _figure(snapshot: Snapshot, panel: Panel, title: str, result: Any) -> tuple[float, str]:
    """The width that a figure needs, in pixels, and its HTML."""
    from matplotlib import style

    from sat_nb.widgets.page_figure import page_figure

    view = snapshot.view
    assert view.draw is not None
    # Colours and fonts are the page's, not the user's.
    with style.context("default"), made_by(page_figure):
        figure = released(view.draw(result, snapshot.state, None))
        needed = figure.get_figwidth() * 96 * SCALE
        description = f"{view.title}, {panel.title}: {view.about}"
        svg = svg_of(figure, description, themed=view.themed)
    css = "sat-picture" if view.themed else "sat-picture sat-on-white"
    width = needed * (MIN_WIDTH_SHARE if view.themed else 1)
    whose = f'<p class="sat-whose">{escaped(title)}</p>' if title else ""
    drawn = f'<div class="{css}" style="max-width: {needed:.0f}px">{svg}</div>'
    return width, f'<div title="{escaped(panel.title)}">{whose}{drawn}</div>'
