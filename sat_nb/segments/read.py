"""read_segments: masks by image id, from a folder or a file in any known format."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sat_nb.errors import FileMissing, IdMismatch, InvalidInput, shorten, unknown_name
from sat_nb.files import existing, files_by_id
from sat_nb.segments.formats import SEGMENT_FORMATS
from sat_nb.segments.formats.boolean import number_of, read_npz, read_parts, read_png_folder
from sat_nb.segments.formats.format import Formats, Read, SegmentFormat, SegmentSet
from sat_nb.segments.formats.json_files import read_bytes, read_json
from sat_nb.segments.formats.label_png import NAMES_FILE, LabelPicture, names_of
from sat_nb.segments.formats.limits import MAX_SET_BYTES, check_inside
from sat_nb.segments.formats.png_files import read_picture
from sat_nb.segments.names import normalize
from sat_nb.segments.segmentation import SegmentationMap

if TYPE_CHECKING:
    from sat_nb.segments.names import Renames


class SegmentFiles(Mapping[str, SegmentationMap]):
    """Masks by image id, each read when asked for, so that one is in memory at a time.

    ``problems`` is {file: message} of what ``read_segments(..., errors="skip")`` left out.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        normalize_names: bool,
        renames: Mapping[str, str] = MappingProxyType({}),
        problems: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._sources = MappingProxyType(dict(sources))
        self._normalize_names = normalize_names
        self._renames = MappingProxyType(dict(renames))
        self.problems = MappingProxyType(dict(problems))

    def __getitem__(self, image_id: str) -> SegmentationMap:
        if image_id not in self._sources:
            raise IdMismatch(
                f"no masks for image {image_id!r}; there are some for {shorten(self)}."
            )
        return self._read(self._sources[image_id])

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._sources

    def __repr__(self) -> str:
        return f"SegmentFiles({len(self)} images: {shorten(self)})"

    def without(self, problems: Mapping[str, str]) -> SegmentFiles:
        """Read every image once, and leave out those that cannot be read."""
        kept, found = {}, dict(problems)
        for image_id, source in self._sources.items():
            try:
                self._read(source)
                kept[image_id] = source
            except (InvalidInput, FileMissing) as error:
                earlier = found.get(str(source.file))  # of another image in the same file
                found[str(source.file)] = f"{earlier}\n{error}" if earlier else str(error)
        return SegmentFiles(kept, self._normalize_names, self._renames, found)

    def _read(self, source: Source) -> SegmentationMap:
        try:
            segmentation = source.read()
        except InvalidInput as error:
            raise _named(source.file, error) from error
        return segmentation.rename({name: self._name(name) for name in segmentation.names})

    def _name(self, name: str) -> str:
        folded = normalize(name)
        return self._renames.get(folded, folded if self._normalize_names else name)


def read_segments(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    image_id: Callable[[str], str] | None = None,
    normalize_names: bool = True,
    rename: Renames | None = None,
    errors: str = "raise",
) -> SegmentFiles:
    """Masks by image id, from a folder of mask files or from one file, in any known format.

    Parameters
    ----------
    path: a folder (and its subfolders), or one file: JSON (DINO-X, Grounded-SAM-2, LabelMe, COCO
        instances and panoptic), .npz, or PNGs where there is no JSON or .npz: label pictures with
        a labels.json, CelebAMask-HQ's parts, or a folder of boolean PNGs an image.
    format: a name in SEGMENT_FORMATS; by default each file's content tells.
    image_id: turns an id (a file's path without extension, with ``/``; in COCO's formats that of
        ``file_name``) into the image's.
    normalize_names: lower-case the names and fold their blanks ("  Left EYE" -> "left eye").
    rename: {old name: new name}, or what else ``rename_segments`` takes: a TOML file, or what
        ``suggest_renames`` found.
    errors: "raise", or "skip": read every file once now, leave out what cannot be read, and
        say so in ``problems``, {file: message}, of what is returned.

    Returns a lazy Mapping {image_id: SegmentationMap}. Files of one image are checked when they
    are read. What they may cost is bounded in ``segments/formats/limits.py``: 1 GiB of masks an
    image. Polygons are filled by the rule of their tool, see ``segments/formats/polygons.py``.

    Raises FileMissing, or InvalidInput for a folder without mask files, for two files with one
    id, and, under "raise", for a file of many images that is damaged.
    """
    if format is not None and format not in SEGMENT_FORMATS:
        raise unknown_name("format", format, SEGMENT_FORMATS)
    if errors not in ("raise", "skip"):
        raise unknown_name("errors", errors, ("raise", "skip"))
    root = existing(path)
    problems: dict[str, str] = {}

    def refuse(file: Path, error: InvalidInput) -> None:
        if errors == "raise":
            raise _named(file, error) from error
        problems[str(file)] = str(_named(file, error))

    renames: dict[str, str] = {}
    if rename is not None:
        from sat_nb.segments.names import folded_renames  # which needs this module

        renames = folded_renames(rename)
    formats = SEGMENT_FORMATS if format is None else {format: SEGMENT_FORMATS[format]}
    sources = find_sources(root, formats, refuse)
    if not sources and not problems:
        raise InvalidInput(
            f"path: no mask file (*.json, *.npz, *.png) with an image in {str(root)!r}."
        )
    files = SegmentFiles(_with_image_ids(sources, image_id), normalize_names, renames)
    return files if errors == "raise" else files.without(problems)


def _named(file: Path, error: InvalidInput) -> InvalidInput:
    return InvalidInput(f"{file}: {error}")


def _with_image_ids(
    sources: Mapping[str, Source], image_id: Callable[[str], str] | None
) -> Mapping[str, Source]:
    if image_id is None:
        return sources
    renamed: dict[str, Source] = {}
    for old, source in sources.items():
        new = image_id(old)
        if new in renamed:
            raise InvalidInput(
                f"image_id: gives {new!r} for both {renamed[new].file.name!r} and "
                f"{source.file.name!r}; every image needs an id of its own."
            )
        renamed[new] = source
    return renamed


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
