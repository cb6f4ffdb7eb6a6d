"""LRP and Deep Taylor against autolrp, which walks PyTorch's own graph, on nets without biases.

Its relevances add up to 1 where ours add up to the logit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.saliency.torch.test_relevance import maps


@pytest.fixture(scope="module")
def autolrp(torch: Any) -> Any:
    return pytest.importorskip("autolrp", reason="autolrp is missing here: `make torch`")


@pytest.fixture(scope="module")
def cnn(torch: Any) -> Any:
    from torch import nn

    from tests.saliency.torch.networks import made

    class Cnn(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(
                nn.Conv2d(3, 4, 3, bias=False),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Conv2d(4, 6, 3, stride=2, bias=False),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(54, 5, bias=False),
                nn.ReLU(),
                nn.Linear(5, 3, bias=False),
            )

    return made(Cnn)


def theirs(autolrp: Any, torch: Any, module: Any, photo: Any, target: int, rule: str) -> Any:
    """autolrp's map (H, W, C) of a photo (H, W, C), times the logit."""
    x = autolrp.tensor(torch.from_numpy(photo.transpose(2, 0, 1)[None].astype(np.float64)))
    logit = module.double()(x)[0, target]
    rules = {**autolrp.BASE, **autolrp.on(autolrp.PRODUCT_NODES, rule)}
    logit.lrp(config=autolrp.LRPConfig(rule=rules))
    found = x.relevance[0].permute(1, 2, 0) * float(logit)
    return found.detach().numpy()


@pytest.mark.parametrize(
    ("method", "rule"),
    [
        ("lrp.z", "epsilon"),
        ("deep_taylor", "zplus"),
    ],
)
def test_a_cnn(
    method: str, rule: str, autolrp: Any, torch: Any, cnn: Any, commands: Any, tmp_path: Any
) -> None:
    from sat_nb.saliency.engines.torch.export import export

    batch = np.random.default_rng(5).normal(size=(4, 16, 16, 3)).astype(np.float32)
    path = export(cnn.float(), tmp_path / "cnn.pt2", (16, 16))
    with torch.no_grad():
        targets = cnn(torch.from_numpy(batch.transpose(0, 3, 1, 2))).argmax(dim=1).tolist()
    found = maps(commands, path, method, batch, targets)
    n_compared = 0
    for photo, target, came in zip(batch, targets, found, strict=True):
        expected = theirs(autolrp, torch, cnn, photo, target, rule)
        if method == "deep_taylor" and expected.sum() <= 0:
            assert not came.any()
            continue
        n_compared += 1
        assert np.abs(came - expected).max() <= 1e-6 * np.abs(expected).max()
    assert n_compared > 0
