"""The text of a large file in UTF-8, of which a part is in memory at a time.

Decoded as latin-1, so that positions in it are those of the file's bytes. It gives what a ``str``
gives to those who ask for slices and counts: a set of gigabytes is read by the same code as one of
kilobytes. (ijson and other streaming parsers do not tell where in a file a value stands.)
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sat_nb.errors import InvalidInput
from sat_nb.limits import LIMITS, beyond
from sat_nb.reading import open_plain

BLOCK = 2**20


@dataclass
class FileText:
    """The text of a file; a mark of the byte order at its begin, ``n_blank`` bytes, is blanks."""

    path: Path
    n_bytes: int
    n_blank: int = 0
    _start: int = field(default=0, init=False)
    _block: str = field(default="", init=False)

    def __len__(self) -> int:
        return self.n_bytes

    def __getitem__(self, part: slice) -> str:
        start, stop, _ = part.indices(self.n_bytes)
        if stop - start > BLOCK:
            return self._read(start, stop)
        if not self._start <= start <= stop <= self._start + len(self._block):
            self._start = start
            self._block = self._read(start, min(start + BLOCK, self.n_bytes))
        return self._block[start - self._start : max(start, stop) - self._start]

    def count(self, character: str, start: int, stop: int) -> int:
        """How often a character stands between two positions."""
        return sum(block.count(character) for block in self.blocks(start, stop))

    def blocks(self, start: int, stop: int, overlap: int = 0) -> Iterator[str]:
        """The text between two positions in parts, each with the end of the one before it."""
        for at in range(start, stop, BLOCK):
            yield self[max(start, at - overlap) : min(at + BLOCK, stop)]

    def _read(self, start: int, stop: int) -> str:
        if stop - start > LIMITS["json_bytes"]:
            needed = stop - start
            raise InvalidInput(
                f"holds a value of many bytes that begins at character {start}; leave it out; "
                f"{beyond('json_bytes', needed)}."
            )
        with open_plain(self.path) as stream:
            stream.seek(start, os.SEEK_SET)
            raw = stream.read(stop - start)
        if len(raw) < stop - start:
            raise InvalidInput("became shorter while it was read; read it again.")
        if b"\0" in raw:  # a file that is all holes takes no disk, and very long
            raise InvalidInput("not readable as JSON (it holds zeros); export it again.")
        blank = max(0, min(self.n_blank, stop) - start)
        return " " * blank + raw[blank:].decode("latin-1")


Text = str | FileText


def has_member(text: Text, key: str, opening: str) -> bool:
    """Whether a text has a value under ``key`` that begins so: a quick test before it is parsed.

    >>> has_member('{"a" : [1]}', "a", "["), has_member('{"a": 1}', "a", "[")
    (True, False)
    """
    pattern = re.compile(rf'"{re.escape(key)}"\s*:\s*{re.escape(opening)}')
    parts = [text] if isinstance(text, str) else text.blocks(0, len(text), overlap=LONGEST_GAP)
    return any(pattern.search(part) for part in parts)


LONGEST_GAP = 4096
"""Characters of a key, and of blanks before its value, that are looked for in a large file."""
