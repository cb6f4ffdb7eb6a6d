"""Critical difference diagram: mean ranks, and which segments the test cannot tell apart."""

from __future__ import annotations

from typing import Any

import pandas as pd

from sat_nb.plots.critical_difference import plot_critical_difference
from sat_nb.stats.compare import compare
from sat_nb.stats.comparison import Comparison
from sat_nb.widgets.code import call, highlight_of, pooling, unit_of
from sat_nb.widgets.data import Data
from sat_nb.widgets.panels import Panel, joined
from sat_nb.widgets.state import ExplorerState, Offer
from sat_nb.widgets.views.view import View, axes_on


def _options(state: ExplorerState, offer: Offer, panel: Panel) -> dict[str, Any]:
    chosen = {name: getattr(state, name) for name in ("alpha", "test", "missing")}
    return {"method": panel.methods[0], **chosen, **unit_of(state), **pooling(state, offer)}


def _result(data: Data, state: ExplorerState, panel: Panel) -> Comparison:
    return compare(data.chosen(state, panel), **_options(state, data.offer, panel))


def _table(results: list[Comparison], state: ExplorerState) -> pd.DataFrame:
    return joined(VIEW.panels_of(state), [result.pairs() for result in results])


def _drawing(state: ExplorerState) -> dict[str, Any]:
    positions = {"positions": "aeon_ranks"} if state.test == "aeon" else {}
    return {**positions, **highlight_of(state)}


def _draw(result: Comparison, state: ExplorerState, figure: Any) -> Any:
    return plot_critical_difference(result, ax=axes_on(figure), **_drawing(state))


def _code(state: ExplorerState, offer: Offer, panel: Panel) -> list[str]:
    return [
        f"result = {call('sat.compare', 'chosen', **_options(state, offer, panel))}",
        call("sat.plot_critical_difference", "result", **_drawing(state)),
    ]


VIEW = View(
    name="diagram",
    title="Diagram",
    about="Critical difference diagram: mean ranks; bars join segments that do not differ.",
    panels="by_model_and_method",
    result=_result,
    table=_table,
    code=_code,
    draw=_draw,
    uses=("test", "alpha", "missing", "unit"),
    order=lambda result: {result.method: list(result.mean_ranks.index)},
    slow=lambda state: True,
)
