"""Exports of real photos, against an independent slow decoder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import sat_nb as sat
from tests.oracles import masks as oracle


@pytest.mark.parametrize(("name", "step"), [("chihuahua", 1), ("ccp", 5)])
def test_masks_equal_the_slow_decoders(real_data: Path, name: str, step: int) -> None:
    exports = real_data / name / "exports"
    segments = sat.read_segments(exports)
    codecs = set()
    for image_id in list(segments)[::step]:
        segmentation = segments[image_id]
        objects = json.loads((exports / f"{image_id}.json").read_text())["objects"]
        assert len(objects) == len(segmentation)
        for item, read, mask in zip(objects, segmentation.names, segmentation.masks, strict=True):
            codec = item["mask"].get("format", "dds_rle")
            codecs.add(codec)
            text, size = item["mask"]["counts"], item["mask"]["size"]
            slow = oracle.decode(text, size, row_major=codec == "dds_rle")
            np.testing.assert_array_equal(mask, slow, err_msg=f"{image_id}: {item['category']}")
            assert read == " ".join(item["category"].lower().split())
    assert codecs == {"dds_rle" if name == "chihuahua" else "coco_rle"}


@pytest.mark.parametrize("name", ["chihuahua", "ccp"])
def test_masks_fit_their_photos_and_their_boxes(real_data: Path, name: str) -> None:
    images = sat.read_images(real_data / name / "images")
    segments = sat.read_segments(real_data / name / "exports")
    assert set(images) == set(segments)
    for image_id in list(images)[::20]:
        assert segments[image_id].size == images.size(image_id)


def test_untidy_names_are_folded(real_data: Path) -> None:
    segments = sat.read_segments(real_data / "chihuahua" / "exports")
    names = {name for segmentation in segments.values() for name in segmentation.names}
    assert names == {"eyes", "ears", "nose", "mouth", "face", "rest"}
