"""Statistics of a million photos on disk: beside bare scans, in seconds and in memory.

    python benchmarks/on_disk.py --photos 20000
    python benchmarks/on_disk.py --folder DIR        # 1,053,000 photos: 72 million rows, 3 GB

Writes simulated ranks of 12 segments under six methods, in shards of 256 photos as ``tabulate``
leaves them, and beside it a folder of the first method alone. Then, each in a process of its own:

(1) ``aggregate`` against DuckDB's bare average of the same columns and files; the bound is 2. The
    first call of a process, which reads what all files say of themselves, stands apart.
(2) 10,000 resamples of mean ranks of one method, from the folder to the intervals; the bound is 5 s
    and 2 GB for a million photos. The other statistics are reported.
(3) The explorer on all rows: how long it takes to open, and clicks, while rows are still being
    copied by method and after that; the bound is 1 s.

Seconds on the clock depend on what else the machine does; processor time is printed beside them.
"""

from __future__ import annotations

import argparse
import glob
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

METHODS = [f"method_{i}" for i in range(6)]
SEGMENTS = np.array([f"part {i:02d}" for i in range(12)], dtype=object)
POSITIONS = np.array(["top-left", "top-centre", "centre-centre", "bottom-left"], dtype=object)
SHARD = 256
N_CLASSES = 1000


def main() -> None:
    """Write the folders, and print what each part finds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=1_053_000)
    parser.add_argument("--folder", type=Path, help="keep the shards here, or use those there")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.part:
        print(json.dumps(measured(options.part, options.folder, options.repeats)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        write_folder(folder / "all", options.photos, METHODS)
        write_folder(folder / "one", options.photos, METHODS[:1])
        for part in [*FIRST, "averages", *STATISTICS, *EXPLORERS]:
            report(part, in_a_process(part, folder, options.repeats))


def report(part: str, found: dict[str, Any]) -> None:
    """One line, or one for each thing measured."""
    peak = found.pop("peak")
    for name, one in found.items():
        print(f"{name}: {one}")
    print(f"    {part}: peak memory {peak / 1e6:.0f} MB")


def in_a_process(part: str, folder: Path, repeats: int) -> dict[str, Any]:
    """What a fresh process measures."""
    command = [sys.executable, __file__, "--part", part, "--folder", str(folder)]
    done = subprocess.run(
        [*command, "--repeats", str(repeats)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def measured(part: str, folder: Path, repeats: int) -> dict[str, Any]:
    """What that part finds, and the peak memory of this process in bytes."""
    import resource

    import duckdb  # noqa: F401
    import pyarrow.dataset  # noqa: F401
    import scipy.stats  # noqa: F401

    if part in FIRST:
        found = first_call(folder)
    elif part == "averages":
        found = averages(folder / "all", repeats)
    elif part in EXPLORERS:
        found = clicks(folder / "all", wait=part == EXPLORERS[1])
    else:
        ask = STATISTICS[part]
        found = {part: in_words(*timed(lambda: ask(str(folder / "one"))))}
    return {**found, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Seconds on the clock, and of the processor."""
    start, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - used


def in_words(seconds: float, of_processor: float) -> str:
    """Both as text."""
    return f"{seconds:.2f} s ({of_processor:.2f} s of processor time)"


# --- (1) ---------------------------------------------------------------------------------------


QUESTIONS = [("relative", "rank"), ("absolute", "rank"), ("relative", "mean_attribution")]


FIRST = ["the first call", "the first call, again", "the first call, once more"]


def first_call(folder: Path) -> dict[str, str]:
    """The first aggregate of these files in this process, beside the bare average."""
    import sat_nb as sat

    one = next(iter((folder / "one").glob("*.parquet")))
    sat.aggregate(one, classes="pool")  # loads the libraries
    average(folder / "all", "rank")
    ours, bare = turn(folder / "all", "relative", "rank")
    ratios = f"{ours[0] / bare[0]:.2f} on the clock, {ours[1] / bare[1]:.2f} of processor time"
    return {"aggregate, first call": f"{ratios}: {in_words(*ours)} / {in_words(*bare)}"}


def averages(folder: Path, repeats: int) -> dict[str, str]:
    """Medians of paired ratios of aggregate over a bare average; the first turn is not counted."""
    found = {}
    for how, value in QUESTIONS:
        turns = [turn(folder, how, value) for _ in range(repeats + 1)][1:]
        clock, processor = (statistics.median(a[i] / b[i] for a, b in turns) for i in (0, 1))
        ours, bare = (
            tuple(statistics.median(one[i] for one in of) for i in (0, 1))
            for of in zip(*turns, strict=True)
        )
        found[f"aggregate, {how} {value}"] = (
            f"{clock:.2f} of a bare average on the clock, {processor:.2f} of its processor time "
            f"(bound 2): {in_words(*ours)} / {in_words(*bare)}"
        )
    return found


def turn(folder: Path, how: str, value: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """The times of aggregate, and of the bare average."""
    import sat_nb as sat

    ours = timed(lambda: sat.aggregate(folder, how=how, value=value, classes="pool"))
    return ours, timed(lambda: average(folder, value))


def average(folder: Path, value: str) -> Any:
    """DuckDB's average of the same files, without any check."""
    import duckdb

    files = sorted(glob.glob(f"{folder}/*.parquet"))
    sql = f"SELECT method, segment, avg({value}), count(*) FROM read_parquet($files) GROUP BY ALL"
    with duckdb.connect() as connection:
        return connection.execute(sql, {"files": files}).fetchall()


# --- (2) ---------------------------------------------------------------------------------------


def statistic(name: str, **options: Any) -> Callable[[str], Any]:
    """The function of that name, with these options."""

    def ask(folder: str) -> Any:
        import sat_nb as sat

        pair = (folder, folder) if name == "difference" else (folder,)
        return getattr(sat, name)(*pair, **options)

    return ask


POOLED: dict[str, Any] = {"classes": "pool"}
ONE: dict[str, Any] = {"method": METHODS[0], **POOLED}

STATISTICS: dict[str, Callable[[str], Any]] = {
    "intervals of mean ranks (bound 5 s, 2 GB)": statistic("intervals", value="rank", **POOLED),
    "intervals of mean ranks, absolute": statistic(
        "intervals", value="rank", how="absolute", **POOLED
    ),
    "intervals of mean attributions": statistic("intervals", **POOLED),
    "compare": statistic("compare", **ONE),
    "evidence": statistic("evidence", **ONE),
    "difference": statistic("difference", **ONE),
    "settled_ranks": statistic("settled_ranks"),
    "aggregate, median of ranks": statistic("aggregate", how="median", value="rank", **POOLED),
}


# --- (3) ---------------------------------------------------------------------------------------


EXPLORERS = ["explorer while it copies", "explorer with its copy"]


def clicks(folder: Path, *, wait: bool) -> dict[str, str]:
    """Seconds until the explorer is there, and of clicks that ask for something new."""
    import sat_nb as sat

    opened: list[Any] = []
    found = {"explorer, opened": in_words(*timed(lambda: opened.append(sat.explore(folder))))}
    explorer = opened[0]
    all_classes = replace(explorer.state, label="all")
    states = {
        "all classes": all_classes,
        "another method": replace(all_classes, methods=(METHODS[3],)),
        "another value": replace(all_classes, value="mean_attribution"),
        "absolute": replace(all_classes, how="absolute"),
        "intervals of ranks": replace(all_classes, intervals=True),
        "one class": replace(all_classes, label=7),
        "right or wrong apart": replace(all_classes, classes="correct"),
        "large masks": replace(all_classes, min_fraction=0.03),
        "one position": replace(all_classes, positions=("top-left",)),
        "without two segments": replace(all_classes, hidden=("part 00", "part 05")),
        "distribution": replace(all_classes, view="distribution"),
        "photos of a segment": replace(all_classes, view="images", segment="part 03"),
        "the table": replace(all_classes, view="table"),
    }
    explorer._confirmed = Everything()
    if wait:
        found["rows copied by method after that"] = in_words(*timed(explorer.data.copy.wait))
    for name, state in states.items():
        found[f"click: {name}"] = in_words(*timed(partial(setattr, explorer, "state", state)))
    assert wait or explorer.data.copy.found is None, "the copy was there before the last click"
    return found


class Everything(set):
    """What has been asked for: all, so that nothing waits for a click."""

    def __contains__(self, key: object) -> bool:
        return True


# --- the tables ---------------------------------------------------------------------------------


def write_folder(folder: Path, n_photos: int, methods: list[str]) -> None:
    """Shards of simulated rows, unless they are there."""
    from sat_nb.table.parquet.files import write_rows

    if folder.exists():
        return
    need = n_photos * len(methods) * len(SEGMENTS) * 45
    assert shutil.disk_usage(folder.parent).free > need, f"{need / 1e9:.0f} GB are needed"
    folder.mkdir()
    for number in range(-(-n_photos // SHARD)):
        size = min(SHARD, n_photos - number * SHARD)
        write_rows(shard(number, size, methods), folder / f"{number:06d}.parquet")


def shard(number: int, n: int, methods: list[str]) -> pd.DataFrame:
    """The rows of some photos, most of which have all segments, photo by photo."""
    rng = np.random.default_rng([7, number])
    m, k = len(METHODS), len(SEGMENTS)
    label = rng.integers(0, N_CLASSES, n)
    predicted = np.where(rng.random(n) < 0.8, label, rng.integers(0, N_CLASSES, n))
    here = rng.random((n, k)) < np.linspace(1, 0.9, k)
    here[:, 0] = True
    mean = rng.standard_normal((n, m, k)) * 0.02 + np.linspace(0.05, 0, k)
    px, score = rng.integers(20, 4000, (n, k)), rng.uniform(0.3, 1, (n, k)).round(3)
    position = POSITIONS[rng.integers(0, len(POSITIONS), (n, k))]
    mean = mean[:, : len(methods)]
    there = np.broadcast_to(here[:, None, :], mean.shape)
    order = np.argsort(np.argsort(np.where(there, -np.abs(mean), np.inf), axis=2), axis=2) + 1.0
    photo, method, segment = np.nonzero(there)
    values = mean[there]
    pixels = px[photo, segment]
    ids = np.array([f"photo-{number * SHARD + i:08d}" for i in range(n)], dtype=object)

    def whole(numbers: Any) -> Any:
        return pd.array(numbers, dtype="Int64")

    return pd.DataFrame(
        {
            "image_id": ids[photo],
            "model": np.full(len(photo), "net", dtype=object),
            "method": np.array(methods, dtype=object)[method],
            "target": whole(predicted[photo]),
            "label": whole(label[photo]),
            "predicted": whole(predicted[photo]),
            "n_segments": here.sum(axis=1)[photo],
            "segment_id": whole(segment),
            "segment": SEGMENTS[segment],
            "mean_attribution": values,
            "abs_mean_attribution": np.abs(values),
            "rank": order[there],
            "total_attribution": values * pixels,
            "mask_px": whole(pixels),
            "mask_fraction": pixels / 50176,
            "position": position[photo, segment],
            "se_mean_attribution": np.nan,
            "n_samples": whole([None] * len(photo)),
            "score": score[photo, segment],
            "tie_tolerance": 1e-9,
        }
    )


if __name__ == "__main__":
    main()
