"""From a folder to its images: which files hold masks, and what reads each image of them.

A format is one of two kinds. A SegmentFormat reads one image from a document: parsed JSON, the
arrays of a .npz file or of a folder of PNGs, or a label picture. A SegmentSet is a JSON of many
images, which is gone through once and then read an image at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sat_nb.errors import InvalidInput
from sat_nb.files import files_by_id
from sat_nb.segments.boolean import read_npz, read_png_folder
from sat_nb.segments.celebamask import number_of, read_parts
from sat_nb.segments.documents import read_bytes, read_json
from sat_nb.segments.label_png import NAMES_FILE, LabelPicture, names_of
from sat_nb.segments.limits import MAX_SET_BYTES, check_inside
from sat_nb.segments.pictures import read_picture
from sat_nb.segments.segmentation import SegmentationMap

Read = Callable[[], SegmentationMap]


@dataclass(frozen=True)
class SegmentFormat:
    """A format of masks with one document an image.

    ``detects(document)`` says whether a document is of this format, ``parse(document)``
    gives its SegmentationMap or raises InvalidInput that names the field. ``suffixes`` are those
    of the files that documents come from.
    """

    title: str
    detects: Callable[[object], bool]
    parse: Callable[[object], SegmentationMap]
    suffixes: tuple[str, ...] = (".json",)


@dataclass(frozen=True)
class SegmentSet:
    """A format of masks with many images in one JSON.

    ``detects(text)`` looks at the text, ``index(file, text)`` goes through it and gives for each
    image id what reads its SegmentationMap. The text is latin-1, so that places in it are bytes.
    """

    title: str
    detects: Callable[[str], bool]
    index: Callable[[Path, str], Mapping[str, Read]]
    suffixes: tuple[str, ...] = (".json",)


Formats = Mapping[str, SegmentFormat | SegmentSet]


@dataclass(frozen=True)
class Source:
    """What one image's masks are read from."""

    file: Path
    read: Read


def find_sources(
    root: Path, formats: Formats, refuse: Callable[[Path, InvalidInput], None]
) -> dict[str, Source]:
    """{image id: source} of a folder or file; ``refuse`` is told of files that cannot be used.

    Where there are JSON or .npz files, PNGs are photos, or belong to them; else PNGs are masks.
    """
    found: dict[str, Source] = {}
    for file, sources in _by_file(root, formats, refuse):
        for image_id, source in sources.items():
            if image_id in found:
                raise InvalidInput(
                    f"{file}: has masks for the image {image_id!r}, and so has "
                    f"{found[image_id].file}; keep one of them."
                )
            found[image_id] = source
    return found


def _by_file(
    root: Path, formats: Formats, refuse: Callable[[Path, InvalidInput], None]
) -> Iterator[tuple[Path, Mapping[str, Source]]]:
    suffixes = {suffix for known in formats.values() for suffix in known.suffixes}
    files = _files(root, suffixes - {".png"})
    if not files and ".png" in suffixes:
        files = _pictures(root, formats)
    for file_id, file in files.items():
        try:
            if root.is_dir():
                check_inside(file, root)
            yield file, _sources(file_id, file, _top(root), formats)
        except InvalidInput as error:
            refuse(file, error)


def _files(root: Path, suffixes: set[str]) -> dict[str, Path]:
    if root.is_dir():
        files = files_by_id(root, suffixes)
        return {file_id: file for file_id, file in files.items() if file.name != NAMES_FILE}
    return {root.stem: root} if root.suffix.lower() in suffixes else {}


def _pictures(root: Path, formats: Formats) -> dict[str, Path]:
    """Label PNGs by id, and, where no labels.json tells what their values are, their folders.

    CelebAMask-HQ's parts are many images in one folder: each image stands as one of its parts.
    """
    found: dict[str, Path] = {}
    for file_id, file in _files(root, {".png"}).items():
        number = number_of(file) if "celebamask" in formats else None
        if _names_file(file, _top(root)):
            found[file_id] = file
        elif number is not None:
            found.setdefault((Path(file_id).parent / number).as_posix(), file)
        elif file.parent == root or file == root:
            found[file_id] = file
        else:
            found[file.parent.relative_to(root).as_posix()] = file.parent
    return found


def _sources(file_id: str, file: Path, top: Path, formats: Formats) -> Mapping[str, Source]:
    sets = [f for f in formats.values() if isinstance(f, SegmentSet)]
    if sets and file.suffix.lower() == ".json":
        text = read_bytes(file, MAX_SET_BYTES).decode("latin-1")
        for candidate in sets:
            if candidate.detects(text) or len(formats) == 1:
                return {i: Source(file, r) for i, r in candidate.index(file, text).items()}
    return {file_id: Source(file, partial(_read_document, file, file_id, top, formats))}


def _read_document(file: Path, file_id: str, top: Path, formats: Formats) -> SegmentationMap:
    document = _load(file, file_id, top)
    for candidate in formats.values():
        chosen = len(formats) == 1
        if isinstance(candidate, SegmentFormat) and (chosen or candidate.detects(document)):
            return candidate.parse(document)
    titles = ", ".join(f"{name!r} ({f.title})" for name, f in formats.items())
    raise InvalidInput(f"not an export of a known mask format; known are {titles}.")


def _load(file: Path, file_id: str, top: Path) -> Any:
    if file.is_dir():
        return read_png_folder(file)
    if file.suffix.lower() == ".npz":
        return read_npz(file)
    if file.suffix.lower() != ".png":
        return read_json(file)
    if number_of(file) == Path(file_id).name and not _names_file(file, top):
        return read_parts(file)
    return _load_labels(file, file_id, top)


def _load_labels(file: Path, file_id: str, top: Path) -> LabelPicture:
    names_file = _names_file(file, top)
    if names_file is None:
        raise InvalidInput(
            f"a PNG needs a {NAMES_FILE} beside it or in a folder above it that names its values; "
            "boolean PNGs need a folder an image: 'zebra_3/eye.png'."
        )
    check_inside(names_file, names_file.parent)
    try:
        labels = read_json(names_file)
    except InvalidInput as error:
        raise InvalidInput(f"{names_file}: {error}") from error
    return LabelPicture(read_picture(file), names_of(labels, file_id, file.stem))


def _names_file(file: Path, top: Path) -> Path | None:
    """The nearest labels.json: beside the file, or above it, up to the folder ``top``."""
    for folder in file.absolute().parents:
        if (folder / NAMES_FILE).is_file():
            return folder / NAMES_FILE
        if folder == top:
            return None
    return None


def _top(root: Path) -> Path:
    """The folder around the one that is read: ``masks/`` often has its labels.json beside it."""
    folder = root.absolute()
    return folder.parent if folder.is_dir() else folder.parent.parent
