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
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sat_nb import remote
from sat_nb.errors import InvalidInput
from sat_nb.files import visible_files
from sat_nb.limits import LIMITS, beyond
from sat_nb.reading import readable
from sat_nb.segments.formats.encoded import EncodedMask, Reading, decode_masks, encode_each
from sat_nb.segments.formats.limits import brief, check_count, checked_number, checked_size
from sat_nb.segments.formats.parquet_file import COLUMNS, TEXTS, Opened, open_file
from sat_nb.segments.formats.rle import rle_decoder
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.sources import Format, Source

if TYPE_CHECKING:
    import pyarrow as pa

WHAT = "masks in Parquet"
REMEDY = "write it again with sat_nb.write_segments or `sat-nb masks pack`"
NEEDED = (*TEXTS, "height", "width")


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
            return self._reading(_as_rows(open_file(self.file).rows(self.first, self.n)))

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


# --- ids ---------------------------------------------------------------------------------------


def detects_masks(root: Path) -> bool:
    """Whether a file, or a Parquet file of a folder, has the columns of masks."""
    return any(_has_masks(str(file)) for file in _files(root))


def open_masks(root: Path) -> Mapping[str, Source[Reading]]:
    """The images of the files; only ids are read."""
    files = [file for file in _files(root) if file == root or _has_masks(str(file))]
    return _images_of([(str(file), (file,)) for file in files])


def _images_of(files: list[tuple[str, tuple[Path, ...]]]) -> Mapping[str, Source[Reading]]:
    found: dict[str, Source[Reading]] = {}
    for where, paths in files:
        with readable(WHAT, REMEDY, file=where if len(files) > 1 else None):
            for rows in _images(where):
                if rows.image_id in found:
                    raise _not_together(rows.image_id, found[rows.image_id].where, where)
                found[rows.image_id] = Source(where, rows, paths)
    return found


def masks_at(address: str) -> Mapping[str, Source[Reading]]:
    """The images of a file at an address, or of the files there."""
    files = {name: where for name, where in remote.files_at(address).items() if _is_parquet(name)}
    where = [one for one in files.values() if len(files) == 1 or _has_masks(one)]
    if not where:
        raise InvalidInput(
            f"path: no Parquet file of masks at {address!r}, and other formats are read from files "
            "of this machine; write them with `sat-nb masks pack EXPORTS --out masks.parquet`, and "
            "put that there."
        )
    return _images_of([(one, ()) for one in where])


def _is_parquet(name: str) -> bool:
    return name.lower().endswith(".parquet")


def _files(root: Path) -> list[Path]:
    if root.is_dir():
        return sorted(visible_files(root, {".parquet"}))
    return [root] if _is_parquet(root.name) else []


def _has_masks(file: str) -> bool:
    try:
        with readable(WHAT, REMEDY):
            return set(NEEDED) <= set(open_file(file).metadata.schema.names)
    except (InvalidInput, OSError):
        return False


def _images(file: str) -> Iterator[Rows]:
    """The images of a file, in their order."""
    opened = open_file(file)
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
            if not hasattr(chunk, "dictionary"):
                raise InvalidInput(f"image_id: expected text, got {chunk.type}; convert it.")
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
