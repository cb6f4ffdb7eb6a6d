"""Shards that a Dask cluster makes: the same files, and troubles of workers by their names."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.errors import EngineMissing, FileMissing, InvalidInput, WorkerFailed
from sat_nb.saliency.method import Method
from sat_nb.table.tabulate import cluster
from sat_nb.table.tabulate.folder import Folder
from sat_nb.table.tabulate.plan import alone
from sat_nb.table.tabulate.recipe import to_bytes
from sat_nb.table.tabulate.run import Photos
from tests.saliency import batch_engine
from tests.saliency.conftest import workers_running
from tests.table import dask_workers
from tests.table.tabulating import JOIN, OPTIONS, Place, made
from tests.web import served

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module", autouse=True)
def _engine() -> Iterator[None]:
    with workers_running(batch_engine.ENTRY):
        yield


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return made(tmp_path)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A cluster of two processes on this machine."""
    options = {"threads_per_worker": 1, "dashboard_address": None}
    preload = {"preload": [dask_workers.PRELOAD]}
    with (
        distributed.LocalCluster(n_workers=2, **options, **preload) as local,
        distributed.Client(local) as client,
    ):
        yield client


# --- the same table ----------------------------------------------------------------------------


def test_a_cluster_makes_the_same_files(place: Place, client: Any) -> None:
    labels = {"003": 1, "009": 0}
    expected = place.tabulate("alone", labels=labels)
    table = place.tabulate(client=client, labels=labels)
    assert place.files() == place.files("alone")
    assert (table.n_rows, table.n_images) == (expected.n_rows, 10)
    place.tabulate(client=client, labels=labels)  # where all is done, nothing is done again
    assert place.tabulate(labels=labels).n_rows == expected.n_rows  # or begun here, ended there
    for _ in range(200):  # results do not stay on the cluster, which is told so soon afterwards
        if not [key for key in client.who_has() if key.startswith("tabulate")]:
            return
        time.sleep(0.05)
    pytest.fail("results stay on the cluster")


def test_effects_are_measured_on_a_cluster(place: Place, client: Any) -> None:
    options = {"methods": (), "parameters": None, "measures": ("without", "shapley")}
    options |= {"replace": "other_photo", "also": "grey"}
    place.tabulate(client=client, **options)
    place.tabulate("alone", **options)
    assert place.files() == place.files("alone")


def own_map(image: Any, explained: Any, *, seed: int) -> Any:
    return image * explained.gradients(image[None])[0]


def test_functions_that_can_be_imported_go_to_workers(place: Place, client: Any) -> None:
    mine = Method(name="mine", version="1", sign="positive speaks for it", function=own_map)
    options = {
        "methods": ["gradient", mine],
        "parameters": None,
        "preprocess": dask_workers.halved,
        "keep_maps": place.folder / "maps",
    }
    place.tabulate(client=client, **options)
    place.tabulate("alone", **{**options, "keep_maps": None})
    assert place.files() == place.files("alone")
    assert sat.AttributionStore.open(place.folder / "maps").missing["mine@1"] == ()


def test_renamed_masks_and_photos_that_fail(place: Place, client: Any) -> None:
    (place.folder / "photos" / "002.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    segments = sat.rename_segments(place.segments, {"eye": "left eye"})
    options = {**OPTIONS, **JOIN, "client": client, "shard_images": 4, "errors": "skip"}
    out = place.folder / "sat"
    with pytest.warns(UserWarning, match="1 of 10 photos failed"):
        table = sat.tabulate(place.model, place.images, segments, out=out, **options)
    assert list(table.failed) == ["002"]
    assert "left eye" in set(sat.read_table(table)["segment"])


def test_masks_of_one_parquet_file(place: Place, client: Any) -> None:
    packed = sat.write_segments(place.folder / "masks.parquet", place.segments)
    place.tabulate("alone")
    options = {**OPTIONS, **JOIN, "client": client, "shard_images": 4}
    out = place.folder / "sat"
    sat.tabulate(place.model, place.images, sat.read_segments(packed), out=out, **options)
    assert place.files() == place.files("alone")


@pytest.mark.parametrize("system", ["http", "shelf"])
def test_photos_and_masks_at_an_address(place: Place, client: Any, system: str) -> None:
    sat.write_segments(place.folder / "masks.parquet", place.segments)
    (place.folder / "photos" / "002.png").write_bytes(b"<html>")
    options = {"shard_images": 4, "errors": "skip", **OPTIONS, **JOIN}
    with pytest.warns(UserWarning, match="1 of 10 photos failed"):
        place.tabulate("alone", errors="skip")
    with _address(system, place.folder) as address:
        images = sat.read_images(f"{address}/photos")
        segments = sat.read_segments(f"{address}/masks.parquet")
        out = place.folder / "sat"
        with pytest.warns(UserWarning, match="1 of 10 photos failed"):
            table = sat.tabulate(place.model, images, segments, out=out, client=client, **options)
    assert sorted(place.files()) == sorted(place.files("alone"))
    pd.testing.assert_frame_equal(sat.read_table(out), sat.read_table(place.folder / "alone"))
    assert f"{address}/photos/002.png: not readable as a photo" in table.failed["002"]


@contextmanager
def _address(system: str, folder: Path) -> Iterator[str]:
    """Where other processes find the files of a folder through fsspec."""
    if system == "shelf":
        dask_workers.register_shelf()
        yield f"shelf://{folder}"
        return
    pytest.importorskip("aiohttp")
    with served(folder) as address:
        yield address


@pytest.mark.parametrize("packed", [False, True])
def test_tasks_carry_ids_and_paths(place: Place, packed: bool) -> None:
    segments = place.segments
    if packed:
        segments = sat.read_segments(sat.write_segments(place.folder / "m.parquet", segments))
    plan = plan_of(place)
    photos = Photos(plan, place.images, segments, "predicted", None)
    few = len(to_bytes(alone(photos.shard(0, ["000", "001"]))))
    more = len(to_bytes(alone(photos.shard(0, list(place.images)))))
    assert (more - few) / 8 < 400  # bytes a photo


def plan_of(place: Place) -> Any:
    from sat_nb.table.tabulate.plan import planned

    return planned(place.images, place.segments, missing="error", shard_images=4, batch=4)


# --- what is refused ---------------------------------------------------------------------------


def test_arrays_and_functions_of_this_process_are_refused(place: Place, client: Any) -> None:
    arrays = {i: place.images[i] for i in place.images}
    masks = {i: place.segments[i] for i in place.images}
    options: Any = {"out": place.folder / "sat", **OPTIONS, "client": client}
    with pytest.raises(InvalidInput, match="images: 10 photos are arrays in memory.*read_images"):
        sat.tabulate(place.model, arrays, place.segments, **options)
    with pytest.raises(InvalidInput, match="segments: .*read_segments.*got dict"):
        sat.tabulate(place.model, place.images, masks, **options)
    for function in (lambda batch: batch, in_main()):
        with pytest.raises(InvalidInput, match="client: functions .*go to workers by name"):
            place.tabulate(client=client, preprocess=function)
    with pytest.raises(InvalidInput, match="workers: with client="):
        place.tabulate(client=client, workers=2)
    assert not (place.folder / "sat").exists()


def in_main() -> Any:
    """A function as a notebook defines it."""

    def function(batch: Any) -> Any:
        return batch

    function.__module__, function.__qualname__ = "__main__", "function"
    return function


def test_a_closed_client_is_named(place: Place) -> None:
    options = {"n_workers": 1, "processes": False, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as local:
        closed = distributed.Client(local)
        closed.close()
        with pytest.raises(InvalidInput, match="client: it is closed; make a new one"):
            place.tabulate(client=closed)


def test_without_dask_it_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    assert place.tabulate().n_images == 10
    with pytest.raises(InvalidInput, match=r"pip install 'sat-nb\[dask\]'"):
        place.tabulate("other", client=object())


# --- workers that cannot -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["005.png", "005.json", "linear.npy"])
def test_a_worker_that_cannot_see_a_file_is_named(place: Place, client: Any, name: str) -> None:
    client.run(dask_workers.blind, name)
    try:
        with pytest.raises(
            (FileMissing, InvalidInput), match=f"worker tcp://.* cannot see .*{name}"
        ):
            place.tabulate(client=client, errors="skip")
    finally:
        client.run(dask_workers.blind, "")


def test_a_photo_that_has_vanished_is_one_that_fails(place: Place, client: Any) -> None:
    images, segments = place.images, place.segments
    (place.folder / "photos" / "005.png").unlink()
    options: Any = {"out": place.folder / "sat", **OPTIONS, **JOIN, "client": client}
    with pytest.raises(FileMissing, match=r"005\.png' does not exist"):
        sat.tabulate(place.model, images, segments, **options)
    with pytest.warns(UserWarning, match=r"failed and have no rows: '005' .*does not exist"):
        table = sat.tabulate(place.model, images, segments, **options, errors="skip")
    assert list(table.failed) == ["005"]


def test_a_worker_without_the_engine_is_named(place: Place, client: Any) -> None:
    client.run(dask_workers.without_engine, "/no/python")
    try:
        with pytest.raises(EngineMissing, match="client: worker tcp://.*: engine: 'keras'"):
            place.tabulate(client=client, preprocess="signed")
    finally:
        client.run(dask_workers.without_engine, "")


def test_a_worker_without_the_package_is_named(place: Place, tmp_path: Path) -> None:
    programs = dask_workers.Programs()
    empty = tmp_path / "site"
    (empty / "sat_nb").mkdir(parents=True)
    (empty / "sat_nb" / "__init__.py").write_text("raise ImportError('no sat_nb here')")
    try:
        programs.start(1, preload="", path=str(empty))
        with distributed.Client(programs.address, timeout=60) as client:
            client.wait_for_workers(1, timeout=60)
            with pytest.raises(InvalidInput, match="worker tcp://.* lacks the package.*install"):
                place.tabulate(client=client)
    finally:
        programs.kill()


# --- what dies on the way ----------------------------------------------------------------------


@contextmanager
def after_shards(n: int, act: Any) -> Iterator[None]:
    """Do something once, when so many shards are there; the block ends when it is done."""
    put, seen, thread = Folder.put, [], threading.Thread(target=act)

    def putting(self: Folder, *arguments: Any) -> None:
        put(self, *arguments)
        seen.append(arguments)
        if len(seen) == n:
            thread.start()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Folder, "put", putting)
        try:
            yield
        finally:
            if thread.ident is not None:
                thread.join()
    assert len(seen) >= n


def test_a_worker_that_dies_is_made_up_for(place: Place, client: Any) -> None:
    place.tabulate("alone", shard_images=1, batch_size=1)

    def die() -> None:
        (worker, *_) = client.scheduler_info(n_workers=-1)["workers"]
        client.submit(dask_workers.end, workers=[worker], retries=0, pure=False, priority=9)

    with after_shards(2, die):
        place.tabulate(client=client, shard_images=1, batch_size=1)
    assert place.files() == place.files("alone")


def test_a_scheduler_that_is_killed_and_started_again(place: Place) -> None:
    options: dict[str, Any] = {"methods": "gradient", "parameters": None}
    options |= {"shard_images": 1, "batch_size": 1}
    place.tabulate("alone", **options)
    programs = dask_workers.Programs()

    def again() -> None:
        programs.kill()
        time.sleep(1)
        programs.start(1)

    try:
        programs.start(1)
        with distributed.Client(programs.address, timeout=60) as client:
            client.wait_for_workers(1, timeout=60)
            with after_shards(3, again):
                place.tabulate(client=client, **options)
    finally:
        programs.kill()
    assert place.files() == place.files("alone")


def test_an_answer_that_is_cut_off_is_asked_for_again() -> None:
    statuses = iter(["connecting", "connecting", "running", "running"])

    class Client:
        @property
        def status(self) -> str:
            return next(statuses)

    class Future:
        def result(self) -> None:
            raise distributed.comm.CommClosedError("Connection reset by peer")

    tasks = cluster.Tasks(Client(), run=cast("Any", None), content=b"")
    with pytest.raises(cluster._Lost) as lost:
        tasks._answer(Future(), "making shard 1")
    assert lost.value.counts == 1  # where it happens again and again, there is an end
    statuses = iter(["closed"] * 9)
    with pytest.raises(WorkerFailed, match="it was closed, or its scheduler"):
        tasks._answer(Future(), "making shard 1")


def test_a_client_that_is_closed_on_the_way_loses_nothing(place: Place) -> None:
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False}
    with distributed.LocalCluster(**options, dashboard_address=":0") as local:
        client = distributed.Client(local)
        said = "Finished shards are kept; call again"
        with after_shards(2, client.close), pytest.raises(WorkerFailed, match=said):
            place.tabulate(client=client, shard_images=1, batch_size=1)
    assert len(place.files()) >= 2
    table = place.tabulate(shard_images=1, batch_size=1)
    expected = place.in_memory(batch_size=1)
    pd.testing.assert_frame_equal(sat.read_table(table), expected, check_exact=True)


def test_photos_and_masks_of_files_can_be_sent(place: Place) -> None:
    segments = pickle.loads(pickle.dumps(place.segments))
    assert segments["003"] == place.segments["003"]
