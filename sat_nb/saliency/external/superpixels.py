"""paint_superpixels: maps of explanations by superpixels."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.arguments import is_whole
from sat_nb.errors import InvalidInput, shorten
from sat_nb.saliency.external.axes import as_array

Pairs = Mapping[int, float] | Iterable[tuple[int, float]]

EXPECTED = "weights: expected {superpixel: weight} or pairs, as in LIME's explanation.local_exp"


def paint_superpixels(
    weights: Pairs | Mapping[int, Pairs], superpixels: Any, *, label: int | None = None
) -> NDArray[np.float64]:
    """Paint the map (H, W) of an explanation by superpixels, as LIME returns it.

    Every pixel gets the weight of its superpixel, as in LIME's own pictures; superpixels without a
    weight get 0.

    Parameters
    ----------
    weights : Mapping[int, float], iterable of pairs, or Mapping of these
        {superpixel: weight}, or pairs, as LIME's ``explanation.local_exp[label]``; or the whole
        ``explanation.local_exp``, which holds them for one class or several.
    superpixels : array_like
        Whole numbers (H, W); LIME's ``explanation.segments``.
    label : int, default None
        The class whose weights are painted, where ``weights`` is a whole ``local_exp``; by default
        the only one that it holds. LIME explains the class with the largest output first.

    Returns
    -------
    ndarray
        The map, float64 (H, W).

    Raises
    ------
    InvalidInput
        For other shapes; for weights that are no finite numbers; for a superpixel that has two
        weights, and for one that is not there; for weights of several classes without ``label``.

    References
    ----------
    Ribeiro, Singh and Guestrin 2016, "Why should I trust you?", KDD.

    Examples
    --------
    >>> paint_superpixels([(1, 0.5), (2, -1.0)], [[0, 1], [2, 2]]).tolist()
    [[0.0, 0.5], [-1.0, -1.0]]
    >>> local_exp = {3: [(0, 0.5), (1, 0.1)], 7: [(1, -0.2)]}
    >>> paint_superpixels(local_exp, [[0, 1], [1, 1]], label=3).tolist()
    [[0.5, 0.1], [0.1, 0.1]]
    """
    names, places = np.unique(_superpixels(superpixels), return_inverse=True)
    by_name = _weights(_of_label(weights, label))
    unknown = sorted(set(by_name) - set(names.tolist()))
    if unknown:
        raise InvalidInput(
            f"weights: expected one for each superpixel of {names[0]}..{names[-1]}, got unknown "
            f"{shorten(unknown)}; give the weights and the superpixels of one explanation."
        )
    painted = np.array([by_name.get(name, 0.0) for name in names.tolist()], dtype=np.float64)
    return painted[places.reshape(np.shape(superpixels))]


def _superpixels(superpixels: Any) -> NDArray[Any]:
    numbers = as_array(superpixels, "superpixels")
    if numbers.ndim != 2 or numbers.dtype.kind not in "iu" or numbers.size == 0:
        raise InvalidInput(
            f"superpixels: expected whole numbers (H, W), got {numbers.dtype} {numbers.shape}; "
            "give explanation.segments, or whole numbers with .astype(int)."
        )
    return numbers


def _of_label(weights: Any, label: int | None) -> Any:
    """The weights of one class: those of ``label`` where there are weights by class."""
    if hasattr(weights, "local_exp"):
        raise InvalidInput(
            f"{EXPECTED}, got a whole {type(weights).__name__}; give its .local_exp, and its "
            ".segments as the superpixels."
        )
    nested = isinstance(weights, Mapping) and any(map(_is_nested, weights.values()))
    if not nested:
        if label is None:
            return weights
        raise InvalidInput(
            f"label: {label!r} was given, and the weights are those of one class already; leave "
            "label out, or give the whole explanation.local_exp."
        )
    if label is None and len(weights) == 1:
        return next(iter(weights.values()))
    if label not in weights:
        asked = "" if label is None else f"; {label!r} is none of them"
        raise InvalidInput(
            f"weights: hold explanations of the classes {shorten(weights)}{asked}; give "
            "label=..., the class that you ask about."
        )
    return weights[label]


def _is_nested(value: Any) -> bool:
    """Whether a value of ``weights`` holds weights itself; a number of NumPy's does not."""
    return not isinstance(value, str | bytes) and (
        isinstance(value, Mapping | list | tuple | set) or np.ndim(value) > 0
    )


def _weights(pairs: Any) -> dict[int, float]:
    """{superpixel: weight}; InvalidInput where a superpixel or a weight is no number."""
    try:
        listed = [(name, weight) for name, weight in _items(pairs)]
    except (TypeError, ValueError):
        raise InvalidInput(f"{EXPECTED}[label], got {reprlib.repr(pairs)}.") from None
    found: dict[int, float] = {}
    for name, weight in listed:
        number = _whole(name)
        if number in found:
            raise InvalidInput(
                f"weights: superpixel {number} has one of them twice; give one weight each."
            )
        found[number] = _finite(number, weight)
    return found


def _items(pairs: Any) -> Iterable[Any]:
    return pairs.items() if isinstance(pairs, Mapping) else pairs


def _whole(name: Any) -> int:
    name = name.item() if isinstance(name, np.generic | np.ndarray) and np.ndim(name) == 0 else name
    if is_whole(name) or (isinstance(name, float) and name.is_integer()):
        return int(name)
    hint = ""
    if isinstance(name, str) and name.strip().lstrip("-").isdigit():  # the keys of JSON are text
        hint = "; give {int(number): weight for number, weight in weights.items()}"
    raise InvalidInput(
        f"weights: expected numbers of superpixels, got {type(name).__name__} "
        f"{reprlib.repr(name)}{hint or '; give explanation.local_exp, not explanation.as_list()'}."
    )


def _finite(name: int, weight: Any) -> float:
    with suppress(InvalidInput):
        numbers = as_array(weight, "weights")
        if numbers.ndim == 0 and np.isfinite(numbers):
            return float(numbers)
    raise InvalidInput(
        f"weights[{name}]: expected a finite number, got {type(weight).__name__} "
        f"{reprlib.repr(weight)}; explain that image again, or leave it out."
    )
