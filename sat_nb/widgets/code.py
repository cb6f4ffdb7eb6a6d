"""Lines of Python that make what an explorer shows, with the public functions alone."""

from __future__ import annotations

from typing import Any

from sat_nb.printable import literal
from sat_nb.widgets.panels import Panel
from sat_nb.widgets.state import ALL, ExplorerState, Offer


def call(name: str, *positional: str, **options: Any) -> str:
    """A function call as code.

    >>> call("sat.compare", "chosen", method="lrp.z", alpha=0.05)
    "sat.compare(chosen, method='lrp.z', alpha=0.05)"
    """
    arguments = [*positional, *(f"{key}={literal(value)}" for key, value in options.items())]
    return f"{name}({', '.join(arguments)})"


def highlight_of(state: ExplorerState) -> dict[str, Any]:
    """The argument ``highlight`` of a plot: the chosen segment, if there is one."""
    return {"highlight": state.segment} if state.segment else {}


def pooling(state: ExplorerState, offer: Offer) -> dict[str, Any]:
    """The argument ``classes`` of statistics that take all classes together, where there are."""
    return {"classes": "pool"} if state.label == ALL else offer.pooled


def classes_of(state: ExplorerState, offer: Offer) -> dict[str, Any]:
    """The argument ``classes`` of aggregates, which can keep them apart."""
    return {"classes": state.classes} if state.classes != "pool" else pooling(state, offer)


def unit_of(state: ExplorerState) -> dict[str, Any]:
    """The argument ``unit`` of statistics, where images are not independent."""
    return {} if state.unit is None else {"unit": state.unit}


def maps_of_model(offer: Offer, model: str | None) -> str:
    """The maps of a model, as code."""
    return f"maps[{model!r}]" if offer.maps_by_model else "maps"


def fit_of(maps: str) -> str:
    """How photos were brought to these maps, as code; maps of other tools may not know it."""
    return f"getattr({maps}, 'fit', None) or table.attrs.get('sat_nb', {{}}).get('fit')"


def row_filters(state: ExplorerState) -> dict[str, Any]:
    """The arguments of ``select`` for a state, without ``models`` and ``methods``."""
    wanted: dict[str, Any] = {}
    if state.label not in (None, ALL):
        wanted["labels"] = state.label
    if state.predicted is not None:
        wanted["predicted"] = state.predicted
    if state.correct is not None:
        wanted["correct"] = state.correct
    if state.hidden:
        wanted["without"] = list(state.hidden)
    if state.positions:
        wanted["positions"] = list(state.positions)
    if state.min_fraction > 0:
        wanted["min_fraction"] = state.min_fraction
    if state.max_fraction < 1:
        wanted["max_fraction"] = state.max_fraction
    if state.min_score > 0:
        wanted["min_score"] = state.min_score
    if state.min_images > 1:
        wanted["min_images"] = state.min_images
    return wanted


def selection(state: ExplorerState, offer: Offer, panel: Panel) -> str:
    """The line that selects a panel's rows, as ``chosen``."""
    options: dict[str, Any] = {"methods": list(panel.methods)}
    if len(offer.models) > 1:
        options["models"] = list(panel.models)
    return f"chosen = {call('sat.select', 'table', **options, **row_filters(state))}"
