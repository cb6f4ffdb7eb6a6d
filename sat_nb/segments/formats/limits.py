"""What a mask file may cost and contain: files come from anywhere, and memory is the user's.

One image's masks take MAX_MASK_BYTES at most (a byte a pixel and mask), while one mask more is
decoded; a JSON file of one image has MAX_JSON_BYTES at most, and holds MAX_JSON_VALUES (which take
a quarter of a gigabyte when they are parsed); one of many images has MAX_SET_BYTES, of which one
annotation is parsed at a time.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from reprlib import repr as brief
from typing import Any

from sat_nb.errors import InvalidInput

MAX_PIXELS = 2**28  # of one mask, 268 megapixels: a larger size is an error or an attack
MAX_MASK_BYTES = 2**30  # of all masks of an image
MAX_OBJECTS = 10_000  # masks in an image
MAX_NAME_LENGTH = 200  # characters
MAX_JSON_BYTES = 2**26
MAX_JSON_VALUES = 2**21
MAX_SET_BYTES = 2**30
MAX_OUTLINE_PX = 2**22  # length of a polygon's outline


def checked_size(size: Any, field: str) -> tuple[int, int]:
    """``size`` as (height, width), or InvalidInput that names the field."""
    whole = (
        isinstance(size, list | tuple)
        and len(size) == 2
        and all(type(s) is int and s > 0 for s in size)
    )
    if not whole or size[0] * size[1] > MAX_PIXELS:
        raise InvalidInput(
            f"{field}: expected [height, width], {MAX_PIXELS} pixels at most, got {brief(size)}; "
            "export again, at a smaller size if need be."
        )
    return size[0], size[1]


def checked_name(name: Any, field: str) -> str:
    """``name`` as it is: text of a sane length, without control characters."""
    if not isinstance(name, str) or not name.strip():
        raise InvalidInput(f"{field}: expected a name, got {brief(name)}.")
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidInput(
            f"{field}: expected a name of {MAX_NAME_LENGTH} characters at most, got "
            f"{len(name)}: {brief(name)}; give the segment a short name."
        )
    wrong = [c for c in name if unicodedata.category(c) in {"Cc", "Cs"} and not c.isspace()]
    if wrong:
        raise InvalidInput(
            f"{field}: expected text, got the control character {wrong[0]!r}; take it out."
        )
    return name


def checked_number(value: Any, field: str) -> float:
    """``value`` as a finite float."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        if number and math.isfinite(value):
            return float(value)
    except OverflowError:  # a whole number that no float holds
        pass
    raise InvalidInput(f"{field}: expected a number, got {brief(value)}.")


def checked_list(value: Any, field: str) -> list[Any]:
    """``value`` as a list of MAX_OBJECTS at most."""
    if not isinstance(value, list):
        raise InvalidInput(f"{field}: expected a list, got {brief(value)}.")
    check_count(value, field)
    return value


def checked_dict(value: Any, field: str) -> dict[str, Any]:
    """``value`` as a dict with text as keys."""
    if not isinstance(value, dict):
        raise InvalidInput(f"{field}: expected an object, got {type(value).__name__}.")
    return value


def check_count(items: Sequence[Any], field: str) -> None:
    """Refuse more than MAX_OBJECTS."""
    if len(items) > MAX_OBJECTS:
        raise InvalidInput(
            f"{field}: expected {MAX_OBJECTS} masks at most, got {len(items)}; "
            "raise the detector's threshold, or split the file."
        )


def check_inside(file: Path, folder: Path) -> None:
    """Refuse a file that a link or ``..`` takes out of its folder."""
    try:
        inside = file.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError) as error:  # loops, and what no file system takes
        raise InvalidInput(
            f"{brief(str(file))}: not a file that can be followed ({error})."
        ) from error
    if not inside:
        raise InvalidInput(
            f"{str(file)!r} leads out of {str(folder)!r}; copy the file into the folder, or name "
            "the folder that it is in."
        )
