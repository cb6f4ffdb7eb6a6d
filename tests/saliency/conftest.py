"""Tiny model files and photos. TensorFlow is eager in the test process, as in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sat_nb.images import ImageSet
from sat_nb.saliency.engines.entries import ENGINES, EngineEntry
from sat_nb.saliency.process import pool
from sat_nb.saliency.process.worker import Program
from tests.saliency import linear_engine

KERAS = Program(ENGINES["keras"].module)
"""What workers of the Keras engine run in this Python."""

SIZE = 12


@pytest.fixture(scope="session")
def keras(tensorflow: Any) -> Any:
    return tensorflow.keras


@pytest.fixture(scope="session")
def make_model(keras: Any) -> Callable[..., Any]:
    """make_model(*end, bias=, start=): a small ReLU CNN with fixed random weights."""
    layers = keras.layers

    def make(*end: Any, bias: bool = True, start: tuple[Any, ...] = (), shape=(SIZE, SIZE, 3)):
        model = keras.Sequential(
            [
                layers.Input(shape),
                *start,
                layers.Conv2D(6, 3, activation="relu", use_bias=bias),
                layers.MaxPooling2D(),
                layers.Conv2D(5, 3, activation="relu", use_bias=bias),
                layers.Flatten(),
                *(end or (layers.Dense(3, use_bias=bias),)),
            ]
        )
        random = np.random.default_rng(0)
        model.set_weights([random.normal(0, 0.3, w.shape) for w in model.get_weights()])
        return model

    return make


@pytest.fixture(scope="session")
def model_files(
    keras: Any, make_model: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The same network with each kind of head and file, and one without biases."""
    layers = keras.layers
    folder = tmp_path_factory.mktemp("models")
    models = {
        "logits.h5": make_model(),
        "activation.h5": make_model(layers.Dense(3, activation="softmax")),
        "activation_layer.h5": make_model(layers.Dense(3), layers.Activation("softmax")),
        "softmax_layer.h5": make_model(layers.Dense(3), layers.Softmax()),
        "no_bias.h5": make_model(bias=False),
        "zip.keras": make_model(),
        "saved_model": make_model(),
    }
    for name, model in models.items():
        model.save(folder / name)
    return {name: folder / name for name in models}


@pytest.fixture(scope="session")
def images() -> ImageSet:
    """Five noise photos of odd sizes."""
    random = np.random.default_rng(1)
    sizes = {"a": (12, 12), "b": (20, 15), "cats/c": (9, 30), "d": (12, 12), "e": (40, 40)}
    return ImageSet(
        {i: random.integers(0, 256, (*size, 3)).astype(np.uint8) for i, size in sizes.items()}
    )


@pytest.fixture
def inputs(images: ImageSet) -> dict[str, Any]:
    """What the model sees of each image under preprocess="signed"."""
    from sat_nb.geometry import stretch_image

    return {
        i: stretch_image(p, (SIZE, SIZE)).astype(np.float32) / 127.5 - 1 for i, p in images.items()
    }


@contextmanager
def workers_running(entry: EngineEntry) -> Iterator[None]:
    """Within it, this engine explains Keras models; running workers are stopped."""
    pool.stop_workers()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ENGINES, "keras", entry)
        yield
        pool.stop_workers()


def saved_kernel(folder: Path) -> Path:
    """The model file of three classes for the engine of a few lines of NumPy."""
    file = folder / "linear.npy"
    size = np.prod(linear_engine.SHAPE)
    np.save(file, np.random.default_rng(0).normal(size=(size, 3)).astype(np.float32))
    return file
