"""The registry of mask formats, and read_segments, which reads any of them by id."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from sat_nb.errors import FileMissing, IdMismatch, InvalidInput, shorten, unknown_name
from sat_nb.files import existing
from sat_nb.segments.boolean import is_boolean, parse_boolean
from sat_nb.segments.celebamask import is_celebamask, parse_celebamask
from sat_nb.segments.coco import index_coco, is_coco, is_coco_panoptic
from sat_nb.segments.dinox import is_dinox, parse_dinox
from sat_nb.segments.grounded_sam import (
    is_grounded_sam_1,
    is_grounded_sam_2,
    parse_grounded_sam_2,
    refuse_grounded_sam_1,
)
from sat_nb.segments.label_png import is_label_png, parse_label_png
from sat_nb.segments.labelme import is_labelme, parse_labelme
from sat_nb.segments.panoptic import index_coco_panoptic
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.segments.sources import SegmentFormat, SegmentSet, Source, find_sources

if TYPE_CHECKING:
    from sat_nb.segments.names import Renames

SEGMENT_FORMATS: dict[str, SegmentFormat | SegmentSet] = {
    "dinox": SegmentFormat("DINO-X export (JSON)", is_dinox, parse_dinox),
    "grounded_sam_2": SegmentFormat(
        "Grounded-SAM-2 (JSON)", is_grounded_sam_2, parse_grounded_sam_2
    ),
    "grounded_sam": SegmentFormat(
        "Grounded-SAM 1 (refused)", is_grounded_sam_1, refuse_grounded_sam_1
    ),
    "labelme": SegmentFormat("LabelMe (JSON)", is_labelme, parse_labelme),
    "label_png": SegmentFormat(
        "label PNGs with labels.json", is_label_png, parse_label_png, suffixes=(".png",)
    ),
    "celebamask": SegmentFormat(
        "CelebAMask-HQ's parts (PNGs)", is_celebamask, parse_celebamask, suffixes=(".png",)
    ),
    "boolean": SegmentFormat(
        "boolean PNGs or .npz", is_boolean, parse_boolean, suffixes=(".npz", ".png")
    ),
    "coco": SegmentSet("COCO instances (JSON)", is_coco, index_coco),
    "coco_panoptic": SegmentSet(
        "COCO panoptic (JSON and PNGs)", is_coco_panoptic, index_coco_panoptic
    ),
}


class SegmentFiles(Mapping[str, SegmentationMap]):
    """Masks by image id, each read when asked for, so that one is in memory at a time.

    ``problems`` is {file: message} of what ``read_segments(..., errors="skip")`` left out.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        normalize_names: bool,
        renames: Mapping[str, str] = MappingProxyType({}),
        problems: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._sources = MappingProxyType(dict(sources))
        self._normalize_names = normalize_names
        self._renames = MappingProxyType(dict(renames))
        self.problems = MappingProxyType(dict(problems))

    def __getitem__(self, image_id: str) -> SegmentationMap:
        if image_id not in self._sources:
            raise IdMismatch(
                f"no masks for image {image_id!r}; there are some for {shorten(self)}."
            )
        return self._read(self._sources[image_id])

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._sources

    def __repr__(self) -> str:
        return f"SegmentFiles({len(self)} images: {shorten(self)})"

    def without(self, problems: Mapping[str, str]) -> SegmentFiles:
        """Read every image once, and leave out those that cannot be read."""
        kept, found = {}, dict(problems)
        for image_id, source in self._sources.items():
            try:
                self._read(source)
                kept[image_id] = source
            except (InvalidInput, FileMissing) as error:
                earlier = found.get(str(source.file))  # of another image in the same file
                found[str(source.file)] = f"{earlier}\n{error}" if earlier else str(error)
        return SegmentFiles(kept, self._normalize_names, self._renames, found)

    def _read(self, source: Source) -> SegmentationMap:
        try:
            segmentation = source.read()
        except InvalidInput as error:
            raise _named(source.file, error) from error
        return segmentation.rename({name: self._name(name) for name in segmentation.names})

    def _name(self, name: str) -> str:
        folded = normalize(name)
        return self._renames.get(folded, folded if self._normalize_names else name)


def read_segments(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    image_id: Callable[[str], str] | None = None,
    normalize_names: bool = True,
    rename: Renames | None = None,
    errors: str = "raise",
) -> SegmentFiles:
    """Masks by image id, from a folder of mask files or from one file, in any known format.

    Parameters
    ----------
    path: a folder (and its subfolders), or one file: JSON (DINO-X, Grounded-SAM-2, LabelMe, COCO
        instances and panoptic), .npz, or PNGs where there is no JSON or .npz: label pictures with
        a labels.json, CelebAMask-HQ's parts, or a folder of boolean PNGs an image.
    format: a name in SEGMENT_FORMATS; by default each file's content tells.
    image_id: turns an id (a file's path without extension, with ``/``; in COCO's formats that of
        ``file_name``) into the image's.
    normalize_names: lower-case the names and fold their blanks ("  Left EYE" -> "left eye").
    rename: {old name: new name}, or what else ``rename_segments`` takes: a TOML file, or what
        ``suggest_renames`` found.
    errors: "raise", or "skip": read every file once now, leave out what cannot be read, and
        say so in ``problems``, {file: message}, of what is returned.

    Returns a lazy Mapping {image_id: SegmentationMap}. Files of one image are checked when they
    are read. What they may cost is bounded in ``sat_nb/segments/limits.py``: 1 GiB of masks an
    image. Polygons are filled by the rule of their tool, see ``sat_nb/segments/polygons.py``.

    Raises FileMissing, or InvalidInput for a folder without mask files, for two files with one
    id, and, under "raise", for a file of many images that is damaged.
    """
    if format is not None and format not in SEGMENT_FORMATS:
        raise unknown_name("format", format, SEGMENT_FORMATS)
    if errors not in ("raise", "skip"):
        raise unknown_name("errors", errors, ("raise", "skip"))
    root = existing(path)
    problems: dict[str, str] = {}

    def refuse(file: Path, error: InvalidInput) -> None:
        if errors == "raise":
            raise _named(file, error) from error
        problems[str(file)] = str(_named(file, error))

    renames: dict[str, str] = {}
    if rename is not None:
        from sat_nb.segments.names import folded_renames  # which needs this module

        renames = folded_renames(rename)
    formats = SEGMENT_FORMATS if format is None else {format: SEGMENT_FORMATS[format]}
    sources = find_sources(root, formats, refuse)
    if not sources and not problems:
        raise InvalidInput(
            f"path: no mask file (*.json, *.npz, *.png) with an image in {str(root)!r}."
        )
    files = SegmentFiles(_with_image_ids(sources, image_id), normalize_names, renames)
    return files if errors == "raise" else files.without(problems)


def normalize(name: str) -> str:
    """Lower case, blanks at the ends dropped and inner ones folded to one.

    >>> normalize("  Left   EYE ")
    'left eye'
    """
    return " ".join(name.lower().split())


def _named(file: Path, error: InvalidInput) -> InvalidInput:
    return InvalidInput(f"{file}: {error}")


def _with_image_ids(
    sources: Mapping[str, Source], image_id: Callable[[str], str] | None
) -> Mapping[str, Source]:
    if image_id is None:
        return sources
    renamed: dict[str, Source] = {}
    for old, source in sources.items():
        new = image_id(old)
        if new in renamed:
            raise InvalidInput(
                f"image_id: gives {new!r} for both {renamed[new].file.name!r} and "
                f"{source.file.name!r}; every image needs an id of its own."
            )
        renamed[new] = source
    return renamed
