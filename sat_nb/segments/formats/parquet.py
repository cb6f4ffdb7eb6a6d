"""Masks of any number of images in one Parquet file, as ``write_segments`` makes it.

A row a mask, sorted by image: ``image_id``, ``name``, ``score`` (null where it is not known),
``height``, ``width``, and ``counts``, COCO's compressed run lengths. An image without segments has
one row, whose name and counts are null. Only the ids are read when the file is opened; later, the
row groups of an image are read, of which the last few are kept. Files that other programs have
written or changed are read as well, if the rows of each image stand together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.errors import InvalidInput
from sat_nb.files import visible_files
from sat_nb.limits import LIMITS, beyond
from sat_nb.parquet_columns import ColumnPart, column_parts
from sat_nb.reading import check_parquet_footer, readable
from sat_nb.segments.formats.encoded import EncodedMask, Reading, decode_masks, encode_each
from sat_nb.segments.formats.limits import brief, check_count, checked_number, checked_size
from sat_nb.segments.formats.rle import rle_decoder
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.sources import Format, Source

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

WHAT = "masks in Parquet"
REMEDY = "write it again with sat_nb.write_segments or `sat-nb masks pack`"
TEXTS = ("image_id", "name", "counts")
NEEDED = (*TEXTS, "height", "width")
COLUMNS = ("image_id", "name", "score", "height", "width", "counts")

KEPT_GROUPS = 4
"""Row groups that stay in memory: threads of one process read images that are close together."""

MAX_ROWS = 2**26
"""Rows of a file, of which only the ids are read at first; larger files may have one a byte."""

BYTES_OF_A_ROW = 64
"""What a row takes in memory beside its texts, and more."""

SHARED = "DELTA_BYTE_ARRAY"
"""Texts that begin as the one before them are stored by their ends: a few bytes may be many."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of an image in a file, and what reads them: a million of these are little."""

    file: str
    image_id: str
    first: int
    n: int

    def __call__(self) -> Reading:
        """The segments of the image."""
        with readable(WHAT, REMEDY):
            check_count(range(self.n), "rows")
            return self._reading(_as_rows(_opened(self.file).rows(self.first, self.n)))

    def _reading(self, rows: list[dict[str, Any]]) -> Reading:
        if [row["image_id"] for row in rows] != [self.image_id] * self.n:
            raise InvalidInput(
                f"rows {self.first} to {self.first + self.n - 1} are not those of image "
                f"{brief(self.image_id)}: the file was changed since it was opened; call "
                "read_segments again."
            )
        n_bytes = sum(len(row["counts"] or "") for row in rows)
        if n_bytes > LIMITS["json_bytes"]:
            raise InvalidInput(
                f"counts: {n_bytes} bytes for one image; {beyond('json_bytes', n_bytes)}."
            )
        if self.n == 1 and rows[0]["name"] is None and rows[0]["counts"] is None:
            return Reading(_without_segments(rows[0]))
        items = ((f"row {self.first + i}", row) for i, row in enumerate(rows))
        return decode_masks(encode_each(items, _encoded))


def _as_rows(table: pa.Table) -> list[dict[str, Any]]:
    """The rows, in which equal texts are one object: many rows may share a long one."""
    columns = {name: _values(table.column(name)) for name in table.column_names}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _values(column: pa.ChunkedArray) -> list[Any]:
    found: list[Any] = []
    for chunk in column.chunks:
        if hasattr(chunk, "dictionary"):
            found += _texts(chunk.dictionary, chunk.indices.fill_null(-1).to_numpy())
        else:
            found += chunk.to_pylist()
    return found


def _texts(texts: pa.Array, codes: NDArray[np.integer[Any]]) -> list[str | None]:
    """The texts of codes, None for -1; equal codes share one object."""
    used, places = np.unique(codes, return_inverse=True)
    values = [None] * int((used < 0).sum()) + texts.take(used[used >= 0]).to_pylist()
    return [values[place] for place in places.tolist()]


def _without_segments(row: dict[str, Any]) -> SegmentationMap:
    """An image of which it is known that it has none; its size may be unknown, which is 0 x 0."""
    sides = row["height"], row["width"]
    size = (0, 0) if sides in ((0, 0), (None, None)) else checked_size(sides, "[height, width]")
    return SegmentationMap((), np.zeros((0, *size), dtype=bool))


def _encoded(row: dict[str, Any], field: str) -> EncodedMask:
    counts, score = row["counts"], row.get("score")
    if isinstance(counts, bytes):
        counts = counts.decode("latin-1")
    mask = {"size": [row["height"], row["width"]], "counts": counts}
    size, decode = rle_decoder(mask, "coco_rle", field)
    known = np.nan if score is None or score != score else checked_number(score, f"{field}.score")
    return EncodedMask(field, row["name"], size, decode, known)


# --- the file ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Opened:
    """A file: its description, and of each group the first row and what its columns say."""

    file: str
    stamp: tuple[int, int]
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
        with pq.ParquetFile(self.file, metadata=self.metadata, read_dictionary=texts) as file:
            there = [name for name in columns if name in file.schema_arrow.names]
            return file.read_row_group(number, columns=there, use_threads=False)


def _opened(file: str) -> Opened:
    about = Path(file).stat()
    return _description(file, (about.st_size, about.st_mtime_ns))


@lru_cache(maxsize=8)
def _description(file: str, stamp: tuple[int, int]) -> Opened:
    """The description of a file of this size and time; it is read once a process."""
    import pyarrow.parquet as pq

    check_parquet_footer(Path(file))
    groups = [list(parts) for _, parts in groupby(column_parts(file), key=lambda part: part.group)]
    lengths = [parts[0].n_rows for parts in groups]
    most = max(MAX_ROWS, stamp[0])
    if min(lengths, default=0) < 0 or sum(lengths) > most:
        raise InvalidInput(f"claims {sum(lengths)} rows, and {most} are the limit; split it.")
    starts = np.cumsum([0, *lengths], dtype=np.int64)
    return Opened(file, stamp, pq.read_metadata(file), starts, groups)


@lru_cache(maxsize=KEPT_GROUPS)
def _group(file: str, stamp: tuple[int, int], number: int) -> pa.Table:
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


# --- ids ---------------------------------------------------------------------------------------


def detects_masks(root: Path) -> bool:
    """Whether a file, or a Parquet file of a folder, has the columns of masks."""
    return any(map(_has_masks, _files(root)))


def open_masks(root: Path) -> Mapping[str, Source[Reading]]:
    """The images of the files; only ids are read."""
    found: dict[str, Source[Reading]] = {}
    for file in _files(root):
        if file != root and not _has_masks(file):
            continue  # a table, perhaps
        where, files = str(file), (file,)
        with readable(WHAT, REMEDY, file=None if file == root else file):
            for rows in _images(where):
                if rows.image_id in found:
                    raise _not_together(rows.image_id, found[rows.image_id].where, where)
                found[rows.image_id] = Source(where, rows, files)
    return found


def _files(root: Path) -> list[Path]:
    if root.is_dir():
        return sorted(visible_files(root, {".parquet"}))
    return [root] if root.suffix.lower() == ".parquet" else []


def _has_masks(file: Path) -> bool:
    try:
        with readable(WHAT, REMEDY):
            return set(NEEDED) <= set(_opened(str(file)).metadata.schema.names)
    except (InvalidInput, OSError):
        return False


def _images(file: str) -> Iterator[Rows]:
    """The images of a file, in their order."""
    opened = _opened(file)
    missing = [name for name in NEEDED if name not in opened.metadata.schema.names]
    if missing:
        raise InvalidInput(f"has no column {missing[0]!r}, and masks have {', '.join(COLUMNS)}.")
    last: tuple[str, int] | None = None
    for image_id, first in _runs(opened):
        if last is not None and last[0] != image_id:
            yield Rows(file, *last, first - last[1])
        if last is None or last[0] != image_id:
            last = image_id, first
    if last is not None:
        yield Rows(file, *last, int(opened.starts[-1]) - last[1])


def _runs(opened: Opened) -> Iterator[tuple[str, int]]:
    """(image id, first row) of runs of rows; a run that crosses groups comes in two."""
    n_ids = 0
    for number, start in enumerate(opened.starts[:-1].tolist()):
        for chunk in opened.read_group(number, ("image_id",)).column(0).chunks:
            if chunk.null_count:
                raise InvalidInput(f"row group {number}: a row has no image_id.")
            codes = chunk.indices.to_numpy()
            firsts = np.flatnonzero(np.diff(codes, prepend=-1))
            n_ids += len(firsts)
            if n_ids > LIMITS["set_items"]:
                raise InvalidInput(
                    f"holds more than {LIMITS['set_items']} images; split it; "
                    f"{beyond('set_items', 2 * n_ids)}."
                )
            ids = _texts(chunk.dictionary, codes[firsts])
            yield from zip(ids, (firsts + start).tolist(), strict=True)
            start += len(codes)


def _not_together(image_id: str, first: str, second: str) -> InvalidInput:
    if first == second:
        return InvalidInput(
            f"the rows of image {brief(image_id)} do not stand together; sort them by image_id."
        )
    return InvalidInput(
        f"has the image {brief(image_id)}, and so has {first}; keep one of them, or read the "
        "files by themselves."
    )


PARQUET = Format(
    name="parquet",
    title="run lengths in Parquet",
    about="One file of any number of images, read by row group, as `write_segments` makes it.",
    source="sat-nb masks pack",
    detects=detects_masks,
    open=open_masks,
)
