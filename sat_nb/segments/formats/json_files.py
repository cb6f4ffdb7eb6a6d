"""The two kinds of mask formats in JSON: of one image a file, and of many.

JSON files of several formats may lie side by side in one folder: the content of each file decides.
A file of many images is indexed when the folder is opened. A file of one image is not even parsed
until it is read, so that a folder of thousands opens quickly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from sat_nb.errors import InvalidInput
from sat_nb.files import files_by_id
from sat_nb.segments.formats.encoded import Reading
from sat_nb.segments.formats.foreign import not_known, read_document, tool_of
from sat_nb.segments.formats.json_text import SetFile, open_set, read_json
from sat_nb.segments.formats.limits import check_inside
from sat_nb.sources import Format, Refuse, Source, by_image_id, check_path, titles_of

NAMES_FILE = "labels.json"  # names of the values of label PNGs: holds no masks
ROBOFLOW_FILE = "_annotations.coco.json"  # names photos of its own folder

Indexed = tuple[str, Callable[[], Reading]]
RefuseItem = Callable[[InvalidInput], None]


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
    ``parse(document)`` returns its Reading, or raises InvalidInput that names the field.
    """

    recognises: Callable[[Any], bool]
    parse: Callable[[Any], Reading]

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
    walks through it and yields (name of the image as written, function that reads it). The text is
    decoded as latin-1, so that positions in it are positions for ``file.parts``. Elements that
    belong to no image are passed to ``refuse(error)``.
    """

    recognises: Callable[[str], bool]
    index: Callable[[SetFile, str, RefuseItem], Iterable[Indexed]]

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
        return {file_id: file for file_id, file in files.items() if file.name != NAMES_FILE}
    return {root.stem: root} if root.suffix.lower() == ".json" else {}


def open_json(
    root: Path, formats: Sequence[JsonFormat], refuse: Refuse, *, named: bool
) -> Iterator[tuple[str, Source[Reading]]]:
    """(image id, source) of all JSON files, each in the first of the formats that recognises it.

    ``refuse(where, error)`` is called for what cannot be used. With ``named`` the user has named
    the one format, and no content is asked.
    """
    for file_id, file in json_files(root).items() if formats else ():
        refused: list[InvalidInput] = []
        try:
            if root.is_dir():
                check_inside(file, root)
            found = list(_open_file(file, file_id, formats, refused.append, named))
        except InvalidInput as error:
            refused, found = [error], []
        for reason in refused:
            refuse(str(file), reason)
        yield from found


def _open_file(
    file: Path, file_id: str, formats: Sequence[JsonFormat], refuse: RefuseItem, named: bool
) -> Iterator[tuple[str, Source[Reading]]]:
    sets = [known for known in formats if isinstance(known, JsonSet)]
    opened, text = open_set(file) if sets else (SetFile(file), "")
    for known in sets:
        if named or known.recognises(text):
            folder = PurePosixPath(file_id).parent
            for name, read in known.index(opened, text, refuse):
                yield _id_in(folder, name, file), Source(str(file), read, (file,), name)
            return
    read = partial(_read_document, file, formats, named)
    yield file_id, Source(str(file), read, (file,))


def _id_in(folder: PurePosixPath, name: str, file: Path) -> str:
    """The name of an image within the folder that is read: photos may lie beside their JSON.

    Sets in subfolders name photos either from the top, or from the JSON's own folder. The latter
    is Roboflow's way, and that of any set whose photo lies there.
    """
    if folder == PurePosixPath():
        return name
    try:
        check_path(name)
        beside = file.name == ROBOFLOW_FILE or (file.parent / name).is_file()
    except (InvalidInput, OSError):
        beside = False
    return f"{folder}/{name}" if beside else name


def _read_document(file: Path, formats: Sequence[JsonFormat], named: bool) -> Reading:
    document = read_document(file)
    for known in formats:
        if isinstance(known, JsonDocument) and (named or known.recognises(document)):
            return known.parse(document)
    known_are = f"known are {titles_of({known.name: known for known in formats})}."
    raise not_known(tool_of(file.name, document), known_are)


def _raise(where: str, error: InvalidInput) -> None:
    raise InvalidInput(f"{where}: {error}") from error
