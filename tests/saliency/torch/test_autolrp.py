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


# --- a transformer -----------------------------------------------------------------------------


def by_signed_summands(a: Any, b: Any, given: Any, *_: Any, **__: Any) -> Any:
    """A sum passes on by what each summand adds to it; autolrp's own rule takes magnitudes."""
    share = given / (a + b)
    return a * share, b * share


def with_its_deviation_held(x: Any, y: Any, given: Any, *_: Any, weight: Any, **__: Any) -> Any:
    """Ali et al. 2022, eq. 10: LayerNorm is linear in x where its deviation is a constant."""
    centred = x - x.mean(-1, keepdim=True)
    slope = weight / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    share = given / (centred * slope) * slope
    return x * (share - share.mean(-1, keepdim=True))


@pytest.fixture(scope="module")
def vit(torch: Any, commands: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """theirs(rules), ours: maps (16, 16, 3) of a ViT without biases."""
    import autolrp

    from sat_nb.saliency.engines.torch.export import export
    from tests.saliency.torch import networks

    module = networks.made(networks.ViT, bias=False)
    path = export(module, tmp_path_factory.mktemp("vit") / "vit.pt2", (16, 16))
    photo = np.random.default_rng(1).normal(size=(1, 16, 16, 3)).astype(np.float32)
    (ours,) = maps(commands, path, "lrp.z", photo, [1])
    module.double()

    def theirs(rules: Any) -> Any:
        x = autolrp.tensor(torch.from_numpy(photo.transpose(0, 3, 1, 2).astype(np.float64)))
        logit = module(x)[0, 1]
        logit.lrp(config=autolrp.LRPConfig(rule=rules, eps=1e-14))
        return (x.relevance[0].permute(1, 2, 0) * logit.detach()).detach().numpy()

    return theirs, ours


def test_a_transformer_with_the_sums_and_norms_of_ali(autolrp: Any, vit: Any) -> None:
    """autolrp's preset is named after Ali et al. 2022, but has other rules for both.

    It splits residual sums by magnitudes and takes LayerNorm for the identity. With the paper's
    rules in their place the maps are equal; with either of its own they are not.
    """
    from autolrp.nodes import ADD_NODES, LAYERNORM_NODES

    theirs, ours = vit
    cplrp = {**autolrp.BASE, **autolrp.CPLRP}
    sums = autolrp.on(ADD_NODES, by_signed_summands)
    norms = autolrp.on(LAYERNORM_NODES, with_its_deviation_held)
    largest = np.abs(ours).max()
    np.testing.assert_allclose(theirs({**cplrp, **sums, **norms}), ours, atol=1e-6 * largest)
    for other in (cplrp, {**cplrp, **sums}, {**cplrp, **norms}):
        assert np.abs(theirs(other) - ours).max() > 0.5 * largest
