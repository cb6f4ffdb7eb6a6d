"""Where maps are kept: one chunk a method, image and fingerprint, in memory or as whole files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from sat_nb.files import written_whole
from sat_nb.reading import check_inside, open_plain, readable
from sat_nb.saliency.store.codec import (
    MAX_BYTES,
    MAX_LINE_BYTES,
    Chunk,
    Header,
    decode,
    encode,
    read_header,
)


@dataclass(frozen=True)
class Key:
    """What identifies a chunk; the fingerprint is a hash of all that decides its content."""

    method: str
    image_id: str
    fingerprint: str


@dataclass(frozen=True)
class Total:
    """How many chunks there are, and their size in bytes."""

    n_maps: int
    n_bytes: int


class Chunks(Protocol):
    """What a store needs of the place where its maps are kept."""

    def has(self, key: Key) -> bool:
        """Whether the chunk is there."""

    def get(self, key: Key, *, shape: Sequence[int] | None = None) -> Chunk:
        """The chunk; ``shape`` is that of the model's input, if it is known."""

    def header(self, key: Key) -> Header:
        """The chunk's header; its arrays are not read."""

    def n_bytes(self, key: Key) -> int:
        """The chunk's size as it is kept."""

    def put(self, key: Key, chunk: Chunk, *, dtype: str = "float32") -> None:
        """Keep the chunk, floating-point arrays as ``dtype``."""

    def total(self) -> Total:
        """All chunks here, of any run."""


class MemoryChunks:
    """Chunks in memory, compressed as in files.

    >>> import numpy as np
    >>> chunks, key = MemoryChunks(), Key("gradient", "zebra/3", "1f")
    >>> chunks.put(key, Chunk(np.ones((2, 2, 3), np.float32)))
    >>> chunks.has(key), chunks.get(key).attribution.sum().item()
    (True, 12.0)
    """

    def __init__(self) -> None:
        self._data: dict[Key, bytes] = {}

    def has(self, key: Key) -> bool:
        """Whether the chunk is there."""
        return key in self._data

    def get(self, key: Key, *, shape: Sequence[int] | None = None) -> Chunk:
        """The chunk; ``shape`` is that of the model's input, if it is known."""
        return decode(self._data[key], shape=shape)

    def header(self, key: Key) -> Header:
        """The chunk's header; its arrays are not read."""
        return read_header(self._data[key].partition(b"\n")[0])

    def n_bytes(self, key: Key) -> int:
        """The chunk's size as it is kept."""
        return len(self._data[key])

    def put(self, key: Key, chunk: Chunk, *, dtype: str = "float32") -> None:
        """Keep the chunk, floating-point arrays as ``dtype``."""
        self._data[key] = encode(chunk, dtype=dtype)

    def total(self) -> Total:
        """All chunks here."""
        return Total(len(self._data), sum(map(len, self._data.values())))


class PassingChunks(MemoryChunks):
    """Chunks in memory as they were computed: those of one batch, which are read once."""

    def __init__(self) -> None:
        super().__init__()
        self._chunks: dict[Key, Chunk] = {}

    def has(self, key: Key) -> bool:
        """Whether the chunk is there."""
        return key in self._chunks or super().has(key)

    def get(self, key: Key, *, shape: Sequence[int] | None = None) -> Chunk:
        """The chunk."""
        return self._chunks[key] if key in self._chunks else super().get(key, shape=shape)

    def put(self, key: Key, chunk: Chunk, *, dtype: str = "float32") -> None:
        """Keep the chunk; one whose values are rounded goes the way of files."""
        if dtype == "float32":
            self._chunks[key] = chunk
        else:
            super().put(key, chunk, dtype=dtype)


class FolderChunks:
    """Chunks as files ``maps/<method>/<image>-<fingerprint>.map`` of a folder.

    A file is written whole or not at all. What decides its content is in its name, so another
    parameter, target, model or photo makes another file, and no file is ever overwritten.
    """

    def __init__(self, path: Path) -> None:
        self.path: Path = path

    def has(self, key: Key) -> bool:
        """Whether the chunk is there."""
        with self._readable(key):
            return self.file(key).exists()

    def get(self, key: Key, *, shape: Sequence[int] | None = None) -> Chunk:
        """The chunk; ``shape`` is that of the model's input, if it is known."""
        with self._readable(key), self._opened(key) as stream:
            line = stream.readline(MAX_LINE_BYTES + 2)
            _check_about(read_header(line).about, key)
            return decode(line + stream.read(MAX_BYTES), shape=shape)

    def header(self, key: Key) -> Header:
        """The chunk's header; its arrays are not read."""
        with self._readable(key), self._opened(key) as stream:
            header = read_header(stream.readline(MAX_LINE_BYTES + 2))
            _check_about(header.about, key)
            return header

    def n_bytes(self, key: Key) -> int:
        """The chunk's size as it is kept."""
        with self._readable(key):
            return self.file(key).stat().st_size

    def put(self, key: Key, chunk: Chunk, *, dtype: str = "float32") -> None:
        """Keep the chunk, floating-point arrays as ``dtype``; CannotWrite where that fails."""
        file = self.file(key)
        check_inside(file.parent, self.path)
        write_file(file, encode(chunk, dtype=dtype, about=asdict(key)))

    def total(self) -> Total:
        """All chunks here, of any run."""
        with readable("an attribution store", "allow it to be read", file=self.path):
            found = [os.lstat(file) for file in self.path.glob("maps/*/[!.]*.map")]
        return Total(len(found), sum(one.st_size for one in found))

    def file(self, key: Key) -> Path:
        """The chunk's file, whether it exists or not."""
        name = f"{file_name(key.image_id)}-{key.fingerprint[:16]}.map"
        return self.path / "maps" / _quoted(key.method) / name

    def _opened(self, key: Key) -> BinaryIO:
        file = self.file(key)
        check_inside(file, self.path)
        return open_plain(file)

    def _readable(self, key: Key) -> AbstractContextManager[None]:
        return readable(
            f"the {key.method!r} map of image {key.image_id!r}",
            "delete the file and call explain again, which computes the map again",
            file=self.file(key),
        )


def write_file(file: Path, content: bytes) -> None:
    """Write a file of a store whole or not at all; CannotWrite says why and what to do."""
    with written_whole(file, "out") as part:
        part.write_bytes(content)


def file_name(image_id: str) -> str:
    """A name that any file system accepts, for any id: its readable start, and a hash.

    The hash separates ids that differ only in case or after 60 characters, and makes sure that no
    name is one that a system reserves ("CON", ".."). No character has a meaning for glob.

    >>> file_name("a/b").startswith("a%2Fb-")
    True
    """
    return f"{_quoted(image_id)[:60]}-{text_sha256(image_id)[:16]}"


def text_sha256(text: str) -> str:
    """A hash of any text, also of file names that are not valid Unicode."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _quoted(name: str) -> str:
    quoted = quote(name, safe="", errors="surrogatepass")
    return "%2E" + quoted[1:] if quoted.startswith(".") else quoted


def _check_about(about: Mapping[str, Any], key: Key) -> None:
    """ValueError where a file says of itself that it is another map."""
    for name, expected in asdict(key).items():
        if about.get(name, expected) != expected:
            raise ValueError(f"it is one of {name} {about[name]!r:.100}")


def array_sha256(array: NDArray[Any]) -> str:
    """A hash of the array's shape and bytes."""
    shape = repr(array.shape).encode()
    return hashlib.sha256(shape + np.ascontiguousarray(array).tobytes()).hexdigest()
