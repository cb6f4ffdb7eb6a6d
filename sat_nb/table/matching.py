"""Which maps, masks and labels belong to one image: ids are matched, positions never."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sat_nb.arguments import is_number
from sat_nb.by_id import composed, keys_by_id
from sat_nb.errors import IdMismatch, InvalidInput, shorten
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.table.fitting import photo_size
from sat_nb.table.join import Maps

MAX_NOTED = 100
"""Ids and messages about what was left out that a table's settings hold."""


@dataclass(frozen=True)
class Match:
    """One image: its id in the table, its key in each method's maps, and that of its masks."""

    image_id: str
    maps: Mapping[str, str]
    masks: str


def matched(
    maps: Maps, segments: Mapping[str, SegmentationMap], missing: str
) -> tuple[list[Match], dict[str, list[str]]]:
    """The images that the masks and every method's maps have, and those left out, by reason.

    Ids are compared in composed Unicode, since macOS decomposes names of files.
    """
    _check_maps(maps)
    of_maps = {m: keys_by_id(by_id, f"maps[{m!r}]") for m, by_id in maps.items()}
    of_masks = keys_by_id(segments, "segments")
    in_any = dict.fromkeys(i for keys in of_maps.values() for i in keys)
    found = [i for i in in_any if i in of_masks and all(i in keys for keys in of_maps.values())]
    kept = set(found)
    left_out = {
        "maps without masks": [i for i in in_any if i not in of_masks],
        "masks without maps": [i for i in of_masks if i not in in_any],
        "images that some method lacks": [i for i in in_any if i in of_masks and i not in kept],
    }
    left_out = {reason: ids for reason, ids in left_out.items() if ids}
    if not in_any and not of_masks:
        raise IdMismatch("maps and segments: expected at least one image, got none on both sides.")
    _report(left_out, missing if found else "error")
    images = [Match(i, {m: keys[i] for m, keys in of_maps.items()}, of_masks[i]) for i in found]
    return [_named_as_all_do(image) for image in images], left_out


def _named_as_all_do(image: Match) -> Match:
    """Under the key that all sides have, even a decomposed one, so that it is found there."""
    keys = {image.masks, *image.maps.values()}
    return Match(keys.pop(), image.maps, image.masks) if len(keys) == 1 else image


def _report(left_out: Mapping[str, list[str]], missing: str) -> None:
    reasons = "; ".join(f"{len(ids)} {why}: {shorten(ids)}" for why, ids in left_out.items())
    if left_out and missing == "error":
        raise IdMismatch(
            f"maps and segments do not name the same images: {reasons}. Ids are file paths "
            "without extension; pass missing='skip' to join what matches."
        )
    if left_out:
        warnings.warn(f"left out: {reasons}.", stacklevel=4)


def _check_maps(maps: Maps) -> None:
    if not isinstance(maps, Mapping) or not all(isinstance(m, Mapping) for m in maps.values()):
        raise InvalidInput(
            "maps: expected an AttributionStore or {method: {image_id: array}}, got "
            f"{type(maps).__name__}; one method's maps go in as {{'my method': {{id: array}}}}."
        )
    if not maps:
        raise InvalidInput("maps: expected at least one method, got none.")


def facts_by_id(maps: Maps) -> dict[str, Any]:
    """{id in composed Unicode: what the maps know about that photo}, as far as they do.

    Where tools were joined, those facts that have the size of the photo.
    """
    facts = getattr(maps, "facts", {})
    found: dict[str, Any] = {}
    for key in facts:
        if photo_size(found.get(composed(key))) is None:
            found[composed(key)] = facts[key]
    return found


def labels_of(labels: Any, images: list[Match], facts: Sequence[Any] = ()) -> list[int | None]:
    """The true class of each image, None where it is not known.

    ``labels`` is a mapping or a pandas.Series by image id. Labels of other images are no fault,
    as they often name a whole data set; labels of no image at all are. ``facts`` are what is
    declared about each image with its maps, which may be its label.
    """
    declared = [getattr(of_image, "label", None) for of_image in facts] or [None] * len(images)
    if labels is None or len(labels) == 0:
        return declared
    if not hasattr(labels, "keys"):
        raise InvalidInput(
            f"labels: expected {{image_id: class}}, got {type(labels).__name__}; classes in the "
            "order of the images go in as dict(zip(image_ids, classes))."
        )
    keys = keys_by_id(labels.keys(), "labels")
    ids = [composed(image.image_id) for image in images]
    if not any(i in keys for i in ids):
        raise IdMismatch(
            f"labels: name none of the {len(ids)} images of maps and segments ({shorten(ids)}); "
            f"they name {shorten(keys)}. Ids are file paths without extension."
        )
    given = [_label(i, labels[keys[i]]) if i in keys else None for i in ids]
    return [
        _agreed(i, *both) for i, both in zip(ids, zip(given, declared, strict=True), strict=True)
    ]


def _agreed(image_id: str, given: int | None, declared: int | None) -> int | None:
    """The label that is known; InvalidInput where two are, and differ."""
    if given is not None and declared is not None and given != declared:
        raise InvalidInput(
            f"labels[{image_id!r}]: {given}, and its maps were adopted with the label {declared}; "
            "give the labels once."
        )
    return declared if given is None else given


def _label(image_id: str, label: Any) -> int | None:
    if label is None or label is pd.NA or label != label:
        return None
    if isinstance(label, bool) or (is_number(label) and label % 1 == 0):
        return int(label)
    raise InvalidInput(
        f"labels[{image_id!r}]: expected the number of a class, got {type(label).__name__} "
        f"{label!r}; give its index among the model's outputs."
    )
