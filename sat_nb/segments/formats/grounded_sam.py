"""The JSON of Grounded-SAM-2's demos; and Grounded-SAM 1's mask.json, which holds no mask.

``{"image_path", "annotations": [{"class_name", "bbox", "segmentation": {"size": [h, w],
"counts"}, "score"}], "box_format", "img_width", "img_height"}``, the counts in COCO's string
code; a score may be nested, as in ``[[0.9]]``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sat_nb.errors import InvalidInput
from sat_nb.segments.formats.encoded import EncodedMask, Reading, decode_masks, encode_each
from sat_nb.segments.formats.json_files import JsonDocument
from sat_nb.segments.formats.limits import (
    checked_dict,
    checked_list,
    checked_name,
    checked_number,
)
from sat_nb.segments.formats.rle import rle_decoder


def is_grounded_sam_2(document: object) -> bool:
    """Whether a parsed JSON document is what Grounded-SAM-2's demos write."""
    keys = {"annotations", "image_path", "img_width", "img_height"}
    return isinstance(document, dict) and keys <= document.keys()


def parse_grounded_sam_2(document: Any) -> Reading:
    """The segments of one parsed file, in its order, names as written.

    Raises InvalidInput that names the field.
    """
    annotations = checked_list(
        checked_dict(document, "the document").get("annotations"), "annotations"
    )
    items = ((f"annotations[{i}]", item) for i, item in enumerate(annotations))
    return decode_masks(encode_each(items, _encoded))


def is_grounded_sam_1(document: object) -> bool:
    """Whether a parsed JSON document is Grounded-SAM 1's mask.json: a list of values and labels."""
    return (
        isinstance(document, list)
        and len(document) > 0
        and all(
            isinstance(item, dict)
            and isinstance(item.get("value"), int)
            and isinstance(item.get("label"), str)
            for item in document
        )
    )


def refuse_grounded_sam_1(document: object) -> Reading:
    """Raise InvalidInput that says why the masks cannot be recovered."""
    raise InvalidInput(
        "Grounded-SAM 1's mask.json holds names and boxes only. Its masks are in mask.jpg, a plot "
        "in matplotlib's colours after lossy compression, from which they cannot be recovered; "
        "export with Grounded-SAM-2, or save the masks as .npz or boolean PNGs."
    )


def _encoded(item: Any, field: str) -> EncodedMask:
    item = checked_dict(item, field)
    name = checked_name(item.get("class_name"), f"{field}.class_name")
    score = item.get("score", np.nan)
    while isinstance(score, list) and len(score) == 1:
        score = score[0]
    if "score" in item:
        score = checked_number(score, f"{field}.score")
    field = f"{field}.segmentation"
    mask = checked_dict(item.get("segmentation"), field)
    return EncodedMask(field, name, *rle_decoder(mask, "coco_rle", field), score)


GROUNDED_SAM_2 = JsonDocument(
    name="grounded_sam_2",
    title="Grounded-SAM-2 (JSON)",
    about="What the demos of Grounded-SAM-2 write.",
    source="https://github.com/IDEA-Research/Grounded-SAM-2",
    recognises=is_grounded_sam_2,
    parse=parse_grounded_sam_2,
)
GROUNDED_SAM_1 = JsonDocument(
    name="grounded_sam",
    title="Grounded-SAM 1 (refused)",
    about="The mask.json of Grounded-SAM 1, which holds no masks and is refused.",
    source="https://github.com/IDEA-Research/Grounded-Segment-Anything",
    recognises=is_grounded_sam_1,
    parse=refuse_grounded_sam_1,
)
