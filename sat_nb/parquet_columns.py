"""What a Parquet file says of the parts of its columns, before any of it is unpacked.

DuckDB is asked: pyarrow ends the whole process where a description of a column is damaged.
"""

from __future__ import annotations

import glob
from collections.abc import Sequence
from typing import NamedTuple

from sat_nb.processors import n_cores


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


_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
}
_ASKED = (
    "file_name, row_group_id, row_group_num_rows, column_id, path_in_schema, num_values, "
    "total_uncompressed_size, type, encodings, dictionary_page_offset"
)


def column_parts(files: Sequence[str]) -> dict[str, list[ColumnPart]]:
    """{file: the parts of all its columns, group by group}.

    What DuckDB raises for a damaged description is passed on.
    """
    import duckdb

    settings = {**_SETTINGS, "threads": max(1, min(n_cores(), len(files)))}
    found: dict[str, list[ColumnPart]] = {file: [] for file in files}
    with duckdb.connect(config=settings) as connection:
        rows = connection.execute(
            f"SELECT {_ASKED} FROM parquet_metadata(?)", [[glob.escape(file) for file in files]]
        ).fetchall()
    for file, *row in rows:
        found[file].append(ColumnPart(*row))
    for parts in found.values():
        parts.sort(key=lambda part: (part.group, part.column))
    return found
