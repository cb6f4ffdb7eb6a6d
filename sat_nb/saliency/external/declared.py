"""Classes that are declared for maps of other tools: one for all images, one an image, or by id."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sat_nb.arguments import is_whole
from sat_nb.by_id import composed, keys_by_id
from sat_nb.errors import IdMismatch, InvalidInput, shorten

ClassIndex = int | Sequence[int] | Mapping[str, int]


def classes_by_id(argument: str, given: ClassIndex | None, ids: list[str]) -> dict[str, int]:
    """{image_id: class}; nothing where nothing is given.

    >>> classes_by_id("target", [3, 5], ["a", "b"]), classes_by_id("target", 7, ["a"])
    ({'a': 3, 'b': 5}, {'a': 7})
    """
    if given is None:
        return {}
    if hasattr(given, "keys"):
        return _by_id(argument, given, ids)
    if isinstance(given, str) or not isinstance(given, Iterable) or getattr(given, "ndim", 1) == 0:
        return dict.fromkeys(ids, _class(argument, given))
    listed = list(given)
    if len(listed) != len(ids):
        raise InvalidInput(
            f"{argument}: expected one index for each of the {len(ids)} images, got "
            f"{len(listed)}; give as many, in their order, or {{image_id: index}}."
        )
    return {i: _class(argument, one) for i, one in zip(ids, listed, strict=True)}


def with_keys_of(given: Any, ids: list[str], argument: str) -> Any:
    """A mapping by image id under those of ``ids``, whatever their Unicode form; else as given."""
    if not hasattr(given, "keys"):
        return given
    keys = keys_by_id(given.keys(), argument)
    named = {i: keys[composed(i)] for i in ids if composed(i) in keys}
    return {i: given[key] for i, key in named.items()} or given


def _by_id(argument: str, given: Any, ids: list[str]) -> dict[str, int]:
    found = with_keys_of(given, ids, argument)
    missing = [i for i in ids if i not in found]
    if missing:
        others = " Labels of a part of the images go into sat_nb.build(labels=)."
        raise IdMismatch(
            f"{argument}: no index for {len(missing)} of {len(ids)} images: {shorten(missing)}; "
            f"it has {shorten(given.keys())}.{others if argument == 'labels' else ''}"
        )
    return {i: _class(argument, found[i], i) for i in ids}


def _class(argument: str, value: Any, image_id: str | None = None) -> int:
    value = value.item() if hasattr(value, "item") and np.ndim(value) == 0 else value
    if isinstance(value, float) and value.is_integer():  # pandas, of a column with gaps
        value = int(value)
    if is_whole(value) and 0 <= value < 2**63:
        return int(value)
    place = "" if image_id is None else f"[{image_id!r}]"
    raise InvalidInput(
        f"{argument}{place}: expected the index of a class, a whole number from 0 on, got "
        f"{type(value).__name__} {reprlib.repr(value)}{_remedy(value)}."
    )


def _remedy(value: Any) -> str:
    if isinstance(value, str):
        return "; maps do not tell it"
    if isinstance(value, bool):
        return "; give .astype(int)"
    if np.ndim(value) > 0:
        return "; of scores (n, K) give .argmax(axis=1)"
    if isinstance(value, float) and 0 < value < 1:
        return "; of a sigmoid's probabilities give (p > 0.5).astype(int)"
    return ""
