"""write_segments: the segments of all images as one Parquet file, which is read by row group."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from sat_nb.by_id import keys_by_id
from sat_nb.errors import InvalidInput
from sat_nb.files import as_path, is_text, written_whole
from sat_nb.segments.formats.dinox import known_score
from sat_nb.segments.formats.limits import checked_name
from sat_nb.segments.formats.rle import encode_coco
from sat_nb.segments.segmentation import SegmentationMap, checked_segmentation
from sat_nb.sources import as_image_id

GROUP_BYTES, GROUP_ROWS = 2**20, 2**14
"""A row group ends with the mask that fills either."""

Row = dict[str, Any]


def write_segments(path: str | os.PathLike[str], segments: Mapping[str, SegmentationMap]) -> Path:
    """Write the segments of all images as one Parquet file, for any number of images.

    ``read_segments`` of it gives the same names, masks and scores. It reads the ids alone, and each
    image when it is asked for, with the few megabytes of its neighbours.

    Parameters
    ----------
    path : str or PathLike
        The file to write; its name ends with ``.parquet``.
    segments : Mapping[str, SegmentationMap]
        {image_id: SegmentationMap}, as from ``read_segments``; one is in memory at a time.

    Returns
    -------
    Path
        The path.

    Raises
    ------
    InvalidInput
        For another ending of the file's name; for ids, names and scores that could not be read
        back; and for what is no SegmentationMap.
    CannotWrite
        If the disk is full, or writing is not allowed.

    See Also
    --------
    write_coco : The same as JSON, for other tools.

    Notes
    -----
    The file is written whole or not at all. It has a row a mask, sorted by ``image_id``, with
    ``name``, ``score`` (null where it is not known), ``height``, ``width`` and ``counts``: COCO's
    compressed run lengths, which pycocotools decodes with ``{"size": [height, width], "counts":
    counts}``. An image without segments has one row without name and counts.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from sat_nb import SegmentationMap, read_segments
    >>> eye = SegmentationMap(("eye",), np.eye(3, dtype=bool)[None])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = write_segments(f"{folder}/masks.parquet", {"zebra/1": eye})
    ...     read_segments(file)["zebra/1"]
    SegmentationMap(3 x 3 px: eye)
    """
    path = as_path(path)
    if path.suffix.lower() != ".parquet":
        raise InvalidInput(f"path: expected a name that ends with .parquet, got {path.name!r}.")
    keys = keys_by_id(segments, "segments")
    for image_id in keys:
        _check_id(image_id)
    with written_whole(path) as part, _Groups(part) as groups:
        for image_id in sorted(keys):
            key = keys[image_id]
            for row in _rows(image_id, checked_segmentation(segments[key], key)):
                groups.add(row)
    return path


def _check_id(image_id: str) -> None:
    if not image_id or not is_text(image_id) or as_image_id(image_id) != image_id:
        raise InvalidInput(
            f"segments: the id {image_id!a} would not be read back; expected a photo's path "
            "without its extension."
        )


def _rows(image_id: str, segmentation: SegmentationMap) -> Iterator[Row]:
    height, width = segmentation.size
    about = {"image_id": image_id, "height": height, "width": width}
    if not len(segmentation):
        yield about
    scores = segmentation.scores
    if scores is None:
        scores = np.full(len(segmentation), np.nan)
    for name, mask, score in zip(segmentation.names, segmentation.masks, scores, strict=True):
        checked_name(name, f"segments[{image_id!r}]")
        yield {**about, "name": name, **known_score(score), "counts": encode_coco(mask)}


class _Groups:
    """Writes rows in groups of bounded size; the file is finished when the block is left."""

    def __init__(self, file: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        text = pa.string()
        self._schema = pa.schema({
            "image_id": text,
            "name": text,
            "score": pa.float64(),
            "height": pa.int32(),
            "width": pa.int32(),
            "counts": text,
        })  # fmt: skip
        self._rows: list[Row] = []
        self._n_bytes = 0
        self._writer = pq.ParquetWriter(
            file,
            self._schema,
            compression="zstd",
            use_dictionary=["image_id", "name", "height", "width"],
            write_statistics=["image_id"],
            sorting_columns=[pq.SortingColumn(0)],
        )

    def __enter__(self) -> _Groups:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._end_group()
            self._writer.close()
        with suppress(OSError):  # the first error counts
            self._writer.close()

    def add(self, row: Row) -> None:
        """Write a row, at the latest with the last of its group."""
        self._rows.append(row)
        self._n_bytes += len(row.get("counts", ""))
        if self._n_bytes >= GROUP_BYTES or len(self._rows) >= GROUP_ROWS:
            self._end_group()

    def _end_group(self) -> None:
        import pyarrow as pa

        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
        self._rows, self._n_bytes = [], 0
