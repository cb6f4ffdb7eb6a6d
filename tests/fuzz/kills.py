"""Runs that are killed, and go on: their table is the one of a run that nobody disturbed.

``python -m tests.fuzz.kills --kills 100`` kills process groups and workers, takes the disk away,
and lets two processes write to one store. The engine is one of NumPy, whose values depend on the
batch; ``--tensorflow`` takes a small model of Keras instead.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[2]
N_IMAGES = 14
METHODS = "gradient,smoothgrad"
KINDS = ("group", "group", "worker", "disk", "two")
MAX_SECONDS = 300


def photos() -> dict[str, np.ndarray]:
    """Small photos of noise."""
    random_numbers = np.random.default_rng(0)
    return {
        f"{i:02d}": random_numbers.integers(0, 256, (12, 12, 3)).astype(np.uint8)
        for i in range(N_IMAGES)
    }


def run(folder: Path, methods: str, file_size: int, tensorflow: str) -> None:
    """Explain all photos into a store, and join them; ``file_size`` is what files may have."""
    import resource

    import sat_nb as sat
    from sat_nb.saliency.engines.entries import ENGINES
    from tests.saliency import batch_engine

    if not tensorflow:
        ENGINES["keras"] = batch_engine.ENTRY
    if file_size:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, resource.RLIM_INFINITY))
    images = photos()
    store = sat.explain(
        tensorflow or folder.parent / "linear.npy",
        images,
        methods=methods.split(","),
        preprocess="unit",
        parameters={"smoothgrad": {"n_samples": 8}} if "smoothgrad" in methods else None,
        out=folder,
        progress=False,
        batch_size=4,
    )
    masks = np.zeros((2, 12, 12), bool)
    masks[0, :6], masks[1, 3:, 3:] = True, True
    segments = {i: sat.SegmentationMap(("top", "corner"), masks) for i in images}
    table = sat.build(store, segments)
    sat.write_table(table, folder / "table.parquet")


class Runs:
    """Runs in processes, in one folder of stores."""

    def __init__(self, folder: Path, tensorflow: str = "") -> None:
        self.folder, self.tensorflow = folder, tensorflow
        kernel = np.random.default_rng(0).normal(size=(432, 3)).astype(np.float32)
        np.save(folder / "linear.npy", kernel)
        start = time.monotonic()
        self.expected = self.table("undisturbed")
        self.seconds = time.monotonic() - start

    def start(self, store: str, methods: str = METHODS, file_size: int = 0) -> Any:
        """A run in a process group of its own."""
        arguments = [str(self.folder / store), methods, str(file_size), self.tensorflow]
        return subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.kills", "--run", *arguments],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )

    def table(self, store: str) -> pd.DataFrame:
        """The table of a run that is left alone."""
        import sat_nb as sat

        self.finish(self.start(store))
        return sat.read_table(self.folder / store / "table.parquet")

    @staticmethod
    def finish(process: Any) -> None:
        """Wait for a run that must succeed."""
        _, said = process.communicate(timeout=MAX_SECONDS)
        assert process.returncode == 0, said.decode()[-3000:]

    def disturb(self, store: str, kind: str, rng: random.Random) -> None:
        """Start a run on the store and disturb it."""
        if kind == "two":
            both = [self.start(store, methods) for methods in METHODS.split(",")]
            for one in both:
                self.finish(one)
            return
        process = self.start(store, file_size=rng.randrange(100, 2500) if kind == "disk" else 0)
        if kind != "disk":
            time.sleep(rng.uniform(0.2, 1.0) * self.seconds)
        if kind == "group":
            kill_group(process.pid)
        elif kind == "worker":
            kill_workers(process.pid)
            self.finish(process)
            return
        _, said = process.communicate(timeout=MAX_SECONDS)
        if kind == "disk" and process.returncode:
            assert b"cannot write" in said, said.decode()[-3000:]


def kill_group(pid: int) -> None:
    """Kill a run and its workers, which are groups of their own, at once."""
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(pid).children(recursive=True)
        for one in (psutil.Process(pid), *family):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGKILL)


def kill_workers(pid: int) -> None:
    """Kill the workers of a run."""
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        for one in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGKILL)


def difference(found: pd.DataFrame, expected: pd.DataFrame) -> str:
    """How rows differ beside those that the found table notes; "" if they do not.

    Their order is that in which methods were asked for.
    """
    keys = ["method", "image_id", "segment"]
    found, expected = (one.sort_values(keys, ignore_index=True) for one in (found, expected))
    notes = found.attrs["sat_nb"].pop("other_batches", {})
    noted = {(method, line.split(":")[0]) for method, lines in notes.items() for line in lines}
    keep = [key not in noted for key in zip(expected["method"], expected["image_id"], strict=True)]
    try:
        pd.testing.assert_frame_equal(found[keep], expected[keep], check_exact=True)
    except (AssertionError, ValueError) as error:
        return str(error)
    return "" if found.attrs == expected.attrs else f"{found.attrs} is not {expected.attrs}"


def hunt(folder: Path, seed: str, n_kills: int, each: int = 4, tensorflow: str = "") -> list[str]:
    """Disturb stores ``each`` times before they are finished; how tables differ."""
    rng, runs, wrong = random.Random(seed), Runs(folder, tensorflow), []
    for first in range(0, n_kills, each):
        store = f"store-{first}"
        kinds = [rng.choice(KINDS) for _ in range(min(each, n_kills - first))]
        for kind in kinds:
            runs.disturb(store, kind, rng)
        if said := difference(runs.table(store), runs.expected.copy()):
            wrong.append(f"seed {seed}, {store}, after {kinds}: {said}")
    return wrong


def keras_model(folder: Path) -> str:
    """A small model of Keras, made in a process of its own."""
    program = (
        "import sys, tensorflow as tf; tf.keras.utils.set_random_seed(0); l = tf.keras.layers; "
        "tf.keras.Sequential([l.Input((12, 12, 3)), l.Conv2D(8, 3, activation='relu'), "
        "l.Flatten(), l.Dense(3)]).save(sys.argv[1])"
    )
    file = folder / "model.h5"
    subprocess.run([sys.executable, "-c", program, str(file)], check=True, capture_output=True)
    return str(file)


def main() -> None:
    """Kill so many runs, and say which tables differ."""
    if sys.argv[1:2] == ["--run"]:
        run(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5])
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--tensorflow", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        model = keras_model(folder) if options.tensorflow else ""
        wrong = hunt(folder, options.seed, options.kills, tensorflow=model)
    print("\n".join(wrong))
    print(f"seed {options.seed}: {options.kills} kills, {len(wrong)} tables differ")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
