"""Files of strangers: only plain ones are opened, and whatever a library raises becomes our error.

Damaged files make libraries raise errors of every kind, down to MemoryError and RecursionError.
"""

from __future__ import annotations

import io
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from reprlib import repr as brief
from typing import Any, BinaryIO
from zipfile import ZipFile, ZipInfo

from sat_nb.errors import InvalidInput, SatError, cut

LONGEST_REASON = 600
"""Characters of what a library says, which may hold half of the file."""


LARGE_READ = 2**16
MAX_JSON_VALUES = 2**21
MAX_JSON_DEPTH = 100
MAX_DIGITS = 300
"""Of a whole number: one that floating point cannot hold has 309."""

MAX_FOOTER = 2**25


@contextmanager
def readable(
    what: str, remedy: str, *, file: str | os.PathLike[str] | None = None
) -> Iterator[None]:
    """Turn whatever a block raises into an InvalidInput; errors of ours pass.

    The message says that the file is not readable as ``what``, why, and the ``remedy``. It begins
    with ``file``, unless the caller adds that, and so does that of an InvalidInput which passes.

    >>> with readable("a table", "write it again", file="a.csv"):
    ...     int("x")
    Traceback (most recent call last):
    sat_nb.errors.InvalidInput: a.csv: not readable as a table (ValueError: invalid literal for \
int() with base 10: 'x'); write it again.
    """
    try:
        yield
    except InvalidInput as error:
        if file is None or str(file) in str(error):
            raise
        raise InvalidInput(f"{cut(str(file), 500)}: {error}") from error
    except SatError:
        raise
    except Exception as error:
        raise unreadable(what, reason_of(error), remedy, file=file) from error


def unreadable(
    what: str, reason: str, remedy: str, *, file: str | os.PathLike[str] | None = None
) -> InvalidInput:
    """The error for a file that is not readable as ``what``."""
    where = "" if file is None else f"{cut(str(file), 500)}: "
    why = cut(reason, LONGEST_REASON)
    return InvalidInput(f"{where}not readable as {what} ({why}); {remedy}.")


def reason_of(error: BaseException) -> str:
    """Why a library gave up, in one line.

    >>> reason_of(MemoryError()), reason_of(KeyError("model"))
    ('it needs more memory than there is', "KeyError: 'model'")
    """
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, OSError) and error.errno and error.strerror:
        return error.strerror
    text = " ".join(str(error)[: 2 * LONGEST_REASON].split()).rstrip(".")
    name = type(error).__name__
    return f"{name}: {text}" if text else name


# --- plain files -------------------------------------------------------------------------------


def check_plain(path: Path) -> Path:
    """The path; InvalidInput, without its name, where it is no plain file. OSError passes."""
    return _checked(path, path.stat().st_mode)


def _checked(path: Path, mode: int) -> Path:
    if stat.S_ISDIR(mode):
        raise InvalidInput("expected a file, got a folder; give the file, or remove the folder.")
    if not stat.S_ISREG(mode):
        raise InvalidInput(
            "expected a plain file, got a pipe or a device; copy its content to a file, and give "
            "that."
        )
    return path


class _Plain(io.BufferedReader):
    """A file of which no more can be read than there is, whatever a damaged length claims.

    Memory is taken for all that is asked for, before a byte is read.
    """

    def read(self, n_bytes: int | None = -1, /) -> bytes:
        """As of any file."""
        if n_bytes is not None and n_bytes > LARGE_READ:
            left = os.fstat(self.fileno()).st_size - self.tell()
            n_bytes = min(n_bytes, max(left, 0))
        return super().read(n_bytes)


def open_plain(path: Path) -> BinaryIO:
    """A plain file, opened for reading; as :func:`check_plain` otherwise, without waiting."""
    check_plain(path)
    # between the two looks it may be replaced: a pipe is opened without waiting for its writer
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    stream = _Plain(io.FileIO(os.open(path, flags)))
    try:
        _checked(path, os.fstat(stream.fileno()).st_mode)
    except BaseException:
        stream.close()
        raise
    return stream


def read_member(archive: ZipFile, member: str | ZipInfo) -> bytes:
    """A member of a zip file, of which no more is unpacked than the size that was checked."""
    info = member if isinstance(member, ZipInfo) else archive.getinfo(member)
    with archive.open(info) as stream:
        return stream.read(info.file_size + 1)


def read_plain(path: Path, max_bytes: int) -> bytes:
    """The content of a plain file of at most ``max_bytes``; InvalidInput without its name."""
    with open_plain(path) as stream:
        content = stream.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise InvalidInput(f"has more than {max_bytes} bytes, which is the limit; split it.")
    return content


def check_parquet_footer(file: Path) -> None:
    """InvalidInput for a Parquet file whose description, which is read whole, is too large."""
    with open_plain(file) as stream:
        stream.seek(max(0, stream.seek(0, 2) - 8))
        end = stream.read(8)
    if end[4:] == b"PAR1" and (n_bytes := int.from_bytes(end[:4], "little")) > MAX_FOOTER:
        raise InvalidInput(
            f"{str(file)!r} has {n_bytes} bytes of metadata, and {MAX_FOOTER} are the limit; write "
            "it again."
        )


def check_inside(file: Path, folder: Path) -> None:
    """InvalidInput for a file that a link or ``..`` leads out of its folder."""
    try:
        inside = file.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError) as error:  # link loops, impossible names
        raise InvalidInput(
            f"{brief(str(file))}: cannot be followed to a file ({error})."
        ) from error
    if not inside:
        raise InvalidInput(
            f"{str(file)!r} leads out of {str(folder)!r}; copy the file into the folder, or give "
            "the folder that it is in."
        )


# --- JSON that this package wrote --------------------------------------------------------------


def plain_json(raw: bytes | str) -> Any:
    """The value of a JSON text, within limits; ValueError otherwise.

    >>> plain_json(b'{"a": [1, 2]}')
    {'a': [1, 2]}
    """
    marks: tuple[Any, ...] = (b",", b"[", b"{") if isinstance(raw, bytes) else (",", "[", "{")
    if len(raw) > MAX_JSON_VALUES and sum(map(raw.count, marks)) > MAX_JSON_VALUES:
        raise ValueError(f"it holds more than {MAX_JSON_VALUES} values")
    try:
        value = json.loads(raw, parse_int=_whole)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if _depth(value) > MAX_JSON_DEPTH:
        raise ValueError("it is nested too deeply")
    return value


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"it holds a number of {len(digits)} digits")
    return int(digits)


def _depth(value: Any) -> int:
    """How deeply lists and objects are nested, up to one more than allowed; without recursion."""
    depth, level = 0, [value]
    while level and depth <= MAX_JSON_DEPTH:
        values = (list(one.values()) if isinstance(one, dict) else one for one in level)
        level = [inner for one in values if isinstance(one, list) for inner in one]
        depth += bool(level)
    return depth
