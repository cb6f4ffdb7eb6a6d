"""Agreement: do the saliency methods rank the segments alike?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from sat_nb.plots.heatmap import plot_heatmap
from sat_nb.stats.consensus import Consensus, consensus
from sat_nb.table.aggregate import aggregate
from sat_nb.widgets.code import call, highlight_of, pooling
from sat_nb.widgets.data import Data
from sat_nb.widgets.panels import Panel, joined
from sat_nb.widgets.state import ExplorerState, Offer
from sat_nb.widgets.views.view import View, axes_on


@dataclass(frozen=True, eq=False)
class Agreement:
    """Mean ranks under each method, and how far the methods agree."""

    summary: pd.DataFrame
    consensus: Consensus


def _result(data: Data, state: ExplorerState, panel: Panel) -> Agreement:
    rows = data.whole(state, panel)
    together = pooling(state, data.offer)
    agreed = consensus(rows, **together)
    summary = aggregate(rows, value="rank", **together)
    places = {name: i for i, name in enumerate(agreed.ranking.index)}
    order = summary["segment"].map(places)
    return Agreement(summary.iloc[order.argsort(kind="stable")], agreed)


def _table(results: list[Agreement], state: ExplorerState) -> pd.DataFrame:
    """Kendall's tau-b of each pair of methods, and W of all."""
    tables = [r.consensus.tau.reset_index().assign(w_of_all=r.consensus.w) for r in results]
    return joined(VIEW.panels_of(state), tables)


def _draw(result: Agreement, state: ExplorerState, figure: Any) -> Any:
    return plot_heatmap(result.summary, ax=axes_on(figure), **highlight_of(state))


def _code(state: ExplorerState, offer: Offer, panel: Panel) -> list[str]:
    together = pooling(state, offer)
    return [
        f"agreed = {call('sat.consensus', 'chosen', **together)}",
        f"summary = {call('sat.aggregate', 'chosen', value='rank', **together)}",
        "summary = summary.set_index('segment')",
        "summary = summary.loc[agreed.ranking.index].reset_index()",
        "summary = summary[['method', 'segment', 'rank', 'n_images']]",
        call("sat.plot_heatmap", "summary", **highlight_of(state)),
        "print(agreed.tau)",
    ]


VIEW = View(
    name="agreement",
    title="Agreement",
    about="Mean ranks under each method, and how far the methods agree (Kendall's tau and W).",
    panels="by_model",
    result=_result,
    table=_table,
    code=_code,
    draw=_draw,
    screen="figures_and_table",
    min_methods=2,
    order=lambda result: {"": list(result.consensus.ranking.index)},
    slow=lambda state: True,
    themed=False,
    caption="Kendall's tau-b between methods in a photo, averaged over photos (1: the same order, "
    "0: unrelated), and Kendall's W of the mean ranks of all",
)
