"""PNGs that hold masks, read without trust: their size is looked at before their pixels."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sat_nb.errors import InvalidInput
from sat_nb.segments.formats.limits import checked_size


def read_picture(source: Path | BinaryIO) -> NDArray:
    """The values of a PNG as stored: (H, W) for grey, palette and 1-bit, (H, W, 3 or 4) else.

    A palette's indices are given, not its colours. Raises InvalidInput (without the file's
    name) for anything that is no PNG, and for more than MAX_PIXELS pixels.
    """
    try:
        with Image.open(source, formats=["PNG"]) as image:
            checked_size((image.height, image.width), "the picture's size")
            return np.array(image)
    except InvalidInput:
        raise
    except Exception as error:  # what Pillow raises on damaged files is not a closed list
        raise InvalidInput(f"not readable as a PNG ({error}); export it again.") from error


def two_valued(values: NDArray) -> NDArray[np.bool_]:
    """The (H, W) mask of an array that holds 0 and one other value (or False and True).

    Colour pictures are masks where they are grey, as those of CelebAMask-HQ are.

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
            f"expected a mask of two values, got {others.min()}, {others.max()} beside 0; give "
            "labels their names in a labels.json, and grey masks a threshold."
        )
    return mask


def _grey(values: NDArray) -> bool:
    red, green, blue = values[..., 0], values[..., 1], values[..., 2]
    return bool((red == green).all() and (green == blue).all())
