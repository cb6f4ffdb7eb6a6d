"""The formats of photos. To add one, add an entry to PHOTO_FORMATS."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from PIL import UnidentifiedImageError

from sat_nb.arrays import Size
from sat_nb.errors import InvalidInput
from sat_nb.files import existing
from sat_nb.photos import medical, suffixes
from sat_nb.photos.opening import open_picture
from sat_nb.photos.photo import Photo
from sat_nb.photos.pillow import load_plug_ins, orientation, pillow_suffixes, read_pillow
from sat_nb.photos.png import check_claim
from sat_nb.photos.turns import ON_THEIR_SIDE
from sat_nb.reading import check_plain, open_plain
from sat_nb.registry import Entry, registry
from sat_nb.remote import copied

HEAD_BYTES = 132


def _single(file: Path) -> None:
    """One photo a file."""


@dataclass(frozen=True, kw_only=True)
class PhotoFormat(Entry):
    """A format of photos.

    ``suffixes()`` : the endings of its files.
    ``read(file, part)`` : one photo. Its InvalidInput says what is wrong, without the file.
    ``parts(file)`` : how many photos a file holds, None for a single one.
    ``begins(head)`` : whether a file that begins so is of this format, whatever its name.
    ``package`` : what it needs beside Pillow, and ``remedy`` installs.
    """

    suffixes: Callable[[], Collection[str]]
    read: Callable[[Path, int | None], Photo]
    parts: Callable[[Path], int | None] = _single
    begins: Callable[[bytes], bool] = lambda head: False
    package: str = "PIL"
    remedy: str = ""

    @property
    def lacks(self) -> str:
        """Why its files cannot be read here; "" if they can."""
        if find_spec(self.package):
            return ""
        return f"{self.title} needs {self.package}: run `{self.remedy}`"


MEDICAL = "pip install 'sat-nb[medical]'"

PHOTO_FORMATS: dict[str, PhotoFormat] = registry(
    PhotoFormat(
        name="pictures",
        about="Whatever the installed Pillow opens: JPEG, PNG, TIFF, WebP, AVIF and others.",
        suffixes=pillow_suffixes,
        read=read_pillow,
    ),
    PhotoFormat(
        name="dicom",
        title="DICOM",
        about="Pictures and frames in the units of the modality.",
        source="DICOM PS3.3",
        suffixes=lambda: suffixes.DICOM,
        read=medical.read_dicom,
        parts=medical.dicom_parts,
        begins=lambda head: head[128:] == b"DICM",
        package="pydicom",
        remedy=MEDICAL,
    ),
    PhotoFormat(
        name="nifti",
        title="NIfTI",
        about="Slices along the third axis of a volume.",
        source="nifti.nimh.nih.gov",
        suffixes=lambda: suffixes.NIFTI,
        read=medical.read_nifti,
        parts=medical.nifti_parts,
        package="nibabel",
        remedy=MEDICAL,
    ),
)
"""The formats of photos by name."""


@dataclass(frozen=True)
class PhotoFile:
    """Where a photo is: the file, its format, and which of its photos it is."""

    file: Path
    format: PhotoFormat
    part: int | None = None

    def read(self) -> Photo:
        """The photo; InvalidInput that names the file for whatever goes wrong."""
        existing(self.file, "image")
        try:
            return self.content()
        except InvalidInput as error:
            raise InvalidInput(f"{self.file}: {error}") from error

    def content(self) -> Photo:
        """As ``read``; errors do not name the file."""
        try:
            if self.format.lacks:
                raise InvalidInput(f"{self.format.lacks}.")
            check_plain(self.file)
            n_parts = self.format.parts(self.file) if self.part is None else None
            if n_parts is not None:
                raise InvalidInput(f"holds {n_parts} photos; read_images(file) gives each its id.")
            photo = self.format.read(self.file, self.part)
            if not photo.pixels.size:
                raise InvalidInput("holds no pixel; replace it, or remove it.")
            return photo
        except InvalidInput:
            raise
        except Exception as error:  # damaged files make the readers raise errors of many kinds
            raise InvalidInput(
                f"not readable as a photo ({_reason(self.file, error)}); replace it, or remove it."
            ) from error


@dataclass(frozen=True)
class RemotePhoto:
    """A photo at an address of fsspec: as PhotoFile, and copied to this machine to be read."""

    address: str
    format: PhotoFormat
    part: int | None = None

    @property
    def file(self) -> PurePosixPath:
        """Its path, for its name."""
        return PurePosixPath(self.address)

    def read(self) -> Photo:
        """The photo; an error that names the address for whatever goes wrong."""
        try:
            with copied(self.address) as file:
                return PhotoFile(file, self.format, self.part).content()
        except InvalidInput as error:
            if self.address in str(error):
                raise
            raise InvalidInput(f"{self.address}: {error}") from error


def remote_photos(address: str) -> list[RemotePhoto]:
    """The photos of one file at an address, which is read only where it may hold several."""
    found = format_of_name(PurePosixPath(address).name) or PHOTO_FORMATS["pictures"]
    if found.lacks:
        raise InvalidInput(found.lacks)
    if found.parts is _single:
        return [RemotePhoto(address, found)]
    with copied(address) as file:
        return [RemotePhoto(address, found, photo.part) for photo in photo_files(file)]


def photo_files(file: Path) -> list[PhotoFile]:
    """The photos of one file; InvalidInput, without the file, where there is none to read."""
    found = format_of(file)
    if found.lacks:
        raise InvalidInput(found.lacks)
    try:
        check_plain(file)
        n_parts = found.parts(file)
    except InvalidInput:
        raise
    except Exception as error:
        raise InvalidInput(f"not readable as {found.title} ({_reason(file, error)})") from error
    return [
        PhotoFile(file, found, part) for part in ([None] if n_parts is None else range(n_parts))
    ]


def photo_size(file: Path) -> Size:
    """(height, width) of a photo as ``read_images`` gives it, turned by its orientation.

    Raises InvalidInput that names the file for what is no photo.
    """
    header = _size_in_header(file)
    if header is not None:
        return header
    height, width = PhotoFile(file, format_of(file)).read().pixels.shape[:2]
    return height, width


def _size_in_header(file: Path) -> Size | None:
    """The size by the header; None where only reading the whole file tells it."""
    load_plug_ins()
    try:
        with open_plain(file) as stream, open_picture(stream) as image:
            if image.format == "TIFF":  # Pillow's versions differ in whether it is turned
                return None
            if image.format == "PNG":
                check_claim(image)
            width, height = image.size
            return (width, height) if orientation(image) in ON_THEIR_SIDE else (height, width)
    except Exception:  # damaged files make Pillow raise errors of many kinds
        return None


def format_of(file: Path) -> PhotoFormat:
    """The format that a file's name or its first bytes tell; Pillow's for all others."""
    known = format_of_name(file.name)
    if known is not None:
        return known
    head = head_of(file)
    return next((f for f in PHOTO_FORMATS.values() if f.begins(head)), PHOTO_FORMATS["pictures"])


def format_of_name(name: str) -> PhotoFormat | None:
    """The format that a file's ending tells; None for others."""
    suffix = suffixes.image_suffix(name).lower()
    formats = PHOTO_FORMATS.values()
    return next((known for known in formats if suffix and suffix in known.suffixes()), None)


def head_of(file: Path) -> bytes:
    """The first bytes of a file; none where it cannot be read."""
    try:
        with open_plain(file) as stream:
            return stream.read(HEAD_BYTES)
    except (OSError, InvalidInput):
        return b""


def _reason(file: Path, error: Exception) -> str:
    """Why a file is not readable, without its name."""
    if isinstance(error, UnidentifiedImageError):
        return content_of(head_of(file))
    text = str(error) or type(error).__name__
    for name in (f"File {file}", repr(str(file)), str(file)):
        text = text.replace(name, "it")
    return " ".join(text.split()).rstrip(".")


def content_of(head: bytes) -> str:
    """What a file is that Pillow does not know, told by its first bytes.

    >>> content_of(b""), content_of(b"<!DOCTYPE html>")
    ('the file is empty', 'it is HTML or XML, as servers send in place of a photo')
    """
    if not head:
        return "the file is empty"
    if head.lstrip().startswith(b"<"):
        return "it is HTML or XML, as servers send in place of a photo"
    if head.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS; run `git lfs pull`"
    if head[4:8] == b"ftyp" and head[8:11] in (b"hei", b"hev", b"mif", b"msf"):
        return "it is HEIC; run `pip install pillow-heif`"
    if not head.strip(b"\0"):
        return "it holds zeros"
    return "Pillow knows no such picture"
