"""YOLO-seg: outlines as OpenCV fills them, photos and names where Ultralytics looks for them."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sat_nb import InvalidInput, read_images, read_segments
from sat_nb.segments.formats.polygons import fill_poly
from tests.segments import formats as made
from tests.segments.formats import write

OF_OPENCV = {  # cv2.fillPoly of OpenCV 4.11 and 5.0 on 12 x 16 pixels, its bits packed
    "star": ([[8, 0], [11, 10], [0, 4], [15, 4], [3, 11]],
             "0080008001c001c0ffff7e7e1c3806200fe00f701c101000"),
    "thin": ([[0, 0], [15, 5], [2, 1]], "c00038000f0001e0001c0003000000000000000000000000"),
    "bay": ([[1, 1], [14, 2], [13, 10], [7, 3], [2, 9]],
            "00007f007ffe7ffe7efe7c7e383c383c301c200c00040000"),
    "spike": ([[2, 2], [9, 2], [9, 7], [13, 7], [9, 7], [2, 7]],
              "000000003fc03fc03fc03fc03fc03ffc0000000000000000"),
    "line": ([[1, 9], [12, 4], [12, 4]], "000000000000000000180060018006001800600000000000"),
    "point": ([[5, 5], [5, 5], [5, 5]], "000000000000000000000400000000000000000000000000"),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_OPENCV)
def test_outlines_are_filled_as_opencv_fills_them(name: str) -> None:
    points, bits = OF_OPENCV[name]
    right = np.unpackbits(np.frombuffer(bytes.fromhex(bits), np.uint8)).reshape(12, 16)
    np.testing.assert_array_equal(fill_poly(np.array(points), (12, 16)), right)


def test_filling_takes_no_more_than_the_mask() -> None:
    """A photo may be one row of millions of pixels."""
    fill_poly(np.array([[0, 0], [2, 0], [1, 1]]), (2, 3))  # compiled
    n = 2**23
    tracemalloc.start()
    try:
        mask = fill_poly(np.array([[5, -1], [n - 5, -1], [n - 5, 1], [5, 1]]), (1, n))
        assert tracemalloc.get_traced_memory()[1] < 2 * n
    finally:
        tracemalloc.stop()
    assert np.flatnonzero(mask)[[0, -1]].tolist() == [5, n - 5]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(-9, 24), st.integers(-9, 20)), min_size=3, max_size=7))
def test_the_picture_cuts_off_what_is_outside(points: list[tuple[int, int]]) -> None:
    whole = fill_poly(np.array(points) + 10, (40, 50))
    np.testing.assert_array_equal(fill_poly(np.array(points), (12, 16)), whole[10:22, 10:26])
    turned = np.array([*points[1:], points[0]])
    np.testing.assert_array_equal(fill_poly(turned, (12, 16)), whole[10:22, 10:26])


SIZE = (30, 40)
SQUARE = "0 0.25 0.2 0.5 0.2 0.5 0.5 0.25 0.5"  # x 10 to 20, y 6 to 15


def photo(path: Path, size: tuple[int, int] = SIZE, orientation: int | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.new("RGB", size[::-1]).save(path, exif=exif)


def dataset(root: Path, text: str = SQUARE, names: str = "names: [eye, mane]") -> Path:
    """Ultralytics' layout: the label and the photo "train/a"."""
    write(root / "data.yaml", names.encode())
    write(root / "labels" / "train" / "a.txt", text.encode())
    photo(root / "images" / "train" / "a.jpg")
    return root


def test_ultralytics_layout(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    write(root / "labels" / "train" / "none.txt", b"\n")
    photo(root / "images" / "train" / "none.png")
    write(root / "train.txt", b"./images/train/a.jpg\n")
    read = read_segments(root)
    assert list(read) == list(read_images(root)) == ["images/train/a", "images/train/none"]
    assert list(read_segments(root / "labels")) == list(read_images(root / "images"))
    assert list(read_segments(root / "labels" / "train")) == ["a", "none"]
    assert len(read["images/train/none"]) == 0
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    found = read_segments(root / "labels" / "train" / "a.txt")["a"]
    assert found.names == ("eye",)
    np.testing.assert_array_equal(found.masks[0], (x >= 10) & (x <= 20) & (y >= 6) & (y <= 15))
    ids = list(read_segments(root, image_id=lambda name: name.split("/")[-1]))
    assert ids == ["a", "none"]


def test_roboflow_layout_and_photos_beside(tmp_path: Path) -> None:
    write(tmp_path / "data.yaml", b"train: ../train/images\nnames: ['eye', 'mane']\nnc: 2\n")
    write(tmp_path / "README.dataset.txt", b"# zebras\nhttps://example.org")
    for split in ("train", "valid"):
        write(tmp_path / split / "labels" / "a.b.txt", SQUARE.encode())
        photo(tmp_path / split / "images" / "a.b.jpg")
    assert list(read_segments(tmp_path)) == list(read_images(tmp_path))
    assert read_segments(tmp_path / "valid" / "labels")["a.b"].names == ("eye",)
    beside = tmp_path / "beside"
    write(beside / "b.txt", SQUARE.encode())
    write(beside / "classes.txt", b"eye\nmane\n")
    photo(beside / "b.JPG")
    assert list(read_segments(beside)) == list(read_images(beside)) == ["b"]
    assert read_segments(beside)["b"].names == ("eye",)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_photos_are_turned_as_exif_says(tmp_path: Path, orientation: int, suffix: str) -> None:
    root = dataset(tmp_path)
    (root / "images" / "train" / "a.jpg").unlink()
    photo(root / "images" / "train" / f"a{suffix}", (30, 44), orientation)
    shown = read_images(root / "images").size("train/a")
    assert shown == ((30, 44) if orientation < 5 else (44, 30))
    assert read_segments(root)["images/train/a"].size == shown


def test_photos_elsewhere(tmp_path: Path) -> None:
    root = dataset(tmp_path / "labelled")
    (tmp_path / "photos").mkdir()
    (root / "images" / "train").rename(tmp_path / "photos" / "train")
    read = read_segments(root)
    with pytest.raises(
        InvalidInput, match=r"expected a photo 'a' in '.*images.train' or .*photos=.* as 'train/a'"
    ):
        read["train/a"]
    images = read_images(tmp_path / "photos")
    assert list(read) == list(images)
    for photos in (images, tmp_path / "photos"):
        assert read_segments(root, photos=photos)["train/a"].size == SIZE
    skipped = read_segments(root, photos=images, errors="skip")
    assert list(skipped) == ["train/a"]
    assert not skipped.problems
    with pytest.raises(InvalidInput, match="the size of the photo is not known"):
        read_segments(root, photos=images, image_id=lambda name: "other")["other"]
    write(tmp_path / "b.json", made.DINOX)
    assert read_segments(tmp_path / "b.json", photos=images)["b"].size == (4, 5), "its own"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("names:\n  0: eye\n  1: no\n", ("eye", "no")),
        ("names:\n  '1': mane\n  0: 7\nnc: 2", ("7", "mane")),
        ("\ufeffnames: [eye, 'a: b']", ("eye", "a: b")),
        ("# comment\nnames: [œil, зебра]\ndownload: |\n  print(1)\n", ("œil", "зебра")),
    ],
)
def test_names_are_the_text_that_is_written(
    tmp_path: Path, text: str, names: tuple[str, ...]
) -> None:
    root = dataset(tmp_path, f"{SQUARE}\n1{SQUARE[1:]}", text)
    assert read_segments(root)["images/train/a"].names == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nc: 2", "the names of the classes are not known; put the data.yaml"),
        ("names: [mane]", r"line 1: the class 1 has no name in '.*data\.yaml', which has 1"),
        ("names: eye", "names: expected a list or"),
        ("names: {eye: 0}", "names: expected whole numbers as keys, got 'eye'"),
        ("names: [a, ['b']]", "names: expected a name"),
        ("names: [a", "not readable as YAML"),
        ("names: {0: a, 0: b}", "not readable as YAML.*twice"),
        ("a: &a [x, x]\nnames: [*a, *a]", "not readable as YAML .*anchors"),
        ("names: !!python/object/apply:os.system ['ls']\n", r"\['ls'\]|no name in"),
        ("names: [a, b]\nkpt_shape: [17, 3]", "YOLO-pose, which are no masks"),
        ("[" * 3000, "not readable as YAML"),
        ("names: [" + "a," * 700_000, "has 1400008 bytes, the limit is 524288"),
    ],
)
def test_names_that_are_not_there(tmp_path: Path, text: str, message: str) -> None:
    root = dataset(tmp_path, f"1{SQUARE[1:]}", text)
    with pytest.raises(InvalidInput, match=f"(?s)(?:{message})") as caught:
        read_segments(root)["images/train/a"]
    assert str(caught.value).startswith(str(root))
    assert len(str(caught.value)) < 500 + 3 * len(str(root))


def test_labels_without_names_cost_no_others(tmp_path: Path) -> None:
    """Where no label can be read, it is said at once; where some can, at the others."""
    dataset(tmp_path / "good")
    nameless = tmp_path / "a" / "b" / "c" / "labels"
    write(nameless / "n.txt", SQUARE.encode())
    with pytest.raises(InvalidInput, match="the names of the classes are not known"):
        read_segments(nameless)
    read = read_segments(tmp_path)
    assert read["good/images/train/a"].names == ("eye",)
    with pytest.raises(InvalidInput, match=r"n\.txt: the size of the photo is not known"):
        read["a/b/c/n"]
    assert list(read_segments(tmp_path, errors="skip")) == ["good/images/train/a"]


def test_two_files_of_names(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    (root / "data.yaml").rename(root / "zebra.yaml")
    write(root / "hyp.yaml", b"lr0: 0.01\n")
    assert read_segments(root)["images/train/a"].names == ("eye",)
    write(root / "other.yaml", b"names: [head]")
    with pytest.raises(InvalidInput, match=r"'other\.yaml' and 'zebra\.yaml' hold other names"):
        read_segments(root)["images/train/a"]
    write(root / "data.yaml", b"names: [head]")
    assert read_segments(root)["images/train/a"].names == ("head",)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0.5 0.5 0.25 0.25", "line 2: holds a box, which is no mask; export outlines"),
        ("0 0.5 0.5 0.25", "line 2: expected a class and 3 points or more, 7 numbers, got 4"),
        ("0 10 6 20 6 20 15", "line 2: expected fractions .* got 10; divide pixels"),
        ("0 0.1 0.1 0.9 0.1 0.9 -0.02", "line 2: expected fractions .* got -0.02"),
        ("0 0.1 0.1 nan 0.1 0.9 0.5", "line 2: expected fractions .* got nan"),
        ("0 0.1 0.1 inf 0.1 0.9 0.5", "line 2: expected fractions .* got inf"),
        ("-1 0.1 0.1 0.9 0.1 0.9 0.5", "line 2: expected the number of a class, from 0, got -1"),
        ("0.5 0.1 0.1 0.9 0.1 0.9 0.5", "line 2: expected the number of a class"),
        ("nan 0.1 0.1 0.9 0.1 0.9 0.5", "line 2: expected the number of a class"),
        ("eye 0.1 0.1 0.9 0.1 0.9 0.5", "line 2: expected a class and .*got 'eye'"),
        ("7 0.1 0.1 0.9 0.1 0.9 0.5", "line 2: the class 7 has no name"),
    ],
)
def test_one_bad_line_does_not_cost_the_others(tmp_path: Path, line: str, message: str) -> None:
    root = dataset(tmp_path, f"{SQUARE}\n{line}\n\n1{SQUARE[1:]}\n")
    with pytest.raises(InvalidInput, match=rf"a\.txt: (?:{message})"):
        read_segments(root)["images/train/a"]
    skipped = read_segments(root, errors="skip")
    assert skipped["images/train/a"].names == ("eye", "mane")
    assert len(skipped.problems) == 1


def test_points_a_little_outside_are_cut_off(tmp_path: Path) -> None:
    root = dataset(tmp_path, "0 -0.009 0 1.005 0 1.005 1 0 1.0099")
    assert read_segments(root)["images/train/a"].masks.all()


def test_what_is_left_over_is_a_confidence_or_a_track(tmp_path: Path) -> None:
    lines = [f"{SQUARE} 0.75", f"0{SQUARE[1:]} 12", f"1{SQUARE[1:]} 0.5", SQUARE]
    read = read_segments(dataset(tmp_path, "\n".join(lines)))["images/train/a"]
    assert read.masks.sum(axis=(1, 2)).tolist() == [110] * 4
    np.testing.assert_array_equal(read.scores, [0.75, np.nan, 0.5, np.nan])
    tracked = dataset(tmp_path / "tracked", f"{SQUARE} 0.75 1\n{SQUARE} 0.5 2\n{SQUARE}")
    with pytest.raises(InvalidInput, match=r"line 1: ends with a confidence and .*save_conf=False"):
        read_segments(tracked)["images/train/a"]


def test_boxes_alone_are_told(tmp_path: Path) -> None:
    root = dataset(tmp_path, "0 0.5 0.5 0.25 0.25\n")
    (root / "images" / "train" / "a.jpg").unlink()
    with pytest.raises(
        InvalidInput, match=r"no mask file .*'a\.txt' .* but of YOLO \(boxes\); boxes"
    ):
        read_segments(root)
    with pytest.raises(InvalidInput, match="line 1: holds a box, which is no mask"):
        read_segments(root, format="yolo")["train/a"]
    write(root / "labels" / "train" / "a.json", made.DINOX)
    assert list(read_segments(root)) == ["labels/train/a"], "boxes beside masks are no masks"


def test_exports_of_label_studio_and_predictions(tmp_path: Path) -> None:
    export = tmp_path / "export"
    write(export / "classes.txt", b"eye\n")
    write(export / "notes.json", {"categories": [{"id": 0, "name": "eye"}], "info": {}})
    write(export / "labels" / "a.txt", SQUARE.encode())
    write(export / "labels" / "README.txt", b"0 1 2 3 4 5 6")
    photo(export / "images" / "a.jpg")
    assert list(read_segments(export)) == ["images/a"]
    predicted = tmp_path / "predict"
    write(predicted / "labels" / "a.txt", SQUARE.encode())
    write(predicted / "labels" / "classes.txt", b"eye\n")
    photo(predicted / "a.jpg")
    assert list(read_segments(predicted)) == list(read_images(predicted)) == ["a"]
    assert read_segments(predicted)["a"].masks.sum() == 110


def test_other_text_is_no_label(tmp_path: Path) -> None:
    write(tmp_path / "a.json", made.DINOX)
    photo(tmp_path / "a.jpg")
    for name, text in (
        ("a.txt", "a zebra in 3 colours"),
        ("notes.txt", ""),
        ("matrix.txt", "525 0 319.5 0 525 239.5 0 0 1"),
        ("times.txt", "0 0.5\n1 0.25"),
        ("mask.txt", "0 0 1 1 0 0 0\n0 1 1 1 1 0 0"),
        ("binary.txt", "\0\1\2\3"),
    ):
        write(tmp_path / name, text.encode())
    assert list(read_segments(tmp_path)) == ["a"]


def test_labels_converted_beside_their_origin(tmp_path: Path) -> None:
    write(tmp_path / "a.json", made.LABELME)
    write(tmp_path / "a.txt", SQUARE.encode())
    write(tmp_path / "classes.txt", b"square")
    photo(tmp_path / "a.jpg")
    with pytest.raises(InvalidInput, match=r"a\.txt: has the image 'a', .*a\.json; .*pass format="):
        read_segments(tmp_path)
    assert read_segments(tmp_path, format="labelme")["a"].names == ("eye", "mane")
    assert read_segments(tmp_path, format="yolo")["a"].names == ("square",)


def test_encodings_of_windows(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    for encoding in ("utf-16", "utf-8-sig"):
        text = f"{SQUARE}\r\n1{SQUARE[1:]}\r\n"
        write(root / "labels" / "train" / "a.txt", text.encode(encoding))
        assert read_segments(root)["images/train/a"].names == ("eye", "mane")
    write(root / "labels" / "train" / "b.txt", b"0 \xff\xfe\xfd")
    with pytest.raises(InvalidInput, match=r"b\.txt: not readable as text"):
        read_segments(root)["train/b"]


def test_thousands_open_quickly_and_are_not_read(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    for i in range(300):
        write(root / "labels" / "train" / f"{i}.txt", b"")
    (root / "labels" / "train" / "7.txt").unlink()
    (root / "labels" / "train" / "7.txt").symlink_to("/etc/hostname")
    with pytest.raises(InvalidInput, match=r"7\.txt' leads out of"):
        read_segments(root)
    assert len(read_segments(root, errors="skip")) == 300


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a cat on a mat\n", "line 1: expected a class and the points of an outline"),
        ("0 .1 .1\n", "line 1: expected a class and 3 points or more"),
        ("0 .1 .1 .5 .1\n", "line 1: holds a box, which is no mask"),
        ("\0\1", "line 1: expected a class and the points"),
        ("", None),
    ],
)
@pytest.mark.parametrize("beside", ["labels", "images"])
def test_photos_of_two_values_beside_damaged_labels_are_no_masks(
    tmp_path: Path, text: str, match: str | None, beside: str
) -> None:
    pixels = np.zeros(SIZE, np.uint8)
    pixels[4:9] = 255
    write(tmp_path / "data.yaml", b"names: [eye]")
    for name in ("a", "b"):
        write(tmp_path / beside / f"{name}.txt", text.encode())
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{name}.png")
    masks = read_segments(tmp_path)
    if beside == "images" and "holds a box" not in (match or ""):
        assert list(masks) == ["images"]  # pictures and texts that are no labels of YOLO
        return
    assert list(masks) == ["images/a", "images/b"]
    if match is None:
        assert masks["images/a"].names == ()
        return
    with pytest.raises(InvalidInput, match=match):
        masks["images/a"]
