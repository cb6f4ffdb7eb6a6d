"""Many images' rows to one row a segment: the paper's two aggregations, and others."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sat_nb.arguments import checked_columns
from sat_nb.errors import InvalidInput
from sat_nb.table.aggregations import Aggregation, Sums, chosen
from sat_nb.table.schema import check_table
from sat_nb.table.totals import check_by, check_once, check_unmixed, segment_totals


def aggregate(
    table: pd.DataFrame | str | os.PathLike[str],
    *,
    how: str = "relative",
    value: str | None = None,
    by: str | Sequence[str] = ("method",),
    parameters: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """One row a segment: its values in many images as one number (Hinns & Martens 2025).

    Parameters
    ----------
    table: from ``build``; or the path of what ``write_table`` wrote, a file or a folder of
        shards, which is then summed up where it lies, by DuckDB, in little memory.
    how: a name in AGGREGATIONS. The paper's: "relative", the mean over the images that have
        the segment; "absolute", over all images, where a missing segment counts as 0, and in
        ranks as n + 1 for the n segments that the image has (1 in an image without any).
        Robust ones, over the images that have the segment: "median"; "trimmed_mean", less a
        ``share`` (0.1) of the images at either end. "top_k": the share of all images in which
        the segment is among the ``k`` (3) best. "lime": sqrt(sum |value|), the importance of
        Ribeiro et al. 2016. "homogeneity": that importance where it belongs to one class
        (van der Linden et al. 2019); ``classes`` ("predicted" or "label") says in which
        column classes are, ``of`` which class is meant (by default the sum over all). Of a
        table on disk: "relative" and "absolute".
    value: "mean_attribution", "abs_mean_attribution" or "rank"; by default the first that the
        aggregation takes: "rank" for "top_k", else "mean_attribution". "lime" and
        "homogeneity" take no ranks.
    by: columns whose values are kept apart, such as ("method", "model").
    parameters: of the aggregation, such as ``{"k": 1}``.

    Returns a DataFrame with the columns of ``by``, ``segment``, the result and ``n_images``
    (images that have the segment), best first: the smallest rank, else the largest number.
    Segments that are equal go by name. The result has the name of the value where it is on
    that scale, else a name of its own: ``top_k_fraction``, ``importance``.

    Raises InvalidInput where the table mixes several models or classes that ``by`` does
    not keep apart, and for values and parameters that the aggregation does not take.

    >>> from sat_nb.toy import toy
    >>> maps, segments = toy()
    >>> table = build(maps, segments)
    >>> aggregate(table[table.method == "sharp"], how="absolute", value="rank")
      method segment  rank  n_images
    0  sharp    eyes  1.00        20
    1  sharp    nose  2.00        20
    2  sharp   mouth  3.00        20
    3  sharp    ears  4.25        15
    4  sharp    rest  4.75        20
    >>> aggregate(table, how="top_k", parameters={"k": 1}).head(3)
      method segment  top_k_fraction  n_images
    0  noisy    eyes            0.50        20
    1  noisy    nose            0.45        20
    2  noisy   mouth            0.05        20
    """
    entry, value, settings = chosen(how, value, parameters)
    by = checked_columns(by)
    result, small_is_best = entry.result(value)
    if entry.needs == "sums":
        sums = _totals(table, value, by)
        summary = sums.reset_index()[[*by, "segment", "n_images"]]
        summary.insert(len(by) + 1, result, entry.function(sums, **settings).to_numpy())
    elif isinstance(table, pd.DataFrame):
        summary = _of_rows(table, entry, value, by, settings)
    else:
        raise InvalidInput(
            f"how: {how!r} needs the table in memory, got {type(table).__name__}; give "
            "read_table(path)."
        )
    order = [*by, result, "segment"]
    best_first = [True] * len(by) + [small_is_best, True]
    return summary.sort_values(order, ascending=best_first, kind="stable", ignore_index=True)


def _totals(table: pd.DataFrame | str | os.PathLike[str], value: str, by: list[str]) -> Sums:
    if isinstance(table, (str, os.PathLike)):
        from sat_nb.table.parquet.totals_on_disk import totals_on_disk

        return totals_on_disk(table, value=value, by=by)
    return segment_totals(table, value=value, by=by)


def _of_rows(
    table: pd.DataFrame, entry: Aggregation, value: str, by: list[str], settings: dict[str, Any]
) -> pd.DataFrame:
    """An aggregation that cannot be had from sums, group by group."""
    check_by(check_table(table), by)
    check_unmixed(table, by, entry.mixes)
    check_once(table, by)
    result, _ = entry.result(value)
    parts = []
    groups = table.groupby(by, dropna=False) if by and len(table) else [((), table)]
    for _, rows in groups:
        numbers = entry.function(rows, value, **settings)
        part = rows[by].iloc[np.zeros(len(numbers), dtype=int)].reset_index(drop=True)
        part["segment"] = numbers.index.to_numpy(dtype=object)
        part[result] = numbers.to_numpy(dtype=float)
        part["n_images"] = rows["segment"].value_counts()[numbers.index].to_numpy()
        parts.append(part)
    return pd.concat(parts)
