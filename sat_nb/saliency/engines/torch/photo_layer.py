"""The layer that takes the photo, with a derivative that costs half as much on processors.

By three channels, PyTorch computes the derivative of a convolution with strides at a fifth of its
usual speed: for ResNet's first layer it takes three times what the layer takes. It takes a third of
that as an ordinary convolution that gives s * s numbers a channel, one for each place that a stride
of s skips.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import fx
from torch.nn import functional

from sat_nb.saliency.engines.torch.graph import argument, aten, constant, operation

MAX_CHANNELS = 4
_SCHEMA = str(aten.conv2d.default._schema).removeprefix("aten::conv2d")


@torch.library.custom_op("sat_nb::conv2d", mutates_args=(), schema=_SCHEMA)
def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: Any = 1,
) -> Any:
    """``aten::conv2d``, in name and value."""
    return functional.conv2d(x, weight, bias, stride, padding, dilation, groups)


conv2d.register_fake(conv2d._init_fn)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    x, weight, _, (stride, *_), padding, *_ = inputs
    ctx.save_for_backward(weight)
    ctx.stride, ctx.padding, ctx.sizes = stride, padding, x.shape[2:]


def _by_photo(ctx: Any, given: Any) -> tuple[Any, ...]:
    (weight,) = ctx.saved_tensors
    return slopes(given, weight, ctx.stride, ctx.padding, ctx.sizes), *[None] * 6


conv2d.register_autograd(_by_photo, setup_context=_keep)


def slopes(given: Any, weight: Any, stride: int, padding: Any, sizes: Any) -> Any:
    """The derivative by x (n, c, *sizes) of the convolution, for what its outputs are ``given``.

    With u = s m + r, the place u of the padded x gets sum_d given[m - d] weight[s d + r].
    """
    reach = [-(-size // stride) for size in weight.shape[2:]]
    whole = functional.pad(weight, _around(weight.shape[2:], (0, 0), [n * stride for n in reach]))
    kernel = functional.pixel_unshuffle(whole, stride).flip(2, 3).transpose(0, 1)
    kernel = kernel.contiguous(memory_format=torch.channels_last)
    outer = functional.conv2d(given, kernel, padding=[n - 1 for n in reach])
    found = functional.pixel_shuffle(outer, stride)
    return functional.pad(found, _around(found.shape[2:], [-n for n in padding], sizes))


def _around(sizes: Any, before: Any, wanted: Any) -> list[int]:
    """The padding that puts ``before`` zeros before both axes, and makes them ``wanted`` long."""
    pairs = [(n, want - size - n) for size, n, want in zip(sizes, before, wanted, strict=True)]
    return [number for pair in reversed(pairs) for number in pair]


def photo_layers_have_a_quick_derivative(module: fx.GraphModule) -> None:
    """Convolutions with strides by few channels get another derivative, equal in value."""
    names = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
    for node in module.graph.nodes:
        if _is_slow(module, node):
            node.args = tuple(argument(node, name) for name in names)
            node.target, node.kwargs = torch.ops.sat_nb.conv2d.default, {}


def _is_slow(module: fx.GraphModule, node: fx.Node) -> bool:
    if operation(node) not in ("conv2d", "convolution") or argument(node, "transposed"):
        return False
    weight = constant(module, argument(node, "weight"))
    if weight is None or weight.dim() != 4 or weight.device.type != "cpu":
        return False
    if isinstance(argument(node, "padding"), str) or argument(node, "groups") != 1:
        return False
    first, *others = argument(node, "stride")
    dense = all(one == 1 for one in argument(node, "dilation"))
    return weight.shape[1] <= MAX_CHANNELS and first > 1 and others == [first] and dense
