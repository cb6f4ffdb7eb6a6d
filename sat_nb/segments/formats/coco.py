"""COCO instances: one JSON of many images, as COCO, PartImageNet, CVAT and LabelMe export it.

``{"images": [{"id", "file_name", "height", "width"}], "annotations": [{"image_id",
"category_id", "segmentation"}], "categories": [{"id", "name"}]}``. A segmentation is a list of
polygons, or run lengths as a string or as a list; a crowd is a segment like any other. One outline
without the list around it is read as well. The image id is ``file_name`` without a photo's
extension. The file is walked through once; later, the annotations of one image are read from their
positions in the file.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np

from sat_nb.arrays import Size
from sat_nb.errors import InvalidInput
from sat_nb.limits import LIMITS, beyond
from sat_nb.segments.formats.encoded import EncodedMask, Reading, decode_masks, encode_each
from sat_nb.segments.formats.file_text import Text
from sat_nb.segments.formats.json_files import Indexed, JsonSet, RefuseItem
from sat_nb.segments.formats.json_set import SetFile
from sat_nb.segments.formats.json_text import Span, check_items, elements, has_list, utf_8
from sat_nb.segments.formats.limits import (
    brief,
    check_count,
    checked_dict,
    checked_name,
    checked_number,
    checked_size,
    whole_number,
)
from sat_nb.segments.formats.polygons import coco_outlines, filled, length_of
from sat_nb.segments.formats.rle import rle_decoder

MAX_REFUSED = 20_000
"""Elements of a file, after which it is no file of this kind."""

PHOTO_NAMES = ("file_name", "path", "coco_url", "flickr_url")
OF_IMAGES = ("id", "height", "width", *PHOTO_NAMES)
"""What is kept of the entry of an image."""

NOWHERE = array("q")

Names = Mapping[str, Any]
"""{category id: what stands there as its name}."""
Parse = Callable[[dict[str, Any], list[Any], Names], Reading]


@dataclass(frozen=True)
class _Image:
    """One image of a set: its entry, and where its annotations begin and end in the file."""

    file: SetFile
    entry: dict[str, Any]
    places: array[int]
    names: Names
    parse: Parse

    def read(self) -> Reading:
        spans = list(zip(self.places[::2], self.places[1::2], strict=True))
        check_count(spans, "annotations")
        n_bytes = sum(end - start for start, end in spans)
        if n_bytes > LIMITS["json_bytes"]:
            raise InvalidInput(
                f"annotations: {n_bytes} bytes for one image; {beyond('json_bytes', n_bytes)}."
            )
        return self.parse(self.entry, self.file.parts(spans), self.names)

    def read_sized(self, size: Size) -> Reading:
        """As ``read``, for an image whose size is not stated."""
        stated = {"height": size[0], "width": size[1]}
        return replace(self, entry={**self.entry, **stated}).read()


def is_coco(text: Text) -> bool:
    """Whether a JSON text, not parsed yet, looks like COCO instances."""
    return has_list(text, "images") and has_list(text, "annotations") and not _has_segments(text)


def is_coco_panoptic(text: Text) -> bool:
    """Whether a JSON text, not parsed yet, looks like COCO panoptic."""
    return has_list(text, "images") and has_list(text, "annotations") and _has_segments(text)


def index_coco(file: SetFile, text: Text, refuse: RefuseItem) -> Iterator[Indexed]:
    """(file_name, function that reads the image) of a file whose text (latin-1) this is."""
    return index(file, text, refuse, parse_coco)


def index(file: SetFile, text: Text, refuse: RefuseItem, parse: Parse) -> Iterator[Indexed]:
    """As ``index_coco``, with another parser for the annotations of one image.

    Refused are annotations and categories that cannot be used, and annotations of images that are
    not listed.
    """
    entries, names = _Table("images"), _Table("categories")
    places: dict[str, array[int]] = {}
    n_refused = 0
    for key, element, span in elements(text):
        try:
            if key == "annotations":
                number = _id(utf_8(element, text, span), "image_id", key, span)
                if number not in places:
                    check_items(len(places))
                places.setdefault(number, array("q")).extend(span)
            elif key in ("images", "categories"):
                whole = utf_8(element, text, span)
                number = _id(whole, "id", key, span)
                if key == "images":
                    entries.add(number, {key: whole[key] for key in OF_IMAGES if key in whole})
                else:
                    names.add(number, whole.get("name"))
        except InvalidInput as error:
            refuse(error)
            n_refused += 1
            if n_refused >= MAX_REFUSED:
                raise InvalidInput(
                    f"{MAX_REFUSED} annotations, images and categories cannot be used; export it "
                    "again."
                ) from error
    unlisted = [key for key in places if key not in entries.seen]
    for key in unlisted[:MAX_REFUSED]:
        refuse(
            InvalidInput(
                f"annotations: {len(places[key]) // 2} belong to the image id {key[:80]}, which "
                "`images` does not list; add the image, or remove them."
            )
        )
    if len(unlisted) > MAX_REFUSED:
        n_more = len(unlisted) - MAX_REFUSED
        refuse(InvalidInput(f"annotations: {n_more} more image ids are not in `images`."))
    for key, entry in entries.items():
        one = _Image(file, entry, places.get(key, NOWHERE), names, parse)
        of_size = one.read_sized if _stated(entry) == [None, None] else None
        yield Indexed(_photo_of(entry), one.read, of_size=of_size)


class _Table(dict[str, Any]):
    """{id: value} of a list; what two elements claim belongs to neither."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.seen = name, set[str]()

    def add(self, number: str, value: Any) -> None:
        if number in self.seen and self.get(number) != value:
            self.pop(number, None)
            raise InvalidInput(f"{self.name}: the id {number[:80]} occurs twice; remove one.")
        if number not in self.seen:
            self.seen.add(number)
            self[number] = value


def _stated(entry: dict[str, Any]) -> list[Any]:
    return [entry.get("height"), entry.get("width")]


def _photo_of(entry: dict[str, Any]) -> str:
    """What an entry of ``images`` calls its photo; "" where it does not."""
    for member in PHOTO_NAMES:
        name = _text_id(entry.get(member))
        if name and name.strip():
            return name
    return ""


def parse_coco(entry: dict[str, Any], annotations: list[Any], names: Names) -> Reading:
    """The segments of one image: its entry in ``images``, its annotations, {category_id: name}.

    Raises InvalidInput that names the field.
    """
    stated = _stated(entry)
    if not annotations:
        return decode_masks([])
    size = None if stated == [None, None] else checked_size(stated, "images: [height, width]")
    items = [("annotations", item) for item in annotations]
    return decode_masks(encode_each(items, partial(_encoded, size=size, names=names)))


def name_of(item: dict[str, Any], names: Names, field: str) -> str:
    """The name of an annotation's category."""
    key = _text_id(item.get("category_id"))
    if key is None or key not in names:
        given = brief(item.get("category_id"))
        raise InvalidInput(f"{field}.category_id: no category has the id {given}.")
    return checked_name(names[key], f"{field}: the name of its category {key[:80]}")


def _encoded(item: Any, field: str, *, size: Size | None, names: Names) -> EncodedMask:
    item = checked_dict(item, field)
    field = f"annotation {brief(item.get('id'))}"
    name, score = name_of(item, names, field), item.get("score")
    score = np.nan if score is None else checked_number(score, f"{field}.score")
    segmentation, field = item.get("segmentation"), f"{field}.segmentation"
    if not segmentation:
        raise InvalidInput(f"{field}: expected the mask of {name[:80]!r}, got none, as of a box.")
    if isinstance(segmentation, dict):
        own_size, decode = rle_decoder(segmentation, "coco_rle", field)
        _check_size(own_size, size, f"{field}.size")
        return EncodedMask(field, name, own_size, decode, score)
    if size is None:
        raise InvalidInput(
            f"{field}: outlines need the image's height and width in `images`; add them, or pass "
            "photos=, the folder of photos."
        )
    outlines = coco_outlines(_outlines(segmentation, field), size, field)
    decode, outline_px = partial(filled, outlines, size), length_of(outlines)
    return EncodedMask(field, name, size, decode, score, outline_px=outline_px)


def _check_size(own_size: Size, size: Size | None, field: str) -> None:
    if size is None or own_size == size:
        return
    turned = "; height and width are swapped" if own_size == size[::-1] else ""
    raise InvalidInput(
        f"{field}: expected the image's [height, width] {list(size)}, got {list(own_size)}{turned}."
    )


def _outlines(segmentation: Any, field: str) -> list[Any]:
    """The outlines ``[x1, y1, ...]`` of a segmentation, however deep it is nested.

    A part of fewer than three points encloses nothing, and does not cost the others.
    """
    if not isinstance(segmentation, list):
        raise InvalidInput(
            f"{field}: expected outlines [[x1, y1, x2, y2, ...], ...] or run lengths {{size, "
            f"counts}}, got {brief(segmentation)}."
        )
    if all(map(_is_number, segmentation)) or (len(segmentation) > 2 and _is_pairs(segmentation)):
        segmentation = [segmentation]
    parts = [list(chain(*part)) if _is_pairs(part) else part for part in segmentation]
    return [part for part in parts if isinstance(part, list) and len(part) > 5] or parts


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _is_pairs(part: Any) -> bool:
    """Whether a list holds points [x, y]."""
    return isinstance(part, list) and all(
        isinstance(point, list) and len(point) == 2 and all(map(_is_number, point))
        for point in part
    )


def _id(element: Any, member: str, key: str, span: Span) -> str:
    """An id as text: tools write 9, 9.0 and "9" for one."""
    where = f"{key}, {_at(span)}"
    number = _text_id(checked_dict(element, where).get(member))
    if number is None:
        raise InvalidInput(
            f"{where}: {member}: expected a whole number or text, got {brief(element.get(member))}."
        )
    return number


def _text_id(value: Any) -> str | None:
    """Text as it is, so that "007" stays apart from 7."""
    number = None if isinstance(value, str) else whole_number(value)
    return str(number) if number is not None else value if isinstance(value, str) else None


def _at(span: Span) -> str:
    return f"characters {span[0]} to {span[1]}"


def _has_segments(text: Text) -> bool:
    return has_list(text, "segments_info")


COCO = JsonSet(
    name="coco",
    title="COCO instances (JSON)",
    about="One JSON of many images, as COCO, PartImageNet, CVAT and LabelMe export it.",
    source="https://cocodataset.org/#format-data",
    recognises=is_coco,
    index=index_coco,
)
