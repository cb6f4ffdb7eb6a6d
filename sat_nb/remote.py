"""Files at addresses, such as ``s3://bucket/photos``, read through fsspec where they are needed."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import unquote

from sat_nb.errors import FileMissing, InvalidInput, SatError
from sat_nb.limits import LIMITS, beyond
from sat_nb.reading import reason_of
from sat_nb.temporary import temporary_folder

KEPT_FILES = 64
"""Contents that a process keeps, as a photo is read twice: to be explained, and for its hash."""

KEPT_BYTES = 2**22
"""A larger content is not kept."""

CHANGES = ("etag", "lastmodified", "mtime", "created", "md5", "generation", "versionid")
"""What file systems say of a file that changes with it: as they spell it, without _ and -."""


def is_address(path: object) -> bool:
    """Whether a path is an address of fsspec.

    >>> is_address("s3://bucket/photos"), is_address("C:/photos"), is_address(Path("a"))
    (True, False, False)
    """
    return isinstance(path, str) and re.match(r"[A-Za-z][\w+.-]+(::.+)?://", path) is not None


def here(path: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """The path; of an address of this machine, ``file:///photos``, the plain one.

    >>> here("file:///photos/a%20b"), here("s3://bucket")
    ('/photos/a%20b', 's3://bucket')
    """
    if isinstance(path, str) and re.match(r"(file|local)://", path):
        return path.partition("://")[2]
    return path


def files_at(address: str) -> dict[str, str]:
    """{path relative to the address: address of the file}, sorted; of one file, its name.

    FileMissing where nothing is there, and InvalidInput where nobody can look.
    """
    with _reading(address):
        system, root = file_system(address)
        # a server gives a page for a folder, too: what has an ending is a file
        if PurePosixPath(root).suffix and not address.endswith("/") and system.isfile(root):
            return {_name(address, PurePosixPath(root).name): address}
        found = {path: system.unstrip_protocol(path) for path in sorted(system.find(root))}
    if not found:
        raise FileMissing(f"path: {address!r} does not exist, or is empty; give an existing one.")
    start = root.rstrip("/")
    return {
        _name(address, path.removeprefix(start).lstrip("/")): where for path, where in found.items()
    }


def _name(address: str, path: str) -> str:
    """A path as people write it: on the web, blanks and others are codes."""
    return unquote(path) if address.startswith(("http://", "https://")) else path


def file_system(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it; InvalidInput for a missing package."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise InvalidInput(
            f"{address!r} is an address, which fsspec reads; run `pip install 'sat-nb[remote]'`, "
            "or give the path of a file or folder."
        ) from error
    if "::" in address:
        raise InvalidInput(f"{address!r} is a chain of addresses; give a plain one.")
    try:
        return url_to_fs(address)
    except (ImportError, ValueError) as error:
        remedy = "; install it beside sat-nb" if isinstance(error, ImportError) else ""
        raise InvalidInput(f"{address!r}: cannot be read ({reason_of(error)}){remedy}.") from error


@contextmanager
def copied(address: str) -> Iterator[Path]:
    """Yield a copy of a file of this machine, under its name, which lasts for the block."""
    with temporary_folder() as folder:
        file = Path(folder, PurePosixPath(address).name or "file")
        file.write_bytes(content(address))
        yield file


def content(address: str) -> bytes:
    """The bytes of a file."""
    seen = changes(address)
    return _fetched(address) if seen is None else _content(address, seen)


def sha256(address: str) -> str:
    """The hash of the bytes of a file."""
    seen = changes(address)
    return hashlib.sha256(_fetched(address)).hexdigest() if seen is None else _sha256(address, seen)


def changes(address: str) -> tuple[tuple[str, str], ...] | None:
    """What changes when the file does; None where its file system does not say."""
    with _reading(address):
        system, path = file_system(address)
        about = system.info(path)
    plain = {re.sub("[_-]", "", str(key)).lower(): str(value) for key, value in about.items()}
    said = tuple((key, plain[key]) for key in CHANGES if plain.get(key, "None") != "None")
    return (*said, ("size", plain.get("size", ""))) if said else None


@lru_cache(maxsize=KEPT_FILES)
def _kept(address: str, seen: Any) -> list[bytes]:
    """A place for a content that is small enough."""
    return []


def _content(address: str, seen: Any) -> bytes:
    kept = _kept(address, seen)
    if kept:
        return kept[0]
    found = _fetched(address)
    if len(found) <= KEPT_BYTES:
        kept.append(found)
    return found


@lru_cache(maxsize=2**14)
def _sha256(address: str, seen: Any) -> str:
    return hashlib.sha256(_content(address, seen)).hexdigest()


def _fetched(address: str) -> bytes:
    with _reading(address):
        system, path = file_system(address)
        most = LIMITS["volume_bytes"]
        with system.open(path, "rb") as stream:
            found: bytes = stream.read(most + 1)
    if len(found) > most:
        raise InvalidInput(
            f"{address}: more than {most} bytes; {beyond('volume_bytes', 2 * most)}."
        )
    return found


@contextmanager
def opened(address: str) -> Iterator[BinaryIO]:
    """Open a file to read parts of it."""
    with _reading(address):
        system, path = file_system(address)
        with system.open(path, "rb") as stream:
            yield stream


@contextmanager
def _reading(address: str) -> Iterator[None]:
    """Turn what a file system raises into our errors, which name the address."""
    try:
        yield
    except SatError:
        raise
    except FileNotFoundError as error:
        raise FileMissing(f"{address!r} does not exist; give an existing address.") from error
    except Exception as error:  # each file system has errors of its own
        raise InvalidInput(
            f"{address!r}: cannot be read ({reason_of(error)}); look whether the address and what "
            "it needs to be read, such as credentials, are right where this is run."
        ) from error
