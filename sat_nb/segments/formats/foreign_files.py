"""Which tool a file is of, where no format of masks takes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path
from typing import Any

from sat_nb.errors import InvalidInput
from sat_nb.reading import open_plain
from sat_nb.segments.formats.foreign import FOREIGN, LINES, ForeignFile
from sat_nb.segments.formats.json_text import read_json

HEAD_BYTES = 2**16
N_ASKED = 20
"""Files of a folder that are asked what they are."""


def tool_of(name: str, content: Any) -> ForeignFile | None:
    """The kind of a file of this name and content, if it is known.

    >>> tool_of("a.xml", "<annotations><version>1.1</version><image id='0'>").name
    'cvat'
    """
    for known in FOREIGN.values():
        if _matches(name, known.files) and known.is_of(content):
            return known
    return None


def read_document(file: Path) -> Any:
    """As ``read_json``; where a file holds JSON lines, the error names the tool that wrote them."""
    try:
        return read_json(file)
    except InvalidInput as error:
        known = tool_of(file.name, _head(file))
        raise (not_known(known) if known else error) from error


def not_known(known: ForeignFile | None, otherwise: str = "") -> InvalidInput:
    """The error for a document in no format; it names the tool, or else says ``otherwise``."""
    tells = f", but of {known.says()}." if known else f"; {otherwise}"
    return InvalidInput(f"not an export of a known mask format{tells}")


def foreign_in(root: Path) -> tuple[Path, ForeignFile] | None:
    """The first file of a folder, or the file, that is of a known kind; some files are asked."""
    files = [root] if root.is_file() else sorted(islice(_foreign_files(root), N_ASKED))
    for file in files:
        known = tool_of(file.name, _content(file))
        if known:
            return file, known
    return None


def _foreign_files(root: Path) -> Iterator[Path]:
    patterns = {pattern for known in FOREIGN.values() for pattern in known.files}
    for file in root.rglob("*"):
        hidden = any(part.startswith(".") for part in file.relative_to(root).parts)
        if not hidden and _matches(file.name, patterns) and file.is_file():
            yield file


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch(name.lower(), pattern) for pattern in patterns)


def _content(file: Path) -> Any:
    """What entries look at."""
    if file.suffix.lower() == ".json":
        with suppress(InvalidInput):
            return read_json(file)
    return _head(file)


def _head(file: Path) -> Any:
    """The first characters of a file, or the first document of JSON lines; "" if not readable."""
    try:
        with open_plain(file) as stream:
            raw = stream.read(HEAD_BYTES)
        text = raw.decode(json.detect_encoding(raw), errors="replace")
        lines = text.splitlines()
        return [json.loads(lines[0])] if lines and _matches(file.name, LINES) else text
    except (OSError, ValueError, RecursionError):
        return ""
