"""Distribution: how often each segment has each rank, which a mean hides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from sat_nb.plots.rank_distribution import plot_rank_distribution, rank_shares
from sat_nb.widgets.code import call, marked
from sat_nb.widgets.panels import Panel, apart, in_one
from sat_nb.widgets.views.view import View, axes_on

if TYPE_CHECKING:
    from sat_nb.widgets.data import Data
    from sat_nb.widgets.state import ExplorerState, Facts


def _result(data: Data, state: ExplorerState, panel: Panel) -> pd.DataFrame:
    return data.rows(state, panel)


def _table(results: list[pd.DataFrame], state: ExplorerState) -> pd.DataFrame:
    return in_one(apart(state), [rank_shares(rows) for rows in results])


def _draw(result: pd.DataFrame, state: ExplorerState, figure: Any) -> Any:
    return plot_rank_distribution(result, ax=axes_on(figure), **marked(state))


def _code(state: ExplorerState, facts: Facts, panel: Panel) -> list[str]:
    return [call("sat.plot_rank_distribution", "chosen", **marked(state))]


VIEW = View(
    title="Distribution",
    about="How often each segment has each local rank: two equal means may hide different things",
    panels=apart,
    result=_result,
    table=_table,
    code=_code,
    draw=_draw,
)
