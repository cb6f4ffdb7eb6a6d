"""What single pages take for granted beside photos, masks, heatmaps and a table."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sat_nb as sat
from sat_nb.toy import toy
from tests.docs.pages import blocks_of

OF_NUMPY = ("docs/how_to/cluster.md",)
"""Pages whose model is explained by an engine of NumPy: what they show is not in the model."""


def is_of_keras(page: str) -> bool:
    """Whether the page explains a Keras model."""
    named = any(re.search(r"model\.h5|sat_nb\.models", block.text) for block in blocks_of(page))
    return named and page not in OF_NUMPY


def made_folder(files: Path, place: Path) -> Path:
    """A copy of the files, with a table of two methods."""
    folder = Path(shutil.copytree(files, place / "user"))
    maps, segments = toy(12)
    named = {"lrp.z": maps["sharp"], "gradient": maps["noisy"]}
    sat.write_table(sat.build(named, segments), folder / "sat.parquet")
    return folder


def scans(folder: Path) -> None:
    """Slices of six patients: DICOM, and label PNGs."""
    from tests.photos.test_medical import CT, write_dicom

    for number, (image_id, found) in enumerate(sat.read_segments(folder / "exports").items()):
        name = f"patient_{number // 2}/slice_{number % 2}"
        grey = np.asarray(Image.open(folder / "photos" / f"{image_id}.png"))[..., 0]
        values = np.zeros(grey.shape, np.uint8)
        for value, mask in enumerate(found.masks[:2], start=1):
            values[mask] = value
        for top in ("scans", "lesions"):
            (folder / top / name).parent.mkdir(parents=True, exist_ok=True)
        write_dicom(folder / "scans" / f"{name}.dcm", grey.astype(np.uint16) + 864, **CT)
        Image.fromarray(values).save(folder / "lesions" / f"{name}.png")
    (folder / "lesions" / "labels.json").write_text(json.dumps({"1": "lesion", "2": "liver"}))


def exports(folder: Path) -> None:
    """What CVAT and Roboflow write, as COCO: photos, and outlines of two names."""
    names = [f"{file.stem}.png" for file in sorted((folder / "photos").iterdir())]
    copied = [f"{Path(name).stem}_png.rf.{k:08x}.png" for name in names[:6] for k in (1, 2)]
    of = {copy: f"{copy.split('_png.rf.')[0]}.png" for copy in copied}
    _coco(folder, "cvat/images", "cvat/annotations/instances_default.json", {n: n for n in names})
    once = {copy: name for copy, name in of.items() if copy.endswith("1.png")}
    for top, copies in (("roboflow", of), ("plain", once)):
        _coco(folder, f"{top}/train", f"{top}/train/_annotations.coco.json", copies)


def _coco(folder: Path, photos: str, file: str, names: dict[str, str]) -> None:
    (folder / photos).mkdir(parents=True)
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for number, (name, source) in enumerate(names.items(), start=1):
        shutil.copy(folder / "photos" / source, folder / photos / name)
        images.append({"id": number, "file_name": name, "height": 20, "width": 16})
        for category in (1, 2):
            top = 8 * (category - 1)
            outline = [0, top, 16, top, 16, top + 8, 0, top + 8]
            item = {"image_id": number, "category_id": category, "segmentation": [outline]}
            annotations.append({"id": len(annotations) + 1, "iscrowd": 0, **item})
    categories = [{"id": 1, "name": "head"}, {"id": 2, "name": "legs"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / file).write_text(json.dumps(content))


def kernel(folder: Path) -> None:
    """A model of the engine of NumPy."""
    from tests.saliency.conftest import saved_kernel

    saved_kernel(folder).rename(folder / "model.h5")


PREPARED: dict[str, Callable[[Path], None]] = {
    "docs/how_to/medical.md": scans,
    "docs/how_to/cvat_roboflow.md": exports,
    "docs/how_to/cluster.md": kernel,
}


@contextmanager
def engine_of_numpy() -> Iterator[None]:
    """Within it, Keras models are explained by NumPy, here and on workers of Dask."""
    dask = pytest.importorskip("dask", reason="needs sat-nb[dask]")
    from tests.saliency import batch_engine
    from tests.saliency.conftest import workers_running
    from tests.table import dask_workers

    with (
        workers_running(batch_engine.ENTRY),
        dask.config.set({"distributed.worker.preload": [dask_workers.PRELOAD]}),
    ):
        yield
