"""The registry of mask formats, and read_segments, which reads any of them by id."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sat_nb.errors import IdMismatch, InvalidInput, shorten, unknown_name
from sat_nb.files import existing, files_by_id
from sat_nb.segments.dinox import is_dinox, parse_dinox
from sat_nb.segments.segmentation import SegmentationMap


@dataclass(frozen=True)
class SegmentFormat:
    """One JSON format of masks, one file an image.

    ``detects(document)`` says whether a parsed document is of this format, ``parse(document)``
    gives its SegmentationMap or raises InvalidInput that names the field.
    """

    title: str
    detects: Callable[[object], bool]
    parse: Callable[[object], SegmentationMap]


SEGMENT_FORMATS: dict[str, SegmentFormat] = {
    "dinox": SegmentFormat("DINO-X export (JSON)", is_dinox, parse_dinox),
}


class SegmentFiles(Mapping[str, SegmentationMap]):
    """Mask files by image id, each read when asked for, so that one is in memory at a time."""

    def __init__(
        self, files: Mapping[str, Path], format: str | None, normalize_names: bool
    ) -> None:
        self._files = MappingProxyType(dict(files))
        self._format = format
        self._normalize_names = normalize_names

    def __getitem__(self, image_id: str) -> SegmentationMap:
        if image_id not in self._files:
            raise IdMismatch(
                f"no masks for image {image_id!r}; there are some for {shorten(self)}."
            )
        return self._read(self._files[image_id])

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._files

    def __repr__(self) -> str:
        return f"SegmentFiles({len(self)} images: {shorten(self)})"

    def _read(self, file: Path) -> SegmentationMap:
        document = _read_json(file)
        try:
            segmentation = _find_format(document, self._format).parse(document)
        except InvalidInput as error:
            raise InvalidInput(f"{file}: {error}") from error
        if not self._normalize_names:
            return segmentation
        return segmentation.rename({name: normalize(name) for name in segmentation.names})


def read_segments(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    image_id: Callable[[str], str] | None = None,
    normalize_names: bool = True,
) -> SegmentFiles:
    """Masks by image id from a folder of mask files, or from one file.

    Parameters
    ----------
    path: a folder (and its subfolders) of JSON files, or one JSON file.
    format: a name in SEGMENT_FORMATS; by default each file's content tells.
    image_id: turns a file's id (path without extension, with ``/``) into the image's.
    normalize_names: lower-case the names and fold their blanks ("  Left EYE" -> "left eye").

    Returns a lazy Mapping {image_id: SegmentationMap}. Files are checked when they are read.
    Raises FileMissing, or InvalidInput for a folder without mask files and for two files
    with one id.
    """
    if format is not None and format not in SEGMENT_FORMATS:
        raise unknown_name("format", format, SEGMENT_FORMATS)
    root = existing(path)
    files = {root.stem: root} if root.is_file() else files_by_id(root, {".json"})
    if not files:
        raise InvalidInput(f"path: no mask file (*.json) in {str(root)!r}.")
    return SegmentFiles(_with_image_ids(files, image_id), format, normalize_names)


def normalize(name: str) -> str:
    """Lower case, blanks at the ends dropped and inner ones folded to one.

    >>> normalize("  Left   EYE ")
    'left eye'
    """
    return " ".join(name.lower().split())


def _with_image_ids(
    files: Mapping[str, Path], image_id: Callable[[str], str] | None
) -> Mapping[str, Path]:
    if image_id is None:
        return files
    renamed: dict[str, Path] = {}
    for file_id, file in files.items():
        new = image_id(file_id)
        if new in renamed:
            raise InvalidInput(
                f"image_id: gives {new!r} for both {renamed[new].name!r} and {file.name!r}; "
                "every file needs an id of its own."
            )
        renamed[new] = file
    return renamed


def _read_json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{file}: not readable as JSON ({error}); export it again.") from error
    except OSError as error:
        raise InvalidInput(f"{file}: not readable ({error}).") from error


def _find_format(document: object, name: str | None) -> SegmentFormat:
    if name is not None:
        return SEGMENT_FORMATS[name]
    for candidate in SEGMENT_FORMATS.values():
        if candidate.detects(document):
            return candidate
    titles = ", ".join(f"{n!r} ({f.title})" for n, f in SEGMENT_FORMATS.items())
    raise InvalidInput(f"not an export of a known mask format; known are {titles}.")
