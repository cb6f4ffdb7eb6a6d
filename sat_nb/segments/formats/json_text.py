"""JSON from anywhere, read within limits: whole, or element by element."""

from __future__ import annotations

import json
import mmap
import os
import re
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from reprlib import repr as brief
from typing import Any

from sat_nb.errors import InvalidInput
from sat_nb.limits import LIMITS, beyond
from sat_nb.reading import open_plain
from sat_nb.segments.formats.file_text import Text, has_member

Span = tuple[int, int]

_BLANKS = re.compile(r"[ \t\r\n]*")


def read_json(file: Path) -> Any:
    """The document of a file; InvalidInput (without the file's name) where it is not strict JSON.

    Refused are keys that occur twice (parsers disagree on which one counts), nesting deeper than
    Python's stack, files larger than LIMITS["json_bytes"], and files with more than
    LIMITS["json_values"] values: small values take twenty times their bytes once they are parsed.
    NaN and infinities, which JSON does not have but tools write, are read: readers check the
    numbers that they use.
    """
    return parse_json(_without_photo(file))


def read_bytes(file: Path, limit: int, name: str = "") -> bytes:
    """The content of a plain file of at most ``limit`` bytes; ``name`` is that of the limit."""
    try:
        with open_plain(file) as stream:
            size = os.fstat(stream.fileno()).st_size
            content = b"" if size > limit else stream.read(size + 1)
    except OSError as error:
        raise InvalidInput(f"not readable ({error}).") from error
    if size > limit:
        raise too_large(size, limit, name)
    return content


def too_large(size: int, limit: int, name: str) -> InvalidInput:
    """The error for a file of more bytes than a limit, whose ``name`` tells how to raise it."""
    raisable = beyond(name, size) if name else f"the limit is {limit}"
    return InvalidInput(
        f"has {size} bytes; export fewer objects, or one file an image, and leave photos out of it "
        f"(in LabelMe: without Save With Image Data); {raisable}."
    )


def _without_photo(file: Path) -> bytes:
    """The content of a file; of a large one, without most of ``imageData``, a photo in base64.

    The first KEPT_OF_PHOTO bytes of it are kept, as they tell the photo's size.
    """
    try:
        if not LIMITS["json_bytes"] < file.stat().st_size <= LIMITS["set_bytes"]:
            return read_bytes(file, LIMITS["json_bytes"], "json_bytes")
        with (
            open_plain(file) as stream,
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
    if n_left > LIMITS["json_bytes"]:
        raise too_large(n_left, LIMITS["json_bytes"], "json_bytes")
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


def parse_json(raw: bytes, times: int = 1) -> Any:
    """As ``read_json``, from bytes, of ``times`` as many values.

    >>> parse_json(b'{"a": [1, 2]}')
    {'a': [1, 2]}
    """
    _check_values(raw, times)
    try:
        return json.loads(raw, object_pairs_hook=_no_key_twice)
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"not readable as JSON: it is not text in UTF-8 ({error}); save it again in UTF-8."
        ) from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"not readable as JSON ({error}); export it again.") from error


def _check_values(raw: bytes, times: int) -> None:
    """InvalidInput where bytes may hold too many values."""
    most = times * LIMITS["json_values"]
    n_values = sum(map(raw.count, (b",", b"[", b"{"))) if len(raw) > most else 0
    if n_values > most:
        raise _too_many(n_values, times)


def _too_many(n_values: int, times: int) -> InvalidInput:
    return InvalidInput(
        f"holds more than {times * LIMITS['json_values']} values; export fewer objects, or one "
        f"file an image; {beyond('json_values', -(-n_values // times))}."
    )


def has_list(text: Text, key: str) -> bool:
    """Whether the text has a list under ``key`` anywhere: a quick test before it is parsed."""
    return has_member(text, key, "[")


def elements(text: Text, times: int = 1) -> Iterator[tuple[str, Any, Span]]:
    """(key, element, span of the element in the text) of ``{key: [element, ...], ...}``.

    One element is parsed at a time, so that the memory of a large file is bounded. A value that is
    not a list counts as one element. A document that is a list has its elements under the key "".
    Raises InvalidInput as ``read_json`` does, with ``times`` as many values in an element, and for
    more than LIMITS["set_items"] elements.

    >>> [(key, element) for key, element, _ in elements('{"a": [1, {}], "b": 2}')]
    [('a', 1), ('a', {}), ('b', 2)]
    >>> [(key, element) for key, element, _ in elements("[1, 2]")]
    [('', 1), ('', 2)]
    """
    parts = _Parts(text, times)
    found = _listed(parts) if is_list(text) else _members(parts)
    try:
        n_before = 0
        for element in found:
            if element[0] != "annotations":
                check_items(n_before)
                n_before += 1
            yield element
    except InvalidInput:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"not readable as JSON ({error}); export it again.") from error


def check_items(n_before: int) -> None:
    """InvalidInput for one more item where there are as many as a set may have."""
    if n_before >= LIMITS["set_items"]:
        raise InvalidInput(
            f"holds more than {n_before} images and categories; split it; "
            f"{beyond('set_items', 2 * n_before)}."
        )


def utf_8(element: Any, text: Text, span: Span, times: int = 1) -> Any:
    """An element of a text that is decoded as latin-1, with its own text decoded as UTF-8."""
    part = text[span[0] : span[1]]
    return element if part.isascii() else parse_json(part.encode("latin-1"), times)


def is_list(text: Text) -> bool:
    """Whether the document of a text is a list."""
    return text[(at := _blanks(text, 0)) : at + 1] == "["


class _Parts:
    """A text of which values are decoded within parts that hold a bounded number of values.

    Small values take twenty times their bytes once they are parsed, and how long one is turns out
    only then. Most values lie within one part; a part is made longer where one does not.
    """

    def __init__(self, text: Text, times: int) -> None:
        self.text, self._times = text, times
        self._most = times * LIMITS["json_values"]
        self._start, self._part = 0, text[: self._most]

    def decode(self, at: int) -> tuple[Any, int]:
        """The value that begins at a position, and where it ends."""
        if not self._start <= at < self._start + len(self._part):
            self._take(at, self._most)
        while True:
            end_of_part = self._start + len(self._part)
            is_last = end_of_part == len(self.text)
            try:
                value, end = _DECODER.raw_decode(self._part, at - self._start)
                if is_last or self._start + end < end_of_part:  # else a number may be cut
                    return value, self._start + end
            except ValueError:
                if is_last:
                    raise
            self._lengthen(at)

    def _lengthen(self, at: int) -> None:
        """Take a part that begins with the value, or a longer one if it does so already."""
        if at > self._start:
            self._take(at, self._most)
            return
        length = len(self._part)
        self._take(at, 2 * length)
        if len(self._part) <= length:
            raise _too_many(2 * self._most, self._times)

    def _take(self, start: int, length: int) -> None:
        end = self._within_values(start, min(start + length, len(self.text)))
        self._start, self._part = start, self.text[start:end]

    def _within_values(self, start: int, end: int) -> int:
        """The end of a part, or an earlier one, before which there are not too many values."""
        n_values = 0
        for block in range(start, end if end - start > self._most else start, BLOCK):
            after = min(block + BLOCK, end)
            n_values += sum(self.text.count(mark, block, after) for mark in ",[{")
            if n_values > self._most:
                return block
        return end


BLOCK = 2**16


def _listed(parts: _Parts) -> Iterator[tuple[str, Any, Span]]:
    text = parts.text
    end = yield from _items(parts, _blanks(text, 0), "")
    _check_end(text, _blanks(text, end))


def _members(parts: _Parts) -> Iterator[tuple[str, Any, Span]]:
    seen: set[str] = set()
    text = parts.text
    at = _step(text, 0, "{")
    while text[at : at + 1] != "}":
        if seen:
            at = _step(text, at, ",")
        key, at = parts.decode(at)
        if not isinstance(key, str) or key in seen:
            raise ValueError(f"expected each key once, as text, got {brief(key)}")
        seen.add(key)
        at = _step(text, at, ":")
        at = _blanks(text, (yield from _items(parts, at, key)))
    _check_end(text, _step(text, at, "}"))


def _check_end(text: Text, at: int) -> None:
    if at != len(text):
        raise ValueError("text after the end of the document")


def _items(parts: _Parts, at: int, key: str) -> Generator[tuple[str, Any, Span], None, int]:
    text = parts.text
    if text[at : at + 1] != "[":
        value, end = parts.decode(at)
        yield key, value, (at, end)
        return end
    at, first = _step(text, at, "["), True
    while text[at : at + 1] != "]":
        if not first:
            at = _step(text, at, ",")
        value, end = parts.decode(at)
        yield key, value, (at, end)
        at, first = _blanks(text, end), False
    return at + 1


def _step(text: Text, at: int, character: str) -> int:
    """The position after blanks, the required character, and blanks."""
    at = _blanks(text, at)
    if text[at : at + 1] != character:
        raise ValueError(f"expected {character!r} at character {at}")
    return _blanks(text, at + 1)


def _blanks(text: Text, at: int) -> int:
    while True:
        part = text[at : at + MOST_BLANKS]
        n_blanks = _BLANKS.match(part).end()  # type: ignore[union-attr]  # it matches "" as well
        at += n_blanks
        if n_blanks < MOST_BLANKS:
            return at


MOST_BLANKS = 64
"""Blanks that are looked at together."""


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {twice[:80]!r} occurs twice")
    return members


_DECODER = json.JSONDecoder(object_pairs_hook=_no_key_twice)
