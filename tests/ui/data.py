"""Data for the tests in a browser: rendered photos, six made-up methods, two models; and a table
whose names are written to do harm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

import sat_nb as sat
from sat_nb.reproduction.equids import CLASS_NAMES, render
from sat_nb.toy import NAMES, toy

N_IMAGES = 64
SIZE, GRID = 96, 48  # of photos and of maps, in pixels
NOISE = {"deep_taylor": 0.3, "lrp.z": 0.5, "lrp.epsilon": 0.5, "gradient": 2.0}
NOISE |= {"integrated_gradients": 0.7, "smoothgrad": 1.0}
STRENGTH = {"stripes": 0.6, "head": 0.4, "legs": 0.25, "background": -0.1, "tail": 0.05}
MODELS = {"half_marked": 0.9, "unmarked": 0.05}  # how much it looks at the watermark

SCRIPT = "<img src=x onerror=alert(1)>"
LONG = ("a very long name " * 11 + "that ends here")[:200]
HARMFUL = (SCRIPT, LONG, "$\\frac{1}{0}$", "</table><script>alert(2)</script>", "a'\"&b")


@dataclass(frozen=True)
class Explored:
    """The arguments of ``explore``."""

    table: pd.DataFrame
    images: Any
    maps: Any
    segments: Any

    def __iter__(self) -> Any:
        return iter((self.table, self.images, self.maps, self.segments))


def write(folder: Path) -> None:
    """Write photos, exports, maps and the table as a user would have them."""
    (folder / "maps").mkdir(parents=True)
    rng = np.random.default_rng(0)
    labels, segments = {}, {}
    for i in range(N_IMAGES):
        label = i % 2
        image_id = f"{CLASS_NAMES[label]}/{i:03d}"
        photo = render(CLASS_NAMES[label], index=i, split="test", size=SIZE, watermark=i % 4 != 0)
        segmentation = photo.segmentation.merged()
        scores = rng.uniform(0.3, 1.0, len(segmentation.names)).round(2)
        scored = sat.SegmentationMap(segmentation.names, segmentation.masks, scores)
        file = folder / "photos" / f"{image_id}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo.pixels).save(file)
        (folder / "exports" / image_id).parent.mkdir(parents=True, exist_ok=True)
        sat.write_dinox(folder / "exports" / f"{image_id}.json", scored)
        labels[image_id], segments[image_id] = label, scored
    predicted = {i: label if k % 9 else 1 - label for k, (i, label) in enumerate(labels.items())}
    tables = []
    for model, watermark in MODELS.items():
        maps = {
            method: {i: heatmap(s, noise, watermark, rng) for i, s in segments.items()}
            for method, noise in NOISE.items()
        }
        for method, found in maps.items():
            np.savez(folder / "maps" / f"{model}.{method}.npz", **found)
        tables.append(sat.build(maps, segments, labels=labels, model=model))
    table = pd.concat(tables, ignore_index=True)
    table["predicted"] = table["image_id"].map(predicted).astype("Int64")
    table["herd"] = table["image_id"].str[-3:].astype(int) // 4
    sat.write_table(table, folder / "sat.parquet")


def load(folder: str | Path) -> Explored:
    """What ``write`` has written, as a notebook would read it."""
    folder = Path(folder)
    maps = {
        model: {method: np.load(folder / "maps" / f"{model}.{method}.npz") for method in NOISE}
        for model in MODELS
    }
    return Explored(
        sat.read_table(folder / "sat.parquet"),
        sat.read_images(folder / "photos"),
        maps,
        sat.read_segments(folder / "exports"),
    )


def study(folder: str | Path) -> SimpleNamespace:
    """The zebras, all of them marked, as a study gives them, with maps that cost nothing."""
    table, images, maps, segments = load(folder)
    zebras = {image_id: masks for image_id, masks in segments.items() if "zebra" in image_id}
    photos = SimpleNamespace(marked=images, segments=zebras)
    return SimpleNamespace(table=table[table["label"] == 1], photos=photos, maps_by_model=maps)


def mathematical_masks() -> sat.SegmentationMap:
    """Masks whose names are mathematics for MathJax, or turn the direction of writing."""
    names = ("$x^2$", "\\(\\alpha\\)", "$$\\beta$$", "eye\u202ed", "\u05d0 1")
    return sat.SegmentationMap(names, np.eye(5, dtype=bool)[:, None])


def harmful() -> Explored:
    """The toy table under names that are markup, mathematics, or 200 characters long."""
    maps, segments = toy()
    names = dict(zip(NAMES, HARMFUL, strict=True))
    rename = {image_id: f"{image_id}<b>{SCRIPT}" for image_id in segments}
    renamed = {rename[i]: s.rename(names) for i, s in segments.items()}
    their = {
        f"{method}{SCRIPT}": {rename[i]: one for i, one in found.items()}
        for method, found in maps.items()
    }
    photos = {
        image_id: np.clip(96 + 64 * next(iter(their.values()))[image_id], 0, 255).astype(np.uint8)
        for image_id in renamed
    }
    return Explored(sat.build(their, renamed, model=f"m{SCRIPT}"), photos, their, renamed)


def heatmap(
    segmentation: sat.SegmentationMap, noise: float, watermark: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A strength for each part, with noise, on a grid half as fine as the photo."""
    fine = np.zeros(segmentation.size)
    for name, mask in zip(segmentation.names, segmentation.masks, strict=True):
        fine += mask * (watermark if name == "watermark" else STRENGTH.get(name, 0.1))
    coarse = fine.reshape(GRID, 2, GRID, 2).mean(axis=(1, 3))
    return (coarse + noise * rng.standard_normal((GRID, GRID))).astype(np.float32)
