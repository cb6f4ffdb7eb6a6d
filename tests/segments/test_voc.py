"""Pascal VOC's masks: its own 21 names, borrowed layouts with names beside, and never a guess."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sat_nb import InvalidInput, read_images, read_segments
from tests.segments.formats import png, write

Save = Callable[[Path, np.ndarray], None]

VALUES = np.zeros((30, 40), np.uint8)
VALUES[4:14, 4:20] = 13
VALUES[3, 4:20] = 255
VALUES[20:28, 22:36] = 15
PALETTE = np.zeros((256, 3), np.uint8)
for _value in range(256):
    for _bit in range(8):
        for _channel in range(3):
            PALETTE[_value, _channel] |= ((_value >> (3 * _bit + _channel)) & 1) << (7 - _bit)
RIGHT = {"background": VALUES == 0, "horse": VALUES == 13, "person": VALUES == 15}
LABELMAP = (
    b"# label:color_rgb:parts:actions\nbackground:0,0,0::\nhorse:192,0,128::\n"
    b"person:192,128,128::head,foot:walk\n"
)


def with_palette(path: Path, values: np.ndarray, palette: np.ndarray = PALETTE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(values)
    picture.putpalette(palette.ravel().tolist())
    picture.save(path)


def grey(path: Path, values: np.ndarray) -> None:
    write(path, png(values))


def colours(path: Path, values: np.ndarray) -> None:
    write(path, png(PALETTE[values]))


def numbered_anew(path: Path, values: np.ndarray) -> None:
    """As programs save that keep the colours in use only."""
    used, indices = np.unique(values, return_inverse=True)
    with_palette(path, indices.reshape(values.shape).astype(np.uint8), PALETTE[used])


def check(path: Path, image_id: str) -> None:
    found = read_segments(path)[image_id]
    assert set(found.names) == set(RIGHT)
    for name, mask in zip(found.names, found.masks, strict=True):
        np.testing.assert_array_equal(mask, RIGHT[name])


@pytest.mark.parametrize("save", [with_palette, grey, colours, numbered_anew])
def test_pictures_of_voc(tmp_path: Path, save: Save) -> None:
    root = tmp_path / "VOCdevkit" / "VOC2012"
    save(root / "SegmentationClass" / "2007_000032.png", VALUES)
    objects = np.where(VALUES == 13, 1, np.where(VALUES == 15, 2, 0)).astype(np.uint8)
    save(root / "SegmentationObject" / "2007_000032.png", objects)
    save(root / "SegmentationObject" / "2007_000033.png", objects)
    for name in ("2007_000032", "2007_000033"):
        write(root / "Annotations" / f"{name}.xml", b"<annotation><object><bndbox>")
    (root / "JPEGImages").mkdir()
    Image.new("RGB", (40, 30)).save(root / "JPEGImages" / "2007_000032.jpg")
    write(root / "ImageSets" / "Segmentation" / "train.txt", b"2007_000032\n")
    assert list(read_segments(root)) == list(read_images(root / "JPEGImages")) == ["2007_000032"]
    assert list(read_segments(root.parent)) == ["VOC2012/2007_000032"]
    for path in (root, root / "SegmentationClass"):
        check(path, "2007_000032")
    check(root / "SegmentationClass" / "2007_000032.png", "2007_000032")


def test_a_palette_that_tells_two_stories(tmp_path: Path) -> None:
    """The colours of VOC at other values, its void in white: values 1 and 2 are no aeroplanes."""
    values = np.array([[0, 1, 2, 3]], np.uint8)
    palette = np.array([[0, 0, 0], PALETTE[13], PALETTE[15], [255, 255, 255]], np.uint8)
    with_palette(tmp_path / "SegmentationClass" / "2007_000032.png", values, palette)
    with pytest.raises(InvalidInput, match="colours of VOC at other values"):
        read_segments(tmp_path)["2007_000032"]
    own = np.arange(12, dtype=np.uint8).reshape(4, 3) + 1
    with_palette(tmp_path / "SegmentationClass" / "2007_000032.png", values, own)
    names = ("background", "aeroplane", "bicycle", "bird")
    assert read_segments(tmp_path)["2007_000032"].names == names, "a palette of its own"


def test_voc_2007_and_photos_that_are_pngs(tmp_path: Path) -> None:
    root = tmp_path / "VOC2007"
    with_palette(root / "SegmentationClass" / "000032.png", VALUES)
    write(root / "JPEGImages" / "000032.png", png(np.zeros((30, 40, 3), np.uint8)))
    check(root, "000032")
    assert list(read_segments(root)) == ["000032"]


def test_labels_json_comes_first(tmp_path: Path) -> None:
    root = tmp_path / "VOC2012"
    with_palette(root / "SegmentationClass" / "2007_000032.png", VALUES)
    with_palette(root / "SegmentationObject" / "2007_000032.png", np.minimum(VALUES, 1))
    write(root / "labels.json", {"13": "pony", "15": None})
    for path in (root, root / "SegmentationClass"):
        found = read_segments(path)
        assert list(found) == ["2007_000032"]
        assert found["2007_000032"].names == ("pony",)
    with pytest.raises(InvalidInput, match="SegmentationObject numbers the objects, .*give Segmen"):
        read_segments(root / "SegmentationObject")["2007_000032"]
    write(root / "labels.json", {"2007_000032": {"1": "first"}})
    assert read_segments(root / "SegmentationObject")["2007_000032"].names == ("first",)


@pytest.mark.parametrize("save", [with_palette, grey])
def test_names_are_not_guessed(tmp_path: Path, save: Save) -> None:
    for values in (VALUES, np.minimum(VALUES, 1)):
        save(tmp_path / "SegmentationClass" / "zebra.png", values)
        read = read_segments(tmp_path)
        assert list(read) == ["zebra"]
        with pytest.raises(
            InvalidInput, match=r"zebra\.png: the names of its values are not known"
        ):
            read["zebra"]
    save(tmp_path / "mine" / "zebra.png", VALUES)
    declared = read_segments(tmp_path / "mine", format="voc")["zebra"]
    assert declared.names == ("background", "horse", "person")


@pytest.mark.parametrize("save", [with_palette, colours])
def test_the_names_of_cvat(tmp_path: Path, save: Save) -> None:
    save(tmp_path / "SegmentationClass" / "a.png", VALUES)
    save(tmp_path / "SegmentationObject" / "a.png", np.minimum(VALUES, 1))
    write(tmp_path / "labelmap.txt", LABELMAP)
    check(tmp_path, "a")
    write(tmp_path / "labelmap.txt", LABELMAP.replace(b"192,0,128", b"1,2,3"))
    with pytest.raises(InvalidInput, match=r"a\.png: has colours that are not in labelmap\.txt"):
        read_segments(tmp_path)["a"]
    write(tmp_path / "labelmap.txt", b"horse 1 2 3\n")
    with pytest.raises(InvalidInput, match=r"labelmap\.txt: expected lines 'name:red,green,blue'"):
        read_segments(tmp_path)["a"]
    write(tmp_path / "labelmap.txt", LABELMAP + b"pony:192,0,128::\n")
    with pytest.raises(InvalidInput, match=r"labelmap\.txt: two names have the colour of 'pony'"):
        read_segments(tmp_path)["a"]


def test_the_names_of_labelme(tmp_path: Path) -> None:
    values = np.array([[0, 1, 2, 255]], np.uint8)
    with_palette(tmp_path / "SegmentationClass" / "a.png", values)
    with_palette(tmp_path / "SegmentationClassVisualization" / "a.png", values)
    with_palette(tmp_path / "SegmentationObjectPNG" / "a.png", values)
    write(tmp_path / "class_names.txt", b"_background_\neye\nmane\n")
    assert list(read_segments(tmp_path)) == ["a"]
    found = read_segments(tmp_path)["a"]
    assert found.names == ("_background_", "eye", "mane")
    assert found.masks.tolist() == [[[j == i for j in range(4)]] for i in range(3)]
    write(tmp_path / "class_names.txt", b"_background_\neye\n")
    with pytest.raises(InvalidInput, match="the value 2 has no name"):
        read_segments(tmp_path)["a"]


def test_two_folders_of_one_photo(tmp_path: Path) -> None:
    root = tmp_path / "VOC2012"
    for folder in ("SegmentationClass", "SegmentationClassAug"):
        grey(root / folder / "2007_000032.png", VALUES)
    with pytest.raises(InvalidInput, match="both label the photo '2007_000032'; give one"):
        read_segments(root)
    check(root / "SegmentationClassAug", "2007_000032")


def test_boxes_alone_are_told(tmp_path: Path) -> None:
    write(tmp_path / "Annotations" / "a.xml", b"<annotation><object><bndbox></bndbox>")
    with pytest.raises(
        InvalidInput, match=r"but of Pascal VOC's boxes \(XML\); boxes are no masks"
    ):
        read_segments(tmp_path)
