"""DINO-X exports: what the v2 detection API returns, saved as JSON.

``{"objects": [{"category", "score", "bbox", "mask": {"counts", "size": [h, w], "format"}}]}``,
bare or within a saved task, under ``result`` or ``data.result``. A mask without a ``format`` key
is in DINO-X's own code ``dds_rle``, not in COCO's.
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
from sat_nb.segments.formats.encoded import EncodedMask, Reading, decode_masks, encode_each
from sat_nb.segments.formats.json_files import JsonDocument
from sat_nb.segments.formats.limits import (
    check_count,
    checked_dict,
    checked_name,
    checked_number,
)
from sat_nb.segments.formats.rle import CODECS, rle_decoder
from sat_nb.segments.segmentation import SegmentationMap

_PATHS = ((), ("result",), ("data", "result"))
_OTHERS = frozenset((
    "classTitle", "geometryType", "imgHeight", "info", "label", "points", "polygon",
    "segmentation", "size", "tags",
))  # fmt: skip
"""Keys beside ``objects``, or within an object, that Supervisely, Cityscapes and others write."""


def is_dinox(document: object) -> bool:
    """Whether a parsed JSON document is a DINO-X export: a list ``objects``, empty or of its kind.

    Other tools have such a list, too: one object of DINO-X's is enough, and the others are refused
    one by one. A list that is empty is DINO-X's where nothing stands beside it that says otherwise.
    """
    objects = _objects(document)
    if objects is None:
        return False
    if objects:
        return any(map(_is_object, objects))
    return isinstance(document, dict) and _OTHERS.isdisjoint(document)


def _is_object(item: Any) -> bool:
    """Whether an element of ``objects`` is DINO-X's, perhaps damaged, and no other tool's."""
    if not isinstance(item, dict):
        return True
    return not {"category", "mask"}.isdisjoint(item) and _OTHERS.isdisjoint(item)


def parse_dinox(document: object) -> Reading:
    """The segments of one parsed export, in the export's order, names as written.

    Raises InvalidInput that names the field (``objects[3].mask.size``).
    """
    objects = _objects(document)
    if objects is None:
        raise InvalidInput(
            "expected a DINO-X export with a list `objects` (bare, or under `result` or "
            "`data.result`); export the detection result as JSON."
        )
    check_count(objects, "objects")
    items = ((f"objects[{i}]", item) for i, item in enumerate(objects))
    return decode_masks(encode_each(items, _encoded))


def write_dinox(
    path: str | os.PathLike[str], segmentation: SegmentationMap, *, codec: str = "coco_rle"
) -> Path:
    """Write the segments of one image as a DINO-X export.

    The file is written whole or not at all. Reading it gives the same masks, bit for bit.

    Parameters
    ----------
    path : str or PathLike
        The file to write.
    segmentation : SegmentationMap
        The segments; each becomes one object.
    codec : str, default "coco_rle"
        The run-length code: "coco_rle", or "dds_rle", which is written as DINO-X does, without a
        ``format`` key.

    Returns
    -------
    Path
        The path.

    Raises
    ------
    InvalidInput
        For an unknown codec, and for a score that is infinite.

    Notes
    -----
    A score that is not known (NaN) is left out.

    Examples
    --------
    >>> import tempfile
    >>> from sat_nb import SegmentationMap, read_segments
    >>> eye = SegmentationMap(("eye",), np.eye(3, dtype=bool)[None])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_segments(write_dinox(f"{folder}/zebra.json", eye))["zebra"]
    SegmentationMap(3 x 3 px: eye)
    """
    if codec not in CODECS:
        raise unknown_name("codec", codec, CODECS)
    scores = np.ones(len(segmentation)) if segmentation.scores is None else segmentation.scores
    objects = [
        {"category": name, **known_score(score), "bbox": _box(mask), "mask": _mask(mask, codec)}
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


def _encoded(item: Any, field: str) -> EncodedMask:
    item = checked_dict(item, field)
    name = checked_name(item.get("category"), f"{field}.category")
    score = checked_number(item["score"], f"{field}.score") if "score" in item else np.nan
    mask, field = item.get("mask"), f"{field}.mask"
    if not isinstance(mask, dict) or not isinstance(mask.get("counts"), str):
        raise InvalidInput(
            f"{field}: expected {{counts, size}} with a run-length string; export with the "
            "target 'mask', because boxes are not enough."
        )
    codec = mask.get("format", "dds_rle")
    if not isinstance(codec, str) or codec not in CODECS:
        raise unknown_name(f"{field}.format", codec, CODECS)
    return EncodedMask(field, name, *rle_decoder(mask, codec, field), score)


def _mask(mask: NDArray[np.bool_], codec: str) -> dict[str, Any]:
    code = {"counts": CODECS[codec][0](mask), "size": list(mask.shape)}
    return code if codec == "dds_rle" else {**code, "format": codec}


def known_score(score: float) -> dict[str, float]:
    """The member of an object that holds its score; none for NaN, which JSON does not have."""
    return {} if np.isnan(score) else {"score": checked_number(float(score), "scores")}


def _box(mask: NDArray[np.bool_]) -> list[float]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)]


DINOX = JsonDocument(
    name="dinox",
    title="DINO-X export (JSON)",
    about="The result of the DINO-X detection API.",
    source="https://cloud.deepdataspace.com/docs",
    recognises=is_dinox,
    parse=parse_dinox,
)
