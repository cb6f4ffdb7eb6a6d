"""Local ranks: how often a segment has each one, and how much of a map the first ones hold."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd

from sat_nb.arguments import channel_sum
from sat_nb.arrays import Map
from sat_nb.errors import InvalidInput
from sat_nb.printable import literal
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.table.classes import CLASSES
from sat_nb.table.fitting import check_declared
from sat_nb.table.schema import need_columns
from sat_nb.table.source import Source, Table, source_of

OF_RANKS = ("image_id", "method", "model", "segment", "rank")
OF_ONE_IMAGE = ("image_id", "method", "segment", "rank", "mean_attribution", "abs_mean_attribution")


def rank_shares(table: Table) -> pd.DataFrame:
    """Share of its images in which each segment has each rank, best mean rank first.

    Columns: ``segment``, ``rank``, ``share`` (the shares of a segment add up to 1),
    ``mean_rank``, ``n_images``.

    >>> from sat_nb.toy import toy
    >>> table = build(*toy()).query("method == 'noisy'")
    >>> rank_shares(table).round(2).head(2)
      segment  rank  share  mean_rank  n_images
    0    nose   1.0   0.45       1.65        20
    1    nose   2.0   0.45       1.65        20
    """
    if isinstance(table, pd.DataFrame) or not isinstance(table, str | os.PathLike | Source):
        need_columns(table, OF_RANKS, "table", "rows of sat_nb.build")
        _check_one(table)
        ranks = table.dropna(subset=["segment"]).groupby("segment")["rank"]
        shares = ranks.value_counts(normalize=True).rename("share").reset_index()
        means = ranks.agg(mean_rank="mean", n_images="size").reset_index()
    else:
        shares, means = _of_counts(source_of(table))
    return shares.merge(means, on="segment").sort_values(
        ["mean_rank", "segment", "rank"], ignore_index=True
    )


def _of_counts(source: Source) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The shares and means of a table on disk, from how often each segment has each rank."""
    pool = CLASSES["pool"]
    cells = source.counts(value="rank", by=["method", "model"], classes=pool).cells
    _check_one(cells)
    counts = cells.groupby(["segment", "value"], as_index=False)["n"].sum()
    of_segment = counts.assign(total=counts["value"] * counts["n"]).groupby("segment")
    means = of_segment.agg(total=("total", "sum"), n_images=("n", "sum"))
    shares = counts["n"] / of_segment["n"].transform("sum")
    return (
        counts[["segment"]].assign(rank=counts["value"], share=shares),
        means.assign(mean_rank=means["total"] / means["n_images"]).reset_index()[
            ["segment", "mean_rank", "n_images"]
        ],
    )


def the_method(table: Table) -> str:
    """The method of a table of one."""
    return (
        source_of(table).names("method")[0]
        if not isinstance(table, pd.DataFrame)
        else str(table["method"].iloc[0])
    )


def _check_one(table: pd.DataFrame) -> None:
    """InvalidInput for rows of several methods or models."""
    for column in ("method", "model"):
        values = table[column].unique()
        if len(values) > 1:
            raise InvalidInput(
                f"table: holds {len(values)} values of {column!r} ({', '.join(map(str, values))}); "
                f"filter first: table[table.{column} == {literal(values[0])}]."
            )


def rows_of_one_image(rows: pd.DataFrame) -> pd.DataFrame:
    """The segments of one image under one method, sorted by rank; InvalidInput for more."""
    need_columns(rows, OF_ONE_IMAGE, "rows", "rows of sat_nb.build for one image and method")
    for column in [c for c in ("image_id", "method", "model", "target") if c in rows]:
        n_values, known = rows[column].nunique(dropna=False), rows[column].dropna()
        if n_values > 1:
            raise InvalidInput(
                f"rows: hold {n_values} values of {column!r}; give those of one: "
                f"table[table.{column} == {literal(known.iloc[0])}]."
            )
    ranked = rows.dropna(subset=["segment"]).sort_values(["rank", "segment"], kind="stable")
    if ranked.empty:
        raise InvalidInput(f"rows: image {rows['image_id'].iloc[0]!r} has no segment.")
    return ranked.reset_index(drop=True)


def noted_fit(rows: pd.DataFrame) -> str | None:
    """How photos were brought to the maps of a table, as ``build`` noted it."""
    return rows.attrs.get("sat_nb", {}).get("fit")


def held_fractions(
    rows: pd.DataFrame,
    attribution: Map,
    segmentation: SegmentationMap,
    *,
    pad_px: int = 2,
    fit: str | None = None,
) -> pd.DataFrame:
    """Add the share of the attribution that the first segments of one image hold together.

    Parameters
    ----------
    rows : DataFrame
        Rows of ``build`` for one image under one method: ``image_id``, ``method``, ``segment``,
        ``rank``, ``mean_attribution`` and ``abs_mean_attribution``.
    attribution : ndarray
        The map of the image, float (h, w) or (h, w, C); channels are summed.
    segmentation : SegmentationMap
        The masks of the image; it has a mask for every segment in ``rows``.
    pad_px : int, default 2
        Pixels by which masks are padded, as in ``build``.
    fit : str, default None
        How the photo was brought to the grid of the map, a name in ``FITS``; by default as
        ``build`` noted it in ``rows.attrs``. It is needed for a map of another shape than its
        photo whose rows have no note.

    Returns
    -------
    DataFrame
        The rows sorted by rank, with the column ``held_fraction``: for the k-th row the sum of
        |A| over the union of the first k masks, divided by the sum of |A| over the image. It lies
        between 0 and 1, and no pixel counts twice. A is the map with its channels summed.

    Raises
    ------
    InvalidInput
        For rows of several images or methods, for a segment without a mask, for a map that is
        not finite, and for one whose ``fit`` is not known.

    Examples
    --------
    >>> heat = np.array([[4.0, 0.0], [-1.0, -3.0]])
    >>> masks = np.array([[[1, 0], [0, 0]], [[0, 0], [1, 1]]], bool)
    >>> segmentation = SegmentationMap(("sky", "sea"), masks)
    >>> rows = build({"occlusion": {"photo": heat}}, {"photo": segmentation}, pad_px=0)
    >>> held_fractions(rows, heat, segmentation, pad_px=0)[["segment", "held_fraction"]]
      segment  held_fraction
    0     sky            0.5
    1     sea            1.0
    """
    fit = fit or noted_fit(rows)
    rows = rows_of_one_image(rows)
    size = np.abs(channel_sum(attribution)).astype(np.float64)
    height, width = size.shape
    if len(segmentation):
        check_declared("attribution", (height, width), segmentation.size, None, fit is not None)
    masks = segmentation.merged().resize((height, width), fit=fit or "stretch", pad_px=pad_px)
    by_name = dict(zip(masks.names, masks.masks, strict=True))
    absent = [name for name in rows["segment"] if name not in by_name]
    if absent:
        raise InvalidInput(
            f"segmentation: has no mask {absent[0]!r}, which `rows` names; give the masks of "
            f"image {rows['image_id'].iloc[0]!r}."
        )
    unions = np.logical_or.accumulate([by_name[name] for name in rows["segment"]])
    total = size.sum()
    held = (unions * size).sum(axis=(1, 2)) / (total if total > 0 else 1.0)
    return rows.assign(held_fraction=held)
