"""The store: what goes in comes out, whole, under its id, and never under other settings."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from sat_nb.errors import CannotWrite, FileMissing, IdMismatch, InvalidInput
from sat_nb.images import ImageSet
from sat_nb.saliency.explain import explain
from sat_nb.saliency.preprocess import PREPROCESS
from sat_nb.saliency.store.chunks import FolderChunks, Key, MemoryChunks, Total, file_name
from sat_nb.saliency.store.codec import Chunk, decode, encode, read_header
from sat_nb.saliency.store.runs import ImageFacts, Record, fingerprint
from sat_nb.saliency.store.store import AttributionStore

OPTIONS = {"methods": ["gradient", "lrp.z"], "preprocess": "signed", "progress": False}
HOSTILE = [
    "../x",
    "a/b",
    "CON",
    "x" * 300,
    "x" * 301,
    "..",
    ".hidden",
    "A",
    "a",
    "é*[?]",
    "a\\b",
    "",
]


def flip(data):
    """The same bytes, but one in the middle of the map."""
    return data[:-50] + bytes([data[-50] ^ 1]) + data[-49:]


@pytest.fixture
def no_worker(monkeypatch):
    def fail(*arguments, **more):
        raise AssertionError("the worker was asked")

    return lambda: monkeypatch.setattr("sat_nb.saliency.process.pool.WorkerPool.request", fail)


@pytest.fixture
def store(model_files, images, tmp_path):
    return explain(model_files["logits.h5"], images, **OPTIONS, out=tmp_path / "maps")


def test_round_trip(store, model_files, images, tmp_path):
    in_memory = explain(model_files["logits.h5"], images, **OPTIONS)
    opened = AttributionStore.open(tmp_path / "maps")
    assert list(opened) == list(store) == ["gradient", "lrp.z"]
    assert opened.settings == store.settings
    assert dict(opened.facts) == dict(store.facts) == dict(in_memory.facts)
    assert (opened.model, opened.fit, opened.input_size) == ("logits", "stretch", (12, 12))
    for method in opened:
        assert set(opened[method]) == set(images)
        assert opened[method].fit == opened.fit
        for i in images:
            np.testing.assert_allclose(opened[method][i], in_memory[method][i], atol=1e-6)


def test_finished_run_asks_no_worker(store, model_files, images, tmp_path, no_worker):
    no_worker()
    again = explain(model_files["logits.h5"], images, **OPTIONS, out=tmp_path / "maps")
    assert len(again["lrp.z"]) == 5


def test_more_images_and_methods_join(store, model_files, images, tmp_path):
    more = ImageSet({"z": images["a"], "a": images["a"]})
    options = {**OPTIONS, "methods": "integrated_gradients"}
    seen = explain(model_files["logits.h5"], more, **options, out=tmp_path / "maps")
    assert list(seen) == ["integrated_gradients"]
    assert list(seen["integrated_gradients"]) == ["z", "a"]
    everything = AttributionStore.open(tmp_path / "maps")
    assert {m: len(everything[m]) for m in everything} == {
        "gradient": 5,
        "lrp.z": 5,
        "integrated_gradients": 2,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"preprocess": "unit"},
        {"preprocess": PREPROCESS["unit"]},
        {"target": 1},
        {"seed": 3},
        {"dtype": "float16"},
        {"parameters": {"smoothgrad": {"n_samples": np.int64(3)}}},
        {"model": "no_bias.h5"},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_other_settings_are_kept_beside(changes, model_files, images, tmp_path, no_worker):
    start = {"methods": ["gradient", "smoothgrad"], "preprocess": "signed", "progress": False}
    start |= {"images": images.select(["a", "b"]), "parameters": {"smoothgrad": {"n_samples": 2}}}

    def run(out=tmp_path / "maps", model="logits.h5", **options):
        return explain(model_files[model], out=out, **{**start, **options})

    first = run()
    before, files = maps_of(first), chunk_files(tmp_path)
    second, alone = run(**changes), run(out=None, **changes)
    same(maps_of(second), maps_of(alone), atol=1e-6)
    same(maps_of(first), before)
    assert all(file.read_bytes() == content for file, content in files.items())
    assert len(AttributionStore.runs(tmp_path / "maps")) == 2
    no_worker()
    same(maps_of(run()), before)
    same(maps_of(run(**changes)), maps_of(second))
    assert AttributionStore.open(tmp_path / "maps").settings == second.settings


def maps_of(store):
    return {(m, i): attribution for m, maps in store.items() for i, attribution in maps.items()}


def same(maps, others, atol=0.0):
    assert list(maps) == list(others)
    for key in maps:
        np.testing.assert_allclose(maps[key], others[key], rtol=0, atol=atol, err_msg=str(key))


def chunk_files(folder):
    return {file: file.read_bytes() for file in folder.rglob("*.map")}


def test_seed_counts_for_methods_that_sample_only(store, model_files, images, tmp_path):
    files = chunk_files(tmp_path)
    explain(model_files["logits.h5"], images, **OPTIONS, out=tmp_path / "maps", seed=3)
    assert chunk_files(tmp_path).keys() == files.keys()


def test_runs_are_listed_and_chosen(store, model_files, images, tmp_path):
    options = {**OPTIONS, "out": tmp_path / "maps"}
    explain(model_files["logits.h5"], images, **{**options, "preprocess": "unit"})
    first, second = AttributionStore.runs(tmp_path / "maps")
    chosen = AttributionStore.open(tmp_path / "maps", run=first)
    assert chosen.settings["preprocess"] == "signed"
    same(maps_of(chosen), maps_of(store))
    assert AttributionStore.open(tmp_path / "maps").settings["preprocess"] == "unit"
    assert store.info().attrs["elsewhere"]["n_maps"] == 10
    with pytest.raises(InvalidInput, match=f"run: unknown name 'third'.*'{second}'"):
        AttributionStore.open(tmp_path / "maps", run="third")
    explain(model_files["logits.h5"], images, **options)
    assert list(AttributionStore.runs(tmp_path / "maps")) == [second, first]


def test_function_that_captures_another_value_is_another(model_files, images, tmp_path):
    def minus(mean):
        return lambda batch: batch - np.float32(mean)

    options = {**OPTIONS, "methods": "gradient", "out": tmp_path / "maps"}
    for mean, n_runs in ((1, 1), (1, 1), (2, 2)):
        explain(model_files["logits.h5"], images, **{**options, "preprocess": minus(mean)})
        assert len(AttributionStore.runs(tmp_path / "maps")) == n_runs


def test_fingerprints_tell_apart_whatever_decides_a_map(monkeypatch):
    how = {"parameters": {"epsilon": 1e-7}, "sampling": "smoothgrad"}
    settings = {
        "model": {"sha256": "ab", "input_shape": [4, 4, 3], "name": "one"},
        "preprocess": {"function": "f", "fingerprint": "cd"},
        "fit": "stretch",
        "seed": 0,
        "dtype": "float32",
        "versions": {"tensorflow": "2.14.1"},
        "methods": {"m": how},
    }
    record = Record(ImageFacts(1, 2, 3, 4), "pixels")

    def of(record=record, **changes):
        return fingerprint({**settings, **changes}, "m", record)

    others = [
        of(model={**settings["model"], "sha256": "ac"}),
        of(model={**settings["model"], "input_shape": [5, 4, 3]}),
        of(preprocess={"function": "f", "fingerprint": "ce"}),
        of(preprocess="unit"),
        of(fit="crop"),
        of(seed=1),
        of(engine=["keras", 4]),
        of(engine=["torch", 3]),
        of(dtype="float16"),
        of(versions={"tensorflow": "2.14.2"}),
        of(methods={"m": {**how, "parameters": {"epsilon": 1e-6}}}),
        of(methods={"m": {**how, "sampling": None}}),
        of(record=Record(ImageFacts(2, 2, 3, 4), "pixels")),
        of(record=Record(ImageFacts(1, 2, 3, 4), "pixel")),
    ]
    assert len({of(), *others}) == len(others) + 1
    assert of() == of(model={**settings["model"], "name": "two"})
    assert of() == of(preprocess={"function": "g", "fingerprint": "cd"})
    assert of() == of(record=Record(ImageFacts(1, 3, 3, 4), "pixels"))


def test_changed_pixels_are_computed_anew(store, model_files, images, tmp_path):
    old = {m: store[m]["a"].copy() for m in store}
    changed = ImageSet({**images, "a": 255 - images["a"]})
    few = {**OPTIONS, "methods": "gradient"}
    explain(model_files["logits.h5"], changed, **few, out=tmp_path / "maps")
    opened = AttributionStore.open(tmp_path / "maps")
    assert "a" not in opened["lrp.z"]
    assert opened.missing == {"gradient": (), "lrp.z": ("a",)}
    assert len(opened["gradient"]) == 5
    same({m: store[m]["a"] for m in store}, old)
    expected = explain(model_files["logits.h5"], changed, **few)
    np.testing.assert_allclose(opened["gradient"]["a"], expected["gradient"]["a"], atol=1e-6)
    assert abs(opened["gradient"]["a"] - old["gradient"]).max() > 0


def test_changed_target_of_an_image_is_computed_anew(model_files, images, tmp_path):
    options = {**OPTIONS, "methods": "gradient", "out": tmp_path / "maps"}
    explain(model_files["logits.h5"], images, **options, target=[0, 0, 0, 0, 0])
    maps = explain(model_files["logits.h5"], images, **options, target=[1, 0, 0, 0, 0])
    expected = explain(model_files["logits.h5"], images, **{**options, "out": None}, target=1)
    assert maps.facts["a"].target == 1
    np.testing.assert_allclose(maps["gradient"]["a"], expected["gradient"]["a"], atol=1e-6)


def test_failed_start_does_not_bind_the_folder(make_model, keras, images, tmp_path):
    model = make_model(keras.layers.Dense(4, activation="elu"), keras.layers.Dense(2))
    out = {"out": tmp_path / "maps", "progress": False}
    with pytest.raises(InvalidInput, match="cannot explain"):
        explain(model, images, methods="deep_taylor", preprocess="unit", **out)
    maps = explain(model, images, methods="gradient", preprocess="signed", **out)
    assert list(AttributionStore.open(tmp_path / "maps")) == list(maps) == ["gradient"]


def test_hostile_ids(model_files, images, tmp_path):
    hostile = ImageSet(dict.fromkeys(HOSTILE, images["a"]))
    options = {**OPTIONS, "methods": "gradient"}
    explain(model_files["logits.h5"], hostile, **options, out=tmp_path / "in" / "maps")
    opened = AttributionStore.open(tmp_path / "in" / "maps")
    assert sorted(opened["gradient"]) == sorted(HOSTILE)
    assert {p.name for p in tmp_path.rglob("*")} >= {"store.json"}
    assert [p.name for p in tmp_path.iterdir()] == ["in"]
    assert [p.name for p in (tmp_path / "in").iterdir()] == ["maps"]


@given(st.lists(st.text(), unique=True, max_size=20))
def test_file_names_are_safe_and_apart(ids):
    names = [file_name(i) for i in ids]
    assert len({name.lower() for name in names}) == len(ids)
    for name in names:
        assert len(name.encode()) < 200
        assert not set(name) & set('/\\:*?"<>|[] ')
        assert not name.startswith(".")


def test_chunks_agree(tmp_path):
    a, b = Key("lrp.z", "a", "0f"), Key("lrp.z", "b", "0f")
    ones = Chunk(np.ones((2, 2, 3), np.float32), {"parts": np.arange(4)}, {"n_samples": 64})
    for chunks in (MemoryChunks(), FolderChunks(tmp_path)):
        chunks.put(a, ones)
        chunks.put(b, Chunk(np.zeros((2, 2, 3), np.float32)), dtype="float16")
        assert chunks.has(a)
        assert not chunks.has(Key("lrp.z", "a", "1f"))
        assert chunks.get(a).attribution.sum() == 12
        assert chunks.get(a).arrays["parts"].tolist() == [0, 1, 2, 3]
        assert chunks.get(a).facts == chunks.header(a).facts == {"n_samples": 64}
        assert chunks.header(b).dtype == "float16"
        assert chunks.total() == Total(2, chunks.n_bytes(a) + chunks.n_bytes(b))


finite = st.floats(-(2.0**99), 2.0**99, width=32, allow_subnormal=False)


@given(
    arrays(np.float32, array_shapes(min_dims=0, max_dims=3, min_side=0), elements=finite),
    arrays(np.float64, (2, 3), elements=finite),
)
def test_codec_gives_back_what_it_took(attribution, more):
    chunk = Chunk(attribution, {"more": more}, {"x": np.float32(1.5)})
    exact = decode(encode(chunk))
    np.testing.assert_array_equal(exact.attribution, attribution)
    np.testing.assert_array_equal(exact.arrays["more"], more.astype(np.float32))
    assert exact.facts == {"x": 1.5}
    data = encode(chunk, dtype="float16")
    largest = np.abs(attribution).max(initial=0)
    off = np.abs(decode(data).attribution.astype(float) - attribution).max(initial=0)
    measured = read_header(data.partition(b"\n")[0]).float16_error
    assert off <= 2.5e-4 * largest
    assert off == pytest.approx(measured * largest)


@pytest.mark.parametrize("scale", [1e-35, 1e-12, 1.0, 1e30])
def test_float16_keeps_small_values(scale):
    values = (np.float32(scale) * np.logspace(-9, 0, 50)).astype(np.float32)
    kept = decode(encode(Chunk(values), dtype="float16")).attribution
    assert (kept > 0).all()
    np.testing.assert_allclose(kept[20:], values[20:], rtol=1e-3)


def test_float16_is_measured_and_half_the_size(store, model_files, images, tmp_path):
    for out in (tmp_path / "maps", None):
        half = explain(model_files["logits.h5"], images, **OPTIONS, out=out, dtype="float16")
        for method, maps in half.items():
            off = [abs(a - store[method][i]).max() / abs(a).max() for i, a in maps.items()]
            error = half.info()["float16_error"][method]
            assert max(off) == pytest.approx(error, rel=1e-2)
            assert 0 < error < 2.5e-4
        assert set(half.info()["dtype"]) == {"float16"}
    exact, rounded = store.info(), half.info()
    assert exact["float16_error"].isna().all()
    assert (rounded["n_bytes"] < 0.8 * exact["n_bytes"]).all()
    with pytest.raises(InvalidInput, match="dtype: unknown name 'float8'.*'float16'"):
        explain(model_files["logits.h5"], images, **OPTIONS, dtype="float8")


def test_info_counts_what_is_there_and_missing(store, tmp_path):
    info = AttributionStore.open(tmp_path / "maps").info()
    files = list((tmp_path / "maps" / "maps" / "gradient").iterdir())
    assert info.loc["gradient", "n_bytes"] == sum(file.stat().st_size for file in files)
    files[0].unlink()
    opened = AttributionStore.open(tmp_path / "maps")
    assert opened.info()["n_maps"].to_dict() == {"gradient": 4, "lrp.z": 5}
    assert opened.info()["n_missing"].to_dict() == {"gradient": 1, "lrp.z": 0}
    assert len(opened.missing["gradient"]) == 1
    assert opened.info().attrs["elsewhere"] == {"n_maps": 0, "n_bytes": 0}


def test_stopped_run_knows_what_it_lacks(model_files, images, tmp_path, monkeypatch):
    put = FolderChunks.put

    def stop(chunks, key, chunk, **options):
        if key.image_id == "d":
            raise KeyboardInterrupt
        put(chunks, key, chunk, **options)

    monkeypatch.setattr(FolderChunks, "put", stop)
    with pytest.raises(KeyboardInterrupt):
        explain(model_files["logits.h5"], images, **OPTIONS, out=tmp_path, batch_size=2)
    opened = AttributionStore.open(tmp_path)
    assert opened.missing == {"gradient": ("d", "e"), "lrp.z": ("cats/c", "d", "e")}


# --- a disk that does not take it --------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "match"),
    [
        (errno.ENOSPC, "out: cannot write '.*(No space|space left).*disk is full: free some space"),
        (errno.EROFS, "out: cannot write '.*read-only: give another folder"),
        (errno.EACCES, "out: cannot write '.*not allowed"),
        (errno.EIO, "out: cannot write '.*can be written to"),
    ],
)
def test_disk_that_refuses(number, match, model_files, images, tmp_path, monkeypatch):
    write, written = Path.write_bytes, []

    def refuse(path, content):
        if path.suffix == ".map" and len(written) == 3:
            write(path, content[: len(content) // 2])
            raise OSError(number, os.strerror(number), str(path))
        written.extend([path] if path.suffix == ".map" else [])
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(CannotWrite, match=match) as caught:
        explain(model_files["logits.h5"], images, **OPTIONS, out=tmp_path)
    assert str(tmp_path) in str(caught.value)
    monkeypatch.undo()
    assert not list(tmp_path.rglob(".part-*"))
    opened = AttributionStore.open(tmp_path)
    assert len(maps_of(opened)) == 3
    assert len(maps_of(explain(model_files["logits.h5"], images, **OPTIONS, out=tmp_path))) == 10


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_full_and_read_only_disk(small_disk, model_files, images, no_worker):
    (small_disk / "filling").write_bytes(bytes(900_000))
    options = {**OPTIONS, "out": small_disk / "maps", "batch_size": 1}
    many = {f"{i}{n}": pixels for i, pixels in images.items() for n in range(20)}
    with pytest.raises(CannotWrite, match="the disk is full"):
        explain(model_files["logits.h5"], many, **options)
    assert not list(small_disk.rglob(".part-*"))
    kept = maps_of(AttributionStore.open(small_disk / "maps"))
    assert 0 < len(kept) < 200
    (small_disk / "filling").unlink()
    store = explain(model_files["logits.h5"], images, **options)

    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(CannotWrite, match="the disk is read-only"):
        explain(model_files["logits.h5"], images, **options, target=1)
    no_worker()
    same(maps_of(explain(model_files["logits.h5"], images, **options)), maps_of(store))


def test_refusals_of_the_store(store, tmp_path):
    with pytest.raises(InvalidInput, match="method: unknown name 'lrp.y'.*'lrp.z'"):
        store["lrp.y"]
    with pytest.raises(IdMismatch, match="image 'q' has no 'gradient' map; there are 5: 'a'"):
        store["gradient"]["q"]
    with pytest.raises(IdMismatch, match="image 'q' has no facts; there are 5: 'a'"):
        store.facts["q"]
    assert store.get("lrp.y") is None
    assert store["gradient"].get("q", 7) == 7
    with pytest.raises(FileMissing, match=r"holds no attribution store \(no store.json\)"):
        AttributionStore.open(tmp_path)


@pytest.mark.parametrize(
    "content", [{"format": 1, "methods": {}}, {"format": 99}, [], {"format": 2}]
)
def test_store_of_another_format(content, model_files, images, tmp_path):
    (tmp_path / "store.json").write_text(json.dumps(content))
    match = "store.json: expected an attribution store of format 2, got .*; read it with the versi"
    with pytest.raises(InvalidInput, match=match):
        AttributionStore.open(tmp_path)
    with pytest.raises(InvalidInput, match=match):
        explain(model_files["logits.h5"], images, **OPTIONS, out=tmp_path)


@pytest.mark.parametrize("file", ["images/*.json", "asked/*.json", "settings.json"])
def test_damaged_record_is_named_and_written_anew(file, store, model_files, images, tmp_path):
    (damaged, *_) = sorted((tmp_path / "maps" / "runs").glob(f"*/{file}"))
    before = damaged.read_text()
    for content in ("", "3", "[]", '{"image_id": "a"}', '{"image_id": "a", "facts": {"x": 1}}'):
        damaged.write_text(content)
        with pytest.raises(InvalidInput, match=f"{damaged.name}: not .*delete"):
            AttributionStore.open(tmp_path / "maps")
    if damaged.name != "settings.json":  # without these a run is none
        damaged.unlink()
        explain(model_files["logits.h5"], images, **OPTIONS, out=tmp_path / "maps")
        assert damaged.read_text() == before


@pytest.mark.parametrize("damage", [lambda d: d[:-7], lambda d: d[:20], lambda d: b"", flip])
def test_damaged_chunk_is_named_and_computed_anew(damage, store, model_files, images, tmp_path):
    file = next((tmp_path / "maps" / "maps" / "gradient").glob("a-*.map"))
    expected = store["gradient"]["a"]
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(InvalidInput, match=r"a-.*map of image 'a'.*delete the file"):
        store["gradient"]["a"]
    file.unlink()
    again = explain(model_files["logits.h5"], images, **OPTIONS, out=tmp_path / "maps")
    np.testing.assert_allclose(again["gradient"]["a"], expected, atol=1e-6)


def test_select_keeps_order_and_refuses_unknown_methods(store):
    seen = store.select(methods=["lrp.z"], image_ids=["d", "a"])
    assert list(seen) == ["lrp.z"]
    assert list(seen["lrp.z"]) == list(seen.facts) == ["d", "a"]
    assert "2 images" in repr(seen)
    with pytest.raises(InvalidInput, match="methods: unknown name 'nope'"):
        store.select(methods=["nope"])
