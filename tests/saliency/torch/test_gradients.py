"""Gradients, Integrated Gradients and Grad-CAM of PyTorch programs against autograd and captum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sat_nb.errors import InvalidInput
from sat_nb.saliency.model_file import ModelFile
from tests.saliency.torch.test_relevance import maps


@pytest.fixture(scope="module")
def resnet(torch: Any) -> Any:
    from tests.saliency.torch import networks

    return networks.made(networks.ResNet).double()


def nchw(torch: Any, batch: Any) -> Any:
    return torch.from_numpy(batch).double().permute(0, 3, 1, 2)


def slopes(torch: Any, module: Any, batch: Any, explained: Any) -> Any:
    x = nchw(torch, batch).requires_grad_()
    (found,) = torch.autograd.grad(explained(module(x)), x)
    return found.permute(0, 2, 3, 1).numpy()


def test_the_gradient_is_autograds(
    torch: Any, resnet: Any, programs: Any, commands: Any, batch: Any
) -> None:
    targets = [1, 0, 3]
    expected = slopes(torch, resnet, batch, lambda y: y[range(3), targets].sum())
    found = maps(commands, programs["resnet"], "gradient", batch, targets)
    np.testing.assert_allclose(found, expected, atol=1e-7 * np.abs(expected).max())
    expected = slopes(torch, resnet, batch, lambda y: (y[range(3), targets] - y[:, 2]).sum())
    found = maps(commands, programs["resnet"], "gradient", batch, targets, against=2)
    np.testing.assert_allclose(found, expected, atol=1e-7 * np.abs(expected).max())


def test_probabilities_are_explained(torch: Any, programs: Any, commands: Any, batch: Any) -> None:
    from tests.saliency.torch import networks

    module = networks.made(networks.Encoder).double()
    expected = slopes(torch, module, batch, lambda y: y[:, 2].sum())
    found = maps(commands, programs["encoder"], "gradient", batch, [2] * 3, output="probability")
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())


def test_integrated_gradients_are_captums(
    torch: Any, resnet: Any, programs: Any, commands: Any, batch: Any
) -> None:
    attr = pytest.importorskip("captum.attr")
    expected = attr.IntegratedGradients(resnet).attribute(
        nchw(torch, batch), target=1, n_steps=36, method="riemann_middle"
    )
    parameters = {"n_nodes": 36, "baseline": 0.0, "rule": "midpoint"}
    found = maps(
        commands,
        programs["resnet"],
        "integrated_gradients",
        batch,
        [1] * 3,
        parameters=parameters,
        points_at_once=7,
    )
    wanted = expected.permute(0, 2, 3, 1).detach().numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("layer", ["block.conv2", "block", "stem"])
def test_grad_cam_is_captums(
    layer: str, torch: Any, resnet: Any, programs: Any, commands: Any, batch: Any
) -> None:
    attr = pytest.importorskip("captum.attr")
    module = resnet.get_submodule(layer)
    if layer != "block":  # BatchNorm has joined the convolution: what it gives are the features
        module = resnet.get_submodule({"stem": "bn", "block.conv2": "block.bn2"}[layer])
    heat = attr.LayerGradCam(resnet, module).attribute(
        nchw(torch, batch), target=0, relu_attributions=True
    )
    wanted = torch.nn.functional.interpolate(heat, (16, 16), mode="bilinear").detach().numpy()
    found = maps(
        commands, programs["resnet"], "grad_cam", batch, [0] * 3, parameters={"layer": layer}
    )
    np.testing.assert_allclose(found[..., 0], wanted[:, 0], atol=1e-6 * wanted.max())


def test_layers_of_grad_cam_are_named(programs: Any, commands: Any) -> None:
    file = ModelFile(str(programs["resnet"]), "resnet", "resnet")
    with pytest.raises(InvalidInput, match="'block.relu' names 2 calls.*'block.relu:1' or"):
        commands["build"](file, "grad_cam", {"layer": "block.relu"})
    with pytest.raises(InvalidInput, match="unknown name 'blok'. Did you mean 'block'"):
        commands["build"](file, "grad_cam", {"layer": "blok"})


def test_a_program_for_a_fixed_number_of_images(
    torch: Any, resnet: Any, programs: Any, commands: Any, batch: Any, tmp_path: Any
) -> None:
    from tests.saliency.torch import networks

    path = tmp_path / "two.pt2"
    module = networks.made(networks.ResNet)
    torch.export.save(torch.export.export(module, (torch.zeros(2, 3, 16, 16),)), path)
    sampled = {"n_nodes": 5, "baseline": 0.0, "rule": "midpoint"}
    for method, parameters in (
        ("gradient", {}),
        ("lrp.z", {}),
        ("deep_taylor", {}),
        ("grad_cam", {"layer": None}),
        ("integrated_gradients", sampled),
    ):
        given = {"parameters": parameters, "points_at_once": 3}
        found = maps(commands, path, method, batch, [0, 1, 2], **given)
        expected = maps(commands, programs["resnet"], method, batch, [0, 1, 2], **given)
        np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())
