"""Files of other tools are told by name, with the export to choose instead; none is misread."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sat_nb import InvalidInput, read_segments
from sat_nb.segments.formats.dinox import is_dinox
from sat_nb.segments.formats.foreign import FOREIGN
from sat_nb.segments.formats.foreign_files import tool_of
from tests.segments import formats as made
from tests.segments.formats import write

POLYGON = [[1, 1], [9, 1], [9, 9]]
VIA_REGION = {"shape_attributes": {"name": "polygon"}, "region_attributes": {"name": "eye"}}
VIA = {"a.jpg123": {"filename": "a.jpg", "size": 123, "regions": [VIA_REGION]}}
CVAT = b"<?xml?>\n<annotations>\n<version>1.1</version>\n<image id='0' name='a.jpg'></image>"
VOC_XML = b"<annotation><object><name>cat</name><bndbox><xmin>1</xmin></bndbox></object>"
GEOJSON = {"type": "FeatureCollection", "features": []}
EXAMPLES: dict[str, list[tuple[str, Any]]] = {
    "via": [
        ("a.json", VIA),
        ("via.json", {"_via_settings": {}, "_via_img_metadata": VIA}),
        ("via3.json", {"project": {}, "config": {}, "file": {}, "metadata": {}, "view": {}}),
    ],
    "via_csv": [("via.csv", b"filename,file_size,file_attributes,region_count\na.jpg,1,{},0")],
    "cvat": [("annotations.xml", CVAT), ("utf16.xml", CVAT.decode().encode("utf-16"))],
    "voc_xml": [("a.xml", VOC_XML)],
    "labelme_xml": [
        ("item.xml", b"<annotation><filename>a.jpg</filename><object><name>eye</name></object>")
    ],
    "aperio": [("a.xml", b"<Annotations MicronsPerPixel='0.5'><Annotation><Regions>")],
    "supervisely": [
        (
            "a.jpg.json",
            {
                "size": {"height": 4, "width": 5},
                "objects": [{"classTitle": "eye", "geometryType": "bitmap", "bitmap": {}}],
            },
        ),
        ("b.json", {"description": "", "tags": [], "size": {"height": 4}, "objects": []}),
        ("meta.json", {"classes": [], "tags": [], "projectType": "images"}),
    ],
    "datumaro": [("a.json", {"info": {}, "categories": {"label": {}}, "items": []})],
    "coco_results": [("a.json", [{"image_id": 1, "category_id": 1, "bbox": [], "score": 0.5}])],
    "segments_ai": [("a.json", {"name": "v1", "dataset": {"samples": []}})],
    "fiftyone": [("samples.json", {"samples": [{"_id": 1, "filepath": "a.jpg"}]})],
    "labelbox": [
        ("a.ndjson", b'{"data_row": {"id": "x"}, "projects": {}}\n{"data_row": {}}'),
        ("a.json", b'{"data_row": {"id": "x"}, "projects": {}}\n{"data_row": {}}'),
        ("b.json", [{"ID": "x", "Labeled Data": "a.jpg", "Label": {"objects": []}}]),
    ],
    "label_studio_min": [
        ("a.json", [{"image": "a.jpg", "annotation_id": 1, "annotator": 1, "lead_time": 2.5}])
    ],
    "label_studio_csv": [("a.csv", b"image,annotation_id,annotator,lead_time\n")],
    "createml": [("a.json", [{"image": "a", "annotations": [{"label": "x", "coordinates": {}}]}])],
    "image_text_lines": [("a.jsonl", b'{"image": "a.jpg", "prefix": "segment", "suffix": "x"}\n')],
    "boxes_csv": [("_annotations.csv", b"filename,width,height,class,xmin,ymin,xmax,ymax\n")],
    "hasty": [("a.json", {"project_name": "p", "label_classes": [], "images": [{}]})],
    "superannotate": [("a.jpg.json", {"metadata": {"name": "a.jpg"}, "instances": []})],
    "darwin": [
        ("a.json", {"version": "2.0", "item": {"name": "a.jpg"}, "annotations": []}),
        ("b.json", {"dataset": "d", "image": {"filename": "a"}, "annotations": []}),
    ],
    "scale": [("a.json", [{"task_id": "1", "response": {"annotations": []}}])],
    "scalabel": [
        ("a.json", [{"name": "a.jpg", "labels": [{"category": "car", "poly2d": []}]}]),
        ("b.json", {"frames": [{"name": "a.jpg", "labels": []}], "config": {}}),
    ],
    "dataloop": [("a.json", {"filename": "/a.jpg", "metadata": {}, "annotations": []})],
    "encord": [("a.json", [{"label_hash": "x", "data_units": {}, "data_title": "a"}])],
    "kili": [("a.json", [{"externalId": "a", "labels": [{"jsonResponse": {}}]}])],
    "sagemaker": [("output.manifest", b'{"source-ref": "s3://bucket/a.jpg"}\n')],
    "isat": [
        (
            "a.json",
            {
                "info": {"description": "ISAT", "width": 5, "height": 4},
                "objects": [{"category": "eye", "bbox": [1, 1, 9, 9], "segmentation": POLYGON}],
            },
        ),
        ("b.json", {"info": {"description": "ISAT", "width": 5}, "objects": []}),
    ],
    "ade20k": [("a.json", {"annotation": {"filename": "a.jpg", "object": []}})],
    "mapillary": [
        ("a.json", {"height": 4, "width": 5, "objects": [{"label": "x", "polygon": POLYGON}]})
    ],
    "geojson": [
        ("a.geojson", json.dumps(GEOJSON).encode()),
        ("a.json", GEOJSON),
        ("b.json", [{"type": "Feature", "geometry": {}}]),
    ],
    "yolo_boxes": [("labels/a.txt", b"0 0.5 0.5 0.25 1\n1 0.1 .2 0.3 0.4\n")],
    "dota": [
        ("a.txt", b"imagesource:GoogleEarth\ngsd:0.1\n1 1 9.0 1 9 9 1 9 plane 0\n"),
        ("b.txt", b"1 1 9 1 9 9 1 9 plane"),
    ],
    "kitti": [("000001.txt", b"Car 0.00 0 -1.58 587 173 614 200 1.6 1.6 3.7 -0.6 1.7 46 -1.5\n")],
    "tfrecord": [("a.tfrecord", b"\0" * 9), ("train.tfrecord-00000-of-00002", b"\xff")],
    "matlab": [("a.mat", b"MATLAB 5.0")],
    "archive": [("masks.zip", b"PK\3\4")],
}


@pytest.mark.parametrize("name", FOREIGN)
def test_every_tool_is_told(tmp_path: Path, name: str) -> None:
    entry = FOREIGN[name]
    assert entry.title
    assert entry.advice
    assert not entry.advice.endswith(".")
    assert EXAMPLES.get(name), "an example of its file"
    for i, (file_name, content) in enumerate(EXAMPLES[name]):
        file = write(tmp_path / str(i) / file_name, content)
        for path in (file, file.parent):
            with pytest.raises(InvalidInput) as caught:
                next(iter(read_segments(path).values()))
            assert "not an export of a known mask format" in str(caught.value)
            assert f"but of {entry.title}; {entry.advice}." in str(caught.value)
            assert str(caught.value).count("known are") == 0


def test_the_advice_for_results_of_coco_holds(tmp_path: Path) -> None:
    results = [
        {"image_id": 7, "category_id": 3, "segmentation": made.EYE, "score": 0.75},
        {"image_id": 7, "category_id": 1, "segmentation": made.MANE, "score": 0.5},
    ]
    kept = {"images": made.IMAGES, "annotations": results, "categories": made.CATEGORIES}
    found = read_segments(write(tmp_path / "a.json", kept))["a"]
    assert (found.names, found.scores.tolist()) == (made.NAMES, [0.75, 0.5])
    np.testing.assert_array_equal(found.masks, made.MASKS)


def test_a_foreign_file_costs_no_other(tmp_path: Path) -> None:
    write(tmp_path / "a.json", made.DINOX)
    write(tmp_path / "b.json", VIA)
    write(tmp_path / "c.xml", CVAT)
    read = read_segments(tmp_path, errors="skip")
    assert list(read) == ["a"]
    (problem,) = read.problems.values()
    assert "VIA" in problem


def test_photos_beside_foreign_files_are_told_apart(tmp_path: Path) -> None:
    """PNGs alone might be masks: where they are none, the error names the file beside them."""
    write(tmp_path / "annotations.xml", CVAT)
    photo = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    write(tmp_path / "a.png", made.png(photo))
    write(tmp_path / "images" / "b.png", made.png(photo))
    read = read_segments(tmp_path)
    for image_id in ("a", "images"):
        with pytest.raises(
            InvalidInput, match=r"Beside it, 'annotations\.xml' is of CVAT .*'COCO 1"
        ):
            read[image_id]
    write(tmp_path / "mine" / "eye.png", made.png(made.MASKS[0]))
    assert read_segments(tmp_path)["mine"].names == ("eye",)


def test_what_nobody_knows_lists_the_formats(tmp_path: Path) -> None:
    write(tmp_path / "a.json", {"hello": 1})
    write(tmp_path / "sub" / "notes.txt", b"Nothing.")
    with pytest.raises(InvalidInput, match="not an export of a known mask format; known are"):
        read_segments(tmp_path)["a"]
    with pytest.raises(InvalidInput, match="no mask file in .*known formats are"):
        read_segments(tmp_path / "sub")


@pytest.mark.parametrize(
    "document",
    [1, None, [], [[]], {}, {"objects": 1}, {"samples": []}, {"dataset": 1}, {"info": 3},
     [{"annotations": []}], {"annotation": None}, {"frames": []}, [None], {"items": 1}],
)  # fmt: skip
def test_no_document_breaks_a_detector(document: Any) -> None:
    assert tool_of("a.json", document) is None
    assert tool_of("a.xml", json.dumps(document)) is None


def test_objects_alone_are_no_dino_x() -> None:
    ours = made.DINOX["objects"]
    assert is_dinox({"objects": []})
    assert is_dinox({"data": {"result": {"objects": []}}})
    assert is_dinox({"objects": ours})
    for name, examples in EXAMPLES.items():
        for _, content in examples:
            assert not is_dinox(content), name
    assert not is_dinox({"objects": [{"class": "eye", "bbox": [1, 1, 2, 2]}]})
    assert not is_dinox({"imgHeight": 4, "imgWidth": 5, "objects": []})


def test_objects_of_another_tool_among_those_of_dino_x_are_refused(tmp_path: Path) -> None:
    mixed = [*made.DINOX["objects"], {"label": "eye", "polygon": POLYGON}]
    write(tmp_path / "a.json", {"objects": mixed})
    with pytest.raises(InvalidInput, match=r"objects\[2\]\.category: expected a name"):
        read_segments(tmp_path)["a"]
    skipped = read_segments(tmp_path, errors="skip")["a"]
    np.testing.assert_array_equal(skipped.masks, made.MASKS)


def test_nothing_is_quoted_twice(tmp_path: Path) -> None:
    mask = {"size": [4, 5], "counts": "52207"}
    for codec in ("zip", 3, "x" * 999):
        item = {"category": "eye", "mask": {**mask, "format": codec}}
        write(tmp_path / "a.json", {"objects": [item]})
        with pytest.raises(InvalidInput) as caught:
            read_segments(tmp_path)["a"]
        assert f"unknown name {codec!r}"[:200] in str(caught.value)
        assert "\"'" not in str(caught.value)
        assert len(str(caught.value)) < 600 + len(str(tmp_path))
