"""One photo as it is stored: its numbers, and what is known of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Pixels
from sat_nb.errors import InvalidInput
from sat_nb.limits import LIMITS, beyond

Range = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo as it is stored.

    ``pixels`` : uint8, uint16 or float32 (H, W, 3), RGB.
    ``full`` : the range that the stored numbers can have; None for floats, which have none.
    ``window`` : the file's own window.
    ``inverted`` : whether the file says that low numbers are bright.
    ``notes`` : what a reader of it should know, each under a word for its kind.
    """

    pixels: Pixels
    full: Range | None = None
    window: Range | None = None
    inverted: bool = False
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_shown_as_stored(self) -> bool:
        """Whether the stored numbers are what a viewer shows, 0 black and 255 white."""
        return self.pixels.dtype == np.uint8


def photo_of(array: object) -> Photo:
    """A photo from a user's array (H, W, 3), or (H, W) in grey; InvalidInput for others."""
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "uif":
        raise InvalidInput(_expected(array))
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    is_grey, is_colour = array.ndim == 2, array.ndim == 3 and array.shape[2] == 3
    if not (is_grey or is_colour) or not array.size:
        raise InvalidInput(_expected(array))
    return Photo(in_colour(stored(array)), range_of(array.dtype))


def check_size(height: int, width: int, n_channels: int = 3, n_bytes: float = 1) -> None:
    """InvalidInput for a photo that takes too much memory, of ``n_bytes`` a number."""
    needed = math.ceil(height * width * n_channels * n_bytes)
    if needed > LIMITS["photo_bytes"]:
        raise InvalidInput(
            f"{height} x {width} px in {n_channels} channels take {needed} bytes; shrink or cut "
            f"the photo, and its masks; {beyond('photo_bytes', needed)}."
        )


def stored(array: NDArray[Any]) -> NDArray[Any]:
    """Numbers as photos keep them: uint8 and uint16 as they are, others as float32.

    >>> stored(np.array([-1000, 400], np.int16))
    array([-1000.,   400.], dtype=float32)
    """
    if array.dtype.kind == "u" and array.dtype.itemsize <= 2:
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    with np.errstate(over="ignore"):
        numbers = array.astype(np.float32)
    n_bad = int(numbers.size - np.isfinite(numbers).sum())
    if n_bad:
        raise InvalidInput(
            f"{n_bad} of {numbers.size} values are NaN or infinite; replace them by the value of "
            "the background, such as with numpy.nan_to_num."
        )
    return numbers


def in_colour(pixels: NDArray[Any]) -> Pixels:
    """(H, W, 3): a grey photo (H, W) has three equal channels."""
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels


def over_white(colours: NDArray[Any], alpha: NDArray[Any]) -> tuple[NDArray[Any], dict[str, str]]:
    """Colours (H, W, 3) laid over white, and a note if any pixel is see-through.

    Both are of one type of whole numbers without sign; the largest alpha is opaque.

    >>> over_white(np.array([[[9, 9, 9]]], np.uint8), np.array([[0]], np.uint8))[0]
    array([[[255, 255, 255]]], dtype=uint8)
    """
    top = int(np.iinfo(alpha.dtype).max)
    if (alpha == top).all():
        return colours, {}
    laid = np.empty_like(colours)
    n_rows = max(1, 2**20 // max(alpha.shape[1], 1))
    for start in range(0, len(alpha), n_rows):  # a part at a time: it takes 4 bytes a number
        part = slice(start, start + n_rows)
        opacity = alpha[part].astype(np.uint32)[..., None]
        laid[part] = (colours[part] * opacity + top * (top - opacity) + top // 2) // top
    note = (
        f"{(alpha < top).mean():.0%} of its pixels are see-through, and lie over white, as in a "
        "browser. For another background, save the photos without transparency"
    )
    return laid, {"see-through": note}


def range_of(dtype: np.dtype[Any]) -> Range | None:
    """The range of whole numbers of a type; None for floats.

    >>> range_of(np.dtype(np.uint16))
    (0.0, 65535.0)
    """
    return (float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)) if dtype.kind in "ui" else None


def _expected(came: object) -> str:
    got = f"{came.dtype} {came.shape}" if isinstance(came, np.ndarray) else type(came).__name__
    remedy = ""
    if isinstance(came, np.ndarray) and came.ndim == 3 and came.shape[2] == 4:
        remedy = "; lay it over a background of your choice and leave the fourth channel out"
    elif isinstance(came, np.ndarray) and came.ndim == 3 and came.shape[0] in (1, 3):
        remedy = "; move the channels to the end with numpy.moveaxis(array, 0, -1)"
    return (
        "expected an array (H, W, 3) in RGB, or (H, W) in grey, of uint8, uint16 or "
        f"float, got {got}{remedy}."
    )
