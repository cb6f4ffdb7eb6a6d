"""Files of many images as other tools and people leave them: items, names, splits and encodings."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

import sat_nb as sat
from sat_nb import InvalidInput, read_segments
from sat_nb.segments.formats.json_set import open_set
from sat_nb.segments.formats.json_text import elements, parse_json
from sat_nb.segments.problems import MAX_LENGTH, MAX_MESSAGES
from sat_nb.segments.read import SegmentFiles
from tests.segments.formats import write

SIZE = (30, 40)
BOX = [5, 5, 20, 5, 20, 15, 5, 15]
OTHER = [22, 3, 30, 3, 30, 25]


def filled(*outlines: list[float]) -> np.ndarray:
    """What pycocotools makes of them."""
    return coco.decode(coco.merge(coco.frPyObjects(list(outlines), *SIZE))).astype(bool)


def image(number: Any, name: Any, **others: Any) -> dict[str, Any]:
    return {"id": number, "file_name": name, "height": 30, "width": 40, **others}


def item(number: int, of: Any, segmentation: Any = (BOX,), **others: Any) -> dict[str, Any]:
    return {"id": number, "image_id": of, "category_id": 1, "segmentation": segmentation, **others}


def document(images: list[Any], items: list[Any], names: Any = ("mane",)) -> dict[str, Any]:
    categories = [{"id": i, "name": name} for i, name in enumerate(names, start=1)]
    return {"images": images, "annotations": items, "categories": categories}


def one_more(segmentation: Any = (BOX,), **others: Any) -> dict[str, Any]:
    """Image a with a good mask and another; image b with a good one."""
    items = [item(1, 1), item(2, 1, segmentation, **others), item(3, 2)]
    return document([image(1, "a.jpg"), image(2, "b.jpg")], items)


def photo(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 30)).save(file)


# --- items that are read -------------------------------------------------------------------------

PAIRS = [[x, y] for x, y in zip(BOX[::2], BOX[1::2], strict=True)]


@pytest.mark.parametrize(
    ("segmentation", "right"),
    [
        (BOX, filled(BOX)),  # roboflow/supervision #205, cvat-ai/cvat #6392
        (PAIRS, filled(BOX)),
        ([PAIRS], filled(BOX)),
        ([PAIRS[:3]], filled(BOX[:6])),
        ([BOX, OTHER], filled(BOX, OTHER)),
        ([BOX, [1, 1, 2, 2], []], filled(BOX)),  # OpenCV's contours of one pixel and of two
        ([[str(x) for x in BOX]], filled(BOX)),
        ({"size": ["30", 40.0], "counts": [0.0, 1200]}, np.ones(SIZE, bool)),
    ],
)
def test_outlines_however_they_are_nested(tmp_path: Path, segmentation: Any, right: Any) -> None:
    read = read_segments(write(tmp_path / "set.json", one_more(segmentation)))["a"]
    np.testing.assert_array_equal(read.masks, [filled(BOX), right])


@pytest.mark.parametrize(
    "others",
    [
        {"category_id": "1"},
        {"category_id": 1.0},
        {"image_id": "1"},
        {"image_id": 1.0},
        {"area": float("nan"), "bbox": [float("inf")], "keypoints": None},
        {"score": None},
        {"id": 1},
        {"id": [None]},
        {"iscrowd": 1},
    ],
)
def test_what_nobody_reads_may_be_anything(tmp_path: Path, others: dict[str, Any]) -> None:
    read = read_segments(write(tmp_path / "set.json", one_more(**others)))
    assert read["a"].names == ("mane", "mane")


def test_text_ids_are_what_they_are(tmp_path: Path) -> None:
    images = [image("007", "a.jpg"), image(7, "b.jpg"), image("é", "c.jpg")]
    items = [item(1, "007", [BOX]), item(2, 7, [OTHER]), item(3, "é")]
    read = read_segments(write(tmp_path / "set.json", document(images, items)))
    np.testing.assert_array_equal(read["a"].masks[0], filled(BOX))
    np.testing.assert_array_equal(read["b"].masks[0], filled(OTHER))
    assert read["c"].names == ("mane",)


def test_sizes_that_are_not_stated_are_those_of_the_photos(tmp_path: Path) -> None:
    runs = {"size": [30, 40], "counts": [0, 1200]}
    images = [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}]
    made_ = document(images, [item(1, 1), item(2, 2, runs)])
    file = write(tmp_path / "set.json", made_)
    read = read_segments(file)
    assert read["b"].masks.all(), "run lengths have a size of their own"
    with pytest.raises(InvalidInput, match=r"or pass photos=, the folder of photos"):
        read["a"]
    photo(tmp_path / "photos" / "a.jpg")
    read = read_segments(file, photos=tmp_path / "photos")
    np.testing.assert_array_equal(read["a"].masks, [filled(BOX)])


# --- items that are refused, and the others ------------------------------------------------------


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"segmentation": []}, "expected the mask of 'mane', got none, as of a box"),
        ({"segmentation": None}, "expected the mask of 'mane', got none, as of a box"),
        ({"segmentation": [[1, 1, 2, 2]]}, "expected 3 points or more, got 2"),
        ({"segmentation": [22, 4, 10, 10]}, "expected 3 points or more, got 2"),
        ({"segmentation": [[1, 1, 5, 5, 9, 9]]}, "the mask has no pixel"),
        ({"segmentation": [[1, 1, 5, 5, 9]]}, "expected"),
        ({"segmentation": [[float("nan"), 1, 5, 5, 9, 1]]}, "nan"),
        ({"segmentation": "52207"}, r"expected outlines .* or run lengths .* got '52207'"),
        ({"segmentation": {"size": [40, 30], "counts": [1200]}}, "height and width are swapped"),
        ({"segmentation": {"size": [30, 40], "counts": "b'0'"}}, r"write bytes\.decode\(\)"),
        ({"category_id": 9}, "no category has the id 9"),
        ({"category_id": None}, "no category has the id None"),
        ({"score": float("nan")}, "score: expected a finite number, got nan"),
        ({"image_id": 9}, "1 belong to the image id 9, which `images` does not list"),
        ({"image_id": float("nan")}, "image_id: expected a whole number or text, got nan"),
    ],
)
def test_one_bad_item_does_not_cost_the_others(tmp_path: Path, others: Any, message: str) -> None:
    file = write(tmp_path / "set.json", one_more(**others))
    with pytest.raises(InvalidInput, match=rf"set\.json: .*{message}.*Pass errors='skip' to"):
        read_segments(file)["a"]
    read = read_segments(file, errors="skip")
    assert list(read) == ["a", "b"]
    np.testing.assert_array_equal(read["a"].masks, [filled(BOX)])
    assert read.problems.n_items == 1
    assert re.search(message, read.problems[str(file)])


def test_an_image_of_boxes_alone_is_left_out(tmp_path: Path) -> None:
    """Its masks are not known; images without annotations have none."""
    made_ = document([image(1, "a.jpg"), image(2, "b.jpg")], [{"id": 1, "image_id": 1, "bbox": []}])
    read = read_segments(write(tmp_path / "set.json", made_), errors="skip")
    assert list(read) == ["b"]
    assert len(read["b"]) == 0


def test_what_two_claim_belongs_to_neither(tmp_path: Path) -> None:
    images = [image(1, "a.jpg"), image(1, "b.jpg"), image(2, "c.jpg"), image(2, "c.jpg")]
    file = write(tmp_path / "set.json", document(images, [item(1, 1), item(2, 2)]))
    with pytest.raises(InvalidInput, match="images: the id 1 occurs twice; remove one"):
        read_segments(file)
    read = read_segments(file, errors="skip")
    assert list(read) == ["c"], "masks of a are not given to b"
    assert read.problems.n_items == 1
    twice = document([image(1, "a.jpg")], [item(1, 1), item(2, 1, category_id=2)], ("x", "y"))
    twice["categories"].append({"id": 1, "name": "z"})
    read = read_segments(write(tmp_path / "b" / "set.json", twice), errors="skip")
    assert read["a"].names == ("y",)


def test_problems_are_bounded(tmp_path: Path) -> None:
    items = [item(i, 1, None) for i in range(3000)] + [item(9999, 1)]
    many = document([image(1, "a.jpg"), image(2, "b.jpg" + "x" * 9000)], items)
    many["images"][1]["file_name"] = "/" + "x" * 9000
    file = write(tmp_path / "set.json", many)
    read = read_segments(file, errors="skip")
    assert read["a"].names == ("mane",)
    assert read.problems.n_items == 3001
    lines = read.problems[str(file)].split("\n")
    assert len(lines) == len(set(lines)) == MAX_MESSAGES + 1
    assert lines[-1] == f"{file}: {3001 - MAX_MESSAGES} more items."
    assert all(line.startswith(f"{file}: ") and len(line) <= MAX_LENGTH for line in lines)
    renamed = sat.rename_segments(read, {"mane": "hair"})
    assert renamed.problems is read.problems


def test_a_table_says_what_was_left_out(tmp_path: Path) -> None:
    read = read_segments(write(tmp_path / "set.json", one_more(None)), errors="skip")
    maps = {"m": {i: np.ones(SIZE) for i in ("a", "b")}}
    (line,) = sat.build(maps, read).attrs["sat_nb"]["left_out"]["what read_segments left out"]
    assert "annotation 2.segmentation: expected the mask of 'mane'" in line
    assert sat.build(maps, dict(read)).attrs["sat_nb"]["left_out"] == {}


# --- names of photos -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "image_id"),
    [
        ("./a.jpg", "a"),
        ("a.jpg ", "a"),
        ("sub//a.jpg", "sub/a"),
        ("sub\\a.JPG", "sub/a"),
        ("a.jpg.jpg", "a.jpg"),
        ("v1.2_frame", "v1.2_frame"),
        ("1569478414.73587", "1569478414.73587"),
        ("zebra_1_jpg.rf.0f3c9e.jpg", "zebra_1_jpg.rf.0f3c9e"),
        ("cam 2024-05-01T12:30:05.jpg", "cam 2024-05-01T12:30:05"),
        ("Ma\u0308hne.jpg", "M\u00e4hne"),
        (397133, "397133"),
    ],
)
def test_names_as_they_are_written(tmp_path: Path, name: Any, image_id: str) -> None:
    file = write(tmp_path / "set.json", document([image(1, name)], [item(1, 1)]))
    assert list(read_segments(file)) == [image_id]


REMEDY = re.compile(r"image_id=(lambda .*?)\. Pass errors='skip'")


def remedied(path: Path) -> SegmentFiles:
    """Read with the image_id= that the error tells."""
    with pytest.raises(InvalidInput, match="image_id=") as raised:
        read_segments(path)
    return read_segments(path, image_id=eval(REMEDY.search(str(raised.value))[1]))


@pytest.mark.parametrize(
    "name",
    [
        "/data/a.jpg",
        "C:\\photos\\a.jpg",
        "..\\a.jpg",
        "../a.jpg",
        "https://host/x/a.jpg",
        "https://host/x/a.jpg?sig=1/2",
        "s3://bucket/a.jpg",
        "/data/upload/12/cb06d2f1-a.jpg",
        "/data/upload/1/cb06-a.jpg",
        "..\\..\\media\\upload\\1\\cb06d2f1-a.jpg",
        "file:///data/a.jpg",
    ],
)
@pytest.mark.parametrize("member", ["file_name", "path", "coco_url"])
def test_the_remedy_that_is_told_works(tmp_path: Path, name: str, member: str) -> None:
    other = {"file_name": None, member: name}
    made_ = document([image(1, "") | other, image(2, "b.jpg")], [item(1, 1), item(2, 2)])
    file = write(tmp_path / "set.json", made_)
    assert list(remedied(file)) == ["a", "b"]
    assert list(read_segments(file, errors="skip")) == ["b"]


def test_a_function_that_fails_is_named(tmp_path: Path) -> None:
    file = write(tmp_path / "set.json", one_more())
    with pytest.raises(InvalidInput, match=r"image_id: fails for 'a\.jpg' with IndexError"):
        read_segments(file, image_id=lambda name: name.split("-")[1])


# --- splits --------------------------------------------------------------------------------------


def splits(root: Path, where: Callable[[str], tuple[str, str]], names: tuple[str, str]) -> None:
    for split, name in zip(("train", "valid"), names, strict=True):
        photos, annotations = where(split)
        photo(root / photos / name)
        write(root / annotations, document([image(0, name)], [item(0, 0)]))


def roboflow(split: str) -> tuple[str, str]:
    return split, f"{split}/_annotations.coco.json"


def as_published(split: str) -> tuple[str, str]:
    return f"{split}2017", f"annotations/instances_{split}2017.json"


DIFFERENT, SAME = ("x_1_jpg.rf.0f.jpg", "x_2_jpg.rf.77.jpg"), ("frame_1.png", "frame_1.png")


@pytest.mark.parametrize(
    ("where", "names"), [(roboflow, DIFFERENT), (roboflow, SAME), (as_published, DIFFERENT)]
)
def test_ids_are_those_of_the_photos_in_the_folder(
    tmp_path: Path, where: Callable[[str], tuple[str, str]], names: tuple[str, str]
) -> None:
    splits(tmp_path, where, names)
    images, segments = sat.read_images(tmp_path), read_segments(tmp_path)
    assert list(images) == sorted(segments)
    assert len(segments) == 2
    one = read_segments(tmp_path / where("train")[1])
    assert list(one) == [names[0].rpartition(".")[0]], "a single file: names as they are written"


def below_each(split: str) -> tuple[str, str]:
    return f"{split}/images", f"{split}/labels/coco.json"


@pytest.mark.parametrize("where", [as_published, below_each, roboflow])
def test_one_name_in_two_splits_is_told_apart(
    tmp_path: Path, where: Callable[[str], tuple[str, str]]
) -> None:
    splits(tmp_path, where, SAME)
    if where is not below_each:
        assert sorted(read_segments(tmp_path)) == list(sat.read_images(tmp_path))
        return
    assert sorted(remedied(tmp_path)) == ["train/frame_1", "valid/frame_1"]


def test_the_remedy_of_one_name_in_two_files_works(tmp_path: Path) -> None:
    for name in ("x", "y"):
        write(tmp_path / "coco" / f"{name}.json", document([image(0, "a.jpg")], [item(0, 0)]))
    assert sorted(remedied(tmp_path)) == ["x/a", "y/a"]


def test_photos_below_a_set_are_its_own(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        photo(tmp_path / split / "images" / "a.jpg")
        write(tmp_path / split / "coco.json", document([image(0, "a.jpg")], [item(0, 0)]))
    assert sorted(read_segments(tmp_path)) == list(sat.read_images(tmp_path))


def test_one_name_in_sets_of_several_folders(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        write(tmp_path / folder / "coco.json", document([image(0, "a.jpg")], [item(0, 0)]))
    assert sorted(remedied(tmp_path)) == ["x/a", "y/a"]
    write(tmp_path / "x" / "more.json", document([image(0, "b.jpg")], [item(0, 0)]))
    assert sorted(remedied(tmp_path)) == ["x/a", "x/b", "y/a"]


def test_photos_of_one_name_in_two_folders_stay_as_they_are_written(tmp_path: Path) -> None:
    write(tmp_path / "annotations" / "all.json", document([image(0, "a.jpg")], [item(0, 0)]))
    photo(tmp_path / "images" / "a.jpg")
    assert list(read_segments(tmp_path)) == ["images/a"]
    photo(tmp_path / "thumbnails" / "a.jpg")
    assert list(read_segments(tmp_path)) == ["a"]


# --- encodings -----------------------------------------------------------------------------------

CODECS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("indent", [None, 2])
def test_encodings(tmp_path: Path, codec: str, indent: int | None) -> None:
    """Names of two bytes and of four lie before the positions that are read again."""
    images = [image("ä", "zebra 🦓/é.jpg"), image(2, "鬃毛.jpg")]
    made_ = document(images, [item(1, "ä", [BOX]), item(2, 2, [OTHER])], ("Auge é 🦓", "x"))
    file = tmp_path / "set.json"
    text = json.dumps({"info": "ü🦓", **made_}, ensure_ascii=False, indent=indent)
    file.write_bytes(text.encode(codec))
    read = read_segments(file)
    assert list(read) == ["zebra 🦓/é", "鬃毛"]
    assert read["鬃毛"].names == ("auge é 🦓",)
    np.testing.assert_array_equal(read["zebra 🦓/é"].masks, [filled(BOX)])
    np.testing.assert_array_equal(read["鬃毛"].masks, [filled(OTHER)])
    opened, walked = open_set(file)
    for key, element, span in elements(walked):
        (again,) = opened.parts([span])
        assert type(again) is type(element)
        assert key != "images" or again in images


def test_keys_that_repeat_are_found_quickly() -> None:
    """They once took a time that grew with their square: 100,000 of them hours."""
    repeats = ", ".join(['"a": 1'] * 100_000)
    others = ", ".join(f'"{i}": 1' for i in range(10_000))
    started = time.perf_counter()
    for text in (f"{{{others}, {repeats}}}", f'{{"images": [{{{others}, {repeats}}}]}}'):
        with pytest.raises(InvalidInput, match="'a' occurs twice|each key once"):
            parse_json(text.encode())
        with pytest.raises(InvalidInput, match="'a' occurs twice|each key once"):
            list(elements(text))
    assert time.perf_counter() - started < 4


# --- panoptic ------------------------------------------------------------------------------------

IDS = np.zeros((4, 5), int)
IDS[1:3, 1:3], IDS[:, 4], IDS[3, 0] = 7, 7 + 256 * 3 + 65536 * 2, 9
COLOURS = np.stack([IDS % 256, IDS // 256 % 256, IDS // 65536], axis=2).astype(np.uint8)
INFOS = [{"id": 7, "category_id": 1}, {"id": "131847", "category_id": 2.0}]


def panoptic(folder: Path, picture: Image.Image, infos: list[Any], name: str = "a.png") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    picture.save(folder / "a.png")
    annotation = {"image_id": 1, "file_name": name, "segments_info": infos}
    photo_ = {"id": 1, "file_name": "a.jpg", "height": 4, "width": 5}
    return write(folder / "set.json", document([photo_], [annotation], ("eye", "mane")))


NINE = {"id": 9, "category_id": 2}


@pytest.mark.parametrize("kind", ["RGB", "RGBA", "P"])
@pytest.mark.parametrize("name", ["a.png", "/data/a.png", "C:\\data\\a.png"])
def test_panoptic_colours_count(tmp_path: Path, kind: str, name: str) -> None:
    pictures = {
        "RGB": Image.fromarray(COLOURS),
        "RGBA": Image.fromarray(np.dstack([COLOURS, np.full((4, 5), 3, np.uint8)])),
        "P": Image.fromarray(COLOURS).quantize(8),
    }
    read = read_segments(panoptic(tmp_path, pictures[kind], [*INFOS, NINE], name))["a"]
    assert read.names == ("eye", "mane", "mane")
    np.testing.assert_array_equal(read.masks, [IDS == 7, IDS == 131847, IDS == 9])


@pytest.mark.parametrize(
    ("infos", "kept", "n_problems", "message"),
    [
        (INFOS, (7, 131847), 1, "the PNG has the id 9, which segments_info lacks; is it"),
        (INFOS[:1], (7,), 1, "the PNG has the id 9, which segments_info lacks, as it lacks 1 more"),
        ([*INFOS, NINE, {"id": 8, "category_id": 1}], (7, 131847, 9), 1, "segment 8: .* no pixel"),
        ([*INFOS, NINE, NINE], (7, 131847), 2, "expected an id once, got 9"),
        ([INFOS[0], NINE, {"id": 131847}], (7, 9), 1, "no category has the id None"),
        ([*INFOS, NINE, None], (7, 131847, 9), 1, "expected an object, got NoneType"),
    ],
)
def test_ids_in_one_place_only(
    tmp_path: Path, infos: list[Any], kept: tuple[int, ...], n_problems: int, message: str
) -> None:
    file = panoptic(tmp_path, Image.fromarray(COLOURS), infos)
    with pytest.raises(InvalidInput, match=message):
        read_segments(file)["a"]
    read = read_segments(file, errors="skip")
    assert read.problems.n_items == n_problems
    np.testing.assert_array_equal(read["a"].masks, [number == IDS for number in kept])


def test_panoptic_pictures_of_another_kind_are_refused(tmp_path: Path) -> None:
    file = panoptic(tmp_path, Image.fromarray(IDS.astype(np.uint8)), INFOS)
    with pytest.raises(InvalidInput, match="expected RGB, with ids as colours, got uint8"):
        read_segments(file)["a"]
    panoptic(tmp_path, Image.fromarray(COLOURS.transpose(1, 0, 2)), INFOS)
    with pytest.raises(InvalidInput, match=r"expected the image's \[height, width\] \[4, 5\], got"):
        read_segments(file)["a"]
