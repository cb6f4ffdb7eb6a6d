"""An interrupt ends a run that is kept on disk at once, and the next call goes on from there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

import sat_nb as sat

ROOT = Path(__file__).parents[2]

RUN = """
import signal, sys
from sat_nb.saliency.engines.entries import ENGINES
from sat_nb.saliency.process import pool
from tests.interventions import curved_engine
from tests.interventions.test_interrupt import run_of_many

ENGINES["keras"] = curved_engine.ENTRY
signal.signal(signal.SIGINT, signal.default_int_handler)  # off in a shell's background jobs
asked = pool.WorkerPool.request

def request(self, command, arguments, *, doing):
    answer = asked(self, command, arguments, doing=doing)
    print(command, *self.pids(), flush=True)
    return answer

pool.WorkerPool.request = request
run_of_many(sys.argv[1], sys.argv[2])
print("finished", flush=True)
"""


def run_of_many(model: str | Path, out: str | Path | None) -> pd.DataFrame:
    """100 photos in shards of four."""
    random = np.random.default_rng(0)
    ids = [f"photo {i:03d}" for i in range(100)]
    masks = np.zeros((3, 6, 8), bool)
    for i, mask in enumerate(masks):
        mask[2 * i : 2 * i + 2] = True
    segments = sat.SegmentationMap(("sky", "tree", "grass"), masks)
    return sat.intervene(
        model,
        {i: random.integers(0, 256, (6, 8, 3), dtype=np.uint8) for i in ids},
        dict.fromkeys(ids, segments),
        measures="shapley",
        replace=["grey"],
        preprocess="unit",
        out=out,
        shard_images=4,
        progress=False,
    )


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
def test_an_interrupted_run_goes_on_and_leaves_no_worker(curved: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUN, str(curved), str(tmp_path / "out")]
    run = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert run.stdout is not None
    lines = [run.stdout.readline() for _ in range(12)]
    pid = int(lines[-1].split()[-1])
    assert psutil.pid_exists(pid)
    run.send_signal(signal.SIGINT)
    start = time.monotonic()
    said, errors = run.communicate(timeout=60)
    assert time.monotonic() - start < 20
    assert "finished" not in said
    assert run.returncode != 0
    assert "KeyboardInterrupt" in errors
    _, left = psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], 10)
    assert not left

    reports = sorted((tmp_path / "out" / "reports").glob("*.json"))
    assert 1 <= len(reports) < 25
    written = {file: file.stat().st_mtime_ns for file in reports}
    found = run_of_many(curved, tmp_path / "out")
    assert {file: file.stat().st_mtime_ns for file in written} == written
    whole = run_of_many(curved, tmp_path / "whole")
    pd.testing.assert_frame_equal(found, whole)
