"""Maps from attention against the papers' formulas, on attention computed by NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sat_nb.errors import InvalidInput
from tests.saliency.torch.test_relevance import SlowViT, maps


@pytest.fixture(scope="module")
def vit(torch: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """(a ViT without biases, its file with fused attention, its file without)."""
    from sat_nb.saliency.engines.torch.export import export
    from tests.saliency.torch import networks

    folder = tmp_path_factory.mktemp("vit")
    modules = [networks.made(networks.ViT, bias=False, fused=fused) for fused in (True, False)]
    files = [export(m, folder / f"{m.layers[0].attention.fused}.pt2", (16, 16)) for m in modules]
    return modules[0], files


def upsampled(torch: Any, heat: Any) -> Any:
    tensor = torch.from_numpy(heat.reshape(-1, 1, 4, 4))
    return torch.nn.functional.interpolate(tensor, (16, 16), mode="bilinear").numpy()[:, 0]


def attention_of(module: Any, batch: Any) -> list[Any]:
    slow = SlowViT(module)
    pixels = batch.transpose(0, 3, 1, 2).astype(np.float64)
    slow(pixels, slow.w["position"], slow.w["token"], hold=True)
    return [slow.held[f"layers.{number}.attention"] for number in (0, 1)]


@pytest.mark.parametrize("fused", [0, 1])
def test_rollout_is_abnars(fused: int, torch: Any, vit: Any, commands: Any, batch: Any) -> None:
    module, files = vit
    first, second = ((layer.mean(axis=1) + np.eye(17)) / 2 for layer in attention_of(module, batch))
    expected = upsampled(torch, (second @ first)[:, 0, 1:])
    found = maps(commands, files[fused], "attention_rollout", batch, [0, 1, 2])
    np.testing.assert_allclose(found[..., 0], expected, atol=1e-6)
    again = maps(commands, files[fused], "attention_rollout", batch, [2, 2, 2])
    np.testing.assert_array_equal(found, again)  # it knows no class


@pytest.mark.parametrize("fused", [0, 1])
def test_gradient_attention_is_chefers(
    fused: int, torch: Any, vit: Any, commands: Any, batch: Any
) -> None:
    """The gradient of the logit by each attention weight is found by small steps."""
    module, files = vit
    expected = []
    for photo, target in zip(batch, (0, 1, 2), strict=True):
        found = np.eye(17)
        for number, layer in enumerate(attention_of(module, photo[None])):
            slope = slopes_by_steps(module, photo[None], f"layers.{number}.attention", target)
            found = found + (layer[0] * slope).clip(min=0).mean(axis=0) @ found
        expected.append(found[0, 1:])
    wanted = upsampled(torch, np.array(expected))
    found = maps(commands, files[fused], "gradient_attention", batch, [0, 1, 2])[..., 0]
    np.testing.assert_allclose(found, wanted, atol=1e-5 * wanted.max())


def slopes_by_steps(module: Any, photo: Any, name: str, target: int) -> Any:
    """Derivatives (heads, 17, 17) of the logit by the attention weights of one layer."""

    class Fixed(SlowViT):
        def attend(self, x: Any, one: str, hold: bool) -> Any:
            return super().attend(x, one, hold=hold and one != name)

    slow, step = Fixed(module), 1e-6
    pixels = photo.transpose(0, 3, 1, 2).astype(np.float64)
    position, token = slow.w["position"], slow.w["token"]
    (layer,) = (
        attention for n, attention in enumerate(attention_of(module, photo)) if f".{n}." in name
    )
    moved = np.repeat(layer, layer[0].size, axis=0)
    moved.reshape(len(moved), -1)[np.arange(len(moved)), np.arange(len(moved))] += step
    slow.held[name] = np.concatenate([layer, moved])
    many = np.repeat(pixels, 1 + len(moved), axis=0)
    logits = slow(many, position, token, hold=True)[:, target]
    return ((logits[1:] - logits[0]) / step).reshape(layer[0].shape)


def test_pooled_tokens_all_count(programs: Any, commands: Any, batch: Any) -> None:
    for method in ("attention_rollout", "gradient_attention"):
        found = maps(commands, programs["encoder"], method, batch, [0, 1, 2])
        assert found.shape == (3, 16, 16, 1)
        assert found.min() >= 0
        assert found.max() > 0


def test_models_without_attention_say_so(programs: Any, commands: Any, batch: Any) -> None:
    match = "'attention_rollout' cannot explain .*the model has no attention.*can: 'gradient'"
    with pytest.raises(InvalidInput, match=match):
        maps(commands, programs["resnet"], "attention_rollout", batch, [0, 1, 2])


def test_attention_written_out_is_the_same(
    torch: Any, vit: Any, commands: Any, batch: Any, tmp_path: Any
) -> None:
    """As ``run_decompositions`` writes it: products, a softmax, and zeros where all is barred."""
    module, files = vit
    images = (torch.zeros(2, 3, 16, 16),)
    dynamic = ({0: torch.export.Dim.AUTO},)
    program = torch.export.export(module, images, dynamic_shapes=dynamic).run_decompositions()
    torch.export.save(program, tmp_path / "core.pt2")
    for method in ("attention_rollout", "gradient_attention", "lrp.z"):
        found = maps(commands, tmp_path / "core.pt2", method, batch, [0, 1, 2])
        expected = maps(commands, files[0], method, batch, [0, 1, 2])
        np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())
