"""Cost of tables that are made shard by shard: rate, memory, and time beside the bare steps.

    python benchmarks/scale.py
    python benchmarks/scale.py --photos 1000000        # an hour or two
    python benchmarks/scale.py --model model.h5 --images photos/ --segments exports/

(a) `tabulate` over simulated photos with an engine of a few lines of NumPy and maps of 12 x 12:
    photos and rows a second, and the peak memory of this process, at two numbers of photos. What a
    photo adds to it, the ids of photos and masks included, is to be at most 300 bytes beyond what
    the collections of photos and masks hold anyway.
(b) `tabulate` over bare `explain` and `build` in memory, on real photos and a real model where
    they are given, on simulated ones otherwise; the bound is 1.1.

Each measurement of (a) runs in a process of its own. What a cluster makes of it, and of kills, is
measured by `scale_cluster.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import sat_nb as sat
from sat_nb.by_id import ById

ROOT = Path(__file__).parents[1]
SIZE = (12, 12)
N_SEGMENTS = 12
SIMULATED: dict[str, Any] = {"methods": "gradient", "preprocess": "unit", "batch_size": 64}


def main() -> None:
    """Print rates, memory and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=20_000, help="the larger number, for (a)")
    parser.add_argument("--fewer", type=int, default=2_000, help="the smaller number, for (a)")
    parser.add_argument("--repeats", type=int, default=3, help="for (b)")
    parser.add_argument("--model", help="a real model, for (b)")
    parser.add_argument("--images", help="its photos")
    parser.add_argument("--segments", help="their masks")
    parser.add_argument("--preprocess", default="caffe")
    parser.add_argument("--count", type=int, default=24, help="how many of them")
    parser.add_argument("--only", choices="ab", help="one of the two")
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.measure:
        print(json.dumps(measured(options.measure)))
        return
    if options.only != "b":
        rates(options.fewer, options.photos)
    if options.only != "a":
        ratios(options)


# --- (a) ---------------------------------------------------------------------------------------


def rates(fewer: int, more: int) -> None:
    """Photos and rows a second, and what a further photo adds to the memory."""
    found = {n: in_a_process(n) for n in (fewer, more)}
    for n, one in found.items():
        print(
            f"(a) {n:>9,} photos  {n / one['seconds']:7.0f} photos/s  "
            f"{one['rows'] / one['seconds']:8.0f} rows/s  peak {one['peak'] / 1e6:6.0f} MB, of "
            f"which ids {one['ids'] / 1e6:.0f} MB"
        )
    added = [found[n]["peak"] - found[n]["ids"] for n in (fewer, more)]
    print(f"    a further photo adds {(added[1] - added[0]) / (more - fewer):.0f} bytes; bound 300")


def in_a_process(n_photos: int) -> dict[str, float]:
    """What a fresh process measures."""
    command = [sys.executable, __file__, "--measure", str(n_photos)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measured(n_photos: int) -> dict[str, float]:
    """Seconds, rows, and bytes: the peak of this process, and what ids took before the call."""
    import resource

    import psutil

    with engine_of_numpy() as model, tempfile.TemporaryDirectory() as folder:
        warm = Photos(64), Masks(64)
        sat.tabulate(model, *warm, out=f"{folder}/warm", progress=False, **SIMULATED)
        before = psutil.Process().memory_info().rss
        photos, masks = Photos(n_photos), Masks(n_photos)
        ids = psutil.Process().memory_info().rss - before
        start = time.perf_counter()
        table = sat.tabulate(model, photos, masks, out=f"{folder}/sat", progress=False, **SIMULATED)
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return {"seconds": seconds, "rows": table.n_rows, "peak": peak, "ids": ids}


class Photos(sat.ImageSet):
    """Photos of noise, made when they are asked for."""

    def __init__(self, n: int) -> None:
        super().__init__({})
        self._ids = dict.fromkeys(f"photo-{i:08d}" for i in range(n))

    def _keys(self) -> Collection[str]:
        return self._ids.keys()

    def _value(self, key: str) -> Any:
        rng = np.random.default_rng(int(key[6:]))
        return rng.integers(0, 256, (*SIZE, 3)).astype(np.uint8)


class Masks(ById[sat.SegmentationMap]):
    """The masks of such photos: stripes."""

    holds = "masks"

    def __init__(self, n: int) -> None:
        self._ids = dict.fromkeys(f"photo-{i:08d}" for i in range(n))
        stripes = np.zeros((N_SEGMENTS, *SIZE), bool)
        for i, stripe in enumerate(stripes):
            stripe[i % SIZE[0]] = True
        self._stripes = sat.SegmentationMap(tuple(f"part {i}" for i in range(N_SEGMENTS)), stripes)

    def _keys(self) -> Collection[str]:
        return self._ids.keys()

    def _value(self, key: str) -> sat.SegmentationMap:
        return self._stripes


@contextmanager
def engine_of_numpy() -> Iterator[Path]:
    """A model file, and the engine of a few lines of NumPy that explains it meanwhile."""
    sys.path.insert(0, str(ROOT))
    from tests.saliency import linear_engine
    from tests.saliency.conftest import saved_kernel, workers_running

    with workers_running(linear_engine.ENTRY), tempfile.TemporaryDirectory() as folder:
        yield saved_kernel(Path(folder))


# --- (b) ---------------------------------------------------------------------------------------


def ratios(options: argparse.Namespace) -> None:
    """The medians of paired ratios of tabulate over explain and build."""
    if options.model:
        images = sat.read_images(options.images)
        segments = sat.read_segments(options.segments)
        some = [i for i in images if i in segments][: options.count]
        told: dict[str, Any] = {"methods": sat.PAPER_METHODS, "preprocess": options.preprocess}
        images, segments = images.select(some), segments.select(some)
        compare(options.model, images, segments, told, options.repeats)
        return
    with engine_of_numpy() as model:
        compare(model, Photos(2_000), Masks(2_000), SIMULATED, options.repeats)


def compare(model: Any, images: Any, segments: Any, told: dict[str, Any], repeats: int) -> None:
    """Both ways in turn, warm."""
    told = {**told, "progress": False}
    first = next(iter(images))
    sat.explain(model, {first: images[first]}, **told)
    plain, streamed = [], []
    for _ in range(repeats):
        plain.append(timed(lambda: sat.build(sat.explain(model, images, **told), segments)))
        folder = tempfile.mkdtemp()
        streamed.append(timed(partial(sat.tabulate, model, images, segments, out=folder, **told)))
        shutil.rmtree(folder)
    for i, clock in enumerate(("seconds", "processor seconds")):
        a, b = ([pair[i] for pair in times] for times in (streamed, plain))
        found = sorted(x / y for x, y in zip(a, b, strict=True))
        print(
            f"(b) {len(images):,} photos, {clock}: explain and build {statistics.median(b):.1f}, "
            f"tabulate {statistics.median(a):.1f}: {statistics.median(found):.2f} "
            f"({found[0]:.2f} to {found[-1]:.2f}); bound 1.1"
        )


def timed(work: Any) -> tuple[float, float]:
    """Seconds that the work takes, and those of processors, in this process and ended ones."""
    start, used = time.perf_counter(), sum(os.times()[:4])
    work()
    return time.perf_counter() - start, sum(os.times()[:4]) - used


if __name__ == "__main__":
    main()
