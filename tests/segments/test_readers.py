"""Every format, from hand-made files, against the same masks and against slow decoders."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from sat_nb import (
    SEGMENT_FORMATS,
    FileMissing,
    Format,
    InvalidInput,
    SegmentationMap,
    Source,
    read_segments,
)
from sat_nb.segments import formats
from sat_nb.segments.formats.coco_panoptic import parse_coco_panoptic
from sat_nb.segments.formats.json_text import elements
from sat_nb.segments.formats.label_png import LabelPicture, parse_label_png
from sat_nb.segments.formats.polygons import fill_coco, fill_labelme
from sat_nb.segments.formats.rle import decode_runs
from tests.entries import is_described
from tests.oracles import masks as oracle
from tests.segments import formats as made
from tests.segments.formats import write, write_json

SIDES = st.integers(1, 12)


@pytest.mark.parametrize("case", made.WRITERS)
def test_every_format_gives_the_same_masks(tmp_path: Path, case: str) -> None:
    made.WRITERS[case](tmp_path)
    format_ = case.split(",")[0]
    image_id, names = made.OTHERWISE.get(format_, ("a", made.NAMES))
    for named in [format_] if format_ in made.ONLY_NAMED else [None, format_]:
        read = read_segments(tmp_path, format=named)
        assert image_id in read
        found = read[image_id]
        assert found.names == names
        np.testing.assert_array_equal(found.masks, made.MASKS)
        scored = format_ in made.SCORED
        assert (found.scores is not None) == scored
        if scored:
            assert found.scores.tolist() == [0.5, 0.25]


def test_every_format_that_is_written_is_registered() -> None:
    found = {
        id(value): value.name
        for module in pkgutil.iter_modules(formats.__path__, f"{formats.__name__}.")
        for value in vars(importlib.import_module(module.name)).values()
        if isinstance(value, Format)
    }
    assert set(found) == {id(entry) for entry in SEGMENT_FORMATS.values()}, found


REFUSED = {"grounded_sam": write_json([{"value": 0, "label": "background"}])}
"""Formats that are known in order to be refused, each with a file."""


@pytest.mark.parametrize("name", SEGMENT_FORMATS)
def test_every_format_shows_everywhere(tmp_path: Path, name: str) -> None:
    entry = SEGMENT_FORMATS[name]
    is_described(entry)
    assert f'- "{name}": {entry.about[:20]}' in (read_segments.__doc__ or "")
    cases = [case for case in made.WRITERS if case.split(",")[0] == name]
    assert cases or name in REFUSED, "a hand-made file in tests/segments/formats.py"
    for case in cases:
        root = tmp_path / case
        made.WRITERS[case](root)
        assert entry.detects(root)
        assert (
            set(entry.open(root))
            == set(read_segments(root))
            == set(read_segments(root, format=name))
        )
    (tmp_path / "empty").mkdir()
    assert not entry.detects(tmp_path / "empty")
    assert len(entry.open(tmp_path / "empty")) == 0
    for ask, message in (
        ({"format": "?"}, f"format: unknown name .*'{name}'"),
        ({}, re.escape(f"'{name}' ({entry.title})")),
        ({"format": name}, "no mask file in"),
    ):
        with pytest.raises(InvalidInput, match=message):
            read_segments(tmp_path / "empty", **ask)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_formats_say_why(tmp_path: Path, name: str) -> None:
    REFUSED[name](tmp_path)
    for ask in ({}, {"format": name}):
        with pytest.raises(InvalidInput, match=r"a\.json: .*export with"):
            read_segments(tmp_path, **ask)["a"]


def rows_of_text(name: str) -> Format:
    """A format of somebody's own: a text file an image, with a name and rows of # and . a mask."""

    def read(file: Path) -> SegmentationMap:
        title, *rows = file.read_text().split()
        if not rows:
            raise InvalidInput("expected a name and rows, got no rows.")
        mask = np.array([[c == "#" for c in row] for row in rows])
        return SegmentationMap((title,), mask[None])

    def open_(root: Path) -> dict[str, Source]:
        return {f.stem: Source(str(f), partial(read, f), (f,)) for f in root.glob("*.rows")}

    return Format(
        name=name,
        title="rows",
        about="Rows of text.",
        detects=lambda root: any(root.glob("*.rows")),
        open=open_,
    )


def test_a_format_of_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.rows").write_text("Eye .#. ...")
    with pytest.raises(InvalidInput, match="no mask file"):
        read_segments(tmp_path)
    assert read_segments(tmp_path, format=rows_of_text("mine"))["a"].names == ("eye",)
    with pytest.raises(InvalidInput, match="format: the name 'coco' is taken by the package"):
        read_segments(tmp_path, format=rows_of_text("coco"))
    monkeypatch.setitem(SEGMENT_FORMATS, "mine", rows_of_text("mine"))
    write(tmp_path / "b.json", made.DINOX)
    write(tmp_path / "a.png", made.png(made.MASKS[0]))
    (tmp_path / "c.rows").write_text("Eye")
    assert read_segments(tmp_path, format="mine")["a"].masks.sum() == 1
    read = read_segments(tmp_path, errors="skip", image_id=str.upper)
    assert sorted(read) == ["A", "B"], "the PNG beside the mask file is a photo"
    assert read.problems == {
        str(tmp_path / "c.rows"): f"{tmp_path / 'c.rows'}: expected a name and rows, got no rows."
    }
    write(tmp_path / "a.json", made.DINOX)
    with pytest.raises(InvalidInput, match=r"a\.rows: has the image 'a', and so has .*a\.json"):
        read_segments(tmp_path)


def test_files_of_the_users_own_stay_in_the_folder(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere" / "secret.rows", b"eye #")
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "a.rows").symlink_to(tmp_path / "elsewhere" / "secret.rows")
    with pytest.raises(InvalidInput, match=r"a\.rows.* leads out of"):
        read_segments(tmp_path / "masks", format=rows_of_text("mine"))


def test_a_set_has_the_images_without_objects(tmp_path: Path) -> None:
    write(tmp_path / "instances.json", made.coco(made.EYE))
    read = read_segments(tmp_path / "instances.json")
    assert list(read) == ["a", "sub/nothing"]
    assert len(read["sub/nothing"]) == 0


def test_formats_mix_in_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "set.json", made.coco(made.EYE))
    write(tmp_path / "b.json", made.DINOX)
    np.savez(tmp_path / "c.npz", eye=made.MASKS[0])
    (tmp_path / "c.png").write_bytes(b"a photo")
    assert sorted(read_segments(tmp_path)) == ["a", "b", "c", "sub/nothing"]
    write(tmp_path / "a.json", made.DINOX)
    with pytest.raises(InvalidInput, match=r"'a', and so has .*a\.json; keep one"):
        read_segments(tmp_path)


def test_a_set_is_read_an_image_at_a_time(tmp_path: Path) -> None:
    document = made.coco(made.EYE)
    file = write(tmp_path / "set.json", document)
    read = read_segments(file)
    raw = file.read_bytes()
    file.write_bytes(raw.replace(b'"52207"', b'"5220!"'))
    with pytest.raises(InvalidInput, match=r"set\.json: annotation 1\.segmentation\.counts"):
        read["a"]
    assert len(read["sub/nothing"]) == 0, "the other image is not touched"


@pytest.mark.parametrize("indent", [None, 3])
def test_names_and_ids_in_other_scripts(tmp_path: Path, indent: int | None) -> None:
    document = made.coco(made.EYE)
    document["categories"] = [{"id": 3, "name": "œil"}, {"id": 1, "name": "зебра"}]
    document["images"] = [{**made.IMAGES[0], "file_name": "ゼブラ\\1.jpg"}]
    text = json.dumps(document, ensure_ascii=indent is None, indent=indent)
    (tmp_path / "set.json").write_text(text, encoding="utf-8")
    read = read_segments(tmp_path)
    assert read["ゼブラ/1"].names == ("œil", "зебра")


def test_names_for_each_image_in_labels_json(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    made.write_labels(tmp_path / "sub")
    (tmp_path / "sub" / "labels.json").unlink()
    write(tmp_path / "labels.json", {"a": {"3": "Iris", "200": "hair"}, "b": {}})
    assert read_segments(tmp_path)["sub/a"].names == ("iris", "hair")
    assert read_segments(tmp_path / "sub")["a"].names == ("iris", "hair")
    assert read_segments(tmp_path / "sub" / "a.png")["a"].names == ("iris", "hair")


def test_celebamask_as_it_is_published(tmp_path: Path) -> None:
    """Subfolders 0 to 14 of many images, parts that cannot be seen without a file."""
    root = tmp_path / "CelebAMask-HQ-mask-anno"
    parts = {
        "0/00000": ("skin", "l_brow", "hair"),
        "0/00001": ("neck", "eye_g"),
        "14/29999": ("hat",),
    }
    for image_id, names in parts.items():
        for name in names:
            write(root / f"{image_id}_{name}.png", made.png(made.MASKS[0]))
    read = read_segments(root)
    assert list(read) == sorted(parts)
    assert {i: set(read[i].names) for i in read} == {i: set(n) for i, n in parts.items()}
    assert read["0/00001"].names == ("eye_g", "neck"), "in the data set's order"
    flat = read_segments(root, image_id=lambda i: str(int(i.split("/")[-1])))
    assert list(flat) == ["0", "1", "29999"], "as the photos are named"
    assert list(read_segments(root / "14")) == ["29999"]
    write(root / "0" / "00001_neck.png", made.png(np.zeros((4, 5), np.uint8)))
    with pytest.raises(
        InvalidInput, match=r"00001_eye_g\.png: 00001_neck\.png: the mask has no pixel"
    ):
        read["0/00001"]


def test_names_that_are_no_parts_are_a_folder_of_masks(tmp_path: Path) -> None:
    write(tmp_path / "a" / "00000_watermark.png", made.png(made.MASKS[0]))
    assert read_segments(tmp_path)["a"].names == ("00000_watermark",)
    write(tmp_path / "b" / "00000_hair.png", made.png(made.MASKS[0]))
    assert sorted(read_segments(tmp_path)) == ["a", "b/00000"]
    assert sorted(read_segments(tmp_path, format="boolean")) == ["a", "b"]


def test_nothing_and_void_need_no_name() -> None:
    values = np.array([[0, 255, 2]], np.uint8)
    assert parse_label_png(LabelPicture(values, [None, "x", "eye"])).whole().names == ("eye",)
    named = parse_label_png(LabelPicture(values, {"0": "sky", "2": "eye", "255": "edge"}))
    assert named.whole().names == ("sky", "eye", "edge")
    with pytest.raises(InvalidInput, match=r"the value 2 has no name in labels\.json"):
        parse_label_png(LabelPicture(values, ["sky"]))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("mask.json", [{"value": 0, "label": "background"}], "Grounded-SAM 1.*Grounded-SAM-2"),
        ("a.json", {**made.LABELME, "shapes": [{"label": "x", "points": [[1, 1]],
         "shape_type": "ellipse"}]}, r"shapes\[0\]\.shape_type: unknown name .*'polygon'"),
        ("a.json", {**made.LABELME, "imageHeight": 0}, r"\[imageHeight, imageWidth\]: expected"),
        ("a.json", {**made.LABELME, "shapes": [{"label": "x", "points": [[1, 1], [2, 2]]}]},
         r"shapes\[0\]\.points: expected 3 points or more, got 2"),
        ("a.png", made.png(made.MASKS[0]), r"needs a labels\.json beside it"),
        ("a/eye.png", made.png(np.arange(9, dtype=np.uint8)[:, None]), "two values, got 9, from 0"),
        ("a/eye.png", made.png(made.panoptic_pixels()), r"eye\.png.*\(4, 5, 3\)"),
        ("a/eye.png", made.png(np.zeros((2, 2), np.uint8)), "has no pixel"),
        ("a.npz", b"PK", r"not readable as \.npz"),
    ],
)  # fmt: skip
def test_damaged_files_are_named(tmp_path: Path, name: str, content: Any, message: str) -> None:
    write(tmp_path / name, content)
    read = read_segments(tmp_path)
    with pytest.raises(InvalidInput, match=rf"(?s){name.split('/')[0]}.*{message}"):
        read[next(iter(read))]


def change(document: dict[str, Any], key: str, **changes: Any) -> dict[str, Any]:
    """The document with changes in the first element of the list under key."""
    first, *others = document[key]
    return {**document, key: [{**first, **changes}, *others]}


COCO = made.coco(made.EYE)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            change(COCO, "annotations", image_id=8),
            "annotations: 1 belong to the image id 8, which `images` does not list",
        ),
        (change(COCO, "annotations", image_id=None), "annotations, .*: image_id: expected a whole"),
        (change(COCO, "images", id=9), "the id 9 occurs twice"),
        (
            change(COCO, "images", file_name="sub/nothing.png"),
            "names the image 'sub/nothing' twice",
        ),
        (
            change(COCO, "images", file_name="../a.jpg"),
            "expected the name of a photo, a relative path.*image_id=",
        ),
        (
            change(COCO, "images", file_name="/etc/a.jpg"),
            "expected the name of a photo, a relative path.*image_id=",
        ),
        (
            change(COCO, "images", file_name="C:\\a.jpg"),
            "expected the name of a photo, a relative path.*image_id=",
        ),
        (
            change(COCO, "images", file_name="a\x00.jpg"),
            "expected the name of a photo, a relative path.*image_id=",
        ),
        (change(COCO, "categories", id=1), "the id 1 occurs twice"),
    ],
)
def test_damaged_sets_are_refused_at_once(tmp_path: Path, document: Any, message: str) -> None:
    file = write(tmp_path / "set.json", document)
    with pytest.raises(InvalidInput, match=rf"set\.json: .*{message}"):
        read_segments(file)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (change(COCO, "annotations", category_id=2), "no category has the id 2"),
        (change(COCO, "categories", name=""), "name of its category 3: expected a name, got ''"),
        (
            change(COCO, "annotations", segmentation=[]),
            "annotation 1\\.segmentation: expected the mask of 'eye', got none.*errors='skip'",
        ),
        (change(COCO, "annotations", segmentation=[[1, 1, 3]]), r"\[0\]: expected \[x1, y1"),
        (change(COCO, "annotations", segmentation=[[0, 0, 3, 3]]), "3 points or more, got 2"),
        (change(COCO, "annotations", segmentation=[[0, 0, 3, 1e9, 3, 3]]), "far outside the 4 x 5"),
        (
            change(COCO, "annotations", segmentation={"size": [5, 4], "counts": "52207"}),
            r"size: expected the image's .*\[4, 5\], got \[5, 4\]; height and width are swapped",
        ),
        (
            change(COCO, "annotations", segmentation={"size": [4, 5], "counts": [5, -2, 17]}),
            "counts: expected whole numbers",
        ),
        (change(COCO, "images", width="5.5"), r"\[height, width\]: expected .*'5\.5'"),
    ],
)
def test_damaged_annotations_are_named(tmp_path: Path, document: Any, message: str) -> None:
    read = read_segments(write(tmp_path / "set.json", document))
    with pytest.raises(InvalidInput, match=rf"set\.json: .*{message}"):
        read["a"]


def test_panoptic_ids_have_to_agree(tmp_path: Path) -> None:
    names = {"3": "eye", "1": "mane"}
    pixels, info = made.panoptic_pixels(), {"segments_info": made.INFOS[:1]}
    reading = parse_coco_panoptic(info, pixels, names)
    assert reading.segmentation.names == ("eye",)
    with pytest.raises(InvalidInput, match="the PNG has the id 196615, which segments_info"):
        reading.whole()
    pixels[made.MASKS[1]] = 0
    assert parse_coco_panoptic(info, pixels, names).whole().names == ("eye",)
    with pytest.raises(InvalidInput, match=r"segment 196615: the mask has no pixel"):
        parse_coco_panoptic({"segments_info": made.INFOS}, pixels, names).whole()
    made.write_panoptic(tmp_path)
    (tmp_path / "val" / "a.png").unlink()
    with pytest.raises(FileMissing, match=r"val\.json: the PNG 'a\.png' is neither in 'val'"):
        read_segments(tmp_path)["a"]


# --- slow decoders --------------------------------------------------------------------------


@given(mask=arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_counts_lists(mask: np.ndarray) -> None:
    flat = np.concatenate([[False], mask.T.ravel(), [not mask[-1, -1]]])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    runs = np.diff(edges, prepend=0).tolist()
    np.testing.assert_array_equal(oracle.fill_runs(runs, mask.shape), mask)
    np.testing.assert_array_equal(decode_runs(runs, mask.shape), mask)


@settings(max_examples=60)
@given(st.data(), SIDES, SIDES, st.integers(3, 6))
def test_coco_polygons(data: st.DataObject, height: int, width: int, n: int) -> None:
    x = st.floats(-0.5 * width, 1.5 * width) | st.integers(0, width)
    y = st.floats(-0.5 * height, 1.5 * height) | st.integers(0, height)
    points = data.draw(st.lists(st.tuples(x, y), min_size=n, max_size=n))
    flat = [coordinate for point in points for coordinate in point]
    slow = oracle.fill_coco_polygon(points, (height, width))
    np.testing.assert_array_equal(fill_coco([flat], (height, width), "segmentation"), slow)
    twice = fill_coco([flat, [0, 0, 1, 0, 1, 1, 0, 1]], (height, width), "segmentation")
    corner = oracle.fill_coco_polygon([(0, 0), (1, 0), (1, 1), (0, 1)], (height, width))
    np.testing.assert_array_equal(twice, slow | corner)


CROSSING = [(0, 0), (0, 2), (4, 1), (1, 2), (5, 1)]  # Pillow 13.0 leaves out a pixel within it


@settings(max_examples=60)
@given(
    st.tuples(SIDES, SIDES).flatmap(
        lambda size: st.tuples(
            st.just(size),
            st.lists(
                st.tuples(
                    st.integers(0, size[1]) | st.floats(-0.5 * size[1], 1.5 * size[1]),
                    st.integers(0, size[0]) | st.floats(-0.5 * size[0], 1.5 * size[0]),
                ),
                min_size=3,
                max_size=6,
            ),
        )
    )
)
@example(((2, 5), CROSSING))
def test_labelme_polygons_are_what_labelme_draws(drawn: tuple[Any, Any]) -> None:
    size, points = drawn
    mask = fill_labelme("polygon", points, size, "points")
    np.testing.assert_array_equal(mask.view(np.uint8), oracle.draw_labelme_polygon(points, size))


@settings(max_examples=60)
@given(st.data(), SIDES, SIDES)
def test_convex_labelme_polygons_are_their_inside_and_their_outline(
    data: st.DataObject, height: int, width: int
) -> None:
    """Where no edges cross, all Pillow versions agree but at the tips of narrow triangles."""
    point = st.tuples(st.integers(0, width), st.integers(0, height))
    corners = oracle.convex_hull(data.draw(st.lists(point, min_size=3, max_size=6, unique=True)))
    assume(len(corners) > 2)
    mask = fill_labelme("polygon", corners, (height, width), "points")
    inside, near = oracle.polygon_bounds(corners, (height, width))
    assert not (inside & ~mask).any(), "what is within the outline belongs to the mask"
    assert not (mask & ~near).any(), "and nothing that is a pixel or more away from it"


@pytest.mark.parametrize("kind", ["rectangle", "circle"])
def test_labelme_shapes(kind: str) -> None:
    points = {"rectangle": [[9, 2], [2, 7]], "circle": [[5, 5], [5, 7]]}[kind]
    mask = fill_labelme(kind, points, (12, 12), "points")
    assert set(mask.view(np.uint8).ravel().tolist()) == {0, 1}, "bytes that a boolean may have"
    x, y = np.meshgrid(np.arange(12), np.arange(12))
    if kind == "rectangle":
        np.testing.assert_array_equal(mask, (x >= 2) & (x <= 9) & (y >= 2) & (y <= 7))
    else:
        distance = np.hypot(x - 5, y - 5)
        assert mask[distance <= 1.5].all()
        assert not mask[distance >= 3].any()


@given(arrays(np.uint8, st.tuples(SIDES, SIDES, st.just(3)), elements=st.integers(0, 2)))
def test_panoptic_pixels(pixels: np.ndarray) -> None:
    ids = oracle.panoptic_ids(pixels)
    present = sorted(set(ids.ravel().tolist()) - {0})
    infos = [{"id": number, "category_id": 1} for number in present]
    read = parse_coco_panoptic({"segments_info": infos}, pixels, {"1": "x"}).whole()
    assert len(read) == len(present)
    for number, mask in zip(present, read.masks, strict=True):
        np.testing.assert_array_equal(mask, ids == number)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@settings(max_examples=40)
@given(
    st.dictionaries(st.text(max_size=4), JSON, max_size=4),
    st.sampled_from([None, 2]),
    st.booleans(),
)
def test_walking_through_finds_what_parsing_finds(
    document: dict[str, Any], indent: int | None, ascii_: bool
) -> None:
    raw = json.dumps(document, indent=indent, ensure_ascii=ascii_).encode("utf-8", "surrogatepass")
    found: dict[str, list[Any]] = {}
    for key, _, (start, end) in elements(raw.decode("latin-1")):
        found.setdefault(key, []).append(json.loads(raw[start:end]))
    expected = {k: v if isinstance(v, list) else [v] for k, v in document.items()}
    assert list(found.values()) == [v for v in expected.values() if v]


def test_no_object_has_no_masks() -> None:
    nothing = parse_label_png(LabelPicture(np.zeros((2, 2), np.uint8), {})).whole()
    assert nothing == SegmentationMap((), np.zeros((0, 0, 0), bool))
