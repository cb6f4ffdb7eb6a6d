"""Counts of values on disk, as DuckDB finds them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from sat_nb.table.classes import Classes
from sat_nb.table.counts import Counts
from sat_nb.table.parquet.images_on_disk import OF_AN_IMAGE, images_by_size
from sat_nb.table.parquet.opened import Opened, asking, typed
from sat_nb.table.parquet.sql import Part, Rows, key_names
from sat_nb.table.parquet.where import Where


def counts_on_disk(
    table: Opened,
    *,
    value: str,
    by: list[str],
    classes: Classes | None = None,
    where: Where | None = None,
) -> Counts:
    """``counts_of`` a table on disk, with the checks of ``totals_on_disk``."""
    with asking(table, value, by, classes=classes, where=where) as rows:
        cells = _cells(rows, by)
        known = rows.are_complete and set(by) <= {*OF_AN_IMAGE}
        images = _images_of(cells, by) if known else images_by_size(rows, by)
    cells = cells[cells["segment"].notna()]
    return Counts(typed(cells, table, by), typed(images, table, by))


def _cells(rows: Rows, by: Sequence[str]) -> pd.DataFrame:
    keys = ", ".join([*key_names(by), "segment", "n_segments", "v"])
    parts = " UNION ALL ".join(_part_counts(part, by) for part in rows.parts)
    sql = f"SELECT {keys}, sum(n) FROM ({parts}) GROUP BY {keys} ORDER BY {keys}"
    answer = rows.ask(sql, [*by, "segment", "n_segments", "value", "n"])
    return answer.astype({"n_segments": "int64", "value": float, "n": "int64"})


def _images_of(cells: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """``images_by_size`` of images with a row for each segment, or one without any."""
    groups = cells.groupby([*by, "n_segments"], dropna=False, as_index=False)
    images = groups["n"].sum()
    return images.assign(n=images["n"] // images["n_segments"].clip(lower=1))


def _part_counts(part: Part, by: Sequence[str]) -> str:
    """The SQL of the counts of one partition, grouped by what varies within it."""
    named = [f"{part.constants.get(key, key)} AS {key}" for key in key_names(by)]
    varying = [key for key in key_names(by) if key not in part.constants]
    cell = ["segment", "n_segments", "v"]
    return (
        f"SELECT {', '.join([*named, *cell])}, count(*) AS n FROM {part.sql} "
        f"GROUP BY {', '.join([*varying, *cell])}"
    )
