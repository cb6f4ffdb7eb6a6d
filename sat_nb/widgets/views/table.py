"""The table: one row a segment, or the Segment Attribution Table's own rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from sat_nb.widgets.code import call
from sat_nb.widgets.views.bars import lines, summary_of
from sat_nb.widgets.views.view import Panel, View, together

if TYPE_CHECKING:
    from sat_nb.widgets.data import Data
    from sat_nb.widgets.state import ExplorerState, Facts


def _result(data: Data, state: ExplorerState, panel: Panel) -> pd.DataFrame:
    if state.rows == "segments":
        return summary_of(data, state, panel)
    rows = data.rows(state, panel)
    return rows.dropna(axis="columns", how="all").reset_index(drop=True)


def _table(results: list[pd.DataFrame], state: ExplorerState) -> pd.DataFrame:
    found = results[0]
    if state.search:
        found = found[holds(found, state.search)]
    if state.sort in found.columns:
        found = found.sort_values(state.sort, ascending=not state.descending, kind="stable")
    return found.reset_index(drop=True)


def holds(rows: pd.DataFrame, text: str) -> pd.Series:
    """Whether each row has the text in a column of names, in any case."""
    names = rows.select_dtypes("object")
    found = [names[c].astype(str).str.contains(text, case=False, regex=False) for c in names]
    return pd.concat(found, axis=1).any(axis=1) if found else pd.Series(False, rows.index)


def _code(state: ExplorerState, facts: Facts, panel: Panel) -> list[str]:
    if state.rows == "segments":
        code, name = lines(state, facts, panel), "summary"
    else:
        code, name = ["rows = chosen.dropna(axis='columns', how='all')"], "rows"
    if state.search:
        columns = f"{name}.select_dtypes('object')"
        code.append(
            f"found = {columns}.apply(lambda c: c.astype(str).str.contains("
            f"{state.search!r}, case=False, regex=False))"
        )
        code.append(f"{name} = {name}[found.any(axis=1)]")
    if state.sort:
        ascending = not state.descending
        sorted_ = call(f"{name}.sort_values", repr(state.sort), ascending=ascending, kind="stable")
        code.append(f"{name} = {sorted_}")
    return [*code, f"print({name})"]


VIEW = View(
    title="Table",
    about="The numbers themselves, to sort and to search",
    uses=("how", "value", "intervals", "rows"),
    panels=together,
    result=_result,
    table=_table,
    code=_code,
    slow=lambda state: state.intervals and state.rows == "segments",
)
