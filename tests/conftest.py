"""Fixtures for the tests: no window is opened, and figures are closed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import sat_nb as sat
from sat_nb.toy import toy

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _figures_are_closed() -> Iterator[None]:
    yield
    from matplotlib import pyplot

    pyplot.close("all")


@pytest.fixture
def table() -> pd.DataFrame:
    """The toy table: two methods, 20 images, five segments, ears missing in every fourth."""
    return sat.build(*toy())


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real photos, masks and weights; tests that need it are skipped without it."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SAT_NB_DATA", beside))
    if not (folder / "README.md").is_file():
        pytest.skip(f"no real data at {folder}; name its folder in SAT_NB_DATA")
    return folder


@pytest.fixture(scope="session")
def tensorflow() -> Any:
    """TensorFlow, eager; what asks for it is skipped where the Keras engine is not installed."""
    import tensorflow

    return tensorflow


@pytest.fixture(scope="session")
def toy_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder without a model: photos/, exports/ (both codecs) and heatmaps/."""
    folder = tmp_path_factory.mktemp("files")
    maps, segments = toy(12)
    for i, (image_id, segmentation) in enumerate(segments.items()):
        for sub in ("photos", "exports", "heatmaps"):
            (folder / sub).mkdir(exist_ok=True)
        pixels = np.clip(96 + 64 * maps["sharp"][image_id], 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "photos" / f"{image_id}.png")
        codec = ("coco_rle", "dds_rle")[i % 2]
        sat.write_dinox(folder / "exports" / f"{image_id}.json", segmentation, codec=codec)
        np.save(folder / "heatmaps" / f"{image_id}.npy", maps["sharp"][image_id])
    return folder


@pytest.fixture(scope="session")
def toy_folder(tensorflow: Any, toy_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with model.h5, which is untrained."""
    tf = tensorflow
    folder = Path(shutil.copytree(toy_files, tmp_path_factory.mktemp("user"), dirs_exist_ok=True))
    tf.keras.utils.set_random_seed(0)
    layers = tf.keras.layers
    model = tf.keras.Sequential(
        [
            layers.Input((20, 16, 3)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.save(folder / "model.h5")
    return folder
