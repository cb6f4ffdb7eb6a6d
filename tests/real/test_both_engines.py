"""Real photos and weights through both engines: the same ranks, whatever explains the model."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.models.efficientnet import efficientnet_lite0, lite0_input
from sat_nb.saliency.engines.entries import ENGINES
from tests.real.conftest import METHODS, squeezenet_input
from tests.saliency.torch.python import TORCH_PYTHON

pytestmark = pytest.mark.skipif(
    TORCH_PYTHON is None,
    reason="no Python with PyTorch: `make torch`, or name one in SAT_NB_ENGINE_TORCH",
)


@pytest.fixture(autouse=True)
def _torch_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENGINES["torch"].variable, str(TORCH_PYTHON))


def mean_ranks(table: pd.DataFrame) -> pd.Series:
    summary = sat.aggregate(table, how="absolute", value="rank", classes="pool")
    return summary.set_index(["method", "segment"])["rank"].sort_index()


def test_squeezenet_on_24_chihuahuas(
    real_data: Path, squeezenet: Path, chihuahuas: pd.DataFrame
) -> None:
    images = sat.read_images(real_data / "chihuahua" / "images")
    given = {"methods": METHODS, "preprocess": squeezenet_input, "progress": False}
    maps = sat.explain(squeezenet, images, engine="torch", **given)
    table = sat.build(maps, sat.read_segments(real_data / "chihuahua" / "exports"))
    pd.testing.assert_series_equal(table["predicted"], chihuahuas["predicted"])
    difference = (mean_ranks(table) - mean_ranks(chihuahuas)).abs()
    assert len(difference) == 3 * 6
    assert difference.max() < 0.02


def test_efficientnet_lite0_as_its_own_package_builds_it(
    real_data: Path, tensorflow: Any, tmp_path: Path
) -> None:
    """The package's module in PyTorch, and the Keras network with its weights, on real photos."""
    asks = [str(TORCH_PYTHON), "-c", "import efficientnet_lite_pytorch"]
    if subprocess.run(asks, capture_output=True, check=False).returncode:
        pytest.skip("efficientnet-lite-pytorch is missing beside PyTorch: `make torch`")
    program, root = tmp_path / "lite0.pt2", Path(__file__).parents[2]
    command = [str(TORCH_PYTHON), "-m", "tests.saliency.torch.lite0", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    images = sat.read_images(real_data / "chihuahua" / "images")
    segments = sat.read_segments(real_data / "chihuahua" / "exports")
    given = {"methods": ["gradient", "lrp.z"], "preprocess": lite0_input, "progress": False}
    tables = [
        sat.build(sat.explain(model, images, **given), segments, model="lite0")
        for model in (efficientnet_lite0(tmp_path / "lite0.h5"), program)
    ]
    pd.testing.assert_series_equal(tables[0]["predicted"], tables[1]["predicted"])
    chihuahuas = tables[1].drop_duplicates("image_id")["predicted"] == 151
    assert chihuahuas.mean() > 0.8
    assert np.abs(mean_ranks(tables[0]) - mean_ranks(tables[1])).max() < 0.02
