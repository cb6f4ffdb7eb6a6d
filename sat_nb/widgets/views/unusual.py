"""The unusual: images, segments and methods that the aggregate does not speak for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from sat_nb.stats.unusual import disagreeing_methods, unusual_images, varying_segments
from sat_nb.widgets.panels import Panel, together
from sat_nb.widgets.views.view import View

if TYPE_CHECKING:
    from sat_nb.widgets.data import Data
    from sat_nb.widgets.state import ExplorerState, Facts

MOST = 6  # of each kind
COLUMNS = ["unusual", "name", "method", "model", "score", "says"]


def _result(data: Data, state: ExplorerState, panel: Panel) -> pd.DataFrame:
    rows = data.rows(state, panel)
    parts = [_images(rows), _segments(rows)]
    if len(panel.methods) > 1:
        parts.append(_methods(rows))
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def _images(rows: pd.DataFrame) -> pd.DataFrame:
    found = unusual_images(rows).drop_duplicates("image_id").head(MOST)
    says = [
        f"{r.segment}: rank {r.rank:g} here, {r.mean_rank:.1f} on average; "
        f"{r.distance:.2f} ranks off over {r.n_segments} segments"
        for r in found.itertuples()
    ]
    return found.rename(columns={"image_id": "name", "distance": "score"}).assign(
        unusual="image", says=says
    )


def _segments(rows: pd.DataFrame) -> pd.DataFrame:
    found = varying_segments(rows).drop_duplicates("segment").head(MOST)
    says = [
        f"rank {r.mean_rank:.1f} ± {r.sd_rank:.1f}, the middle half from {r.low:g} to {r.high:g}, "
        f"in {r.n_images} photos"
        for r in found.itertuples()
    ]
    return found.rename(columns={"segment": "name", "sd_rank": "score"}).assign(
        unusual="segment", says=says
    )


def _methods(rows: pd.DataFrame) -> pd.DataFrame:
    found = disagreeing_methods(rows).head(MOST)
    says = [
        f"tau {r.tau:.2f}; furthest apart on {r.segment}: mean rank {r.rank_a:.1f} and "
        f"{r.rank_b:.1f}"
        for r in found.itertuples()
    ]
    return found.assign(
        unusual="methods",
        name=found["segment"],
        method=found["method_a"] + ", " + found["method_b"],
        score=found["tau"],
        says=says,
    )


def _code(state: ExplorerState, facts: Facts, panel: Panel) -> list[str]:
    code = [
        f"print(sat.unusual_images(chosen).drop_duplicates('image_id').head({MOST}))",
        f"print(sat.varying_segments(chosen).drop_duplicates('segment').head({MOST}))",
    ]
    if len(panel.methods) > 1:
        code.append(f"print(sat.disagreeing_methods(chosen).head({MOST}))")
    return code


VIEW = View(
    title="Unusual",
    about="Photos whose table differs most from the aggregate, segments whose rank varies most, "
    "methods that disagree",
    panels=together,
    result=_result,
    table=lambda results, state: results[0],
    code=_code,
    screen="leads",
    marks=(),
    slow=lambda state: True,
)
