"""What a Parquet file says of the parts of its columns, before any of it is unpacked.

DuckDB is asked: pyarrow ends the whole process where a description of a column is damaged.
"""

from __future__ import annotations

import glob
from typing import NamedTuple


class ColumnPart(NamedTuple):
    """A column in one row group, as the file describes it.

    ``group`` : the number of the row group, and ``n_rows`` its rows.
    ``n_bytes`` : what the values take once they are unpacked, as they are encoded.
    """

    group: int
    n_rows: int
    name: str
    n_values: int
    n_bytes: int
    encodings: str


_SETTINGS = {
    "threads": 1,
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
}
_ASKED = "row_group_id, row_group_num_rows, path_in_schema, num_values, total_uncompressed_size"


def column_parts(file: str) -> list[ColumnPart]:
    """The parts of all columns, group by group; what DuckDB raises for a damaged description."""
    import duckdb

    with duckdb.connect(config=_SETTINGS) as connection:
        rows = connection.execute(
            f"SELECT {_ASKED}, encodings FROM parquet_metadata(?)", [glob.escape(file)]
        ).fetchall()
    return sorted((ColumnPart(*row) for row in rows), key=lambda part: part.group)
