"""Temporary files: those that become a written file, those of killed runs, those nobody keeps."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TypeVar

from sat_nb.errors import CannotWrite

T = TypeVar("T")

FOREIGN_SECONDS = 24 * 3600
"""The age at which a temporary file of another machine counts as left behind."""

# ".part-MACHINE-PID-RANDOM.suffix"; machine and process are missing in names of early versions.
_PART = re.compile(r"\.part-(?:([0-9a-f]{8})-(\d{1,10})-)?[a-z0-9_]{8}(?:\..*)?", re.DOTALL)
_next_look: dict[Path, float] = {}


def new_part(path: Path) -> Path:
    """A new empty file beside ``path``, whose name tells which process writes it."""
    remove_left_behind(path.parent)
    suffix = path.suffix if len(os.fsencode(path.suffix)) <= 32 else ""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=_prefix(), suffix=suffix)
    os.close(handle)
    return Path(name)


def new_part_folder(beside: Path) -> Path:
    """The same as a folder in the folder ``beside``."""
    remove_left_behind(beside)
    return Path(tempfile.mkdtemp(dir=beside, prefix=_prefix()))


def remove_left_behind(folder: Path) -> None:
    """Remove temporary files in a folder whose process was killed.

    Those of running processes stay, and so do recent ones of other machines and containers, whose
    processes cannot be seen from here. A large folder is looked through less often, so that this
    takes a hundredth of the time at most.
    """
    begun = time.monotonic()
    if begun < _next_look.get(folder, begun):
        return
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".part-") and _is_left_behind(entry):
                _remove(entry)
    now = time.monotonic()
    _next_look[folder] = now + 100 * (now - begun)


def _prefix() -> str:
    return f".part-{_machine()}-{os.getpid()}-"


@functools.cache
def _machine() -> str:
    """A name for everything within which process numbers are unique: this boot, this container."""
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        parts.append(str(os.stat("/proc/self/ns/pid").st_ino))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:8]


def _is_left_behind(entry: os.DirEntry[str]) -> bool:
    found = _PART.fullmatch(entry.name)
    if found is None:
        return False
    if found[1] == _machine() and os.name == "posix":
        return not _runs(int(found[2]))
    return time.time() - entry.stat(follow_symlinks=False).st_mtime > FOREIGN_SECONDS


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it belongs to another user
        return True
    with suppress(OSError):  # a killed process that its parent has not asked about yet
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1] not in b"ZX"
    return True


def _remove(entry: os.DirEntry[str]) -> None:
    if entry.is_dir(follow_symlinks=False):
        shutil.rmtree(entry.path, ignore_errors=True)
    else:
        with suppress(OSError):
            os.unlink(entry.path)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder of this user alone that is removed afterwards; CannotWrite where none can be made.

    >>> with temporary_folder() as folder:
    ...     folder.is_dir()
    True
    """
    folder = Path(_made(lambda: tempfile.mkdtemp(prefix="sat_nb-")))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def settle_default(otherwise: str | None = None) -> None:
    """Let ``tempfile`` use memory where no disk can be written to, also in processes started later.

    Matplotlib and TensorFlow cannot be imported where ``tempfile`` finds no folder. ``otherwise``
    is the answer that TensorFlow, which only asks, gets where memory cannot be written to either.
    """
    with suppress(FileNotFoundError):
        tempfile.gettempdir()
        return
    for place in (os.environ.get("XDG_RUNTIME_DIR"), "/dev/shm"):
        if place and os.path.isdir(place) and os.access(place, os.W_OK):
            tempfile.tempdir = os.environ["TMPDIR"] = place
            return
    tempfile.tempdir = otherwise


def temporary_file() -> IO[bytes]:
    """A file without a name that is gone when it is closed; in memory where no folder takes it."""
    try:
        return _made(tempfile.TemporaryFile)
    except CannotWrite:
        if not hasattr(os, "memfd_create"):
            raise
        return os.fdopen(os.memfd_create("sat_nb"), "w+b")


def _made(make: Callable[[], T]) -> T:
    settle_default()
    try:
        return make()
    except OSError as error:
        raise CannotWrite(
            "TMPDIR: no folder for temporary files can be written to; set the environment "
            "variable TMPDIR to one."
        ) from error
