"""A Parquet file of masks, of which a row group is read at a time, here or at an address."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sat_nb import remote
from sat_nb.errors import InvalidInput
from sat_nb.limits import LIMITS, beyond
from sat_nb.parquet_columns import ColumnPart, column_parts
from sat_nb.reading import check_parquet_footer
from sat_nb.temporary import temporary_folder

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

TEXTS = ("image_id", "name", "counts")
COLUMNS = ("image_id", "name", "score", "height", "width", "counts")

Stamp = tuple[Any, ...] | None
"""What changes with a file: its size and time, or what its file system says."""

KEPT_GROUPS = 4
"""Row groups that stay in memory: threads of one process read images that are close together."""

MAX_ROWS = 2**27
"""Rows of a file, of which only the ids are read at first."""

MAGIC = b"PAR1"

BYTES_OF_A_ROW = 64
"""What a row takes in memory beside its texts, and more."""

SHARED = "DELTA_BYTE_ARRAY"
"""Texts that begin as the one before them are stored by their ends: a few bytes may be many."""


@dataclass(frozen=True)
class Opened:
    """A file: its description, and of each group the first row and what its columns say."""

    file: str
    stamp: Stamp
    metadata: pq.FileMetaData
    starts: NDArray[np.int64]
    groups: list[list[ColumnPart]]

    def rows(self, first: int, n: int) -> pa.Table:
        """Rows of one or several groups."""
        import pyarrow as pa

        groups = np.searchsorted(self.starts, (first, first + n - 1), side="right") - 1
        parts = [
            _group(self.file, self.stamp, number).slice(
                max(0, first - int(self.starts[number])),
                first + n - max(first, int(self.starts[number])),
            )
            for number in range(int(groups[0]), int(groups[1]) + 1)
        ]
        return pa.concat_tables(parts)

    def read_group(self, number: int, columns: tuple[str, ...]) -> pa.Table:
        """Some columns of a group, whose texts are stored once, however many rows share them."""
        import pyarrow.parquet as pq

        _check_group(self.groups[number])
        texts = [name for name in columns if name in TEXTS]
        with (
            _readable(self.file) as source,
            pq.ParquetFile(source, metadata=self.metadata, read_dictionary=texts) as file,
        ):
            there = [name for name in columns if name in file.schema_arrow.names]
            return file.read_row_group(number, columns=there, use_threads=False)


def _readable(file: str) -> AbstractContextManager[Any]:
    return remote.opened(file) if remote.is_address(file) else nullcontext(file)


def open_file(file: str) -> Opened:
    """The file as it is now; its description is read again only where it has changed."""
    if remote.is_address(file):
        return _description(file, remote.changes(file))
    about = Path(file).stat()
    return _description(file, (about.st_size, about.st_mtime_ns))


@contextmanager
def _with_footer(file: str) -> Iterator[str]:
    """Yield a file of this machine with the description: of one at an address, its end alone."""
    if not remote.is_address(file):
        check_parquet_footer(Path(file))
        yield file
        return
    with temporary_folder() as folder, remote.opened(file) as stream:
        n_bytes = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, n_bytes - 8))
        end = stream.read(8)
        (part := folder / "end.parquet").write_bytes(MAGIC + end)
        check_parquet_footer(part)
        stream.seek(max(0, n_bytes - 8 - int.from_bytes(end[:4], "little")))
        part.write_bytes(MAGIC + stream.read())
        yield str(part)


@lru_cache(maxsize=8)
def _description(file: str, stamp: Stamp) -> Opened:
    """The description of a file of this size and time; it is read once a process."""
    import pyarrow.parquet as pq

    with _with_footer(file) as description:
        parts = column_parts(description)
        metadata = pq.read_metadata(description)
    groups = [list(of_group) for _, of_group in groupby(parts, key=lambda part: part.group)]
    lengths = [of_group[0].n_rows for of_group in groups]
    if min(lengths, default=0) < 0 or sum(lengths) > MAX_ROWS:
        raise InvalidInput(f"claims {sum(lengths)} rows, and {MAX_ROWS} are the limit; split it.")
    starts = np.cumsum([0, *lengths], dtype=np.int64)
    return Opened(file, stamp, metadata, starts, groups)


@lru_cache(maxsize=KEPT_GROUPS)
def _group(file: str, stamp: Stamp, number: int) -> pa.Table:
    return _description(file, stamp).read_group(number, COLUMNS)


def _check_group(parts: list[ColumnPart]) -> None:
    """InvalidInput for a group that takes too much memory, or is stored in ways that hide it."""
    number, n_rows, *_ = parts[0]
    needed = BYTES_OF_A_ROW * n_rows
    for part in parts:
        if part.name not in COLUMNS:
            continue
        if part.n_values != n_rows:
            raise InvalidInput(f"row group {number}: {part.name} is no plain column.")
        repeats = n_rows if SHARED in part.encodings else 1
        needed += repeats * max(0, part.n_bytes)
    if needed > LIMITS["group_bytes"]:
        raise InvalidInput(
            f"row group {number} has {n_rows} rows and may take {needed} bytes; write smaller "
            "groups (pandas: to_parquet(..., row_group_size=10_000)); "
            f"{beyond('group_bytes', needed)}."
        )
