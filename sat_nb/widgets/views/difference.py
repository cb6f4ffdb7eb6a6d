"""Difference: which segments gained or lost attention from one model to another."""

from __future__ import annotations

from typing import Any

import pandas as pd

from sat_nb.plots.difference import plot_difference
from sat_nb.stats.difference import Difference, difference
from sat_nb.widgets.code import call, highlight_of, pooling, unit_of
from sat_nb.widgets.data import Data
from sat_nb.widgets.panels import Panel, joined
from sat_nb.widgets.state import ExplorerState, Offer
from sat_nb.widgets.views.view import View, axes_on

N_RESAMPLES = 2000


def _options(state: ExplorerState, offer: Offer, panel: Panel) -> dict[str, Any]:
    """Segments that only one model has are left out, with a warning."""
    options = {"alpha": state.alpha, "missing": "skip", "n_resamples": N_RESAMPLES}
    return {"method": panel.methods[0], **options, **unit_of(state), **pooling(state, offer)}


def _result(data: Data, state: ExplorerState, panel: Panel) -> Difference:
    a, b = (data.chosen(state, Panel(panel.methods, (model,))) for model in panel.models)
    return difference(a, b, **_options(state, data.offer, panel))


def _table(results: list[Difference], state: ExplorerState) -> pd.DataFrame:
    return joined(VIEW.panels_of(state), [_rows(result) for result in results])


def _rows(result: Difference) -> pd.DataFrame:
    """The table, with the models whose ranks are ``rank_a`` and ``rank_b``."""
    models = {"model_a": result.model_a, "model_b": result.model_b}
    return result.table.reset_index().assign(**models)


def _draw(result: Difference, state: ExplorerState, figure: Any) -> Any:
    return plot_difference(result, ax=axes_on(figure), **highlight_of(state))


def _code(state: ExplorerState, offer: Offer, panel: Panel) -> list[str]:
    a, b = (f"chosen[chosen['model'] == {model!r}]" for model in panel.models)
    return [
        f"result = {call('sat.difference', a, b, **_options(state, offer, panel))}",
        call("sat.plot_difference", "result", **highlight_of(state)),
    ]


VIEW = View(
    name="difference",
    title="Difference",
    about="Which segments gained or lost attention from the first model to the second.",
    panels="by_method",
    result=_result,
    table=_table,
    code=_code,
    draw=_draw,
    uses=("alpha", "unit"),
    min_models=2,
    slow=lambda state: True,
)
