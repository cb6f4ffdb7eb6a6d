"""Which photo of a rendered data set is drawn: its arguments, checked, and its random numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sat_nb.arguments import checked_whole, is_whole
from sat_nb.errors import InvalidInput, unknown_name

SPLITS = ("train", "test")
MIN_SIZE = 32


def check_size(size: int) -> None:
    """Raise InvalidInput unless photos of ``size`` pixels can be rendered."""
    if not is_whole(size) or size < MIN_SIZE:
        raise InvalidInput(f"size: expected a whole number of pixels >= {MIN_SIZE}, got {size!r}.")


def class_number(argument: str, name: str, class_names: Sequence[str]) -> int:
    """The number of a class, or InvalidInput that names ``argument``.

    >>> class_number("species", "zebra", ("horse", "zebra"))
    1
    """
    if name not in class_names:
        raise unknown_name(argument, name, class_names)
    return class_names.index(name)


def generators(
    seed: int, split: str, number: int, index: int, subjects: Sequence[str]
) -> dict[str, np.random.Generator]:
    """One stream a subject, so that what is drawn of one does not move the others.

    ``number`` is that of the class, ``index`` the photo's within its class and split.
    """
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    checked_whole("seed", seed)
    checked_whole("index", index)
    key = (SPLITS.index(split), number, index)
    children = np.random.SeedSequence(seed, spawn_key=key).spawn(len(subjects))
    return {name: np.random.default_rng(s) for name, s in zip(subjects, children, strict=True)}
