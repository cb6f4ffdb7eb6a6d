"""The first layer's own derivative is PyTorch's, for strides, paddings and sizes of any kind."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

small = st.integers(1, 6)


@settings(max_examples=60, deadline=None)
@given(
    kernel=st.tuples(small, small),
    stride=st.integers(1, 5),
    padding=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    more=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    channels=st.integers(1, 4),
)
def test_the_derivative_is_pytorchs(
    kernel: Any, stride: int, padding: Any, more: Any, channels: int
) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is missing here; run it in .venv-torch")
    from sat_nb.saliency.engines.torch.photo_layer import conv2d

    torch.manual_seed(0)
    weight = torch.randn(5, channels, *kernel, dtype=torch.float64)
    x = torch.randn(2, channels, *map(sum, zip(kernel, more, strict=True)), dtype=torch.float64)
    x.requires_grad_()
    rest = (weight, None, (stride, stride), padding, (1, 1), 1)
    expected, came = torch.ops.aten.conv2d.default(x, *rest), conv2d(x, *rest)
    torch.testing.assert_close(came, expected, rtol=0, atol=0)
    upon = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(came, x, upon), torch.autograd.grad(expected, x, upon)
    )


@pytest.mark.parametrize(
    ("options", "own"),
    [
        ({"kernel_size": 7, "stride": 2, "padding": 3}, True),
        ({"kernel_size": (3, 5), "stride": (2, 2)}, True),
        ({"kernel_size": 3, "stride": 1}, False),
        ({"kernel_size": 3, "stride": (1, 2)}, False),
        ({"kernel_size": 3, "stride": 2, "dilation": 2}, False),
        ({"kernel_size": 3, "stride": 2, "groups": 3}, False),
        ({"kernel_size": 3, "padding": "same"}, False),
    ],
)
@pytest.mark.parametrize("decomposed", [False, True])
def test_which_layers_have_it(options: Any, own: bool, decomposed: bool, torch: Any) -> None:
    from torch import nn

    from sat_nb.saliency.engines.torch.graph import operation
    from sat_nb.saliency.engines.torch.program import of_exported
    from sat_nb.saliency.engines.torch.rewrite import rewritten

    layers = nn.Sequential(nn.Conv2d(3, 6, **options), nn.Conv2d(6, 2, 3, stride=2))
    exported = torch.export.export(layers.eval(), (torch.zeros(2, 3, 16, 16),))
    exported = exported.run_decompositions() if decomposed else exported
    module = of_exported(exported, torch.float32, torch.device("cpu")).module
    rewritten(module, (2, 3, 16, 16))
    convolutions = [n for n in module.graph.nodes if operation(n) in ("conv2d", "convolution")]
    assert [n.target is torch.ops.sat_nb.conv2d.default for n in convolutions] == [own, False]
    x = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(module(x), layers(x))
