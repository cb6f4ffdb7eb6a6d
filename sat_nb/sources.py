"""Formats of other tools' files: one mechanism for masks and for attribution maps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from sat_nb.errors import InvalidInput
from sat_nb.registry import Entry

T = TypeVar("T", covariant=True)


@dataclass(frozen=True)
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

    Examples
    --------
    >>> Source("a.npy", lambda: 3).value()
    3
    """

    where: str
    read: Callable[[], T]
    files: tuple[Path, ...] = ()

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


def without_duplicates(sources: Iterable[tuple[str, Source[T]]]) -> dict[str, Source[T]]:
    """The sources by image id; InvalidInput where two have one id."""
    found: dict[str, Source[T]] = {}
    for image_id, source in sources:
        if image_id in found:
            raise InvalidInput(
                f"{source.where}: has the image {image_id!r}, and so has "
                f"{found[image_id].where}; keep one of them."
            )
        found[image_id] = source
    return found


def with_image_ids(
    sources: Mapping[str, Source[T]], image_id: Callable[[str], str] | None
) -> Mapping[str, Source[T]]:
    """The sources under the ids that ``image_id(id)`` returns; unchanged for None."""
    if image_id is None:
        return sources
    renamed: dict[str, Source[T]] = {}
    for old, source in sources.items():
        new = image_id(old)
        if new in renamed:
            raise InvalidInput(
                f"image_id: returns {new!r} for both {renamed[new].where} and {source.where}; "
                "every image needs an id of its own."
            )
        renamed[new] = source
    return renamed


def titles_of(formats: Mapping[str, Format]) -> str:
    """Names and titles of formats, for messages.

    >>> titles_of({"npy": Format(name="npy", title="NumPy", detects=bool, open=dict)})
    "'npy' (NumPy)"
    """
    return ", ".join(f"{name!r} ({known.title})" for name, known in formats.items())
