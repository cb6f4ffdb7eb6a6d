"""YOLO-seg, as Ultralytics reads it: ``labels/train/zebra.txt`` of an image, an outline a line.

A line is ``class x1 y1 x2 y2 ...``, in fractions of the photo's width and height; a number that is
left over is the confidence of a prediction (or, if it is whole, its track). An empty file is a
photo without objects. Names are in ``data.yaml``; see ``yolo_names.py``. Corners of turned boxes
(YOLO-OBB) are written in the same way and are filled as the outlines that they are.

The size of the masks is that of the photo, which lies in ``images/`` as the label does in
``labels/``, or beside it. It is taken as EXIF turns the photo, which is how Ultralytics and
``read_images`` read it. The id is the photo's path within the folder that is read, or, where it is
elsewhere, the label's without the folder ``labels``: labels of ``data/labels`` have the ids of
``read_images("data/images")``, those of ``data`` the ids of ``read_images("data")``.

Outlines are filled by Ultralytics' rule (``polygons2masks``): points are cut to whole pixels, the
outline belongs to the mask, see ``fill_poly.py``. Before they are cut, points get a millionth of
the photo's side, which undoes the rounding to the six digits that are written.
"""

from __future__ import annotations

import json
import math
import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Size
from sat_nb.errors import InvalidInput
from sat_nb.files import visible_files
from sat_nb.photos.folder import image_id_of
from sat_nb.photos.size import photo_size
from sat_nb.photos.suffixes import image_suffix
from sat_nb.segments.formats.encoded import EncodedMask, Reading, decode_masks
from sat_nb.segments.formats.fill_poly import fill_poly
from sat_nb.segments.formats.json_text import read_bytes
from sat_nb.segments.formats.limits import MAX_JSON_BYTES, brief, check_count, checked_points
from sat_nb.segments.formats.yolo_names import FOLDERS_ABOVE, LISTS, ClassNames, NamesFiles
from sat_nb.sources import Format, Source

LABELS, IMAGES = "labels", "images"
BEYOND = 0.01  # of a side that Ultralytics lets points lie outside
ROUNDING = 1e-6
HEAD_BYTES = 2**14
N_ASKED = 200
"""Label files of a folder, not empty, that are asked whether they hold an outline."""


@dataclass(frozen=True)
class _Outline:
    field: str
    number: int
    points: NDArray[np.float64]
    score: float


@dataclass(frozen=True)
class _Label:
    """A label file, its photo, and the names of its classes."""

    file: Path
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
            repr(str(folder)) for folder in _photo_folders(self.file, self.names.root)
        )
        raise InvalidInput(
            "the size of the photo is not known, and outlines are in fractions of it; expected a "
            f"photo {self.file.stem!r} in {places}. Put the photos there, or pass photos=, a "
            "folder that holds them in the same places as their labels."
        )


def detects_yolo(root: Path) -> bool:
    """Whether a folder holds label files of YOLO with an outline."""
    files = (file for file in _Layout(root).label_files() if file.stat().st_size)
    return any(map(_has_outline, islice(files, N_ASKED)))


def open_yolo(root: Path) -> dict[str, Source[Reading]]:
    """The label files, one image each."""
    layout = _Layout(root)
    names = NamesFiles(layout.top)
    sources: dict[str, Source[Reading]] = {}
    for file in sorted(layout.label_files()):
        photo = layout.photo_of(file)
        own_id = file.relative_to(layout.top).with_suffix("").as_posix()
        found_id = layout.id_of(photo, own_id)
        if found_id in sources:
            raise InvalidInput(
                f"{file} and {sources[found_id].where} both label the photo {found_id!r}; keep one."
            )
        read = _Label(file, photo, names).read
        name = None if found_id == own_id else own_id
        sources[found_id] = Source(str(file), read, (file,), name, read)
    return sources


class _Layout:
    """Where the label files of a folder are, and their photos."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.top = self.root if root.is_dir() else self.root.parent
        self._photos: dict[Path, dict[str, Path]] = {}

    def label_files(self) -> Iterator[Path]:
        """All text files in a folder ``labels``; elsewhere those that look like it."""
        files = [self.root]
        for file in visible_files(self.root, {".txt"}) if self.root.is_dir() else files:
            taken = file.suffix.lower() == ".txt" and file.name not in LISTS
            if taken and (_labels_at(file, self.top) is not None or self._is_label(file)):
                yield file

    def photo_of(self, file: Path) -> Path | None:
        """The photo of a label file."""
        stem = unicodedata.normalize("NFC", file.stem)
        folders = _photo_folders(file, self.top)
        return next((p for folder in folders if (p := self._photos_in(folder).get(stem))), None)

    def id_of(self, photo: Path | None, own_id: str) -> str:
        """The id of a photo; of one that is elsewhere, from the path of its label."""
        if photo is not None and photo.is_relative_to(self.top):
            return image_id_of(photo.relative_to(self.top).as_posix())
        *folders, name = own_id.split("/")
        if LABELS in folders:
            del folders[len(folders) - 1 - folders[::-1].index(LABELS)]
        return "/".join([*folders, name])

    def _is_label(self, file: Path) -> bool:
        first = next(_rows(_head(file)), None)
        if first is None:
            return self.photo_of(file) is not None
        return len(first) > 4 and (_is_normalised(first) or self.photo_of(file) is not None)

    def _photos_in(self, folder: Path) -> dict[str, Path]:
        if folder not in self._photos:
            names = sorted(os.listdir(folder)) if folder.is_dir() else []
            self._photos[folder] = {
                unicodedata.normalize("NFC", name.removesuffix(suffix)): folder / name
                for name in reversed(names)
                if (suffix := image_suffix(name))
            }
        return self._photos[folder]


def _labels_at(file: Path, top: Path) -> int | None:
    """The place of the last folder ``labels`` in a path, within ``top`` or two above it."""
    parts = file.parts[:-1]
    first = max(len(top.parts) - 1 - FOLDERS_ABOVE, 0)
    found = [i for i, part in enumerate(parts) if part == LABELS and i >= first]
    return found[-1] if found else None


def _photo_folders(file: Path, top: Path) -> list[Path]:
    """Where Ultralytics looks for the photo of a label file: in ``images``, or beside it."""
    at = _labels_at(file, top)
    if at is None:
        return [file.parent]
    parts = file.parent.parts
    return [Path(*parts[:at], IMAGES, *parts[at + 1 :]), file.parent]


def _head(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return _decoded(stream.read(HEAD_BYTES))
    except (OSError, ValueError):
        return "?"


def _decoded(raw: bytes) -> str:
    return raw.decode(json.detect_encoding(raw))


def _rows(text: str) -> Iterator[list[float]]:
    """The numbers of each line that is not empty; [] for a line of other words."""
    for line in filter(str.strip, text.splitlines()):
        try:
            yield [float(word) for word in line.split()]
        except ValueError:
            yield []


def _has_outline(file: Path) -> bool:
    return any(len(row) > 6 for row in _rows(_head(file)))


def _is_normalised(row: list[float]) -> bool:
    number, *fractions = row
    return number >= 0 and number.is_integer() and all(map(_is_fraction, fractions))


def _is_fraction(value: float) -> bool:
    return -BEYOND <= value <= 1 + BEYOND


def _lines(file: Path) -> list[tuple[str, list[float] | InvalidInput]]:
    """(place, numbers) of the lines that are not empty."""
    try:
        text = _decoded(read_bytes(file, MAX_JSON_BYTES))
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
        and (track.is_integer() and _is_normalised(others))
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
    outside = [value for value in values if not _is_fraction(value)]
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
    return EncodedMask(outline.field, name, size, decode, outline.score)


YOLO = Format(
    name="yolo",
    title="YOLO-seg labels (text)",
    about="A text file of outlines an image, with the names in data.yaml, as Ultralytics reads it.",
    source="https://docs.ultralytics.com/datasets/segment",
    detects=detects_yolo,
    open=open_yolo,
)
