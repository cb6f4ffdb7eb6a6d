"""Files that are written whole or not at all, and the files of a folder by id."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import time
import unicodedata
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sat_nb.errors import CannotWrite, FileMissing, InvalidInput, SatError
from sat_nb.temporary import new_part


@contextmanager
def written_whole(path: str | os.PathLike[str], argument: str = "path") -> Iterator[Path]:
    """Yield a temporary path beside ``path``; move it to ``path`` when the block succeeds.

    An error or an interrupt within the block leaves ``path`` as it was. The content is on the disk
    before it takes its name, so that a power cut leaves the old file or the new one. CannotWrite,
    which names the argument and the file, says why a file cannot be written.
    """
    path = as_path(path, argument)
    with writing(path, argument):
        check_target(path, argument)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = new_part(path)
        try:
            yield part
            part.chmod(0o666 & ~umask())
            flush(part)
            os.replace(part, path)
        finally:
            with suppress(OSError):
                part.unlink()
        flush_folder(path.parent)


@contextmanager
def writing(path: Path, argument: str) -> Iterator[None]:
    """Raise CannotWrite for the OSErrors of a block that writes the file or folder ``path``."""
    try:
        yield
    except SatError:
        raise
    except (OSError, ValueError) as error:
        if not _is_of_writing(error, path):
            raise
        raise cannot_write(path, argument, error) from error


def _is_of_writing(error: OSError | ValueError, path: Path) -> bool:
    """Whether an error is about this path: others are of what was read to write it."""
    if isinstance(error, ValueError):  # "embedded null byte", letters that have no bytes
        return "\0" in str(path) or _as_bytes(path) is None
    named = error.filename
    if not isinstance(named, str):
        return True
    return Path(named) in (path, *path.parents) or Path(named).is_relative_to(path.parent)


def check_target(path: Path, argument: str) -> None:
    """CannotWrite where no file can take this name: said before its content is computed."""
    name = _as_bytes(Path(path.name))
    if name is None or "\0" in str(path):
        raise _refused(path, argument, "no file can have this name", "give another name")
    if len(name) > LONGEST_NAME:
        reason = f"its name has {len(name)} bytes, file systems take {LONGEST_NAME}"
        raise _refused(path, argument, reason, "give a shorter name")
    with writing(path, argument):
        folder, other = path.is_dir(), path.exists() and not path.is_file()
    if folder:
        raise _refused(path, argument, "it is a folder", "give another name, or remove it")
    if other:
        raise _refused(path, argument, "it is a device or a pipe", "give the name of a plain file")


_flushed: dict[Path, float] = {}
LONGEST_NAME = 255
"""Bytes of a file's name that common file systems take."""

_REMEDIES = {
    errno.ENOSPC: "the disk is full: free some space, or give another folder",
    errno.EDQUOT: "your share of the disk is used up: free some space, or give another folder",
    errno.EFBIG: "the system allows no file of this size here: raise the limit (ulimit -f), or "
    "give another folder",
    errno.EROFS: "the disk is read-only: give another folder",
    errno.EACCES: "writing is not allowed there: change that, or give another folder",
    errno.EPERM: "writing is not allowed there: change that, or give another folder",
    errno.ENOTDIR: "a file has the name of a folder on the way: give another folder",
    errno.EEXIST: "a file has the name of a folder on the way: give another folder",
    errno.ENAMETOOLONG: "a name may have 255 bytes, a path 4,096: give a shorter one",
}


def cannot_write(path: Path, argument: str, error: Exception) -> CannotWrite:
    """The error for a file or folder that could not be written: why, and what to do."""
    code = error.errno if isinstance(error, OSError) else None
    # strerror of libraries names the file again, or holds lines of theirs.
    reason = os.strerror(code) if code else str(error) or type(error).__name__
    return _refused(
        path, argument, reason, _REMEDIES.get(code or 0, "give a path that can be written to")
    )


def _refused(path: Path, argument: str, reason: str, remedy: str) -> CannotWrite:
    shown = str(path) if len(str(path)) <= 400 else f"{str(path)[:200]}...{str(path)[-100:]}"
    return CannotWrite(f"{argument}: cannot write {shown!r} ({reason}); {remedy}.")


def _as_bytes(path: Path) -> bytes | None:
    try:
        return os.fsencode(path)
    except UnicodeEncodeError:
        return None


def plain_name(name: str) -> str:
    """A part of a file's name for any text: two texts never share one, on any disk.

    Text of small letters, digits, ``.``, ``-`` and ``_`` is kept. Any other loses what some disks
    cannot tell apart, case included, and gets a hash.

    >>> plain_name("lrp.z"), plain_name("LRP z")
    ('lrp.z', 'lrp_z-5386e1fd')
    """
    plain = re.sub(r"[^a-z0-9._-]", "_", name.lower())[:80]
    if plain == name:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{plain}-{digest[:8]}"


def flush(file: Path) -> None:
    """Wait until a file's content is on the disk."""
    handle = os.open(file, os.O_RDWR)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network disks cannot
            raise
    finally:
        os.close(handle)


def flush_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system offers it.

    At most once a second for a folder: of thousands of small files, the names of the last second
    may be missing after a power cut, but not the half of any file.
    """
    if time.monotonic() < _flushed.get(folder, -1) + 1:
        return
    _flushed[folder] = time.monotonic()
    with suppress(OSError):  # Windows opens no folders, some file systems flush none
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def umask() -> int:
    """The permission bits that this process takes from new files."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def as_path(path: str | os.PathLike[str], argument: str = "path") -> Path:
    """``path`` as a Path; InvalidInput, with the argument, for what is none, and for no text.

    >>> as_path("sat/table.parquet").name
    'table.parquet'
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str) or not text:
        raise InvalidInput(
            f"{argument}: expected the path of a file or folder, as text or a Path, got {path!r}."
        )
    return Path(text)


def existing(path: str | os.PathLike[str], argument: str = "path") -> Path:
    """``path`` as a Path; an error that names the argument where there is no file or folder."""
    path = as_path(path, argument)
    if not os.path.exists(path):  # Path.exists raises where nothing can have the name
        raise FileMissing(
            f"{argument}: {str(path)!r} does not exist; give an existing file or folder."
        )
    if not (path.is_dir() or path.is_file()):
        raise InvalidInput(
            f"{argument}: {str(path)!r} is a pipe or a device; copy its content to a file, and "
            "give that."
        )
    return path


def visible_files(folder: Path, suffixes: Collection[str]) -> Iterator[Path]:
    """The files with these suffixes in a folder and its subfolders; hidden ones are left out."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if os.path.splitext(name)[1].lower() in suffixes and not name.startswith("."):
                file = Path(place, name)
                if file.is_file():
                    yield file


NOT_TEXT = (
    "its name is not valid UTF-8, so no table can hold it; rename it, for instance with "
    "`convmv -f latin1 -t utf8 --notest`"
)


def is_text(name: str) -> bool:
    r"""Whether a name is Unicode; Python holds the other bytes of names as halves of characters.

    >>> is_text("caf\u00e9"), is_text("caf\udce9")
    (True, False)
    """
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def files_by_id(folder: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """{id: file} of a folder and its subfolders, sorted by id.

    The id is the path relative to ``folder``, without its extension, with ``/``, in composed
    Unicode (NFC).
    Hidden files are left out; two files with one id are an error, and so is a name that is no
    text.
    """
    found: dict[str, Path] = {}
    for file in sorted(visible_files(folder, suffixes)):
        relative = file.relative_to(folder).with_suffix("").as_posix()
        if not is_text(relative):
            raise InvalidInput(f"{folder}: {relative!r}: {NOT_TEXT}.")
        file_id = unicodedata.normalize("NFC", relative)
        if file_id in found:
            raise InvalidInput(
                f"{folder}: {found[file_id].name!r} and {file.name!r} both have the id "
                f"{file_id!r}; ids are paths without extension, so rename or move one."
            )
        found[file_id] = file
    return dict(sorted(found.items()))
