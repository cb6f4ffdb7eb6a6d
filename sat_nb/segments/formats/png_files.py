"""PNGs that hold masks: where they are, and their values, read only after a check of the size."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sat_nb.errors import InvalidInput
from sat_nb.files import files_by_id, visible_files
from sat_nb.segments.formats.json_files import NAMES_FILE
from sat_nb.segments.formats.limits import checked_size


def png_files(root: Path) -> dict[str, Path]:
    """{id: PNG} of a folder, or of a single file."""
    if root.is_dir():
        return files_by_id(root, {".png"})
    return {root.stem: root} if root.suffix.lower() == ".png" else {}


def pngs_are_masks(root: Path) -> bool:
    """Whether a folder has no JSON or .npz files; PNGs beside those are photos, or part of them."""
    others = visible_files(root, {".json", ".npz"})
    return all(file.name == NAMES_FILE for file in others)


def read_picture(source: Path | BinaryIO) -> NDArray:
    """The values of a PNG as stored: (H, W) if grey, palette or 1-bit, else (H, W, 3 or 4).

    Of a palette, these are the indices, not the colours. Raises InvalidInput (without the file's
    name) for anything that is not a PNG, and for more than MAX_PIXELS pixels.
    """
    try:
        with Image.open(source, formats=["PNG"]) as image:
            checked_size((image.height, image.width), "the size of the picture")
            return np.array(image)
    except InvalidInput:
        raise
    except Exception as error:  # damaged files make Pillow raise errors of many kinds
        raise InvalidInput(f"not readable as a PNG ({error}); export it again.") from error


def two_valued(values: NDArray) -> NDArray[np.bool_]:
    """The (H, W) mask of an array that holds 0 and one other value (or False and True).

    A colour picture is taken if all its channels are equal, as in CelebAMask-HQ.

    >>> two_valued(np.array([[0, 255]], np.uint8))
    array([[False,  True]])
    """
    if values.ndim == 3 and values.shape[2] >= 3 and _grey(values):
        values = values[..., 0]
    if values.ndim != 2 or values.dtype.kind not in "biu":
        raise InvalidInput(
            "expected a mask (H, W) of two whole values, got "
            f"{values.dtype} {values.shape}; save it as a boolean or grey picture or array."
        )
    mask = values.astype(bool)
    others = values[mask]
    if others.size and (others != others[0]).any():
        raise InvalidInput(
            f"expected a mask of two values, got {others.min()}, {others.max()} beside 0; name the "
            "labels in a labels.json, or apply a threshold to grey masks."
        )
    return mask


def _grey(values: NDArray) -> bool:
    red, green, blue = values[..., 0], values[..., 1], values[..., 2]
    return bool((red == green).all() and (green == blue).all())
