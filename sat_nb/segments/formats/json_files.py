"""JSON from anywhere: read strictly, below a limit; or walked through, an element at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from sat_nb.errors import InvalidInput
from sat_nb.segments.formats.limits import MAX_JSON_BYTES, MAX_JSON_VALUES

Span = tuple[int, int]

_BLANKS = re.compile(r"[ \t\r\n]*")


def read_json(file: Path) -> Any:
    """The document of a file; InvalidInput (without the file's name) for what is no strict JSON.

    Refused are NaN and infinities, keys that occur twice (readers would differ in what they
    take), nesting deeper than Python's stack, files over MAX_JSON_BYTES, and those that hold more
    than MAX_JSON_VALUES: small values take twenty times their bytes once they are parsed.
    """
    return parse_json(read_bytes(file, MAX_JSON_BYTES))


def read_bytes(file: Path, limit: int) -> bytes:
    """The content of a file of at most ``limit`` bytes."""
    try:
        size = file.stat().st_size
        if size > limit:
            raise InvalidInput(
                f"has {size} bytes, {limit} at most are read; export fewer objects, or a file an "
                "image."
            )
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"not readable ({error}).") from error


def parse_json(raw: bytes) -> Any:
    """As ``read_json``, of bytes.

    >>> parse_json(b'{"a": [1, 2]}')
    {'a': [1, 2]}
    """
    large = len(raw) > MAX_JSON_VALUES
    if large and sum(map(raw.count, (b",", b"[", b"{"))) > MAX_JSON_VALUES:
        raise InvalidInput(
            f"holds more than {MAX_JSON_VALUES} values; export fewer objects, or a file an image."
        )
    try:
        return json.loads(raw, object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"not readable as JSON ({error}); export it again.") from error


def has_list(text: str, key: str) -> bool:
    """Whether somewhere in the text a list stands under ``key``: quick, before it is parsed."""
    return re.search(rf'"{key}"\s*:\s*\[', text) is not None


def elements(text: str) -> Iterator[tuple[str, Any, Span]]:
    """(key, element, its span in the text) of ``{key: [element, ...], ...}``, one at a time.

    A value that is not a list counts as one element. InvalidInput as in ``read_json``.

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
            raise ValueError(f"a key is expected once, as text, got {key!r}")
        seen.add(key)
        at = _step(text, at, ":")
        at = _blanks(text, (yield from _items(text, at, key)))
    if _step(text, at, "}") != len(text):
        raise ValueError("text after the document's end")


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
    """Over blanks, the character that has to come, and blanks."""
    at = _blanks(text, at)
    if text[at : at + 1] != character:
        raise ValueError(f"expected {character!r} at character {at}")
    return _blanks(text, at + 1)


def _blanks(text: str, at: int) -> int:
    return _BLANKS.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing, too


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        twice = next(key for i, (key, _) in enumerate(pairs) if key in dict(pairs[:i]))
        raise ValueError(f"the key {twice[:80]!r} occurs twice")
    return members


def _no_constant(constant: str) -> float:
    raise ValueError(f"{constant} is no number in JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
