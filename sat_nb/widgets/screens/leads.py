"""The unusual, as leads: each has a button that goes there."""

from __future__ import annotations

import html

import ipywidgets as widgets
import pandas as pd

from sat_nb.widgets.fields import button, shortened
from sat_nb.widgets.screens.screen import Go, Shot

HEADINGS = {
    "image": "Photos whose table differs most from the aggregate",
    "segment": "Segments whose rank varies most",
    "methods": "Methods that disagree, and on what most",
}


class LeadsScreen:
    """A heading a kind, and under it a row a lead."""

    def __init__(self, go: Go) -> None:
        self._go = go
        self.widget = widgets.VBox()

    def show(self, shot: Shot) -> None:
        """Show them all."""
        found = shot.view.table(shot.results, shot.state)
        children: list[widgets.Widget] = []
        for kind, leads in found.groupby("unusual", sort=False):
            children.append(widgets.HTML(value=f"<h4>{HEADINGS[str(kind)]}</h4>"))
            children += [self._lead(row) for _, row in leads.iterrows()]
        self.widget.children = children

    def _lead(self, row: pd.Series) -> widgets.Widget:
        to_image = row["unusual"] == "image"
        name, go = str(row["name"]), self._go
        click = (lambda: go.to_image(name)) if to_image else (lambda: go.to_segment(name))
        css = "sat-drill-image" if to_image else "sat-drill-segment"
        tip = f"{name}: see {'its own table' if to_image else 'its photos'}"
        said = html.escape(f"{row['method']}: {row['says']}")
        line = widgets.HBox(
            [
                button(shortened(name, 26), tip, css, click),
                widgets.HTML(value=f"<span>{said}</span>"),
            ]
        )
        line.add_class("sat-lead")
        return line
