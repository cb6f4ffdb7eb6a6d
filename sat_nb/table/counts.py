"""How often each value occurs: all that a statistic of ranks needs of any number of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, eq=False)
class Counts:
    """Values of segments, and images, counted.

    ``cells`` has the columns of ``by``, ``segment``, ``n_segments`` of the image, ``value`` and
    ``n``, how many images have such a segment; ``images`` the columns of ``by``, ``n_segments`` and
    ``n``, how many images have so many segments.
    """

    cells: pd.DataFrame
    images: pd.DataFrame


def counts_of(table: pd.DataFrame, *, value: str, by: Sequence[str]) -> Counts:
    """The counts of a table in memory, whose groups were checked."""
    images = table.drop_duplicates([*by, "image_id"])
    present = table[table["segment"].notna()]
    of_cells = [*by, "segment", "n_segments", value]
    cells = _counted(present, of_cells).rename(columns={value: "value"})
    return Counts(cells, _counted(images, [*by, "n_segments"]))


def _counted(rows: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    groups = rows.groupby(columns, dropna=False, observed=True, sort=True)
    return groups.size().rename("n").reset_index()
