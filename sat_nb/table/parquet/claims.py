"""What a Parquet file claims, checked against its size before any of it is unpacked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sat_nb.errors import InvalidInput
from sat_nb.parquet_columns import ColumnPart, column_parts
from sat_nb.reading import open_plain

if TYPE_CHECKING:
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

MAX_ROWS, MAX_UNPACKED = 2**22, 2**29
"""Rows and bytes that any file may claim; larger tables take their share of the disk."""

FIXED = "FIXED_LEN_BYTE_ARRAY"
TEXTS = ("BYTE_ARRAY", FIXED)
SHARED = "DELTA_BYTE_ARRAY"
"""Texts that begin as the one before them store their ends alone."""

DICTIONARY = b"\x15\x04"
"""How the page begins that holds the texts which rows share."""


def check_claims(shards: Iterable[ds.Fragment]) -> None:
    """InvalidInput for a file that claims far more rows or bytes than tables pack into its size."""
    metadata = {shard.path: shard.metadata for shard in shards}
    parts = column_parts(list(metadata)) if metadata else {}
    for path, claimed in metadata.items():
        n_bytes = Path(path).stat().st_size
        most_rows, most_bytes = max(MAX_ROWS, n_bytes), max(MAX_UNPACKED, 100 * n_bytes)
        groups = [claimed.row_group(i).total_byte_size for i in range(claimed.num_row_groups)]
        _check(path, "rows", claimed.num_rows, most_rows)
        _check(path, "bytes", sum(groups), most_bytes)
        for part in parts[path]:
            _check(path, "values", part.n_values, most_rows)
        large = [part for part in parts[path] if _may_repeat(part, most_bytes)]
        if large:
            _check_texts(path, large, most_bytes)


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
