"""The unusual as leads: each line has a button that leads to its photos."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from sat_nb.printable import escaped, printable
from sat_nb.widgets.fields import button, shortened
from sat_nb.widgets.screens.screen import Navigation
from sat_nb.widgets.snapshot import Snapshot

HEADINGS = {
    "image": "Photos whose table differs most from the aggregate",
    "segment": "Segments whose rank varies most",
    "methods": "Methods that disagree, and where they disagree most",
}


class LeadsScreen:
    """A heading for each kind of lead, and a line for each lead; lines are filled anew."""

    def __init__(self, navigation: Navigation) -> None:
        self._navigation = navigation
        self._headings = {k: widgets.HTML(value=f"<h4>{h}</h4>") for k, h in HEADINGS.items()}
        self._lines: dict[str, list[Lead]] = {kind: [] for kind in HEADINGS}
        self.widget = widgets.VBox()

    def show(self, snapshot: Snapshot) -> None:
        """Show all leads."""
        children: list[widgets.Widget] = []
        several = len(snapshot.data.offer.models) > 1
        for kind, leads in snapshot.table().groupby("unusual", sort=False):
            children.append(self._headings[str(kind)])
            rows: list[Any] = leads.to_dict("records")
            for line, row in zip(self._lines_of(str(kind), len(rows)), rows, strict=True):
                model = [str(row["model"])] if several else []
                line.put(str(row["name"]), " · ".join([str(row["method"]), *model]), row["says"])
                children.append(line.widget)
        self.widget.children = children

    def _lines_of(self, kind: str, n: int) -> list[Lead]:
        """The first lines of a kind, made where there are too few."""
        lines = self._lines[kind]
        lines += [Lead(kind, self._navigation) for _ in range(n - len(lines))]
        return lines[:n]


class Lead:
    """A button that leads to a photo or a segment, and what is unusual about it."""

    def __init__(self, kind: str, navigation: Navigation) -> None:
        css, self._what, to = (
            ("sat-drill-image", "its own table", navigation.to_image)
            if kind == "image"
            else ("sat-drill-segment", "its photos", navigation.to_segment)
        )
        self._name = ""
        self._open = button("", "", css, lambda: to(self._name))
        self._text = widgets.HTML()
        self.widget = widgets.HBox([self._open, self._text])
        self.widget.add_class("sat-lead")

    def put(self, name: str, whose: str, says: str) -> None:
        """Show what is said about this photo or segment under these methods."""
        self._name = name
        self._open.description = shortened(name, 26)
        self._open.tooltip = printable(f"{name}: see {self._what}")
        self._text.value = f"<span>{escaped(f'{whose}: {says}')}</span>"
