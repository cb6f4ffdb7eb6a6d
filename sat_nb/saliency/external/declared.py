"""What is declared of the photos of maps of other tools: classes, and sizes by id.

Classes are one for all images, one an image, or by id.
"""

from __future__ import annotations

import operator
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from sat_nb.arguments import is_whole
from sat_nb.by_id import composed, keys_by_id
from sat_nb.errors import IdMismatch, InvalidInput, shorten
from sat_nb.saliency.external.maps import PhotoFacts

ClassIndex = int | Sequence[int] | Mapping[str, int]

ARGUMENTS = {"target": "target", "predicted": "predicted", "label": "labels"}
"""The argument in which each class of ``PhotoFacts`` is declared."""


def facts_of(
    ids: list[str],
    classes: Mapping[str, ClassIndex | None],
    photo_sizes: Mapping[str, tuple[int, int]] | None,
) -> Mapping[str, PhotoFacts]:
    """{image_id: what was declared}; nothing where nothing was."""
    columns = {n: _classes_by_id(ARGUMENTS[n], given, ids) for n, given in classes.items()}
    sizes = {} if photo_sizes is None else _sizes(photo_sizes, ids)
    if not sizes and not any(columns.values()):
        return MappingProxyType({})
    return MappingProxyType(
        {
            i: PhotoFacts(
                **{name: of_image.get(i) for name, of_image in columns.items()},
                **dict(zip(("height", "width"), sizes.get(i, ()), strict=False)),
            )
            for i in ids
        }
    )


def _classes_by_id(argument: str, given: ClassIndex | None, ids: list[str]) -> dict[str, int]:
    """{image_id: class}; nothing where nothing is given.

    >>> _classes_by_id("target", [3, 5], ["a", "b"]), _classes_by_id("target", 7, ["a"])
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


def _with_keys_of(given: Any, ids: list[str], argument: str) -> Any:
    """A mapping by image id under those of ``ids``, whatever their Unicode form; else as given."""
    if not hasattr(given, "keys"):
        return given
    keys = keys_by_id(given.keys(), argument)
    named = {i: keys[composed(i)] for i in ids if composed(i) in keys}
    return {i: given[key] for i, key in named.items()} or given


def _by_id(argument: str, given: Any, ids: list[str]) -> dict[str, int]:
    found = _with_keys_of(given, ids, argument)
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


def _sizes(given: Mapping[str, tuple[int, int]], ids: list[str]) -> dict[str, tuple[int, int]]:
    sizes = _with_keys_of(given, ids, "photo_sizes")
    missing = [i for i in ids if i not in sizes]
    if missing:
        raise IdMismatch(
            f"photo_sizes: none for {len(missing)} of {len(ids)} images: {shorten(missing)}; it "
            f"has {shorten(sizes)}."
        )
    return {i: _photo_size(i, sizes[i]) for i in ids}


def _photo_size(image_id: str, size: Any) -> tuple[int, int]:
    try:
        height, width = map(operator.index, size)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"photo_sizes[{image_id!r}]: expected (height, width) in pixels, got "
            f"{reprlib.repr(size)}; give two whole numbers, as images.size(image_id) does."
        ) from error
    if min(height, width) < 1:
        raise InvalidInput(
            f"photo_sizes[{image_id!r}]: expected (height, width) in pixels, got {size!r}; a photo "
            "has at least one pixel."
        )
    return height, width
