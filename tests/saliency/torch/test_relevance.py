"""LRP and Deep Taylor on PyTorch programs against the papers' formulas, written slowly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sat_nb.errors import InvalidInput
from sat_nb.saliency.model_file import ModelFile
from tests.oracles import relevance as slow

RULES = {
    "lrp.z": (slow.z_rule, {}),
    "lrp.epsilon": (slow.epsilon_rule(0.25), {"epsilon": 0.25}),
    "deep_taylor": (slow.z_plus_rule, {}),
}


def maps(commands: Any, path: Any, method: str, batch: Any, targets: Any, **given: Any) -> Any:
    file = ModelFile(str(path), "model", str(path))
    parameters = given.pop("parameters", {})
    seeds = [0] * len(batch)
    chunks = commands["analyze"](file, method, parameters, batch, targets, seeds, **given)
    return np.stack([chunk.attribution for chunk in chunks]).astype(np.float64)


def matrix(function: Any, shape: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
    """A linear function of (n, *shape) as a matrix, by asking it for every unit vector."""
    import torch

    n = int(np.prod(shape))
    with torch.no_grad():
        out = function(torch.eye(n, dtype=torch.float64).reshape(n, *shape))
    return out.reshape(n, -1).T.numpy(), tuple(out.shape[1:])


@pytest.fixture(scope="module")
def small(torch: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A CNN of every kind of convolution: its file, and the oracle's steps."""
    from torch import nn

    from sat_nb.saliency.engines.torch.export import export
    from tests.saliency.torch.networks import made

    class Small(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(
                nn.Conv2d(3, 4, 3, stride=2, padding=1),
                nn.ReLU(),
                nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=2),
                nn.ReLU6(),
                nn.ConvTranspose2d(4, 4, 2, stride=2),
                nn.ReLU(),
                nn.AvgPool2d(2),
                nn.Conv2d(4, 4, 1, groups=4),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(36, 5),
                nn.ReLU(),
                nn.Linear(5, 3),
            )

    module, shape = made(Small), (3, 6, 6)
    for parameter in module.parameters():
        parameter.data.normal_(0, 0.5)  # PyTorch's own are so small that no pixel comes through
    path = export(module, tmp_path_factory.mktemp("small") / "small.pt2", (6, 6))
    steps: list[Any] = []
    for part in module.double():
        if isinstance(part, nn.ReLU6):
            steps.append(("function", lambda x: np.clip(x, 0, 6)))
        elif isinstance(part, nn.ReLU):
            steps.append(("function", lambda x: np.maximum(x, 0)))
        elif isinstance(part, nn.AvgPool2d):
            weights, shape = matrix(part, shape)
            steps.append(("average", weights))
        elif not isinstance(part, nn.Flatten):
            bias = part.bias.detach().clone()
            part.bias.data.zero_()
            weights, shape = matrix(part, shape if len(shape) > 1 else (part.in_features,))
            rows = bias.numpy().repeat(len(weights) // len(bias))
            steps.append(("linear", weights, rows))
            continue
        if isinstance(part, nn.Flatten):
            shape = (int(np.prod(shape)),)
    return path, steps


@pytest.mark.parametrize("method", RULES)
def test_relevance_is_the_papers(method: str, small: Any, commands: Any) -> None:
    path, steps = small
    batch = np.random.default_rng(0).normal(size=(2, 6, 6, 3)).astype(np.float32)
    rule, parameters = RULES[method]
    n_maps = 0
    for target in range(3):
        found = maps(commands, path, method, batch, [target] * 2, parameters=parameters)
        for photo, came in zip(batch, found, strict=True):
            x = photo.transpose(2, 0, 1).ravel()
            logit = slow.forward(steps, x)[-1][target]
            expected = slow.relevance(steps, x, target, rule)
            if method == "deep_taylor" and logit < 0:
                expected = 0 * expected
            n_maps += expected.any()
            expected = expected.reshape(3, 6, 6).transpose(1, 2, 0)
            assert np.abs(came - expected).max() <= 1e-6 * np.abs(expected).max()
    assert n_maps >= 2


def test_a_pair_under_deep_taylor_is_one_neuron(small: Any, commands: Any) -> None:
    path, steps = small
    (*before, (kind, weights, bias)) = steps
    batch = np.random.default_rng(0).normal(size=(4, 6, 6, 3)).astype(np.float32)
    pair = [(kind, (weights[0] - weights[1])[None], (bias[0] - bias[1])[None])]
    found = maps(commands, path, "deep_taylor", batch, [0] * 4, against=1)
    n_positive = 0
    for photo, came in zip(batch, found, strict=True):
        x = photo.transpose(2, 0, 1).ravel()
        expected = slow.relevance([*before, *pair], x, 0, slow.z_plus_rule)
        positive = slow.forward([*before, *pair], x)[-1][0] > 0
        expected = expected.reshape(3, 6, 6).transpose(1, 2, 0) * positive
        n_positive += expected.any()
        assert np.abs(came - expected).max() <= 1e-6 * np.abs(expected).max()
    assert n_positive > 0


# --- transformers ------------------------------------------------------------------------------


def erf(x: Any) -> Any:
    from scipy import special

    return special.erf(x)


class SlowViT:
    """LRP of Ali et al. 2022 for the test's ViT without biases, from its weights alone.

    With attention weights, LayerNorms' deviations and the factor y / x of GELU as they were on the
    photo, the logit is linear in pixels, position embeddings and class token together.
    """

    def __init__(self, module: Any) -> None:
        self.w = {name: value.double().numpy() for name, value in module.state_dict().items()}
        self.held: dict[str, Any] = {}

    def norm(self, x: Any, name: str, hold: bool) -> Any:
        centred = x - x.mean(-1, keepdims=True)
        if hold:
            self.held[name] = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        return centred / self.held[name] * self.w[f"{name}.weight"]

    def attend(self, x: Any, name: str, hold: bool) -> Any:
        n, t, width = x.shape
        qkv = (x @ self.w[f"{name}.qkv.weight"].T).reshape(n, t, 3, 2, width // 2)
        q, k, v = qkv.transpose(2, 0, 3, 1, 4)
        if hold:
            scores = q @ k.swapaxes(-1, -2) / np.sqrt(width // 2)
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            self.held[name] = scores / scores.sum(-1, keepdims=True)
        out = (self.held[name] @ v).transpose(0, 2, 1, 3).reshape(n, t, width)
        return out @ self.w[f"{name}.proj.weight"].T

    def mlp(self, x: Any, name: str, hold: bool) -> Any:
        x = x @ self.w[f"{name}.0.weight"].T
        if hold:
            self.held[name] = (1 + erf(x / np.sqrt(2))) / 2
        return x * self.held[name] @ self.w[f"{name}.2.weight"].T

    def __call__(self, pixels: Any, position: Any, token: Any, *, hold: bool) -> Any:
        """Logits of pixels (n, 3, H, W)."""
        n = len(pixels)
        kernel = self.w["patches.weight"]
        patches = pixels.reshape(n, 3, 4, 4, 4, 4).transpose(0, 2, 4, 1, 3, 5).reshape(n, 16, 48)
        x = patches @ kernel.reshape(len(kernel), 48).T
        x = np.concatenate([np.repeat(token, n, axis=0), x], axis=1) + position
        for layer in ("layers.0", "layers.1"):
            x = x + self.attend(self.norm(x, f"{layer}.norm1", hold), f"{layer}.attention", hold)
            x = x + self.mlp(self.norm(x, f"{layer}.norm2", hold), f"{layer}.mlp", hold)
        return self.norm(x, "norm", hold)[:, 0] @ self.w["head.weight"].T


@pytest.mark.parametrize("fused", [True, False])
def test_lrp_of_a_transformer_is_that_of_ali_and_conserves(
    fused: bool, torch: Any, commands: Any, batch: Any, tmp_path: Any
) -> None:
    from sat_nb.saliency.engines.torch.export import export
    from tests.saliency.torch import networks

    module = networks.made(networks.ViT, bias=False, fused=fused)
    path = export(module, tmp_path / "vit.pt2", (16, 16))
    found = maps(commands, path, "lrp.z", batch[:1], [1])[0]
    slow_vit = SlowViT(module)
    pixels = batch[:1].transpose(0, 3, 1, 2).astype(np.float64)
    position, token = slow_vit.w["position"], slow_vit.w["token"]
    logit = slow_vit(pixels, position, token, hold=True)[0, 1]
    units = np.eye(768).reshape(768, 3, 16, 16)
    slopes = slow_vit(units, 0 * position, 0 * token, hold=False)[:, 1]
    expected = slopes.reshape(3, 16, 16) * pixels[0]
    largest = np.abs(expected).max()
    np.testing.assert_allclose(found, expected.transpose(1, 2, 0), atol=1e-6 * largest)
    rest = [
        slow_vit(0 * pixels, position, 0 * token, hold=False)[0, 1],
        slow_vit(0 * pixels, 0 * position, token, hold=False)[0, 1],
    ]
    assert found.sum() + sum(rest) == pytest.approx(logit, rel=1e-5)


def test_lrp_conserves_through_gates_and_norms_without_biases(
    torch: Any, commands: Any, batch: Any, tmp_path: Any
) -> None:
    from sat_nb.saliency.engines.torch.export import export
    from tests.saliency.torch import networks

    module = networks.made(networks.Gated)
    for name, parameter in module.named_parameters():
        if name.endswith("bias") and not name.startswith("squeeze"):
            parameter.data.zero_()
    path = export(module, tmp_path / "gated.pt2", (16, 16))
    file = ModelFile(str(path), "gated", str(path))
    _, logits = commands["predict"](file, batch)
    for method, parameters in (("lrp.z", {}), ("lrp.epsilon", {"epsilon": 1e-9})):
        found = maps(commands, path, method, batch, [0, 1, 2], parameters=parameters)
        sums = found.sum(axis=(1, 2, 3))
        np.testing.assert_allclose(sums, logits[range(3), range(3)], rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "operation"),
    [("vit", "layer_norm.*scaled_dot_product_attention"), ("gated", "group_norm.*silu")],
)
def test_deep_taylor_names_what_it_cannot(
    name: str, operation: str, programs: Any, commands: Any, batch: Any
) -> None:
    match = rf"'deep_taylor' cannot explain .*{operation}.*Methods that can: .*'lrp.z'"
    with pytest.raises(InvalidInput, match=match):
        maps(commands, programs[name], "deep_taylor", batch, [0] * 3)


def test_an_unknown_operation_names_itself_and_the_methods_that_can(
    torch: Any, commands: Any, batch: Any, tmp_path: Any
) -> None:
    from torch import nn

    from sat_nb.saliency.engines.torch.export import export

    class Products(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)

        def forward(self, x: Any) -> Any:
            return (self.a(x) * torch.cos(self.b(x))).mean(dim=(2, 3))

    path = export(Products().eval(), tmp_path / "products.pt2", (16, 16))
    match = "'lrp.z' cannot explain .* operation 'mul'.*Methods that can: 'gradient', 'smoothgrad'"
    with pytest.raises(InvalidInput, match=match):
        maps(commands, path, "lrp.z", batch, [0] * 3)
    assert np.isfinite(maps(commands, path, "gradient", batch, [0] * 3)).all()


@pytest.mark.parametrize(
    ("spelling", "supported"),
    [
        (lambda torch, x: torch.where(x > 0, x, 0.1 * x), True),
        (lambda torch, x: torch.nn.functional.normalize(x, dim=1), True),
        (lambda torch, x: x * torch.sigmoid(1.7 * x), True),
        (lambda torch, x: torch.nn.functional.relu6(x) * torch.nn.functional.hardsigmoid(x), True),
        (lambda torch, x: x * torch.nn.functional.relu6(x + 3) / 6, True),
        (lambda torch, x: x / (x.std(dim=1, keepdim=True) + 1e-3), True),
        (lambda torch, x: torch.maximum(x, -x), True),
        (lambda torch, x: torch.sort(x, dim=1).values, False),
        (lambda torch, x: x * x, False),
        (lambda torch, x: x.square(), False),
        (lambda torch, x: torch.sigmoid(x) / (1 + x.abs()), False),
        (lambda torch, x: x * torch.cos(x), False),
    ],
)
def test_operations_between_layers_conserve_relevance_or_are_refused(
    spelling: Any, supported: bool, torch: Any, commands: Any, batch: Any, tmp_path: Any
) -> None:
    from torch import nn

    from sat_nb.saliency.engines.torch.export import export

    class Spelled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.conv = nn.Conv2d(3, 4, 3, bias=False)
            self.fc = nn.Linear(4, 3, bias=False)

        def forward(self, x: Any) -> Any:
            return self.fc(spelling(torch, self.conv(x)).mean(dim=(2, 3)))

    path = export(Spelled().eval(), tmp_path / "spelled.pt2", (16, 16))
    if not supported:
        with pytest.raises(InvalidInput, match="'lrp.z' cannot explain .* operation"):
            maps(commands, path, "lrp.z", batch, [0] * 3)
        return
    _, logits = commands["predict"](ModelFile(str(path), "model", str(path)), batch)
    sums = maps(commands, path, "lrp.z", batch, [0, 1, 2]).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(sums, logits[range(3), range(3)], rtol=1e-4)


def test_outputs_that_are_known_are_not_computed_again(small: Any, commands: Any) -> None:
    """Deep Taylor tells the value that it has no map of: of ``outputs``, where they are given."""
    path, _ = small
    file = ModelFile(str(path), "small", str(path))
    batch = np.random.default_rng(0).normal(size=(2, 6, 6, 3)).astype(np.float32)
    _, outputs = commands["predict"](file, batch)
    targets = outputs.argmin(axis=1).tolist()
    asked = (file, "deep_taylor", {}, batch, targets, [0, 0])
    assert (outputs.min(axis=1) < 0).all()
    for known, expected in ((None, outputs.min(axis=1)), (0 * outputs - 7, [-7, -7])):
        chunks = commands["analyze"](*asked, outputs=known)
        np.testing.assert_allclose([one.facts["not_positive"] for one in chunks], expected)
