"""Arrays of other tools: that they hold numbers, and what their axes are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.errors import InvalidInput

AXES = {"N": "images", "H": "rows", "W": "columns", "C": "channels", "K": "classes"}
"""The letters of a layout."""

MAX_CHANNELS = 4  # of a photo: RGB and transparency


def as_array(value: Any, where: str) -> NDArray[Any]:
    """Real numbers as an array, from NumPy, PyTorch or TensorFlow, or from a list of arrays."""
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise InvalidInput(
            f"{where}: is a masked array, in which {np.ma.count_masked(value)} values are missing; "
            "give value.filled(0) if these pixels have no attribution, or leave the image out."
        )
    try:
        if isinstance(value, np.ndarray):
            array: NDArray[Any] = value
        elif isinstance(value, list | tuple) and any(hasattr(part, "__array__") for part in value):
            array = np.stack([as_array(part, where) for part in value])
        else:
            for step in ("detach", "cpu", "numpy"):  # PyTorch needs all three, TensorFlow the last
                value = getattr(value, step, lambda same=value: same)()
            array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidInput(f"{where}: expected an array of numbers ({error}).") from error
    if array.dtype.kind not in "fiu":
        raise InvalidInput(
            f"{where}: expected real numbers, got {array.dtype} {array.shape} from "
            f"{type(value).__name__}; {_remedy(value)}."
        )
    return array


def _remedy(value: Any) -> str:
    if not isinstance(value, np.ndarray | list | tuple):
        return "give the arrays themselves"
    if np.iscomplexobj(value):
        return "give their real part or their magnitude, whichever is meant"
    return "give numbers, such as np.asarray(values, dtype=float)"


def check_axes(shape: tuple[int, ...], layout: str, where: str) -> None:
    """InvalidInput where this shape cannot have, or very likely has not, this ``layout``."""
    if len(shape) != len(layout):
        axes = ", ".join(AXES[letter] for letter in layout)
        raise InvalidInput(
            f"{where}: layout {layout!r} ({axes}) has {len(layout)} axes, got shape {shape}; "
            "declare the layout of this array."
        )
    if 0 in shape:
        raise InvalidInput(f"{where}: expected pixels, got shape {shape}, which is empty.")
    sizes = dict(zip(layout, shape, strict=True))
    if sizes.get("C", 0) > MAX_CHANNELS and min(sizes["H"], sizes["W"]) <= MAX_CHANNELS:
        meaning = ", ".join(f"{AXES[letter]} {sizes[letter]}" for letter in layout)
        raise InvalidInput(
            f"{where}: shape {shape} cannot be {layout!r} ({meaning}): the channels seem to be "
            "another axis; declare the other order ('NHWC' or 'NCHW', 'HWC' or 'CHW')."
        )


def checked_class(target: int | None, n_classes: int, where: str) -> int:
    """The explained class, which is one of those along K; InvalidInput if it is not."""
    if target is None or not 0 <= target < n_classes:
        lone = (
            " The one output of a sigmoid speaks for class 1: take array[..., 0], leave K out of "
            "layout, and keep target=1."
        )
        raise InvalidInput(
            f"{where}: holds {n_classes} classes along K, target is {target}; give "
            f"target=0..{n_classes - 1}.{lone if n_classes == 1 and target == 1 else ''}"
        )
    return target
