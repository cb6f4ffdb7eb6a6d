"""COCO instances: one JSON of many images, as COCO, PartImageNet, CVAT and LabelMe export it.

``{"images": [{"id", "file_name", "height", "width"}], "annotations": [{"image_id",
"category_id", "segmentation"}], "categories": [{"id", "name"}]}``. A segmentation is a list of
polygons, or run lengths as a string or as a list; a crowd is a segment like any other. The image
id is ``file_name`` without its extension. The file is walked through once; later, the annotations
of one image are read from their positions in the file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np

from sat_nb.errors import InvalidInput
from sat_nb.files import written_whole
from sat_nb.segments.formats.dinox import known_score
from sat_nb.segments.formats.json_files import JsonSet, Span, elements, has_list, parse_json
from sat_nb.segments.formats.limits import (
    MAX_JSON_BYTES,
    EncodedMask,
    brief,
    check_count,
    checked_dict,
    checked_name,
    checked_number,
    checked_size,
    decode_masks,
)
from sat_nb.segments.formats.polygons import fill_coco
from sat_nb.segments.formats.rle import encode_coco, rle_decoder
from sat_nb.segments.segmentation import SegmentationMap

Names = Mapping[int, str]
Parse = Callable[[dict[str, Any], list[Any], Names], SegmentationMap]


@dataclass(frozen=True)
class _Image:
    """One image of a set: its entry, and the positions of its annotations in the file."""

    file: Path
    entry: dict[str, Any]
    spans: list[Span]
    names: Names
    parse: Parse

    def read(self) -> SegmentationMap:
        check_count(self.spans, "annotations")
        if sum(end - start for start, end in self.spans) > MAX_JSON_BYTES:
            raise InvalidInput(f"annotations: more than {MAX_JSON_BYTES} bytes for one image.")
        try:
            with self.file.open("rb") as stream:
                annotations = [parse_json(_span(stream, span)) for span in self.spans]
        except OSError as error:
            raise InvalidInput(f"not readable ({error}).") from error
        return self.parse(self.entry, annotations, self.names)


def is_coco(text: str) -> bool:
    """Whether a JSON text, not parsed yet, looks like COCO instances."""
    return has_list(text, "images") and has_list(text, "annotations") and not _has_segments(text)


def is_coco_panoptic(text: str) -> bool:
    """Whether a JSON text, not parsed yet, looks like COCO panoptic."""
    return has_list(text, "images") and has_list(text, "annotations") and _has_segments(text)


def index_coco(file: Path, text: str) -> dict[str, Callable[[], SegmentationMap]]:
    """{image_id: function that reads its segments} of a file whose text (latin-1) this is."""
    return index(file, text, parse_coco)


def index(file: Path, text: str, parse: Parse) -> dict[str, Callable[[], SegmentationMap]]:
    """As ``index_coco``, with another parser for the annotations of one image.

    Raises InvalidInput for a file name that is not a relative path, and for ids that occur twice
    or that no image has.
    """
    entries: dict[Any, dict[str, Any]] = {}
    spans: dict[Any, list[Span]] = {}
    names: dict[int, str] = {}
    for key, element, (start, end) in elements(text):
        field = f"{key[:80]}, characters {start} to {end}"
        if key == "annotations":
            spans.setdefault(_id(element, "image_id", field), []).append((start, end))
        elif key == "images":  # parsed again as UTF-8: ``text`` is decoded as latin-1
            _add(entries, element, parse_json(text[start:end].encode("latin-1")), field)
        elif key == "categories":
            whole = parse_json(text[start:end].encode("latin-1"))
            _add(names, element, checked_name(checked_dict(whole, field).get("name"), field), field)
    unknown = spans.keys() - entries.keys()
    if unknown:
        raise InvalidInput(f"annotations: no image has the id {brief(min(unknown, key=str))}.")
    images: dict[str, Callable[[], SegmentationMap]] = {}
    for key, entry in entries.items():
        image_id = id_of(entry.get("file_name"), f"images, id {brief(key)}: file_name")
        if image_id in images:
            raise InvalidInput(f"images: two have the file_name {image_id[:80]!r}; rename one.")
        images[image_id] = _Image(file, entry, spans.get(key, []), names, parse).read
    return images


def parse_coco(entry: dict[str, Any], annotations: list[Any], names: Names) -> SegmentationMap:
    """The segments of one image: its entry in ``images``, its annotations, {category_id: name}.

    Raises InvalidInput that names the field.
    """
    if not annotations:
        return decode_masks([])
    size = checked_size([entry.get("height"), entry.get("width")], "images: [height, width]")
    return decode_masks([_encoded(item, size, names) for item in annotations])


def name_of(item: dict[str, Any], names: Names, field: str) -> str:
    """The name of an annotation's category."""
    key = item.get("category_id")
    if type(key) is not int or key not in names:
        raise InvalidInput(f"{field}.category_id: no category has the id {brief(key)}.")
    return names[key]


def id_of(file_name: Any, field: str) -> str:
    """The image id of a file name: the relative path without its extension, with ``/``.

    >>> id_of("train/zebra.3.jpg", "file_name")
    'train/zebra.3'
    """
    text = file_name.replace("\\", "/") if isinstance(file_name, str) else ""
    path = PurePosixPath(text)
    control = any(ord(c) < 32 or ord(c) == 127 or 0xD800 <= ord(c) < 0xE000 for c in text)
    if not path.name or control or path.is_absolute() or ".." in path.parts or ":" in text:
        raise InvalidInput(
            f"{field}: expected a relative path within the folder of photos, got "
            f"{brief(file_name)}."
        )
    return path.with_suffix("").as_posix()


def _encoded(item: Any, size: tuple[int, int], names: Names) -> EncodedMask:
    item = checked_dict(item, "annotations")
    field = f"annotation {brief(item.get('id'))}"
    name = name_of(item, names, field)
    score = checked_number(item["score"], f"{field}.score") if "score" in item else np.nan
    segmentation, field = item.get("segmentation"), f"{field}.segmentation"
    if isinstance(segmentation, dict):
        own_size, decode = rle_decoder(segmentation, "coco_rle", field)
        if own_size != size:
            raise InvalidInput(f"{field}.size: expected the image's {size}, got {own_size}.")
        return EncodedMask(field, name, size, decode, score)
    return EncodedMask(field, name, size, partial(fill_coco, segmentation, size, field), score)


def _add(table: dict[Any, Any], element: Any, value: Any, field: str) -> None:
    key = _id(element, "id", field)
    if key in table:
        raise InvalidInput(f"{field}: the id {brief(key)} occurs twice.")
    table[key] = value


def _id(element: Any, key: str, field: str) -> int | str:
    number = checked_dict(element, field).get(key)
    if type(number) is not int and not isinstance(number, str):
        raise InvalidInput(f"{field}.{key}: expected a whole number, got {brief(number)}.")
    return number


def _has_segments(text: str) -> bool:
    return has_list(text, "segments_info")


def _span(stream: IO[bytes], span: Span) -> bytes:
    stream.seek(span[0], os.SEEK_SET)
    return stream.read(span[1] - span[0])


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
    if id_of(file_name, "segments") != image_id:
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


COCO = JsonSet(
    name="coco",
    title="COCO instances (JSON)",
    about="One JSON of many images, as COCO, PartImageNet, CVAT and LabelMe export it.",
    source="https://cocodataset.org/#format-data",
    recognises=is_coco,
    index=index_coco,
)
