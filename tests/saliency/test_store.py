"""The store: what goes in comes out, whole, under its id, and never under other settings."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sat_nb.errors import FileMissing, IdMismatch, InvalidInput
from sat_nb.images import ImageSet
from sat_nb.saliency import METHODS, PREPROCESS, AttributionStore, explain
from sat_nb.saliency.chunks import FolderChunks, ImageFacts, MemoryChunks, Record, file_name

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


@pytest.fixture
def no_worker(monkeypatch):
    def fail():
        raise AssertionError("the worker was asked")

    return lambda: monkeypatch.setattr("sat_nb.saliency.batches.shared_worker", fail)


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
    ("changes", "match"),
    [
        ({"preprocess": "unit"}, "preprocess was 'signed', now 'unit'"),
        ({"preprocess": PREPROCESS["unit"]}, "preprocess was 'signed'.*fingerprint was None"),
        ({"target": 1}, "target was 'predicted', now 1"),
        ({"seed": 3}, "seed was 0, now 3"),
    ],
)
def test_other_settings_are_refused(changes, match, store, model_files, images, tmp_path):
    with pytest.raises(InvalidInput, match=f"out: .*other settings: .*{match}.*another folder"):
        explain(model_files["logits.h5"], images, **{**OPTIONS, **changes}, out=tmp_path / "maps")


def test_other_model_and_parameters_are_refused(store, model_files, images, tmp_path):
    with pytest.raises(InvalidInput, match=r"model.name was 'logits', now 'no_bias'.*model.sha256"):
        explain(model_files["no_bias.h5"], images, **OPTIONS, out=tmp_path / "maps")
    options = {**OPTIONS, "methods": "smoothgrad", "out": tmp_path / "maps"}
    few = images.select(["a"])
    file = model_files["logits.h5"]
    explain(file, few, **options, parameters={"smoothgrad": {"n_samples": 2}})
    with pytest.raises(InvalidInput, match="smoothgrad.parameters.n_samples was 2, now 3"):
        explain(file, few, **options, parameters={"smoothgrad": {"n_samples": np.int64(3)}})


def test_function_that_captures_another_value_is_another(model_files, images, tmp_path):
    def minus(mean):
        return lambda batch: batch - np.float32(mean)

    options = {**OPTIONS, "methods": "gradient", "out": tmp_path / "maps"}
    explain(model_files["logits.h5"], images, **{**options, "preprocess": minus(1)})
    explain(model_files["logits.h5"], images, **{**options, "preprocess": minus(1)})
    with pytest.raises(InvalidInput, match="preprocess.fingerprint was"):
        explain(model_files["logits.h5"], images, **{**options, "preprocess": minus(2)})


def test_changed_pixels_are_computed_anew(store, model_files, images, tmp_path):
    old = {m: store[m]["a"].copy() for m in store}
    changed = ImageSet({**images, "a": 255 - images["a"]})
    few = {**OPTIONS, "methods": "gradient"}
    explain(model_files["logits.h5"], changed, **few, out=tmp_path / "maps")
    opened = AttributionStore.open(tmp_path / "maps")
    assert "a" not in opened["lrp.z"]
    assert len(opened["gradient"]) == 5
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
    model = make_model(start=(keras.layers.ReLU(),))
    out = {"out": tmp_path / "maps", "progress": False}
    with pytest.raises(InvalidInput, match="cannot explain"):
        explain(model, images, methods="lrp.z", preprocess="unit", **out)
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
    record = Record(ImageFacts(1, 2, 3, 4), "hash")
    for chunks in (MemoryChunks(), FolderChunks(tmp_path)):
        chunks.begin("b", record)
        chunks.begin("a", record)
        chunks.put("lrp.z", "a", np.ones((2, 2, 3), np.float32))
        chunks.put("lrp.z", "b", np.zeros((2, 2, 3), np.float32))
        assert set(chunks.image_ids()) == {"a", "b"}
        assert chunks.record("a") == record
        assert chunks.record("c") is None
        assert chunks.get("lrp.z", "a").sum() == 12
        chunks.begin("a", record)
        assert not chunks.has("lrp.z", "a")
        assert chunks.has("lrp.z", "b")


def test_refusals_of_the_store(store, tmp_path):
    with pytest.raises(InvalidInput, match="method: unknown name 'lrp.y'.*'lrp.z'"):
        store["lrp.y"]
    with pytest.raises(IdMismatch, match="image 'q' has no 'gradient' map; there are 5: 'a'"):
        store["gradient"]["q"]
    with pytest.raises(IdMismatch, match="image 'q' is not in this store"):
        store.facts["q"]
    assert store.get("lrp.y") is None
    assert store["gradient"].get("q", 7) == 7
    with pytest.raises(FileMissing, match=r"holds no attribution store \(no store.json\)"):
        AttributionStore.open(tmp_path)
    (tmp_path / "store.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(InvalidInput, match="not the settings of an attribution store"):
        AttributionStore.open(tmp_path)


def test_truncated_chunk_is_named(store, tmp_path):
    file = next((tmp_path / "maps" / "maps" / "gradient").glob("a-*.npy"))
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(InvalidInput, match="image 'a'.*delete the file"):
        store["gradient"]["a"]


def test_select_keeps_order_and_refuses_unknown_methods(store):
    seen = store.select(methods=["lrp.z"], image_ids=["d", "a"])
    assert list(seen) == ["lrp.z"]
    assert list(seen["lrp.z"]) == list(seen.facts) == ["d", "a"]
    assert "2 images" in repr(seen)
    with pytest.raises(InvalidInput, match="methods: unknown name 'nope'"):
        store.select(methods=["nope"])


def test_every_method_says_what_its_sign_means():
    assert all(method.sign and method.citation for method in METHODS.values())
