"""The table: one row per segment, or the Segment Attribution Table's own rows."""

from __future__ import annotations

import pandas as pd

from sat_nb.widgets.code import call
from sat_nb.widgets.data import Data
from sat_nb.widgets.panels import Panel
from sat_nb.widgets.state import ExplorerState, Offer
from sat_nb.widgets.views.bars import (
    USES,
    order_by_group,
    summary_columns,
    summary_lines,
    summary_of,
)
from sat_nb.widgets.views.view import View

COLUMNS = (
    *("image_id", "model", "method", "segment", "rank", "mean_attribution", "mask_fraction"),
    *("position", "score"),
)
"""The columns shown of the Segment Attribution Table's own rows."""


def columns_of(state: ExplorerState, offer: Offer) -> list[str]:
    """COLUMNS without those that have the same value in all rows."""
    constant = {
        "model": state.versus is None,
        "method": len(state.methods) == 1,
        "score": not offer.has_scores,
    }
    return [column for column in COLUMNS if not constant.get(column, False)]


def _result(data: Data, state: ExplorerState, panel: Panel) -> pd.DataFrame:
    if state.rows == "segments":
        return summary_of(data, state, panel)
    return data.listed(state, panel, columns_of(state, data.offer))


def _table(results: list[pd.DataFrame], state: ExplorerState) -> pd.DataFrame:
    found = results[0]
    if state.search:
        found = found[contains(found, state.search)]
    if state.sort in found.columns:
        found = found.sort_values(state.sort, ascending=not state.descending, kind="stable")
    return found.reset_index(drop=True)


def contains(rows: pd.DataFrame, text: str) -> pd.Series:
    """Whether each row has the text in a column of names, in any case.

    >>> contains(pd.DataFrame({"segment": ["left eye", "nose"], "rank": [1, 2]}), "EYE").tolist()
    [True, False]
    """
    names = rows.select_dtypes(exclude=["number", "bool"])
    found = [names[c].astype(str).str.contains(text, case=False, regex=False) for c in names]
    return pd.concat(found, axis=1).any(axis=1) if found else pd.Series(False, rows.index)


def _code(state: ExplorerState, offer: Offer, panel: Panel) -> list[str]:
    if state.rows == "segments":
        columns = summary_columns(state)
        code = [*summary_lines(state, offer), "shown = summary"]
    else:
        columns = columns_of(state, offer)
        code = [f"shown = chosen[{columns!r}]"]
    if state.search:
        code.append("names = shown.select_dtypes(exclude=['number', 'bool']).astype(str)")
        has = f"c.str.contains({state.search!r}, case=False, regex=False)"
        code.append(f"shown = shown[names.apply(lambda c: {has}).any(axis=1)]")
    if state.sort in columns:
        ascending = not state.descending
        order = call("sort_values", repr(state.sort), ascending=ascending, kind="stable")
        code.append(f"shown = shown.{order}")
    return [*code, "print(shown)"]


VIEW = View(
    name="table",
    title="Table",
    about="The numbers themselves, to sort and to search.",
    result=_result,
    table=_table,
    code=_code,
    screen="table",
    uses=(*USES, "rows"),
    display=("search", "sort", "descending"),
    order=order_by_group,
    slow=lambda state: state.intervals and state.rows == "segments",
)
