"""What a mask format is: how it is detected and read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sat_nb.segments.segmentation import SegmentationMap

Read = Callable[[], SegmentationMap]


@dataclass(frozen=True)
class SegmentFormat:
    """A format of masks with one document an image.

    ``detects(document)`` says whether a document is of this format, ``parse(document)``
    gives its SegmentationMap or raises InvalidInput that names the field. ``suffixes`` are those
    of the files that documents come from.
    """

    title: str
    detects: Callable[[object], bool]
    parse: Callable[[object], SegmentationMap]
    suffixes: tuple[str, ...] = (".json",)


@dataclass(frozen=True)
class SegmentSet:
    """A format of masks with many images in one JSON.

    ``detects(text)`` looks at the text, ``index(file, text)`` goes through it and gives for each
    image id what reads its SegmentationMap. The text is latin-1, so that places in it are bytes.
    """

    title: str
    detects: Callable[[str], bool]
    index: Callable[[Path, str], Mapping[str, Read]]
    suffixes: tuple[str, ...] = (".json",)


Formats = Mapping[str, SegmentFormat | SegmentSet]
