"""A copy of a table on disk whose rows lie by model and method."""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Thread, get_native_id
from typing import Any

from sat_nb.table.parquet.opened import Opened, of_a_table, open_table
from sat_nb.table.parquet.sql import FIXED, Rows, partition_rows, quoted
from sat_nb.temporary import temporary_folder

LEAST = 19
"""The priority of work that nobody waits for."""


def copied_by_method(table: Opened, columns: Sequence[str], cursor: Any) -> Opened:
    """A copy whose rows lie by model and method, gone with the object that is returned.

    It has these columns and those of every row. Shards hold the rows of all methods image by image,
    so that a question about one method reads those of all others, too. ``cursor`` makes it, in one
    thread, which takes hardly longer and gives way to questions.
    """
    further = [c for c in columns if c not in FIXED]
    names = ", ".join(quoted(c) for c in (*FIXED, *further))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(temporary_folder())) / "rows"
        with of_a_table(table.path):
            parts, given = partition_rows(table.files, "rank", (), no_nan=True, needs=further)
            promised = table.promised(cursor)
            rows = Rows(cursor, parts, given, promised)
            keys = [f"{model or ''}\0{method or ''}" for model, method in _pairs(rows)]
            key = "list_position($keys, coalesce(model, '') || chr(0) || coalesce(method, ''))"
            cursor.execute("SET threads = 1")
            _giving_way(
                cursor.execute,
                f"COPY (SELECT {names}, {key} AS part FROM {rows.sql}) TO "
                f"'{_literal(folder)}' (FORMAT parquet, PARTITION_BY (part))",
                given | {"keys": keys},
            )
        found = open_table(folder, complete=False)
        found.__dict__["footers"] = promised  # of the same rows
        found.share_no_image = found.is_rearranged = True
        weakref.finalize(found, stack.pop_all().close)
    return found


def _giving_way(work: Callable[..., object], *given: Any) -> None:
    """Do the work in a thread of the least priority.

    It is one of its own, as threads that it starts would inherit its priority.
    """
    failed: list[BaseException] = []

    def do() -> None:
        try:
            if sys.platform == "linux":  # elsewhere, a priority is that of the process
                with suppress(OSError):
                    os.setpriority(os.PRIO_PROCESS, get_native_id(), LEAST)
            work(*given)
        except BaseException as error:
            failed.append(error)

    thread = Thread(target=do, daemon=True)
    thread.start()
    thread.join()
    for error in failed:
        raise error


def _pairs(rows: Rows) -> list[tuple[str | None, str | None]]:
    """The models and methods that occur together."""
    if rows.footers:
        return sorted({(model, method) for f in rows.footers for model, method, *_ in f.images})
    sql = f"SELECT DISTINCT model, method FROM {rows.sql}"
    return [*rows.ask(sql, ["model", "method"]).itertuples(index=False, name=None)]


def _literal(path: Path) -> str:
    """A path of ours within quotes; it is no data."""
    return str(path).replace("'", "''")
