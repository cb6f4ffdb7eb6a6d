"""Operations with weights as linear maps, so that they can be run with other weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import fx

from sat_nb.saliency.engines.torch.affine import batch_norm_map
from sat_nb.saliency.engines.torch.graph import argument, aten, constant, operation
from sat_nb.saliency.engines.torch.operations import MATRICES, PRODUCTS, SUMS


@dataclass(frozen=True)
class Linear:
    """``apply(x, kernel)`` is what the operation does to ``x`` before its bias.

    ``joins`` are two axes: ``apply`` of inputs that are concatenated along the first of them, with
    kernels that are concatenated along the second, is the sum of both. None where that is not so.
    """

    kernel: Any
    apply: Callable[[Any, Any], Any]
    joins: tuple[int, int] | None = None

    @cached_property
    def above(self) -> Any:
        """The positive part of the kernel."""
        return self.kernel.clamp(min=0)

    @cached_property
    def below(self) -> Any:
        """The negative part."""
        return self.kernel.clamp(max=0)

    @cached_property
    def both(self) -> Any:
        """Both parts, for inputs that are concatenated."""
        assert self.joins is not None
        return torch.cat([self.above, self.below], dim=self.joins[1])


def linear(module: fx.GraphModule, node: fx.Node, of: fx.Node) -> Linear | None:
    """What a node does to its input ``of`` as a linear map; None where it is not linear in it."""
    name = operation(node)
    if name in SUMS:
        return _shift(node, of)
    if name in PRODUCTS:
        return _factor(module, node, of)
    if name in ("neg", "negative"):
        return Linear(torch.tensor(-1.0), _times)
    if name in MATRICES:
        return _matrix(module, node, of)
    return _LINEAR[name](module, node) if name in _LINEAR else None


def _times(x: Any, kernel: Any) -> Any:
    return x * kernel.to(x.dtype)


def _shift(node: fx.Node, of: fx.Node) -> Linear:
    """A constant that is added is a bias; only what is subtracted has another sign."""
    name, first = operation(node), node.args[0] is of
    reversed_ = name == "rsub" if first else name in ("sub", "subtract")
    return Linear(torch.tensor(-1.0 if reversed_ else 1.0), _times)


def _factor(module: fx.GraphModule, node: fx.Node, of: fx.Node) -> Linear | None:
    first = node.args[0] is of
    factor = constant(module, node.args[1] if first else node.args[0])
    if factor is None:
        return None
    if operation(node) not in ("mul", "multiply"):
        if not first or argument(node, "rounding_mode"):
            return None
        factor = 1 / factor
    return Linear(torch.as_tensor(factor), _times)


def _matrix(module: fx.GraphModule, node: fx.Node, of: fx.Node) -> Linear | None:
    names = {"addmm": ("mat1", "mat2"), "baddbmm": ("batch1", "batch2")}.get(
        operation(node), (None, None)
    )
    pair = [argument(node, name) for name in names] if names[0] else list(node.args[:2])
    if argument(node, "alpha", 1) != 1 or argument(node, "beta", 1) != 1:
        return None
    other = constant(module, pair[1] if pair[0] is of else pair[0])
    if other is None:
        return None
    if pair[0] is of:
        joins = (-1, -2) if other.dim() == 2 else None
        return Linear(other, torch.matmul, joins)
    return Linear(other, lambda x, kernel: torch.matmul(kernel, x))


def _weights(module: fx.GraphModule, node: fx.Node) -> Any:
    return constant(module, argument(node, "weight"))


def _convolution(module: fx.GraphModule, node: fx.Node) -> Linear | None:
    kernel = _weights(module, node)
    if kernel is None:
        return None
    names = [one.name for one in node.target._schema.arguments][3:]
    rest = {name: argument(node, name) for name in names}
    function = node.target

    def apply(x: Any, kernel: Any) -> Any:
        return function(x, kernel, None, *rest.values())

    transposed = "transpose" in operation(node) or rest.get("transposed")
    return Linear(kernel, apply, (1, 0 if transposed else 1) if rest["groups"] == 1 else None)


def _linear(module: fx.GraphModule, node: fx.Node) -> Linear | None:
    kernel = _weights(module, node)
    if kernel is None:
        return None
    return Linear(kernel, lambda x, kernel: aten.linear.default(x, kernel), (-1, -1))


def _batch_norm(module: fx.GraphModule, node: fx.Node) -> Linear | None:
    found = batch_norm_map(module, node)
    if found is None:
        return None
    return Linear(found[0], lambda x, scale: x * scale.reshape(1, -1, *[1] * (x.dim() - 2)))


def _scaled(module: fx.GraphModule, node: fx.Node) -> Linear | None:
    scale = constant(module, node.args[2])
    return None if scale is None or node.kwargs else Linear(scale, _times)


_LINEAR: dict[str, Callable[[fx.GraphModule, fx.Node], Linear | None]] = {
    "addcmul": _scaled,
    "batch_norm": _batch_norm,
    "linear": _linear,
    **dict.fromkeys(
        (
            *("conv1d", "conv2d", "conv3d", "convolution"),
            *("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
        ),
        _convolution,
    ),
}
"""By the operation's name."""
