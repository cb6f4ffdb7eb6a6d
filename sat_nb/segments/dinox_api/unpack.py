"""The bytes of an answer, unpacked as they arrive, and no more of them than are allowed."""

from __future__ import annotations

import zlib
from typing import Any

PLAIN = ("", "identity")
PACKED = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
ACCEPTED = "gzip, deflate"


class CannotUnpack(Exception):
    """The answer is packed in a way that is not taken, damaged, or larger than allowed."""


class TooLarge(CannotUnpack):
    """The answer is larger than allowed."""


class Answer:
    """An answer whose header names this encoding, of at most ``most`` bytes.

    >>> import gzip
    >>> answer = Answer("gzip", 100)
    >>> answer.add(gzip.compress(b"{}"))
    >>> bytes(answer.content)
    b'{}'
    """

    def __init__(self, encoding: str, most: int) -> None:
        name = encoding.strip().lower()
        if name not in (*PLAIN, *PACKED):  # several would unpack to a million times their bytes
            raise CannotUnpack(
                f"the answer is packed as {encoding[:80]!r}, which was not asked for"
            )
        self._unpacker = zlib.decompressobj(PACKED[name]) if name in PACKED else None
        self._most = most
        self.content = bytearray()

    def add(self, chunk: bytes) -> None:
        """Append what a part of the answer unpacks to."""
        room = self._most - len(self.content) + 1
        self.content += (
            chunk[:room] if self._unpacker is None else _unpacked(self._unpacker, chunk, room)
        )
        if len(self.content) > self._most:
            raise TooLarge(f"the answer has more than {self._most} bytes")


def _unpacked(unpacker: Any, chunk: bytes, room: int) -> bytes:
    try:
        return unpacker.decompress(chunk, room)
    except zlib.error as error:
        raise CannotUnpack(f"the answer is damaged ({error})") from None
