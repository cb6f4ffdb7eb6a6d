"""Label Studio's JSON: shapes in percent, brushes, annotators, and what it calls a photo."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco

from sat_nb import InvalidInput, read_segments
from sat_nb.segments.formats.brush import decode_brush
from sat_nb.segments.formats.label_studio import parse_task
from sat_nb.segments.read import SegmentFiles
from tests.oracles import masks as oracle
from tests.segments.formats import brush, bytes_of, region, task, write

SIZE = (30, 40)


def drawn(kind: str, labels: Any = ("eye",), **value: Any) -> dict[str, Any]:
    made = region(kind, list(labels), **value)
    return made | {"original_height": SIZE[0], "original_width": SIZE[1]}


def read(tmp_path: Path, *tasks: Any, **how: Any) -> SegmentFiles:
    return read_segments(write(tmp_path / "export.json", list(tasks)), **how)


def filled(*xy: tuple[float, float]) -> np.ndarray:
    flat = [x for point in xy for x in point]
    return coco.decode(coco.merge(coco.frPyObjects([flat], *SIZE))).astype(bool)


# --- shapes --------------------------------------------------------------------------------------


def test_polygons_are_in_percent_and_filled_as_coco_does() -> None:
    points = [[12.5, 10], [50, 13.4], [47.5, 66.6], [11, 50]]
    (mask,) = parse_task(task(1, "a.jpg", drawn("polygonlabels", points=points))).whole().masks
    np.testing.assert_array_equal(mask, filled(*((x * 0.4, y * 0.3) for x, y in points)))


@pytest.mark.parametrize("rotation", [0, 30, 90, -45])
def test_rectangles_turn_clockwise_about_their_corner(rotation: float) -> None:
    shape = drawn("rectanglelabels", x=50, y=20, width=25, height=30, rotation=rotation)
    (mask,) = parse_task(task(1, "a.jpg", shape)).whole().masks
    angle = math.radians(rotation)
    corners = [(0, 0), (10, 0), (10, 9), (0, 9)]  # in pixels
    c, s = math.cos(angle), math.sin(angle)
    turned = [(20 + x * c - y * s, 6 + x * s + y * c) for x, y in corners]
    np.testing.assert_array_equal(mask, filled(*turned))
    if rotation == 0:
        expected = np.zeros(SIZE, bool)
        expected[6:15, 20:30] = True
        np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize("rotation", [0, 30, 90])
def test_ellipses_hold_the_pixels_whose_centre_is_within(rotation: float) -> None:
    shape = drawn("ellipselabels", x=50, y=40, radiusX=25, radiusY=10, rotation=rotation)
    (mask,) = parse_task(task(1, "a.jpg", shape)).whole().masks
    angle = math.radians(rotation)
    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            x, y = column + 0.5 - 20, row + 0.5 - 12
            along = x * math.cos(angle) + y * math.sin(angle)
            across = y * math.cos(angle) - x * math.sin(angle)
            assert mask[row, column] == ((along / 10) ** 2 + (across / 3) ** 2 <= 1)


@settings(max_examples=40)
@given(
    arrays(np.uint8, st.tuples(st.integers(1, 4), st.integers(1, 5), st.just(4))),
    st.lists(st.integers(1, 16), min_size=4, max_size=4),
    st.data(),
)
def test_brushes_in_every_way_to_pack_them(
    pixels: np.ndarray, bits: list[int], data: st.DataObject
) -> None:
    """Runs of any length that its bits hold, repeated or single, in any of the four sizes."""
    values = np.where(pixels > 120, 255, 0).ravel().tolist()
    code = f"{len(values):032b}{7:05b}" + "".join(f"{n - 1:04b}" for n in bits)
    at = 0
    while at < len(values):
        choice = data.draw(st.integers(0, 3))
        same = next((k for k, v in enumerate(values[at:]) if v != values[at]), len(values) - at)
        repeated = data.draw(st.booleans())
        longest = min(same if repeated else len(values) - at, 2 ** bits[choice])
        n = data.draw(st.integers(1, longest))
        stored = values[at : at + 1] if repeated else values[at : at + n]
        code += f"{repeated:01b}{choice:02b}{n - 1:0{bits[choice]}b}"
        code += "".join(f"{value:08b}" for value in stored)
        at += n
    rle = bytes_of(code)
    assert oracle.unpack(rle) == values
    height, width = pixels.shape[:2]
    right = pixels[..., 3] > 120
    np.testing.assert_array_equal(decode_brush(rle, (height, width), "rle"), right)
    for n in range(len(rle) - 1):
        with pytest.raises(InvalidInput, match="rle: "):
            decode_brush(rle[:n], (height, width), "rle")


def test_brushes_begin_as_label_studio_writes_them() -> None:
    """8 bits a value, and lengths of 3, 4, 8 and 16 bits."""
    assert brush(np.ones((3, 5), bool))[:6] == [0, 0, 0, 4 * 15, 57, 27]


@pytest.mark.parametrize("rle", [None, "ab", [256], [-1], [1.5], [None], {"0": 1}, 9, []])
def test_brushes_that_are_none(rle: Any) -> None:
    with pytest.raises(InvalidInput, match="rle: expected"):
        decode_brush(rle, (1, 1), "rle")


def test_a_region_of_several_labels_is_a_mask_of_each() -> None:
    shape = drawn("polygonlabels", ["eye", "left"], points=[[0, 0], [50, 0], [50, 50]])
    read = parse_task(task(1, "a.jpg", shape)).whole()
    assert read.names == ("eye", "left")
    np.testing.assert_array_equal(read.masks[0], read.masks[1])


def test_labels_of_a_tag_of_their_own() -> None:
    """<Labels> beside <Polygon> gives two results of one id: the shape, and its label."""
    shape = drawn("polygon", points=[[0, 0], [50, 0], [50, 50]]) | {"id": "x"}
    del shape["value"]["polygon"]
    label = drawn("labels", ["eye"], points=[[0, 0], [50, 0], [50, 50]]) | {"id": "x"}
    assert parse_task(task(1, "a.jpg", shape, label)).whole().names == ("eye",)
    with pytest.raises(InvalidInput, match="region 'x': has no label"):
        parse_task(task(1, "a.jpg", shape)).whole()


GOOD = drawn("polygonlabels", points=[[0, 0], [50, 0], [50, 50]])


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (drawn("keypointlabels", x=5, y=5), "expected a polygon, a brush, .* got a region of 'x'"),
        (drawn("polygonlabels", [], points=[[0, 0], [9, 0], [9, 9]]), "has no label"),
        (drawn("polygonlabels", [7], points=[[0, 0], [9, 0], [9, 9]]), "expected a name, got 7"),
        (drawn("polygonlabels", points=[[0, 0], [9, 0]]), "expected 3 points or more, got 2"),
        (drawn("polygonlabels", points=[[0, float("nan")], [9, 0], [9, 9]]), "finite number"),
        (drawn("polygonlabels", points="ab"), r"points: expected \[\[x, y\], ...\]"),
        (drawn("polygonlabels", points=[[0, 0], [9, 0], [9, 9]], closed=False), "is not closed"),
        (drawn("ellipselabels", x=5, y=5, radiusX=0, radiusY=5), "the mask has no pixel"),
        (drawn("rectanglelabels", x=5, y=5, width=0, height=5), "the mask has no pixel"),
        (drawn("brushlabels", rle=brush(np.ones((4, 5), bool))), "30 x 40 pixels of RGBA"),
        (GOOD | {"image_rotation": 90}, "was turned by 90 degrees .* turn it back there"),
        (GOOD | {"original_width": None}, r"\[original_height, original_width\]: expected"),
    ],
)
def test_one_bad_region_does_not_cost_the_others(tmp_path: Path, shape: Any, message: str) -> None:
    asked = task(4, "a.jpg", GOOD, shape | {"id": "bad"}), task(5, "b.jpg", GOOD)
    with pytest.raises(InvalidInput, match=rf"export\.json: task 4, region 'bad'.*{message}"):
        read(tmp_path, *asked)["a"]
    kept = read(tmp_path, *asked, errors="skip")
    assert (kept["a"].names, kept["b"].names) == (("eye",), ("eye",))
    assert kept.problems.n_items == 1


def test_a_task_or_an_annotation_alone(tmp_path: Path) -> None:
    """As an API gives them, and as a storage keeps them, a file each."""
    alone = task(1, "Mähne/a.jpg", GOOD)
    (annotation,) = alone.pop("annotations")
    write(tmp_path / "1.json", {**annotation, "task": alone})
    write(tmp_path / "2.json", task(2, "b.jpg", GOOD))
    read = read_segments(tmp_path)
    assert {i: read[i].names for i in read} == {"Mähne/a": ("eye",), "b": ("eye",)}


def test_answers_that_are_no_regions_are_no_masks() -> None:
    answers = [
        {"type": "choices", "value": {"choices": ["zebra"]}, "id": "1"},
        {"type": "textarea", "value": {"text": ["?"]}, "id": "eye"},
        {"type": "relation", "from_id": "1", "to_id": "2"},
        {"type": ["odd"], "id": ["odd"]},
        None,
    ]
    assert parse_task(task(1, "a.jpg", GOOD, *answers)).whole().names == ("eye",)


# --- annotators ----------------------------------------------------------------------------------


def annotated(*annotations: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"id": 7, "data": {"image": "a.jpg"}, "annotations": list(annotations), **others}


ONE, CANCELLED = {"id": 11, "result": [GOOD]}, {"id": 12, "was_cancelled": True, "result": []}
TRUE = {"id": 13, "result": [], "ground_truth": True}


def test_the_one_annotation_that_counts() -> None:
    assert parse_task(annotated(ONE, CANCELLED)).whole().names == ("eye",)
    assert parse_task(annotated(ONE, TRUE)).whole().names == ()
    old = annotated(ONE)
    old["completions"] = old.pop("annotations")
    assert parse_task(old).whole().names == ("eye",)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (annotated(ONE, ONE | {"id": 14}), "task 7: has 2 annotations, 11, 14; star one of them"),
        (annotated(TRUE, TRUE | {"id": 14}), "task 7: has 2 annotations, 13, 14; star one of them"),
        (annotated(CANCELLED), "task 7: was skipped by its annotator; label the photo"),
        (annotated(predictions=[ONE]), "task 7: has no annotation; .*Predictions count once"),
    ],
)
def test_tasks_without_one_annotation_are_left_out(
    tmp_path: Path, asked: Any, message: str
) -> None:
    asked = asked, task(5, "b.jpg", GOOD)
    with pytest.raises(InvalidInput, match=rf"export\.json: {message}.*Pass errors='skip'"):
        read(tmp_path, *asked)["a"]
    kept = read(tmp_path, *asked, errors="skip")
    assert list(kept) == ["b"]
    assert kept.problems.n_items == 1


# --- photos --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "image_id"),
    [
        ({"image": "sub/a.jpg"}, "sub/a"),
        ({"image": "/data/local-files/?d=photos/a%20b.jpg"}, "photos/a b"),
        ({"image": "http://localhost:8080/data/local-files/?d=photos/a.jpg"}, "photos/a"),
        ({"img": "a.PNG", "caption": "A zebra."}, "a"),
        ({"photo": "Mähne.jpg", "n": 3}, "Mähne"),
        ({"image": "a.jpg", "mask": "b.png"}, "a"),
        ({"picture": "photos/no-extension", "text": "x"}, "photos/no-extension"),
    ],
)
def test_the_photo_of_a_task(tmp_path: Path, data: Any, image_id: str) -> None:
    assert list(read(tmp_path, task(1, "") | {"data": data})) == [image_id]
    seen: list[str] = []
    read(tmp_path, task(1, "") | {"data": data}, image_id=lambda name: seen.append(name) or "x")
    assert seen[0] in data.values(), "as it is written"


UPLOAD, ADDRESS = "/data/upload/3/cb06d2f1-a.jpg", "s3://bucket/photos/a.jpg"


@pytest.mark.parametrize(
    ("image", "remedy"),
    [
        (UPLOAD, "image_id=lambda name: name.rsplit('/', 1)[-1].split('-', 1)[-1]."),
        (ADDRESS, "image_id=lambda name: name.rsplit('/', 1)[-1]."),
        ("/data/local-files/?d=/abs/a.jpg", "image_id=lambda name: name.rsplit('/', 1)[-1]."),
    ],
)
def test_photos_that_were_renamed_need_a_function(tmp_path: Path, image: str, remedy: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        read(tmp_path, task(1, image, GOOD))
    assert remedy in str(raised.value)
    function = eval(remedy.removeprefix("image_id=").removesuffix("."))
    assert read(tmp_path, task(1, image, GOOD), image_id=function)["a"].names == ("eye",)


@pytest.mark.parametrize(
    "data", [{}, None, {"text": "A zebra."}, {"a": "x.jpg", "b": "y.jpg"}, {"image": ["a.jpg"]}]
)
def test_tasks_of_no_photo_or_of_several(tmp_path: Path, data: Any) -> None:
    asked = task(1, "") | {"data": data}, task(2, "b.jpg", GOOD)
    with pytest.raises(InvalidInput, match="task 1: data: expected"):
        read(tmp_path, *asked)
    assert list(read(tmp_path, *asked, errors="skip")) == ["b"]
