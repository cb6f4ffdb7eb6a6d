"""The table of architectures and methods in docs/explain/models.md is what happens."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks.architectures import ARCHITECTURES
from sat_nb.models.keras_config import check_config
from sat_nb.saliency.explain import explain
from sat_nb.saliency.methods import PAPER_METHODS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explain" / "models.md"
FEWER_BLOCKS = [2, 2, 2, 2]  # of 6, 12, 24, 16 and 3, 4, 6, 3: all of their layers and connections
FEW = {"smoothgrad": {"n_samples": 1}, "integrated_gradients": {"n_nodes": 1}}


def documented() -> dict[str, list[str]]:
    """{architecture: its cells} of the page's table of models."""
    table = PAGE.read_text(encoding="utf-8").split("| the paper's six methods |")[1]
    rows = re.findall(r"^\| `([\w-]+)` \|(.+)\|$", table, flags=re.M)
    return {name: [cell.strip() for cell in cells.split("|")] for name, cells in rows}


def untrained(architecture, keras):
    """The model for 64 px, with random weights; DenseNet121 and ResNet50 have fewer blocks."""
    from keras.src.applications import densenet, resnet  # tf.keras has the deep ones only

    given = {"weights": None, "input_shape": (64, 64, 3), "classes": 5}
    if architecture == "DenseNet121":
        return densenet.DenseNet(FEWER_BLOCKS, **given)
    if architecture == "ResNet50":
        return resnet.ResNet(fewer_residual_blocks, preact=False, use_bias=True, **given)
    return ARCHITECTURES[architecture](given["input_shape"], given["classes"])


def fewer_residual_blocks(x):
    """ResNet50's stages, each with a block that changes the shape and one that does not."""
    from keras.src.applications.resnet import stack1

    for stage, (filters, n_blocks) in enumerate(
        zip((64, 128, 256, 512), FEWER_BLOCKS, strict=True)
    ):
        x = stack1(x, filters, n_blocks, stride1=1 if stage == 0 else 2, name=f"conv{stage + 2}")
    return x


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_all_six_methods_on(architecture, keras):
    """The layers are what matters, and what is checked at load."""
    model = untrained(architecture, keras)
    check_config(json.loads(model.to_json()))  # as a file, too
    last = [layer for layer in model.layers if layer.weights][-1]
    kernel, bias = last.get_weights()
    last.set_weights([kernel, bias + 1])  # a logit above zero, for Deep Taylor
    photos = {"noise": np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)}
    maps = explain(
        model, photos, methods=PAPER_METHODS, preprocess="signed", parameters=FEW, progress=False
    )
    for method in PAPER_METHODS:
        assert np.abs(maps[method]["noise"]).max() > 0, method
    works, _, rewritten, *_ = documented()[architecture]
    assert works == "all six"
    assert bool(maps.settings["model"]["rewritten"][1:]) == (rewritten != "nothing")


def test_the_table_is_complete():
    assert list(documented()) == list(ARCHITECTURES)
