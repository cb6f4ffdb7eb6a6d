"""Tables made by a Dask cluster: beside bare processes, and under kills.

    python benchmarks/scale_cluster.py
    python benchmarks/scale_cluster.py --model model.h5 --images photos/ --segments exports/
    python benchmarks/scale_cluster.py --kills 20 --only d

(c) Two Dask workers, whose engines have one thread each, against two processes that call `tabulate`
    on half of the photos each, on a core of their own. Both open the model; both have made a few
    shards before, so that libraries are loaded. The bound is .9 of the processes' rate.
(d) A table of shards whose values depend on the batch, made over and over by a scheduler and two
    workers that are programs of their own, while a worker, the scheduler with its workers, or the
    client is killed at random instants. Every finished table is compared, file by file, with the
    one of a run that nobody disturbed.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import sat_nb as sat

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

SIDE, N_SEGMENTS = 64, 12


def main() -> None:
    """Print the ratio, and what the kills did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices="cd", help="one of the two")
    parser.add_argument("--model", help="a real model, for (c)")
    parser.add_argument("--images", help="its photos")
    parser.add_argument("--segments", help="their masks")
    parser.add_argument("--preprocess", default="caffe")
    parser.add_argument("--photos", type=int, default=2_000, help="how many, for (c)")
    parser.add_argument("--repeats", type=int, default=3, help="for (c)")
    parser.add_argument("--kills", type=int, default=20, help="for (d)")
    parser.add_argument("--seed", type=int, default=0, help="of the kills")
    parser.add_argument("--half", nargs=6, help=argparse.SUPPRESS)
    parser.add_argument("--client", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.half:
        run_half(*options.half)
    elif options.client:
        run_client(*options.client)
    else:
        if options.only != "d":
            beside_processes(options)
        if options.only != "c":
            under_kills(options.kills, random.Random(options.seed))


# --- (c) ---------------------------------------------------------------------------------------


def beside_processes(options: argparse.Namespace) -> None:
    """Seconds of both ways in turn, and their ratios."""
    with tempfile.TemporaryDirectory() as folder, work(options, Path(folder)) as (paths, told):
        images, segments = read(*paths[1:])
        with cluster(told) as client:
            workers, processes = [], []
            for turn in range(-1, options.repeats):  # the first warms up
                seed = {"seed": turn + 1}
                out = f"{folder}/dask{turn}"
                start = time.perf_counter()
                sat.tabulate(paths[0], images, segments, out=out, client=client, **told, **seed)
                workers.append(time.perf_counter() - start)
                processes.append(halves(folder, paths, options.preprocess, turn))
        found = sorted(b / a for a, b in zip(workers[1:], processes[1:], strict=True))
        print(
            f"(c) {len(images):,} photos: two workers {statistics.median(workers[1:]):.1f} s, two "
            f"processes {statistics.median(processes[1:]):.1f} s: rate "
            f"{statistics.median(found):.2f} ({found[0]:.2f} to {found[-1]:.2f}) of theirs; "
            "bound 0.9"
        )


@contextmanager
def work(options: argparse.Namespace, folder: Path) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """Paths of a model, photos and masks, and what `tabulate` is told."""
    if options.model:
        chosen = sat.read_segments(options.segments)
        photos = sat.read_images(options.images)
        some = [i for i in photos if i in chosen][: options.photos]
        (folder / "photos").mkdir()
        for image_id in some:
            file = photos.file(image_id)
            link = folder / "photos" / f"{image_id}{file.suffix}"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file.resolve())
        masks = sat.write_segments(folder / "masks.parquet", chosen.select(some))
        yield [options.model, str(folder / "photos"), str(masks)], real(options.preprocess)
        return
    from tests.saliency import batch_engine
    from tests.saliency.conftest import saved_kernel, workers_running

    simulate(folder, options.photos)
    with workers_running(batch_engine.ENTRY):
        model = str(saved_kernel(folder))
        yield [model, str(folder / "photos"), str(folder / "masks.parquet")], SIMULATED


SIMULATED: dict[str, Any] = {
    "methods": ["gradient", "smoothgrad"],
    "preprocess": "unit",
    "shard_images": 64,
    "progress": False,
}


def real(preprocess: str) -> dict[str, Any]:
    return {
        "methods": sat.PAPER_METHODS,
        "preprocess": preprocess,
        "shard_images": 8,
        "progress": False,
    }


def simulate(folder: Path, n_photos: int) -> None:
    """Photos of noise as PNG, and masks in one Parquet file."""
    from PIL import Image

    (folder / "photos").mkdir()
    rng = np.random.default_rng(0)
    for number in range(n_photos):
        pixels = rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "photos" / f"{number:06d}.png")
    stripes = np.zeros((N_SEGMENTS, SIDE, SIDE), bool)
    for number, stripe in enumerate(stripes):
        stripe[5 * number : 5 * number + 5] = True
    found = sat.SegmentationMap(tuple(f"part {i}" for i in range(N_SEGMENTS)), stripes)
    ids = (f"{number:06d}" for number in range(n_photos))
    sat.write_segments(folder / "masks.parquet", dict.fromkeys(ids, found))


def read(photos: str, masks: str) -> tuple[Any, Any]:
    return sat.read_images(photos), sat.read_segments(masks)


@contextmanager
def cluster(told: dict[str, Any]) -> Iterator[Any]:
    """Two workers of one thread on this machine."""
    from distributed import Client, LocalCluster

    from tests.table.dask_workers import PRELOAD

    preload = {"preload": [PRELOAD]} if told is SIMULATED else {}
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options, **preload) as started, Client(started) as client:
        yield client


def halves(folder: str, paths: list[str], preprocess: str, turn: int) -> float:
    """Seconds that two processes take for half of the photos each."""
    kind = "real" if preprocess and not paths[0].endswith(".npy") else "simulated"
    running = []
    for half in range(2):
        arguments = [
            *paths,
            f"{folder}/half{turn}-{half}",
            f"{half} {turn}",
            f"{kind} {preprocess}",
        ]
        command = [sys.executable, __file__, "--half", *arguments]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        running.append(subprocess.Popen(command, cwd=ROOT, text=True, **pipes))
    for one in running:
        assert one.stdout.readline() == "ready\n"
    start = time.perf_counter()
    for one in running:
        one.stdin.write("go\n")
        one.stdin.flush()
    assert [one.wait() for one in running] == [0, 0]
    return time.perf_counter() - start


def run_half(model: str, photos: str, masks: str, out: str, which: str, how: str) -> None:
    """What such a process does: it is ready, waits for a word, and makes its half."""
    half, turn = map(int, which.split())
    kind, preprocess = how.split()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[half % len(cores)]})
    images, segments = read(photos, masks)
    told = real(preprocess) if kind == "real" else SIMULATED
    if kind == "simulated":
        from sat_nb.saliency.engines.entries import ENGINES
        from tests.saliency import batch_engine

        ENGINES["keras"] = batch_engine.ENTRY
    n = len(images)
    mine = list(images)[half * (n // 2) : (n // 2 if half == 0 else n)]
    warm = images.select(mine[:8]), segments.select(mine[:8])
    sat.tabulate(model, *warm, out=f"{out}-warm", **told, seed=turn + 1)  # libraries are loaded
    print("ready", flush=True)
    sys.stdin.readline()
    images, segments = images.select(mine), segments.select(mine)
    sat.tabulate(model, images, segments, out=out, **told, seed=turn + 1)


# --- (d) ---------------------------------------------------------------------------------------

N_PHOTOS = 120
DISTURBED: dict[str, Any] = {"shard_images": 2, "batch_size": 2}


def under_kills(n_kills: int, rng: random.Random) -> None:
    """Kill, start again, and compare, until there were so many kills and a last table is whole."""
    from tests.saliency import batch_engine
    from tests.saliency.conftest import workers_running
    from tests.table.dask_workers import Programs
    from tests.table.tabulating import made

    killed: Counter[str] = Counter()
    n_tables, start = 0, time.monotonic()
    with tempfile.TemporaryDirectory() as name, workers_running(batch_engine.ENTRY):
        place = made(Path(name) / "place", N_PHOTOS)
        place.tabulate("alone", **DISTURBED)
        expected, programs = place.files("alone"), Programs()
        client: subprocess.Popen[bytes] | None = None
        try:
            programs.start(2)
            while True:
                client = client or started(programs.address, place.folder)
                last = killed.total() >= n_kills
                ended = waited(client, None if last else rng.uniform(0.5, 12))
                if ended is None:
                    killed[kill(rng, programs, client)] += 1
                elif ended == 0:
                    assert place.files() == expected, "another table"
                    n_tables += 1
                    if not last:
                        shutil.rmtree(place.folder / "sat")
                client = client if client.poll() is None else None
                if last and ended == 0:
                    break
        finally:
            programs.kill()
            if client is not None:
                client.kill()
    kinds = ", ".join(f"{n} of {kind}" for kind, n in killed.items())
    print(
        f"(d) {killed.total()} kills ({kinds}): "
        f"{n_tables} tables of {len(expected)} shards, all as without kills; "
        f"{time.monotonic() - start:.0f} s"
    )


def started(address: str, folder: Path) -> subprocess.Popen[bytes]:
    """A process that asks the cluster for the table."""
    command = [sys.executable, __file__, "--client", address, str(folder)]
    with (folder / "client.log").open("ab") as log:
        return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)


def waited(client: subprocess.Popen[bytes], seconds: float | None) -> int | None:
    """How the client ended; None where it is still at work after so many seconds."""
    try:
        return client.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def kill(rng: random.Random, programs: Any, client: subprocess.Popen[bytes]) -> str:
    """Kill one of them, and start what was killed again."""
    kind = rng.choice(["worker", "worker", "scheduler", "client"])
    if kind == "client":
        client.kill()
        client.wait()
    elif kind == "worker":
        programs.kill_worker()
    else:
        programs.kill()
        time.sleep(rng.uniform(0, 2))
        programs.start(2)
    return kind


def run_client(address: str, folder: str) -> None:
    """What such a process does."""
    from distributed import Client

    from tests.table.tabulating import Place

    with Client(address, timeout=120) as client:
        Place(Path(folder)).tabulate(client=client, **DISTURBED)


if __name__ == "__main__":
    main()
