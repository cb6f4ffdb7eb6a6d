"""YOLO-seg, as Ultralytics reads it: ``labels/train/zebra.txt`` of an image, an outline a line.

A line is ``class x1 y1 x2 y2 ...``, in fractions of the photo's width and height; a number that is
left over is the confidence of a prediction (or, if it is whole, its track). An empty file is a
photo without objects. Names are in ``data.yaml``; see ``yolo_names.py``. Corners of turned boxes
(YOLO-OBB) are written in the same way and are filled as the outlines that they are.

The size of the masks is that of the photo, which lies in ``images/`` as the label does in
``labels/``, or beside it, or beside ``labels/``, as predictions do. It is taken as EXIF turns the
photo, which is how Ultralytics and ``read_images`` read it. The id is the photo's path within the
folder that is read, or, where it is elsewhere, the label's without the folder ``labels``: labels
of ``data/labels`` have the ids of ``read_images("data/images")``, those of ``data`` the ids of
``read_images("data")``.

Outlines are filled by Ultralytics' rule (``polygons2masks``): points are cut to whole pixels, the
outline belongs to the mask, see ``polygons.py``. Before they are cut, points get a millionth of
the photo's side, which undoes the rounding to the six digits that are written.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Size
from sat_nb.errors import InvalidInput
from sat_nb.photos.formats import photo_size
from sat_nb.segments.formats.encoded import EncodedMask, Reading, decode_masks
from sat_nb.segments.formats.json_text import read_bytes
from sat_nb.segments.formats.limits import brief, check_count, checked_points, outline_length
from sat_nb.segments.formats.polygons import fill_poly
from sat_nb.segments.formats.yolo_layout import (
    BEYOND,
    Layout,
    decoded,
    has_outline,
    is_fraction,
    is_normalised,
    photo_folders,
)
from sat_nb.segments.formats.yolo_names import ClassNames, NamesFiles
from sat_nb.sources import Format, Source

ROUNDING = 1e-6
MAX_LABEL_BYTES = 2**23  # two million numbers, a quarter of a gigabyte once parsed
N_ASKED = 200
"""Label files of a folder that are asked whether they hold an outline, or have a photo."""


@dataclass(frozen=True)
class _Outline:
    field: str
    number: int
    points: NDArray[np.float64]
    score: float


@dataclass(frozen=True)
class _Label:
    """A label file, the id and the file of its photo, and the names of its classes."""

    file: Path
    image_id: str
    photo: Path | None
    names: NamesFiles

    def read(self, size: Size | None = None) -> Reading:
        """The segments; ``size`` is the photo's, which is looked up where it is None."""
        items = list(_outlines(_lines(self.file)))
        errors = [item for item in items if isinstance(item, InvalidInput)]
        if len(errors) == len(items):
            return decode_masks(errors)
        size, names = size or self._size(), self.names.above(self.file.parent)
        return decode_masks(
            _encoded(item, size, names) if isinstance(item, _Outline) else item for item in items
        )

    def _size(self) -> Size:
        if self.photo is not None:
            return photo_size(self.photo)
        places = " or ".join(
            repr(str(folder)) for folder in photo_folders(self.file.parent, self.names.root)
        )
        raise InvalidInput(
            "the size of the photo is not known, and outlines are in fractions of it; expected a "
            f"photo {self.file.stem!r} in {places}. Put the photos there, or pass photos=, their "
            f"folder, if it holds this one as {self.image_id!r}, or image_id= makes that name the "
            "photo's id."
        )


def detects_yolo(root: Path) -> bool:
    """Whether a folder holds label files of YOLO with an outline, or with a photo each.

    The latter may be damaged, empty or boxes, and their photos may look like masks.
    """
    layout = Layout(root)
    files = (file for file in layout.label_files() if file.stat().st_size)
    if any(map(has_outline, islice(files, N_ASKED))):
        return True
    return any(map(layout.is_paired, islice(layout.label_files(), N_ASKED)))


def open_yolo(root: Path) -> dict[str, Source[Reading]]:
    """The label files, one image each."""
    layout = Layout(root)
    names = NamesFiles(layout.top)
    sources: dict[str, Source[Reading]] = {}
    for file in sorted(layout.label_files(), key=str):
        photo = layout.photo_of(file)
        own_id, found_id = layout.own_id(file), layout.id_of(file, photo)
        if found_id in sources:
            raise InvalidInput(
                f"{file} and {sources[found_id].where} both label the photo {found_id!r}; keep one."
            )
        read = _Label(file, found_id, photo, names).read
        name = None if found_id == own_id else own_id
        sources[found_id] = Source(str(file), read, (file,), name, read)
    names.check_any({source.files[0].parent: None for source in sources.values()})
    return sources


def _lines(file: Path) -> list[tuple[str, list[float] | InvalidInput]]:
    """(place, numbers) of the lines that are not empty."""
    try:
        text = decoded(read_bytes(file, MAX_LABEL_BYTES))
    except UnicodeError as error:
        raise InvalidInput(f"not readable as text ({error}); export it again.") from error
    lines = [(f"line {i}", line) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
    check_count(lines, "lines")
    return [(field, _numbers(line, field)) for field, line in lines]


def _numbers(line: str, field: str) -> list[float] | InvalidInput:
    numbers = []
    for word in line.split():
        try:
            numbers.append(float(word))
        except ValueError:
            return InvalidInput(
                f"{field}: expected a class and the points of an outline, as numbers, got "
                f"{brief(word)}."
            )
    return numbers


def _outlines(
    lines: list[tuple[str, list[float] | InvalidInput]],
) -> Iterator[_Outline | InvalidInput]:
    tracked = any(isinstance(row, list) and _has_track(row) for _, row in lines)
    for field, row in lines:
        try:
            if isinstance(row, InvalidInput):
                raise row
            yield _outline(row, field, tracked)
        except InvalidInput as error:
            yield error


def _has_track(row: list[float]) -> bool:
    """Whether a line ends with a confidence and the number of a track, from 2."""
    *others, track = row
    return (
        len(row) % 2 == 1
        and len(row) > 8
        and track > 1 + BEYOND
        and (track.is_integer() and is_normalised(others))
    )


def _outline(row: list[float], field: str, tracked: bool) -> _Outline:
    number, *values = row
    if len(values) == 4:
        raise InvalidInput(
            f"{field}: holds a box, which is no mask; export outlines (YOLO-seg), or draw them."
        )
    if len(values) < 6:
        raise InvalidInput(
            f"{field}: expected a class and 3 points or more, 7 numbers, got {len(row)}."
        )
    if number < 0 or not number.is_integer():
        raise InvalidInput(f"{field}: expected the number of a class, from 0, got {number:g}.")
    if tracked and len(values) % 2 == 0:
        raise InvalidInput(
            f"{field}: ends with a confidence and the number of a track, which cannot be told "
            "from a point; predict again with save_conf=False."
        )
    left_over = values.pop() if len(values) % 2 else math.nan
    outside = [value for value in values if not is_fraction(value)]
    if outside:
        raise InvalidInput(
            f"{field}: expected fractions of the photo's sides, from 0 to 1, got {outside[0]:g}; "
            "divide pixels by the photo's width (x) and height (y), or export again."
        )
    score = left_over if 0 <= left_over < 1 else math.nan
    return _Outline(field, int(number), np.array(values).reshape(-1, 2), score)


def _encoded(outline: _Outline, size: Size, names: ClassNames) -> EncodedMask | InvalidInput:
    try:
        sides = np.array(size[::-1])
        points = np.clip(outline.points, 0, 1) * sides + ROUNDING * sides
        whole = checked_points(points.astype(np.int64), size, outline.field, least=3)
        name = names.of(outline.number, outline.field)
    except InvalidInput as error:
        return error
    decode = partial(fill_poly, whole.astype(np.int64), size)
    length = outline_length(whole)
    return EncodedMask(outline.field, name, size, decode, outline.score, outline_px=length)


YOLO = Format(
    name="yolo",
    title="YOLO-seg labels (text)",
    about="A text file of outlines an image, with the names in data.yaml, as Ultralytics reads it.",
    source="https://docs.ultralytics.com/datasets/segment",
    detects=detects_yolo,
    open=open_yolo,
)
