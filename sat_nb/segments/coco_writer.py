"""write_coco: masks of many images as one COCO JSON, an image in memory at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from sat_nb.errors import InvalidInput
from sat_nb.files import written_whole
from sat_nb.segments.coco import id_of
from sat_nb.segments.dinox import known_score
from sat_nb.segments.rle import encode_coco
from sat_nb.segments.segmentation import SegmentationMap


def write_coco(
    path: str | os.PathLike[str],
    segments: Mapping[str, SegmentationMap],
    *,
    extension: str = ".jpg",
) -> Path:
    """Write the segments of all images as one COCO instances JSON; the file is written whole.

    Parameters
    ----------
    path: the file to write.
    segments: {image_id: SegmentationMap}, as from ``read_segments``; read one at a time.
    extension: what a photo's ``file_name`` has after its id.

    Masks are written as compressed run lengths (COCO's string code), a category a name, numbered
    from 1 in the order of their first occurrence; a score, where it is known, as ``score``.
    Reading the file back gives the same masks, bit for bit. Returns the path.

    Raises InvalidInput for an id that is no relative path, before ``path`` is touched.
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
    if id_of(file_name, "segments") != image_id:
        raise InvalidInput(
            f"extension: expected one such as '.jpg', with which {image_id!r} is read back, got "
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
