"""A JSON file of many images: opened once to be walked through, and later read at positions."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sat_nb.errors import InvalidInput
from sat_nb.limits import LIMITS
from sat_nb.reading import open_plain
from sat_nb.segments.formats.file_text import FileText, Text
from sat_nb.segments.formats.json_text import Span, parse_json, read_bytes, too_large


@dataclass(frozen=True)
class SetFile:
    """A JSON file of many images, of which parts are read again by their positions.

    ``path`` is the file; ``transcoded`` its content in UTF-8, if the file has another encoding.
    """

    path: Path
    transcoded: bytes | None = None

    def parts(self, spans: Iterable[Span], times: int = 1) -> list[Any]:
        """The parsed elements at these positions, of ``times`` as many values as in other JSON."""
        try:
            stream: IO[bytes] = (
                open_plain(self.path) if self.transcoded is None else io.BytesIO(self.transcoded)
            )
            with stream:
                return [parse_json(_span(stream, span), times) for span in spans]
        except OSError as error:
            raise InvalidInput(f"not readable ({error}).") from error


def _span(stream: IO[bytes], span: Span) -> bytes:
    stream.seek(span[0], os.SEEK_SET)
    return stream.read(span[1] - span[0])


WHOLE_BYTES = 2**26
"""A larger file is read in parts."""

MAX_TRANSCODED = 2**30
"""Bytes of a file in another encoding than UTF-8, which is read whole."""


def open_set(path: Path) -> tuple[SetFile, Text]:
    """The file, and its text decoded as latin-1, so that positions in it are those of its bytes.

    Files of Windows programs in UTF-16, or with a byte order mark, are read as well.
    """
    n_bytes, head = _begin(path)
    encoding = json.detect_encoding(head)  # as json.loads does
    if n_bytes > LIMITS["set_bytes"]:
        raise too_large(n_bytes, LIMITS["set_bytes"], "set_bytes")
    if encoding in BLANK_BYTES and n_bytes > WHOLE_BYTES:
        return SetFile(path), FileText(path, n_bytes, BLANK_BYTES[encoding])
    if n_bytes > MAX_TRANSCODED:
        raise InvalidInput(
            f"has {n_bytes} bytes in {encoding}; save it in UTF-8, which is read in parts."
        )
    raw = read_bytes(path, LIMITS["set_bytes"], "set_bytes")
    if encoding in BLANK_BYTES:
        n_blank = BLANK_BYTES[encoding]
        return SetFile(path), " " * n_blank + raw[n_blank:].decode("latin-1")
    try:
        transcoded = raw.decode(encoding).encode("utf-8")
    except UnicodeError as error:
        raise InvalidInput(f"not readable as JSON in {encoding} ({error}).") from error
    return SetFile(path, transcoded), transcoded.decode("latin-1")


BLANK_BYTES = {"utf-8": 0, "utf-8-sig": 3}
"""Encodings whose positions are those of the file, and the bytes of their mark."""


def _begin(path: Path) -> tuple[int, bytes]:
    """The size of a file, and the bytes that tell its encoding."""
    try:
        with open_plain(path) as stream:
            return os.fstat(stream.fileno()).st_size, stream.read(4)
    except OSError as error:
        raise InvalidInput(f"not readable ({error}).") from error
