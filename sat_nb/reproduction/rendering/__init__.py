"""What both renderers share: random numbers and files of a photo here; its canvas, its light.

A rendered photo is a function of its arguments alone, so that data sets of different sizes have
their photos in common and an interrupted call can continue.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from sat_nb.arguments import checked_whole, is_whole
from sat_nb.arrays import Pixels
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.files import written_whole
from sat_nb.segments.formats.dinox import write_dinox
from sat_nb.segments.segmentation import SegmentationMap

SPLITS = ("train", "test")
MIN_SIZE = 32
CODECS = ("coco_rle", "dds_rle")
"""The two codecs of DINO-X exports, which rendered photos use in turn."""


def check_size(size: int) -> None:
    """Raise InvalidInput unless photos of ``size`` pixels can be rendered."""
    if not is_whole(size) or size < MIN_SIZE:
        raise InvalidInput(f"size: expected a whole number of pixels >= {MIN_SIZE}, got {size!r}.")


def class_number(argument: str, name: str, class_names: Sequence[str]) -> int:
    """The number of a class; an unknown name is an error that names ``argument``.

    >>> class_number("species", "zebra", ("horse", "zebra"))
    1
    """
    if name not in class_names:
        raise unknown_name(argument, name, class_names)
    return class_names.index(name)


def generators(
    seed: int, split: str, number: int, index: int, subjects: Sequence[str]
) -> dict[str, np.random.Generator]:
    """One random generator for each subject of a photo ("pose", "light", ...).

    ``number`` is the number of the class, ``index`` that of the photo within its class and split.
    """
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    checked_whole("seed", seed)
    checked_whole("index", index)
    # A stream a subject: a renderer that draws one number more for the pose leaves the light, the
    # scene and the watermark as they were. spawn_key keeps photos independent of each other.
    key = (SPLITS.index(split), number, index)
    children = np.random.SeedSequence(seed, spawn_key=key).spawn(len(subjects))
    return {name: np.random.default_rng(s) for name, s in zip(subjects, children, strict=True)}


def files_of(root: Path, path: str) -> tuple[Path, Path]:
    """The files of a photo and of its export; ``path`` is relative and has no extension."""
    return root / "images" / f"{path}.png", root / "exports" / f"{path}.json"


def write_example(
    root: Path, path: str, pixels: Pixels, segmentation: SegmentationMap, number: int
) -> None:
    """Write a photo and its masks below ``root``; the ``number`` of the photo decides the codec."""
    photo, export = files_of(root, path)
    with written_whole(photo) as part:
        Image.fromarray(pixels).save(part)
    write_dinox(export, segmentation, codec=CODECS[number % 2])
