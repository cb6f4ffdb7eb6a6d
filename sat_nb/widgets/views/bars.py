"""Bars: an aggregate with intervals, methods and models side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from sat_nb.plots.bars import plot_segments
from sat_nb.stats.intervals import intervals
from sat_nb.table.aggregate import aggregate
from sat_nb.widgets.code import FILTERS, call
from sat_nb.widgets.views.view import Panel, View, together

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sat_nb.widgets.data import Data
    from sat_nb.widgets.state import ExplorerState, Facts

N_RESAMPLES = 2000  # enough for a picture: a 95 % bound moves by a few hundredths of its width


def by_of(state: ExplorerState) -> tuple[str, ...]:
    """What the aggregate keeps apart."""
    return ("method",) if state.versus is None else ("method", "model")


def summary_of(data: Data, state: ExplorerState, panel: Panel) -> pd.DataFrame:
    """The aggregate, put together from those of each method and model, which are kept."""
    parts = []
    for method in sorted(panel.methods):
        for model in sorted(panel.models, key=str):
            one = Panel((method,), (model,))
            key = ("summary", one, *_key(data, state))
            parts.append(data.results.get(key, lambda one=one: _summary(data, state, one)))
    return pd.concat(parts, ignore_index=True)


def _key(data: Data, state: ExplorerState) -> tuple[Any, ...]:
    names = (*FILTERS, "how", "value", "intervals", "versus")
    return tuple(getattr(state, name) for name in names)


def _summary(data: Data, state: ExplorerState, panel: Panel) -> pd.DataFrame:
    rows, by = data.rows(state, panel), by_of(state)
    options: dict[str, Any] = {"how": state.how, "value": state.value, "by": by}
    if state.intervals:
        return intervals(rows, **options, n_resamples=N_RESAMPLES)
    return aggregate(rows, **options)


def lines(state: ExplorerState, facts: Facts, panel: Panel) -> list[str]:
    """The aggregate as code."""
    options: dict[str, Any] = {"how": state.how, "value": state.value, "by": by_of(state)}
    name = "sat.aggregate"
    if state.intervals:
        name, options["n_resamples"] = "sat.intervals", N_RESAMPLES
    return [f"summary = {call(name, 'chosen', **options)}"]


def _code(state: ExplorerState, facts: Facts, panel: Panel) -> list[str]:
    marked = {"highlight": state.segment} if state.segment else {}
    return [*lines(state, facts, panel), call("sat.plot_segments", "summary", **marked)]


def _draw(result: pd.DataFrame, state: ExplorerState, ax: Axes | None) -> Axes:
    return plot_segments(result, ax=ax, highlight=state.segment or ())


VIEW = View(
    title="Bars",
    about="Each segment's aggregated value, with 95 % intervals",
    uses=("how", "value", "intervals"),
    panels=together,
    result=summary_of,
    table=lambda results, state: results[0],
    code=_code,
    draw=_draw,
    slow=lambda state: state.intervals,
)
