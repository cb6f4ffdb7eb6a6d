"""What a Parquet file claims, checked against its size before any of it is unpacked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sat_nb.errors import InvalidInput
from sat_nb.parquet_columns import FIXED, TEXTS, ColumnPart, Described, column_parts, described
from sat_nb.reading import open_plain
from sat_nb.table.parquet.footer import FOOTER_KEY

if TYPE_CHECKING:
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

ATTRS = b"PANDAS_ATTRS"
"""The key under which pandas keeps the attrs of a frame."""

MAX_ROWS, MAX_UNPACKED = 2**22, 2**29
"""Rows and bytes that any file may claim; larger tables take their share of the disk."""

KEPT = 4
"""Tables whose descriptions a process keeps: each question about one opens it anew."""

SHARED = "DELTA_BYTE_ARRAY"
"""Texts that begin as the one before them store their ends alone."""

DICTIONARY = b"\x15\x04"
"""How the page begins that holds the texts which rows share."""


class _Stamp(NamedTuple):
    """A file as it was when it was looked at; ``changed`` is set by the system alone."""

    path: str
    n_bytes: int
    changed: int
    inode: int


def checked_claims(shards: Iterable[ds.Fragment]) -> Mapping[str, Described]:
    """{path: what the file says of itself}, read once a process.

    InvalidInput for a file that claims far more rows or bytes than tables pack into its size.
    """
    return _checked(tuple(_stamp(shard.path) for shard in shards))


def _stamp(path: str) -> _Stamp:
    found = os.stat(path)
    return _Stamp(path, found.st_size, found.st_ctime_ns, found.st_ino)


@lru_cache(maxsize=KEPT)
def _checked(stamps: tuple[_Stamp, ...]) -> Mapping[str, Described]:
    found = described([stamp.path for stamp in stamps], [FOOTER_KEY.encode(), ATTRS])
    for path, n_bytes, *_ in stamps:
        claimed = found[path]
        most_rows, most_bytes = max(MAX_ROWS, n_bytes), max(MAX_UNPACKED, 100 * n_bytes)
        _check(path, "rows", claimed.n_rows, most_rows)
        _check(path, "bytes", claimed.n_bytes, most_bytes)
        for n_values in (claimed.fewest, claimed.most):
            _check(path, "values", n_values, most_rows)
        if claimed.repeated > most_bytes:
            large = [part for part in column_parts(path) if _may_repeat(part, most_bytes)]
            _check_texts(path, large, most_bytes)
    return found


def _check(path: str, unit: str, claimed: int, most: int) -> None:
    if not 0 <= claimed <= most:
        raise InvalidInput(
            f"{path!r} has {Path(path).stat().st_size} bytes and claims {claimed} {unit}, which no "
            "table does; write it again."
        )


def _may_repeat(part: ColumnPart, most_bytes: int) -> bool:
    """Whether a text that stands in a file once may stand in so many rows that it is too long."""
    return part.kind in TEXTS and part.n_values * part.n_bytes > most_bytes


def _check_texts(path: str, parts: list[ColumnPart], most_bytes: int) -> None:
    """InvalidInput for texts of a group that take too much memory, each row its own."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        names = [file.schema.column(i).path for i in range(len(file.schema))]
    texts = sorted({names[part.column] for part in parts})
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        for part in parts:
            name = names[part.column]
            if part.n_values * _longest(path, file, part, name) > most_bytes:
                _check(path, "bytes of text", _n_bytes(file, part, name), most_bytes)


def _longest(path: str, file: pq.ParquetFile, part: ColumnPart, name: str) -> int:
    """The bytes of the longest text, or more: quickly where the rows share what stands first."""
    import pyarrow.compute as pc

    if name not in file.schema_arrow.names or not _begins_with_dictionary(path, part):
        return part.n_bytes
    rows = next(file.iter_batches(batch_size=1, row_groups=[part.group], columns=[name]))
    return pc.max(pc.binary_length(rows.column(0).dictionary)).as_py() or 0


def _begins_with_dictionary(path: str, part: ColumnPart) -> bool:
    """Whether the first page has all texts that rows share: there cannot be a second one."""
    if part.kind != "BYTE_ARRAY" or not part.dictionary_at:
        return False
    with open_plain(Path(path)) as stream:
        stream.seek(part.dictionary_at)
        return stream.read(len(DICTIONARY)) == DICTIONARY


def _n_bytes(file: pq.ParquetFile, part: ColumnPart, name: str) -> int:
    """The bytes of the texts of all rows."""
    import pyarrow.compute as pc

    if part.kind == FIXED:
        return part.n_values * int(file.schema.column(part.column).length)
    if SHARED in part.encodings:
        return part.n_values * part.n_bytes
    total = 0
    for rows in file.iter_batches(row_groups=[part.group], columns=[name]):
        texts = _leaf(rows.column(0))
        lengths = pc.binary_length(texts.dictionary)
        total += pc.sum(lengths.take(texts.indices)).as_py() or 0
    return total


def _leaf(texts: Any) -> Any:
    """The texts in lists and structures that hold nothing else."""
    while not hasattr(texts, "dictionary"):
        inner = texts.flatten()
        texts = inner[0] if isinstance(inner, list) else inner
    return texts
