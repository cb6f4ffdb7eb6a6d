"""What statistics read of a table: a frame in memory and Parquet on disk answer the same questions.

A statistic asks for the rows that it needs, and names their columns. A frame has them; of a file or
folder only these columns, and where it can be, only these rows are read. Both give the same rows in
the same order, so that what is computed from them is the same to the bit.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.errors import InvalidInput
from sat_nb.table.aggregations import Sums
from sat_nb.table.classes import Classes
from sat_nb.table.counts import Counts, counts_of
from sat_nb.table.filtered import filtered
from sat_nb.table.schema import COLUMNS, TEXT, check_table
from sat_nb.table.totals import segment_totals


@runtime_checkable
class Source(Protocol):
    """A table, as statistics read it."""

    @property
    def empty(self) -> pd.DataFrame:
        """The table without rows: its columns, their types and its attrs."""

    def rows(
        self, columns: Collection[str] | None = None, *, method: str | None = None
    ) -> pd.DataFrame:
        """The rows, of one method or all, with these columns at least, and those of every row.

        Without ``columns`` the rows are as ``read_table`` gives them. Otherwise texts may be codes
        (pandas' categories, sorted).
        """

    def parts(self, columns: Collection[str]) -> Iterator[pd.DataFrame]:
        """The rows in parts, one after the other, of which no two share an image.

        Their indices together are that of the table.
        """

    def names(self, column: str) -> list[Any]:
        """The values that a column has, in the order in which they occur first."""

    def totals(self, *, value: str, by: list[str], classes: Classes | None = None) -> Sums:
        """Sums and counts by group and segment; errors for tables that mix groups."""

    def counts(self, *, value: str, by: list[str], classes: Classes | None = None) -> Counts:
        """How often each value occurs by group, segment and size of the image."""

    def chosen(self, wanted: Mapping[str, Any]) -> tuple[pd.DataFrame, NDArray[np.int64]]:
        """The rows that filters of images leave, and the numbers of those whose segments pass."""

    @property
    def n_rows(self) -> int:
        """How many rows the table has."""

    def n_images(self) -> int:
        """How many images the table has at most, each model and method counted by itself."""


Table: TypeAlias = pd.DataFrame | str | os.PathLike[str] | Source
"""What functions take as a table."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A table in memory."""

    table: pd.DataFrame

    @property
    def empty(self) -> pd.DataFrame:
        """The table without rows."""
        return self.table.iloc[:0]

    def rows(
        self, columns: Collection[str] | None = None, *, method: str | None = None
    ) -> pd.DataFrame:
        """The rows with all columns, as copying some would cost more."""
        return self.table if method is None else self.table[self.table["method"] == method]

    def parts(self, columns: Collection[str]) -> Iterator[pd.DataFrame]:
        """All rows at once."""
        yield self.table

    def names(self, column: str) -> list[Any]:
        """The values of a column."""
        return self.table[column].dropna().unique().tolist()

    def totals(self, *, value: str, by: list[str], classes: Classes | None = None) -> Sums:
        """Sums and counts by group and segment."""
        return segment_totals(self.table, value=value, by=by, classes=classes)

    def counts(self, *, value: str, by: list[str], classes: Classes | None = None) -> Counts:
        """How often each value occurs."""
        found = counts_of(self.table, value=value, by=by, classes=classes)
        texts = [c for c in (*by, "segment") if c in COLUMNS]
        return Counts(with_text(found.cells, *texts), with_text(found.images, *texts))

    def chosen(self, wanted: Mapping[str, Any]) -> tuple[pd.DataFrame, NDArray[np.int64]]:
        """What filters leave."""
        return filtered(self.table, wanted)

    @property
    def n_rows(self) -> int:
        """How many rows the table has."""
        return len(self.table)

    def n_images(self) -> int:
        """The number of ids."""
        return int(self.table["image_id"].nunique())


def source_of(table: Table, argument: str = "table") -> Source:
    """The table as a source; errors for what is none, which name the argument."""
    if isinstance(table, str | os.PathLike):
        from sat_nb.table.parquet.source import Shards

        return Shards.opened(table, argument)
    if not isinstance(table, pd.DataFrame) and isinstance(table, Source):
        return table
    try:
        return Frame(check_table(table))
    except InvalidInput as error:
        raise InvalidInput(str(error).replace("table", argument, 1)) from None


def with_text(rows: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The rows with text where these columns hold codes."""
    coded = [c for c in columns if isinstance(rows.dtypes.get(c), pd.CategoricalDtype)]
    return rows.astype(dict.fromkeys(coded, TEXT)) if coded else rows
