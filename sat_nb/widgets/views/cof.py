"""Counterfactual frequencies: how often does the class change without a segment?"""

from __future__ import annotations

from typing import Any

import pandas as pd

from sat_nb.plots.cof_table import plot_cof_table
from sat_nb.stats.cof_table import SETS, CofTable, cof_table
from sat_nb.widgets.code import call, highlight_of, pooling
from sat_nb.widgets.data import Data
from sat_nb.widgets.panels import Panel, joined
from sat_nb.widgets.state import ExplorerState, Offer
from sat_nb.widgets.views.view import View, axes_on, measure_of


def _options(state: ExplorerState, offer: Offer, panel: Panel) -> dict[str, Any]:
    """The first kind of sets of which a measure is chosen: each name alone, else minimal sets."""
    chosen = {measure_of(method) for method in panel.methods}
    sets = next(name for name, entry in SETS.items() if entry.measure in chosen)
    return {"sets": sets, **pooling(state, offer)}


def _result(data: Data, state: ExplorerState, panel: Panel) -> CofTable:
    return cof_table(data.rows(state, panel), **_options(state, data.offer, panel))


def _table(results: list[CofTable], state: ExplorerState) -> pd.DataFrame:
    counted = [result.table.drop(columns="model") for result in results]
    return joined(VIEW.panels_of(state), counted)


def _draw(result: CofTable, state: ExplorerState, figure: Any) -> Any:
    return plot_cof_table(result, ax=axes_on(figure), **highlight_of(state))


def _code(state: ExplorerState, offer: Offer, panel: Panel) -> list[str]:
    return [
        f"counted = {call('sat.cof_table', 'chosen', **_options(state, offer, panel))}",
        call("sat.plot_cof_table", "counted", **highlight_of(state)),
        "print(counted.table)",
    ]


VIEW = View(
    name="cof",
    title="Counterfactuals",
    about="In which share of the photos with a segment the predicted class changes without it, "
    "with intervals, and to which class; of the measure 'without', or else of the minimal sets of "
    "'counterfactual'.",
    source="Hinns & Martens 2024",
    panels="by_model",
    result=_result,
    table=_table,
    code=_code,
    draw=_draw,
    screen="figures_and_table",
    measures=tuple(entry.measure for entry in SETS.values()),
    order=lambda result: {"": list(dict.fromkeys(result.table["segment"]))},
    caption="Photos whose class changes, of those that have the segment and of all",
)
