"""Bars: an aggregate with intervals, methods and models side by side."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from sat_nb.plots.bars import plot_segments
from sat_nb.stats.intervals import intervals
from sat_nb.table.aggregate import aggregate
from sat_nb.widgets.code import FILTERS, call, marked
from sat_nb.widgets.panels import Panel, together
from sat_nb.widgets.views.view import View, axes_on

if TYPE_CHECKING:
    from sat_nb.widgets.data import Data
    from sat_nb.widgets.state import ExplorerState, Facts

N_RESAMPLES = 2000  # for a picture: 2,000 and 10,000 resamples' bounds differ by less than a dot


def summary_of(data: Data, state: ExplorerState, panel: Panel) -> pd.DataFrame:
    """The aggregate, put together from those of each method and model, which are kept."""
    names = (*FILTERS, "how", "value", "intervals")
    key = ("summary", by_of(state), *(getattr(state, name) for name in names))
    parts = []
    for method in sorted(panel.methods):
        for model in sorted(panel.models, key=str):
            one = Panel((method,), (model,))
            parts.append(data.kept((*key, one), partial(_summary, data, state, one)))
    return pd.concat(parts, ignore_index=True)


def by_of(state: ExplorerState) -> tuple[str, ...]:
    """What the aggregate keeps apart."""
    return ("method",) if state.versus is None else ("method", "model")


def summary_lines(state: ExplorerState) -> list[str]:
    """The aggregate as code, under the name ``summary``."""
    name, options = _call(state)
    return [f"summary = {call(f'sat.{name}', 'chosen', **options)}"]


def _call(state: ExplorerState) -> tuple[str, dict[str, Any]]:
    options = {"how": state.how, "value": state.value, "by": by_of(state)}
    if state.intervals:
        return "intervals", {**options, "n_resamples": N_RESAMPLES}
    return "aggregate", options


def _summary(data: Data, state: ExplorerState, panel: Panel) -> pd.DataFrame:
    name, options = _call(state)
    function = intervals if name == "intervals" else aggregate
    return function(data.rows(state, panel), **options)


def _code(state: ExplorerState, facts: Facts, panel: Panel) -> list[str]:
    return [*summary_lines(state), call("sat.plot_segments", "summary", **marked(state))]


def _draw(result: pd.DataFrame, state: ExplorerState, figure: Any) -> Any:
    return plot_segments(result, ax=axes_on(figure), **marked(state))


VIEW = View(
    title="Bars",
    about="Each segment's aggregated value, and how sure it is",
    panels=together,
    result=summary_of,
    table=lambda results, state: results[0],
    code=_code,
    draw=_draw,
    uses=("how", "value", "intervals"),
    slow=lambda state: state.intervals,
)
