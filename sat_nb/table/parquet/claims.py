"""What a Parquet file claims, checked against its size before any of it is unpacked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sat_nb.errors import InvalidInput
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
    for shard in shards:
        n_bytes, metadata = Path(shard.path).stat().st_size, shard.metadata
        most_rows, most_bytes = max(MAX_ROWS, n_bytes), max(MAX_UNPACKED, 100 * n_bytes)
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        _check(shard.path, "rows", metadata.num_rows, most_rows)
        _check(shard.path, "bytes", sum(group.total_byte_size for group in groups), most_bytes)
        for number, group in enumerate(groups):
            columns = [group.column(i) for i in range(group.num_columns)]
            for column in columns:
                _check(shard.path, "values", column.num_values, most_rows)
            large = [one for one in columns if _may_repeat(one, most_bytes)]
            if large:
                _check_texts(shard.path, number, large, most_bytes)


def _check(path: str, unit: str, claimed: int, most: int) -> None:
    if not 0 <= claimed <= most:
        raise InvalidInput(
            f"{path!r} has {Path(path).stat().st_size} bytes and claims {claimed} {unit}, which no "
            "table does; write it again."
        )


def _may_repeat(column: Any, most_bytes: int) -> bool:
    """Whether a text that stands in a file once may stand in so many rows that it is too long."""
    longest = column.num_values * column.total_uncompressed_size
    return column.physical_type in TEXTS and longest > most_bytes


def _check_texts(path: str, number: int, columns: list[Any], most_bytes: int) -> None:
    """InvalidInput for texts of a group that take too much memory, each row its own."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, read_dictionary=[one.path_in_schema for one in columns]) as file:
        for column in columns:
            if column.num_values * _longest(path, file, number, column) > most_bytes:
                _check(path, "bytes of text", _n_bytes(file, number, column), most_bytes)


def _longest(path: str, file: pq.ParquetFile, number: int, column: Any) -> int:
    """The bytes of the longest text, or more: quickly where the rows share what stands first."""
    import pyarrow.compute as pc

    name = column.path_in_schema
    if name not in file.schema_arrow.names or not _begins_with_dictionary(path, column):
        return int(column.total_uncompressed_size)
    rows = next(file.iter_batches(batch_size=1, row_groups=[number], columns=[name]))
    return pc.max(pc.binary_length(rows.column(0).dictionary)).as_py() or 0


def _begins_with_dictionary(path: str, column: Any) -> bool:
    """Whether the first page has all texts that rows share: there cannot be a second one."""
    if column.physical_type != "BYTE_ARRAY" or not column.has_dictionary_page:
        return False
    with open_plain(Path(path)) as stream:
        stream.seek(column.dictionary_page_offset)
        return stream.read(len(DICTIONARY)) == DICTIONARY


def _n_bytes(file: pq.ParquetFile, number: int, column: Any) -> int:
    """The bytes of the texts of all rows."""
    import pyarrow.compute as pc

    name = column.path_in_schema
    if SHARED in column.encodings or column.physical_type == FIXED:
        return int(column.num_values * _of_one(file, column))
    total = 0
    for rows in file.iter_batches(row_groups=[number], columns=[name]):
        texts = _leaf(rows.column(0))
        lengths = pc.binary_length(texts.dictionary)
        total += pc.sum(lengths.take(texts.indices)).as_py() or 0
    return total


def _of_one(file: pq.ParquetFile, column: Any) -> int:
    if column.physical_type != FIXED:
        return int(column.total_uncompressed_size)
    leaves = [file.schema.column(i) for i in range(len(file.schema))]
    return next(int(leaf.length) for leaf in leaves if leaf.path == column.path_in_schema)


def _leaf(texts: Any) -> Any:
    """The texts in lists and structures that hold nothing else."""
    while not hasattr(texts, "dictionary"):
        inner = texts.flatten()
        texts = inner[0] if isinstance(inner, list) else inner
    return texts
