"""COCO panoptic: one JSON of many images, and a PNG an image whose colours are segment ids.

``{"images": [...], "annotations": [{"image_id", "file_name": "3.png", "segments_info": [{"id",
"category_id"}]}], "categories": [...]}``; a pixel's id is R + 256 G + 256^2 B, 0 is nothing.
Colours count, also those of a palette; an alpha channel does not. The PNGs lie beside the JSON, or
in a folder beside it that has the JSON's name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import values_in
from sat_nb.errors import FileMissing, InvalidInput
from sat_nb.photos.deep import is_deep
from sat_nb.photos.whole import whole
from sat_nb.segments.formats.coco import Names, index, is_coco_panoptic, name_of
from sat_nb.segments.formats.encoded import EncodedMask, Reading, decode_masks, encode_each
from sat_nb.segments.formats.file_text import Text
from sat_nb.segments.formats.json_files import Indexed, JsonSet, RefuseItem
from sat_nb.segments.formats.json_set import SetFile
from sat_nb.segments.formats.limits import (
    brief,
    check_inside,
    checked_dict,
    checked_list,
    checked_size,
    whole_number,
)
from sat_nb.segments.formats.png_files import colour_codes, opened


def index_coco_panoptic(file: SetFile, text: Text, refuse: RefuseItem) -> Iterator[Indexed]:
    """(file_name, function that reads the image) of a file whose text (latin-1) this is."""
    return index(file, text, refuse, partial(_read, file.path))


def parse_coco_panoptic(annotation: Any, pixels: NDArray, names: Names) -> Reading:
    """The segments of one annotation and its PNG (H, W, 3), in the annotation's order.

    Refused are ids that are only in one of the two.
    """
    infos = checked_list(
        checked_dict(annotation, "annotation").get("segments_info"), "segments_info"
    )
    if pixels.ndim != 3 or pixels.shape[2] < 3 or pixels.dtype != np.uint8:
        raise InvalidInput(
            f"the PNG: expected RGB, with ids as colours, got {pixels.dtype} {pixels.shape}."
        )
    ids = colour_codes(pixels, (0, 8, 16))
    listed = _listed(infos)
    items = ((f"segments_info[{i}]", info) for i, info in enumerate(infos))
    encode = partial(_encoded, ids=ids, listed=listed, names=names)
    return decode_masks(chain(encode_each(items, encode), _not_listed(ids, listed)))


def _listed(infos: list[Any]) -> Counter[int]:
    """How often each id of a segment is listed."""
    found = (whole_number(info.get("id")) for info in infos if isinstance(info, dict))
    return Counter(number for number in found if number is not None)


def _encoded(
    info: Any, field: str, *, ids: NDArray[np.int32], listed: Counter[int], names: Names
) -> EncodedMask:
    info = checked_dict(info, field)
    number = whole_number(info.get("id"))
    if number is None or not 0 < number < 2**24 or listed[number] > 1:
        raise InvalidInput(f"{field}.id: expected an id once, got {brief(info.get('id'))}.")
    height, width = ids.shape
    name, field = name_of(info, names, field), f"segment {number}"
    return EncodedMask(field, name, (height, width), partial(np.equal, ids, number))


def _not_listed(ids: NDArray[np.int32], listed: Counter[int]) -> Iterator[InvalidInput]:
    """An error for the pixels without a name: there may be thousands, in the PNG of another set."""
    unnamed = [number for number in values_in(ids) if number and number not in listed]
    if unnamed:
        yield InvalidInput(
            f"the PNG has the id {unnamed[0]}, which segments_info lacks"
            f"{f', as it lacks {len(unnamed) - 1} more' if len(unnamed) > 1 else ''}; is it the "
            "PNG of another set?"
        )


def _read(file: Path, entry: dict[str, Any], annotations: list[Any], names: Names) -> Reading:
    if not annotations:
        return decode_masks([])
    if len(annotations) > 1:
        raise InvalidInput(f"annotations: expected one an image, got {len(annotations)}.")
    picture = _find_png(file, checked_dict(annotations[0], "annotation").get("file_name"))
    try:
        pixels = _colours(picture)
    except InvalidInput as error:
        raise InvalidInput(f"{picture.name}: {error}") from error
    stated = [entry.get("height"), entry.get("width")]
    if stated != [None, None] and pixels.shape[:2] != checked_size(stated, "images: size"):
        raise InvalidInput(
            f"{picture.name}: expected the image's [height, width] {stated}, got "
            f"{list(pixels.shape[:2])}."
        )
    return parse_coco_panoptic(annotations[0], pixels, names)


def _colours(picture: Path) -> NDArray:
    """The colours (H, W, 3 or 4) that are shown: those of a palette where there is one."""
    with opened(picture) as image:
        if image.mode in ("RGB", "RGBA") and is_deep(image):
            raise InvalidInput("expected colours of 8 bits, got 16, of which Pillow keeps 8.")
        whole(image)
        return np.array(image.convert("RGB") if image.mode == "P" else image)


def _find_png(file: Path, name: Any) -> Path:
    if not isinstance(name, str) or not name or "\0" in name or len(name) > 255:
        raise InvalidInput(f"annotation.file_name: expected a PNG's name, got {brief(name)}.")
    name = name.replace("\\", "/")
    if name.startswith("/") or name[1:3] == ":/":  # of another machine: the PNG may lie here
        name = PurePosixPath(name).name
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
