"""A picture a panel, side by side where there is room; with the numbers below where asked for."""

from __future__ import annotations

import html
from functools import partial

import ipywidgets as widgets

from sat_nb.widgets.data import Cache
from sat_nb.widgets.grid import PAGE, table_html
from sat_nb.widgets.panels import Panel
from sat_nb.widgets.pictures import SCALE, released, svg_of
from sat_nb.widgets.screens.screen import Go, Row, Shot, segments_of

ROOM = 0.62  # of its own width is what a picture needs: then two stand side by side


class PicturesScreen:
    """Pictures, and a row of buttons that lead from a segment to its photos."""

    def __init__(self, go: Go, *, with_table: bool = False) -> None:
        self._drawn, self._with_table = Cache(48), with_table
        self._pictures, self._table = widgets.HTML(), widgets.HTML()
        self._row = Row("Photos of", "sat-drill-segment", "see its photos", go.to_segment)
        self.widget = widgets.VBox([self._pictures, self._table, self._row.widget])

    def show(self, shot: Shot) -> None:
        """Draw the panels that are not drawn yet."""
        panels = shot.view.panels(shot.state)
        marks = tuple(getattr(shot.state, name) for name in shot.view.marks)
        pictures = [
            self._drawn.get((key, marks), partial(_picture, shot, panel, result))
            for panel, result, key in zip(panels, shot.results, shot.keys, strict=True)
        ]
        widest = max(room for room, _ in pictures)
        columns = f"grid-template-columns: repeat(auto-fit, minmax(min(100%, {widest:.0f}px), 1fr))"
        html_of_all = "".join(picture for _, picture in pictures)
        self._pictures.value = f'<div class="sat-pictures" style="{columns}">{html_of_all}</div>'
        table = shot.view.table(shot.results, shot.state)
        self._table.value = (
            f"<p>{shot.view.caption}</p>{table_html(table.head(PAGE))}" if self._with_table else ""
        )
        self._row.put(_names(shot, table))


def _picture(shot: Shot, panel: Panel, result: object) -> tuple[float, str]:
    """The room that a picture needs, in pixels across, and its HTML."""
    assert shot.view.draw is not None
    figure = released(shot.view.draw(result, shot.state, None))
    says = f"{shot.view.title}, {panel.title}: {shot.view.about}"
    css = "sat-picture" if shot.view.themed else "sat-picture sat-on-white"
    room = figure.get_figwidth() * 96 * SCALE * (ROOM if shot.view.themed else 1)
    svg = svg_of(figure, says, themed=shot.view.themed)
    return room, f'<div class="{css}" title="{html.escape(panel.title)}">{svg}</div>'


def _names(shot: Shot, table: object) -> list[str]:
    return segments_of(table) or list(shot.data.facts.segments)
