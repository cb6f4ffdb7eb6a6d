"""Files of other tools that hold no masks as they are, or none that are read: told by name.

To add a tool, add an entry. Its advice says which export of that tool is read, or what to do
instead. ``foreign_files.py`` asks the entries.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sat_nb.registry import Entry, registry

JSON = ("*.json",)
LINES = ("*.json", "*.ndjson", "*.jsonl", "*.manifest")
COCO_EXPORT = "export as COCO instances (JSON)"


@dataclass(frozen=True, kw_only=True)
class ForeignFile(Entry):
    """A kind of file that is known in order to be told.

    ``files`` : patterns of its names.
    ``detects(content)`` : whether a file is of this kind. The content is the parsed document of a
    .json file, [the first document] of JSON lines, and else the first characters.
    ``advice`` : what to do instead, as it follows a semicolon.
    """

    advice: str
    files: tuple[str, ...] = JSON
    detects: Callable[[Any], bool] = lambda content: True

    def is_of(self, content: Any) -> bool:
        """Whether a file with this content, of any structure, is of this kind."""
        return _asked(self.detects, content)

    def says(self) -> str:
        """The tool, and the advice."""
        return f"{self.title}; {self.advice}"


def _has(*keys: str) -> Callable[[Any], bool]:
    """Whether a document, or the first of a list of documents, has these keys."""
    return lambda content: set(keys) <= _first(content).keys()


def _first(content: Any) -> Any:
    return content[0] if isinstance(content, list) else content


def _text(*patterns: str) -> Callable[[Any], bool]:
    """Whether a text has all these patterns."""
    return lambda content: all(re.search(p, content) for p in patterns)


def _either(*detectors: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda content: any(_asked(detects, content) for detects in detectors)


def _asked(detects: Callable[[Any], bool], content: Any) -> bool:
    try:
        return detects(content)
    except (AttributeError, KeyError, TypeError, IndexError):
        return False


def _is_via(content: Any) -> bool:
    if not isinstance(content, dict):
        return False
    regions = content.get("_via_img_metadata", content)
    return any(
        isinstance(item, dict) and {"filename", "regions"} <= item.keys()
        for item in regions.values()
    )


def _is_supervisely(content: Any) -> bool:
    if {"classes", "tags", "projectType"} <= content.keys():
        return True
    return {"objects", "size", "tags"} <= content.keys() or any(
        "classTitle" in item or "geometryType" in item for item in content["objects"]
    )


def _is_darwin(content: Any) -> bool:
    return "annotations" in content and (
        {"version", "item"} <= content.keys() or {"dataset", "image"} <= content.keys()
    )


def _is_isat(content: Any) -> bool:
    return "objects" in content and "ISAT" in str(content["info"].get("description"))


def _is_mapillary(content: Any) -> bool:
    return {"height", "width"} <= content.keys() and all(
        {"label", "polygon"} <= item.keys() for item in content["objects"]
    )


def _is_geojson(content: Any) -> bool:
    first = _first(content)
    return first.get("type") in ("Feature", "FeatureCollection")


def _is_lines_of(pattern: str) -> Callable[[Any], bool]:
    return _text(rf"\A(?:#.*\n|imagesource:.*\n|gsd:.*\n)*{pattern}")


NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"

FOREIGN: dict[str, ForeignFile] = registry(
    ForeignFile(
        name="via",
        title="VIA (VGG Image Annotator)",
        advice="in VIA, choose 'Export Annotations (COCO format)'",
        detects=_either(_is_via, _has("project", "file", "metadata", "view")),
    ),
    ForeignFile(
        name="via_csv",
        title="VIA (VGG Image Annotator), as CSV",
        advice="in VIA, choose 'Export Annotations (COCO format)'",
        files=("*.csv",),
        detects=_text(r"\A#?\s*filename,file_size,file_attributes"),
    ),
    ForeignFile(
        name="cvat",
        title="CVAT (for images 1.1, or for video 1.1)",
        advice="in CVAT, export the task as 'COCO 1.0'",
        files=("*.xml",),
        detects=_text(r"<annotations>", r"<version>\s*1\.1|<(?:image|track) "),
    ),
    ForeignFile(
        name="voc_xml",
        title="Pascal VOC's boxes (XML)",
        advice="boxes are no masks: give the folder SegmentationClass, if there is one, or "
        "annotate outlines",
        files=("*.xml",),
        detects=_text(r"<annotation\b", r"<bndbox>"),
    ),
    ForeignFile(
        name="labelme_xml",
        title="LabelMe 3.0 (XML)",
        advice="export as COCO instances; in CVAT choose 'COCO 1.0'",
        files=("*.xml",),
        detects=_text(r"<annotation\b", r"<object>|<source>"),
    ),
    ForeignFile(
        name="aperio",
        title="Aperio ImageScope (XML)",
        advice="save each region as a boolean PNG, 'photo/region.png'",
        files=("*.xml",),
        detects=_text(r"<Annotations\b", r"<Regions?\b"),
    ),
    ForeignFile(
        name="supervisely",
        title="Supervisely",
        advice="run its app 'Export to COCO'",
        detects=_is_supervisely,
    ),
    ForeignFile(
        name="datumaro",
        title="Datumaro",
        advice="run `datum convert -if datumaro -i PATH -f coco -o OUT`; in CVAT export 'COCO 1.0'",
        detects=_has("items", "categories"),
    ),
    ForeignFile(
        name="coco_results",
        title="a COCO detector (a list of results without images and names)",
        advice="put the list as `annotations` beside the `images` and `categories` of the "
        "annotation file that was predicted: {images, annotations, categories}",
        detects=_has("image_id", "category_id"),
    ),
    ForeignFile(
        name="segments_ai",
        title="Segments.ai (a release)",
        advice="export it with segments-ai's export_dataset(..., export_format='coco-instance')",
        detects=lambda content: "samples" in content["dataset"],
    ),
    ForeignFile(
        name="fiftyone",
        title="FiftyOne",
        advice="export with dataset_type=fiftyone.types.COCODetectionDataset",
        detects=lambda content: "filepath" in content["samples"][0],
    ),
    ForeignFile(
        name="labelbox",
        title="Labelbox",
        advice="convert it to COCO instances (JSON)",
        files=LINES,
        detects=_either(_has("data_row", "projects"), _has("Labeled Data", "Label")),
    ),
    ForeignFile(
        name="label_studio_min",
        title="Label Studio (JSON-MIN)",
        advice="in Label Studio, export as 'COCO' or as 'JSON'",
        detects=_has("annotation_id", "annotator", "lead_time"),
    ),
    ForeignFile(
        name="label_studio_csv",
        title="Label Studio (CSV or TSV)",
        advice="in Label Studio, export as 'COCO' or as 'JSON'",
        files=("*.csv", "*.tsv"),
        detects=_text(r"\A(?>[^\n]*?annotation_id)[^\n]*lead_time"),
    ),
    ForeignFile(
        name="createml",
        title="CreateML (boxes)",
        advice="in Roboflow, export as 'COCO Segmentation'",
        detects=lambda content: {"label", "coordinates"} <= content[0]["annotations"][0].keys(),
    ),
    ForeignFile(
        name="image_text_lines",
        title="a data set of texts about images (JSON lines)",
        advice="in Roboflow, export as 'COCO Segmentation'",
        files=LINES,
        detects=_has("image", "prefix", "suffix"),
    ),
    ForeignFile(
        name="boxes_csv",
        title="a CSV of boxes",
        advice="boxes are no masks; in Roboflow, export as 'COCO Segmentation'",
        files=("*.csv",),
        detects=_text(r"(?i)\A(?>[^\n]*?x_?min)[^\n]*y_?min"),
    ),
    ForeignFile(
        name="hasty",
        title="Hasty",
        advice="export as 'COCO'",
        detects=_has("project_name", "label_classes", "images"),
    ),
    ForeignFile(
        name="superannotate",
        title="SuperAnnotate",
        advice="convert it with superannotate's export_annotation(..., dataset_format='COCO')",
        detects=_has("metadata", "instances"),
    ),
    ForeignFile(
        name="darwin", title="V7 Darwin", advice="export as 'COCO'", detects=_is_darwin
    ),
    ForeignFile(
        name="scale",
        title="Scale AI",
        advice=f"{COCO_EXPORT}, or save its masks as boolean PNGs, 'photo/name.png'",
        detects=_has("task_id", "response"),
    ),
    ForeignFile(
        name="scalabel",
        title="Scalabel, as BDD100K is published",
        advice="run `python -m scalabel.label.to_coco`",
        detects=lambda content: {"name", "labels"} <= _first(content.get("frames")
            if isinstance(content, dict) else content).keys(),
    ),
    ForeignFile(
        name="dataloop", title="Dataloop", advice=f"{COCO_EXPORT}",
        detects=_has("annotations", "metadata", "filename"),
    ),
    ForeignFile(
        name="encord", title="Encord", advice=f"{COCO_EXPORT}",
        detects=_has("data_units", "label_hash"),
    ),
    ForeignFile(
        name="kili", title="Kili", advice=f"{COCO_EXPORT}", detects=_has("externalId", "labels"),
    ),
    ForeignFile(
        name="sagemaker",
        title="SageMaker Ground Truth",
        advice="save its label pictures with a labels.json that names their values",
        files=LINES,
        detects=_has("source-ref"),
    ),
    ForeignFile(
        name="isat", title="ISAT", advice="in ISAT, convert it to COCO", detects=_is_isat
    ),
    ForeignFile(
        name="ade20k",
        title="ADE20K (the JSON of its parts)",
        advice="save its label pictures with a labels.json that names their values",
        detects=lambda content: {"filename", "object"} <= content["annotation"].keys(),
    ),
    ForeignFile(
        name="mapillary",
        title="Mapillary Vistas (polygons)",
        advice="take its panoptic set, which is COCO panoptic",
        detects=_is_mapillary,
    ),
    ForeignFile(
        name="geojson",
        title="GeoJSON, as QuPath writes it",
        advice="save each region as a boolean PNG, 'photo/region.png'",
        files=("*.json", "*.geojson"),
        detects=_either(_is_geojson, _text(r'"type"\s*:\s*"Feature')),
    ),
    ForeignFile(
        name="yolo_boxes",
        title="YOLO (boxes)",
        advice="boxes are no masks; export outlines (YOLO-seg), or COCO",
        files=("*.txt",),
        detects=_is_lines_of(r"\s*\d+(?:\s+[01]?\.\d+|\s+[01]){4}\s*(?:\n|\Z)"),
    ),
    ForeignFile(
        name="dota",
        title="DOTA (corners of turned boxes)",
        advice="boxes are no masks; annotate outlines",
        files=("*.txt",),
        detects=_is_lines_of(rf"(?:{NUMBER}\s+){{8}}[^\s\d]\S*(?:\s+\d)?\s*(?:\n|\Z)"),
    ),
    ForeignFile(
        name="kitti",
        title="KITTI (boxes)",
        advice="boxes are no masks; take KITTI's label pictures, with a labels.json",
        files=("*.txt",),
        detects=_is_lines_of(rf"[A-Za-z]\S*(?:\s+{NUMBER}){{14,15}}\s*(?:\n|\Z)"),
    ),
    ForeignFile(
        name="tfrecord",
        title="TensorFlow (TFRecord)",
        advice="export as COCO; in Roboflow as 'COCO Segmentation'",
        files=("*.tfrecord", "*.tfrecords", "*.tfrecord-*"),
    ),
    ForeignFile(
        name="matlab",
        title="MATLAB",
        advice="save the masks as .npz with numpy.savez",
        files=("*.mat",),
    ),
    ForeignFile(
        name="archive",
        title="an archive",
        advice="unpack it and give the folder",
        files=("*.zip", "*.tar", "*.tgz", "*.gz", "*.7z", "*.rar"),
    ),
)  # fmt: skip
"""Kinds of files that are told, in the order in which they are asked."""
