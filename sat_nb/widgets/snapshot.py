"""Snapshot: what an explorer shows in one state, without any widget; and what moved between two."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.printable import as_html, escaped
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

Orders = Mapping[str, Sequence[str]]
"""The segments of each group, such as a method, from the first to the last."""

MOST_MOVES = 5
"""Moves that are named, the widest first."""


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


def orders_of(snapshot: Snapshot) -> Orders | None:
    """The orders that a view shows; None for a view without one."""
    order = snapshot.view.order
    if order is None:
        return None
    panels = snapshot.panels
    return {
        group if len(panels) == 1 and group else panel.title: names
        for panel, result in zip(panels, snapshot.results(), strict=True)
        for group, names in order(result).items()
    }


def moves(before: Sequence[str], after: Sequence[str]) -> list[tuple[str, int, int]]:
    """(name, place before, place after) of those in both that moved, the widest move first.

    >>> moves(["eyes", "nose", "tail"], ["nose", "eyes", "mane"])
    [('eyes', 1, 2), ('nose', 2, 1)]
    """
    there = [name for name in before if name in set(after)]
    here = [name for name in after if name in set(before)]
    places = {name: i for i, name in enumerate(there, 1)}
    moved = [(n, places[n], i) for i, n in enumerate(here, 1) if places[n] != i]
    return sorted(moved, key=lambda move: (-abs(move[1] - move[2]), move[1]))


def moves_html(before: Orders, after: Orders) -> str:
    """What moved in each group that is there before and after, as HTML."""
    lines = []
    for title, old, new in _pairs(before, after):
        moved = moves(old, new)
        if not moved:
            lines.append(f"{escaped(title)}: the same order as before")
            continue
        texts = [_as_move(*move) for move in moved[:MOST_MOVES]]
        more = f" and {len(moved) - MOST_MOVES} more" if len(moved) > MOST_MOVES else ""
        lines.append(f"{escaped(title)}: {', '.join(texts)}{more}")
    items = "".join(f"<div>{line}</div>" for line in lines)
    return f'<div class="sat-moves" role="status">{items}</div>' if items else ""


def _pairs(before: Orders, after: Orders) -> list[tuple[str, Sequence[str], Sequence[str]]]:
    """Groups of one name; a group that stands alone is compared with the one that it replaces."""
    if len(before) == len(after) == 1:
        ((old_title, old),), ((title, new),) = before.items(), after.items()
        whole = title if title == old_title else f"{old_title} → {title}"
        return [(whole, old, new)]
    return [(title, before[title], names) for title, names in after.items() if title in before]


def _as_move(name: Any, old: int, new: int) -> str:
    arrow = "▲" if new < old else "▼"
    return f"{arrow} {as_html(name)} {old} → {new}"
