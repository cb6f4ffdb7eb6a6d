"""The rows of Parquet files as DuckDB reads them.

Data never becomes part of an SQL text: values and paths are bound as parameters, and names of
columns are quoted.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from sat_nb.errors import CannotWrite, InvalidInput
from sat_nb.table.parquet.footer import Footer
from sat_nb.table.parquet.where import Where
from sat_nb.temporary import temporary_folder

if TYPE_CHECKING:
    import duckdb
    import pyarrow.dataset as ds


MEMORY = "600MB"  # what DuckDB may hold before it spills to a temporary folder
FIXED = ("image_id", "model", "method", "target", "label", "predicted", "segment", "n_segments")
"""Columns that every query reads, beside the value and those of ``by``."""

EMPTY: Mapping[str, tuple[str, str]] = {}
EVERYTHING = Where()


@dataclass(frozen=True)
class Part:
    """One partition: what follows FROM in a query, and the keys that are constant in its rows.

    ``constants`` is {key: SQL expression}, for the keys that the folders name.
    """

    sql: str
    constants: dict[str, str]


@dataclass(frozen=True)
class Rows:
    """All rows of a table on disk, and how to query them.

    ``footers`` are those of all files, or empty where a file has none, or where files may share
    images. Where filters left rows out, or segments of rows, ``is_filtered`` says so.
    """

    connection: duckdb.DuckDBPyConnection
    parts: tuple[Part, ...]
    parameters: dict[str, Any]
    footers: tuple[Footer, ...]
    is_filtered: bool = False

    @property
    def are_complete(self) -> bool:
        """Whether every image is known to have a row for each of its ``n_segments``.

        Filters leave out images with all their rows, or the segment of a row, but not the row.
        """
        return bool(self.footers) and all(footer.complete for footer in self.footers)

    @property
    def sql(self) -> str:
        """The SQL of all rows, to follow FROM."""
        return f"({' UNION ALL '.join(f'FROM {part.sql}' for part in self.parts)})"

    def ask(self, sql: str, columns: Sequence[str], **parameters: Any) -> pd.DataFrame:
        """The answer to a query, as objects."""
        answer = self.connection.execute(sql, self.parameters | parameters)
        return pd.DataFrame(answer.fetchall(), columns=list(columns), dtype=object)


@contextmanager
def connected() -> Iterator[duckdb.DuckDBPyConnection]:
    """Connect to a new database in memory, which loads no extensions and leaves no files."""
    import duckdb

    with ExitStack() as stack:
        folder = ""  # without one, DuckDB uses memory only
        with suppress(CannotWrite):
            folder = str(stack.enter_context(temporary_folder()))
        settings: dict[str, Any] = {
            "memory_limit": MEMORY,
            "temp_directory": folder,
            "preserve_insertion_order": False,
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
        }
        with duckdb.connect(config=settings) as connection:
            connection.execute("SET parquet_metadata_cache = true")
            yield connection


def partition_rows(
    files: Sequence[ds.Fragment],
    value: str,
    by: Sequence[str],
    *,
    no_nan: bool = False,
    needs: Sequence[str] = (),
    equal: Mapping[str, tuple[str, str]] = EMPTY,
    where: Where = EVERYTHING,
) -> tuple[tuple[Part, ...], dict[str, Any]]:
    """The partitions and the parameters of their SQL.

    Their rows have the value as ``v`` and the columns of ``by`` as ``k0``, ``k1``, ... Files of one
    partition are read together. The values in their paths become columns, bound as parameters.
    ``needs`` are further columns; a column of ``by`` that ``equal`` names is whether two others
    are equal. ``where`` leaves out images, and segments of images.
    """
    import pyarrow.dataset as ds

    partitions: dict[tuple[tuple[str, Any], ...], list[str]] = {}
    for file in files:
        named = ds.get_partition_keys(file.partition_expression)
        partitions.setdefault(tuple(named.items()), []).append(glob.escape(file.path))
    parts: list[Part] = []
    parameters: dict[str, Any] = dict(where.parameters)
    for number, (named_values, paths) in enumerate(partitions.items()):
        constants = {}
        for place, (column, constant) in enumerate(named_values):
            if column in (*by, value, *needs, *FIXED):
                kind = "BIGINT" if pd.api.types.is_integer(constant) else "VARCHAR"
                constants[column] = f"CAST($p{number}_{place} AS {kind})"
                parameters[f"p{number}_{place}"] = constant
        columns = {c: constants.get(c, quoted(c)) for c in (*by, value, *needs, *FIXED)}
        columns |= {c: f"({columns[a]} = {columns[b]})" for c, (a, b) in equal.items()}
        extra = list(dict.fromkeys(column for column in needs if column not in FIXED))
        segments, images = where.segments(columns), where.images(columns)
        if segments:
            columns["segment"] = f"CASE WHEN {segments} THEN {columns['segment']} END"
        sql = _selected(f"$files{number}", columns, value, by, extra, no_nan=no_nan, images=images)
        names = dict(zip(key_names(by), by, strict=True))
        fixed = {key: constants[c] for key, c in names.items() if c in constants}
        parts.append(Part(sql, fixed))
        parameters[f"files{number}"] = paths
    return tuple(parts), parameters


def _selected(
    paths: str,
    columns: Mapping[str, str],
    value: str,
    by: Sequence[str],
    extra: Sequence[str],
    *,
    no_nan: bool,
    images: str,
) -> str:
    names = dict(zip(key_names(by), by, strict=True))
    selected = [f"{columns[column]} AS {key}" for key, column in names.items()]
    selected += [f"{columns[column]} AS {quoted(column)}" for column in (*extra, *FIXED)]
    selected.append(f"{_number(columns[value], no_nan=no_nan)} AS v")
    source = f"read_parquet({paths}, hive_partitioning = false)"
    condition = f" WHERE {images}" if images else ""
    return f"(SELECT {', '.join(selected)} FROM {source}{condition})"


def _number(column: str, *, no_nan: bool) -> str:
    """The SQL of a column as a number, in which NaN becomes NULL, so that sums leave it out."""
    number = f"CAST({column} AS DOUBLE)"
    return number if no_nan else f"CASE WHEN isnan({number}) THEN NULL ELSE {number} END"


def quoted(column: str) -> str:
    """A column's name quoted for SQL.

    >>> quoted('mean"; DROP TABLE')
    '"mean""; DROP TABLE"'
    """
    return '"' + column.replace('"', '""') + '"'


def key_names(by: Sequence[str]) -> list[str]:
    """The names of the columns of ``by`` in SQL."""
    return [f"k{place}" for place in range(len(by))]


def check_names(columns: Sequence[str], names: Sequence[str]) -> None:
    """Raise InvalidInput for names that SQL cannot tell apart or hold.

    They differ in case only, are empty or contain NUL.
    """
    for column in columns:
        alike = [name for name in names if name.casefold() == column.casefold()]
        if len(alike) > 1 or not column or "\0" in column:
            raise InvalidInput(
                f"table: the columns {alike} cannot be told apart on disk; rename one, or pass "
                "sat_nb.read_table(path)."
            )
