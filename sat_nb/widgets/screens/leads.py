"""The unusual as leads: each line has a button that leads to its photos."""

from __future__ import annotations

from functools import partial

import ipywidgets as widgets
import pandas as pd

from sat_nb.printable import escaped
from sat_nb.widgets.fields import button, shortened
from sat_nb.widgets.screens.screen import Navigation
from sat_nb.widgets.snapshot import Snapshot

HEADINGS = {
    "image": "Photos whose table differs most from the aggregate",
    "segment": "Segments whose rank varies most",
    "methods": "Methods that disagree, and where they disagree most",
}


class LeadsScreen:
    """A heading for each kind of lead, and a line for each lead."""

    def __init__(self, navigation: Navigation) -> None:
        self._navigation = navigation
        self.widget = widgets.VBox()

    def show(self, snapshot: Snapshot) -> None:
        """Show all leads."""
        children: list[widgets.Widget] = []
        several = len(snapshot.data.offer.models) > 1
        for kind, leads in snapshot.table().groupby("unusual", sort=False):
            children.append(widgets.HTML(value=f"<h4>{HEADINGS[str(kind)]}</h4>"))
            for _, row in leads.iterrows():
                model = [str(row["model"])] if several else []
                children.append(self._lead(row, " · ".join([str(row["method"]), *model])))
        self.widget.children = children

    def _lead(self, row: pd.Series, whose: str) -> widgets.Widget:
        name, to = str(row["name"]), self._navigation
        css, what, click = (
            ("sat-drill-image", "its own table", partial(to.to_image, name))
            if row["unusual"] == "image"
            else ("sat-drill-segment", "its photos", partial(to.to_segment, name))
        )
        text = escaped(f"{whose}: {row['says']}")
        line = widgets.HBox(
            [
                button(shortened(name, 26), f"{name}: see {what}", css, click),
                widgets.HTML(value=f"<span>{text}</span>"),
            ]
        )
        line.add_class("sat-lead")
        return line
