"""Real files of other formats: against slow decoders, and against their tools' own masks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sat_nb as sat
from tests.oracles import masks as oracle


@pytest.mark.parametrize(
    ("name", "step", "n_images"),
    [("horses_weizmann", 25, 263), ("celebamask", 1, 4), ("coco_panoptic", 1, 2)],
)
def test_label_pictures(real_data: Path, name: str, step: int, n_images: int) -> None:
    segments = sat.read_segments(real_data / name / "masks")
    assert len(segments) == n_images
    images = sat.read_images(real_data / name / "images")
    assert set(segments) == set(images)
    labels = json.loads((real_data / name / "labels.json").read_text())
    for image_id in list(segments)[::step]:
        values = np.array(Image.open(real_data / name / "masks" / f"{image_id}.png"))
        names = labels.get(image_id, labels)
        read = segments[image_id]
        assert read.size == images.size(image_id) == values.shape
        assert read.names == tuple(names[str(v)] for v in sorted(set(values.ravel().tolist())))
        for i, value in enumerate(sorted(set(values.ravel().tolist()))):
            np.testing.assert_array_equal(read.masks[i], values == value)


def test_labelme_fills_as_labelme_does(real_data: Path) -> None:
    """LabelMe's own conversion: a later shape covers an earlier one; -1 is its `__ignore__`.

    It is from 2020, and Pillow's filling has moved by one border pixel of these three photos since.
    """
    folder = real_data / "labelme"
    segments = sat.read_segments(folder / "data_annotated")
    classes = (folder / "data_dataset_voc" / "class_names.txt").read_text().split("\n")
    n_different = 0
    for image_id, read in segments.items():
        theirs = np.load(folder / "data_dataset_voc" / "SegmentationClassNpy" / f"{image_id}.npy")
        ours = np.zeros_like(theirs)
        for name, mask in zip(read.names, read.masks, strict=True):
            ours[mask] = -1 if name == "__ignore__" else classes.index(name)
        n_different += int((ours != theirs).sum())
    assert n_different <= 1
    assert len(segments) == 3


def test_coco_polygons(real_data: Path) -> None:
    file = real_data / "labelme" / "data_dataset_coco" / "annotations.json"
    document = json.loads(file.read_text())
    segments = sat.read_segments(file, image_id=lambda i: i.removeprefix("JPEGImages/"))
    names = {category["id"]: category["name"] for category in document["categories"]}
    for image in document["images"]:
        read = segments[Path(image["file_name"]).stem]
        own = [a for a in document["annotations"] if a["image_id"] == image["id"]]
        assert read.names == tuple(names[a["category_id"]] for a in own)
        assert read.size == (image["height"], image["width"])
        for annotation, mask in zip(own, read.masks, strict=True):
            slow = np.zeros(read.size, dtype=bool)
            for polygon in annotation["segmentation"]:
                points = list(zip(polygon[::2], polygon[1::2], strict=True))
                slow |= oracle.fill_coco_polygon(points, read.size)
            np.testing.assert_array_equal(mask, slow)
