"""Agreement: do the saliency methods rank the segments alike?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from sat_nb.plots.heatmap import plot_heatmap
from sat_nb.stats.consensus import Consensus, consensus
from sat_nb.table.aggregate import aggregate
from sat_nb.widgets.code import call, marked
from sat_nb.widgets.panels import Panel, by_model, in_one
from sat_nb.widgets.views.view import View, axes_on

if TYPE_CHECKING:
    from sat_nb.widgets.data import Data
    from sat_nb.widgets.state import ExplorerState, Facts


@dataclass(frozen=True, eq=False)
class Agreement:
    """The ranks that the methods give, and how far they agree."""

    summary: pd.DataFrame
    agreed: Consensus


def _result(data: Data, state: ExplorerState, panel: Panel) -> Agreement:
    rows = data.rows(state, panel)
    agreed = consensus(rows)
    summary = aggregate(rows, value="rank")
    best_first = {name: i for i, name in enumerate(agreed.ranking.index)}
    order = summary["segment"].map(best_first)
    return Agreement(summary.iloc[order.argsort(kind="stable")], agreed)


def _table(results: list[Agreement], state: ExplorerState) -> pd.DataFrame:
    """Kendall's tau-b of each two methods, and W of all."""
    frames = [r.agreed.tau.reset_index().assign(w_of_all=r.agreed.w) for r in results]
    return in_one(by_model(state), frames)


def _draw(result: Agreement, state: ExplorerState, figure: Any) -> Any:
    return plot_heatmap(result.summary, ax=axes_on(figure), **marked(state))


def _code(state: ExplorerState, facts: Facts, panel: Panel) -> list[str]:
    return [
        "agreed = sat.consensus(chosen)",
        "summary = sat.aggregate(chosen, value='rank').set_index('segment')",
        "summary = summary.loc[agreed.ranking.index].reset_index()",
        "summary = summary[['method', 'segment', 'rank', 'n_images']]",
        call("sat.plot_heatmap", "summary", **marked(state)),
        "print(agreed.tau)",
    ]


VIEW = View(
    title="Agreement",
    about="Mean ranks under each method, and how far the methods agree (Kendall's tau and W)",
    panels=by_model,
    result=_result,
    table=_table,
    code=_code,
    draw=_draw,
    screen="pictures_and_table",
    methods=2,
    slow=lambda state: True,
    themed=False,
    caption="Kendall's tau-b between methods in a photo, averaged over photos (1: the same order, "
    "0: unrelated), and Kendall's W of the mean ranks of all",
)
