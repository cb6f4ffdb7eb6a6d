"""What a click in the explorer costs: computing, drawing, and a page of photos.

    python benchmarks/explorer.py [--turns 60] [--images 100000] [--photos 36]

Clicks go through the explorer's own controls, in an order that a seed shuffles, and each asks for
something that is not kept yet: a method more or less, another aggregation, value, test, level,
model, class, segment or filter, in every view of the table's numbers. The results' part of a
click is computing, the rest is drawing and putting it into the widgets. In the same turn the same
pictures are made as plain PNGs (the public function, and ``savefig``). Bound: 100 ms of computing
at the median, and drawing below the plain PNG.

A table of as many images as ``--images`` (2 methods, 12 segments) is then looked at in the same
way; bound: about 1 s a click, tests apart, which wait for a button. The photos are JPEG files of
640 x 480 with maps and masks; bound: 500 ms a page of twelve that was never shown.

Seconds are of this process's processors (``process_time``), which other work on the machine
changes less; of the wall beside them.
"""

from __future__ import annotations

import argparse
import io
import random
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd

import sat_nb as sat
from sat_nb.widgets.explorer import Explorer
from sat_nb.widgets.markup import released
from sat_nb.widgets.views import VIEWS

METHODS = ("deep_taylor", "lrp.epsilon", "lrp.z", "integrated_gradients", "gradient", "smoothgrad")
SEGMENTS = np.array([f"part {i:02d}" for i in range(12)], dtype=object)
Seconds = tuple[float, float]  # of the processor, of the wall


def main() -> None:
    """Print medians and 95 % quantiles."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--photos", type=int, default=36)
    options = parser.parse_args()
    mpl.use("agg")
    warnings.simplefilter("ignore")
    clicks(options.turns)
    pages(options.photos)
    large(options.images, 24)


def clicks(turns: int) -> None:
    """For the small table: computing, drawing, and plain PNGs of the same figures."""
    explorer = sat.explore(table_of(100, METHODS, ("half_marked", "unmarked")))
    timer = Timer()
    timer.watch()
    compute, draw, plain, clicked = [], [], [], []
    for change in changes(turns):
        own, whole = timer.of(lambda change=change: explorer._change(**change))
        compute.append(own)
        clicked.append(whole)
        if VIEWS[explorer.state.view].draw is not None:
            draw.append((whole[0] - own[0], whole[1] - own[1]))
            plain.append(seconds(lambda: as_plain_png(explorer)))
    say("100 images x 6 methods x 12 segments x 2 models: a click, whole", clicked, "95 %: 150 ms")
    say("computing it", compute, "100 ms")
    say("drawing it", draw, "plain PNG")
    say("plain PNGs of the same", plain)
    ratios = [own[0] / png[0] for own, png in zip(draw, plain, strict=True)]
    print(f"drawing / plain PNG: median {statistics.median(ratios):.2f}, {shown(ratios)}; bound 1")
    kept = [
        seconds(lambda view=view: explorer._change(view=view)) for view in ("bars", "diagram") * 5
    ]
    say("back to what was shown before", kept[2:])
    timer.unwatch()


def large(n_images: int, turns: int) -> None:
    """For the large table: the whole click."""
    table = table_of(n_images, METHODS[:2], ("half_marked",))
    begin = time.perf_counter()
    explorer = sat.explore(table)
    print(f"{len(table):,} rows: the explorer is there after {time.perf_counter() - begin:.1f} s")
    views = ("bars", "table", "distribution")
    spent = [
        seconds(lambda change=change: explorer._change(**change))
        for change in changes(turns, views=views, intervals=False)
    ]
    say(f"{n_images:,} images x 2 methods x 12 segments: a click, whole", spent, "1 s")
    explorer._change(view="diagram")
    say("a diagram, on demand", [seconds(explorer._confirm)])


def pages(n_photos: int) -> None:
    """For photos from files: pages shown for the first time, and one shown before."""
    with tempfile.TemporaryDirectory() as folder:
        explorer = sat.explore(**photos_of(n_photos, Path(folder)))
        explorer._change(view="images", segment=SEGMENTS[0], outlines="segment")
        fresh = [seconds(lambda p=p: explorer._change(page=p)) for p in range(1, n_photos // 12)]
        opacity = [seconds(lambda o=o: explorer._change(opacity=o)) for o in (0.5, 0.6, 0.7, 0.8)]
        say("a page of 12 photos of 640 x 480, never shown", fresh, "500 ms")
        say("the same page at another opacity", opacity)


# --- what is clicked ----------------------------------------------------------------------------


def changes(n: int, views: tuple[str, ...] = (), *, intervals: bool = True) -> list[dict[str, Any]]:
    """That many different clicks, the same in every run."""
    rng = random.Random(0)
    views = views or ("bars", "bars", "diagram", "distribution", "agreement", "table", "unusual")
    steps: list[dict[str, Any]] = []
    for i in range(n):
        change: dict[str, Any] = rng.choice(
            [
                {"methods": tuple(rng.sample(METHODS, rng.choice([1, 1, 2])))},
                {"value": rng.choice(["rank", "mean_attribution", "abs_mean_attribution"])},
                {"how": rng.choice(["relative", "absolute"])},
                {"intervals": intervals and rng.random() < 0.8},
                {"alpha": round(rng.uniform(0.01, 0.2), 3)},
                {"segment": str(rng.choice(SEGMENTS))},
                {"hidden": (str(rng.choice(SEGMENTS)),)},
                {"correct": rng.choice([None, True])},
                {"label": rng.choice([0, 1])},
            ]
        )
        steps.append({"view": views[i % len(views)], **change, "min_fraction": i / 10_000})
    return steps


# --- measuring ----------------------------------------------------------------------------------


def seconds(work: Callable[[], Any]) -> Seconds:
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


class Timer:
    """Adds up the time of the views' results within the time of a click."""

    def __init__(self) -> None:
        self.spent: Seconds = (0.0, 0.0)
        self._before = dict(VIEWS)

    def watch(self) -> None:
        """Time the results of all views from now on."""
        for name, view in self._before.items():
            VIEWS[name] = replace(view, result=self._timed(view.result))

    def unwatch(self) -> None:
        """Restore the views."""
        VIEWS.update(self._before)

    def of(self, work: Callable[[], Any]) -> tuple[Seconds, Seconds]:
        """The time of the results, and of all, for some work."""
        self.spent = (0.0, 0.0)
        whole = seconds(work)
        return self.spent, whole

    def _timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            found: list[Any] = []
            cpu, wall = seconds(lambda: found.append(function(*arguments)))
            self.spent = self.spent[0] + cpu, self.spent[1] + wall
            return found[0]

        return timed


def as_plain_png(explorer: Explorer) -> None:
    """The panels that are shown, drawn by the public functions and written by matplotlib."""
    view = VIEWS[explorer.state.view]
    assert view.draw is not None
    for result in explorer._snapshot.results():
        figure = released(view.draw(result, explorer.state, None))
        figure.savefig(io.BytesIO(), format="png", dpi=100)


def shown(ratios: list[float]) -> str:
    low, _, high = statistics.quantiles(ratios, n=4)
    return f"the middle half {low:.2f} to {high:.2f}"


def say(what: str, spent: list[Seconds], bound: str = "") -> None:
    cpu, wall = ([1000 * s[i] for s in spent] for i in (0, 1))
    limit = f"; bound {bound}" if bound else ""
    print(
        f"{what}: median {statistics.median(cpu):.0f} ms of the processor "
        f"(95 %: {np.quantile(cpu, 0.95):.0f}), {statistics.median(wall):.0f} ms of the wall "
        f"({np.quantile(wall, 0.95):.0f}), n = {len(spent)}{limit}",
        flush=True,
    )


# --- the data -----------------------------------------------------------------------------------


def table_of(n_images: int, methods: tuple[str, ...], models: tuple[str, ...]) -> pd.DataFrame:
    """Images with 9 to 12 of 12 segments, as ``build`` makes them; two classes."""
    rng = np.random.default_rng(0)
    k = len(SEGMENTS)
    there = rng.random((n_images, k)) < 0.9
    there[:, 0] = True
    blocks, columns = np.nonzero(np.tile(there, (len(methods) * len(models), 1)))
    images = blocks % n_images
    strength = np.linspace(1.2, 0.2, k)[columns] + 0.4 * rng.standard_normal(len(columns))
    order = np.lexsort((-np.abs(strength), blocks))
    first = np.r_[0, np.flatnonzero(np.diff(blocks)) + 1]
    ranks = np.empty(len(blocks))
    ranks[order] = np.arange(len(blocks)) - np.repeat(first, np.diff(np.r_[first, len(blocks)]))
    ids = np.array([f"photos/{i:06d}" for i in range(n_images)], dtype=object)
    labels = np.arange(n_images) % 2
    predicted = np.where(rng.random(n_images) < 0.9, labels, 1 - labels)
    px = rng.integers(50, 9000, there.shape)[images, columns]
    group = blocks // n_images
    return pd.DataFrame(
        {
            "image_id": ids[images],
            "model": np.array(models, dtype=object)[group // len(methods)],
            "method": np.array(methods, dtype=object)[group % len(methods)],
            "target": pd.array(labels[images], dtype="Int64"),
            "label": pd.array(labels[images], dtype="Int64"),
            "predicted": pd.array(predicted[images], dtype="Int64"),
            "n_segments": there.sum(axis=1)[images],
            "segment_id": pd.array(columns, dtype="Int64"),
            "segment": SEGMENTS[columns],
            "mean_attribution": strength,
            "abs_mean_attribution": np.abs(strength),
            "rank": ranks + 1,
            "total_attribution": strength * px,
            "mask_px": pd.array(px, dtype="Int64"),
            "mask_fraction": px / 224**2,
            "position": "centre-centre",
            "se_mean_attribution": np.nan,
            "n_samples": pd.array(np.full(len(blocks), 1), dtype="Int64"),
            "score": rng.uniform(0.3, 1.0, there.shape)[images, columns],
        }
    )


def photos_of(n: int, folder: Path) -> dict[str, Any]:
    """Photos and exports in files, maps of 224 x 224 in memory, and their table."""
    from PIL import Image

    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (480 + n, 640, 3), dtype=np.uint8)
    rows, columns = np.mgrid[0:480, 0:640]
    maps = {"lrp.z": {}}
    (folder / "photos").mkdir()
    for i in range(n):
        image_id = f"{i:03d}"
        Image.fromarray(noise[i : i + 480]).save(folder / "photos" / f"{image_id}.jpg", quality=90)
        middles = rng.uniform((60, 60), (420, 580), (len(SEGMENTS), 2))
        masks = np.array([(rows - r) ** 2 + (columns - c) ** 2 < 50**2 for r, c in middles])
        export = folder / "exports" / f"{image_id}.json"
        sat.write_dinox(export, sat.SegmentationMap(tuple(SEGMENTS), masks))
        maps["lrp.z"][image_id] = rng.standard_normal((224, 224, 3)).astype(np.float32)
    segments = sat.read_segments(folder / "exports")
    table = sat.build(maps, segments, fit="stretch")
    images = sat.read_images(folder / "photos")
    return {"table": table, "images": images, "maps": maps, "segments": segments}


if __name__ == "__main__":
    main()
