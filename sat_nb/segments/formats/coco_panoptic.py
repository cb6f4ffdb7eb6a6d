"""COCO panoptic: one JSON of many images, and a PNG an image whose colours are segment ids.

``{"images": [...], "annotations": [{"image_id", "file_name": "3.png", "segments_info": [{"id",
"category_id"}]}], "categories": [...]}``; a pixel's id is R + 256 G + 256^2 B, 0 is nothing.
The PNGs lie beside the JSON, or in a folder beside it that has the JSON's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.errors import FileMissing, InvalidInput
from sat_nb.segments.formats.coco import Names, index, is_coco_panoptic, name_of
from sat_nb.segments.formats.encoded import EncodedMask, Reading, decode_masks
from sat_nb.segments.formats.json_files import Indexed, JsonSet, RefuseItem
from sat_nb.segments.formats.json_text import SetFile
from sat_nb.segments.formats.limits import (
    brief,
    check_inside,
    checked_dict,
    checked_list,
    checked_size,
)
from sat_nb.segments.formats.png_files import read_picture


def index_coco_panoptic(file: SetFile, text: str, refuse: RefuseItem) -> Iterator[Indexed]:
    """(file_name, function that reads the image) of a file whose text (latin-1) this is."""
    return index(file, text, refuse, partial(_read, file.path))


def parse_coco_panoptic(annotation: Any, pixels: NDArray, names: Names) -> Reading:
    """The segments of one annotation and its PNG (H, W, 3), in the annotation's order.

    Raises InvalidInput for ids that are only in one of the two.
    """
    infos = checked_list(
        checked_dict(annotation, "annotation").get("segments_info"), "segments_info"
    )
    if pixels.ndim != 3 or pixels.shape[2] < 3 or pixels.dtype != np.uint8:
        raise InvalidInput(
            f"the PNG: expected RGB, with ids as colours, got {pixels.dtype} {pixels.shape}."
        )
    height, width = pixels.shape[:2]
    ids = pixels[..., :3] @ np.array([1, 256, 256**2], dtype=np.int32)
    names_by_id = {}
    for i, info in enumerate(infos):
        info = checked_dict(info, f"segments_info[{i}]")
        segment_id = info.get("id")
        if type(segment_id) is not int or segment_id in names_by_id or not 0 < segment_id < 2**24:
            raise InvalidInput(
                f"segments_info[{i}].id: expected an id once, got {brief(segment_id)}."
            )
        names_by_id[segment_id] = name_of(info, names, f"segments_info[{i}]")
    unnamed = set(np.unique(ids).tolist()) - names_by_id.keys() - {0}
    if unnamed:
        raise InvalidInput(f"the PNG has the id {min(unnamed)}, which segments_info lacks.")
    return decode_masks([
        EncodedMask(f"segment {number}", name, (height, width), partial(np.equal, ids, number))
        for number, name in names_by_id.items()
    ])  # fmt: skip


def _read(file: Path, entry: dict[str, Any], annotations: list[Any], names: Names) -> Reading:
    if not annotations:
        return decode_masks([])
    if len(annotations) > 1:
        raise InvalidInput(f"annotations: expected one an image, got {len(annotations)}.")
    picture = _find_png(file, checked_dict(annotations[0], "annotation").get("file_name"))
    pixels = read_picture(picture)
    size = checked_size([entry.get("height"), entry.get("width")], "images: [height, width]")
    if pixels.shape[:2] != size:
        raise InvalidInput(f"{picture.name}: expected {size} pixels, got {pixels.shape[:2]}.")
    return parse_coco_panoptic(annotations[0], pixels, names)


def _find_png(file: Path, name: Any) -> Path:
    if not isinstance(name, str) or not name or "\0" in name or len(name) > 255:
        raise InvalidInput(f"annotation.file_name: expected a PNG's name, got {brief(name)}.")
    for folder in (file.with_suffix(""), file.parent):
        picture = folder / name
        check_inside(picture, file.parent)
        if picture.is_file():
            return picture
    raise FileMissing(
        f"{file}: the PNG {name!r} is neither in {file.with_suffix('').name!r} nor beside the JSON."
    )


COCO_PANOPTIC = JsonSet(
    name="coco_panoptic",
    title="COCO panoptic (JSON and PNGs)",
    about="One JSON of many images, with a PNG an image whose colours are ids of segments.",
    source="https://cocodataset.org/#format-data",
    recognises=is_coco_panoptic,
    index=index_coco_panoptic,
)
