"""What a mask file may contain and cost: files come from anywhere, and memory is the user's.

The limits are those of ``sat_nb.LIMITS``. One image's masks take ``mask_bytes`` at most (a byte a
pixel and mask), plus one mask that is being decoded. A JSON file of one image has ``json_bytes`` at
most and ``json_values`` (a quarter of a gigabyte once parsed); a JSON file of many images has
``set_bytes``, of which one annotation is parsed at a time.
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
from sat_nb.limits import KNOWN_LIMITS, LIMITS, beyond
from sat_nb.reading import check_inside as check_inside


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
    if not height or not width or min(height, width) < 0:
        raise InvalidInput(f"{field}: expected [height, width], got {brief(size)}; export again.")
    if height * width > LIMITS["mask_pixels"]:
        raise InvalidInput(
            f"{field}: expected [height, width] of at most {LIMITS['mask_pixels']} pixels, got "
            f"{brief(size)}; export the masks again, at a smaller size if need be"
            f"{_or_raise('mask_pixels', height * width)}."
        )
    return height, width


def _or_raise(name: str, needed: int) -> str:
    return f", or {beyond(name, needed)}" if needed <= KNOWN_LIMITS[name].most else ""


def checked_name(name: Any, field: str) -> str:
    """``name`` unchanged: text of a reasonable length, without control characters."""
    if not isinstance(name, str) or not name.strip():
        raise InvalidInput(f"{field}: expected a name, got {brief(name)}.")
    if len(name) > LIMITS["name_length"]:
        raise InvalidInput(
            f"{field}: expected a name of at most {LIMITS['name_length']} characters, got "
            f"{len(name)}: {brief(name)}; shorten the name, or raise sat_nb.LIMITS['name_length']."
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
    """``value`` as a list, of not more masks than an image may have."""
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
    """InvalidInput for more masks than an image may have."""
    if len(items) > LIMITS["masks"]:
        raise InvalidInput(
            f"{field}: expected at most {LIMITS['masks']} masks, got {len(items)}; raise the "
            f"detector's threshold, or split the file; {beyond('masks', len(items))}."
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
    length = outline_length(array)
    if length > LIMITS["outline_px"]:
        raise InvalidInput(
            f"{field}: the outline is {length} pixels long; export the mask as run lengths; "
            f"{beyond('outline_px', length)}."
        )
    return array


def outline_length(points: NDArray[np.float64]) -> int:
    """The pixels and points that a closed outline passes, which is what filling it costs.

    >>> outline_length(np.array([[0, 0], [4, 0], [4, 3]]))
    14
    """
    steps = np.abs(points - points[np.arange(-1, len(points) - 1)]).max(axis=1)
    return math.ceil(steps.sum()) + len(points)
