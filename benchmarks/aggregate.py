"""Cost of ``aggregate`` on a folder of shards against a bare average of the same files, in one run.

    python benchmarks/aggregate.py [--rows 2e7] [--folder DIR]

Writes the rows in batches of images with ``write_table``, partitioned by model and method, and
adds up the ``segment_totals`` of each batch in memory. Two processes then answer in turns:
one calls ``aggregate``, the other has DuckDB compute ``avg ... GROUP BY method, segment``. The
bounds are 1.5 times the bare average, 1 GB of memory, and the sums in memory to 1e-9.
``--folder`` keeps the shards, and uses shards that exist.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

METHODS = [f"method_{i}" for i in range(6)]
SEGMENTS = np.array([f"part {i}" for i in range(20)], dtype=object)
IMAGES = 10_000  # of a batch
QUESTIONS = [("relative", "mean_attribution"), ("absolute", "mean_attribution")]
QUESTIONS += [("relative", "rank"), ("absolute", "rank")]


def main() -> None:
    """Print medians of paired ratios, times, peak memory and the largest difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=float, default=2e7)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="keep the shards here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary) / "table"
        sums = folder.with_name(folder.name + "-sums.parquet")
        if not sums.exists():
            check_room(folder, options.rows)
            write_shards(folder, options.rows).to_parquet(sums)
        run(folder, pd.read_parquet(sums), options.repeats)
        run_without_footer(folder, Path(temporary) / "plain.parquet")


def run(folder: Path, sums: pd.DataFrame, repeats: int) -> None:
    """Ask both processes each question in turns."""
    ours, bare = Peer(aggregate, folder), Peer(average, folder)
    for how, value in QUESTIONS:
        ours(how, value), bare(how, value)
        turns = [(ours(how, value), bare(how, value)) for _ in range(repeats)]
        ratios = sorted(a[0] / b[0] for a, b in turns)
        a, b = (statistics.median(turn[k][0] for turn in turns) for k in (0, 1))
        print(
            f"{how} {value}: aggregate / average {statistics.median(ratios):.2f} "
            f"({ratios[0]:.2f} to {ratios[-1]:.2f}); bound 1.5; {a:.2f} s / {b:.2f} s"
        )
        print(f"    largest difference: {difference(turns[0][0][1], sums, how, value):.1e}")
    print(f"peak memory, MB: aggregate {ours.peak():.0f}, average {bare.peak():.0f}; bound 1000")


def run_without_footer(folder: Path, file: Path) -> None:
    """Aggregate the same rows from a file of another program, which is checked in full."""
    import duckdb

    source = "read_parquet($files, hive_partitioning = true)"
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * FROM {source}) TO '{file}' (FORMAT parquet)",
            {"files": f"{folder}/*/*/*.parquet"},
        )
    peer = Peer(aggregate, file)
    seconds, _ = peer("absolute", "rank")
    print(
        f"one file without a footer of ours, absolute rank: {seconds:.1f} s, {peer.peak():.0f} MB"
    )


def difference(answer: pd.DataFrame, sums: pd.DataFrame, how: str, value: str) -> float:
    """Largest difference from the sums in memory, as a share of the mean size of the values."""
    from sat_nb.table.aggregations import AGGREGATIONS

    sums = sums[sums["value"] == value].set_index(["method", "segment"])
    expected = AGGREGATIONS[how].function(sums)
    size = sums["size"] / sums["n_images"]
    found = answer.set_index(["method", "segment"])[value]
    assert len(found) == len(expected)
    return float(((found - expected).abs() / size).max())


# --- the contenders -----------------------------------------------------------------------------


class Peer:
    """A process of its own: ``peer(how, value)`` is (seconds there, answer)."""

    def __init__(self, compute: Any, path: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=serve, args=(other, compute, path), daemon=True)
        self.process.start()

    def __call__(self, how: str, value: str) -> tuple[float, pd.DataFrame]:
        """(seconds, answer)."""
        self.pipe.send((how, value))
        return self.pipe.recv()

    def peak(self) -> float:
        """Peak resident memory on Linux, in MB."""
        self.pipe.send(None)
        return self.pipe.recv()


def serve(pipe: Any, compute: Any, path: Path) -> None:
    """Answer questions until asked for the peak memory."""
    while (asked := pipe.recv()) is not None:
        begin = time.perf_counter()
        answer = compute(path, *asked)
        pipe.send((time.perf_counter() - begin, answer))
    status = Path("/proc/self/status").read_text().split()
    pipe.send(int(status[status.index("VmHWM:") + 1]) / 1e3)


def aggregate(path: Path, how: str, value: str) -> pd.DataFrame:
    """The sums of this project."""
    import sat_nb as sat

    return sat.aggregate(path, how=how, value=value)


def average(folder: Path, how: str, value: str) -> pd.DataFrame:
    """DuckDB alone, as its documentation uses it."""
    import duckdb

    with duckdb.connect() as connection:
        return connection.execute(
            f"SELECT method, segment, avg({value}) FROM read_parquet($files, hive_partitioning = "
            "true) GROUP BY method, segment",
            {"files": f"{folder}/*/*/*.parquet"},
        ).df()


# --- the rows -----------------------------------------------------------------------------------


def check_room(folder: Path, n_rows: float) -> None:
    """Stop before the disk is full."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    needed, free = n_rows * 120, shutil.disk_usage(folder.parent).free
    if free < needed:
        raise SystemExit(f"{folder.parent}: {needed / 1e9:.1f} GB needed, {free / 1e9:.1f} GB free")


def write_shards(folder: Path, n_rows: float) -> pd.DataFrame:
    """Write batches of images until there are enough rows; returns their exact sums."""
    import sat_nb as sat

    rng = np.random.default_rng(0)
    parts: list[pd.DataFrame] = []
    written = batches = 0
    begin = time.perf_counter()
    while written < n_rows:
        table = batch(rng, batches * IMAGES)
        sat.write_table(table, folder, partition_by=("model", "method"))
        parts += [sums_in_memory(table, value) for _, value in QUESTIONS[1:3]]
        written, batches = written + len(table), batches + 1
    print(f"{written} rows in {6 * batches} shards, {time.perf_counter() - begin:.0f} s")
    groups = pd.concat(parts).groupby(["value", "method", "segment"])
    return groups.agg(math.fsum).reset_index()


def sums_in_memory(table: pd.DataFrame, value: str) -> pd.DataFrame:
    """What ``aggregate`` computes in memory, and the sum of the values' sizes."""
    from sat_nb.table.totals import segment_totals

    sums = segment_totals(table, value=value, by=["method"])
    sizes = table[value].abs().groupby([table["method"], table["segment"]]).sum()
    return sums.assign(size=sizes).reset_index().assign(value=value)


def batch(rng: np.random.Generator, first: int) -> pd.DataFrame:
    """Images with 8 to 16 of 20 segments, or none, under six methods, as ``build`` makes them."""
    n = rng.integers(8, 17, IMAGES)
    n[rng.random(IMAGES) < 0.01] = 0
    per_block = np.repeat(n, len(METHODS))
    rows = np.maximum(per_block, 1)
    blocks = np.repeat(np.arange(rows.size), rows)
    numbers = np.arange(rows.sum()) - np.repeat(np.cumsum(rows) - rows, rows)
    vacant = per_block[blocks] == 0
    images = blocks // len(METHODS)
    order = np.argsort(rng.random((IMAGES, len(SEGMENTS))), axis=1)
    means = np.where(vacant, np.nan, rng.standard_normal(blocks.size) * 1e-3)
    ranks = np.empty(blocks.size)
    ranks[np.lexsort((-np.abs(means), blocks))] = numbers + 1.0
    px = rng.integers(50, 9000, blocks.size)
    ids = np.array([f"class_{(first + i) // 1000}/{first + i:07d}" for i in range(IMAGES)], object)
    classes = pd.array((first + images) // 1000, dtype="Int64")
    unknown = pd.array([None] * blocks.size, dtype="Int64")
    return pd.DataFrame(
        {
            "image_id": ids[images],
            "model": "vgg16",
            "method": np.array(METHODS, dtype=object)[blocks % len(METHODS)],
            "target": classes,
            "label": unknown,
            "predicted": classes,
            "n_segments": per_block[blocks],
            "segment_id": pd.arrays.IntegerArray(numbers, vacant),
            "segment": np.where(vacant, None, SEGMENTS[order[images, numbers]]),
            "mean_attribution": means,
            "abs_mean_attribution": np.abs(means),
            "rank": np.where(vacant, np.nan, ranks),
            "total_attribution": means * px,
            "mask_px": pd.arrays.IntegerArray(px, vacant),
            "mask_fraction": px / 224**2,
            "position": "centre-centre",
            "se_mean_attribution": np.nan,
            "n_samples": unknown,
            "score": rng.random(blocks.size),
        }
    )


if __name__ == "__main__":
    main()
