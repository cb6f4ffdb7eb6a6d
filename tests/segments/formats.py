"""One image in every format, made by hand: 4 x 5 pixels, an eye (2 x 2) and a mane (4 x 1)."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

NAMES = ("eye", "mane")
MASKS = np.array(
    [
        [[0, 0, 0, 0, 0], [0, 1, 1, 0, 0], [0, 1, 1, 0, 0], [0, 0, 0, 0, 0]],
        [[0, 0, 0, 0, 1], [0, 0, 0, 0, 1], [0, 0, 0, 0, 1], [0, 0, 0, 0, 1]],
    ],
    dtype=bool,
)
EYE, MANE = {"size": [4, 5], "counts": "52207"}, {"size": [4, 5], "counts": "`04"}
EYE_RUNS = {"size": [4, 5], "counts": [5, 2, 2, 2, 9]}
EYE_POLYGON = [[1, 1, 3, 1, 3, 3, 1, 3]]
CATEGORIES = [{"id": 3, "name": "eye"}, {"id": 1, "name": "mane"}]
IMAGES = [
    {"id": 7, "file_name": "a.jpg", "height": 4, "width": 5},
    {"id": 9, "file_name": "sub/nothing.jpg", "height": 4, "width": 5},
]
INFOS = [{"id": 513, "category_id": 3}, {"id": 3 * 65536 + 7, "category_id": 1}]

DINOX = {
    "objects": [
        {"category": "eye", "score": 0.5, "mask": {**EYE, "format": "coco_rle"}},
        {
            "category": "mane",
            "score": 0.25,
            "mask": {"size": [4, 5], "counts": "41400000"},
        },  # runs 4, 1, ... along the rows
    ]
}
GROUNDED_SAM_2 = {
    "image_path": "a.jpg",
    "annotations": [
        {"class_name": "eye", "bbox": [1, 1, 3, 3], "segmentation": EYE, "score": [[0.5]]},
        {"class_name": "mane", "bbox": [4, 0, 5, 4], "segmentation": MANE, "score": 0.25},
    ],
    "box_format": "xyxy",
    "img_width": 5,
    "img_height": 4,
}
LABELME = {
    "version": "5.0.1",
    "shapes": [
        {
            "label": "eye",
            "points": [[1, 1], [2, 1], [2, 2], [1, 2]],
            "shape_type": "polygon",
            "group_id": None,
        },
        {"label": "mane", "points": [[4, 3], [4, 0]], "shape_type": "rectangle"},
    ],
    "imagePath": "a.jpg",
    "imageData": None,
    "imageHeight": 4,
    "imageWidth": 5,
}
CITYSCAPES = {
    "imgHeight": 4,
    "imgWidth": 5,
    "objects": [
        {"label": "eye", "polygon": [[1, 1], [2, 1], [2, 2], [1, 2]]},
        {"label": "sky", "polygon": [[0, 0], [3, 0], [3, 3], [0, 3]], "deleted": 1},
        {"label": "mane", "polygon": [[4, 0], [5, 0], [5, 3], [4, 3]]},
    ],
}


def coco(eye: Any) -> dict[str, Any]:
    annotations = [
        {"id": 1, "image_id": 7, "category_id": 3, "segmentation": eye, "iscrowd": 0},
        {"id": 2, "image_id": 7, "category_id": 1, "segmentation": MANE, "iscrowd": 1},
    ]
    return {
        "info": {"year": 2026, "description": "Zebras’ heads [1], {a}"},
        "images": IMAGES,
        "annotations": annotations,
        "categories": CATEGORIES,
    }


PANOPTIC = {
    "images": IMAGES,
    "annotations": [{"image_id": 7, "file_name": "a.png", "segments_info": INFOS}],
    "categories": CATEGORIES,
}


SAM = [
    {"segmentation": {"size": [4, 5], "counts": [0, 20]}, "predicted_iou": 1.0, "area": 20},
    {"segmentation": EYE, "predicted_iou": 0.5, "stability_score": 0.9, "crop_box": [0, 0, 5, 4]},
    {"segmentation": MANE, "predicted_iou": 0.25, "point_coords": [[4.5, 1.5]]},
]
SAM_NAMES = {"a": {"1": "eye", "2": "mane"}}
SAM_HEAD = (
    "id,area,bbox_x0,bbox_y0,bbox_w,bbox_h,point_input_x,point_input_y,predicted_iou,"
    "stability_score,crop_box_x0,crop_box_y0,crop_box_w,crop_box_h"
)


def bytes_of(bits: str) -> list[int]:
    bits += "0" * (-len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


def brush(mask: np.ndarray) -> list[int]:
    """A code of Label Studio's brush: a run of single values a pixel, or of equal ones."""
    bits = f"{4 * mask.size:032b}{7:05b}" + "".join(f"{n - 1:04b}" for n in (3, 4, 8, 16))
    for i, on in enumerate(mask.ravel().tolist()):
        single = i % 2 == 0  # 4 values in 3 bits: 3 = 4 - 1
        pixel = f"{9 * (i % 3):08b}" * 3 + f"{200 * on:08b}"
        same = f"{255 * on:08b}"
        bits += f"000{3:03b}{pixel}" if single else f"100{3:03b}{same}"
    return bytes_of(bits)


def region(kind: str, labels: list[str], **value: Any) -> dict[str, Any]:
    return {
        "original_width": 5,
        "original_height": 4,
        "image_rotation": 0,
        "value": {**value, kind: labels},
        "id": f"{kind}{labels}",
        "from_name": "label",
        "to_name": "image",
        "type": kind,
    }


def task(number: int, image: str, *regions: Any, **annotation: Any) -> dict[str, Any]:
    given = {"id": 10 * number, "was_cancelled": False, "result": list(regions), **annotation}
    return {"id": number, "data": {"image": image}, "annotations": [given], "predictions": []}


EYE_IN_PERCENT = [[20, 25], [60, 25], [60, 75], [20, 75]]
LABEL_STUDIO = [
    task(
        1,
        "a.jpg",
        region("polygonlabels", ["eye"], points=EYE_IN_PERCENT, closed=True),
        region("brushlabels", ["mane"], format="rle", rle=brush(MASKS[1])),
        {"type": "choices", "value": {"choices": ["zebra"]}, "id": "c", "from_name": "class"},
    ),
    task(2, "/data/local-files/?d=sub/nothing.jpg"),
]


def png(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "PNG")
    return stream.getvalue()


def labelme_mask() -> dict[str, Any]:
    code = base64.b64encode(png(np.full((2, 2), 255, np.uint8))).decode()
    eye = {"label": "eye", "points": [[1, 1], [2, 2]], "shape_type": "mask", "mask": code}
    return {**LABELME, "shapes": [eye, LABELME["shapes"][1]]}


def panoptic_pixels() -> np.ndarray:
    pixels = np.zeros((4, 5, 3), np.uint8)
    pixels[MASKS[0]], pixels[MASKS[1]] = (1, 2, 0), (7, 0, 3)
    return pixels


def write(path: Path, content: Any) -> Path:
    """A file with these bytes, or with this as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def write_json(document: Any) -> Callable[[Path], None]:
    return lambda folder: (write(folder / "a.json", document), None)[1]


def write_panoptic(folder: Path) -> None:
    write(folder / "val.json", PANOPTIC)
    write(folder / "val" / "a.png", png(panoptic_pixels()))


def write_sam(folder: Path) -> None:
    write(folder / "a.json", SAM)
    write(folder / "labels.json", SAM_NAMES)


def write_sa_1b(folder: Path) -> None:
    image = {"image_id": 1, "file_name": "a.jpg", "height": 4, "width": 5}
    write(folder / "a.json", {"image": image, "annotations": SAM})
    write(folder / "labels.json", [None, "eye", "mane"])


def write_sam_folder(folder: Path) -> None:
    masks = [np.ones((4, 5), bool), *MASKS]
    for i, mask in enumerate(masks):
        write(folder / "a" / f"{i}.png", png((255 * mask).astype(np.uint8)))
    rows = [f"{i},9,0,0,5,4,1,1,{score},0.9,0,0,5,4" for i, score in enumerate((1, 0.5, 0.25))]
    write(folder / "a" / "metadata.csv", "\n".join([SAM_HEAD, *rows]).encode())
    write(folder / "labels.json", SAM_NAMES)


def write_labels(folder: Path) -> None:
    write(folder / "labels.json", {"0": None, "3": "eye", "200": "mane"})
    picture = Image.fromarray((3 * MASKS[0] + 200 * MASKS[1]).astype(np.uint8), "P")
    picture.putpalette([i for c in range(256) for i in (c, 255 - c, 7)])
    picture.save(folder / "a.png")


def write_yolo(folder: Path) -> None:
    write(folder / "data.yaml", b"names: [sky, eye, mane]\n")
    lines = b"1 .2 .25 .4 .25 .4 .5 .2 .5\n2 0.8 0 0.8 0.75 0.8 0.5\n"
    write(folder / "labels" / "a.txt", lines)
    write(folder / "images" / "a.png", png(np.zeros((4, 5, 3), np.uint8)))


def write_voc(folder: Path) -> None:
    values = np.zeros((4, 5), np.uint8)
    values[MASKS[0]], values[MASKS[1]] = 1, 2
    write(folder / "class_names.txt", b"_background_\neye\nmane\n")
    write(folder / "SegmentationClass" / "a.png", png(np.where(values, values, 255)))
    write(folder / "SegmentationObject" / "a.png", png(values))
    write(folder / "JPEGImages" / "a.png", png(np.zeros((4, 5, 3), np.uint8)))


def write_png_folder(folder: Path) -> None:
    write(folder / "a" / "eye.png", png(MASKS[0]))
    grey = (255 * MASKS[1]).astype(np.uint8)
    write(folder / "a" / "mane.png", png(np.stack([grey] * 3, axis=-1)))


def write_celebamask(folder: Path) -> None:
    for number in ("00007", "00008"):
        write(folder / "0" / f"{number}_l_eye.png", png((255 * MASKS[0]).astype(np.uint8)))
        grey = (255 * MASKS[1]).astype(np.uint8)
        write(folder / "0" / f"{number}_hair.png", png(np.stack([grey] * 3, axis=-1)))


def write_npz(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "a.npz", eye=MASKS[0], mane=MASKS[1].astype(np.uint8))


def write_stacked_npz(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "a.npz", masks=MASKS, names=np.array(NAMES))


def write_parquet(folder: Path) -> None:
    """As any program may write it: without groups, sizes of 64 bits, and a column of its own."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {"image_id": "a", "name": "eye", "score": 0.5, **of_parquet(EYE), "note": 1},
        {"image_id": "a", "name": "mane", "score": 0.25, **of_parquet(MANE), "note": 2},
        {"image_id": "sub/nothing", "height": 4, "width": 5},
    ]
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "masks.parquet")


def of_parquet(mask: dict[str, Any]) -> dict[str, Any]:
    return {"height": mask["size"][0], "width": mask["size"][1], "counts": mask["counts"]}


WRITERS: dict[str, Callable[[Path], None]] = {
    "parquet": write_parquet,
    "dinox": write_json(DINOX),
    "grounded_sam_2": write_json(GROUNDED_SAM_2),
    "labelme": write_json(LABELME),
    "labelme, mask": write_json(labelme_mask()),
    "coco, polygon": write_json(coco(EYE_POLYGON)),
    "coco, string": write_json(coco(EYE)),
    "coco, counts": write_json(coco(EYE_RUNS)),
    "coco_panoptic": write_panoptic,
    "cityscapes": write_json(CITYSCAPES),
    "yolo": write_yolo,
    "voc": write_voc,
    "label_studio": write_json(LABEL_STUDIO),
    "sam": write_sam,
    "sam, SA-1B": write_sa_1b,
    "sam_folder": write_sam_folder,
    "sam_numbered": write_json(SAM[1:]),
    "label_png": write_labels,
    "celebamask": write_celebamask,
    "boolean, png": write_png_folder,
    "boolean, npz": write_npz,
    "boolean, stacked npz": write_stacked_npz,
}
OTHERWISE = {
    "celebamask": ("0/00007", ("l_eye", "hair")),
    "yolo": ("images/a", NAMES),
    "sam_numbered": ("a", ("mask 0", "mask 1")),
}
"""Image id and names where a format has its own; else "a" and NAMES."""
ONLY_NAMED = {"sam_numbered"}
"""Formats that are read only where ``format=`` names them."""
SCORED = {"parquet", "dinox", "grounded_sam_2", "sam", "sam_folder", "sam_numbered"}
