"""Pascal VOC's folders: masks in ``SegmentationClass``, and what lies beside it."""

from __future__ import annotations

from pathlib import Path

MASKS = ("SegmentationClass", "SegmentationClassAug", "SegmentationClassPNG")
INSTANCES = ("SegmentationObject", "SegmentationObjectPNG")
"""Pictures whose values number the objects, whatever their class."""

OTHERS = frozenset((
    *INSTANCES, "JPEGImages", "SegmentationClassVisualization", "SegmentationObjectVisualization",
))  # fmt: skip


def is_beside_masks(file: Path, root: Path) -> bool:
    """Whether a PNG is in another folder of the layout, and not asked for by itself."""
    folder = file.parent
    return (
        folder.name in OTHERS
        and folder != root
        and any((folder.parent / masks).is_dir() for masks in MASKS)
    )


def photo_id(file_id: str) -> str:
    """The id of the photo of a mask: the folder of masks is left out.

    >>> photo_id("VOC2012/SegmentationClass/2007_000032"), photo_id("a/b")
    ('VOC2012/2007_000032', 'a/b')
    """
    *folders, name = file_id.split("/")
    if folders and folders[-1] in MASKS:
        folders.pop()
    return "/".join([*folders, name])
