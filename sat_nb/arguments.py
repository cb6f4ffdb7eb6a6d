"""Checks of arguments that many functions take."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from sat_nb.arrays import Map
from sat_nb.errors import InvalidInput


def is_whole(value: object) -> bool:
    """Whether ``value`` is an integer of Python or numpy; True and False are not."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Whether ``value`` is a real number other than NaN; True and False are not."""
    return isinstance(value, Real) and not isinstance(value, bool) and value == value


def checked_whole(argument: str, value: Any, least: int = 0) -> int:
    """Return ``value`` as an int, or raise InvalidInput unless it is a whole number >= ``least``.

    >>> checked_whole("n_repeats", np.int64(5), 1)
    5
    """
    if not is_whole(value) or value < least:
        raise InvalidInput(f"{argument}: expected a whole number >= {least}, got {value!r}.")
    return int(value)


def checked_level(argument: str, value: Any, usual: float) -> float:
    """Return ``value`` as a float, or raise InvalidInput unless it lies between 0 and 1.

    ``usual`` is the example in the error.
    """
    if not is_number(value) or not 0 < value < 1:
        raise InvalidInput(
            f"{argument}: expected a number between 0 and 1, such as {usual:g}, got {value!r}."
        )
    return float(value)


def checked_columns(by: str | Sequence[str]) -> list[str]:
    """The columns to group by; one name alone is one column.

    >>> checked_columns("method"), checked_columns(("method", "model"))
    (['method'], ['method', 'model'])
    """
    return [by] if isinstance(by, str) else list(by)


def channel_sum(attribution: Any) -> Map:
    """An attribution map (h, w) or (h, w, C) with its channels summed: (h, w).

    >>> channel_sum(np.ones((2, 2, 3)))
    array([[3., 3.],
           [3., 3.]])
    """
    attribution = np.asarray(attribution)
    if attribution.ndim not in (2, 3) or attribution.size == 0:
        raise InvalidInput(
            f"attribution: expected float (h, w) or (h, w, C), got {attribution.dtype} "
            f"{attribution.shape}."
        )
    if not np.isfinite(attribution).all():
        raise InvalidInput("attribution: holds NaN or infinite values; explain that image again.")
    summed: Map = attribution.sum(axis=2) if attribution.ndim == 3 else attribution
    return summed
