"""read_segments: masks by image id, from a folder or a file in any known format."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sat_nb.arrays import Size
from sat_nb.by_id import ById
from sat_nb.errors import FileMissing, InvalidInput, unknown_name
from sat_nb.files import existing
from sat_nb.images import IMAGE_SUFFIXES, ImageSet, read_images
from sat_nb.registry import chosen, lists
from sat_nb.remote import here, is_address
from sat_nb.segments.formats import SEGMENT_FORMATS
from sat_nb.segments.formats.encoded import Reading
from sat_nb.segments.formats.foreign_files import foreign_in
from sat_nb.segments.formats.json_files import JsonFormat, open_json
from sat_nb.segments.formats.limits import check_inside
from sat_nb.segments.formats.parquet import masks_at
from sat_nb.segments.formats.png_files import of_other_pictures
from sat_nb.segments.formats.voc_folders import MASKS
from sat_nb.segments.names import normalize
from sat_nb.segments.problems import Problems
from sat_nb.segments.renames import folded_renames
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.sources import Format, ImageId, Refuse, Source, by_image_id, titles_of

if TYPE_CHECKING:
    from sat_nb.segments.renames import Renames

MaskSource = Source[Any]  # of a Reading; of a SegmentationMap in a format of the user's own

ERRORS = ("raise", "skip")
WAY_OUT = "Pass errors='skip' to leave such items out."


class SegmentFiles(ById[SegmentationMap]):
    """A lazy Mapping {image_id: SegmentationMap} of files, as ``read_segments`` returns it.

    Each image is read when it is asked for, so that one is in memory at a time. ``problems`` is
    {file: messages, one a line} of what ``read_segments(..., errors="skip")`` left out, and
    ``problems.n_items`` how much that is. ``check_masks`` and ``build`` report it.
    """

    holds = "segmentation map"

    def __init__(
        self,
        sources: Mapping[str, MaskSource],
        normalize_names: bool,
        renames: Mapping[str, str] = MappingProxyType({}),
        problems: Problems | None = None,
    ) -> None:
        self._sources = MappingProxyType(dict(sources))
        self._normalize_names = normalize_names
        self._renames = MappingProxyType(dict(renames))
        self._skips = problems is not None
        self.problems: Mapping[str, str] = Problems() if problems is None else problems

    def select(self, image_ids: Iterable[str]) -> SegmentFiles:
        """The masks of these images, in this order; nothing is read."""
        sources = {i: self._sources[i] for i in image_ids}
        problems = Problems() if self._skips else None
        return SegmentFiles(sources, self._normalize_names, self._renames, problems)

    def files(self, image_id: str) -> tuple[Path, ...]:
        """The files that the masks of an image are read from, as far as they are known."""
        return self._sources[image_id].files

    def _keys(self) -> Collection[str]:
        return self._sources

    def _value(self, key: str) -> SegmentationMap:
        source = self._sources[key]
        try:
            reading = _read(source)
        except InvalidInput as error:
            raise InvalidInput(f"{error} {WAY_OUT}") from error
        if reading.refused and not self._skips:
            raise InvalidInput(f"{source.where}: {reading.refused[0]} {WAY_OUT}")
        segmentation = reading.segmentation
        return segmentation.rename({name: self._name(name) for name in segmentation.names})

    def _name(self, name: str) -> str:
        folded = normalize(name)
        return self._renames.get(folded, folded if self._normalize_names else name)


def _read(source: MaskSource) -> Reading:
    found = source.value()
    return found if isinstance(found, Reading) else Reading(found)


def _readable(sources: Mapping[str, MaskSource], problems: Problems) -> dict[str, MaskSource]:
    """Read every image once, and note what cannot be read; the sources that can be.

    An image of which no mask can be read is left out: it is not known to have none.
    """
    readable = {}
    for image_id, source in sources.items():
        try:
            reading = _read(source)
        except (InvalidInput, FileMissing) as error:
            problems.note(source.where, error)
            continue
        for refused in reading.refused:
            problems.note(source.where, refused)
        if len(reading.segmentation) or not reading.refused:
            readable[image_id] = source
    return readable


def _raise(where: str, error: InvalidInput) -> None:
    raise InvalidInput(f"{where}: {error} {WAY_OUT}") from error


@lists(format=SEGMENT_FORMATS)
def read_segments(
    path: str | os.PathLike[str],
    *,
    format: str | Format | None = None,
    image_id: ImageId | None = None,
    normalize_names: bool = True,
    rename: Renames | None = None,
    photos: ImageSet | str | os.PathLike[str] | None = None,
    errors: str = "raise",
) -> SegmentFiles:
    """Read masks by image id, from a folder of mask files or from one file, in any known format.

    Parameters
    ----------
    path : str or PathLike
        A folder (its subfolders included), or one file. Files of several formats may lie side by
        side. PNGs are masks only where there are no other mask files; beside those they are
        photos. Or the address of a file of ``write_segments``, such as
        ``s3://bucket/masks.parquet``, whose row groups fsspec reads when they are asked for.
    format : str or Format, default None
        By default the files' content tells the format. Otherwise a :class:`sat_nb.Format` of your
        own, or a name in SEGMENT_FORMATS:

        [[format]]
    image_id : callable, default None
        ``image_id(name)``, or ``image_id(name, file)`` with the Path of the mask file, returns
        the image's id. The name is the file's path within ``path`` without extension, with ``/``;
        or, where a file holds many images, what it calls the image, as it is written there
        (``file_name`` in COCO): an absolute path, a URL or a Windows path, too. By default names
        must be relative paths; a backslash is read as ``/``. Where such a file lies in a subfolder
        of ``path``, the id is the path of the photo of that name within ``path``, if there is one
        such photo. A photo's extension at the end of an id is removed, and Unicode is composed
        (NFC).
    normalize_names : bool, default True
        Lower-case the names and reduce their blanks ("  Left EYE" becomes "left eye").
    rename : Mapping, DataFrame, str or PathLike, default None
        {old name: new name}, or anything else that ``rename_segments`` takes.
    photos : ImageSet, str or PathLike, default None
        The photos by image id, or their folder, for masks in fractions of the photo's sides
        (YOLO) whose photos do not lie where the tool expects them. Other masks do not need them.
    errors : str, default "raise"
        "raise"; or "skip", to read every file once now, leave out the masks, images and files that
        cannot be read, and report them in ``problems``, {file: messages, one a line}, of the
        result. An image of which no mask can be read is left out altogether.

    Returns
    -------
    SegmentFiles
        A lazy Mapping {image_id: SegmentationMap}. Each image is read, and its file checked, when
        it is asked for.

    Raises
    ------
    FileMissing
        If ``path`` does not exist.
    InvalidInput
        For a folder without mask files, and, under "raise", for two files with one id and for
        anything in a file of many images that cannot be used.

    Notes
    -----
    What a file may cost is bounded by ``sat_nb.LIMITS``: 1 GiB of masks an image. Polygons are
    filled by the rule of their tool; see ``sat_nb/segments/formats/polygons.py``. In a PNG of one
    mask, what is seen counts: the mask is what is not black, whatever the order of a palette, or
    else what is opaque. Parts of one object are one mask: polygons of one annotation in COCO,
    shapes of one label and one ``group_id`` in LabelMe.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/zebra.npz", eye=np.eye(3, dtype=bool))
    ...     read_segments(folder)["zebra"]
    SegmentationMap(3 x 3 px: eye)
    """
    named = None if format is None else chosen("format", format, SEGMENT_FORMATS, own=Format)
    if errors not in ERRORS:
        raise unknown_name("errors", errors, ERRORS)
    path = here(path)
    problems = Problems()
    refuse: Refuse = problems.note if errors == "skip" else _raise
    renames = {} if rename is None else folded_renames(rename)
    root = Path(path) if is_address(path) else existing(path)
    found = masks_at(str(path)).items() if is_address(path) else find_sources(root, named, refuse)
    sources = by_image_id(found, image_id, refuse)
    if photos is not None:
        images = photos if isinstance(photos, ImageSet) else read_images(photos)
        sources = {i: _sized(source, images, i) for i, source in sources.items()}
    if not sources and not problems:
        raise _no_masks(root, named)
    if errors == "raise":
        return SegmentFiles(sources, normalize_names, renames)
    return SegmentFiles(_readable(sources, problems), normalize_names, renames, problems)


def _sized(source: MaskSource, images: ImageSet, image_id: str) -> MaskSource:
    """The source, which takes the photo's size from the images if it needs it and they know it."""
    of_size = source.of_size
    if of_size is None or image_id not in images:
        return source
    return replace(source, read=partial(_read_sized, of_size, images, image_id))


def _read_sized(of_size: Callable[[Size], Any], images: ImageSet, image_id: str) -> Any:
    return of_size(images.size(image_id))


def _no_masks(root: Path, named: Format | None) -> InvalidInput:
    foreign = foreign_in(root) if named is None else None
    if foreign is not None:
        file, tool = foreign
        return InvalidInput(
            f"path: no mask file in {str(root)!r}; {file.name!r} is not an export of a known mask "
            f"format, but of {tool.says()}."
        )
    known = SEGMENT_FORMATS if named is None else {named.name: named}
    return InvalidInput(
        f"path: no mask file in {str(root)!r}; known formats are {titles_of(known)}."
        f"{of_other_pictures(root)}"
    )


def find_sources(
    root: Path, named: Format | None, refuse: Refuse
) -> Iterator[tuple[str, MaskSource]]:
    """(image id, source) of a folder or file; ``refuse`` is called for files that cannot be used.

    JSON formats share their files. Every other format opens the folder on its own, in the order
    of the registry, and a file belongs to the first that claims it. Pictures may be photos: they
    count only where there is nothing else.
    """
    formats = list(SEGMENT_FORMATS.values()) if named is None else [named]
    in_json = [known for known in formats if isinstance(known, JsonFormat)]
    others = [known for known in formats if not isinstance(known, JsonFormat)]
    damaged: list[str] = []

    def refuse_json(where: str, error: InvalidInput) -> None:
        damaged.append(where)
        refuse(where, error)

    found = [list(open_json(root, in_json, refuse_json, named=named is not None))]
    found += [list(_open(known, root, named is not None, refuse)) for known in others]
    masks = [[item for item in sources if not _is_picture(item[1])] for sources in found]
    if damaged or any(masks):
        return _unclaimed(masks)
    return _beside_foreign(_unclaimed(found), root)


def _beside_foreign(
    pictures: Iterator[tuple[str, MaskSource]], root: Path
) -> Iterator[tuple[str, MaskSource]]:
    """Pictures, whose errors name the foreign file beside them: they may well be its photos.

    Those in Pascal VOC's folder of masks are none.
    """
    sources = list(pictures)
    foreign = foreign_in(root) if sources and root.is_dir() else None
    if foreign is None or any(file.parent.name in MASKS for _, s in sources for file in s.files):
        return iter(sources)
    hint = f" Beside it, {foreign[0].name!r} is of {foreign[1].says()}."
    return ((i, replace(s, read=partial(_read_with_hint, s.read, hint))) for i, s in sources)


def _read_with_hint(read: Callable[[], Any], hint: str) -> Any:
    try:
        found = read()
    except InvalidInput as error:
        raise InvalidInput(f"{error}{hint}") from error
    if isinstance(found, Reading) and not len(found.segmentation):
        return replace(found, refused=tuple(InvalidInput(f"{e}{hint}") for e in found.refused))
    return found


def _open(
    known: Format, root: Path, named: bool, refuse: Refuse
) -> Iterator[tuple[str, MaskSource]]:
    """What a format finds, without sources whose first file a link leads out of the folder."""
    try:
        sources = known.open(root) if named or known.detects(root) else {}
    except InvalidInput as error:
        refuse(str(root), error)
        return
    inside = _Inside(root)
    for image_id, source in sources.items():
        try:
            for file in source.files[:1]:
                inside.check(file)
        except InvalidInput as error:
            refuse(source.where, error)
        else:
            yield image_id, source


class _Inside:
    """Looks whether files are within a folder, once for each in a row of equal ones."""

    def __init__(self, root: Path) -> None:
        self._root, self._last = root if root.is_dir() else None, Path()

    def check(self, file: Path) -> None:
        if self._root is not None and file is not self._last:
            check_inside(file, self._root)
        self._last = file


def _unclaimed(found: list[list[tuple[str, MaskSource]]]) -> Iterator[tuple[str, MaskSource]]:
    """The sources, without those all of whose files an earlier format has claimed."""
    claimed: set[Path] = set()
    for sources in found:
        for image_id, source in sources:
            if not source.files or not claimed.issuperset(source.files):
                yield image_id, source
        claimed.update(file for _, source in sources for file in source.files)


def _is_picture(source: MaskSource) -> bool:
    suffixes = {file.suffix.lower() for file in source.files}
    return bool(suffixes) and suffixes <= IMAGE_SUFFIXES
