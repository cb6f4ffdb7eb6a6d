"""Formats of other tools' files: one mechanism for masks and for attribution maps."""

from __future__ import annotations

import inspect
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path, PurePosixPath
from reprlib import repr as brief
from typing import Any, Generic, TypeVar

from sat_nb.arrays import Size
from sat_nb.errors import InvalidInput
from sat_nb.photos.suffixes import image_suffix
from sat_nb.registry import Entry

T = TypeVar("T", covariant=True)

MAX_QUOTED = 160  # characters of a name in a message


@dataclass(frozen=True, slots=True)
class Source(Generic[T]):
    """Where the masks or the map of one image are read from.

    Parameters
    ----------
    where : str
        The file, and the place in it where it holds several images; for error messages.
    read : callable
        ``read()`` returns the value. Its InvalidInput says what is wrong, without the file.
    files : tuple of Path, default ()
        The files that it is read from. No second format reads a file that one has claimed.
    name : str, default None
        What the file calls the image, as it is written, where the id was made from that.
    of_size : callable, default None
        ``of_size((height, width))`` returns the value, where ``read`` has to look up the size of
        the photo: for ``read_segments(..., photos=...)``.

    Examples
    --------
    >>> Source("a.npy", lambda: 3).value()
    3
    """

    where: str
    read: Callable[[], T]
    files: tuple[Path, ...] = ()
    name: str | None = None
    of_size: Callable[[Size], T] | None = None

    def value(self) -> T:
        """Read the value.

        Returns
        -------
        object
            What ``read`` returns.

        Raises
        ------
        InvalidInput
            If ``read`` raises it; the message then begins with ``where``.
        """
        try:
            return self.read()
        except InvalidInput as error:
            raise InvalidInput(f"{self.where}: {error}") from error


@dataclass(frozen=True, kw_only=True)
class Format(Entry):
    """A format of files that hold masks, or attribution maps, of images.

    Parameters
    ----------
    name : str
        What ``format=`` takes.
    title : str, default ""
        A few words for lists and messages; by default the name with blanks.
    about : str, default ""
        One sentence, with a full stop: what the files are.
    source : str, default ""
        A link to the format's definition, or the tool that writes it.
    version : str, default ""
        Of a format of your own; nothing that is kept depends on it.
    parameters : Mapping[str, Parameter], default {}
        Formats have none.
    detects : callable
        ``detects(path)`` returns whether a file or folder holds data in this format.
    open : callable
        ``open(path)`` returns {image_id: Source} without reading a mask or a map. An image id is a
        path relative to the folder of photos, with ``/`` and without an extension. For masks,
        ``Source.read`` returns a SegmentationMap; for maps, the array as it is stored.
    has_negatives : bool, default True
        For maps: whether stored numbers can be negative. Grey levels cannot.

    Examples
    --------
    >>> mine = Format(
    ...     name="mine",
    ...     title="text files",
    ...     about="One text file of numbers an image.",
    ...     detects=lambda path: any(path.glob("*.txt")),
    ...     open=lambda path: {
    ...         file.stem: Source(str(file), file.read_text, (file,)) for file in path.glob("*.txt")
    ...     },
    ... )
    >>> mine.key
    'mine'
    """

    detects: Callable[[Path], bool]
    open: Callable[[Path], Mapping[str, Source[Any]]]
    has_negatives: bool = True


ImageId = Callable[[str], str] | Callable[[str, Path], str]
"""What users pass as ``image_id``: from a name, and perhaps its file, to an image id."""

Refuse = Callable[[str, InvalidInput], None]
"""``refuse(where, error)`` raises the error, or notes it and goes on."""


def by_image_id(
    found: Iterable[tuple[str, Source[T]]],
    image_id: ImageId | None = None,
    refuse: Refuse | None = None,
) -> dict[str, Source[T]]:
    """The sources, found as pairs (id, source), by the id of their image.

    ``image_id(name)`` or ``image_id(name, file)`` makes the id of what a file calls its image.
    Refused are names that are not a path within a folder of photos, and all sources of an id that
    several have.
    """
    refuse = refuse or _raise
    by_id: dict[str, Source[T]] = {}
    again: dict[str, list[Source[T]]] = {}
    for found_id, source in found:
        try:
            one_id = _id_of(found_id, source, image_id)
        except InvalidInput as error:
            refuse(source.where, error)
            continue
        if by_id.setdefault(one_id, source) is not source:
            again.setdefault(one_id, [by_id[one_id]]).append(source)
    for one_id, sources in again.items():
        refuse(sources[1].where, _twice(one_id, sources, image_id))
        del by_id[one_id]
    return by_id


def _id_of(found_id: str, source: Source[T], image_id: ImageId | None) -> str:
    if image_id is not None:
        return _own_id(found_id, source, image_id)
    if source.name is None:
        return as_image_id(found_id)
    return as_image_id(path_of(found_id))


def _own_id(found_id: str, source: Source[T], image_id: Any) -> str:
    name = found_id if source.name is None else source.name
    file = source.files[0] if source.files else Path()
    try:
        own_id = image_id(name, file) if takes_two(image_id) else image_id(name)
    except Exception as error:
        raise InvalidInput(f"image_id: fails for {brief(name)} with {error!r}.") from error
    if not isinstance(own_id, str) or not own_id:
        raise InvalidInput(
            f"image_id: expected an image id, a str, for {brief(name)}, got {brief(own_id)}."
        )
    # names of files come without an extension: what looks like one is what the user wants
    return unicodedata.normalize("NFC", own_id) if source.name is None else as_image_id(own_id)


def as_image_id(name: str) -> str:
    """The image id of a photo's name: in composed Unicode, and without a photo's extension.

    Unicode is composed (NFC), because macOS decomposes names of files and other tools do not. Only
    extensions of photos are removed, as other dots belong to the name.

    >>> as_image_id("train/zebra.3.jpg"), as_image_id("1569478414.73587")
    ('train/zebra.3', '1569478414.73587')
    """
    name = unicodedata.normalize("NFC", name)
    suffix = image_suffix(name.rpartition("/")[2])
    return name.removesuffix(suffix)


def path_of(name: object) -> str:
    r"""The path of a photo within the folder of photos, from its name as it stands in a file.

    Raises InvalidInput for absolute paths, addresses and whatever else is no such path.

    >>> path_of("train\\zebra.jpg ")
    'train/zebra.jpg'
    """
    text = name.strip().replace("\\", "/") if isinstance(name, str) else ""
    path = PurePosixPath(text)
    control = any(unicodedata.category(c) in ("Cc", "Cs") for c in text)
    elsewhere = re.match(r"[A-Za-z]:/|[A-Za-z][A-Za-z0-9+.-]*://|data:", text)
    if not path.name or control or elsewhere or path.is_absolute() or ".." in path.parts:
        raise InvalidInput(
            "expected the name of a photo, a relative path within the folder of photos, got "
            f"{_quoted(name)}; pass image_id=, a function from such names to image ids"
            f"{_such_as(name)}."
        )
    return path.as_posix()


def _quoted(name: object) -> str:
    return repr(name) if isinstance(name, str) and len(name) <= MAX_QUOTED else brief(name)


def _such_as(name: object) -> str:
    """An ``image_id=`` that keeps the last part of a path or an address."""
    part = r"(?!data:).*[/\\][^/\\]+$"
    if not isinstance(name, str) or not re.match(part, name):
        return ""
    last = "name"
    if "?" in name and "?d=" not in name:  # what follows in an address is no part of the name
        last += ".split('?')[0]"
    last += r".replace('\\', '/')" if "\\" in name else ""
    last += ".rsplit('/', 1)[-1]"
    code = r"(upload[/\\]\d+[/\\]\w+|[/\\][0-9a-f]{8})-[^/\\]+$"  # of Label Studio
    if re.search(code, name):
        last += ".split('-', 1)[-1]"
    return f", such as image_id=lambda name: {last}"


def takes_two(function: Callable[..., Any]) -> bool:
    """Whether a function must be called with two positional arguments.

    >>> takes_two(lambda name, file: name), takes_two(lambda name, ending=".jpg": name)
    (True, False)
    """
    try:
        inspect.signature(function).bind("")
    except TypeError:
        return True
    except ValueError:  # built-in functions without a signature
        return False
    return False


def _twice(one_id: str, sources: list[Source[T]], image_id: ImageId | None) -> InvalidInput:
    first, second = sources[0].where, sources[1].where
    if image_id is not None:
        return InvalidInput(
            f"image_id: returns {one_id!r} for both {first} and {second}; every image needs an id "
            "of its own."
        )
    if first == second:
        return InvalidInput(f"names the image {one_id!r} twice; remove one of the two.")
    return InvalidInput(
        f"has the image {one_id!r}, and so has {first}; keep one of them, "
        f"{'pass format= to read one kind of file, ' if _are_of_kinds(sources) else ''}or tell "
        f"them apart by their files: image_id=lambda name, file: {_apart(sources)}."
    )


def _are_of_kinds(sources: list[Source[T]]) -> bool:
    return len({file.suffix.lower() for source in sources for file in source.files[:1]}) > 1


def _apart(sources: list[Source[T]]) -> str:
    """The first of some expressions of name and file that tells these sources apart."""
    for what in ("parent.name", "stem", "parent.parent.name", "name", "parent"):
        names = {attrgetter(what)(file) for source in sources for file in source.files[:1]}
        if len(names) == len(sources):
            break
    return f'f"{{file.{what}}}/{{name}}"'


def _raise(where: str, error: InvalidInput) -> None:
    raise InvalidInput(f"{where}: {error}") from error


def titles_of(formats: Mapping[str, Format]) -> str:
    """Names and titles of formats, for messages.

    >>> titles_of({"npy": Format(name="npy", title="NumPy", detects=bool, open=dict)})
    "'npy' (NumPy)"
    """
    return ", ".join(f"{name!r} ({known.title})" for name, known in formats.items())
