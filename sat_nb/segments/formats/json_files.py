"""The two kinds of mask formats in JSON: of one image a file, and of many.

JSON files of several formats may lie side by side in one folder: the content of each file decides.
A file of many images is indexed when the folder is opened. A file of one image is not even parsed
until it is read, so that a folder of thousands opens quickly.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from sat_nb.arrays import Size
from sat_nb.errors import InvalidInput
from sat_nb.files import files_by_id, visible_files
from sat_nb.images import IMAGE_SUFFIXES
from sat_nb.segments.formats.encoded import Reading
from sat_nb.segments.formats.file_text import Text
from sat_nb.segments.formats.foreign_files import not_known, read_document, tool_of
from sat_nb.segments.formats.json_set import SetFile, open_set
from sat_nb.segments.formats.json_text import read_json
from sat_nb.segments.formats.limits import check_inside
from sat_nb.sources import Format, Refuse, Source, by_image_id, path_of, titles_of

NAMES_FILE = "labels.json"  # names of the values of label PNGs: holds no masks
ROBOFLOW_FILE = "_annotations.coco.json"  # names photos of its own folder


class Indexed(NamedTuple):
    """An image of a set: what it is called there, and the function that reads it.

    ``path`` is its path in the folder of photos, where what it is called is another way to say it;
    ``of_size`` reads it where the set lacks its size.
    """

    name: str
    read: Callable[[], Reading]
    path: str | None = None
    of_size: Callable[[Size], Reading] | None = None


RefuseItem = Callable[[InvalidInput], None]


@dataclass(frozen=True)
class Place:
    """Where a document of one image is: the file, its id, and the folder or file that is read."""

    file: Path
    file_id: str
    root: Path


@dataclass(frozen=True, kw_only=True)
class JsonFormat(Format):
    """A mask format in JSON files; made as one of its two kinds."""

    detects: Callable[[Path], bool] = field(init=False, repr=False, compare=False)
    open: Callable[[Path], Mapping[str, Source[Reading]]] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "detects", self._detects)
        object.__setattr__(self, "open", self._open)

    def _detects(self, root: Path) -> bool:
        return any(self.recognises_file(file) for file in json_files(root).values())

    def _open(self, root: Path) -> Mapping[str, Source[Reading]]:
        return by_image_id(open_json(root, [self], _raise, named=True))

    def recognises_file(self, file: Path) -> bool:
        """Whether the content of a file is of this format."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class JsonDocument(JsonFormat):
    """A format of one image a file. The image id is the file's path without ``.json``.

    ``recognises(document)`` returns whether a parsed document is of this format;
    ``parse(document)`` returns its Reading, or raises InvalidInput that names the field;
    ``photo_of(file_id)`` returns the photo's id where files are named otherwise than photos.
    """

    recognises: Callable[[Any], bool]
    parse: Callable[[Any], Reading]
    photo_of: Callable[[str], str] = str

    def read(self, document: Any, place: Place) -> Reading:
        """The Reading of a parsed document; overridden where the names lie beside the file."""
        return self.parse(document)

    def recognises_file(self, file: Path) -> bool:
        """Whether the content of a file is of this format."""
        try:
            return self.recognises(read_json(file))
        except InvalidInput:
            return False


@dataclass(frozen=True, kw_only=True)
class JsonSet(JsonFormat):
    """A format of many images a file, whose names are in the file.

    ``recognises(text)`` looks at the text, which is not parsed yet; ``index(file, text, refuse)``
    walks through it and yields an Indexed for each image. The text is decoded as latin-1, so that
    positions in it are positions for ``file.parts``. Elements that belong to no image are passed to
    ``refuse(error)``.
    """

    recognises: Callable[[Text], bool]
    index: Callable[[SetFile, Text, RefuseItem], Iterable[Indexed]]

    def recognises_file(self, file: Path) -> bool:
        """Whether the content of a file is of this format."""
        try:
            return self.recognises(open_set(file)[1])
        except InvalidInput:
            return False


def json_files(root: Path) -> dict[str, Path]:
    """{id: JSON file} of a folder, names of labels left out; or of a single file."""
    if root.is_dir():
        files = files_by_id(root, {".json"})
        return {file_id: file for file_id, file in files.items() if not _is_beside_masks(file)}
    return {root.stem: root} if root.suffix.lower() == ".json" else {}


def _is_beside_masks(file: Path) -> bool:
    """Whether a file is known to hold names alone: notes.json is in Label Studio's YOLO exports."""
    of_yolo = file.name == "notes.json" and (file.parent / "classes.txt").is_file()
    return of_yolo or file.name == NAMES_FILE


def open_json(
    root: Path, formats: Sequence[JsonFormat], refuse: Refuse, *, named: bool
) -> Iterator[tuple[str, Source[Reading]]]:
    """(image id, source) of all JSON files, each in the first of the formats that recognises it.

    ``refuse(where, error)`` is called for what cannot be used. With ``named`` the user has named
    the one format, and no content is asked.
    """
    photos = _Photos(root)
    for file_id, file in json_files(root).items() if formats else ():
        refused: list[InvalidInput] = []
        try:
            if root.is_dir():
                check_inside(file, root)
            place = Place(file, file_id, root)
            found = list(_open_file(place, formats, refused.append, named, photos))
        except InvalidInput as error:
            refused, found = [error], []
        for reason in refused:
            refuse(str(file), reason)
        yield from found


def _open_file(
    place: Place,
    formats: Sequence[JsonFormat],
    refuse: RefuseItem,
    named: bool,
    photos: _Photos,
) -> Iterator[tuple[str, Source[Reading]]]:
    file = place.file
    sets = [known for known in formats if isinstance(known, JsonSet)]
    opened, text = open_set(file) if sets else (SetFile(file), "")
    for known in sets:
        if named or known.recognises(text):
            for found in known.index(opened, text, refuse):
                found_id = photos.id_of(found.name if found.path is None else found.path, place)
                yield found_id, Source(str(file), found.read, (file,), found.name, found.of_size)
            return
    read = partial(_read_document, place, formats, named)
    found_id = _photo_of(place.file_id, formats)
    own_name = None if found_id == place.file_id else place.file_id
    yield found_id, Source(str(file), read, (file,), own_name)


class _Photos:
    """The photos of a folder that is read, for the ids of images that sets name in it.

    Sets in subfolders name photos from the top, or from their own folder, or from one beside it, as
    ``annotations/instances_train2017.json`` does. The id is that of the photo in the folder that is
    read, where one place holds it, or one of them below the set or called as it is; else the name.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def id_of(self, name: str, place: Place) -> str:
        folder = PurePosixPath(place.file_id).parent
        if folder == PurePosixPath():
            return name
        try:
            relative = path_of(name)
        except InvalidInput:
            return name
        if place.file.name == ROBOFLOW_FILE or self._is_there(place.file.parent / relative):
            return f"{folder}/{relative}"
        if self._is_there(self.root / relative):
            return name
        own = f"{PurePosixPath(place.file_id)}/"  # PNGs of masks have the names of their photos
        places = [path for path in self._named(relative) if not path.startswith(own)]
        below = [path for path in places if path.startswith(f"{folder}/")]
        called = [path for path in places if _is_called(place.file.stem, path, relative)]
        return next((some[0] for some in (below, called, places) if len(some) == 1), name)

    @staticmethod
    def _is_there(file: Path) -> bool:
        try:
            return file.is_file()
        except (OSError, ValueError):
            return False

    def _named(self, relative: str) -> list[str]:
        """The photos, relative to the folder, whose path ends with this one."""
        relative = unicodedata.normalize("NFC", relative)
        named = self._by_name.get(relative.rpartition("/")[2], [])
        return [path for path in named if path.endswith(f"/{relative}")]

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for file in visible_files(self.root, IMAGE_SUFFIXES):
            path = unicodedata.normalize("NFC", file.relative_to(self.root).as_posix())
            found.setdefault(path.rpartition("/")[2], []).append(path)
        return found


def _is_called(stem: str, path: str, relative: str) -> bool:
    """Whether a set has the name of the folder from which it names a photo: instances_FOLDER."""
    folder = path.removesuffix(f"/{relative}").rpartition("/")[2]
    return f"_{stem}".endswith(f"_{folder}")


def _read_document(place: Place, formats: Sequence[JsonFormat], named: bool) -> Reading:
    document = read_document(place.file)
    for known in formats:
        if isinstance(known, JsonDocument) and (named or known.recognises(document)):
            return known.read(document, place)
    known_are = f"known are {titles_of({known.name: known for known in formats})}."
    raise not_known(tool_of(place.file.name, document), known_are)


def _photo_of(file_id: str, formats: Sequence[JsonFormat]) -> str:
    for known in formats:
        if isinstance(known, JsonDocument):
            file_id = known.photo_of(file_id)
    return file_id


def _raise(where: str, error: InvalidInput) -> None:
    raise InvalidInput(f"{where}: {error}") from error
