"""The rows of Parquet files as DuckDB sees them.

Nothing of the data becomes SQL: values and paths are bound, names of columns are quoted.
"""

from __future__ import annotations

import glob
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.table.parquet.footer import SEAL, Seal, read_seal

if TYPE_CHECKING:
    import duckdb
    import pyarrow.dataset as ds


MEMORY = "600MB"  # what DuckDB may hold before it goes on in a temporary folder
FIXED = ("image_id", "model", "method", "label", "segment", "n_segments")
"""Columns that all sums need; the others are those of a question."""


@dataclass(frozen=True)
class Part:
    """What to write after FROM for one partition, and those keys that its folders name."""

    sql: str
    constants: dict[str, str]


@dataclass(frozen=True)
class Rows:
    """A connection, and the partitions.

    ``seals`` are those of all files; none, where one has no seal or they may share images.
    """

    connection: duckdb.DuckDBPyConnection
    parts: tuple[Part, ...]
    parameters: dict[str, Any]
    seals: tuple[Seal, ...]

    @property
    def sql(self) -> str:
        """All rows."""
        return f"({' UNION ALL '.join(f'FROM {part.sql}' for part in self.parts)})"

    def ask(self, sql: str, columns: Sequence[str], **parameters: Any) -> pd.DataFrame:
        """The answer, as objects."""
        answer = self.connection.execute(sql, self.parameters | parameters)
        return pd.DataFrame(answer.fetchall(), columns=list(columns), dtype=object)


@contextmanager
def connected() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database of its own in memory, which loads nothing and leaves nothing behind."""
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
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


def read_seals(
    connection: duckdb.DuckDBPyConnection, files: Sequence[ds.Fragment]
) -> tuple[Seal, ...]:
    """The seals of all files; none, if one has no seal, or its folders name something else."""
    import pyarrow.dataset as ds

    sql = """SELECT file_name, value, num_rows FROM parquet_file_metadata($paths)
        LEFT JOIN (FROM parquet_kv_metadata($paths) WHERE key = $key) USING (file_name)"""
    parameters = {"paths": [glob.escape(file.path) for file in files], "key": SEAL.encode()}
    named = {file.path: ds.get_partition_keys(file.partition_expression) for file in files}
    seals = []
    for path, text, n_rows in connection.execute(sql, parameters).fetchall():
        seal = read_seal(text, n_rows)
        if seal is None or not seal.fits(named[path]):
            return ()
        seals.append(seal)
    return tuple(seals)


def partition_rows(
    files: Sequence[ds.Fragment], value: str, by: Sequence[str], *, sealed: bool
) -> tuple[tuple[Part, ...], dict[str, Any]]:
    """The partitions, with the value as ``v`` and the columns of ``by`` as ``k0``, ``k1``, ...

    Files of one partition are read together; the values in their paths become columns.
    Returned with them are the parameters that they name.
    """
    import pyarrow.dataset as ds

    partitions: dict[tuple[tuple[str, Any], ...], list[str]] = {}
    for file in files:
        named = ds.get_partition_keys(file.partition_expression)
        partitions.setdefault(tuple(named.items()), []).append(glob.escape(file.path))
    parts, parameters = [], {}
    for number, (named_values, paths) in enumerate(partitions.items()):
        constants = {}
        for place, (column, constant) in enumerate(named_values):
            if column in (*by, value, *FIXED):
                kind = "BIGINT" if pd.api.types.is_integer(constant) else "VARCHAR"
                constants[column] = f"CAST($p{number}_{place} AS {kind})"
                parameters[f"p{number}_{place}"] = constant
        parts.append(_part(f"$files{number}", constants, value, by, sealed=sealed))
        parameters[f"files{number}"] = paths
    return tuple(parts), parameters


def _part(
    paths: str, constants: Mapping[str, str], value: str, by: Sequence[str], *, sealed: bool
) -> Part:
    columns = {c: constants.get(c, quoted(c)) for c in (*by, value, *FIXED)}
    names = dict(zip(key_names(by), by, strict=True))
    selected = [f"{columns[column]} AS {key}" for key, column in names.items()]
    selected += [f"{columns[column]} AS {column}" for column in FIXED]
    selected.append(f"{_number(columns[value], sealed=sealed)} AS v")
    source = f"read_parquet({paths}, hive_partitioning = false)"
    return Part(
        f"(SELECT {', '.join(selected)} FROM {source})",
        {key: constants[column] for key, column in names.items() if column in constants},
    )


def _number(column: str, *, sealed: bool) -> str:
    """A column as a number; NaN, which sealed files do not have, counts as nothing."""
    number = f"CAST({column} AS DOUBLE)"
    return number if sealed else f"CASE WHEN isnan({number}) THEN NULL ELSE {number} END"


def quoted(column: str) -> str:
    """A column's name as SQL writes it.

    >>> quoted('mean"; DROP TABLE')
    '"mean""; DROP TABLE"'
    """
    return '"' + column.replace('"', '""') + '"'


def key_names(by: Sequence[str]) -> list[str]:
    """What the columns of ``by`` are called in SQL."""
    return [f"k{place}" for place in range(len(by))]


def check_names(columns: Sequence[str], names: Sequence[str]) -> None:
    """SQL has no empty names, does not tell names apart by case, and ends them at NUL."""
    for column in columns:
        alike = [name for name in names if name.casefold() == column.casefold()]
        if len(alike) > 1 or not column or "\0" in column:
            raise InvalidInput(
                f"table: the columns {alike} cannot be told apart on disk; rename one, or give "
                "sat_nb.read_table of it."
            )
