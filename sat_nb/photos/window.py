"""The window that brings photos of any depth to 0..255, for models and for pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.arguments import is_number
from sat_nb.arrays import Float32, Pixels
from sat_nb.errors import InvalidInput
from sat_nb.photos.photo import Photo, Range, photo_of

Window = Range | str
"""(low, high) in stored units, or a name in WINDOWS."""

WINDOWS = {
    "dtype": "the whole range that the stored numbers can have",
    "file": "the window that the file itself names (DICOM, NIfTI)",
}
HINT = (
    "window=(low, high), the stored values that become 0 and 255; window='dtype', "
    f"{WINDOWS['dtype']}; window='file', {WINDOWS['file']}"
)


def checked_window(window: object) -> Window | dict[str, Window] | None:
    """The window as ``read_images`` takes it, or InvalidInput."""
    if window is None:
        return None
    if isinstance(window, Mapping):
        return {str(i): _checked_one(one) for i, one in window.items()}
    return _checked_one(window)


def _checked_one(window: Any) -> Window:
    if isinstance(window, str) and window in WINDOWS:
        return window
    pair = () if isinstance(window, str) or not np.iterable(window) else tuple(window)
    if len(pair) == 2 and all(map(is_number, pair)) and -np.inf < pair[0] < pair[1] < np.inf:
        return float(pair[0]), float(pair[1])
    raise InvalidInput(
        f"window: expected (low, high) with low < high, 'dtype', 'file', or {{image_id: one of "
        f"these}}, got {window!r}."
    )


def windowed(photo: Photo, window: Window) -> Pixels:
    """The photo under a window: float32 from 0 to 255, not rounded.

    As whole numbers, the 4,096 levels of 12 bits would become 256, and a model takes floats anyway.
    A photo that is shown as it is stored stays as it is under "dtype", (0, 255), and "file" if
    the file names none.
    """
    if photo.is_shown_as_stored:
        if window == "dtype" or (window == "file" and photo.window is None):
            return photo.pixels
        _check_of_8_bits(window)
        if window == (0, 255):
            return photo.pixels
    low, high = _range_of(photo, window)
    scaled = (photo.pixels.astype(np.float64) - low) * (255 / (high - low))
    pixels: Float32 = np.clip(scaled, 0, 255).astype(np.float32)
    return np.float32(255) - pixels if photo.inverted else pixels


def _check_of_8_bits(window: Window) -> None:
    if isinstance(window, tuple) and not 0 <= window[0] < window[1] <= 255:
        raise InvalidInput(
            f"window: {window} lies outside 0..255, and this photo is of 8 bits, which needs no "
            "window; give windows to the other photos alone: window={image_id: (low, high), ...}."
        )


def _range_of(photo: Photo, window: Window) -> Range:
    if isinstance(window, tuple):
        return window
    found = photo.full if window == "dtype" else photo.window
    if found is None:
        lacks = (
            "floats have no range of their own" if window == "dtype" else "the file names no window"
        )
        raise InvalidInput(
            f"window: {window!r}, but {lacks}; give (low, high), of values from "
            f"{photo.pixels.min():g} to {photo.pixels.max():g} here."
        )
    return found


def shown(array: object, argument: str = "pixels") -> NDArray[np.uint8]:
    """A photo as uint8 (H, W, 3) for pictures of it alone, never for a model.

    Floats between 0 and 255 are shown as they are, as a window leaves them; other photos of more
    than 8 bits from their lowest value, black, to their highest, white.

    >>> shown(np.array([[0, 2000, 4000]], np.uint16))[0, :, 0]
    array([  0, 128, 255], dtype=uint8)
    """
    try:
        pixels = photo_of(array).pixels
    except InvalidInput as error:
        raise InvalidInput(f"{argument}: {error}") from None
    if pixels.dtype == np.uint8:
        return pixels
    low, high = float(pixels.min()), float(pixels.max())
    if pixels.dtype == np.float32 and low >= 0 and 1 < high <= 255:
        low, high = 0.0, 255.0
    scaled = (pixels.astype(np.float32) - low) * (255 / ((high - low) or 1))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
