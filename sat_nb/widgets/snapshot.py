"""Snapshot: what an explorer shows in one state, computed without any widget."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.widgets.code import selection
from sat_nb.widgets.data import Data
from sat_nb.widgets.markup import stacked
from sat_nb.widgets.panels import Panel
from sat_nb.widgets.state import ROW_FILTERS, ExplorerState
from sat_nb.widgets.views import VIEWS
from sat_nb.widgets.views.view import View

if TYPE_CHECKING:
    from matplotlib.figure import Figure


MISSING_DATA = {
    "images": "the photos (sat.read_images)",
    "maps": "the maps (sat.explain)",
    "segments": "the masks (sat.read_segments)",
}


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One view of the data in one state."""

    data: Data
    state: ExplorerState

    @property
    def view(self) -> View:
        """The view that is shown."""
        return VIEWS[self.state.view]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """The panels of the view."""
        return self.view.panels_of(self.state)

    @property
    def keys(self) -> list[Hashable]:
        """What the result of each panel depends on: panels with equal keys have equal results."""
        names = (*ROW_FILTERS, *self.view.uses)
        values = tuple(getattr(self.state, name) for name in names)
        return [(self.state.view, panel, values) for panel in self.panels]

    @property
    def titles(self) -> list[str]:
        """Whose each panel is; empty texts where there are no others it could be mistaken for."""
        named = len(self.panels) > 1 or len(self.data.offer.models) > 1
        return [_whose(panel) if named else "" for panel in self.panels]

    @property
    def notes(self) -> list[str]:
        """What the view shows more with, and was not given."""
        offer = self.data.offer
        given = {"images": offer.has_images, "maps": offer.has_maps, "segments": offer.has_masks}
        missing = [name for name in self.view.wants if not given[name]]
        if not missing:
            return []
        arguments = ", ".join(f"{name}=..." for name in missing)
        *first, last = (MISSING_DATA[name] for name in missing)
        what = f"{', '.join(first)} and {last}" if first else last
        return [f"This view shows more with {what}: sat.explore(table, {arguments})."]

    def results(self) -> list[Any]:
        """The result of each panel, computed if it is not kept."""
        pairs = zip(self.panels, self.keys, strict=True)
        return [self.data.kept(key, partial(self._result, panel)) for panel, key in pairs]

    def _result(self, panel: Panel) -> Any:
        return self.view.result(self.data, self.state, panel)

    def table(self) -> pd.DataFrame:
        """The numbers that are shown."""
        return self.view.table_of(self.results(), self.state)

    def figure(self) -> Figure:
        """The figures that are shown, one below another; InvalidInput if the view has none."""
        view = self.view
        if view.draw is None:
            drawn = ", ".join(repr(name) for name, entry in VIEWS.items() if entry.draw)
            raise InvalidInput(f"view: {self.state.view!r} has no figure; expected one of {drawn}.")
        draws = [partial(view.draw, result, self.state) for result in self.results()]
        return stacked(draws, self.titles)

    def code(self) -> str:
        """Lines of Python that make the same with the public functions."""
        state, offer = self.state, self.data.offer
        blocks = []
        for panel in self.panels:
            lines = [selection(state, offer, panel), *self.view.code(state, offer, panel)]
            blocks.append("\n".join(lines))
        return "import sat_nb as sat\n\n" + "\n\n".join(blocks) + "\n"


def _whose(panel: Panel) -> str:
    """The models of a panel and its methods: of many methods, a title shows the first."""
    models = [model for model in panel.models if model is not None]
    return " · ".join([*models, *panel.methods])
