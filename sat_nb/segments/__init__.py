"""Named masks of images: the container, the formats they come in, and how they are read."""

from sat_nb.segments.coco_writer import write_coco
from sat_nb.segments.dinox import write_dinox
from sat_nb.segments.formats import SEGMENT_FORMATS, read_segments
from sat_nb.segments.segmentation import SegmentationMap

__all__ = ["SEGMENT_FORMATS", "SegmentationMap", "read_segments", "write_coco", "write_dinox"]
