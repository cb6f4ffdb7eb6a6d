"""Workers that die and runs that are stopped: errors in words, and the next call goes on.

None of it depends on the engine, so a small one is used; ``test_process`` kills one of TensorFlow.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sat_nb.errors import InvalidInput, WorkerFailed
from sat_nb.saliency.explain import explain
from sat_nb.saliency.process import worker as process
from sat_nb.saliency.store.store import AttributionStore
from tests.saliency import linear_engine
from tests.saliency.conftest import saved_kernel, workers_running

ROOT = Path(__file__).parents[2]
OPTIONS = {"methods": "gradient", "preprocess": "signed", "progress": False}
posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


@pytest.fixture(scope="module", autouse=True)
def _workers_of_the_small_engine():
    with workers_running(linear_engine.ENTRY):
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The kernel of three classes."""
    return saved_kernel(tmp_path_factory.mktemp("linear"))


@pytest.fixture
def deadly(monkeypatch):
    """deadly(image_id, n): the worker is killed the first n times that it gets this image."""

    def kill(image_id, n_times, command="analyze"):
        request, left = process.Worker.request, [n_times]

        def killed(worker, name, arguments, *, doing):
            if name == command and repr(image_id) in doing and left[0]:
                left[0] -= 1
                worker.kill()
            return request(worker, name, arguments, doing=doing)

        monkeypatch.setattr(process.Worker, "request", killed)

    return kill


@posix
@pytest.mark.parametrize("command", ["analyze", "predict", "build"])
@pytest.mark.filterwarnings("ignore:max_memory")
def test_one_death_is_forgiven(command, deadly, model, images):
    deadly("gradient" if command == "build" else "b", 1, command)
    assert len(explain(model, images, **OPTIONS)["gradient"]) == 5


@posix
@pytest.mark.parametrize(("batch_size", "workers"), [(1, 1), (5, 1), (5, 2)])
@pytest.mark.filterwarnings("ignore:max_memory")
def test_last_death_names_the_image(batch_size, workers, deadly, model, images, tmp_path):
    n_times = 2 if batch_size == 1 else 3
    deadly("b", n_times)
    options = {**OPTIONS, "out": tmp_path, "batch_size": batch_size, "workers": workers}
    with pytest.raises(
        WorkerFailed, match=rf"image 'b': the worker crashed {n_times} times.*signal 9\) while"
    ):
        explain(model, images, **options)
    done = AttributionStore.open(tmp_path)["gradient"]
    assert workers == 2 or "a" in done
    assert "b" not in done
    assert len(explain(model, images, **options)["gradient"]) == 5


def test_error_of_one_worker_ends_all_in_words(model, images):
    def preprocess(batch):
        return batch / 0 if (batch == batch.max()).all() else batch

    white = np.full((12, 12, 3), 255, np.uint8)
    many = {**images, "white": white, **{f"{i}": images["a"] for i in range(20)}}
    options = {**OPTIONS, "preprocess": preprocess, "workers": 2, "batch_size": 1}
    with np.errstate(all="ignore"), pytest.raises(InvalidInput, match="NaN or infinite values"):
        explain(model, many, **options)


# --- programs that end ---------------------------------------------------------------------------


@posix
def test_worker_ends_with_a_killed_parent():
    program = """
import os, signal
from sat_nb.saliency.process import worker

print(worker.Worker(worker.Program("tests.saliency.linear_engine")).pid, flush=True)
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
import signal, sys
from sat_nb.saliency import execute as batches
from sat_nb.saliency.engines.entries import ENGINES
from tests.saliency import linear_engine
from tests.saliency.test_stopping import run_of_many

ENGINES["keras"] = linear_engine.ENTRY

signal.signal(signal.SIGINT, signal.default_int_handler)  # off in a shell's background jobs
asked = batches.ask

def ask(command, doing, **arguments):
    if command == "analyze":
        print(doing, flush=True)
    return asked(command, doing, **arguments)

batches.ask = ask
run_of_many(sys.argv[1], sys.argv[2], int(sys.argv[3]))
print("finished", flush=True)
"""


def run_of_many(model, out, workers):
    """24 photos by two methods, of which one takes its time."""
    random = np.random.default_rng(0)
    return explain(
        model,
        {str(i): random.integers(0, 256, (12, 12, 3)).astype(np.uint8) for i in range(24)},
        methods=["gradient", "smoothgrad"],
        preprocess="unit",
        parameters={"smoothgrad": {"n_samples": 999}},
        out=out,
        progress=False,
        batch_size=4,
        workers=workers,
    )


@posix
@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopped_run_keeps_whole_maps_and_goes_on(how, workers, model, tmp_path):
    arguments = [str(model), str(tmp_path / "m"), workers]
    command = [sys.executable, "-c", RUN, *arguments]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True)
    lines = [first.stdout.readline() for _ in range(12)]
    asked = time.monotonic()
    first.send_signal(how)
    first.stdout.read()
    code = first.wait(timeout=30)
    assert time.monotonic() - asked < 3
    assert code != 0
    assert "finished" not in "".join(lines)

    done = {file: file.stat().st_mtime_ns for file in (tmp_path / "m").rglob("*.map")}
    assert 4 <= len([f for f in done if not f.name.startswith(".")]) < 48
    for method, maps in AttributionStore.open(tmp_path / "m").items():
        assert all(np.isfinite(attribution).all() for attribution in maps.values()), method

    run_of_many(model, tmp_path / "m", 1)
    assert all(file.stat().st_mtime_ns == when for file, when in done.items())
    store = AttributionStore.open(tmp_path / "m")
    assert {m: len(store[m]) for m in store} == {"gradient": 24, "smoothgrad": 24}


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] == "Z")
