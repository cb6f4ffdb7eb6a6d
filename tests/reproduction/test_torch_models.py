"""Models of PyTorch and Keras 3, trained where their engine is and explained from here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sat_nb as sat
from sat_nb.reproduction import torch_models
from sat_nb.saliency.engines.entries import ENGINES
from tests.saliency.torch.python import TORCH_PYTHON

SIZE = 48


@pytest.fixture(scope="module")
def photos() -> dict[str, np.ndarray]:
    """Bright and dark photos."""
    random = np.random.default_rng(0)
    return {
        f"{i}": random.integers(128 * (i % 2), 128 + 100 * (i % 2), (SIZE, SIZE, 3)).astype(
            np.uint8
        )
        for i in range(16)
    }


@pytest.mark.skipif(TORCH_PYTHON is None, reason="no Python with PyTorch: `make torch`")
@pytest.mark.parametrize("kind", torch_models.KINDS)
def test_it_learns_and_is_explained(
    kind: str, photos: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENGINES["torch"].variable, str(TORCH_PYTHON))
    labels = {i: int(i) % 2 for i in photos}
    file = tmp_path / f"model{torch_models.KINDS[kind]}"
    assert torch_models.train(kind, photos, labels, file, epochs=12) == file
    maps = sat.explain(file, photos, methods="gradient", preprocess="unit", progress=False)
    assert {i: maps.facts[i].predicted for i in photos} == labels
    assert maps.settings["engine"] == ["torch", 1]
    assert maps["gradient"]["0"].shape == (SIZE, SIZE, 3)


def test_what_cannot_be_trained_is_named(
    photos: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(sat.InvalidInput, match="kind: unknown name 'lstm'.*'vit'"):
        torch_models.train("lstm", photos, {"0": 0}, tmp_path / "m.pt2")
    monkeypatch.setenv(ENGINES["torch"].variable, "/no/such/python")
    with pytest.raises(sat.EngineMissing, match="'/no/such/python', but it cannot be started"):
        torch_models.train("cnn", photos, {"0": 0}, tmp_path / "m.pt2")
    assert not list(tmp_path.iterdir())
