"""Boolean masks as they are: a folder of PNGs an image, or a .npz file an image.

A folder ``masks/zebra/3/`` with ``eye.png`` and ``mane.png`` is the image "zebra/3" with two
segments; each PNG holds 0 and one other value. A .npz holds an array (H, W) a segment, under its
name, or ``masks`` (n, H, W) and ``names`` (n,), and ``scores`` (n,) if there are any.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sat_nb.errors import InvalidInput
from sat_nb.segments.formats.encoded import Piece, assemble
from sat_nb.segments.formats.limits import MAX_MASK_BYTES, check_count, check_inside
from sat_nb.segments.formats.png_files import read_picture, two_valued
from sat_nb.segments.segmentation import SegmentationMap


class MaskArrays(dict[str, NDArray]):
    """The arrays of one image by name, as they were stored."""


def is_boolean(document: object) -> bool:
    """Whether a document is a set of arrays by name."""
    return isinstance(document, MaskArrays)


def parse_boolean(document: object) -> SegmentationMap:
    """The segments of one image's arrays, names as written, in their order.

    Raises InvalidInput that names the array.
    """
    if not isinstance(document, MaskArrays):
        raise InvalidInput("expected a folder of boolean PNGs, or a .npz file of boolean arrays.")
    arrays, scores = _by_name(document)
    check_count(arrays, "masks")
    return assemble([
        _piece(name, _mask(name, values), score)
        for (name, values), score in zip(arrays, scores, strict=True)
    ])  # fmt: skip


def read_png_folder(folder: Path) -> MaskArrays:
    """{name: values} of the PNGs in a folder, sorted by name."""
    return read_pngs(sorted(file for file in folder.glob("*") if _is_mask_png(file)), folder)


def read_pngs(files: Sequence[Path], folder: Path) -> MaskArrays:
    """{file's name without extension: values} of PNGs of a folder."""
    check_count(files, "masks")
    arrays = MaskArrays()
    for file in files:
        check_inside(file, folder)
        try:
            values = two_valued(read_picture(file))
        except InvalidInput as error:
            raise InvalidInput(f"{file.name}: {error}") from error
        _check_bytes(sum(a.nbytes for a in arrays.values()) + values.nbytes)
        arrays[file.stem] = values
    return arrays


def read_npz(file: Path) -> MaskArrays:
    """{name: array} of a .npz file; nothing in it is run (no pickles), sizes are looked at first.

    Raises InvalidInput (without the file's name) for what is no such file.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            check_count(members, "arrays")
            _check_bytes(sum(member.file_size for member in members))
            _check_bytes(sum(_header_bytes(archive, member) for member in members))
        with np.load(file, allow_pickle=False) as arrays:
            return MaskArrays((name, arrays[name]) for name in arrays.files)
    except InvalidInput:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise a dozen kinds on damaged files
        raise InvalidInput(f"not readable as .npz ({error}); save it again.") from error


def _is_mask_png(file: Path) -> bool:
    return file.suffix.lower() == ".png" and not file.name.startswith(".")


def _header_bytes(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """What the array takes in memory, by its header: it is allocated before it is read."""
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        read = {(1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0}.get(version)  # fmt: skip
        if read is None:
            raise InvalidInput(f"{member.filename[:80]!r} is no array of whole numbers.")
        shape, _, dtype = read(stream)
    if dtype.hasobject or any(length < 0 for length in shape):
        raise InvalidInput(f"{member.filename[:80]!r} is no array of booleans.")
    return math.prod(shape) * dtype.itemsize


def _check_bytes(n_bytes: int) -> None:
    if n_bytes > MAX_MASK_BYTES:
        raise InvalidInput(
            f"the masks need {n_bytes} bytes, {MAX_MASK_BYTES} at most are read; save fewer or "
            "smaller ones, as booleans."
        )


def _by_name(arrays: MaskArrays) -> tuple[list[tuple[str, NDArray]], list[float]]:
    if "names" not in arrays or "masks" not in arrays:
        return list(arrays.items()), [math.nan] * len(arrays)
    names, masks = arrays["names"], arrays["masks"]
    scores = arrays.get("scores", np.full(len(masks) if masks.ndim else 0, math.nan))
    fits = masks.ndim == 3 and names.shape == scores.shape == masks.shape[:1]
    if not fits or names.dtype.kind != "U" or scores.dtype.kind not in "fiu":
        raise InvalidInput(
            "expected masks (n, H, W), names (n,) of str and, if any, scores (n,), got "
            f"{masks.shape}, {names.dtype} {names.shape} and {scores.dtype} {scores.shape}."
        )
    return list(zip(names.tolist(), masks, strict=True)), scores.astype(float).tolist()


def _piece(name: str, mask: NDArray[np.bool_], score: float) -> Piece:
    height, width = mask.shape
    return Piece(f"mask {name[:80]!r}", name, (height, width), partial(np.asarray, mask), score)


def _mask(name: str, values: NDArray) -> NDArray[np.bool_]:
    try:
        return two_valued(values)
    except InvalidInput as error:
        raise InvalidInput(f"{name[:80]!r}: {error}") from error


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
