"""Files that are written whole or not at all, and folders read by id."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from sat_nb.errors import FileMissing, InvalidInput


@contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside ``path`` and move it there when the block ends well.

    An error or an interrupt inside the block leaves ``path`` as it was.
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
    """The permissions that new files of this process lack."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def existing(path: str | os.PathLike[str], argument: str = "path") -> Path:
    """``path`` as a Path, or FileMissing that names the argument."""
    path = Path(path)
    if not path.exists():
        raise FileMissing(
            f"{argument}: {str(path)!r} does not exist; give an existing file or folder."
        )
    return path


def files_by_id(folder: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """{id: file} of a folder and its subfolders, sorted by id.

    The id is the path relative to ``folder``, without its extension, with ``/``.
    Hidden files are left out; two files with one id are an error.
    """
    found: dict[str, Path] = {}
    for file in sorted(folder.rglob("*")):
        relative = file.relative_to(folder)
        hidden = any(part.startswith(".") for part in relative.parts)
        if hidden or file.suffix.lower() not in suffixes or not file.is_file():
            continue
        file_id = relative.with_suffix("").as_posix()
        if file_id in found:
            raise InvalidInput(
                f"{folder}: {found[file_id].name!r} and {file.name!r} both have the id "
                f"{file_id!r}; ids are paths without extension, so rename or move one."
            )
        found[file_id] = file
    return dict(sorted(found.items()))
