"""One small plain model in all forms of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def tf(tensorflow: Any) -> Any:
    return tensorflow


@pytest.fixture(scope="session")
def plain(tf: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small model in all forms: m.h5, m.keras and the SavedModel m."""
    layers, folder = tf.keras.layers, tmp_path_factory.mktemp("plain")
    photo = layers.Input((4, 4, 3), name="photo")
    flat = layers.Flatten(name="flat")(photo)
    model = tf.keras.Model(photo, layers.Dense(2, name="classes")(flat))
    for name in ("m.h5", "m.keras", "m"):
        model.save(folder / name)
    return folder


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file that no model may touch, in a folder of its own."""
    (tmp_path / "nest").mkdir()
    file = tmp_path / "nest" / "canary"
    file.write_text("alive")
    return file
