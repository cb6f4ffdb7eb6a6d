"""LabelMe's files as they are found: instances, shapes of other tools, old files, photos within."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from sat_nb import LIMITS, InvalidInput, SegmentationMap, build, check_masks, read_segments
from sat_nb.segments.formats import json_text, labelme
from sat_nb.segments.formats.labelme import WITHOUT_AREA, is_labelme, parse_labelme
from sat_nb.segments.formats.polygons import fill_labelme
from tests.segments.formats import png, write

SIZE = (30, 40)
CORNERS = [[5.0, 4.0], [20.0, 4.0], [20.0, 15.0], [5.0, 15.0]]
BOX = np.zeros(SIZE, bool)
BOX[4:16, 5:21] = True


def shape(points: Any = CORNERS, kind: str | None = "polygon", **more: Any) -> dict[str, Any]:
    return {"label": "mane", "points": points, "shape_type": kind, "group_id": None, **more}


def document(*shapes: dict[str, Any], **more: Any) -> dict[str, Any]:
    sizes = {"imageHeight": SIZE[0], "imageWidth": SIZE[1]}
    start = {"version": "5.4.1", "flags": {}, "imagePath": "a.jpg", "imageData": None}
    return {**start, **sizes, "shapes": list(shapes or [shape()]), **more}


def masks_of(*shapes: dict[str, Any]) -> np.ndarray:
    return parse_labelme(document(*shapes)).whole().masks


# --- instances ---------------------------------------------------------------------------------


def box(group: Any, left: int, label: Any = "sofa") -> dict[str, Any]:
    corners = [[left, 4], [left + 6, 4], [left + 6, 15], [left, 15]]
    return shape(corners, label=label, group_id=group)


def test_shapes_of_one_label_and_group_are_one_instance(tmp_path: Path) -> None:
    room = document(box(0, 1), box(0, 12), box(1, 30), box(0, 20, "person"), box(None, 22))
    segments = read_segments(write(tmp_path / "room.json", room))
    assert segments["room"].names == ("sofa", "sofa", "person", "sofa")
    both = segments["room"].masks[0]
    columns = np.flatnonzero(both.any(axis=0)).tolist()
    assert columns == [*range(1, 8), *range(12, 19)]
    maps = {"ig": {"room": np.ones(SIZE)}}
    table = build(maps, segments, pad_px=0, merge="numbered")
    assert list(table["segment"]) == ["sofa", "sofa 2", "person", "sofa 3"]
    counted = check_masks(segments, progress=False).names
    assert counted.loc["sofa", "n_instances"] == 3
    assert counted.loc["person", "n_instances"] == 1


@pytest.mark.parametrize(
    ("groups", "n"),
    [((0, 0), 1), ((0, "0"), 1), ((3, 3.0), 1), (("a", "a"), 1), ((0, 1), 2), ((0, None), 2),
     ((None, None), 2), (("", ""), 2), (("null", "null"), 2), (("a", "b"), 2)],
)  # fmt: skip
def test_groups(groups: tuple[Any, Any], n: int) -> None:
    assert len(masks_of(box(groups[0], 1), box(groups[1], 20))) == n


@pytest.mark.parametrize("group", [[1], {}, True, float("nan"), 1.5])
def test_a_group_that_is_none_is_refused(group: Any) -> None:
    reading = parse_labelme(document(box(group, 1), box(None, 20)))
    assert len(reading.segmentation) == 1
    assert "shapes[0].group_id: expected a whole number or null" in str(reading.refused[0])


# --- shapes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rectangle", "rotation"])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 3, 0, 1), (0, 2, 1, 3)])
@pytest.mark.parametrize("offset", [0, 0.3, 0.5, 0.77])
def test_four_upright_corners_are_the_box(kind: str, order: tuple[int, ...], offset: float) -> None:
    corners = (np.array(CORNERS)[list(order)] + offset).tolist()
    two = fill_labelme("rectangle", [corners[order.index(0)], corners[order.index(2)]], SIZE, "p")
    np.testing.assert_array_equal(fill_labelme(kind, corners, SIZE, "p"), two)
    if offset == 0:
        np.testing.assert_array_equal(two, BOX)


@given(st.floats(0.05, 1.5), st.sampled_from(["rectangle", "rotation", "oriented_rectangle"]))
def test_turned_boxes_are_polygons(angle: float, kind: str) -> None:
    centre, arm = np.array([20, 15]), np.array([[-8, -4], [8, -4], [8, 4], [-8, 4]])
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners = (arm @ turn + centre).tolist()
    canvas = Image.new("L", SIZE[::-1])
    ImageDraw.Draw(canvas).polygon([tuple(c) for c in corners], fill=1, outline=1)
    np.testing.assert_array_equal(fill_labelme(kind, corners, SIZE, "p"), np.array(canvas) == 1)


def test_shapes_of_other_numbers_of_points_are_refused() -> None:
    for kind, n, expected in [("rectangle", 3, "2 or 4"), ("rotation", 5, "4"), ("circle", 3, "2")]:
        points = [[i, i * i] for i in range(n)]
        with pytest.raises(InvalidInput, match=rf"expected {expected} points, got {n}; redraw"):
            fill_labelme(kind, points, SIZE, "points")


@pytest.mark.parametrize("kind", WITHOUT_AREA)
def test_lines_and_points_do_not_cost_the_polygons(tmp_path: Path, kind: str) -> None:
    line = shape([[2, 2], [30, 20]], kind, label="nose tip")
    file = write(tmp_path / "a.json", document(shape(), line))
    message = rf"shapes\[1\]: 'nose tip' is a '{kind}', which has no area.*polygon.*errors='skip'"
    with pytest.raises(InvalidInput, match=message):
        read_segments(file)["a"]
    read = read_segments(file, errors="skip")
    assert read["a"] == SegmentationMap(("mane",), BOX[None])
    assert "nose tip" in read.problems[str(file)]


def test_polygons_are_read_beside_shapes_that_are_damaged() -> None:
    damaged = {
        "NaN": (
            shape([[1, 1], [2, float("nan")], [3, 3]]),
            "finite numbers, got the point [2.0, n",
        ),
        "null": (shape([[1, 1], [2, None], [3, 3]]), "finite numbers"),
        "three numbers": (shape([[1, 2, 3]] * 4), "expected points [x, y], got [[1, 2, 3]"),
        "two points": (shape([[1, 1], [2, 2]]), "expected 3 points or more, got 2"),
        "none": (shape([]), "expected 3 points or more, got 0"),
        "no list": (shape(None), "expected"),
        "no label": (shape(label=""), "shapes[0].label: expected a name"),
        "label null": (shape(label=None), "shapes[0].label: expected a name"),
        "another kind": (shape(kind="ellipse"), "unknown name 'ellipse'"),
    }
    for case, (wrong, message) in damaged.items():
        reading = parse_labelme(document(wrong, shape()))
        assert reading.segmentation.names == ("mane",), case
        assert message in str(reading.refused[0]), case


def test_numbers_as_text() -> None:
    text = [[str(x), str(y)] for x, y in CORNERS]
    np.testing.assert_array_equal(masks_of(shape(text))[0], BOX)
    assert parse_labelme(document(shape(label=7))).whole().names == ("7",)


# --- masks of the AI tool -----------------------------------------------------------------------

SMALL = np.zeros((8, 11), bool)
SMALL[2:6, 1:10] = True


def stored(corners: Any, small: np.ndarray = SMALL) -> dict[str, Any]:
    return shape(corners, "mask", mask=base64.b64encode(png(small)).decode())


def placed(left: int, top: int) -> np.ndarray:
    canvas = np.zeros((60, 80), bool)
    canvas[20 + top : 28 + top, 20 + left : 31 + left] = SMALL
    return canvas[20:50, 20:60]


@pytest.mark.parametrize(
    ("corners", "left", "top"),
    [
        ([[9, 6], [19, 13]], 9, 6),
        ([[9.0, 6.0], [19.4, 13.9]], 9, 6),
        ([[9.6, 6.4], [19.6, 13.4]], 10, 6),
        ([[-3, 25], [7, 32]], -3, 25),
        ([[33, -4], [43, 3]], 33, -4),
    ],
)
def test_stored_masks_are_placed_as_labelme_does(corners: Any, left: int, top: int) -> None:
    np.testing.assert_array_equal(masks_of(stored(corners))[0], placed(left, top))
    np.testing.assert_array_equal(
        masks_of(stored(corners, 255 * SMALL.astype(np.uint8)))[0], placed(left, top)
    )


def test_stored_masks_that_are_none() -> None:
    other_size = parse_labelme(document(stored([[9, 6], [20, 13]]))).refused[0]
    assert "the PNG is 8 x 11 pixels, which is not the box" in str(other_size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labelme, "read_picture", None)  # not called
        assert str(parse_labelme(document(stored([[9, 6], [20, 13]]))).refused[0]) == str(
            other_size
        )
        patch.setattr(labelme, "MOST_OF_PHOTO", 0)
        patch.setattr(labelme, "SMALL", 87)
        far_more = parse_labelme(document(stored([[9, 6], [19, 13]]))).refused[0]
    assert "the PNG is 8 x 11 pixels, far more than the photo of 30 x 40" in str(far_more)
    outside = parse_labelme(document(stored([[-12, 6], [-2, 13]]))).refused[0]
    assert "the mask has no pixel" in str(outside)
    assert "expected a PNG in base64" in str(
        parse_labelme(document({**stored([[9, 6], [19, 13]]), "mask": "x"})).refused[0]
    )


# --- sizes --------------------------------------------------------------------------------------


def photo(size: tuple[int, int] = SIZE, kind: str = "JPEG", orientation: int = 1) -> bytes:
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "x" * 40_000  # so that the size is not at the start
    Image.new("RGB", size[::-1]).save(stream, kind, exif=exif)
    return stream.getvalue()


def old(**more: Any) -> dict[str, Any]:
    points = {"label": "mane", "line_color": None, "fill_color": None, "points": CORNERS}
    return {"version": "3.4.1", "flags": {}, "lineColor": [0, 255, 0, 128], "shapes": [points],
            "imagePath": "old.jpg", "imageData": None, **more}  # fmt: skip


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("form", ["{}", "data:image/png;base64,{}", " {}\n"])
@pytest.mark.parametrize("sizes", [{}, {"imageHeight": None, "imageWidth": None}])
def test_old_files_take_the_size_of_the_photo_within(
    tmp_path: Path, kind: str, form: str, sizes: dict[str, Any]
) -> None:
    code = form.format(base64.b64encode(photo(kind=kind, orientation=6)).decode())
    file = write(tmp_path / "old.json", old(imageData=code, **sizes))
    assert read_segments(file)["old"] == SegmentationMap(("mane",), BOX[None])


@pytest.mark.parametrize(
    ("path", "at"),
    [
        ("a.jpg", "data/json/a.jpg"),
        ("..\\photos\\a.jpg", "data/photos/a.jpg"),
        ("../photos/a.jpg", "data/photos/a.jpg"),
        ("C:\\Users\\me\\a.jpg", "data/json/a.jpg"),
        ("/home/me/a.jpg", "data/json/a.jpg"),
    ],
)
def test_old_files_take_the_size_of_the_photo_beside(tmp_path: Path, path: str, at: str) -> None:
    write(tmp_path / at, photo(SIZE[::-1], orientation=6))
    write(tmp_path / "data/json/old.json", old(imagePath=path))
    read = read_segments(tmp_path / "data/json")
    assert read["old"] == SegmentationMap(("mane",), BOX[None]), "upright, as LabelMe shows it"


@pytest.mark.parametrize(
    "more",
    [
        {"imagePath": "../../secret.jpg"},
        {"imagePath": "link.jpg"},
        {"imagePath": "none.jpg"},
        {"imagePath": "old.json"},
        {"imagePath": 3},
        {"imagePath": "a\0.jpg"},
        {"imagePath": "..", "imageData": "AAAA"},
        {"imagePath": "none.jpg", "imageData": "%%%"},
        {"imagePath": "x" * 5000, "imageData": 7},
    ],
)
def test_without_any_size_the_error_names_it(tmp_path: Path, more: dict[str, Any]) -> None:
    write(tmp_path / "secret.jpg", photo())
    write(tmp_path / "data/json/old.json", old(**more))
    (tmp_path / "data/json/link.jpg").symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(InvalidInput, match=r"old\.json: imageHeight, imageWidth: not stated.*wri"):
        read_segments(tmp_path / "data/json")["old"]


def test_a_photo_within_of_another_size_is_told(tmp_path: Path) -> None:
    code = base64.b64encode(photo((60, 80))).decode()
    file = write(tmp_path / "a.json", document(imageData=code))
    message = r"states \[30, 40\], but imageData is a photo of \[60, 80\]; correct .* to null"
    with pytest.raises(InvalidInput, match=message):
        read_segments(file)["a"]
    write(file, document(imageData=base64.b64encode(photo()).decode()))
    assert read_segments(file)["a"].size == SIZE


@pytest.mark.parametrize("form", [float, str])
def test_sizes_in_other_forms(form: type) -> None:
    sizes = {"imageHeight": form(30), "imageWidth": form(40)}
    reading = parse_labelme(document(**sizes))
    assert reading.whole().size == SIZE


def test_no_other_tool_is_taken_for_labelme() -> None:
    others: list[Any] = [
        {"description": "", "tags": [], "size": {"height": 3, "width": 4}, "objects": []},
        {"imgHeight": 3, "imgWidth": 4, "objects": [{"label": "car", "polygon": []}]},
        {"version": 0, "tags": [], "shapes": [{"type": "polygon", "points": []}], "tracks": []},
        [{"shapes": []}],
        {"shapes": [{"type": "rect", "x0": 1}], "annotations": []},
        {"shapes": 3, "imageHeight": 4},
        {"regions": [], "filename": "a.jpg"},
        None,
    ]
    assert not any(is_labelme(other) for other in others)
    assert is_labelme(old())
    assert is_labelme(document())


# --- encodings, photos within -------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_encodings_of_windows(tmp_path: Path, encoding: str) -> None:
    text = json.dumps(document(shape(label="馬")), ensure_ascii=False)
    file = write(tmp_path / "a.jpg.json", text.encode(encoding))
    assert read_segments(tmp_path)["a"].names == ("馬",)
    assert file.exists()


def test_another_encoding_is_named(tmp_path: Path) -> None:
    text = json.dumps(document(shape(label="馬")), ensure_ascii=False)
    file = write(tmp_path / "a.json", text.encode("gbk"))
    with pytest.raises(InvalidInput, match=r"a\.json: .*not text in UTF-8.*again in UTF-8"):
        read_segments(file)["a"]


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> int:
    """Files of some kilobytes count as large."""
    monkeypatch.setitem(LIMITS, "json_bytes", 2000)
    monkeypatch.setattr(json_text, "_PHOTO", json_text.photo_pattern(400))
    return 2000


@pytest.mark.parametrize("slash", ["/", "\\/"])
@pytest.mark.parametrize("first", [True, False])
def test_a_large_photo_is_left_out_of_the_file(
    tmp_path: Path, small_limits: int, slash: str, first: bool
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    photo = {"imageData": base64.b64encode(png(noise)).decode()}
    whole = {**photo, **old(**photo)} if first else {**old(), **photo}
    text = json.dumps(whole).replace("/", slash)
    assert len(text) > 2 * small_limits
    file = write(tmp_path / "old.json", text.encode())
    assert read_segments(file)["old"] == SegmentationMap(("mane",), BOX[None])


@pytest.mark.parametrize(
    "end", ['"}', '\\"}', '\\\\"}', '", "imageData": "x"}', '"', "", '": "imageData": "']
)
def test_damaged_photos_do_no_harm(tmp_path: Path, small_limits: int, end: str) -> None:
    text = json.dumps(document())[:-1].replace(', "imageData": null', "")
    file = write(tmp_path / "a.json", f'{text}, "imageData": "{"A" * 5000}{end}'.encode())
    try:
        expected = json.loads(file.read_bytes(), object_pairs_hook=json_text._no_key_twice)
    except ValueError:
        expected = None
    if expected is None:
        with pytest.raises(InvalidInput, match=r"a\.json: .*"):
            read_segments(file)["a"]
    else:
        assert read_segments(file)["a"] == SegmentationMap(("mane",), BOX[None])


def test_other_large_files_keep_their_limit(tmp_path: Path, small_limits: int) -> None:
    file = write(tmp_path / "a.json", document(flags={"x" * 9000: True}))
    with pytest.raises(InvalidInput, match=r"a\.json: has \d+ bytes.*Save With.*the limit is 2000"):
        read_segments(file)["a"]
