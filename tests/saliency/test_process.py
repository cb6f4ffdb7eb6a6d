"""The worker dies, is killed or interrupted: errors in words, and the next call goes on."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from sat_nb.errors import InvalidInput, WorkerFailed
from sat_nb.saliency.explain import explain
from sat_nb.saliency.process import pool
from sat_nb.saliency.process import worker as process
from sat_nb.saliency.process.budget import Budget, read_bytes
from sat_nb.saliency.process.server import answer
from tests.saliency.conftest import KERAS

ROOT = Path(__file__).parents[2]
OPTIONS = {"methods": "gradient", "preprocess": "signed", "progress": False}
posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


@posix
def test_killed_worker_is_replaced_and_its_image_retried(model_files, images, monkeypatch):
    few = images.select(["a", "b"])
    slow = {**OPTIONS, "methods": "smoothgrad", "parameters": {"smoothgrad": {"n_samples": 9_000}}}
    expected = explain(model_files["logits.h5"], few, **slow)["smoothgrad"]
    (pid,) = pool.shared_pool(KERAS).pids()
    request, timers = process.Worker.request, []

    def killed_soon(worker, command, arguments, *, doing):
        if command == "analyze" and not timers:
            timers.append(threading.Timer(0.1, os.kill, (pid, signal.SIGKILL)))
            timers[0].start()
        return request(worker, command, arguments, doing=doing)

    monkeypatch.setattr(process.Worker, "request", killed_soon)
    maps = explain(model_files["logits.h5"], few, **slow)["smoothgrad"]
    timers[0].join()
    assert pool.shared_pool(KERAS).pids() != [pid]
    for image_id in few:  # retried with as many samples at once, added up in the same order
        np.testing.assert_array_equal(maps[image_id], expected[image_id])


# --- several workers ---------------------------------------------------------------------------


def test_several_workers_give_the_same_maps(model_files, images, tmp_path):
    methods = ["gradient", "lrp.z", "smoothgrad"]
    options = {**OPTIONS, "methods": methods, "batch_size": 1}
    shared = explain(model_files["logits.h5"], images, **options, workers=2, out=tmp_path)
    assert len(pool.shared_pool(KERAS, 2).pids()) == 2
    alone = explain(model_files["logits.h5"], images, **options)
    assert dict(shared.facts) == dict(alone.facts)
    for method in methods:
        assert list(shared[method]) == list(images)
        for image_id in images:
            expected = alone[method][image_id]  # other numbers of threads add up in another order
            rounding = 1e-5 * np.abs(expected).max()
            np.testing.assert_allclose(shared[method][image_id], expected, atol=rounding, rtol=0)


@pytest.mark.parametrize("workers", [0, 1.5, "2"])
def test_workers_are_counted(workers, model_files, images):
    with pytest.raises(InvalidInput, match="workers: expected a whole number >= 1"):
        explain(model_files["logits.h5"], images, **OPTIONS, workers=workers)


# --- memory ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hungry(keras, tmp_path_factory):
    """A model that takes tens of megabytes an image, though little time, and 16 images."""
    layers = keras.layers
    convolutions = [layers.Conv2D(64, 1, activation="relu") for _ in range(3)]
    ends = [layers.GlobalAveragePooling2D(), layers.Dense(3)]
    model = keras.Sequential([layers.Input((128, 128, 3)), *convolutions, *ends])
    path = tmp_path_factory.mktemp("hungry") / "hungry.h5"
    model.save(path)
    random = np.random.default_rng(0)
    sizes = (16, 128, 128, 3)
    return path, dict(
        zip("abcdefghijklmnop", random.integers(0, 256, sizes, np.uint8), strict=True)
    )


@pytest.fixture
def answers(monkeypatch):
    """All answers of workers."""
    seen, request = [], process.Worker.request

    def remember(*arguments, **more):
        seen.append(request(*arguments, **more))
        return seen[-1]

    monkeypatch.setattr(process.Worker, "request", remember)
    return seen


@pytest.fixture(scope="module")
def sampled(hungry):
    """SmoothGrad of one photo without a limit; tests with one limit then share a worker."""
    model, images = hungry
    one = {"a": images["a"]}
    return explain(model, one, **{**OPTIONS, "methods": "smoothgrad", "samples": 16})


def test_batches_shrink_below_max_memory(hungry, sampled, answers):
    model, images = hungry
    pool.stop_workers()
    options = {**OPTIONS, "batch_size": 16}
    free = explain(model, images, **options)
    most, idle = max(a.peak for a in answers), answers[1].before
    limit = idle + (most - idle) // 2
    assert most - idle > 200_000_000
    answers.clear()
    many = {f"{i}{n}": pixels for n in range(2) for i, pixels in images.items()}
    with pytest.warns(UserWarning, match="gradient goes .* at once, not 16, to stay below .* MB"):
        capped = explain(model, many, **options, max_memory=limit)
    assert max(a.peak for a in answers) < limit
    assert max(len(a.value) for a in answers[2:]) > 1
    for image_id in images:
        expected = free["gradient"][image_id]
        off = abs(capped["gradient"][f"{image_id}1"] - expected).max() / abs(expected).max()
        assert off < 1e-5


def test_worker_above_its_limit_ends_and_batches_are_halved(hungry, monkeypatch):
    model, images = hungry
    monkeypatch.setattr(Budget, "at_once", lambda b, kind, limit: b._caps.get(kind, limit))
    with pytest.warns(
        UserWarning, match="gradient goes through the model 8 inputs at once, not 16"
    ):
        maps = explain(model, images, **OPTIONS, batch_size=16, max_memory="800MB")
    assert len(maps["gradient"]) == 16


def test_points_of_a_sampling_method_are_halved_too(hungry, sampled, monkeypatch):
    model, images = hungry
    monkeypatch.setattr(Budget, "at_once", lambda b, kind, limit: b._caps.get(kind, limit))
    one = {"a": images["a"]}
    options = {**OPTIONS, "methods": "smoothgrad", "samples": 16}
    with pytest.warns(
        UserWarning, match=r"smoothgrad goes through the model \d+ inputs at once, not 16"
    ):
        capped = explain(model, one, **options, max_memory="800MB")
    expected = sampled["smoothgrad"]["a"]
    assert abs(capped["smoothgrad"]["a"] - expected).max() < 1e-5 * abs(expected).max()


def test_too_little_memory(model_files, images, tmp_path):
    match = "max_memory: 90 MB is not enough for loading '.*logits.h5'; give more"
    with pytest.raises(WorkerFailed, match=match):
        explain(model_files["logits.h5"], images, **OPTIONS, max_memory="90MB")


def test_out_of_memory_inside_the_worker_is_known(monkeypatch):
    class ResourceExhaustedError(Exception):
        """As TensorFlow names it."""

    def fail():
        raise ResourceExhaustedError("OOM when allocating")

    assert answer({"f": fail}, "f", {})["error"] == "out of memory"
    with pytest.raises(process.WorkerOutOfMemory, match="not enough memory for testing.*OOM when"):
        process._value(answer({"f": fail}, "f", {}), "testing")


@pytest.mark.parametrize(
    ("size", "n_bytes"),
    [(None, None), (5, 5), ("4GB", 4 * 10**9), ("4 gib", 4 << 30), ("100", 100), ("1.5k", 1500)],
)
def test_sizes_in_words(size, n_bytes):
    assert read_bytes(size) == n_bytes


@pytest.mark.parametrize("size", [0, -1, True, 2.5, "", "much", "4 PB", "0GB"])
def test_sizes_that_are_none(size):
    with pytest.raises(InvalidInput, match="max_memory: expected bytes.*'4GB', got"):
        read_bytes(size)


@pytest.mark.parametrize(
    ("name", "max_memory", "expected"),
    [
        ("GOMP_SPINCOUNT", None, "1000"),
        ("GOMP_SPINCOUNT", 2**40, "1000"),
        ("MALLOC_MMAP_THRESHOLD_", None, "4294967296"),
        ("MALLOC_MMAP_THRESHOLD_", 2**40, "1048576"),
    ],
)
def test_libraries_are_told_how_to_wait_and_keep_memory(name, max_memory, expected, monkeypatch):
    """They read it as they are loaded; the caller's own settings count more."""
    told = {}

    def start(command, *, env, **options):
        told.update(env)
        raise OSError("only asked")

    monkeypatch.setattr(process.subprocess, "Popen", start)
    for own, wanted in ((None, expected), ("5", "5")):
        monkeypatch.delenv(name, raising=False)
        if own:
            monkeypatch.setenv(name, own)
        with pytest.raises(WorkerFailed, match="only asked"):
            process.Worker(KERAS, max_memory=max_memory)
        assert told[name] == wanted


# --- errors ------------------------------------------------------------------------------------


def test_log_tail_is_in_the_error(model_files):
    worker = process.Worker(KERAS)
    os.write(worker._log.fileno(), b"out of memory, says the log")
    worker._process.kill()
    with pytest.raises(WorkerFailed, match="(?s)while testing.*out of memory, says the log"):
        worker.request("facts", {}, doing="testing")
    assert not worker.alive()


def test_unexpected_errors_carry_the_traceback(model_files, images):
    with pytest.raises(WorkerFailed, match=r"(?s)KeyError.*while testing.*Traceback"):
        pool.shared_pool(KERAS).request("no such command", {}, doing="testing")
    assert len(pool.shared_pool(KERAS).pids()) == 1


def test_errors_travel_as_data():
    def refuse():
        raise InvalidInput("model: no")

    assert answer({"f": lambda x: x + 1}, "f", {"x": 1}) == {"value": 2}
    assert answer({"f": refuse}, "f", {}) == {"error": "InvalidInput", "message": "model: no"}
    assert "ZeroDivisionError" in answer({"f": lambda: 1 / 0}, "f", {})["traceback"]


@pytest.mark.keras
def test_worker_module_refuses_other_processes():
    with pytest.raises(ImportError, match="process of its own"):
        import sat_nb.saliency.engines.keras.commands  # noqa: F401


def test_outputs_that_are_known_travel_with_the_images(model_files, images, monkeypatch):
    """Methods that need them do not run the model once more."""
    asked, request = [], process.Worker.request

    def remember(worker, command, arguments, *, doing):
        asked.append((command, arguments))
        return request(worker, command, arguments, doing=doing)

    monkeypatch.setattr(process.Worker, "request", remember)
    methods = ["deep_taylor", "integrated_gradients"]
    maps = explain(model_files["logits.h5"], images, **{**OPTIONS, "methods": methods})
    analyzed = [arguments for command, arguments in asked if command == "analyze"]
    assert {arguments["method"] for arguments in analyzed} == set(methods)
    (predicted,) = (arguments["batch"] for command, arguments in asked if command == "predict")
    for arguments in analyzed:
        which = [
            np.flatnonzero((predicted == one).all(axis=(1, 2, 3)))[0] for one in arguments["batch"]
        ]
        best = arguments["outputs"].argmax(axis=1)
        assert best.tolist() == [maps.facts[list(images)[k]].predicted for k in which]
