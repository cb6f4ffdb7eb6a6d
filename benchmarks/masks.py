"""Reading and resizing mask exports against pycocotools and Pillow, in one run; peak memory.

    python benchmarks/masks.py [--images 1000] [--masks 12] [--turns 5]

DINO-X exports (coco_rle) of 640 x 480 pixels, brought to 224 x 224. The peers parse the same files
with json: one decodes every mask with pycocotools and resizes it with Pillow (by area) one at a
time; the other only decodes. In every turn each goes once over all files. Bounds: 5 times the
first peer's speed, or 1.5 times the bare decoding's time. The peak is that of a process of its own
that reads a tenth of the images, or all.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools import mask as coco

import sat_nb as sat

HEIGHT, WIDTH, SIDE = 480, 640, 224


def main() -> None:
    """Print the medians of paired ratios, and the peaks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--masks", type=int, default=12)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_exports(folder, options.images, options.masks)
        tasks = {"ours": ours, "reading alone": reading, "one at a time": peer, "decoding": bare}
        times = in_turns({k: lambda f=f: f(folder) for k, f in tasks.items()}, options.turns)
        for key, seconds in times.items():
            print(f"{key:16} {statistics.median(seconds):.2f} s")
        print("one at a time / ours  ", ratio(times["one at a time"], times["ours"]), " bound 5")
        print("ours / decoding       ", ratio(times["ours"], times["decoding"]), " bound 1.5")
        print(
            "reading / decoding    ", ratio(times["reading alone"], times["decoding"]), flush=True
        )
        for n in (options.images // 10, options.images):
            print(f"growth of the peak over {n} images: {peak(folder, n) / 1024:.1f} MB")


def make_exports(folder: Path, n_images: int, n_masks: int) -> None:
    """Exports of ellipses of 1 to 10 % of the image."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    for i in range(n_images):
        centres = rng.uniform(0.15, 0.85, (n_masks, 2)) * (HEIGHT, WIDTH)
        radii = rng.uniform(0.06, 0.18, (n_masks, 2)) * (HEIGHT, WIDTH)
        masks = [
            ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 <= 1
            for (cy, cx), (ry, rx) in zip(centres, radii, strict=True)
        ]
        names = tuple(f"part {k}" for k in range(n_masks))
        sat.write_dinox(folder / f"{i:04d}.json", sat.SegmentationMap(names, np.stack(masks)))


def ours(folder: Path) -> int:
    """Every export read and resized."""
    return sum(len(s.resize((SIDE, SIDE))) for s in sat.read_segments(folder).values())


def reading(folder: Path) -> int:
    """Every export read."""
    return sum(len(segmentation) for segmentation in sat.read_segments(folder).values())


def peer(folder: Path) -> int:
    """Every mask decoded and resized, one at a time."""
    n = 0
    for mask in decoded(folder):
        grey = Image.fromarray(mask * np.uint8(255))
        small = np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BOX)) >= 128
        n += small.ndim > 0
    return n


def bare(folder: Path) -> int:
    """Every mask decoded."""
    return sum(1 for _ in decoded(folder))


def decoded(folder: Path):  # type: ignore[no-untyped-def]
    """Each mask of each export as pycocotools decodes it."""
    for file in sorted(folder.glob("*.json")):
        for item in json.loads(file.read_text())["objects"]:
            yield coco.decode(item["mask"])


def in_turns(tasks: dict[str, Callable[[], int]], n_turns: int) -> dict[str, list[float]]:
    """Seconds of each task in every turn; a first turn is left out."""
    times: dict[str, list[float]] = {key: [] for key in tasks}
    for _ in range(n_turns + 1):
        for key, task in tasks.items():
            begin = time.process_time()
            task()
            times[key].append(time.process_time() - begin)
    return {key: seconds[1:] for key, seconds in times.items()}


def ratio(first: list[float], second: list[float]) -> str:
    """Median of the paired ratios, and their range."""
    ratios = [a / b for a, b in zip(first, second, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def peak(folder: Path, n_images: int) -> int:
    """The growth of a process's peak memory, in kB, while it reads and resizes n images."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_growth, (folder, n_images))


def _growth(folder: Path, n_images: int) -> int:
    segments = sat.read_segments(folder)
    ids = list(segments)
    segments[ids[0]].resize((SIDE, SIDE))  # what is imported counts before
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for image_id in ids[:n_images]:
        segments[image_id].resize((SIDE, SIDE))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


if __name__ == "__main__":
    main()
