"""Label pictures: a PNG whose values (or palette indices) are names in a ``labels.json``.

``labels.json`` is {"0": "background", "1": "skin", ...}, a list of names by value, or one of these
an image: {image_id: {"1": "person", ...}}. It lies beside the PNGs or in a folder above them, up
to the one around the folder that is read. Value 0, and Pascal VOC's 255, mean nothing unless they
have a name; any other value without a name is an error. ``null`` as a name leaves a value out on
purpose.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import values_in
from sat_nb.errors import InvalidInput
from sat_nb.segments.formats.encoded import EncodedMask, Reading, decode_masks
from sat_nb.segments.formats.json_files import NAMES_FILE
from sat_nb.segments.formats.json_text import read_json
from sat_nb.segments.formats.limits import (
    brief,
    check_inside,
    checked_name,
)
from sat_nb.segments.formats.png_files import png_files, pngs_are_masks, read_labels
from sat_nb.segments.formats.voc_folders import INSTANCES, MASKS, photo_id
from sat_nb.sources import Format, Source

_NOTHING = {0, 255}


@dataclass(frozen=True)
class LabelPicture:
    """The values (H, W) of a label PNG, and what labels.json holds for this image."""

    values: NDArray
    names: Any


def detects_label_pngs(root: Path) -> bool:
    """Whether a folder holds PNGs that a labels.json applies to."""
    return pngs_are_masks(root) and bool(open_label_pngs(root))


def open_label_pngs(root: Path) -> dict[str, Source[Reading]]:
    """The PNGs that a labels.json applies to; one image each."""
    folder = root.absolute()
    top = folder.parent if folder.is_dir() else folder.parent.parent
    names_files: dict[Path, Path | None] = {}
    sources = {}
    for file_id, file in png_files(root).items():
        if file.parent not in names_files:
            names_files[file.parent] = names_file(file, top)
        found = names_files[file.parent]
        if found is not None:
            read = partial(_read, file, file_id, found)
            image_id = photo_id(file_id)
            name = None if image_id == file_id else file_id
            sources[image_id] = Source(str(file), read, (file,), name)
    return sources


def parse_label_png(picture: LabelPicture) -> Reading:
    """The segments of one label picture, by ascending value, names as written.

    Raises InvalidInput for colour pictures and for values without a name.
    """
    values, names = picture.values, numbered_names(picture.names)
    if values.ndim != 2 or values.dtype.kind not in "biu":
        raise InvalidInput(
            "expected a grey or palette PNG, whose values are labels, got "
            f"{values.dtype} {values.shape}; save the label indices instead of colours."
        )
    height, width = values.shape
    present = values_in(values)
    nameless = [v for v in present if v not in names and v not in _NOTHING]
    if nameless:
        raise InvalidInput(
            f"the value {nameless[0]} has no name in {NAMES_FILE}; add one, or null to leave the "
            "value out."
        )
    return decode_masks([
        EncodedMask(f"value {value}", name, (height, width), partial(np.equal, values, value))
        for value in present
        if (name := names.get(value))
    ])  # fmt: skip


def names_of(labels: Any, *ids: str) -> Any:
    """The names for one image: those under one of its ids, or those of all images."""
    if isinstance(labels, dict):
        for key in ids:
            if isinstance(labels.get(key), dict | list):
                return labels[key]
    return labels


def numbered_names(labels: Any) -> dict[int, str | None]:
    """{number: name} of {"1": name} or of a list; null leaves a number out."""
    if isinstance(labels, list):
        labels = {str(value): name for value, name in enumerate(labels)}
    if not isinstance(labels, dict):
        raise InvalidInput(f"{NAMES_FILE}: expected {{value: name}}, got {brief(labels)}.")
    wrong = [key for key in labels if not (key.isascii() and key.isdecimal() and len(key) < 10)]
    if wrong:
        raise InvalidInput(
            f"{NAMES_FILE}: expected whole values as keys, or ids of images that include this "
            f"image's, got {brief(wrong[0])}."
        )
    return {
        int(key): None if name is None else checked_name(name, f"{NAMES_FILE}: {key}")
        for key, name in labels.items()
    }


def _read(file: Path, file_id: str, found: Path) -> Reading:
    labels = read_names(found)
    names = names_of(labels, file_id, file.stem)
    if file.parent.name in INSTANCES and names is labels:
        raise InvalidInput(
            f"{file.parent.name} numbers the objects, whatever their class; give {MASKS[0]}, or "
            f"names for each image in {NAMES_FILE}."
        )
    return parse_label_png(LabelPicture(read_labels(file), names))


def read_names(file: Path) -> Any:
    """What a labels.json holds."""
    check_inside(file, file.parent)
    try:
        return read_json(file)
    except InvalidInput as error:
        raise InvalidInput(f"{file}: {error}") from error


def names_file(file: Path, top: Path) -> Path | None:
    """The nearest labels.json: beside the file, or in a folder above it, up to ``top``."""
    for folder in file.absolute().parents:
        if (folder / NAMES_FILE).is_file():
            return folder / NAMES_FILE
        if folder == top:
            return None
    return None


LABEL_PNG = Format(
    name="label_png",
    title="label PNGs with labels.json",
    about="PNGs whose values, or palette indices, have their names in a labels.json.",
    source="the way of Pascal VOC, CamVid and CCP",
    detects=detects_label_pngs,
    open=open_label_pngs,
)
