"""Size: do small segments rank early, and how would they rank if all were of one size?"""

from __future__ import annotations

from typing import Any

import pandas as pd

from sat_nb.plots.size import plot_size
from sat_nb.stats.size_effect import adjust_for_size
from sat_nb.widgets.code import call, highlight_of, pooling
from sat_nb.widgets.data import Data
from sat_nb.widgets.panels import Panel
from sat_nb.widgets.state import ExplorerState, Offer
from sat_nb.widgets.views.view import View, axes_on

EFFECTS = "image"
"""Sizes are compared between the segments of a photo, which is what the picture shows."""


def _options(state: ExplorerState, offer: Offer, panel: Panel) -> dict[str, Any]:
    return {"method": panel.methods[0], "effects": EFFECTS, **pooling(state, offer)}


def _result(data: Data, state: ExplorerState, panel: Panel) -> pd.DataFrame:
    return adjust_for_size(data.rows(state, panel), **_options(state, data.offer, panel))


def _draw(result: pd.DataFrame, state: ExplorerState, figure: Any) -> Any:
    return plot_size(result, ax=axes_on(figure), **highlight_of(state))


def _code(state: ExplorerState, offer: Offer, panel: Panel) -> list[str]:
    return [
        f"adjusted = {call('sat.adjust_for_size', 'chosen', **_options(state, offer, panel))}",
        call("sat.plot_size", "adjusted", **highlight_of(state)),
    ]


VIEW = View(
    name="size",
    title="Size",
    about="The mean rank of each segment against the size of its masks, and the rank that it would "
    "have if all masks were of one size.",
    panels="by_model_and_method",
    result=_result,
    code=_code,
    draw=_draw,
    order=lambda result: {"": list(result["segment"])},
)
