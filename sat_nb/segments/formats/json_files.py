"""JSON from anywhere: read strictly, within limits; and the two kinds of mask formats in JSON.

JSON files of several formats may lie side by side in one folder: the content of each file decides.
A file of many images is indexed when the folder is opened. A file of one image is not even parsed
until it is read, so that a folder of thousands opens quickly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sat_nb.errors import InvalidInput
from sat_nb.files import files_by_id
from sat_nb.segments.formats.limits import (
    MAX_JSON_BYTES,
    MAX_JSON_VALUES,
    MAX_SET_BYTES,
    check_inside,
)
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.sources import Format, Source, titles_of, without_duplicates

NAMES_FILE = "labels.json"  # names of the values of label PNGs: holds no masks

Span = tuple[int, int]
Refuse = Callable[[str, InvalidInput], None]

_BLANKS = re.compile(r"[ \t\r\n]*")


def read_json(file: Path) -> Any:
    """The document of a file; InvalidInput (without the file's name) where it is not strict JSON.

    Refused are NaN and infinities, keys that occur twice (parsers disagree on which one counts),
    nesting deeper than Python's stack, files larger than MAX_JSON_BYTES, and files with more than
    MAX_JSON_VALUES values: small values take twenty times their bytes once they are parsed.
    """
    return parse_json(read_bytes(file, MAX_JSON_BYTES))


def read_bytes(file: Path, limit: int) -> bytes:
    """The content of a file of at most ``limit`` bytes."""
    try:
        size = file.stat().st_size
        if size > limit:
            raise InvalidInput(
                f"has {size} bytes, the limit is {limit}; export fewer objects, or one file an "
                "image."
            )
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"not readable ({error}).") from error


def parse_json(raw: bytes) -> Any:
    """As ``read_json``, from bytes.

    >>> parse_json(b'{"a": [1, 2]}')
    {'a': [1, 2]}
    """
    large = len(raw) > MAX_JSON_VALUES
    if large and sum(map(raw.count, (b",", b"[", b"{"))) > MAX_JSON_VALUES:
        raise InvalidInput(
            f"holds more than {MAX_JSON_VALUES} values; export fewer objects, or one file an image."
        )
    try:
        return json.loads(raw, object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"not readable as JSON ({error}); export it again.") from error


def has_list(text: str, key: str) -> bool:
    """Whether the text has a list under ``key`` anywhere: a quick test before it is parsed."""
    return re.search(rf'"{key}"\s*:\s*\[', text) is not None


def elements(text: str) -> Iterator[tuple[str, Any, Span]]:
    """(key, element, span of the element in the text) of ``{key: [element, ...], ...}``.

    One element is parsed at a time, so that the memory of a large file is bounded. A value that is
    not a list counts as one element. Raises InvalidInput as ``read_json`` does.

    >>> [(key, element) for key, element, _ in elements('{"a": [1, {}], "b": 2}')]
    [('a', 1), ('a', {}), ('b', 2)]
    """
    try:
        yield from _members(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"not readable as JSON ({error}); export it again.") from error


def _members(text: str) -> Iterator[tuple[str, Any, Span]]:
    seen: set[str] = set()
    at = _step(text, 0, "{")
    while text[at : at + 1] != "}":
        if seen:
            at = _step(text, at, ",")
        key, at = _DECODER.raw_decode(text, at)
        if not isinstance(key, str) or key in seen:
            raise ValueError(f"expected each key once, as text, got {key!r}")
        seen.add(key)
        at = _step(text, at, ":")
        at = _blanks(text, (yield from _items(text, at, key)))
    if _step(text, at, "}") != len(text):
        raise ValueError("text after the end of the document")


def _items(text: str, at: int, key: str) -> Generator[tuple[str, Any, Span], None, int]:
    if text[at : at + 1] != "[":
        value, end = _DECODER.raw_decode(text, at)
        yield key, value, (at, end)
        return end
    at, first = _step(text, at, "["), True
    while text[at : at + 1] != "]":
        if not first:
            at = _step(text, at, ",")
        value, end = _DECODER.raw_decode(text, at)
        yield key, value, (at, end)
        at, first = _blanks(text, end), False
    return at + 1


def _step(text: str, at: int, character: str) -> int:
    """The position after blanks, the required character, and blanks."""
    at = _blanks(text, at)
    if text[at : at + 1] != character:
        raise ValueError(f"expected {character!r} at character {at}")
    return _blanks(text, at + 1)


def _blanks(text: str, at: int) -> int:
    return _BLANKS.match(text, at).end()  # type: ignore[union-attr]  # it matches "" as well


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        twice = next(key for i, (key, _) in enumerate(pairs) if key in dict(pairs[:i]))
        raise ValueError(f"the key {twice[:80]!r} occurs twice")
    return members


def _no_constant(constant: str) -> float:
    raise ValueError(f"{constant} is not a number in JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_no_key_twice, parse_constant=_no_constant)


@dataclass(frozen=True, kw_only=True)
class JsonFormat(Format):
    """A mask format in JSON files; made as one of its two kinds."""

    detects: Callable[[Path], bool] = field(init=False, repr=False, compare=False)
    open: Callable[[Path], Mapping[str, Source[SegmentationMap]]] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "detects", self._detects)
        object.__setattr__(self, "open", self._open)

    def _detects(self, root: Path) -> bool:
        return any(self.recognises_file(file) for file in json_files(root).values())

    def _open(self, root: Path) -> Mapping[str, Source[SegmentationMap]]:
        return without_duplicates(open_json(root, [self], _raise, named=True))

    def recognises_file(self, file: Path) -> bool:
        """Whether the content of a file is of this format."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class JsonDocument(JsonFormat):
    """A format of one image a file. The image id is the file's path without ``.json``.

    ``recognises(document)`` returns whether a parsed document is of this format;
    ``parse(document)`` returns its SegmentationMap, or raises InvalidInput that names the field.
    """

    recognises: Callable[[Any], bool]
    parse: Callable[[Any], SegmentationMap]

    def recognises_file(self, file: Path) -> bool:
        """Whether the content of a file is of this format."""
        try:
            return self.recognises(read_json(file))
        except InvalidInput:
            return False


@dataclass(frozen=True, kw_only=True)
class JsonSet(JsonFormat):
    """A format of many images a file, whose ids are in the file.

    ``recognises(text)`` looks at the text, which is not parsed yet; ``index(file, text)`` walks
    through it and returns {image_id: function that reads the SegmentationMap}. The text is decoded
    as latin-1, so that positions in it are positions in the file's bytes.
    """

    recognises: Callable[[str], bool]
    index: Callable[[Path, str], Mapping[str, Callable[[], SegmentationMap]]]

    def recognises_file(self, file: Path) -> bool:
        """Whether the content of a file is of this format."""
        try:
            return self.recognises(_text(file))
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
) -> Iterator[tuple[str, Source[SegmentationMap]]]:
    """(image id, source) of all JSON files, each in the first of the formats that recognises it.

    ``refuse(file, error)`` is called for files that cannot be used. With ``named`` the user has
    named the one format, and no content is asked.
    """
    for file_id, file in json_files(root).items() if formats else ():
        try:
            if root.is_dir():
                check_inside(file, root)
            found = _open_file(file, file_id, formats, named)
        except InvalidInput as error:
            refuse(str(file), error)
        else:
            yield from found.items()


def _open_file(
    file: Path, file_id: str, formats: Sequence[JsonFormat], named: bool
) -> dict[str, Source[SegmentationMap]]:
    sets = [known for known in formats if isinstance(known, JsonSet)]
    text = _text(file) if sets else ""
    for known in sets:
        if named or known.recognises(text):
            indexed = known.index(file, text).items()
            return {image_id: Source(str(file), read, (file,)) for image_id, read in indexed}
    read = partial(_read_document, file, formats, named)
    return {file_id: Source(str(file), read, (file,))}


def _read_document(file: Path, formats: Sequence[JsonFormat], named: bool) -> SegmentationMap:
    document = read_json(file)
    for known in formats:
        if isinstance(known, JsonDocument) and (named or known.recognises(document)):
            return known.parse(document)
    raise InvalidInput(
        "not an export of a known mask format; known are "
        f"{titles_of({known.name: known for known in formats})}."
    )


def _text(file: Path) -> str:
    return read_bytes(file, MAX_SET_BYTES).decode("latin-1")


def _raise(where: str, error: InvalidInput) -> None:
    raise InvalidInput(f"{where}: {error}") from error
