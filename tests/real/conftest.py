"""The real photos' maps, made once for all tests here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sat_nb as sat

METHODS = ("deep_taylor", "lrp.z", "gradient")


def squeezenet_input(batch: np.ndarray) -> np.ndarray:
    """BGR minus the means that this SqueezeNet was trained with."""
    return batch[..., ::-1] - np.array([104.0, 117.0, 123.0], dtype=np.float32)


@pytest.fixture(scope="session")
def squeezenet(real_data: Path) -> Path:
    return real_data / "weights" / "squeezenet_v1_0_imagenet.h5"


@pytest.fixture(scope="session")
def chihuahua_maps(
    real_data: Path, squeezenet: Path, tensorflow: Any, tmp_path_factory: pytest.TempPathFactory
) -> sat.AttributionStore:
    images = sat.read_images(real_data / "chihuahua" / "images")
    out = tmp_path_factory.mktemp("chihuahua_maps")
    return sat.explain(
        squeezenet, images, methods=METHODS, preprocess=squeezenet_input, out=out, progress=False
    )


@pytest.fixture(scope="session")
def chihuahuas(real_data: Path, chihuahua_maps: sat.AttributionStore) -> pd.DataFrame:
    return sat.build(chihuahua_maps, sat.read_segments(real_data / "chihuahua" / "exports"))
