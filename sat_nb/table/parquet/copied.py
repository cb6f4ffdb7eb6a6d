"""A copy of a table on disk whose rows lie by model and method, for questions about one of them.

Shards hold the rows of all methods image by image, so that one method is read with all others.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from sat_nb.table.parquet.opened import Opened, of_a_table, open_table
from sat_nb.table.parquet.sql import FIXED, Rows, partition_rows, quoted
from sat_nb.temporary import temporary_folder


def copied_by_method(table: Opened, columns: Sequence[str]) -> Opened:
    """A copy with these columns and those of every row, gone with the object that is returned."""
    stack = ExitStack()
    folder = Path(stack.enter_context(temporary_folder())) / "rows"
    further = [c for c in columns if c not in FIXED]
    names = ", ".join(quoted(c) for c in (*FIXED, *further))
    with of_a_table(table.path), table.cursor() as cursor:
        parts, given = partition_rows(table.files, "rank", (), no_nan=True, needs=further)
        promised = table.promised(cursor)
        rows = Rows(cursor, parts, given, promised)
        pairs = rows.ask(f"SELECT DISTINCT model, method FROM {rows.sql}", ["model", "method"])
        keys = [f"{model or ''}\0{method or ''}" for model, method in pairs.to_numpy()]
        key = "list_position($keys, coalesce(model, '') || chr(0) || coalesce(method, ''))"
        cursor.execute(
            f"COPY (SELECT {names}, {key} AS part FROM {rows.sql}) TO "
            f"'{_literal(folder)}' (FORMAT parquet, PARTITION_BY (part))",
            given | {"keys": keys},
        )
    found = open_table(folder, complete=False)
    found.__dict__["footers"] = promised  # of the same rows
    found.share_no_image = True
    weakref.finalize(found, stack.close)
    return found


def _literal(path: Path) -> str:
    """A path of ours within quotes; it is no data."""
    return str(path).replace("'", "''")
