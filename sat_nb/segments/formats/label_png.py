"""Label pictures: a PNG whose values (or palette indices) are names in a ``labels.json``.

``labels.json`` is {"0": "background", "1": "skin", ...}, a list of names by value, or one such
an image: {image_id: {"1": "person", ...}}; it lies beside the PNGs or in a folder above them.
CelebAMask-HQ's parts, CCP and Pascal VOC come so. Value 0, and VOC's 255, mean nothing where
they have no name; any other value without a name is an error. ``null`` as a name leaves a value
out on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.errors import InvalidInput
from sat_nb.segments.formats.encoded import Piece, assemble
from sat_nb.segments.formats.limits import brief, checked_name
from sat_nb.segments.segmentation import SegmentationMap

NAMES_FILE = "labels.json"
_NOTHING = {0, 255}


@dataclass(frozen=True)
class LabelPicture:
    """The values (H, W) of a label PNG, and the content of its labels.json for this image."""

    values: NDArray
    names: Any


def is_label_png(document: object) -> bool:
    """Whether a document is a PNG that a labels.json belongs to."""
    return isinstance(document, LabelPicture)


def parse_label_png(document: object) -> SegmentationMap:
    """The segments of one label picture, by ascending value, names as written.

    Raises InvalidInput for colour pictures and for values without a name.
    """
    if not isinstance(document, LabelPicture):
        raise InvalidInput(f"expected a PNG with a {NAMES_FILE} beside it or in a folder above.")
    values, names = document.values, _names(document.names)
    if values.ndim != 2 or values.dtype.kind not in "biu":
        raise InvalidInput(
            "expected a grey or palette PNG, whose values are labels, got "
            f"{values.dtype} {values.shape}; colours are no labels, save the indices."
        )
    height, width = values.shape
    present = [int(value) for value in np.unique(values)]
    nameless = [v for v in present if v not in names and v not in _NOTHING]
    if nameless:
        raise InvalidInput(
            f"the value {nameless[0]} has no name in {NAMES_FILE}; add it, with null as its name "
            "to leave it out."
        )
    return assemble([
        Piece(f"value {value}", name, (height, width), partial(np.equal, values, value))
        for value in present
        if (name := names.get(value))
    ])  # fmt: skip


def names_of(labels: Any, *ids: str) -> Any:
    """The names for one image: those under the first of its ids, or those of all images."""
    if isinstance(labels, dict):
        for key in ids:
            if isinstance(labels.get(key), dict | list):
                return labels[key]
    return labels


def _names(labels: Any) -> dict[int, str | None]:
    if isinstance(labels, list):
        labels = {str(value): name for value, name in enumerate(labels)}
    if not isinstance(labels, dict):
        raise InvalidInput(f"{NAMES_FILE}: expected {{value: name}}, got {brief(labels)}.")
    wrong = [key for key in labels if not (key.isascii() and key.isdecimal() and len(key) < 10)]
    if wrong:
        raise InvalidInput(
            f"{NAMES_FILE}: expected whole values as keys, or the ids of images, this image's "
            f"among them; got {brief(wrong[0])}."
        )
    return {
        int(key): None if name is None else checked_name(name, f"{NAMES_FILE}: {key}")
        for key, name in labels.items()
    }
