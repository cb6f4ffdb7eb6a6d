"""The registry of mask formats: a file a format."""

from __future__ import annotations

from sat_nb.segments.formats.boolean import (
    is_boolean,
    is_celebamask,
    parse_boolean,
    parse_celebamask,
)
from sat_nb.segments.formats.coco import index_coco, is_coco, is_coco_panoptic
from sat_nb.segments.formats.coco_panoptic import index_coco_panoptic
from sat_nb.segments.formats.dinox import is_dinox, parse_dinox
from sat_nb.segments.formats.format import SegmentFormat, SegmentSet
from sat_nb.segments.formats.grounded_sam import (
    is_grounded_sam_1,
    is_grounded_sam_2,
    parse_grounded_sam_2,
    refuse_grounded_sam_1,
)
from sat_nb.segments.formats.label_png import is_label_png, parse_label_png
from sat_nb.segments.formats.labelme import is_labelme, parse_labelme

SEGMENT_FORMATS: dict[str, SegmentFormat | SegmentSet] = {
    "dinox": SegmentFormat("DINO-X export (JSON)", is_dinox, parse_dinox),
    "grounded_sam_2": SegmentFormat(
        "Grounded-SAM-2 (JSON)", is_grounded_sam_2, parse_grounded_sam_2
    ),
    "grounded_sam": SegmentFormat(
        "Grounded-SAM 1 (refused)", is_grounded_sam_1, refuse_grounded_sam_1
    ),
    "labelme": SegmentFormat("LabelMe (JSON)", is_labelme, parse_labelme),
    "label_png": SegmentFormat(
        "label PNGs with labels.json", is_label_png, parse_label_png, suffixes=(".png",)
    ),
    "celebamask": SegmentFormat(
        "CelebAMask-HQ's parts (PNGs)", is_celebamask, parse_celebamask, suffixes=(".png",)
    ),
    "boolean": SegmentFormat(
        "boolean PNGs or .npz", is_boolean, parse_boolean, suffixes=(".npz", ".png")
    ),
    "coco": SegmentSet("COCO instances (JSON)", is_coco, index_coco),
    "coco_panoptic": SegmentSet(
        "COCO panoptic (JSON and PNGs)", is_coco_panoptic, index_coco_panoptic
    ),
}
