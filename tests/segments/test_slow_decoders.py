"""Random masks in every format, read, against decoders of the files' bytes that are slow and apart.

Outlines and COCO's lists of runs have theirs in ``test_readers.py``.
"""

from __future__ import annotations

import base64
import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

import sat_nb as sat
from sat_nb.segments.formats.rle import encode_coco, encode_dds
from tests.oracles import masks as oracle
from tests.oracles.image_files import read_npy, read_png
from tests.segments import formats as made
from tests.segments.formats import png, write

Slow = dict[str, list[list[bool]]]
NAMES = ("l_eye", "hair", "hat")  # which CelebAMask-HQ has as well

MASKS = st.tuples(st.integers(1, 3), st.integers(1, 11), st.integers(1, 19)).flatmap(
    lambda shape: arrays(bool, shape)
)


def saved(mask: np.ndarray, mode: str, file: Path) -> None:
    """As a PNG of one bit, of grey, of colours that are grey, or of palette indices."""
    file.parent.mkdir(parents=True, exist_ok=True)
    values = mask if mode == "1" else (mask * (1 if mode == "P" else 255)).astype(np.uint8)
    picture = Image.fromarray(values).convert("RGB") if mode == "RGB" else Image.fromarray(values)
    if mode == "P":
        picture.putpalette([9, 9, 9, 200, 0, 0])
    picture.save(file)


def on(raw: bytes) -> list[list[bool]]:
    return [[any(pixel[:3]) for pixel in line] for line in read_png(raw)]


def boolean_folder(folder: Path, masks: np.ndarray, mode: str) -> Slow:
    for name, mask in zip(NAMES, masks, strict=False):
        saved(mask, mode, folder / "a" / f"{name}.png")
    return {f.stem: on(f.read_bytes()) for f in (folder / "a").iterdir()}


def celebamask(folder: Path, masks: np.ndarray, mode: str) -> Slow:
    for name, mask in zip(NAMES, masks, strict=False):
        saved(mask, mode, folder / f"00007_{name}.png")
        saved(~mask, mode, folder / f"00008_{name}.png")
    return {f.stem[6:]: on(f.read_bytes()) for f in folder.glob("00007_*")}


def npz(folder: Path, masks: np.ndarray, mode: str) -> Slow:
    kind = np.uint8 if mode == "L" else bool
    np.savez_compressed(folder / "a.npz", **dict(zip(NAMES, masks.astype(kind), strict=False)))
    found = {}
    with zipfile.ZipFile(folder / "a.npz") as archive:
        for member in archive.namelist():
            (height, width), values = read_npy(archive.read(member))
            lines = [values[y * width : (y + 1) * width] for y in range(height)]
            found[member.removesuffix(".npy")] = [[value > 0 for value in line] for line in lines]
    return found


def label_png(folder: Path, masks: np.ndarray, mode: str) -> Slow:
    values = np.zeros(masks.shape[1:], np.uint8)
    for i, mask in enumerate(masks):
        values[mask] = i + 1
    picture = Image.fromarray(values)
    if mode == "P":
        picture.putpalette([i for c in range(4) for i in (c, 255 - c, 7)])
    picture.save(folder / "a.png")  # Pillow packs few palette colours into 1, 2 or 4 bits
    write(folder / "labels.json", [None, *NAMES])
    lines = read_png((folder / "a.png").read_bytes())
    return {
        name: [[pixel == (i,) for pixel in line] for line in lines]
        for i, name in enumerate(NAMES, start=1)
    }


def parquet(folder: Path, masks: np.ndarray, mode: str) -> Slow:
    shape = {"height": masks.shape[1], "width": masks.shape[2]}
    rows = [
        {"image_id": "a", "name": name, **shape, "counts": encode_coco(mask)}
        for name, mask in zip(NAMES, masks, strict=False)
    ]
    groups = {"row_group_size": 2} if mode == "L" else {}
    pq.write_table(pa.Table.from_pylist(rows), folder / "all.parquet", **groups)
    return {
        row["name"]: oracle.decode(
            row["counts"], (row["height"], row["width"]), row_major=False
        ).tolist()
        for row in pq.read_table(folder / "all.parquet").to_pylist()
    }


def labelme(folder: Path, masks: np.ndarray, mode: str) -> Slow:
    height, width = masks.shape[1:]
    shapes = [
        {"label": name, "points": [[1, 2], [width, height + 1]], "shape_type": "mask",
         "mask": base64.b64encode(png(mask)).decode()}
        for name, mask in zip(NAMES, masks, strict=False)
    ]  # fmt: skip
    document = {"shapes": shapes, "imageHeight": height + 3, "imageWidth": width + 2}
    file = write(folder / "a.json", document)
    found = {}
    for shape in json.loads(file.read_text())["shapes"]:
        whole = [[False] * (width + 2) for _ in range(height + 3)]
        for y, line in enumerate(on(base64.b64decode(shape["mask"]))):
            whole[y + 2][1 : width + 1] = line
        found[shape["label"]] = whole
    return found


def run_lengths(kind: str) -> Callable[[Path, np.ndarray, str], Slow]:
    def made(folder: Path, masks: np.ndarray, mode: str) -> Slow:
        dds = kind == "dinox" and mode == "L"
        codes = [
            {"size": list(mask.shape), "counts": (encode_dds if dds else encode_coco)(mask)}
            for mask in masks
        ]
        write(folder / "a.json", DOCUMENTS[kind](codes, {} if dds else {"format": "coco_rle"}))
        return {
            name: oracle.decode(code["counts"], tuple(code["size"]), row_major=dds).tolist()
            for name, code in zip(NAMES, codes, strict=False)
        }

    return made


def dinox_document(codes: list[Any], extra: Any) -> Any:
    return {
        "objects": [
            {"category": name, "mask": code | extra}
            for name, code in zip(NAMES, codes, strict=False)
        ]
    }


def grounded_document(codes: list[Any], _: Any) -> Any:
    annotations = [
        {"class_name": name, "segmentation": code} for name, code in zip(NAMES, codes, strict=False)
    ]
    return {"image_path": "a.jpg", "annotations": annotations, "img_width": 1, "img_height": 1}


def coco_document(codes: list[Any], _: Any) -> Any:
    height, width = codes[0]["size"]
    return {
        "images": [{"id": 1, "file_name": "a.jpg", "height": height, "width": width}],
        "annotations": [
            {"id": i, "image_id": 1, "category_id": i, "segmentation": code}
            for i, code in enumerate(codes)
        ],
        "categories": [{"id": i, "name": name} for i, name in enumerate(NAMES)],
    }


def panoptic(folder: Path, masks: np.ndarray, mode: str) -> Slow:
    pixels = np.zeros((*masks.shape[1:], 3), np.uint8)
    for i, mask in enumerate(masks):
        pixels[mask] = (i, 3 * i, 1)
    write(folder / "val" / "a.png", png(pixels))
    lines = read_png((folder / "val" / "a.png").read_bytes())
    ids = [[r + 256 * g + 256**2 * b for r, g, b in line] for line in lines]
    present = sorted({number for line in ids for number in line} - {0})
    infos = [{"id": number, "category_id": number % 256} for number in present]
    size = {"height": masks.shape[1], "width": masks.shape[2]}
    document = {
        "images": [{"id": 1, "file_name": "a.jpg", **size}],
        "annotations": [{"image_id": 1, "file_name": "a.png", "segments_info": infos}],
        "categories": [{"id": i, "name": name} for i, name in enumerate(NAMES)],
    }
    write(folder / "val.json", document)
    return {
        NAMES[number % 256]: [[pixel == number for pixel in line] for line in ids]
        for number in present
    }


def cityscapes(folder: Path, masks: np.ndarray, mode: str) -> Slow:
    """The boxes around the masks, painted over each other."""
    height, width = masks.shape[1:]
    objects = [
        {"label": name, "polygon": corners(mask)} for name, mask in zip(NAMES, masks, strict=False)
    ]
    document = {"imgHeight": height, "imgWidth": width, "objects": objects}
    file = write(folder / "a.json", document)
    top = [[""] * width for _ in range(height)]
    for item in json.loads(file.read_text())["objects"]:
        (left, upper), _, (right, lower), _ = item["polygon"]
        for y in range(upper, lower + 1):
            top[y][left : right + 1] = [item["label"]] * (right + 1 - left)
    return {name: [[on_top == name for on_top in line] for line in top] for name in NAMES}


def yolo(folder: Path, masks: np.ndarray, mode: str) -> Slow:
    """The boxes around the masks, in six digits: the pixels within and on their corners."""
    height, width = masks.shape[1:]
    lines = [
        " ".join([str(i), *(f"{x / width:.6f} {y / height:.6f}" for x, y in corners(mask))])
        for i, mask in enumerate(masks)
    ]
    file = write(folder / "labels" / "a.txt", "\n".join(lines).encode())
    write(folder / "labels" / "classes.txt", "\n".join(NAMES).encode())
    saved(masks[0], mode, folder / "images" / "a.png")
    found = {}
    for line in file.read_text().splitlines():
        number, *fractions = line.split()
        x = [round(float(f) * width) for f in fractions[::2]]
        y = [round(float(f) * height) for f in fractions[1::2]]
        found[NAMES[int(number)]] = [
            [min(x) <= column <= max(x) and min(y) <= row <= max(y) for column in range(width)]
            for row in range(height)
        ]
    return found


def voc(folder: Path, masks: np.ndarray, mode: str) -> Slow:
    """Values, or their colours where the picture is one of colours or has a palette."""
    values = np.zeros(masks.shape[1:], np.uint8)
    for i, mask in enumerate(masks, start=1):
        values[mask] = i
    colours = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0)]
    picture = Image.fromarray(np.array(colours, np.uint8)[values] if mode == "RGB" else values)
    if mode == "P":
        picture.putpalette([channel for colour in colours for channel in colour])
    file = folder / "SegmentationClass" / "a.png"
    file.parent.mkdir()
    picture.save(file)
    write(folder / "class_names.txt", "\n".join(["_background_", *NAMES]).encode())
    lines = read_png(file.read_bytes())
    shown = {name: colours[i] if mode == "RGB" else (i,) for i, name in enumerate(NAMES, start=1)}
    shown["_background_"] = colours[0] if mode == "RGB" else (0,)
    return {
        name: [[tuple(pixel) == value for pixel in line] for line in lines]
        for name, value in shown.items()
    }


def label_studio(folder: Path, masks: np.ndarray, mode: str) -> Slow:
    """Brushes, decoded bit by bit into RGBA, of which alpha counts."""
    height, width = masks.shape[1:]
    regions = [
        made.region("brushlabels", [name], format="rle", rle=made.brush(mask))
        | {"original_width": width, "original_height": height}
        for name, mask in zip(NAMES, masks, strict=False)
    ]
    file = write(folder / "tasks.json", [made.task(1, "a.png", *regions)])
    found = {}
    for region in json.loads(file.read_text())[0]["annotations"][0]["result"]:
        values = oracle.unpack(region["value"]["rle"])
        lines = [values[4 * y * width : 4 * (y + 1) * width] for y in range(height)]
        (name,) = region["value"]["brushlabels"]
        found[name] = [[alpha > 0 for alpha in line[3::4]] for line in lines]
    return found


def sam(folder: Path, masks: np.ndarray, mode: str) -> Slow:
    codes = [{"size": list(mask.shape), "counts": encode_coco(mask)} for mask in masks]
    document = [{"segmentation": code, "predicted_iou": 0.9} for code in codes]
    write(folder / "a.json", document)
    write(folder / "labels.json", {"a": list(NAMES)[: len(masks)]})
    return {
        name: oracle.decode(code["counts"], tuple(code["size"]), row_major=False).tolist()
        for name, code in zip(NAMES, codes, strict=False)
    }


def sam_folder(folder: Path, masks: np.ndarray, mode: str) -> Slow:
    for i, mask in enumerate(masks):
        saved(mask, mode, folder / "a" / f"{i}.png")
    rows = [f"{i},,,,,,,,0.9" for i in range(len(masks))]
    write(folder / "a" / "metadata.csv", "\n".join([made.SAM_HEAD, *rows]).encode())
    write(folder / "labels.json", {"a": list(NAMES)[: len(masks)]})
    return {
        name: on((folder / "a" / f"{i}.png").read_bytes())
        for i, name in enumerate(NAMES[: len(masks)])
    }


def corners(mask: np.ndarray) -> list[list[int]]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    left, right, upper, lower = map(int, (columns[0], columns[-1], rows[0], rows[-1]))
    return [[left, upper], [right, upper], [right, lower], [left, lower]]


DOCUMENTS: dict[str, Callable[[list[Any], Any], Any]] = {
    "dinox": dinox_document,
    "grounded_sam_2": grounded_document,
    "coco": coco_document,
}
FORMATS: dict[str, Callable[[Path, np.ndarray, str], Slow]] = {
    **{kind: run_lengths(kind) for kind in DOCUMENTS},
    "parquet": parquet,
    "coco_panoptic": panoptic,
    "labelme": labelme,
    "cityscapes": cityscapes,
    "yolo": yolo,
    "voc": voc,
    "label_studio": label_studio,
    "sam": sam,
    "sam_folder": sam_folder,
    "label_png": label_png,
    "celebamask": celebamask,
    "boolean": boolean_folder,
    "boolean, npz": npz,
}


def test_every_format_has_a_slow_decoder() -> None:
    known = {name.split(",")[0] for name in FORMATS}
    assert known | {"grounded_sam", "sam_numbered"} == set(sat.SEGMENT_FORMATS), (
        "FORMATS: write its slow decoder"
    )


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=25, deadline=None)
@given(masks=MASKS, mode=st.sampled_from(["1", "L", "RGB", "P"]))
def test_masks_equal_the_slow_decoders(name: str, masks: np.ndarray, mode: str) -> None:
    masks = masks.copy()
    masks[:, 0, 0] |= ~masks.any(axis=(1, 2))
    with tempfile.TemporaryDirectory() as folder:
        slow = FORMATS[name](Path(folder), masks, mode)
        for read in (
            sat.read_segments(folder),
            sat.read_segments(folder, format=name.split(",")[0]),
        ):
            found = read[{"celebamask": "00007", "yolo": "images/a"}.get(name, "a")]
            seen = dict(zip(found.names, found.masks.tolist(), strict=True))
            assert len(seen) == len(found)
            assert seen == {k: mask for k, mask in slow.items() if any(map(any, mask))}
