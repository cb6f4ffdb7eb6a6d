"""Bars: an aggregate with intervals, methods and models side by side."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd

from sat_nb.plots.bars import plot_segments
from sat_nb.stats.intervals import intervals
from sat_nb.table.aggregate import aggregate
from sat_nb.table.aggregations import AGGREGATIONS
from sat_nb.table.classes import CLASSES, with_column
from sat_nb.widgets.code import call, classes_of, highlight_of, unit_of
from sat_nb.widgets.data import Data
from sat_nb.widgets.panels import Panel
from sat_nb.widgets.state import ROW_FILTERS, ExplorerState, Offer
from sat_nb.widgets.views.view import View, axes_on

USES = ("how", "value", "classes", "intervals", "unit")
"""Fields of the state that an aggregate depends on, other than the rows."""

N_RESAMPLES = 2000
"""Enough for a figure: the bounds differ from those of 10,000 resamples by less than a dot."""


def summary_of(data: Data, state: ExplorerState, panel: Panel) -> pd.DataFrame:
    """The aggregate of a panel, joined from those of each method and model, which are kept."""
    names = (*ROW_FILTERS, *USES)
    key = ("summary", _by(state), *(getattr(state, name) for name in names))
    parts = []
    for method in sorted(panel.methods):
        for model in sorted(panel.models, key=str):
            one = Panel((method,), (model,))
            parts.append(data.kept((*key, one), partial(_summary, data, state, one)))
    return _concatenated(parts)


def summary_columns(state: ExplorerState) -> list[str]:
    """The columns of the aggregate."""
    column = AGGREGATIONS[state.how].result(state.value).column
    bounds = ("low", "high", "interval", "n_units") if state.intervals else ()
    return [
        *with_column(_by(state), CLASSES[state.classes]),
        "segment",
        column,
        "n_images",
        *bounds,
    ]


def summary_lines(state: ExplorerState, offer: Offer) -> list[str]:
    """The aggregate as code, named ``summary``."""
    name, options = _arguments(state)
    classes = classes_of(state, offer)
    return [f"summary = {call(f'sat.{name}', 'chosen', **options, **classes)}"]


def order_by_group(summary: pd.DataFrame) -> dict[str, list[str]]:
    """The segments of each group of an aggregate, in its order.

    >>> order_by_group(pd.DataFrame({"method": ["m", "m"], "segment": ["a", "b"], "rank": [1, 2]}))
    {'m': ['a', 'b']}
    """
    if "segment" not in summary or "image_id" in summary:
        return {}
    by = list(summary.columns[: list(summary.columns).index("segment")])
    if not by:
        return {"": list(summary["segment"])}
    groups = summary.groupby(by, sort=False, dropna=False)["segment"]
    return {" · ".join(map(str, key)): list(names) for key, names in groups}


def _concatenated(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """The parts in one; each has the same note of what its numbers are."""
    summary = pd.concat(parts, ignore_index=True)
    summary.attrs.update(parts[0].attrs)
    return summary


def _by(state: ExplorerState) -> tuple[str, ...]:
    return ("method",) if state.versus is None else ("method", "model")


def _arguments(state: ExplorerState) -> tuple[str, dict[str, Any]]:
    """The function that aggregates, and its arguments."""
    options = {"how": state.how, "value": state.value, "by": _by(state)}
    if state.intervals:
        return "intervals", {**options, **unit_of(state), "n_resamples": N_RESAMPLES}
    return "aggregate", options


def _summary(data: Data, state: ExplorerState, panel: Panel) -> pd.DataFrame:
    name, options = _arguments(state)
    function = intervals if name == "intervals" else aggregate
    return function(data.chosen(state, panel), **options, **classes_of(state, data.offer))


def _code(state: ExplorerState, offer: Offer, panel: Panel) -> list[str]:
    return [
        *summary_lines(state, offer),
        call("sat.plot_segments", "summary", **highlight_of(state)),
    ]


def _draw(result: pd.DataFrame, state: ExplorerState, figure: Any) -> Any:
    return plot_segments(result, ax=axes_on(figure), **highlight_of(state))


VIEW = View(
    name="bars",
    title="Bars",
    about="Each segment's aggregated value, and how certain it is.",
    result=summary_of,
    code=_code,
    draw=_draw,
    uses=USES,
    order=order_by_group,
    slow=lambda state: state.intervals,
)
