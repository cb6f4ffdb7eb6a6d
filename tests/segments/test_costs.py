"""Small files that claim a lot: refused before it is spent, with the limit that allows them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import textwrap
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_masks

import sat_nb as sat
from sat_nb import LIMITS, InvalidInput, SegmentationMap, read_segments
from sat_nb.photos.opening import WEBP_SIZES
from sat_nb.segments.formats import json_text
from sat_nb.segments.formats.json_text import elements
from tests.segments import formats as made
from tests.segments.formats import write
from tests.segments.test_hostile import bomb_png

SECONDS = 10


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The limits of other tests are the default ones."""
    monkeypatch.delenv("SAT_NB_LIMITS", raising=False)
    yield
    os.environ.pop("SAT_NB_LIMITS", None)


# --- the limits themselves ------------------------------------------------------------------------


def test_limits_are_raised_by_name_and_reach_new_processes() -> None:
    assert LIMITS["masks"] == 10_000
    LIMITS["masks"] = 5
    LIMITS["mask_bytes"] = 4e9
    program = "import sat_nb; print(sat_nb.LIMITS['masks'], sat_nb.LIMITS['mask_bytes'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["5", "4000000000"]
    del LIMITS["masks"]
    assert dict(LIMITS) == {**{name: LIMITS[name] for name in LIMITS}, "masks": 10_000}


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "9", None, 2**63, float("nan")])
def test_limits_are_whole_numbers(value: Any) -> None:
    with pytest.raises(InvalidInput, match=r"LIMITS\['masks'\]: expected a whole number from 1"):
        LIMITS["masks"] = value


def test_unknown_limits_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="LIMITS: unknown name 'mask'.*'masks'"):
        LIMITS["mask"] = 3
    monkeypatch.setenv("SAT_NB_LIMITS", "masks=many")
    with pytest.raises(InvalidInput, match="SAT_NB_LIMITS: expected name=number"):
        _ = LIMITS["masks"]


# --- each reader ----------------------------------------------------------------------------------


def square(left: int, side: int) -> list[int]:
    return [left, 0, left + side, 0, left + side, side, left, side]


def coco(segmentations: list[Any], size: int) -> dict[str, Any]:
    return {
        "images": [{"id": 1, "file_name": "a.jpg", "height": size, "width": size}],
        "categories": [{"id": 1, "name": "x"}],
        "annotations": [
            {"id": i, "image_id": 1, "category_id": 1, "segmentation": one}
            for i, one in enumerate(segmentations)
        ],
    }


def cityscapes(label: str, n: int, size: int) -> dict[str, Any]:
    polygon = [[0, 0], [size, 0], [size, size]]
    objects = [{"label": label, "polygon": polygon}] * n
    return {"imgHeight": size, "imgWidth": size, "objects": objects}


def label_studio(value: dict[str, Any], labels: list[str], size: int) -> list[Any]:
    region = {
        "id": "r",
        "type": "labels",
        "original_height": size,
        "original_width": size,
        "value": {**value, "labels": labels},
    }
    return [{"id": 1, "data": {"image": "a.jpg"}, "annotations": [{"result": [region]}]}]


CIRCLE = {"x": 50, "y": 50, "radiusX": 9, "radiusY": 9}
ZIGZAG = [v for i in range(3000) for v in (0 if i % 2 else 2999, i)]
SHAPE = {"label": "x", "points": np.reshape(ZIGZAG, (-1, 2)).tolist(), "shape_type": "polygon"}

COSTLY: dict[str, tuple[Callable[[], Any], str]] = {
    "outlines of COCO": (lambda: coco([[ZIGZAG]] * 2, 3000), "outline_px"),
    "outlines of LabelMe": (
        lambda: {**made.LABELME, "imageHeight": 3000, "imageWidth": 3000, "shapes": [SHAPE] * 2},
        "outline_px",
    ),
    "points that do not move": (
        lambda: coco([[[1, 1] * 20_000 + [5, 1, 5, 5]]] * 4, 9),
        "outline_px",
    ),
    "outlines of Cityscapes": (
        lambda: cityscapes("car", 1, 3000) | {"objects": [{**SHAPE, "polygon": SHAPE["points"]}]},
        "outline_px",
    ),
    "what is covered": (lambda: cityscapes("car", 100, 11_000), "mask_bytes"),
    "license plates": (lambda: cityscapes("license plate", 100, 11_000), "mask_bytes"),
    "a canvas": (lambda: cityscapes("car", 1, 16_000), "mask_bytes"),
    "labels of a region": (lambda: label_studio(CIRCLE, ["x"] * 50_000, 9), "masks"),
    "values": (lambda: b'{"objects":[' + b"[]," * 150_000 + b"[]]}", "json_values"),
    "counts": (
        lambda: {"objects": [{"category": "x", "mask": {"size": [9, 9], "counts": "1" * 900_000}}]},
        "json_values",
    ),
    "values of one annotation": (
        lambda: b'{"images":[],"annotations":[[' + b"[]," * 150_000 + b"[]]]}",
        "json_values",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", COSTLY)
def test_costly_files_are_refused_soon_and_name_their_limit(tmp_path: Path, case: str) -> None:
    content, name = COSTLY[case]
    LIMITS["json_values"] = 200_000
    if name == "outline_px":
        LIMITS["outline_px"] = 70_000
    write(tmp_path / "a.json", content())
    begun = time.monotonic()
    with pytest.raises(InvalidInput, match=rf"(?s)a\.json.*sat_nb\.LIMITS\['{name}'\] = \d+ \(in "):
        read_segments(tmp_path)["a"]
    assert time.monotonic() - begun < SECONDS


def test_outlines_within_the_limit_are_kept(tmp_path: Path) -> None:
    write(tmp_path / "a.json", coco([[square(0, 4)], [ZIGZAG], [square(4, 4)]], 3000))
    LIMITS["outline_px"] = 1000
    with pytest.raises(InvalidInput, match="outline_px"):
        read_segments(tmp_path)["a"]
    read = read_segments(tmp_path, errors="skip")
    assert read["a"].masks.sum(axis=(1, 2)).tolist() == [16, 16]
    assert "LIMITS['outline_px']" in " ".join(read.problems.values())


def test_the_value_of_a_message_is_enough(tmp_path: Path) -> None:
    write(tmp_path / "a.json", coco([[square(i, 2)] for i in range(30)], 40))
    LIMITS["mask_bytes"], LIMITS["masks"], LIMITS["outline_px"] = 2000, 9, 300
    for _ in range(6):
        try:
            assert len(read_segments(tmp_path)["a"]) == 30
            break
        except InvalidInput as error:
            name, value = str(error).partition("LIMITS['")[2].partition(" (")[0].split("'] = ")
            LIMITS[name] = int(value)
    assert (LIMITS["mask_bytes"], LIMITS["masks"]) == (48_000, 30)


def test_many_parts_are_united_as_pycocotools_does(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 90, (600, 2))
    parts = [[x, y, x + 9, y, x + 9, y + 9, x, y + 9] for x, y in corners.tolist()]
    write(tmp_path / "a.json", coco([parts], 100))
    right = coco_masks.decode(coco_masks.merge(coco_masks.frPyObjects(parts, 100, 100)))
    np.testing.assert_array_equal(read_segments(tmp_path)["a"].masks[0], right == 1)


def test_ten_thousand_objects_are_read_soon(tmp_path: Path) -> None:
    write(tmp_path / "a.json", coco([[square(i % 50, 9)] for i in range(10_000)], 64))
    begun = time.monotonic()
    assert len(read_segments(tmp_path)["a"]) == 10_000
    assert time.monotonic() - begun < SECONDS


def test_elements_are_the_same_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    item = {"n": 12345, "t": 'a, [b] {c} \\" \u00fc' * 9, "l": [1.5, -2e9, None]}
    text = json.dumps({"a": [12345, -1.5, item, "x", item], "b": 12345, "c": [item] * 40, "d": {}})
    whole = list(elements(text))
    monkeypatch.setattr(json_text, "BLOCK", 8)
    for most in (60, 80, 400, 10_000):
        LIMITS["json_values"] = most
        assert list(elements(text)) == whole
    LIMITS["json_values"] = 20
    with pytest.raises(InvalidInput, match="holds more than 20 values"):
        list(elements(text))


def test_elements_of_a_set_are_counted() -> None:
    LIMITS["set_items"] = 9
    with pytest.raises(InvalidInput, match=r"more than 9 images.*LIMITS\['set_items'\] = 18"):
        list(elements(json.dumps({"images": [0] * 10})))


# --- only plain files -----------------------------------------------------------------------------


def pipe(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("name", ["a.json", "a.npz", "a.png", "a.txt", "a.csv", "a.jpg"])
def test_a_pipe_is_refused_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match=rf"path: '.*/{name}' is a pipe or a device; copy its"):
        read_segments(pipe(tmp_path / name))
    with pytest.raises(InvalidInput, match="is a pipe or a device"):
        sat.read_images(tmp_path / name)
    with pytest.raises(InvalidInput, match="is a pipe or a device"):
        sat.rename_segments({}, tmp_path / name)


def test_devices_are_refused_through_links(tmp_path: Path) -> None:
    (tmp_path / "a.json").symlink_to("/dev/zero")
    with pytest.raises(InvalidInput, match="is a pipe or a device"):
        read_segments(tmp_path / "a.json")


def test_pipes_beside_other_files_are_not_opened(tmp_path: Path) -> None:
    write(tmp_path / "b.json", made.DINOX)
    for name in ("a.json", "labels.json", "c.png", "metadata.csv", "x.yaml", "d/e.npz"):
        pipe(tmp_path / name)
    assert list(read_segments(tmp_path)) == ["b"]


def test_pipes_in_place_of_what_a_file_needs(tmp_path: Path) -> None:
    yolo = tmp_path / "yolo"
    write(yolo / "labels" / "a.txt", b"0 .1 .1 .9 .1 .9 .9")
    pipe(yolo / "images" / "a.jpg"), pipe(yolo / "data.yaml")
    with pytest.raises(InvalidInput, match="plain file, got a pipe"):
        read_segments(yolo)["a"]
    document = {**made.LABELME, "imageHeight": None, "imageWidth": None, "imagePath": "p.jpg"}
    write(tmp_path / "labelme" / "a.json", document)
    pipe(tmp_path / "labelme" / "p.jpg")
    with pytest.raises(InvalidInput, match="nor a photo at imagePath"):
        read_segments(tmp_path / "labelme")["a"]


# --- archives, tables, names ----------------------------------------------------------------------


def test_npz_of_many_members_and_of_other_packings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sat_nb.segments.formats.boolean.MAX_LIST_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for i in range(40):
            archive.writestr(f"{i}.npy", b"")
    with zipfile.ZipFile(tmp_path / "b.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", bytes(99))
    read = read_segments(tmp_path)
    for image_id, message in (("a", "at most 10000 arrays"), ("b", "does not write")):
        with pytest.raises(InvalidInput, match=message):
            read[image_id]


def test_a_wide_metadata_csv_is_read_soon(tmp_path: Path) -> None:
    Image.new("L", (4, 4), 255).save(write(tmp_path / "a" / "0.png", b""), "PNG")
    write(tmp_path / "labels.json", {"a": {"0": "eye"}})
    head = "id,area,bbox_x0," + ",".join(map(str, range(100_000)))
    write(tmp_path / "a" / "metadata.csv", f"{head}\n{'0' * 3},\n{'1,' * 9}\n".encode())
    begun = time.monotonic()
    assert read_segments(tmp_path)["a"].names == ("eye",)
    write(tmp_path / "a" / "metadata.csv", (head + "\n" + "0,\n" * 20_000).encode())
    with pytest.raises(InvalidInput, match="at most 10000 masks"):
        read_segments(tmp_path)["a"]
    assert time.monotonic() - begun < SECONDS


@pytest.mark.parametrize("text", ["names:\n" + "- a\n" * 60_000, "names: " + "[" * 500_000])
def test_names_of_yolo_cost_little(tmp_path: Path, text: str) -> None:
    write(tmp_path / "data.yaml", text.encode())
    write(tmp_path / "labels" / "a.txt", b"300000 .1 .1 .9 .1 .9 .9")
    begun = time.monotonic()
    with pytest.raises(InvalidInput):
        read_segments(tmp_path)["a"]
    assert time.monotonic() - begun < SECONDS


def test_long_names_are_compared_soon() -> None:
    rng = np.random.default_rng(0)
    names = ["".join(rng.choice(list("ab"), 200)) for _ in range(600)]
    one = np.ones((len(names), 1, 1), bool)
    common = SegmentationMap(names[:300], one[:300])
    segments = {"0": SegmentationMap(names, one), **{str(i): common for i in range(1, 6)}}
    begun = time.monotonic()
    assert len(sat.suggest_renames(segments, progress=False)) < 300
    assert time.monotonic() - begun < SECONDS
    LIMITS["names"] = 2399
    with pytest.raises(InvalidInput, match=r"600 different names.*\['names'\] = 2400 "):
        sat.suggest_renames(segments, progress=False)


def test_the_commonest_of_equally_similar_names_is_proposed() -> None:
    counts = {"elephant": 20, "elephand": 30, "elephan": 1}
    segments = {
        str(i): SegmentationMap([n for n, k in counts.items() if i < k] or ["x"], np.ones(
            (max(1, sum(i < k for k in counts.values())), 1, 1), bool))
        for i in range(30)
    }  # fmt: skip
    found = sat.suggest_renames(segments, progress=False).set_index("segment")
    assert found.loc["elephan", ["proposal", "reason"]].tolist() == ["elephand", "typing error"]


# --- memory ---------------------------------------------------------------------------------------

PROGRAM = """
    import resource, sys
    import sat_nb
    from sat_nb.images import read_images

    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, -1))
    for name in ("photo.png", "photo.webp"):
        try:
            read_images(f"{sys.argv[1]}/{name}")["photo"]
        except sat_nb.InvalidInput as error:
            print(error)
"""


def test_pictures_are_refused_before_their_memory_is_taken(tmp_path: Path) -> None:
    write(tmp_path / "photo.png", bomb_png(14_000))
    stream = io.BytesIO()
    Image.new("RGB", (9, 9)).save(stream, "WEBP", lossless=True)
    webp = bytearray(stream.getvalue())
    webp[21:25] = ((16_000 - 1) * (1 + 2**14)).to_bytes(4, "little")
    write(tmp_path / "photo.webp", bytes(webp))
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), str(tmp_path)],
        capture_output=True,
        text=True,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 2, done.stderr
    for line, n_bytes in zip(lines, (3 * 14_000**2, 4 * 16_000**2), strict=True):
        assert f"sat_nb.LIMITS['photo_bytes'] = {n_bytes} (in the" in line


@pytest.mark.filterwarnings("error")
def test_large_photos_are_read_without_a_warning(tmp_path: Path) -> None:
    Image.new("1", (10_000, 9_000), 1).save(tmp_path / "a.png")  # of which Pillow would warn
    LIMITS["photo_bytes"] = 3 * 90_000_000 - 1
    with pytest.raises(InvalidInput, match="9000 x 10000 px in 3 channels take 270000000 bytes"):
        sat.read_images(tmp_path)["a"]


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": Image.Exif()}, {"exif": 1}])
def test_sizes_of_webp_are_those_of_pillow(tmp_path: Path, options: dict[str, Any]) -> None:
    exif = Image.Exif()
    exif[0x010F] = "maker"
    if "exif" in options:
        options = {"exif": exif, "lossless": options["exif"] == 1}
    Image.new("RGB", (30, 20)).save(tmp_path / "a.webp", **options)
    head = (tmp_path / "a.webp").read_bytes()[:30]
    assert WEBP_SIZES[head[12:16]](head) == [30, 20]


@pytest.mark.parametrize("width", [16, 160, 616])
def test_widths_are_no_bits(tmp_path: Path, width: int) -> None:
    pixels = np.zeros((3, width, 3), np.uint8)
    pixels[0] = 1
    write(tmp_path / "labels.json", {"1": "eye"})
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert read_segments(tmp_path)["a"].masks.sum() == width
