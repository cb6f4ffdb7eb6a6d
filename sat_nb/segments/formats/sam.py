"""The automatic masks of Segment Anything (SAM, SAM 2), which have no names.

With ``--convert-to-rle``, ``amg.py`` writes a list an image: ``[{"segmentation": {"size": [h, w],
"counts"}, "predicted_iou", ...}]``. SA-1B has such a list under "annotations", beside "image". Else
there is a folder an image, of PNGs ``0.png``, ``1.png``, ... and a ``metadata.csv``.

Names are those of a ``labels.json``, beside the files or in a folder above them: ``{image_id:
{"0": "eye", "3": "mane"}}``, where a number is the place of a mask in its file, from 0. Masks that
have no name there are left out. The score is ``predicted_iou``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from sat_nb.errors import InvalidInput
from sat_nb.files import visible_files
from sat_nb.limits import LIMITS
from sat_nb.reading import open_plain
from sat_nb.segments.formats.encoded import EncodedMask, Reading, decode_masks, encode_each
from sat_nb.segments.formats.json_files import NAMES_FILE, JsonDocument, Place
from sat_nb.segments.formats.json_text import read_bytes
from sat_nb.segments.formats.label_png import names_file, numbered_names, read_names
from sat_nb.segments.formats.limits import (
    check_count,
    check_inside,
    checked_dict,
    checked_list,
    checked_number,
    whole_number,
)
from sat_nb.segments.formats.png_files import read_mask, read_size
from sat_nb.segments.formats.rle import rle_decoder
from sat_nb.sources import Format, Source, as_image_id

Names = Mapping[int, str | None]
METADATA_FILE = "metadata.csv"
METADATA_HEAD = b"id,area,bbox_x0"
COLUMNS: tuple[str, ...] = ("id", "predicted_iou")


def is_sam(document: object) -> bool:
    """Whether a parsed JSON document holds SAM's automatic masks of an image."""
    items = _items(document)
    return bool(items) and isinstance(items[0], dict) and items[0].keys() >= _KEYS


_KEYS = {"segmentation", "predicted_iou"}


def parse_sam(document: Any, names: Names) -> Reading:
    """The masks of one parsed file that have a name, by their place in it.

    Raises InvalidInput that names the field.
    """
    items = checked_list(_items(document), "the list of masks")
    missing = [_missing(number, len(items)) for number in names if number >= len(items)]
    named = ((f"[{i}]", (item, names[i])) for i, item in enumerate(items) if names.get(i))
    return decode_masks([*encode_each(named, _encoded), *missing])


def _items(document: Any) -> Any:
    if isinstance(document, dict) and isinstance(document.get("image"), dict):
        document = document.get("annotations")
    return document if isinstance(document, list) else None


def _missing(number: int, n: int) -> InvalidInput:
    return InvalidInput(f"{NAMES_FILE}: names the mask {number}, and there are {n}, from 0.")


def _encoded(item_and_name: tuple[Any, Any], field: str) -> EncodedMask:
    item, name = checked_dict(item_and_name[0], field), item_and_name[1]
    mask = item.get("segmentation")
    if not isinstance(mask, dict):
        raise InvalidInput(
            f"{field}.segmentation: expected run lengths {{size, counts}}; write them with "
            "--convert-to-rle, or output_mode='coco_rle'."
        )
    return EncodedMask(
        f"{field}.segmentation",
        name,
        *rle_decoder(mask, "coco_rle", f"{field}.segmentation"),
        _score(item.get("predicted_iou"), f"{field}.predicted_iou"),
    )


def _score(value: Any, field: str) -> float:
    return np.nan if value is None else checked_number(value, field)


def names_beside(file: Path, root: Path, *ids: str, alone: bool) -> Names:
    """The names of one image's masks; InvalidInput that says how to give them.

    Only where the file is ``alone`` beside its labels.json may that be without ids of images: the
    numbers of another image's masks mean something else.
    """
    folder = root.absolute()
    found = names_file(file, folder.parent if folder.is_dir() else folder.parent.parent)
    labels = None if found is None else read_names(found)
    by_image = labels if isinstance(labels, dict) else {}
    for key, names in by_image.items():
        if as_image_id(key) in ids and isinstance(names, dict | list):
            return numbered_names(names)
    if found is not None and alone and found.parent == file.absolute().parent:
        return numbered_names(labels)
    raise InvalidInput(
        f"masks of SAM have no names; write a {NAMES_FILE} beside the file, with the place of each "
        f'mask that you need, from 0: {{"{ids[0]}": {{"0": "eye", "3": "mane"}}}}. To see which '
        "is which, read_segments(..., format='sam_numbered') calls them 'mask 0', 'mask 1' and so "
        "on."
    )


@dataclass(frozen=True, kw_only=True)
class NamedDocument(JsonDocument):
    """A document of masks without names, which a labels.json beside it has."""

    def read(self, document: Any, place: Place) -> Reading:
        """The Reading of the masks that have a name."""
        if not _items(document):
            return self.parse(document)
        file = place.file
        others = [f for f in file.parent.glob("*.json") if f.name not in (NAMES_FILE, file.name)]
        ids = place.file_id, file.stem
        return parse_sam(document, names_beside(file, place.root, *ids, alone=not others))


def parse_numbered(document: Any) -> Reading:
    """All masks of one parsed file, called "mask 0", "mask 1", ... by their place in it."""
    items = checked_list(_items(document), "the list of masks")
    return parse_sam(document, {i: f"mask {i}" for i in range(len(items))})


# --- a folder of PNGs an image -------------------------------------------------------------------


def open_sam_folders(root: Path) -> dict[str, Source[Reading]]:
    """The folders that have a metadata.csv of amg.py; one image each."""
    return {
        image_id: Source(str(file.parent), partial(_read_folder, file, root, image_id), claimed)
        for file in sorted(visible_files(root, {".csv"}) if root.is_dir() else ())
        if file.name == METADATA_FILE and _has_head(file)
        for image_id in [_id_of(file.parent, root)]
        for claimed in [(file, *sorted(file.parent.glob("*.png")))]
    }


def _id_of(folder: Path, root: Path) -> str:
    return root.absolute().name if folder == root else folder.relative_to(root).as_posix()


def _has_head(file: Path) -> bool:
    try:
        with open_plain(file) as stream:
            return stream.read(len(METADATA_HEAD)) == METADATA_HEAD
    except (OSError, InvalidInput):
        return False


def _read_folder(metadata: Path, root: Path, image_id: str) -> Reading:
    rows = _rows(metadata)
    ids = image_id, metadata.parent.name
    names = names_beside(metadata, root, *ids, alone=True) if rows else {}
    missing = [_missing(number, len(rows)) for number in names if number not in rows]
    named = ((f"{i}.png", (row, names[i])) for i, row in rows.items() if names.get(i))
    encode = partial(_encoded_png, folder=metadata.parent)
    return decode_masks([*encode_each(named, encode), *missing])


def _rows(metadata: Path) -> dict[int, dict[str, str]]:
    """{place of a mask: its row}."""
    text = read_bytes(metadata, LIMITS["json_bytes"], "json_bytes").decode("utf-8", "replace")
    try:
        head, *rows = islice(csv.reader(io.StringIO(text)), LIMITS["masks"] + 2)
    except (csv.Error, ValueError) as error:
        raise InvalidInput(f"{metadata.name}: not readable ({error}).") from error
    check_count(rows, metadata.name)
    columns = {name: head.index(name) for name in COLUMNS if name in head}
    found = ({name: row[i] for name, i in columns.items() if i < len(row)} for row in rows)
    by_number = ((whole_number(row.get("id")), row) for row in found)
    return {number: row for number, row in by_number if number is not None}


def _encoded_png(
    row_and_name: tuple[dict[str, str], Any], field: str, *, folder: Path
) -> EncodedMask:
    row, name = row_and_name
    file = folder / field
    check_inside(file, folder)
    try:
        score = float(row.get("predicted_iou") or np.nan)
    except ValueError:
        score = np.nan
    return EncodedMask(field, name, read_size(file), partial(read_mask, file), score)


SAM = NamedDocument(
    name="sam",
    title="SAM's automatic masks (JSON)",
    about="Masks of Segment Anything or SA-1B, an image a file, with names in a labels.json.",
    source="https://github.com/facebookresearch/segment-anything",
    recognises=is_sam,
    parse=parse_numbered,
)

SAM_NUMBERED = JsonDocument(
    name="sam_numbered",
    title="SAM's automatic masks, numbered (JSON)",
    about='Masks of Segment Anything, called "mask 0", "mask 1" and so on, to see which is which.',
    source="https://github.com/facebookresearch/segment-anything",
    recognises=is_sam,
    parse=parse_numbered,
)

SAM_FOLDER = Format(
    name="sam_folder",
    title="SAM's automatic masks (PNGs)",
    about="A folder an image of Segment Anything's PNGs, with names in a labels.json.",
    source="https://github.com/facebookresearch/segment-anything",
    detects=lambda root: bool(open_sam_folders(root)),
    open=open_sam_folders,
)
