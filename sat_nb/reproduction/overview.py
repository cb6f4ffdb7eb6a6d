"""The whole method in one picture: one photo, and what many of them add up to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd
from numpy.typing import NDArray

import sat_nb as sat
from sat_nb.reproduction.marked_photos import WATERMARK, MarkedPhotos

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_overview(
    photos: MarkedPhotos,
    maps: Mapping[str, Mapping[str, NDArray]],
    table: pd.DataFrame,
    method: str,
    *,
    image_id: str | None = None,
) -> Figure:
    """One image through the whole method, and beside it the aggregate of the table's images.

    ``image_id`` is by default the image whose watermark's rank is nearest to the mean rank: a
    typical one.
    """
    rows = table[table["method"] == method]
    image_id = image_id or typical(rows, WATERMARK)
    return sat.plot_overview(
        photos.marked[image_id],
        maps[method][image_id],
        photos.segments[image_id].merged(),
        rows[rows["image_id"] == image_id],
        sat.intervals(rows, value="rank"),
        highlight=WATERMARK,
    )


def usual(table: pd.DataFrame, *, least: float = 0.1) -> pd.DataFrame:
    """The rows of segments that this share of the images have at least; ranks stay as they are.

    What one photo in a hundred has may lead by chance.
    """
    found = table.groupby("segment")["image_id"].agg("nunique")
    kept = found[found >= least * table["image_id"].nunique()].index
    return table[table["segment"].isin(kept)]


def typical(rows: pd.DataFrame, segment: str) -> str:
    """The image in which the segment's rank is nearest to its mean rank."""
    ranks = rows[rows["segment"] == segment].set_index("image_id")["rank"]
    return str((ranks - ranks.mean()).abs().idxmin())
