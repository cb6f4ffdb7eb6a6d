"""The worker dies, is killed or interrupted: errors in words, and the next call goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from sat_nb.errors import InvalidInput, WorkerFailed
from sat_nb.saliency import AttributionStore, explain, process
from sat_nb.saliency.server import answer

ROOT = Path(__file__).parents[2]
OPTIONS = {"methods": "gradient", "preprocess": "signed", "progress": False}
SLOW = {"smoothgrad": {"n_samples": 3_000_000}}

posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


@posix
def test_killed_worker_is_named_and_replaced(model_files, images):
    explain(model_files["logits.h5"], images, **OPTIONS)
    pid = process.shared_worker().pid
    threading.Timer(1.0, os.kill, (pid, signal.SIGKILL)).start()
    slow = {**OPTIONS, "methods": "smoothgrad", "parameters": SLOW}
    with pytest.raises(WorkerFailed, match=r"signal 9\) while computing 'smoothgrad' of 'a'"):
        explain(model_files["logits.h5"], images, **slow)
    assert len(explain(model_files["logits.h5"], images, **OPTIONS)["gradient"]) == 5
    assert process.shared_worker().pid != pid


def test_log_tail_is_in_the_error(model_files):
    worker = process.Worker()
    os.write(worker._log.fileno(), b"out of memory, says the log")
    worker._process.kill()
    with pytest.raises(WorkerFailed, match="(?s)while testing.*out of memory, says the log"):
        worker.request("facts", {}, doing="testing")
    assert not worker.alive()


def test_unexpected_errors_carry_the_traceback(model_files, images):
    with pytest.raises(WorkerFailed, match=r"(?s)KeyError.*while testing.*Traceback"):
        process.shared_worker().request("no such command", {}, doing="testing")
    assert process.shared_worker().alive()


def test_errors_travel_as_data():
    def refuse():
        raise InvalidInput("model: no")

    assert answer({"f": lambda x: x + 1}, "f", {"x": 1}) == {"value": 2}
    assert answer({"f": refuse}, "f", {}) == {"error": "InvalidInput", "message": "model: no"}
    assert "ZeroDivisionError" in answer({"f": lambda: 1 / 0}, "f", {})["traceback"]


def test_worker_module_refuses_other_processes():
    with pytest.raises(ImportError, match="process of its own"):
        import sat_nb.saliency.worker  # noqa: F401


@posix
def test_worker_ends_with_a_killed_parent():
    program = """
from sat_nb.saliency.process import Worker
import os, signal
print(Worker().pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, cwd=ROOT, check=False
    )
    pid = int(done.stdout)
    until = time.monotonic() + 60
    while _runs(pid) and time.monotonic() < until:
        time.sleep(0.2)
    assert not _runs(pid)


RUN = """
import json, signal, sys
import numpy as np
from sat_nb.saliency import explain, batches

signal.signal(signal.SIGINT, signal.default_int_handler)  # off in a shell's background jobs

random = np.random.default_rng(0)
images = {str(i): random.integers(0, 256, (12, 12, 3)).astype(np.uint8) for i in range(40)}
asked, batches_done = batches.ask, []

def ask(command, doing, **arguments):
    if command == "analyze":
        batches_done.append(doing)
        print(doing, flush=True)
    return asked(command, doing, **arguments)

batches.ask = ask
explain(sys.argv[1], images, methods=["gradient", "smoothgrad"], preprocess="unit",
        parameters={"smoothgrad": {"n_samples": int(sys.argv[3])}}, out=sys.argv[2],
        progress=False, batch_size=4)
print("finished", flush=True)
"""


@posix
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopped_run_keeps_whole_maps_and_goes_on(how, model_files, tmp_path):
    command = [sys.executable, "-c", RUN, str(model_files["logits.h5"]), str(tmp_path / "m"), "999"]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True)
    lines = [first.stdout.readline() for _ in range(12)]
    asked = time.monotonic()
    first.send_signal(how)
    first.stdout.read()
    code = first.wait(timeout=30)
    assert time.monotonic() - asked < 3
    assert code != 0
    assert "finished" not in "".join(lines)

    done = {file: file.stat().st_mtime_ns for file in (tmp_path / "m").rglob("*.npy")}
    assert 4 <= len([f for f in done if not f.name.startswith(".")]) < 80
    for method, maps in AttributionStore.open(tmp_path / "m").items():
        assert all(np.isfinite(attribution).all() for attribution in maps.values()), method

    second = subprocess.run(command, capture_output=True, cwd=ROOT, text=True, check=True)
    assert second.stdout.endswith("finished\n")
    assert all(file.stat().st_mtime_ns == when for file, when in done.items())
    store = AttributionStore.open(tmp_path / "m")
    assert {m: len(store[m]) for m in store} == {"gradient": 40, "smoothgrad": 40}


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] == "Z")
