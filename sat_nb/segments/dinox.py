"""DINO-X exports: what the v2 detection API returns, saved as JSON.

``{"objects": [{"category", "score", "bbox", "mask": {"counts", "size": [h, w], "format"}}]}``,
bare or inside a saved task, under ``result`` or ``data.result``. A mask without a
``format`` key is in DINO-X's own ``dds_rle``, not in COCO's code.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.files import written_whole
from sat_nb.segments.rle import CODECS, MAX_PIXELS
from sat_nb.segments.segmentation import SegmentationMap

_PATHS = ((), ("result",), ("data", "result"))


def is_dinox(document: object) -> bool:
    """Whether a parsed JSON document is a DINO-X export: a list ``objects`` where one belongs."""
    return _objects(document) is not None


def parse_dinox(document: object) -> SegmentationMap:
    """The segments of one parsed export, in the export's order, names as written.

    Raises InvalidInput that names the field (``objects[3].mask.size``).
    """
    objects = _objects(document)
    if objects is None:
        raise InvalidInput(
            "expected a DINO-X export with a list `objects` (bare, or under `result` or "
            "`data.result`); export the detection result as JSON."
        )
    parts = [_parse_object(item, f"objects[{i}]") for i, item in enumerate(objects)]
    if not parts:
        return SegmentationMap((), np.zeros((0, 0, 0), dtype=bool))
    names, masks, scores = zip(*parts, strict=True)
    sizes = sorted({mask.shape for mask in masks})
    if len(sizes) > 1:
        raise InvalidInput(f"objects: expected masks of one size, got {sizes[0]} and {sizes[1]}.")
    return SegmentationMap(names, np.stack(masks), np.array(scores))


def write_dinox(
    path: str | os.PathLike[str], segmentation: SegmentationMap, *, codec: str = "coco_rle"
) -> Path:
    """Write the segments as a DINO-X export, one object a mask; the file is written whole.

    ``codec`` is "coco_rle" or "dds_rle"; the latter is written as DINO-X does, without a
    ``format`` key. Reading the file back gives the same masks, bit for bit.
    """
    if codec not in CODECS:
        raise unknown_name("codec", codec, CODECS)
    scores = np.ones(len(segmentation)) if segmentation.scores is None else segmentation.scores
    objects = [
        {"category": name, "score": float(score), "bbox": _box(mask), "mask": _mask(mask, codec)}
        for name, mask, score in zip(segmentation.names, segmentation.masks, scores, strict=True)
    ]
    with written_whole(path) as part:
        part.write_text(json.dumps({"objects": objects}), encoding="utf-8")
    return Path(path)


def _objects(document: object) -> list[Any] | None:
    for path in _PATHS:
        node = document
        for key in path:
            node = node.get(key) if isinstance(node, dict) else None
        if isinstance(node, dict) and isinstance(node.get("objects"), list):
            return node["objects"]
    return None


def _parse_object(item: Any, field: str) -> tuple[str, NDArray[np.bool_], float]:
    if not isinstance(item, dict):
        raise InvalidInput(f"{field}: expected an object, got {type(item).__name__}.")
    name = item.get("category")
    if not isinstance(name, str) or not name.strip():
        raise InvalidInput(f"{field}.category: expected a name, got {name!r}.")
    return name, _parse_mask(item.get("mask"), f"{field}.mask"), _parse_score(item, field)


def _parse_score(item: dict[str, Any], field: str) -> float:
    score = item.get("score", np.nan)
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise InvalidInput(f"{field}.score: expected a number, got {score!r}.")
    return float(score)


def _parse_mask(mask: Any, field: str) -> NDArray[np.bool_]:
    if not isinstance(mask, dict) or not isinstance(mask.get("counts"), str):
        raise InvalidInput(
            f"{field}: expected {{counts, size}} with a run-length string; export with the "
            "target 'mask', boxes alone are not enough."
        )
    codec = mask.get("format", "dds_rle")
    if codec not in CODECS:
        raise unknown_name(f"{field}.format", codec, CODECS)
    size = _parse_size(mask.get("size"), f"{field}.size")
    try:
        decoded = CODECS[codec][1](mask["counts"], size)
    except InvalidInput as error:
        raise InvalidInput(
            f"{field}.{error}; the export is damaged, or its `format` is wrong."
        ) from error
    if not decoded.any():
        raise InvalidInput(f"{field}.counts: the mask has no pixel; take the object out.")
    return decoded


def _parse_size(size: Any, field: str) -> tuple[int, int]:
    whole = (
        isinstance(size, list) and len(size) == 2 and all(type(s) is int and s > 0 for s in size)
    )
    if not whole or size[0] * size[1] > MAX_PIXELS:
        raise InvalidInput(
            f"{field}: expected [height, width], {MAX_PIXELS} pixels at most, got {size!r}."
        )
    return size[0], size[1]


def _mask(mask: NDArray[np.bool_], codec: str) -> dict[str, Any]:
    code = {"counts": CODECS[codec][0](mask), "size": list(mask.shape)}
    return code if codec == "dds_rle" else {**code, "format": codec}


def _box(mask: NDArray[np.bool_]) -> list[float]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)]
