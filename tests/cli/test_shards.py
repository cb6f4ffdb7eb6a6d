"""``sat-nb build --out sat/``: a folder that is filled shard by shard, here or on a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import sat_nb as sat
from tests.cli.running import run
from tests.saliency import batch_engine
from tests.saliency.conftest import workers_running
from tests.table import dask_workers
from tests.table.tabulating import Place, made


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with workers_running(batch_engine.ENTRY):
        yield made(tmp_path_factory.mktemp("shards") / "user")


def build(place: Place, out: str, *more: object) -> str:
    """What the command says; exit status and all."""
    folder = place.folder
    done = run(
        *("build", "--model", place.model, "--images", folder / "photos"),
        *("--segments", folder / "masks", "--preprocess", "unit", "--methods", "gradient"),
        *("--pad-px", 0, "--out", f"{folder}/{out}", *more),
    )
    return f"{done.exit_code} {done.output}"


def test_a_folder_is_filled_and_resumed(place: Place) -> None:
    assert "0 " in build(place, "sat/", "--shard-images", 4)
    assert "sat/: 30 rows, 10 images" in build(place, "sat/", "--shard-images", 4)
    assert "30 rows" in build(place, "table.parquet")
    found = [sat.read_table(place.folder / name) for name in ("sat", "table.parquet")]
    pd.testing.assert_frame_equal(*found, check_exact=True)
    assert len(place.files()) == 2  # shards of whole batches of 8


def test_a_cluster_of_this_machine(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    dask = pytest.importorskip("dask")
    pytest.importorskip("distributed")
    with dask.config.set({"distributed.worker.preload": [dask_workers.PRELOAD]}):
        said = build(place, "spread/", "--shard-images", 4, "--cluster", "local:1")
    assert "spread/: 30 rows, 10 images" in said
    build(place, "sat/", "--shard-images", 4)
    assert place.files("spread") == place.files()


def test_photos_that_fail_are_named(place: Place, tmp_path: Path) -> None:
    other = made(tmp_path / "other", 3)
    (other.folder / "photos" / "001.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    said = build(other, "sat/")
    assert said.startswith("1 ")
    assert "001.png: not readable" in said
    said = build(other, "sat/", "--errors", "skip")
    assert "problem: 001: " in said
    assert "6 rows, 2 images" in said


REFUSED = {
    ("table.parquet", "--cluster", "local:2"): "--cluster needs a folder as --out; put a / at",
    ("other/", "--cluster", "local:many"): "--cluster: expected local:N, such as local:4, got",
    ("other/", "--cluster", "nowhere"): "--cluster: no scheduler answers at 'nowhere'",
}


@pytest.mark.parametrize(("arguments", "said"), REFUSED.items(), ids=lambda x: str(x)[:20])
def test_what_does_not_go_together_is_refused(
    place: Place, arguments: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dask = pytest.importorskip("dask")
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        assert said in build(place, *arguments)
