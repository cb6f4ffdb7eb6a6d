"""Where YOLO's label files are in a folder, and where Ultralytics has their photos."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from sat_nb.files import visible_files
from sat_nb.photos.suffixes import image_suffix
from sat_nb.reading import open_plain
from sat_nb.segments.formats.yolo_names import FOLDERS_ABOVE, LISTS

LABELS, IMAGES = "labels", "images"
BEYOND = 0.01  # of a side that Ultralytics lets points lie outside
HEAD_BYTES = 2**14


class Layout:
    """Where the label files of a folder are, and their photos."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.top = self.root if root.is_dir() else self.root.parent
        self._photos: dict[Path, list[dict[str, Path]]] = {}
        self._paths: dict[Path, str | None] = {}

    def label_files(self) -> Iterator[Path]:
        """All text files in a folder ``labels``; elsewhere those that look like it."""
        files = [self.root]
        for file in visible_files(self.root, {".txt"}) if self.root.is_dir() else files:
            if file.suffix.lower() != ".txt" or file.name in LISTS or _is_readme(file):
                continue
            if _labels_at(file.parent, self.top) is not None or self._is_label(file):
                yield file

    def photo_of(self, file: Path) -> Path | None:
        """The photo of a label file."""
        stem = unicodedata.normalize("NFC", file.stem)
        for photos in self._photos_of(file.parent):
            if stem in photos:
                return photos[stem]
        return None

    def is_paired(self, file: Path) -> bool:
        """Whether the photo of a label file is in the folder that is read.

        An empty file beside a photo says nothing, but one in a folder ``labels`` does.
        """
        is_meant = _labels_at(file.parent, self.top) is not None or file.stat().st_size
        photo = self.photo_of(file) if is_meant else None
        return photo is not None and self._within(photo.parent) is not None

    def id_of(self, file: Path, photo: Path | None) -> str:
        """The id of a photo: its path, or of one that is elsewhere, its label's."""
        folder = None if photo is None else self._within(photo.parent)
        if folder is None:
            at = _labels_at(file.parent, self.top)
            folders = file.parent.parts[len(self.top.parts) :]
            cut = len(folders) if at is None else at - len(self.top.parts)
            folder = "/".join(part for i, part in enumerate(folders) if i != cut)
        stem = unicodedata.normalize("NFC", file.stem)
        return f"{folder}/{stem}" if folder else stem

    def own_id(self, file: Path) -> str:
        """The path of a label file, without its extension."""
        folder = self._within(file.parent)
        return f"{folder}/{file.stem}" if folder else file.stem

    def _within(self, folder: Path) -> str | None:
        """The path of a folder within the one that is read; None for one that is elsewhere."""
        if folder not in self._paths:
            inside = folder.is_relative_to(self.top)
            path = folder.relative_to(self.top).as_posix() if inside else None
            self._paths[folder] = "" if path == "." else path
        return self._paths[folder]

    def _is_label(self, file: Path) -> bool:
        first = next(_rows(_head(file)), None)
        if first is None or len(first) < 5:
            return first is None and self.photo_of(file) is not None
        fractions = is_normalised(first) and not all(map(float.is_integer, first))
        return fractions or self.photo_of(file) is not None

    def _photos_of(self, folder: Path) -> list[dict[str, Path]]:
        """The photos for the labels of a folder, by name without extension."""
        if folder not in self._photos:
            self._photos[folder] = [_photos_in(place) for place in photo_folders(folder, self.top)]
        return self._photos[folder]


def _is_readme(file: Path) -> bool:
    return file.name.lower().startswith("readme")


def _photos_in(folder: Path) -> dict[str, Path]:
    names = sorted(os.listdir(folder), reverse=True) if folder.is_dir() else []
    return {
        unicodedata.normalize("NFC", name.removesuffix(suffix)): folder / name
        for name in names
        if (suffix := image_suffix(name))
    }


def _labels_at(folder: Path, top: Path) -> int | None:
    """The place of the last folder ``labels`` in a path, within ``top`` or two above it."""
    first = max(len(top.parts) - 1 - FOLDERS_ABOVE, 0)
    found = [i for i, part in enumerate(folder.parts) if part == LABELS and i >= first]
    return found[-1] if found else None


def photo_folders(folder: Path, top: Path) -> list[Path]:
    """Where Ultralytics has the photos of a folder's labels: in ``images``, or beside.

    What it predicts lies beside the folder ``labels``.
    """
    at = _labels_at(folder, top)
    if at is None:
        return [folder]
    above, below = folder.parts[:at], folder.parts[at + 1 :]
    return [Path(*above, IMAGES, *below), folder, Path(*above, *below)]


def _head(file: Path) -> str:
    try:
        with open_plain(file) as stream:
            return decoded(stream.read(HEAD_BYTES))
    except (OSError, ValueError):
        return "?"


def decoded(raw: bytes) -> str:
    """Text in UTF-8 or UTF-16, with or without a mark."""
    return raw.decode(json.detect_encoding(raw))


def _rows(text: str) -> Iterator[list[float]]:
    """The numbers of each line that is not empty; [] for a line of other words."""
    for line in filter(str.strip, text.splitlines()):
        try:
            yield [float(word) for word in line.split()]
        except ValueError:
            yield []


def has_outline(file: Path) -> bool:
    """Whether a line at the beginning of a file has the numbers of an outline."""
    return any(len(row) > 6 for row in _rows(_head(file)))


def is_normalised(row: list[float]) -> bool:
    """Whether numbers are a class and fractions."""
    number, *fractions = row
    return number >= 0 and number.is_integer() and all(map(is_fraction, fractions))


def is_fraction(value: float) -> bool:
    """Whether a number is a fraction of a side, as far as Ultralytics takes it."""
    return -BEYOND <= value <= 1 + BEYOND
