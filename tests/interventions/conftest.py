"""Models small enough to know what they do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sat_nb.saliency.process import pool
from tests.interventions import curved_engine
from tests.saliency.conftest import workers_running

H, W = 12, 10


@pytest.fixture(scope="module")
def saved(tensorflow: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small model twice: its softmax in the last layer, and as a layer of its own."""
    tf = tensorflow
    tf.keras.utils.set_random_seed(3)
    layers, folder = tf.keras.layers, tmp_path_factory.mktemp("models")
    photo = layers.Input((H, W, 3))
    features = layers.Conv2D(4, 3, activation="relu", name="low")(photo)
    features = layers.Dense(5, activation="relu", name="middle")(layers.Flatten()(features))
    fused = layers.Dense(3, activation="softmax", name="top")
    ends = {"fused": fused(features)}
    plain = layers.Dense(3, name="plain")
    ends["apart"] = layers.Activation("softmax")(plain(features))
    plain.set_weights(fused.get_weights())
    for name, end in ends.items():
        tf.keras.Model(photo, end).save(folder / f"{name}.h5", include_optimizer=False)
    return folder


@pytest.fixture(scope="module")
def linear(tensorflow: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Logits that are sums of the pixels times weights: what a deletion does is known."""
    tf = tensorflow
    tf.keras.utils.set_random_seed(0)
    layers = tf.keras.layers
    model = tf.keras.Sequential(
        [layers.Input((H, W, 3)), layers.Flatten(), layers.Dense(2, "softmax", name="sum")]
    )
    file = tmp_path_factory.mktemp("linear") / "linear.h5"
    model.save(file, include_optimizer=False)
    return file


@pytest.fixture(scope="module")
def curved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A model for ``curved_engine``, which answers in place of the Keras engine."""
    file = tmp_path_factory.mktemp("curved") / "curved.npy"
    kernels = np.random.default_rng(0).normal(0, 0.05, (2, H * W * 3, 3))
    np.save(file, kernels.astype(np.float32))
    with workers_running(curved_engine.ENTRY):
        yield file


@pytest.fixture
def n_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[int]]:
    """How many photos were in each request that workers of ``curved_engine`` got since."""
    log = tmp_path / "log"
    monkeypatch.setenv("CURVED_ENGINE_LOG", str(log))
    pool.stop_workers()  # running workers do not see the variable
    return lambda: [int(line) for line in log.read_text().split()] if log.exists() else []
