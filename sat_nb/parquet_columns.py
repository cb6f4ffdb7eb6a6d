"""What a Parquet file says of its rows and columns, before any of it is unpacked.

DuckDB is asked: pyarrow ends the whole process where a description of a column is damaged.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from sat_nb.processors import n_cores

if TYPE_CHECKING:
    import duckdb


class ColumnPart(NamedTuple):
    """A column in one row group, as the file describes it.

    ``group`` : the number of the row group, and ``n_rows`` its rows.
    ``column`` : the number of the column in the schema of the leaves.
    ``n_bytes`` : what the values take once they are unpacked, as they are encoded.
    ``kind`` : the type that is stored, such as "BYTE_ARRAY".
    ``dictionary_at`` : where the page begins that holds what rows share; None without one.
    """

    group: int
    n_rows: int
    column: int
    name: str
    n_values: int
    n_bytes: int
    kind: str
    encodings: str
    dictionary_at: int | None


class Described(NamedTuple):
    """A file in short.

    ``n_bytes`` : what its row groups take once they are unpacked, as they are encoded.
    ``fewest``, ``most`` : the values of a column in a row group.
    ``repeated`` : the largest product of values and bytes of texts of a column in a row group.
    ``notes`` : what was asked for of the texts that the file carries by keys.
    """

    n_rows: int
    n_bytes: int
    fewest: int
    most: int
    repeated: int
    notes: dict[bytes, bytes]


FIXED = "FIXED_LEN_BYTE_ARRAY"
TEXTS = ("BYTE_ARRAY", FIXED)

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
}
_OF_PARTS = (
    "SELECT file_name, row_group_id, row_group_num_rows, column_id, path_in_schema, num_values, "
    "total_uncompressed_size, type, encodings, dictionary_page_offset FROM parquet_metadata(?)"
)
_OF_FILES = """
    SELECT file_name, num_rows, coalesce(n_bytes, 0), coalesce(fewest, 0), coalesce(most, 0),
        coalesce(repeated, 0)
    FROM parquet_file_metadata($files) LEFT JOIN (
        SELECT file_name, sum(row_group_bytes) FILTER (column_id = 0) AS n_bytes,
            min(num_values) AS fewest, max(num_values) AS most,
            max(CAST(num_values AS HUGEINT) * total_uncompressed_size)
                FILTER (list_contains($texts, type)) AS repeated
        FROM parquet_metadata($files) GROUP BY file_name
    ) USING (file_name)
"""
_OF_NOTES = """
    SELECT file_name, key, value FROM parquet_kv_metadata($files) WHERE list_contains($keys, key)
"""


def column_parts(file: str) -> list[ColumnPart]:
    """The parts of all its columns, group by group.

    What DuckDB raises for a damaged description is passed on.
    """
    with _connected(1) as connection:
        rows = connection.execute(_OF_PARTS, [[glob.escape(file)]]).fetchall()
    parts = [ColumnPart(*row) for _, *row in rows]
    return sorted(parts, key=lambda part: (part.group, part.column))


def described(files: Sequence[str], keys: Sequence[bytes] = ()) -> dict[str, Described]:
    """{file: its description}, with the notes of these keys; errors as of ``column_parts``.

    Of thousands of files, this takes half as long as all parts of all columns.
    """
    if not files:
        return {}
    paths = [glob.escape(file) for file in files]
    with _connected(len(files)) as connection:
        rows = connection.execute(_OF_FILES, {"files": paths, "texts": [*TEXTS]}).fetchall()
        noted = connection.execute(_OF_NOTES, {"files": paths, "keys": [*keys]}).fetchall()
    found = {row[0]: Described(row[1], row[2], row[3], row[4], row[5], {}) for row in rows}
    same: dict[bytes, bytes] = {}  # files of one folder carry equal texts
    for file, key, value in noted:
        found[file].notes[key] = same.setdefault(value, value)
    return {file: found[file] for file in files}


@contextmanager
def _connected(n_files: int) -> Iterator[duckdb.DuckDBPyConnection]:
    import duckdb

    threads = max(1, min(n_cores(), n_files))
    with duckdb.connect(config={**_SETTINGS, "threads": threads}) as connection:
        connection.execute("SET parquet_metadata_cache = true")
        yield connection
