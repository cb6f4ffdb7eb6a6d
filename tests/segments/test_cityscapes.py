"""Cityscapes' polygons against what its own script paints, and the ids of its photos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from sat_nb import InvalidInput, read_images, read_segments
from sat_nb.segments.formats.cityscapes import parse_cityscapes
from tests.segments.formats import png, write

SIZE = (20, 30)
STEM = "aachen_000000_000019"
LABELS = ("road", "car", "cargroup", "license plate", "window", "windowgroup", "polegroup")
NUMBERS = {
    name: i for i, name in enumerate(("", "road", "car", "window", "windowgroup", "polegroup"))
}


def box(left: int, top: int, right: int, bottom: int) -> list[list[int]]:
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def document(*objects: Any) -> dict[str, Any]:
    return {"imgHeight": SIZE[0], "imgWidth": SIZE[1], "objects": list(objects)}


POINT = st.tuples(st.integers(-5, SIZE[1] + 5), st.integers(-5, SIZE[0] + 5)).map(list)
OBJECT = st.fixed_dictionaries({
    "label": st.sampled_from(LABELS),
    "polygon": st.lists(POINT, min_size=3, max_size=7),
    "deleted": st.sampled_from([0, 0, 0, 1]),
})  # fmt: skip


@settings(max_examples=60)
@given(st.lists(OBJECT, max_size=6))
def test_painted_as_by_its_own_script(objects: list[dict[str, Any]]) -> None:
    """json2labelImg.py: one number a class, plates not painted, deleted objects left out."""
    canvas = Image.new("L", (SIZE[1], SIZE[0]), 0)
    for item in objects:
        name = "car" if item["label"] == "cargroup" else item["label"]
        if not item["deleted"] and name != "license plate":
            outline = [tuple(point) for point in item["polygon"]]
            ImageDraw.Draw(canvas).polygon(outline, fill=NUMBERS[name])
    right = np.array(canvas)
    read = parse_cityscapes(document(*objects))
    assert not read.refused
    found = np.zeros(SIZE, np.uint8)
    n_covers = np.zeros(SIZE, int)
    for name, mask in zip(read.segmentation.names, read.segmentation.masks, strict=True):
        if name != "license plate":
            found[mask] = NUMBERS[name]
            n_covers += mask
    np.testing.assert_array_equal(found, right if found.size else 0)
    assert n_covers.max() <= 1, "masks are disjoint"


def test_plates_cover_nothing_but_are_covered() -> None:
    read = parse_cityscapes(
        document(
            {"label": "car", "polygon": box(2, 2, 12, 12)},
            {"label": "license plate", "polygon": box(4, 4, 8, 6)},
            {"label": "pole", "polygon": box(6, 0, 6, 19)},
            {"label": "license plate", "polygon": box(20, 4, 22, 6)},
            {"label": "person", "polygon": box(19, 3, 23, 7)},
        )
    ).whole()
    assert read.names == ("car", "license plate", "pole", "person")
    assert read.masks.sum(axis=(1, 2)).tolist() == [11 * 11 - 11, 5 * 3 - 3, 20, 25]


def test_covered_objects_are_no_error_and_bad_ones_are() -> None:
    good = {"label": "car", "polygon": box(2, 2, 12, 12)}
    read = parse_cityscapes(
        document({"label": "road", "polygon": box(3, 3, 4, 4)}, good, {"label": "sky"},
                 {"label": "", "polygon": box(0, 0, 1, 1)},
                 {"label": "sky", "polygon": [[1, 1], [2, 2]]})
    )  # fmt: skip
    assert read.segmentation.names == ("car",)
    says = [str(error) for error in read.refused]
    assert says[0].startswith("objects[2].polygon: expected [[x, y], ...], got none, as of a box")
    assert says[1].startswith("objects[3].label: expected a name")
    assert says[2].startswith("objects[4].polygon: expected 3 points or more, got 2")


@pytest.mark.parametrize("name", [STEM, "a.b_000001"])
def test_ids_are_those_of_the_photos(tmp_path: Path, name: str) -> None:
    content = document({"label": "car", "polygon": box(2, 2, 12, 12)})
    folder = tmp_path / "gtFine" / "train" / "aachen"
    write(folder / f"{name}_gtFine_polygons.json", content)
    grey = np.zeros(SIZE, np.uint8)
    for kind in ("labelIds", "instanceIds", "labelTrainIds"):
        write(folder / f"{name}_gtFine_{kind}.png", png(grey))
    write(folder / f"{name}_gtFine_color.png", png(np.zeros((*SIZE, 3), np.uint8)))
    photo = tmp_path / "leftImg8bit" / "train" / "aachen" / f"{name}_leftImg8bit.png"
    write(photo, png(np.zeros((*SIZE, 3), np.uint8)))
    images = read_images(tmp_path / "leftImg8bit")
    assert list(read_segments(tmp_path / "gtFine")) == list(images)
    assert list(read_segments(tmp_path)) == [f"leftImg8bit/train/aachen/{name}_leftImg8bit"]
    assert list(read_segments(folder)) == list(read_images(photo.parent))
    one = read_segments(folder / f"{name}_gtFine_polygons.json", format="cityscapes")
    assert one[f"{name}_leftImg8bit"].names == ("car",)
    written = read_segments(folder, image_id=lambda name: name.rpartition("_gt")[0])
    assert list(written) == [name], "image_id= gets the file's name as it is"


def test_a_size_that_is_none_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a.json", {**document(), "imgWidth": 0})
    with pytest.raises(InvalidInput, match=r"a\.json: \[imgHeight, imgWidth\]: expected"):
        read_segments(tmp_path)["a"]
