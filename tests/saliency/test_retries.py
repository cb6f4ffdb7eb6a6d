"""What a death costs: time, but no digit; where it costs digits, the table says so."""

from __future__ import annotations

import numpy as np
import pytest

import sat_nb as sat
from sat_nb.saliency.explain import explain
from sat_nb.saliency.process import pool
from sat_nb.saliency.process import worker as process
from sat_nb.saliency.store.chunks import FolderChunks
from tests.saliency import batch_engine
from tests.saliency.conftest import saved_kernel, workers_running

OPTIONS = {"methods": "gradient", "preprocess": "signed", "progress": False, "batch_size": 4}


@pytest.fixture(scope="module", autouse=True)
def _workers_of_the_small_engine():
    with workers_running(batch_engine.ENTRY):
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved_kernel(tmp_path_factory.mktemp("linear"))


@pytest.fixture(scope="module")
def undisturbed(model, images):
    return bits(explain(model, images, **OPTIONS))


@pytest.fixture
def deadly(monkeypatch):
    """deadly(n): the first n workers that are asked for maps die."""
    request, left = process.Worker.request, [0]

    def killed(worker, name, arguments, *, doing):
        if name == "analyze" and left[0]:
            left[0] -= 1
            worker.kill()
        return request(worker, name, arguments, doing=doing)

    monkeypatch.setattr(process.Worker, "request", killed)
    yield lambda n: left.__setitem__(0, n)
    pool.stop_workers()  # and forget how many images went through at once


def bits(store):
    return {i: attribution.tobytes() for i, attribution in store["gradient"].items()}


def masks_of(images):
    return {i: sat.SegmentationMap(("all",), np.ones((1, *images.size(i)), bool)) for i in images}


def noted(store, images):
    return sat.build(store, masks_of(images)).attrs["sat_nb"].get("other_batches")


def test_the_engine_depends_on_the_batch(model, images, undisturbed):
    alone = explain(model, images, **{**OPTIONS, "batch_size": 1})
    assert all(bits(alone)[i] != undisturbed[i] for i in "abd")
    assert noted(alone, images) is None


def test_a_death_changes_no_bit(model, images, undisturbed, deadly):
    deadly(1)
    store = explain(model, images, **OPTIONS)
    assert bits(store) == undisturbed
    assert noted(store, images) is None


@pytest.mark.filterwarnings("ignore:max_memory")
def test_the_table_says_what_went_through_alone(model, images, undisturbed, deadly, tmp_path):
    deadly(2)
    explain(model, images, **OPTIONS, out=tmp_path)
    store = sat.AttributionStore.open(tmp_path)
    assert [i for i in images if bits(store)[i] != undisturbed[i]] == ["a", "b", "cats/c", "d"]
    assert noted(store, images) == {
        "gradient": [f"{i}: 1 inputs at once, not 4" for i in ("a", "b", "cats/c", "d")]
    }


@pytest.mark.parametrize("stop_at", ["a", "b", "d", "e"])
def test_what_a_stopped_run_lacks_becomes_what_it_would_have_been(
    stop_at, model, images, undisturbed, tmp_path, monkeypatch
):
    put = FolderChunks.put

    def stop(chunks, key, chunk, **options):
        if key.image_id == stop_at:
            raise KeyboardInterrupt
        put(chunks, key, chunk, **options)

    with monkeypatch.context() as patch:
        patch.setattr(FolderChunks, "put", stop)
        with pytest.raises(KeyboardInterrupt):
            explain(model, images, **OPTIONS, out=tmp_path)
    store = explain(model, images, **OPTIONS, out=tmp_path)
    assert bits(store) == undisturbed
    assert noted(store, images) is None


def test_a_lost_map_is_computed_alone_and_noted(model, images, undisturbed, tmp_path):
    explain(model, images, **OPTIONS, out=tmp_path)
    next(tmp_path.glob("maps/gradient/b-*.map")).unlink()
    store = explain(model, images, **OPTIONS, out=tmp_path)
    assert [i for i in images if bits(store)[i] != undisturbed[i]] == ["b"]
    assert noted(store, images) == {"gradient": ["b: 1 inputs at once, not 4"]}
