"""The whole method in one picture: one photo, and what many of them add up to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

import sat_nb as sat
from sat_nb.datasets.equids import EquidsFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_overview(
    data: EquidsFolder,
    maps: sat.AttributionStore,
    table: pd.DataFrame,
    method: str,
    *,
    highlight: str,
    image_id: str | None = None,
) -> Figure:
    """One image through the whole method, and beside it the aggregate of the table's images.

    ``image_id`` is by default the image whose highlighted segment's rank is nearest to the
    mean rank: a typical one.
    """
    rows = table[table["method"] == method]
    image_id = image_id or _typical(rows, highlight)
    return sat.plot_overview(
        sat.read_images(data.images)[image_id],
        maps[method][image_id],
        sat.read_segments(data.exports)[image_id].merged(),
        rows[rows["image_id"] == image_id],
        sat.intervals(rows, value="rank"),
        highlight=highlight,
    )


def _typical(rows: pd.DataFrame, segment: str) -> str:
    ranks = rows[rows["segment"] == segment].set_index("image_id")["rank"]
    return str((ranks - ranks.mean()).abs().idxmin())
