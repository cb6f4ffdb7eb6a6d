"""Boolean masks as they are: a folder of PNGs an image, or a .npz file an image.

A folder ``masks/zebra/3/`` with ``eye.png`` and ``mane.png`` is the image "zebra/3" with two
segments; each PNG shows its mask on black, or as what is opaque. A .npz holds one array (H, W) a
segment, under its name; or ``masks`` (n, H, W) and ``names`` (n,), and perhaps ``scores`` (n,).

CelebAMask-HQ has many images in one folder: ``00007_hair.png`` is a part of image "00007".
"""

from __future__ import annotations

import math
import os
import re
import sys
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from sat_nb.errors import InvalidInput
from sat_nb.files import files_by_id, visible_files
from sat_nb.limits import LIMITS
from sat_nb.reading import open_plain
from sat_nb.segments.formats.encoded import (
    EncodedMask,
    Reading,
    check_mask_bytes,
    decode_masks,
    encode_each,
)
from sat_nb.segments.formats.json_files import NAMES_FILE
from sat_nb.segments.formats.limits import (
    check_count,
    check_inside,
)
from sat_nb.segments.formats.png_files import (
    png_files,
    pngs_are_masks,
    read_mask,
    read_size,
    two_valued,
)
from sat_nb.sources import Format, Source

T = TypeVar("T")
Arrays = dict[str, NDArray]
Sources = dict[str, Source[Reading]]


def detects_boolean(root: Path) -> bool:
    """Whether a folder holds .npz files, or PNGs that are not photos."""
    if _npz_files(root):
        return True
    return pngs_are_masks(root) and bool(png_files(root))


def open_boolean(root: Path) -> Sources:
    """The .npz files, one image each; where there is none, the folders of PNGs."""
    arrays = _npz_files(root)
    if arrays:
        return {
            file_id: Source(str(file), partial(_read_npz_masks, file), (file,))
            for file_id, file in arrays.items()
        }
    folders: dict[Path, list[Path]] = {}
    sources = {}
    for file_id, file in png_files(root).items():
        if file.parent == root or file == root:
            sources[file_id] = Source(str(file), _refuse_single_png, (file,))
        else:
            folders.setdefault(file.parent, []).append(file)
    for folder, files in folders.items():
        read = partial(_read_png_masks, folder)
        sources[folder.relative_to(root).as_posix()] = Source(str(folder), read, tuple(files))
    return sources


def decode_boolean(arrays: Arrays) -> Reading:
    """The segments of one image's arrays, names as written, in their order."""
    masks = _by_name(arrays)
    check_count(masks, "masks")
    return decode_masks(encode_each(masks, _encoded))


def decode_pngs(files: Mapping[str, Path]) -> Reading:
    """The segments of one image's PNGs {name: file}, in their order."""
    check_count(list(files), "masks")
    return decode_masks(encode_each(((file.name, (name, file)) for name, file in files.items()),
                                    _encoded_png))  # fmt: skip


def read_npz(file: Path) -> Arrays:
    """{name: array} of a .npz file. Sizes are checked first, and pickles are not loaded.

    Raises InvalidInput (without the file's name) for anything else.
    """
    try:
        with open_plain(file) as stream:
            _check_list(stream)
            with zipfile.ZipFile(stream) as archive:
                _check_members(archive)
            stream.seek(0)
            with np.load(stream, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
    except InvalidInput:
        raise
    except Exception as error:  # damaged files make zipfile, zlib and numpy raise many kinds
        raise InvalidInput(f"not readable as .npz ({error}); save it again.") from error


def _npz_files(root: Path) -> dict[str, Path]:
    if root.is_dir():
        return files_by_id(root, {".npz"})
    return {root.stem: root} if root.suffix.lower() == ".npz" else {}


def _read_npz_masks(file: Path) -> Reading:
    return decode_boolean(read_npz(file))


def _read_png_masks(folder: Path) -> Reading:
    files = (file for file in visible_files(folder, {".png"}) if file.parent == folder)
    return decode_pngs({file.stem: file for file in sorted(files)})


def _refuse_single_png() -> Reading:
    raise InvalidInput(
        f"a PNG needs a {NAMES_FILE} beside it or in a folder above it that names its values; "
        "boolean PNGs need a folder an image, such as 'zebra_3/eye.png'."
    )


MAX_LIST_BYTES = 2**22
END_OF_ZIP = b"PK\5\6"


def _check_list(stream: BinaryIO) -> None:
    """InvalidInput for a zip whose list of members is long: zipfile reads it whole."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - 2**16 - 22))
    end = stream.read()
    found = end.rfind(END_OF_ZIP)
    n_bytes = int.from_bytes(end[found + 12 : found + 16], "little") if found >= 0 else 0
    stream.seek(0)
    if n_bytes > MAX_LIST_BYTES:
        raise InvalidInput(f"expected at most {LIMITS['masks']} arrays; save fewer in one file.")


def _check_members(archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    check_count(members, "arrays")
    check_mask_bytes("the masks", sum(member.file_size for member in members))
    known = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    if any(member.compress_type not in known for member in members):
        raise InvalidInput("packed in a way that numpy does not write; save it with numpy.savez.")
    check_mask_bytes("the masks", sum(_header_bytes(archive, member) for member in members))


def _header_bytes(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """The memory that the array takes, by its header: numpy allocates it before it reads."""
    with archive.open(member) as stream:
        if np.lib.format.read_magic(stream) != (1, 0):  # others have headers of any length
            raise InvalidInput(f"{member.filename[:80]!r} is not an array of whole numbers.")
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.hasobject or any(length < 0 for length in shape):
        raise InvalidInput(f"{member.filename[:80]!r} is not an array of booleans.")
    return math.prod(shape) * dtype.itemsize


def _by_name(arrays: Arrays) -> list[tuple[str, tuple[str, NDArray, float]]]:
    """(field, (name, array, score)) of each mask."""
    masks = [(name, values, math.nan) for name, values in arrays.items()]
    if "names" in arrays and "masks" in arrays:
        masks = _of_stack(arrays["names"], arrays["masks"], arrays.get("scores"))
    return [(f"mask {mask[0][:80]!r}", mask) for mask in masks]


def _of_stack(
    names: NDArray, masks: NDArray, scores: NDArray | None
) -> list[tuple[str, NDArray, float]]:
    if scores is None:
        scores = np.full(len(masks) if masks.ndim else 0, math.nan)
    fits = masks.ndim == 3 and names.shape == scores.shape == masks.shape[:1]
    if not fits or names.dtype.kind != "U" or scores.dtype.kind not in "fiu":
        raise InvalidInput(
            "expected masks (n, H, W), names (n,) of str and, if known, scores (n,), got "
            f"{masks.shape}, {names.dtype} {names.shape} and {scores.dtype} {scores.shape}."
        )
    if names.size and np.ascontiguousarray(names).view(np.uint32).max() > sys.maxunicode:
        raise InvalidInput(
            "names: expected text, got numbers that are no characters; save it again."
        )
    return list(zip(names.tolist(), masks, scores.astype(float).tolist(), strict=True))


def _encoded(mask: tuple[str, NDArray, float], field: str) -> EncodedMask:
    name, values, score = mask
    if values.ndim == 3 and 1 in (values.shape[0], values.shape[2]):
        values = values[0] if values.shape[0] == 1 else values[..., 0]
    if values.ndim != 2:
        raise InvalidInput(
            f"{field}: expected a mask (H, W) of two whole values, got {values.dtype} "
            f"{values.shape}; save several masks as masks (n, H, W) beside names (n,), with "
            "numpy.savez(file, masks=masks, names=names), and of a colour picture one channel."
        )
    height, width = values.shape
    return EncodedMask(
        field, name, (height, width), partial(_named, two_valued, values, field), score
    )


def _encoded_png(mask: tuple[str, Path], field: str) -> EncodedMask:
    name, file = mask
    check_inside(file, file.parent)
    return EncodedMask(
        field, name, _named(read_size, file, field), partial(_named, read_mask, file, field)
    )


def _named(function: Callable[[Any], T], argument: Any, field: str) -> T:
    """``function(argument)``; its InvalidInput names the field."""
    try:
        return function(argument)
    except InvalidInput as error:
        raise InvalidInput(f"{field}: {error}") from error


PARTS = (
    "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear",
    "mouth", "u_lip", "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth",
)  # fmt: skip

_PART_NAME = re.compile(rf"(\d+)_({'|'.join(PARTS)})\.png", re.IGNORECASE)


def detects_celebamask(root: Path) -> bool:
    """Whether a folder holds PNGs with the names of CelebAMask-HQ's parts."""
    return pngs_are_masks(root) and any(number_of(file) for file in png_files(root).values())


def open_celebamask(root: Path) -> Sources:
    """The images whose parts are there; the id is the folder and the number, as it is written."""
    parts: dict[str, list[Path]] = {}
    for file_id, file in png_files(root).items():
        number = number_of(file)
        if number is not None:
            image_id = (Path(file_id).parent / number).as_posix()
            parts.setdefault(image_id, []).append(file)
    return {
        image_id: Source(str(files[0]), partial(_read_parts, files[0]), tuple(files))
        for image_id, files in parts.items()
    }


def number_of(file: Path) -> str | None:
    """The image's number, as it is written, of a part's PNG; None for other files.

    >>> number_of(Path("0/00000_l_brow.png")), number_of(Path("00000_watermark.png"))
    ('00000', None)
    """
    found = _PART_NAME.fullmatch(file.name)
    return found[1] if found else None


def _read_parts(file: Path) -> Reading:
    """The image that a part's PNG belongs to, its parts in the data set's order."""
    number = number_of(file)
    beside = [file.with_name(f"{number}_{part}{file.suffix}") for part in PARTS]
    return decode_pngs({
        part.stem.removeprefix(f"{number}_"): part for part in beside if part.is_file()
    })  # fmt: skip


BOOLEAN = Format(
    name="boolean",
    title="boolean PNGs or .npz",
    about="A folder of two-valued PNGs an image, or a .npz file of boolean arrays an image.",
    source="any tool that saves masks with Pillow or NumPy",
    detects=detects_boolean,
    open=open_boolean,
)
CELEBAMASK = Format(
    name="celebamask",
    title="CelebAMask-HQ's parts (PNGs)",
    about="The parts of faces as CelebAMask-HQ is published, one PNG a part.",
    source="https://github.com/switchablenorms/CelebAMask-HQ",
    detects=detects_celebamask,
    open=open_celebamask,
)
