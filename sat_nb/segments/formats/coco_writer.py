"""write_coco: the segments of all images as one COCO instances JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from sat_nb.errors import InvalidInput
from sat_nb.files import written_whole
from sat_nb.segments.formats.dinox import known_score
from sat_nb.segments.formats.rle import encode_coco
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.sources import as_image_id, path_of


def write_coco(
    path: str | os.PathLike[str],
    segments: Mapping[str, SegmentationMap],
    *,
    extension: str = ".jpg",
) -> Path:
    """Write the segments of all images as one COCO instances JSON.

    The file is written whole or not at all. Reading it gives the same masks, bit for bit.

    Parameters
    ----------
    path : str or PathLike
        The file to write.
    segments : Mapping[str, SegmentationMap]
        {image_id: SegmentationMap}, as from ``read_segments``; one is in memory at a time.
    extension : str, default ".jpg"
        What follows the image id in a photo's ``file_name``.

    Returns
    -------
    Path
        The path.

    Raises
    ------
    InvalidInput
        For an id that is not a relative path, before ``path`` is touched.

    Notes
    -----
    Masks are written as compressed run lengths (COCO's string code), with one category a name,
    numbered from 1 in the order of first occurrence. A score that is known is written as
    ``score``.

    Examples
    --------
    >>> import tempfile
    >>> from sat_nb import SegmentationMap, read_segments
    >>> eye = SegmentationMap(("eye",), np.eye(3, dtype=bool)[None])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_segments(write_coco(f"{folder}/all.json", {"zebra/1": eye}))["zebra/1"]
    SegmentationMap(3 x 3 px: eye)
    """
    images: list[dict[str, Any]] = []
    categories: dict[str, int] = {}
    with written_whole(path) as part, part.open("w", encoding="utf-8") as stream:
        stream.write('{"annotations": [')
        n_written = 0
        for number, (image_id, segmentation) in enumerate(segments.items(), start=1):
            images.append(_image(number, image_id, segmentation, extension))
            n_written += _annotate(stream, number, segmentation, categories, n_written)
        kinds = [{"id": number, "name": name} for name, number in categories.items()]
        stream.write(f'], "images": {json.dumps(images)}, "categories": {json.dumps(kinds)}}}')
    return Path(path)


def _image(
    number: int, image_id: str, segmentation: SegmentationMap, extension: str
) -> dict[str, Any]:
    file_name, (height, width) = f"{image_id}{extension}", segmentation.size
    try:
        path_of(file_name)
    except InvalidInput as error:
        raise InvalidInput(f"segments: {error}") from error
    if as_image_id(file_name) != image_id:
        raise InvalidInput(
            f"extension: expected one such as '.jpg', so that {image_id!r} is read back, got "
            f"{extension!r}."
        )
    return {"id": number, "file_name": file_name, "height": height, "width": width}


def _annotate(
    stream: IO[str],
    image_number: int,
    segmentation: SegmentationMap,
    categories: dict[str, int],
    n_before: int,
) -> int:
    scores = segmentation.scores
    if scores is None:
        scores = np.full(len(segmentation), np.nan)
    for i, (name, mask) in enumerate(zip(segmentation.names, segmentation.masks, strict=True)):
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        annotation = {
            "id": n_before + i + 1,
            "image_id": image_number,
            "category_id": categories.setdefault(name, len(categories) + 1),
            "segmentation": {"size": list(mask.shape), "counts": encode_coco(mask)},
            "area": int(mask.sum()),
            "bbox": [
                int(columns[0]),
                int(rows[0]),
                int(np.ptp(columns)) + 1,
                int(np.ptp(rows)) + 1,
            ],
            "iscrowd": 0,
            **known_score(scores[i]),
        }
        stream.write((", " if n_before + i else "") + json.dumps(annotation))
    return len(segmentation)
