"""Tables that are made shard by shard are those of explain and build, whatever happens on the way.

The engine is one of NumPy whose values depend on the batch, as the last digits of others do.
"""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.errors import CannotWrite, FileMissing, IdMismatch, InvalidInput
from sat_nb.saliency.method import Method
from sat_nb.table.tabulate import folder as folders
from sat_nb.table.tabulate.bench import Bench
from sat_nb.table.tabulate.warned import summed_up
from tests.saliency import batch_engine
from tests.saliency.conftest import workers_running
from tests.table.tabulating import JOIN, OPTIONS, Place, counted, made

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def _engine() -> Iterator[None]:
    with workers_running(batch_engine.ENTRY):
        yield


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return made(tmp_path)


# --- the same table ----------------------------------------------------------------------------


@pytest.mark.parametrize("shard_images", [1, 4, 5, 100])
def test_it_is_the_table_of_explain_and_build(place: Place, shard_images: int) -> None:
    table = place.tabulate(shard_images=shard_images)
    expected = place.in_memory()
    found = sat.read_table(table)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert found.attrs == expected.attrs
    assert (table.n_images, table.n_rows, table.failed) == (10, len(expected), {})
    pd.testing.assert_frame_equal(
        sat.aggregate(table, how="relative", value="rank", by=("method",)),
        sat.aggregate(expected, how="relative", value="rank", by=("method",)),
    )


@pytest.mark.parametrize(
    "explained",
    [
        {"target": 2},
        {"target": (0, 2)},
        {"target": [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]},
        {"target": {f"{i:03d}": i % 3 for i in range(10)}},
        {"dtype": "float16"},
        {"methods": "gradient", "parameters": None, "fit": "crop"},
        {"workers": 2},
        {"methods": "random", "parameters": None, "seed": 3},
    ],
    ids=lambda options: next(iter(options)),
)
def test_options_of_explain(place: Place, explained: dict[str, Any]) -> None:
    table = sat.read_table(place.tabulate(**explained))
    pd.testing.assert_frame_equal(table, place.in_memory(**explained), check_exact=True)


def test_options_of_build(place: Place) -> None:
    options: dict[str, Any] = {
        "pad_px": 1,
        "pad_unit": "photo",
        "pool": "l2",
        "merge": "numbered",
        "rank_by": "mean_attribution",
        "labels": pd.Series({"001": 2, "other": 1}),
    }
    table = place.tabulate(**options, model_name="mine")
    maps = sat.explain(place.model, place.images, **OPTIONS)
    expected = sat.build(maps, place.segments, **options, model="mine")
    pd.testing.assert_frame_equal(sat.read_table(table), expected, check_exact=True)


@pytest.mark.parametrize("pad_unit", ["map", "photo"])
def test_sampling_settles_the_ranks_of_the_masks_that_are_joined(
    place: Place, pad_unit: str
) -> None:
    options = {"methods": "smoothgrad", "samples": "auto", "parameters": None}
    table = place.tabulate(**options, pad_px=1, pad_unit=pad_unit)
    masks: Any = place.segments
    if pad_unit == "photo":
        masks = {i: found.merged().pad(1) for i, found in masks.items()}
    settling = {"segments": masks, "pad_px": 1 if pad_unit == "map" else 0}
    maps = sat.explain(place.model, place.images, **{**OPTIONS, **options}, **settling)
    expected = sat.build(maps, place.segments, pad_px=1, pad_unit=pad_unit)
    pd.testing.assert_frame_equal(sat.read_table(table), expected, check_exact=True)


def test_arrays_and_decomposed_ids(place: Place) -> None:
    images = {"Ma\u0308hne": place.images["000"], "b": place.images["001"]}
    segments = {"M\xe4hne": place.segments["000"], "b": place.segments["001"]}
    out = place.folder / "sat"
    table = sat.tabulate(place.model, images, segments, out=out, **OPTIONS, **JOIN)
    maps = sat.explain(place.model, images, **OPTIONS)
    expected = sat.build(maps, segments, **JOIN)
    pd.testing.assert_frame_equal(sat.read_table(table), expected, check_exact=True)


def test_maps_are_kept_where_asked(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    table = sat.read_table(place.tabulate(keep_maps=place.folder / "maps"))
    store = sat.AttributionStore.open(place.folder / "maps")
    assert store.missing == {"gradient": (), "smoothgrad": ()}
    pd.testing.assert_frame_equal(sat.build(store, place.segments, **JOIN), table)


def test_maps_live_as_long_as_their_batch(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from sat_nb.table.tabulate import bench

    most = []
    put = bench.PassingChunks.put

    def counting(self: Any, *arguments: Any, **more: Any) -> None:
        put(self, *arguments, **more)
        most.append(self.total().n_maps + len(self._chunks))

    monkeypatch.setattr(bench.PassingChunks, "put", counting)
    place.tabulate(shard_images=100)
    assert max(most) == 4 * 2


def test_the_bar_counts_photos(place: Place) -> None:
    with redirect_stderr(io.StringIO()) as said:
        place.tabulate(progress=True)
    assert "10/10" in said.getvalue()
    assert "photo/s" in said.getvalue()


# --- again, and on -----------------------------------------------------------------------------


def test_a_finished_table_is_not_made_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    first, before = place.tabulate(), place.files()
    made_again = counted(monkeypatch, Bench, "make")
    assert place.tabulate() == first
    assert (made_again, place.files()) == ([], before)


@pytest.mark.parametrize(("where", "n_left"), [("make", 1), ("put", 1), ("_write", 3)])
def test_a_run_that_was_stopped_goes_on(
    place: Place, where: str, n_left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.tabulate("whole")
    cls: type = Bench if where == "make" else folders.Folder
    with monkeypatch.context() as patch:
        counted(patch, cls, where, fail_at=3, error=KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            place.tabulate()
    left = counted(monkeypatch, Bench, "make")
    place.tabulate()
    assert len(left) == n_left
    assert place.files() == place.files("whole")


def test_photos_may_be_added_at_the_end(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.tabulate()
    place.add(10, 11, 12)
    again = counted(monkeypatch, Bench, "make")
    table = place.tabulate()
    assert len(again) == 2  # the last shard had two photos, and was made again
    pd.testing.assert_frame_equal(sat.read_table(table), place.in_memory(), check_exact=True)


@pytest.mark.parametrize("what", ["reports/*.json", "000001-*.parquet"])
def test_what_is_damaged_or_gone_is_made_again(place: Place, what: str) -> None:
    place.tabulate()
    before = place.files()
    file = next((place.folder / "sat").glob(what))
    file.write_bytes(file.read_bytes()[:40])
    place.tabulate()
    assert place.files() == before
    file.unlink()
    place.tabulate()
    assert place.files() == before


def test_a_finished_table_needs_no_worker(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from sat_nb.saliency.process import worker

    table = place.tabulate()
    asked = counted(monkeypatch, worker.Worker, "request")
    assert place.tabulate() == table
    assert asked == []


# --- other runs --------------------------------------------------------------------------------


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "preprocess": ({"preprocess": "signed"}, "maps.preprocess is 'signed', was 'unit'"),
    "pad": ({"pad_px": 1}, "pad_px is 1, was 0"),
    "methods": ({"methods": "gradient", "parameters": None}, "maps.methods.smoothgrad is None"),
    "batches": ({"batch_size": 2}, "batch_size is 2, was 4"),
    "shards": ({"shard_images": 8}, "shard_images is 8, was 4"),
}


@pytest.mark.parametrize(("options", "said"), OTHERS.values(), ids=OTHERS)
def test_the_table_of_other_settings_is_named_and_kept(
    place: Place, options: dict[str, Any], said: str
) -> None:
    place.tabulate()
    before = place.files()
    with pytest.raises(InvalidInput, match=f"sat' holds a table of another run: {said}.*Give an"):
        place.tabulate(**options)
    assert place.files() == before


def test_a_shard_of_another_run_beside_finished_ones_is_named(place: Place) -> None:
    place.tabulate()
    place.tabulate("other", pad_px=1)
    (first, *_) = sorted((place.folder / "other").glob("*.parquet"))
    (place.folder / "sat" / first.name).write_bytes(first.read_bytes())
    with pytest.raises(InvalidInput, match=rf"{first.name}' is a shard of another run.*Remove it"):
        place.tabulate()
    (place.folder / "sat" / first.name).unlink()
    assert place.tabulate().n_images == 10


def test_shards_of_another_version_are_named(place: Place, monkeypatch: Any) -> None:
    place.tabulate()
    monkeypatch.setattr("sat_nb.table.tabulate.bench.__version__", "9.9")
    with pytest.raises(InvalidInput, match="another run: version is '9.9', was"):
        place.tabulate()
    settings = place.folder / "sat" / "tabulate.json"
    settings.write_text(json.dumps({"format": 7, "settings": {}}))
    with pytest.raises(InvalidInput, match="shards of another version of sat_nb"):
        place.tabulate()


@pytest.mark.parametrize("change", ["photo", "mask", "fewer", "label"])
def test_shards_of_photos_that_changed_are_named_and_kept(place: Place, change: str) -> None:
    labels = {"005": 1, "000": 0}
    place.tabulate(labels=labels)
    before = place.files()
    if change == "photo":
        place.add(11, seed=1)
        os.replace(place.folder / "photos" / "011.png", place.folder / "photos" / "005.png")
        (place.folder / "masks" / "011.json").unlink()
    elif change == "mask":
        masks = sat.SegmentationMap(("eye",), np.ones((1, 14, 10), bool))
        sat.write_dinox(place.folder / "masks" / "005.json", masks)
    elif change == "label":
        labels["005"] = 2
    else:
        for sub, suffix in (("photos", "png"), ("masks", "json")):
            (place.folder / sub / f"005.{suffix}").unlink()
    with pytest.raises(InvalidInput, match="000001-.*'005'.* are not the same.*remove this file"):
        place.tabulate(labels=labels)
    assert place.files() == before


def test_a_table_of_more_photos_is_named(place: Place) -> None:
    place.tabulate()
    for number in range(3, 10):
        (place.folder / "photos" / f"{number:03d}.png").unlink()
    with pytest.raises(InvalidInput, match=r"00000\d-.* is shard \d of another run, and this one"):
        place.tabulate(missing="skip")


def test_files_of_others_are_named_and_kept(place: Place) -> None:
    sat.write_table(place.in_memory(), place.folder / "sat", partition_by=("model",))
    with pytest.raises(InvalidInput, match=r"model=linear/.*parquet' is no shard of this table"):
        place.tabulate()
    (place.folder / "file").touch()
    with pytest.raises(InvalidInput, match="file' is a file; give a folder"):
        place.tabulate("file")


# --- photos that fail --------------------------------------------------------------------------


def nothing_there(image: Any, explained: Any, *, seed: int) -> Any:
    if explained.image_id == "002":
        raise ValueError("this one is odd")
    return image


ODD = Method(name="odd", version="1", sign="positive speaks for it", function=nothing_there)

FAILING: dict[str, Any] = {
    "photo": lambda place: (place.folder / "photos" / "002.png").write_bytes(b"\x89PNG\r\n\x1a\n"),
    "mask": lambda place: (place.folder / "masks" / "002.json").write_text('{"objects": 3}'),
    "method": lambda place: None,
}


@pytest.mark.parametrize("what", FAILING)
def test_a_photo_that_fails_is_reported_and_costs_no_other(place: Place, what: str) -> None:
    FAILING[what](place)
    options = {"methods": ["gradient", ODD], "parameters": None} if what == "method" else {}
    with pytest.raises(InvalidInput, match=r"002|this one is odd"):
        place.tabulate(**options)
    with pytest.warns(UserWarning, match="1 of 10 photos failed and have no rows: '002' "):
        table = place.tabulate(**options, errors="skip")
    assert list(table.failed) == ["002"]
    found = sat.read_table(table)
    few = place.images.select([i for i in place.images if i != "002"])
    first = few.select(["000", "001", "003"])  # what is left of its batch goes together
    rest = few.select(list(few)[3:])
    expected = [sat.explain(place.model, some, **{**OPTIONS, **options}) for some in (first, rest)]
    rows = pd.concat(
        [sat.build(maps, {i: place.segments[i] for i in maps.facts}, **JOIN) for maps in expected],
        ignore_index=True,
    )
    pd.testing.assert_frame_equal(found, rows, check_exact=True)
    noted = [s for s in found.attrs["sat_nb"]["shards"] if "photos that failed" in s["left_out"]]
    assert "002: " in noted[0]["left_out"]["photos that failed"][0]


def test_a_photo_that_was_mended_is_made(place: Place) -> None:
    FAILING["photo"](place)
    with pytest.warns(UserWarning, match="photos failed"):
        place.tabulate(errors="skip")
    with pytest.warns(UserWarning, match="photos failed"):  # it is not tried again
        assert list(place.tabulate(errors="skip").failed) == ["002"]
    place.add(2)
    assert place.tabulate(errors="skip").failed == {}
    pd.testing.assert_frame_equal(sat.read_table(place.folder / "sat"), place.in_memory())


def test_where_all_fail_it_is_an_error(place: Place) -> None:
    for file in (place.folder / "photos").iterdir():
        file.write_bytes(b"\x89PNG\r\n\x1a\n")
    with (
        pytest.warns(UserWarning, match="10 of 10 photos failed"),
        pytest.raises(InvalidInput, match="images: all 10 photos failed, the first, '000': "),
    ):
        place.tabulate(errors="skip")


def test_a_photo_over_which_workers_die_is_left_out(place: Place, monkeypatch: Any) -> None:
    from sat_nb.saliency.process import worker

    request = worker.Worker.request

    def dying(self: Any, command: str, arguments: Any, *, doing: str) -> Any:
        if command == "analyze" and "'002'" in doing:
            self.kill()
        return request(self, command, arguments, doing=doing)

    monkeypatch.setattr(worker.Worker, "request", dying)
    options: dict[str, Any] = {"methods": "gradient", "parameters": None}
    with pytest.warns(UserWarning, match="photos failed"):
        table = place.tabulate(errors="skip", **options)
    assert "the worker crashed" in table.failed["002"]
    monkeypatch.undo()
    later = sat.read_table(table, filters=[("image_id", ">=", "004")])
    few = place.images.select(list(place.images)[4:])
    maps = sat.explain(place.model, few, **{**OPTIONS, **options})
    expected = sat.build(maps, {i: place.segments[i] for i in few}, **JOIN)
    pd.testing.assert_frame_equal(later, expected, check_exact=True)


# --- the disk, other processes -----------------------------------------------------------------


def test_a_full_disk_loses_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with monkeypatch.context() as patch:
        replace, calls = os.replace, []

        def replacing(*names: Any) -> None:
            calls.append(names)
            if len(calls) == 6:  # settings; rows and report of a shard, twice; then
                raise full
            replace(*names)

        patch.setattr(os, "replace", replacing)
        with pytest.raises(CannotWrite, match="out: .*disk is full"):
            place.tabulate()
    assert len(place.files()) == 2
    again = counted(monkeypatch, Bench, "make")
    table = place.tabulate()
    assert len(again) == 1
    pd.testing.assert_frame_equal(sat.read_table(table), place.in_memory(), check_exact=True)


PROGRAM = """
import sys
from pathlib import Path
from sat_nb.saliency.engines.entries import ENGINES
from tests.saliency import batch_engine
from tests.table.tabulating import Place
ENGINES["keras"] = batch_engine.ENTRY
Place(Path(sys.argv[1])).tabulate(shard_images=1)
"""


def start(place: Place) -> subprocess.Popen[bytes]:
    """A process that tabulates."""
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(place.folder)], cwd=ROOT)


def test_two_processes_one_of_which_is_killed(place: Place) -> None:
    first, second = start(place), start(place)
    while not place.files() and first.poll() is None:
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    assert second.wait(timeout=120) == 0
    first.wait(timeout=10)
    expected = place.tabulate("alone", shard_images=1)
    assert place.files() == place.files("alone")
    assert place.tabulate(shard_images=1).n_rows == expected.n_rows


# --- what is refused before anything is computed -----------------------------------------------


def test_ids_are_matched_first(place: Place) -> None:
    (place.folder / "masks" / "003.json").unlink()
    with pytest.raises(IdMismatch, match="1 photos without masks: '003'.*missing='skip'"):
        place.tabulate()
    assert not (place.folder / "sat").exists()
    with pytest.warns(UserWarning, match="left out: 1 photos without masks: '003'"):
        table = place.tabulate(missing="skip")
    assert table.n_images == 9
    left_out = sat.read_table(table).attrs["sat_nb"]["left_out"]
    assert left_out == {"photos without masks": ["003"]}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "errors": ({"errors": "ignore"}, "errors: unknown name 'ignore'.*'raise', 'skip'"),
    "shard_images": ({"shard_images": 0}, "shard_images: expected a whole number >= 1"),
    "labels": ({"labels": {"zebra": 1}}, "labels: name none of the 10 photos"),
    "a label": ({"labels": {"009": "cat"}}, r"labels\['009'\]: expected the number of a class"),
    "target": ({"target": 7}, "target: 7 .*is out of range"),
    "out": ({"out": None}, "out: expected the path of a file or folder, .*got None"),
    "keep_maps": ({"keep_maps": 3}, "keep_maps: expected the path of a file or folder, .*got 3"),
    "a file": ({"keep_maps": __file__}, "keep_maps: .* is a file; give a folder"),
    "client": ({"client": "tcp://"}, "client: expected a distributed.Client, got str"),
    "fit": ({"fit": "cover"}, "fit: unknown name 'cover'"),
    "version": (
        {"methods": Method(name="mine", sign="more", function=nothing_there), "parameters": None},
        "give it a version",
    ),
}


@pytest.mark.parametrize(("options", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_first(place: Place, options: dict[str, Any], said: str) -> None:
    if "client" in options:
        pytest.importorskip("distributed")
    with pytest.raises((InvalidInput, IdMismatch), match=said):
        place.tabulate(**options)
    assert not (place.folder / "sat").exists()


def test_masks_that_are_none(place: Place) -> None:
    with pytest.raises(InvalidInput, match="segments: expected .*got str; use read_segments"):
        sat.tabulate(place.model, place.images, "masks/", out="sat", **OPTIONS)


def test_a_model_that_is_missing(place: Place) -> None:
    place.model.unlink()
    with pytest.raises((FileMissing, InvalidInput), match=r"linear\.npy"):
        place.tabulate()


def test_warnings_of_one_kind_are_one() -> None:
    texts = [
        (0, "1 of 4 maps of 'a' tie: 'x', 'y' and 3 more."),
        (2, "3 of 4 maps of 'a' tie: 'z'."),
    ]
    assert summed_up([*texts, (2, "Another.")], 3) == [
        f"{texts[0][1]} (shard 0; 2 of 3 shards warn so)",
        "Another. (shard 2; 1 of 3 shards warn so)",
    ]
