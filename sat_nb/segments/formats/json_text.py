"""JSON from anywhere, read within limits: whole, or element by element."""

from __future__ import annotations

import io
import json
import mmap
import os
import re
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sat_nb.errors import InvalidInput
from sat_nb.segments.formats.limits import MAX_JSON_BYTES, MAX_JSON_VALUES, MAX_SET_BYTES

Span = tuple[int, int]

_BLANKS = re.compile(r"[ \t\r\n]*")


def read_json(file: Path) -> Any:
    """The document of a file; InvalidInput (without the file's name) where it is not strict JSON.

    Refused are keys that occur twice (parsers disagree on which one counts), nesting deeper than
    Python's stack, files larger than MAX_JSON_BYTES, and files with more than MAX_JSON_VALUES
    values: small values take twenty times their bytes once they are parsed. NaN and infinities,
    which JSON does not have but tools write, are read: readers check the numbers that they use.
    """
    return parse_json(_without_photo(file))


def read_bytes(file: Path, limit: int) -> bytes:
    """The content of a file of at most ``limit`` bytes."""
    try:
        size = file.stat().st_size
        if size > limit:
            raise _too_large(size, limit)
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"not readable ({error}).") from error


def _too_large(size: int, limit: int) -> InvalidInput:
    return InvalidInput(
        f"has {size} bytes, the limit is {limit}; export fewer objects, or one file an image, and "
        "leave photos out of it (in LabelMe: without Save With Image Data)."
    )


def _without_photo(file: Path) -> bytes:
    """The content of a file; of a large one, without most of ``imageData``, a photo in base64.

    The first KEPT_OF_PHOTO bytes of it are kept, as they tell the photo's size.
    """
    try:
        if not MAX_JSON_BYTES < file.stat().st_size <= MAX_SET_BYTES:
            return read_bytes(file, MAX_JSON_BYTES)
        with (
            file.open("rb") as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as raw,
        ):
            return _shortened(raw)
    except OSError as error:
        raise InvalidInput(f"not readable ({error}).") from error


def _shortened(raw: mmap.mmap) -> bytes:
    cuts = [found.span(2) for found in _PHOTO.finditer(raw)]
    starts = [0, *(end for _, end in cuts)]
    ends = [*(start for start, _ in cuts), len(raw)]
    n_left = sum(ends) - sum(starts)
    if n_left > MAX_JSON_BYTES:
        raise _too_large(n_left, MAX_JSON_BYTES)
    return b"".join(raw[start:end] for start, end in zip(starts, ends, strict=True))


KEPT_OF_PHOTO = 2**20


def photo_pattern(n_kept: int) -> re.Pattern[bytes]:
    """Finds ``imageData`` of more than ``n_kept`` characters: these, and the others.

    >>> photo_pattern(2).search(b'{"imageData": "abcd"}').groups()
    (b'ab', b'cd')
    """
    character = rb'(?:[^"\\]|\\.)'
    kept, others = b"%b{%d}+" % (character, n_kept), rb'(?:[^"\\]++|\\.)*+'
    return re.compile(rb'"imageData"\s*+:\s*+"(%b)(%b)"' % (kept, others), re.DOTALL)


_PHOTO = photo_pattern(KEPT_OF_PHOTO)


def parse_json(raw: bytes, max_values: int = MAX_JSON_VALUES) -> Any:
    """As ``read_json``, from bytes.

    >>> parse_json(b'{"a": [1, 2]}')
    {'a': [1, 2]}
    """
    large = len(raw) > max_values
    if large and sum(map(raw.count, (b",", b"[", b"{"))) > max_values:
        raise InvalidInput(
            f"holds more than {max_values} values; export fewer objects, or one file an image."
        )
    try:
        return json.loads(raw, object_pairs_hook=_no_key_twice)
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"not readable as JSON: it is not text in UTF-8 ({error}); save it again in UTF-8."
        ) from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"not readable as JSON ({error}); export it again.") from error


def has_list(text: str, key: str) -> bool:
    """Whether the text has a list under ``key`` anywhere: a quick test before it is parsed."""
    return re.search(rf'"{key}"\s*:\s*\[', text) is not None


def elements(text: str) -> Iterator[tuple[str, Any, Span]]:
    """(key, element, span of the element in the text) of ``{key: [element, ...], ...}``.

    One element is parsed at a time, so that the memory of a large file is bounded. A value that is
    not a list counts as one element. A document that is a list has its elements under the key "".
    Raises InvalidInput as ``read_json`` does.

    >>> [(key, element) for key, element, _ in elements('{"a": [1, {}], "b": 2}')]
    [('a', 1), ('a', {}), ('b', 2)]
    >>> [(key, element) for key, element, _ in elements("[1, 2]")]
    [('', 1), ('', 2)]
    """
    try:
        yield from _listed(text) if is_list(text) else _members(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"not readable as JSON ({error}); export it again.") from error


def utf_8(element: Any, text: str, span: Span, max_values: int = MAX_JSON_VALUES) -> Any:
    """An element of a text that is decoded as latin-1, with its own text decoded as UTF-8."""
    part = text[span[0] : span[1]]
    return element if part.isascii() else parse_json(part.encode("latin-1"), max_values)


def is_list(text: str) -> bool:
    """Whether the document of a text is a list."""
    return text[(at := _blanks(text, 0)) : at + 1] == "["


def _listed(text: str) -> Iterator[tuple[str, Any, Span]]:
    end = yield from _items(text, _blanks(text, 0), "")
    _check_end(text, _blanks(text, end))


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
    _check_end(text, _step(text, at, "}"))


def _check_end(text: str, at: int) -> None:
    if at != len(text):
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
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {twice[:80]!r} occurs twice")
    return members


_DECODER = json.JSONDecoder(object_pairs_hook=_no_key_twice)


@dataclass(frozen=True)
class SetFile:
    """A JSON file of many images, of which parts are read again by their positions.

    ``path`` is the file; ``transcoded`` its content in UTF-8, if the file has another encoding.
    """

    path: Path
    transcoded: bytes | None = None

    def parts(self, spans: Sequence[Span], max_values: int = MAX_JSON_VALUES) -> list[Any]:
        """The parsed elements at these positions, of so many values each at most."""
        try:
            stream: IO[bytes] = (
                self.path.open("rb") if self.transcoded is None else io.BytesIO(self.transcoded)
            )
            with stream:
                return [parse_json(_span(stream, span), max_values) for span in spans]
        except OSError as error:
            raise InvalidInput(f"not readable ({error}).") from error


def _span(stream: IO[bytes], span: Span) -> bytes:
    stream.seek(span[0], os.SEEK_SET)
    return stream.read(span[1] - span[0])


def open_set(path: Path) -> tuple[SetFile, str]:
    """The file, and its text decoded as latin-1, so that positions in it are those of its bytes.

    Files of Windows programs in UTF-16, or with a byte order mark, are read as well.
    """
    raw = read_bytes(path, MAX_SET_BYTES)
    encoding = json.detect_encoding(raw)  # as json.loads does
    if encoding == "utf-8":
        return SetFile(path), raw.decode("latin-1")
    if encoding == "utf-8-sig":  # blanks in place of the mark keep the positions
        return SetFile(path), "   " + raw[3:].decode("latin-1")
    try:
        transcoded = raw.decode(encoding).encode("utf-8")
    except UnicodeError as error:
        raise InvalidInput(f"not readable as JSON in {encoding} ({error}).") from error
    return SetFile(path, transcoded), transcoded.decode("latin-1")
