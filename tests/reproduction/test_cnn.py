"""The small CNN: trains, is written whole, reads back, and refuses what it cannot use."""

from __future__ import annotations

import numpy as np
import pytest

from sat_nb.errors import IdMismatch, InvalidInput
from sat_nb.reproduction import cnn

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def bright_or_dark() -> tuple[dict[str, np.ndarray], dict[str, int]]:
    rng = np.random.default_rng(0)
    labels = {f"{i:02d}": i % 2 for i in range(48)}
    images = {
        i: rng.integers(0, 120, (32, 40, 3), dtype=np.uint8) + np.uint8(120 * k)
        for i, k in labels.items()
    }
    return images, labels


@pytest.fixture(scope="module")
def trained(bright_or_dark, tmp_path_factory):
    out = tmp_path_factory.mktemp("model") / "model.h5"
    return cnn.train_cnn(*bright_or_dark, out=out, epochs=8, batch_size=8, seed=1)


def test_learns_and_reads_back(trained, bright_or_dark):
    assert trained.path.is_file()
    assert len(trained.history["loss"]) == 8
    assert trained.accuracy == trained.history["accuracy"][-1]
    assert trained.seconds > 0
    assert cnn.accuracy(trained.path, *bright_or_dark) >= 0.95


def test_the_seed_repeats_the_run(trained, bright_or_dark, tmp_path):
    again = cnn.train_cnn(
        *bright_or_dark, out=tmp_path / "again.h5", epochs=8, batch_size=8, seed=1
    )
    assert again.history == trained.history


def test_only_layers_that_innvestigate_takes_and_names_of_their_own():
    layers = cnn.small_cnn((32, 32, 3), 2).layers
    kinds = {type(layer).__name__ for layer in layers}
    assert kinds == {"Conv2D", "MaxPooling2D", "Flatten", "Dense"}
    assert not any(layer.name.startswith(("dense", "conv2d", "activation")) for layer in layers)


def test_an_interrupt_leaves_no_half_file(bright_or_dark, tmp_path, monkeypatch):
    def broken(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("keras.src.engine.training.Model.save", broken)
    with pytest.raises(KeyboardInterrupt):
        cnn.train_cnn(*bright_or_dark, out=tmp_path / "model.h5", epochs=1)
    assert list(tmp_path.iterdir()) == []


def test_labels_of_images_that_do_not_exist(bright_or_dark):
    images, labels = bright_or_dark
    with pytest.raises(IdMismatch, match=r"labels: 'other' not among the images"):
        cnn.train_cnn(images, labels | {"other": 1})


def test_photos_of_several_sizes(bright_or_dark):
    images, labels = bright_or_dark
    mixed = images | {"00": np.zeros((32, 32, 3), np.uint8)}
    with pytest.raises(InvalidInput, match=r"images: expected photos of one size"):
        cnn.train_cnn(mixed, labels)


def test_a_missing_model_file(bright_or_dark, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"model: .*does not exist"):
        cnn.accuracy(tmp_path / "none.h5", *bright_or_dark)


def test_crops_are_parts_of_the_photo_at_its_size():
    import tensorflow as tf

    ramp = np.linspace(0, 1, 40, dtype=np.float32)
    photo = np.broadcast_to(ramp[None, :, None], (32, 40, 3)).copy()
    cut = [cnn._cropped(tf, photo, 0.5, seed).numpy() for seed in range(20)]
    assert all(c.shape == photo.shape for c in cut)
    widths = np.array([np.ptp(c) for c in cut])
    assert (widths >= 0.48).all()
    assert (widths <= 1.0).all()
    assert np.ptp(widths) > 0.2
    assert np.ptp([c.min() for c in cut]) > 0.1


def test_training_with_crops_is_another_training(trained, bright_or_dark, tmp_path):
    cropped = cnn.train_cnn(
        *bright_or_dark, out=tmp_path / "c.h5", epochs=8, batch_size=8, seed=1, smallest_crop=0.5
    )
    assert not np.allclose(cropped.history["loss"], trained.history["loss"], rtol=1e-2)
    assert cnn.accuracy(cropped.path, *bright_or_dark) >= 0.95
