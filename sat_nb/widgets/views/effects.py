"""Attribution against effect: do the segments that attract attribution matter?"""

from __future__ import annotations

from typing import Any

import pandas as pd

from sat_nb.plots.agreement import plot_agreement
from sat_nb.stats.agreement import Agreement, agreement
from sat_nb.table.schema import N_FORWARD
from sat_nb.widgets.code import call, highlight_of, pooling, unit_of
from sat_nb.widgets.data import Data
from sat_nb.widgets.panels import Panel, joined
from sat_nb.widgets.state import ExplorerState, Offer
from sat_nb.widgets.views.view import View, axes_on

N_RESAMPLES = 2000


def _sides(offer: Offer, panel: Panel) -> tuple[list[str], list[str]]:
    """The methods, and the measures; without measures the first method, and the others."""
    measures = [m for m in panel.methods if m in offer.measures]
    methods = [m for m in panel.methods if m not in offer.measures]
    if measures and methods:
        return methods, measures
    return list(panel.methods[:1]), list(panel.methods[1:])


def _options(state: ExplorerState, offer: Offer) -> dict[str, Any]:
    """Photos that only one side has are left out, with a warning."""
    options = {"alpha": state.alpha, "missing": "skip", "n_resamples": N_RESAMPLES}
    return {**options, **unit_of(state), **pooling(state, offer)}


def _result(data: Data, state: ExplorerState, panel: Panel) -> Agreement:
    rows = data.rows(state, panel).drop(columns=N_FORWARD, errors="ignore")
    one, other = (rows[rows["method"].isin(side)] for side in _sides(data.offer, panel))
    return agreement(one, other, **_options(state, data.offer))


def _table(results: list[Agreement], state: ExplorerState) -> pd.DataFrame:
    """The segments of every pair, with the correlation of the pair."""
    tables = [
        result.segments.merge(result.pairs[["method", "effect", "tau"]], on=["method", "effect"])
        for result in results
    ]
    return joined(VIEW.panels_of(state), tables)


def _draw(result: Agreement, state: ExplorerState, figure: Any) -> Any:
    first = result.pairs.iloc[0]
    pair = {"method": first["method"], "effect": first["effect"]}
    return plot_agreement(result, ax=axes_on(figure), **pair, **highlight_of(state))


def _code(state: ExplorerState, offer: Offer, panel: Panel) -> list[str]:
    one, other = _sides(offer, panel)
    drop = f"rows = chosen.drop(columns={N_FORWARD!r}, errors='ignore')"
    sides = (f"rows[rows['method'].isin({side!r})]" for side in (one, other))
    return [
        drop,
        f"result = {call('sat.agreement', *sides, **_options(state, offer))}",
        "first = result.pairs.iloc[0]",
        "pair = {'method': first['method'], 'effect': first['effect']}",
        f"sat.plot_agreement(result, **pair{_highlighted(state)})",
        "print(result.segments)",
    ]


def _highlighted(state: ExplorerState) -> str:
    return f", highlight={state.segment!r}" if state.segment else ""


VIEW = View(
    name="effects",
    title="Attribution and effect",
    about="Mean ranks of the segments by attribution against those by their effect, of the first "
    "method and measure that are chosen; without measures, of the first method and the second.",
    panels="by_model",
    result=_result,
    table=_table,
    code=_code,
    draw=_draw,
    screen="figures_and_table",
    uses=("alpha", "unit"),
    min_methods=2,
    slow=lambda state: True,
    caption="Kendall's tau-b in a photo, averaged over photos; segments that attract more "
    "attribution than they matter come first",
)
