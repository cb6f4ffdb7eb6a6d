"""A table on disk as statistics read it: a few columns, the rows of a method, sums and counts."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.table.aggregations import Sums
from sat_nb.table.classes import CLASSES, Classes
from sat_nb.table.counts import Counts
from sat_nb.table.filtered import filtered, with_images_left
from sat_nb.table.parquet.claims import ATTRS
from sat_nb.table.parquet.files import joint_attrs
from sat_nb.table.parquet.opened import TEXTS, Opened, of_a_table, open_table
from sat_nb.table.parquet.sql import Rows, partition_rows, quoted
from sat_nb.table.parquet.totals_on_disk import counts_on_disk, totals_on_disk
from sat_nb.table.parquet.where import Where
from sat_nb.table.schema import COLUMNS, IMAGE_KEY, TEXT

if TYPE_CHECKING:
    import pyarrow.dataset as ds

OF_EVERY_ROW = (*IMAGE_KEY, "label", "predicted", "n_segments", "segment")

AT_ONCE = 2**20  # rows in memory, where files are read one after the other

IN_FILES = {"methods": "method", "models": "model", "labels": "label", "predicted": "predicted"}
"""Filters that the files are read with, and their columns."""


@dataclass(frozen=True, eq=False)
class Shards:
    """The table of a file or folder of Parquet, or what filters leave of it."""

    table: Opened
    where: Where = field(default_factory=Where)

    @classmethod
    def opened(cls, path: str | os.PathLike[str], argument: str = "table") -> Shards:
        """The whole table at that path."""
        return cls(open_table(path, argument))

    def narrowed(self, wanted: Mapping[str, Any]) -> Shards:
        """What these filters of ``select`` leave; they are checked."""
        return replace(self, where=Where({**self.where.wanted, **wanted}))

    @cached_property
    def empty(self) -> pd.DataFrame:
        """The table without rows."""
        empty = self.table.empty.copy()
        with of_a_table(self.table.path):
            empty.attrs |= joint_attrs(text or b"{}" for text in self.table.notes(ATTRS))
        return empty

    @property
    def n_rows(self) -> int:
        """How many rows the files have."""
        return sum(map(self.table.n_rows, self.table.files))

    def n_images(self) -> int:
        """How many images the table has at most, each model and method counted by itself."""
        if self.table.footers:
            return sum(n for footer in self.table.footers for _, _, n, _ in footer.images)
        return self.n_rows

    def names(self, column: str) -> list[Any]:
        """The values of a column, in the order in which they occur first."""
        wanted = self.where.wanted.get("methods") if column == "method" else None
        if wanted:
            return list(wanted)
        found: dict[Any, None] = {}
        with of_a_table(self.table.path):
            for batch in self.table.dataset.to_batches(columns=[column]):
                found |= dict.fromkeys(batch.column(0).unique().to_pylist())
        return [name for name in found if name is not None and name == name]

    def totals(self, *, value: str, by: list[str], classes: Classes | None = None) -> Sums:
        """Sums and counts by group and segment, as DuckDB adds them up."""
        return totals_on_disk(self.table, value=value, by=by, classes=classes, where=self._resolved)

    def counts(self, *, value: str, by: list[str], classes: Classes | None = None) -> Counts:
        """How often each value occurs."""
        return counts_on_disk(self.table, value=value, by=by, classes=classes, where=self._resolved)

    def rows(
        self,
        columns: Collection[str] | None = None,
        *,
        method: str | None = None,
        image_id: str | None = None,
    ) -> pd.DataFrame:
        """The rows, with texts as codes unless all columns are asked for; perhaps of one image."""
        wanted = dict(self.where.wanted)
        if method is not None:
            wanted["methods"] = [m for m in wanted.get("methods", [method]) if m == method]
        rest = {name: wanted[name] for name in wanted if name not in IN_FILES}
        needed = {*(columns or ()), *OF_EVERY_ROW, *_columns_of(rest)}
        names = [c for c in self.table.names if columns is None or c in needed]
        rows = self._read(names, _in_files(wanted, image_id))
        if rest:
            rows = with_images_left(*filtered(rows, rest)).reset_index(drop=True)
        return _as_text(rows) if columns is None else rows

    def parts(self, columns: Collection[str]) -> Iterator[pd.DataFrame]:
        """The rows of some files at a time, where no image is in two of them."""
        with of_a_table(self.table.path), self.table.cursor() as cursor:
            are_apart = bool(self.table.promised(cursor)) and not self.where
        if not are_apart:
            yield self.rows(columns)
            return
        names = [c for c in self.table.names if c in {*columns, *OF_EVERY_ROW}]
        start = 0
        for files in _lots(self.table):
            rows = self._read(names, None, files)
            rows.index = pd.RangeIndex(start, start + len(rows))
            start += len(rows)
            yield rows

    def distinct(self, column: str) -> list[Any]:
        """The values of a column, sorted, without those that are missing."""
        name = quoted(column)
        sql = f"SELECT DISTINCT {name} FROM {{rows}} WHERE {name} IS NOT NULL ORDER BY 1"
        return [value for (value,) in self.ask(sql, column)]

    def ask(self, sql: str, *columns: str) -> list[tuple[Any, ...]]:
        """The answer to a query of ``{rows}``, which have these columns, and those of every row."""
        with self._asking("score", *columns) as rows:
            answer = rows.connection.execute(sql.format(rows=rows.sql), rows.parameters)
            return answer.fetchall()

    def first(
        self, columns: Sequence[str], *, order_by: str, ascending: bool = True, most: int
    ) -> pd.DataFrame:
        """The first rows with a segment, in order of a column and then of ids.

        Their images are found first, as few files have these, and to read one column is cheap.
        """
        way = "ASC" if ascending else "DESC"
        order = f"ORDER BY {quoted(order_by)} {way}, image_id LIMIT {int(most)}"
        there = "WHERE segment IS NOT NULL"
        names = ", ".join(quoted(c) for c in columns)
        with self._asking(order_by) as rows:
            images = rows.ask(f"SELECT image_id FROM {rows.sql} {there} {order}", ["image_id"])
        ids = sorted(set(images["image_id"]))
        files = self.table.files_with(ids) or self.table.files[:1]  # where there is no such row
        with self._asking(*columns, order_by, files=files) as rows:
            sql = (
                f"SELECT {names} FROM {rows.sql} {there} AND list_contains($ids, image_id) {order}"
            )
            found = rows.ask(sql, columns, ids=ids)
        return found.astype({c: COLUMNS[c] for c in columns if c in COLUMNS})

    @contextmanager
    def _asking(self, *columns: str, files: Sequence[ds.Fragment] | None = None) -> Iterator[Rows]:
        """Yield the rows with these columns, perhaps those of some files, without any check."""
        needs = [*columns, *self._resolved.columns]
        with of_a_table(self.table.path), self.table.cursor() as cursor:
            files = self.table.files if files is None else files
            parts, given = partition_rows(files, "rank", (), needs=needs, where=self._resolved)
            yield Rows(cursor, parts, given, ())

    def chosen(self, wanted: Mapping[str, Any]) -> tuple[pd.DataFrame, NDArray[np.int64]]:
        """The rows with all columns that ``filtered`` needs to see, and which of them pass.

        The filters see a few columns of all rows first; then those that are left are read.
        """
        names = [c for c in self.table.names if c in {*OF_EVERY_ROW, *_columns_of(wanted)}]
        seen = self._read(names, None)
        left, places = filtered(seen, wanted)
        kept = np.zeros(len(seen), dtype=bool)
        kept[left.index.to_numpy()[places]] = True
        images = left.groupby(IMAGE_KEY, dropna=False, sort=False, observed=True).ngroup()
        emptied = ~images.isin(images.iloc[places])
        needed = kept.copy()
        needed[left.index.to_numpy()[emptied.to_numpy()]] = True
        rows = _as_text(self._taken(needed))
        rows.index = pd.Index(np.flatnonzero(needed))
        rows.attrs = self.empty.attrs
        return rows, np.flatnonzero(kept[needed])

    def _read(
        self,
        names: list[str],
        condition: ds.Expression | None,
        files: Sequence[ds.Fragment] | None = None,
    ) -> pd.DataFrame:
        table = self.table if files is None else self.table.of_files(files)
        with of_a_table(self.table.path):
            found = table.dataset.to_table(columns=names, filter=condition)
            frame = found.unify_dictionaries().to_pandas(split_blocks=True)
            del found
            frame = _coded(frame)
        frame.attrs = self.empty.attrs
        return frame

    def _taken(self, needed: NDArray[np.bool_]) -> pd.DataFrame:
        """All columns of these rows."""
        import pyarrow as pa

        parts, start = [], 0
        with of_a_table(self.table.path):
            for batch in self.table.dataset.to_batches(columns=self.table.names):
                here = needed[start : start + batch.num_rows]
                start += batch.num_rows
                if here.any():
                    parts.append(pa.Table.from_batches([batch.filter(pa.array(here))]))
            return _coded(pa.concat_tables(parts).unify_dictionaries().to_pandas())

    @cached_property
    def _resolved(self) -> Where:
        """The filters, with the segments that enough images have, where that was asked for."""
        fewest = self.where.wanted.get("min_images")
        if fewest is None:
            return self.where
        others = {n: w for n, w in self.where.wanted.items() if n != "min_images"}
        pool, by = CLASSES["pool"], ["model", "method"]
        found = totals_on_disk(self.table, value="rank", by=by, classes=pool, where=Where(others))
        frequent: dict[tuple[Any, Any], tuple[str, ...]] = {}
        for model, method, segment in found.index[found["n_images"] >= fewest]:
            group = None if pd.isna(model) else model, None if pd.isna(method) else method
            frequent[group] = (*frequent.get(group, ()), segment)
        return replace(self.where, frequent=frequent)


def _lots(table: Opened) -> Iterator[list[ds.Fragment]]:
    """The files in lots of about ``AT_ONCE`` rows."""
    lot: list[ds.Fragment] = []
    n_rows = 0
    for file in table.files:
        lot.append(file)
        n_rows += table.n_rows(file)
        if n_rows >= AT_ONCE:
            yield lot
            lot, n_rows = [], 0
    if lot:
        yield lot


def _columns_of(wanted: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns that these filters look at."""
    return Where(wanted).columns


def _in_files(wanted: Mapping[str, Any], image_id: str | None) -> ds.Expression | None:
    """The condition of the rows to read."""
    import pyarrow.dataset as ds

    found = None if image_id is None else ds.field("image_id") == image_id
    for name in (name for name in IN_FILES if name in wanted):
        one = ds.field(IN_FILES[name]).isin(list(wanted[name]))
        found = one if found is None else found & one
    return found


def _coded(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with the types of ``COLUMNS``, and sorted codes for texts."""
    numbers = {c: kind for c, kind in COLUMNS.items() if c in rows and c not in TEXTS}
    rows = rows.astype(numbers)
    for column in (c for c in TEXTS if c in rows):
        codes = rows[column].astype("category")
        rows[column] = codes.cat.reorder_categories(sorted(codes.cat.categories))
    return rows


def _as_text(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.astype({c: TEXT for c in TEXTS if c in rows})
