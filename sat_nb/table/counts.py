"""How often each value occurs: all that a statistic of ranks needs of any number of rows."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from sat_nb.table.aggregations import Sums
from sat_nb.table.classes import Classes, with_classes
from sat_nb.table.totals import check_by, check_once, check_unmixed, padded


@dataclass(frozen=True, eq=False)
class Counts:
    """Values of segments, and images, counted.

    ``cells`` has the columns of ``by``, ``segment``, ``n_segments`` of the image, ``value`` and
    ``n``, how many images have such a segment; ``images`` the columns of ``by``, ``n_segments`` and
    ``n``, how many images have so many segments.
    """

    cells: pd.DataFrame
    images: pd.DataFrame


def sums_of_counts(counts: Counts, by: list[str]) -> Sums:
    """The sums of ranks that the counts add up to: whole and half numbers, without rounding."""
    cells, images = counts.cells, counts.images
    absent = (cells["n_segments"] + 1) * cells["n"]
    cells = cells.assign(total=cells["value"] * cells["n"], absent=absent)
    present = cells.groupby([*by, "segment"], dropna=False, observed=True).agg(
        total=("total", "sum"), n_images=("n", "sum"), absent=("absent", "sum")
    )
    images = images.assign(all=(images["n_segments"] + 1) * images["n"])
    groups = images.groupby(by or (lambda _: 0), dropna=False, observed=True)
    return padded(present, groups.agg(n_all=("n", "sum"), all=("all", "sum")), by)


def counts_of(
    table: pd.DataFrame, *, value: str, by: list[str], classes: Classes | None = None
) -> Counts:
    """The counts of a table in memory, with the checks of every aggregation."""
    table = with_classes(table, classes)
    check_by(table, by)
    check_unmixed(table, by, classes)
    check_once(table, by)
    images = table.drop_duplicates([*by, "image_id"])
    present = table[table["segment"].notna()]
    of_cells = [*by, "segment", "n_segments", value]
    cells = _counted(present, of_cells).rename(columns={value: "value"})
    return Counts(cells, _counted(images, [*by, "n_segments"]))


def _counted(rows: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    groups = rows.groupby(columns, dropna=False, observed=True, sort=True)
    return groups.size().rename("n").reset_index()
