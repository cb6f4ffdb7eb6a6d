"""Critical difference diagram: mean ranks, and which segments cannot be told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from sat_nb.plots.critical_difference import plot_critical_difference
from sat_nb.stats.compare import compare
from sat_nb.stats.comparison import Comparison
from sat_nb.widgets.code import call, marked
from sat_nb.widgets.panels import Panel, apart, in_one
from sat_nb.widgets.views.view import View, axes_on

if TYPE_CHECKING:
    from sat_nb.widgets.data import Data
    from sat_nb.widgets.state import ExplorerState, Facts


def _options(state: ExplorerState, panel: Panel) -> dict[str, Any]:
    names = ("alpha", "test", "missing")
    return {"method": panel.methods[0], **{name: getattr(state, name) for name in names}}


def _result(data: Data, state: ExplorerState, panel: Panel) -> Comparison:
    return compare(data.rows(state, panel), **_options(state, panel))


def _table(results: list[Comparison], state: ExplorerState) -> pd.DataFrame:
    return in_one(apart(state), [result.pairs() for result in results])


def _drawn(state: ExplorerState) -> dict[str, Any]:
    positions = {"positions": "aeon_ranks"} if state.test == "aeon" else {}
    return {**positions, **marked(state)}


def _draw(result: Comparison, state: ExplorerState, figure: Any) -> Any:
    return plot_critical_difference(result, ax=axes_on(figure), **_drawn(state))


def _code(state: ExplorerState, facts: Facts, panel: Panel) -> list[str]:
    return [
        f"result = {call('sat.compare', 'chosen', **_options(state, panel))}",
        call("sat.plot_critical_difference", "result", **_drawn(state)),
    ]


VIEW = View(
    title="Diagram",
    about="Critical difference diagram: mean ranks; bars join segments that do not differ",
    panels=apart,
    result=_result,
    table=_table,
    code=_code,
    draw=_draw,
    uses=("test", "alpha", "missing"),
    slow=lambda state: True,
)
