"""Sample data: photos with exact masks for everybody, and the models that learn from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sat_nb as sat
from sat_nb.reproduction import samples, torch_models
from sat_nb.reproduction.equids import render
from sat_nb.reproduction.marked_photos import rendered_zebras

FEW = {"n_train": 4, "n_test": 2, "px": 48}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("samples")


@pytest.fixture(scope="module")
def data(work: Path) -> sat.SampleData:
    return sat.sample_data(work, **FEW)


def test_photos_and_masks_lie_as_a_users_own(data: sat.SampleData) -> None:
    images, segments = sat.read_images(data.photos), sat.read_segments(data.masks)
    assert set(images) == set(segments) == set(data.labels)
    for image_id, label in data.labels.items():
        assert data.class_names[label] in image_id
        assert images[image_id].shape == (48, 48, 3)
        assert segments[image_id].size == (48, 48)
    parts = [image_id.split("/")[0] for image_id in images]
    assert {p: parts.count(p) for p in parts} == {"train": 8, "test": 4, "test_marked": 4}
    assert repr(data).endswith(": 8 in train, 4 in test, 4 in test_marked)")


def test_watermarks_are_where_they_are_said_to_be(data: sat.SampleData) -> None:
    segments = sat.read_segments(data.masks)
    marked = {i for i, s in segments.items() if "watermark" in s.names}
    assert {i for i in segments if i.startswith("test_marked/")} < marked
    training = [i for i in marked if i.startswith("train/")]
    assert [i.split("_")[0] for i in training] == ["train/zebra"] * 2, "half of four zebras"
    assert not [i for i in marked if i.startswith("test/")]


def test_they_are_the_photos_of_the_studies(data: sat.SampleData) -> None:
    pixels = sat.read_images(data.photos)["test_marked/zebra_0002"]
    again = render("zebra", index=1, split="test", size=48, watermark=True)
    np.testing.assert_array_equal(pixels, again.pixels)


@pytest.mark.keras
def test_a_model_is_trained_once_and_is_the_one_of_the_studies(
    data: sat.SampleData, work: Path
) -> None:
    file = data.model(epochs=1)
    written = file.stat().st_mtime_ns
    assert data.model("keras2", marked=True, epochs=1) == file
    studied = rendered_zebras(work, n_explained=1, **FEW)
    assert studied.model(work, 0.5, epochs=1, seed=0) == file
    assert file.stat().st_mtime_ns == written
    control = data.model(marked=False, epochs=1)
    assert control == studied.model(work, 0.0, epochs=1, seed=0) != file


def test_kinds_are_what_can_be_trained(
    data: sat.SampleData, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {kind.trainer for kind in samples.KINDS.values()} == {"keras", *torch_models.KINDS}
    asked = []
    monkeypatch.setattr(torch_models, "train", lambda kind, *_, **options: asked.append(kind))
    files = [data.model(kind) for kind in ("keras3", "torch", "vit")]
    assert asked == ["keras3", "cnn", "vit"]
    assert [file.suffix for file in files] == [".keras", ".pt2", ".pt2"]
    with pytest.raises(sat.InvalidInput, match="kind: unknown name 'resnet'.*'vit'"):
        data.model("resnet")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"px": 31}, "px: .*>= 32.*31"), ({"n_train": 0}, "n_train"), ({"n_test": 1.5}, "n_test")],
)
def test_what_cannot_be_rendered_is_refused(tmp_path: Path, wrong: dict, says: str) -> None:
    with pytest.raises(sat.InvalidInput, match=says):
        sat.sample_data(tmp_path, **{**FEW, **wrong})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        (["keras2"], {}, "unknown name"),
        ("keras2", {"epochs": -1}, "epochs: expected a whole number >= 1, got -1"),
        ("keras2", {"epochs": "many"}, "epochs: expected a whole number"),
        ("keras2", {"marked": "no"}, "marked: expected True or False, got 'no'"),
    ],
)
def test_a_model_that_cannot_be_is_refused_before_training(
    data: sat.SampleData, kind: object, options: dict[str, object], said: str
) -> None:
    with pytest.raises(sat.InvalidInput, match=said):
        data.model(kind, **options)  # type: ignore[arg-type]
