"""The unusual: photos, segments and methods that the aggregate does not represent."""

from __future__ import annotations

from typing import Any

import pandas as pd

from sat_nb.stats.unusual import disagreeing_methods, unusual_images, varying_segments
from sat_nb.table.source import Table
from sat_nb.widgets.code import call, pooling
from sat_nb.widgets.data import Data
from sat_nb.widgets.markup import count
from sat_nb.widgets.panels import Panel
from sat_nb.widgets.state import ExplorerState, Offer
from sat_nb.widgets.views.view import View

MAX_OF_EACH = 6
COLUMNS = ["unusual", "name", "method", "model", "score", "says"]


def _result(data: Data, state: ExplorerState, panel: Panel) -> pd.DataFrame:
    rows = data.chosen(state, panel)
    together = pooling(state, data.offer)
    parts = [_images(rows, together), _segments(rows, together)]
    if len(panel.methods) > 1:
        parts.append(_methods(rows, together))
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def _images(rows: Table, together: dict[str, Any]) -> pd.DataFrame:
    found = unusual_images(rows, **together).drop_duplicates("image_id").head(MAX_OF_EACH)
    says = [
        f"{r.segment}: rank {r.rank:g} here, {r.mean_rank:.1f} on average; "
        f"{r.distance:.2f} ranks off over {count(r.n_segments, 'segment')}"
        for r in _records(found)
    ]
    return found.rename(columns={"image_id": "name", "distance": "score"}).assign(
        unusual="image", says=says
    )


def _segments(rows: Table, together: dict[str, Any]) -> pd.DataFrame:
    found = varying_segments(rows, **together).drop_duplicates("segment").head(MAX_OF_EACH)
    says = [
        f"rank {r.mean_rank:.1f} ± {r.sd_rank:.1f}, the middle half from {r.low:g} to {r.high:g}, "
        f"in {count(r.n_images, 'photo')}"
        for r in _records(found)
    ]
    return found.rename(columns={"segment": "name", "sd_rank": "score"}).assign(
        unusual="segment", says=says
    )


def _methods(rows: Table, together: dict[str, Any]) -> pd.DataFrame:
    found = disagreeing_methods(rows, **together).head(MAX_OF_EACH)
    says = [
        f"tau {r.tau:.2f}; furthest apart on {r.segment}: mean rank {r.rank_a:.1f} and "
        f"{r.rank_b:.1f}"
        for r in _records(found)
    ]
    return found.assign(
        unusual="methods",
        name=found["segment"],
        method=found["method_a"] + ", " + found["method_b"],
        score=found["tau"],
        says=says,
    )


def _records(rows: pd.DataFrame) -> list[Any]:
    return list(rows.itertuples())


def _code(state: ExplorerState, offer: Offer, panel: Panel) -> list[str]:
    images, segments, methods = (
        call(f"sat.{name}", "chosen", **pooling(state, offer))
        for name in ("unusual_images", "varying_segments", "disagreeing_methods")
    )
    code = [
        f"print({images}.drop_duplicates('image_id').head({MAX_OF_EACH}))",
        f"print({segments}.drop_duplicates('segment').head({MAX_OF_EACH}))",
    ]
    if len(panel.methods) > 1:
        code.append(f"print({methods}.head({MAX_OF_EACH}))")
    return code


VIEW = View(
    name="unusual",
    title="Unusual",
    about="Photos whose table differs most from the aggregate, segments whose rank varies most, "
    "and methods that disagree.",
    result=_result,
    code=_code,
    screen="leads",
    display=(),
    slow=lambda state: True,
)
