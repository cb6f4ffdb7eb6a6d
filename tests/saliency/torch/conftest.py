"""Models of PyTorch as files, and the engine in this process, in float32 and float64."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.saliency.torch.python import TORCH_PYTHON

collect_ignore = ["networks.py", "both_engines.py", "lite0.py"]


@pytest.fixture(scope="session")
def torch() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return pytest.importorskip(
        "torch", reason="PyTorch is missing here; run these tests in .venv-torch"
    )


@pytest.fixture(scope="session")
def torch_python() -> str:
    if TORCH_PYTHON is None:
        pytest.skip("no Python with PyTorch: `make torch`, or name one in SAT_NB_ENGINE_TORCH")
    return str(TORCH_PYTHON)


@pytest.fixture(scope="session")
def programs(torch: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """{name: .pt2 file} of the networks."""
    from sat_nb.saliency.engines.torch.export import export
    from tests.saliency.torch import networks

    folder = tmp_path_factory.mktemp("programs")
    size = (networks.SIZE, networks.SIZE)
    kinds = {
        "resnet": networks.made(networks.ResNet),
        "grey": networks.made(networks.ResNet, n_classes=1, channels=1),
        "vit": networks.made(networks.ViT),
        "plain_vit": networks.made(networks.ViT, bias=False, fused=False),
        "encoder": networks.made(networks.Encoder),
        "gated": networks.made(networks.Gated),
    }
    return {name: export(module, folder / f"{name}.pt2", size) for name, module in kinds.items()}


@pytest.fixture(scope="session")
def commands(torch: Any) -> dict[str, Any]:
    """The engine's four commands, in float64."""
    from sat_nb.saliency.engines.commands import Commands
    from sat_nb.saliency.engines.torch.commands import ENGINE
    from sat_nb.saliency.engines.torch.load import read_classifier

    return Commands(replace(ENGINE, read=partial(read_classifier, dtype=torch.float64))).by_name()


@pytest.fixture(scope="session")
def batch() -> Any:
    return np.random.default_rng(1).normal(size=(3, 16, 16, 3)).astype(np.float32)
