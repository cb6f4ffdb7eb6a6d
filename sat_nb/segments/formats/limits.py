"""What a mask file may contain and cost: files come from anywhere, and memory is the user's.

One image's masks take MAX_MASK_BYTES at most (a byte a pixel and mask), plus one mask that is
being decoded. A JSON file of one image has MAX_JSON_BYTES at most and MAX_JSON_VALUES (a quarter
of a gigabyte once parsed); a JSON file of many images has MAX_SET_BYTES, of which one annotation
is parsed at a time.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from reprlib import repr as brief
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Size
from sat_nb.errors import InvalidInput
from sat_nb.reading import check_inside as check_inside

MAX_PIXELS = 2**28  # of one mask, 268 megapixels: a larger size is an error or an attack
MAX_MASK_BYTES = 2**30  # of all masks of an image
MAX_OBJECTS = 10_000  # masks in an image
MAX_NAME_LENGTH = 200  # characters
MAX_JSON_BYTES = 2**26
MAX_JSON_VALUES = 2**21
MAX_SET_BYTES = 2**30
MAX_OUTLINE_PX = 2**22  # length of a polygon's outline


def whole_number(value: Any) -> int | None:
    """``value`` as a whole number, also where a tool wrote 480.0 or "480"; None if it is none.

    >>> whole_number(480), whole_number(480.0), whole_number("480"), whole_number(480.5)
    (480, 480, 480, None)
    """
    if type(value) is int:
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        return int(value)
    return None


def checked_size(size: Any, field: str) -> Size:
    """``size`` as (height, width), or InvalidInput that names the field."""
    pair = size if isinstance(size, list | tuple) and len(size) == 2 else (None, None)
    height, width = map(whole_number, pair)
    if not height or not width or min(height, width) < 0 or height * width > MAX_PIXELS:
        raise InvalidInput(
            f"{field}: expected [height, width] of at most {MAX_PIXELS} pixels, got "
            f"{brief(size)}; export the masks again, at a smaller size if need be."
        )
    return height, width


def checked_name(name: Any, field: str) -> str:
    """``name`` unchanged: text of a reasonable length, without control characters."""
    if not isinstance(name, str) or not name.strip():
        raise InvalidInput(f"{field}: expected a name, got {brief(name)}.")
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidInput(
            f"{field}: expected a name of at most {MAX_NAME_LENGTH} characters, got "
            f"{len(name)}: {brief(name)}; shorten the name."
        )
    wrong = [c for c in name if unicodedata.category(c) in {"Cc", "Cs"} and not c.isspace()]
    if wrong:
        raise InvalidInput(
            f"{field}: expected text, got the control character {wrong[0]!r}; remove it."
        )
    return name


def checked_number(value: Any, field: str) -> float:
    """``value`` as a finite float."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        if number and math.isfinite(value):
            return float(value)
    except OverflowError:  # a whole number that is too large for a float
        pass
    raise InvalidInput(f"{field}: expected a finite number, got {brief(value)}.")


def checked_list(value: Any, field: str) -> list[Any]:
    """``value`` as a list of at most MAX_OBJECTS."""
    if not isinstance(value, list):
        raise InvalidInput(f"{field}: expected a list, got {brief(value)}.")
    check_count(value, field)
    return value


def checked_dict(value: Any, field: str) -> dict[str, Any]:
    """``value`` as a dict."""
    if not isinstance(value, dict):
        raise InvalidInput(f"{field}: expected an object, got {type(value).__name__}.")
    return value


def check_count(items: Sequence[Any], field: str) -> None:
    """InvalidInput for more than MAX_OBJECTS."""
    if len(items) > MAX_OBJECTS:
        raise InvalidInput(
            f"{field}: expected at most {MAX_OBJECTS} masks, got {len(items)}; raise the "
            "detector's threshold, or split the file."
        )


def checked_points(
    points: Any, size: Size, field: str, *, least: int, most: int | None = None
) -> NDArray[np.float64]:
    """Points (n, 2), x first, as float64; the length of their outline is bounded.

    Raises InvalidInput for anything else, for fewer than ``least`` and more than ``most`` points,
    and for points farther outside than the image is long: polygons are filled with int32
    coordinates.
    """
    try:
        array = np.array(points, dtype=np.float64)
        if array.ndim > 1 and array.shape[1:] != (2,):  # three numbers a point are no pairs
            raise ValueError
        array = array.reshape(-1, 2)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidInput(f"{field}: expected points [x, y], got {brief(points)}.") from error
    if not np.isfinite(array).all():
        wrong = array[~np.isfinite(array).all(axis=1)][0].tolist()
        raise InvalidInput(f"{field}: expected finite numbers, got the point {wrong}.")
    if len(array) < least or (most is not None and len(array) > most):
        raise InvalidInput(
            f"{field}: expected {least} points{'' if most else ' or more'}, "
            f"got {len(array)}; redraw the shape."
        )
    height, width = size
    inside = (array >= (-width, -height)) & (array <= (2 * width, 2 * height))
    if not inside.all():
        far = array[~inside.all(axis=1)][0].tolist()
        raise InvalidInput(f"{field}: the point {far} is far outside the {height} x {width} image.")
    steps = np.abs(array - np.roll(array, 1, axis=0)).max(axis=1)
    if steps.sum() > MAX_OUTLINE_PX:
        raise InvalidInput(
            f"{field}: the outline is {steps.sum():.0f} pixels long, the limit is "
            f"{MAX_OUTLINE_PX}; export the mask as run lengths."
        )
    return array
