"""The registry of mask formats: a file a format."""

from __future__ import annotations

from sat_nb.registry import registry
from sat_nb.segments.formats.boolean import BOOLEAN, CELEBAMASK
from sat_nb.segments.formats.cityscapes import CITYSCAPES
from sat_nb.segments.formats.coco import COCO
from sat_nb.segments.formats.coco_panoptic import COCO_PANOPTIC
from sat_nb.segments.formats.dinox import DINOX
from sat_nb.segments.formats.grounded_sam import GROUNDED_SAM_1, GROUNDED_SAM_2
from sat_nb.segments.formats.label_png import LABEL_PNG
from sat_nb.segments.formats.label_studio import LABEL_STUDIO
from sat_nb.segments.formats.labelme import LABELME
from sat_nb.segments.formats.parquet import PARQUET
from sat_nb.segments.formats.sam import SAM, SAM_FOLDER, SAM_NUMBERED
from sat_nb.segments.formats.voc import VOC
from sat_nb.segments.formats.yolo import YOLO
from sat_nb.sources import Format

SEGMENT_FORMATS: dict[str, Format] = registry(
    PARQUET,
    DINOX,
    GROUNDED_SAM_2,
    GROUNDED_SAM_1,
    LABELME,
    CITYSCAPES,
    YOLO,
    SAM,
    SAM_FOLDER,
    LABEL_PNG,
    VOC,
    CELEBAMASK,
    BOOLEAN,
    COCO,
    COCO_PANOPTIC,
    LABEL_STUDIO,
    SAM_NUMBERED,
)
"""Mask formats by name. A file that several formats detect is read in the first of them."""
