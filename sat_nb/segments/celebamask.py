"""CelebAMask-HQ as it is published: many images in one folder, a grey PNG a part.

``CelebAMask-HQ-mask-anno/0/00000_hair.png``, ``00000_l_eye.png``, ...: the image's number, and one
of 18 names of parts; 512 x 512 pixels, 0 and 255. A part that cannot be seen has no file. The
subfolders 0 to 14 hold 2,000 images each, so that the ids are "0/00000"; the photos are
``CelebA-HQ-img/0.jpg``, 1024 x 1024, to be brought to 512 x 512 first::

    read_segments("CelebAMask-HQ-mask-anno", image_id=lambda i: str(int(i.split("/")[-1])))
"""

from __future__ import annotations

import re
from pathlib import Path

from sat_nb.errors import InvalidInput
from sat_nb.segments.boolean import MaskArrays, parse_boolean, read_pngs
from sat_nb.segments.segmentation import SegmentationMap

PARTS = (
    "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear",
    "mouth", "u_lip", "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth",
)  # fmt: skip

_NAME = re.compile(rf"(\d+)_({'|'.join(PARTS)})\.png", re.IGNORECASE)


class PartArrays(MaskArrays):
    """The masks of one image's parts by name, as they were stored."""


def is_celebamask(document: object) -> bool:
    """Whether a document is a set of CelebAMask-HQ's parts."""
    return isinstance(document, PartArrays)


def parse_celebamask(document: object) -> SegmentationMap:
    """The segments of one image's parts, in the data set's order, names as written.

    Raises InvalidInput that names the part.
    """
    if not isinstance(document, PartArrays):
        raise InvalidInput("expected PNGs that are named as CelebAMask-HQ's: '00000_hair.png'.")
    return parse_boolean(document)


def number_of(file: Path) -> str | None:
    """The image's number, as written, of a part's PNG; None for other files.

    >>> number_of(Path("0/00000_l_brow.png")), number_of(Path("00000_watermark.png"))
    ('00000', None)
    """
    found = _NAME.fullmatch(file.name)
    return found[1] if found else None


def read_parts(file: Path) -> PartArrays:
    """{part: values} of the image that a part's PNG belongs to; no other names are looked for."""
    number = number_of(file)
    beside = [file.with_name(f"{number}_{part}{file.suffix}") for part in PARTS]
    arrays = read_pngs([part for part in beside if part.is_file()], file.parent)
    return PartArrays((name.removeprefix(f"{number}_"), values) for name, values in arrays.items())
