"""Distribution: how often each segment has each rank, which a mean hides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from sat_nb.plots.rank_distribution import draw_shares
from sat_nb.stats.local_ranks import rank_shares, the_method
from sat_nb.widgets.code import call, highlight_of
from sat_nb.widgets.data import Data
from sat_nb.widgets.panels import Panel, joined
from sat_nb.widgets.state import ExplorerState, Offer
from sat_nb.widgets.views.view import View, axes_on


@dataclass(frozen=True, eq=False)
class Distribution:
    """How often each segment has each rank, and under which method."""

    shares: pd.DataFrame
    method: str


def _result(data: Data, state: ExplorerState, panel: Panel) -> Distribution:
    rows = data.chosen(state, panel)
    return Distribution(rank_shares(rows), the_method(rows))


def _table(results: list[Distribution], state: ExplorerState) -> pd.DataFrame:
    return joined(VIEW.panels_of(state), [result.shares for result in results])


def _draw(result: Distribution, state: ExplorerState, figure: Any) -> Any:
    options = highlight_of(state)
    return draw_shares(result.shares, result.method, ax=axes_on(figure), **options)


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
