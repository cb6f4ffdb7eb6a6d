"""Distribution: how often each segment has each rank, which a mean hides."""

from __future__ import annotations

from typing import Any

import pandas as pd

from sat_nb.plots.rank_distribution import plot_rank_distribution
from sat_nb.stats.local_ranks import rank_shares
from sat_nb.table.source import Table
from sat_nb.widgets.code import call, highlight_of
from sat_nb.widgets.data import Data
from sat_nb.widgets.panels import Panel, joined
from sat_nb.widgets.state import ExplorerState, Offer
from sat_nb.widgets.views.view import View, axes_on


def _result(data: Data, state: ExplorerState, panel: Panel) -> Table:
    return data.chosen(state, panel)


def _table(results: list[Table], state: ExplorerState) -> pd.DataFrame:
    return joined(VIEW.panels_of(state), [rank_shares(rows) for rows in results])


def _draw(result: Table, state: ExplorerState, figure: Any) -> Any:
    return plot_rank_distribution(result, ax=axes_on(figure), **highlight_of(state))


def _code(state: ExplorerState, offer: Offer, panel: Panel) -> list[str]:
    return [call("sat.plot_rank_distribution", "chosen", **highlight_of(state))]


VIEW = View(
    name="distribution",
    title="Distribution",
    about="How often each segment has each local rank; equal means can hide different ranks.",
    panels="by_model_and_method",
    result=_result,
    table=_table,
    code=_code,
    draw=_draw,
)
