"""Pascal VOC's masks: PNGs in ``SegmentationClass`` with a class a value, 255 for the void.

The values of VOC's own pictures (``2007_000032.png``, or any below ``VOC2012``) have the 21 names
of VOC. Elsewhere the layout is borrowed, and the names are those of a ``labelmap.txt`` with
colours, as CVAT writes it, or of a ``class_names.txt`` with a name a line, as LabelMe does; with a
``labels.json`` the pictures are label PNGs. Where a picture has the colours of these names, they
count, and else its values: programs that save a palette anew number its colours anew.

``SegmentationObject``, which numbers the objects, is not read, nor are the XML boxes. The id is the
photo's: ``SegmentationClass`` is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import values_in
from sat_nb.errors import InvalidInput
from sat_nb.photos.whole import whole
from sat_nb.segments.formats.encoded import EncodedMask, Reading, decode_masks
from sat_nb.segments.formats.json_files import NAMES_FILE
from sat_nb.segments.formats.json_text import read_bytes
from sat_nb.segments.formats.label_png import LabelPicture, parse_label_png
from sat_nb.segments.formats.limits import checked_name
from sat_nb.segments.formats.png_files import colour_codes, opened, png_files, read_labels
from sat_nb.segments.formats.voc_folders import MASKS, photo_id
from sat_nb.sources import Format, Source

NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair",
    "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa",
    "train", "tvmonitor",
)  # fmt: skip
VOID = 255
COLOUR_FILE, NAME_FILE = "labelmap.txt", "class_names.txt"
MAX_NAMES_BYTES = 2**20

_SHIFTS = np.array([65536, 256, 1])

Codes = Mapping[int, str | None]
"""Names by colour: 65536 red + 256 green + blue; None for the void."""


@dataclass(frozen=True)
class _Names:
    """Names by colour and, where a value means something, by value."""

    by_colour: Codes
    by_value: Mapping[str, str] | None


def colour_of(value: int) -> int:
    """VOC's colour of a value: its bits in turn, from the highest bit of each channel.

    >>> f"{colour_of(13):06x}", f"{colour_of(255):06x}"
    ('c00080', 'e0e0c0')
    """
    red, green, blue = (
        sum(((value >> (3 * bit + channel)) & 1) << (7 - bit) for bit in range(8))
        for channel in range(3)
    )
    return 65536 * red + 256 * green + blue


def detects_voc(root: Path) -> bool:
    """Whether a folder holds PNGs in a folder ``SegmentationClass``, or is one."""
    return any(file.parent.name in MASKS for file in png_files(root.absolute()).values())


def open_voc(root: Path) -> dict[str, Source[Reading]]:
    """The PNGs in ``SegmentationClass``; of another folder, which is named VOC's, all PNGs."""
    files = png_files(root.absolute())
    masks = {file_id: file for file_id, file in files.items() if file.parent.name in MASKS}
    sources: dict[str, Source[Reading]] = {}
    for file_id, file in (masks or files).items():
        image_id = photo_id(file_id)
        if image_id in sources:
            raise InvalidInput(
                f"{file} and {sources[image_id].where} both label the photo {image_id!r}; give one "
                "of their folders."
            )
        name = None if image_id == file_id else file_id
        read = partial(_read, file, declared=not masks)
        sources[image_id] = Source(str(file), read, (file,), name)
    return sources


def _read(file: Path, *, declared: bool) -> Reading:
    names = _names_of(file)
    if names is None and (declared or _is_of_voc(file)):
        names = OF_VOC
    if names is None:
        raise InvalidInput(
            "the names of its values are not known: the folder is laid out as Pascal VOC's, but "
            f"the photo is none of VOC. Put a {NAMES_FILE} into the folder or the one above it, "
            'such as {"0": "background", "1": "eye"}; if they are VOC\'s 21 classes, copy the '
            "PNGs to a folder of another name and pass format='voc'."
        )
    codes = _colours(file)
    if codes is not None and set(values_in(codes)) <= names.by_colour.keys():
        return _by_colour(codes, names.by_colour)
    if names.by_value is None:
        raise InvalidInput(
            f"has colours that are not in {COLOUR_FILE}; export both again, together."
        )
    if _is_numbered_anew(file):
        raise InvalidInput(
            "its palette has the colours of VOC at other values than VOC, and other colours "
            "beside them, so that neither tells the classes; take the picture as it was published."
        )
    return parse_label_png(LabelPicture(read_labels(file), dict(names.by_value)))


def _colours(file: Path) -> NDArray[np.int32] | None:
    """(H, W): the colours of a palette or colour picture; None for a grey one."""
    with opened(file) as image:
        if image.mode not in ("P", "RGB", "RGBA"):
            return None
        pixels = np.array(whole(image).convert("RGB"))
    return colour_codes(pixels, (16, 8, 0))


def _is_numbered_anew(file: Path) -> bool:
    """Whether a palette has a colour of a class of VOC, in use, at the value of another class."""
    with opened(file) as image:
        if image.mode != "P":
            return False
        used = np.flatnonzero(whole(image).histogram()).tolist()
        palette = np.array(image.getpalette("RGB"), dtype=np.int64).reshape(-1, 3)
    colours = dict(enumerate((palette @ _SHIFTS).tolist()))
    own = {colour_of(value) for value in range(1, len(NAMES))}
    return any(colours.get(v) in own and colours[v] != colour_of(v) for v in used)


def _by_colour(codes: NDArray[np.int32], names: Codes) -> Reading:
    height, width = codes.shape
    present = set(values_in(codes))
    return decode_masks([
        EncodedMask(f"colour {code:06x}", name, (height, width), partial(np.equal, codes, code))
        for code, name in names.items()
        if name is not None and code in present
    ])  # fmt: skip


def _is_of_voc(file: Path) -> bool:
    """Whether a mask is one of Pascal VOC's own."""
    years = r"20(?:0[5-9]|1[0-2])"
    named = re.fullmatch(rf"{years}_\d{{6}}", file.stem)
    return bool(named) or any(re.fullmatch(rf"VOC{years}", part) for part in file.parts)


def _names_of(file: Path) -> _Names | None:
    """The names in a file beside the pictures, or in the folder above."""
    for folder in (file.parent, file.parent.parent):
        if (folder / COLOUR_FILE).is_file():
            return _Names(_colour_map(folder / COLOUR_FILE), None)
        if (folder / NAME_FILE).is_file():
            return _numbered(
                [checked_name(line, str(folder / NAME_FILE)) for line in _lines(folder / NAME_FILE)]
            )
    return None


def _lines(file: Path) -> list[str]:
    try:
        text = read_bytes(file, MAX_NAMES_BYTES).decode("utf-8-sig")
    except (InvalidInput, UnicodeError) as error:
        raise InvalidInput(f"{file}: not readable as text in UTF-8 ({error}).") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _colour_map(file: Path) -> Codes:
    """The lines ``name:red,green,blue:parts:actions`` of a file."""
    found: dict[int, str | None] = {colour_of(VOID): None}
    for line in _lines(file):
        if line.startswith("#"):
            continue
        match = re.match(r"(.+?):(\d{1,3}),(\d{1,3}),(\d{1,3})(?::|$)", line)
        if not match:
            raise InvalidInput(f"{file}: expected lines 'name:red,green,blue', got {line[:80]!r}.")
        red, green, blue = map(int, match.groups()[1:])
        name = checked_name(match[1], str(file))
        if found.setdefault(65536 * red + 256 * green + blue, name) != name:
            raise InvalidInput(f"{file}: two names have the colour of {name[:80]!r}.")
    return found


def _numbered(names: Any) -> _Names:
    by_value = {str(value): name for value, name in enumerate(names)}
    by_colour: dict[int, str | None] = {colour_of(int(v)): n for v, n in by_value.items()}
    return _Names({**by_colour, colour_of(VOID): None}, by_value)


OF_VOC = _numbered(NAMES)

VOC = Format(
    name="voc",
    title="Pascal VOC (PNGs in SegmentationClass)",
    about="PNGs with the 21 classes of Pascal VOC, or with CVAT's or LabelMe's names beside them.",
    source="http://host.robots.ox.ac.uk/pascal/VOC",
    detects=detects_voc,
    open=open_voc,
)
