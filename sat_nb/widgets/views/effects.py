"""Attribution against effect: do the segments that attract attribution matter?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from sat_nb.plots.agreement import plot_agreement
from sat_nb.stats.agreement import Agreement, agreement
from sat_nb.stats.cof_table import CofTable, cof_table
from sat_nb.table.schema import N_FORWARD
from sat_nb.widgets.code import call, highlight_of, pooling, unit_of
from sat_nb.widgets.data import Data
from sat_nb.widgets.panels import Panel, joined
from sat_nb.widgets.state import ExplorerState, Offer
from sat_nb.widgets.views.view import View, axes_on, measure_of

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


@dataclass(frozen=True, eq=False)
class Effects:
    """Attribution against effect and, where it is known, how often the predicted class changes."""

    agreement: Agreement
    counted: CofTable | None


def _has_flips(offer: Offer, panel: Panel) -> bool:
    """Whether rows say what the prediction is without the segment."""
    return any(measure_of(m) == "without" for m in panel.methods if m in offer.measures)


def _result(data: Data, state: ExplorerState, panel: Panel) -> Effects:
    chosen = data.rows(state, panel)
    rows = chosen.drop(columns=N_FORWARD, errors="ignore")
    one, other = (rows[rows["method"].isin(side)] for side in _sides(data.offer, panel))
    counted = None
    if _has_flips(data.offer, panel):
        counted = cof_table(chosen, **pooling(state, data.offer))
    return Effects(agreement(one, other, **_options(state, data.offer)), counted)


def _table(results: list[Effects], state: ExplorerState) -> pd.DataFrame:
    """The segments of every pair, with its correlation and how often the class changes."""
    return joined(VIEW.panels_of(state), [_rows(result) for result in results])


def _rows(result: Effects) -> pd.DataFrame:
    found, pair = result.agreement, ["method", "effect"]
    rows = found.segments.merge(found.pairs[[*pair, "tau"]], on=pair)
    if result.counted is None:
        return rows
    flips = result.counted.table[["replace", "segment", "n_flipped", "of_present", "flipped_to"]]
    flips = flips.assign(effect="without." + flips["replace"]).drop(columns="replace")
    return rows.merge(flips, on=["effect", "segment"], how="left")


def _draw(result: Effects, state: ExplorerState, figure: Any) -> Any:
    first = result.agreement.pairs.iloc[0]
    pair = {"method": first["method"], "effect": first["effect"]}
    ax = axes_on(figure)
    return plot_agreement(result.agreement, ax=ax, **pair, **highlight_of(state))


def _code(state: ExplorerState, offer: Offer, panel: Panel) -> list[str]:
    one, other = _sides(offer, panel)
    sides = (f"rows[rows['method'].isin({side!r})]" for side in (one, other))
    lines = [
        f"rows = chosen.drop(columns={N_FORWARD!r}, errors='ignore')",
        f"result = {call('sat.agreement', *sides, **_options(state, offer))}",
        "first = result.pairs.iloc[0]",
        "pair = {'method': first['method'], 'effect': first['effect']}",
        f"sat.plot_agreement(result, **pair{_highlighted(state)})",
        "print(result.segments)",
    ]
    if _has_flips(offer, panel):
        lines += [
            f"counted = {call('sat.cof_table', 'chosen', **pooling(state, offer))}",
            "print(counted.table)",
        ]
    return lines


def _highlighted(state: ExplorerState) -> str:
    return f", highlight={state.segment!r}" if state.segment else ""


VIEW = View(
    name="effects",
    title="Attribution and effect",
    about="Mean ranks of the segments by attribution against those by their effect, of the first "
    "method and measure that are chosen, and how often the predicted class changes without a "
    "segment; in tables without effects, of the first method and the second.",
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
