"""Cost of the join against one np.sum over the same maps, in one run.

    python benchmarks/join.py

100 images x 12 masks x 6 methods, maps (224, 224, 3) float32 in memory, masks on the
maps' grid and padded, code warm. The bound is 2 x np.sum, and 1.2 x np.sum in as many threads as
there are cores, which join images side by side. Boolean indexing, one mask at a
time, is the plain way, and is measured for comparison.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import sat_nb as sat
from sat_nb.processors import n_cores

SIDE = 224


def main() -> None:
    """Print the medians of paired ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--masks", type=int, default=12)
    parser.add_argument("--methods", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    maps, segments = make_input(options.images, options.masks, options.methods)
    ours, bound = paired(
        lambda: sat.build(maps, segments, pad_px=0), lambda: plain_sums(maps), options.repeats
    )
    threaded = paired(
        lambda: sat.build(maps, segments, pad_px=0),
        lambda: sums_on_all_cores(maps),
        options.repeats,
    )
    indexing = timed(lambda: boolean_indexing(maps, segments))
    print(f"np.sum over all maps    {bound[0]:.3f} s (median of {options.repeats})")
    print(f"build                   {ours[0]:.3f} s")
    ratios = sorted(a / b for a, b in zip(ours[1], bound[1], strict=True))
    print(
        f"build / np.sum          {statistics.median(ratios):.2f} "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f}); bound 2"
    )
    ratios = sorted(a / b for a, b in zip(threaded[0][1], threaded[1][1], strict=True))
    print(
        f"build / sum, all cores  {statistics.median(ratios):.2f} "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f}); bound 1.2"
    )
    print(f"boolean indexing / sum  {indexing / bound[0]:.1f}")


def make_input(n_images: int, n_masks: int, n_methods: int) -> tuple[dict, dict]:
    """Random maps, and masks as in an export: blobs, and a background that covers the rest."""
    rng = np.random.default_rng(0)
    ids = [f"image_{i:03d}" for i in range(n_images)]
    segments = {image_id: blobs(rng, n_masks) for image_id in ids}
    maps = {
        f"method_{m}": {i: rng.standard_normal((SIDE, SIDE, 3), dtype=np.float32) for i in ids}
        for m in range(n_methods)
    }
    return maps, segments


def blobs(rng: np.random.Generator, n: int) -> sat.SegmentationMap:
    """n - 1 ellipses of 1 to 10 % of the image, padded by 2 px, and the background."""
    y, x = np.mgrid[:SIDE, :SIDE]
    centres = rng.uniform(0.15, 0.85, (n - 1, 2)) * SIDE
    radii = rng.uniform(0.06, 0.18, (n - 1, 2)) * SIDE
    masks = [
        ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 <= 1
        for (cy, cx), (ry, rx) in zip(centres, radii, strict=True)
    ]
    masks.append(~np.any(masks, axis=0))
    return sat.SegmentationMap(tuple(f"part {i}" for i in range(n)), np.stack(masks)).pad(2)


def plain_sums(maps: dict) -> list[float]:
    """The bound: read every map once."""
    return [float(np.sum(a)) for by_id in maps.values() for a in by_id.values()]


def sums_on_all_cores(maps: dict) -> list[float]:
    """The same in as many threads as `build` uses: images go side by side."""
    arrays = [a for by_id in maps.values() for a in by_id.values()]
    with ThreadPoolExecutor(n_cores()) as threads:
        return list(threads.map(lambda a: float(np.sum(a)), arrays))


def boolean_indexing(maps: dict, segments: dict) -> list[float]:
    """The plain way: index each map with each mask."""
    return [
        float(a[mask].sum(dtype=np.float64) / mask.sum())
        for by_id in maps.values()
        for image_id, a in by_id.items()
        for mask in segments[image_id].masks
    ]


def paired(
    first: Callable[[], object], second: Callable[[], object], repeats: int
) -> tuple[tuple[float, list[float]], tuple[float, list[float]]]:
    """Medians and seconds of two functions run in turns, after one warm-up each."""
    first(), second()
    pairs = [(timed(first), timed(second)) for _ in range(repeats)]
    a, b = ([p[k] for p in pairs] for k in (0, 1))
    return (statistics.median(a), a), (statistics.median(b), b)


def timed(function: Callable[[], object]) -> float:
    """Seconds of one call."""
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
