"""Files that are written whole or not at all, and the files of a folder by id."""

from __future__ import annotations

import os
import tempfile
import unicodedata
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from sat_nb.errors import FileMissing, InvalidInput


@contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; move it to ``path`` when the block succeeds.

    An error or an interrupt within the block leaves ``path`` as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-", suffix=path.suffix)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(0o666 & ~umask())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def umask() -> int:
    """The permission bits that this process takes from new files."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def existing(path: str | os.PathLike[str], argument: str = "path") -> Path:
    """``path`` as a Path; FileMissing that names the argument where there is nothing."""
    path = Path(path)
    if not path.exists():
        raise FileMissing(
            f"{argument}: {str(path)!r} does not exist; give an existing file or folder."
        )
    return path


def visible_files(folder: Path, suffixes: Collection[str]) -> Iterator[Path]:
    """The files with these suffixes in a folder and its subfolders; hidden ones are left out."""
    for file in folder.rglob("*"):
        if file.suffix.lower() in suffixes and file.is_file():
            parts = file.relative_to(folder).parts
            if not any(part.startswith(".") for part in parts):
                yield file


def files_by_id(folder: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """{id: file} of a folder and its subfolders, sorted by id.

    The id is the path relative to ``folder``, without its extension, with ``/``, in composed
    Unicode (NFC).
    Hidden files are left out; two files with one id are an error.
    """
    found: dict[str, Path] = {}
    for file in sorted(visible_files(folder, suffixes)):
        relative = file.relative_to(folder).with_suffix("").as_posix()
        file_id = unicodedata.normalize("NFC", relative)
        if file_id in found:
            raise InvalidInput(
                f"{folder}: {found[file_id].name!r} and {file.name!r} both have the id "
                f"{file_id!r}; ids are paths without extension, so rename or move one."
            )
        found[file_id] = file
    return dict(sorted(found.items()))
