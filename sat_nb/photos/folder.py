"""What a folder holds: the photos by id, and the files that were left out, each with the reason."""

from __future__ import annotations

import os
import unicodedata
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from sat_nb.errors import InvalidInput
from sat_nb.files import NOT_TEXT, existing, is_text
from sat_nb.photos import suffixes
from sat_nb.photos.formats import (
    PHOTO_FORMATS,
    PhotoFile,
    RemotePhoto,
    head_of,
    photo_files,
    remote_photos,
)
from sat_nb.remote import files_at, here, is_address

N_NAMED = 3
"""Files that a warning names."""

BESIDE_PHOTOS = suffixes.endings(
    ".csv .db .h5 .hdf5 .html .ini .ipynb .json .jsonl .log .md .mat .mov .mp4 .npy .npz .parquet "
    ".pdf .pkl .pt .pth .py .svg .toml .tsv .txt .xlsx .xml .yaml .yml .zip"
)
"""Endings of files that are no photos and are not opened to see."""

PICTURE_HEADS = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG": "PNG",
    b"GIF8": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}


@dataclass
class Folder:
    """What a folder holds.

    ``photos`` : {image_id: photo}, sorted.
    ``left_out`` : {path relative to the folder: why it was left out}.
    ``suspects`` : those of ``left_out`` that look like photos.
    """

    photos: dict[str, PhotoFile | RemotePhoto] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    suspects: list[str] = field(default_factory=list)

    def leave_out(self, name: str, why: str, *, suspect: bool = False) -> None:
        """Note a file that is no photo, or that cannot be read."""
        self.left_out[name] = why
        if suspect:
            self.suspects.append(name)


def find_photos(path: str | os.PathLike[str], argument: str = "path") -> Folder:
    """The photos of a folder and its subfolders, or of one file.

    Hidden files and folders are left out; a warning names other files that look like photos.
    Without any photo, or where nothing is there, it is an error.
    """
    path = here(path)
    if is_address(path):
        root: Path | str = str(path)
        found = _read_address(str(path))
    else:
        root = existing(path, argument)
        found = _one_file(root) if root.is_file() else _read_folder(root)
    if not found.photos:
        raise InvalidInput(f"{argument}: {_no_photo(root, found)}")
    _warn_of(found, root)
    return found


def _read_address(address: str) -> Folder:
    """What is at an address; files whose name says nothing are not fetched to look."""
    found = Folder()
    for name, where in files_at(address).items():
        why, suspect = _refused_name(name) or ("no photo", False)
        try:
            photos = [] if why else remote_photos(where)
        except InvalidInput as error:
            why, suspect, photos = str(error).rstrip("."), True, []
        if why:
            found.leave_out(name, why, suspect=suspect)
        for photo in photos:
            _add(found.photos, image_id_of(name, photo.part, len(photos)), photo, address)
    found.photos = dict(sorted(found.photos.items()))
    return found


def _one_file(file: Path) -> Folder:
    if not is_text(file.name):
        raise InvalidInput(f"{file}: {NOT_TEXT}.")
    try:
        photos = photo_files(file)
    except InvalidInput as error:
        raise InvalidInput(f"{file}: {str(error).rstrip('.')}.") from error
    return Folder({image_id_of(file.name, one.part, len(photos)): one for one in photos})


def _no_photo(root: Path | str, found: Folder) -> str:
    reasons = [f"{name!r} ({found.left_out[name]})" for name in found.suspects[:N_NAMED]]
    left_out = f" Left out: {'; '.join(reasons)}." if reasons else ""
    return (
        f"no photo in {str(root)!r}; expected files that end with .jpg, .png, .tif or another "
        f"ending of photos.{left_out}"
    )


def _read_folder(root: Path) -> Folder:
    found = Folder()
    for name, file in _walk(root, found):
        why, suspect = _refusal(file) if is_text(name) else (NOT_TEXT, True)
        try:
            photos = [] if why else photo_files(file)
        except InvalidInput as error:
            why, suspect, photos = str(error).rstrip("."), True, []
        if why:
            found.leave_out(name, why, suspect=suspect)
        for photo in photos:
            _add(found.photos, image_id_of(name, photo.part, len(photos)), photo, root)
    found.photos = dict(sorted(found.photos.items()))
    return found


def image_id_of(name: str, part: int | None = None, n_parts: int = 1) -> str:
    """The id of a file's photo: its path without extension, and the number of a slice, from 0.

    >>> image_id_of("ct/a.nii.gz", 7, 40), image_id_of("cat.jpg"), image_id_of("IM.0001")
    ('ct/a/007', 'cat', 'IM.0001')
    """
    stem = name.removesuffix(_suffix(name))
    number = "" if part is None else f"/{part:0{max(3, len(str(n_parts - 1)))}d}"
    return unicodedata.normalize("NFC", stem + number)


def _suffix(name: str) -> str:
    """The ending that is cut from a name: one of photos, also of rare ones that Pillow reads."""
    ending = Path(name).suffix
    rare = ending.lower() in PHOTO_FORMATS["pictures"].suffixes()
    return suffixes.image_suffix(Path(name).name) or (ending if rare else "")


def _warn_of(found: Folder, root: Path | str) -> None:
    """One warning where files that look like photos were left out."""
    if not found.suspects:
        return
    named = "; ".join(f"{name!r} ({found.left_out[name]})" for name in found.suspects[:N_NAMED])
    more = len(found.suspects) - N_NAMED
    warnings.warn(
        f"{root}: {len(found.suspects)} files that look like photos were left out: {named}"
        f"{f' and {more} more' if more > 0 else ''}. `left_out` of the ImageSet lists all files "
        "that were left out.",
        stacklevel=4,
    )


def _walk(root: Path, found: Folder) -> Iterator[tuple[str, Path]]:
    """(relative path, file) of all files that are not hidden, sorted."""
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        for name in sorted(folders):
            path = here / name
            relative = path.relative_to(root).as_posix()
            if name.startswith(".") or name == "__MACOSX":
                found.leave_out(f"{relative}/", "a hidden folder")
                folders.remove(name)
            elif path.is_symlink():
                why = "a link to a folder, which is not followed; copy it, or read it by itself"
                found.leave_out(f"{relative}/", why, suspect=True)
        folders.sort()
        for name in sorted(names):
            yield (here / name).relative_to(root).as_posix(), here / name


def _refusal(file: Path) -> tuple[str, bool]:
    """Why a file is no photo, "" if it may be one; and whether it looks like one."""
    if not file.name.startswith(".") and not file.is_file():
        return "a link to nothing, or no regular file", True
    return _refused_name(file.name) or _unknown(file)


def _refused_name(name: str) -> tuple[str, bool] | None:
    """As ``_refusal``, by the name of a file; None where it says nothing."""
    name = PurePosixPath(name).name
    if name.startswith("."):
        return "a hidden file", False
    suffix = suffixes.image_suffix(name).lower() or PurePosixPath(name).suffix.lower()
    if any(suffix in known.suffixes() for known in PHOTO_FORMATS.values()):
        return "", False
    if suffix in suffixes.PLUG_INS:
        return f"{suffix} needs a plug-in: run `pip install {suffixes.PLUG_INS[suffix]}`", True
    if suffix in suffixes.RAW:
        return "a camera's raw file; develop it to JPEG or TIFF", True
    if suffix in suffixes.IMAGE_SUFFIXES:
        return f"{suffix} is not read here; save it as PNG or TIFF", True
    if suffix in BESIDE_PHOTOS or name == "DICOMDIR":
        return "no photo", False
    return None


def _unknown(file: Path) -> tuple[str, bool]:
    """As ``_refusal``, for a file whose name says nothing: the first bytes tell."""
    head = head_of(file)
    if any(known.begins(head) for known in PHOTO_FORMATS.values()):
        return "", False
    for start, title in PICTURE_HEADS.items():
        if head.startswith(start):
            return f"begins as {title}; rename it with the ending of one", True
    return "no photo", False


def _add(
    photos: dict[str, PhotoFile | RemotePhoto],
    image_id: str,
    photo: PhotoFile | RemotePhoto,
    root: Path | str,
) -> None:
    if image_id in photos:
        raise InvalidInput(
            f"{root}: {photos[image_id].file.name!r} and {photo.file.name!r} both have the id "
            f"{image_id!r}; ids are paths without extension, so rename or move one."
        )
    photos[image_id] = photo


def left_out_ids(left_out: Mapping[str, str]) -> dict[str, str]:
    """{image_id: the file of that id that was left out, and why}."""
    return {image_id_of(name): f"{name!r} ({why})" for name, why in left_out.items()}
