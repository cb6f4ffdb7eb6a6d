"""Critical difference diagram: mean ranks, and which segments cannot be told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from sat_nb.plots.critical_difference import plot_critical_difference
from sat_nb.stats.compare import compare
from sat_nb.stats.comparison import Comparison
from sat_nb.widgets.code import call
from sat_nb.widgets.views.view import Panel, View, apart, named

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sat_nb.widgets.data import Data
    from sat_nb.widgets.state import ExplorerState, Facts


def _result(data: Data, state: ExplorerState, panel: Panel) -> Comparison:
    rows = data.rows(state, panel)
    options = {"alpha": state.alpha, "test": state.test, "missing": state.missing}
    return compare(rows, method=panel.methods[0], **options)  # type: ignore[arg-type]


def _table(results: list[Comparison], state: ExplorerState) -> pd.DataFrame:
    parts = list(zip(apart(state), (result.pairs() for result in results), strict=True))
    return named(parts)


def _draw(result: Comparison, state: ExplorerState, ax: Axes | None) -> Axes:
    positions = "mean_ranks" if result.aeon_ranks is None else "aeon_ranks"
    marked = state.segment or ()
    return plot_critical_difference(result, ax=ax, positions=positions, highlight=marked)


def _code(state: ExplorerState, facts: Facts, panel: Panel) -> list[str]:
    options = {"alpha": state.alpha, "test": state.test, "missing": state.missing}
    drawn = {"highlight": state.segment} if state.segment else {}
    if state.test == "aeon":
        drawn["positions"] = "aeon_ranks"
    return [
        f"result = {call('sat.compare', 'chosen', method=panel.methods[0], **options)}",
        call("sat.plot_critical_difference", "result", **drawn),
    ]


VIEW = View(
    title="Diagram",
    about="Critical difference diagram: mean ranks; bars join segments that do not differ",
    uses=("test", "alpha", "missing"),
    panels=apart,
    result=_result,
    table=_table,
    code=_code,
    draw=_draw,
    slow=lambda state: True,
)
